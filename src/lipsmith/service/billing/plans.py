"""What an account may do: one table, by the name of its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

PlanName = Literal["free", "creator", "pro", "business"]

_MB, _GB = 1_000_000, 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The limits of one plan."""

    name: PlanName
    credits: int
    """Granted when the account is made."""
    daily_credits: int
    """Granted on each later day (UTC) on which the account asks for something that costs, or for its balance."""
    max_side_px: int
    """Longest side of a video."""
    max_upload_bytes: int
    """Size of one file."""
    concurrency: int
    """Jobs that run at once; more wait their turn."""
    weight: int
    """Share of the machine against other accounts, where several wait."""

    @property
    def is_paid(self) -> bool:
        """Whether videos are free of the visible mark, and all modes are allowed."""
        return self.name != "free"


PLANS: Mapping[PlanName, Plan] = {
    plan.name: plan
    for plan in (
        Plan(
            name="free",
            credits=400,
            daily_credits=100,
            max_side_px=576,
            max_upload_bytes=200 * _MB,
            concurrency=1,
            weight=1,
        ),
        Plan(
            name="creator",
            credits=12_000,
            daily_credits=0,
            max_side_px=1024,
            max_upload_bytes=2 * _GB,
            concurrency=3,
            weight=2,
        ),
        Plan(
            name="pro",
            credits=25_000,
            daily_credits=0,
            max_side_px=1472,
            max_upload_bytes=5 * _GB,
            concurrency=5,
            weight=4,
        ),
        Plan(
            name="business",
            credits=70_000,
            daily_credits=0,
            max_side_px=4096,
            max_upload_bytes=10 * _GB,
            concurrency=1000,
            weight=8,
        ),
    )
}
"""Sizes and limits as the vendor publishes them; its free plan tells no concurrency, its largest has no limit."""


def adjusted(concurrency: Mapping[PlanName, int], *, free_daily_credits: int) -> Mapping[PlanName, Plan]:
    """The plans with what the owner of a server has decided."""
    daily: Mapping[PlanName, int] = {"free": free_daily_credits}
    return {
        name: replace(plan, concurrency=concurrency[name], daily_credits=daily.get(name, plan.daily_credits))
        for name, plan in PLANS.items()
    }
