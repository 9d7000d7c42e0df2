"""Bodies of AKOOL's webhooks, encrypted and signed."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from lipsmith.dialects.akool.translate import STATUSES, TYPES, shown_id
from lipsmith.dialects.contract import Linker
from lipsmith.service.billing.keys import make_client
from lipsmith.service.network.webhooks import Credentials, WebhookRequest
from lipsmith.service.project import Event, Project

NO_PROJECT = "0" * 24


class Events:
    """Formatter of webhooks. ``linker`` makes the download links in the bodies."""

    events: Sequence[str] = tuple(TYPES.values())

    def __init__(self, linker: Linker, *, tells_beginning: bool = False) -> None:
        """With ``tells_beginning``, report the start of a job too; the vendor's documents leave that open."""
        self._linker, self._tells_beginning = linker, tells_beginning

    def format_event(self, project: Project, event: Event) -> tuple[str, str] | None:
        """Return the kind of the project, and a body with its state; None for events without a webhook."""
        if project.kind not in TYPES or (event == "started" and not self._tells_beginning):
            return None
        url = self._linker(project.keys[0]).url if project.state == "complete" and project.keys else ""
        kind = TYPES[project.kind]
        return kind, _body(shown_id(project), STATUSES[project.state], kind, url)

    def test_event(self, now_ms: int) -> tuple[str, str]:
        """Return an event to test a receiver with."""
        kind = TYPES["talking_photo"]
        return kind, _body(NO_PROJECT, STATUSES["error"], kind, "")

    def new_credentials(self) -> Credentials:
        """Make client credentials for a standing webhook."""
        id, secret = make_client()
        return Credentials(id=id, secret=secret)

    def request(self, credentials: Credentials, body: str, now_ms: int) -> WebhookRequest:
        """Encrypt with the account's client secret, and sign with its client id."""
        encrypted = encrypt(body, credentials)
        nonce = f"{secrets.randbelow(10_000):04d}"
        signature = sign(credentials.id, str(now_ms), nonce, encrypted)
        envelope = {"signature": signature, "dataEncrypt": encrypted, "timestamp": now_ms, "nonce": nonce}
        return WebhookRequest(body=json.dumps(envelope).encode(), headers={})

    def is_success(self, status: int) -> bool:
        """Return whether the receiver has accepted the event."""
        return status == 200


def encrypt(text: str, credentials: Credentials) -> str:
    """Return Base64 of AES in CBC mode. The secret's 24 bytes are the key, the id's 16 the initialization vector."""
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(AES(credentials.secret.encode()), CBC(credentials.id.encode())).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def sign(*parts: str) -> str:
    """Return the SHA-1, hex, of the parts in byte order, concatenated."""
    return hashlib.sha1(b"".join(sorted(part.encode() for part in parts))).hexdigest()


def _body(id: str, status: int, kind: str, url: str) -> str:
    return json.dumps({"_id": id, "status": status, "type": kind, "url": url})
