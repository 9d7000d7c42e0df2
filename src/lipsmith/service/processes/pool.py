"""Child processes that render: started ahead of time, watched, and killed when nobody needs them any more.

Each has a folder of its own and can reach nothing else (see `sandbox`). What takes long to work out but is the same for
all jobs, such as compiled loops, each gets as a copy: what one writes there, no other will ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import structlog

from lipsmith.service.errors import RenderingDied
from lipsmith.service.processes.sandbox import Guards
from lipsmith.service.processes.sandbox import Limits as Limits
from lipsmith.storage.errors import StorageFailed
from lipsmith.synthesis.voice_store import FOLDER_VARIABLE, voices_folder

log = structlog.get_logger("lipsmith.children")

_ERROR_LINES = 20
"""How much of what a child complained about is kept."""
_LINE_BYTES = 1 << 20
"""No answer is longer; a child that goes on and on has been taken over."""
WORKER = ("-m", "lipsmith.service.processes.child_main")
"""What Python runs in a child."""
_LOOK_S = 1.0
_OLD_S = 30 * 86_400
JOB, PREPARED, SCRATCH = "job", "prepared", "scratch"
"""Folders within a child's own: its job's files, what was worked out before, and what may be forgotten."""


class Child:
    """One process, for one job."""

    def __init__(
        self,
        limits: Limits,
        environment: Mapping[str, str],
        folder: Path,
        *,
        prepared: Path | None = None,
        program: Sequence[str] = WORKER,
    ) -> None:
        """``folder`` is made, and is all that the child can reach; `kill` removes it.

        ``prepared`` is copied into it. ``program`` has to enter the sandbox as `worker` does.
        """
        self.folder = folder
        for name in (SCRATCH, PREPARED):
            (folder / name).mkdir(mode=0o700, parents=True)
        if prepared is not None:
            shutil.copytree(prepared, folder / PREPARED, dirs_exist_ok=True)
        command = [sys.executable, "-P", *program, f"--private={folder}"]  # -P: the folder it stands in holds no code
        command += [f"--memory-mb={limits.memory_mb}", f"--cpu-s={limits.cpu_s}", f"--file-mb={limits.file_mb}"]
        voices = voices_folder().absolute()
        libraries = [place for place in environment.get("LD_LIBRARY_PATH", "").split(":") if place]
        command += [f"--readable={place}" for place in (voices, *libraries)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, **_environment_in(folder), FOLDER_VARIABLE: str(voices)},
            cwd=folder,
            start_new_session=True,  # Ctrl-C in the terminal is for the server alone, and its own children go with it
        )
        self.guards: Guards | None = None
        """What keeps it in; known once it has said so."""
        self._answers: queue.Queue[Mapping[str, Any] | None] = queue.Queue()
        self._complaints: list[str] = []
        for listen in (self._hear_answers, self._hear_complaints):
            threading.Thread(target=listen, daemon=True).start()

    def send(self, spec: Mapping[str, Any]) -> None:
        """Hands over the job."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it is dead already, which its answers will tell
            self._process.stdin.write(json.dumps(spec).encode() + b"\n")
            self._process.stdin.flush()

    def answers(self, *, every_s: float) -> Iterator[Mapping[str, Any]]:
        """What it says until it ends, and an empty answer where it said nothing for ``every_s`` seconds."""
        while True:
            try:
                answer = self._answers.get(timeout=every_s)
            except queue.Empty:
                answer = {}
            if answer is None:
                return
            yield answer

    @contextmanager
    def holding(self, folder: Path) -> Iterator[Path]:
        """Where it can reach the files of ``folder`` meanwhile; at the end it is killed, and they are back."""
        inside = self.folder / JOB
        folder.rename(inside)
        try:
            yield inside
        finally:
            self._end()
            inside.rename(folder)
            self.kill()

    def kill(self) -> None:
        """Ends it and everything it started, at once, and removes its folder. Harmless when it has ended."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # something was not read any more
            self._process.stdin.close()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """How it ended, and what it complained about at last."""
        return f"exit code {self._process.poll()}; " + " | ".join(self._complaints[-_ERROR_LINES:])

    def _hear_answers(self) -> None:
        assert self._process.stdout is not None
        try:
            with self._process.stdout as stdout:
                while line := stdout.readline(_LINE_BYTES):
                    self._hear(json.loads(line))
        except (ValueError, OSError, RecursionError, TypeError, KeyError, AttributeError):
            pass  # what makes no sense ends the talk
        finally:
            self._answers.put(None)

    def _hear(self, answer: Mapping[str, Any]) -> None:
        if "guards" in answer:
            self.guards = Guards(**answer["guards"])
            _tell(self.guards)
        else:
            self._answers.put(_understood(answer))

    def _hear_complaints(self) -> None:
        assert self._process.stderr is not None
        stderr = self._process.stderr
        with stderr, suppress(ValueError, OSError):
            while line := stderr.readline(_LINE_BYTES):
                self._complaints = [*self._complaints, line.decode(errors="replace").rstrip()][-_ERROR_LINES:]


def _understood(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer, whose shape others rely on. Raises AttributeError, KeyError, TypeError or ValueError for any other.

    A child that has seen a stranger's file may say anything.
    """
    [(kind, told)] = answer.items()
    for name, allowed in _SHAPES[kind].items():
        if not isinstance(told[name], allowed):
            raise TypeError(f"{kind}.{name} is {type(told[name]).__name__}")
    if kind == "result" and not all(isinstance(name, str) for name in told["files"]):
        raise TypeError("result.files holds what is no name")
    return answer


_SHAPES: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "progress": {"stage": (str,), "done": (int,), "total": (int,), "left_s": (int, float, type(None))},
    "result": {"files": (list,)},
    "error": {"code": (str,), "message": (str,)},
}


def result_file(out: Path, name: str) -> Path:
    """The file of that name in a folder that a child has written to, which is there and its own.

    A child may name, or link to, what only the server can read. Raises RenderingDied for all but ordinary files there.
    """
    path = out / name
    plain = Path(name).name == name and name not in (".", "..")
    if not plain or out.is_symlink() or path.is_symlink() or not path.is_file() or path.stat().st_nlink != 1:
        raise RenderingDied
    return path


class ChildPool:
    """Keeps one child warm, so that a job need not wait for the libraries to load."""

    def __init__(
        self, limits: Limits, environment: Mapping[str, str], folder: Path, *, program: Sequence[str] = WORKER
    ) -> None:
        """``folder`` is private to this process; jobs and children get folders of their own inside.

        What children work out once is kept beside it.
        """
        self._limits, self._environment, self._program = limits, environment, program
        self.folder = folder
        self._prepared = _shelf(environment, folder) / f"prepared-{_release()}"
        self._spare: Child | None = None
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Warms a child up, and on the first start of a release has what takes long worked out in the background."""
        self.warm()
        if not self._prepared.is_dir():
            threading.Thread(target=self.prepare, daemon=True).start()

    def warm(self) -> None:
        """Starts the spare child where there is none, and where one can be started now."""
        with self._lock:
            if self._spare is None or not self._spare.is_alive:
                try:
                    self._spare = self._new()
                except StorageFailed as error:
                    self._spare = None
                    log.warning("no process can be started ahead", why=str(error.__cause__))

    def take(self) -> Child:
        """A child that does nothing yet. Raises StorageFailed where its folder cannot be filled."""
        with self._lock:
            child, self._spare = self._spare, None
        return child if child and child.is_alive else self._new()

    def prepare(self) -> None:
        """Has a child do a job of our own making, and keeps what it worked out for all who follow.

        No stranger's file comes near that child. Where it fails, the others work it out for themselves, each anew.
        """
        child = self._new()
        try:
            child.send({"kind": "practice", "out": str(child.folder / SCRATCH)})
            last: Mapping[str, Any] = {}
            for answer in child.answers(every_s=_LOOK_S):
                if self._closed:
                    return
                last = answer or last
            if "result" in last:
                self._keep(child.folder / PREPARED)
                self._renew()
            else:
                log.warning("compiled loops cannot be kept", why=child.last_words)
        finally:
            child.kill()

    def close(self) -> None:
        """Ends the spare child."""
        with self._lock:
            self._closed = True
            if self._spare:
                self._spare.kill()
                self._spare = None

    def _renew(self) -> None:
        """A spare child that has what was prepared instead of one that has not."""
        with self._lock:
            if self._spare is None or self._closed:
                return
            self._spare.kill()
        self.warm()

    def _new(self) -> Child:
        prepared = self._prepared if self._prepared.is_dir() else None
        folder = self.folder / f"child-{secrets.token_hex(6)}"
        try:
            return Child(self._limits, self._environment, folder, prepared=prepared, program=self._program)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StorageFailed() from error

    def _keep(self, made: Path) -> None:
        """Whole or not at all: it comes under its name at once, and the first who is ready wins."""
        draft = self._prepared.with_name(f"{self._prepared.name}-{secrets.token_hex(6)}")
        try:
            shutil.copytree(made, draft)
            draft.rename(self._prepared)
            _sweep(self._prepared)
        except OSError as fault:
            shutil.rmtree(draft, ignore_errors=True)
            if not self._prepared.is_dir():
                log.warning("compiled loops cannot be kept", why=str(fault))


def _shelf(environment: Mapping[str, str], folder: Path) -> Path:
    """Where what was prepared outlives this process: the cache of the user, or beside ``folder``."""
    for place in (environment.get("NUMBA_CACHE_DIR"), environment.get("HOME")):
        if place and os.access(place, os.W_OK):
            return Path(place) / ("" if place == environment.get("NUMBA_CACHE_DIR") else ".cache/lipsmith")
    return folder.parent


def _sweep(newest: Path) -> None:
    """Removes what older releases prepared, and drafts of those who died over them."""
    for old in newest.parent.glob("prepared-*"):
        if old != newest and time.time() - old.stat().st_mtime > _OLD_S:
            shutil.rmtree(old, ignore_errors=True)


def _environment_in(folder: Path) -> dict[str, str]:
    """Whatever libraries like to keep, they keep in the child's folder."""
    return {
        "HOME": str(folder / SCRATCH),
        "TMPDIR": str(folder / SCRATCH),
        "NUMBA_CACHE_DIR": str(folder / PREPARED / "numba"),
        "MPLCONFIGDIR": str(folder / PREPARED / "matplotlib"),  # mediapipe loads it, and it lists the system's fonts
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _release() -> str:
    """Tells compiled loops of one release from those of another, and of another machine's libraries."""
    sources = sorted((path.name, path.stat().st_mtime_ns) for path in _RENDER.glob("*.py"))
    named = f"{sys.version} {metadata.version('numba')} {metadata.version('matplotlib')} {sources}"
    return hashlib.sha256(named.encode()).hexdigest()[:12]


_RENDER = Path(__file__).resolve().parents[2] / "render"
"""The modules whose loops are compiled."""
_reported: set[str] = set()


def _tell(guards: Guards) -> None:
    """Says once what keeps children in, and aloud what does not."""
    if str(guards) in _reported:
        return
    _reported.add(str(guards))
    log.info("sandbox", guards=str(guards))
    for lack in guards.lacking:
        log.warning("sandbox incomplete", why=lack)
