"""The benchmarks themselves: their tables tell hits from misses, and the contact sheet shows what it promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import speed
from benchmarks.bars import BARS, Bar
from benchmarks.mouth_sheet import CORNER_PX, MOUTH_LOOKS, PER_ROW, corner_strip, teeth_strip
from benchmarks.quality import summary, table
from benchmarks.sheet import CELL_PX, LABEL_PX, sheet
from benchmarks.subjects import LOOKS, Subject

SPEED = speed.Speed(
    size="512x512",
    iod_px=110.0,
    frames=250,
    fps=80.0,
    video_fps=90.0,
    encode_fps=240.0,
    share_of_encode=0.33,
    stage_seconds={"picture": 0.01, "video": 2.8},
    peak_mb=400,
)


def test_bars_hold_on_their_limits_and_not_beyond() -> None:
    bar = Bar("width_r", 0.85, float("inf"), "")
    assert bar.holds(0.85)
    assert not bar.holds(0.849)
    assert not bar.holds(float("nan"))
    assert bar.limits == "≥ 0.85"
    assert len({bar.name for bar in BARS}) == len(BARS)


def test_tables_mark_what_misses() -> None:
    faces = {"a.jpg": {"yaw_gain": 1.0, "closure_mm": None}, "b.jpg": {"yaw_gain": 0.5, "closure_mm": 0.002}}
    (row,) = [line for line in table(faces).splitlines() if line.startswith("yaw_gain")]
    assert row.split() == ["yaw_gain", "1.000", "0.500*"]
    (reported,) = [line for line in summary(faces).splitlines() if line.startswith("yaw_gain")]
    assert "1/2" in reported
    assert reported.endswith("b 0.500")
    (reported,) = [line for line in summary(faces).splitlines() if line.startswith("closure_mm")]
    assert "1/1" in reported


def test_results_go_between_the_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{speed.BEGIN}\nold\n{speed.END}\nafter\n", "utf-8")
    monkeypatch.setattr(speed, "README", readme)
    speed.write_readme(speed.report([SPEED], {"start_to_finish_s": 3.2}))
    text = readme.read_text("utf-8")
    assert text.startswith(f"before\n{speed.BEGIN}\nMeasured on ")
    assert text.endswith(f"{speed.END}\nafter\n")
    assert "old" not in text
    assert "| 512x512 | 110 px | 80 fps | 90 fps | 240 fps | 0.33 | 400 MB |" in text
    assert "3.2 s from start to end" in text


@pytest.mark.slow
def test_a_sheet_shows_every_look_and_a_sentence(one_subject: Subject) -> None:
    drawn = sheet(one_subject)
    row = CELL_PX + LABEL_PX
    assert drawn.shape == (LABEL_PX + 4 * row, (len(LOOKS) + 1) * CELL_PX, 3)
    cells = [
        drawn[LABEL_PX + row + LABEL_PX : LABEL_PX + 2 * row, k * CELL_PX : (k + 1) * CELL_PX].astype(int)
        for k in range(len(LOOKS) + 1)
    ]
    source, aa, mm = cells[0], cells[2], cells[6]
    assert np.abs(aa - mm).mean() > 5
    assert np.abs(source - mm).mean() > 2


@pytest.mark.slow
def test_the_speed_portrait_has_the_wanted_size() -> None:
    for size, iod_px in (((512, 512), 110), ((1280, 720), 110)):
        image = speed.portrait(size)
        assert (image.width, image.height) == size
        found = Subject.of("astronaut", image)
        assert found is not None
        assert found.face.iod_px == pytest.approx(iod_px, rel=0.04)


def test_the_spoken_file_is_as_long_as_requested(tmp_path: Path) -> None:
    from lipsmith.media.decode import open_audio

    assert open_audio(speed.audio_file(tmp_path, 7.5)).duration_s == pytest.approx(7.5, abs=1e-3)
    assert speed.portrait_file(tmp_path, (64, 64)).is_file()


def test_strips_show_the_source_and_every_shape_of_the_mouth(one_subject: Subject) -> None:
    mouths, corners = teeth_strip(one_subject), corner_strip(one_subject)
    names = ["source", *MOUTH_LOOKS]
    assert [name for row in mouths for _, name in row] == names
    assert [name for row in corners for _, name in row] == names * 2
    assert max(len(row) for row in mouths + corners) == PER_ROW
    assert corners[0][0][0].shape == (CORNER_PX, CORNER_PX, 3)
    shown = {name: pixels for row in mouths for pixels, name in row}
    assert np.abs(shown["wide .26"].astype(int) - shown["closed"]).mean() > 3.0
