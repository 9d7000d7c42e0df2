"""Tests of lipsmith.speech.script."""

from __future__ import annotations

import pytest

from lipsmith.speech.script import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello, 世", None),
        ("123 …", None),
        ("", None),
        ("今日は良い天気", "ja"),
        ("你好，世界", "cmn"),
        ("Привет, мир", "ru"),
        ("مرحبا", "ar"),
        ("नमस्ते", "hi"),
        ("안녕하세요", "ko"),
        ("Καλημέρα", "el"),
    ],
)
def test_the_script_tells_the_language(text: str, language: str | None) -> None:
    assert language_of(text) == language
