"""Who in a clip says what: records and the file of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lipsmith import LipsmithError, Speaker
from lipsmith.face.choice import At
from lipsmith.pipeline.speakers import FaceSelector, face_choice, read_speakers


def test_a_file_names_faces_and_words_and_its_paths_start_at_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "who.json"
    entries: list[dict[str, Any]] = [
        {"face": 2, "audio": "words/a.wav", "start_s": 0.5, "end_s": 2, "at_s": 1.25, "style": "me.style"},
        {"face": "310,120@1.5", "text": "Bonjour.", "voice": "fr-fr", "rate": 1.2},
        {"face": [310, 120, 1.5], "audio": "/elsewhere/b.wav", "text": "Hello"},
    ]
    path.write_text(json.dumps({"speakers": entries}), encoding="utf-8-sig")
    assert read_speakers(path) == (
        Speaker(face=2, audio=tmp_path / "words/a.wav", start_s=0.5, end_s=2, at_s=1.25, style=tmp_path / "me.style"),
        Speaker(face="310,120@1.5", text="Bonjour.", voice="fr-fr", rate=1.2),
        Speaker(face=[310, 120, 1.5], audio=Path("/elsewhere/b.wav"), text="Hello"),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", 'like {"speakers"'),
        ('{"speakers": {}}', 'like {"speakers"'),
        ('{"speakers": ["anna"]}', 'like {"speakers"'),
        ('{"speakers": []}', "names 0 speakers; there have to be 1 to 6"),
        (json.dumps({"speakers": [{"text": "Oh."}] * 7}), "names 7 speakers"),
        ('{"speakers": [{"text": "Oh.", "volume": 3}]}', "'volume' of a speaker, which is not known. Use face, audio"),
        ('{"speakers": [{"text": "Oh."}, {"face": 2}]}', "Speaker 2 of 2: Nothing to say"),
        ('{"speakers": [{"text": 8}]}', "Speaker 1 of 1: text is 8; it has to be a text."),
        ('{"speakers": [{"audio": 8}]}', "the path of a recording"),
        ('{"speakers": [{"text": "Oh.", "voice": 8}]}', "the name of a voice"),
        ('{"speakers": [{"text": "Oh.", "rate": "fast"}]}', "rate is 'fast'; it has to be a number."),
        ('{"speakers": [{"text": "Oh.", "rate": 3}]}', "rate is 3"),
        ('{"speakers": [{"text": "Oh.", "at_s": -1}]}', "begins at -1 s"),
        ('{"speakers": [{"text": "Oh.", "at_s": NaN}]}', "at_s is nan"),
        ('{"speakers": [{"text": "Oh.", "at_s": Infinity}]}', "begins at inf s"),
        ('{"speakers": [{"text": "Oh.", "start_s": 1}]}', "cut a window out of a recording"),
        ('{"speakers": [{"audio": "a.wav", "end_s": "1"}]}', "the end in the recording is '1'"),
        ('{"speakers": [{"text": "Oh.", "face": 0}]}', "starting at 1"),
        ('{"speakers": [{"text": "Oh.", "face": null}]}', "The face is None"),
        ('{"speakers": [{"text": "Oh.", "face": "left"}]}', "'left' is not known"),
    ],
)
def test_a_file_that_is_no_list_of_speakers(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "who.json"
    path.write_text(content)
    with pytest.raises(LipsmithError) as caught:
        read_speakers(path)
    assert (caught.value.code, says in caught.value.message) == ("invalid_option", True), caught.value.message


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(LipsmithError, match=r"who\.json cannot be read"):
        read_speakers(tmp_path / "who.json")
    (tmp_path / "who.json").write_bytes(b"\xff\xfe\x00" * 20)
    with pytest.raises(LipsmithError, match="no JSON"):
        read_speakers(tmp_path / "who.json")
    (tmp_path / "who.json").write_bytes(b" " * 1_000_001)
    with pytest.raises(LipsmithError, match="too large"):
        read_speakers(tmp_path / "who.json")


@pytest.mark.parametrize("given", [3, {"face": 1}, [{"face": 1}], [None]])
def test_what_is_no_speaker(given: Any) -> None:
    with pytest.raises(LipsmithError, match="it has to be a list of Speaker"):
        read_speakers(given)


@pytest.mark.parametrize(
    ("face", "choice"),
    [
        ("auto", "auto"),
        ("speaker", "speaker"),
        ("2", 2),
        (3, 3),
        ((310, 120), At(x=310, y=120)),
        ((310.5, 120, 1.5), At(x=310.5, y=120, time_s=1.5)),
        ("310,120@1.5", At(x=310, y=120, time_s=1.5)),
    ],
)
def test_a_face_may_be_named_in_several_ways(face: FaceSelector, choice: object) -> None:
    assert face_choice(face) == choice


@pytest.mark.parametrize("face", [0, -1, True, None, 1.5, (1,), (1, 2, 3, 4), ("x", 2), (float("nan"), 2), "0", "1,"])
def test_anything_else_is_no_face(face: Any) -> None:
    with pytest.raises(LipsmithError) as caught:
        face_choice(face)
    assert caught.value.code == "invalid_option"
