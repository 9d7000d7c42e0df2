from __future__ import annotations

from pathlib import Path

import pytest
from training.lips import FOLDS, STUDIO_SPEAKERS, left_out_head


def test_everybody_is_left_out_once() -> None:
    speakers = [speaker for fold in FOLDS for speaker in fold]
    assert len(speakers) == len(set(speakers)) == 13
    assert set(STUDIO_SPEAKERS.values()) <= set(speakers)


def test_who_may_be_one_person_is_left_out_together() -> None:
    assert left_out_head("sxf_swiz3n") == left_out_head("s26_bgbsza") == "lip_head.without-s26.npz"
    assert left_out_head("sxd_sbia1a") == left_out_head("sxg_bbab8n") == "lip_head.without-s2.npz"


def test_a_sentence_alone_tells_its_speaker() -> None:
    assert left_out_head("lwbsza") == left_out_head("s4_lwbsza") == "lip_head.without-s4.npz"


def test_an_unknown_speaker_has_no_head() -> None:
    with pytest.raises(KeyError, match="s99"):
        left_out_head("s99_bbaf2n")


@pytest.mark.slow
def test_every_recording_has_a_head_without_its_speaker(shared_media: Path) -> None:
    truth = shared_media.parent / "speech-truth"
    if not truth.is_dir():
        pytest.skip("the recordings with true lip motion are not here")
    for path in [*truth.glob("*.csv"), *(truth / "grid").glob("*.csv")]:
        assert left_out_head(path.stem).startswith("lip_head.without-s"), path.name
