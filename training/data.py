"""Data set of synthesized sentences, as mel spectra and rows of visemes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from lipsmith.media.clip import F32
from lipsmith.media.decode import MemoryAudio
from lipsmith.speech import features
from lipsmith.speech.visemes import row_count, viseme_rows
from lipsmith.speech.waveform import windows
from training import voices
from training.voices import Utterance

# Utterances of about 4 s each.
ESPEAK_COUNT, FLITE_COUNT, FESTIVAL_COUNT = 3600, 400, 280
JUDGED_COUNT = 40


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Many utterances, concatenated."""

    mel: np.ndarray
    """(t, 40) float16: logarithm of mel power every 10 ms, not normalised."""
    rows: np.ndarray
    """(t / 2, 15) float16: shares of the visemes every 20 ms."""
    starts: np.ndarray
    """(n + 1,): start of each utterance in ``rows``."""
    names: np.ndarray
    """(n,): family/voice/language."""


def mel_of(samples: F32, rate_hz: int) -> F32:
    """Return ``mel`` of `lipsmith.speech.features.measure` without its floor and its other curves, (t, 40)."""
    parts = []
    for narrow in windows(MemoryAudio(samples[np.newaxis], rate_hz)):
        power = np.square(np.abs(np.fft.rfft(narrow * features._HANN, features._FFT))).astype(np.float32)
        parts.append(np.log(np.maximum((power * features._PRE_EMPHASIS_GAIN) @ features._MEL, 1e-10)))
    return np.concatenate(parts).astype(np.float32)


def gather(utterances: Iterable[Utterance]) -> Corpus:
    """Measure and concatenate."""
    mels, rows, names, starts = [], [], [], [0]
    for said in utterances:
        count = row_count(len(said.samples) / said.rate_hz)
        mel = mel_of(said.samples, said.rate_hz)
        mels.append(
            np.pad(mel, ((0, max(2 * count - len(mel), 0)), (0, 0)), mode="edge")[: 2 * count].astype(np.float16)
        )
        rows.append(viseme_rows(said.phones, len(said.samples) / said.rate_hz)[:count].astype(np.float16))
        names.append(f"{said.family}/{said.voice}/{said.language}")
        starts.append(starts[-1] + count)
    return Corpus(mel=np.concatenate(mels), rows=np.concatenate(rows), starts=np.array(starts), names=np.array(names))


def _jobs() -> Iterator[tuple[str, str, tuple[object, ...], dict[str, object]]]:
    """Return split, function of `voices`, and arguments."""
    for part in range(4):
        yield "train", "espeak_utterances", (ESPEAK_COUNT // 4, 100 + part), {}
    for k, name in enumerate(voices.FLITE_VOICES):
        yield "train", "flite_utterances", (name, FLITE_COUNT, 200 + k), {}
    for k, (name, voice) in enumerate(voices.FESTIVAL_VOICES.items()):
        count = JUDGED_COUNT if voice.unseen else FESTIVAL_COUNT
        yield "unseen" if voice.unseen else "train", "festival_utterances", (name, count, 300 + k), {}
    for k, name in enumerate(voices.FLITE_UNSEEN_VOICES):
        yield "unseen", "flite_utterances", (name, JUDGED_COUNT, 400 + k), {}
    yield "unseen", "espeak_utterances", (60, 500), {"unseen": "voice"}
    yield "unseen_languages", "espeak_utterances", (60, 501), {"unseen": "language"}


def _do(job: tuple[str, str, tuple[object, ...], dict[str, object]]) -> tuple[str, Corpus]:
    split, function, arguments, options = job
    return split, gather(getattr(voices, function)(*arguments, **options))


def build(folder: Path, processes: int = 2) -> None:
    """Write ``train.npz``, ``unseen.npz`` and ``unseen_languages.npz``."""
    began = perf_counter()
    splits: dict[str, list[Corpus]] = {}
    with ProcessPoolExecutor(processes) as pool:
        for split, corpus in pool.map(_do, _jobs()):
            splits.setdefault(split, []).append(corpus)
            name, minutes = corpus.names[0], corpus.starts[-1] / 3000
            print(
                f"{perf_counter() - began:6.0f} s  {split:16s} {name:40s} {len(corpus.names):5d} {minutes:6.1f} min",
                flush=True,
            )
    folder.mkdir(parents=True, exist_ok=True)
    for split, parts in splits.items():
        offsets = np.cumsum([0] + [p.starts[-1] for p in parts])
        starts = np.concatenate([p.starts[:-1] + o for p, o in zip(parts, offsets, strict=False)] + [offsets[-1:]])
        np.savez(
            folder / f"{split}.npz", starts=starts, mel=np.concatenate([p.mel for p in parts]),
            rows=np.concatenate([p.rows for p in parts]), names=np.concatenate([p.names for p in parts]),
        )  # fmt: skip


def load(path: Path) -> Corpus:
    """Load the output of `build`."""
    with np.load(path, allow_pickle=False) as file:
        return Corpus(**{name: file[name] for name in ("mel", "rows", "starts", "names")})
