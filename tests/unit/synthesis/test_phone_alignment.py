from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lipsmith.media.decode import MemoryAudio
from lipsmith.synthesis.espeak import EspeakVoice
from lipsmith.synthesis.phone_alignment import align_phones


@pytest.mark.parametrize(
    ("voice", "text"),
    [
        ("en-us+f3", "My mother may buy a big map, a puppy, and a cup for my boy."),
        ("de", "Guten Morgen, wie geht es Ihnen?"),
        ("pt-br", "Bom dia, como você está hoje?"),
    ],
)
def test_known_phones_are_found_near_their_times(voice: str, text: str) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra lipsmith[voice] brings the synthesizer")
    spoken = EspeakVoice().speak(text, voice=voice, rate=1.0)
    assert spoken.phones is not None
    symbols = ["", *(phone.symbol for phone in spoken.phones), ""]
    found = align_phones(symbols, spoken.audio)
    assert found is not None
    assert [phone.symbol for phone in found] == symbols
    apart_s = [abs(one.start_s - other.start_s) for one, other in zip(spoken.phones, found[1:-1], strict=True)]
    assert np.median(apart_s) < 0.03
    assert np.percentile(apart_s, 90) < 0.09
    assert all(one.end_s == other.start_s for one, other in pairwise(found))


def test_too_many_phones_for_their_time() -> None:
    short = MemoryAudio(np.full((1, 1600), 0.1, np.float32), 16000)
    assert align_phones(list("papapa"), short) is None
    assert align_phones([], short) is None
