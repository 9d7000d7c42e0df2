"""Memory that threads have freed goes back to the system; without thrift it stays."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading, time
from contextlib import nullcontext
from pathlib import Path

from lipsmith.server import thrift

thrift.EVERY_S = 0.05

def work():
    blocks = [bytes(4000) for _ in range(5000)]
    kept.append(blocks[::500])  # so that no heap is empty at its top

kept = []
with thrift.thrifty() if sys.argv[1] == "thrifty" else nullcontext():
    for _ in range(2):
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    time.sleep(0.5)
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    print(line.split()[1])
"""


def memory_kb(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep house in other ways")
def test_freed_memory_goes_back() -> None:
    assert memory_kb("thrifty") < memory_kb("wasteful") - 10_000
