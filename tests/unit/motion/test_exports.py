from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from motion_helpers import speech_of

from lipsmith.errors import InvalidOption
from lipsmith.motion.choreography import build_motion
from lipsmith.motion.exports import EXTENSIONS, export_text, extension_of
from lipsmith.motion.track import MotionTrack
from lipsmith.pipeline import NEED_SPEECH

TRACK = MotionTrack.of(Fraction(25), 25, aperture=0.1)
SPEECH = speech_of(("sil", 0.2), ("aa", 0.6), ("sil", 0.2))


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("motion.json", ".json"), ("a.arkit.json", ".arkit.json"), ("a.b.ARKIT.CSV", ".arkit.csv"),
        ("cues.json", ".json"), ("x.cues.json", ".cues.json"), ("x.cues.tsv", ".cues.tsv"), ("Über.SRT", ".srt"),
        ("x.vtt", ".vtt"), ("folder.srt/x.json", ".json"),
    ],
)  # fmt: skip
def test_the_extension_says_how(name: str, extension: str) -> None:
    assert extension_of(name) == extension_of(Path(name)) == extension


@pytest.mark.parametrize("name", ["motion", "motion.csv", "cues.tsv.txt", "x.mp4", ".tsv"])
def test_another_extension_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidOption, match=r"\.arkit\.csv, \.arkit\.json, \.cues\.tsv, .* \.json"):
        extension_of(name)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_extension_can_be_written(extension: str) -> None:
    text = export_text(extension, TRACK, SPEECH, "Ah.")
    assert text.endswith(("\n", "}"))
    if extension.endswith("json"):
        json.loads(text)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_what_needs_speech_says_so(extension: str) -> None:
    if extension in NEED_SPEECH:
        with pytest.raises(InvalidOption):
            export_text(extension, TRACK, None, "Ah.")
    else:
        assert export_text(extension, TRACK, None, None)


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_a_track_that_went_through_a_file_keeps_its_cues(fps: int) -> None:
    spoken = speech_of(("sil", 0.2), ("PP", 0.08), ("aa", 0.2), ("FF", 0.1), ("ou", 0.3), ("sil", 0.2))
    track = build_motion(spoken, fps=Fraction(fps), frames=round(spoken.duration_s * fps))
    given = MotionTrack.from_json(track.edited(aperture=0.0).to_json())
    kept, recognized = (json.loads(export_text(".cues.json", given, speech, None)) for speech in (None, spoken))
    for kind in ("mouthCues", "visemes"):
        assert [cue["value"] for cue in kept[kind]] == [cue["value"] for cue in recognized[kind]]
        for ours, theirs in zip(kept[kind], recognized[kind], strict=True):
            assert ours["start"] == pytest.approx(theirs["start"], abs=0.021)


def test_edited_visemes_are_the_cues() -> None:
    document = json.loads(MotionTrack.of(Fraction(25), 25).to_json())
    document["visemes"] = {"sil": [1.0] * 10 + [0.0] * 15, "ou": [0.0] * 10 + [1.0] * 15}
    text = export_text(".cues.tsv", MotionTrack.from_json(json.dumps(document)), None, None)
    assert text == "0.00\tX\n0.39\tF\n1.00\tX\n"


def test_captions_need_words() -> None:
    with pytest.raises(InvalidOption):
        export_text(".srt", TRACK, SPEECH, None)
