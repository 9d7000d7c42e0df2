"""Plans: limits of accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MB, GB = 1_000_000, 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Limits of the accounts of one plan."""

    name: str
    is_paid: bool = True
    """Whether videos have no watermark and all modes are allowed."""
    credits: int
    """Credits that a new account gets."""
    daily_credits: int = 0
    """Credits for each later day (UTC) on which the account asks for something that costs, or for its balance."""
    max_side_px: int
    """Longest side of a video."""
    max_upload_bytes: int
    """Size of one file."""
    concurrency: int
    """Jobs that run at once; others wait."""
    weight: int
    """Share of the machine against other accounts with waiting jobs."""
    max_unfinished: int = 10_000
    """Jobs that wait or run."""
    max_open_uploads: int = 50_000
    """Upload links that were made in the last day and not used."""


def by_name(*plans: Plan) -> Mapping[str, Plan]:
    """Return a table of ``plans``."""
    return {plan.name: plan for plan in plans}


DEFAULT_PLANS = by_name(
    Plan(
        name="free",
        is_paid=False,
        credits=400,
        daily_credits=100,
        max_side_px=1280,
        max_upload_bytes=200 * MB,
        concurrency=1,
        weight=1,
        max_unfinished=50,
        max_open_uploads=500,
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
"""Plans of a server whose dialects publish none, the smallest first."""
