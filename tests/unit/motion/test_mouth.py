from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.motion.mouth import MOUTH_CHANNELS, mouth_channels
from lipsmith.speech.visemes import VISEMES, Phone, Speech, row_count, viseme_rows

PHONE_S = 0.09


def spoken(symbols: str, phone_s: float = PHONE_S, openness: NDArray[np.float32] | None = None) -> Speech:
    """One phone for each symbol between blanks; ``_`` is a pause."""
    phones = [
        Phone(symbol=symbol.strip("_"), start_s=k * phone_s, end_s=(k + 1) * phone_s)
        for k, symbol in enumerate(symbols.split())
    ]
    duration_s = phones[-1].end_s
    rows = viseme_rows(phones, duration_s)
    return Speech(
        visemes=rows,
        openness=openness,
        loudness=(1.0 - rows[:, 0]).astype(np.float32),
        pitch_hz=np.where(rows[:, 0] < 0.5, 120.0, 0.0).astype(np.float32),
        duration_s=duration_s,
    )


def moved(speech: Speech, fps: int = 100) -> dict[str, NDArray[np.float64]]:
    return mouth_channels(speech, fps=Fraction(fps), frames=int(np.ceil(speech.duration_s * fps)))


def middle(curve: NDArray[np.float64], phone: int, phone_s: float = PHONE_S) -> float:
    """The curve at the middle of a phone, at 100 fps."""
    return float(curve[round((phone + 0.5) * phone_s * 100)])


@pytest.mark.parametrize("fps", [10, 24, 25, 30, 60])
@pytest.mark.parametrize("closed", ["p", "b", "m"])
def test_a_short_closure_survives_to_a_frame(closed: str, fps: int) -> None:
    # 50 ms of closure between wide vowels, at every phase against the frames.
    for lead in range(8):
        vowels = " ".join(["a"] * 4)
        speech = spoken(f"{'_ ' * 6}{vowels} {closed} {vowels}", phone_s=0.05 + 0.0025 * lead)
        curve = moved(speech, fps)["aperture"]
        at_s = 10.5 * (0.05 + 0.0025 * lead)
        near = np.abs((np.arange(len(curve)) + 0.5) / fps - at_s) <= max(0.06, 0.75 / fps)
        assert curve[near].min() <= 0.02


def test_lips_are_pressed_while_they_are_shut_and_not_in_vowels() -> None:
    channels = moved(spoken("a a m a a"))
    assert middle(channels["press"], 2) > 0.8
    assert middle(channels["press"], 0) < 0.05
    held_s = (channels["press"] > 0.5).sum() / 100
    assert 0.07 <= held_s <= 0.13


@pytest.mark.parametrize(
    ("channel", "phone", "least"),
    [("pucker", "u", 0.85), ("pucker", "ʃ", 0.4), ("tuck", "f", 0.8), ("tongue", "θ", 0.8), ("tongue", "l", 0.55)],
)
def test_each_viseme_has_its_own_look(channel: str, phone: str, least: float) -> None:
    channels = moved(spoken(f"a a {phone} {phone} a a"))
    assert middle(channels[channel], 2) > least
    assert middle(channels[channel], 0) < 0.1


def test_wide_and_rounded_vowels_differ_in_width() -> None:
    assert middle(moved(spoken("i i i"))["width"], 1) > 0.06
    assert middle(moved(spoken("u u u"))["width"], 1) < -0.15


def test_open_vowels_open_further_than_close_ones() -> None:
    open_iod, middle_iod, close_iod = (middle(moved(spoken(f"{v} {v} {v}"))["aperture"], 1) for v in "aɛu")
    assert open_iod > middle_iod > close_iod > 0.04
    assert open_iod <= 0.32


def test_rounding_is_prepared_before_the_vowel() -> None:
    pucker = moved(spoken("a a s t u u"))["pucker"]
    assert pucker[round(4 * PHONE_S * 100) - 5] > 0.4


def test_lips_are_no_faster_than_lips() -> None:
    aperture = moved(spoken("p a p a p a m a t a b a"))["aperture"]
    steps = np.diff(aperture) * 100
    assert 1.0 < steps.max() <= 2.61  # IOD a second
    assert -1.0 > steps.min() >= -3.01


def test_the_mouth_is_wholly_at_rest_before_and_after_speech() -> None:
    channels = moved(spoken("_ _ _ _ _ _ a l o _ _ _ _ _ _"))
    for name in MOUTH_CHANNELS:
        assert not channels[name][:30].any(), name
        assert np.abs(channels[name][-10:]).max() < 1e-6, name


@pytest.mark.parametrize("pause_s", [0.20, 0.30, 0.60, 1.20])
def test_a_pause_of_a_fifth_of_a_second_shuts_the_lips_and_a_shorter_one_does_not(pause_s: float) -> None:
    pauses = [
        Phone(symbol="a", start_s=0.0, end_s=0.4),
        Phone(symbol="", start_s=0.4, end_s=0.4 + pause_s),
        Phone(symbol="a", start_s=0.4 + pause_s, end_s=0.8 + pause_s),
    ]
    rows = viseme_rows(pauses, 0.8 + pause_s)
    silence = rows[:, 0]
    speech = Speech(
        visemes=rows,
        openness=None,
        loudness=(1.0 - silence).astype(np.float32),
        pitch_hz=np.zeros(len(rows), np.float32),
        duration_s=0.8 + pause_s,
    )
    aperture = moved(speech)["aperture"]
    assert aperture[round((0.4 + pause_s / 2) * 100)] == 0.0
    short = moved(spoken("a a a _ a a a", phone_s=0.14))["aperture"]
    assert short[round(3.5 * 0.14 * 100)] > 0.03


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_lips_take_two_frames_to_meet_and_to_part(fps: int) -> None:
    speech = spoken("a p a b a m a p a f a _ _ _ _ a p a")
    frames = round(speech.duration_s * fps)
    aperture = mouth_channels(speech, fps=Fraction(fps), frames=frames)["aperture"]
    assert (aperture < 0.005).any()
    assert np.abs(np.diff(aperture)).max() <= 1.9 / fps + 1e-9


def test_the_smile_eases_while_speaking() -> None:
    smile = moved(spoken("_ " * 10 + "a t a t a t a t a t " + "_ " * 10))["smile"]
    assert smile[0] == 1.0
    assert smile[round(15 * PHONE_S * 100)] == pytest.approx(0.45)
    assert smile[-1] == pytest.approx(1.0)
    assert np.abs(np.diff(smile)).max() < 0.04


def test_recognized_openness_drives_the_lips_where_there_is_one() -> None:
    rows = row_count(20 * PHONE_S)
    openness = (0.5 - 0.5 * np.cos(2 * np.pi * 3 * np.arange(rows) * 0.02)).astype(np.float32)
    aperture = moved(spoken("a " * 20, openness=openness))["aperture"]
    expected = np.interp(np.arange(len(aperture)) / 100, np.arange(rows) * 0.02, openness)
    assert np.corrcoef(aperture, expected)[0, 1] > 0.98
    assert 0.20 <= aperture.max() <= 0.27


def test_a_video_longer_than_its_phone_ends_at_rest() -> None:
    channels = mouth_channels(spoken("a a a"), fps=Fraction(25), frames=50)
    assert channels["aperture"][-1] == 0.0
    assert len(channels["aperture"]) == 50


def test_one_frame_is_enough() -> None:
    assert all(len(curve) == 1 for curve in mouth_channels(spoken("a"), fps=Fraction(25), frames=1).values())


def test_true_lips_drive_opening_and_width_where_they_are_known() -> None:
    rows = row_count(20 * PHONE_S)
    swing = (0.5 - 0.5 * np.cos(2 * np.pi * 2 * np.arange(rows) * 0.02)).astype(np.float32)
    speech = replace(spoken("a " * 20, openness=swing), width=0.4 * swing - 0.2)
    channels = moved(speech)
    expected = np.interp(np.arange(len(channels["aperture"])) / 100, np.arange(rows) * 0.02, swing)
    assert np.corrcoef(channels["aperture"], expected)[0, 1] > 0.97
    assert np.corrcoef(channels["width"], expected)[0, 1] > 0.99
    assert 0.25 <= channels["aperture"].max() <= 0.32
    assert 0.05 <= channels["width"].max() <= 0.10


def test_true_lips_are_still_held_shut_for_p_b_and_m() -> None:
    speech = spoken("a a a p a a a")
    speech = replace(
        speech, openness=np.full(len(speech.visemes), 0.8, np.float32), width=np.zeros(len(speech.visemes), np.float32)
    )
    aperture = moved(speech, 25)["aperture"]
    assert aperture[round(3.5 * PHONE_S * 25) - 1 : round(3.5 * PHONE_S * 25) + 2].min() <= 0.02
    assert aperture[3] > 0.15


@pytest.mark.parametrize("vowel", ["a", "i", "u"])
@pytest.mark.parametrize("vowel_s", [0.04, 0.06, 0.08])
def test_a_short_vowel_between_closures_opens_and_both_closures_stay(vowel: str, vowel_s: float) -> None:
    for lead_s in np.arange(0.0, 0.04, 0.005):
        lengths_s = [0.3 + lead_s, 0.1, 0.09, vowel_s, 0.09, 0.1, 0.4]
        edges_s = np.concatenate([[0.0], np.cumsum(lengths_s)])
        symbols = ["", "a", "p", vowel, "p", "a", ""]
        phones = [
            Phone(symbol=symbol, start_s=float(start_s), end_s=float(end_s))
            for symbol, (start_s, end_s) in zip(symbols, pairwise(edges_s), strict=True)
        ]
        speech = replace(spoken("a"), visemes=viseme_rows(phones, float(edges_s[-1])), duration_s=float(edges_s[-1]))
        silent = speech.visemes[:, 0] > 0.5
        speech = replace(speech, loudness=np.where(silent, 0.0, 0.8).astype(np.float32))
        aperture, times_s = moved(speech, 25)["aperture"], np.arange(round(edges_s[-1] * 25)) / 25
        aperture = aperture[: len(times_s)]
        inside = (times_s >= edges_s[3] - 0.02) & (times_s <= edges_s[4] + 0.04)
        assert aperture[inside].max() >= 0.06
        for place in (2, 4):
            near = (times_s >= edges_s[place] - 0.03) & (times_s <= edges_s[place + 1] + 0.03)
            assert aperture[near].min() <= 0.01


def test_lips_that_shut_last_stay_shut() -> None:
    aperture = moved(spoken("_ _ _ _ a a m _ _ _ _ _ _ _ _"))["aperture"]
    assert aperture[round(5 * PHONE_S * 100)] > 0.1
    assert aperture[round(6.4 * PHONE_S * 100) :].max() < 0.005


def test_lips_that_shut_first_have_not_parted_before() -> None:
    aperture = moved(spoken("_ _ _ _ m a a _ _ _ _ _ _ _ _"))["aperture"]
    assert aperture[: round(4.9 * PHONE_S * 100)].max() < 0.005
    assert aperture.max() > 0.1


def fitted(symbols: str, openness: float) -> Speech:
    speech = spoken(symbols)
    rows = len(speech.visemes)
    return replace(speech, openness=np.full(rows, openness, np.float32), width=np.zeros(rows, np.float32))


def test_true_lips_part_little_until_shortly_before_they_speak() -> None:
    aperture = moved(fitted("_ " * 10 + "a a a " + "_ " * 10, 0.5))["aperture"]
    start = round(10 * PHONE_S * 100)
    assert aperture[: start - 65].max() < 0.005
    assert 0.02 < aperture[start - 65 : start - 16].max() < 0.09
    assert aperture[start] > 0.1


def test_a_breath_is_no_speech() -> None:
    speech = fitted("_ " * 20 + "a a a " + "_ " * 10, 0.5)
    breath = speech.visemes.copy()
    breath[30:33] = np.eye(15, dtype=np.float32)[VISEMES.index("kk")]
    np.testing.assert_array_equal(moved(replace(speech, visemes=breath))["aperture"], moved(speech)["aperture"])


@pytest.mark.parametrize(("phone", "most"), [("f", 0.06), ("u", 0.085), ("s", 0.17)])
def test_lips_on_teeth_and_round_ones_stay_small(phone: str, most: float) -> None:
    aperture = moved(fitted(f"a a {phone} {phone} a a", 0.8))["aperture"]
    assert middle(aperture, 0) > 0.2
    assert 0.03 < aperture[round(3 * PHONE_S * 100)] <= most


@pytest.mark.parametrize(("phone", "least"), [("f", 0.02), ("u", 0.02), ("s", 0.04)])
def test_only_closures_shut_the_lips(phone: str, least: float) -> None:
    aperture = moved(fitted(f"a a {phone} {phone} a a", 0.0))["aperture"]
    assert aperture[round(3 * PHONE_S * 100)] >= least


def test_an_audible_breath_is_rest() -> None:
    speech = fitted("_ " * 20 + "a a a " + "_ " * 10, 0.5)
    loudness = speech.loudness.copy()
    loudness[40:60] = 0.3
    aperture = moved(replace(speech, loudness=loudness))["aperture"]
    assert aperture[: round(20 * PHONE_S * 100) - 65].max() < 0.005


def test_the_tongue_has_room_between_the_teeth() -> None:
    assert moved(fitted("a a θ θ a a", 0.1))["aperture"][round(3 * PHONE_S * 100)] > 0.09


@pytest.mark.parametrize(
    ("channel", "phone", "least"), [("tuck", "f", 0.75), ("tongue", "θ", 0.75), ("press", "m", 0.8)]
)
def test_short_phones_still_have_their_look(channel: str, phone: str, least: float) -> None:
    assert moved(spoken(f"a a {phone} a a", phone_s=0.06))[channel].max() > least


def test_the_tongue_stays_behind_the_teeth_but_for_th() -> None:
    assert moved(spoken("a a l l n n d d a a"))["tongue"].max() <= 0.61


def test_the_jaw_is_slower_than_the_lips() -> None:
    channels = moved(spoken("a p a p a p a p a"))
    jaw = channels["aperture"] + channels["jaw"]
    assert np.abs(np.diff(jaw)).max() < 0.6 * np.abs(np.diff(channels["aperture"])).max()
    assert middle(channels["jaw"], 3) > 0.015  # the lips are shut, the jaw stays lowered
    assert middle(channels["jaw"], 4) < -0.01
    assert np.abs(moved(spoken("_ " * 10))["jaw"]).max() == 0.0
