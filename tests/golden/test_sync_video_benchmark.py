"""Tables of the clip benchmark, and its strips, on made-up numbers and frames."""

from __future__ import annotations

import numpy as np
from benchmarks import sync_strip, sync_video

from lipsmith.media.colour import BT709, Colour

COLOUR = Colour(matrix=BT709, primaries=BT709, transfer=BT709, full_range=False)


def test_the_table_names_the_worst_case_of_each_measure() -> None:
    got = {
        "a / words / lite": {"aperture_r": 0.97, "outside_px": 0.0, "flicker": None},
        "b / words / lite": {"aperture_r": 0.91, "outside_px": 17.0, "flicker": 1.0},
    }
    lines = sync_video.report(got, {"ratio_lite": 0.29, "alone_fps_lite": 140.0}, ["c / words / lite: no_face"])
    assert "| 1/2 | 0.94 | 0.91 (b / words / lite) |" in lines
    assert "| 0–0 | 1/2 | 8.5 | 17 (b / words / lite) |" in lines
    assert "| 0–1.1 | 1/1 | 1 | 1 (b / words / lite) |" in lines
    assert "| ≥ 0.3 | **missed** | 0.29 | |" in lines
    assert "- alone_fps_lite: 140" in lines
    assert lines.endswith("- c / words / lite: no_face")


def test_a_cell_shows_what_lies_around_the_mouth_even_at_the_edge() -> None:
    planes = np.full((240, 200), 128, np.uint8)
    planes[:80] = 40
    cell = sync_strip.around(planes, np.array([100.0, 80.0]), 40.0, 1.0, COLOUR)
    assert cell.shape == (sync_strip.CELL_PX[1], sync_strip.CELL_PX[0], 3)
    assert cell[10].mean() < 50 < 100 < cell[-10].mean()
    cut = sync_strip.around(planes, np.array([198.0, 158.0]), 40.0, 1.0, COLOUR)
    assert cut.shape == cell.shape
    assert cut.min() > 100


def test_rows_that_are_not_full_end_in_paper() -> None:
    cell = np.zeros((30, sync_strip.CELL_PX[0], 3), np.uint8)
    row = sync_strip.joined([cell] * 3)
    assert row.shape == (30, sync_strip.PER_ROW * sync_strip.CELL_PX[0], 3)
    assert not row[:, : 3 * sync_strip.CELL_PX[0]].any()
    assert (row[:, 3 * sync_strip.CELL_PX[0] :] == 255).all()
