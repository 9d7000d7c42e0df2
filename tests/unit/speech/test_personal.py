"""Personal styles: learning from lips, refusals, and the style file.

The person is made by code: a synthesizer speaks, and the lips follow its known phones in their own style.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsmith.engines import registry
from lipsmith.engines.net_reader import NetReader
from lipsmith.errors import InvalidStyle, StyleNotLearnt
from lipsmith.media.decode import MemoryAudio
from lipsmith.motion.mouth import mouth_channels
from lipsmith.speech.personal import (
    Footage,
    LearnedStyle,
    PersonalStyle,
    learn_personal_style,
    read_personal_style,
)
from lipsmith.speech.visemes import HOP_S, VISEMES, LipRange
from lipsmith.synthesis.contract import SynthesizedSpeech

F64 = NDArray[np.float64]

LEARNT = (
    "My father bought a new boat, so we show it to all our people. Who would want more than one warm summer by the sea?"
)
JUDGED = (
    "Show me the tall house, please. Her mother knows how few of us were there before noon, and nobody may own a home."
)

# A speaker with far more lip rounding than usual, and hardly any opening for a.
OWN_APERTURE = dict.fromkeys(VISEMES, 0.10) | {"sil": 0.03, "PP": 0.0, "FF": 0.02, "aa": 0.12, "oh": 0.30, "ou": 0.24}
OWN_WIDTH = dict.fromkeys(VISEMES, 0.80) | {"oh": 0.62, "ou": 0.60, "ih": 0.95, "E": 0.90}


def lips_of(spoken: SynthesizedSpeech, later_s: float = 0.0) -> tuple[F64, F64, F64]:
    """Times at 25 fps, aperture and width of the person who says it."""
    times_s = np.arange(int(spoken.audio.duration_s * 25)) / 25
    rows_s = np.arange(len(spoken.speech.visemes)) * HOP_S
    curves = []
    for table in (OWN_APERTURE, OWN_WIDTH):
        rows = spoken.speech.visemes @ np.array([table[name] for name in VISEMES])
        curves.append(np.interp(times_s - later_s, rows_s, gaussian_filter1d(rows, 2.5)))
    return times_s, curves[0], curves[1]


@pytest.fixture(scope="module")
def say() -> Callable[[str], SynthesizedSpeech]:
    voice = registry.create("voice")
    return lambda text: voice.speak(text, voice="en-us+f2", rate=1.0)


@pytest.fixture(scope="module")
def reader() -> NetReader:
    return NetReader()


def footage(spoken: SynthesizedSpeech, reader: NetReader, later_s: float = 0.0) -> Footage:
    times_s, aperture, width = lips_of(spoken, later_s)
    return Footage(reading=reader.reading(spoken.audio), times_s=times_s, aperture_iod=aperture, width_iod=width)


@pytest.fixture(scope="module")
def learnt(say: Callable[[str], SynthesizedSpeech], reader: NetReader) -> LearnedStyle:
    return learn_personal_style(
        [footage(say(LEARNT), reader), footage(say(LEARNT[60:]), reader)], net=reader.fingerprint
    )


@pytest.fixture
def style(learnt: LearnedStyle) -> PersonalStyle:
    return learnt.style


@pytest.mark.slow
def test_a_person_is_followed_better_in_their_own_style(
    say: Callable[[str], SynthesizedSpeech], reader: NetReader, style: PersonalStyle
) -> None:
    spoken = say(JUDGED)
    times_s, aperture, width = lips_of(spoken)
    likeness = {}
    for name, of in (("anybody", reader), ("own", reader.with_style(style))):
        channels = mouth_channels(of.read(spoken.audio), fps=Fraction(25), frames=len(times_s))
        likeness[name] = [
            float(np.corrcoef(channels[k], true)[0, 1]) for k, true in (("aperture", aperture), ("width", width))
        ]
    assert likeness["own"][0] > likeness["anybody"][0] + 0.05
    assert likeness["own"][1] > likeness["anybody"][1] + 0.05


@pytest.mark.parametrize("wider", [0.7, 1.3])
def test_the_mouth_opens_as_far_as_theirs(
    say: Callable[[str], SynthesizedSpeech], reader: NetReader, style: PersonalStyle, wider: float
) -> None:
    spoken = say(JUDGED)
    span = style.range
    others = replace(style, range=replace(span, high_iod=span.high_iod * wider))
    frames = int(spoken.audio.duration_s * 25)
    apertures = [
        mouth_channels(reader.with_style(s).read(spoken.audio), fps=Fraction(25), frames=frames)["aperture"]
        for s in (style, others)
    ]
    high = [float(np.percentile(aperture, 95)) for aperture in apertures]
    assert high[0] == pytest.approx(span.high_iod, rel=0.2)
    assert high[1] / high[0] == pytest.approx(wider, rel=0.2)


def test_a_text_is_spoken_in_their_range_too(say: Callable[[str], SynthesizedSpeech], style: PersonalStyle) -> None:
    speech = say(JUDGED).speech
    frames = int(speech.duration_s * 25)
    small = LipRange(rest_iod=0.0, low_iod=0.0, high_iod=0.13, width_iod=0.1)
    usual, little = (
        mouth_channels(s, fps=Fraction(25), frames=frames)["aperture"]
        for s in (speech, replace(speech, lip_range=small))
    )
    assert np.percentile(little, 95) == pytest.approx(0.55 * np.percentile(usual, 95), rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("later_s", [-0.12, 0.08, 0.16])
def test_the_clips_own_offset_is_found_and_removed(
    say: Callable[[str], SynthesizedSpeech], reader: NetReader, later_s: float, style: PersonalStyle
) -> None:
    shifted = learn_personal_style([footage(say(LEARNT), reader, later_s)], net=reader.fingerprint)
    assert shifted.lags_s == (pytest.approx(-later_s, abs=0.031),)
    assert any(f"{abs(shifted.lags_s[0]) * 1000:.0f} ms" in warning for warning in shifted.warnings)
    reading = reader.reading(say(JUDGED).audio)
    ours, theirs = (s.lips(reading).aperture for s in (shifted.style, style))
    by_lag = [np.corrcoef(ours[10 + k : len(ours) - 10 + k], theirs[10:-10])[0, 1] for k in range(-5, 6)]
    assert abs(int(np.argmax(by_lag)) - 5) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("rest_iod", [0.0, 0.09])
def test_the_lips_rest_in_pauses_as_theirs_do(
    say: Callable[[str], SynthesizedSpeech], reader: NetReader, rest_iod: float
) -> None:
    spoken = say(LEARNT)
    samples = np.concatenate([block[0] for block in spoken.audio.blocks(22050, 1)])
    pause = np.zeros(2 * 22050, np.float32)
    audio = MemoryAudio(np.concatenate([samples, pause, samples])[np.newaxis], 22050)
    times_s, aperture, width = lips_of(spoken)
    pause_s = spoken.audio.duration_s + np.arange(50) / 25
    recording = Footage(
        reading=reader.reading(audio),
        times_s=np.concatenate([times_s, pause_s, times_s + pause_s[-1] + 0.04]),
        aperture_iod=np.concatenate([aperture, np.full(50, rest_iod), aperture]),
        width_iod=np.concatenate([width, np.full(50, 0.8), width]),
    )
    style = learn_personal_style([recording], net=reader.fingerprint).style
    frames = int(audio.duration_s * 25)
    shown = mouth_channels(reader.with_style(style).read(audio), fps=Fraction(25), frames=frames)["aperture"]
    middle = round((spoken.audio.duration_s + 1.0) * 25)
    assert shown[middle - 6 : middle + 6].mean() == pytest.approx(rest_iod, abs=0.03)


def test_who_was_never_seen_silent_shuts_the_mouth_as_others_do(
    say: Callable[[str], SynthesizedSpeech], reader: NetReader, style: PersonalStyle
) -> None:
    samples = np.concatenate([block[0] for block in say(LEARNT).audio.blocks(22050, 1)])
    reading = reader.reading(MemoryAudio(np.append(samples, np.zeros(22050, np.float32))[np.newaxis], 22050))
    wide_open = replace(style, weights=np.zeros_like(style.weights), bias=np.ones(2))
    never_silent, silent = (replace(wide_open, quiet_s=seconds).lips(reading).aperture for seconds in (0.0, 5.0))
    np.testing.assert_allclose(silent, 1.0)
    np.testing.assert_allclose(never_silent[-35:-10], reading.lips.aperture[-35:-10], atol=0.1)
    assert np.median(never_silent[20:-60]) > 0.9


def test_what_was_learnt_is_reported(learnt: LearnedStyle, style: PersonalStyle) -> None:
    assert max(abs(lag_s) for lag_s in learnt.lags_s) <= 0.03
    assert learnt.r_after > learnt.r_before
    assert style.seconds == pytest.approx(9.5, abs=2.0)
    assert any("15 s or more" in warning for warning in learnt.warnings)
    assert style.range.high_iod == pytest.approx(0.24, abs=0.05)


def test_lips_that_do_not_belong_to_the_audio_teach_nothing(
    say: Callable[[str], SynthesizedSpeech], reader: NetReader
) -> None:
    recording = footage(say(LEARNT + JUDGED), reader)
    wandering = recording.aperture_iod[::-1].copy()
    with pytest.raises(StyleNotLearnt, match="do not clearly follow the audio"):
        learn_personal_style([replace(recording, aperture_iod=wandering)], net=reader.fingerprint)


def test_too_little_teaches_nothing(say: Callable[[str], SynthesizedSpeech], reader: NetReader) -> None:
    recording = footage(say(LEARNT), reader)
    short = {name: getattr(recording, name)[:60] for name in ("times_s", "aperture_iod", "width_iod")}
    with pytest.raises(StyleNotLearnt, match=r"Only 2\.\d s"):
        learn_personal_style([replace(recording, **short)], net=reader.fingerprint)
    with pytest.raises(StyleNotLearnt, match=r"Only 0\.0 s"):
        learn_personal_style(
            [replace(recording, times_s=recording.times_s[:1], aperture_iod=recording.aperture_iod[:1])], net=""
        )


def test_frames_without_the_face_do_not_count(say: Callable[[str], SynthesizedSpeech], reader: NetReader) -> None:
    recording = footage(say(LEARNT), reader)
    seen = np.ones(len(recording.times_s), dtype=bool)
    seen[20:60] = False
    away = {name: getattr(recording, name)[seen] for name in ("times_s", "aperture_iod", "width_iod")}
    got = learn_personal_style([replace(recording, **away)], net=reader.fingerprint).style.seconds
    assert got == pytest.approx(recording.times_s[-1] - 41 / 25, abs=0.1)


def test_a_long_audio_is_read_like_its_parts(
    style: PersonalStyle, say: Callable[[str], SynthesizedSpeech], reader: NetReader
) -> None:
    reading = reader.reading(say(LEARNT).audio)
    times = 9
    long = replace(
        reading,
        net=replace(
            reading.net,
            visemes=np.tile(reading.net.visemes, (times, 1)),
            hidden=np.tile(reading.net.hidden, (times, 1)),
        ),
        loudness=np.tile(reading.loudness, times),
        lips=replace(
            reading.lips, aperture=np.tile(reading.lips.aperture, times), width=np.tile(reading.lips.width, times)
        ),
    )
    rows = len(reading.loudness)
    assert rows * times > 3000
    once, often = style.lips(reading).aperture, style.lips(long).aperture
    for k in range(times):
        np.testing.assert_allclose(often[k * rows + 40 : (k + 1) * rows - 40], once[40:-40], atol=1e-4)


def test_the_file_gives_back_what_was_written(tmp_path: Path, style: PersonalStyle) -> None:
    (tmp_path / "me.style").write_text(style.to_json())
    again = read_personal_style(tmp_path / "me.style")
    np.testing.assert_allclose(again.weights, style.weights, rtol=1e-5)
    np.testing.assert_allclose(again.bias, style.bias, atol=1e-6)
    assert (again.net, again.seconds) == (style.net, style.seconds)
    assert again.range.high_iod == pytest.approx(style.range.high_iod, abs=1e-5)


def changed(**values: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda data: data | values


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (changed(format="playlist"), "format field"),
        (changed(version=2), "version is 2"),
        (changed(net=None), "range or the net is missing"),
        (changed(range=[1, 2]), "range or the net is missing"),
        (
            changed(range={"rest_iod": 0, "rest_share": 1, "low_iod": 0.3, "high_iod": 0.2, "width_iod": 0.1}),
            "from 0.3 to 0.2 IOD",
        ),
        (changed(range={"rest_iod": 0, "low_iod": 0, "high_iod": 0.2}), "a number is missing"),
        (
            changed(range={"rest_iod": 0, "rest_share": 1.1, "low_iod": 0, "high_iod": 0.2, "width_iod": 0.1}),
            "implausible",
        ),
        (changed(bias=[0.0]), "a number is missing"),
        (changed(bias=[0.0, float("nan")]), "not finite"),
        (changed(bias=[0.0, 1e9]), "implausibly large"),
        (changed(weights=[[0, 0]]), "a number is missing"),
        (changed(weights="x" * 40), "a number is missing"),
        (changed(seconds={}), "a number is missing"),
        (lambda data: [data], "format field"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, style: PersonalStyle, change: Callable[[dict[str, Any]], object], why: str
) -> None:
    path = tmp_path / "me.style"
    path.write_text(style.to_json())
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(InvalidStyle, match=why):
        read_personal_style(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x81", b"[" * 100_000, b"{}" + b" " * 1_000_000])
def test_files_that_are_no_json_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "me.style"
    path.write_bytes(content)
    with pytest.raises(InvalidStyle, match=r"me\.style"):
        read_personal_style(path)
    with pytest.raises(InvalidStyle, match="cannot be read"):
        read_personal_style(tmp_path / "none.style")


def test_a_style_of_another_net_is_refused(style: PersonalStyle, reader: NetReader) -> None:
    with pytest.raises(InvalidStyle, match="another version of the speech net"):
        reader.with_style(replace(style, net="0" * 16))
