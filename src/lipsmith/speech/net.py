"""The speech nets in plain numpy: mel spectra become visemes, and a small head on them becomes openness and width.

How its weights are made stands in ``training/``. Knows no files but those weights, and nothing of how mouths look.
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
"""File in ``speech/weights`` to its SHA-256."""

NEPER_PER_UNIT = 4.0
LOUD_RANGE_NEPER = 8.0
"""35 dB: frames within it of the loudest ones count for the level."""
MEL_PER_ROW = round(HOP_S / FEATURE_HOP_S)

_LEVEL_BLOCK_S = 30.0  # the distance to a microphone may change, but not within a sentence
_LEVEL_DROP_NEPER = 3.0
_DILATIONS: Mapping[str, tuple[int, ...]] = {"first.": (1, 2, 4, 8) * 2, "grown.": (1, 2, 4, 8) * 3}
"""The two nets that listen, by what the names of their weights begin with: one per block."""
_STEM_SIZE, _STEM_PAD = 6, 2
_CONTEXT_ROWS = 50  # the deeper net looks 47 rows to either side
_WINDOW_ROWS = 1500  # 30 s
_HEAD_DILATIONS = (2, 4)
_HEAD_CONTEXT_ROWS = 12


@dataclass(frozen=True, kw_only=True)
class NetOutput:
    """What the nets make of a sound, every 20 ms."""

    visemes: F32
    """(n, 15) 0–1, rows sum to 1: the mean of both nets. The deeper one hears better; both together best."""
    hidden: F32
    """(n, 64): the first net's last layer but one. The deeper net's tells no more of people's lips."""


@dataclass(frozen=True, kw_only=True)
class Lips:
    """What the head makes of that, in the speaker's own range: 0 = 5th percentile, 1 = 95th."""

    aperture: F32
    width: F32


def run_nets(mel: F32) -> NetOutput:
    """Runs the nets over (t, 40) logarithms of mel power, 10 ms each, of any length."""
    parts = [(h.visemes[kept], h.hidden[kept]) for h, _, kept in _windows(mel, _CONTEXT_ROWS)]
    return NetOutput(visemes=np.concatenate([v for v, _ in parts]), hidden=np.concatenate([h for _, h in parts]))


def visemes_and_lips(mel: F32, loudness: F32, head: Mapping[str, F32] | None = None) -> tuple[F32, Lips]:
    """(n, 15) visemes and the lips, window by window, so that an hour needs hardly more memory than a minute.

    ``loudness`` is 0–1 for each of the n rows, one for every two of ``mel``, rounded up. ``head`` is another one than
    that of the package, as `read_arrays` gives it.
    """
    visemes, apertures, widths = [], [], []
    for heard, span, kept in _windows(mel, _CONTEXT_ROWS + _HEAD_CONTEXT_ROWS):
        curves = lips(heard, loudness[span], head)
        visemes.append(heard.visemes[kept])
        apertures.append(curves.aperture[kept])
        widths.append(curves.width[kept])
    return np.concatenate(visemes), Lips(aperture=np.concatenate(apertures), width=np.concatenate(widths))


def level(mel: F32) -> F32:
    """(t,): the level of what is loud, in nepers; it follows slow changes of long recordings."""
    count = max(1, round(len(mel) * FEATURE_HOP_S / _LEVEL_BLOCK_S))
    edges = np.linspace(0, len(mel), count + 1).astype(int)
    levels = np.array([_block_level(mel[a:b]) for a, b in pairwise(edges)])
    levels = np.maximum(levels, levels.max() - _LEVEL_DROP_NEPER)  # nobody speaks in that block
    return np.interp(np.arange(len(mel)), (edges[:-1] + edges[1:]) / 2, levels).astype(np.float32)


def lips(heard: NetOutput, loudness: F32, head: Mapping[str, F32] | None = None) -> Lips:
    """The head: the mean of several small nets that were fitted to the lips of people who speak.

    ``head`` is another one than that of the package, as `read_arrays` gives it.
    """
    weights = head or _weights("lip_head.npz")
    x = np.concatenate([heard.hidden, heard.visemes, loudness[:, None]], axis=1)
    x = (x - weights["mean"]) / weights["spread"]
    seeds = range(int(weights["seeds"]))
    curves = np.mean([_head(weights, f"{seed}.", x) for seed in seeds], axis=0)
    return Lips(aperture=curves[:, 0].astype(np.float32), width=curves[:, 1].astype(np.float32))


def _block_level(mel: F32) -> float:
    frame = mel.mean(axis=1)
    return float(np.percentile(mel[frame >= np.percentile(frame, 98) - LOUD_RANGE_NEPER], 95))


def _windows(mel: F32, context: int) -> Iterator[tuple[NetOutput, slice, slice]]:
    """What is heard in each window with its context, the rows that both cover, and which of those are to be kept."""
    weights, levels = _weights("viseme_net.npz"), level(mel)
    rows = max(1, -(-len(mel) // MEL_PER_ROW))
    for start in range(0, rows, _WINDOW_ROWS):
        end = min(start + _WINDOW_ROWS, rows)
        first, last = max(start - context, 0), min(end + context, rows)
        yield _run(weights, _piece(mel, levels, first, last)), slice(first, last), slice(start - first, end - first)


def _piece(mel: F32, levels: F32, first: int, last: int) -> F32:
    """Normalised frames for rows ``first`` to ``last``; before the start and after the end lie zeros."""
    begin, end = first * MEL_PER_ROW - _STEM_PAD, (last - 1) * MEL_PER_ROW - _STEM_PAD + _STEM_SIZE
    inside = slice(max(begin, 0), min(end, len(mel)))
    x = (mel[inside] - levels[inside, None]) / np.float32(NEPER_PER_UNIT) + np.float32(1.0)
    return np.pad(x, ((inside.start - begin, end - inside.stop), (0, 0)))


def _run(weights: Mapping[str, F32], piece: F32) -> NetOutput:
    first, grown = (_run_one(weights, prefix, piece) for prefix in _DILATIONS)
    return NetOutput(visemes=(first.visemes + grown.visemes) / 2, hidden=first.hidden)


def _run_one(weights: Mapping[str, F32], prefix: str, piece: F32) -> NetOutput:
    patches = np.lib.stride_tricks.sliding_window_view(piece, _STEM_SIZE, axis=0)[::MEL_PER_ROW]
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
    """(t, in) to (t, out); what lies before the start and after the end is zero."""
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
    """The arrays of one file, as float32. Raises ValueError where the file is not the one that was shipped."""
    data = files("lipsmith.speech").joinpath("weights", name).read_bytes()
    if hashlib.sha256(data).hexdigest() != WEIGHTS[name]:
        raise ValueError(f"{name} is not the file that belongs to this version of lipsmith; install it again.")
    return read_arrays(data)


def read_arrays(data: bytes) -> Mapping[str, F32]:
    """The arrays of an .npz file, as float32."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}
