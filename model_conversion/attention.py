"""Custom operators of the attention mesh, and its seven outputs as one mesh.

The mesh network cuts lips and eyes out of its feature map: a matrix is fitted to landmarks of the region, the map is
resampled by it, and the refined points are mapped back by it. Matrices are (1, 4, 4), as in the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from model_conversion.onnx_builder import OnnxBuilder

POINTS, IRIS_POINTS = 468, 5
_RIM_POINTS = 16
"""Points of each eye's list that lie on the rim: the first ones. Their mean depth is the depth of the iris."""


def region_matrix(builder: OnnxBuilder, landmarks: str, options: Mapping[str, Any]) -> str:
    """Add ``Landmarks2TransformMatrix``: (1, n, 3) landmarks to the (1, 4, 4) matrix of a region around some of them.

    The region is the box of the chosen landmarks along the line between two of them, enlarged, and the matrix maps
    places in the output to it.
    """
    if options["target_rotation_radians"]:
        raise ValueError("Landmarks2TransformMatrix: a target rotation is not supported")
    add, floats, integers = builder.add, builder.floats, builder.integers
    size = np.array([options["output_width"], options["output_height"]], dtype=np.float64)
    enlarged = np.array([options["scale_x"], options["scale_y"]]) / size
    flat = add("Reshape", landmarks, integers([-1, 3]))
    places = add("Slice", flat, integers([0]), integers([2]), integers([1]))
    ends = [int(options[f"{side}_rotation_idx"]) for side in ("left", "right")]
    line = add("Sub", *(add("Gather", places, integers([end]), axis=0) for end in reversed(ends)))
    length = add("Max", add("ReduceL2", line, integers([1]), keepdims=1), floats(1e-12))
    along = add("Div", line, length)  # (1, 2): cosine and sine of the line's angle, without arc tangents
    across = add("MatMul", along, floats([[0, 1], [-1, 0]]))
    axes = add("Concat", along, across, axis=0)  # (2, 2), a row per axis
    columns = add("Transpose", axes, perm=[1, 0])
    chosen = add("Gather", places, integers(subset(options)), axis=0)
    turned = add("MatMul", chosen, columns)
    high = add("ReduceMax", turned, integers([0]), keepdims=1)
    low = add("ReduceMin", turned, integers([0]), keepdims=1)
    middle = add("MatMul", add("Mul", add("Add", high, low), floats(0.5)), axes)
    linear = add("Mul", columns, add("Mul", add("Sub", high, low), floats(enlarged[None])))
    to_corner = add("MatMul", linear, floats(size[:, None] / 2))
    shift = add("Sub", add("Transpose", middle, perm=[1, 0]), to_corner)
    top = add("Concat", linear, floats(np.zeros((2, 1))), shift, axis=1)
    whole = add("Concat", top, floats([[0, 0, 1, 0], [0, 0, 0, 1]]), axis=0)
    return add("Reshape", whole, integers([1, 4, 4]))


def subset(options: Mapping[str, Any]) -> list[int]:
    """Return the landmarks of a region, which are also the points that its refined points replace."""
    return [int(index) for index in np.ravel(options["subset_idxs"])]


def resampled(
    builder: OnnxBuilder, features: str, matrix: str, options: Mapping[str, Any], source: tuple[int, int]
) -> str:
    """Add ``TransformTensorBilinear``: (1, c, *source) features, resampled by the matrix to the output's size.

    Samples between pixel centres are bilinear. A sample outside the map is 0, and gets no share of the rim.
    """
    add, floats, integers = builder.add, builder.floats, builder.integers
    height, width = int(options["output_height"]), int(options["output_width"])
    down, right = np.mgrid[:height, :width] + 0.5
    centres = floats(np.stack([right.ravel(), down.ravel()], axis=1))
    places = add("Sub", _mapped(builder, centres, matrix), floats(0.5))  # (h * w, 2), x and y in pixels
    last = floats([[source[1] - 1, source[0] - 1]])
    grid = add("Sub", add("Div", add("Mul", places, floats(2)), last), floats(1))
    grid = add("Reshape", grid, integers([1, height, width, 2]))
    sampled = add("GridSample", features, grid, mode="linear", padding_mode="zeros", align_corners=1)
    inside = add("And", add("GreaterOrEqual", places, floats(0)), add("LessOrEqual", places, last))
    both = add("ReduceMin", add("Cast", inside, to=TensorProto.FLOAT), integers([1]), keepdims=0)
    return add("Mul", sampled, add("Reshape", both, integers([1, 1, height, width])))


def mapped_points(builder: OnnxBuilder, points: str, matrix: str) -> str:
    """Add ``TransformLandmarks``: (1, n, 2) points, mapped by the matrix."""
    flat = builder.add("Reshape", points, builder.integers([-1, 2]))
    return builder.add("Unsqueeze", _mapped(builder, flat, matrix), builder.integers([0]))


def _mapped(builder: OnnxBuilder, points: str, matrix: str) -> str:
    """Map (n, 2) points by the upper rows of a (1, 4, 4) matrix; the third coordinate is 0."""
    add, integers = builder.add, builder.integers
    rows = add("Gather", add("Reshape", matrix, integers([4, 4])), integers([0, 1]), axis=0)
    columns = add("Transpose", rows, perm=[1, 0])  # (4, 2)
    linear, shift = (add("Gather", columns, integers(each), axis=0) for each in ([0, 1], [3]))
    return add("Add", add("MatMul", points, linear), shift)


def whole_mesh(
    builder: OnnxBuilder, outputs: Mapping[str, str], regions: Sequence[Sequence[int]]
) -> dict[str, tuple[str, Sequence[int]]]:
    """Join the network's outputs: ``points`` (478, 3) in pixels of its input, and ``presence``, 0-1.

    ``regions`` are the points that lips, one eye and the other eye replace. Depths stay those of the coarse mesh.
    """
    add, integers = builder.add, builder.integers
    lips, *eyes = regions
    coarse = add("Reshape", outputs["output_mesh_identity"], integers([POINTS, 3]))
    places = add("Slice", coarse, integers([0]), integers([2]), integers([1]))
    depths = add("Slice", coarse, integers([2]), integers([3]), integers([1]))
    names = ("output_lips", "output_left_eye", "output_right_eye")
    fine = [add("Reshape", outputs[name], integers([-1, 2])) for name in names]
    replaced = np.concatenate([lips, *eyes])[:, None]
    places = add("ScatterND", places, integers(replaced), add("Concat", *fine, axis=0))
    irises = [add("Reshape", outputs[f"output_{side}_iris"], integers([IRIS_POINTS, 2])) for side in ("left", "right")]
    for eye in eyes:
        rim = add("Gather", depths, integers(eye[:_RIM_POINTS]), axis=0)
        depth = add("ReduceMean", rim, integers([0]), keepdims=1)
        irises.append(add("Expand", depth, integers([IRIS_POINTS, 1])))
    left, right, left_depth, right_depth = irises
    places = add("Concat", places, left, right, axis=0)
    depths = add("Concat", depths, left_depth, right_depth, axis=0)
    return {
        "points": (add("Concat", places, depths, axis=1), (POINTS + 2 * IRIS_POINTS, 3)),
        "presence": (add("Sigmoid", outputs["conv_faceflag"]), (1,)),
    }
