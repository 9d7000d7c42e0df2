from __future__ import annotations

import numpy as np
import pytest

from lipsmith.speech.visemes import (
    HOP_S,
    VISEMES,
    Phone,
    Speech,
    delayed,
    is_plosive,
    row_count,
    viseme_rows,
    visemes_of,
    with_early_stops,
)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("p", (("PP", 1.0),)),
        ("ˈɑː", (("aa", 1.0),)),
        ("ˈaɪ", (("aa", 0.55), ("ih", 0.45))),
        ("oʊ", (("oh", 0.55), ("ou", 0.45))),
        ("ˈaai", (("aa", 0.40), ("aa", 0.30), ("ih", 0.30))),
        ("tʃ", (("CH", 1.0),)),
        ("d͡ʒ", (("CH", 1.0),)),
        ("ts", (("DD", 0.3), ("SS", 0.7))),
        ("ɑːɹ", (("aa", 2 / 3), ("RR", 1 / 3))),
        ("y", (("ou", 1.0),)),
        ("ø", (("oh", 1.0),)),
        ("ʁ", (("kk", 1.0),)),
        ("ɲ", (("nn", 1.0),)),
        ("ɾ", (("DD", 1.0),)),
        ("ɔ̃", (("oh", 1.0),)),
        ("t̪ʰ", (("DD", 1.0),)),
        ("ç", (("kk", 1.0),)),
    ],
)
def test_a_phone_shows_its_visemes(symbol: str, expected: tuple[tuple[str, float], ...]) -> None:
    assert [viseme for viseme, _ in visemes_of(symbol)] == [viseme for viseme, _ in expected]
    assert [share for _, share in visemes_of(symbol)] == pytest.approx([share for _, share in expected])


@pytest.mark.parametrize("mark", ["", "ː", "ˈ", "1", "˥", "(en)", "(en-us-n", "ʲ", "̃"])
def test_a_mark_shows_nothing(mark: str) -> None:
    assert visemes_of(mark) == ()


@pytest.mark.parametrize(("letter", "viseme"), [("ḅ", "PP"), ("ƃ", "PP"), ("ᶘ", "kk"), ("ж", "kk"), ("文", "kk")])
def test_a_letter_outside_the_tables_falls_to_its_base_letter_or_the_tongue_back(letter: str, viseme: str) -> None:
    assert visemes_of(letter) == ((viseme, 1.0),)


def test_shares_of_a_phone_sum_to_one_and_name_known_visemes() -> None:
    for symbol in ("iou", "ts.h", "onɡ", "ʔu", "tɕh", "əl", "ɯᵝ"):
        parts = visemes_of(symbol)
        assert sum(share for _, share in parts) == pytest.approx(1.0)
        assert {viseme for viseme, _ in parts} <= set(VISEMES)


@pytest.mark.parametrize(("symbol", "expected"), [("p", True), ("ˈɡ", True), ("tʃ", True), ("m", False), ("", False)])
def test_plosives_are_reported_by_their_first_letter(symbol: str, expected: bool) -> None:
    assert is_plosive(symbol) is expected


def test_rows_hold_the_share_of_time_around_each_instant() -> None:
    phones = [Phone(symbol="p", start_s=0.02, end_s=0.10), Phone(symbol="aɪ", start_s=0.10, end_s=0.20)]
    rows = viseme_rows(phones, 0.24)
    assert rows.shape == (12, 15)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(rows[:, VISEMES.index("PP")], [0, 0.5, 1, 1, 1, 0.5, 0, 0, 0, 0, 0, 0], atol=1e-6)
    # The diphthong turns at 0.155 s: rows 5 to 8 are before it (half, whole), row 8 is three quarters "aa".
    np.testing.assert_allclose(rows[5:10, VISEMES.index("aa")], [0.5, 1, 1, 0.25, 0], atol=1e-6)
    np.testing.assert_allclose(rows[9:, 0], [0, 0.5, 1], atol=1e-6)


def test_gaps_between_phones_are_silence() -> None:
    rows = viseme_rows([Phone(symbol="a", start_s=0.1, end_s=0.2), Phone(symbol="o", start_s=0.4, end_s=0.5)], 0.6)
    assert rows[round(0.3 / HOP_S), 0] == 1.0


def test_a_stop_begins_earlier_at_the_cost_of_the_phone_before() -> None:
    phones = [Phone(symbol="a", start_s=0.0, end_s=0.2), Phone(symbol="t", start_s=0.2, end_s=0.26)]
    early = with_early_stops(phones)
    assert early[0].end_s == early[1].start_s == pytest.approx(0.16)
    assert early[1].end_s == 0.26


def test_a_short_phone_before_a_stop_keeps_half_of_itself() -> None:
    phones = [Phone(symbol="s", start_s=0.0, end_s=0.05), Phone(symbol="p", start_s=0.05, end_s=0.10)]
    assert with_early_stops(phones)[1].start_s == pytest.approx(0.025)


def test_phones_that_are_no_stops_stay_where_they_are() -> None:
    phones = [Phone(symbol="a", start_s=0.0, end_s=0.2), Phone(symbol="m", start_s=0.2, end_s=0.26)]
    assert with_early_stops(phones) == phones


@pytest.mark.parametrize(("duration_s", "rows"), [(0.0, 1), (0.02, 1), (0.021, 2), (1.0, 50), (3600.0, 180000)])
def test_row_count(duration_s: float, rows: int) -> None:
    assert row_count(duration_s) == rows


def test_what_is_said_later_begins_after_silence() -> None:
    rows = viseme_rows([Phone(symbol="a", start_s=0.0, end_s=0.1)], 0.1)
    ones = np.ones(5, np.float32)
    speech = Speech(visemes=rows, openness=ones, loudness=ones, pitch_hz=120 * ones, duration_s=0.1, width=ones)
    moved = delayed(speech, 3)
    np.testing.assert_array_equal(moved.visemes[3:], rows)
    np.testing.assert_array_equal(moved.visemes[:3], np.eye(15, dtype=np.float32)[[0, 0, 0]])
    for values in (moved.openness, moved.loudness, moved.width):
        np.testing.assert_array_equal(values, [0, 0, 0, 1, 1, 1, 1, 1])
    assert moved.duration_s == pytest.approx(0.16)
