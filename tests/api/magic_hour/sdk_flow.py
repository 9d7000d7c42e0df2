"""A program of its own: what a user of the vendor's Python client writes. Run by test_sdk.py, by either release.

Takes one JSON object: url, key, poor (a key of an account with little), folder, async, newest (release), the files
picture, recording, muddle (no picture) and spoken (a video used for its sound), and remote (a URL of a picture).
Prints one JSON object.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import magic_hour

try:
    from magic_hour.core import ApiError
except ImportError:  # newer releases keep it in a package of its own
    from make_api_request import ApiError

given = json.loads(sys.argv[1])
url, key, folder = given["url"], given["key"], given["folder"]
ORDER = {"start_seconds": 0.0, "end_seconds": 0.4, "download_directory": folder}
STYLE = {"generation_mode": "expressive", "intensity": 1.2, "prompt": "Smile."}
MORE = {"max_resolution": 256} if given["newest"] else {}


def assets(**changes: str) -> dict[str, str]:
    return {
        "image_file_path": given["picture"],
        "audio_file_path": given["recording"],
    } | changes  # the client changes it


def in_a_row() -> dict[str, object]:
    client = magic_hour.Client(token=key, base_url=url)
    photo = client.v1.ai_talking_photo
    made = photo.generate(assets=assets(), name=None, style=STYLE, **ORDER, **MORE)
    clip = {"video_source": "file", "video_file_path": made.downloaded_paths[0]}
    synced = client.v1.lip_sync.generate(
        assets=clip | {"audio_file_path": given["spoken"]}, name="Again", max_fps_limit=12.0, **ORDER
    )
    faces = client.v1.face_detection.generate(
        assets={"target_file_path": given["picture"]}, confidence_score=0.5, download_directory=folder
    )
    failed = photo.generate(assets=assets(image_file_path=given["muddle"]), **ORDER)
    client.v1.video_projects.delete(id=made.id)
    return {
        "spoken": spoken(client) if given["newest"] else None,
        "talked": told(made),
        "synced": told(synced),
        "faces": looked(faces),
        "failed": told(failed),
        "by_hand": by_hand(client),
        "enabled": client.v1.video_projects.get(id=made.id).enabled,
        "refusals": refusals(),
    }


def spoken(client: magic_hour.Client) -> dict[str, object]:
    """A text, spoken by a name of the client's own list, and a photo that says it. Old releases have no voices."""
    style = {"prompt": "Hello, how are you?", "voice_name": "Abraham Lincoln"}
    made = client.v1.ai_voice_generator.generate(style=style, name="Greeting", download_directory=folder)
    wish = {"image_file_path": given["picture"], "audio_file_path": made.downloads[0].url}
    talked = client.v1.ai_talking_photo.generate(assets=wish, **ORDER, **MORE)
    again = client.v1.ai_talking_photo.create(
        assets={"image_file_path": given["remote"], "audio_file_path": made.id}, start_seconds=0.0, end_seconds=0.2
    )
    client.v1.audio_projects.delete(id=made.id)
    shown = client.v1.audio_projects.get(id=made.id)
    return {
        "status": made.status,
        "type": made.type_,
        "credits_charged": made.credits_charged,
        "downloaded_paths": made.downloaded_paths,
        "talked": talked.status,
        "again": again.credits_charged,
        "deleted": [shown.enabled, shown.downloads],
    }


def by_hand(client: magic_hour.Client) -> dict[str, object]:
    """Each step alone: upload, create, poll. With a URL as an input, which every release can pass on."""
    with open(given["recording"], "rb") as recording:
        audio = client.v1.files.upload_file(recording)
    wish = {"image_file_path": given["remote"], "audio_file_path": audio}
    made = client.v1.ai_talking_photo.create(assets=wish, start_seconds=0.0, end_seconds=30.0, name="By hand")
    shown = client.v1.video_projects.get(id=made.id)
    while shown.status in ("queued", "rendering"):
        time.sleep(0.2)
        shown = client.v1.video_projects.get(id=made.id)
    return {
        "path": audio,
        "charged": made.credits_charged,
        "estimated": made.estimated_frame_cost,
        "id": made.id,
        "name": shown.name,
        "status": shown.status,
        "downloads": len(shown.downloads),
        "same": shown.download.url.split("?")[0] == shown.downloads[0].url.split("?")[0],
    }


async def at_once() -> dict[str, object]:
    client = magic_hour.AsyncClient(token=key, base_url=url)
    wish = assets(image_file_path=given["remote"]) if given["newest"] else assets()
    made = await client.v1.ai_talking_photo.generate(assets=wish, **ORDER)
    clip = {"video_source": "file", "video_file_path": made.downloaded_paths[0]}
    synced = await client.v1.lip_sync.generate(assets=clip | {"audio_file_path": given["recording"]}, **ORDER)
    faces = await client.v1.face_detection.generate(
        assets={"target_file_path": given["picture"]}, download_directory=folder
    )
    failed = await client.v1.ai_talking_photo.generate(assets=assets(image_file_path=given["muddle"]), **ORDER)
    await client.v1.video_projects.delete(id=made.id)
    shown = await client.v1.video_projects.get(id=made.id)
    return {
        "talked": told(made),
        "synced": told(synced),
        "faces": looked(faces),
        "failed": told(failed),
        "enabled": shown.enabled,
        "refusals": refusals(),
    }


def told(result: object) -> dict[str, object]:
    names = ("id", "name", "status", "width", "height", "fps", "downloaded_paths", "credits_charged")
    shown = {name: getattr(result, name) for name in (*names, "total_frame_cost")}
    return shown | {"error": result.error and [result.error.code, result.error.message]}


def looked(result: object) -> dict[str, object]:
    return {"status": result.status, "faces": len(result.faces), "downloaded_paths": result.downloaded_paths}


def refusals() -> dict[str, list[object]]:
    """Raised errors, status and body, by fault."""
    uploaded = {"image_file_path": "api-assets/none/none.png", "audio_file_path": "api-assets/none/none.wav"}

    def create(token: str | None, **changes: object) -> list[object]:
        order = {"assets": uploaded, "start_seconds": 0.0, "end_seconds": 1.0} | changes
        return refusal(lambda: magic_hour.Client(token=token, base_url=url).v1.ai_talking_photo.create(**order))

    def get(token: str | None) -> list[object]:
        return refusal(lambda: magic_hour.Client(token=token, base_url=url).v1.video_projects.get(id="c0"))

    remote = {"image_file_path": given["remote"], "audio_file_path": given["remote"].replace(".png", ".wav")}
    return {
        "a wrong key": get("mhk_live_wrong"),
        "no key": get(None),
        "nothing there": get(key),
        "an end before the start": create(key, start_seconds=2.0),
        "never uploaded": create(key),
        "too few credits": create(given["poor"], assets=remote),
    }


def refusal(act: object) -> list[object]:
    try:
        act()
    except ApiError as error:
        return [error.status_code, error.body["message"]]
    return []


answer = asyncio.run(at_once()) if given["async"] else in_a_row()
answer["module"] = str(Path(magic_hour.__file__).parent)
sys.stdout.write(json.dumps(answer))
