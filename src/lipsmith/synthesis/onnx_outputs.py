"""Makes a value inside an ONNX model one of its outputs. Knows nothing of voices, and runs nothing.

An ONNX file is one protobuf message, and protobuf joins two messages that stand one after the other: what is appended
here is a graph that has nothing but an output. Reading needs four field numbers of onnx.proto3 (ModelProto.graph,
GraphProto.node and output, NodeProto.output and op_type); the package onnx would want a newer protobuf than mediapipe.
"""

from __future__ import annotations

from collections.abc import Iterator

_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_OUTPUT, _NODE_OUTPUT, _NODE_KIND, _VALUE_NAME = 7, 1, 12, 2, 4, 1
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # wire types
_FIXED_BYTES = {_FIXED_64: 8, _FIXED_32: 4}


def values_made_by(model: bytes, kind: str) -> list[str]:
    """The names of all values that operators of ``kind``, such as ``Ceil``, make. Raises ValueError for no protobuf."""
    view = memoryview(model)
    return [
        bytes(name).decode()
        for graph in _parts(view, _MODEL_GRAPH)
        for node in _parts(graph, _GRAPH_NODE)
        if [bytes(found) for found in _parts(node, _NODE_KIND)] == [kind.encode()]
        for name in _parts(node, _NODE_OUTPUT)
    ]


def with_output(model: bytes, name: str) -> bytes:
    """The same model with the value ``name`` among its outputs; as it was where that is so already."""
    outputs = (output for graph in _parts(memoryview(model), _MODEL_GRAPH) for output in _parts(graph, _GRAPH_OUTPUT))
    if name.encode() in (bytes(found) for output in outputs for found in _parts(output, _VALUE_NAME)):
        return model
    value = _field(_VALUE_NAME, name.encode())
    return model + _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, value))


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The content of every field of that number whose content is bytes."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _number(message, at)
        elif kind in _FIXED_BYTES:
            at += _FIXED_BYTES[kind]
        elif kind == _BYTES:
            length, at = _number(message, at)
            if tag >> 3 == wanted:
                yield message[at : at + length]
            at += length
        else:
            raise ValueError(f"no protobuf: wire type {kind}")
    if at != len(message):
        raise ValueError("no protobuf: it ends too early")


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """A number of variable length, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("no protobuf: it ends too early")
        value |= (message[at] & 0x7F) << shift
        at += 1
        if message[at - 1] < 0x80:
            return value, at
    raise ValueError("no protobuf: a number without an end")


def _field(number: int, content: bytes) -> bytes:
    return _as_number(number << 3 | _BYTES) + _as_number(len(content)) + content


def _as_number(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
