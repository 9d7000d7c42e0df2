"""Command line: `python -m benchmarks sheet|strip|quality|speed|sync|sync_video|sync_strip|server|trust`."""

from __future__ import annotations

import argparse
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
SHARED_PHOTOS = SHARED / "media" / "photos"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    sheet = commands.add_parser("sheet", help="contact sheets to look at")
    sheet.add_argument("photos", nargs="*", type=Path, help="portraits; the astronaut of scikit-image if none is named")
    sheet.add_argument("-o", "--out", type=Path, default=Path("looks"), help="folder for the sheets")

    strip = commands.add_parser("strip", help="consecutive frames of a sentence, beside what is said in them")
    strip.add_argument("photo", nargs="?", type=Path, help="a portrait; the astronaut of scikit-image if none is named")
    strip.add_argument("--text", help="speak this; with --audio: what is said there, in English")
    strip.add_argument("--voice", help="who speaks it")
    strip.add_argument("--audio", type=Path, help="a recording, instead of four sentences in three languages")
    strip.add_argument("-o", "--out", type=Path, default=Path("looks"), help="folder for the strips")

    quality = commands.add_parser("quality", help="numbers about the drawn face, measured on its frames")
    quality.add_argument("folder", nargs="?", type=Path, help="folder with photos; the astronaut always comes along")
    quality.add_argument("--only", default="", help="only photos whose name holds this")

    speed = commands.add_parser("speed", help="frames per second, memory, share of encoding")
    speed.add_argument("--repeats", type=int, default=3)
    speed.add_argument("--sizes", default="512x512,1280x720,1920x1080")
    speed.add_argument(
        "--long", action="store_true", help="also compare the memory of a 10 s and a 600 s clip (minutes)"
    )
    speed.add_argument("--profile", action="store_true", help="also show where a frame's time goes")
    speed.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md")

    sync = commands.add_parser("sync", help="how well lips follow what is said")
    sync.add_argument("--reader", default="net", help="the speech reader to judge")
    sync.add_argument("--shared", type=Path, default=SHARED, help="folder that holds speech-truth and media")
    heads = REPOSITORY / "training" / "build"
    sync.add_argument("--heads", type=Path, default=heads, help="folder with the heads that training makes")
    sync.add_argument("--write", action="store_true", help="keep the results, and put them into benchmarks/README.md")

    clips = commands.add_parser("sync_video", help="lip sync of clips: what is seen against what was asked, and speed")
    clips.add_argument("--shared", type=Path, default=SHARED, help="folder that holds media")
    clips.add_argument(
        "--only", default="", help="only cases whose name (CLIP / SOUND / MODE) holds this, and no speed"
    )
    clips.add_argument("--seconds", type=float, default=5.0, help="how much of each clip")
    clips.add_argument("--long", action="store_true", help="also compare 10 s and 600 s (an hour)")
    clips.add_argument("--write", action="store_true", help="keep the results, and put them into benchmarks/README.md")

    mouths = commands.add_parser("sync_strip", help="consecutive frames of a lip sync, below the clip's own")
    mouths.add_argument("clip", type=Path)
    mouths.add_argument("audio", type=Path)
    mouths.add_argument("-o", "--out", type=Path, default=Path("looks"), help="folder for the strips")
    mouths.add_argument("--from", dest="start_s", type=float, help="seconds of the clip")
    mouths.add_argument("--to", dest="end_s", type=float, help="seconds of the clip")
    mouths.add_argument("--modes", default="lite,standard", help="one row for each")

    server = commands.add_parser("server", help="first frame, status requests under load, memory of uploads")
    server.add_argument("--repeats", type=int, default=3, help="how often the first frame is waited for")

    trust = commands.add_parser("trust", help="hostile files and requests, faults: what the server makes of them")
    trust.add_argument("parts", nargs="*", help="which parts; all if none is named")
    trust.add_argument("--long", action="store_true", help="everything at the size that the bars speak of")
    trust.add_argument("--write", action="store_true", help="keep the results, and put them into benchmarks/README.md")

    asked = parser.parse_args()
    if asked.command == "sheet":
        from benchmarks.sheet import write_sheets

        return write_sheets(asked.photos, asked.out)
    if asked.command == "strip":
        from benchmarks.strip import write_strips

        return write_strips(asked.photo, asked.text, asked.voice, asked.audio, asked.out)
    if asked.command == "quality":
        from benchmarks.quality import run

        folder = asked.folder or (SHARED_PHOTOS if SHARED_PHOTOS.is_dir() else None)
        return run(folder, asked.only)
    if asked.command == "sync":
        from benchmarks.sync import run as run_sync

        return run_sync(asked.shared if asked.shared.is_dir() else None, asked.heads, asked.reader, write=asked.write)
    if asked.command == "sync_video":
        from benchmarks.sync_video import run as run_clips

        shared = asked.shared if asked.shared.is_dir() else None
        return run_clips(shared, asked.only, asked.seconds, long=asked.long, write=asked.write)
    if asked.command == "sync_strip":
        from benchmarks.sync_strip import write_sync_strips

        modes = asked.modes.split(",")
        return write_sync_strips(asked.clip, asked.audio, asked.out, asked.start_s, asked.end_s, modes)
    if asked.command == "server":
        from benchmarks.server import run as run_server

        return run_server(asked.repeats)
    if asked.command == "trust":
        from benchmarks.trust import run as run_trust

        return run_trust(asked.parts, long=asked.long, write=asked.write)
    from benchmarks.speed import run as run_speed

    sizes = [(int(w), int(h)) for w, h in (size.split("x") for size in asked.sizes.split(","))]
    return run_speed(sizes, asked.repeats, long=asked.long, profile=asked.profile, write=asked.write)


if __name__ == "__main__":
    raise SystemExit(main())
