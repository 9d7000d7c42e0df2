"""Fixtures of all tests: the folder of real media, and a few files made by code."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import settings

import lanes
from lipsmith.storage.s3 import connect

_default = inspect.signature(httpx.get).parameters["timeout"].default  # shared by all functions and clients of httpx
_default.connect = _default.read = _default.write = _default.pool = 240.0  # five seconds are short on a busy machine
settings.register_profile("lipsmith", deadline=None)  # a slow machine is no fault
settings.load_profile("lipsmith")

SHARED_MEDIA = Path(__file__).resolve().parents[2] / "shared" / "media"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Skip folders that have no test in this lane: importing their libraries takes long."""
    return lanes.is_outside(collection_path) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of this lane, the longest files first."""
    left_out = [item for item in items if not lanes.runs(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = sorted((item for item in items if lanes.runs(item)), key=lanes.place)


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder with photographs and recordings of real people, which are not ours to ship.

    It lies beside the repository, or wherever LIPSMITH_TEST_MEDIA says. Tests that need it are skipped without it.
    """
    folder = Path(os.environ.get("LIPSMITH_TEST_MEDIA") or SHARED_MEDIA)
    if not (folder / "README.md").is_file():
        pytest.skip("the shared test media are not here; name their folder in LIPSMITH_TEST_MEDIA")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """(512, 512, 3) uint8 RGB: NASA's public-domain portrait, as scikit-image carries it."""
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the portrait")
    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="session")
def s3_client() -> Iterator[Any]:
    """A client of an S3-compatible storage service of our own, in this process."""
    server = pytest.importorskip("moto.server", reason="moto plays the storage service")
    service = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    try:
        yield connect(region="us-east-1", endpoint_url=f"http://{host}:{port}", access_key="key", secret_key="secret")
    finally:
        service.stop()


@pytest.fixture
def fps() -> Fraction:
    """A frame rate that divides neither 48,000 Hz nor a second evenly."""
    return Fraction(30000, 1001)
