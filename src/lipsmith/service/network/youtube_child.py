"""The process that runs yt-dlp and cuts what is wanted out of a video. Run with ``python -m``.

It locks itself in and has no network: each request it writes to stdout as a line of JSON, and reads the answer from
stdin, a line of JSON and the body. Films are read in parts, so that only those come over the network that are wanted.
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
from lipsmith.service.processes.sandbox import Limits, enter

PART_BYTES = 2 * 1024 * 1024
KEPT_PARTS = 4
FORMATS = "[protocol~='^https?$'][vcodec!=none]"
"""What is one file, with a picture."""


class Refused(Exception):
    """There is no part to be had, in words."""


class Line:
    """The only way out."""

    def __init__(self, asks: BinaryIO, answers: BinaryIO) -> None:
        self._asks, self._answers = asks, answers

    def say(self, told: Mapping[str, Any]) -> None:
        self._asks.write(json.dumps(told).encode() + b"\n")
        self._asks.flush()

    def hear(self) -> Any:
        return json.loads(self._answers.readline())

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body. Raises ConnectionError in the words of who sits at the other end."""
        packed = None if body is None else base64.b64encode(body).decode()
        self.say({"ask": {"method": method, "url": url, "headers": dict(headers), "body": packed}})
        told = self.hear()
        if "fault" in told:
            raise ConnectionError(told["fault"])
        return told["status"], told["headers"], self._answers.read(told["length"])


def downloader(line: Line, wish: Mapping[str, Any]) -> yt_dlp.YoutubeDL:
    """yt-dlp, which asks by that line alone."""

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
                status, told, body = line.ask(request.method, request.url, headers, _bytes(request.data))
            except ConnectionError as error:
                raise TransportError(str(error)) from error
            response = Response(io.BytesIO(body), request.url, told, status)
            if not 200 <= status < 300:
                raise HTTPError(response)
            return response

    class Downloader(yt_dlp.YoutubeDL):  # type: ignore[misc]
        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            return super().build_request_director([RelayRH])

    side = wish["largest_side_px"]
    small = f"[width<=?{side}][height<=?{side}]"
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


class PartedFile(io.RawIOBase):
    """A file at a URL, of which only those parts come that are read."""

    def __init__(self, line: Line, url: str, headers: Mapping[str, str]) -> None:
        self._line, self._url, self._headers = line, url, headers
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
            status, told, body = self._line.ask("GET", self._url, headers)
            size = re.fullmatch(r"bytes \d+-\d+/(\d+)", told.get("content-range", ""))
            if status != 206 or size is None:
                raise Refused(f"its file cannot be had in parts (status {status})")
            self._size = int(size[1])
            while len(self._parts) >= KEPT_PARTS:
                self._parts.pop(next(iter(self._parts)))
            self._parts[number] = body
        return self._parts[number]


def bring(line: Line, wish: Mapping[str, Any]) -> float:
    """Finds the video, and writes the wanted part of it; the time at which that begins."""
    info = downloader(line, wish).extract_info(wish["url"], download=False)
    if info.get("_type", "video") != "video" or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
        raise Refused("it is a live stream or a list")
    length_s = info.get("duration")
    if length_s is not None and wish["start_s"] >= length_s:
        raise Refused(f"it lasts {length_s:g} s, and the part begins at {wish['start_s']:g} s")
    file = PartedFile(line, info["url"], info.get("http_headers") or {})
    return copy_part(cast(BinaryIO, file), Path(wish["out"]), start_s=wish["start_s"], end_s=wish["end_s"])


def main() -> None:
    """Does one wish."""
    arguments = _arguments()
    enter(Limits(memory_mb=arguments.memory_mb, cpu_s=arguments.cpu_s, file_mb=arguments.file_mb), arguments.private)
    asks = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes where nobody listens
    line = Line(asks, sys.stdin.buffer)
    try:
        told: dict[str, Any] = {"begins_s": bring(line, line.hear())}
    except InvalidVideo as error:
        told = {"why": error.message.rstrip(".")}
    except (YoutubeDLError, Refused, ConnectionError) as error:
        told = {"why": _words(error)}
    line.say(told)


class _Silent:
    """yt-dlp says nothing to anybody; what is wrong comes as an exception."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


def _words(error: Exception) -> str:
    """What is wrong with a video, without colours and without what to tell yt-dlp's makers."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).removeprefix("ERROR: ")
    plain = re.sub(r"^\[[^\]]*\] [\w-]+: ", "", plain)
    return plain.splitlines()[0].split("; please report this issue")[0].rstrip(".") if plain else "it broke off"


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
