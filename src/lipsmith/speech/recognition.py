"""Recognition of visemes and lip curves by the speech net, in any language.

The net was trained on synthesized speech of many languages and its head on the lips of people; see ``training/``.
`lipsmith.speech.activity` decides by rules where there is speech.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lipsmith.filters import gaussian_filter1d
from lipsmith.media.clip import F32
from lipsmith.speech.activity import speech_activity
from lipsmith.speech.features import Features, at_rows, relative_loudness, steady_pitch
from lipsmith.speech.net import MEL_PER_ROW, Lips, NetOutput, run_nets, visemes_and_lips
from lipsmith.speech.openness import openness_by_rule
from lipsmith.speech.personal import SpeechReading
from lipsmith.speech.visemes import HOP_S, VISEMES, Speech, row_count

# The head was trained on even speakers. Others open wider when they are louder: with this share of the rule, r with
# true lips rises from .47 to .50 in the wild, and stays at .71 on studio speakers.
_RULE_SHARE = 0.2

# The head saw few sentences, and a fit shrinks rare shapes, above all rounding. Therefore its width is blended with the
# width of each viseme in synthesized speech (`lipsmith.motion.mouth`, in units of `Speech.width`): r with the true
# width of held-out studio speakers rises by .01 to .02.
_VISEME_WIDTH: Mapping[str, float] = {
    "TH": 0.03, "FF": 0.03, "DD": 0.05, "kk": 0.05, "nn": 0.03, "CH": -0.21, "SS": 0.16, "RR": -0.26, "E": 0.13,
    "ih": 0.21, "oh": -0.42, "ou": -0.63,
}  # fmt: skip
_HEAD_WIDTH_SHARE, _VISEME_WIDTH_SHARE = 0.7, 0.4
_VISEME_WIDTH_SIGMA_S = 0.050


def recognize(
    features: Features, duration_s: float, head: Mapping[str, NDArray[np.float32]] | None = None
) -> tuple[Speech, F32]:
    """Return speech in a general style, and the probability of speech, (rows,) float32, 0-1.

    ``head`` replaces the weights that convert the net's hidden values to lips.
    """
    active_hops, relative = speech_activity(features), relative_loudness(features)
    active, loudness = (at_rows(curve, duration_s) for curve in (active_hops, relative))
    net_rows = -(-len(features.mel) // MEL_PER_ROW)
    visemes, curves = visemes_and_lips(features.mel, _first_rows(loudness, net_rows), head)
    rows = row_count(duration_s)
    width = _width(visemes, curves.width)
    visemes = _first_rows(visemes, rows) * active[:, None]
    visemes[:, VISEMES.index("sil")] += 1.0 - active
    by_rule = at_rows(openness_by_rule(features, active_hops, relative * active_hops), duration_s)
    openness = (1.0 - _RULE_SHARE) * _first_rows(curves.aperture, rows) * active + _RULE_SHARE * by_rule
    speech = Speech(
        visemes=visemes,
        openness=openness.astype(np.float32),
        width=_first_rows(width, rows) * active,
        loudness=loudness * active,
        pitch_hz=at_rows(steady_pitch(features), duration_s) * (active > 0.5),
        duration_s=duration_s,
    )
    return speech, active


def speech_reading_of(speech: Speech, features: Features) -> SpeechReading:
    """Add the net's hidden values to recognized speech; a personal style is learned from them."""
    assert speech.openness is not None and speech.width is not None
    output = run_nets(features.mel)
    rows = len(speech.loudness)
    return SpeechReading(
        net=NetOutput(visemes=_first_rows(output.visemes, rows), hidden=_first_rows(output.hidden, rows)),
        loudness=speech.loudness,
        lips=Lips(aperture=speech.openness, width=speech.width),
    )


def _width(visemes: F32, by_head: F32) -> F32:
    expected = visemes @ np.array([_VISEME_WIDTH.get(viseme, 0.0) for viseme in VISEMES], np.float32)
    blended = gaussian_filter1d(expected, _VISEME_WIDTH_SIGMA_S / HOP_S)
    return (_HEAD_WIDTH_SHARE * by_head + _VISEME_WIDTH_SHARE * blended).astype(np.float32)


def _first_rows(values: F32, rows: int) -> F32:
    """Return the first ``rows`` rows; repeat the last one if the audio is slightly longer than its features."""
    return values[np.minimum(np.arange(rows), len(values) - 1)]
