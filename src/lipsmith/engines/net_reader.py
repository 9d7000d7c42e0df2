"""Hears speech with the speech net: which sounds are made, and how open and wide the lips are. Any language.

The net was trained on synthesized speech of many languages, the head on it on the lips of people; ``training/`` tells
how. Whether somebody speaks at all is judged by rules (`lipsmith.speech.activity`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lipsmith.engines.rule_reader import openness_by_rule
from lipsmith.errors import InvalidStyle
from lipsmith.media.clip import F32, Sound
from lipsmith.speech.activity import speech_activity
from lipsmith.speech.features import Features, at_rows, measure, relative_loudness, steady_pitch
from lipsmith.speech.net import MEL_PER_ROW, WEIGHTS, Heard, Lips, hear, hear_lips, read_arrays
from lipsmith.speech.personal import PersonalStyle, Reading
from lipsmith.speech.visemes import HOP_S, VISEMES, Speech, row_count

# The head learned from people who speak evenly. Others open wider where they are louder: with this share of the rule, r
# with true lips rises from .47 to .50 in the wild, and stays at .71 on studio speakers.
_RULE_SHARE = 0.2

# The head saw few sentences, and a fit shrinks what is rare: rounding above all. To its width is added what each viseme
# asks of it in a spoken text (`lipsmith.motion.mouth`, in units of `Speech.width`): r with the true width of studio
# speakers who were left out rises by .01 to .02.
_VISEME_WIDTH: Mapping[str, float] = {
    "TH": 0.03, "FF": 0.03, "DD": 0.05, "kk": 0.05, "nn": 0.03, "CH": -0.21, "SS": 0.16, "RR": -0.26, "E": 0.13,
    "ih": 0.21, "oh": -0.42, "ou": -0.63,
}  # fmt: skip
_HEAD_WIDTH_SHARE, _VISEME_WIDTH_SHARE = 0.7, 0.4
_VISEME_WIDTH_SIGMA_S = 0.050


class NetReader:
    """The role `SpeechReader`, played by the speech net that ships with lipsmith.

    ``head`` names a file with another head than the package's, such as one that was fitted without certain people.
    """

    def __init__(self, head: Path | None = None) -> None:
        own = b"" if head is None else head.read_bytes()
        self._head = None if head is None else read_arrays(own)
        self.mark = hashlib.sha256("".join(WEIGHTS.values()).encode() + own).hexdigest()[:16]
        """Of the net and the head, by which a style knows what it was learnt on."""
        self._style: PersonalStyle | None = None

    def in_style(self, style: PersonalStyle) -> NetReader:
        """The same reader, for the person who speaks in ``style``.

        Raises InvalidStyle for one that was learnt with another net or head.
        """
        if style.net != self.mark:
            raise InvalidStyle(
                "The personal style was learnt with another version of the speech net, which hears differently. "
                "Learn it again from the same clips: lipsmith style learn CLIP... -o ME.style"
            )
        reader = copy(self)
        reader._style = style
        return reader

    def read(self, sound: Sound) -> Speech:
        """Reads the whole recording; noise, hum and music without a voice give silence."""
        features = measure(sound)
        speech, active = self._in_general(features, sound.duration_s)
        if self._style is None:
            return speech
        return self._in_style(self._style, speech, features, active)

    def reading(self, sound: Sound) -> Reading:
        """What a personal style is learnt from."""
        features = measure(sound)
        speech, _ = self._in_general(features, sound.duration_s)
        return _reading(speech, features)

    def _in_general(self, features: Features, duration_s: float) -> tuple[Speech, F32]:
        """Anybody's speech, and how surely somebody speaks at all, 0-1 for each of its rows."""
        active_hops, relative = speech_activity(features), relative_loudness(features)
        active, loudness = (at_rows(curve, duration_s) for curve in (active_hops, relative))
        net_rows = -(-len(features.mel) // MEL_PER_ROW)
        visemes, curves = hear_lips(features.mel, _first_rows(loudness, net_rows), self._head)
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

    def _in_style(self, style: PersonalStyle, speech: Speech, features: Features, active: F32) -> Speech:
        lips = style.lips(_reading(speech, features))
        rest = (style.range.rest_iod - style.range.low_iod) / (style.range.high_iod - style.range.low_iod)
        return replace(
            speech,
            openness=(lips.aperture * active + rest * (1.0 - active)).astype(np.float32),
            width=lips.width * active,
            lip_range=style.range,
        )


def _reading(speech: Speech, features: Features) -> Reading:
    assert speech.openness is not None and speech.width is not None
    heard = hear(features.mel)
    rows = len(speech.loudness)
    return Reading(
        heard=Heard(visemes=_first_rows(heard.visemes, rows), hidden=_first_rows(heard.hidden, rows)),
        loudness=speech.loudness,
        lips=Lips(aperture=speech.openness, width=speech.width),
    )


def _width(visemes: F32, by_head: F32) -> F32:
    asked = visemes @ np.array([_VISEME_WIDTH.get(viseme, 0.0) for viseme in VISEMES], np.float32)
    blended = gaussian_filter1d(asked, _VISEME_WIDTH_SIGMA_S / HOP_S)
    return (_HEAD_WIDTH_SHARE * by_head + _VISEME_WIDTH_SHARE * blended).astype(np.float32)


def _first_rows(values: F32, rows: int) -> F32:
    """The first ``rows`` rows; the last one goes on where the sound is a little longer than its features."""
    return values[np.minimum(np.arange(rows), len(values) - 1)]
