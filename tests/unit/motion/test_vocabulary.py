"""Every phrase of the vocabulary is read as what it stands for, and as nothing else."""

from __future__ import annotations

import pytest

from lipsmith.motion.direction import plain_words, read_direction
from lipsmith.motion.gestures import GESTURES
from lipsmith.motion.vocabulary import (
    ACTS,
    ALONE,
    AMPLIFIERS,
    CAVEATS,
    CONNECTORS,
    FORMS,
    INTENSITY,
    LAST,
    LESS,
    NEGATORS,
    PLAIN,
    SLOW_ACTS,
    WHEN,
)

ACT_PHRASES = [(name, phrase) for name, phrases in ACTS.items() for phrase in phrases]
WHEN_PHRASES = [(when, phrase) for when, phrases in WHEN.items() for phrase in phrases]


@pytest.mark.parametrize(("name", "phrase"), ACT_PHRASES)
def test_every_phrase_asks_for_its_act(name: str, phrase: str) -> None:
    direction = read_direction(phrase)
    assert [(act.name, act.negated, act.intensity, act.when) for act in direction.acts] == [(name, False, 1.0, "whole")]
    assert direction.unknown == ()


@pytest.mark.parametrize(("name", "phrase"), ACT_PHRASES)
def test_every_phrase_can_be_forbidden_or_is_given_back(name: str, phrase: str) -> None:
    direction = read_direction(f"Smile. Don't {phrase}.")
    if GESTURES[name].undo is None:  # type: ignore[index]
        assert [act.name for act in direction.acts] == ["smile"]
        assert direction.unknown == (f"Don't {phrase}",)
    else:
        assert [(act.name, act.negated) for act in direction.acts] == [("smile", False), (name, True)]
        assert direction.unknown == ()


@pytest.mark.parametrize(("when", "phrase"), WHEN_PHRASES)
@pytest.mark.parametrize("prompt", ["nod {}", "{}, nod", "{} nod gently"])
def test_every_time_is_understood_before_and_after_the_act(when: str, phrase: str, prompt: str) -> None:
    direction = read_direction(prompt.format(phrase))
    assert [(act.name, act.when) for act in direction.acts] == [("nod", when)]
    assert direction.unknown == ()


@pytest.mark.parametrize(("words", "factor"), [*INTENSITY.items(), *AMPLIFIERS.items()])
@pytest.mark.parametrize("prompt", ["smile {}", "{} smile", "smile, {}"])
def test_every_degree_changes_the_intensity(words: str, factor: float, prompt: str) -> None:
    direction = read_direction(prompt.format(words))
    assert [(act.name, act.negated, act.intensity) for act in direction.acts] == [("smile", False, factor)]
    assert direction.unknown == ()


@pytest.mark.parametrize(("words", "share"), LESS.items())
@pytest.mark.parametrize("prompt", ["smile {}", "{} smile"])
def test_every_word_for_less_takes_away(words: str, share: float, prompt: str) -> None:
    direction = read_direction(prompt.format(words))
    assert [(act.name, act.negated, act.intensity) for act in direction.acts] == [("smile", True, share)]
    assert direction.unknown == ()


@pytest.mark.parametrize("word", sorted(NEGATORS))
def test_every_negator_negates(word: str) -> None:
    assert [(act.name, act.negated) for act in read_direction(f"{word} smiling").acts] == [("smile", True)]


@pytest.mark.parametrize("word", sorted(CONNECTORS - {"nor"}))
def test_every_connector_parts_two_wishes(word: str) -> None:
    direction = read_direction(f"smile {word} nod strongly")
    assert [(act.name, act.intensity) for act in direction.acts] == [("smile", 1.0), ("nod", 1.6)]
    assert direction.unknown == ()


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_is_read_as_its_base(form: str) -> None:
    assert plain_words(form) == (FORMS[form],)
    assert FORMS[form] not in FORMS


@pytest.mark.parametrize("word", sorted(PLAIN))
def test_every_filling_word_asks_for_nothing(word: str) -> None:
    direction = read_direction(word)
    assert (direction.acts, direction.unknown) == ((), ())


@pytest.mark.parametrize("word", sorted(ALONE | LAST))
def test_every_ambiguous_word_needs_company_that_is_understood(word: str) -> None:
    direction = read_direction(f"{word} lamps")
    assert (direction.acts, direction.unknown) == ((), (f"{word} lamps",))


def test_no_phrase_stands_twice() -> None:
    phrases = [phrase for _, phrase in (*ACT_PHRASES, *WHEN_PHRASES)] + [*INTENSITY, *AMPLIFIERS, *LESS]
    assert len(phrases) == len(set(phrases))


def test_every_act_has_its_deed() -> None:
    assert list(GESTURES) == [name for name in GESTURES if name in ACTS]
    assert set(GESTURES) == set(ACTS) >= set(CAVEATS) | SLOW_ACTS
