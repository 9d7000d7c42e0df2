from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.speech import net
from lipsmith.speech.net import WEIGHTS, level, lips, run_nets, visemes_and_lips

REFERENCE = Path(__file__).with_name("viseme_net_reference.npz")
FOLDER = Path(net.__file__).parent / "weights"


def mel_of(seconds: float, seed: int = 3) -> NDArray[np.float32]:
    """Something that changes like a spectrum of speech does."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.standard_normal((round(seconds * 100), 40)), axis=0)
    return (steps - np.linspace(steps[0], steps[-1], len(steps)) - 8.0).clip(-18, 0).astype(np.float32)


@pytest.fixture
def fresh() -> Iterator[None]:
    net._weights.cache_clear()
    yield
    net._weights.cache_clear()


def test_the_weights_are_those_that_were_made() -> None:
    for name, digest in WEIGHTS.items():
        data = (FOLDER / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest, name
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 1_000_000


def test_other_weights_are_refused(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "WEIGHTS", {"viseme_net.npz": "0" * 64})
    with pytest.raises(ValueError, match="Reinstall"):
        run_nets(mel_of(1.0))


def test_it_gives_what_torch_gave() -> None:
    with np.load(REFERENCE, allow_pickle=False) as reference:
        ours = run_nets(reference["mel"].astype(np.float32)).visemes
        np.testing.assert_allclose(ours, reference["visemes"], atol=5e-3)  # the weights are kept in half precision


@pytest.mark.parametrize("rows", [41, 128, 500])
def test_windows_give_what_the_whole_gives(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mel = mel_of(14.37)
    whole = run_nets(mel)
    monkeypatch.setattr(net, "_WINDOW_ROWS", rows)
    parts = run_nets(mel)
    np.testing.assert_allclose(parts.visemes, whole.visemes, atol=1e-4)
    np.testing.assert_allclose(parts.hidden, whole.hidden, atol=1e-3)
    loudness = np.abs(np.sin(np.arange(len(whole.visemes)) / 9)).astype(np.float32)
    expected, (visemes, curves) = lips(whole, loudness), visemes_and_lips(mel, loudness)
    np.testing.assert_allclose(visemes, whole.visemes, atol=1e-4)
    np.testing.assert_allclose(curves.aperture, expected.aperture, atol=1e-3)
    np.testing.assert_allclose(curves.width, expected.width, atol=1e-3)


@pytest.mark.parametrize("frames", [1, 2, 3, 99, 100])
def test_there_is_a_row_for_every_20_ms(frames: int) -> None:
    mel = mel_of(1.0)[:frames]
    output = run_nets(mel)
    rows = -(-frames // 2)
    assert output.visemes.shape == (rows, 15)
    assert output.hidden.shape == (rows, 64)
    np.testing.assert_allclose(output.visemes.sum(axis=1), 1.0, atol=1e-4)
    curves = lips(output, np.zeros(rows, np.float32))
    assert curves.aperture.shape == curves.width.shape == (rows,)
    assert np.isfinite(curves.aperture).all() and np.isfinite(curves.width).all()


def test_a_louder_recording_says_the_same() -> None:
    mel = mel_of(5.0)
    np.testing.assert_allclose(run_nets(mel + np.float32(np.log(1e4))).visemes, run_nets(mel).visemes, atol=1e-3)


def test_the_level_follows_a_speaker_who_walks_away() -> None:
    mel = np.tile(mel_of(5.0), (18, 1))
    away = mel - np.linspace(0.0, 2.5, len(mel), dtype=np.float32)[:, None]
    drop = level(mel) - level(away)
    assert drop[1500] == pytest.approx(2.5 / 6, abs=0.25)
    assert drop[-1500] == pytest.approx(2.5 * 5 / 6, abs=0.25)


def test_a_silent_minute_does_not_lift_the_noise_to_a_voice() -> None:
    mel = np.tile(mel_of(5.0), (18, 1))
    mel[3000:] -= 12.0
    assert level(mel)[0] - level(mel)[-1] <= 3.0


@pytest.mark.slow
def test_memory_grows_with_the_answer_alone() -> None:
    def peak_bytes(seconds: float) -> int:
        mel = np.tile(mel_of(60.0), (round(seconds / 60), 1))
        loudness = np.ones(len(mel) // 2, np.float32)
        visemes_and_lips(mel[:100], loudness[:50])
        tracemalloc.start()
        visemes_and_lips(mel, loudness)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    short, long = peak_bytes(60), peak_bytes(300)
    # Each 20 ms: 17 numbers as an answer, held twice while they are joined, and the level of its two frames.
    assert long - short <= 240 * 50 * 50 * 4
    assert short <= 50e6
