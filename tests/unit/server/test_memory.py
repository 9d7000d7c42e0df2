"""Memory that threads have freed goes back to the system; otherwise it stays."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading, time
from contextlib import nullcontext
from pathlib import Path

from lipsmith.server import memory

memory.EVERY_S = 0.05

def work():
    blocks = [bytes(4000) for _ in range(5000)]
    kept.append(blocks[::500])  # so that no heap is empty at its top

kept = []
def used_kb():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])

with memory.limit_memory() if sys.argv[1] == "limited" else nullcontext():
    for _ in range(2):
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    deadline = time.monotonic() + 240
    while used_kb() >= int(sys.argv[2]) and time.monotonic() < deadline:
        time.sleep(0.05)
    print(used_kb())
"""


def memory_kb(how: str, enough_kb: int) -> int:
    """Memory after the threads ended, once it has fallen below ``enough_kb``."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how, str(enough_kb)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries manage memory differently")
def test_freed_memory_goes_back() -> None:
    enough_kb = memory_kb("free", sys.maxsize) - 10_000
    assert memory_kb("limited", enough_kb) < enough_kb
