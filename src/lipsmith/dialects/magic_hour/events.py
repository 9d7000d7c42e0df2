"""The bodies and signatures of webhooks. Sends nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from lipsmith.dialects.magic_hour.translate import AUDIO_EVENTS, EVENTS, Linker, to_audio_project, to_video_project
from lipsmith.service.network.webhooks import Credentials, WebhookRequest
from lipsmith.service.project import Event, Project

SIGNATURE = "magic-hour-event-signature"
TIMESTAMP = "magic-hour-event-timestamp"
TRIAL = "webhook.test"


class Events:
    """How this vendor tells. ``linker`` makes the download links in the bodies."""

    events: Sequence[str] = (*EVENTS.values(), *AUDIO_EVENTS.values())

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    def told(self, project: Project, event: Event) -> tuple[str, str] | None:
        """The event's name, and a body with what GET would answer. Looking for faces is nobody's news."""
        if project.kind == "face_detection":
            return None
        if project.kind == "voice":
            name, shown = AUDIO_EVENTS[event], to_audio_project(project, self._linker).model_dump(mode="json")
        else:
            name, shown = EVENTS[event], to_video_project(project, self._linker).model_dump(mode="json")
        return name, _body(name, shown)

    def trial(self, now_ms: int) -> tuple[str, str]:
        """Something to try out a receiver with."""
        return TRIAL, _body(TRIAL, {"id": "test", "sent_at_ms": now_ms})

    def request(self, credentials: Credentials, body: str, now_ms: int) -> WebhookRequest:
        """HMAC-SHA256 over the time and the very bytes that are sent. Receivers refuse times of five minutes ago."""
        timestamp, sent = str(now_ms // 1000), body.encode()
        digest = hmac.new(credentials.secret.encode(), f"{timestamp}.".encode() + sent, hashlib.sha256)
        return WebhookRequest(body=sent, headers={SIGNATURE: digest.hexdigest(), TIMESTAMP: timestamp})

    def is_success(self, status: int) -> bool:
        """Any success will do."""
        return 200 <= status < 300


def _body(name: str, payload: Mapping[str, object]) -> str:
    return json.dumps({"type": name, "payload": payload}, ensure_ascii=False)
