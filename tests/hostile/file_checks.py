"""Read files in the sandbox of the rendering processes; note outcome, time and memory of each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from corpus import Case

from lipsmith.service.processes.messages import Task
from lipsmith.service.processes.pool import SCRATCH, Child, Limits

PROGRAM = (str(Path(__file__).with_name("file_check_process.py")),)
LIMITS = Limits(memory_mb=4096, cpu_s=600, file_mb=100)
KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")


@dataclass(frozen=True, kw_only=True)
class FileCheck:
    """The outcome for one file."""

    case: Case
    outcome: str
    """``accepted``, an error's code, or, in capitals, what should never be: FAULT, HANG, CRASH."""
    seconds: float
    cpu_s: float
    peak_mb: float

    @property
    def is_fault(self) -> bool:
        """Neither accepted nor refused."""
        return self.outcome.split()[0] in ("FAULT", "HANG", "CRASH")

    @property
    def is_wrong(self) -> bool:
        """Accepted or refused against the label."""
        return self.case.refuse is not None and self.case.refuse == (self.outcome == "accepted")

    def __str__(self) -> str:
        return f"{self.case.kind} {self.case.name}: {self.outcome}, {self.seconds:.2f} s, {self.peak_mb:.0f} MB"


class FileChecker:
    """One sandboxed process that reads one file after the other."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._answers = child.answers(every_s=60.0)

    def check(self, case: Case) -> FileCheck:
        """Write the file into the sandbox, wait for its outcome, and delete it."""
        path = self.child.folder / SCRATCH / "case"
        path.write_bytes(case.content)
        self.child.send(Task(kind="check", inputs={}, out="", options={"kind": case.kind, "path": str(path)}))
        result = next(self._answers).result
        assert result is not None
        found = json.loads(result.warnings[0])
        path.unlink()
        return FileCheck(
            case=case,
            outcome=found["outcome"],
            seconds=found["seconds"],
            cpu_s=found["cpu_s"],
            peak_mb=found["peak_mb"],
        )


@contextmanager
def file_checker(folder: Path) -> Iterator[FileChecker]:
    """A checker whose private folder lies in ``folder``."""
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    child = Child(LIMITS, environment, folder / "checker", program=PROGRAM)
    try:
        yield FileChecker(child)
    finally:
        child.kill()


def check_files(cases: Iterable[Case], folder: Path) -> Iterator[FileCheck]:
    """One for each file, in order."""
    with file_checker(folder) as checker:
        yield from map(checker.check, cases)
