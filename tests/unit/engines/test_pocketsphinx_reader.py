"""Alignment of a known text with its recording, and refusals with their reasons."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest

from lipsmith.engines import registry
from lipsmith.engines.pocketsphinx_reader import IPA_OF, PocketsphinxReader, spelled
from lipsmith.errors import EmptyText, MissingDependency, TranscriptNotUsed
from lipsmith.media.decode import MemoryAudio
from lipsmith.speech.captions import captions
from lipsmith.speech.transcript import with_transcript
from lipsmith.speech.visemes import VISEMES, Speech, visemes_of
from lipsmith.synthesis.espeak import EspeakVoice

SENTENCE = "Papa bought my baby a big map, a pipe and a mop."
"""Thirteen times p, b and m."""
DICTIONARY = dict.fromkeys(
    ["one", "two", "twenty", "forty", "hundred", "percent", "and", "don't", "cafe", "dogs", "mr", "it's"], "…"
)

needs_aligner = pytest.mark.skipif(
    find_spec("pocketsphinx") is None,
    reason="pocketsphinx is not installed; scripts/test brings it",
)


def spoken(text: str) -> tuple[MemoryAudio, Speech]:
    """Return a woman's voice as a recording, and its true speech."""
    said = EspeakVoice().speak(text, voice="en-us+f3", rate=1.0)
    samples = np.concatenate(list(said.audio.blocks(22050, 1)), axis=1)
    return MemoryAudio(samples, 22050), said.speech


def silence(seconds: float) -> MemoryAudio:
    return MemoryAudio(np.zeros((1, round(16000 * seconds)), np.float32), 16000)


def closures_s(speech: Speech) -> list[float]:
    """The middle of each stretch of shut lips."""
    shut = np.concatenate([[0], speech.visemes[:, VISEMES.index("PP")] > 0.5, [0]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(shut) > 0), np.flatnonzero(np.diff(shut) < 0)
    return [float(start + end - 1) / 2 * 0.02 for start, end in zip(starts, ends, strict=True)]


def why(text: str, audio: MemoryAudio) -> str:
    with pytest.raises(TranscriptNotUsed) as refused:
        PocketsphinxReader().read(audio, text)
    return refused.value.message


@pytest.mark.slow
@needs_aligner
def test_lips_shut_when_they_truly_do() -> None:
    audio, truth = spoken(SENTENCE)
    speech = PocketsphinxReader().read(audio, SENTENCE)
    true_s = closures_s(truth)
    assert len(true_s) == 13
    np.testing.assert_allclose(closures_s(speech), true_s, atol=0.06)


@pytest.mark.slow
@needs_aligner
def test_rows_are_those_of_every_reader() -> None:
    audio, truth = spoken("We often saw them. Everybody knows that she was seven.")
    speech = PocketsphinxReader().read(audio, "we often saw them everybody knows that she was seven")
    assert speech.visemes.shape == truth.visemes.shape
    assert speech.visemes.dtype == speech.loudness.dtype == speech.pitch_hz.dtype == np.float32
    np.testing.assert_allclose(speech.visemes.sum(1), 1.0, atol=1e-5)
    assert speech.openness is None
    assert speech.duration_s == audio.duration_s
    assert ((speech.loudness >= 0) & (speech.loudness <= 1)).all()
    paused = truth.visemes[:, 0] == 1.0
    assert (speech.visemes[paused, 0] > 0.5).mean() > 0.75
    assert speech.loudness[speech.visemes[:, 0] == 1.0].max() == 0.0
    voiced = speech.pitch_hz[speech.pitch_hz > 0]
    assert len(voiced) > 0.4 * len(truth.visemes) and 120 < np.median(voiced) < 400
    same = (speech.visemes.argmax(1) == truth.visemes.argmax(1)).mean()
    assert same > 0.65


@needs_aligner
def test_phones_cover_the_audio_in_order() -> None:
    audio, _ = spoken("Hello there.")
    phones = PocketsphinxReader().phones(audio, "Hello there.")
    assert [phone.symbol for phone in phones if phone.symbol] == ["h", "ʌ", "l", "oʊ", "ð", "ɛ", "ɹ"]
    assert phones[0].start_s == 0.0
    for before, after in pairwise(phones):
        assert before.start_s <= before.end_s == pytest.approx(after.start_s)
    assert phones[-1].end_s <= audio.duration_s


@pytest.mark.slow
@needs_aligner
def test_other_words_than_those_recognized_are_refused() -> None:
    audio, _ = spoken(SENTENCE)
    assert "Check that every word is in it" in why("Nobody told us that it was raining when we went there.", audio)


@pytest.mark.slow
@needs_aligner
@pytest.mark.parametrize("said", ["Hello.", "Papa bought my baby.", "Papa bought my baby a big map."])
def test_a_text_that_leaves_words_out_is_refused(said: str) -> None:
    audio, _ = spoken(SENTENCE)
    assert "more speech than the text" in why(said, audio)


@needs_aligner
def test_nothing_is_found_where_nobody_speaks() -> None:
    assert "Check that every word" in why(SENTENCE, silence(3.0))
    assert "Check that every word" in why(SENTENCE, silence(0.05))


@needs_aligner
def test_what_cannot_be_aligned_is_refused_with_its_reason() -> None:
    audio = silence(1.0)
    assert "another script" in why("Привет, как дела?", audio)
    assert why("The xyzzyx went plughq, xyzzyx!", audio).startswith("Not in the English dictionary: xyzzyx, plughq. ")
    assert "lasts 61 s" in why(SENTENCE, silence(61.0))
    with pytest.raises(EmptyText):
        PocketsphinxReader().read(audio, " … ")


def rows(*visemes: str) -> Speech:
    shown = np.eye(len(VISEMES), dtype=np.float32)[[VISEMES.index(viseme) for viseme in visemes]]
    curve = np.linspace(0.1, 0.9, len(visemes), dtype=np.float32)
    return Speech(visemes=shown, openness=curve, loudness=curve, pitch_hz=100 * curve, duration_s=0.02 * len(visemes))


def test_known_phones_replace_those_that_were_recognized() -> None:
    recognized = replace(rows("sil", "DD", "aa", "nn", "sil", "sil"), width=np.zeros(6, np.float32))
    known = replace(rows("sil", "PP", "sil", "ou", "PP", "E"), openness=None)
    known.visemes[3] *= 0.5
    known.visemes[3, 0] = 0.5
    joined = with_transcript(recognized, known)
    expected = rows("sil", "PP", "aa", "ou", "PP", "sil").visemes
    expected[3] = (rows("ou").visemes + rows("nn").visemes) / 2
    np.testing.assert_array_equal(joined.visemes, expected)
    assert joined.visemes.dtype == np.float32
    assert joined.openness is recognized.openness
    assert joined.loudness is recognized.loudness
    assert with_transcript(replace(recognized, width=None), known) is known


@pytest.mark.slow
@needs_aligner
def test_captions_of_a_recording_end_where_its_sentences_do() -> None:
    text = "Hello there. We often saw them move over the blue sea, and nobody knew. She was seven, or maybe eight."
    audio, truth = spoken(text)
    recognized = registry.create("speech_reader", "net").read(audio)
    found = captions(text, with_transcript(recognized, PocketsphinxReader().read(audio, text)))
    true = captions(text, truth)
    assert [caption.text for caption in found] == [caption.text for caption in true]
    np.testing.assert_allclose([c.start_s for c in found], [c.start_s for c in true], atol=0.05)
    np.testing.assert_allclose([c.end_s for c in found], [c.end_s for c in true], atol=0.05)


def test_a_missing_library_has_its_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(MissingDependency, match=r"pip install 'lipsmith\[align\]'"):
        PocketsphinxReader().read(silence(1.0), SENTENCE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don’t, DON'T!", ["don't", "don't"]),
        ("Twenty-two: 42%", ["twenty", "two", "forty", "two", "percent"]),
        ("100 & 1", ["one", "hundred", "and", "one"]),
        ("café (two dogs' café) 😀", ["cafe", "two", "dogs", "cafe"]),
        ("Mr. It's", ["mr", "it's"]),
    ],
)
def test_texts_are_spelled_as_the_dictionary_does(text: str, words: list[str]) -> None:
    assert spelled(text, DICTIONARY.get) == words


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("£5, 1st, 3.5 and 101", "£, 1st, 3.5, 101. "),
        ("a b c d e f g", "a, b, c, d, e and 2 more. "),
    ],
)
def test_unknown_words_are_named(text: str, named: str) -> None:
    with pytest.raises(TranscriptNotUsed, match="Not in the English dictionary: ") as refused:
        spelled(text, {"and": "…"}.get)
    assert named in refused.value.message


def test_every_phone_shows_a_viseme() -> None:
    assert len(IPA_OF) == 39
    assert all(visemes_of(symbol) for symbol in IPA_OF.values())
    shown = {viseme for symbol in IPA_OF.values() for viseme, _ in visemes_of(symbol)}
    assert shown == set(VISEMES) - {"sil"}
