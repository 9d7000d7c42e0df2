"""Several processes share the work over PostgreSQL: nothing is lost or paid twice when one dies, freezes, or all lose
the database for a while."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from databases import fresh
from factories import SENTENCE, write_speech
from ledger_checks import check_ledger
from local_hosts import wait_until
from servers import COMMAND, Server

SECRET = "one secret for all of these machines"
GRANTED = 70_000
Runner = subprocess.Popen[bytes]


@pytest.fixture
def shared(postgres: str) -> Iterator[str]:
    """The URL of an empty database."""
    with fresh(postgres, f"workers_{os.getpid()}") as url:
        yield url


@pytest.fixture
def environment(shared: str) -> dict[str, str]:
    return {"LIPSMITH_DATABASE_URL": shared, "LIPSMITH_SECRET_KEY": SECRET}


@contextmanager
def workers(server: Server, environment: dict[str, str], count: int) -> Iterator[list[Runner]]:
    """So many processes that render one video at a time; their log lies beside the server's data folder."""
    command = [COMMAND, "runner", "--data-dir", str(server.data_dir), "--concurrency", "1"]
    with (server.data_dir.parent / "workers.log").open("w") as log:
        started = [
            subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=log)
            for _ in range(count)
        ]
        try:
            yield started
        finally:
            for worker in started:
                with suppress(ProcessLookupError):
                    worker.send_signal(signal.SIGCONT)
                worker.terminate()
            for worker in started:
                worker.wait(timeout=240)


def order(server: Server, stock: Path, seconds: float) -> str:
    write_speech(stock / "long.wav", f"{SENTENCE} " * 8)
    body = server.photo_order(stock, seconds, audio="long.wav")
    return str(server.client.post("/v1/ai-talking-photo", json=body).json()["id"])


def owner(url: str, among: list[Runner]) -> Runner:
    """Process id of the runner, which ends its name."""
    [name] = asked(url, "SELECT worker FROM jobs WHERE state = 'rendering'")
    return next(worker for worker in among if name.endswith(f"-{worker.pid}"))


def asked(url: str, query: str) -> list[str]:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as conn:
        found = list(conn.scalars(sa.text(query)))
    engine.dispose()
    return found


def test_a_job_outlives_the_worker_that_had_it(
    running: Callable[..., Server], environment: dict[str, str], shared: str, stock: Path
) -> None:
    server = running("--concurrency", "0", **environment)
    project = order(server, stock, 4.0)
    with workers(server, environment, 2) as both:
        server.wait(project, "rendering")
        dead = owner(shared, both)
        dead.kill()
        shown = server.finished(project)
    assert shown["status"] == "complete", (server.data_dir.parent / "workers.log").read_text()
    assert sorted(worker.returncode for worker in both) == [-signal.SIGKILL, 0]
    assert server.stop() == 0
    assert check_ledger(shared, server.data_dir, granted=GRANTED) == {project: 192}


@pytest.mark.parametrize(
    ("count", "why"),
    [("3", "--concurrency 1 here"), pytest.param("0", "does nothing", marks=pytest.mark.release)],
)
def test_a_worker_that_does_not_fit_the_others_says_so(
    running: Callable[..., Server], environment: dict[str, str], count: str, why: str
) -> None:
    server = running("--concurrency", "1", **environment)
    command = [COMMAND, "runner", "--data-dir", str(server.data_dir), "--concurrency", count]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=240)
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr
    assert server.client.get("/readyz").json()["slots"] == 1


def test_the_late_result_of_a_frozen_worker_is_refused(
    running: Callable[..., Server], environment: dict[str, str], shared: str, stock: Path
) -> None:
    server = running("--concurrency", "0", **environment)
    project = order(server, stock, 4.0)
    with workers(server, environment, 2) as both:
        server.wait(project, "rendering")
        frozen = owner(shared, both)
        frozen.send_signal(signal.SIGSTOP)  # its child goes on, so the result lies ready when it wakes up
        assert server.finished(project)["status"] == "complete"
        [other] = [worker for worker in both if worker is not frozen]
        other.terminate()
        other.wait(timeout=240)
        frozen.send_signal(signal.SIGCONT)
        after = order(server, stock, 0.4)
        assert server.finished(after)["status"] == "complete"  # it is well again, and through with the old one
    assert [worker.returncode for worker in both] == [0, 0]
    assert server.stop() == 0
    assert check_ledger(shared, server.data_dir, granted=GRANTED) == {project: 192, after: 20}
    videos = server.data_dir / "files" / "open" / "outputs" / project
    assert [path.name for path in videos.iterdir()] == ["2"]  # the second try's, and no other
    assert asked(shared, "SELECT state FROM jobs WHERE attempt = 2") == ["complete"]


@pytest.mark.skipif("LIPSMITH_TEST_DATABASE" in os.environ, reason="somebody else's database is not made to crash")
@pytest.mark.release
def test_a_job_outlives_restarts_of_the_database(
    running: Callable[..., Server], environment: dict[str, str], shared: str, stock: Path
) -> None:
    server = running("--concurrency", "1", **environment)
    project = order(server, stock, 4.0)
    server.wait(project, "rendering")
    for _ in range(3):
        crash(shared)
    assert until_back(server, project) == "complete"
    after = order(server, stock, 0.4)
    assert server.finished(after)["status"] == "complete"
    assert server.stop() == 0
    assert check_ledger(shared, server.data_dir, granted=GRANTED) == {project: 192, after: 20}


def crash(url: str) -> None:
    """Kill one of the database's own processes. The database then ends all others, repairs itself and starts again."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), pool_pre_ping=True)

    def is_killed() -> bool:
        with suppress(sa.exc.OperationalError), engine.connect() as conn:  # the last crash may still end connections
            victim = conn.scalar(sa.text("SELECT pg_backend_pid()"))
            os.kill(victim, signal.SIGKILL)
            with suppress(sa.exc.OperationalError):
                conn.execute(sa.text("SELECT 1"))
            return True
        return False

    def is_back() -> bool:
        with suppress(sa.exc.OperationalError), engine.connect():
            return True
        return False

    wait_until(is_killed)
    wait_until(is_back)
    engine.dispose()


def until_back(server: Server, project: str) -> str:
    """The project's final status; meanwhile the server may say that it cannot tell."""
    final: list[str] = []

    def is_final() -> bool:
        answer = server.client.get(f"/v1/video-projects/{project}")
        if answer.status_code == 200 and answer.json()["status"] in ("complete", "error"):
            final.append(answer.json()["status"])
        return bool(final)

    wait_until(is_final)
    return final[0]
