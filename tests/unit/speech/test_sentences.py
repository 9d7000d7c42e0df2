from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsmith.speech.sentences import split_text


@pytest.mark.parametrize(
    ("text", "longest", "cut"),
    [
        ("One two.", 20, ["One two."]),
        ("One two. Three four. Five.", 21, ["One two. Three four.", "Five."]),
        ("I saw Dr. Smith and more.", 15, ["I saw Dr.", "Smith and more."]),
        ("It was late. We all saw Dr. Smith.", 28, ["It was late.", "We all saw Dr. Smith."]),
        ("He said: «Go!» Then he went.", 18, ["He said: «Go!»", "Then he went."]),
        ("one two, three four five", 15, ["one two,", "three four five"]),
        ("one two three four", 10, ["one two", "three four"]),
        ("你好，今天天气很好。再见！", 11, ["你好，今天天气很好。", "再见！"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("Title\n\nText goes on", 12, ["Title", "Text goes on"]),
        ("  \n ", 5, []),
    ],
)
def test_where_it_is_cut(text: str, longest: int, cut: list[str]) -> None:
    assert list(split_text(text, longest)) == cut


@given(st.text(alphabet="ab .,!\n。é", max_size=300), st.integers(5, 40))
def test_nothing_is_lost_and_no_piece_is_too_long(text: str, longest: int) -> None:
    cut = list(split_text(text, longest))
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert all(0 < len(piece) <= longest for piece in cut)
