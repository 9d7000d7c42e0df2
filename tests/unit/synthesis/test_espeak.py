from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import lipsmith.synthesis.espeak as voice_espeak
from lipsmith.errors import EmptyText, InvalidOption, MissingDependency, UnknownVoice, VoiceFailed
from lipsmith.motion.mouth import mouth_channels
from lipsmith.speech.visemes import VISEMES, Speech
from lipsmith.synthesis.espeak import EspeakVoice

TWELVE_CLOSURES = "My mother may buy a big map, a puppy, and a cup for my boy."


@pytest.fixture(scope="module")
def voice() -> EspeakVoice:
    pytest.importorskip("espeakng_loader", reason="the extra lipsmith[voice] brings the synthesizer")
    return EspeakVoice()


def closures(speech: Speech) -> list[tuple[float, float]]:
    """Start and end, in seconds, of every stretch in which p, b or m is spoken."""
    shut = np.concatenate([[False], speech.visemes[:, VISEMES.index("PP")] > 0.5, [False]])
    edges = np.flatnonzero(np.diff(shut.astype(np.int8))).reshape(-1, 2)
    return [(float(start) * 0.02, float(end) * 0.02) for start, end in edges]


def test_over_a_hundred_languages_in_several_voices(voice: EspeakVoice) -> None:
    voices = voice.voices()
    assert len({v.language.split("-")[0] for v in voices}) >= 100
    assert len({v.name for v in voices}) == len(voices)
    named = {v.name: v for v in voices}
    assert named["en-us"].language == "en-US"
    assert named["en-us+f3"].gender == "female"
    assert named["fr-fr"].language == "fr-FR"
    assert named["fa-latn"].language == "fa-Latn"
    assert named["en-gb-x-rp"].language == "en-GB-x-rp"


def test_a_language_without_a_dictionary_is_not_offered(voice: EspeakVoice) -> None:
    assert not {"fo", "kaa", "xex"} & {v.name for v in voice.voices()}


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
@pytest.mark.parametrize("name", ["en-us", "en-us+f3", "en-gb+m3"])
def test_every_p_b_and_m_shuts_the_lips(voice: EspeakVoice, name: str, fps: int) -> None:
    spoken = voice.speak(TWELVE_CLOSURES, voice=name, rate=1.0)
    found = closures(spoken.speech)
    assert len(found) == 12
    frames = int(np.ceil(spoken.audio.duration_s * fps))
    aperture = mouth_channels(spoken.speech, fps=Fraction(fps), frames=frames)["aperture"]
    bar = min(0.02, 0.15 * float(np.percentile(aperture, 95)))
    times_s = np.arange(frames) / fps
    for start_s, end_s in found:
        near = (times_s >= start_s - 0.06) & (times_s <= end_s + 0.06)
        assert aperture[near].min() <= bar, f"the lips stay open at {start_s:.2f} s"


def test_the_mouth_opens_as_far_as_a_speakers(voice: EspeakVoice) -> None:
    text = "Good morning! Today we talk about the weather: it is sunny, warm, and a little windy."
    spoken = voice.speak(text, voice="en-us", rate=1.0)
    aperture = mouth_channels(spoken.speech, fps=Fraction(25), frames=int(spoken.audio.duration_s * 25))["aperture"]
    assert 0.17 <= np.percentile(aperture, 95) <= 0.27
    assert aperture.max() <= 0.32


def test_stops_lie_in_the_silence_before_their_burst(voice: EspeakVoice) -> None:
    spoken = voice.speak("apa apa apa", voice="en-us", rate=0.8)
    audio = np.concatenate([block[0] for block in spoken.audio.blocks(1000, 1)])
    loud = np.abs(audio).max()
    for start_s, end_s in closures(spoken.speech):
        assert np.abs(audio[round(1000 * start_s) + 10 : round(1000 * end_s) - 40]).max(initial=0.0) < 0.25 * loud


def test_the_words_lie_between_two_short_silences(voice: EspeakVoice) -> None:
    speech = voice.speak("Hello.", voice="en-us", rate=1.0).speech
    assert (speech.visemes[:12, 0] == 1.0).all()
    assert (speech.visemes[-19:, 0] == 1.0).all()
    assert (speech.visemes[:, 0] < 0.5).any()


@pytest.mark.parametrize(("rate", "low", "high"), [(0.5, 1.6, 2.4), (2.0, 0.4, 0.65)])
def test_rate_changes_the_length(voice: EspeakVoice, rate: float, low: float, high: float) -> None:
    text = "The weather was fine when we went to the market."
    normal, other = (voice.speak(text, voice="en-us", rate=r).audio.duration_s - 0.65 for r in (1.0, rate))
    assert low < other / normal < high


@pytest.mark.parametrize("rate", [0.49, 2.01, 0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_out_of_range_is_refused(voice: EspeakVoice, rate: float) -> None:
    with pytest.raises(InvalidOption, match=r"0\.5–2\.0"):
        voice.speak("Hello", voice="en-us", rate=rate)


def test_punctuation_pauses(voice: EspeakVoice) -> None:
    plain, paused = (voice.speak(t, voice="en-us", rate=1.0).speech for t in ("one two", "one. Two"))
    silent = [(speech.visemes[20:-25, 0] > 0.9).sum() * 0.02 for speech in (plain, paused)]
    assert silent[1] > silent[0] + 0.2


@pytest.mark.parametrize("text", ["", "   ", "...!?", "\n\t\x00", "\x01\x02", "—", "«»"])
def test_text_without_words_is_refused(voice: EspeakVoice, text: str) -> None:
    with pytest.raises(EmptyText):
        voice.speak(text, voice="en-us", rate=1.0)


def test_control_characters_and_markup_command_nothing(voice: EspeakVoice) -> None:
    plain = voice.speak("Hello there", voice="en-us", rate=1.0)
    # Ctrl-A would set the speed, NUL would end the text.
    tricked = voice.speak("Hello\x01350S \x00there", voice="en-us", rate=1.0)
    assert tricked.audio.duration_s > plain.audio.duration_s
    watermarked = voice.speak('<prosody rate="fast">Hello there</prosody>', voice="en-us", rate=1.0)
    assert watermarked.audio.duration_s > 1.5 * plain.audio.duration_s
    phonemes = voice.speak("[[p@p@p@p@]]", voice="en-us", rate=1.0)
    assert (phonemes.speech.visemes[:, VISEMES.index("SS")] > 0.5).any() or phonemes.audio.duration_s > 1.0


def test_surrogates_do_not_break_the_pipe(voice: EspeakVoice) -> None:
    assert voice.speak("Hello \ud800 there", voice="en-us", rate=1.0).audio.duration_s > 0.5


@pytest.mark.parametrize(
    ("requested", "near"),
    [("en-uk", "en-gb"), ("german", "de"), ("en-us+f9", "en-us+f3"), ("", ""), ("../../etc/passwd", "")],
)
def test_an_unknown_voice_is_refused_with_its_neighbours(voice: EspeakVoice, requested: str, near: str) -> None:
    with pytest.raises(UnknownVoice, match="lipsmith voices") as caught:
        voice.speak("Hello", voice=requested, rate=1.0)
    assert near in caught.value.message


@pytest.mark.parametrize("requested", ["fr", "FR-FR", "en_US", " en-us+F3 ", "en"])
def test_a_voice_is_found_by_its_usual_spellings(voice: EspeakVoice, requested: str) -> None:
    assert voice.speak("Bonjour", voice=requested, rate=1.0).audio.duration_s > 0.5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("de", "Guten Morgen, wie geht es Ihnen?"),
        ("fr-fr", "Bonjour, comment allez-vous ?"),
        ("ru", "Доброе утро, как дела?"),
        ("cmn", "你好，今天天气很好。"),
        ("hi", "नमस्ते, आप कैसे हैं?"),
        ("ar", "صباح الخير كيف حالك"),
        ("fa", "سلام، حال شما چطور است؟"),
        ("ja", "おはようございます"),
        ("ko", "안녕하세요"),
        ("sw", "Habari za asubuhi"),
        ("vi", "Xin chào các bạn"),
    ],
)
def test_languages_move_the_lips(voice: EspeakVoice, name: str, text: str) -> None:
    speech = voice.speak(text, voice=name, rate=1.0).speech
    shown = {VISEMES[k] for k in np.unique(speech.visemes.argmax(axis=1))}
    assert len(shown) >= 5
    np.testing.assert_allclose(speech.visemes.sum(axis=1), 1.0, atol=1e-5)
    assert speech.loudness.max() > 0.9


def test_words_become_phonemes_clause_by_clause(voice: EspeakVoice) -> None:
    clauses = voice.phonemes('Hello, Bob; is it "you"? Yes (no). Well', voice="en-us")
    assert [sign for _, sign in clauses] == [",", ";", "?", ".", ""]
    assert clauses[0][0] == "həlˈoʊ"
    assert [sign for _, sign in voice.phonemes("你好，今天。再见！", voice="cmn")] == ["，", "。", "！"]
    with pytest.raises(EmptyText):
        voice.phonemes(" ... ", voice="en-us")


@pytest.mark.slow
def test_a_long_text_streams(voice: EspeakVoice) -> None:
    spoken = voice.speak("The quick brown fox jumps over the lazy dog. " * 120, voice="en-us", rate=1.5)
    assert spoken.audio.duration_s > 180
    assert (spoken.speech.visemes[-60:-25, 0] < 0.5).any()  # phones up to the end


def test_without_its_package_the_voice_names_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    # -S leaves out site-packages: a Python in which nothing was installed.
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda args, **kw: real([args[0], "-S", "-E", *args[1:]], **kw))
    with pytest.raises(MissingDependency, match=r"pip install 'lipsmith\[voice\]'"):
        EspeakVoice().voices()


@pytest.fixture
def broken_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A synthesizer's process whose program the test writes itself."""
    monkeypatch.setattr(voice_espeak, "__file__", str(tmp_path / "voice_espeak.py"))
    yield tmp_path / "espeak_process.py"


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("import os; os.abort()", "exit status -6"),
        ("import sys; sys.stdin.read(); sys.exit('out of memory')", "out of memory"),
        ("import sys; sys.stdout.write('A'); sys.stdout.flush()", "ended early"),
        ("import sys; sys.stdin.close(); sys.stdout.buffer.write(b'F\\x04\\0\\0\\0oops')", "failed: oops"),
    ],
)
def test_a_crash_of_the_process_is_an_error_of_ours(broken_process: Path, program: str, says: str) -> None:
    broken_process.write_text(program)
    with pytest.raises(VoiceFailed, match=says):
        EspeakVoice().voices()


@pytest.mark.slow
def test_the_library_is_never_loaded_into_our_process(voice: EspeakVoice) -> None:
    code = (
        "import sys; from lipsmith.synthesis.espeak import EspeakVoice; "
        "EspeakVoice().speak('Hello', voice='en-us', rate=1.0); "
        "maps = open('/proc/self/maps').read() if sys.platform == 'linux' else ''; "
        "sys.exit('espeakng_loader' in sys.modules or 'espeak' in maps)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_a_breathy_voice_phones_the_same_a_second_later(voice: EspeakVoice) -> None:
    first = voice.speak("Good morning", voice="en-us+f3", rate=1.0)
    time.sleep(1.1)
    again = voice.speak("Good morning", voice="en-us+f3", rate=1.0)
    np.testing.assert_array_equal(*(np.hstack(list(s.audio.blocks(22050, 1))) for s in (first, again)))
