"""Texts of any length and with tags, said by a voice piece by piece."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.errors import EmptyText, InvalidMarkup, InvalidOption
from lipsmith.media.decode import MemoryAudio
from lipsmith.speech.visemes import Phone, visemes_of
from lipsmith.synthesis import long_text, voices
from lipsmith.synthesis.contract import SynthesizedSpeech, VoiceInfo
from lipsmith.synthesis.long_text import synthesize
from lipsmith.synthesis.voice_store import FOLDER_VARIABLE, VoiceStore
from piper_voices import make_voice

RATE_HZ = 22050


@pytest.fixture(params=["espeak", "piper"], scope="module")
def voice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceInfo]:
    pytest.importorskip("espeakng_loader", reason="the extra lipsmith[voice] brings the synthesizer")
    if request.param == "espeak":
        yield voices.find("en-us+f3")
        return
    pytest.importorskip("onnxruntime", reason="the extra lipsmith[piper] runs added voices")
    folder = tmp_path_factory.mktemp("voices")
    model = make_voice(folder)
    VoiceStore(folder / "store").add(model, Path(f"{model}.json"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder / "store"))
        voices._engine.cache_clear()
        yield voices.find("piper:en_XX-test-low")
    voices._engine.cache_clear()


def samples_of(spoken: SynthesizedSpeech) -> NDArray[np.float32]:
    return np.concatenate(list(spoken.audio.blocks(RATE_HZ, 1)), axis=1)[0]


def silences(samples: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Begin and length, in seconds, of each stretch of zeros that lasts 15 ms or more."""
    quiet = np.concatenate([[False], samples == 0, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(quiet)).reshape(-1, 2)
    return [(begin / RATE_HZ, (end - begin) / RATE_HZ) for begin, end in edges if end - begin > 0.015 * RATE_HZ]


def test_plain_short_text_is_said_as_the_voice_says_it(voice: VoiceInfo) -> None:
    plain, said = voices.speak("Good morning.", voice, 1.0), synthesize("Good morning.", voice, 1.0)
    np.testing.assert_array_equal(samples_of(plain), samples_of(said))
    assert plain.phones == said.phones


@pytest.mark.parametrize("length_s", [0.5, 1.234, 3.0])
def test_a_break_is_silence_of_that_length(voice: VoiceInfo, length_s: float) -> None:
    spoken = synthesize(f'<speak>Mama<break time="{length_s}s"/>papa</speak>', voice, 1.0)
    begin_s, lasts_s = max(silences(samples_of(spoken))[1:-1] or [(0, 0)], key=lambda one: one[1])
    assert lasts_s == pytest.approx(length_s, abs=0.025)
    rows = spoken.speech.visemes[round(begin_s * 50) + 2 : round((begin_s + lasts_s) * 50) - 3]
    assert (rows[:, 0] > 0.99).all()


def test_phones_lie_where_they_are_audible(voice: VoiceInfo) -> None:
    text = '<speak>Mama<break time="0.7s"/>papa and <emphasis>me</emphasis>.<break time="0.333s"/>Again</speak>'
    spoken = synthesize(text, voice, 1.0)
    samples = samples_of(spoken)
    assert spoken.phones is not None
    assert all(one.end_s <= other.start_s + 1e-9 for one, other in zip(spoken.phones, spoken.phones[1:], strict=False))
    loud = np.abs(samples) > 0.02
    covered = np.zeros(len(samples), bool)
    for phone in spoken.phones:
        covered[round(phone.start_s * RATE_HZ) - 400 : round(phone.end_s * RATE_HZ) + 400] = True
    assert covered[loud].mean() > 0.995
    vowels = [phone for phone in spoken.phones if phone.symbol.strip("ˈˌː") == "ɑ"]
    assert len(vowels) == 2
    for vowel in vowels:
        middle = round((vowel.start_s + vowel.end_s) / 2 * RATE_HZ)
        assert np.abs(samples[middle - 300 : middle + 300]).max() > 0.05


def test_nothing_clicks_where_pieces_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    hum = (np.sin(np.arange(16000) / 16000 * 2 * np.pi * 220 + 1.0) / 2).astype(np.float32)  # its ends are steps of 0.4
    audio = MemoryAudio(hum[np.newaxis], 16000)
    monkeypatch.setattr(voices, "speak", lambda text, voice, rate: SynthesizedSpeech(audio=audio, phones=None))
    nobody = VoiceInfo(name="hum", language="en", gender="neutral", description="")
    joined = synthesize('<speak>Mama<break time="0.3s"/>sees <emphasis>us</emphasis> all.</speak>', nobody, 1.0)
    samples = np.concatenate(list(joined.audio.blocks(16000, 1)), axis=1)[0]
    louder = 10 ** (1.5 / 20)
    assert np.abs(np.diff(samples)).max() < 1.05 * louder * np.abs(np.diff(hum)).max()
    assert joined.phones is None
    assert np.abs(samples).max() == pytest.approx(0.5 * louder, abs=0.01)


@pytest.mark.slow
def test_rate_is_a_factor_of_the_part(voice: VoiceInfo) -> None:
    def lasts_s(inside: str, rate: float = 1.0) -> float:
        phones = synthesize(f"<speak>{inside}</speak>", voice, rate).phones
        assert phones is not None
        return phones[-1].end_s - phones[0].start_s

    words = "many animals are moving slowly over all the hills"
    usual = lasts_s(f"{words}<break time='0s'/>")
    assert lasts_s(f"<prosody rate='50%'>{words}</prosody>") / usual == pytest.approx(2.0, rel=0.2)
    assert lasts_s(f"<prosody rate='160%'>{words}</prosody>") / usual == pytest.approx(1 / 1.6, rel=0.2)
    both = lasts_s(f"<prosody rate='160%'>{words}</prosody>", rate=0.625)
    assert both / usual == pytest.approx(1.0, rel=0.1)


@pytest.mark.slow
def test_emphasis_is_slower_and_louder(voice: VoiceInfo) -> None:
    def loudness(inside: str) -> tuple[float, float]:
        spoken = synthesize(f"<speak>oh<break time='1s'/>{inside}</speak>", voice, 1.0)
        assert spoken.phones is not None
        samples = samples_of(spoken)
        break_s, _ = max(silences(samples)[:-1], key=lambda one: one[1])
        part = samples[round(break_s * RATE_HZ) :]
        audible = part[np.abs(part) > 0.01]
        return float(np.sqrt(np.mean(audible**2))), len(audible) / RATE_HZ

    plain = loudness("animals<break time='0s'/>")
    weaker = loudness("<emphasis level='reduced'>animals</emphasis>")
    assert weaker[0] / plain[0] == pytest.approx(10 ** (-3 / 20), rel=0.08)
    assert weaker[1] < plain[1]
    assert loudness("<emphasis level='strong'>animals</emphasis>")[1] > 1.1 * plain[1]


def test_a_spelled_word_has_a_pause_between_its_letters(voice: VoiceInfo) -> None:
    def vowels(text: str) -> int:
        return sum(1 for p in synthesize(text, voice, 1.0).phones or () if set(p.symbol) & set("aeiouɑɔɛɪʌɐəæʊ"))

    assert vowels('<speak><say-as interpret-as="characters">NATO</say-as></speak>') >= 4
    assert vowels('<speak><say-as interpret-as="digits">1984</say-as></speak>') >= 4


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("<speak>Hello<voice/></speak>", InvalidMarkup, "<voice>"),
        ("<speak> ... <break/> - </speak>", EmptyText, ""),
        ("<speak><prosody rate='400%'>Hello</prosody></speak>", InvalidOption, "multiplied"),
        (" ... ", EmptyText, ""),
    ],
)
def test_what_cannot_be_said(voice: VoiceInfo, text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says or None):
        synthesize(text, voice, 1.0)


def test_a_tag_in_other_text_is_read_aloud(voice: VoiceInfo) -> None:
    plain, watermarked = (synthesize(text, voice, 1.0).audio.duration_s for text in ("Hello.", "<b>Hello.</b>"))
    assert watermarked > plain + 0.1


def test_a_part_without_words_only_rests(voice: VoiceInfo) -> None:
    spoken = synthesize("<speak>Mama<break time='1s'/>...<break time='1s'/>papa</speak>", voice, 1.0)
    assert max(length_s for _, length_s in silences(samples_of(spoken))) == pytest.approx(2.0, abs=0.03)


@pytest.mark.slow
def test_thirty_thousand_characters_need_no_more_memory_than_a_page(
    voice: VoiceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = "Many animals were moving slowly over all the hills, and nobody saw a single one of them. "
    requested: list[int] = []

    def quick(text: str, voice: VoiceInfo, rate: float) -> SynthesizedSpeech:
        requested.append(len(text))
        return spoken

    spoken = voices.speak(sentence, voice, 2.0)  # each piece is said by the same words: the joining is what is tested
    monkeypatch.setattr(voices, "speak", quick)
    peaks = []
    for count in (40, 340):
        tracemalloc.start()
        joined = synthesize(sentence * count, voice, 2.0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert joined.phones is not None
        assert joined.phones[-1].end_s < joined.audio.duration_s
    assert sum(requested) > 30_000
    assert max(requested) <= long_text.MAX_CHUNK_CHARACTERS
    assert peaks[1] < peaks[0] + 4e6


def test_the_file_of_a_long_text_goes_with_it(
    voice: VoiceInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spoken = synthesize("<speak>Mama<break/>papa</speak>", voice, 1.0)
    assert [Path(name).suffix for name in os.listdir(tmp_path)] == [".wav"]
    assert spoken.audio.duration_s > 1
    del spoken
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_long_text_is_whole(voice: VoiceInfo) -> None:
    text = "Mama saw papa. " * 100
    phones = synthesize(text, voice, 2.0).phones
    assert phones is not None
    shut = [phone for phone in phones if visemes_of(phone.symbol)[0][0] == "PP"]
    assert len(shut) == 400
    assert isinstance(phones[0], Phone)
