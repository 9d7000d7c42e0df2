"""Signed links: HMAC-SHA256 over key, purpose, size limit and expiry.

A check needs the secrets and the clock, but no database. A link cannot be revoked before it expires; delete the file
instead.
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
"""Length of the hash; a shorter secret would be the weakest part."""

_DIGITS = 15  # enough for bytes and seconds, and quick to parse


class Purpose(StrEnum):
    """Purpose of a link: a link for reading cannot write."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


METHODS = {"PUT": Purpose.UPLOAD, "GET": Purpose.DOWNLOAD, "HEAD": Purpose.DOWNLOAD}
"""HTTP method to the purpose that it needs."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Permission of a valid link."""

    key: str
    purpose: Purpose
    max_bytes: int
    """Size limit of an upload; 0 for reading."""
    expires_at_s: int


class SignedLinks:
    """Makes and checks links below ``base_url``, such as ``https://example.org/files/``.

    The first of ``secrets`` signs; links of the others stay valid. To change the secret, put the new one first, and
    drop the old one after its last link has expired. Raises InvalidOption for a secret below 32 bytes.
    """

    def __init__(self, base_url: str, secrets: Sequence[bytes], *, clock: Callable[[], float] = time.time) -> None:
        if not secrets or min(map(len, secrets)) < MIN_SECRET_BYTES:
            raise InvalidOption(f"The secret for signed links is too short. Use at least {MIN_SECRET_BYTES} bytes.")
        self._base_url = base_url.rstrip("/") + "/"
        self._secrets = tuple(secrets)
        self._clock = clock

    def upload(self, key: str, *, max_bytes: int, lifetime_s: int) -> Link:
        """Return a link for PUT of up to ``max_bytes`` bytes. Raises InvalidKey."""
        return self._link(key, Purpose.UPLOAD, max_bytes, lifetime_s)

    def download(self, key: str, *, lifetime_s: int) -> Link:
        """Return a link for GET. Raises InvalidKey."""
        return self._link(key, Purpose.DOWNLOAD, 0, lifetime_s)

    def check(self, method: str, key: str, query: Mapping[str, str]) -> Grant:
        """Return the permission of a request with ``query``. Raises LinkRefused if there is none, or InvalidKey."""
        purpose = METHODS.get(method)
        if purpose is None:
            raise LinkRefused(f"The method {method} is not allowed for this link. Use {', '.join(METHODS)}.")
        grant = Grant(
            key=check_key(key),
            purpose=purpose,
            max_bytes=_number(query.get("limit", "0")),
            expires_at_s=_number(query.get("expires", "")),
        )
        signature = query.get("signature", "").encode("utf-8", "replace")
        # Try every secret, so that the time does not depend on which one fits.
        fits = [hmac.compare_digest(signature, _signature(secret, grant)) for secret in self._secrets]
        if not any(fits):
            raise LinkRefused("The link is not valid for this file. Request a new one.")
        if self._clock() >= grant.expires_at_s:
            raise LinkRefused("The link has expired. Request a new one.")
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
    """Sign all fields. No field contains a line break, so fields cannot be confused."""
    message = f"lipsmith link 1\n{grant.purpose}\n{grant.key}\n{grant.max_bytes}\n{grant.expires_at_s}"
    digest = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=")


def _number(text: str) -> int:
    """Parse a number without sign, space, leading zero or non-ASCII digit. Raises LinkRefused."""
    if len(text) > _DIGITS or not (text.isascii() and text.isdigit()) or text != str(int(text)):
        raise LinkRefused("The link is incomplete. Use it exactly as it was issued, or request a new one.")
    return int(text)
