"""Secrets that have to be read again lie sealed in the database, with a key made from the server's own secret."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken

from lipsmith.errors import InvalidOption


class Sealer:
    """Seals texts, and opens what it has sealed."""

    def __init__(self, secret: bytes) -> None:
        key = hmac.new(secret, b"lipsmith sealing 1", hashlib.sha256).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, text: str) -> str:
        """What may lie in the database."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again. Raises InvalidOption where another secret has sealed it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise InvalidOption(
                "This was sealed with another server secret. Give the server and all commands the same one, or add the "
                "webhook again."
            ) from error
