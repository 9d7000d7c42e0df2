"""Servers are killed at every named point, on both databases; nothing is lost, charged twice, or lying about.

Each seed is one life of a data folder: servers die in it one after the other, at each point once, in an order of its
own, while callers go on asking. The whole lane has one life on each database, with half of the points in each; the
release lane has 25 lives on each database, with all points.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from databases import fresh
from dying_server import POINTS, Point
from lanes import LANE, amount
from ledger_checks import check_ledger
from lipsmith.database.connection import Database
from lipsmith.database.tables import jobs
from lipsmith.service.jobs.lifecycle import MAX_LOST
from local_hosts import ALLOWED, LocalHost, check_signature, local_host, wait_until
from servers import TIMEOUT_S, NoServer, Server

SEEDS = amount("SEEDS", whole=1, release=25)
DATABASES = ("sqlite", "postgres")
LIVES = list(product(DATABASES, range(SEEDS)))
GRANTED = 70_000
BEFORE_RENDERING = ("charged", "created")


@pytest.fixture(params=DATABASES)
def environment(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Environment that chooses the server's database."""
    quiet = {"LIPSMITH_LOG_LEVEL": "warning"}
    if request.param == "sqlite":
        yield quiet
        return
    name = f"faults_{os.getpid()}_{abs(hash(request.node.name))}"
    with fresh(request.getfixturevalue("postgres"), name) as url:
        yield quiet | {"LIPSMITH_DATABASE_URL": url}


def database_of(environment: Mapping[str, str], data_dir: Path) -> str:
    return environment.get("LIPSMITH_DATABASE_URL", f"sqlite:///{data_dir / 'lipsmith.db'}")


def has_died(server: Server) -> bool:
    """Wait for the kill at its point. Raises AssertionError with the log of a server that lives on."""
    try:
        return server.process.wait(timeout=TIMEOUT_S) == -signal.SIGKILL
    except subprocess.TimeoutExpired:
        raise AssertionError(server.log.read_text()) from None


def told(receiver: LocalHost) -> set[str]:
    """The projects of which it has received."""
    return {json.loads(received.body)["payload"]["id"] for received in receiver.at("/hook")}


def asked(server: Server, body: Mapping[str, Any], key: str) -> httpx.Response:
    return server.client.post("/v1/ai-talking-photo", json=body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize(("environment", "seed"), LIVES, indirect=["environment"])
def test_a_life_of_sudden_deaths(
    request: pytest.FixtureRequest,
    seed: int,
    running: Callable[..., Server],
    environment: dict[str, str],
    stock: Path,
    tmp_path: Path,
) -> None:
    with local_host() as receiver:
        environment["LIPSMITH_FETCH_ALLOW"] = ALLOWED
        receiver.statuses["/hook"] = [500, 404]
        chance = random.Random(seed)
        points = chance.sample(POINTS, len(POINTS))
        if LANE != "release":
            points = points[DATABASES.index(request.node.callspec.params["environment"]) :: len(DATABASES)]
        live(points, chance, running, environment, stock, tmp_path, receiver)


def live(
    points: Sequence[Point],
    chance: random.Random,
    running: Callable[..., Server],
    environment: dict[str, str],
    stock: Path,
    tmp_path: Path,
    receiver: LocalHost,
) -> None:
    orders: dict[str, dict[str, Any]] = {}
    environment["LIPSMITH_MAX_ATTEMPTS"] = "99"  # one job may meet many deaths
    key = ""
    for point in points:
        workers = "0" if point in BEFORE_RENDERING else "2"  # another number would have to wait for the dead one's end
        try:
            dying = running("--concurrency", workers, key=key, dies_at=point, **environment)
        except NoServer as none:  # it met the point at an older order, before it could say where it serves
            assert none.args[0] == -signal.SIGKILL, none
            continue
        if not key:
            secret = dying.admin("webhook", "add", f"{receiver.url}/hook", "--event", "video.completed")["secret"]
        key = dying.key
        with suppress(httpx.TransportError):  # it may die before it answers, or before it is asked
            body = dying.photo_order(stock, chance.choice((0.2, 0.4)))
            orders[point] = body
            taken = asked(dying, body, point)
            assert taken.status_code == 200, taken.text
        assert has_died(dying), point
    last = running(key=key, **environment)
    found = {}
    for name, body in orders.items():
        again = asked(last, body, name)
        assert again.status_code == 200, again.text
        found[name] = again.json()["id"]
    assert len(set(found.values())) == len(orders)
    videos: dict[float, bytes] = {}
    for name, project in found.items():
        shown = last.finished(project)
        assert (shown["status"], shown["error"]) == ("complete", None), points
        assert shown["credits_charged"] == 2 * round(25 * orders[name]["end_seconds"])
        video = httpx.get(shown["download"]["url"])
        assert video.status_code == 200
        assert videos.setdefault(orders[name]["end_seconds"], video.content) == video.content
    wait_until(lambda: set(found.values()) <= told(receiver))
    for received in receiver.at("/hook"):
        check_signature(received, secret)
    assert last.stop() == 0
    assert list((tmp_path / "data" / "work").glob("*/")) == []  # also what the dead had there
    costs = check_ledger(database_of(environment, tmp_path / "data"), tmp_path / "data", granted=GRANTED, killed=True)
    assert set(costs) == set(found.values())


@pytest.mark.parametrize("environment", ["sqlite", pytest.param("postgres", marks=pytest.mark.release)], indirect=True)
def test_servers_that_die_cost_no_attempt_but_a_job_that_kills_every_server_fails_in_the_end(
    running: Callable[..., Server], environment: dict[str, str], stock: Path, tmp_path: Path
) -> None:
    def attempts() -> tuple[int, int]:
        with engine.connect() as conn:
            [row] = conn.execute(sa.select(jobs.c.attempt, jobs.c.max_attempts)).all()
        return row.attempt, row.max_attempts

    key, project = "", ""
    for _ in range(2):
        dying = running(key=key, dies_at="rendered", **environment)
        key = dying.key
        project = project or asked(dying, dying.photo_order(stock, 0.2), "once").json()["id"]
        assert has_died(dying)
    engine = sa.create_engine(Database(database_of(environment, dying.data_dir)).engine.url)
    attempt, most = attempts()
    assert (attempt, most) == (2, 4), "two attempts, one of which is known to be lost"
    with engine.begin() as conn:  # as if many more servers had died
        conn.execute(jobs.update().values(attempt=MAX_LOST - 1, max_attempts=MAX_LOST))
    with suppress(NoServer):  # it may die before it says that it serves
        assert has_died(running(key=key, dies_at="rendered", **environment))
    last = running(key=key, dies_at="rendered", **environment)
    shown = last.finished(project)
    assert (shown["status"], shown["error"]["code"], shown["credits_charged"]) == ("error", "processing_failed", 0)
    assert last.stop() == 0
    engine.dispose()
    assert check_ledger(database_of(environment, last.data_dir), last.data_dir, granted=GRANTED) == {project: 0}


@pytest.mark.parametrize("environment", ["postgres"], indirect=True)
def test_a_full_disk_fails_cleanly(
    running: Callable[..., Server], environment: dict[str, str], stock: Path, tmp_path: Path
) -> None:
    server = running(**environment)
    body = server.photo_order(stock, 1.0)
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4000, before[1]))  # as if nothing more went in
    [item] = server.client.post(
        "/v1/files/upload-urls", json={"items": [{"type": "audio", "extension": "wav"}]}
    ).json()["items"]
    refused = httpx.put(item["upload_url"], content=b"x" * 100_000)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    shown = server.finished(asked(server, body, "full").json()["id"])
    assert (shown["status"], shown["error"]["code"], shown["credits_charged"]) == ("error", "storage_failed", 0)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
    assert server.finished(asked(server, body, "room again").json()["id"])["status"] == "complete"
    assert server.stop() == 0
    costs = check_ledger(environment["LIPSMITH_DATABASE_URL"], server.data_dir, granted=GRANTED)
    assert sorted(costs.values()) == [0, 48]


def test_a_video_larger_than_allowed_fails_cleanly(running: Callable[..., Server], tmp_path: Path, stock: Path) -> None:
    server = running(LIPSMITH_RENDER_FILE_MB="1", LIPSMITH_LOG_LEVEL="error")
    noise = np.random.default_rng(1).integers(0, 255, (1600, 1600, 3), np.uint8)
    with Image.open(stock / "portrait.png") as portrait:
        noise[600:920, 600:920] = np.asarray(portrait)
    Image.fromarray(noise).save(tmp_path / "noisy.png")
    body = server.photo_order(stock, 0.4)
    body["assets"]["image_file_path"] = server.upload(tmp_path / "noisy.png", "image")
    project = asked(server, body, "large").json()["id"]
    shown = server.finished(project)
    assert (shown["status"], shown["credits_charged"]) == ("error", 0)
    assert server.stop() == 0
    data_dir = server.data_dir
    assert check_ledger(f"sqlite:///{data_dir / 'lipsmith.db'}", data_dir, granted=GRANTED) == {project: 0}
