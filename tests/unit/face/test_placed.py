"""Faces from landmarks placed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsmith.errors import InvalidOption
from lipsmith.face.landmarks import aperture
from lipsmith.face.layout import MIRROR_PAIRS
from lipsmith.face.placed import LANDMARKS, TYPICAL_MESH, face_from_landmarks, read_landmarks

UPRIGHT = {"left_eye": (200.0, 150.0), "right_eye": (300.0, 150.0), "mouth_left": (210.0, 260.0)}
FOUR = UPRIGHT | {"mouth_right": (290.0, 260.0)}


def written(folder: Path, content: Any) -> Path:
    path = folder / "landmarks.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_the_typical_mesh_is_symmetrical_and_shut() -> None:
    mesh = np.load(TYPICAL_MESH).astype(np.float64)
    assert mesh.shape == (478, 3)
    assert aperture(mesh) < 0.01
    for left, right in MIRROR_PAIRS.items():
        np.testing.assert_allclose(mesh[left] * [-1, 1, 1], mesh[right], atol=0.01)


@pytest.mark.parametrize("turn_deg", [-30.0, 0.0, 25.0])
def test_every_landmark_is_where_it_was_placed(turn_deg: float) -> None:
    everywhere = FOUR | {
        "upper_lip": (251.0, 245.0), "lower_lip": (249.0, 280.0), "nose": (252.0, 205.0), "chin": (248.0, 330.0),
        "forehead": (250.0, 70.0), "left_cheek": (150.0, 190.0), "right_cheek": (352.0, 190.0),
    }  # fmt: skip
    angle = np.radians(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    placed = {name: tuple((turn @ np.array(point)).tolist()) for name, point in everywhere.items()}
    face = face_from_landmarks(placed)
    for name, point in placed.items():
        np.testing.assert_allclose(face.points[list(LANDMARKS[name]), :2].mean(axis=0), point, atol=1e-6)
    assert face.iod_px == pytest.approx(100.0, abs=1e-6)


def test_a_similar_face_keeps_the_typical_proportions() -> None:
    mesh = np.load(TYPICAL_MESH).astype(np.float64)
    placed = {
        name: tuple((300.0 + 80.0 * mesh[list(points), :2].mean(axis=0)).tolist()) for name, points in LANDMARKS.items()
    }
    face = face_from_landmarks(placed)
    np.testing.assert_allclose(face.points[:, :2], 300.0 + 80.0 * mesh[:, :2], atol=1e-6)
    np.testing.assert_allclose(face.points[:, 2], 80.0 * mesh[:, 2], rtol=1e-6)


def test_a_file_gives_the_same_face(tmp_path: Path) -> None:
    face = read_landmarks(written(tmp_path, {name: list(point) for name, point in FOUR.items()}))
    np.testing.assert_array_equal(face.points, face_from_landmarks(FOUR).points)


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[1, 2]",
        {},
        UPRIGHT,
        FOUR | {"tail": (1, 1)},
        FOUR | {"nose": (1, 2, 3)},
        FOUR | {"nose": (1, "2")},
        FOUR | {"nose": (1, True)},
        FOUR | {"nose": None},
        '{"left_eye": [NaN, 1]}',
        FOUR | {"left_eye": (300.0, 150.0), "right_eye": (200.0, 150.0)},
        FOUR | {"left_eye": (300.0, 150.0)},
        FOUR | {"mouth_left": (290.0, 260.0), "mouth_right": (210.0, 260.0)},
        FOUR | {"mouth_left": (210.0, 60.0), "mouth_right": (290.0, 60.0)},
        "[" * 100_000,
        " " * 100_001,
    ],
)
def test_what_makes_no_face_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InvalidOption):
        read_landmarks(written(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption):
        read_landmarks(tmp_path / "none.json")
