"""One try at a job: brings its inputs together, has a child render, stores the result, and says how it went."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import stamina
import structlog

from lipsmith.errors import Cancelled, LipsmithError
from lipsmith.service.errors import ProcessingError, RenderingTooSlow, SourceUnreachable
from lipsmith.service.jobs.lifecycle import Attempt, Lifecycle
from lipsmith.service.jobs.orders import OUTPUTS
from lipsmith.service.network.assets import Assets
from lipsmith.service.network.youtube import Videos
from lipsmith.service.processes.pool import Child, ChildPool, result_file
from lipsmith.service.project import Failure
from lipsmith.storage.contract import Storage, put_file
from lipsmith.storage.errors import StorageFailed

log = structlog.get_logger("lipsmith.worker")

LOOK_S = 0.25
"""How often a running job looks whether it is still wanted."""
REPORT_S = 1.0
"""How often it writes down how far it is."""
VIDEO_SHARE = 0.9
"""Part of the whole that rendering frames takes; the steps before share the rest."""

T = TypeVar("T")
Fetch = Callable[[str, Path, int], None]
"""Brings what is at a URL to a path, at most so many bytes. Raises LipsmithError."""


class _Draining(Exception):
    """This process has to stop."""


class _ChildDied(Exception):
    """The child ended without an answer."""


class JobRunner:
    """Runs jobs, one after the other in each thread that calls."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        storage: Storage,
        assets: Assets,
        fetch: Fetch,
        pool: ChildPool,
        *,
        worker: str,
        timeout_s: float,
        videos: Videos | None = None,
    ) -> None:
        self._lifecycle, self._storage, self._assets = lifecycle, storage, assets
        self._fetch, self._pool = fetch, pool
        self._worker, self._timeout_s = worker, timeout_s
        self._videos = videos
        self.draining = threading.Event()
        """Once set, running children are killed and their jobs wait again."""

    def run(self, job: str) -> bool:
        """Tries until the job is done, failed, canceled, or was tried too often. Raises nothing.

        False where this process has to stop: the job waits for another.
        """
        while (attempt := self._sure(lambda: self._lifecycle.begin(job, self._worker))) is not None:
            log.info("rendering", job=job, project=attempt.project, attempt=attempt.number)
            try:
                self._try(attempt)
            except _ChildDied as death:
                log.warning("the rendering process broke off", job=job, why=str(death))
                continue
            except _Draining:
                self._sure(lambda: self._lifecycle.requeue(attempt))
                log.info("put back", job=job)
                return False
            return True
        return True

    def _try(self, attempt: Attempt) -> None:
        folder = self._pool.folder / f"{attempt.job}-{attempt.number}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
            result = self._make(attempt, folder)
        except Cancelled:
            log.info("canceled", job=attempt.job)
        except LipsmithError as error:
            failure = Failure(code=error.code, message=error.message)
            log.info("failed", job=attempt.job, code=error.code, **_why(error))
            self._sure(lambda: self._lifecycle.fail(attempt, failure))
        except (_ChildDied, _Draining):
            raise
        except Exception as error:  # whatever it is, nobody may wait for ever
            told = StorageFailed() if isinstance(error, OSError) else ProcessingError()
            failure = Failure(code=told.code, message=told.message)
            log.error("failed", job=attempt.job, code=told.code, exc_info=error)
            self._sure(lambda: self._lifecycle.fail(attempt, failure))
        else:
            self._complete(attempt, result)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _make(self, attempt: Attempt, folder: Path) -> dict[str, Any]:
        inputs, begins_s = self._bring(attempt, folder)
        out = folder / "out"
        out.mkdir()
        result = dict(self._render(attempt, inputs, out, begins_s))
        result["keys"] = []
        for name in result.pop("files"):
            key = self._key(attempt, name)
            put_file(self._storage, key, result_file(out, name))
            result["keys"].append(key)
        return result

    def _key(self, attempt: Attempt, name: str) -> str:
        """Each try has keys of its own, so that a late one never touches what another made."""
        if attempt.kind == "face_detection":
            return f"{self._assets.names.folder}{attempt.project}-{attempt.number}/{name}"  # to be used as an input
        extension = name.rpartition(".")[2]
        return f"{OUTPUTS}{attempt.project}/{attempt.number}/{attempt.project}.{extension}"

    def _bring(self, attempt: Attempt, folder: Path) -> tuple[dict[str, str], float]:
        """Role -> path of the input, in the job's own folder; and the time at which a video begins that was cut."""
        paths = {}
        begins_s = 0.0
        for role, source in attempt.params["inputs"].items():
            path = folder / f"{role}.{source['extension']}"
            if source["key"]:
                self._storage.seal(source["key"])  # is sealed, but for a server that died right after it took the order
                self._storage.copy_to(source["key"], path)
            elif role == "video" and self._videos and self._videos.knows(source["url"]):
                begins_s = self._bring_part(self._videos, source["url"], path, attempt)
            else:
                self._fetch(source["url"], path, attempt.plan.max_upload_bytes)
            paths[role] = str(path)
        return paths, begins_s

    def _bring_part(self, videos: Videos, url: str, path: Path, attempt: Attempt) -> float:
        """What is wanted of a video; the time at which the file begins."""
        start_s, end_s = attempt.params["start_s"], attempt.params["end_s"]
        if attempt.params["longest_s"] is not None:  # nobody knows yet how much of it will be needed
            end_s = start_s + attempt.params["longest_s"]
        return videos.bring(url, path, start_s=start_s, end_s=end_s, max_bytes=attempt.plan.max_upload_bytes)

    def _render(self, attempt: Attempt, inputs: Mapping[str, str], out: Path, begins_s: float) -> Mapping[str, Any]:
        params = attempt.params
        child = self._pool.take()
        try:
            with child.holding(out.parent) as inside:
                spec = {
                    "kind": attempt.kind,
                    "inputs": {role: str(inside / Path(path).name) for role, path in inputs.items()},
                    "out": str(inside / out.name),
                    "start_s": max(0.0, params["start_s"] - begins_s),
                    "end_s": params["end_s"] - begins_s,
                    "begins_s": begins_s,
                    "longest_s": params["longest_s"],
                    "options": params["options"],
                }
                child.send(spec)
                return self._watch(attempt, child)
        finally:
            child.kill()
            if not self.draining.is_set():
                self._pool.warm()

    def _watch(self, attempt: Attempt, child: Child) -> Mapping[str, Any]:
        deadline = time.monotonic() + self._timeout_s
        looked = reported = time.monotonic()
        drawing = False
        for answer in child.answers(every_s=LOOK_S):
            now = time.monotonic()
            if "result" in answer:
                return dict(answer["result"])
            if "error" in answer:
                raise _told(answer["error"])
            if self.draining.is_set():
                raise _Draining
            if now > deadline:
                raise RenderingTooSlow()
            if first := not drawing and _is_drawn(answer):
                drawing = True
                log.info("first frame", job=attempt.job, project=attempt.project)
            if "progress" in answer and (first or now - reported >= REPORT_S):
                reported = looked = now
                self._report(attempt, answer["progress"])
            elif now - looked >= LOOK_S:
                looked = now
                self._check(attempt)
        self._check(attempt)
        raise _ChildDied(child.last_words)

    def _check(self, attempt: Attempt) -> None:
        with suppress(sa.exc.OperationalError):  # the database is away for a moment: go on
            if not self._lifecycle.is_wanted(attempt):
                raise Cancelled()

    def _report(self, attempt: Attempt, told: Mapping[str, Any]) -> None:
        fraction, stage, left_s = _fraction(told), told["stage"], told["left_s"]
        with suppress(sa.exc.OperationalError):
            if not self._lifecycle.report(attempt, progress=fraction, stage=stage, left_s=left_s):
                raise Cancelled()

    def _complete(self, attempt: Attempt, result: Mapping[str, Any]) -> None:
        def adopt(conn: sa.Connection) -> None:
            if attempt.kind == "face_detection":
                for key in result["keys"]:
                    self._assets.adopt(conn, attempt.account, key, "image")

        if self._sure(lambda: self._lifecycle.complete(attempt, result, adopt)):
            log.info("complete", job=attempt.job, frames=result.get("frames"))
        else:
            for key in result["keys"]:
                self._storage.delete(key)

    def _sure(self, step: Callable[[], T]) -> T:
        """Does a step of the lifecycle, however long the database is away."""
        for again in stamina.retry_context(on=sa.exc.OperationalError, attempts=None, timeout=None, wait_max=5.0):
            with again:
                return step()
        raise AssertionError("tried without end")


def _told(error: Mapping[str, str]) -> LipsmithError:
    told = LipsmithError(error["message"])
    told.code = error["code"]  # type: ignore[misc]  # the class stayed in the child
    return told


def _is_drawn(answer: Mapping[str, Any]) -> bool:
    """Whether there are frames by now."""
    told = answer.get("progress", {})
    return told.get("stage") == "video" and told["done"] > 0


def _why(error: LipsmithError) -> dict[str, str]:
    """What only the log may say: callers must not learn which addresses there are behind a refusal."""
    return {"why": str(error.__cause__)} if isinstance(error, SourceUnreachable) and error.__cause__ else {}


def _fraction(told: Mapping[str, Any]) -> float:
    if told["stage"] != "video":
        return 0.0
    return round(1 - VIDEO_SHARE + VIDEO_SHARE * told["done"] / max(1, told["total"]), 4)
