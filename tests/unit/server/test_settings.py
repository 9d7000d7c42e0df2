"""What the owner of a server decides reaches those it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from lipsmith.server.context import Context
from lipsmith.server.settings import Settings
from lipsmith.service.billing.plans import PLANS


def test_plans_are_as_the_vendor_has_them_unless_decided_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings(data_dir=tmp_path).plans == PLANS
    for name, value in {"FREE_CONCURRENCY": "2", "BUSINESS_CONCURRENCY": "7", "FREE_DAILY_CREDITS": "0"}.items():
        monkeypatch.setenv(f"LIPSMITH_{name}", value)
    context = Context(Settings(data_dir=tmp_path))
    try:
        context.prepare_tables()
        plans = {name: context.accounts.create(name).account.plan for name in PLANS}
    finally:
        context.close()
    assert {name: plan.concurrency for name, plan in plans.items()} == {
        "free": 2,
        "creator": 3,
        "pro": 5,
        "business": 7,
    }
    assert {plan.daily_credits for plan in plans.values()} == {0}
