"""Hostile files are refused or accepted soon, by processes that live where rendering processes live.

The release lane reads 10,000 of them; ``python -m benchmarks trust media`` measures as well.
"""

from __future__ import annotations

import os
import signal
from itertools import islice
from pathlib import Path

import file_check_process
import good_files
import pytest
from corpus import KINDS, Case, by_hand, corpus, mutations
from file_checks import check_files

from lanes import amount
from lipsmith.media import probe

FILES = amount("FILES", whole=0, release=10_000)
MUTATIONS = 30
MAX_MB = 512


@pytest.mark.timeout(1800)
def test_every_file_is_judged(tmp_path: Path, shared: Path | None) -> None:
    cases = list(by_hand(large=False)) + list(islice(mutations(1, shared), MUTATIONS))
    checks = list(check_files(corpus(FILES, large=True, shared=shared) if FILES else cases, tmp_path))
    assert len(checks) >= len(cases)
    assert [str(check) for check in checks if check.is_fault or check.is_wrong] == []
    assert [str(check) for check in checks if check.peak_mb > MAX_MB] == []


@pytest.fixture
def shared() -> Path | None:
    """Real media beside the repository, where they are."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "media"
    return folder if FILES and folder.is_dir() else None


def test_the_same_seed_makes_the_same_files() -> None:
    first, again, other = ([case.digest for case in islice(mutations(seed), 12)] for seed in (5, 5, 6))
    assert first == again
    assert not set(first) & set(other)


def test_labels_and_names() -> None:
    cases = list(by_hand(large=False))
    assert len({(case.kind, case.name) for case in cases}) == len(cases)
    for kind in KINDS:
        labels = [case.refuse for case in cases if case.kind == kind]
        assert labels.count(True) >= 30
        assert labels.count(False) >= 10


def hang(kind: str, path: str) -> str:
    while True:
        pass


def crash(kind: str, path: str) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def stumble(kind: str, path: str) -> str:
    return f"FAULT {1 / 2}"


@pytest.mark.parametrize(
    ("broken", "hang_s", "outcome"), [(hang, 0.5, "HANG"), (crash, 60, "CRASH SIGKILL"), (stumble, 60, "FAULT 0.5")]
)
def test_a_broken_reader_is_noticed(
    monkeypatch: pytest.MonkeyPatch, broken: object, hang_s: float, outcome: str
) -> None:
    monkeypatch.setattr(file_check_process, "outcome_of", broken)
    found = file_check_process.check_in_fork("picture", "nowhere", hang_s)
    assert found["outcome"] == outcome


def test_memory_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_check_process, "outcome_of", lambda kind, path: str(len(bytearray(700 << 20))))
    assert file_check_process.check_in_fork("picture", "nowhere", 60)["peak_mb"] > MAX_MB


def test_without_its_limits_the_reader_takes_what_it_must_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The labels are not true by themselves: with the list of formats gone, a playlist plays."""
    (tmp_path / "good.wav").write_bytes(good_files.good("sound", "wav"))
    (tmp_path / "list.wav").write_bytes(b"ffconcat version 1.0\nfile good.wav\n")
    assert file_check_process.outcome_of("sound", str(tmp_path / "list.wav")) == "invalid_audio"
    monkeypatch.setattr(probe, "MEDIA_FORMATS", f"{probe.MEDIA_FORMATS},concat")
    real = probe.av.open
    monkeypatch.setattr(probe.av, "open", lambda file, mode, **rest: real(file.name, mode, options={"safe": "0"}))
    assert file_check_process.outcome_of("sound", str(tmp_path / "list.wav")) == "accepted"


def test_a_wrong_verdict_is_told() -> None:
    from file_checks import FileCheck

    case = Case(name="a", kind="sound", content=b"", refuse=True)
    wrong = FileCheck(case=case, outcome="accepted", seconds=0.1, cpu_s=0.1, peak_mb=50)
    assert wrong.is_wrong
    assert not FileCheck(case=case, outcome="invalid_audio", seconds=0.1, cpu_s=0.1, peak_mb=50).is_wrong
