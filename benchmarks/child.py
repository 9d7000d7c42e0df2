"""One video in a process of its own; prints its frames, seconds and peak memory as JSON.

`python -m benchmarks.child talk PHOTO AUDIO OUT`, `python -m benchmarks.child sync CLIP AUDIO OUT`
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from lipsmith import lip_sync, talking_photo

STATUS = Path("/proc/self/status")


def main() -> None:
    what, frames, audio, out = sys.argv[1:5]
    make = {"talk": talking_photo, "sync": lip_sync}[what]
    start = time.perf_counter()
    result = make(frames, audio, out, overwrite=True)
    seconds = time.perf_counter() - start
    print(json.dumps({"frames": result.frames, "seconds": seconds, "peak_mb": peak_mb()}))


def peak_mb() -> float:
    """Return the peak memory of this process, MB.

    On Linux, getrusage also counts the parent process, so the kernel's own count is read if there is one.
    """
    if STATUS.is_file():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
