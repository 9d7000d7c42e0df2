"""Voices with the inputs, outputs and description of Piper's, made by code: each phoneme is a tone of its own.

Real ones are not ours to ship. Vowels are loud, p b m nearly silent, pauses silent; each has a known number of frames.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HOP_SAMPLES = 256
RATE_HZ = 22050
SYMBOLS = "_^$ !',-.:;?abcdefhijklmnopqrstuvwxyzæçðøŋœɐɑɔəɚɛɜɡɪɹɾʃʊʌʒʔˈˌːβθᵻ"
IDS = {symbol: [number] for number, symbol in enumerate(SYMBOLS)}
VOWELS = "aeiouyæœøɐɑɔəɚɛɜɪʊʌᵻ"
FRAMES = {**dict.fromkeys(VOWELS, 16), **dict.fromkeys("_ˈˌː'", 0), **dict.fromkeys("^$", 1), " ": 2}
FRAMES |= dict.fromkeys(",.;:!?-", 32)
"""Lengths of the phonemes that do not last eight frames."""


def make_voice(folder: Path, name: str = "en_XX-test-low", *, tells_lengths: bool = True, **description: Any) -> Path:
    """Writes NAME.onnx and NAME.onnx.json; with ``num_speakers`` above 1 the speakers sing an octave apart."""
    speakers = int(description.get("num_speakers", 1))
    path = folder / f"{name}.onnx"
    onnx.save(_model(speakers, tells_lengths), str(path))
    config = {
        "audio": {"sample_rate": RATE_HZ, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": IDS,
        "num_symbols": len(IDS),
        "num_speakers": 1,
        "speaker_id_map": {},
        "language": {"code": "en_GB"},
    }
    path.with_name(f"{name}.onnx.json").write_text(json.dumps(config | description), encoding="utf-8")
    return path


def _model(speakers: int, tells_lengths: bool) -> onnx.ModelProto:
    lengths = np.array([FRAMES.get(symbol, 8) for symbol in SYMBOLS], np.float32)
    loud = np.array([0.5 if s in VOWELS else 0.0 if s in FRAMES else 0.01 if s in "pbm" else 0.1 for s in SYMBOLS])
    pitch = 120.0 + 2.0 * np.arange(len(SYMBOLS))
    constants = {
        "frames_of": lengths, "loud_of": loud.astype(np.float32), "pitch_of": pitch.astype(np.float32),
        "one": np.int64(1), "zero": np.int64(0), "hop": np.int64(HOP_SAMPLES), "axis": np.array([1]),
        "length_at": np.int64(1), "noise_at": np.int64(0), "first": np.array([0]),
        "turn": np.float32(2 * np.pi / RATE_HZ),
        "shape": np.array([1, 1, 1, -1]), "little": np.float32(0.01), "half": np.float32(0.5), "octave": np.float32(2),
        "steeper": np.float32(6),
    }  # fmt: skip
    nodes = [
        helper.make_node("Squeeze", ["input", "first"], ["ids"]),
        helper.make_node("Gather", ["scales", "length_at"], ["length"]),
        helper.make_node("Gather", ["frames_of", "ids"], ["own_frames"]),
        helper.make_node("Mul", ["own_frames", "length"], ["w"]),
        # A network that reports no durations rounds them in two steps, so that no value is known to be theirs.
        helper.make_node("Ceil", ["w"], ["w_ceil"]) if tells_lengths else helper.make_node("Round", ["w"], ["w_ceil"]),
        helper.make_node("Cast", ["w_ceil"], ["frames"], to=TensorProto.INT64),
        helper.make_node("CumSum", ["frames", "zero"], ["frame_ends"]),
        helper.make_node("Mul", ["frame_ends", "hop"], ["ends"]),
        helper.make_node("ReduceMax", ["ends"], ["count"], keepdims=0),
        helper.make_node("Range", ["zero", "count", "one"], ["at"]),
        helper.make_node("Unsqueeze", ["at", "axis"], ["at_column"]),
        helper.make_node("LessOrEqual", ["ends", "at_column"], ["passed"]),
        helper.make_node("Cast", ["passed"], ["passed_count"], to=TensorProto.INT64),
        helper.make_node("ReduceSum", ["passed_count", "axis"], ["which"], keepdims=0),
        helper.make_node("Gather", ["ids", "which"], ["id_at"]),
        helper.make_node("Gather", ["loud_of", "id_at"], ["loudness"]),
        helper.make_node("Gather", ["pitch_of", "id_at"], ["pitch"]),
        helper.make_node("Cast", ["at"], ["at_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["at_float", "turn"], ["phase_per_hz"]),
        helper.make_node("Mul", ["phase_per_hz", "pitch"], ["phase"]),
    ]
    if speakers > 1:
        nodes += [
            helper.make_node("Cast", ["sid"], ["octaves"], to=TensorProto.FLOAT),
            helper.make_node("Pow", ["octave", "octaves"], ["factor"]),
            helper.make_node("Mul", ["phase", "factor"], ["sung_phase"]),
        ]
    nodes += [
        helper.make_node("Sin", ["sung_phase" if speakers > 1 else "phase"], ["wave"]),
        helper.make_node("Mul", ["wave", "steeper"], ["steep_wave"]),
        helper.make_node("Tanh", ["steep_wave"], ["rich_wave"]),  # with overtones, as voices have them
        helper.make_node("RandomNormalLike", ["wave"], ["noise"]),
        helper.make_node("Gather", ["scales", "noise_at"], ["noise_scale"]),
        helper.make_node("Mul", ["noise", "noise_scale"], ["scaled_noise"]),
        helper.make_node("Mul", ["scaled_noise", "little"], ["little_noise"]),
        helper.make_node("Add", ["rich_wave", "little_noise"], ["rough"]),
        helper.make_node("Mul", ["rough", "loudness"], ["sound"]),
        helper.make_node("Reshape", ["sound", "shape"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, ["batch", "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch"]))
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 1, 1, "time"])
    used = {name for node in nodes for name in node.input}
    weights = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items() if name in used]
    graph = helper.make_graph(nodes, "piper", inputs, [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    return model
