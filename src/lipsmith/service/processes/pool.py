"""Child processes that render: one is started ahead of time, each does one job and is killed afterwards.

Each has a folder of its own and can reach nothing else (see `sandbox`). Compiled loops, which take long to make and are
the same for all jobs, are copied into that folder: code that one child writes never runs in another.
"""

from __future__ import annotations

import hashlib
import os
import queue
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import structlog

from lipsmith.limits import DAY_S
from lipsmith.service.errors import RenderingDied
from lipsmith.service.processes.messages import NOTHING, Answer, Task, decode_answer, encode
from lipsmith.service.processes.sandbox import Guards, SandboxLevel
from lipsmith.service.processes.sandbox import Limits as Limits
from lipsmith.storage.errors import StorageFailed
from lipsmith.synthesis.voice_store import FOLDER_VARIABLE, voices_folder

log = structlog.get_logger("lipsmith.children")

_ERROR_LINES = 20
"""Last lines of a child's stderr that are kept."""
_LINE_BYTES = 1 << 20
"""Longest answer; a longer one comes from a child that is under foreign control."""
CHILD = ("-m", "lipsmith.service.processes.child_main")
"""Arguments of Python in a child process."""
_POLL_S = 1.0
FOLDER_SHARE = 3
"""Size of all files of a child, as a multiple of the largest single one."""
_CACHE_LIFETIME_S = 30 * DAY_S
JOB, PREPARED, SCRATCH = "job", "prepared", "scratch"
"""Folders of a child: files of its job, compiled loops, and temporary files."""


class Child:
    """One process, for one job."""

    def __init__(
        self,
        limits: Limits,
        environment: Mapping[str, str],
        folder: Path,
        *,
        prepared: Path | None = None,
        program: Sequence[str] = CHILD,
        level: SandboxLevel = "off",
    ) -> None:
        """Start the process. ``folder`` is created and is all that it can reach; `kill` removes it.

        ``prepared`` is copied into it. ``program`` has to enter the sandbox as `child_main` does. A child that reports
        fewer guards than ``level`` is ended.
        """
        self._level = level
        self.max_bytes = FOLDER_SHARE * limits.file_mb * 1024 * 1024
        """Largest size of all files in the folder."""
        self.folder = folder
        for name in (SCRATCH, PREPARED):
            (folder / name).mkdir(mode=0o700, parents=True)
        if prepared is not None:
            shutil.copytree(prepared, folder / PREPARED, dirs_exist_ok=True)
        command = [sys.executable, "-P", *program, f"--private={folder}"]  # -P: do not import from the working folder
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
            start_new_session=True,  # keeps Ctrl-C from the child; its own children end with it
        )
        self.guards: Guards | None = None
        """Guards in force, once the child has reported them."""
        self._answers: queue.Queue[Answer | None] = queue.Queue()
        self._error_lines: list[str] = []
        for read in (self._read_answers, self._read_errors):
            threading.Thread(target=read, daemon=True).start()

    def send(self, task: Task) -> None:
        """Send the task."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the process has ended, which `answers` reports
            self._process.stdin.write(encode(task))
            self._process.stdin.flush()

    def answers(self, *, every_s: float) -> Iterator[Answer]:
        """Yield answers until the process ends, and `NOTHING` after ``every_s`` seconds without one."""
        while True:
            try:
                answer = self._answers.get(timeout=every_s)
            except queue.Empty:
                answer = NOTHING
            if answer is None:
                return
            yield answer

    @contextmanager
    def holding(self, folder: Path) -> Iterator[Path]:
        """Move ``folder`` to a place that the child can reach. At the end, kill the child and move the folder back."""
        inside = self.folder / JOB
        own = folder.lstat()
        folder.rename(inside)
        try:
            yield inside
        finally:
            self._end()
            if _is_same(inside, own):  # else the child put something else in its place: its results are lost
                inside.rename(folder)
            else:
                log.error("a child process replaced its folder", folder=str(inside))
            self.kill()

    @property
    def used_bytes(self) -> int:
        """Size of all files in the child's folder; links are not followed."""
        total = 0
        for place, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(place, name)).st_blocks * 512
        return total

    def kill(self) -> None:
        """Kill the process and its own children, and remove its folder. May be called again."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # unread input
            self._process.stdin.close()

    @property
    def is_alive(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    @property
    def exit_report(self) -> str:
        """Exit code and last lines of stderr."""
        return f"exit code {self._process.poll()}; " + " | ".join(self._error_lines)

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        try:
            with self._process.stdout as stdout:
                while line := stdout.readline(_LINE_BYTES):
                    answer = decode_answer(line)
                    if answer.guards is not None:
                        self.guards = answer.guards
                        _report_guards(self.guards)
                        if self.guards.missing_for(self._level):
                            self._process.kill()
                            break
                    else:
                        self._answers.put(answer)
        except (ValueError, OSError):
            pass  # an invalid answer ends the conversation
        finally:
            self._answers.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        stderr = self._process.stderr
        with stderr, suppress(ValueError, OSError):
            while line := stderr.readline(_LINE_BYTES):
                self._error_lines = [*self._error_lines, line.decode(errors="replace").rstrip()][-_ERROR_LINES:]


def _is_same(folder: Path, before: os.stat_result) -> bool:
    """Return True if ``folder`` is still the folder that ``before`` describes, and no link to it."""
    try:
        now = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(now.st_mode) and os.path.samestat(now, before)


def result_file(out: Path, name: str) -> Path:
    """Return the path of a result in the folder ``out`` of a child.

    A child under foreign control may name, or link to, files that only the server can read. Raises RenderingDied unless
    the path is an ordinary file in ``out``.
    """
    path = out / name
    plain = Path(name).name == name and name not in (".", "..")
    if not plain or out.is_symlink() or path.is_symlink() or not path.is_file() or path.stat().st_nlink != 1:
        raise RenderingDied
    return path


class ChildPool:
    """Keep one child process ready, so that a job does not wait for libraries to load."""

    def __init__(
        self,
        limits: Limits,
        environment: Mapping[str, str],
        folder: Path,
        *,
        program: Sequence[str] = CHILD,
        level: SandboxLevel = "off",
    ) -> None:
        """Use ``folder``, private to this process, for the folders of jobs and children.

        Compiled loops are kept in the user's cache, or else beside it. ``level``: guards without which no child works.
        """
        self._level = level
        self._limits, self._environment, self._program = limits, environment, program
        self.folder = folder
        self._prepared = _cache_folder(environment, folder) / f"prepared-{_release()}"
        self._spare: Child | None = None
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the spare child and, on the first start of a release, compile the loops in the background."""
        self.warm()
        if not self._prepared.is_dir():
            threading.Thread(target=self.prepare, daemon=True).start()

    def warm(self) -> None:
        """Start the spare child if there is none. A failure is logged; `take` tries again."""
        with self._lock:
            if self._spare is None or not self._spare.is_alive:
                try:
                    self._spare = self._new()
                except StorageFailed as error:
                    self._spare = None
                    log.warning("cannot start a spare child process", why=str(error.__cause__))

    def take(self) -> Child:
        """Return an idle child. Raises StorageFailed if its folder cannot be made."""
        with self._lock:
            child, self._spare = self._spare, None
        return child if child and child.is_alive else self._new()

    def prepare(self) -> None:
        """Compile all loops in a child with made-up inputs, and keep them for all later children.

        That child sees no file of a client. If it fails, each child compiles for itself.
        """
        child = self._new()
        try:
            child.send(Task(kind="warm_up", inputs={}, out=str(child.folder / SCRATCH), options={}))
            last = NOTHING
            for answer in child.answers(every_s=_POLL_S):
                if self._closed:
                    return
                last = last if answer is NOTHING else answer
            if last.result is not None:
                self._keep(child.folder / PREPARED)
                self._replace_spare()
            else:
                log.warning("compiled loops cannot be kept", why=child.exit_report)
        finally:
            child.kill()

    def close(self) -> None:
        """Kill the spare child."""
        with self._lock:
            self._closed = True
            if self._spare:
                self._spare.kill()
                self._spare = None

    def _replace_spare(self) -> None:
        """Replace a spare child that was started without compiled loops."""
        with self._lock:
            if self._spare is None or self._closed:
                return
            self._spare.kill()
        self.warm()

    def _new(self) -> Child:
        prepared = self._prepared if self._prepared.is_dir() else None
        folder = self.folder / f"child-{secrets.token_hex(6)}"
        try:
            return Child(
                self._limits, self._environment, folder, prepared=prepared, program=self._program, level=self._level
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StorageFailed() from error

    def _keep(self, made: Path) -> None:
        """Store compiled loops under their name in one step; the first process to finish wins."""
        draft = self._prepared.with_name(f"{self._prepared.name}-{secrets.token_hex(6)}")
        try:
            shutil.copytree(made, draft)
            draft.rename(self._prepared)
            _remove_old(self._prepared)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if not self._prepared.is_dir():
                log.warning("compiled loops cannot be kept", why=str(error))


def _cache_folder(environment: Mapping[str, str], folder: Path) -> Path:
    """Return the folder for compiled loops: the user's cache, or the parent of ``folder``."""
    for place in (environment.get("NUMBA_CACHE_DIR"), environment.get("HOME")):
        if place and os.access(place, os.W_OK):
            return Path(place) / ("" if place == environment.get("NUMBA_CACHE_DIR") else ".cache/lipsmith")
    return folder.parent


def _remove_old(newest: Path) -> None:
    """Remove compiled loops of older releases, and incomplete ones of processes that died."""
    for old in newest.parent.glob("prepared-*"):
        if old != newest and time.time() - old.stat().st_mtime > _CACHE_LIFETIME_S:
            shutil.rmtree(old, ignore_errors=True)


def _environment_in(folder: Path) -> dict[str, str]:
    """Return variables that keep the caches of libraries in the child's folder."""
    return {
        "HOME": str(folder / SCRATCH),
        "TMPDIR": str(folder / SCRATCH),
        "NUMBA_CACHE_DIR": str(folder / PREPARED / "numba"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",  # as in `lipsmith.cli.main`
    }


def _release() -> str:
    """Return a name for the versions that compiled loops depend on: Python, libraries and our sources."""
    sources = sorted((path.name, path.stat().st_mtime_ns) for path in _RENDER.glob("*.py"))
    named = f"{sys.version} {metadata.version('numba')} {sources}"
    return hashlib.sha256(named.encode()).hexdigest()[:12]


_RENDER = Path(__file__).resolve().parents[2] / "render"
"""Modules with compiled loops."""
_reported: set[str] = set()


def _report_guards(guards: Guards) -> None:
    """Log the guards of the sandbox once, and a warning for each missing one."""
    if str(guards) in _reported:
        return
    _reported.add(str(guards))
    log.info("sandbox", guards=str(guards))
    for missing in guards.missing:
        log.warning("sandbox incomplete", why=missing)
