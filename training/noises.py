"""Noise, hum, music and beats as mel spectra, made by code, to mix with speech."""

from __future__ import annotations

import numpy as np

from lipsmith.media.clip import F32
from training.data import mel_of

RATE_HZ = 16000
LENGTH_S = 6.0


def library(count: int = 160, seed: int = 7) -> F32:
    """Return logarithms of mel power, (count, 600, 40)."""
    rng = np.random.default_rng(seed)
    makers = (_coloured, _music, _music, _hum, _beats, _coloured, _music, _mixture)
    clips = []
    for k in range(count):
        samples = makers[k % len(makers)](rng)
        samples = (0.1 * samples / max(float(np.sqrt(np.mean(samples**2))), 1e-6)).astype(np.float32)
        clips.append(mel_of(samples, RATE_HZ)[: round(LENGTH_S * 100)])
    return np.stack(clips)


def _coloured(rng: np.random.Generator) -> np.ndarray:
    """Return white to brown noise, sometimes swelling."""
    count = round(LENGTH_S * RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.maximum(np.fft.rfftfreq(count, 1 / RATE_HZ), 30.0)
    noise = np.fft.irfft(spectrum * hz ** -rng.choice([0.0, 0.5, 1.0, rng.uniform(-0.3, 1.3)]), count)
    if rng.random() < 0.4:
        noise = noise * (1.2 + np.sin(2 * np.pi * rng.uniform(0.1, 5.0) * np.arange(count) / RATE_HZ))
    return noise


def _tone(hz: float, seconds: float, rng: np.random.Generator, brightness: float, decay_s: float) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    vibrato = 1 + 0.004 * rng.integers(0, 2) * np.sin(2 * np.pi * 5.5 * time_s)
    phase = 2 * np.pi * hz * np.cumsum(vibrato) / RATE_HZ
    harmonics = range(1, min(20, int(7500 / hz)) + 1)
    wave = sum(np.sin(h * phase + rng.uniform(0, 6)) * h**-brightness for h in harmonics)
    return wave * np.minimum(time_s / 0.01, 1.0) * np.exp(-time_s / decay_s)


def _music(rng: np.random.Generator) -> np.ndarray:
    """Return chords, runs of notes and a bass, in one key."""
    count = round(LENGTH_S * RATE_HZ)
    out = np.zeros(count + 4 * RATE_HZ)
    beat_s, key = rng.uniform(0.18, 0.6), rng.uniform(90, 260)
    scale = [0, 2, 4, 5, 7, 9, 11, 12, 14, 16] if rng.random() < 0.6 else [0, 2, 3, 5, 7, 8, 10, 12, 14, 15]
    brightness, decay_s = rng.uniform(0.6, 2.0), float(rng.choice([0.15, 0.4, 1.5, 8.0]))
    chord_beats, melody = int(rng.integers(1, 5)), rng.random() < 0.7
    for k in range(int(LENGTH_S / beat_s)):
        at = round(k * beat_s * RATE_HZ)
        if k % chord_beats == 0:
            root = int(rng.integers(0, 6))
            for step in (0, 2, 4):
                degree = root + step
                hz = key * 2 ** (scale[degree % 7] / 12 + degree // 7)
                tone = _tone(hz, chord_beats * beat_s * 1.05, rng, brightness, decay_s)
                out[at : at + len(tone)] += tone * 0.5
        if melody and rng.random() < 0.8:
            tone = _tone(key * 2 * 2 ** (rng.choice(scale) / 12), beat_s * 1.1, rng, brightness, decay_s)
            out[at : at + len(tone)] += tone
    if rng.random() < 0.4:
        out[:count] += 0.5 * out[:count].std() * (lambda b: b / b.std())(_beats(rng))
    return out[:count]


def _hum(rng: np.random.Generator) -> np.ndarray:
    time_s = np.arange(round(LENGTH_S * RATE_HZ)) / RATE_HZ
    hz = float(rng.choice([50.0, 60.0, rng.uniform(40, 400)]))
    tone = sum(rng.uniform(0, 1) * np.sin(2 * np.pi * hz * h * time_s) for h in range(1, int(rng.integers(2, 12))))
    return tone + 10 ** rng.uniform(-3, -1) * rng.standard_normal(len(time_s))


def _beats(rng: np.random.Generator) -> np.ndarray:
    count = round(LENGTH_S * RATE_HZ)
    out = 1e-4 * rng.standard_normal(count + RATE_HZ)
    period_s = rng.uniform(0.15, 0.6)
    for k in range(int(LENGTH_S / period_s)):
        at, decay_s = round(k * period_s * RATE_HZ), rng.uniform(0.02, 0.15)
        time_s = np.arange(round(6 * decay_s * RATE_HZ)) / RATE_HZ
        hit = (
            rng.standard_normal(len(time_s))
            if k % 2
            else np.sin(2 * np.pi * 60 * time_s * (1 + np.exp(-time_s / 0.03)))
        )
        out[at : at + len(time_s)] += hit * np.exp(-time_s / decay_s)
    return out[:count]


def _mixture(rng: np.random.Generator) -> np.ndarray:
    parts = [_coloured(rng), _music(rng), _beats(rng), _hum(rng)]
    return sum(10 ** rng.uniform(-1, 0) * part / part.std() for part in parts)
