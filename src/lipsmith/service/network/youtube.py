"""Videos of YouTube: recognise their URLs and download the needed part.

yt-dlp finds the location of the data. It runs in a sandboxed child process (`youtube_child`) without a network and asks
this process for every HTTP request. This process requests only YouTube's hosts, over TLS, through the same checks as
URLs of clients.
"""

from __future__ import annotations

import base64
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
from typing import IO, Protocol
from urllib.parse import urljoin

import structlog

from lipsmith.errors import LipsmithError, MissingDependency
from lipsmith.service.errors import InvalidUrl, SourceRefused, SourceTooSlow, SourceUnreachable
from lipsmith.service.network.fetch import MAX_REDIRECTS, Fetcher, Reply, check_url
from lipsmith.service.network.youtube_messages import (
    ChildMessage,
    DownloadTask,
    HttpReply,
    HttpRequest,
    decode_child_message,
    encode,
)
from lipsmith.service.processes.pool import result_file
from lipsmith.service.processes.sandbox import Limits
from lipsmith.storage.errors import FileTooLarge

log = structlog.get_logger("lipsmith.youtube")

HOSTS = ("youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com")
SHORT_HOST = "youtu.be"
REQUEST_HOSTS = ("youtube.com", "googlevideo.com", "ytimg.com", "youtu.be", "youtube-nocookie.com")
"""Hosts, with their subdomains, that may be requested."""
TIMEOUT_S = 900.0
"""Time limit for one video."""
MAX_REPLY_BYTES = 32 * 1024 * 1024
"""Size limit of one response. Videos come in parts, so the scripts of the player are largest."""
MAX_REQUESTS = 5000
PART = "part.mp4"
"""File that the child writes."""

_ID = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)
_LINE_BYTES = 1 << 20
_MEMORY_MB, _CPU_S = 4096, 600
_EXIT_TIMEOUT_S = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_PROGRAM = ("-m", "lipsmith.service.network.youtube_child")


class Videos(Protocol):
    """Downloads videos that are not files at a URL."""

    def knows(self, url: str) -> bool:
        """Return True if the URL names such a video."""
        ...

    def fetch(self, url: str, path: Path, *, start_s: float, end_s: float | None, max_bytes: int) -> float:
        """Write at least the part between the two times to ``path``. Return the time at which the file begins."""
        ...


def video_id(url: str) -> str:
    """Return the id of the video at ``url``. Raises InvalidUrl for playlists, channels and other URLs.

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
            "This is not the URL of a YouTube video. Use https://www.youtube.com/watch?v=ID or https://youtu.be/ID."
        )
    return found


def plain_url(video: str) -> str:
    """Return the URL of the video with that id."""
    return f"https://www.youtube.com/watch?v={video}"


def is_installed() -> bool:
    """Return True if yt-dlp is installed."""
    return find_spec("yt_dlp") is not None


@dataclass(frozen=True, kw_only=True)
class YouTube:
    """Downloads videos from YouTube. Thread-safe."""

    fetcher: Fetcher
    environment: Mapping[str, str]
    """Environment of the process that runs yt-dlp."""
    timeout_s: float = TIMEOUT_S
    max_side_px: int = 1920
    """Longest side, where the video is available in a smaller size."""

    def knows(self, url: str) -> bool:
        """Return True if the URL names a video there."""
        try:
            video_id(url)
        except InvalidUrl:
            return False
        return True

    def fetch(self, url: str, path: Path, *, start_s: float, end_s: float | None, max_bytes: int) -> float:
        """Write the part between the two times to ``path``, from the last key frame before it.

        Return the time at which the file begins. ``max_bytes`` limits the download.

        Raises SourceUnreachable, SourceRefused, SourceTooSlow, FileTooLarge, InvalidVideo, or MissingDependency.
        """
        if not is_installed():
            raise MissingDependency(
                "Videos from YouTube need yt-dlp, which is not installed. Run: pip install 'lipsmith[youtube]'"
            )
        folder = path.parent / f"{path.stem}-youtube"
        (folder / "scratch").mkdir(mode=0o700, parents=True)
        task = DownloadTask(
            url=plain_url(video_id(url)),
            start_s=start_s,
            end_s=end_s,
            max_side_px=self.max_side_px,
            out=str(folder / PART),
        )
        # The file is about as large as the download, which is counted.
        child = _YouTubeChild(
            self, folder, Limits(memory_mb=_MEMORY_MB, cpu_s=_CPU_S, file_mb=2 * max_bytes // 2**20 + 16)
        )
        try:
            begins_s = child.run(task, max_bytes)
            result_file(folder, PART).rename(path)
        finally:
            child.end()
            shutil.rmtree(folder, ignore_errors=True)
        return begins_s


class _YouTubeChild:
    """One child process and its HTTP requests."""

    def __init__(self, youtube: YouTube, folder: Path, limits: Limits) -> None:
        self._youtube = youtube
        self._deadline = time.monotonic() + youtube.timeout_s
        self._received_bytes = 0
        self._failure: LipsmithError | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # `end` closes it
        command = [sys.executable, "-P", *_PROGRAM, f"--private={folder}", f"--memory-mb={limits.memory_mb}"]
        private = {"HOME": str(folder / "scratch"), "TMPDIR": str(folder / "scratch"), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [*command, f"--cpu-s={limits.cpu_s}", f"--file-mb={limits.file_mb}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**youtube.environment, **private},
            cwd=folder,
            start_new_session=True,
        )
        self._timer = threading.Timer(youtube.timeout_s, self._kill)
        self._timer.daemon = True
        self._timer.start()

    def run(self, task: DownloadTask, max_bytes: int) -> float:
        """Answer the child's requests until it is done. Return the time at which its file begins.

        The child may be under foreign control and send anything.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError, ValueError):
            _write(self._process.stdin, task)
            for _ in range(MAX_REQUESTS):
                message = decode_child_message(self._process.stdout.readline(_LINE_BYTES) or b"{}")
                if message.request is None:
                    return self._outcome(message)
                self._answer(self._process.stdin, message.request, max_bytes)
        raise self._error("its answer could not be read")

    def end(self) -> None:
        """End the child process."""
        self._timer.cancel()
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _outcome(self, message: ChildMessage) -> float:
        if message.begins_s is not None:
            return message.begins_s
        if message.why is None:
            self._process.wait(_EXIT_TIMEOUT_S)
            self._stderr.seek(0)
            output = self._stderr.read(_LINE_BYTES).decode(errors="replace").strip()
            log.warning("the yt-dlp process failed", why=output[-1000:])
        raise self._error(message.why or "the process failed")

    def _error(self, why: str) -> LipsmithError:
        """Return the error of the last failed request if there is one: it says more than the outcome."""
        if time.monotonic() >= self._deadline:
            return SourceTooSlow(f"YouTube took longer than {self._youtube.timeout_s:g} s. Upload the video instead.")
        return self._failure or SourceRefused(
            f"This video could not be downloaded from YouTube: {why}. Upload it instead."
        )

    def _answer(self, pipe: IO[bytes], request: HttpRequest, max_bytes: int) -> None:
        try:
            if max_bytes <= self._received_bytes:
                raise FileTooLarge(f"The part of the video is larger than the {max_bytes:,} bytes allowed here.")
            reply = self._send(request)
        except LipsmithError as error:
            self._failure = error
            _write(pipe, HttpReply(fault=error.message))
        else:
            self._received_bytes += len(reply.body)
            _write(pipe, HttpReply(status=reply.status, headers=dict(reply.headers), length=len(reply.body)))
            pipe.write(reply.body)
            pipe.flush()

    def _send(self, request: HttpRequest) -> Reply:
        method, url, headers = request.method, request.url, request.headers
        body = None if request.body is None else base64.b64decode(request.body, validate=True)
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._youtube.fetcher.request(method, _checked(url), headers, body, max_bytes=MAX_REPLY_BYTES)
            if reply.status not in _REDIRECTS or "location" not in reply.headers or method == "POST":
                return reply
            url = urljoin(url, reply.headers["location"])
        raise SourceRefused("YouTube redirects too often. Upload the video instead.")

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)


def _checked(url: str) -> str:
    """Return the URL if it leads to one of `REQUEST_HOSTS` over TLS. Raises SourceUnreachable."""
    read = check_url(url)
    if read.scheme != "https" or not any(read.host == host or read.host.endswith(f".{host}") for host in REQUEST_HOSTS):
        raise SourceUnreachable
    return url


def _write(pipe: IO[bytes], message: DownloadTask | HttpReply) -> None:
    pipe.write(encode(message))
    pipe.flush()
