from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lipsmith.media.spool import SpooledAudio


def test_what_was_written_is_played_and_its_file_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    audio = SpooledAudio(11025)
    wave = (np.sin(np.arange(2205) / 7) / 2).astype(np.float32)
    audio.write(wave)
    audio.write_silence(70_000)
    audio.write(-wave)
    assert audio.samples == 2 * 2205 + 70_000
    played = audio.finish()
    for _ in range(2):
        samples = np.concatenate(list(played.blocks(11025, 1)), axis=1)[0]
        np.testing.assert_allclose(samples[:2205], wave, atol=1 / 32768)
        np.testing.assert_allclose(samples[-2205:], -wave, atol=1 / 32768)
        assert not samples[2205:-2205].any()
    assert played.duration_s == pytest.approx(audio.samples / 11025)
    stereo = np.concatenate(list(played.blocks(48000, 2)), axis=1)
    assert stereo.shape == (2, round(played.duration_s * 48000))
    del audio, played
    assert os.listdir(tmp_path) == []


def test_audio_that_is_never_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    audio = SpooledAudio(8000)
    audio.write(np.zeros(10, np.float32))
    del audio
    assert os.listdir(tmp_path) == []
