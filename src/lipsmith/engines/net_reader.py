"""Hears speech with the speech net: which sounds are made, and how open and wide the lips are. Any language.

The net was trained on synthesized speech of many languages, the head on it on the lips of people; ``training/`` tells
how. Whether somebody speaks at all is judged by rules (`lipsmith.speech.activity`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lipsmith.engines.rule_reader import openness_by_rule
from lipsmith.media.clip import F32, Sound
from lipsmith.speech.activity import speech_activity
from lipsmith.speech.features import at_rows, measure, relative_loudness, steady_pitch
from lipsmith.speech.net import MEL_PER_ROW, hear_lips, read_arrays
from lipsmith.speech.visemes import VISEMES, Speech, row_count

# The head learned from people who speak evenly. Others open wider where they are louder: with this share of the rule, r
# with true lips rises from .47 to .50 in the wild, and stays at .71 on studio speakers.
_RULE_SHARE = 0.2


class NetReader:
    """The role `SpeechReader`, played by the speech net that ships with lipsmith.

    ``head`` names a file with another head than the package's, such as one that was fitted without certain people.
    """

    def __init__(self, head: Path | None = None) -> None:
        self._head = None if head is None else read_arrays(head.read_bytes())

    def read(self, sound: Sound) -> Speech:
        """Reads the whole recording; noise, hum and music without a voice give silence."""
        features = measure(sound)
        duration_s = sound.duration_s
        active_hops, relative = speech_activity(features), relative_loudness(features)
        active, loudness = (at_rows(curve, duration_s) for curve in (active_hops, relative))
        net_rows = -(-len(features.mel) // MEL_PER_ROW)
        visemes, curves = hear_lips(features.mel, _first_rows(loudness, net_rows), self._head)
        rows = row_count(duration_s)
        visemes = _first_rows(visemes, rows) * active[:, None]
        visemes[:, VISEMES.index("sil")] += 1.0 - active
        by_rule = at_rows(openness_by_rule(features, active_hops, relative * active_hops), duration_s)
        openness = (1.0 - _RULE_SHARE) * _first_rows(curves.aperture, rows) * active + _RULE_SHARE * by_rule
        return Speech(
            visemes=visemes,
            openness=openness.astype(np.float32),
            width=_first_rows(curves.width, rows) * active,
            loudness=loudness * active,
            pitch_hz=at_rows(steady_pitch(features), duration_s) * (active > 0.5),
            duration_s=duration_s,
        )


def _first_rows(values: F32, rows: int) -> F32:
    """The first ``rows`` rows; the last one goes on where the sound is a little longer than its features."""
    return values[np.minimum(np.arange(rows), len(values) - 1)]
