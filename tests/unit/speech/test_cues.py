from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsmith.speech.cues import LETTERS, letter_cues, to_json, to_tsv, viseme_cues
from lipsmith.speech.visemes import HOP_S, VISEMES, Speech


def said(visemes: list[str]) -> Speech:
    """Speech whose rows are these visemes."""
    none = np.zeros(len(visemes), np.float32)
    rows = np.eye(len(VISEMES), dtype=np.float32)[[VISEMES.index(viseme) for viseme in visemes]]
    return Speech(visemes=rows, openness=None, loudness=none, pitch_hz=none, duration_s=len(visemes) * HOP_S)


HELLO = ["sil"] * 5 + ["kk"] * 3 + ["E"] * 4 + ["nn"] * 3 + ["oh"] * 5 + ["ou"] * 4 + ["sil"] * 6


def test_every_viseme_has_its_letter() -> None:
    assert tuple(LETTERS) == VISEMES
    assert set(LETTERS.values()) == set("ABCDEFGX")


def test_runs_become_cues_with_their_times() -> None:
    assert [(cue.value, cue.start_s, cue.end_s) for cue in viseme_cues(said(HELLO))] == [
        ("sil", 0.0, 0.09), ("kk", 0.09, 0.15), ("E", 0.15, 0.23), ("nn", 0.23, 0.29), ("oh", 0.29, 0.39),
        ("ou", 0.39, 0.47), ("sil", 0.47, 0.6),
    ]  # fmt: skip


def test_the_tsv_is_rhubarbs() -> None:
    assert to_tsv(said(HELLO)) == (
        "0.00\tX\n0.09\tB\n0.15\tC\n0.23\tB\n0.29\tE\n0.39\tF\n0.47\tX\n0.60\tX\n"
    )  # fmt: skip


def test_the_json_holds_letters_and_visemes() -> None:
    document = json.loads(to_json(said(HELLO)))
    assert document["metadata"] == {"duration": 0.6}
    assert document["mouthCues"][1] == {"start": 0.09, "end": 0.15, "value": "B"}
    assert [cue["value"] for cue in document["visemes"]] == ["sil", "kk", "E", "nn", "oh", "ou", "sil"]


@pytest.mark.parametrize(("viseme", "kept"), [("PP", True), ("FF", True), ("aa", False), ("DD", False), ("sil", False)])
def test_a_single_row_counts_only_where_lips_touch(viseme: str, kept: bool) -> None:
    values = [cue.value for cue in viseme_cues(said(["E"] * 4 + [viseme] + ["E"] * 4))]
    assert values == (["E", viseme, "E"] if kept else ["E"])


@pytest.mark.parametrize(("rows", "letter"), [(9, "B"), (11, "X")])
def test_a_short_pause_is_no_rest(rows: int, letter: str) -> None:
    values = [cue.value for cue in letter_cues(said(["aa"] * 5 + ["sil"] * rows + ["aa"] * 5))]
    assert values == ["D", letter, "D"]


def test_neighbours_of_one_letter_are_one_cue() -> None:
    assert [cue.value for cue in letter_cues(said(["kk"] * 3 + ["SS"] * 3 + ["DD"] * 3))] == ["B"]


@given(st.lists(st.sampled_from(VISEMES), min_size=1, max_size=60))
def test_cues_follow_one_another_from_the_start_to_the_end(visemes: list[str]) -> None:
    speech = said(visemes)
    for cues in (viseme_cues(speech), letter_cues(speech)):
        assert cues[0].start_s == 0.0
        assert cues[-1].end_s == pytest.approx(speech.duration_s)
        assert all(cue.start_s < cue.end_s for cue in cues)
        assert all(a.end_s == b.start_s and a.value != b.value for a, b in pairwise(cues))
    if "PP" in visemes:
        assert "A" in {cue.value for cue in letter_cues(speech)}
