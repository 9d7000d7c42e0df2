"""Every phrase of the vocabulary is read as what it stands for, and as nothing else."""

from __future__ import annotations

from collections.abc import Iterable

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


def readings(prompts: Iterable[str]) -> dict[str, tuple[list[tuple[str, bool, float, str]], tuple[str, ...]]]:
    """Return, by prompt, the acts that are read from it and the parts that are not understood."""
    found = {}
    for prompt in prompts:
        direction = read_direction(prompt)
        acts: list[tuple[str, bool, float, str]] = [
            (act.name, act.negated, act.intensity, act.when) for act in direction.acts
        ]
        found[prompt] = (acts, direction.unknown)
    return found


def test_every_phrase_asks_for_its_act() -> None:
    expected = {phrase: ([(name, False, 1.0, "whole")], ()) for name, phrase in ACT_PHRASES}
    assert readings(expected) == expected


def test_every_phrase_can_be_forbidden_or_is_given_back() -> None:
    smile = ("smile", False, 1.0, "whole")
    expected: dict[str, object] = {}
    for name, phrase in ACT_PHRASES:
        if GESTURES[name].undo is None:  # type: ignore[index]
            expected[f"Smile. Don't {phrase}."] = ([smile], (f"Don't {phrase}",))
        else:
            expected[f"Smile. Don't {phrase}."] = ([smile, (name, True, 1.0, "whole")], ())
    assert readings(expected) == expected


def test_every_time_is_understood_before_and_after_the_act() -> None:
    expected = {
        prompt.format(phrase): when
        for when, phrase in WHEN_PHRASES
        for prompt in ("nod {}", "{}, nod", "{} nod gently")
    }
    found = {
        prompt: unknown or [(name, when) for name, _, _, when in acts]
        for prompt, (acts, unknown) in readings(expected).items()
    }
    assert found == {prompt: [("nod", when)] for prompt, when in expected.items()}


def test_every_degree_changes_the_intensity() -> None:
    expected = {
        prompt.format(words): ([("smile", False, factor, "whole")], ())
        for words, factor in [*INTENSITY.items(), *AMPLIFIERS.items()]
        for prompt in ("smile {}", "{} smile", "smile, {}")
    }
    assert readings(expected) == expected


def test_every_word_for_less_takes_away() -> None:
    expected = {
        prompt.format(words): ([("smile", True, share, "whole")], ())
        for words, share in LESS.items()
        for prompt in ("smile {}", "{} smile")
    }
    assert readings(expected) == expected


def test_every_negator_negates() -> None:
    found = readings(f"{word} smiling" for word in sorted(NEGATORS))
    assert {prompt: [(act[0], act[1]) for act in acts] for prompt, (acts, _) in found.items()} == {
        f"{word} smiling": [("smile", True)] for word in NEGATORS
    }


def test_every_connector_parts_two_requests() -> None:
    expected = {
        f"smile {word} nod strongly": ([("smile", False, 1.0, "whole"), ("nod", False, 1.6, "whole")], ())
        for word in CONNECTORS - {"nor"}
    }
    assert readings(expected) == expected


def test_every_form_is_read_as_its_base() -> None:
    assert {form: plain_words(form) for form in FORMS} == {form: (base,) for form, base in FORMS.items()}
    assert not set(FORMS) & set(FORMS.values())


def test_every_filling_word_asks_for_nothing() -> None:
    expected: dict[str, object] = {word: ([], ()) for word in PLAIN}
    assert readings(expected) == expected


def test_every_ambiguous_word_needs_company_that_is_understood() -> None:
    expected: dict[str, object] = {f"{word} lamps": ([], (f"{word} lamps",)) for word in ALONE | LAST}
    assert readings(expected) == expected


def test_no_phrase_stands_twice() -> None:
    phrases = [phrase for _, phrase in (*ACT_PHRASES, *WHEN_PHRASES)] + [*INTENSITY, *AMPLIFIERS, *LESS]
    assert len(phrases) == len(set(phrases))


def test_every_act_has_its_gesture() -> None:
    assert list(GESTURES) == [name for name in GESTURES if name in ACTS]
    assert set(GESTURES) == set(ACTS) >= set(CAVEATS) | SLOW_ACTS
