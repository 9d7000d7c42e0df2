"""Several processes share the work over PostgreSQL: none is lost when one of them dies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from databases import fresh
from factories import SENTENCE, write_speech
from servers import COMMAND, Server

SECRET = "one secret for all of these machines"


@pytest.fixture
def shared(postgres: str) -> Iterator[str]:
    """The URL of an empty database."""
    with fresh(postgres, f"workers_{os.getpid()}") as url:
        yield url


def test_a_job_outlives_the_worker_that_had_it(
    running: Callable[..., Server], shared: str, stock: Path, tmp_path: Path
) -> None:
    environment = {"LIPSMITH_DATABASE_URL": shared, "LIPSMITH_SECRET_KEY": SECRET}
    server = running("--workers", "0", **environment)
    write_speech(stock / "long.wav", f"{SENTENCE} " * 8)
    body = {
        "assets": {
            "image_file_path": server.upload(stock / "portrait.png", "image"),
            "audio_file_path": server.upload(stock / "long.wav", "audio"),
        },
        "start_seconds": 0,
        "end_seconds": 8,
    }
    before = server.client.get("/v1/account").json()["credits"]
    project = server.client.post("/v1/ai-talking-photo", json=body).json()["id"]
    command = [COMMAND, "worker", "--data-dir", str(server.data_dir), "--workers", "1"]
    with (tmp_path / "workers.log").open("w") as log:
        workers = [
            subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=log)
            for _ in range(2)
        ]
        try:
            server.wait(project, "rendering")
            owner = _owner(shared)
            for worker in workers:
                if _has(worker, owner):
                    worker.send_signal(signal.SIGKILL)
            died = time.monotonic()
            shown = server.finished(project)
            assert shown["status"] == "complete", (tmp_path / "workers.log").read_text()
            assert time.monotonic() - died < 60
        finally:
            for worker in workers:
                worker.terminate()
            codes = sorted(worker.wait(timeout=30) for worker in workers)
    assert codes == [-signal.SIGKILL, 0]
    assert server.client.get("/v1/account").json()["credits"] == before - shown["credits_charged"]
    assert shown["credits_charged"] == 384


def _owner(url: str) -> str:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as conn:
        owner = str(conn.scalar(sa.text("SELECT worker FROM jobs")))
    engine.dispose()
    return owner


def _has(worker: subprocess.Popen[bytes], owner: str) -> bool:
    """Whether that process is the worker of that name: its name ends with the id of its process."""
    return owner.endswith(f"-{worker.pid}")
