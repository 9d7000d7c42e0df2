"""A web page of another origin, in a real browser: from a text to a video that plays."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from local_hosts import LocalHost, local_host, wait_until
from servers import Server

FLAGS = (
    "--headless",
    "--no-sandbox",  # no user but root in many a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def page(stock: Path, tmp_path: Path) -> Iterator[LocalHost]:
    """A host that hands out the page."""
    (tmp_path / "site").mkdir()
    shutil.copy(Path(__file__).with_name("page.html"), tmp_path / "site" / "page.html")
    shutil.copy(stock / "portrait.png", tmp_path / "site" / "portrait.png")
    with local_host(tmp_path / "site") as there:
        yield there


@contextmanager
def browsing(url: str, profile: Path) -> Iterator[None]:
    """A browser that shows the page, as long as this lasts."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium is installed here: apt-get install -y chromium")
    with (profile.parent / "browser.log").open("w") as log:
        process = subprocess.Popen([browser, *FLAGS, f"--user-data-dir={profile}", url], stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=240)


def test_from_a_text_to_a_video_that_plays(server: Server, page: LocalHost, tmp_path: Path) -> None:
    account = server.admin("account", "create", "--plan", "business")
    given = {"server": server.url, "id": account["client_id"], "secret": account["client_secret"]}
    with browsing(f"{page.url}/page.html?{urlencode(given)}", tmp_path / "profile"):
        wait_until(lambda: page.at("/report"))
    told: dict[str, Any] = json.loads(page.at("/report")[0].body)
    assert "error" not in told, told
    assert {step.split()[1] for step in told["steps"]} == {
        "/getToken",
        "/upload",
        "/voice/list",
        "/audio/create",
        "/audio/infobymodelid",
        "/content/video/createbytalkingphoto",
        "/content/video/infobymodelid",
    }
    assert {step.split(maxsplit=2)[2] for step in told["steps"]} == {"200 1000"}
    assert (told["width"], told["height"]) == (320, 320)
    assert told["length_s"] == pytest.approx(told["promised_s"], abs=0.1)
    assert told["played_s"] == pytest.approx(told["length_s"], abs=0.1)
    assert told["frames"] >= 5
    assert told["times"] == sorted(told["times"])
    assert told["times"][-1] > 0.2
