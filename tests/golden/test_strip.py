"""The strip of frames: every frame is there, and what stands above it is what is said and asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import strip
from benchmarks.strip import CELL_PX, LABEL_PX, MOUTH_PX, PER_ROW, Said, named, sentences, write_strips
from benchmarks.subjects import Subject

from factories import SENTENCE, write_speech
from lipsmith.speech.visemes import Phone, Speech, viseme_rows


def pressed_then_open(seconds: float = 0.8) -> Speech:
    """An m of .3 s, then an a."""
    phones = [Phone(symbol="m", start_s=0.0, end_s=0.3), Phone(symbol="a", start_s=0.3, end_s=seconds)]
    rows = viseme_rows(phones, seconds)
    level = np.full(len(rows), 0.8, np.float32)
    return Speech(visemes=rows, openness=None, loudness=level, pitch_hz=150 * level, duration_s=seconds)


def test_every_frame_has_a_cell(one_subject: Subject) -> None:
    drawn = strip.strip(one_subject, Said(name="ma", title="ma", speech=pressed_then_open()))
    row = LABEL_PX + MOUTH_PX + CELL_PX
    assert drawn.shape == (LABEL_PX + 2 * row, PER_ROW * CELL_PX, 3)  # 20 frames
    assert (drawn[LABEL_PX + row :, 4 * CELL_PX :] == 255).all()
    cells = [
        drawn[2 * LABEL_PX : 2 * LABEL_PX + MOUTH_PX, n * CELL_PX : (n + 1) * CELL_PX].astype(int) for n in (1, 3, 12)
    ]
    assert np.abs(cells[0] - cells[1]).mean() < 3.0 < np.abs(cells[0] - cells[2]).mean()
    red = (drawn[LABEL_PX : 2 * LABEL_PX].astype(int) - [200, 0, 0] == 0).all(axis=2).any(axis=0)
    assert red[3 * CELL_PX : 4 * CELL_PX].any() and not red[12 * CELL_PX : 13 * CELL_PX].any()


def test_visemes_are_named_by_their_share() -> None:
    speech = pressed_then_open()
    assert named(speech, 0.1) == ["PP"]
    assert sorted(named(speech, 0.3)) == ["PP", "aa"]
    assert named(speech, 99.0) == ["aa"]


@pytest.mark.slow
def test_recordings_and_texts_are_looked_at(tmp_path: Path) -> None:
    (said,) = sentences("Oh.", "de", None)
    assert (said.name, said.title) == ("1-de", "de   Oh.")
    assert [said.name for said in sentences(None, None, None)] == ["1-en-us", "2-en-us", "3-de", "4-fr"]
    write_speech(tmp_path / "speech.wav", SENTENCE)
    (recognized,) = sentences(None, None, tmp_path / "speech.wav")
    assert (recognized.name, recognized.title) == ("speech", "speech.wav   as it is heard")
    pytest.importorskip("pocketsphinx", reason="finds the words; scripts/test brings it")
    (known,) = sentences(SENTENCE, None, tmp_path / "speech.wav")
    assert (known.name, known.title) == ("speech", f"speech.wav   {SENTENCE}")
    assert (known.speech.visemes != recognized.speech.visemes).any()


@pytest.mark.slow
def test_strips_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "looks"
    assert write_strips(None, "Oh.", None, None, out) == 0
    assert [path.name for path in out.iterdir()] == ["astronaut-1-en-us.png"]
    assert write_strips(tmp_path / "missing.png", "Oh.", None, None, out) == 1
    assert "missing.png" in capsys.readouterr().out
