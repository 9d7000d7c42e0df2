// A program of its own: what a user of the vendor's npm client writes. Run by test_npm_client.py.
// Takes one JSON object, as sdk_flow.py does, and prints one.

const fs = require("node:fs");
const client = require("magic-hour");

const given = JSON.parse(process.argv[2]);
const { url, key, folder } = given;
const OUT = { downloadDirectory: folder };
const ORDER = { startSeconds: 0, endSeconds: 0.4 };

function assets(changes) {
  return { imageFilePath: given.picture, audioFilePath: given.recording, ...changes };
}

async function flow() {
  const { v1 } = new client.default({ token: key, baseUrl: url });
  const photo = v1.aiTalkingPhoto;
  const style = { generationMode: "expressive", intensity: 1.2 };
  const made = await photo.generate({ assets: assets(), style, name: "Mine", ...ORDER }, OUT);
  const clip = { videoSource: "file", videoFilePath: made.downloadedPaths[0] };
  const synced = await v1.lipSync.generate(
    { assets: { ...clip, audioFilePath: given.spoken }, maxFpsLimit: 12, height: null, ...ORDER },
    OUT,
  );
  const faces = await v1.faceDetection.generate({ assets: { targetFilePath: given.picture } }, OUT);
  const failed = await photo.generate({ assets: assets({ imageFilePath: given.muddle }), ...ORDER }, OUT);
  const deleted = await v1.videoProjects.delete({ id: made.id });
  return {
    spoken: await spoken(v1),
    talked: told(made),
    synced: told(synced),
    faces: { status: faces.status, faces: faces.faces.length, downloaded_paths: faces.downloadedPaths },
    failed: told(failed),
    by_hand: await byHand(v1),
    deleted: deleted === undefined || deleted === null || deleted === "" ? null : String(deleted),
    enabled: (await v1.videoProjects.get({ id: made.id })).enabled,
    refusals: await refusals(),
  };
}

/** A text, spoken by a name of the client's own list, and a photo that says it. This release's generate() for voices
 * asks for an image project, so each step is alone. */
async function spoken(v1) {
  const style = { prompt: "Hello, how are you?", voiceName: "Abraham Lincoln" };
  const { id } = await v1.aiVoiceGenerator.create({ style, name: "Greeting" });
  let made = await v1.audioProjects.get({ id });
  while (["queued", "rendering"].includes(made.status)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    made = await v1.audioProjects.get({ id });
  }
  const path = `${folder}/greeting.mp3`;
  fs.writeFileSync(path, Buffer.from(await (await fetch(made.downloads[0].url)).arrayBuffer()));
  const sound = { audioFilePath: path };
  const talked = await v1.aiTalkingPhoto.generate({ assets: assets(sound), maxResolution: 256, ...ORDER }, OUT);
  const again = await v1.aiTalkingPhoto.create({
    assets: { imageFilePath: given.remote, audioFilePath: made.id },
    startSeconds: 0,
    endSeconds: 0.2,
  });
  await v1.audioProjects.delete({ id: made.id });
  const shown = await v1.audioProjects.get({ id: made.id });
  return {
    status: made.status,
    type: made.type,
    credits_charged: made.creditsCharged,
    downloaded_paths: [path],
    talked: talked.status,
    again: again.creditsCharged,
    deleted: [shown.enabled, shown.downloads],
  };
}

/** Each step alone: upload, create, poll. With a URL as an input. */
async function byHand(v1) {
  const sound = await v1.files.uploadFile(given.recording);
  const made = await v1.aiTalkingPhoto.create({
    assets: { imageFilePath: given.remote, audioFilePath: sound },
    startSeconds: 0,
    endSeconds: 30,
    name: "By hand",
  });
  let shown = await v1.videoProjects.get({ id: made.id });
  while (["queued", "rendering"].includes(shown.status)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    shown = await v1.videoProjects.get({ id: made.id });
  }
  return {
    path: sound,
    charged: made.creditsCharged,
    estimated: made.estimatedFrameCost,
    id: made.id,
    name: shown.name,
    status: shown.status,
    downloads: shown.downloads.length,
    same: shown.download.url.split("?")[0] === shown.downloads[0].url.split("?")[0],
  };
}

function told(result) {
  return {
    id: result.id,
    name: result.name,
    status: result.status,
    width: result.width,
    height: result.height,
    fps: result.fps,
    downloaded_paths: result.downloadedPaths ?? null,
    credits_charged: result.creditsCharged,
    total_frame_cost: result.totalFrameCost,
    error: result.error ? [result.error.code, result.error.message] : null,
  };
}

/** What is thrown: status and message, by what was wrong. */
async function refusals() {
  const uploaded = { imageFilePath: "api-assets/none/none.png", audioFilePath: "api-assets/none/none.wav" };
  const remote = { imageFilePath: given.remote, audioFilePath: given.remote.replace(".png", ".wav") };
  const of = (token) => new client.default({ token, baseUrl: url }).v1;
  const get = (token) => refusal(() => of(token).videoProjects.get({ id: "c0" }));
  const create = (token, changes) =>
    refusal(() => of(token).aiTalkingPhoto.create({ assets: uploaded, startSeconds: 0, endSeconds: 1, ...changes }));
  return {
    "a wrong key": await get("mhk_live_wrong"),
    "no key": await get(undefined),
    "nothing there": await get(key),
    "an end before the start": await create(key, { startSeconds: 2 }),
    "never uploaded": await create(key, {}),
    "too few credits": await create(given.poor, { assets: remote }),
  };
}

async function refusal(act) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof client.ApiError)) throw error;
    return [error.response.status, (await error.response.json()).message];
  }
  return [];
}

flow().then((answer) => console.log(JSON.stringify(answer)));
