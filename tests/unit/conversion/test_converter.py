"""Parts of the conversion against their definitions, computed by numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import tflite
from model_conversion import attention
from model_conversion.converter import converted
from model_conversion.onnx_builder import OnnxBuilder
from model_conversion.tflite_graph import TfliteGraph
from numpy.typing import NDArray
from onnx import TensorProto
from tflite_files import Sparse, tflite_file

RANDOM = np.random.default_rng(5)
OPTIONS: dict[str, Any] = {
    "left_rotation_idx": 2, "right_rotation_idx": 7, "subset_idxs": [[0, 2, 3], [5, 7, 8]],
    "scale_x": 1.5, "scale_y": 1.25, "output_width": 12, "output_height": 8, "target_rotation_radians": 0.0,
}  # fmt: skip


def run(builder: OnnxBuilder, value: str, shape: tuple[int, ...], image: NDArray[np.uint8]) -> NDArray[np.float32]:
    model = builder.model("test", image=image.shape, outputs={"found": (value, shape)}, note="")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["found"], {"image": image})[0])


def matrix_by_definition(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the region's matrix of `OPTIONS` by trigonometry."""
    places = landmarks[:, :2]
    across = places[7] - places[2]
    angle = np.arctan2(across[1], across[0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = places[[0, 2, 3, 5, 7, 8]] @ turn
    high, low = turned.max(axis=0), turned.min(axis=0)
    linear = turn @ np.diag((high - low) * [1.5 / 12, 1.25 / 8])
    matrix = np.eye(4)
    matrix[:2, :2] = linear
    matrix[:2, 2] = 0
    matrix[:2, 3] = turn @ (high + low) / 2 - linear @ [6.0, 4.0]
    return matrix


@pytest.mark.parametrize("turn_deg", [0, 35, 170, -90])
def test_the_region_lies_along_the_line_of_two_landmarks(turn_deg: float) -> None:
    angle = np.radians(turn_deg)
    landmarks = RANDOM.uniform(-20, 20, (9, 3))
    landmarks[[2, 7]] = [[-15, 1, 0], [15, -1, 0]]
    landmarks[:, :2] = landmarks[:, :2] @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]] + 20
    builder = OnnxBuilder()
    matrix = attention.region_matrix(builder, builder.floats(landmarks[None]), OPTIONS)
    found = run(builder, matrix, (4, 4), np.zeros((1, 1, 1, 3), np.uint8))
    np.testing.assert_allclose(found, matrix_by_definition(landmarks), atol=2e-5)


def resampled_by_definition(image: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (3, 8, 12): bilinear samples; 0 where a sample lies outside the pixel centres."""
    height, width = image.shape[1:3]
    found = np.zeros((3, 8, 12))
    for row in range(8):
        for column in range(12):
            x, y = (matrix @ [column + 0.5, row + 0.5, 0, 1])[:2] - 0.5
            if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
                continue
            left, top = min(int(x), width - 2), min(int(y), height - 2)
            right_share, low_share = x - left, y - top
            block = image[0, top : top + 2, left : left + 2].astype(np.float64)
            upper, lower = (line[0] * (1 - right_share) + line[1] * right_share for line in block)
            found[:, row, column] = upper * (1 - low_share) + lower * low_share
    return found


@pytest.mark.parametrize("shift", [3.0, -6.0, 14.0], ids=["inside", "partly above and left", "partly below and right"])
def test_features_are_resampled_and_nothing_comes_from_outside(shift: float) -> None:
    image = RANDOM.integers(0, 255, (1, 20, 24, 3), dtype=np.uint8)
    matrix = np.array([[0.9, -0.4, 0, shift + 4.21], [0.35, 0.8, 0, shift], [0, 0, 1, 0], [0, 0, 0, 1]])
    builder = OnnxBuilder()
    features = builder.add("Cast", builder.add("Transpose", "image", perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    value = attention.resampled(builder, features, builder.floats(matrix[None]), OPTIONS, (20, 24))
    expected = resampled_by_definition(image, matrix)
    assert 0 < (expected == 0).mean() < 1 or shift == 3.0
    np.testing.assert_allclose(run(builder, value, (3, 8, 12), image), expected, atol=2e-2)


def test_points_are_mapped_by_the_upper_rows() -> None:
    matrix = np.array([[2.0, 1.0, 9.0, 5.0], [0.0, 3.0, 9.0, -1.0], [0, 0, 1, 0], [0, 0, 0, 1]])
    builder = OnnxBuilder()
    value = attention.mapped_points(builder, builder.floats([[[1.0, 2.0], [0.0, 0.0]]]), builder.floats(matrix[None]))
    found = run(builder, value, (2, 2), np.zeros((1, 1, 1, 3), np.uint8))
    np.testing.assert_allclose(found, [[9.0, 5.0], [5.0, -1.0]])


@pytest.mark.parametrize("block_rows", [1, 2, 4])
def test_sparse_weights_become_dense(block_rows: int) -> None:
    dense = RANDOM.normal(size=(8, 6)).astype(np.float32)
    dense[RANDOM.random((8, 6)) < 0.6] = 0
    dense[4:] = 0  # rows without an entry
    dense[7, 5] = 3.5
    graph = TfliteGraph(
        tflite_file(
            tensors=[((8, 6), Sparse.of(dense, block_rows)), ((8, 6), None)],
            kind=tflite.BuiltinOperator.DENSIFY,
            inputs=[0],
            outputs=[1],
        )
    )
    np.testing.assert_array_equal(graph.constant(0), dense)


def test_slopes_below_zero_are_kept() -> None:
    slopes = np.array([0.25, 0.0, -2.0], np.float32).reshape(1, 1, 3)
    content = tflite_file(
        tensors=[((1, 2, 2, 3), None), ((1, 1, 3), slopes), ((1, 2, 2, 3), None)],
        kind=tflite.BuiltinOperator.PRELU, inputs=[0, 1], outputs=[2],
    )  # fmt: skip
    model = converted(content, title="slopes", source="a test", black=-1.0)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    image = np.array([0, 64, 128, 255] * 3, np.uint8).reshape(1, 2, 2, 3)
    value = image.astype(np.float64) * 2 / 255 - 1
    expected = np.where(value >= 0, value, value * slopes)
    [found] = session.run(None, {"image": image})
    np.testing.assert_allclose(found, expected[0].transpose(2, 0, 1), atol=1e-6)


@pytest.mark.parametrize("kind", [tflite.BuiltinOperator.SOFTMAX, "SomebodysOwn"])
def test_an_operator_without_a_conversion_is_refused(kind: int | str) -> None:
    content = tflite_file(tensors=[((1, 2, 2, 3), None), ((1, 2, 2, 3), None)], kind=kind, inputs=[0], outputs=[1])
    with pytest.raises(ValueError, match=r"SOFTMAX|SomebodysOwn"):
        converted(content, title="unknown", source="a test", black=0.0)
