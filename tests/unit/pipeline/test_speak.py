"""A text to an audio file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lipsmith import LipsmithError, speak_text
from lipsmith.cli.main import run
from lipsmith.errors import OutputExists
from lipsmith.media.decode import MemoryAudio, open_audio
from lipsmith.media.encode import SPEECH_PROVENANCE
from lipsmith.pipeline import Progress
from lipsmith.pipeline.speech_reading import OpenedSpeech, read_speech
from lipsmith.synthesis.contract import SynthesizedSpeech


@pytest.fixture(autouse=True)
def synthesizer() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra lipsmith[voice] brings the synthesizer")


@pytest.mark.parametrize(
    ("extension", "codec"), [("wav", "pcm_s16le"), ("mp3", "mp3float"), ("m4a", "aac"), ("FLAC", "flac")]
)
def test_the_extension_chooses_the_format(tmp_path: Path, extension: str, codec: str) -> None:
    result = speak_text("Good morning.", tmp_path / f"a.{extension}", voice="en-us+f3")
    assert (result.path.name, result.voice, result.language, result.warnings) == (
        f"a.{extension}", "en-us+f3", "en-US", (),
    )  # fmt: skip
    with av.open(str(result.path)) as file:
        track = file.streams.audio[0]
        assert (track.codec_context.name, track.rate, track.channels) == (codec, 48000, 1)
        assert SPEECH_PROVENANCE in {**file.metadata, **track.metadata}.values()
    audio = open_audio(result.path)
    assert audio.duration_s == pytest.approx(result.duration_s, abs=0.03)
    assert audio.warnings == ()
    assert list(tmp_path.iterdir()) == [result.path]


@pytest.mark.parametrize(
    ("text", "options", "voice", "warns"),
    [
        ("Hello", {}, "en-us", False),
        ("Доброе утро, как дела?", {}, "ru", True),
        ("Guten Morgen, wie geht es Ihnen heute?", {}, "de", True),
        ("<speak>Guten Morgen,<break/> wie geht es Ihnen heute?</speak>", {}, "de", True),
        ("Goede avond", {}, "en-us", True),
        ("Guten Tag", {"language": "de"}, "de", False),
        ("Guten Tag", {"voice": "de+f3", "language": "de-AT"}, "de+f3", False),
        ("Hello", {"voice": "FR"}, "fr-fr", False),
    ],
)
def test_who_speaks(tmp_path: Path, text: str, options: dict[str, Any], voice: str, warns: bool) -> None:
    result = speak_text(text, tmp_path / "a.wav", **options)
    assert (result.voice, bool(result.warnings)) == (voice, warns)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"text": 3}, "invalid_option"),
        ({"text": " "}, "empty_text"),
        ({"out": "a.ogg"}, "invalid_option"),
        ({"out": "no/a.wav"}, "invalid_option"),
        ({"rate": 3.0}, "invalid_option"),
        ({"voice": "klingon-9"}, "unknown_voice"),
        ({"language": "zz"}, "unknown_voice"),
        ({"language": 8}, "invalid_option"),
        ({"voice": "de", "language": "fr"}, "invalid_option"),
    ],
)
def test_what_cannot_be_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LipsmithError) as caught:
        speak_text(**{"text": "Hello", "out": "a.wav", **options})
    assert caught.value.code == code, caught.value.message
    assert not list(tmp_path.iterdir())


def test_a_file_that_exists_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    out.write_bytes(b"mine")
    with pytest.raises(OutputExists):
        speak_text("Hello", out)
    assert out.read_bytes() == b"mine"
    speak_text("Hello", out, overwrite=True)
    assert open_audio(out).duration_s > 0.5


def test_progress_is_told_and_the_work_can_be_stopped(tmp_path: Path) -> None:
    seen: list[Progress] = []
    speak_text("Hello", tmp_path / "a.wav", progress=seen.append)
    assert [(p.stage, p.done, p.total) for p in seen] == [("sound", 0, 1), ("sound", 1, 1)]
    with pytest.raises(LipsmithError) as caught:
        speak_text("Hello", tmp_path / "b.wav", cancelled=lambda: True)
    assert caught.value.code == "cancelled"
    assert not (tmp_path / "b.wav").exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.flac"
    assert run(["speak", "Bom dia.", "-o", str(out), "--language", "pt-BR", "--json"]) == 0
    assert '"voice": "pt-br", "language": "pt-BR"' in capsys.readouterr().out
    assert run(["speak", "Hello", "-o", str(out), "-q"]) == 2
    assert "[output_exists]" in capsys.readouterr().err


def test_speech_without_phones_is_recognized_from_its_audio() -> None:
    hum = np.sin(np.arange(16000) / 16000 * 2 * np.pi * 220).astype(np.float32)[np.newaxis] / 4
    audio = MemoryAudio(hum, 16000)
    synthesized = SynthesizedSpeech(audio=audio, phones=None)
    opened = OpenedSpeech(audio=audio, text="Hum", synthesized=synthesized, warnings=())
    speech, warnings = read_speech(opened, audio, None, {})
    assert speech.openness is not None
    assert speech.visemes.shape == (50, 15)
    assert warnings == ()
