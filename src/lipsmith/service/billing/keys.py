"""API keys and secrets. Only their hashes are stored."""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

DEFAULT_PREFIX = "lsk_"
MAX_KEY_LENGTH = 100
RANDOM_LENGTH = 30
"""Characters of base 62: 178 bits, so a fast hash is as safe as a slow one."""
CHECK_LENGTH = 6
"""Characters with the CRC-32 of the others, so that a mistyped key needs no query."""
CLIENT_ID_LENGTH, CLIENT_SECRET_LENGTH = 16, 24

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def make_key(prefix: str = DEFAULT_PREFIX) -> str:
    """Make an API key that starts with ``prefix``."""
    body = prefix + _random(RANDOM_LENGTH)
    return body + _check(body)


def make_secret(prefix: str = "") -> str:
    """Make the secret of a webhook."""
    return prefix + _random(32)


def make_client() -> tuple[str, str]:
    """Make an id of 16 and a secret of 24 characters, which serve as an AES block and an AES-192 key."""
    return _random(CLIENT_ID_LENGTH), _random(CLIENT_SECRET_LENGTH)


def could_be_key(text: str) -> bool:
    """Return True if ``text`` has the form of a key, with any prefix."""
    body, check = text[:-CHECK_LENGTH], text[-CHECK_LENGTH:]
    right_length = RANDOM_LENGTH + CHECK_LENGTH <= len(text) <= MAX_KEY_LENGTH
    return right_length and text.isascii() and secrets.compare_digest(_check(body), check)


def shown(key: str) -> str:
    """Return the start of a key, which is kept readable to tell keys apart: the prefix and four more characters."""
    return key[: 4 - RANDOM_LENGTH - CHECK_LENGTH]


def digest(secret: str) -> str:
    """Return the stored form of a secret: SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _check(body: str) -> str:
    number, check = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        check = _ALPHABET[digit] + check
    return check
