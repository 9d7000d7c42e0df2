"""AAC at the level the sound came in. Knows nothing of files or pictures.

FFmpeg's AAC encoder turns every window down whose peak lies above 0.95 of full scale: loud speech loses up to 0.2 LU
and clipped speech 2 LU (measured). So the encoder is handed softer sound, and the factor is put back where AAC itself
keeps the level: the ``global_gain`` of each channel, whose steps are a quarter of a factor two. Nothing is requantized.
For that each channel is encoded alone; two are joined as a channel pair with windows of their own.

Bit layout: ISO/IEC 14496-3, subclause 4.4.2, tables 4.3 to 4.5 and 4.50.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias, cast

import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.packet import Packet

from lipsmith.media.clip import F32

AudioPacket: TypeAlias = "Packet[AudioStream]"

GAIN_STEPS = 8  # of 1.505 dB: room for peaks up to 3.8; resampling clipped speech makes some near 2
_SOFTER = np.float32(2.0 ** (-GAIN_STEPS / 4))

_SINGLE_CHANNEL, _CHANNEL_PAIR, _END = 0, 1, 7  # id_syn_ele, 3 bits
_HEAD_BITS = 7  # id_syn_ele, then 4 bits of element_instance_tag
_GAIN_BITS = 8


class AacEncoder:
    """Encodes 1 or 2 channels; packets come out of `encode` and, at the end, of `finish`."""

    def __init__(self, rate_hz: int, channels: int, bits_per_second: int) -> None:
        self._time_base = Fraction(1, rate_hz)
        self._rate_hz = rate_hz
        self._written = 0
        self._encoders = [_mono_encoder(rate_hz, bits_per_second // channels) for _ in range(channels)]

    def encode(self, samples: F32) -> Iterator[AudioPacket]:
        """Takes (channels, n) float32 in; gives what is ready."""
        frames = [self._frame(channel) for channel in samples]
        self._written += samples.shape[1]
        yield from self._joined([encoder.encode(frame) for encoder, frame in zip(self._encoders, frames, strict=True)])

    def finish(self) -> Iterator[AudioPacket]:
        """Gives the rest."""
        yield from self._joined([encoder.encode(None) for encoder in self._encoders])

    def _frame(self, channel: F32) -> AudioFrame:
        frame = AudioFrame.from_ndarray((channel * _SOFTER)[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = self._rate_hz, self._time_base, self._written
        return frame

    def _joined(self, per_channel: list[list[AudioPacket]]) -> Iterator[AudioPacket]:
        for parts in zip(*per_channel, strict=True):
            packet = cast(AudioPacket, Packet(join([bytes(part) for part in parts])))
            packet.pts, packet.dts, packet.duration = parts[0].pts, parts[0].dts, parts[0].duration
            packet.time_base = parts[0].time_base
            yield packet


def join(parts: list[bytes]) -> bytes:
    """One raw AAC block of one or two single-channel blocks, each `GAIN_STEPS` louder.

    Raises ValueError for a block that holds anything but a single channel.
    """
    streams = [_louder(*_channel_stream(part)) for part in parts]
    if len(streams) == 1:
        bits, length = _SINGLE_CHANNEL << 4, _HEAD_BITS
    else:
        bits, length = _CHANNEL_PAIR << 5, _HEAD_BITS + 1  # the last bit: common_window = 0
    for stream, stream_length in streams:
        bits, length = bits << stream_length | stream, length + stream_length
    bits, length = bits << 3 | _END, length + 3
    padding = -length % 8
    return (bits << padding).to_bytes((length + padding) // 8, "big")


def _mono_encoder(rate_hz: int, bits_per_second: int) -> AudioCodecContext:
    encoder = AudioCodecContext.create("aac", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = rate_hz, "mono", "fltp"
    encoder.bit_rate = bits_per_second
    encoder.time_base = Fraction(1, rate_hz)
    encoder.flags |= Flags.bitexact  # without it the first block carries the encoder's name before the sound
    return encoder


def _channel_stream(block: bytes) -> tuple[int, int]:
    """The individual_channel_stream of a block that holds a single channel, as bits and their number."""
    bits, length = int.from_bytes(block, "big"), 8 * len(block)
    padding = (bits & -bits).bit_length() - 1
    head = bits >> (length - 3)
    if head != _SINGLE_CHANNEL or padding > 7 or bits >> padding & 7 != _END:
        raise ValueError("The AAC encoder gave a block that is not one single channel.")
    stream_length = length - _HEAD_BITS - 3 - padding
    return bits >> (3 + padding) & (1 << stream_length) - 1, stream_length


def _louder(stream: int, length: int) -> tuple[int, int]:
    """The same stream with a higher global_gain, its first 8 bits; true silence keeps the little it has."""
    gain = stream >> (length - _GAIN_BITS)
    raised = min(gain + GAIN_STEPS, 255)
    return stream + (raised - gain << length - _GAIN_BITS), length
