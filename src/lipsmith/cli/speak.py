"""Command `lipsmith speak`."""

from __future__ import annotations

from pathlib import Path

from lipsmith.cli.request_command import request_command, result_line
from lipsmith.pipeline import SpeakRequest, SpokenResult, speak_text


def speak_line(result: SpokenResult) -> str:
    """Result for people."""
    parts = [str(result.path), f"{result.duration_s:.2f} s", f"voice {result.voice}", result.language]
    return result_line(parts, result.warnings)


speak = request_command(
    "speak",
    SpeakRequest,
    speak_text,
    speak_line,
    help="Speak TEXT to an audio file, without a face.",
    default_out=lambda _: Path("speech.wav"),
)
