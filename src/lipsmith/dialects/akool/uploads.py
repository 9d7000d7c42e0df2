"""Reader of one uploaded file from a request's body, chunk by chunk: the body itself, or a part of a form."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from lipsmith.service.errors import InvalidRequest
from lipsmith.service.network.assets import UNKNOWN_EXTENSION
from lipsmith.storage.contract import Upload

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

Begin = Callable[[str], Upload]
"""Starts to write a file with that extension."""

_EXTENSION = re.compile(r"[a-z0-9]{1,16}")


class UploadReceiver:
    """Writer of one file. Of a form it takes the first part that has a file name, and skips all others."""

    def __init__(self, content_type: str, begin: Begin) -> None:
        """Raises InvalidRequest for a form without a boundary."""
        self._begin = begin
        self._upload: Upload | None = None
        kind, options = parse_options_header(content_type)
        self._form: MultipartParser | None = None
        self._extension = extension_of("", kind.decode("latin-1"))
        if kind == b"multipart/form-data":
            if not options.get(b"boundary"):
                raise InvalidRequest("Content-Type: a form needs a boundary.")
            self._form = MultipartParser(options[b"boundary"], self._callbacks())
        self._name, self._value, self._headers = b"", b"", dict[bytes, bytes]()
        self._in_file = False

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the body. Raises InvalidRequest for a broken form, and what `Upload.write` raises."""
        if self._form is None:
            if chunk:
                self._opened(self._extension).write(chunk)
            return
        try:
            self._form.write(chunk)
        except FormParserError as error:
            raise InvalidRequest(f"The form cannot be read: {error}.") from error

    def finish(self) -> int:
        """Keep the file, and return its size in bytes. Raises InvalidRequest if there was none."""
        if self._upload is None:
            raise InvalidRequest("file: send a file, as the body or as a part of a form that has a file name.")
        return self._upload.finish()

    def close(self) -> None:
        """Drop an unfinished file."""
        if self._upload is not None:
            self._upload.close()

    def _opened(self, extension: str) -> Upload:
        if self._upload is None:
            self._upload = self._begin(extension)
        return self._upload

    def _callbacks(self) -> MultipartCallbacks:
        def name(data: bytes, start: int, end: int) -> None:
            self._name += data[start:end]

        def value(data: bytes, start: int, end: int) -> None:
            self._value += data[start:end]

        def header() -> None:
            self._headers[self._name.lower()] = self._value
            self._name = self._value = b""

        def part() -> None:
            self._headers = {}

        def begun() -> None:
            _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
            self._in_file = b"filename" in options and self._upload is None
            if self._in_file:
                kind, _ = parse_options_header(self._headers.get(b"content-type", b""))
                self._opened(extension_of(options[b"filename"].decode("utf-8", "replace"), kind.decode("latin-1")))

        def content(data: bytes, start: int, end: int) -> None:
            if self._in_file and self._upload is not None:
                self._upload.write(data[start:end])

        return {
            "on_part_begin": part,
            "on_header_field": name,
            "on_header_value": value,
            "on_header_end": header,
            "on_headers_finished": begun,
            "on_part_data": content,
        }


def extension_of(name: str, content_type: str) -> str:
    """Return a file's extension, by its name or else by its type.

    >>> extension_of("Ada.PNG", ""), extension_of("", "audio/mpeg"), extension_of("note", "")
    ('png', 'mp3', 'bin')
    """
    found = PurePosixPath(name).suffix or mimetypes.guess_extension(content_type, strict=True) or ""
    extension = found.removeprefix(".").lower()
    return extension if _EXTENSION.fullmatch(extension) else UNKNOWN_EXTENSION
