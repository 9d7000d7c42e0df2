"""Detectors, regions and meshes of the face networks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsmith.engines import face_networks
from lipsmith.engines.face_networks import FULL_RANGE, SHORT_RANGE, Mesh, Region, merged
from lipsmith.errors import MissingDependency
from lipsmith.face.geometry import F64
from lipsmith.media.clip import U8


def boxes(*corners: tuple[float, float, float, float]) -> F64:
    """Return (n, 8, 2) detections: boxes of x0, y0, x1, y1, with all points in their middles."""
    found = np.zeros((len(corners), 8, 2))
    for row, (x0, y0, x1, y1) in zip(found, corners, strict=True):
        row[0], row[1], row[2:] = (x0, y0), (x1, y1), ((x0 + x1) / 2, (y0 + y1) / 2)
    return found


def test_overlapping_boxes_become_their_mean_by_score() -> None:
    two = boxes((0, 0, 10, 10), (2, 0, 12, 10), (50, 50, 60, 60))
    first, second = merged(two, np.array([0.6, 0.9, 0.7]))
    assert first[0] == 0.9
    np.testing.assert_allclose(first[1][0], [2 * 0.9 / 1.5, 0])
    np.testing.assert_allclose(first[1][1], [10 + 2 * 0.9 / 1.5, 10])
    assert second[0] == 0.7
    np.testing.assert_allclose(second[1], boxes((50, 50, 60, 60))[0])


def test_boxes_that_touch_only_a_little_stay_apart() -> None:
    assert len(merged(boxes((0, 0, 10, 10), (6, 0, 16, 10)), np.array([0.9, 0.8]))) == 2  # a quarter is shared
    assert len(merged(boxes((0, 0, 10, 10), (5, 0, 15, 10)), np.array([0.9, 0.8]))) == 1  # a third is


def test_boxes_without_a_size_do_no_harm() -> None:
    assert merged(np.full((1, 8, 2), np.nan), np.array([0.9])) == []
    assert len(merged(boxes((5, 5, 5, 5)), np.array([0.9]))) == 1
    assert merged(boxes(), np.array([])) == []


def test_a_region_maps_its_points_back_to_the_image() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[118:123, 178:183] = 255
    region = Region(x=170.0, y=110.0, side=80.0, angle=0.6)
    cut = region.cut(image, 192, cv2.BORDER_CONSTANT)
    down, right = np.nonzero(cut[:, :, 0] > 127)
    point = np.array([[right.mean(), down.mean(), 8.0]])
    np.testing.assert_allclose(region.to_image(point, 192)[0, :2], [180, 120], atol=0.6)
    assert region.to_image(point, 192)[0, 2] == pytest.approx(8 * 80 / 192)


@pytest.mark.parametrize("detector", [FULL_RANGE, SHORT_RANGE])
def test_detectors_find_the_eyes(detector: face_networks.Detector, astronaut: U8) -> None:
    head = np.ascontiguousarray(astronaut[:320, 64:384])
    [found] = detector.find(head, min_score=0.5)
    assert (found.low < found.eyes).all() and (found.eyes < found.high).all()
    points = Mesh(in_motion=False, min_score=0.2)(head)
    assert points is not None
    for eye, corners in zip(found.eyes, ((33, 133), (362, 263)), strict=True):
        assert np.hypot(*(eye - points[list(corners), :2].mean(axis=0))) < 12


@pytest.mark.parametrize("turn_deg", [25, -60, 120])
def test_a_turned_face_has_the_turned_mesh(turn_deg: float, astronaut: U8) -> None:
    head = np.ascontiguousarray(astronaut[:320, 64:384])
    region = Region(x=160.0, y=110.0, side=230.0, angle=0.0)
    upright = face_networks.mesh_in(head, region)
    turn = cv2.getRotationMatrix2D((160, 110), -turn_deg, 1.0)
    turned_head = np.asarray(cv2.warpAffine(head, turn, (320, 320)), np.uint8)
    turned_region = Region(x=160.0, y=110.0, side=230.0, angle=np.radians(turn_deg))
    turned = face_networks.mesh_in(turned_head, turned_region)
    assert upright is not None and turned is not None
    expected = upright[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.abs(turned[:, :2] - expected).max() < 3.0


def test_a_face_in_motion_is_followed_without_the_detector(astronaut: U8, monkeypatch: pytest.MonkeyPatch) -> None:
    head = np.ascontiguousarray(astronaut[:320, 64:384])
    mesh = Mesh(in_motion=True, min_score=0.2)
    first = mesh(head)
    assert first is not None
    moved = np.roll(head, 6, axis=1)
    with monkeypatch.context() as patch:
        patch.setattr(face_networks, "SHORT_RANGE", None)  # a use would raise AttributeError
        second = mesh(moved)
        assert second is not None
        assert np.median(second[:, 0] - first[:, 0]) == pytest.approx(6, abs=1)
        assert mesh(np.zeros_like(head)) is None
        with pytest.raises(AttributeError):
            mesh(head)
    assert mesh(head) is not None


def test_the_matte_separates_person_and_background(astronaut: U8) -> None:
    values = face_networks.matte(np.asarray(cv2.resize(astronaut, (256, 256)), np.uint8))
    assert values.shape == (256, 256)
    assert values.min() >= 0 and values.max() <= 1
    assert values[60:200, 90:130].mean() > 0.9


def test_all_faces_share_one_session() -> None:
    assert face_networks.session("face_mesh") is face_networks.session("face_mesh")


def test_a_missing_model_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_networks, "MODELS", tmp_path)
    with pytest.raises(MissingDependency, match=r"person_matte\.onnx"):
        face_networks.session.__wrapped__("person_matte")
    with pytest.raises(MissingDependency, match=r"triangles\.npy"):
        face_networks.triangles()
