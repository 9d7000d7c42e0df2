"""Locks the process that calls it: limits, no network, no file but its own. Knows nothing of media, jobs or HTTP.

What strangers send is decoded by libraries in C; one hole in one of them must not open the machine. A process enters
once, at its very start, while it has a single thread: what is refused then is refused to all threads and processes it
will ever start. Linux has all guards, other systems the limits alone; `Guards` says what is in force, so that what is
missing can be said aloud. Run it with ``python -m`` to try the guards: it writes them as JSON.
"""

from __future__ import annotations

import ctypes
import errno
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

NICENESS = 10
"""Answering requests goes before rendering."""
OOM_SCORE = 600
"""Where the whole machine runs out of memory, the system ends this process rather than the server."""
MAX_OPEN_FILES = 256
MAX_PROCESSES = 128
"""Threads count as well: a rendering process has about 20, on large machines some more."""
TRIAL_S = 20
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
"""Where libraries and what they ask about the machine lie. Of /proc only the process itself: others have secrets."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process may use."""

    memory_mb: int
    """Address space; the libraries alone reserve about 1,000 MB, and more on machines with many cores."""
    cpu_s: int
    """Processor time."""
    file_mb: int
    """Size of one file it writes."""


@dataclass(frozen=True, kw_only=True)
class Guards:
    """What is in force."""

    network: Literal["namespace", "seccomp", "none"]
    """How the network is kept away: by a namespace without any, by refusing sockets, or not at all."""
    calls: bool
    """Whether system calls that no decoder needs are refused, sockets among them."""
    files: int
    """Landlock's version, which keeps all files but its own away; 0 where there is none."""
    processes: bool
    """Whether the number of processes and threads is limited."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not kept away, each as a sentence with what helps."""
        said = []
        if self.network == "none":
            said.append(
                "Rendering processes can reach the network: this system has neither user namespaces nor seccomp. "
                "Run the server where they have no route, such as in a container of an internal network."
            )
        if not self.files:
            said.append(
                "Rendering processes can read what the server can: this system has no Landlock (Linux 5.13). Run the "
                "server as a user of its own, in a container."
            )
        return tuple(said)

    def __str__(self) -> str:
        files = f"files: Landlock {self.files}" if self.files else "files: not kept away"
        calls = "calls: seccomp" if self.calls else "calls: not filtered"
        processes = f"processes: {MAX_PROCESSES}" if self.processes else "processes: not limited"
        return f"network: {self.network}; {files}; {calls}; {processes}"


def enter(limits: Limits, private: Path, *, readable: Sequence[Path] = ()) -> Guards:
    """Locks this process for good; it keeps ``private``, the system's libraries and Python's own, and ``readable``.

    Has to come before the first thread and before any byte of a stranger. Raises nothing: what the system does not
    offer is missing in the answer.
    """
    _be_humble()
    _limit(limits)
    apart = _leave_the_network()
    if apart:
        _lower(resource.RLIMIT_NPROC, MAX_PROCESSES)  # counts this namespace alone, not the user's other processes
    _drop_rights()
    files = _keep_to(private, [*map(Path, READABLE), *_python_folders(), *readable])
    calls = _refuse_calls()
    return Guards(
        network="namespace" if apart else "seccomp" if calls else "none",
        calls=calls,
        files=files,
        processes=apart and os.getuid() != 0,  # the system counts the processes of everybody but root
    )


def tried(folder: Path | None = None) -> Guards:
    """What would be in force here: asks a process that enters, and does not take its word for files and network.

    Raises OSError where that process cannot be started or breaks off.
    """
    with tempfile.TemporaryDirectory(dir=folder) as private:
        command = [sys.executable, "-P", "-m", "lipsmith.service.processes.sandbox", private]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TRIAL_S, cwd=private)
    if done.returncode:
        raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}")
    return Guards(**json.loads(done.stdout))


def _be_humble() -> None:
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
    """Both limits, so that it cannot be raised again."""
    hard = resource.getrlimit(what)[1]
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (limit, limit))


# From <linux/sched.h>, <linux/prctl.h>, <linux/capability.h>.
_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_ALL_NEW = 0x7E020000
"""Every flag of clone that asks for a namespace."""
_SET_SECCOMP, _FILTER = 22, 2
_SET_NO_NEW_PRIVILEGES = 38
_CAPABILITIES_V3 = 0x20080522


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _leave_the_network() -> bool:
    """Goes into a network of its own, which has nothing but itself; whether that was allowed."""
    libc = _libc()
    user, group = os.geteuid(), os.getegid()
    if libc is None or libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC) != 0:
        return False
    with suppress(OSError):  # the same names for itself as before; without, it is "nobody", and all works as well
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def _drop_rights() -> None:
    """Gives up what root may do beyond others, and every way to get it back."""
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
"""Version -> how many rights on files it knows."""


def _keep_to(private: Path, readable: Sequence[Path]) -> int:
    """Refuses all but ``private``, and to read what is ``readable``; Landlock's version, 0 where it is not there.

    From version 4 on it refuses connections as well, from 6 on signals to processes outside.
    """
    libc = _libc()
    version = 0 if libc is None else libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if libc is None or version < 1:
        return 0
    every = (1 << max(count for since, count in _RIGHTS_SINCE.items() if since <= version)) - 1
    connections, outside = (0b11 if version >= 4 else 0), (0b11 if version >= 6 else 0)
    fields = 3 if version >= 6 else 2 if version >= 4 else 1
    asked = (ctypes.c_uint64 * 3)(every, connections, outside)
    rules = libc.syscall(_CREATE_RULESET, asked, ctypes.c_size_t(8 * fields), 0)
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
    except OSError:  # what is not there needs no rule
        return
    try:
        of_this = rights if path.is_dir() else rights & _OF_FILES
        libc.syscall(_ADD_RULE, rules, _BENEATH, ctypes.byref(_PathRule(of_this, place)), 0)
    finally:
        os.close(place)


def _python_folders() -> Iterator[Path]:
    """Where Python, its packages and our own code lie; never the folder it was started in."""
    yield from {Path(sys.prefix), Path(sys.base_prefix), *map(Path, sysconfig.get_paths().values())}
    yield from (Path(place) for place in sys.path if place.startswith("/"))
    yield Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class _Processor:
    """Numbers of a processor's system calls."""

    audit: int
    """Its name in <linux/audit.h>."""
    refused: Sequence[int]
    clone: int
    prlimit: int
    most: int
    """From here on there is a second table of calls."""


_SAME_EVERYWHERE = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442)
"""Calls numbered alike: signals by descriptor, io_uring, mounting, descriptors and memory of other processes."""
_CLONE3 = 435
_PROCESSORS: Mapping[str, _Processor] = {
    "x86_64": _Processor(
        audit=0xC000003E,
        # socket, ptrace, pivot_root, chroot, mount, umount2, kexec_load, add_key, request_key, keyctl, unshare,
        # perf_event_open, open_by_handle_at, setns, process_vm_readv, process_vm_writev, bpf, userfaultfd
        refused=(41, 101, 155, 161, 165, 166, 246, 248, 249, 250, 272, 298, 304, 308, 310, 311, 321, 323),
        clone=56,
        prlimit=302,
        most=0x40000000,
    ),
    "aarch64": _Processor(
        audit=0xC00000B7,
        refused=(198, 117, 41, 51, 40, 39, 104, 217, 218, 219, 97, 241, 265, 268, 270, 271, 280, 282),
        clone=220,
        prlimit=261,
        most=0xFFFFFFFF,
    ),
}

# From <linux/bpf_common.h> and <linux/seccomp.h>.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000
_CALL_AT, _AUDIT_AT, _FIRST_AT = 0, 4, 16
"""Where the filter finds the call's number, the processor, and the lower half of the first argument."""


class _Step(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def _refuse_calls() -> bool:
    """Refuses sockets and whatever else decoders never need; whether the system took the filter."""
    libc, processor = _libc(), _PROCESSORS.get(platform.machine())
    if libc is None or processor is None:
        return False
    steps = _filter(processor)
    program = _Program(len(steps), (_Step * len(steps))(*(_Step(*step) for step in steps)))
    return bool(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(processor: _Processor) -> list[tuple[int, int, int, int]]:
    """The filter's steps; a refused call answers "not permitted", which libraries know how to take."""
    refuse, allow = (_RETURN, 0, 0, _FAIL_WITH | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    steps = [
        (_LOAD, 0, 0, _AUDIT_AT),
        (_IF_EQUAL, 1, 0, processor.audit),
        refuse,  # the calls of another processor that this one can play
        (_LOAD, 0, 0, _CALL_AT),
        (_IF_AT_LEAST, 0, 1, processor.most),
        refuse,
    ]
    for number in (*processor.refused, *_SAME_EVERYWHERE):
        steps += [(_IF_EQUAL, 0, 1, number), refuse]
    return [
        *steps,
        (_IF_EQUAL, 0, 1, _CLONE3),  # its flags lie in memory, where a filter cannot look; libraries then use clone
        (_RETURN, 0, 0, _FAIL_WITH | errno.ENOSYS),
        (_IF_EQUAL, 0, 4, processor.clone),
        (_LOAD, 0, 0, _FIRST_AT),
        (_IF_ANY_BIT, 0, 1, _ALL_NEW),
        refuse,
        allow,
        (_IF_EQUAL, 0, 3, processor.prlimit),
        (_LOAD, 0, 0, _FIRST_AT),
        (_IF_EQUAL, 1, 0, 0),  # its own limits
        refuse,
        allow,
    ]


def _try_it(private: Path) -> Guards:
    """Enters, then tries what has to fail, and says what did not."""
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
    """Sends a datagram to this machine, which needs no listener: fails where there is no network or no socket."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"lipsmith", ("127.0.0.1", 9))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_try_it(Path(sys.argv[1])))))  # for `tried`
