"""Reader of TensorFlow Lite files: operators, shapes and constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite
from flatbuffers import flexbuffers
from numpy.typing import NDArray

_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64,
}
_INDEX_VECTORS = {
    tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
    tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
    tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
}


def _names(enumeration: type) -> Mapping[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


_OPERATORS = _names(tflite.BuiltinOperator)
_OPTIONS = _names(tflite.BuiltinOptions)


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of the graph. Tensors are numbers; -1 stands for an input that is left out."""

    kind: str
    """Name of a built-in operator, such as ``CONV_2D``, or of a custom one."""
    inputs: tuple[int, ...]
    output: int
    options: Any
    """Table of a built-in operator's options; None if it has none."""
    raw_options: bytes
    """Options of a custom operator."""

    @property
    def custom_options(self) -> Mapping[str, Any]:
        """Options of a custom operator, by name. Raises ValueError if they are not stored by name."""
        found = flexbuffers.Loads(self.raw_options)
        if not isinstance(found, Mapping):
            raise ValueError(f"{self.kind}: the options have no names")
        return found


class TfliteGraph:
    """First graph of a TensorFlow Lite file."""

    def __init__(self, content: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(content, 0)
        self._graph = self._model.Subgraphs(0)

    @property
    def input(self) -> int:
        """Tensor of the only input."""
        return int(self._graph.Inputs(0))

    @property
    def outputs(self) -> dict[str, int]:
        """Tensors of the outputs by name."""
        return {self._graph.Tensors(int(each)).Name().decode(): int(each) for each in self._graph.OutputsAsNumpy()}

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of a tensor in this file's layout: batch, height, width, channels."""
        found = self._graph.Tensors(tensor)
        return tuple(int(size) for size in found.ShapeAsNumpy()) if found.ShapeLength() else ()

    def operators(self) -> Iterator[Operator]:
        """Yield the operators in the order in which they run."""
        for index in range(self._graph.OperatorsLength()):
            found = self._graph.Operators(index)
            code = self._model.OperatorCodes(found.OpcodeIndex())
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # old files have only the second
            is_custom = number == tflite.BuiltinOperator.CUSTOM
            yield Operator(
                kind=code.CustomCode().decode() if is_custom else _OPERATORS[number],
                inputs=tuple(int(tensor) for tensor in found.InputsAsNumpy()),
                output=int(found.Outputs(0)),
                options=_options_of(found),
                raw_options=found.CustomOptionsAsNumpy().tobytes() if found.CustomOptionsLength() else b"",
            )

    def constant(self, tensor: int) -> NDArray[Any] | None:
        """Return the value of a constant tensor, made dense if it is stored sparsely; None if it is computed."""
        found = self._graph.Tensors(tensor)
        buffer = self._model.Buffers(found.Buffer())
        if not buffer.DataLength():
            return None
        values = buffer.DataAsNumpy().view(_DTYPES[found.Type()])
        shape = self.shape(tensor)
        return values.reshape(shape) if found.Sparsity() is None else _dense(values, shape, found.Sparsity())


def _options_of(operator: Any) -> Any:
    table = operator.BuiltinOptions()
    if table is None or not operator.BuiltinOptionsType():
        return None
    options = getattr(tflite, _OPTIONS[operator.BuiltinOptionsType()])()
    options.Init(table.Bytes, table.Pos)
    return options


@dataclass(frozen=True, kw_only=True)
class _Level:
    """One level of a sparse tensor: ``size`` entries per parent, or those listed in ``indices`` (CSR)."""

    dimension: int
    size: int
    segments: NDArray[np.int64] | None
    indices: NDArray[np.int64] | None


def _dense(values: NDArray[Any], shape: tuple[int, ...], sparsity: Any) -> NDArray[Any]:
    """Return the dense form of a sparse tensor.

    Entries form a tree with one level per dimension, in an order of their own; dimensions after the tensor's own are
    positions within blocks. The position of an entry on the last level is its position in ``values``.
    """
    levels = list(_levels_of(sparsity))
    coordinates: dict[int, NDArray[np.int64]] = {}
    entries = np.zeros(1, dtype=np.int64)
    for level in levels:
        if level.segments is None or level.indices is None:
            parents = np.repeat(np.arange(len(entries)), level.size)
            own = np.tile(np.arange(level.size), len(entries))
            entries = entries[parents] * level.size + own
        else:
            starts, counts = level.segments[entries], level.segments[entries + 1] - level.segments[entries]
            parents = np.repeat(np.arange(len(entries)), counts)
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            entries = starts[parents] + within
            own = level.indices[entries]
        coordinates = {dimension: place[parents] for dimension, place in coordinates.items()}
        coordinates[level.dimension] = own
    sizes = {level.dimension: level.size for level in levels}
    blocked = sparsity.BlockMapAsNumpy() if sparsity.BlockMapLength() else ()
    for block, dimension in enumerate(blocked, len(shape)):
        coordinates[int(dimension)] = coordinates[int(dimension)] * sizes[block] + coordinates[block]
    dense = np.zeros(shape, dtype=values.dtype)
    dense[tuple(coordinates[dimension] for dimension in range(len(shape)))] = values[entries]
    return dense


def _levels_of(sparsity: Any) -> Iterator[_Level]:
    for index, dimension in enumerate(sparsity.TraversalOrderAsNumpy()):
        found = sparsity.DimMetadata(index)
        segments = indices = None
        if found.Format() == tflite.DimensionType.SPARSE_CSR:
            segments = _indices_in(found.ArraySegmentsType(), found.ArraySegments())
            indices = _indices_in(found.ArrayIndicesType(), found.ArrayIndices())
        yield _Level(dimension=int(dimension), size=int(found.DenseSize()), segments=segments, indices=indices)


def _indices_in(kind: int, table: Any) -> NDArray[np.int64]:
    vector = _INDEX_VECTORS[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy()).astype(np.int64)
