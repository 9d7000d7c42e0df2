"""Voices made for Piper, played by a small network with their inputs, outputs and description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.cli.main import run
from lipsmith.errors import EmptyText, InvalidOption, InvalidVoiceFile, MissingDependency, OutputExists, UnknownVoice
from lipsmith.speech.visemes import VISEMES
from lipsmith.synthesis import voices
from lipsmith.synthesis.contract import SynthesizedSpeech
from lipsmith.synthesis.piper import PiperVoice
from lipsmith.synthesis.voice_store import FOLDER_VARIABLE, VoiceStore, voices_folder
from piper_voices import FRAMES, HOP_SAMPLES, IDS, RATE_HZ, make_voice

NAME = "en_XX-test-low"

pytest.importorskip("onnxruntime", reason="the extra lipsmith[piper] runs added voices")
pytest.importorskip("espeakng_loader", reason="the extra lipsmith[voice] brings the phonemes")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VoiceStore:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "store"))
    voices._engine.cache_clear()
    return VoiceStore(tmp_path / "store")


def added(store: VoiceStore, tmp_path: Path, name: str = NAME, **description: Any) -> PiperVoice:
    model = make_voice(tmp_path, name, **description)
    store.add(model, Path(f"{model}.json"), licence="CC0")
    return PiperVoice(store.folder)


def samples_of(spoken: SynthesizedSpeech) -> NDArray[np.float32]:
    return np.concatenate(list(spoken.audio.blocks(RATE_HZ, 1)), axis=1)[0]


def test_phones_lie_exactly_where_the_network_put_them(store: VoiceStore, tmp_path: Path) -> None:
    spoken = added(store, tmp_path).speak("Papa, a bee.", voice=NAME, rate=1.0)
    assert spoken.phones is not None
    assert [phone.symbol for phone in spoken.phones if phone.symbol] == ["p", "ɑ", "p", "ə", "ɐ", "b", "i"]
    frame_s = HOP_SAMPLES / RATE_HZ
    first = spoken.phones[1]
    assert first.start_s == pytest.approx(0.25 + FRAMES["^"] * frame_s, abs=1e-3)
    for phone in spoken.phones:
        if phone.symbol:
            at_most = FRAMES.get(phone.symbol, 8) + FRAMES[" "]  # a short gap between words belongs to what is before
            lasts = (phone.end_s - phone.start_s) / frame_s
            assert FRAMES.get(phone.symbol, 8) - 0.01 <= lasts <= at_most + 0.01
    comma = next(phone for phone in spoken.phones[1:] if not phone.symbol)
    assert comma.end_s - comma.start_s == pytest.approx((FRAMES[","] + FRAMES[" "]) * frame_s, abs=1e-3)
    samples = samples_of(spoken)
    for phone in spoken.phones:
        inside = samples[round(phone.start_s * RATE_HZ) + 60 : round(phone.end_s * RATE_HZ) - 60 - FRAMES[" "] * 256]
        peak = np.abs(inside).max(initial=0.0)
        assert peak > 0.7 if phone.symbol in ("ɑ", "ə", "ɐ", "i") else peak < 0.2


def test_the_lips_close_for_p_and_b(store: VoiceStore, tmp_path: Path) -> None:
    speech = added(store, tmp_path).speak("Papa, a bee.", voice=NAME, rate=1.0).speech
    shut = np.concatenate([[False], speech.visemes[:, VISEMES.index("PP")] > 0.5, [False]])
    assert np.count_nonzero(np.diff(shut.astype(np.int8)) == 1) == 3
    assert speech.openness is None


def test_without_lengths_the_phonemes_are_looked_for_in_the_audio(store: VoiceStore, tmp_path: Path) -> None:
    model = make_voice(tmp_path, "deaf", tells_lengths=False)
    store.add(model, Path(f"{model}.json"))
    spoken = PiperVoice(store.folder).speak("Papa, a bee.", voice="deaf", rate=1.0)
    assert spoken.phones is not None
    assert [phone.symbol for phone in spoken.phones] == ["", "p", "ɑ", "p", "ə", "", "ɐ", "b", "i", ""]
    assert spoken.phones[-1].end_s == spoken.audio.duration_s


def test_each_rate_and_speaker_gives_other_audio(store: VoiceStore, tmp_path: Path) -> None:
    piper = added(store, tmp_path, "pair", num_speakers=2, speaker_id_map={"ann": 0, "bob": 1}, default_speaker_id=1)
    assert [voice.name for voice in piper.voices()] == ["pair", "pair+ann", "pair+bob"]
    ann, bob, usual = (
        samples_of(piper.speak("A map.", voice=name, rate=1.0)) for name in ("pair+Ann", "pair+bob", "PAIR")
    )
    np.testing.assert_array_equal(bob, usual)
    assert np.abs(ann - bob).max() > 0.5
    slow = piper.speak("A map.", voice="pair", rate=0.5).audio.duration_s
    assert (slow - 0.65) / (len(bob) / RATE_HZ - 0.65) == pytest.approx(2.0, abs=0.1)
    with pytest.raises(UnknownVoice, match="ann, bob"):
        piper.speak("A map.", voice="pair+eve", rate=1.0)


def test_letters_may_be_the_phonemes(store: VoiceStore, tmp_path: Path) -> None:
    piper = added(store, tmp_path, "letters", phoneme_type="text")
    spoken = piper.speak("papa", voice="letters", rate=1.0)
    assert spoken.phones is not None
    assert [phone.symbol for phone in spoken.phones if phone.symbol] == list("papa")


@pytest.mark.parametrize(
    ("text", "rate", "error"),
    [("...", 1.0, EmptyText), ("", 1.0, EmptyText), ("Hello", 2.5, InvalidOption), ("\x00", 1.0, EmptyText)],
)
def test_what_cannot_be_said(store: VoiceStore, tmp_path: Path, text: str, rate: float, error: type[Exception]) -> None:
    with pytest.raises(error):
        added(store, tmp_path).speak(text, voice=NAME, rate=rate)


def test_other_scripts_signs_end_sentences_too(store: VoiceStore, tmp_path: Path) -> None:
    piper = added(store, tmp_path, espeak={"voice": "cmn"})
    spoken = piper.speak("你好，今天。再见！", voice=NAME, rate=1.0)
    assert spoken.phones is not None
    pauses = [phone for phone in spoken.phones if not phone.symbol and phone.end_s - phone.start_s > 0.3]
    assert len(pauses) == 3


@pytest.mark.parametrize("extension", ["onnx", "onnx.json"])
def test_a_voice_that_was_changed_is_not_loaded(store: VoiceStore, tmp_path: Path, extension: str) -> None:
    piper = added(store, tmp_path)
    path = store.folder / f"{NAME}.{extension}"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InvalidVoiceFile, match="SHA-256 differs"):
        piper.speak("Hello", voice=NAME, rate=1.0)
    path.unlink()
    with pytest.raises(InvalidVoiceFile, match="cannot be read"):
        piper.speak("Hello", voice=NAME, rate=1.0)


@pytest.mark.parametrize(
    ("description", "says"),
    [
        ({"phoneme_type": "pinyin"}, "kind 'pinyin'"),
        ({"phoneme_id_map": {}}, "have no phonemes"),
        ({"phoneme_id_map": {"a": "x"}}, "not those of Piper"),
        ({"audio": {}}, "not those of Piper"),
        ({"audio": {"sample_rate": 12}}, "no usable sampling rate"),
        ({"espeak": {}, "language": {}}, "not those of Piper"),
        ({"espeak": {"voice": "klingon-9"}}, "klingon-9"),
        ({"num_speakers": 2, "speaker_id_map": 3}, "not those of Piper"),
    ],
)
def test_a_description_that_cannot_be_used_is_not_added(
    store: VoiceStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], description: dict[str, Any], says: str
) -> None:
    model = make_voice(tmp_path)
    path = Path(f"{model}.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | description))
    assert run(["voices", "add", str(model)]) == 2
    assert says in capsys.readouterr().err
    assert store.records() == []


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08", b"\x3a\x00"])
def test_a_file_that_is_no_model_is_not_added(
    store: VoiceStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    model = make_voice(tmp_path)
    model.write_bytes(content)
    assert run(["voices", "add", str(model)]) == 2
    assert "[invalid_voice_file]" in capsys.readouterr().err
    assert store.records() == []


def test_another_network_is_no_voice(store: VoiceStore, tmp_path: Path) -> None:
    import onnx

    model = make_voice(tmp_path)
    other = onnx.load(str(model))
    other.graph.input[0].name = "tokens"
    other.graph.node[0].input[0] = "tokens"
    onnx.save(other, str(model))
    with pytest.raises(InvalidVoiceFile, match="no input input"):
        PiperVoice(store.folder).check(model, Path(f"{model}.json"))


@pytest.mark.slow
def test_the_way_of_a_voice_on_the_command_line(
    store: VoiceStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_voice(tmp_path)
    elsewhere = tmp_path / "config.json"
    Path(f"{model}.json").rename(elsewhere)
    assert run(["voices", "add", str(model)]) == 2
    assert "NAME.onnx.json" in capsys.readouterr().err
    options = ["--config", str(elsewhere), "--licence", "CC0", "--gender", "female"]
    assert run(["voices", "add", str(model), *options]) == 0
    said = capsys.readouterr().out
    assert "licence: CC0" in said
    [record] = store.records()
    assert record.sha256 in said
    assert run(["voices", "add", str(model), *options]) == 2
    assert "[output_exists]" in capsys.readouterr().err
    assert run(["voices", "add", str(model), *options, "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == record.sha256
    assert run(["voices", "--language", "en-GB", "--json"]) == 0
    listed = {voice["name"]: voice for voice in json.loads(capsys.readouterr().out)["voices"]}
    assert listed[f"piper:{NAME}"] == {
        "name": f"piper:{NAME}",
        "language": "en-GB",
        "gender": "female",
        "description": "Piper, 22050 Hz, licence: CC0",
        "engine": "piper",
    }
    assert "en-gb" in listed
    assert run(["voices", "list"]) == 0
    assert f"piper:{NAME}" in capsys.readouterr().out
    assert run(["speak", "Hello there.", "-o", str(tmp_path / "a.wav"), "--voice", NAME.lower(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["voice"] == f"piper:{NAME}"
    assert run(["speak", "Hello there.", "-o", str(tmp_path / "b.wav"), "--language", "en", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["voice"] == f"piper:{NAME}"
    assert run(["voices", "remove", f"piper:{NAME}"]) == 0
    assert list(store.folder.iterdir()) == []
    assert run(["voices", "remove", NAME]) == 2
    assert "[unknown_voice]" in capsys.readouterr().err.splitlines()[-1]


def test_names_that_are_no_names_are_refused(store: VoiceStore, tmp_path: Path) -> None:
    model = make_voice(tmp_path)
    config = Path(f"{model}.json")
    for name in ("..onnx", "a b.onnx", "a+b.onnx", ".hidden.onnx"):
        other = tmp_path / name
        other.write_bytes(b"x")
        with pytest.raises(InvalidOption):
            store.add(other, config)
    assert not store.folder.exists()


def test_a_taken_name_stays_as_it_was(store: VoiceStore, tmp_path: Path) -> None:
    added(store, tmp_path)
    before = store.records()
    with pytest.raises(OutputExists):
        store.add(tmp_path / f"{NAME}.onnx", tmp_path / f"{NAME}.onnx.json", licence="other")
    assert store.records() == before


def test_a_damaged_record_hides_nobody_else(store: VoiceStore, tmp_path: Path) -> None:
    piper = added(store, tmp_path)
    (store.folder / "a.voice.json").write_text("{")
    (store.folder / "b.voice.json").write_text('{"name": "b"}')
    assert [voice.name for voice in piper.voices()] == [NAME]


def test_where_voices_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert voices_folder() == tmp_path / ".local" / "share" / "lipsmith" / "voices"
    (tmp_path / "Library" / "Application Support").mkdir(parents=True)
    assert voices_folder() == tmp_path / "Library" / "Application Support" / "lipsmith" / "voices"


def test_without_its_package_the_line_to_type_is_reported(
    store: VoiceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piper = added(store, tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match=r"pip install 'lipsmith\[voice\]'"):
        piper.speak("Hello", voice=NAME, rate=1.0)


def test_the_signs_of_the_test_voice_are_pipers() -> None:
    assert IDS["_"] == [0]
    assert IDS["^"] == [1]
    assert IDS["$"] == [2]
