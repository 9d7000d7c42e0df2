"""What options may be: rules with the sentence that is said where one is broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from lipsmith.errors import InvalidOption
from lipsmith.pipeline.progress import StrPath

Rule: TypeAlias = tuple[bool, str]
"""Whether it is kept, and what is said where not."""
TypeRule: TypeAlias = tuple[bool, str, object, str]
"""Whether it is kept, the option's name, its value, and what it has to be."""

MIN_SIDE_PX, LARGEST_SIDE_PX = 64, 8192
"""What may be asked for: below the first nothing can be seen, above the second H.264 ends."""


def refuse_values(*rules: Rule) -> None:
    """Raises InvalidOption for the first rule that is not kept."""
    for kept, message in rules:
        if not kept:
            raise InvalidOption(message)


def refuse_types(*rules: TypeRule) -> None:
    """The same for types: what is no number or no name would fail deep inside in words nobody knows."""
    for kept, name, value, wanted in rules:
        if not kept:
            raise InvalidOption(f"{name} is {value!r}; it has to be {wanted}.")


def is_whole(value: object) -> bool:
    """A number without a fraction; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def speaking_rules(
    text: str | None,
    audio: StrPath | None,
    voice: str | None,
    language: str | None,
    rate: float,
    start_s: float | None,
    end_s: float | None,
) -> Sequence[Rule]:
    """What holds among the options that say what is heard."""
    return (
        (text is not None or audio is not None, "Nothing to say: give a recording of speech, or a text."),
        (
            audio is None or voice is None,
            "A voice only speaks a text that stands alone; a recording is its own voice. Leave one of them out.",
        ),
        (
            audio is None or language is None,
            "The language only says which voice speaks a text that stands alone. Leave it out beside a recording.",
        ),
        (
            audio is not None or (start_s is None and end_s is None),
            "Start and end cut a window out of a recording. Leave them out where a text is spoken.",
        ),
        (audio is None or rate == 1.0, "The rate says how fast a text is spoken; a recording keeps its own."),
        rate_rule(rate),
    )


def rate_rule(rate: float) -> Rule:
    """How fast a text may be spoken."""
    return 0.5 <= rate <= 2.0, f"The rate is {rate}; it has to lie between 0.5 (slow) and 2.0 (fast)."


def quality_rules(max_resolution: int | None, crf: int) -> Sequence[Rule]:
    """What holds for size and quality."""
    return (
        (
            max_resolution is None or MIN_SIDE_PX <= max_resolution <= LARGEST_SIDE_PX,
            f"The longest side is {max_resolution}; it has to lie between {MIN_SIDE_PX} and {LARGEST_SIDE_PX} pixels.",
        ),
        (1 <= crf <= 51, f"The quality (crf) is {crf}; it has to lie between 1 (best) and 51 (worst)."),
    )


def intensity_rule(intensity: float) -> Rule:
    """How strongly a mouth may move."""
    return 0.1 <= intensity <= 2.0, f"The intensity is {intensity}; it has to lie between 0.1 and 2.0. 1.0 is natural."
