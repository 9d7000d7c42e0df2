"""Writer of ONNX graphs: nodes and constants by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

OPSET, IR_VERSION = 20, 9
"""Versions that onnxruntime 1.17 and later run."""
_MIN_HALF_SIZE = 64  # smaller constants are not worth a node


class OnnxBuilder:
    """Collects the nodes and constants of a graph. Values are names."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._casts: list[Any] = []
        self._constants: list[TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return the name of the output."""
        return self.add_many(kind, *inputs, outputs=1, **attributes)[0]

    def add_many(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs, and return their names."""
        number = len(self._nodes)
        names = [f"v{number}" if not index else f"v{number}.{index}" for index in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=f"{kind}.{number}", **attributes))
        return names

    def floats(self, values: ArrayLike) -> str:
        """Return the name of a float32 constant.

        It is stored as float16 and cast when the session starts, if no value changes by that.
        """
        array = np.asarray(values, dtype=np.float32)
        if array.size <= _MIN_HALF_SIZE or (array.astype(np.float16).astype(np.float32) != array).any():
            return self._constant(array)
        stored = self._constant(array.astype(np.float16))
        name = f"{stored}.float32"
        if all(node.output[0] != name for node in self._casts):
            self._casts.append(helper.make_node("Cast", [stored], [name], name=f"Cast.{stored}", to=TensorProto.FLOAT))
        return name

    def integers(self, values: ArrayLike) -> str:
        """Return the name of an int64 constant."""
        return self._constant(np.asarray(values, dtype=np.int64))

    def _constant(self, array: NDArray[Any]) -> str:
        array = np.ascontiguousarray(array).reshape(array.shape)  # ascontiguousarray makes a scalar a vector
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._known:
            self._known[key] = f"c{len(self._known)}"
            self._constants.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def model(
        self,
        title: str,
        *,
        image: Sequence[int],
        outputs: Mapping[str, tuple[str, Sequence[int]]],
        note: str,
    ) -> ModelProto:
        """Return the checked model.

        Its input ``image`` is uint8 of the given shape. ``outputs`` maps each name to its value and float32 shape.
        """
        for name, (value, shape) in outputs.items():
            target = self.integers(shape)
            self._nodes.append(helper.make_node("Reshape", [value, target], [name], name=f"Reshape.{name}"))
        graph = helper.make_graph(
            [*self._casts, *self._nodes],
            title,
            [helper.make_tensor_value_info("image", TensorProto.UINT8, list(image))],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
                for name, (_, shape) in outputs.items()
            ],
            self._constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="lipsmith",
            doc_string=note,
        )
        checker.check_model(model, full_check=True)
        return model
