"""Libraries of our own that stand between a process and its system, so that tests can bend what it sees."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ENDLESS = 1 << 62
"""Writes for which there is room, as good as always."""


def compiled(source: str, folder: Path) -> Path:
    """The library of ``tests/<source>``, made in ``folder``, for LD_PRELOAD; the test is skipped where none can be."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("this needs Linux and a C compiler: apt-get install gcc libc6-dev")
    library = folder / Path(source).with_suffix(".so").name
    command = [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, Path(__file__).parent / source]
    subprocess.run([*command, "-ldl"], check=True)
    return library


@dataclass(frozen=True, kw_only=True)
class Disk:
    """As processes see it that were started with its environment."""

    file: Path
    environment: Mapping[str, str]
    """What puts a process on it."""

    def leave(self, writes: int) -> None:
        """As many go well from now on, and none was refused yet."""
        with self.file.open("r+b") as file:  # processes look at this very file
            file.write(struct.pack("=qq", writes, 0))

    def state(self) -> tuple[int, int]:
        """Return the numbers of remaining and of refused writes."""
        left, refused = struct.unpack("=qq", self.file.read_bytes())
        return left, refused


def disk_of(folder: Path, workbench: Path) -> Disk:
    """A disk with endless room for what is written into ``folder``."""
    named = {"FULL_DISK": str(workbench / "disk"), "FULL_DISK_FOLDER": str(folder.resolve())}
    library = compiled("full_disk.c", workbench)
    made = Disk(file=workbench / "disk", environment=named | {"LD_PRELOAD": str(library)})
    made.file.touch()
    made.leave(ENDLESS)
    return made
