"""Child processes that render: started ahead of time, watched, and killed when nobody needs them any more."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ERROR_LINES = 20
"""How much of what a child complained about is kept."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one child may use."""

    memory_mb: int
    """Address space; the libraries alone reserve about 2,500 MB."""
    cpu_s: int
    """Processor time."""
    file_mb: int
    """Size of one file it writes."""


class Child:
    """One process, for one job."""

    def __init__(self, limits: Limits, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "lipsmith.service.worker"]
        command += [f"--memory-mb={limits.memory_mb}", f"--cpu-s={limits.cpu_s}", f"--file-mb={limits.file_mb}"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C in the terminal is for the server alone, and its own children go with it
        )
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

    def kill(self) -> None:
        """Ends it and everything it started, at once. Harmless when it has ended."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

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
        with suppress(ValueError, OSError):
            for line in self._process.stdout:
                self._answers.put(json.loads(line))
        self._answers.put(None)

    def _hear_complaints(self) -> None:
        assert self._process.stderr is not None
        with suppress(ValueError, OSError):
            for line in self._process.stderr:
                self._complaints = [*self._complaints, line.decode(errors="replace").rstrip()][-_ERROR_LINES:]


class Children:
    """Keeps one child warm, so that a job need not wait for the libraries to load."""

    def __init__(self, limits: Limits, environment: Mapping[str, str], folder: Path) -> None:
        """``folder`` is private to this process; jobs get a folder of their own inside."""
        self._limits, self._environment, self.folder = limits, environment, folder
        self._spare: Child | None = None
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Starts the spare child where there is none."""
        with self._lock:
            if self._spare is None or not self._spare.is_alive:
                self._spare = Child(self._limits, self._environment)

    def take(self) -> Child:
        """A child that does nothing yet."""
        with self._lock:
            child, self._spare = self._spare, None
        return child if child and child.is_alive else Child(self._limits, self._environment)

    def close(self) -> None:
        """Ends the spare child."""
        with self._lock:
            if self._spare:
                self._spare.kill()
                self._spare = None
