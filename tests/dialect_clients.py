"""A client of each vendor's API with one interface, so that tests of both APIs are written once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import httpx
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from local_hosts import ReceivedRequest

Admin = Callable[..., Any]
"""Runs a command for administrators, and answers what it prints."""


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """An account, as it is shown when it is made."""

    id: str
    api_key: str
    client_id: str
    client_secret: str

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> NewAccount:
        return cls(**{name: shown[name] for name in ("id", "api_key", "client_id", "client_secret")})


@dataclass(frozen=True, kw_only=True)
class VideoStatus:
    """State of a video, as the API reports it."""

    state: str
    """waiting, rendering, complete, failed or gone."""
    url: str
    charged: int
    why: str | int | None
    """The vendor's code of a failure."""


class RequestRefused(Exception):
    """The server did not do it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class DialectClient(ABC):
    """Interface of both clients."""

    refusals: ClassVar[Mapping[str, int]]
    """The vendor's number for: unknown id, no key, suspended account, too few credits, invalid request."""
    no_face: str | int
    """The vendor's code for an unusable image."""

    def __init__(self, url: str, account: NewAccount, key: str | None = None) -> None:
        """``key`` instead of the account's own; empty for none."""
        self.account, self._key = account, key
        self.client = httpx.Client(base_url=url, headers=self.headers(), timeout=240)

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Return the headers for authentication."""

    @abstractmethod
    def upload(self, path: Path, kind: str) -> str:
        """Uploads a file; its name for requests."""

    @abstractmethod
    def talk(self, image: str | None, audio: str) -> str:
        """Orders a talking photo; its id."""

    @abstractmethod
    def sync(self, video: str, audio: str) -> str:
        """Orders a lip sync; its id."""

    @abstractmethod
    def see(self, id: str) -> VideoStatus:
        """Return the current state."""

    @abstractmethod
    def balance(self) -> int:
        """Credits left."""

    @abstractmethod
    def delete(self, id: str) -> None:
        """Delete a video."""

    @abstractmethod
    def listen(self, url: str, admin: Admin) -> Callable[[ReceivedRequest], dict[str, Any] | None]:
        """Subscribe to every video; return a reader of one message: id, state and URL."""

    @property
    def unknown(self) -> str:
        """The id of nothing."""
        return "0" * 24


class MagicHour(DialectClient):
    """The first dialect."""

    refusals: ClassVar = {"nothing": 404, "nobody": 401, "suspended": 401, "poor": 402, "wrong": 400, "unusable": 422}
    no_face = "invalid_image"

    def headers(self) -> dict[str, str]:
        key = self.account.api_key if self._key is None else self._key
        return {"Authorization": f"Bearer {key}"} if key else {}

    def upload(self, path: Path, kind: str) -> str:
        wish = {"type": kind, "extension": path.suffix.removeprefix(".")}
        [place] = self._ask("POST", "/v1/files/upload-urls", {"items": [wish]})["items"]
        assert httpx.put(place["upload_url"], content=path.read_bytes()).status_code == 200
        return str(place["file_path"])

    def talk(self, image: str | None, audio: str) -> str:
        assets = {"image_file_path": image, "audio_file_path": audio}
        return self._order("/v1/ai-talking-photo", assets)

    def sync(self, video: str, audio: str) -> str:
        assets = {"video_file_path": video, "audio_file_path": audio, "video_source": "file"}
        return self._order("/v1/lip-sync", assets)

    def see(self, id: str) -> VideoStatus:
        shown = self._ask("GET", f"/v1/video-projects/{id}")
        state = {"queued": "waiting", "error": "failed"}.get(shown["status"], shown["status"])
        return VideoStatus(
            state=state if shown["enabled"] else "gone",
            url=shown["download"]["url"] if shown["download"] else "",
            charged=shown["credits_charged"],
            why=shown["error"] and shown["error"]["code"],
        )

    def balance(self) -> int:
        return int(self._ask("GET", "/v1/account")["credits"])

    def delete(self, id: str) -> None:
        self._ask("DELETE", f"/v1/video-projects/{id}")

    def listen(self, url: str, admin: Admin) -> Callable[[ReceivedRequest], dict[str, Any] | None]:
        secret = str(admin("webhook", "add", url, "--account", self.account.id)["secret"]).encode()

        def read(received: ReceivedRequest) -> dict[str, Any] | None:
            signed = f"{received.headers['magic-hour-event-timestamp']}.".encode() + received.body
            expected = hmac.new(secret, signed, hashlib.sha256).hexdigest()
            assert received.headers["magic-hour-event-signature"] == expected
            told = json.loads(received.body)
            if told["type"] == "video.started":
                return None
            payload = told["payload"]
            ends = {"complete": "complete", "error": "failed"}
            where = payload["download"]["url"] if payload["download"] else ""
            return {"id": payload["id"], "state": ends[payload["status"]], "url": where}

        return read

    def _order(self, path: str, assets: Mapping[str, str | None]) -> str:
        given = {name: value for name, value in assets.items() if value is not None}
        return str(self._ask("POST", path, {"assets": given, "start_seconds": 0, "end_seconds": 0.4})["id"])

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self.client.request(method, path, json=body) if body else self.client.request(method, path)
        if answer.status_code >= 300:
            raise RequestRefused(answer.status_code, answer.json()["message"])
        return answer.json() if answer.content else None


class Akool(DialectClient):
    """The second dialect, with a token."""

    prefix = "/api/open/v3"
    refusals: ClassVar = {
        "nothing": 1008,
        "nobody": 1101,
        "suspended": 1200,
        "poor": 1104,
        "wrong": 1003,
        "unusable": 1003,
    }
    no_face = 1108
    webhook = ""

    def headers(self) -> dict[str, str]:
        key = self.account.client_secret if self._key is None else self._key
        return {"x-api-key": key} if key else {}

    def upload(self, path: Path, kind: str) -> str:
        with path.open("rb") as file:
            answer = self.client.post(f"{self.prefix}/upload", files={"file": (path.name, file)})
        return str(self._data(answer)["url"])

    def talk(self, image: str | None, audio: str) -> str:
        inputs = {"audio_url": audio} | ({} if image is None else {"talking_photo_url": image})
        return self._order("/content/video/createbytalkingphoto", inputs)

    def sync(self, video: str, audio: str) -> str:
        return self._order("/content/video/lipsync", {"video_url": video, "audio_url": audio})

    def see(self, id: str) -> VideoStatus:
        query = {"video_model_id": id}
        answer = self.client.get(f"{self.prefix}/content/video/infobymodelid", params=query)
        if answer.json()["code"] == 1014:
            return VideoStatus(state="gone", url="", charged=0, why=None)
        shown = self._data(answer)
        return VideoStatus(
            state={1: "waiting", 2: "rendering", 3: "complete", 4: "failed"}[shown["video_status"]],
            url=shown["video"],
            charged=shown["deduction_lock_duration"],
            why=shown.get("error_code"),
        )

    def balance(self) -> int:
        return int(self._data(self.client.get(f"{self.prefix}/faceswap/quota/info"))["credit"])

    def delete(self, id: str) -> None:
        self._data(self.client.post(f"{self.prefix}/faceswap/result/delbyids", json={"_ids": id}))

    def listen(self, url: str, admin: Admin) -> Callable[[ReceivedRequest], dict[str, Any] | None]:
        self.webhook = url

        def read(received: ReceivedRequest) -> dict[str, Any] | None:
            told = opened(received.body, self.account.client_id, self.account.client_secret)
            return {"id": told["_id"], "state": {3: "complete", 4: "failed"}[told["status"]], "url": told["url"]}

        return read

    def _order(self, path: str, inputs: Mapping[str, str]) -> str:
        body = {**inputs, "webhookUrl": self.webhook}
        return str(self._data(self.client.post(self.prefix + path, json=body))["_id"])

    def _data(self, answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        told = answer.json()
        if told["code"] != 1000:
            raise RequestRefused(told["code"], told["msg"])
        return told.get("data")


def opened(body: bytes, client_id: str, client_secret: str) -> dict[str, Any]:
    """Check the signature of one of AKOOL's webhooks and decrypt its body.

    As the vendor's Java example: the id is the first block as it stands, neither cut nor filled up.
    """
    told = json.loads(body)
    assert told.keys() == {"signature", "dataEncrypt", "timestamp", "nonce"}
    parts = sorted([client_id, str(told["timestamp"]), told["nonce"], told["dataEncrypt"]])
    assert told["signature"] == hashlib.sha1("".join(parts).encode()).hexdigest()
    decryptor = Cipher(AES(client_secret.encode()), CBC(client_id.encode())).decryptor()
    plain = decryptor.update(base64.b64decode(told["dataEncrypt"])) + decryptor.finalize()
    assert plain[-plain[-1] :] == bytes([plain[-1]]) * plain[-1]
    return dict(json.loads(plain[: -plain[-1]]))
