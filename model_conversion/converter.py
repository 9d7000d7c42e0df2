"""Conversion of a TensorFlow Lite graph to ONNX.

Images are (batch, height, width, channels) there and (batch, channels, height, width) here. Tensors with three
dimensions keep their layout. The input is uint8 and is scaled inside the graph, where it is cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray
from onnx import TensorProto

from model_conversion import attention
from model_conversion.onnx_builder import OnnxBuilder
from model_conversion.tflite_graph import Operator, TfliteGraph

F32 = NDArray[np.float32]

NOTE = (
    "Converted from {source} (Apache-2.0). Changes: format and layout; custom and sparse operators written with "
    "standard ones; input of 8-bit pixels; outputs of the mesh joined."
)
_PADDED_ALIKE = tflite.Padding.SAME
_UNARY = {"RELU": "Relu", "LOGISTIC": "Sigmoid", "HARD_SWISH": "HardSwish"}


def converted(content: bytes, *, title: str, source: str, black: float) -> bytes:
    """Return a TensorFlow Lite model as ONNX.

    The model's input ``image`` is (1, height, width, 3) uint8; 0 becomes ``black`` and 255 becomes 1. Raises
    ValueError for an operator or option that is not supported.
    """
    graph = TfliteGraph(content)
    conversion = _Conversion(graph, black)
    for operator in graph.operators():
        conversion.convert(operator)
    model = conversion.builder.model(
        title,
        image=graph.shape(graph.input),
        outputs=conversion.outputs(),
        note=NOTE.format(source=source),
    )
    return bytes(model.SerializeToString(deterministic=True))


class _Conversion:
    """One conversion in progress."""

    def __init__(self, graph: TfliteGraph, black: float) -> None:
        self.builder = OnnxBuilder()
        self._graph = graph
        self._constants: dict[int, NDArray[Any]] = {}
        self._regions: list[list[int]] = []
        image = self.builder.add("Transpose", "image", perm=[0, 3, 1, 2])
        image = self.builder.add("Cast", image, to=TensorProto.FLOAT)
        image = self.builder.add("Mul", image, self.builder.floats((1.0 - black) / 255.0))
        if black:
            image = self.builder.add("Add", image, self.builder.floats(black))
        self._values: dict[int, str] = {graph.input: image}

    def convert(self, operator: Operator) -> None:
        """Add the nodes of one operator."""
        if operator.kind in ("DEQUANTIZE", "DENSIFY"):  # float16 and sparse weights: constants in another form
            self._constants[operator.output] = self._constant(operator.inputs[0])
            return
        if operator.kind not in _CONVERSIONS:
            raise ValueError(f"The operator {operator.kind} is not supported.")
        value = _CONVERSIONS[operator.kind](self, operator)
        self._values[operator.output] = self._activated(operator, value)

    def outputs(self) -> dict[str, tuple[str, Any]]:
        """Return the value and shape of each output. Images become (channels, height, width), or (height, width)."""
        found = self._graph.outputs
        if self._regions:
            return attention.whole_mesh(
                self.builder, {name: self._values[tensor] for name, tensor in found.items()}, self._regions
            )
        return {
            name: (self._values[tensor], _output_shape(self._graph.shape(tensor))) for name, tensor in found.items()
        }

    def _activated(self, operator: Operator, value: str) -> str:
        fused = getattr(operator.options, "FusedActivationFunction", lambda: tflite.ActivationFunctionType.NONE)()
        if fused == tflite.ActivationFunctionType.NONE:
            return value
        if fused == tflite.ActivationFunctionType.RELU:
            return self.builder.add("Relu", value)
        if fused == tflite.ActivationFunctionType.RELU6:
            return self.builder.add("Clip", value, self.builder.floats(0), self.builder.floats(6))
        raise ValueError(f"{operator.kind}: the activation {fused} is not supported")

    def _constant(self, tensor: int) -> NDArray[Any]:
        found = self._constants.get(tensor)
        if found is None:
            found = self._graph.constant(tensor)
        if found is None:
            raise ValueError(f"Tensor {tensor} is computed; only a constant is supported here.")
        return found

    def _weights(self, tensor: int) -> F32:
        return self._constant(tensor).astype(np.float32)

    def _operand(self, tensor: int) -> str:
        """Return an input that may be a constant, which is brought into the layout of images."""
        if tensor in self._values:
            return self._values[tensor]
        found = self._weights(tensor)
        if found.ndim == 1 and found.size > 1:
            raise ValueError("A constant per channel is supported only with four dimensions.")
        return self.builder.floats(found.transpose(0, 3, 1, 2) if found.ndim == 4 else found)

    def _input(self, operator: Operator) -> str:
        return self._values[operator.inputs[0]]

    def _paddings(self, operator: Operator, kernel: tuple[int, int]) -> list[int]:
        """Return top, left, bottom and right. SAME padding is uneven: the extra pixel comes after the image."""
        if operator.options.Padding() != _PADDED_ALIKE:
            return [0, 0, 0, 0]
        size = self._graph.shape(operator.inputs[0])[1:3]
        strides = operator.options.StrideH(), operator.options.StrideW()
        totals = [
            max((-(-length // stride) - 1) * stride + span - length, 0)
            for length, stride, span in zip(size, strides, kernel, strict=True)
        ]
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]

    def convolution(self, operator: Operator) -> str:
        options = operator.options
        if (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
            raise ValueError(f"{operator.kind}: dilation is not supported")
        is_depthwise = operator.kind == "DEPTHWISE_CONV_2D"
        weights = self._weights(operator.inputs[1])
        kernel = weights.shape[1], weights.shape[2]
        # (1, h, w, channels) for depthwise ones, (outputs, h, w, inputs) for others
        weights = weights.transpose(3, 0, 1, 2) if is_depthwise else weights.transpose(0, 3, 1, 2)
        bias = [self.builder.floats(self._weights(each)) for each in operator.inputs[2:] if each >= 0]
        return self.builder.add(
            "Conv",
            self._input(operator),
            self.builder.floats(weights),
            *bias,
            kernel_shape=list(kernel),
            strides=[options.StrideH(), options.StrideW()],
            pads=self._paddings(operator, kernel),
            group=len(weights) if is_depthwise else 1,
        )

    def transposed_convolution(self, operator: Operator) -> str:
        padding, *strides = np.frombuffer(operator.raw_options, dtype=np.int32).tolist()
        strides.reverse()  # stored as width, height
        weights = self._weights(operator.inputs[1])
        kernel = weights.shape[1], weights.shape[2]
        totals = [0, 0]
        if padding == 1:
            size = self._graph.shape(operator.inputs[0])[1:3]
            totals = [
                max(0, span - (length - 1) % stride - 1)
                for span, length, stride in zip(kernel, size, strides, strict=True)
            ]
        return self.builder.add(
            "ConvTranspose",
            self._input(operator),
            self.builder.floats(weights.transpose(3, 0, 1, 2)),
            self.builder.floats(self._weights(operator.inputs[2])),
            kernel_shape=list(kernel),
            strides=strides,
            pads=[total // 2 for total in totals] + [total - total // 2 for total in totals],
        )

    def pooling(self, operator: Operator) -> str:
        options = operator.options
        kernel = options.FilterHeight(), options.FilterWidth()
        return self.builder.add(
            "MaxPool" if operator.kind == "MAX_POOL_2D" else "AveragePool",
            self._input(operator),
            kernel_shape=list(kernel),
            strides=[options.StrideH(), options.StrideW()],
            pads=self._paddings(operator, kernel),
        )

    def arithmetic(self, operator: Operator) -> str:
        return self.builder.add(operator.kind.title(), *map(self._operand, operator.inputs))

    def unary(self, operator: Operator) -> str:
        return self.builder.add(_UNARY[operator.kind], self._input(operator))

    def leaky(self, operator: Operator) -> str:
        """Add ``PRELU``, a x below 0 and x above, as a x + (1 - a) relu(x) by depthwise convolutions.

        onnxruntime's blocked layout has no PRelu: with the operator itself, the mesh takes twice the time.
        """
        slopes = self._weights(operator.inputs[1]).reshape(-1, 1, 1, 1)
        value, depthwise = self._input(operator), {"group": len(slopes), "kernel_shape": [1, 1]}
        positive = self.builder.add("Relu", value)
        return self.builder.add(
            "Add",
            self.builder.add("Conv", positive, self.builder.floats(1.0 - slopes), **depthwise),
            self.builder.add("Conv", value, self.builder.floats(slopes), **depthwise),
        )

    def padding(self, operator: Operator) -> str:
        before, after = self._constant(operator.inputs[1])[[0, 3, 1, 2]].T
        return self.builder.add("Pad", self._input(operator), self.builder.integers([*before, *after]))

    def enlargement(self, operator: Operator) -> str:
        _, height, width, channels = self._graph.shape(operator.output)
        options = operator.options
        corners = "align_corners" if options.AlignCorners() else "asymmetric"
        return self.builder.add(
            "Resize",
            self._input(operator),
            "",
            "",
            self.builder.integers([1, channels, height, width]),
            mode="linear",
            coordinate_transformation_mode="half_pixel" if options.HalfPixelCenters() else corners,
        )

    def depth_to_space(self, operator: Operator) -> str:
        return self.builder.add(
            "DepthToSpace", self._input(operator), blocksize=operator.options.BlockSize(), mode="DCR"
        )

    def reshape(self, operator: Operator) -> str:
        before, after = self._graph.shape(operator.inputs[0]), self._graph.shape(operator.output)
        value = self._input(operator)
        if len(before) == 4 and before[1:3] != (1, 1):  # values are counted in the order of the other layout
            value = self.builder.add("Transpose", value, perm=[0, 2, 3, 1])
        if len(after) == 4:
            if after[1:3] != (1, 1):
                raise ValueError("RESHAPE: only images of one pixel are supported as a result")
            after = (after[0], after[3], 1, 1)
        return self.builder.add("Reshape", value, self.builder.integers(after))

    def slice(self, operator: Operator) -> str:
        if self._graph.shape(operator.inputs[0]) != self._graph.shape(operator.output):
            raise ValueError("STRIDED_SLICE: only one that keeps everything is supported")
        return self._input(operator)

    def concatenation(self, operator: Operator) -> str:
        if len(self._graph.shape(operator.output)) != 3:
            raise ValueError("CONCATENATION: only tensors of three dimensions are supported")
        return self.builder.add("Concat", *map(self._operand, operator.inputs), axis=operator.options.Axis())

    def region_matrix(self, operator: Operator) -> str:
        options = operator.custom_options
        self._regions.append(attention.subset(options))
        return attention.region_matrix(self.builder, self._input(operator), options)

    def resampling(self, operator: Operator) -> str:
        features, matrix = operator.inputs
        _, height, width, _ = self._graph.shape(features)
        return attention.resampled(
            self.builder, self._values[features], self._values[matrix], operator.custom_options, (height, width)
        )

    def mapped_points(self, operator: Operator) -> str:
        points, matrix = operator.inputs
        return attention.mapped_points(self.builder, self._values[points], self._values[matrix])


def _output_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) != 4:
        return shape
    _, height, width, channels = shape
    return (height, width) if channels == 1 else (channels, height, width)


_CONVERSIONS: Mapping[str, Callable[[_Conversion, Operator], str]] = {
    "ADD": _Conversion.arithmetic,
    "AVERAGE_POOL_2D": _Conversion.pooling,
    "CONCATENATION": _Conversion.concatenation,
    "CONV_2D": _Conversion.convolution,
    "Convolution2DTransposeBias": _Conversion.transposed_convolution,
    "DEPTHWISE_CONV_2D": _Conversion.convolution,
    "DEPTH_TO_SPACE": _Conversion.depth_to_space,
    "HARD_SWISH": _Conversion.unary,
    "LOGISTIC": _Conversion.unary,
    "Landmarks2TransformMatrix": _Conversion.region_matrix,
    "MAX_POOL_2D": _Conversion.pooling,
    "MUL": _Conversion.arithmetic,
    "PAD": _Conversion.padding,
    "PRELU": _Conversion.leaky,
    "RELU": _Conversion.unary,
    "RESHAPE": _Conversion.reshape,
    "RESIZE_BILINEAR": _Conversion.enlargement,
    "STRIDED_SLICE": _Conversion.slice,
    "TransformLandmarks": _Conversion.mapped_points,
    "TransformTensorBilinear": _Conversion.resampling,
}
"""Operator to the method that adds its nodes."""
