"""Choice of one face of a clip, by number, place or agreement with the audio."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.errors import FaceTooSmall, InvalidOption, NoSourceFace, NoSuchFace
from lipsmith.face.choice import At, ExpectedOpening, choose_face, lip_audio_agreement, parse_face_choice
from lipsmith.face.landmarks import Face
from lipsmith.face.track import FaceTrack, RawFrame, steady_track

COUNT = 100
TIMES_S = np.arange(COUNT) / 25


def said(seed: int) -> NDArray[np.float64]:
    """(n,) 0–1: how open a mouth is, changing about four times a second."""
    rng = np.random.default_rng(seed)
    return np.asarray(np.interp(np.arange(COUNT), np.arange(0, COUNT + 6, 6), rng.uniform(0, 1, COUNT // 6 + 2)))


def talking(
    face: Face, curve: NDArray[np.float64], left_px: float, zoom: float = 1.0, frames: range = range(COUNT)
) -> FaceTrack:
    raw = []
    for k in frames:
        points = face.points.copy()
        points[14] = points[13] + np.array([0, 0.25 * face.iod_px * curve[k], 0])
        raw.append(RawFrame.of(k, points * zoom + np.array([left_px, 0, 0])))
    return steady_track(raw, TIMES_S, (), score=0.9, prominence=zoom * len(frames))


@pytest.fixture
def two(face: Face) -> list[FaceTrack]:
    """A small one that follows `said(1)`, on the left, and a large one that does not."""
    return [talking(face, said(1), 0, 0.7), talking(face, said(2), 600)]


def expected_opening(curve: NDArray[np.float64], later_s: float = 0.0) -> ExpectedOpening:
    return ExpectedOpening(times_s=TIMES_S + later_s, openness=curve)


@pytest.mark.parametrize(
    ("text", "choice"),
    [("auto", "auto"), ("speaker", "speaker"), ("12", 12), ("40,30.5@2", At(x=40, y=30.5, time_s=2)),
     ("40,30", At(x=40, y=30, time_s=0))],
)  # fmt: skip
def test_choices_are_read(text: str, choice: object) -> None:
    assert parse_face_choice(text) == choice


@pytest.mark.parametrize("text", ["", "0", "-1", "left", "4,", "4,5@", "1e3", "４", "nan,nan"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match="Unknown face"):
        parse_face_choice(text)


def test_by_number_and_by_place(two: list[FaceTrack]) -> None:
    small, large = two
    assert choose_face(two, 1) is small and choose_face(two, 2) is large
    x, y = large.points(50)[4, :2]
    assert choose_face(two, At(x=x, y=y, time_s=2.0)) is large
    with pytest.raises(NoSuchFace, match="no face 3"):
        choose_face(two, 3)
    with pytest.raises(NoSuchFace, match="at 5,4000 at 1 s"):
        choose_face(two, At(x=5, y=4000, time_s=1.0))


def test_a_place_counts_at_its_time_only(face: Face) -> None:
    late = talking(face, said(1), 0, frames=range(50, COUNT))
    x, y = late.points(60)[4, :2]
    assert choose_face([late], At(x=x, y=y, time_s=3.0)) is late
    with pytest.raises(NoSuchFace):
        choose_face([late], At(x=x, y=y, time_s=0.5))


def test_who_speaks_is_chosen_before_who_is_large(two: list[FaceTrack]) -> None:
    small, large = two
    assert choose_face(two, "auto") is large
    assert choose_face(two, "auto", expected=expected_opening(said(1))) is small
    assert choose_face(two, "speaker", expected=expected_opening(said(1), later_s=0.12)) is small


def test_nobody_speaks(two: list[FaceTrack]) -> None:
    silence = expected_opening(np.zeros(COUNT))
    assert choose_face(two, "auto", expected=silence) is two[1]
    with pytest.raises(NoSuchFace, match="its own audio"):
        choose_face(two, "speaker", expected=silence)


def test_the_lag_is_reported(two: list[FaceTrack]) -> None:
    agreement = lip_audio_agreement(two[0], expected_opening(said(1), later_s=0.12))
    assert agreement is not None
    assert agreement.r > 0.95 and agreement.lag_s == pytest.approx(0.12, abs=0.02)


def test_no_face_and_too_small_a_face(face: Face) -> None:
    with pytest.raises(NoSourceFace, match="in the clip"):
        choose_face([], "auto")
    with pytest.raises(FaceTooSmall, match="20 pixels between the eyes"):
        choose_face([talking(face, said(1), 0, 20 / face.iod_px)], "auto")
