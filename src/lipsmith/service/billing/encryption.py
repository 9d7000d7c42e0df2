"""Encryption of secrets in the database, with a key derived from the secret of the server."""

from __future__ import annotations

import base64
import hashlib
import hmac

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from lipsmith.database.connection import Database
from lipsmith.database.tables import accounts, webhooks
from lipsmith.errors import InvalidOption

ENCRYPTED_COLUMNS: tuple[sa.Column[str | None], ...] = (accounts.c.client_sealed, webhooks.c.secret)
"""Columns with encrypted values; they may be empty."""


class Encryptor:
    """Encrypt and decrypt texts."""

    def __init__(self, secret: bytes, *older: bytes) -> None:
        """Encrypt with ``secret``; ``older`` secrets only decrypt."""
        self.knows_older = bool(older)
        self._newest = _fernet(secret)
        self._all = MultiFernet([self._newest, *map(_fernet, older)])

    def seal(self, text: str) -> str:
        """Encrypt a text."""
        return self._newest.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt a text. Raises InvalidOption if it was encrypted with another secret."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise InvalidOption(
                "This value was encrypted with another server secret. Use the same secret for the server and all "
                "commands, or add the webhook again."
            ) from error

    def renewed(self, sealed: str) -> str | None:
        """Return the value encrypted with the newest secret, or None if it is already or no secret decrypts it."""
        try:
            self._newest.decrypt(sealed.encode())
        except InvalidToken:
            try:
                return self._all.rotate(sealed.encode()).decode()
            except InvalidToken:
                return None
        return None


def reencrypt_all(database: Database, encryptor: Encryptor) -> int:
    """Encrypt all values with the newest secret, so that older ones can be dropped. Return their number."""
    count = 0
    with database.write() as conn:
        for column in ENCRYPTED_COLUMNS:
            for sealed in conn.scalars(sa.select(column).where(column != "")).all():
                if (renewed := encryptor.renewed(sealed or "")) is not None:
                    conn.execute(sa.update(column.table).where(column == sealed).values({column: renewed}))
                    count += 1
    return count


def _fernet(secret: bytes) -> Fernet:
    key = hmac.new(secret, b"lipsmith sealing 1", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(key))
