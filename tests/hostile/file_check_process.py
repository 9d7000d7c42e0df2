"""A sandboxed child process that reads one file after the other, each in a fork of its own.

Reads lines of JSON, ``{"kind": ..., "path": ...}``; answers each with the outcome,
the time and the peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lipsmith.service.processes.sandbox import Limits, enter

WINDOW_S = 60.0
"""The longest window of an audio that a request to the server asks for by default."""


def outcome_of(kind: str, path: str) -> str:
    """``accepted``, or the code of the error that says why not."""
    from lipsmith.errors import LipsmithError, WindowOutOfRange
    from lipsmith.media.decode import open_audio
    from lipsmith.media.image import read_image
    from lipsmith.media.reader import open_clip

    try:
        if kind == "picture":
            read_image(path)
        elif kind == "sound":
            try:
                open_audio(path, start_s=0.0, end_s=WINDOW_S)
            except WindowOutOfRange:
                open_audio(path)
        else:
            next(open_clip(path).frames(0, 1))
    except LipsmithError as error:
        return error.code
    except MemoryError:
        return "too little memory"
    except BaseException as fault:
        return f"FAULT {type(fault).__name__}: {fault}"
    return "accepted"


def check_in_fork(kind: str, path: str, hang_s: float) -> dict[str, Any]:
    """Read the file in a fork; one that has not answered after ``hang_s`` is killed."""
    reader, writer = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, outcome_of(kind, path).encode(errors="replace")[:500])
        os._exit(0)
    os.close(writer)
    hung = not select.select([reader], [], [], hang_s)[0]
    if hung:
        os.kill(child, signal.SIGKILL)
    outcome = os.read(reader, 1000).decode(errors="replace")
    os.close(reader)
    seconds = time.monotonic() - start
    _, status, used = os.wait4(child, 0)
    if not outcome:
        how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
        outcome = "HANG" if hung else f"CRASH {how}"
    return {
        "outcome": outcome,
        "seconds": seconds,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--private", type=Path, required=True)
    parser.add_argument("--readable", type=Path, action="append", default=[])
    parser.add_argument("--memory-mb", type=int, required=True)
    parser.add_argument("--cpu-s", type=int, required=True)
    parser.add_argument("--file-mb", type=int, required=True)
    parser.add_argument("--hang-s", type=float, default=10.0)
    options = parser.parse_args()
    guards = enter(
        Limits(memory_mb=options.memory_mb, cpu_s=options.cpu_s, file_mb=options.file_mb),
        options.private,
        readable=options.readable,
    )

    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.dup2(2, 1)
    answers.write(json.dumps({"guards": asdict(guards)}).encode() + b"\n")
    for line in sys.stdin.buffer:
        case = json.loads(line)["options"]
        found = check_in_fork(case["kind"], case["path"], options.hang_s)
        answers.write(json.dumps({"result": {"files": [], "warnings": [json.dumps(found)]}}).encode() + b"\n")


if __name__ == "__main__":
    main()
