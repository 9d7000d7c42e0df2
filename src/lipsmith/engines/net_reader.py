"""Speech reader by the speech net: visemes, aperture and width of the lips, in any language."""

from __future__ import annotations

import hashlib
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from lipsmith.errors import InvalidStyle
from lipsmith.media.clip import F32, Audio
from lipsmith.speech.features import Features, measure
from lipsmith.speech.net import WEIGHTS, read_arrays
from lipsmith.speech.personal import PersonalStyle, SpeechReading
from lipsmith.speech.recognition import recognize, speech_reading_of
from lipsmith.speech.visemes import Speech


class NetReader:
    """Recognizes speech with the neural network that ships with lipsmith; a `PersonalSpeechReader`.

    ``head`` is a file with other weights for the lip curves, such as weights fitted without certain people.
    """

    def __init__(self, head: Path | None = None) -> None:
        own = b"" if head is None else head.read_bytes()
        self._head = None if head is None else read_arrays(own)
        self.fingerprint = hashlib.sha256("".join(WEIGHTS.values()).encode() + own).hexdigest()[:16]
        """Hash of the weights of net and head. A style fits only the weights it was learnt with."""
        self._style: PersonalStyle | None = None

    def with_style(self, style: PersonalStyle) -> NetReader:
        """Return a reader for the person of ``style``. Raises InvalidStyle if it was learnt with other weights."""
        if style.net != self.fingerprint:
            raise InvalidStyle(
                "The personal style was learnt with another version of the speech net. "
                "Learn it again from the same clips: lipsmith style learn CLIP... -o ME.style"
            )
        reader = copy(self)
        reader._style = style
        return reader

    def read(self, audio: Audio) -> Speech:
        """Read the whole recording. Noise, hum and music without a voice give silence."""
        features = measure(audio)
        speech, active = recognize(features, audio.duration_s, self._head)
        if self._style is None:
            return speech
        return _styled(self._style, speech, features, active)

    def reading(self, audio: Audio) -> SpeechReading:
        """Read the whole recording for `lipsmith.speech.personal.learn_personal_style`."""
        features = measure(audio)
        speech, _ = recognize(features, audio.duration_s, self._head)
        return speech_reading_of(speech, features)


def _styled(style: PersonalStyle, speech: Speech, features: Features, active: F32) -> Speech:
    lips = style.lips(speech_reading_of(speech, features))
    rest = (style.range.rest_iod - style.range.low_iod) / (style.range.high_iod - style.range.low_iod)
    return replace(
        speech,
        openness=(lips.aperture * active + rest * (1.0 - active)).astype(np.float32),
        width=lips.width * active,
        lip_range=style.range,
    )
