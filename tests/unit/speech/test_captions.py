from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsmith.speech.captions import Caption, captions, to_srt, to_vtt
from lipsmith.speech.sentences import sentences
from lipsmith.speech.visemes import HOP_S, VISEMES, Speech
from lipsmith.synthesis.espeak import EspeakVoice


def spoken(*stretches: float) -> Speech:
    """Speech and silence in turns, beginning with silence; seconds."""
    rows = np.concatenate([np.full(round(s / HOP_S), 10 * (n % 2)) for n, s in enumerate(stretches)]).astype(int)
    none = np.zeros(len(rows), np.float32)
    return Speech(
        visemes=np.eye(len(VISEMES), dtype=np.float32)[rows],
        openness=None,
        loudness=none,
        pitch_hz=none,
        duration_s=len(rows) * HOP_S,
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello! How are you? Fine.", ["Hello!", "How are you?", "Fine."]),
        ("Dr. Li met J. Smith at 3.30 p.m. today. Yes.", ["Dr. Li met J. Smith at 3.30 p.m. today.", "Yes."]),
        ("Am 20. November 2026. Regen.", ["Am 20. November 2026.", "Regen."]),
        ("It is 1999. No. Really…", ["It is 1999.", "No.", "Really…"]),
        ('"Go!" he said. (Quietly.) So', ['"Go!"', "he said.", "(Quietly.)", "So"]),
        ("first line\nsecond   line\n\nthird", ["first line", "second line", "third"]),
        ("你好。今天天气很好！再见", ["你好。", "今天天气很好！", "再见"]),
        ("مرحبا. كيف حالك؟ بخير.", ["مرحبا.", "كيف حالك؟", "بخير."]),
        ("... !?", []),
        ("", []),
    ],
)
def test_texts_are_cut_into_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_sentences_meet_the_pauses_between_them() -> None:
    found = captions("Four and four. Four and four and four.", spoken(0.2, 1.0, 0.3, 1.6, 0.4))
    assert found == [
        Caption(text="Four and four.", start_s=0.2, end_s=1.2),
        Caption(text="Four and four and four.", start_s=1.5, end_s=3.1),
    ]


def test_the_longer_of_two_near_pauses_parts_sentences() -> None:
    found = captions("Four, and four. Four and four.", spoken(0.2, 0.9, 0.1, 0.3, 0.4, 1.2))
    assert [cue.end_s for cue in found] == [1.5, 3.1]


def test_without_a_pause_length_decides() -> None:
    found = captions("Four and four. Four and four.", spoken(0.2, 2.0, 0.2))
    assert [(cue.start_s, cue.end_s) for cue in found] == [(0.2, 1.2), (1.2, 2.2)]


def test_silence_and_no_words_have_no_captions() -> None:
    assert captions("Hello.", spoken(1.0)) == []
    assert captions("...", spoken(0.2, 1.0)) == []


@given(
    st.lists(st.sampled_from(["Yes.", "A much longer sentence, with a comma.", "12 345?"]), min_size=1, max_size=12),
    st.lists(st.floats(0.02, 2.0), min_size=2, max_size=12),
)
def test_captions_are_in_order_and_hold_every_word(said: list[str], stretches: list[float]) -> None:
    found = captions(" ".join(said), spoken(*stretches))
    assert [cue.text for cue in found] == said
    assert all(cue.start_s < cue.end_s for cue in found)
    assert all(a.end_s <= b.start_s for a, b in pairwise(found))


TEXTS = {
    "en-us": "Hello! Now, as you see, I can tell you a story, or say whatever you like. Yes. What shall we talk about?",
    "de": "Guten Morgen! Heute ist Montag, der 20. November 2026. Es regnet in Köln; im Süden scheint die Sonne.",
    "fr-fr": "Bonjour. Je m'appelle Claire, et vous ? Il fait beau aujourd'hui, n'est-ce pas ?",
    "es": "Hola, buenos días. ¿Cómo estás? Mañana vamos al mercado a comprar pan, queso y vino.",
}


@pytest.mark.slow
@pytest.mark.parametrize("voice", TEXTS)
@pytest.mark.parametrize("rate", [1.0, 1.6])
def test_sentences_of_the_synthesizer_are_found(voice: str, rate: float) -> None:
    """Each beginning of the text, spoken by itself, ends where the caption of its last sentence ends."""
    engine = EspeakVoice()
    found = captions(TEXTS[voice], engine.speak(TEXTS[voice], voice=voice, rate=rate).speech)
    for count in range(1, len(found) + 1):
        part = engine.speak(" ".join(cue.text for cue in found[:count]), voice=voice, rate=rate).speech
        end_s = (np.flatnonzero(part.visemes[:, 0] < 0.5)[-1] + 1) * HOP_S
        assert found[count - 1].end_s == pytest.approx(end_s, abs=0.061)


CUES = [
    Caption(text="Tom & Jerry <live>", start_s=0.26, end_s=1.5),
    Caption(text="A sentence that is longer than one line of captions", start_s=61.0, end_s=3725.0041),
]


def test_srt() -> None:
    assert to_srt(CUES) == (
        "1\n00:00:00,260 --> 00:00:01,500\nTom & Jerry <live>\n\n"
        "2\n00:01:01,000 --> 01:02:05,004\nA sentence that is longer than one line of\ncaptions\n\n"
    )


def test_vtt() -> None:
    assert to_vtt(CUES) == (
        "WEBVTT\n\n00:00:00.260 --> 00:00:01.500\nTom &amp; Jerry &lt;live&gt;\n\n"
        "00:01:01.000 --> 01:02:05.004\nA sentence that is longer than one line of\ncaptions\n\n"
    )
