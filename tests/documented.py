"""Documented requests and answers, compared with real ones: what stands in angle brackets stands for something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """Replace placeholders in a documented value."""
    if isinstance(value, dict):
        return {name: filled(part, words) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(part, words) for part in value]
    if isinstance(value, str):
        for word, meant in words.items():
            value = value.replace(word, meant)
    return value


def differences(expected: Any, got: Any, patterns: Mapping[str, str], place: str = "") -> list[str]:
    """Describe differences between two values. ``patterns`` say what may stand for a word in brackets.

    ``<whole>`` is any whole number, ``<words: a | b>`` any text with these in it. Kinds of numbers count.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        keys = [f"{place}: {sorted(expected.keys() ^ got.keys())}"] if expected.keys() != got.keys() else []
        return keys + [
            fault
            for name in expected.keys() & got.keys()
            for fault in differences(expected[name], got[name], patterns, f"{place}.{name}")
        ]
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [
            fault
            for number, (one, other) in enumerate(zip(expected, got, strict=True))
            for fault in differences(one, other, patterns, f"{place}[{number}]")
        ]
    return [] if _is_same(expected, got, patterns) else [f"{place}: {got!r} instead of {expected!r}"]


def _is_same(expected: Any, got: Any, patterns: Mapping[str, str]) -> bool:
    if expected == "<whole>":
        return type(got) is int
    if not isinstance(expected, str) or not expected.startswith("<") or not isinstance(got, str):
        return type(expected) is type(got) and bool(expected == got)
    if expected.startswith("<words: "):
        return all(word in got for word in expected[8:-1].split(" | "))
    return re.fullmatch(patterns[expected], got) is not None
