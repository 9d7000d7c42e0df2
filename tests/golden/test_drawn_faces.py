"""The pitfalls of drawing a speaking face, each as a number with a limit, on ten different faces.

The measures and their limits are those of `python -m benchmarks quality`. Where a face misses a limit for a reason that
is known, `KNOWN` holds the reason and how far it may go, so that it cannot get worse unseen.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from benchmarks import measures
from benchmarks.bars import BARS
from benchmarks.measures import Numbers
from benchmarks.subjects import Subject

LIMITS = {bar.name: (bar.low, bar.high) for bar in BARS}

KNOWN: dict[tuple[str, str], tuple[float, float]] = {}


def check(subject: Subject, numbers: Numbers, names: Iterable[str]) -> None:
    """Every named number lies within its limits."""
    for name in names:
        value = numbers[name]
        assert value is not None, f"{name} could not be measured on {subject.name}"
        low, high = KNOWN.get((name, subject.name), LIMITS[name])
        assert low <= value <= high, f"{name} is {value:.4f} on {subject.name}, outside {low:g} to {high:g}"


def test_lips_meet_where_they_should_and_open_as_far_as_asked(subject: Subject) -> None:
    numbers = measures.looks(subject)
    check(subject, numbers, ["closure_mm", "closure_sil", "seam_mm", "seam_sil"])
    check(subject, numbers, ["looks_light_low", "looks_light_high", "looks_dark_share"])


def test_a_sentence_shows_what_was_asked(subject: Subject) -> None:
    numbers = measures.sentence(subject, fps=6, crops=2)
    assert numbers["frames_without_face"] == 0
    check(subject, numbers, ["aperture_r", "aperture_error", "width_r", "interior_light", "interior_dark_share"])


def test_nothing_folds(subject: Subject) -> None:
    check(subject, measures.folds(subject), ["flips_chin", "flips", "area_ratio_chin"])


def test_what_does_not_speak_stays_still(subject: Subject) -> None:
    check(subject, measures.stillness(subject), ["eyes_drift", "background_change", "border_change"])


def test_the_pictures_own_mouth_gives_the_picture(subject: Subject) -> None:
    check(subject, measures.source_kept(subject), ["source_change"])


def test_a_blink_shuts_the_eye_and_bends_no_glasses(subject: Subject) -> None:
    numbers = measures.blinks(subject)
    check(subject, numbers, ["blink_opening", "blink_iris"])
    if subject.portrait.eye_looks[0].painted:
        assert (numbers["blink_edges"] or 0.0) <= LIMITS["glasses_edges"][1]


def test_the_head_turns_as_far_as_asked(subject: Subject) -> None:
    check(subject, measures.turns(subject), ["yaw_gain", "pitch_gain"])


def test_texture_neither_blurs_nor_breathes(subject: Subject) -> None:
    check(subject, measures.moving(subject, frames=8), ["sharpness", "sharpness_sd", "sharpness_low", "path_bend"])


def test_no_coloured_ring_and_no_new_edges_around_the_mouth(subject: Subject) -> None:
    check(subject, measures.ring(subject), ["ring_chroma", "edge_ratio"])


def test_upper_teeth_stay_with_the_skull(subject: Subject) -> None:
    check(subject, measures.teeth_slide(subject), ["teeth_slide"])


def test_a_grey_picture_stays_grey(subject: Subject) -> None:
    check(subject, measures.grey_stays_grey(subject), ["grey_spread"])


@pytest.mark.parametrize("name", ["closure_mm", "yaw_gain", "sharpness"])
def test_a_limit_that_is_missed_is_noticed(one_subject: Subject, name: str) -> None:
    low, high = LIMITS[name]
    for missed in (low - 0.2, high + 0.2):
        if abs(missed) != float("inf"):
            with pytest.raises(AssertionError, match=name):
                check(one_subject, {name: missed}, [name])
