"""Make a photo speak and show the progress.

python examples/talk.py portrait.png speech.wav talking.mp4
"""

import sys

from lipsmith import LipsmithError, Progress, talking_photo


def show(progress: Progress) -> None:
    """Overwrite one line with the progress."""
    left = "" if progress.left_s is None else f", {progress.left_s:.0f} s left"
    sys.stderr.write(f"\r{progress.stage}: {progress.done} of {progress.total}{left}      ")


def main() -> int:
    """Return 0 on success, 1 on failure, 2 for wrong arguments."""
    if len(sys.argv) != 4:
        sys.stderr.write("python examples/talk.py PHOTO AUDIO OUT.mp4\n")
        return 2
    photo, audio, out = sys.argv[1:]
    try:
        result = talking_photo(photo, audio, out, overwrite=True, progress=show)
    except LipsmithError as error:
        sys.stderr.write(f"\n{error.message} [{error.code}]\n")
        return 1
    sys.stderr.write("\n")
    sys.stdout.write(f"{result.path}: {result.frames} frames, {result.seconds:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
