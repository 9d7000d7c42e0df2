"""Nothing that a file says about itself, its owner or its place is found in what is made of it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import good_files
import pytest
from hostile_pictures import png_chunk
from PIL import Image, ImageCms, PngImagePlugin

from lipsmith import detect_faces, lip_sync, talking_photo
from lipsmith.service.processes import jit_warmup

CANARY = "Canary7Q2X"
SAID = {name: f"{CANARY} {name}" for name in ("title", "artist", "comment", "description", "copyright", "album")}
PLACE = {"location": f"+47.1234+008.5678/{CANARY}", "com.apple.quicktime.location.ISO6709": f"+47.1234/{CANARY}"}


def forms() -> Iterator[bytes]:
    """The canary as files may spell it."""
    for coding in ("ascii", "utf-16-le", "utf-16-be"):
        yield CANARY.encode(coding)


def sings(data: bytes) -> bool:
    """Search for the canary, plain or in a compressed part."""
    held = [data]
    for at in range(len(data) - 2):
        if data[at] == 0x78 and data[at + 1] in (0x01, 0x5E, 0x9C, 0xDA):
            try:
                held.append(zlib.decompressobj().decompress(data[at:], 1 << 20))
            except zlib.error:
                continue
    return any(form in part for part in held for form in forms())


def exif() -> Image.Exif:
    """Description, owner, camera, and the place where it was taken."""
    block = Image.Exif()
    for tag in (0x010E, 0x010F, 0x0110, 0x013B, 0x8298, 0x9286):
        block[tag] = CANARY
    gps = block.get_ifd(0x8825)
    gps.update({1: "N", 2: (47.0, 12.0, 34.0), 27: CANARY.encode(), 29: "2026:11:20"})
    return block


def profile() -> bytes:
    """sRGB, with a name in it."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = made.index("sRGB".encode("utf-16-be"))
    name = CANARY.encode("utf-16-be")
    made[at : at + len(name)] = name
    return bytes(made)


XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{CANARY}</rdf:RDF></x:xmpmeta>'.encode()


def photo(form: str) -> bytes:
    """The drawn face with everything that such a file can say."""
    face = Image.fromarray(jit_warmup.drawn_face(laughs=False))
    held = io.BytesIO()
    if form == "png":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Comment", CANARY)
        texts.add_text("Author", CANARY, zip=True)
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        face.save(held, "PNG", pnginfo=texts, exif=exif(), icc_profile=profile())
    elif form == "jpg":
        face.save(held, "JPEG", quality=95, exif=exif(), comment=CANARY, icc_profile=profile(), xmp=XMP)
        data = held.getvalue()
        records = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", 20) + b"\x1c\x02\x78" + CANARY.encode()
        return data[:2] + b"\xff\xed" + struct.pack(">H", len(records) + 2) + records + data[2:] + CANARY.encode()
    else:
        face.save(held, "WEBP", quality=95, exif=exif(), icc_profile=profile(), xmp=XMP)
    return held.getvalue()


def audio(form: str) -> bytes:
    """A sound with everything that such a file can say."""
    codec, name = {
        "mp3": ("libmp3lame", "mp3"),
        "m4a": ("aac", "ipod"),
        "flac": ("flac", "flac"),
        "ogg": ("libopus", "ogg"),
    }[form]
    return good_files.audio(name, codec, rate_hz=48_000, metadata=SAID | PLACE)


def speaking_wav(path: Path) -> bytes:
    """A hum, and a list of facts about it."""
    data = jit_warmup.write_hum(path).read_bytes()
    text = CANARY.encode() + b"\0\0"
    facts = b"LIST" + struct.pack("<I", 4 + 3 * (8 + len(text))) + b"INFO"
    facts += b"".join(kind + struct.pack("<I", len(text)) + text for kind in (b"INAM", b"IART", b"ICMT"))
    return data + facts + b"id3 " + struct.pack("<I", len(text)) + text


def talkative(clip: Path, out: Path) -> Path:
    """Copy of frames and audio with all metadata that the container can hold."""
    with av.open(clip) as source, av.open(out, "w", options={"movflags": "use_metadata_tags"}) as target:
        target.metadata.update(SAID | PLACE)
        tracks = {}
        for track in source.streams:
            tracks[track.index] = target.add_stream_from_template(track)
            tracks[track.index].metadata.update({"handler_name": CANARY, "title": CANARY})
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = tracks[packet.stream.index]
                target.mux(packet)
    data = out.read_bytes()
    out.write_bytes(data + struct.pack(">I", 8 + len(CANARY)) + b"free" + CANARY.encode())
    return out


def test_nothing_about_a_photo_or_a_sound_is_in_the_video(tmp_path: Path) -> None:
    for form, heard in (("png", "wav"), ("jpg", "mp3"), ("webp", "m4a")):
        image, speech = tmp_path / f"in.{form}", tmp_path / f"in.{heard}"
        image.write_bytes(photo(form))
        speech.write_bytes(speaking_wav(speech) if heard == "wav" else audio(heard))
        assert sings(image.read_bytes()), form
        assert sings(speech.read_bytes()), heard
        out = tmp_path / f"{form}.mp4"
        talking_photo(image, speech, out, motion_track=jit_warmup.every_motion())
        assert not sings(out.read_bytes()), (form, heard)


@pytest.mark.parametrize("form", ["flac", "ogg"])
def test_the_other_sounds_tell_as_much(form: str) -> None:
    assert sings(audio(form))


def test_nothing_about_a_clip_is_in_the_video(tmp_path: Path) -> None:
    (tmp_path / "face.png").write_bytes(photo("png"))
    speech = jit_warmup.write_hum(tmp_path / "hum.wav")
    plain = tmp_path / "plain.mp4"
    talking_photo(tmp_path / "face.png", speech, plain, motion_track=jit_warmup.every_motion())
    for extension in ("mp4", "mov", "mkv"):
        clip = talkative(plain, tmp_path / f"clip.{extension}")
        assert sings(clip.read_bytes()), extension
        out = tmp_path / f"{extension}-out.mp4"
        lip_sync(clip, speech, out, mode="lite")
        assert not sings(out.read_bytes()), extension


@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
def test_nothing_about_a_photo_is_in_its_faces(tmp_path: Path, form: str) -> None:
    (tmp_path / f"in.{form}").write_bytes(photo(form))
    found = detect_faces(tmp_path / f"in.{form}", tmp_path, moving=False)
    assert [face.path for face in found.faces] == [tmp_path / "face-1.png"]
    face = (tmp_path / "face-1.png").read_bytes()
    assert not sings(face)
    with Image.open(io.BytesIO(face)) as seen:
        assert set(seen.info) <= {"dpi"}


def test_a_file_that_keeps_what_it_was_told_is_noticed(tmp_path: Path) -> None:
    plain = png_chunk(b"IHDR", bytes(13))
    assert not sings(plain)
    assert sings(plain + png_chunk(b"zTXt", b"a\0\0" + zlib.compress(CANARY.encode())))
    assert sings(plain + CANARY.encode("utf-16-le"))
