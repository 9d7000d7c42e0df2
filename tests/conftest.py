"""What all tests share: the folder of real media, and a few files made by code."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

SHARED_MEDIA = Path(__file__).resolve().parents[2] / "shared" / "media"


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


@pytest.fixture
def fps() -> Fraction:
    """A frame rate that divides neither 48,000 Hz nor a second evenly."""
    return Fraction(30000, 1001)
