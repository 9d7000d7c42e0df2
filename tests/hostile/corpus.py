"""Hostile files without end: those made by hand first, then mutations of good ones. The same seed, the same files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import hostile_clips
import hostile_pictures
import hostile_sounds
import numpy as np
from good_files import good, names
from mutation import mutated

Kind = Literal["picture", "sound", "clip"]
KINDS: Sequence[Kind] = ("picture", "sound", "clip")
BY_HAND = {"picture": hostile_pictures, "sound": hostile_sounds, "clip": hostile_clips}
MAX_SAMPLE_BYTES = 1_500_000
SAMPLES = {"picture": ("photos", "odd"), "sound": ("audio",), "clip": ("video", "odd")}
EXTENSIONS = {
    "picture": {".jpg", ".png", ".webp", ".gif"},
    "sound": {".wav", ".mp3", ".flac", ".m4a", ".ogg", ".opus", ".webm", ".aiff"},
    "clip": {".mp4", ".mkv", ".webm", ".mov", ".avi"},
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One file."""

    name: str
    kind: Kind
    """What it pretends to be."""
    content: bytes
    refuse: bool | None = None
    """Whether it must be refused, or must not; None where either will do, as long as the verdict comes soon."""

    @property
    def digest(self) -> str:
        """Tells whether it is still the same file."""
        return hashlib.sha256(self.content).hexdigest()[:16]


def by_hand(*, large: bool) -> Iterator[Case]:
    """Every one that was made by hand; ``large`` are those that take seconds to make."""
    for kind in KINDS:
        maker = BY_HAND[kind]
        for name, refuse, content in maker.made():
            yield Case(name=name, kind=kind, content=content, refuse=refuse)
        if large and hasattr(maker, "large"):
            for name, refuse, content in maker.large():
                yield Case(name=name, kind=kind, content=content, refuse=refuse)


def mutations(seed: int, shared: Path | None = None) -> Iterator[Case]:
    """Mutations of good files, without end; of those in the folder ``shared`` as well, where it is named."""
    stock = {kind: [(name, good(kind, name)) for name in names(kind)] + list(_samples(shared, kind)) for kind in KINDS}
    number = 0
    while True:
        rng = np.random.default_rng([seed, number])
        kind = KINDS[number % len(KINDS)]
        name, data = stock[kind][int(rng.integers(len(stock[kind])))]
        other = stock[kind][int(rng.integers(len(stock[kind])))][1]
        done, content = mutated(rng, data, other)
        yield Case(name=f"{seed}-{number}-{done}.{name}", kind=kind, content=content)
        number += 1


def corpus(count: int, *, seed: int = 1, large: bool = False, shared: Path | None = None) -> Iterator[Case]:
    """``count`` files: all that were made by hand, then mutations."""
    made = 0
    for case in by_hand(large=large):
        made += 1
        yield case
    yield from islice(mutations(seed, shared), max(0, count - made))


def _samples(shared: Path | None, kind: Kind) -> Iterator[tuple[str, bytes]]:
    for folder in SAMPLES[kind] if shared is not None else ():
        for path in sorted((shared / folder).glob("*")):
            if path.suffix in EXTENSIONS[kind] and 0 < path.stat().st_size <= MAX_SAMPLE_BYTES:
                yield path.name, path.read_bytes()
