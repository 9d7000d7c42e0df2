"""AAC encoder that keeps the level of its input.

FFmpeg's AAC encoder attenuates every window that peaks above 0.95 of full scale: loud speech loses up to 0.2 LU and
clipped speech 2 LU (measured). Therefore the encoder receives softer audio, and the ``global_gain`` of each channel
restores the level, in steps of 2 ** (1 / 4), without requantization. To that end each channel is encoded alone; two
are joined to a channel pair with separate windows.

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

GAIN_STEPS = 8  # of 1.505 dB: headroom for peaks up to 3.8; resampled clipped speech peaks near 2
_ATTENUATION = np.float32(2.0 ** (-GAIN_STEPS / 4))

_SINGLE_CHANNEL, _CHANNEL_PAIR, _END = 0, 1, 7  # id_syn_ele, 3 bits
_HEAD_BITS = 7  # id_syn_ele, then 4 bits of element_instance_tag
_GAIN_BITS = 8


class AacEncoder:
    """Encoder for 1 or 2 channels; `encode` and, at the end, `finish` yield packets."""

    def __init__(self, rate_hz: int, channels: int, bits_per_second: int) -> None:
        self._time_base = Fraction(1, rate_hz)
        self._rate_hz = rate_hz
        self._written = 0
        self._encoders = [_mono_encoder(rate_hz, bits_per_second // channels) for _ in range(channels)]

    def encode(self, samples: F32) -> Iterator[AudioPacket]:
        """Encode (channels, n) float32 samples; yield the packets that are complete."""
        frames = [self._frame(channel) for channel in samples]
        self._written += samples.shape[1]
        yield from self._joined([encoder.encode(frame) for encoder, frame in zip(self._encoders, frames, strict=True)])

    def finish(self) -> Iterator[AudioPacket]:
        """Yield the remaining packets."""
        yield from self._joined([encoder.encode(None) for encoder in self._encoders])

    def _frame(self, channel: F32) -> AudioFrame:
        frame = AudioFrame.from_ndarray((channel * _ATTENUATION)[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = self._rate_hz, self._time_base, self._written
        return frame

    def _joined(self, per_channel: list[list[AudioPacket]]) -> Iterator[AudioPacket]:
        for parts in zip(*per_channel, strict=True):
            packet = cast(AudioPacket, Packet(join([bytes(part) for part in parts])))
            packet.pts, packet.dts, packet.duration = parts[0].pts, parts[0].dts, parts[0].duration
            packet.time_base = parts[0].time_base
            yield packet


def join(parts: list[bytes]) -> bytes:
    """Join one or two single-channel blocks to a raw AAC block, each `GAIN_STEPS` louder.

    Raises ValueError for a block that is not a single channel.
    """
    streams = [_amplified(*_channel_stream(part)) for part in parts]
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
    encoder.flags |= Flags.bitexact  # otherwise the first block starts with the encoder's name
    return encoder


def _channel_stream(block: bytes) -> tuple[int, int]:
    """Return the individual_channel_stream of a single-channel block, as bits and their number."""
    bits, length = int.from_bytes(block, "big"), 8 * len(block)
    padding = (bits & -bits).bit_length() - 1
    head = bits >> (length - 3)
    if head != _SINGLE_CHANNEL or padding > 7 or bits >> padding & 7 != _END:
        raise ValueError("The AAC encoder returned a block that is not a single channel.")
    stream_length = length - _HEAD_BITS - 3 - padding
    return bits >> (3 + padding) & (1 << stream_length) - 1, stream_length


def _amplified(stream: int, length: int) -> tuple[int, int]:
    """Raise the global_gain of a stream, its first 8 bits, without overflow."""
    gain = stream >> (length - _GAIN_BITS)
    raised = min(gain + GAIN_STEPS, 255)
    return stream + (raised - gain << length - _GAIN_BITS), length
