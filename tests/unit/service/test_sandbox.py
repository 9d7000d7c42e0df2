"""Limits of a child process, tried by one; each probe also detects a guard that is switched off."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from lipsmith.service.processes import pool, sandbox
from lipsmith.service.processes.messages import NOTHING, Answer, Task
from lipsmith.service.processes.pool import Child, Limits
from lipsmith.service.processes.sandbox import Guards

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have the limits alone, and say so")

HERE = Path(__file__).parent
LIMITS = Limits(memory_mb=2000, cpu_s=1, file_mb=2)
ALL = "network,files,calls,limits,processes,rights"


@pytest.fixture(scope="module")
def here() -> Guards:
    """Guards that this machine offers."""
    return sandbox.probe_guards()


@pytest.fixture
def port() -> Iterator[int]:
    """Somebody who listens on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def run(folder: Path, kind: str, *arguments: str, program: str = "probe_process.py", **options: Any) -> Answer:
    """The last answer of a child; `NOTHING` if it ended without one."""
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    limits = Limits(memory_mb=4096, cpu_s=60, file_mb=100) if program == "probe_child.py" else LIMITS
    child = Child(limits, environment, folder / "child", program=(str(HERE / program), *arguments))
    try:
        child.send(Task(kind=kind, inputs={}, out="", options=options))
        return [NOTHING, *(answer for answer in child.answers(every_s=0.5) if answer is not NOTHING)][-1]
    finally:
        child.kill()


def worked(folder: Path, probe: str, without: str = "", **options: Any) -> bool:
    """Run a probe in a child process, and return its success."""
    return has_worked(run(folder, probe, f"--without={without}", **options))


def has_worked(answer: Answer) -> bool:
    assert answer.result is not None, answer
    return not answer.result.warnings


def needs(guards: Guards, **wanted: object) -> None:
    """Skips where this machine cannot do that; `lipsmith doctor` says so there."""
    for name, least in wanted.items():
        if getattr(guards, name) < least:
            pytest.skip(f"this system's sandbox is {guards}")


@pytest.mark.parametrize("kept", ["network", "files", "calls"])
def test_each_of_three_guards_alone_keeps_the_network_away(tmp_path: Path, here: Guards, port: int, kept: str) -> None:
    if kept == "network" and here.network != "namespace":
        pytest.skip("no namespaces here")
    needs(here, **({"files": 4} if kept == "files" else {"calls": True} if kept == "calls" else {}))
    others = ",".join({"network", "files", "calls"} - {kept})
    assert not worked(tmp_path / "guarded", "connect", others, port=port)
    assert worked(tmp_path / "twin", "connect", "network,files,calls", port=port)


def test_no_socket_of_any_family(tmp_path: Path, here: Guards) -> None:
    needs(here, calls=True)
    assert not worked(tmp_path / "guarded", "sockets")
    assert worked(tmp_path / "twin", "sockets", "calls")


@pytest.mark.parametrize("probe", ["read", "write", "list"])
def test_no_file_outside(tmp_path: Path, here: Guards, probe: str) -> None:
    needs(here, files=1)
    place = tmp_path / "other-job"
    place.mkdir()
    (place / "secret").write_text("secret")
    path = str(place if probe == "list" else place / "secret")
    assert not worked(tmp_path / "guarded", probe, path=path)
    assert (place / "secret").read_text() == "secret"
    assert worked(tmp_path / "twin", probe, "files", path=path)


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/hostname", str(Path.home())])
def test_nothing_of_the_system_but_libraries(tmp_path: Path, here: Guards, path: str) -> None:
    needs(here, files=1)
    probe = "list" if Path(path).is_dir() else "read"
    assert not worked(tmp_path / "guarded", probe, path=path)
    assert worked(tmp_path / "twin", probe, "files", path=path)


def test_a_link_to_the_outside_leads_nowhere(tmp_path: Path, here: Guards) -> None:
    needs(here, files=1)
    (tmp_path / "secret").write_text("secret")
    for number, path in enumerate([f"/proc/self/root{tmp_path}/secret", f"/proc/self/cwd/../../../{tmp_path}/secret"]):
        assert not worked(tmp_path / f"guarded{number}", "read", path=path)
    assert worked(tmp_path / "twin", "read", "files", path=f"/proc/self/root{tmp_path}/secret")


def test_its_own_folder_is_open_to_it(tmp_path: Path) -> None:
    assert worked(tmp_path, "write within")


@pytest.mark.parametrize(
    ("probe", "least", "without"),
    [
        ("run own program", 1, "files,calls"),
        ("read the parent's secrets", 1, "files,network,rights"),
        ("signal the parent", 6, "files,calls"),
    ],
)
def test_what_landlock_refuses_besides(tmp_path: Path, here: Guards, probe: str, least: int, without: str) -> None:
    needs(here, files=least)
    assert not worked(tmp_path / "guarded", probe)
    assert worked(tmp_path / "twin", probe, without)


@pytest.mark.parametrize(("probe", "without"), [("trace", "calls"), ("limits of the parent", "calls,network,rights")])
def test_calls_that_no_decoder_needs(tmp_path: Path, here: Guards, probe: str, without: str) -> None:
    needs(here, calls=True)
    assert not worked(tmp_path / "guarded", probe)
    assert worked(tmp_path / "twin", probe, without)


@pytest.mark.parametrize(
    "probe",
    ["mode", "times", "symbolic link", "hard link", "pipe", "watch folders", "session", "priority", "processors"],
)
def test_calls_that_would_reach_beyond_the_job(tmp_path: Path, here: Guards, probe: str) -> None:
    needs(here, calls=True)
    assert not worked(tmp_path / "guarded", probe)
    assert worked(tmp_path / "twin", probe, ALL)


def test_signals_to_others_are_refused_without_landlock_too(tmp_path: Path, here: Guards) -> None:
    needs(here, calls=True)
    assert not worked(tmp_path / "guarded", "signal any process", "files,network,rights")
    assert worked(tmp_path / "twin", "signal any process", ALL)


@pytest.mark.parametrize("probe", ["memory", "large file", "many files"])
def test_limits(tmp_path: Path, probe: str) -> None:
    assert not worked(tmp_path / "guarded", probe)
    assert worked(tmp_path / "twin", probe, "limits")


@pytest.mark.slow
def test_processor_time_ends(tmp_path: Path) -> None:
    assert run(tmp_path / "guarded", "processor") is NOTHING
    assert worked(tmp_path / "twin", "processor", "limits")


def test_rights_of_root_are_given_up(tmp_path: Path) -> None:
    assert not worked(tmp_path / "guarded", "rights")
    assert os.getuid() != 0 or worked(tmp_path / "twin", "rights", "rights")


def test_processes_are_counted(here: Guards) -> None:
    if here.network != "namespace":
        pytest.skip("without a namespace the system counts all processes of the user")
    options = ["--as-nobody"] if os.getuid() == 0 else []  # the system does not count those of root
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        for folder, without, expected in (
            (Path(name) / "guarded", "", False),
            (Path(name) / "twin", "processes,limits", True),
        ):
            answer = run(folder, "many threads", f"--without={without}", *options)
            assert has_worked(answer) is expected, answer


@pytest.mark.slow
def test_the_rendering_process_itself_is_locked_in(tmp_path: Path, here: Guards, port: int) -> None:
    if here.network == "none":
        pytest.skip(f"this system's sandbox is {here}")
    answer = run(tmp_path, "call home", port=port, program="probe_child.py")
    assert answer.error is not None
    assert answer.error.code == "failed"


@pytest.mark.slow
def test_too_little_memory_is_told(tmp_path: Path) -> None:
    answer = run(tmp_path, "hog", program="probe_child.py")
    assert answer.error is not None
    assert answer.error.code == "processing_failed"


def test_what_is_lacking_is_said_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_reported", set())
    with capture_logs() as lines:
        assert worked(tmp_path / "without", "write within", ALL)
        assert worked(tmp_path / "again", "write within", ALL)
    warnings = [line["why"] for line in lines if line["event"] == "sandbox incomplete"]
    assert ["network" in warnings[0], "Landlock" in warnings[1], "seccomp" in warnings[2]] == [True, True, True]
    assert len(warnings) == 3
    assert "network: none; files: not restricted; calls: not filtered" in lines[0]["guards"]


def test_nothing_is_lacking_where_all_guards_are() -> None:
    assert Guards(network="seccomp", calls=True, files=1, processes=False).missing == ()


@pytest.mark.parametrize(("level", "missing"), [("full", ["Landlock", "seccomp"]), ("network", []), ("off", [])])
def test_each_level_needs_its_own_guards(level: sandbox.SandboxLevel, missing: list[str]) -> None:
    said = Guards(network="namespace", calls=False, files=0, processes=True).missing_for(level)
    assert [word in sentence for word, sentence in zip(missing, said, strict=True)] == [True] * len(missing)
    assert len(Guards(network="none", calls=False, files=0, processes=False).missing_for("network")) == 1


def test_places_through_which_a_secret_could_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests add their own folder, which may hold the environment.
    monkeypatch.setattr(sys, "path", [place for place in sys.path if not Path(sys.prefix).is_relative_to(place or ".")])
    assert sandbox.exposing_place(tmp_path / "data") is None
    assert sandbox.exposing_place(tmp_path / "voices" / "data", [tmp_path / "voices"]) == tmp_path / "voices"
    assert sandbox.exposing_place(Path(sys.prefix) / "lib" / "data") is not None
    assert sandbox.exposing_place(Path(sys.prefix) / "data") is None
    (tmp_path / "link").symlink_to("/usr/share")
    assert sandbox.exposing_place(tmp_path / "link") is not None


def test_a_trial_does_not_take_the_guards_word_for_it(here: Guards) -> None:
    """`probe_guards` opens a socket and a folder itself; what it finds open counts as open."""
    assert here.files == 0 or here.network != "none" or not here.calls
    assert sandbox._works(lambda: os.listdir("/"))
    assert sandbox._works(sandbox._reach_this_machine)
