"""Settings of Magic Hour's API, and the plans that it publishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from lipsmith.dialects.contract import DialectSettings, split_names
from lipsmith.dialects.magic_hour.wire import LipSyncMode
from lipsmith.service.billing.plans import GB, MB, Plan, by_name

PLANS = by_name(
    Plan(
        name="free",
        is_paid=False,
        credits=400,
        daily_credits=100,
        max_side_px=576,
        max_upload_bytes=200 * MB,
        concurrency=1,
        weight=1,
        max_unfinished=50,
        max_open_uploads=500,
    ),
    Plan(
        name="creator",
        credits=12_000,
        max_side_px=1024,
        max_upload_bytes=2 * GB,
        concurrency=3,
        weight=2,
        max_unfinished=1000,
        max_open_uploads=5000,
    ),
    Plan(
        name="pro",
        credits=25_000,
        max_side_px=1472,
        max_upload_bytes=5 * GB,
        concurrency=5,
        weight=4,
        max_unfinished=2000,
        max_open_uploads=10_000,
    ),
    Plan(
        name="business",
        credits=70_000,
        max_side_px=4096,
        max_upload_bytes=10 * GB,
        concurrency=1000,
        weight=8,
    ),
)
"""Sizes and limits as the vendor publishes them, but for the concurrency of ``free``, which it does not name, and that
of ``business``, which has no limit."""

Modes = Annotated[tuple[LipSyncMode, ...], NoDecode, BeforeValidator(split_names)]


class MagicHourSettings(DialectSettings):
    """Limits of requests and plans."""

    max_realistic_s: float = Field(
        default=60, gt=0, description="Longest talking photo in the mode realistic, seconds."
    )
    max_prompted_s: float = Field(default=60, gt=0, description="Longest talking photo in the mode prompted, seconds.")
    max_text_characters: int = Field(
        default=1000, ge=1, le=100_000, description="Longest text to speak, in characters, tags included."
    )
    stand_in_voice: str | None = Field(
        default=None,
        description="Voice to use where the requested one is not installed, such as `en-gb+f3`. If unset, a neutral "
        "voice that fits the text.",
    )
    max_lip_sync_frames: int = Field(default=120_000, gt=0, description="Longest lip sync, frames.")
    paid_lip_sync_modes: Modes = Field(
        default=("standard", "pro"), description="Lip sync modes that need a paid plan, separated by commas."
    )
    free_concurrency: int = Field(
        default=PLANS["free"].concurrency, ge=1, description="Jobs of one account of the plan free that run at once."
    )
    creator_concurrency: int = Field(
        default=PLANS["creator"].concurrency,
        ge=1,
        description="Jobs of one account of the plan creator that run at once.",
    )
    pro_concurrency: int = Field(
        default=PLANS["pro"].concurrency, ge=1, description="Jobs of one account of the plan pro that run at once."
    )
    business_concurrency: int = Field(
        default=PLANS["business"].concurrency,
        ge=1,
        description="Jobs of one account of the plan business that run at once.",
    )
    free_daily_credits: int = Field(
        default=PLANS["free"].daily_credits,
        ge=0,
        description="Credits that an account of the plan free gets on each day on which it is used.",
    )

    @property
    def plans(self) -> Mapping[str, Plan]:
        """Plans with the limits of these settings."""
        return by_name(
            replace(PLANS["free"], concurrency=self.free_concurrency, daily_credits=self.free_daily_credits),
            replace(PLANS["creator"], concurrency=self.creator_concurrency),
            replace(PLANS["pro"], concurrency=self.pro_concurrency),
            replace(PLANS["business"], concurrency=self.business_concurrency),
        )
