"""Secrets that have to be read again lie sealed in the database, with a key made from the server's own secret."""

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
"""All columns of the tables that hold something sealed, or nothing."""


class Encryptor:
    """Seals texts, and opens what it has sealed."""

    def __init__(self, secret: bytes, *older: bytes) -> None:
        """``older`` secrets open what they have sealed, and seal nothing more."""
        self.knows_older = bool(older)
        self._newest = _fernet(secret)
        self._all = MultiFernet([self._newest, *map(_fernet, older)])

    def seal(self, text: str) -> str:
        """What may lie in the database."""
        return self._newest.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again. Raises InvalidOption where another secret has sealed it."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise InvalidOption(
                "This was sealed with another server secret. Give the server and all commands the same one, or add the "
                "webhook again."
            ) from error

    def renewed(self, sealed: str) -> str | None:
        """The same, sealed by the newest secret; None where it is so already, or where no secret opens it."""
        try:
            self._newest.decrypt(sealed.encode())
        except InvalidToken:
            try:
                return self._all.rotate(sealed.encode()).decode()
            except InvalidToken:
                return None
        return None


def reencrypt_all(database: Database, encryptor: Encryptor) -> int:
    """Seals with the newest secret what older ones have sealed, so that they can be dropped; how much that was."""
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
