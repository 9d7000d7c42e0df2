"""A child that enters the sandbox and then tries one thing that it must not be able to do; says whether it could.

``--without`` leaves guards out, so that a test can show that its probe would notice.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lipsmith.service.processes import sandbox

GUARDS: Mapping[str, tuple[str, Any]] = {
    "network": ("_isolate_network", lambda: False),
    "files": ("_restrict_files", lambda private, readable: 0),
    "calls": ("_refuse_calls", lambda **_: False),
    "limits": ("_limit", lambda limits: None),
    "processes": ("MAX_PROCESSES", 4096),
    "rights": ("_drop_rights", lambda: None),
}
NOBODY = 65_534


def _call(name: str, *arguments: int) -> None:
    if ctypes.CDLL(None, use_errno=True)[name](*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def connect(spec: Mapping[str, Any]) -> None:
    with socket.create_connection(("127.0.0.1", spec["port"]), timeout=2):
        pass


def open_sockets(spec: Mapping[str, Any]) -> None:
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
        socket.socket(family, socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_STREAM).close()


def run_own_program(spec: Mapping[str, Any]) -> None:
    program = Path(spec["private"]) / "program"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    subprocess.run([program], check=True)


def _within(spec: Mapping[str, Any], name: str) -> Path:
    path = Path(spec["private"]) / name
    path.write_bytes(b"mine")
    return path


def watch_folders(spec: Mapping[str, Any]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.inotify_init1(0) < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")


def leave_the_group(spec: Mapping[str, Any]) -> None:
    """Start a grandchild with a session of its own."""
    subprocess.run([sys.executable, "-c", "import os; os.setsid()"], check=True, capture_output=True)


def write_large(spec: Mapping[str, Any]) -> None:
    with (Path(spec["private"]) / "large").open("wb") as file:
        file.write(bytes(3 << 20))


def open_many(spec: Mapping[str, Any]) -> None:
    held = [open(os.devnull) for _ in range(300)]  # noqa: SIM115  # open all at once is the point
    for file in held:
        file.close()


def burn(spec: Mapping[str, Any]) -> None:
    while time.process_time() < 2:
        pass


def start_many_threads(spec: Mapping[str, Any]) -> None:
    done = threading.Event()
    threads = [threading.Thread(target=done.wait, daemon=True) for _ in range(200)]
    try:
        for thread in threads:
            thread.start()
    finally:
        done.set()


def become_root_again(spec: Mapping[str, Any]) -> None:
    """Look for a remaining capability."""
    [effective] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff")]
    if int(effective.split()[1], 16) == 0:
        raise PermissionError("no capability is left")


PROBES: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "connect": connect,
    "sockets": open_sockets,
    "read": lambda spec: Path(spec["path"]).read_bytes(),
    "list": lambda spec: os.listdir(spec["path"]),
    "write": lambda spec: Path(spec["path"]).write_bytes(b"written"),
    "write within": lambda spec: (Path(spec["private"]) / "mine").write_bytes(b"written"),
    "run own program": run_own_program,
    "read the parent's secrets": lambda spec: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "signal the parent": lambda spec: os.kill(os.getppid(), 0),
    "limits of the parent": lambda spec: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE),
    "trace": lambda spec: _call("ptrace", 0, 0, 0, 0),
    "mode": lambda spec: _within(spec, "a").chmod(0o666),
    "times": lambda spec: os.utime(_within(spec, "b"), (1, 1)),
    "attribute": lambda spec: os.setxattr(_within(spec, "c"), "user.mine", b"1"),
    "symbolic link": lambda spec: (Path(spec["private"]) / "d").symlink_to("/"),
    "hard link": lambda spec: os.link(_within(spec, "e"), Path(spec["private"]) / "f"),
    "pipe": lambda spec: os.mkfifo(Path(spec["private"]) / "g"),
    "watch folders": watch_folders,
    "session": leave_the_group,
    "priority": lambda spec: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
    "processors": lambda spec: os.sched_setaffinity(os.getppid(), {0}),
    "shared memory": lambda spec: _call("shmget", 0, 4096, 0o1600),
    "signal any process": lambda spec: os.kill(os.getppid(), 0),
    "memory": lambda spec: mmap.mmap(-1, 3 << 30).close(),
    "large file": write_large,
    "many files": open_many,
    "processor": burn,
    "many threads": start_many_threads,
    "rights": become_root_again,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--private", type=Path, required=True)
    parser.add_argument("--readable", type=Path, action="append", default=[])
    for limit in ("--memory-mb", "--cpu-s", "--file-mb"):
        parser.add_argument(limit, type=int, required=True)
    parser.add_argument("--without", default="")
    parser.add_argument("--as-nobody", action="store_true")
    asked = parser.parse_args()
    for name in filter(None, asked.without.split(",")):
        setattr(sandbox, *GUARDS[name])
    if asked.as_nobody:
        list(sandbox._python_folders())  # loads what nobody may not
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    limits = sandbox.Limits(memory_mb=asked.memory_mb, cpu_s=asked.cpu_s, file_mb=asked.file_mb)
    print(json.dumps({"guards": asdict(sandbox.enter(limits, asked.private, readable=asked.readable))}), flush=True)  # noqa: T201
    task = json.loads(sys.stdin.readline())
    why = []
    try:
        PROBES[task["kind"]]({**task["options"], "private": str(asked.private)})
    except (OSError, MemoryError, RuntimeError, subprocess.CalledProcessError) as refused:
        why = [f"{type(refused).__name__}: {refused}"]
    print(json.dumps({"result": {"files": [], "warnings": why}}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
