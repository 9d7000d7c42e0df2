"""Videos of YouTube: which URLs name one, and how the part that is wanted comes here.

yt-dlp finds out where the bytes are. It runs in a process that is locked in like a rendering one: it has no network and
asks this process for every single thing. What it asks for comes from YouTube's own hosts alone, over TLS, through the
same guard as strangers' URLs. See `youtube_child` for the other side.
"""

from __future__ import annotations

import base64
import json
import math
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urljoin

import structlog

from lipsmith.errors import LipsmithError, MissingDependency
from lipsmith.service.errors import InvalidUrl, SourceRefused, SourceTooSlow, SourceUnreachable
from lipsmith.service.network.fetch import MAX_REDIRECTS, Fetcher, Reply, check_url
from lipsmith.service.processes.pool import result_file
from lipsmith.service.processes.sandbox import Limits
from lipsmith.storage.errors import FileTooLarge

log = structlog.get_logger("lipsmith.youtube")

HOSTS = ("youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com")
SHORT_HOST = "youtu.be"
ASKED = ("youtube.com", "googlevideo.com", "ytimg.com", "youtu.be", "youtube-nocookie.com")
"""Hosts that may be asked, and those below them."""
LONGEST_S = 900.0
"""Everything together may take so long."""
MAX_REPLY_BYTES = 32 * 1024 * 1024
"""One answer; the largest are the player's scripts, since films come in parts."""
MAX_REQUESTS = 5000
CUT = "cut.mp4"
"""The file that the child writes."""

_ID = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)
_LINE_BYTES = 1 << 20
_MEMORY_MB, _CPU_S = 4096, 600
_ENDING_S = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_PROGRAM = ("-m", "lipsmith.service.network.youtube_child")


class Videos(Protocol):
    """Brings videos that are not files at a URL."""

    def knows(self, url: str) -> bool:
        """Whether the URL names such a video."""
        ...

    def bring(self, url: str, path: Path, *, start_s: float, end_s: float | None, max_bytes: int) -> float:
        """Writes what lies between the two times to ``path``, perhaps more; the time at which the file begins."""
        ...


def video_id(url: str) -> str:
    """The id of the video that the URL names. Raises InvalidUrl for all others: playlists, channels, live streams.

    >>> video_id("https://youtu.be/aaaaaaaaaaa?t=3"), video_id("https://m.youtube.com/shorts/aaaaaaaaaaa")
    ('aaaaaaaaaaa', 'aaaaaaaaaaa')
    """
    read = check_url(url)
    parts = read.path.strip("/").split("/")
    found = ""
    if read.port is None and read.host == SHORT_HOST and len(parts) == 1:
        found = parts[0]
    elif read.port is None and read.host in HOSTS and parts == ["watch"]:
        given = read.params.get_list("v")
        found = given[0] if len(given) == 1 else ""
    elif read.port is None and read.host in HOSTS and len(parts) == 2 and parts[0] == "shorts":
        found = parts[1]
    if not _ID.fullmatch(found):
        raise InvalidUrl(
            "This is no URL of one video of YouTube. Write it like https://www.youtube.com/watch?v= and the video's "
            "id, or https://youtu.be/ and the id."
        )
    return found


def plain_url(video: str) -> str:
    """The URL of the video with that id."""
    return f"https://www.youtube.com/watch?v={video}"


def is_installed() -> bool:
    """Whether there is what takes videos from YouTube."""
    return find_spec("yt_dlp") is not None


@dataclass(frozen=True, kw_only=True)
class YouTube:
    """Takes videos from YouTube. One serves all threads."""

    fetcher: Fetcher
    environment: Mapping[str, str]
    """Of the process that runs yt-dlp."""
    longest_s: float = LONGEST_S
    largest_side_px: int = 1920
    """Larger pictures are not asked for where there are smaller ones."""

    def knows(self, url: str) -> bool:
        """Whether the URL names a video there."""
        try:
            video_id(url)
        except InvalidUrl:
            return False
        return True

    def bring(self, url: str, path: Path, *, start_s: float, end_s: float | None, max_bytes: int) -> float:
        """Writes the part between the two times to ``path``: from the last whole picture before it.

        The time at which the file begins. ``max_bytes`` limits what comes over the network.

        Raises SourceUnreachable, SourceRefused, SourceTooSlow, FileTooLarge, InvalidVideo, or MissingDependency.
        """
        if not is_installed():
            raise MissingDependency(
                "Videos from YouTube need yt-dlp, which is not installed. "
                "Install it with: pip install 'lipsmith[youtube]'"
            )
        folder = path.parent / f"{path.stem}-youtube"
        (folder / "scratch").mkdir(mode=0o700, parents=True)
        wish = {
            "url": plain_url(video_id(url)),
            "start_s": start_s,
            "end_s": end_s,
            "largest_side_px": self.largest_side_px,
            "out": str(folder / CUT),
        }
        # What is written is about what came, and that is counted.
        talk = _Talk(self, folder, Limits(memory_mb=_MEMORY_MB, cpu_s=_CPU_S, file_mb=2 * max_bytes // 2**20 + 16))
        try:
            begins_s = talk.until_done(wish, max_bytes)
            result_file(folder, CUT).rename(path)
        finally:
            talk.end()
            shutil.rmtree(folder, ignore_errors=True)
        return begins_s


class _Talk:
    """One child, and what it asks for."""

    def __init__(self, youtube: YouTube, folder: Path, limits: Limits) -> None:
        self._youtube = youtube
        self._deadline = time.monotonic() + youtube.longest_s
        self._came_bytes = 0
        self._fault: LipsmithError | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # `end` closes it
        command = [sys.executable, "-P", *_PROGRAM, f"--private={folder}", f"--memory-mb={limits.memory_mb}"]
        private = {"HOME": str(folder / "scratch"), "TMPDIR": str(folder / "scratch"), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [*command, f"--cpu-s={limits.cpu_s}", f"--file-mb={limits.file_mb}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**youtube.environment, **private},
            cwd=folder,
            start_new_session=True,
        )
        self._timer = threading.Timer(youtube.longest_s, self._kill)
        self._timer.daemon = True
        self._timer.start()

    def until_done(self, wish: Mapping[str, Any], max_bytes: int) -> float:
        """Answers its requests until it is done; the time at which its file begins. It may say anything."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError, ValueError, KeyError, TypeError, RecursionError):
            _write(self._process.stdin, wish)
            for _ in range(MAX_REQUESTS):
                told = json.loads(self._process.stdout.readline(_LINE_BYTES) or b"{}")
                if "ask" not in told:
                    return self._told(told)
                self._answer(self._process.stdin, told["ask"], max_bytes)
        raise self._failure("it could not be read")

    def end(self) -> None:
        """Ends the child."""
        self._timer.cancel()
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._complaints):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _told(self, told: Mapping[str, Any]) -> float:
        if "begins_s" in told and 0 <= told["begins_s"] < math.inf:
            return float(told["begins_s"])
        if "why" not in told:
            self._process.wait(_ENDING_S)
            self._complaints.seek(0)
            said = self._complaints.read(_LINE_BYTES).decode(errors="replace").strip()
            log.warning("the process of yt-dlp broke off", why=said[-1000:])
        raise self._failure(str(told.get("why", "it broke off"))[:300])

    def _failure(self, why: str) -> LipsmithError:
        """What happened on the way says more than what became of it."""
        if time.monotonic() >= self._deadline:
            return SourceTooSlow(f"YouTube took longer than {self._youtube.longest_s:g} s. Upload the video instead.")
        return self._fault or SourceRefused(f"YouTube does not hand out this video: {why}. Upload it instead.")

    def _answer(self, pipe: IO[bytes], asked: Mapping[str, Any], max_bytes: int) -> None:
        try:
            if max_bytes <= self._came_bytes:
                raise FileTooLarge(f"The part of the video is larger than the {max_bytes:,} bytes allowed here.")
            reply = self._ask(asked)
        except LipsmithError as error:
            self._fault = error
            _write(pipe, {"fault": error.message})
        else:
            self._came_bytes += len(reply.body)
            _write(pipe, {"status": reply.status, "headers": dict(reply.headers), "length": len(reply.body)})
            pipe.write(reply.body)
            pipe.flush()

    def _ask(self, asked: Mapping[str, Any]) -> Reply:
        method, url = str(asked["method"]), str(asked["url"])
        headers = {str(name): str(value) for name, value in asked["headers"].items()}
        body = None if asked["body"] is None else base64.b64decode(asked["body"], validate=True)
        if method not in ("GET", "HEAD", "POST"):
            raise SourceRefused(f"{method} is no request for a video.")
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._youtube.fetcher.ask(method, _checked(url), headers, body, max_bytes=MAX_REPLY_BYTES)
            if reply.status not in _REDIRECTS or "location" not in reply.headers or method == "POST":
                return reply
            url = urljoin(url, reply.headers["location"])
        raise SourceRefused("YouTube leads on and on. Upload the video instead.")

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)


def _checked(url: str) -> str:
    """The URL, if it leads to one of the hosts that may be asked, over TLS."""
    read = check_url(url)
    if read.scheme != "https" or not any(read.host == host or read.host.endswith(f".{host}") for host in ASKED):
        raise SourceUnreachable
    return url


def _write(pipe: IO[bytes], told: Mapping[str, Any]) -> None:
    pipe.write(json.dumps(told).encode() + b"\n")
    pipe.flush()
