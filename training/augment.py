"""Augmentation of sentences with other voices, rooms and noises, on mel power, which is cheap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lipsmith.speech import features
from lipsmith.speech.net import LOUD_RANGE_NEPER, NEPER_PER_UNIT
from training.data import Corpus
from training.noises import library

FAMILY_SHARES = {"espeak": 0.40, "flite": 0.22, "festival": 0.38}
SECONDS = 4.0
FLOOR_NEPER = 70.0 / features.DB_PER_NEPER
_NEPER = 1.0 / features.DB_PER_NEPER


@dataclass(frozen=True, kw_only=True)
class Material:
    """Data from which batches are drawn."""

    mel: Tensor
    rows: Tensor
    starts: np.ndarray
    chances: np.ndarray
    """(n,): probability of each utterance."""
    noises: Tensor


def material(corpus: Corpus) -> Material:
    """Balance families by share, whatever their minutes."""
    families = np.array([name.split("/")[0] for name in corpus.names])
    lengths = np.diff(corpus.starts).astype(float)
    chances = np.zeros(len(lengths))
    for family, share in FAMILY_SHARES.items():
        chances[families == family] = share * lengths[families == family] / lengths[families == family].sum()
    return Material(
        mel=torch.from_numpy(corpus.mel), rows=torch.from_numpy(corpus.rows), starts=corpus.starts,
        chances=chances / chances.sum(), noises=torch.from_numpy(library()),
    )  # fmt: skip


def normalised(mel: Tensor, jitter: Tensor | None = None) -> Tensor:
    """Normalise like `lipsmith.speech.net.level`: floor 70 dB down, loud audio at 1; four nepers a unit."""
    top = torch.quantile(mel[:, ::2].flatten(1)[:, ::3], 0.995, dim=1)[:, None, None]
    mel = torch.maximum(mel, top - FLOOR_NEPER)
    frame = mel.mean(2)
    loud = frame > torch.quantile(frame, 0.98, dim=1)[:, None] - LOUD_RANGE_NEPER
    recognized = torch.where(loud[..., None], mel, torch.nan)
    level = torch.nanquantile(recognized[:, ::2].flatten(1)[:, ::3], 0.95, dim=1)[:, None, None]
    return (mel - level) / NEPER_PER_UNIT + 1.0 + (0.0 if jitter is None else jitter)


def batch(stuff: Material, size: int, rng: np.random.Generator, *, for_head: bool = False) -> tuple[Tensor, Tensor]:
    """Return (size, 40, 400) normalised mel and (size, 200, 15) shares; less noise and no jitter for the head."""
    t = round(SECONDS * 100)
    mel, rows = _stretched(stuff, size, t, rng)
    mel = _warped(mel, rng)
    power_ln = mel + _coloured(size, rng)
    power = torch.exp(power_ln)
    power = _reverberant(power, rng)
    if for_head:
        power, _ = _with_noise(stuff, power, rows.clone(), rng, least_db=15.0, alone_share=0.0)
        return normalised(torch.log(power.clamp_min(1e-12))).transpose(1, 2).contiguous(), rows
    power, rows = _with_pauses(power, rows, rng)
    power, rows = _with_noise(stuff, power, rows, rng)
    jitter = torch.from_numpy(0.12 * rng.standard_normal((size, 1, 1))).float()
    x = normalised(torch.log(power.clamp_min(1e-12)), jitter)
    return x.transpose(1, 2).contiguous(), rows


def _uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, shape)).float()


def _stretched(stuff: Material, size: int, t: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return excerpts from anywhere, slower or faster."""
    chosen = rng.choice(len(stuff.chances), size, p=stuff.chances)
    start = stuff.starts[chosen] + rng.uniform(-0.5, 0.7, size) * np.diff(stuff.starts)[chosen]
    rate = np.exp(rng.uniform(np.log(0.78), np.log(1.25), size))
    last = len(stuff.rows) - 2
    start = np.clip(start, 0, last - t * rate / 2 - 2)

    def taken(source: Tensor, at: np.ndarray) -> Tensor:
        whole = torch.from_numpy(np.floor(at).astype(np.int64))
        part = torch.from_numpy(at - np.floor(at)).float()[..., None]
        return source[whole].float() * (1 - part) + source[whole + 1].float() * part

    frames = (2 * start)[:, None] + np.arange(t)[None] * rate[:, None]
    rows = start[:, None] + np.arange(t // 2)[None] * rate[:, None]
    return taken(stuff.mel, frames), taken(stuff.rows, rows)


_CENTRES_HZ = 700.0 * (
    10.0 ** (np.linspace(*(2595 * np.log10(1 + hz / 700) for hz in (60.0, 7600.0)), 42)[1:-1] / 2595) - 1
)


def _warped(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Apply longer and shorter vocal tracts."""
    factor = np.exp(rng.uniform(np.log(0.82), np.log(1.22), len(mel)))
    places = np.stack([np.interp(_CENTRES_HZ * f, _CENTRES_HZ, np.arange(40.0)) for f in factor])
    whole = np.minimum(np.floor(places).astype(np.int64), 38)
    part = torch.from_numpy(places - whole).float()[:, None, :]
    low = torch.from_numpy(whole)[:, None, :].expand(-1, mel.shape[1], -1)
    return mel.gather(2, low) * (1 - part) + mel.gather(2, low + 1) * part


def _coloured(size: int, rng: np.random.Generator) -> Tensor:
    """Apply other microphones: an equaliser of six points, sometimes a telephone; nepers of power."""
    points = rng.normal(0.0, 5.0, (size, 6)).clip(-11, 11)
    gain = np.stack([np.interp(np.linspace(0, 5, 40), np.arange(6), p) for p in points])
    cut = np.where(rng.random(size) < 0.25, rng.uniform(18, 36, size), 60)
    gain -= np.clip(np.arange(40)[None] - cut[:, None], 0, None) * rng.uniform(3, 12, (size, 1))
    low = np.where(rng.random(size) < 0.15, rng.uniform(1, 6, size), -60)
    gain -= np.clip(low[:, None] - np.arange(40)[None], 0, None) * rng.uniform(2, 8, (size, 1))
    return torch.from_numpy(gain * _NEPER).float()[:, None, :]


def _reverberant(power: Tensor, rng: np.random.Generator) -> Tensor:
    size = len(power)
    t60 = rng.uniform(0.15, 0.8, size)
    wet = np.where(rng.random(size) < 0.45, 10 ** rng.uniform(-1.6, -0.5, size), 0.0)
    kernel = np.exp(-np.arange(50)[None] * 0.01 * 13.8 / t60[:, None]) * wet[:, None]
    kernel[:, 0] = 1.0
    weights = torch.from_numpy(kernel[:, ::-1].copy()).float()[:, None, :]
    channels = functional.pad(power.permute(2, 0, 1), (49, 0))
    return functional.conv1d(channels, weights, groups=size).permute(1, 2, 0)


def _with_pauses(power: Tensor, rows: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Insert pauses now and then."""
    for k in np.flatnonzero(rng.random(len(power)) < 0.3):
        length, t = int(rng.integers(10, 100)), power.shape[1] // 2
        start = int(rng.integers(-length // 2, t - length // 2))
        a, b = max(start, 0), min(start + length, t)
        power[k, 2 * a : 2 * b] *= 1e-6
        rows[k, a:b] = functional.one_hot(torch.tensor(0), 15).float()
    return power, rows


def _with_noise(
    stuff: Material,
    power: Tensor,
    rows: Tensor,
    rng: np.random.Generator,
    least_db: float = 0.0,
    alone_share: float = 0.06,
) -> tuple[Tensor, Tensor]:
    size, t, _ = power.shape
    which = rng.integers(0, len(stuff.noises), size)
    at = rng.integers(0, stuff.noises.shape[1] - t + 1, size)
    noise = torch.stack([stuff.noises[w, a : a + t] for w, a in zip(which, at, strict=True)])
    noise = torch.exp(noise + 0.7 * _coloured(size, rng))
    stationary = torch.from_numpy(rng.gamma(4.0, 0.25, (size, t, 40))).float() * torch.exp(1.5 * _coloured(size, rng))
    kind, alone = rng.random(size), rng.random(size) < alone_share
    kind[alone] *= 0.9  # babble alone is speech
    babble = sum(torch.roll(power.roll(int(rng.integers(1, size)), 0), int(rng.integers(0, t)), 1) for _ in range(4))
    chosen = [stationary[k] if kind[k] < 0.4 else noise[k] if kind[k] < 0.9 else babble[k] for k in range(size)]
    noise = torch.stack(chosen)
    loud = torch.quantile(power.mean(2)[:, ::2], 0.85, dim=1)[:, None, None].clamp_min(1e-9)
    ratio = torch.quantile(noise.mean(2)[:, ::2], 0.6, dim=1)[:, None, None].clamp_min(1e-9)
    snr_db = np.where(rng.random(size) < 0.65, rng.uniform(least_db, 35, size), 90.0)
    noise = noise / ratio * loud * torch.from_numpy(10 ** (-snr_db / 10)).float()[:, None, None]
    floor_db = rng.uniform(35, 80, size)
    floor = loud * torch.from_numpy(10 ** (-floor_db / 10)).float()[:, None, None] * stationary
    mixed = power + noise + floor
    for k in np.flatnonzero(alone):
        mixed[k] = noise[k] + floor[k]
        rows[k] = functional.one_hot(torch.tensor(0), 15).float()
    return mixed, rows
