"""Public names of `lipsmith`, and the cost of its import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lipsmith

HEAVY = {"av", "cv2", "onnxruntime", "numba", "numpy", "PIL", "rich", "scipy", "typer"}


def test_the_public_names_are_these() -> None:
    assert lipsmith.__all__ == [
        "DetectRequest",
        "DetectResult",
        "DetectedFace",
        "LipsmithError",
        "MotionTrack",
        "Progress",
        "SpeakRequest",
        "Speaker",
        "SpokenResult",
        "StyleRequest",
        "StyleResult",
        "SyncRequest",
        "SyncResult",
        "SyncedFace",
        "TalkRequest",
        "TalkResult",
        "__version__",
        "detect_faces",
        "learn_style",
        "lip_sync",
        "speak_text",
        "talking_photo",
    ]
    for name in lipsmith.__all__:
        assert getattr(lipsmith, name) is not None
        assert name in dir(lipsmith)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'dance'"):
        _ = lipsmith.dance


@pytest.mark.parametrize("module", ["lipsmith", "lipsmith.pipeline"])
def test_importing_is_light(module: str, record_property: pytest.RecordProperty) -> None:
    program = (
        f"import sys, time; start = time.perf_counter(); import {module}; "
        "print(f'{(time.perf_counter() - start) * 1000:.1f}', *sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    record_property("import_ms", answer[0])
    assert not HEAVY & set(answer[1:])
