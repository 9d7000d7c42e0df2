"""Clips that lie, jump, nest or are something else, each with what has to become of it."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence

from good_files import CLIP_SIZE, CLIPS, good, pixels
from hostile_pictures import OTHERS, Made, zipped
from hostile_sounds import PLAYLISTS
from PIL import Image


def atom(kind: bytes, *bodies: bytes) -> bytes:
    """A box of an MP4."""
    body = b"".join(bodies)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, body: bytes, flags: int = 0) -> bytes:
    """A box with a version and flags."""
    return atom(kind, struct.pack(">I", flags), body)


def frame_of_jpeg(width: int, height: int) -> bytes:
    """One picture, as motion JPEG has it."""
    held = io.BytesIO()
    Image.fromarray(pixels(width, height)).save(held, "JPEG", quality=60)
    return held.getvalue()


def mp4(
    count: int,
    *,
    size: tuple[int, int] = CLIP_SIZE,
    claimed: tuple[int, int] | None = None,
    scale: int = 25,
    steps: Sequence[tuple[int, int]] = (),
    shifts: Sequence[tuple[int, int]] = (),
    coding: bytes = b"jpeg",
    matrix: Sequence[int] = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30),
    drefs: bytes = b"",
    extra: bytes = b"",
    aspect: tuple[int, int] | None = None,
) -> bytes:
    """``count`` pictures that are all the same bytes of the file; headers say what they like."""
    image = frame_of_jpeg(*size)
    wide, high = claimed or size
    shape = b"" if aspect is None else atom(b"pasp", struct.pack(">II", *aspect))
    entry = atom(
        coding,
        bytes(6)
        + struct.pack(">H", 1)
        + bytes(16)
        + struct.pack(">HHIIIH", wide % 65536, high % 65536, 72 << 16, 72 << 16, 0, 1),
        bytes(32) + struct.pack(">Hh", 24, -1) + shape,
    )
    steps = steps or [(count, 1)]
    begin = len(FILE_TYPE) + 8
    tables = [
        full(b"stsd", struct.pack(">I", 1) + entry),
        full(b"stts", struct.pack(">I", len(steps)) + b"".join(struct.pack(">II", *step) for step in steps)),
        full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        full(b"stsz", struct.pack(">II", len(image), count)),
        full(b"stco", struct.pack(">I", count) + struct.pack(">I", begin) * min(count, 2_000_000)),
    ]
    if shifts:
        tables.append(full(b"ctts", struct.pack(">I", len(shifts)) + b"".join(struct.pack(">Ii", *s) for s in shifts)))
    reference = drefs or full(b"url ", b"", 1)
    information = atom(
        b"minf",
        full(b"vmhd", bytes(8), 1),
        atom(b"dinf", full(b"dref", struct.pack(">I", 1) + reference)),
        atom(b"stbl", *tables),
    )
    length = min(sum(n * step for n, step in steps), 2**32 - 1)
    media = atom(
        b"mdia",
        full(b"mdhd", struct.pack(">IIIIHH", 0, 0, scale, length, 0, 0)),
        full(b"hdlr", bytes(4) + b"vide" + bytes(13)),
        information,
    )
    head = full(
        b"mvhd",
        struct.pack(">IIIIIH", 0, 0, scale, length, 1 << 16, 256)
        + bytes(10)
        + _matrix(matrix)
        + bytes(24)
        + struct.pack(">I", 2),
    )
    track = full(
        b"tkhd",
        struct.pack(">IIIII", 0, 0, 1, 0, length)
        + bytes(16)
        + _matrix(matrix)
        + struct.pack(">II", wide << 16 & 0xFFFFFFFF, high << 16 & 0xFFFFFFFF),
        3,
    )
    return FILE_TYPE + atom(b"mdat", image) + atom(b"moov", head, atom(b"trak", track, media), extra)


FILE_TYPE = atom(b"ftyp", b"qt  ", bytes(4), b"qt  ")


def _matrix(values: Sequence[int]) -> bytes:
    return b"".join(struct.pack(">i", value) for value in values)


def nested(depth: int, kind: bytes = b"moov") -> bytes:
    """Boxes within boxes."""
    data = b""
    for _ in range(depth):
        data = atom(kind, data)
    return FILE_TYPE + data


def patched(name: str, kind: bytes, offset: int, value: bytes) -> bytes:
    """A good clip with other bytes in the first box of that kind."""
    data = bytearray(good("clip", name))
    at = data.index(kind) + 4 + offset
    data[at : at + len(value)] = value
    return bytes(data)


def ebml(number: bytes, body: bytes, *, size: int | None = None) -> bytes:
    """An element of a Matroska file."""
    return number + struct.pack(">Q", (len(body) if size is None else size) | 1 << 56) + body


def nested_matroska(depth: int) -> bytes:
    """Tags within tags, as deep as one likes."""
    head = good("clip", "mkv")[:40]
    body = b""
    for _ in range(depth):
        body = ebml(b"\x67\xc8", body)
    return head + ebml(b"\x18\x53\x80\x67", ebml(b"\x12\x54\xc3\x67", body))


def made() -> Iterator[Made]:
    """All that are small."""
    yield from ((f"good.{name}", False, good("clip", name)) for name in CLIPS)
    yield "plain.mov", False, mp4(14)
    yield "no-pictures.mov", True, mp4(0)
    yield "one-picture.mov", False, mp4(1)
    for claimed in ((65_535, 65_535), (30_000, 30_000)):
        yield f"claims-{claimed[0]}.mov", None, mp4(14, claimed=claimed)
    yield "claims-nothing.mov", None, mp4(14, claimed=(0, 0))
    yield "tiny.mov", True, mp4(14, size=(1, 1))
    yield "thin.mov", True, mp4(14, size=(2, 2000))
    for scale in (0, 1, 2**31, 2**32 - 1):
        yield f"{scale}-ticks.mov", None, mp4(14, scale=scale)
    yield "no-time-passes.mov", None, mp4(14, steps=[(14, 0)])
    yield "time-jumps.mov", True, mp4(14, steps=[(7, 1), (1, 2**31 - 1), (6, 1)])
    yield "time-turns.mov", None, mp4(14, steps=[(7, 1), (1, 2**32 - 5), (6, 1)])
    yield "time-lies.mov", None, mp4(14, shifts=[(1, 2**31 - 1), (12, -(2**31)), (1, 5)])
    yield "shuffled.mov", None, mp4(14, shifts=[(1, (7 * n) % 14) for n in range(14)])
    yield "many-steps.mov", None, mp4(14, steps=[(1, 1)] * 200_000)
    yield "many-claims.mov", None, mp4(14, steps=[(2**32 - 1, 1)])
    yield "too-fast.mov", True, mp4(500, scale=1000)
    yield "skewed.mov", None, mp4(14, matrix=(2**31 - 1, 1, -5, 7, 0, 3, 9, 9, 1))
    yield "mirrored.mov", None, mp4(14, matrix=(-(1 << 16), 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    yield "odd-pixels.mov", None, mp4(14, aspect=(2**31 - 1, 1))
    yield "no-pixels.mov", None, mp4(14, aspect=(0, 0))
    yield "unknown-coding.mov", True, mp4(14, coding=b"zzzz")
    yield "wrong-coding.mov", None, mp4(14, coding=b"avc1")
    outside = full(b"url ", b"file:///etc/passwd\0")
    yield "elsewhere.mov", None, mp4(14, drefs=outside)
    alias = full(b"alis", bytes(4) + struct.pack(">H", 150) + bytes(50) + b"\x06passwd" + bytes(87) + b"/etc/passwd\0")
    yield "alias.mov", None, mp4(14, drefs=alias)
    for depth in (100, 5_000):
        for kind in (b"moov", b"trak", b"udta", b"meta", b"moof"):
            yield f"{depth}-{kind.decode()}.mp4", True, nested(depth, kind)
    yield "zero-atoms.mp4", True, FILE_TYPE + b"\0\0\0\0free" * 50_000
    yield "small-atoms.mp4", True, FILE_TYPE + struct.pack(">I", 8) * 2 * 100_000
    yield "one-atoms.mp4", True, FILE_TYPE + (struct.pack(">I", 1) + b"moov" + struct.pack(">Q", 16)) * 50_000
    yield "endless-atom.mp4", True, FILE_TYPE + struct.pack(">I", 1) + b"moov" + b"\xff" * 8 + bytes(1000)
    for kind in (
        b"stsz",
        b"stco",
        b"stts",
        b"stsc",
        b"stsd",
        b"ctts",
        b"elst",
        b"mdhd",
        b"mvhd",
        b"tkhd",
        b"hdlr",
        b"avcC",
    ):
        for number, value in enumerate((b"\xff" * 12, bytes(12), b"\x7f\xff\xff\xff" * 3)):
            if kind in good("clip", "mp4"):
                yield f"{kind.decode()}-{number}.mp4", None, patched("mp4", kind, 4, value)
    for name, kind in (("fragmented.mp4", b"trun"), ("fragmented.mp4", b"tfhd"), ("fragmented.mp4", b"mvex")):
        yield f"{kind.decode()}-large.mp4", None, patched(name, kind, 4, b"\xff" * 8)
        yield f"{kind.decode()}-none.mp4", None, patched(name, kind, 4, bytes(8))
    yield "nested.mkv", None, nested_matroska(2000)
    yield "endless.mkv", None, good("clip", "mkv")[:40] + ebml(b"\x18\x53\x80\x67", b"", size=(1 << 56) - 1)
    yield "voids.mkv", None, good("clip", "mkv")[:40] + ebml(b"\x18\x53\x80\x67", b"\xec\x80" * 500_000)
    yield "syncs.ts", None, (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 20_000
    yield "syncs.mpg", None, b"\0\0\1\xba" * 500_000
    yield "starts.mpg", None, b"\0\0\1\xb3" * 500_000
    yield "tags.flv", None, b"FLV\x01\x05\0\0\0\x09\0\0\0\0" + (b"\x09" + bytes(10) + b"\0\0\0\x0b") * 100_000
    yield "index.avi", None, good("clip", "avi")[:4000] + b"idx1" + b"\xff" * 400_000
    moving = io.BytesIO()
    frames = [Image.fromarray(pixels(*CLIP_SIZE, shift=n)) for n in range(8)]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:], duration=40)
    yield "good.gif", None, moving.getvalue()
    yield "no-time.gif", None, moving.getvalue().replace(b"\x21\xf9\x04\x00\x04\x00", b"\x21\xf9\x04\x00\x00\x00")
    for name, content in {**PLAYLISTS, **OTHERS}.items():
        if name != "ppm":
            yield f"{name}.mp4", True, content
    yield "mp4-and-zip.mp4", None, good("clip", "mp4") + zipped()
    yield "jpeg-and-mp4.mp4", True, good("picture", "jpg") + good("clip", "mp4")
    yield "sound.mp4", True, good("sound", "m4a")
    yield "photo.mp4", None, good("picture", "avif")
    yield "empty.mp4", True, b""
    yield "zeros.mp4", True, bytes(1_000_000)
    yield "text.mp4", True, b"This is no clip.\n" * 1000


def large() -> Iterator[Made]:
    """Those that claim very many pictures."""
    yield "million-pictures.mov", True, mp4(1_000_000)
    yield "million-and-one.mov", True, mp4(1_000_001)
    yield "half-a-million.mov", None, mp4(500_000)
    yield "half-a-million-late.mov", None, mp4(500_000, scale=2**31 - 1)
    yield "billion-pictures.mov", True, mp4(2**31)
    yield "many-shifts.mov", None, mp4(500_000, shifts=[(1, n % 50) for n in range(500_000)])
    yield "9-Mpx.mov", None, mp4(100, size=(3999, 2250))
    yield "36-Mpx.mov", True, mp4(14, size=(7990, 4500))
    yield "hidden-36-Mpx.mov", True, mp4(14, size=(7990, 4500), claimed=CLIP_SIZE)
