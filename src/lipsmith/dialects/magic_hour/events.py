"""Bodies and signatures of Magic Hour's webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from lipsmith.dialects.contract import Linker
from lipsmith.dialects.magic_hour.translate import AUDIO_EVENTS, EVENTS, to_audio_project, to_video_project
from lipsmith.service.billing.keys import make_secret
from lipsmith.service.network.webhooks import Credentials, WebhookRequest
from lipsmith.service.project import Event, Project

SIGNATURE = "magic-hour-event-signature"
TIMESTAMP = "magic-hour-event-timestamp"
TEST_EVENT = "webhook.test"


class Events:
    """Formatter of webhooks. ``linker`` makes the download links in the bodies."""

    events: Sequence[str] = (*EVENTS.values(), *AUDIO_EVENTS.values())

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    def format_event(self, project: Project, event: Event) -> tuple[str, str] | None:
        """Return the event's name, and a body with the answer of GET; None for face detection, which has no events."""
        if project.kind == "face_detection":
            return None
        if project.kind == "voice":
            name, payload = AUDIO_EVENTS[event], to_audio_project(project, self._linker).model_dump(mode="json")
        else:
            name, payload = EVENTS[event], to_video_project(project, self._linker).model_dump(mode="json")
        return name, _body(name, payload)

    def test_event(self, now_ms: int) -> tuple[str, str]:
        """Return an event to test a receiver with."""
        return TEST_EVENT, _body(TEST_EVENT, {"id": "test", "sent_at_ms": now_ms})

    def new_credentials(self) -> Credentials:
        """Make the secret of a standing webhook."""
        return Credentials(secret=make_secret("whsec_"))

    def request(self, credentials: Credentials, body: str, now_ms: int) -> WebhookRequest:
        """Sign the time and the body with HMAC-SHA256. Receivers refuse requests that are five minutes old."""
        timestamp, sent = str(now_ms // 1000), body.encode()
        digest = hmac.new(credentials.secret.encode(), f"{timestamp}.".encode() + sent, hashlib.sha256)
        return WebhookRequest(body=sent, headers={SIGNATURE: digest.hexdigest(), TIMESTAMP: timestamp})

    def is_success(self, status: int) -> bool:
        """Return whether the receiver has accepted the event."""
        return 200 <= status < 300


def _body(name: str, payload: Mapping[str, object]) -> str:
    return json.dumps({"type": name, "payload": payload}, ensure_ascii=False)
