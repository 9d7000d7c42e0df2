"""Runner: fetch the inputs of a job, render in a child process, store the result, record the outcome."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
import stamina
import structlog

from lipsmith.database.connection import is_unavailable
from lipsmith.errors import Cancelled, LipsmithError
from lipsmith.media.mp4_boxes import InvalidMp4, read_video_track
from lipsmith.service.errors import ProcessingError, RenderingDied, RenderingTooSlow, SourceUnreachable
from lipsmith.service.jobs.lifecycle import Attempt, Lifecycle
from lipsmith.service.jobs.orders import OUTPUTS
from lipsmith.service.network.assets import Assets
from lipsmith.service.network.youtube import Videos
from lipsmith.service.processes.messages import ProgressReport, Task, TaskResult
from lipsmith.service.processes.pool import Child, ChildPool, result_file
from lipsmith.service.project import Failure, JobResult
from lipsmith.storage.contract import Storage, put_file
from lipsmith.storage.errors import StorageFailed

log = structlog.get_logger("lipsmith.runner")

POLL_S = 0.25
"""Interval at which a running job checks that it is not canceled."""
REPORT_S = 1.0
"""Interval at which it records progress."""
FPS_TOLERANCE = 0.1
"""Largest difference of a result's frame rate from the reported one, as a share: clips may have variable rates."""
VIDEO_SHARE = 0.9
"""Share of rendering frames in the progress of a job; all earlier stages together have the rest."""

T = TypeVar("T")
Fetch = Callable[[str, Path, int], None]
"""Downloads a URL to a path, up to a number of bytes. Raises LipsmithError."""


class _Draining(Exception):
    """This process stops."""


class _ChildDied(Exception):
    """The child process ended without a result."""


class JobRunner:
    """Run jobs; each calling thread runs one at a time."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        storage: Storage,
        assets: Assets,
        fetch: Fetch,
        pool: ChildPool,
        *,
        runner: str,
        timeout_s: float,
        videos: Videos | None = None,
    ) -> None:
        self._lifecycle, self._storage, self._assets = lifecycle, storage, assets
        self._fetch, self._pool = fetch, pool
        self._runner, self._timeout_s = runner, timeout_s
        self._videos = videos
        self.draining = threading.Event()
        """When set, running children are killed and their jobs put back."""

    def run(self, job: str) -> bool:
        """Run attempts until the job is final. Raises nothing.

        Return False if this process stops and the job is left to another runner.
        """
        while (attempt := self._with_retries(lambda: self._lifecycle.begin(job, self._runner))) is not None:
            log.info("rendering", job=job, project=attempt.project, attempt=attempt.number)
            try:
                self._run_attempt(attempt)
            except _ChildDied as death:
                log.warning("child process failed", job=job, why=str(death))
                continue
            except _Draining:
                self._with_retries(lambda: self._lifecycle.requeue(attempt))
                log.info("put back", job=job)
                return False
            return True
        return True

    def _run_attempt(self, attempt: Attempt) -> None:
        folder = self._pool.folder / f"{attempt.job}-{attempt.number}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
            result = self._render_and_store(attempt, folder)
        except Cancelled:
            log.info("canceled", job=attempt.job)
        except LipsmithError as error:
            failure = Failure(code=error.code, message=error.message)
            log.info("failed", job=attempt.job, code=error.code, **_why(error))
            self._with_retries(lambda: self._lifecycle.fail(attempt, failure))
        except (_ChildDied, _Draining):
            raise
        except Exception as error:  # a job must not stay open forever
            cause = StorageFailed() if isinstance(error, OSError) else ProcessingError()
            failure = Failure(code=cause.code, message=cause.message)
            log.error("failed", job=attempt.job, code=cause.code, exc_info=error)
            self._with_retries(lambda: self._lifecycle.fail(attempt, failure))
        else:
            self._complete(attempt, result)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _render_and_store(self, attempt: Attempt, folder: Path) -> JobResult:
        inputs, offset_s = self._fetch_inputs(attempt, folder)
        out = folder / "out"
        out.mkdir()
        made = self._render(attempt, inputs, out, offset_s)
        if attempt.kind in ("talking_photo", "lip_sync"):
            made = _counted(attempt, made, out)
        keys = []
        for name in made.files:
            key = self._key(attempt, name)
            put_file(self._storage, key, result_file(out, name))
            keys.append(key)
        return JobResult(
            keys=tuple(keys),
            frames=made.frames,
            fps=made.fps,
            width=made.width,
            height=made.height,
            duration_s=made.duration_s,
            warnings=made.warnings,
        )

    def _key(self, attempt: Attempt, name: str) -> str:
        """Return a key for a result. Each attempt has its own, so a late one never overwrites another's result."""
        if attempt.kind == "face_detection":
            return f"{self._assets.names.folder}{attempt.project}-{attempt.number}/{name}"  # usable as an input
        extension = name.rpartition(".")[2]
        return f"{OUTPUTS}{attempt.project}/{attempt.number}/{attempt.project}.{extension}"

    def _fetch_inputs(self, attempt: Attempt, folder: Path) -> tuple[dict[str, Path], float]:
        """Copy or download all inputs into ``folder``.

        Return their paths by role, and the time at which a partly downloaded video begins, in seconds.
        """
        paths = {}
        offset_s = 0.0
        for role, source in attempt.params.inputs.items():
            path = folder / f"{role}.{source.extension}"
            if source.key:
                self._storage.seal(source.key)  # needed only after a crash between transaction and seal
                self._storage.copy_to(source.key, path)
            elif role == "video" and self._videos and self._videos.knows(source.url or ""):
                offset_s = self._fetch_part(self._videos, source.url or "", path, attempt)
            else:
                self._fetch(source.url or "", path, attempt.plan.max_upload_bytes)
            paths[role] = path
        return paths, offset_s

    def _fetch_part(self, videos: Videos, url: str, path: Path, attempt: Attempt) -> float:
        """Download the needed part of a video. Return the time at which the file begins, in seconds."""
        params = attempt.params
        end_s = params.end_s if params.max_duration_s is None else params.start_s + params.max_duration_s
        max_bytes = attempt.plan.max_upload_bytes
        return videos.fetch(url, path, start_s=params.start_s, end_s=end_s, max_bytes=max_bytes)

    def _render(self, attempt: Attempt, inputs: Mapping[str, Path], out: Path, offset_s: float) -> TaskResult:
        params = attempt.params
        child = self._pool.take()
        try:
            with child.holding(out.parent) as inside:
                task = Task(
                    kind=attempt.kind,
                    inputs={role: str(inside / path.name) for role, path in inputs.items()},
                    out=str(inside / out.name),
                    options=params.options,
                    start_s=max(0.0, params.start_s - offset_s),
                    end_s=params.end_s - offset_s,
                    offset_s=offset_s,
                    max_duration_s=params.max_duration_s,
                )
                child.send(task)
                return self._watch(attempt, child)
        finally:
            child.kill()
            if not self.draining.is_set():
                self._pool.warm()

    def _watch(self, attempt: Attempt, child: Child) -> TaskResult:
        """Wait for the child's result, record progress, and enforce time limit and cancellation."""
        deadline = time.monotonic() + self._timeout_s
        checked = reported = measured = time.monotonic()
        has_frames = False
        for answer in child.answers(every_s=POLL_S):
            now = time.monotonic()
            if answer.result is not None:
                return answer.result
            if answer.error is not None:
                raise _error_of(answer.error)
            if self.draining.is_set():
                raise _Draining
            if now > deadline:
                raise RenderingTooSlow()
            progress = answer.progress
            is_first = progress is not None and not has_frames and progress.stage == "video" and progress.done > 0
            if is_first:
                has_frames = True
                log.info("first frame", job=attempt.job, project=attempt.project)
            if progress is not None and (is_first or now - reported >= REPORT_S):
                reported = checked = now
                self._report(attempt, progress)
            elif now - checked >= POLL_S:
                checked = now
                self._check(attempt)
            if now - measured >= REPORT_S:
                measured = now
                self._check_size(attempt, child)
        self._check(attempt)
        raise _ChildDied(child.exit_report)

    def _check_size(self, attempt: Attempt, child: Child) -> None:
        if child.used_bytes > child.max_bytes:
            log.error("a child process wrote too much", job=attempt.job)
            raise ProcessingError()

    def _check(self, attempt: Attempt) -> None:
        with _unless_unavailable():
            if not self._lifecycle.is_wanted(attempt):
                raise Cancelled()

    def _report(self, attempt: Attempt, progress: ProgressReport) -> None:
        fraction, stage, left_s = _fraction(progress), progress.stage, progress.left_s
        with _unless_unavailable():
            if not self._lifecycle.report(attempt, progress=fraction, stage=stage, left_s=left_s):
                raise Cancelled()

    def _complete(self, attempt: Attempt, result: JobResult) -> None:
        def adopt(conn: sa.Connection) -> None:
            if attempt.kind == "face_detection":
                for key in result.keys:
                    self._assets.adopt(conn, attempt.account, key, "image")

        if self._with_retries(lambda: self._lifecycle.complete(attempt, result, adopt)):
            log.info("complete", job=attempt.job, frames=result.frames)
        else:
            for key in result.keys:
                self._storage.delete(key)

    def _with_retries(self, step: Callable[[], T]) -> T:
        """Run a step of the lifecycle, and repeat it while the database is unavailable."""
        for attempt in stamina.retry_context(on=is_unavailable, attempts=None, timeout=None, wait_max=5.0):
            with attempt:
                return step()
        raise AssertionError("the retries have no limit")


@contextmanager
def _unless_unavailable() -> Iterator[None]:
    """Go on if the database is unavailable for a moment."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        if not is_unavailable(error):
            raise


def _counted(attempt: Attempt, made: TaskResult, out: Path) -> TaskResult:
    """Count what the price depends on: a child under foreign control may report anything. Raises RenderingDied."""
    try:
        if len(made.files) != 1 or not made.frames or not made.fps:
            raise InvalidMp4("no frames are reported")
        track = read_video_track(result_file(out, made.files[0]))
        if (made.frames, made.width, made.height) != (track.frames, track.width, track.height):
            raise InvalidMp4(f"{made} is reported, and the file has {track}")
    except (InvalidMp4, OSError) as error:
        log.error("a result is not what the child process reports", job=attempt.job, why=str(error))
        raise RenderingDied from error
    fps = track.frames / max(track.duration_s, 1e-3)
    return made if abs(fps / made.fps - 1.0) < FPS_TOLERANCE else replace(made, fps=fps)


def _error_of(failure: Failure) -> LipsmithError:
    """Return an error with the code of the child's error, whose class stayed in the child."""
    error = LipsmithError(failure.message)
    error.code = failure.code  # type: ignore[misc]
    return error


def _why(error: LipsmithError) -> dict[str, str]:
    """Return the cause for the log. Clients must not learn which address is behind a refusal."""
    return {"why": str(error.__cause__)} if isinstance(error, SourceUnreachable) and error.__cause__ else {}


def _fraction(progress: ProgressReport) -> float:
    if progress.stage != "video":
        return 0.0
    return round(1 - VIDEO_SHARE + VIDEO_SHARE * progress.done / max(1, progress.total), 4)
