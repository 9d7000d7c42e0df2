"""Changes good files as broken disks, broken senders and people with bad intent do. The same seed, the same bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np

ODD_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
HEAD_BYTES = 1024
Change = Callable[[np.random.Generator, bytes, bytes], bytes]
"""From random numbers, a file and another file to a new one."""


def cut(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    return data[: int(rng.integers(1, len(data)))]


def flip_bits(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for at in rng.integers(0, len(data), int(2 ** rng.uniform(0, 9))):
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def flip_head(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for at in rng.integers(0, min(len(data), HEAD_BYTES), int(rng.integers(1, 9))):
        changed[at] = int(rng.integers(256))
    return bytes(changed)


def odd_number(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """Lengths, counts, sizes and offsets that are extreme, in both orders of bytes."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        form = ("<H", ">H", "<I", ">I")[int(rng.integers(4))]
        size = struct.calcsize(form)
        within = min(len(data), HEAD_BYTES) if rng.random() < 0.7 else len(data)
        at = int(rng.integers(0, max(1, within - size)))
        value = ODD_NUMBERS[int(rng.integers(len(ODD_NUMBERS)))] % (1 << 8 * size)
        changed[at : at + size] = struct.pack(form, value)
    return bytes(changed)


def wipe(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    at, length = int(rng.integers(0, len(data))), int(2 ** rng.uniform(2, 14))
    filling = bytes([int(rng.choice([0, 0xFF]))])
    return data[:at] + filling * min(length, len(data) - at) + data[at + length :]


def leave_out(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    at, length = int(rng.integers(0, len(data))), int(2 ** rng.uniform(0, 12))
    return data[:at] + data[at + length :]


def repeat(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    at, length = int(rng.integers(0, len(data))), int(2 ** rng.uniform(2, 12))
    return data[:at] + data[at : at + length] * int(rng.integers(2, 200)) + data[at:]


def insert(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    at = int(rng.integers(0, len(data)))
    return data[:at] + rng.bytes(int(2 ** rng.uniform(0, 12))) + data[at:]


def splice(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    return data[: int(rng.integers(1, len(data)))] + other[int(rng.integers(0, len(other))) :]


def behind_another_head(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    length = int(2 ** rng.uniform(2, 8))
    return other[:length] + data[length:]


CHANGES: Sequence[Change] = (
    cut,
    flip_bits,
    flip_head,
    odd_number,
    odd_number,
    odd_number,
    wipe,
    leave_out,
    repeat,
    insert,
    splice,
    behind_another_head,
)


def mutated(rng: np.random.Generator, data: bytes, other: bytes) -> tuple[str, bytes]:
    """Mutations and the result; sometimes twice."""
    done = []
    for _ in range(1 if rng.random() < 0.8 else 2):
        change = CHANGES[int(rng.integers(len(CHANGES)))]
        data = change(rng, data, other) or b"\0"
        done.append(change.__name__)
    return "+".join(done), data
