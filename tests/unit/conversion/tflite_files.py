"""Small TensorFlow Lite files, written for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sparse:
    """Values of a sparse matrix in block-compressed rows: blocks of the given height, each one column wide."""

    values: NDArray[np.float32]
    segments: NDArray[np.int32]
    columns: NDArray[np.uint8]
    block_rows: int

    @classmethod
    def of(cls, dense: NDArray[np.float32], block_rows: int) -> Sparse:
        rows, count = dense.shape
        values, segments, columns = [], [0], []
        for first in range(0, rows, block_rows):
            for column in range(count):
                block = dense[first : first + block_rows, column]
                if block.any():
                    columns.append(column)
                    values += block.tolist()
            segments.append(len(columns))
        return cls(np.array(values, np.float32), np.array(segments, np.int32), np.array(columns, np.uint8), block_rows)


def tflite_file(
    *, tensors: Sequence[tuple[Sequence[int], Any]], kind: int | str, inputs: Sequence[int], outputs: Sequence[int]
) -> bytes:
    """Return a file with one operator. ``tensors`` are shapes, each with a constant value, a `Sparse` one, or None."""
    builder = flatbuffers.Builder(1024)

    def vector(start: Callable[..., Any], items: Sequence[int]) -> int:
        start(builder, len(items))
        for item in reversed(items):
            builder.PrependUOffsetTRelative(item)
        return int(builder.EndVector())

    buffers, made = [], []
    for shape, value in tensors:
        content = value.values if isinstance(value, Sparse) else value
        data = None if content is None else builder.CreateNumpyVector(np.frombuffer(content.tobytes(), np.uint8))
        tflite.BufferStart(builder)
        if data is not None:
            tflite.BufferAddData(builder, data)
        buffers.append(tflite.BufferEnd(builder))
        sparsity = _sparsity(builder, shape, value, vector) if isinstance(value, Sparse) else None
        place = builder.CreateNumpyVector(np.array(shape, np.int32))
        name = builder.CreateString(f"t{len(made)}")
        tflite.TensorStart(builder)
        tflite.TensorAddShape(builder, place)
        tflite.TensorAddBuffer(builder, len(made))
        tflite.TensorAddName(builder, name)
        if sparsity is not None:
            tflite.TensorAddSparsity(builder, sparsity)
        made.append(tflite.TensorEnd(builder))
    code_name = builder.CreateString(kind) if isinstance(kind, str) else None
    tflite.OperatorCodeStart(builder)
    if code_name is not None:
        tflite.OperatorCodeAddCustomCode(builder, code_name)
    number = tflite.BuiltinOperator.CUSTOM if isinstance(kind, str) else kind
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, number)
    tflite.OperatorCodeAddBuiltinCode(builder, number)
    code = tflite.OperatorCodeEnd(builder)
    numbers = [builder.CreateNumpyVector(np.array(each, np.int32)) for each in (inputs, outputs, [inputs[0]])]
    tflite.OperatorStart(builder)
    tflite.OperatorAddInputs(builder, numbers[0])
    tflite.OperatorAddOutputs(builder, numbers[1])
    operators = vector(tflite.SubGraphStartOperatorsVector, [tflite.OperatorEnd(builder)])
    made_vector = vector(tflite.SubGraphStartTensorsVector, made)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, made_vector)
    tflite.SubGraphAddInputs(builder, numbers[2])
    tflite.SubGraphAddOutputs(builder, numbers[1])
    tflite.SubGraphAddOperators(builder, operators)
    graphs = vector(tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)])
    codes = vector(tflite.ModelStartOperatorCodesVector, [code])
    contents = vector(tflite.ModelStartBuffersVector, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, contents)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _sparsity(builder: Any, shape: Sequence[int], value: Sparse, vector: Callable[..., int]) -> int:
    vectors = []
    for module, content in ((tflite.Int32Vector, value.segments), (tflite.Uint8Vector, value.columns)):
        name = module.__name__
        values = builder.CreateNumpyVector(content)
        getattr(tflite, f"{name}Start")(builder)
        getattr(tflite, f"{name}AddValues")(builder, values)
        vectors.append(getattr(tflite, f"{name}End")(builder))
    levels = []
    for size in (shape[0] // value.block_rows, None, value.block_rows):
        tflite.DimensionMetadataStart(builder)
        if size is None:
            tflite.DimensionMetadataAddFormat(builder, tflite.DimensionType.SPARSE_CSR)
            tflite.DimensionMetadataAddArraySegmentsType(builder, tflite.SparseIndexVector.Int32Vector)
            tflite.DimensionMetadataAddArraySegments(builder, vectors[0])
            tflite.DimensionMetadataAddArrayIndicesType(builder, tflite.SparseIndexVector.Uint8Vector)
            tflite.DimensionMetadataAddArrayIndices(builder, vectors[1])
        else:
            tflite.DimensionMetadataAddFormat(builder, tflite.DimensionType.DENSE)
            tflite.DimensionMetadataAddDenseSize(builder, size)
        levels.append(tflite.DimensionMetadataEnd(builder))
    all_levels = vector(tflite.SparsityParametersStartDimMetadataVector, levels)
    order = builder.CreateNumpyVector(np.array([0, 1, 2], np.int32))
    blocks = builder.CreateNumpyVector(np.array([0], np.int32))
    tflite.SparsityParametersStart(builder)
    tflite.SparsityParametersAddTraversalOrder(builder, order)
    tflite.SparsityParametersAddBlockMap(builder, blocks)
    tflite.SparsityParametersAddDimMetadata(builder, all_levels)
    return int(tflite.SparsityParametersEnd(builder))
