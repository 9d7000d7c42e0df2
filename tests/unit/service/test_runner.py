"""Inputs of an attempt, and errors where they cannot be fetched."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import sqlalchemy as sa
from service_parts import ServiceParts
from structlog.testing import capture_logs

from lipsmith.service.billing.plans import DEFAULT_PLANS
from lipsmith.service.errors import SourceUnreachable
from lipsmith.service.jobs.orders import Wanted
from lipsmith.service.jobs.runner import Fetch, JobRunner
from lipsmith.service.processes.pool import ChildPool, Limits


def attempts(service: ServiceParts, folder: Path, fetch: Fetch) -> JobRunner:
    pool = ChildPool(Limits(memory_mb=4096, cpu_s=60, file_mb=100), {}, folder)
    parts = (service.lifecycle, service.storage, service.assets, fetch, pool)
    return JobRunner(*parts, runner="w", timeout_s=60)


@pytest.mark.parametrize("plan", ["free", "business"])
def test_a_url_may_hold_as_much_as_the_account_may_upload(service: ServiceParts, tmp_path: Path, plan: str) -> None:
    asked = []

    def fetch(url: str, path: Path, max_bytes: int) -> None:
        asked.append((url, max_bytes))
        raise SourceUnreachable

    job = service.job(service.order(service.account(plan)))
    assert attempts(service, tmp_path, fetch).run(job)
    assert asked == [("https://example.org/a.png", DEFAULT_PLANS[plan].max_upload_bytes)]


class Tube:
    """Has every video, cut four seconds before what is wanted."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float, float | None]] = []

    def knows(self, url: str) -> bool:
        return "youtube" in url

    def fetch(self, url: str, path: Path, *, start_s: float, end_s: float | None, max_bytes: int) -> float:
        self.asked.append((url, start_s, end_s))
        path.write_bytes(b"video")
        return start_s - 4


TELL = """
import json, sys
spec = json.loads(sys.stdin.readline())
told = f"{spec['start_s']} to {spec['end_s']} of {open(spec['inputs']['video']).read()}"
print(json.dumps({"error": {"code": "told", "message": told}}), flush=True)
"""


@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")  # pipes of the dead
@pytest.mark.parametrize(("max_duration_s", "end_s"), [(None, 32.0), (60.0, 90.0)])
def test_of_a_video_elsewhere_only_a_part_comes(
    service: ServiceParts, tmp_path: Path, max_duration_s: float | None, end_s: float
) -> None:
    account, tube = service.account(), Tube()
    url = "https://www.youtube.com/watch?v=aaaaaaaaaaa"
    wanted = Wanted(text=url, kind="video", field="video", needs_extension=False)
    window = {"start_s": 30.0, "end_s": 32.0, "max_duration_s": max_duration_s}
    project = service.order(account, kind="lip_sync", inputs={"video": wanted}, **window)
    pool = ChildPool(Limits(memory_mb=4096, cpu_s=60, file_mb=100), {}, tmp_path, program=("-c", TELL))
    parts = (service.lifecycle, service.storage, service.assets, nothing_else, pool)
    assert JobRunner(*parts, runner="w", timeout_s=60, videos=tube).run(service.job(project))
    pool.close()
    error = service.projects.show(account.id, project.id).error
    assert error is not None
    assert (error.code, error.message) == ("told", "4.0 to 6.0 of video")
    assert tube.asked == [(url, 30.0, end_s)]


REPORTS = """
import json, shutil, sys
spec = json.loads(sys.stdin.readline())
shutil.copy(spec["inputs"]["image"], spec["out"] + "/video.mp4")
print(json.dumps({"result": {"files": ["video.mp4"], **REPORTED}}), flush=True)
"""
TRUE = {"frames": 12, "fps": 25.0, "width": 64, "height": 48}


@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")  # pipes of the dead
@pytest.mark.parametrize(
    ("reported", "cost"),
    [
        (TRUE, 12),
        (TRUE | {"frames": 0}, None),
        (TRUE | {"frames": 1}, None),
        (TRUE | {"frames": 1000}, None),
        (TRUE | {"fps": None}, None),
        (TRUE | {"width": 640}, None),
        (TRUE | {"files": []}, None),
        (TRUE | {"files": ["video.mp4", "video.mp4"]}, None),
    ],
)
def test_frames_are_counted_and_not_believed(
    service: ServiceParts, tmp_path: Path, reported: dict[str, object], cost: int | None
) -> None:
    def fetch(url: str, path: Path, max_bytes: int) -> None:
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for number in range(12):
                frame = np.full((48, 64, 3), number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())

    account = service.account()
    project = service.order(account)
    program = ("-c", REPORTS.replace("REPORTED", repr(reported)))
    pool = ChildPool(Limits(memory_mb=4096, cpu_s=60, file_mb=100), {}, tmp_path, program=program)
    parts = (service.lifecycle, service.storage, service.assets, fetch, pool)
    assert JobRunner(*parts, runner="w", timeout_s=60).run(service.job(project))
    pool.close()
    shown = service.projects.show(account.id, project.id)
    assert shown.state == ("error" if cost is None else "complete")
    assert service.accounts.balance(account.id) == 1000 - (cost or 0)


class ReadOnly(Exception):
    sqlstate = "25006"


@pytest.mark.parametrize("step", ["begin", "fail", "is_wanted"])
@pytest.mark.parametrize(
    "fault",
    [sa.exc.InternalError("update", {}, ReadOnly()), sa.exc.TimeoutError("the pool is empty")],
    ids=["read-only", "no connection"],
)
def test_a_database_that_is_away_for_a_moment_costs_no_job(
    service: ServiceParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, fault: Exception
) -> None:
    """A failover makes PostgreSQL read-only for seconds; a stalled one exhausts the pool."""
    whole, failures = getattr(service.lifecycle, step), [fault, fault]

    def failing(*arguments: object) -> object:
        if failures:
            raise failures.pop()
        return whole(*arguments)

    monkeypatch.setattr(service.lifecycle, step, failing)
    account = service.account()
    project = service.order(account)
    slow = "import sys, time; sys.stdin.readline(); time.sleep(1); print(%r, flush=True)"
    answer = '{"error": {"code": "told", "message": "told"}}'
    pool = ChildPool(Limits(memory_mb=4096, cpu_s=60, file_mb=100), {}, tmp_path, program=("-c", slow % answer))
    parts = (service.lifecycle, service.storage, service.assets, lambda url, path, most: path.touch(), pool)
    assert JobRunner(*parts, runner="w", timeout_s=60).run(service.job(project))
    pool.close()
    assert failures == []
    shown = service.projects.show(account.id, project.id)
    assert (shown.state, shown.error and shown.error.code) == ("error", "told")
    assert service.accounts.balance(account.id) == 1000


def nothing_else(url: str, path: Path, max_bytes: int) -> None:
    raise AssertionError(url)


def test_why_a_url_was_not_reached_is_for_the_log_alone(service: ServiceParts, tmp_path: Path) -> None:
    def fetch(url: str, path: Path, max_bytes: int) -> None:
        raise SourceUnreachable from OSError("10.0.0.1 may not be asked")

    account = service.account()
    project = service.order(account)
    with capture_logs() as lines:
        attempts(service, tmp_path, fetch).run(service.job(project))
    [failed] = [line for line in lines if line["event"] == "failed"]
    assert failed["why"] == "10.0.0.1 may not be asked"
    shown = service.projects.show(account.id, project.id)
    assert shown.state == "error"
    assert shown.error is not None
    assert (shown.error.code, shown.error.message) == ("source_unreachable", SourceUnreachable().message)
    assert service.accounts.balance(account.id) == 1000
