"""Speed: frames per second from end to end against encoding alone, seconds per stage, memory, start-up."""

from __future__ import annotations

import cProfile
import json
import os
import platform
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PilImage

from benchmarks.subjects import Subject, astronaut, at_rest, finder, sentence_track, spoken
from lipsmith import talking_photo
from lipsmith.engines.classic_animator import ClassicAnimator
from lipsmith.media.clip import Image, VideoFormat
from lipsmith.media.decode import open_audio
from lipsmith.media.encode import write_video

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "speed.json"
README = HERE / "README.md"
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
CLIP_S = 10.0
SHORT_S, LONG_S = 5.0, 600.0
AUDIO_HZ = 22050
LARGE_IOD_PX, IOD_PX = 165.0, 110.0
"""Distance between the eyes at 1080 lines, and at all smaller sizes."""

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Measurements at one size; medians over the repeats."""

    size: str
    iod_px: float
    frames: int
    fps: float
    """Frames divided by all seconds of `talking_photo`."""
    video_fps: float
    """Frames divided by the seconds of the last stage, which draws and encodes at the same time."""
    encode_fps: float
    """Frames divided by the seconds to encode them when already drawn."""
    share_of_encode: float
    """``fps`` divided by ``encode_fps``, median of consecutive pairs."""
    stage_seconds: Mapping[str, float]
    peak_mb: float


def run(sizes: Sequence[Size], repeats: int, *, long: bool, profile: bool, write: bool) -> int:
    """Measure, print the tables, and with ``write`` store them in the README and ``results/speed.json``."""
    with tempfile.TemporaryDirectory(prefix="lipsmith-speed-") as name:
        folder = Path(name)
        speeds = []
        for size in sizes:
            speeds.append(measure(folder, size, repeats))
            print(_row(speeds[-1]), flush=True)
        extras = {"start_to_finish_s": start_to_finish(folder, repeats)}
        if long:
            extras |= memory(folder)
        if profile:
            for size in sizes:
                print(f"\n{size[0]}x{size[1]}, one thread, 60 frames\n{profiled(size)}")
    text = report(speeds, extras)
    print("\n" + text)
    if write:
        RESULTS.parent.mkdir(exist_ok=True)
        old = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
        kept = {key: value for key, value in old.get("extras", {}).items() if key not in extras}
        document = {"machine": machine(), "sizes": [asdict(speed) for speed in speeds], "extras": kept | extras}
        RESULTS.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        write_readme(report(speeds, kept | extras))
    return 0


def measure(folder: Path, size: Size, repeats: int) -> Speed:
    """Measure end to end and encoding alone in turn, so that other load slows both."""
    photo, speech = portrait_file(folder, size), audio_file(folder, CLIP_S)
    out, again = folder / "out.mp4", folder / "again.mp4"
    talking_photo(photo, speech, out, overwrite=True)  # loads the networks and compiles what is not in the cache yet
    frames, face_iod_px = drawn(folder, size)
    fmt, audio = VideoFormat(width=size[0], height=size[1], fps=Fraction(25)), open_audio(speech)
    whole, video, encode, stages = [], [], [], []
    for _ in range(repeats):
        result = None

        def speak() -> None:
            nonlocal result
            result = talking_photo(photo, speech, out, overwrite=True)

        whole.append(seconds_of(speak))
        assert result is not None
        stages.append(result.stage_seconds)
        video.append(result.stage_seconds["video"])
        encode.append(seconds_of(lambda: write_video(again, fmt, iter(frames), audio, overwrite=True)))
    count = len(frames)
    (folder / "frames.raw").unlink()
    return Speed(
        size=f"{size[0]}x{size[1]}",
        iod_px=round(face_iod_px, 1),
        frames=count,
        fps=round(count / statistics.median(whole), 1),
        video_fps=round(count / statistics.median(video), 1),
        encode_fps=round(count / statistics.median(encode), 1),
        share_of_encode=round(statistics.median(e / w for e, w in zip(encode, whole, strict=True)), 3),
        stage_seconds={key: round(statistics.median(s[key] for s in stages), 3) for key in stages[0]},
        peak_mb=round(child(photo, speech, out)["peak_mb"]),
    )


def seconds_of(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def portrait(size: Size) -> Image:
    """Return the astronaut, enlarged to the target eye distance and cropped around her face."""
    image = astronaut()
    face = finder().find(image)[0]
    scale = (LARGE_IOD_PX if size[1] >= 1080 and size[0] >= 1080 else IOD_PX) / face.iod_px
    side = round(image.width * scale)
    large = np.asarray(cv2.resize(image.rgb, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    x, y = face.points[:, :2].mean(axis=0) * scale
    left = int(np.clip(x - size[0] / 2, 0, max(0, side - size[0])))
    top = int(np.clip(y - size[1] / 2, 0, max(0, side - size[1])))
    cut = large[top : top + size[1], left : left + size[0]]
    missing = ((0, size[1] - cut.shape[0]), (0, size[0] - cut.shape[1]), (0, 0))
    return Image(rgb=np.ascontiguousarray(np.pad(cut, missing, mode="edge")), grey=False)


def portrait_file(folder: Path, size: Size) -> Path:
    path = folder / f"portrait-{size[0]}x{size[1]}.png"
    if not path.is_file():
        PilImage.fromarray(portrait(size).rgb).save(path, compress_level=1)
    return path


def audio_file(folder: Path, seconds: float) -> Path:
    """Write the spoken sentence, repeated, as WAV."""
    path = folder / f"speech-{seconds:g}s.wav"
    if not path.is_file():
        audio, _ = spoken()
        samples = np.concatenate(list(audio.blocks(AUDIO_HZ, 1)), axis=1)[0]
        whole = np.resize(samples, round(seconds * AUDIO_HZ))
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(AUDIO_HZ)
            file.writeframes((whole * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return path


def drawn(folder: Path, size: Size) -> tuple[np.memmap[tuple[int, ...], np.dtype[np.uint8]], float]:
    """Draw the frames of a clip into a file, since they may not fit into memory; return them and the face's size."""
    image = portrait(size)
    face = finder().find(image)[0]
    track = sentence_track(25, text=" ".join([spoken_text()] * 3), seed=0)
    count = min(len(track), round(CLIP_S * 25))
    path = folder / "frames.raw"
    frames = np.memmap(path, np.uint8, "w+", shape=(count, size[1] * 3 // 2, size[0]))
    for n, frame in zip(range(count), ClassicAnimator().frames(image, face, track), strict=False):
        frames[n] = frame
    return frames, face.iod_px


def spoken_text() -> str:
    from benchmarks.subjects import SENTENCE

    return SENTENCE


def child(photo: Path, audio: Path, out: Path) -> dict[str, float]:
    """Render one clip in a new process."""
    command = [sys.executable, "-m", "benchmarks.child", "talk", str(photo), str(audio), str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def start_to_finish(folder: Path, repeats: int) -> float:
    """Return the seconds of the command line for a clip of 5 s at 512 x 512, in a new process with a warm cache."""
    photo, audio, out = portrait_file(folder, (512, 512)), audio_file(folder, SHORT_S), folder / "short.mp4"
    script = "import sys; from lipsmith.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "talk", str(photo), str(audio), "-o", str(out), "--overwrite", "--quiet"]

    def speak() -> None:
        subprocess.run(command, check=True, capture_output=True)

    speak()
    return round(statistics.median(seconds_of(speak) for _ in range(repeats)), 2)


def memory(folder: Path) -> dict[str, float]:
    """Return peak memory of a short and a long clip at 512 x 512."""
    photo, out = portrait_file(folder, (512, 512)), folder / "memory.mp4"
    short = child(photo, audio_file(folder, CLIP_S), out)["peak_mb"]
    long = child(photo, audio_file(folder, LONG_S), out)["peak_mb"]
    return {"peak_mb_10_s": round(short), "peak_mb_600_s": round(long)}


def profiled(size: Size, frames: int = 60) -> str:
    """Return the seconds per function of a frame, drawn in one thread."""
    cv2.setNumThreads(1)
    subject = Subject.of("astronaut", portrait(size))
    assert subject is not None
    track = sentence_track(25)
    subject.portrait.draw_i420(at_rest(aperture=0.1, blink_left=0.5, blink_right=0.5))
    profile = cProfile.Profile()
    profile.enable()
    for n in range(frames):
        subject.portrait.draw_i420(track.frame(n % len(track)))
    profile.disable()
    stats: Mapping[tuple[str, int, str], tuple[int, int, float, float, object]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    ours = [
        (total, own, name)
        for (file, _, name), (_, _, own, total, _) in stats.items()
        if "lipsmith" in file or "remap" in name or "resize" in name or "solve" in name
    ]
    lines = [f"{'ms a frame':>10}{'own':>8}  function"]
    for total, own, name in sorted(ours, reverse=True)[:24]:
        lines.append(f"{1000 * total / frames:>10.2f}{1000 * own / frames:>8.2f}  {name}")
    return "\n".join(lines)


def report(speeds: Sequence[Speed], extras: Mapping[str, float]) -> str:
    """Return the tables of the README."""
    stages = list(speeds[0].stage_seconds)
    lines = [
        f"Measured on {machine()}. A portrait of the size named, {CLIP_S:g} s of speech from a WAV file, 25 fps.",
        "",
        "| size | eyes apart | end to end | drawing and encoding | encoding alone | share of that | peak memory |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {speed.size} | {speed.iod_px:.0f} px | {speed.fps:.0f} fps | {speed.video_fps:.0f} fps "
        f"| {speed.encode_fps:.0f} fps | {speed.share_of_encode:.2f} | {speed.peak_mb:.0f} MB |"
        for speed in speeds
    ]
    lines += ["", "Seconds per stage:", "", "| size | " + " | ".join(stages) + " |", "|---" * (len(stages) + 1) + "|"]
    lines += [
        f"| {speed.size} | " + " | ".join(f"{speed.stage_seconds[name]:.2f}" for name in stages) + " |"
        for speed in speeds
    ]
    lines.append("")
    if "start_to_finish_s" in extras:
        took = extras["start_to_finish_s"]
        lines.append(f"- `lipsmith talk` in a fresh process, 5 s of speech at 512x512: {took:.1f} s from start to end.")
    if "peak_mb_600_s" in extras:
        short, long = extras["peak_mb_10_s"], extras["peak_mb_600_s"]
        lines.append(f"- Peak memory at 512x512: {short:.0f} MB for 10 s of speech, {long:.0f} MB for 600 s.")
    return "\n".join(lines)


def write_readme(text: str) -> None:
    """Replace the text between the markers."""
    old = README.read_text("utf-8")
    before, rest = old.split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


def machine() -> str:
    """Return processor and number of cores, if the system reports them."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores of {name}"


def _row(speed: Speed) -> str:
    return (
        f"{speed.size}: {speed.fps} fps end to end, {speed.video_fps} in the video stage, "
        f"{speed.encode_fps} encoding alone, share {speed.share_of_encode}, {speed.peak_mb} MB"
    )
