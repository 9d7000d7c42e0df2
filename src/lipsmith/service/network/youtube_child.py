"""Child process that runs yt-dlp and copies the needed part of a video. Run with ``python -m``.

It enters the sandbox and has no network. It writes each HTTP request to stdout as a line of JSON, and reads the reply
from stdin: a line of JSON and the body. Video files are read in parts, so only the needed ones are downloaded.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import yt_dlp
from yt_dlp.networking import RequestHandler, Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import YoutubeDLError

from lipsmith.errors import InvalidVideo
from lipsmith.media.stream_copy import copy_part
from lipsmith.service.network.youtube_messages import ChildMessage, DownloadTask, HttpReply, HttpRequest, encode
from lipsmith.service.processes.sandbox import Limits, enter

PART_BYTES = 2 * 1024 * 1024
KEPT_PARTS = 4
FORMATS = "[protocol~='^https?$'][vcodec!=none]"
"""Formats that are a single file with video."""


class Refused(Exception):
    """The video cannot be downloaded; the message says why."""


class Connection:
    """Sends HTTP requests through the parent process."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests, self._replies = requests, replies

    def send(self, message: ChildMessage) -> None:
        self._requests.write(encode(message))
        self._requests.flush()

    def receive(self) -> Mapping[str, Any]:
        """Return the next line from the parent, which is trusted."""
        return json.loads(self._replies.readline())

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body. Raises ConnectionError with the reason of the parent."""
        packed = None if body is None else base64.b64encode(body).decode()
        http_request = HttpRequest(method=method, url=url, headers=dict(headers), body=packed)  # type: ignore[arg-type]
        self.send(ChildMessage(request=http_request))
        reply = HttpReply(**self.receive())
        if reply.fault is not None:
            raise ConnectionError(reply.fault)
        return reply.status, dict(reply.headers), self._replies.read(reply.length)


def downloader(connection: Connection, max_side_px: int) -> yt_dlp.YoutubeDL:
    """Return a yt-dlp that sends all requests through ``connection``."""

    class RelayRH(RequestHandler):  # type: ignore[misc]
        _SUPPORTED_URL_SCHEMES = ("http", "https")
        _SUPPORTED_PROXY_SCHEMES = ()

        def _check_extensions(self, extensions: dict[str, Any]) -> None:
            super()._check_extensions(extensions)
            for known in ("cookiejar", "timeout", "legacy_ssl", "keep_header_casing", "impersonate"):
                extensions.pop(known, None)

        def _send(self, request: Any) -> Any:
            headers = self._get_headers(request)
            if cookies := self._get_cookiejar(request).get_cookie_header(request.url):
                headers["Cookie"] = cookies
            try:
                status, received, body = connection.request(request.method, request.url, headers, _bytes(request.data))
            except ConnectionError as error:
                raise TransportError(str(error)) from error
            response = Response(io.BytesIO(body), request.url, received, status)
            if not 200 <= status < 300:
                raise HTTPError(response)
            return response

    class Downloader(yt_dlp.YoutubeDL):  # type: ignore[misc]
        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            return super().build_request_director([RelayRH])

    small = f"[width<=?{max_side_px}][height<=?{max_side_px}]"
    return Downloader(
        {
            "quiet": True,
            "no_warnings": True,
            "noplaylist": True,
            "cachedir": False,
            "format": f"(bv*/b){FORMATS}{small}/(wv*/w){FORMATS}",
            "format_sort": ["vcodec:h264", "res"],
            "logger": _Silent(),
            "retries": 1,
            "extractor_retries": 1,
        }
    )


class RemoteFile(io.RawIOBase):
    """File at a URL. Downloads only the parts that are read."""

    def __init__(self, connection: Connection, url: str, headers: Mapping[str, str]) -> None:
        self._connection, self._url, self._headers = connection, url, headers
        self._at = 0
        self._parts: dict[int, bytes] = {}
        self._size = PART_BYTES
        self._part(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        wanted = self._size - self._at if size < 0 else size
        number, within = divmod(self._at, PART_BYTES)
        if self._at >= self._size or wanted <= 0:
            return b""
        piece = self._part(number)[within : within + wanted]
        self._at += len(piece)
        return piece

    def _part(self, number: int) -> bytes:
        if number not in self._parts:
            first = number * PART_BYTES
            headers = {**self._headers, "Range": f"bytes={first}-{first + PART_BYTES - 1}"}
            status, received, body = self._connection.request("GET", self._url, headers)
            size = re.fullmatch(r"bytes \d+-\d+/(\d+)", received.get("content-range", ""))
            if status != 206 or size is None:
                raise Refused(f"its server sends no parts of the file (status {status})")
            self._size = int(size[1])
            while len(self._parts) >= KEPT_PARTS:
                self._parts.pop(next(iter(self._parts)))
            self._parts[number] = body
        return self._parts[number]


def fetch(connection: Connection, task: DownloadTask) -> float:
    """Find the video and write the needed part. Return the time at which that begins, in seconds."""
    info = downloader(connection, task.max_side_px).extract_info(task.url, download=False)
    if info.get("_type", "video") != "video" or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
        raise Refused("it is a live stream or a list")
    length_s = info.get("duration")
    if length_s is not None and task.start_s >= length_s:
        raise Refused(f"it lasts {length_s:g} s, but the part begins at {task.start_s:g} s")
    file = RemoteFile(connection, info["url"], info.get("http_headers") or {})
    return copy_part(cast(BinaryIO, file), Path(task.out), start_s=task.start_s, end_s=task.end_s)


def main() -> None:
    """Do one task."""
    arguments = _arguments()
    enter(Limits(memory_mb=arguments.memory_mb, cpu_s=arguments.cpu_s, file_mb=arguments.file_mb), arguments.private)
    requests = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # anything that a library prints goes to stderr
    connection = Connection(requests, sys.stdin.buffer)
    try:
        outcome = ChildMessage(begins_s=fetch(connection, DownloadTask(**connection.receive())))
    except InvalidVideo as error:
        outcome = ChildMessage(why=error.message.rstrip("."))
    except (YoutubeDLError, Refused, ConnectionError) as error:
        outcome = ChildMessage(why=_message(error)[:300])
    connection.send(outcome)


class _Silent:
    """Logger that drops everything; failures come as exceptions."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


def _message(error: Exception) -> str:
    """Return the message of an error, without colours and without the request to report it to yt-dlp."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).removeprefix("ERROR: ")
    plain = re.sub(r"^\[[^\]]*\] [\w-]+: ", "", plain)
    return plain.splitlines()[0].split("; please report this issue")[0].rstrip(".") if plain else "the download failed"


def _bytes(data: Any) -> bytes | None:
    return b"".join(data) if data is not None and not isinstance(data, bytes) else data


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--private", type=Path, required=True)
    parser.add_argument("--memory-mb", type=int, required=True)
    parser.add_argument("--cpu-s", type=int, required=True)
    parser.add_argument("--file-mb", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
