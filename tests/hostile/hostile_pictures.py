"""Pictures that lie, burst or are something else, each with what has to become of it: True where it must be refused."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from good_files import PICTURES, good, image, pixels
from PIL import Image

Made = tuple[str, bool | None, bytes]
"""File name, whether it must be refused (None: either, but soon), content."""


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """With a right checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, data: bytes, *extra: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG whose header says what it likes; ``data`` is its compressed content."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def even(bytes_per_row: int, rows: int) -> bytes:
    """Compressed rows of one colour: hundreds of megabytes in some kilobytes."""
    packer = zlib.compressobj(9)
    row = b"\0" + b"\x55" * bytes_per_row
    return b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()


def jpeg_claiming(width: int, height: int) -> bytes:
    """A small JPEG whose frame header claims another size."""
    data = bytearray(good("picture", "jpg"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_with_scans(count: int, width: int = 128, height: int = 96) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    held = io.BytesIO()
    Image.fromarray(np.tile(pixels(), (height // 96, width // 128, 1))).save(held, "JPEG", progressive=True, quality=60)
    data = held.getvalue()
    last = data.rindex(b"\xff\xda")
    table = data.rindex(b"\xff\xc4", 0, last)
    return data[:-2] + data[table:-2] * count + b"\xff\xd9"


def tiff(entries: list[tuple[int, int, int, int]], *, next_at: int = 0, tail: bytes = b"") -> bytes:
    """A little-endian TIFF with one directory: tag, type, count, value."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", next_at) + tail


def endless_tiff() -> bytes:
    """Its directory names itself as the next one, for ever."""
    whole = [(256, 4, 1, 128), (257, 4, 1, 96), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    whole += [(273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, 96), (279, 4, 1, 128 * 96)]
    return tiff(whole, next_at=8, tail=bytes(60 + 128 * 96))


def pages(count: int) -> bytes:
    """A TIFF of so many pages, all of the same strip."""
    size = 2 + 9 * 12 + 4
    strip_at = 8 + count * size
    data = [b"II*\0" + struct.pack("<I", 8)]
    for number in range(count):
        entries = [(256, 4, 1, 128), (257, 4, 1, 96), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
        entries += [(273, 4, 1, strip_at), (277, 3, 1, 1), (278, 4, 1, 96), (279, 4, 1, 128 * 96)]
        following = 8 + (number + 1) * size if number + 1 < count else 0
        data += [struct.pack("<H", 9), *(struct.pack("<HHII", *e) for e in entries), struct.pack("<I", following)]
    return b"".join([*data, bytes(range(256)) * 48])


def moving_gif(count: int) -> bytes:
    """So many pictures, all but the first of one pixel."""
    data = good("picture", "gif")
    frame = b"\x21\xf9\x04\x00\x01\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    return data[:-1] + frame * count + b"\x3b"


def bmp_claiming(width: int, height: int, bits: int = 24) -> bytes:
    """A BMP header without anything behind it."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def webp_claiming(width: int, height: int) -> bytes:
    """An extended WebP header of a canvas of that size, around a small picture."""
    inner = good("picture", "webp")[12:]
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def zipped() -> bytes:
    """An archive with a page in it."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.html"), "<script>alert(1)</script>")
    return held.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"><image href="file:///etc/passwd"/></svg>'
EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n%%EndComments\n(/etc/passwd) (r) file closefile\nshowpage\n"
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
XPM = b'/* XPM */\nstatic char *a[] = {"64 64 1 1", "a c #000000",' + b'"' + b"a" * 64 + b'",' * 64 + b"};"
OTHERS = {"eps": EPS, "pdf": PDF, "svg": SVG, "xpm": XPM, "ppm": b"P6 128 96 255\n" + bytes(128 * 96 * 3)}


def made() -> Iterator[Made]:
    """All that are small."""
    yield from ((f"good.{name}", False, good("picture", name)) for name in PICTURES)
    for width, height in (
        (40_000, 40_000),
        (2**31 - 1, 2**31 - 1),
        (2**32 - 1, 1),
        (0, 96),
        (128, 0),
        (63, 63),
        (64, 1300),
    ):
        yield f"claims-{width}x{height}.png", True, png(width, height, even(300, 8))
    for width, height in ((65_535, 65_535), (13_000, 13_000), (65_500, 200), (0, 96), (10, 10)):
        yield f"claims-{width}x{height}.jpg", True, jpeg_claiming(width, height)
    yield "claims-16383.webp", True, webp_claiming(16_383, 16_383)
    yield "claims-16M.webp", True, webp_claiming(2**24, 2**24)
    for width, height in ((100_000, 100_000), (-128, 96), (128, -(2**31)), (2**31 - 1, 2**31 - 1)):
        yield f"claims-{width}x{height}.bmp", True, bmp_claiming(width, height)
    yield "claims-65535.gif", True, b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + good("picture", "gif")[10:]
    yield "claims.tiff", True, tiff([(256, 4, 1, 2**31), (257, 4, 1, 2**31), (259, 3, 1, 1), (262, 3, 1, 2)])
    yield "strips.tiff", True, tiff([(256, 4, 1, 128), (257, 4, 1, 96), (273, 4, 2**30, 8), (279, 4, 2**30, 8)])
    yield "endless.tiff", None, endless_tiff()
    yield "pages.tiff", None, pages(20_000)
    yield "moving.gif", None, moving_gif(60_000)
    yield (
        "bomb-text.png",
        None,
        png(128, 96, even(384, 96), png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8), 9))),
    )
    yield (
        "bomb-profile.png",
        None,
        png(128, 96, even(384, 96), png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8), 9))),
    )
    yield "bomb-lines.png", True, png(128, 96, even(10**6, 96)[:2000])
    yield "short.png", None, png(128, 96, even(384, 10))  # whole as data; Pillow leaves the other rows black
    yield "61-scans.jpg", True, jpeg_with_scans(61)
    yield "fill-bytes.jpg", None, b"\xff\xd8" + b"\xff" * 5_000_000 + good("picture", "jpg")[2:]
    yield "junk.jpg", None, good("picture", "jpg")[:20] + b"\x11" * 5_000_000 + good("picture", "jpg")[20:]
    yield "segments.jpg", None, b"\xff\xd8" + b"\xff\xfe\x00\x02" * 1_000_000 + good("picture", "jpg")[2:]
    yield "chunks.png", None, png(128, 96, even(384, 96), png_chunk(b"tEXt", b"a\0") * 700_000)
    yield "comments.jpg", None, b"\xff\xd8" + (b"\xff\xfe\xff\xff" + bytes(65_533)) * 200 + good("picture", "jpg")[2:]
    yield "jpeg-and-zip.jpg", None, good("picture", "jpg") + zipped()
    yield "zip-and-jpeg.jpg", True, zipped() + good("picture", "jpg")
    yield "pdf-and-jpeg.jpg", True, PDF + good("picture", "jpg")
    yield "gif-and-script.gif", None, good("picture", "gif") + b"*/=1;alert(1)"
    for kind, content in OTHERS.items():
        yield f"{kind}-named.png", True, content
        yield f"{kind}-named.jpg", True, content
    yield "empty.png", True, b""
    yield "one-byte.png", True, b"\x89"
    yield "signature.png", True, b"\x89PNG\r\n\x1a\n"
    yield "zeros.png", True, bytes(100_000)
    yield "text.jpg", True, b"not a picture at all\n" * 100
    yield "wav-named.png", True, good("sound", "wav")
    yield "mp4-named.jpg", True, good("clip", "mp4")
    yield "float-nan.tiff", None, _floats(np.nan)
    yield "float-huge.tiff", None, _floats(np.float32(3e38))
    yield "broken-exif.jpg", False, image("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    yield "broken-profile.jpg", False, image("JPEG", icc_profile=bytes(5000))


def large() -> Iterator[Made]:
    """Those that are many pixels: they take a while to make, and to judge."""
    yield "50-scans-of-24-Mpx.jpg", None, jpeg_with_scans(45, 128 * 45, 96 * 43)
    yield "scans-of-48-Mpx.jpg", None, jpeg_with_scans(45, 128 * 62, 96 * 62)
    yield "bomb-rgba.png", None, png(7000, 7000, even(28_000, 7000), colour=6)
    yield "bomb-16bit.png", None, png(7000, 7000, even(14_000, 7000), depth=16, colour=0)
    yield "bomb-48bit.png", None, png(7000, 7000, even(42_000, 7000), depth=16, colour=2)
    yield "bomb-64bit.png", None, png(7000, 7000, even(56_000, 7000), depth=16, colour=6)
    yield "bomb-rgb.png", None, png(7000, 7000, even(21_000, 7000))
    yield "5000-scans.jpg", True, jpeg_with_scans(5000)
    yield "5000-scans-with-junk.jpg", True, jpeg_with_scans(5000).replace(b"\xff\xc4", b"\0\xff\xc4")
    large = Image.new("RGB", (7000, 7000), (90, 120, 150))
    for name, form, options in (
        ("bomb.webp", "WEBP", {"method": 0}),
        ("bomb.gif", "GIF", {}),
        ("bomb.tiff", "TIFF", {"compression": "tiff_deflate"}),
    ):
        held = io.BytesIO()
        large.save(held, form, **options)
        yield name, None, held.getvalue()
    for name, mode in (("bomb-float.tiff", "F"), ("bomb-32bit.tiff", "I"), ("bomb-cmyk.tiff", "CMYK")):
        held = io.BytesIO()
        Image.new(mode, (7000, 7000)).save(held, "TIFF", compression="tiff_deflate")
        yield name, None, held.getvalue()
    held = io.BytesIO()
    large.resize((4600, 4600)).save(held, "JPEG2000")
    yield "bomb.jp2", None, held.getvalue()
    held = io.BytesIO()
    large.save(held, "AVIF", speed=10)
    yield "bomb.avif", None, held.getvalue()


def _floats(value: float) -> bytes:
    values = np.full((96, 128), 0.5, np.float32)
    values[10:20] = value
    held = io.BytesIO()
    Image.fromarray(values).save(held, "TIFF")
    return held.getvalue()
