"""Has files judged in the sandbox that rendering processes live in, and keeps what each verdict cost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from corpus import Case

from lipsmith.service.processes.pool import SCRATCH, Child, Limits

PROGRAM = (str(Path(__file__).with_name("judge_process.py")),)
LIMITS = Limits(memory_mb=4096, cpu_s=600, file_mb=100)
KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was said about one file."""

    case: Case
    said: str
    """``accepted``, an error's code, or, in capitals, what should never be: FAULT, HANG, CRASH."""
    seconds: float
    cpu_s: float
    peak_mb: float

    @property
    def is_fault(self) -> bool:
        """Neither accepted nor refused."""
        return self.said.split()[0] in ("FAULT", "HANG", "CRASH")

    @property
    def is_wrong(self) -> bool:
        """Accepted or refused against the label."""
        return self.case.refuse is not None and self.case.refuse == (self.said == "accepted")

    def __str__(self) -> str:
        return f"{self.case.kind} {self.case.name}: {self.said}, {self.seconds:.2f} s, {self.peak_mb:.0f} MB"


class Judge:
    """One sandboxed process that judges one file after the other."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._answers = child.answers(every_s=60.0)

    def judge(self, case: Case) -> Verdict:
        """Writes the file into the sandbox, hears what is said, and takes it out again."""
        path = self.child.folder / SCRATCH / "case"
        path.write_bytes(case.content)
        self.child.send({"kind": case.kind, "path": str(path)})
        found = next(self._answers)["result"]
        path.unlink()
        return Verdict(
            case=case,
            said=found["verdict"],
            seconds=found["seconds"],
            cpu_s=found["cpu_s"],
            peak_mb=found["peak_mb"],
        )


@contextmanager
def judging(folder: Path) -> Iterator[Judge]:
    """A judge whose private folder lies in ``folder``."""
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    child = Child(LIMITS, environment, folder / "judge", program=PROGRAM)
    try:
        yield Judge(child)
    finally:
        child.kill()


def verdicts(cases: Iterable[Case], folder: Path) -> Iterator[Verdict]:
    """One for each file, in order."""
    with judging(folder) as judge:
        yield from map(judge.judge, cases)
