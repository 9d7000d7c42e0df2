"""The bodies of webhooks, encrypted and signed. Sends nothing."""

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

from lipsmith.dialects.akool.translate import STATUSES, TYPES, Linker, shown_id
from lipsmith.service.network.webhooks import Credentials, WebhookRequest
from lipsmith.service.project import Event, Project

NOBODY = "0" * 24


class Events:
    """How this vendor tells. ``linker`` makes the download links in the bodies."""

    events: Sequence[str] = tuple(TYPES.values())

    def __init__(self, linker: Linker, *, tells_beginning: bool = False) -> None:
        """With ``tells_beginning``, also that something is in work now: the vendor's documents leave that open."""
        self._linker, self._tells_beginning = linker, tells_beginning

    def told(self, project: Project, event: Event) -> tuple[str, str] | None:
        """What it is, and a body that says how it stands."""
        if project.kind not in TYPES or (event == "started" and not self._tells_beginning):
            return None
        url = self._linker(project.keys[0]).url if project.state == "complete" and project.keys else ""
        kind = TYPES[project.kind]
        return kind, _body(shown_id(project), STATUSES[project.state], kind, url)

    def trial(self, now_ms: int) -> tuple[str, str]:
        """Something to try out a receiver with."""
        kind = TYPES["talking_photo"]
        return kind, _body(NOBODY, STATUSES["error"], kind, "")

    def request(self, credentials: Credentials, body: str, now_ms: int) -> WebhookRequest:
        """Encrypted for whoever knows the account's client secret, and signed with its client id."""
        sealed = encrypt(body, credentials)
        nonce = f"{secrets.randbelow(10_000):04d}"
        signature = sign(credentials.id, str(now_ms), nonce, sealed)
        told = {"signature": signature, "dataEncrypt": sealed, "timestamp": now_ms, "nonce": nonce}
        return WebhookRequest(body=json.dumps(told).encode(), headers={})

    def is_success(self, status: int) -> bool:
        """Nothing but this will do."""
        return status == 200


def encrypt(text: str, credentials: Credentials) -> str:
    """Base64 of AES in CBC mode: the secret's 24 bytes are the key, the id's 16 the first block."""
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(AES(credentials.secret.encode()), CBC(credentials.id.encode())).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def sign(*parts: str) -> str:
    """SHA-1, hex, of the parts in byte order, one after the other."""
    return hashlib.sha1(b"".join(sorted(part.encode() for part in parts))).hexdigest()


def _body(id: str, status: int, kind: str, url: str) -> str:
    return json.dumps({"_id": id, "status": status, "type": kind, "url": url})
