from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsmith.errors import InvalidOption, WindowOutOfRange
from lipsmith.media.timeline import (
    DURATION_MODES,
    FramePlan,
    check_fps,
    check_window,
    fit_size,
    frame_count,
    frames_to_seconds,
    seconds_to_samples,
    thin_out,
)

rates = st.fractions(min_value=Fraction(1, 10), max_value=60, max_denominator=1001)
seconds = st.floats(min_value=0, max_value=4000, allow_nan=False)


@given(st.integers(0, 200_000), rates)
def test_a_frame_survives_the_way_to_seconds_and_back(frame: int, fps: Fraction) -> None:
    assert round(Fraction(frames_to_seconds(frame, fps)) * fps) == frame


@given(seconds, st.integers(4_000, 384_000))
def test_samples_lie_within_half_a_sample_of_their_time(time_s: float, rate_hz: int) -> None:
    assert abs(Fraction(seconds_to_samples(time_s, rate_hz)) - Fraction(time_s) * rate_hz) <= Fraction(1, 2)


@given(seconds, rates)
def test_a_video_covers_its_audio_by_less_than_a_frame(duration_s: float, fps: Fraction) -> None:
    frames = frame_count(duration_s, fps)
    assert frames >= 1
    assert frames_to_seconds(frames, fps) >= duration_s - 1e-5
    assert frames == 1 or frames_to_seconds(frames - 1, fps) < duration_s + 1e-5


@pytest.mark.parametrize(
    ("duration_s", "fps", "frames"),
    [
        (0.1, 30, 3),
        (5.0, 25, 125),
        (5.0001, 25, 126),
        (0.2, 25, 5),
        (0.001, 25, 1),
        (10.01, Fraction(30000, 1001), 300),
    ],
)
def test_frame_counts_written_out(duration_s: float, fps: int | Fraction, frames: int) -> None:
    assert frame_count(duration_s, Fraction(fps)) == frames


def test_halves_go_up() -> None:
    assert [seconds_to_samples(half, 1) for half in (0.5, 1.5, 2.5)] == [1, 2, 3]
    assert seconds_to_samples(0.00003125, 48_000) == 2  # 1.5 samples


def test_audio_stays_with_frames_for_hours_at_a_broadcast_rate() -> None:
    four_hours_frames = 4 * 3600 * 30
    assert seconds_to_samples(four_hours_frames / Fraction(30000, 1001), 48_000) == 691_891_200


@pytest.mark.parametrize(
    ("given_fps", "expected"),
    [
        (25, Fraction(25)),
        (25.0, Fraction(25)),
        ("30000/1001", Fraction(30000, 1001)),
        (29.97, Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (30, Fraction(30)),
        (12.5, Fraction(25, 2)),
        (60, Fraction(60)),
    ],
)
def test_fps_becomes_an_exact_fraction(given_fps: float | str, expected: Fraction) -> None:
    assert check_fps(given_fps) == expected


@pytest.mark.parametrize("fps", [0, -1, 60.01, 1000, math.nan, math.inf, "fast", "1/0", 1e-9, ""])
def test_fps_out_of_range(fps: float | str) -> None:
    with pytest.raises(InvalidOption, match="frame rate"):
        check_fps(fps)


def test_a_window_that_fits() -> None:
    assert check_window(None, None, 5.0) == (0.0, 5.0)
    assert check_window(1.5, 4, 5.0) == (1.5, 4.0)
    assert check_window(1, None) == (1.0, math.inf)


def test_a_window_may_end_a_breath_after_the_audio() -> None:
    assert check_window(0, 5.14, 5.1387) == (0.0, 5.1387)


@pytest.mark.parametrize(
    ("start_s", "end_s", "says"),
    [
        (-0.1, None, "start of the window is -0.1"),
        (math.nan, None, "start of the window is nan"),
        (math.inf, None, "start of the window is inf"),
        (None, math.nan, "end of the window is nan"),
        (None, -1, "end of the window is -1"),
        (2, 2, "not after its start"),
        (3, 1, "not after its start"),
        (None, 0, "not after its start"),
        (5, None, "audio ends at 5.000 s"),
        (7, 9, "audio ends at 5.000 s"),
        (0, 5.2, "audio ends at 5.000 s"),
    ],
)
def test_a_window_out_of_range(start_s: float | None, end_s: float | None, says: str) -> None:
    with pytest.raises(WindowOutOfRange, match=says):
        check_window(start_s, end_s, 5.0)


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        ((512, 512), None, (512, 512)),
        ((511, 333), None, (510, 332)),
        ((4200, 5248), 1080, (864, 1080)),
        ((910, 1137), 640, (512, 640)),
        ((512, 512), 4000, (512, 512)),
        ((300, 1800), 100, (16, 100)),
        ((1920, 1080), 1281, (1280, 720)),
        ((2000, 100), 10, (10, 2)),
    ],
)
def test_sizes_written_out(size: tuple[int, int], limit: int | None, expected: tuple[int, int]) -> None:
    assert fit_size(*size, limit) == expected


@given(st.integers(2, 8000), st.integers(2, 8000), st.none() | st.integers(2, 9000))
def test_a_size_is_even_never_enlarged_and_keeps_its_aspect(width: int, height: int, limit: int | None) -> None:
    fitted = fit_size(width, height, limit)
    allowed = max(width, height) if limit is None else min(limit, max(width, height))
    assert all(side % 2 == 0 and side >= 2 for side in fitted)
    assert max(fitted) <= allowed
    assert fitted[0] <= width
    assert fitted[1] <= height
    scale = allowed / max(width, height)
    assert all(abs(side - whole * scale) <= 2 for side, whole in zip(fitted, (width, height), strict=True))


def test_no_frame_smaller_than_one_colour_sample() -> None:
    with pytest.raises(InvalidOption, match="at least 2"):
        fit_size(512, 512, 1)


FIVE = [Fraction(1, 25)] * 5
UNEVEN = [Fraction(1, 25), Fraction(1, 10), Fraction(1, 30)]


@pytest.mark.parametrize(
    ("mode", "audio_s", "sources"),
    [
        ("silence", 0.1, [0, 1, 2, 3, 4]),
        ("silence", 0.5, [0, 1, 2, 3, 4]),
        ("cut", 0.1, [0, 1, 2]),
        ("cut", 0.12, [0, 1, 2]),
        ("cut", 0.5, [0, 1, 2, 3, 4]),
        ("loop", 0.1, [0, 1, 2]),
        ("loop", 0.5, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2]),
        ("bounce", 0.5, [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4]),
        ("hold", 0.1, [0, 1, 2]),
        ("hold", 0.3, [0, 1, 2, 3, 4, 4, 4, 4]),
    ],
)
def test_which_frame_is_shown(mode: str, audio_s: float, sources: list[int]) -> None:
    plan = FramePlan(durations_s=FIVE, audio_s=audio_s, mode=mode)  # type: ignore[arg-type]
    assert [shown.source for shown in plan] == sources
    assert [shown.time_s for shown in plan] == [Fraction(n, 25) for n in range(len(sources))]
    assert len(plan) == len(sources)


@given(st.sampled_from(DURATION_MODES), st.floats(0.001, 5), st.integers(1, 3))
def test_frames_follow_without_gaps_each_for_its_own_time(mode: str, audio_s: float, count: int) -> None:
    plan = FramePlan(durations_s=UNEVEN[:count], audio_s=audio_s, mode=mode)  # type: ignore[arg-type]
    shown = list(plan)
    now = Fraction(0)
    for n, image in enumerate(shown):
        assert image.time_s == now
        if mode != "hold" or n < count:
            assert image.duration_s == UNEVEN[image.source]
        now += image.duration_s
    assert now == plan.duration_s
    if mode == "silence":
        assert now == sum(UNEVEN[:count])
    elif mode == "cut":
        assert now <= sum(UNEVEN[:count])
    else:
        assert now >= Fraction(audio_s) - Fraction(1, 100_000)
    if mode != "silence":
        assert shown[-1].time_s < audio_s


def test_a_length_mode_that_is_not_known() -> None:
    with pytest.raises(InvalidOption, match="Unknown duration mode 'stretch'"):
        FramePlan(durations_s=FIVE, audio_s=1.0, mode="stretch")  # type: ignore[arg-type]


@pytest.mark.slow
@given(st.fractions(10, 120, max_denominator=1001), st.fractions(1, 60, max_denominator=1001), st.integers(2, 300))
def test_thinning_out_keeps_to_the_rate(fps: Fraction, max_fps: Fraction, count: int) -> None:
    time_base = Fraction(1, 90_000)
    ticks = np.array([round(n / fps / time_base) for n in range(count)], np.int64)
    kept = ticks[thin_out(ticks, time_base, max_fps)]
    assert kept[0] == ticks[0]
    if fps <= max_fps:
        assert len(kept) == count
    else:
        span_s = float((kept[-1] - kept[0]) * time_base)
        assert len(kept) - 1 <= span_s * float(max_fps) * 1.006 + 0.5
        longest = float(np.diff(kept).max() * time_base) if len(kept) > 1 else 0.0
        assert longest <= 1 / float(max_fps) + 1.01 / float(fps)
