"""System calls that no decoder needs, and the filter that refuses them (seccomp)."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ALL_NEW = 0x7E020000
"""All flags of clone that create a namespace."""


@dataclass(frozen=True, kw_only=True)
class Processor:
    """Numbers of system calls on one processor."""

    audit: int
    """Its name in <linux/audit.h>."""
    column: int
    """Column of `REFUSED`."""
    clone: int
    prlimit: int
    kills: tuple[int, int]
    """Calls that signal a process by its number: kill and tgkill."""
    most: int
    """First number of a second table of calls."""


PROCESSORS: Mapping[str, Processor] = {
    "x86_64": Processor(audit=0xC000003E, column=0, clone=56, prlimit=302, kills=(62, 234), most=0x40000000),
    "aarch64": Processor(audit=0xC00000B7, column=1, clone=220, prlimit=261, kills=(129, 131), most=0xFFFFFFFF),
}
_CLONE3 = 435

REFUSED: Mapping[str, Sequence[tuple[int, int]]] = {
    # socket; io_uring_setup, _enter, _register
    "network": ((41, 198), (425, 425), (426, 426), (427, 427)),
    # ptrace, process_vm_readv, _writev, kcmp, pidfd_open, pidfd_getfd, pidfd_send_signal, process_madvise,
    # migrate_pages, move_pages, perf_event_open, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
    "other processes": (
        (101, 117), (310, 270), (311, 271), (312, 272), (434, 434), (438, 438), (424, 424), (440, 440), (256, 238),
        (279, 239), (298, 241), (200, 130), (129, 138), (297, 240),
    ),
    # pivot_root, chroot, mount, umount2, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr,
    # unshare, setns
    "namespaces": (
        (155, 41), (161, 51), (165, 40), (166, 39), (428, 428), (429, 429), (430, 430), (431, 431), (432, 432),
        (433, 433), (442, 442), (272, 97), (308, 268),
    ),
    # kexec_load, add_key, request_key, keyctl, bpf, userfaultfd, syslog, name_to_handle_at, open_by_handle_at
    "kernel": (
        (246, 104), (248, 217), (249, 218), (250, 219), (321, 280), (323, 282), (103, 116), (303, 264), (304, 265),
    ),
    # inotify_init, inotify_init1, inotify_add_watch, fanotify_init, fanotify_mark
    "watching files": ((253, -1), (294, 26), (254, 27), (300, 262), (301, 263)),
    # chmod, fchmod, fchmodat, fchmodat2, chown, fchown, lchown, fchownat, utime, utimes, futimesat, utimensat,
    # setxattr, lsetxattr, fsetxattr, setxattrat, removexattr, lremovexattr, fremovexattr, removexattrat
    "attributes of files": (
        (90, -1), (91, 52), (268, 53), (452, 452), (92, -1), (93, 55), (94, -1), (260, 54), (132, -1), (235, -1),
        (261, -1), (280, 88), (188, 5), (189, 6), (190, 7), (463, 463), (197, 14), (198, 15), (199, 16), (466, 466),
    ),
    # symlink, symlinkat, link, linkat, mknod, mknodat
    "links": ((88, -1), (266, 36), (86, -1), (265, 37), (133, -1), (259, 33)),
    # setsid, setpgid
    "process groups": ((112, 157), (109, 154)),
    # setpriority, sched_setparam, sched_setscheduler, sched_setaffinity, sched_setattr, ioprio_set
    "priorities": ((141, 140), (142, 118), (144, 119), (203, 122), (314, 274), (251, 30)),
    # shmget, shmat, shmctl, semget, semop, semctl, msgget, msgsnd, msgctl, mq_open
    "System V memory": (
        (29, 194), (30, 196), (31, 195), (64, 190), (65, 193), (66, 191), (68, 186), (69, 189), (71, 187), (240, 180),
    ),
}  # fmt: skip
"""Calls that no decoder needs, by what they would give to a process that was taken over: their numbers on x86-64 and on
arm64, from <asm/unistd_64.h> and <asm-generic/unistd.h>; -1 where a processor has no such call."""

# From <linux/bpf_common.h> and <linux/seccomp.h>.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000
_CALL_AT, _AUDIT_AT, _FIRST_AT = 0, 4, 16
"""Offsets of the call's number, the processor, and the lower half of the first argument."""


def call_filter(processor: Processor, only_signalled: int | None) -> list[tuple[int, int, int, int]]:
    """Return the steps of the filter. A refused call returns EPERM, which libraries handle."""
    refuse, allow = (_RETURN, 0, 0, _FAIL_WITH | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    steps = [
        (_LOAD, 0, 0, _AUDIT_AT),
        (_IF_EQUAL, 1, 0, processor.audit),
        refuse,  # calls of another processor that this one supports
        (_LOAD, 0, 0, _CALL_AT),
        (_IF_AT_LEAST, 0, 1, processor.most),
        refuse,
    ]
    numbers = {numbers[processor.column] for group in REFUSED.values() for numbers in group}
    for number in sorted(numbers - {-1}):
        steps += [(_IF_EQUAL, 0, 1, number), refuse]
    if only_signalled is not None:
        for number in processor.kills:
            steps += [
                (_IF_EQUAL, 0, 4, number),
                (_LOAD, 0, 0, _FIRST_AT),
                (_IF_EQUAL, 1, 0, only_signalled),
                refuse,
                allow,
            ]
    return [
        *steps,
        (_IF_EQUAL, 0, 1, _CLONE3),  # its flags are in memory, out of reach of a filter; libraries fall back to clone
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
