"""Sandbox for the calling process: resource limits, no network, no files except its own.

Untrusted files are decoded by C libraries, and a bug in one of them must not expose the machine. A process enters once,
at its start, while it has a single thread; all its later threads and child processes are restricted too. Linux has all
guards, other systems only the limits. `Guards` lists the guards in force, so that missing ones can be reported. Run
this module with ``python -m`` to test the guards: it writes them as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from lipsmith.service.processes.system_calls import PROCESSORS, call_filter

NICENESS = 10
"""The server has priority over rendering."""
OOM_SCORE = 600
"""If the machine runs out of memory, the system kills this process before the server."""
MAX_OPEN_FILES = 256
MAX_PROCESSES = 128
"""Processes and threads; a child process has about 20, on large machines more."""
TRIAL_S = 20
SCOPED_SIGNALS = 6
"""Version of Landlock from which a process can signal only processes of its own sandbox."""
_MEGABYTE = 1024 * 1024

READABLE = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/fonts",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/sys/devices/system/cpu",
)
"""Libraries, and the files that they read about the machine. Of /proc only the process itself: others have secrets."""


SandboxLevel = Literal["full", "network", "off"]
"""Guards that are required: all; those of the network; none."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Resource limits of a process."""

    memory_mb: int
    """Address space. The libraries reserve about 1,000 MB, and more on machines with many cores."""
    cpu_s: int
    """Processor time."""
    file_mb: int
    """Size of one written file."""


@dataclass(frozen=True, kw_only=True)
class Guards:
    """Guards in force."""

    network: Literal["namespace", "seccomp", "none"]
    """Isolation from the network: by a network namespace, by refused system calls, or none."""
    calls: bool
    """True if system calls that no decoder needs are refused, sockets among them."""
    files: int
    """Version of Landlock, which restricts access to files; 0 for none."""
    processes: bool
    """True if the number of processes and threads is limited."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Missing guards, each as a sentence with a remedy."""
        return self.missing_for("full")

    def missing_for(self, level: SandboxLevel) -> tuple[str, ...]:
        """Guards that ``level`` needs and that are missing, each as a sentence with a remedy."""
        sentences = []
        if level != "off" and self.network == "none":
            sentences.append(
                "Child processes can reach the network: this system has neither user namespaces nor seccomp. "
                "Run the server without a route, such as in a container of an internal network."
            )
        if level == "full" and not self.files:
            sentences.append(
                "Child processes can read all files of the server: this system has no Landlock (Linux 5.13). Run the "
                "server as a separate user, in a container."
            )
        if level == "full" and not self.calls:
            sentences.append(
                "Child processes can change all files of the server's user and signal its processes: this system has "
                "no seccomp filter for this processor. Run the server on Linux, on x86-64 or arm64."
            )
        return tuple(sentences)

    def __str__(self) -> str:
        files = f"files: Landlock {self.files}" if self.files else "files: not restricted"
        calls = "calls: seccomp" if self.calls else "calls: not filtered"
        processes = f"processes: {MAX_PROCESSES}" if self.processes else "processes: not limited"
        return f"network: {self.network}; {files}; {calls}; {processes}"


def enter(limits: Limits, private: Path, *, readable: Sequence[Path] = ()) -> Guards:
    """Restrict this process to ``private``, and for reading to ``readable`` and the libraries of Python and the system.

    Call it before the first thread and before any untrusted data. Raises nothing: unsupported guards are missing in the
    result.
    """
    _lower_priority()
    _limit(limits)
    apart = _isolate_network()
    if apart:
        _lower(resource.RLIMIT_NPROC, MAX_PROCESSES)  # counts only this namespace, not other processes of the user
    _drop_rights()
    files = _restrict_files(private, readable_places(readable))
    calls = _refuse_calls(own_signals_only=files < SCOPED_SIGNALS)
    return Guards(
        network="namespace" if apart else "seccomp" if calls else "none",
        calls=calls,
        files=files,
        processes=apart and os.getuid() != 0,  # the system does not count processes of root
    )


def readable_places(readable: Sequence[Path] = ()) -> list[Path]:
    """Return the files and folders that a child process may read, ``readable`` among them."""
    return [*map(Path, READABLE), *_python_folders(), *readable]


def exposing_place(secret: Path, readable: Sequence[Path] = ()) -> Path | None:
    """Return the place through which a child process could read ``secret``; None if there is none."""
    hidden = secret.resolve()
    for place in readable_places(readable):
        if place != Path("/proc/self") and hidden.is_relative_to(place.resolve()):
            return place
    return None


def probe_guards(folder: Path | None = None) -> Guards:
    """Return the guards that work on this machine, from a process that enters and tries files and network.

    Raises OSError if that process cannot be started or fails.
    """
    with tempfile.TemporaryDirectory(dir=folder) as private:
        command = [sys.executable, "-P", "-m", "lipsmith.service.processes.sandbox", private]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TRIAL_S, cwd=private)
    if done.returncode:
        raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}")
    return Guards(**json.loads(done.stdout))


def _lower_priority() -> None:
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))


def _limit(limits: Limits) -> None:
    _lower(resource.RLIMIT_AS, limits.memory_mb * _MEGABYTE)
    _lower(resource.RLIMIT_CPU, limits.cpu_s)
    _lower(resource.RLIMIT_FSIZE, limits.file_mb * _MEGABYTE)
    _lower(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(what: int, most: int) -> None:
    """Lower the soft and the hard limit, so that they cannot be raised again."""
    hard = resource.getrlimit(what)[1]
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (limit, limit))


# From <linux/sched.h>, <linux/prctl.h>, <linux/capability.h>.
_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_SET_SECCOMP, _FILTER = 22, 2
_SET_NO_NEW_PRIVILEGES = 38
_CAPABILITIES_V3 = 0x20080522


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _isolate_network() -> bool:
    """Enter a new network namespace, which is empty. Return False if that is not allowed."""
    libc = _libc()
    user, group = os.geteuid(), os.getegid()
    if libc is None or libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC) != 0:
        return False
    with suppress(OSError):  # keeps user and group ids; not essential
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def _drop_rights() -> None:
    """Drop all capabilities, for good."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.capset((ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0), (ctypes.c_uint32 * 6)())


# From <linux/landlock.h>.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every processor
_ASK_VERSION = 1
_BENEATH = 1
_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _CONTROL_DEVICE = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _CONTROL_DEVICE
_MAKE_ODD = 1 << 6 | 1 << 9 | 1 << 11  # devices and sockets
_RIGHTS_SINCE: Mapping[int, int] = {1: 13, 2: 14, 3: 15, 5: 16}
"""Version to the number of file rights that it knows."""


def _restrict_files(private: Path, readable: Sequence[Path]) -> int:
    """Allow access to ``private`` and reading of ``readable`` only. Return Landlock's version, 0 for none.

    From version 4 it also refuses connections, from version 6 signals to processes outside.
    """
    libc = _libc()
    version = 0 if libc is None else libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if libc is None or version < 1:
        return 0
    every = (1 << max(count for since, count in _RIGHTS_SINCE.items() if since <= version)) - 1
    connections, outside = (0b11 if version >= 4 else 0), (0b11 if version >= 6 else 0)
    fields = 3 if version >= 6 else 2 if version >= 4 else 1
    requested = (ctypes.c_uint64 * 3)(every, connections, outside)
    rules = libc.syscall(_CREATE_RULESET, requested, ctypes.c_size_t(8 * fields), 0)
    if rules < 0:
        return 0
    try:
        for path in readable:
            _allow(libc, rules, path, every & (_EXECUTE | _READ | _LIST))
        _allow(libc, rules, Path(os.devnull), every & (_READ | _WRITE))
        _allow(libc, rules, private, every & ~_MAKE_ODD & ~_EXECUTE & ~_CONTROL_DEVICE)
        return int(version) if libc.syscall(_RESTRICT_SELF, rules, 0) == 0 else 0
    finally:
        os.close(rules)


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("place", ctypes.c_int32))


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # a missing path needs no rule
        return
    try:
        of_this = rights if path.is_dir() else rights & _OF_FILES
        libc.syscall(_ADD_RULE, rules, _BENEATH, ctypes.byref(_PathRule(of_this, place)), 0)
    finally:
        os.close(place)


def _python_folders() -> Iterator[Path]:
    """Return the folders of Python, its packages and our code; never the working folder or all of an environment.

    An environment may lie in a project's folder, beside its data.
    """
    for prefix in {Path(sys.prefix), Path(sys.base_prefix)}:
        yield from (prefix / name for name in ("bin", "lib", "lib64", "pyvenv.cfg"))
    paths = sysconfig.get_paths()
    yield from {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    yield from (Path(place) for place in sys.path if place.startswith("/"))
    yield Path(__file__).resolve().parents[2]


class _Step(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def _refuse_calls(*, own_signals_only: bool) -> bool:
    """Refuse the calls of `REFUSED`. Return False if filters are not supported.

    ``own_signals_only``: also refuse signals to any other process, where Landlock does not.
    """
    libc, processor = _libc(), PROCESSORS.get(platform.machine())
    if libc is None or processor is None:
        return False
    steps = call_filter(processor, os.getpid() if own_signals_only else None)
    program = _Program(len(steps), (_Step * len(steps))(*(_Step(*step) for step in steps)))
    return bool(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _try_it(private: Path) -> Guards:
    """Enter, try files and network, and report guards that failed as missing."""
    guards = enter(Limits(memory_mb=4096, cpu_s=60, file_mb=16), private)
    found = asdict(guards)
    if guards.files and _works(lambda: os.listdir("/")):
        found["files"] = 0
    if guards.network != "none" and _works(_reach_this_machine):
        found["network"] = "none"
    return Guards(**found)


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _reach_this_machine() -> None:
    """Send a datagram to this machine, which needs no listener. Fails without a network or sockets."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"lipsmith", ("127.0.0.1", 9))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_try_it(Path(sys.argv[1])))))  # for `probe_guards`
