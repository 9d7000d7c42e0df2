"""How one try brings its inputs together, and what it says where that fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from houses import House
from structlog.testing import capture_logs

from lipsmith.errors import SourceUnreachable
from lipsmith.service.attempts import Attempts, Fetch
from lipsmith.service.children import Children, Limits
from lipsmith.service.plans import PLANS, PlanName


def attempts(house: House, folder: Path, fetch: Fetch) -> Attempts:
    children = Children(Limits(memory_mb=4096, cpu_s=60, file_mb=100), {}, folder)
    parts = (house.lifecycle, house.storage, house.assets, fetch, children)
    return Attempts(*parts, worker="w", timeout_s=60)


@pytest.mark.parametrize("plan", ["free", "business"])
def test_a_url_may_hold_as_much_as_the_account_may_upload(house: House, tmp_path: Path, plan: PlanName) -> None:
    asked = []

    def fetch(url: str, path: Path, max_bytes: int) -> None:
        asked.append((url, max_bytes))
        raise SourceUnreachable

    job = house.job(house.order(house.account(plan)))
    assert attempts(house, tmp_path, fetch).run(job)
    assert asked == [("https://example.org/a.png", PLANS[plan].max_upload_bytes)]


def test_why_a_url_was_not_reached_is_for_the_log_alone(house: House, tmp_path: Path) -> None:
    def fetch(url: str, path: Path, max_bytes: int) -> None:
        raise SourceUnreachable from OSError("10.0.0.1 may not be asked")

    account = house.account()
    project = house.order(account)
    with capture_logs() as lines:
        attempts(house, tmp_path, fetch).run(house.job(project))
    [failed] = [line for line in lines if line["event"] == "failed"]
    assert failed["why"] == "10.0.0.1 may not be asked"
    shown = house.projects.show(account.id, project.id)
    assert shown.state == "error"
    assert shown.error is not None
    assert (shown.error.code, shown.error.message) == ("source_unreachable", SourceUnreachable().message)
    assert house.accounts.balance(account.id) == 1000
