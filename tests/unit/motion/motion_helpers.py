"""Shared by the tests of the motion room."""

from __future__ import annotations

import numpy as np

from lipsmith.speech.visemes import HOP_S, VISEMES, Speech


def speech_of(*stretches: tuple[str, float], loud: float = 0.8) -> Speech:
    """Speech from (viseme, seconds) stretches, "sil" for a pause, with a loud syllable every 0.31 s."""
    rows = np.concatenate([np.full(round(seconds / HOP_S), VISEMES.index(viseme)) for viseme, seconds in stretches])
    times_s = np.arange(len(rows)) * HOP_S
    speaking = rows != 0
    waves = loud * (0.7 + 0.3 * np.sin(2 * np.pi * times_s / 0.31))
    return Speech(
        visemes=np.eye(len(VISEMES), dtype=np.float32)[rows],
        openness=None,
        loudness=np.where(speaking, waves, 0.0).astype(np.float32),
        pitch_hz=np.where(speaking, 130.0 + 20.0 * np.sin(times_s), 0.0).astype(np.float32),
        duration_s=len(rows) * HOP_S,
    )
