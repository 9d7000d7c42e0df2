"""Speech nets in plain numpy: mel spectra to visemes, and a small head from those to mouth aperture and width.

``training/`` documents how the weights are made.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np

from lipsmith.media.clip import F32
from lipsmith.speech.features import FEATURE_HOP_S
from lipsmith.speech.visemes import HOP_S

WEIGHTS: Mapping[str, str] = {
    "viseme_net.npz": "7a2f7940a99f73efd121dedde48b61a32204d7d72f9e447e80da005aa1b10970",
    "lip_head.npz": "c7b85efa232f924897b2b962b68d4dabd0ca3dc33cf2b6816e8f4036f3703497",
}
"""File in ``speech/weights`` -> SHA-256."""

NEPER_PER_UNIT = 4.0
LOUD_RANGE_NEPER = 8.0
"""35 dB; frames within this range of the loudest ones determine the level."""
MEL_PER_ROW = round(HOP_S / FEATURE_HOP_S)

_LEVEL_BLOCK_S = 30.0  # the distance to a microphone may change, but not within a sentence
_LEVEL_DROP_NEPER = 3.0
_DILATIONS: Mapping[str, tuple[int, ...]] = {"first.": (1, 2, 4, 8) * 2, "grown.": (1, 2, 4, 8) * 3}
"""Weight name prefix of each of the two nets -> dilations of its blocks."""
_STEM_SIZE, _STEM_PAD = 6, 2
_CONTEXT_ROWS = 50  # the deeper net sees 47 rows to either side
_WINDOW_ROWS = 1500  # 30 s
_HEAD_DILATIONS = (2, 4)
_HEAD_CONTEXT_ROWS = 12


@dataclass(frozen=True, kw_only=True)
class NetOutput:
    """Output of the nets, every 20 ms."""

    visemes: F32
    """(n, 15) 0–1, rows sum to 1: the mean of both nets, which is better than either alone."""
    hidden: F32
    """(n, 64): the first net's last hidden layer. That of the deeper net predicts lips no better."""


@dataclass(frozen=True, kw_only=True)
class Lips:
    """Lip curves in the speaker's range: 0 is the 5th percentile, 1 the 95th."""

    aperture: F32
    width: F32


def run_nets(mel: F32) -> NetOutput:
    """Run the nets on (t, 40) logarithms of mel power, 10 ms each, of any length."""
    parts = [(h.visemes[kept], h.hidden[kept]) for h, _, kept in _windows(mel, _CONTEXT_ROWS)]
    return NetOutput(visemes=np.concatenate([v for v, _ in parts]), hidden=np.concatenate([h for _, h in parts]))


def visemes_and_lips(mel: F32, loudness: F32, head: Mapping[str, F32] | None = None) -> tuple[F32, Lips]:
    """Return (n, 15) visemes and the lips, computed in windows, so that memory hardly grows with the length.

    ``loudness`` is 0–1 for each of the n rows, one per two of ``mel``, rounded up. ``head`` replaces the package's
    weights, as `read_arrays` returns them.
    """
    visemes, apertures, widths = [], [], []
    for output, span, kept in _windows(mel, _CONTEXT_ROWS + _HEAD_CONTEXT_ROWS):
        curves = lips(output, loudness[span], head)
        visemes.append(output.visemes[kept])
        apertures.append(curves.aperture[kept])
        widths.append(curves.width[kept])
    return np.concatenate(visemes), Lips(aperture=np.concatenate(apertures), width=np.concatenate(widths))


def level(mel: F32) -> F32:
    """Return (t,) levels of the loud frames, in nepers, following slow changes in long recordings."""
    count = max(1, round(len(mel) * FEATURE_HOP_S / _LEVEL_BLOCK_S))
    edges = np.linspace(0, len(mel), count + 1).astype(int)
    levels = np.array([_block_level(mel[a:b]) for a, b in pairwise(edges)])
    levels = np.maximum(levels, levels.max() - _LEVEL_DROP_NEPER)  # a block without speech
    return np.interp(np.arange(len(mel)), (edges[:-1] + edges[1:]) / 2, levels).astype(np.float32)


def lips(output: NetOutput, loudness: F32, head: Mapping[str, F32] | None = None) -> Lips:
    """Return the mean of several small nets that were fitted to the lips of speakers.

    ``head`` replaces the package's weights, as `read_arrays` returns them.
    """
    weights = head or _weights("lip_head.npz")
    x = np.concatenate([output.hidden, output.visemes, loudness[:, None]], axis=1)
    x = (x - weights["mean"]) / weights["spread"]
    seeds = range(int(weights["seeds"]))
    curves = np.mean([_head(weights, f"{seed}.", x) for seed in seeds], axis=0)
    return Lips(aperture=curves[:, 0].astype(np.float32), width=curves[:, 1].astype(np.float32))


def _block_level(mel: F32) -> float:
    frame = mel.mean(axis=1)
    return float(np.percentile(mel[frame >= np.percentile(frame, 98) - LOUD_RANGE_NEPER], 95))


def _windows(mel: F32, context: int) -> Iterator[tuple[NetOutput, slice, slice]]:
    """Yield the output for each window with context, the rows it covers, and which of those to keep."""
    weights, levels = _weights("viseme_net.npz"), level(mel)
    rows = max(1, -(-len(mel) // MEL_PER_ROW))
    for start in range(0, rows, _WINDOW_ROWS):
        end = min(start + _WINDOW_ROWS, rows)
        first, last = max(start - context, 0), min(end + context, rows)
        yield _run(weights, _frames(mel, levels, first, last)), slice(first, last), slice(start - first, end - first)


def _frames(mel: F32, levels: F32, first: int, last: int) -> F32:
    """Return normalized frames for rows ``first`` to ``last``, padded with zeros."""
    begin, end = first * MEL_PER_ROW - _STEM_PAD, (last - 1) * MEL_PER_ROW - _STEM_PAD + _STEM_SIZE
    inside = slice(max(begin, 0), min(end, len(mel)))
    x = (mel[inside] - levels[inside, None]) / np.float32(NEPER_PER_UNIT) + np.float32(1.0)
    return np.pad(x, ((inside.start - begin, end - inside.stop), (0, 0)))


def _run(weights: Mapping[str, F32], frames: F32) -> NetOutput:
    first, grown = (_run_one(weights, prefix, frames) for prefix in _DILATIONS)
    return NetOutput(visemes=np.asarray((first.visemes + grown.visemes) / 2, np.float32), hidden=first.hidden)


def _run_one(weights: Mapping[str, F32], prefix: str, frames: F32) -> NetOutput:
    patches = np.lib.stride_tricks.sliding_window_view(frames, _STEM_SIZE, axis=0)[::MEL_PER_ROW]
    flat = np.swapaxes(patches, 1, 2).reshape(len(patches), -1)
    x = flat @ _matrix(weights, f"{prefix}stem") + weights[f"{prefix}stem.bias"]
    for k, dilation in enumerate(_DILATIONS[prefix]):
        y = np.maximum(_convolved(weights, f"{prefix}narrow{k}", np.maximum(x, 0.0)), 0.0)
        y = np.maximum(_convolved(weights, f"{prefix}middle{k}", y, dilation), 0.0)
        x += _convolved(weights, f"{prefix}wide{k}", y)
    hidden = np.maximum(_convolved(weights, f"{prefix}neck", np.maximum(x, 0.0)), 0.0)
    logits = _convolved(weights, f"{prefix}out", hidden)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return NetOutput(visemes=shares / shares.sum(axis=1, keepdims=True), hidden=hidden)


def _head(weights: Mapping[str, F32], prefix: str, x: F32) -> F32:
    x = np.maximum(_convolved(weights, f"{prefix}in", x), 0.0)
    for k, dilation in enumerate(_HEAD_DILATIONS):
        x = np.maximum(_convolved(weights, f"{prefix}middle{k}", x, dilation), 0.0)
    return _convolved(weights, f"{prefix}out", x)


def _convolved(weights: Mapping[str, F32], name: str, x: F32, dilation: int = 1) -> F32:
    """Convolve (t, in) to (t, out), padded with zeros."""
    size = weights[f"{name}.weight"].shape[0]
    if size > 1:
        reach = dilation * (size // 2)
        padded = np.pad(x, ((reach, reach), (0, 0)))
        x = np.concatenate([padded[k * dilation : k * dilation + len(x)] for k in range(size)], axis=1)
    return x @ _matrix(weights, name) + weights[f"{name}.bias"]


def _matrix(weights: Mapping[str, F32], name: str) -> F32:
    weight = weights[f"{name}.weight"]
    return weight.reshape(-1, weight.shape[2])


@cache
def _weights(name: str) -> Mapping[str, F32]:
    """Load the arrays of one file as float32. Raises ValueError if the file is not the one that was shipped."""
    data = files("lipsmith.speech").joinpath("weights", name).read_bytes()
    if hashlib.sha256(data).hexdigest() != WEIGHTS[name]:
        raise ValueError(f"{name} does not belong to this version of lipsmith. Reinstall lipsmith.")
    return read_arrays(data)


def read_arrays(data: bytes) -> Mapping[str, F32]:
    """Read the arrays of an .npz file as float32."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}
