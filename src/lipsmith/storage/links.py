"""Links that prove by themselves what may be done with one key until when: HMAC-SHA256 over everything they allow.

The one who checks needs the secrets and the clock, and no table. A link cannot be taken back before it expires; delete
the bytes instead.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from lipsmith.errors import InvalidOption
from lipsmith.storage.contract import Link, check_key
from lipsmith.storage.errors import LinkRefused

MIN_SECRET_BYTES = 32
"""As long as the hash: a shorter one would be the weakest part."""

_DIGITS = 15  # enough for bytes and seconds, and few enough to be read quickly


class Purpose(StrEnum):
    """What a link is for. One for reading cannot write."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


METHODS = {"PUT": Purpose.UPLOAD, "GET": Purpose.DOWNLOAD, "HEAD": Purpose.DOWNLOAD}
"""HTTP method -> the purpose a link needs for it."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a checked link allows."""

    key: str
    purpose: Purpose
    max_bytes: int
    """How much may be written; 0 for reading."""
    expires_at_s: int


class SignedLinks:
    """Makes and checks links below ``base_url``, such as ``https://example.org/files/``.

    ``secrets`` holds the one that signs first, then older ones whose links are still honoured: to change the secret,
    put the new one in front, and drop the old one when its last link has expired. Each has at least 32 bytes;
    InvalidOption is raised otherwise.
    """

    def __init__(self, base_url: str, secrets: Sequence[bytes], *, clock: Callable[[], float] = time.time) -> None:
        if not secrets or min(map(len, secrets)) < MIN_SECRET_BYTES:
            raise InvalidOption(
                f"Links are signed with secrets of at least {MIN_SECRET_BYTES} bytes. Make a longer one."
            )
        self._base_url = base_url.rstrip("/") + "/"
        self._secrets = tuple(secrets)
        self._clock = clock

    def upload(self, key: str, *, max_bytes: int, lifetime_s: int) -> Link:
        """Where to PUT up to ``max_bytes`` bytes. Raises InvalidKey."""
        return self._link(key, Purpose.UPLOAD, max_bytes, lifetime_s)

    def download(self, key: str, *, lifetime_s: int) -> Link:
        """Where to GET the bytes. Raises InvalidKey."""
        return self._link(key, Purpose.DOWNLOAD, 0, lifetime_s)

    def check(self, method: str, key: str, query: Mapping[str, str]) -> Grant:
        """What a request may do that came with ``query``. Raises LinkRefused when that is nothing, or InvalidKey."""
        purpose = METHODS.get(method)
        if purpose is None:
            raise LinkRefused(f"{method} is not possible here. Use {', '.join(METHODS)}.")
        grant = Grant(
            key=check_key(key),
            purpose=purpose,
            max_bytes=_number(query.get("limit", "0")),
            expires_at_s=_number(query.get("expires", "")),
        )
        given = query.get("signature", "").encode("utf-8", "replace")
        # Every secret is tried, so that the time taken tells nothing about which one fits.
        fits = [hmac.compare_digest(given, _signature(secret, grant)) for secret in self._secrets]
        if not any(fits):
            raise LinkRefused("The link is not valid for this file. Ask for a new one.")
        if self._clock() >= grant.expires_at_s:
            raise LinkRefused("The link has expired. Ask for a new one.")
        return grant

    def _link(self, key: str, purpose: Purpose, max_bytes: int, lifetime_s: int) -> Link:
        expires_at_s = int(self._clock()) + lifetime_s
        grant = Grant(key=check_key(key), purpose=purpose, max_bytes=max_bytes, expires_at_s=expires_at_s)
        query = {"expires": expires_at_s} | ({"limit": max_bytes} if purpose is Purpose.UPLOAD else {})
        signature = _signature(self._secrets[0], grant).decode()
        return Link(
            url=f"{self._base_url}{key}?{urlencode({**query, 'signature': signature})}", expires_at_s=expires_at_s
        )


def _signature(secret: bytes, grant: Grant) -> bytes:
    """Signs every field. No field can hold a line break, so none can pass for two."""
    message = f"lipsmith link 1\n{grant.purpose}\n{grant.key}\n{grant.max_bytes}\n{grant.expires_at_s}"
    digest = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=")


def _number(text: str) -> int:
    """A number written as we write it: no sign, space, leading zero or foreign digit. Raises LinkRefused."""
    if len(text) > _DIGITS or not (text.isascii() and text.isdigit()) or text != str(int(text)):
        raise LinkRefused("The link is not whole. Use it exactly as it was given, or ask for a new one.")
    return int(text)
