"""The page on media names every duration mode and the real limits."""

from __future__ import annotations

import re
from pathlib import Path

from lipsmith.limits import CLIP_CRF, FPS
from lipsmith.media.encode import CONTAINERS
from lipsmith.media.index import MAX_FRAME_DURATION_S, MAX_FRAMES
from lipsmith.media.probe import MAX_FRAME_PIXELS
from lipsmith.media.timeline import DURATION_MODES

PAGE = (Path(__file__).parents[2] / "docs/reference/media.md").read_text()


def test_every_length_mode_is_listed() -> None:
    assert tuple(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == DURATION_MODES


def test_limits_are_the_real_ones() -> None:
    assert MAX_FRAMES == 500_000
    assert "at most half a million frames" in PAGE
    assert f"{MAX_FRAME_DURATION_S} s between two of them" in PAGE
    assert f"at most {MAX_FRAME_PIXELS // 1_000_000} megapixels" in PAGE
    assert f"at most {FPS.high} frames per second" in PAGE
    assert f"crf {CLIP_CRF}" in PAGE
    for extension in CONTAINERS:
        assert extension[1:].upper() in PAGE
