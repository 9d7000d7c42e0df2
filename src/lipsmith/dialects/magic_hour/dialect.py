"""Magic Hour's API as the server sees it."""

from __future__ import annotations

from collections.abc import Mapping

from lipsmith.dialects.contract import Api, Conventions, Dialect, PublicLink, Services, bearer_key
from lipsmith.dialects.magic_hour.events import Events
from lipsmith.dialects.magic_hour.settings import MagicHourSettings
from lipsmith.dialects.magic_hour.translate import NAME, Rules
from lipsmith.service.billing.accounts import Account
from lipsmith.service.network.assets import AssetNames
from lipsmith.storage.contract import Link

KEY_PREFIX = "mhk_live_"
ASSETS = AssetNames(
    folder="api-assets/",  # official clients take no other path for a file that is already uploaded
    library_path="/my-library",
    library_ids=("videoId", "audioId", "imageId"),
)


class MagicHour(Dialect):
    """Routes below ``/v1/``, for Magic Hour's own clients."""

    name = NAME
    rank = 1
    prefix = "/v1/"
    settings_class = MagicHourSettings

    def __init__(self) -> None:
        self._settings = MagicHourSettings()

    def conventions(self) -> Conventions:
        """Return the plans, the form of API keys and the names of uploaded files."""
        return Conventions(plans=self._settings.plans, key_prefix=KEY_PREFIX, assets=ASSETS)

    def formatter(self, link: PublicLink) -> Events:
        """Make the formatter of webhooks."""

        def linker(key: str) -> Link:
            return link(key, None)

        return Events(linker)

    def api(self, services: Services) -> Api:
        """Make the routes."""
        from lipsmith.dialects.magic_hour.routes import router  # loads the web framework

        settings = self._settings
        rules = Rules(
            max_talking_photo_s={"realistic": settings.max_realistic_s, "prompted": settings.max_prompted_s},
            max_lip_sync_frames=settings.max_lip_sync_frames,
            paid_lip_sync_modes=settings.paid_lip_sync_modes,
            max_text_characters=settings.max_text_characters,
            stand_in_voice=settings.stand_in_voice,
            no_youtube=services.no_youtube,
        )

        def authenticate(headers: Mapping[str, str]) -> Account:
            return services.accounts.authenticate(bearer_key(headers))

        return Api(
            router=router(services, rules),
            authenticate=authenticate,
            key_help=f"Magic Hour's clients send `Authorization: Bearer {KEY_PREFIX}…`.",
        )
