"""AKOOL's API as the server sees it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from lipsmith.dialects.akool.events import Events
from lipsmith.dialects.akool.translate import KEPT_S, NAME, Rules, to_refusal
from lipsmith.dialects.contract import Api, Dialect, DialectSettings, PublicLink, Services
from lipsmith.errors import InputError, LipsmithError
from lipsmith.pipeline.options import JsonValue
from lipsmith.storage.contract import Link

PREFIX = "/api/open/v3"


class AkoolSettings(DialectSettings):
    """Limits of requests, and webhooks."""

    model_config = SettingsConfigDict(env_prefix="LIPSMITH_AKOOL_", extra="ignore", frozen=True)

    max_talking_photo_s: float = Field(
        default=120,
        gt=0,
        description="Longest talking photo of AKOOL's API, seconds; one with longer audio fails. Credits for this "
        "duration, or as many as there are, are held until the audio is fetched.",
    )
    max_lip_sync_s: float = Field(
        default=60,
        gt=0,
        description="Longest lip sync of AKOOL's API, seconds. Credits are held in the same way.",
    )
    tells_beginning: bool = Field(
        default=False, description="Also send AKOOL's webhooks when a video begins to render."
    )


class AkoolErrors:
    """Errors as a number and a message, with the HTTP status 200 if the caller can correct the request."""

    def status(self, error: LipsmithError) -> int:
        """Return the HTTP status of ``error``."""
        return 200 if isinstance(error, InputError) else 500

    def body(self, error: LipsmithError, code: str | None) -> Mapping[str, JsonValue]:
        """Return the JSON body. The vendor's numbers replace ``code``."""
        body: dict[str, JsonValue] = to_refusal(error).model_dump()
        return body


class Akool(Dialect):
    """Routes below ``/api/open/v3/``, for AKOOL's own clients."""

    name = NAME
    rank = 2
    prefix = f"{PREFIX}/"
    settings_class = AkoolSettings

    def __init__(self) -> None:
        self._settings = AkoolSettings()

    def formatter(self, link: PublicLink) -> Events:
        """Make the formatter of webhooks."""

        def linker(key: str) -> Link:
            return link(key, KEPT_S)

        return Events(linker, tells_beginning=self._settings.tells_beginning)

    def api(self, services: Services) -> Api:
        """Make the routes."""
        from lipsmith.dialects.akool.routes import authenticate, router  # loads the web framework

        rules = Rules(
            max_talking_photo_s=self._settings.max_talking_photo_s, max_lip_sync_s=self._settings.max_lip_sync_s
        )
        return Api(
            router=router(services, rules, PREFIX),
            authenticate=partial(authenticate, services.accounts),
            key_help="AKOOL's clients send `x-api-key: CLIENT_SECRET`, or a token of getToken as "
            "`Authorization: Bearer TOKEN`.",
            errors=AkoolErrors(),
            open_paths=frozenset((f"{PREFIX}/getToken",)),
            upload_paths=(f"{PREFIX}/upload",),
            cross_origin=True,
        )
