"""Expose an internal value of an ONNX model as an output.

An ONNX file is one protobuf message, and protobuf merges concatenated messages: a graph with only an output is
appended. Reading needs a few field numbers of onnx.proto3 (ModelProto.graph, GraphProto.node and output,
NodeProto.output and op_type). The package onnx would need 34 MB.
"""

from __future__ import annotations

from collections.abc import Iterator

_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_OUTPUT, _NODE_OUTPUT, _NODE_KIND, _VALUE_NAME = 7, 1, 12, 2, 4, 1
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # wire types
_FIXED_BYTES = {_FIXED_64: 8, _FIXED_32: 4}


def values_made_by(model: bytes, kind: str) -> list[str]:
    """Return the names of all outputs of operators of ``kind``, such as ``Ceil``. Raises ValueError if invalid."""
    view = memoryview(model)
    return [
        bytes(name).decode()
        for graph in _parts(view, _MODEL_GRAPH)
        for node in _parts(graph, _GRAPH_NODE)
        if [bytes(found) for found in _parts(node, _NODE_KIND)] == [kind.encode()]
        for name in _parts(node, _NODE_OUTPUT)
    ]


def with_output(model: bytes, name: str) -> bytes:
    """Return the model with the value ``name`` among its outputs."""
    outputs = (output for graph in _parts(memoryview(model), _MODEL_GRAPH) for output in _parts(graph, _GRAPH_OUTPUT))
    if name.encode() in (bytes(found) for output in outputs for found in _parts(output, _VALUE_NAME)):
        return model
    value = _field(_VALUE_NAME, name.encode())
    return model + _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, value))


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the content of every bytes field with the ``wanted`` number."""
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
            raise ValueError(f"invalid protobuf: wire type {kind}")
    if at != len(message):
        raise ValueError("invalid protobuf: it ends too early")


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """Read a varint; return it and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("invalid protobuf: it ends too early")
        value |= (message[at] & 0x7F) << shift
        at += 1
        if message[at - 1] < 0x80:
            return value, at
    raise ValueError("invalid protobuf: a number without an end")


def _field(number: int, content: bytes) -> bytes:
    return _as_number(number << 3 | _BYTES) + _as_number(len(content)) + content


def _as_number(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
