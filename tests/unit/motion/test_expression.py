"""Brows, cheeks and mouth corners in speech."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.motion.accents import accents
from lipsmith.motion.expression import expression_channels
from lipsmith.motion.head_motion import HEAD_MOTIONS, HeadMotion
from lipsmith.speech.visemes import Speech

CHANNELS = ("brow", "brow_inner", "cheek", "corner")
TIMES_S = np.arange(500) / 25


def voice(loud: NDArray[np.float64]) -> Speech:
    """20 s of an open vowel with the given loudness, one value every 20 ms."""
    rows = np.zeros((1000, 15), np.float32)
    rows[:, 10] = 1.0
    return Speech(
        visemes=rows,
        openness=None,
        loudness=loud.astype(np.float32),
        pitch_hz=np.full(1000, 120.0, np.float32),
        duration_s=20.0,
    )


SYLLABLES = 0.6 + 0.3 * np.sin(np.arange(1000) * 0.02 * 2 * np.pi * 4)


def expressed(speech: Speech, style: HeadMotion = "natural", seed: int = 1) -> dict[str, NDArray[np.float64]]:
    return expression_channels(np.random.default_rng(seed), TIMES_S, speech, accents(speech), HEAD_MOTIONS[style])


def test_the_first_frame_is_the_photo() -> None:
    found = expressed(voice(SYLLABLES))
    assert set(found) == set(CHANNELS)
    assert {name: values[0] for name, values in found.items()} == dict.fromkeys(CHANNELS, 0.0)


@pytest.mark.parametrize("name", ["brow", "cheek", "corner"])
def test_a_louder_passage_raises_the_face(name: str) -> None:
    loud = SYLLABLES.copy()
    loud[500:] *= 0.4
    differences = [
        values[50:240].mean() - values[270:480].mean()
        for values in (expressed(voice(loud), seed=seed)[name] for seed in range(8))
    ]
    assert np.mean(differences) > 0.3 * np.mean([expressed(voice(loud), seed=s)[name].std() for s in range(8)])


@pytest.mark.parametrize("name", CHANNELS)
def test_livelier_styles_show_more(name: str) -> None:
    calm, natural, lively = (
        np.mean([expressed(voice(SYLLABLES), style, seed)[name].std() for seed in range(4)]) for style in HEAD_MOTIONS
    )
    assert calm < 0.8 * natural < natural < 0.9 * lively


def test_natural_brows_and_cheeks_move_as_much_as_people_move_them() -> None:
    """Brows .016 and cheeks .012 IOD in clips of people who talk; a channel at 1 moves them by .06 and .03 IOD."""
    found = [expressed(voice(SYLLABLES * (1 + 0.5 * np.sin(np.arange(1000) / 60))), seed=s) for s in range(6)]
    brow, cheek = (np.mean([one[name].std() for one in found]) for name in ("brow", "cheek"))
    assert 0.008 < 0.06 * brow < 0.024
    assert 0.006 < 0.03 * cheek < 0.018
