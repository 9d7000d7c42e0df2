from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_makers import colour_image, rms_db, save_audio, save_clip, tone, whole

from lipsmith.errors import InvalidAudio, SilentAudio, WindowOutOfRange
from lipsmith.media.clip import F32, Audio
from lipsmith.media.decode import FileAudio, MemoryAudio, open_audio


def noise(duration_s: float, rate_hz: int = 22_050, channels: int = 1, seed: int = 3) -> F32:
    count = round(duration_s * rate_hz)
    return np.random.default_rng(seed).uniform(-0.4, 0.4, (channels, count)).astype(np.float32)


@pytest.fixture(params=["file", "memory"])
def as_audio(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """Makes a `Audio` of samples, once through a file and once in memory: both keep the same promises."""

    def make(samples: F32, rate_hz: int = 22_050) -> FileAudio | MemoryAudio:
        if request.param == "memory":
            return MemoryAudio(samples, rate_hz)
        return open_audio(save_audio(tmp_path / "audio.wav", samples, rate_hz))

    return make


def test_samples_come_out_as_they_went_in(as_audio) -> None:
    samples = noise(1.7, channels=2)
    audio: Audio = as_audio(samples)
    assert audio.channels == 2
    assert audio.duration_s == samples.shape[1] / 22_050
    np.testing.assert_array_equal(whole(audio.blocks(22_050, 2)), samples)


def test_audio_can_be_played_again(as_audio) -> None:
    audio = as_audio(noise(0.9))
    np.testing.assert_array_equal(whole(audio.blocks(16_000, 1)), whole(audio.blocks(16_000, 1)))


def test_two_players_do_not_disturb_each_other(as_audio) -> None:
    audio = as_audio(noise(2.0))
    pairs = list(zip(audio.blocks(22_050, 1), audio.blocks(22_050, 1), strict=True))
    assert len(pairs) > 1
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_another_rate_keeps_length_level_and_place(as_audio, rate_hz: int) -> None:
    samples = tone(1.37, level=0.3)
    samples[:, :11_025] = 0  # silent for the first half second
    played = whole(as_audio(samples).blocks(rate_hz, 1))
    assert played.shape == (1, round(samples.shape[1] * rate_hz / 22_050))
    assert played.dtype == np.float32
    half_s = rate_hz // 2
    edge = rate_hz // 100
    assert np.abs(played[0, : half_s - edge]).max() < 0.002
    assert rms_db(played[:, half_s + edge : -edge]) == pytest.approx(rms_db(samples[:, 12_000:-300]), abs=0.02)


def test_one_channel_requested_twice_is_the_same_twice(as_audio) -> None:
    samples = noise(0.3)
    np.testing.assert_array_equal(whole(as_audio(samples).blocks(22_050, 2)), samples.repeat(2, axis=0))


def test_mono_is_the_mean_of_two(as_audio) -> None:
    samples = noise(0.5, channels=2)
    np.testing.assert_allclose(whole(as_audio(samples).blocks(22_050, 1))[0], samples.mean(axis=0), atol=1e-7)


def test_channels_that_cancel_are_not_mixed(as_audio) -> None:
    voice = noise(0.5)
    samples = np.concatenate([voice * 0.9, -voice])
    np.testing.assert_array_equal(whole(as_audio(samples).blocks(22_050, 1))[0], samples[1])


@pytest.mark.parametrize("full", [0, 1])
def test_an_empty_channel_does_not_halve_the_other(as_audio, full: int) -> None:
    samples = np.zeros((2, 11_025), np.float32)
    samples[full] = noise(0.5)
    np.testing.assert_array_equal(whole(as_audio(samples).blocks(22_050, 1))[0], samples[full])


def test_a_quiet_speaker_on_his_own_channel_stays_in_the_mean(as_audio) -> None:
    samples = noise(0.5, channels=2)
    samples[1] *= 10 ** (-12 / 20)
    np.testing.assert_allclose(whole(as_audio(samples).blocks(22_050, 1))[0], samples.mean(axis=0), atol=1e-7)


@pytest.mark.parametrize("rate_hz", [0, -8000, 3999, 500_000])
def test_memory_at_an_impossible_rate(rate_hz: int) -> None:
    with pytest.raises(InvalidAudio, match="samples per second"):
        MemoryAudio(np.zeros((1, 100), np.float32), rate_hz)


def test_a_window_is_cut_to_the_sample(tmp_path: Path) -> None:
    samples = noise(3.0)
    path = save_audio(tmp_path / "a.wav", samples)
    audio = open_audio(path, start_s=0.5, end_s=1.25)
    assert audio.duration_s == pytest.approx(0.75, abs=1 / 22_050)
    cut = samples[:, 11_025:27_563]
    np.testing.assert_array_equal(whole(audio.blocks(22_050, 1)), cut)
    np.testing.assert_array_equal(whole(MemoryAudio(samples, 22_050).window(0.5, 1.25).blocks(22_050, 1)), cut)
    assert open_audio(path, start_s=2.0).duration_s == pytest.approx(1.0)


@pytest.mark.parametrize(("start_s", "end_s"), [(3.0, None), (0, 3.2), (2, 1), (-1, 2), (float("nan"), 1), (4, 5)])
def test_a_window_outside(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    samples = noise(3.0)
    with pytest.raises(WindowOutOfRange):
        open_audio(save_audio(tmp_path / "a.wav", samples), start_s=start_s, end_s=end_s)
    with pytest.raises(WindowOutOfRange):
        MemoryAudio(samples, 22_050).window(start_s, end_s)


def test_a_window_shorter_than_a_sample(tmp_path: Path) -> None:
    with pytest.raises(WindowOutOfRange, match="one sample"):
        open_audio(save_audio(tmp_path / "a.wav", noise(1.0)), start_s=0.5, end_s=0.500001)
    with pytest.raises(WindowOutOfRange, match="one sample"):
        MemoryAudio(noise(1.0), 22_050).window(0.5, 0.500001)


def test_silence_is_judged_within_the_window(tmp_path: Path) -> None:
    samples = noise(2.0)
    samples[:, 22_050:] = 0
    path = save_audio(tmp_path / "a.wav", samples)
    assert open_audio(path, end_s=1.0).duration_s == 1.0
    with pytest.raises(SilentAudio, match=r"a\.wav"):
        open_audio(path, start_s=1.1)


@pytest.mark.parametrize(("peak_dbfs", "audible"), [(-60, True), (-69, True), (-71, False), (-90, False)])
def test_how_quiet_is_silent(tmp_path: Path, peak_dbfs: float, audible: bool) -> None:
    path = save_audio(tmp_path / "a.wav", tone(1.0, level=10 ** (peak_dbfs / 20)))
    if audible:
        assert open_audio(path).warnings == ()
    else:
        with pytest.raises(SilentAudio):
            open_audio(path)


def test_a_constant_is_no_audio(tmp_path: Path) -> None:
    with pytest.raises(SilentAudio):
        open_audio(save_audio(tmp_path / "a.wav", np.full((1, 9000), 0.5, np.float32)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    samples = noise(1.0)
    samples[0, 12_345] = value
    with pytest.raises(InvalidAudio, match="not finite numbers"):
        open_audio(save_audio(tmp_path / "a.wav", samples))
    with pytest.raises(InvalidAudio, match="not finite numbers"):
        MemoryAudio(samples, 22_050)


def test_all_samples_infinite_and_opposed(tmp_path: Path) -> None:
    samples = np.repeat(np.array([[np.inf], [-np.inf]], np.float32), 5000, axis=1)
    with pytest.raises(InvalidAudio, match="not finite numbers"):
        open_audio(save_audio(tmp_path / "a.wav", samples))


@pytest.mark.parametrize("scale", [30_000.0, 1e30])
def test_floats_in_the_steps_of_integers(tmp_path: Path, scale: float) -> None:
    samples = noise(0.5) * np.float32(scale)
    with pytest.raises(InvalidAudio, match="times full scale"):
        open_audio(save_audio(tmp_path / "a.wav", samples))
    with pytest.raises(InvalidAudio, match="times full scale"):
        MemoryAudio(samples, 22_050)


@pytest.mark.parametrize("shape", [(5,), (3, 100), (1, 0), (0, 10), (1, 2, 3)])
def test_memory_of_a_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidAudio, match="1 or 2 channels"):
        MemoryAudio(np.zeros(shape, np.float32), 16_000)


CONTAINERS = {
    "flac": "flac",
    "ogg": "libopus",
    "opus": "libopus",
    "mp3": "libmp3lame",
    "m4a": "aac",
    "mkv": "flac",
    "webm": "libopus",
    "mov": "pcm_s16le",
    "aiff": "pcm_s16be",
    "avi": "libmp3lame",
    "caf": "pcm_s24le",
    "w64": "pcm_s16le",
    "au": "pcm_s16be",
}
"""File name extension -> encoder."""


@pytest.mark.parametrize(("extension", "codec"), CONTAINERS.items())
def test_every_container(tmp_path: Path, extension: str, codec: str) -> None:
    samples = tone(1.0, rate_hz=48_000)
    audio = open_audio(_save_any(tmp_path / f"a.{extension}", samples, codec))
    assert audio.channels == 1
    assert audio.duration_s == pytest.approx(1.0, abs=0.06)  # lossy codecs pad to whole packets
    assert audio.warnings == ()
    middle = whole(audio.blocks(48_000, 1))[:, 12_000:36_000]
    assert rms_db(middle) == pytest.approx(rms_db(samples), abs=0.5)  # LAME turns 0.45 dB down on its own


def _save_any(path: Path, samples: F32, codec: str) -> Path:
    sample_format = {"libmp3lame": "fltp", "aac": "fltp", "pcm_s24le": "s32"}.get(codec, "s16")
    resampler = av.AudioResampler(format=sample_format, layout="mono", rate=48_000)
    with av.open(path, "w") as container:
        track = container.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(track.encode(piece))
        container.mux(track.encode(None))
    return path


def test_six_channels_become_two_without_clipping(tmp_path: Path) -> None:
    samples = tone(0.5, rate_hz=48_000, channels=6, level=0.9)
    audio = open_audio(save_audio(tmp_path / "a.wav", samples, 48_000, layout="5.1"))
    played = whole(audio.blocks(48_000, 2))
    assert audio.channels == 2
    assert np.abs(played).max() == pytest.approx(1.0, abs=0.001)
    assert "6 channels were mixed down to stereo" in audio.warnings[0]
    assert "softer" in audio.warnings[0]


def test_a_recording_that_was_cut_off_says_how_much_is_left(tmp_path: Path) -> None:
    data = save_audio(tmp_path / "whole.wav", noise(4.0)).read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 4])
    audio = open_audio(tmp_path / "cut.wav")
    assert audio.duration_s == pytest.approx(1.0, abs=0.1)
    assert "announces 4.00 s of audio, but only" in audio.warnings[0]
    assert open_audio(tmp_path / "cut.wav", end_s=0.5).warnings == ()  # nothing of the window is missing


def _hurt(path: Path) -> None:
    """Overwrites a fifth of a file, from its middle on."""
    data = bytearray(path.read_bytes())
    middle, fifth = len(data) // 2, len(data) // 5
    data[middle : middle + fifth] = np.random.default_rng(5).bytes(fifth)
    path.write_bytes(data)


def test_what_follows_damaged_packets_stays_in_its_place(tmp_path: Path) -> None:
    path = _save_any(tmp_path / "hurt.m4a", tone(4.0, rate_hz=48_000), "aac")
    before = whole(open_audio(path).blocks(48_000, 1))[0]
    _hurt(path)
    audio = open_audio(path)
    after = whole(audio.blocks(48_000, 1))[0]
    assert len(after) == len(before)
    assert "is damaged in places" in audio.warnings[0]
    assert np.abs(after[:48_000] - before[:48_000]).max() < 0.01
    assert np.abs(after[-30_000:] - before[-30_000:]).max() < 0.01  # a sample's shift alone would be 0.017
    assert (after == 0).sum() > 0.6 * 48_000  # the lost fifth is silent


@pytest.mark.parametrize(("extension", "codec"), [("mp3", "libmp3lame"), ("flac", "flac")])
def test_a_recording_damaged_in_the_middle_is_still_used(tmp_path: Path, extension: str, codec: str) -> None:
    path = _save_any(tmp_path / f"hurt.{extension}", noise(4.0, 48_000), codec)
    _hurt(path)
    audio = open_audio(path)
    assert 2.5 < audio.duration_s < 3.5
    assert "cut off or damaged" in audio.warnings[0]
    assert whole(audio.blocks(16_000, 1)).shape[1] == round(audio.duration_s * 16_000)


def test_a_clip_without_audio(tmp_path: Path) -> None:
    path = save_clip(tmp_path / "mute.mp4", [colour_image(96, 64)] * 3)
    with pytest.raises(InvalidAudio, match=r"mute\.mp4.* has no audio track"):
        open_audio(path)


def test_audio_that_starts_late_stays_with_its_clip(tmp_path: Path) -> None:
    frames = [colour_image(96, 64)] * 50
    path = save_clip(tmp_path / "late.mp4", frames, audio=tone(1.0, rate_hz=48_000), audio_start_s=0.75)
    audio = open_audio(path)
    played = whole(audio.blocks(48_000, 1))[0]
    onset_s = np.argmax(np.abs(played) > 0.1) / 48_000
    assert onset_s == pytest.approx(0.75, abs=0.01)
    assert audio.duration_s == pytest.approx(1.75, abs=0.05)


def test_late_audio_of_the_shared_media(shared_media: Path) -> None:
    late = whole(open_audio(shared_media / "odd/audio_starts_late.mp4").blocks(16_000, 1))[0]
    source = whole(open_audio(shared_media / "video/woman_flag_25fps_8s.mp4").blocks(16_000, 1))[0]
    piece = source[16_000:32_000]
    shift = int(np.argmax(np.correlate(late, piece, "valid"))) - 16_000
    assert shift / 16_000 == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("name", ["audio/antiphase.wav", "audio/right_channel_only.wav"])
def test_no_voice_is_lost_in_mono(shared_media: Path, name: str) -> None:
    audio = open_audio(shared_media / name)
    louder_db = max(rms_db(channel) for channel in whole(audio.blocks(22_050, 2)) if channel.any())
    assert rms_db(whole(audio.blocks(22_050, 1))) == pytest.approx(louder_db, abs=0.1)


MEMORY_PROBE = """
import re, sys
from pathlib import Path
from lipsmith.media.decode import open_audio
audio = open_audio(sys.argv[1])
samples = sum(block.shape[1] for block in audio.blocks(48_000, 1))
assert abs(samples / 48_000 - float(sys.argv[2])) < 0.001
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    peaks_kb = []
    for duration_s in (10, 600):
        path = save_audio(tmp_path / f"{duration_s}.wav", tone(duration_s, rate_hz=16_000), 16_000)
        command = [sys.executable, "-c", MEMORY_PROBE, str(path), str(duration_s)]
        peaks_kb.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert peaks_kb[1] - peaks_kb[0] < 10_000  # as float32 the long one would be 115 MB at 48 kHz
