"""Lip sync of clips: measured against requested lips, other changes, steadiness over time, and speed."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks import clip_measures as measures
from benchmarks.bars import INF, Bar
from benchmarks.passthrough import pass_through
from benchmarks.recorded import Drawn, Recording, record
from benchmarks.speed import machine
from lipsmith import lip_sync
from lipsmith.engines import registry
from lipsmith.errors import LipsmithError
from lipsmith.face.track import FaceTrack
from lipsmith.media.clip import F32, U8, ClipFrame
from lipsmith.media.colour import Colour, rgb_patch
from lipsmith.media.decode import open_audio
from lipsmith.media.encode import write_video
from lipsmith.media.reader import open_clip
from lipsmith.media.timeline import FramePlan

HERE = Path(__file__).parent
RESULTS, README = HERE / "results" / "sync_video.json", HERE / "README.md"
BEGIN, END = "<!-- sync_video: begin -->", "<!-- sync_video: end -->"

AUDIO_HZ = 16_000
LONG_S, SHORT_S = 600.0, 10.0
LAG_R = 0.5
"""A lag with a correlation below this has no meaning."""
WORDS = ("ljspeech_LJ001-0007_8s.flac", "de_5s_48k.wav")
"""Foreign speech for the clips: the first for all, the second also for every other clip."""
ODD = ("cuts.mp4", "face_leaves.mp4", "two_faces.mp4", "vfr.mp4", "fps60.mp4", "wide_1920x1080.mp4")
BUSY_CLIP = "man_map_25fps_5s.mp4"
"""Clip for speed and memory: one face, as most people film themselves."""

BARS = (
    Bar("aperture_r", 0.95, INF, "asked against re-detected aperture, before encoding: r"),
    Bar("aperture_error", 0.0, 0.015, "the same, mean error, IOD"),
    Bar("decoded_r", 0.95, INF, "the same in the written file: r"),
    Bar("decoded_error", 0.0, 0.015, "the same, mean error, IOD"),
    Bar("outside_px", 0, 0, "pixels changed outside the lower-face region, most in a frame"),
    Bar("flicker", 0.0, 1.1, "lip flicker, motion-compensated, over the source's own"),
    Bar("sharpness", 0.8, 1.1, "mouth sharpness over the source's own"),
    Bar("sharpness_spread", -INF, 0.1, "its spread over time, beyond the source's own"),
    Bar("colour_step", 0.0, 3.0, "colour step in a ring around the region, levels, median over frames"),
    Bar("lips_lag_ms", -10, 10, "sound against lips: added offset of the lips, ms"),
    Bar("sound_lag_ms", -10, 10, "the same of the sound, ms"),
)
SPEED_BARS = (
    Bar("ratio_lite", 0.30, INF, "speed of `lite` over decode and encode alone, 720p"),
    Bar("ratio_standard", 0.22, INF, "the same of `standard`"),
    Bar("ratio_pro", 0.0, INF, "the same of `pro`"),
)

Numbers = dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Clip, its new speech, and the mode."""

    clip: Path
    words: Path
    mode: str

    @property
    def name(self) -> str:
        said = "own sound" if self.words == self.clip else self.words.stem
        return f"{self.clip.stem} / {said} / {self.mode}"


def run(shared: Path | None, only: str, seconds: float, *, long: bool, write: bool) -> int:
    """Measure all clips, then speed. Print the tables, and keep them with ``write``."""
    if shared is None:
        print("The shared clips are not here: nothing can be measured.")
        return 1
    media = shared / "media"
    got: dict[str, Numbers] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="lipsmith-sync-video-") as name:
        folder = Path(name)
        for case in cases(media):
            if only not in case.name:
                continue
            start = time.perf_counter()
            try:
                got[case.name] = measured(case, folder, seconds)
            except LipsmithError as error:
                notes.append(f"{case.name}: {error.code}")
                continue
            print(f"{case.name}: {time.perf_counter() - start:.0f} s  {_summary(got[case.name])}", flush=True)
        busy = media / "video" / BUSY_CLIP
        words = media / "audio" / WORDS[0]
        pace = speed(busy, words, folder) if not only else {}
        if long:
            pace |= long_run(busy, words, folder)
    text = report(got, pace, notes)
    print("\n" + text)
    if write:
        document = {"machine": machine(), "clips": got, "speed": pace, "notes": notes}
        RESULTS.write_text(json.dumps(_rounded(document), indent=1) + "\n", "utf-8")
        _into_readme(text)
    return 0


def cases(media: Path) -> list[Case]:
    """Return every clip with foreign words in both modes, and with its own audio; odd ones once."""
    found: list[Case] = []
    first, second = (media / "audio" / name for name in WORDS)
    for number, clip in enumerate(sorted((media / "video").glob("*.mp4"))):
        found += [Case(clip=clip, words=first, mode=mode) for mode in ("lite", "standard")]
        found.append(Case(clip=clip, words=clip, mode="standard"))
        if number % 2:
            found.append(Case(clip=clip, words=second, mode="standard"))
    return found + [Case(clip=media / "odd" / name, words=first, mode="standard") for name in ODD]


def measured(case: Case, folder: Path, seconds: float) -> Numbers:
    """Return all measures of one lip sync of the first ``seconds`` of a clip."""
    length_s = float(open_clip(case.clip).info.duration_s)
    end_s = min(seconds, length_s)
    made = record(case.clip, case.words, folder / "out.mp4", mode=case.mode, end_s=end_s)
    try:
        drawn = _same_face(_follow(made.drawn(), made.info.pixel_aspect), made.track)
        decoded = _same_face(_follow(open_clip(made.out).frames(), made.info.pixel_aspect), made.track)
        numbers: Numbers = {"frames": float(len(made)), "new_lips": float((made.share > 0).mean())}
        numbers |= {f"aperture_{key}": value for key, value in seen_opening(made, drawn).items()}
        numbers |= {f"decoded_{key}": value for key, value in seen_opening(made, decoded).items()}
        numbers |= looks(made, drawn)
        numbers |= lags(made, decoded, case.words)
        return numbers | {"seconds": made.seconds, "cpu_seconds": made.cpu_seconds}
    finally:
        made.forget()


def seen_opening(made: Recording, found: FaceTrack | None) -> Numbers:
    """Compare detected and requested opening in frames whose lips are fully new."""
    if found is None:
        return {"r": None, "error": None, "bias": None}
    full = (made.share >= 1.0) & found.present & ~found.bridged & ~made.track.bridged[made.speaker.sources]
    if full.sum() < 10:
        return {"r": None, "error": None, "bias": None}
    requested, seen = made.requested[full], found.aperture[full].astype(np.float64)
    moves = requested.std() > 0.01
    return {
        "r": measures.correlation(requested, seen) if moves else None,
        "error": float(np.abs(seen - requested).mean()),
        "bias": float((seen - requested).mean()),
    }


def looks(made: Recording, drawn: FaceTrack | None) -> Numbers:
    """Measure all that compares frames before and after."""
    aspect = float(made.info.pixel_aspect)
    parts: dict[str, list[int]] = {"above": [], "beside": [], "below": [], "elsewhere": []}
    steps: list[float] = []
    flickers: dict[str, list[tuple[int, float]]] = {"own": [], "new": []}
    sharp: dict[str, list[float]] = {"own": [], "new": []}
    last: tuple[int, U8, U8] | None = None
    for number, (index, before, after) in enumerate(made.pairs()):
        changed = measures.changed_pixels(before, after)
        if not made.track.present[index]:
            parts["elsewhere"].append(int(changed.sum()))
            last = None
            continue
        points = made.track.points(index)
        for key, count in measures.outside_parts(changed, points, aspect).items():
            parts[key].append(count)
        if drawn is None or made.share[number] < 1.0 or not drawn.present[number]:
            last = None
            continue
        own, new = _grey(before, aspect), _grey(after, aspect)
        new_points = drawn.points(number)
        for key, grey, mesh in (("own", own, points), ("new", new, new_points)):
            if (sharpness := measures.mouth_sharpness(grey, mesh)) is not None:
                sharp[key].append(sharpness)
        if last is not None and last[0] == index - 1 and index not in made.track.cuts:
            pairs = (
                ("own", last[1], made.track.points(index - 1), own, points),
                ("new", last[2], drawn.points(number - 1), new, new_points),
            )
            for key, *frames in pairs:
                if (apart := measures.lip_flicker(*frames)) is not None:
                    flickers[key].append((number, apart))
        last = index, own, new
        if (step := _colour_step(before, after, changed, points, made.info.colour, aspect)) is not None:
            steps.append(step)
    worst = {key: float(max(counts, default=0)) for key, counts in parts.items()}
    jumps = sorted(flickers["new"], key=lambda entry: -entry[1])[:3]
    return {
        "outside_px": max(worst.values()),
        **{f"outside_{key}": value for key, value in worst.items()},
        **_over_time(flickers, sharp),
        "colour_step": statistics.median(steps) if steps else None,
        "colour_step_p95": float(np.percentile(steps, 95)) if steps else None,
        **{f"jump_{k}": float(number) for k, (number, _) in enumerate(jumps, start=1)},
    }


def _over_time(flickers: dict[str, list[tuple[int, float]]], sharp: dict[str, list[float]]) -> Numbers:
    if len(flickers["own"]) < 5 or len(flickers["new"]) < 5:
        return dict.fromkeys(("flicker", "flicker_p95", "sharpness", "sharpness_spread"))
    own, new = ([value for _, value in flickers[key]] for key in ("own", "new"))
    return {
        "flicker": float(np.mean(new) / max(float(np.mean(own)), 0.1)),
        "flicker_p95": float(np.percentile(new, 95) / max(float(np.percentile(own, 95)), 0.1)),
        "sharpness": statistics.median(sharp["new"]) / statistics.median(sharp["own"]),
        "sharpness_spread": measures.typical_spread(sharp["new"]) - measures.typical_spread(sharp["own"]),
    }


def lags(made: Recording, decoded: FaceTrack | None, words: Path) -> Numbers:
    """Return the delay of lips and audio in the written file, ms."""
    info = open_clip(made.out).info
    given, written = _samples(words, 60.0), _samples(made.out, 60.0)
    audio = measures.audio_lag_s(given, written, AUDIO_HZ)
    audio_ms = None if audio is None else 1000 * (audio - float(info.window_start_s))
    if decoded is None:
        return {"lips_lag_ms": None, "sound_lag_ms": audio_ms}
    requested_s = made.track.times_s[made.speaker.sources] - made.track.times_s[made.speaker.sources[0]]
    full = made.share >= 1.0
    seen = full & decoded.present & ~decoded.bridged
    found = measures.best_lag_s(
        requested_s[full], made.requested[full], decoded.times_s[seen], decoded.aperture[seen].astype(np.float64)
    )
    lips_ms = 1000 * found[0] if found is not None and found[1] >= LAG_R else None
    return {"lips_lag_ms": lips_ms, "sound_lag_ms": audio_ms}


def speed(clip: Path, words: Path, folder: Path, repeats: int = 2) -> Numbers:
    """Measure each mode against decoding and encoding alone, in turn, on a clip of 720 lines; last of ``repeats``
    pairs."""
    wide = folder / "wide.mp4"
    write_wide(clip, wide)
    numbers: Numbers = {}
    for mode in ("lite", "standard", "pro"):
        ratios, rows = [], []
        for _ in range(repeats):
            cpu_start = time.process_time()
            alone = pass_through(wide, folder / "alone.mp4", audio=open_audio(words))
            alone_cpu = time.process_time() - cpu_start
            start, cpu_start = time.perf_counter(), time.process_time()
            result = lip_sync(wide, words, folder / "out.mp4", mode=mode, overwrite=True)
            took, cpu = time.perf_counter() - start, time.process_time() - cpu_start
            ratios.append(alone.seconds / took)
            rows.append(
                (took, result.stage_seconds["face"], result.stage_seconds["video"], alone.seconds, cpu / alone_cpu)
            )
        took, face, video, alone_s, cpu_ratio = rows[-1]
        frames = alone.frames
        numbers |= {
            f"ratio_{mode}": statistics.median(ratios), f"fps_{mode}": frames / took,
            f"tracking_fps_{mode}": frames / face, f"drawing_and_encoding_fps_{mode}": frames / video,
            f"alone_fps_{mode}": frames / alone_s, f"cpu_over_alone_{mode}": cpu_ratio,
        }  # fmt: skip
    return numbers


def write_wide(clip: Path, out: Path, *, seconds: float | None = None) -> None:
    """Write the clip scaled to 720 lines and padded with its edges to 1280 columns, repeated up to ``seconds``."""
    opened = open_clip(clip)
    plan = FramePlan(durations_s=opened.durations_s, audio_s=seconds or float(opened.info.duration_s), mode="loop")
    fmt = replace(opened.info.video_format(18), width=1280, height=720)
    write_video(out, fmt, (_widened(frame) for frame in opened.play(plan)), open_audio(clip), overwrite=True)


@dataclass(frozen=True, kw_only=True)
class _Wide(Drawn):
    duration_s: Fraction


def _widened(frame: ClipFrame) -> _Wide:
    width, height = frame.planes.shape[1], frame.planes.shape[0] * 2 // 3
    inner = min(1280, round(width * 720 / height / 4) * 4)
    planes = []
    chroma = frame.planes[height:].reshape(2, height // 2, width // 2)
    for plane, halved in ((frame.planes[:height], 1), (chroma[0], 2), (chroma[1], 2)):
        sized = cv2.resize(plane, (inner // halved, 720 // halved), interpolation=cv2.INTER_AREA)
        left = (1280 - inner) // 2 // halved
        padded = np.pad(sized, ((0, 0), (left, 1280 // halved - inner // halved - left)), mode="edge")
        planes.append(padded.reshape(-1, 1280))
    return _Wide(planes=np.concatenate(planes).astype(np.uint8), time_s=frame.time_s, duration_s=frame.duration_s)


def long_run(clip: Path, words: Path, folder: Path) -> Numbers:
    """Measure memory of 10 s against 600 s in processes of their own, and the drift of the audio."""
    numbers: Numbers = {}
    said = folder / "said.wav"
    for seconds in (SHORT_S, LONG_S):
        _write_repeated(words, said, seconds)
        write_wide(clip, folder / "long.mp4", seconds=seconds)
        command = [sys.executable, "-m", "benchmarks.child", "sync", *map(str, (folder / "long.mp4", said))]
        out = folder / "spoken.mp4"
        done = subprocess.run([*command, str(out)], check=True, capture_output=True, text=True, cwd=HERE.parent)
        numbers[f"peak_mb_{seconds:g}_s"] = json.loads(done.stdout.splitlines()[-1])["peak_mb"]
    info = open_clip(out).info
    given, decoded = _samples(said, LONG_S), _samples(out, LONG_S)
    for name, at in (("first", 0), ("last", min(len(given), len(decoded)) - 20 * AUDIO_HZ)):
        lag = measures.audio_lag_s(given[at : at + 20 * AUDIO_HZ], decoded[at : at + 20 * AUDIO_HZ], AUDIO_HZ)
        numbers[f"sound_lag_{name}_20_s_ms"] = None if lag is None else 1000 * (lag - float(info.window_start_s))
    numbers["pictures_end_late_ms"] = 1000 * (
        float(info.duration_s) - float(open_clip(folder / "long.mp4").info.duration_s)
    )
    return numbers


def _write_repeated(words: Path, out: Path, seconds: float) -> None:
    once = _samples(words, 60.0)
    whole = np.resize(once, round(seconds * AUDIO_HZ))
    with av.open(str(out), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=AUDIO_HZ)
        stream.layout = "mono"
        for at in range(0, len(whole), AUDIO_HZ):
            part = (whole[at : at + AUDIO_HZ] * 32767).clip(-32768, 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = AUDIO_HZ, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _follow(frames: Iterable[Drawn | ClipFrame], aspect: Fraction) -> Sequence[FaceTrack]:
    return registry.create("face_follower").follow(frames, pixel_aspect=aspect)


def _same_face(found: Sequence[FaceTrack], track: FaceTrack) -> FaceTrack | None:
    """Return the face at the place of ``track``; None if there is none."""

    def apart(other: FaceTrack) -> float:
        both = np.flatnonzero(other.present[: len(track)] & track.present[: len(other)])
        if not len(both):
            return INF
        gaps = [np.hypot(*(other.points(int(i))[1] - track.points(int(i))[1])[:2]) / track.iod_px[i] for i in both[::5]]
        return float(np.median(gaps)) - len(both) / len(track)

    best = min(found, key=apart, default=None)
    return best if best is not None and apart(best) < 1.0 else None


def _grey(planes: U8, aspect: float) -> U8:
    """Return luma in square pixels."""
    luma = planes[: planes.shape[0] * 2 // 3]
    if aspect == 1.0:
        return luma
    return np.asarray(cv2.resize(luma, (round(luma.shape[1] * aspect), luma.shape[0])), np.uint8)


def _colour_step(
    before: U8, after: U8, changed: measures.Mask, points: np.ndarray, colour: Colour, aspect: float
) -> float | None:
    if not changed.any() or aspect != 1.0:
        return None
    rows, columns = np.nonzero(changed)
    top, bottom = int(rows.min()) // 2 * 2, (int(rows.max()) + 2) // 2 * 2
    left, right = int(columns.min()) // 2 * 2, (int(columns.max()) + 2) // 2 * 2
    box = (left, top, right, bottom)
    iod_px = float(np.linalg.norm(points[[33, 133]].mean(axis=0) - points[[362, 263]].mean(axis=0)))
    middle = points[13, :2] - [left, top]
    frames = rgb_patch(before, box, colour), rgb_patch(after, box, colour)
    return measures.colour_step(*frames, changed[top:bottom, left:right], middle, iod_px)


def _samples(path: Path, seconds: float) -> F32:
    blocks = [block[0] for block in open_audio(path).blocks(AUDIO_HZ, 1)]
    return np.concatenate(blocks)[: round(seconds * AUDIO_HZ)]


def report(got: dict[str, Numbers], pace: Numbers, notes: Sequence[str]) -> str:
    """Return the tables of the README."""
    lines = [f"Measured on {machine()}.", "", "| measure | bar | reached | median | worst |", "|---|---|---|---|---|"]
    for bar in BARS:
        known = {name: value for name, row in got.items() if (value := row.get(bar.name)) is not None}
        if not known:
            continue
        name, worst = max(known.items(), key=lambda entry: _beyond(bar, entry[1]))
        held = sum(bar.holds(value) for value in known.values())
        middle = statistics.median(known.values())
        lines.append(f"| {bar.meaning} | {bar.limits} | {held}/{len(known)} | {middle:.3g} | {worst:.3g} ({name}) |")
    for bar in SPEED_BARS:
        if (value := pace.get(bar.name)) is not None:
            held = "holds" if bar.holds(value) else "**missed**"
            lines.append(f"| {bar.meaning} | {bar.limits} | {held} | {value:.3g} | |")
    lines += [
        "",
        *(f"- {name}: {value:.4g}" for name, value in pace.items() if value is not None and "ratio" not in name),
    ]
    return "\n".join([*lines, *(f"- {note}" for note in notes)])


def _beyond(bar: Bar, value: float) -> float:
    """Return the distance of a value from its bar; negative within it."""
    return max(bar.low - value, value - bar.high)


def _summary(numbers: Numbers) -> str:
    cells = []
    for bar in BARS:
        value = numbers.get(bar.name)
        missed = "" if value is None or bar.holds(value) else "*"
        cells.append(f"{bar.name} {'-' if value is None else f'{value:.3g}'}{missed}")
    jumps = [f"{numbers[key]:.0f}" for key in ("jump_1", "jump_2", "jump_3") if numbers.get(key) is not None]
    return "  ".join(cells) + "  largest jumps at " + ", ".join(jumps)


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return value


def _into_readme(text: str) -> None:
    before, rest = README.read_text("utf-8").split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", "utf-8")
