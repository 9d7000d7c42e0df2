"""Sounds that lie, never end or are something else, each with what has to become of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from good_files import RATE_HZ, SOUNDS, good, tone, wav
from hostile_pictures import Made, zipped


def wav_of(
    body: bytes,
    *,
    channels: int = 1,
    rate_hz: int = RATE_HZ,
    bits: int = 16,
    form: int = 1,
    align: int | None = None,
    said: int | None = None,
    before: bytes = b"",
) -> bytes:
    """A WAV whose header says what it likes; ``said`` is the length of the samples that it claims."""
    align = channels * bits // 8 if align is None else align
    head = struct.pack("<HHIIHH", form, channels, rate_hz, (rate_hz * align) % 2**32, align % 2**16, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + head + before
    chunks += b"data" + struct.pack("<I", len(body) if said is None else said) + body
    return b"RIFF" + struct.pack("<I", (4 + len(chunks)) % 2**32) + b"WAVE" + chunks


def floats(values: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bytes:
    """A WAV of floats, whatever they are."""
    return wav_of(values.astype("<f4").tobytes(), bits=32, form=3)


def lists(depth: int) -> bytes:
    """RIFF lists within lists."""
    body = b""
    for _ in range(depth):
        body = b"LIST" + struct.pack("<I", len(body) + 4) + b"INFO" + body
    return body


_CRC = [0] * 256
for _n in range(256):
    _value = _n << 24
    for _ in range(8):
        _value = (_value << 1) ^ (0x04C11DB7 if _value & 0x80000000 else 0)
    _CRC[_n] = _value & 0xFFFFFFFF


def ogg_page(body: bytes, sizes: list[int], *, granule: int, number: int, flags: int = 0) -> bytes:
    """One page with a right checksum."""
    head = b"OggS" + struct.pack("<BBqIII", 0, flags, granule, 1, number, 0) + bytes([len(sizes), *sizes])
    page = bytearray(head + body)
    crc = 0
    for byte in page:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ _CRC[(crc >> 24) ^ byte]
    page[22:26] = struct.pack("<I", crc)
    return bytes(page)


def endless_opus(page_count: int, *, step: int = 255 * 5760) -> bytes:
    """Packets of one byte that each stand for 120 ms: an hour in 32 kB. ``step`` is what each page claims, samples."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 0)
    data = ogg_page(head, [len(head)], granule=0, number=0, flags=2) + ogg_page(tags, [len(tags)], granule=0, number=1)
    quiet = bytes([0b00011_0_11]) + b"\x02"  # SILK 60 ms, a count of two frames, both empty
    for number in range(page_count):
        data += ogg_page(quiet * 127, [2] * 127, granule=(number + 1) * step, number=number + 2)
    return data


def tiny_packets(count: int) -> bytes:
    """Ogg pages with one packet each, as many as can be."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 0)
    data = [ogg_page(head, [len(head)], granule=0, number=0, flags=2), ogg_page(tags, [len(tags)], granule=0, number=1)]
    data += [ogg_page(b"\x00", [1], granule=480 * n, number=n + 2) for n in range(count)]
    return b"".join(data)


def mp3_with_tag(claimed: int, body: bytes) -> bytes:
    """An MP3 behind a tag that claims to be so long."""
    size = bytes((claimed >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + size + body + good("sound", "mp3")


def aiff_at(rate_80: bytes, channels: int = 1) -> bytes:
    """An AIFF whose rate is these ten bytes."""
    samples = (tone() * 32767).astype(">i2").tobytes()
    common = b"COMM" + struct.pack(">IhIh", 18, channels, len(samples) // 2, 16) + rate_80
    audio = b"SSND" + struct.pack(">III", len(samples) + 8, 0, 0) + samples
    return b"FORM" + struct.pack(">I", 4 + len(common) + len(audio)) + b"AIFF" + common + audio


PLAYLISTS = {
    "ffconcat": b"ffconcat version 1.0\nfile good.wav\nfile /etc/passwd\n",
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXTINF:5,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n",
    "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration='
    b'"PT5S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="1"><BaseURL>'
    b"file:///etc/passwd</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "pls": b"[playlist]\nFile1=file:///etc/passwd\nNumberOfEntries=1\n",
    "asx": b'<asx version="3.0"><entry><ref href="file:///etc/passwd"/></entry></asx>',
    "smil": b'<smil><body><audio src="file:///etc/passwd"/></body></smil>',
    "imf": b'<?xml version="1.0"?><CompositionPlaylist><Id>urn:uuid:1</Id></CompositionPlaylist>',
    "url": b"http://127.0.0.1:1/a.wav",
}


def made() -> Iterator[Made]:
    """All of them."""
    body = (tone() * 32767).astype("<i2").tobytes()
    yield from ((f"good.{name}", False, good("sound", name)) for name in SOUNDS)
    for channels in (0, 65, 255, 4096, 65_535):
        yield f"{channels}-channels.wav", True, wav_of(body * 8, channels=channels)
    for rate_hz in (0, 1, 3999, 384_001, 2**31, 2**31 - 1, 2**32 - 1):
        yield f"{rate_hz}-hz.wav", True, wav_of(body, rate_hz=rate_hz)
    for bits in (0, 1, 65_535):
        yield f"{bits}-bits.wav", None, wav_of(body, bits=bits)
    yield "no-align.wav", None, wav_of(body, align=0)
    yield "wide-align.wav", None, wav_of(body, align=65_535)
    yield "unknown-coding.wav", True, wav_of(body, form=0x7777)
    yield "streamed.wav", None, wav_of(body, said=2**32 - 1)
    yield "cut.wav", None, wav_of(body, said=10 * len(body))
    yield "no-samples.wav", True, wav_of(b"")
    yield "silent.wav", True, wav(np.zeros(RATE_HZ, np.float32))
    for name, value in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf), ("huge", 1e30)):
        samples = tone()
        samples[700] = value
        yield f"one-{name}.wav", True, floats(samples)
        yield f"all-{name}.wav", True, floats(np.full(RATE_HZ, value, np.float32))
    yield "lists.wav", None, wav_of(body, before=lists(2000))
    yield "wide-list.wav", None, wav_of(body, before=b"LIST" + struct.pack("<I", 2**31) + b"INFO")
    yield "riff-of-zeros.wav", True, b"RIFF" + bytes(4) + b"WAVE" + bytes(10_000)
    for name, rate in {
        "zero": bytes(10),
        "infinite": b"\x7f\xff" + bytes(8),
        "nan": b"\x7f\xff" + b"\xff" * 8,
        "negative": b"\xc0\x0e\xac\x44" + bytes(6),
        "largest": b"\x40\x3e" + b"\xff" * 8,
    }.items():
        yield f"rate-{name}.aiff", True, aiff_at(rate)
    yield "0-channels.aiff", True, aiff_at(b"\x40\x0d\xbb\x80" + bytes(6), 0)
    yield "32767-channels.aiff", True, aiff_at(b"\x40\x0d\xbb\x80" + bytes(6), 32_767)
    for channels, rate_hz in ((0, 24_000), (65_535, 24_000), (1, 0), (1, 2**31)):
        head = b".snd" + struct.pack(">IIIII", 24, 2**32 - 1, 3, rate_hz, channels)
        yield f"{channels}-channels-{rate_hz}-hz.au", True, head + body
    yield "tag-of-256-MB.mp3", None, mp3_with_tag(2**28 - 1, b"")
    yield "tag-of-zeros.mp3", None, mp3_with_tag(3_000_000, bytes(3_000_000))
    yield (
        "tag-bomb.mp3",
        None,
        mp3_with_tag(110_000, b"COMM" + struct.pack(">IH", 90_000, 8) + zlib.compress(bytes(10**8))),
    )
    yield "junk-first.mp3", None, np.random.default_rng(3).bytes(200_000) + good("sound", "mp3")
    yield "much-junk.mp3", None, np.random.default_rng(4).bytes(8_000_000)
    yield "syncs.mp3", None, b"\xff\xfb\x90\x64" * 500_000
    yield "syncs.aac", None, b"\xff\xf1\x50\x80\x01\x1f\xfc" * 300_000
    yield "endless.opus", None, endless_opus(600)
    yield "endless-in-place.opus", None, endless_opus(200, step=0)
    yield "jumping.opus", None, endless_opus(200, step=2**53)
    yield "backwards.opus", None, endless_opus(200, step=-5760)
    yield "tiny-packets.opus", None, tiny_packets(60_000)
    flac = bytearray(good("sound", "flac"))
    flac[18:26] = b"\xff" * 8
    yield "claims.flac", None, bytes(flac)
    for name, content in PLAYLISTS.items():
        yield f"{name}.wav", True, content
        yield f"{name}.mp3", True, content
    yield "wav-and-zip.wav", None, good("sound", "wav") + zipped()
    yield "zip-and-wav.wav", True, zipped() + good("sound", "wav")
    yield "empty.wav", True, b""
    yield "one-byte.mp3", True, b"\xff"
    yield "zeros.mp3", True, bytes(1_000_000)
    yield "text.wav", True, b"This is no sound.\n" * 1000
    yield "jpg-named.wav", True, good("picture", "jpg")
    yield "png-named.mp3", True, good("picture", "png")
    yield "silent-clip.m4a", True, good("clip", "prores.mov")
