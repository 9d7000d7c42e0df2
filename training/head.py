"""Fit of the head: from hidden features of the net to aperture and width of the lips.

It learns from people's lips and synthesized sentences. The curves are in the speaker's own range: aperture 0 = 5th
percentile, 1 = 95th; width likewise, around its mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from lipsmith.media.clip import F32
from lipsmith.speech import features
from lipsmith.speech import net as numpy_net
from lipsmith.speech.visemes import HOP_S, VISEMES
from training import augment
from training.data import load
from training.lips import FOLDS, Recording, recordings

SEEDS = 3
STEPS, BATCH, CROP_ROWS, RATE, DROPOUT = 900, 32, 140, 3e-3, 0.25
COPIES = 2
PSEUDO_SHARE, PSEUDO_BATCHES = 0.25, 30
PSEUDO_SIGMA_S, PSEUDO_LEAD_S = 0.045, 0.020
WIDTH_WEIGHT = 0.5


@dataclass(frozen=True, kw_only=True)
class Example:
    """Clip as input of the head, and the target; ``weight`` is how often it is drawn."""

    speaker: str
    x: F32
    lips: F32
    """(n, 2) aperture and width in the speaker's range."""
    rows: F32 | None = None
    """(n, 15): known visemes, of spoken sentences."""


class Head(nn.Module):
    """Net from (b, 80, n) to (b, 2, n)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout1d(DROPOUT * 0.4), nn.Conv1d(inputs, 32, 1), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Conv1d(32, 32, 5, dilation=2, padding=4), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Conv1d(32, 32, 5, dilation=4, padding=8), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Conv1d(32, 2, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def ranges(clips: Sequence[Recording]) -> dict[str, tuple[float, float, float, float]]:
    """Return speaker -> least and range of aperture, mean and range of width."""
    found = {}
    for speaker in sorted({c.speaker for c in clips}):
        a = np.concatenate([c.aperture for c in clips if c.speaker == speaker])
        w = np.concatenate([c.width for c in clips if c.speaker == speaker])
        (low, high), (narrow, wide) = np.percentile(a, [5, 95]), np.percentile(w, [5, 95])
        found[speaker] = (low, high - low, float(w.mean()), wide - narrow)
    return found


def seen_by_head(mel: F32) -> F32:
    """Return hidden features, visemes and loudness in the order of `lipsmith.speech.net.lips`, (n, 80)."""
    recognized = numpy_net.run_nets(mel)
    empty = np.zeros(len(mel), np.float32)
    others = dict.fromkeys(("level_db", "periodicity", "pitch_hz", "f1_hz", "f2_hz", "high_share", "low_share"), empty)
    loudness = features.relative_loudness(features.Features(mel=mel, **others))[:: numpy_net.MEL_PER_ROW]
    loudness = np.pad(loudness, (0, len(recognized.hidden) - len(loudness)), mode="edge")
    return np.concatenate([recognized.hidden, recognized.visemes, loudness[:, None]], axis=1).astype(np.float32)


def floored(mel: F32) -> F32:
    """Apply the floor of `lipsmith.speech.features.measure`."""
    return np.maximum(mel, np.float32(np.percentile(mel, 99.5) - augment.FLOOR_NEPER))


def examples(clips: Sequence[Recording], *, copies: int = 0, seed: int = 0) -> list[Example]:
    """Return the clips and altered copies: slower and faster, other voices, tilted and noisy."""
    rng, scale, made = np.random.default_rng(seed), ranges(clips), []
    for clip in clips:
        low, span, middle, spread = scale[clip.speaker]
        lips = np.stack([(clip.aperture - low) / span, (clip.width - middle) / spread], axis=1)
        for copy in range(1 + copies):
            rate = float(rng.uniform(0.62, 1.1)) if copy else 1.0
            mel = _copied(clip.mel, rate, rng) if copy else clip.mel
            x = seen_by_head(floored(mel))
            at_s = np.arange(len(x)) * HOP_S * rate
            target = np.stack([np.interp(at_s, clip.time_s, curve) for curve in lips.T], axis=1)
            inside = at_s <= clip.time_s[-1] + 0.04
            made.append(Example(speaker=clip.speaker, x=x[inside], lips=target[inside].astype(np.float32)))
    return made


def _copied(mel: F32, rate: float, rng: np.random.Generator) -> F32:
    at = np.arange(int((len(mel) - 1) / rate)) * rate
    whole, part = np.floor(at).astype(int), (at - np.floor(at))[:, None].astype(np.float32)
    slow = torch.from_numpy(mel[whole] * (1 - part) + mel[np.minimum(whole + 1, len(mel) - 1)] * part)[None]
    warped = augment._warped(slow, rng) + 0.6 * augment._coloured(1, rng)
    power = np.exp(warped[0].numpy())
    noise = rng.gamma(4.0, 0.25, power.shape) * np.exp(augment._coloured(1, rng)[0].numpy())
    loud = np.percentile(power.mean(axis=1), 85)
    power = power + noise / noise.mean() * loud * 10 ** (-rng.uniform(12, 45) / 10)
    return np.log(np.maximum(power, 1e-10)).astype(np.float32)


def spoken(folder: Path, batches: int = PSEUDO_BATCHES, seed: int = 11) -> list[Example]:
    """Return synthesized sentences with their known visemes; `with_lips` adds the lips."""
    rng = np.random.default_rng(seed)
    stuff = augment.material(load(folder / "train.npz"))
    made = []
    for _ in range(batches):
        x, rows = augment.batch(stuff, 24, rng, for_head=True)
        made += [
            Example(speaker="-", x=seen_by_head(mel), lips=np.zeros((len(r), 2), np.float32), rows=r)
            for mel, r in zip(x.transpose(1, 2).numpy() * 4.0, rows.numpy(), strict=True)
        ]
    return made


def table(people: Sequence[Example]) -> np.ndarray:
    """Return aperture and width of each viseme, by least squares over the people, each weighted equally, (15, 2)."""
    gram, right = 1e-3 * np.eye(15), np.zeros((15, 2))
    for example, weight in zip(people, _weights(people), strict=True):
        shares = gaussian_filter1d(example.x[:, 64:79], PSEUDO_SIGMA_S / HOP_S, axis=0)
        gram += weight / len(shares) * shares.T @ shares
        right += weight / len(shares) * shares.T @ example.lips
    fitted = np.linalg.solve(gram + 0.01 * np.trace(gram) / 15 * np.eye(15), right)
    fitted[VISEMES.index("TH")] = fitted[VISEMES.index("DD")]
    return fitted


def with_lips(sentences: Sequence[Example], fitted: np.ndarray) -> list[Example]:
    """Return sentences with the lips of the table, blended with their neighbours, a little early."""
    lead = round(PSEUDO_LEAD_S / HOP_S)
    made = []
    for example in sentences:
        wanted = gaussian_filter1d(example.rows.astype(float) @ fitted, PSEUDO_SIGMA_S / HOP_S, axis=0)
        wanted = np.concatenate([wanted[lead:], np.repeat(wanted[-1:], lead, axis=0)])
        made.append(Example(speaker="-", x=example.x, lips=wanted.astype(np.float32)))
    return made


def _weights(people: Sequence[Example]) -> np.ndarray:
    """Return length divided by the root of the speaker's total, so that people count, not minutes."""
    total: dict[str, float] = {}
    for example in people:
        total[example.speaker] = total.get(example.speaker, 0.0) + len(example.x)
    weights = np.array([len(e.x) / np.sqrt(total[e.speaker]) for e in people])
    return weights / weights.sum()


def fit(people: Sequence[Example], sentences: Sequence[Example], seed: int) -> tuple[Head, np.ndarray, np.ndarray]:
    """Fit one head, and return it with the mean and the spread of its input."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    every = [*people, *sentences]
    chances = (1 - PSEUDO_SHARE) * _weights(people) if sentences else _weights(people)
    chances = np.concatenate([chances, np.full(len(sentences), PSEUDO_SHARE / max(len(sentences), 1))])
    sample = np.concatenate([every[k].x for k in rng.choice(len(every), 300, p=chances)])
    mean, spread = sample.mean(axis=0), sample.std(axis=0) + 0.05
    head = Head(len(mean))
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.1)
    head.train()
    for _ in range(STEPS):
        xs, targets = [], []
        for k in rng.choice(len(every), BATCH, p=chances):
            example = every[k]
            start = int(rng.integers(0, max(len(example.x) - CROP_ROWS, 0) + 1))
            piece, lips = example.x[start : start + CROP_ROWS], example.lips[start : start + CROP_ROWS]
            short = ((0, CROP_ROWS - len(piece)), (0, 0))
            xs.append(np.pad((piece - mean) / spread, short))
            targets.append(np.pad(lips, short, mode="edge"))
        got = head(torch.from_numpy(np.stack(xs).astype(np.float32)).transpose(1, 2))
        loss = _loss(got, torch.from_numpy(np.stack(targets)).transpose(1, 2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return head.eval(), mean, spread


def _loss(got: Tensor, wanted: Tensor) -> Tensor:
    a, b = got - got.mean(2, keepdim=True), wanted - wanted.mean(2, keepdim=True)
    match = (a * b).sum(2) / torch.sqrt((a * a).sum(2) * (b * b).sum(2) + 1e-3)
    each = (1 - match) + 0.5 * ((got - wanted) ** 2).mean(2)
    return each[:, 0].mean() + WIDTH_WEIGHT * each[:, 1].mean()


def arrays(heads: Sequence[tuple[Head, np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays for the package. All heads share the first one's mean and spread, in their first layer."""
    _, mean, spread = heads[0]
    kept: dict[str, np.ndarray] = {"mean": mean, "spread": spread, "seeds": np.array(len(heads))}
    for seed, (head, own_mean, own_spread) in enumerate(heads):
        layers = {"in": head.layers[1], "middle0": head.layers[4], "middle1": head.layers[7], "out": head.layers[10]}
        for name, layer in layers.items():
            weight, bias = layer.weight.detach().numpy().transpose(2, 1, 0).copy(), layer.bias.detach().numpy().copy()
            if name == "in":
                bias = bias + ((mean - own_mean) / own_spread) @ weight[0]
                weight = weight * (spread / own_spread)[None, :, None]
            kept[f"{seed}.{name}.weight"], kept[f"{seed}.{name}.bias"] = weight, bias
    return {name: value.astype(np.float16) for name, value in kept.items()}


def predicted(heads: Sequence[tuple[Head, np.ndarray, np.ndarray]], x: F32) -> np.ndarray:
    """Return the mean of the heads, (n, 2)."""
    with torch.no_grad():
        each = [h(torch.from_numpy(((x - m) / s).T[None].astype(np.float32)))[0].T.numpy() for h, m, s in heads]
    return np.mean(each, axis=0)


def fit_all(people: Sequence[Example], sentences: Sequence[Example]) -> list[tuple[Head, np.ndarray, np.ndarray]]:
    """Fit one head per seed."""
    lips = with_lips(sentences, table(people))
    return [fit(people, lips, seed) for seed in range(SEEDS)]


def build(folder: Path, truth: Path) -> None:
    """Write ``lip_head.npz`` into the package and, per fold, one into ``folder`` for unseen speakers."""
    from training.export import write, write_to

    began = perf_counter()
    people = examples(recordings(truth / "grid", "*"), copies=COPIES)
    sentences = spoken(folder)
    print(
        f"{perf_counter() - began:.0f} s: {len(people)} pieces of people, {len(sentences)} of synthesizers", flush=True
    )
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        kept = [[e for e in people if e.speaker not in fold] for fold in FOLDS]
        whole, *without = pool.map(fit_all, [people, *kept], [sentences] * (len(FOLDS) + 1))
    write("lip_head.npz", arrays(whole))
    for fold, heads in zip(FOLDS, without, strict=True):
        write_to(folder / f"lip_head.without-{fold[0]}.npz", arrays(heads))
    print(f"{perf_counter() - began:.0f} s: {1 + len(FOLDS)} heads", flush=True)
