"""Speakers of a clip: records, and a file of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lipsmith import LipsmithError, Speaker
from lipsmith.errors import InvalidOption
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
        Speaker(
            face=2,
            audio=tmp_path / "words/a.wav",
            start_s=0.5,
            end_s=2,
            at_s=1.25,
            speaking_style=tmp_path / "me.style",
        ),
        Speaker(face="310,120@1.5", text="Bonjour.", voice="fr-fr", rate=1.2),
        Speaker(face=[310, 120, 1.5], audio=Path("/elsewhere/b.wav"), text="Hello"),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[" * 100_000,
        "[]",
        '{"speakers": {}}',
        '{"speakers": ["anna"]}',
        '{"speakers": []}',
        json.dumps({"speakers": [{"text": "Oh."}] * 7}),
        '{"speakers": [{"text": "Oh.", "volume": 3}]}',
        '{"speakers": [{"text": "Oh."}, {"face": 2}]}',
        '{"speakers": [{"text": 8}]}',
        '{"speakers": [{"audio": 8}]}',
        '{"speakers": [{"text": "Oh.", "voice": 8}]}',
        '{"speakers": [{"text": "Oh.", "rate": "fast"}]}',
        '{"speakers": [{"text": "Oh.", "rate": 3}]}',
        '{"speakers": [{"text": "Oh.", "at_s": -1}]}',
        '{"speakers": [{"text": "Oh.", "at_s": NaN}]}',
        '{"speakers": [{"text": "Oh.", "at_s": Infinity}]}',
        '{"speakers": [{"text": "Oh.", "start_s": 1}]}',
        '{"speakers": [{"audio": "a.wav", "end_s": "1"}]}',
        '{"speakers": [{"text": "Oh.", "face": 0}]}',
        '{"speakers": [{"text": "Oh.", "face": null}]}',
        '{"speakers": [{"text": "Oh.", "face": "left"}]}',
    ],
)
def test_a_file_that_is_no_list_of_speakers(tmp_path: Path, content: str) -> None:
    path = tmp_path / "who.json"
    path.write_text(content)
    with pytest.raises(LipsmithError) as caught:
        read_speakers(path)
    assert caught.value.code == "invalid_option", caught.value.message


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption):
        read_speakers(tmp_path / "who.json")
    (tmp_path / "who.json").write_bytes(b"\xff\xfe\x00" * 20)
    with pytest.raises(InvalidOption):
        read_speakers(tmp_path / "who.json")
    (tmp_path / "who.json").write_bytes(b" " * 1_000_001)
    with pytest.raises(InvalidOption):
        read_speakers(tmp_path / "who.json")


@pytest.mark.parametrize("given", [3, {"face": 1}, [{"face": 1}], [None]])
def test_what_is_no_speaker(given: Any) -> None:
    with pytest.raises(InvalidOption):
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
