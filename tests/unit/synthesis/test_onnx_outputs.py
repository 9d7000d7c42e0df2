from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lipsmith.synthesis.onnx_outputs import values_made_by, with_output

runtime = pytest.importorskip("onnxruntime", reason="the extra lipsmith[piper] brings it")


def model(*nodes: onnx.NodeProto) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])
    graph = helper.make_graph(list(nodes), "g", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8).SerializeToString()


HALVED_CEIL = model(helper.make_node("Ceil", ["x"], ["inside"]), helper.make_node("Neg", ["inside"], ["y"]))


def test_an_inner_value_comes_out() -> None:
    assert values_made_by(HALVED_CEIL, "Ceil") == ["inside"]
    assert values_made_by(HALVED_CEIL, "Floor") == []
    session = runtime.InferenceSession(with_output(HALVED_CEIL, "inside"), providers=["CPUExecutionProvider"])
    y, inside = session.run(None, {"x": np.array([0.2, 1.5], np.float32)})
    np.testing.assert_array_equal(inside, [1, 2])
    np.testing.assert_array_equal(y, [-1, -2])


def test_what_is_an_output_already_stays_one() -> None:
    once = with_output(HALVED_CEIL, "inside")
    assert with_output(once, "inside") == once
    assert [output.name for output in onnx.load_from_string(once).graph.output] == ["y", "inside"]


def test_a_long_name_and_several_makers() -> None:
    name = "n" * 300
    many = model(helper.make_node("Ceil", ["x"], [name]), helper.make_node("Ceil", [name], ["y"]))
    assert values_made_by(many, "Ceil") == [name, "y"]
    assert [output.name for output in onnx.load_from_string(with_output(many, name)).graph.output] == ["y", name]


@pytest.mark.parametrize("content", [b"no model", b"\x3a\x05abc", b"\xff" * 20, b"\x3a", HALVED_CEIL[:40]])
def test_what_is_no_model(content: bytes) -> None:
    with pytest.raises(ValueError, match="invalid protobuf"):
        values_made_by(content, "Ceil")


def test_the_test_voice_reads_the_same_in_both_ways(tmp_path: Path) -> None:
    from piper_voices import make_voice

    content = make_voice(tmp_path).read_bytes()
    assert values_made_by(content, "Ceil") == ["w_ceil"]
    assert values_made_by(content, "Gather") == [
        n.output[0] for n in onnx.load_from_string(content).graph.node if n.op_type == "Gather"
    ]
