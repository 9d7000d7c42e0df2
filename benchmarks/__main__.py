"""Command line: `python -m benchmarks COMMAND`, with the commands below."""

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
    for part, help_text in (
        ("blinks", "states of the lids and frames of a blink"),
        ("teeth", "large mouths in all shapes and through a sentence"),
        ("corners", "large corners of the mouth"),
        ("rest", "the face at rest and in a pause"),
        ("motion", "the head and its surroundings through two sentences"),
    ):
        sheet.add_argument(f"--{part}", action="append_const", dest="parts", const=part, help=f"{help_text} instead")

    strip = commands.add_parser("strip", help="consecutive frames of a sentence, with the visemes of each")
    strip.add_argument("photo", nargs="?", type=Path, help="a portrait; the astronaut of scikit-image if none is named")
    strip.add_argument("--text", help="text to speak; with --audio: its words, in English")
    strip.add_argument("--voice", help="name of the voice")
    strip.add_argument("--audio", type=Path, help="a recording, instead of four sentences in three languages")
    strip.add_argument("-o", "--out", type=Path, default=Path("looks"), help="folder for the strips")

    quality = commands.add_parser("quality", help="measures of the drawn face")
    quality.add_argument("folder", nargs="?", type=Path, help="folder with photos; the astronaut is always included")
    quality.add_argument("--only", default="", help="only photos whose name contains this")

    motion = commands.add_parser("motion", help="head motion and expression against those of people who talk")
    motion.add_argument("--shared", type=Path, default=SHARED, help="folder with media")
    motion.add_argument("--photos", type=int, default=8, help="number of photos that are made to talk")

    speed = commands.add_parser("speed", help="frames per second, memory, share of encoding")
    speed.add_argument("--repeats", type=int, default=3)
    speed.add_argument("--sizes", default="512x512,1280x720,1920x1080")
    speed.add_argument(
        "--long", action="store_true", help="also compare the memory of a 10 s and a 600 s clip (minutes)"
    )
    speed.add_argument("--profile", action="store_true", help="also show the time of each function per frame")
    speed.add_argument("--write", action="store_true", help="write the results to benchmarks/README.md")

    sync = commands.add_parser("sync", help="agreement of lips and speech")
    sync.add_argument("--reader", default="net", help="speech reader to measure")
    sync.add_argument("--shared", type=Path, default=SHARED, help="folder with speech-truth and media")
    heads = REPOSITORY / "training" / "build"
    sync.add_argument("--heads", type=Path, default=heads, help="folder with the heads made by training")
    sync.add_argument("--write", action="store_true", help="keep the results, and write them to benchmarks/README.md")

    clips = commands.add_parser("sync_video", help="lip sync of clips: measured against requested lips, and speed")
    clips.add_argument("--shared", type=Path, default=SHARED, help="folder with media")
    clips.add_argument(
        "--only", default="", help="only cases whose name (CLIP / AUDIO / MODE) contains this, and no speed"
    )
    clips.add_argument("--seconds", type=float, default=5.0, help="seconds of each clip")
    clips.add_argument("--long", action="store_true", help="also compare 10 s and 600 s (an hour)")
    clips.add_argument("--write", action="store_true", help="keep the results, and write them to benchmarks/README.md")

    mouths = commands.add_parser("sync_strip", help="consecutive frames of a lip sync, below the clip's own")
    mouths.add_argument("clip", type=Path)
    mouths.add_argument("audio", type=Path)
    mouths.add_argument("-o", "--out", type=Path, default=Path("looks"), help="folder for the strips")
    mouths.add_argument("--from", dest="start_s", type=float, help="seconds of the clip")
    mouths.add_argument("--to", dest="end_s", type=float, help="seconds of the clip")
    mouths.add_argument("--modes", default="lite,standard", help="one row for each")

    server = commands.add_parser(
        "server", help="time to the first frame, status requests under load, memory of uploads"
    )
    server.add_argument("--repeats", type=int, default=3, help="number of measurements of the first frame")

    trust = commands.add_parser("trust", help="hostile files and requests, and faults of the server")
    trust.add_argument("parts", nargs="*", help="parts to measure; all by default")
    trust.add_argument("--long", action="store_true", help="full size, as the bars require")
    trust.add_argument("--write", action="store_true", help="keep the results, and write them to benchmarks/README.md")

    agreement = commands.add_parser("face_agreement", help="two face finders against each other")
    agreement.add_argument("action", choices=["record", "compare"])
    agreement.add_argument("files", nargs="+", type=Path, help="file to write, or two to compare")
    agreement.add_argument("--media", type=Path, default=SHARED / "media", help="folder with photos and clips")
    agreement.add_argument("--only", default="", help="only files whose path contains this")

    arguments = parser.parse_args()
    if arguments.command == "sheet":
        from benchmarks.sheet import write_sheets

        return write_sheets(arguments.photos, arguments.out, arguments.parts or ())
    if arguments.command == "strip":
        from benchmarks.strip import write_strips

        return write_strips(arguments.photo, arguments.text, arguments.voice, arguments.audio, arguments.out)
    if arguments.command == "quality":
        from benchmarks.quality import run

        folder = arguments.folder or (SHARED_PHOTOS if SHARED_PHOTOS.is_dir() else None)
        return run(folder, arguments.only)
    if arguments.command == "motion":
        from benchmarks.motion import run as run_motion

        return run_motion(arguments.shared, arguments.photos)
    if arguments.command == "sync":
        from benchmarks.sync import run as run_sync

        return run_sync(
            arguments.shared if arguments.shared.is_dir() else None,
            arguments.heads,
            arguments.reader,
            write=arguments.write,
        )
    if arguments.command == "sync_video":
        from benchmarks.sync_video import run as run_clips

        shared = arguments.shared if arguments.shared.is_dir() else None
        return run_clips(shared, arguments.only, arguments.seconds, long=arguments.long, write=arguments.write)
    if arguments.command == "sync_strip":
        from benchmarks.sync_strip import write_sync_strips

        modes = arguments.modes.split(",")
        return write_sync_strips(
            arguments.clip, arguments.audio, arguments.out, arguments.start_s, arguments.end_s, modes
        )
    if arguments.command == "server":
        from benchmarks.server import run as run_server

        return run_server(arguments.repeats)
    if arguments.command == "face_agreement":
        from benchmarks.face_agreement import run as run_agreement

        return run_agreement(arguments.action, arguments.files, media=arguments.media, only=arguments.only)
    if arguments.command == "trust":
        from benchmarks.trust import run as run_trust

        return run_trust(arguments.parts, long=arguments.long, write=arguments.write)
    from benchmarks.speed import run as run_speed

    sizes = [(int(w), int(h)) for w, h in (size.split("x") for size in arguments.sizes.split(","))]
    return run_speed(sizes, arguments.repeats, long=arguments.long, profile=arguments.profile, write=arguments.write)


if __name__ == "__main__":
    raise SystemExit(main())
