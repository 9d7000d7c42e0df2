from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from media_makers import colour_image, save_audio, save_clip, save_image, tone
from PIL import Image

from lipsmith.errors import ImageTooLarge, ImageTooSmall, InputError, InvalidAudio, InvalidImage
from lipsmith.media.decode import open_audio
from lipsmith.media.probe import open_media, probe_audio, probe_image


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises a size and whose content never comes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_image_info(tmp_path: Path) -> None:
    info = probe_image(save_image(tmp_path / "a.webp", colour_image(120, 90)))
    assert (info.format, info.width, info.height, info.several) == ("WEBP", 120, 90, False)


@pytest.mark.parametrize(
    ("size", "error"),
    [
        ((7072, 7072), ImageTooLarge),  # just above 50 megapixels
        ((10_000, 9_500), ImageTooLarge),  # where Pillow only warns
        ((40_000, 40_000), ImageTooLarge),  # where Pillow refuses
        ((63, 500), ImageTooSmall),
        ((500, 1), ImageTooSmall),
        ((64, 1281), InvalidImage),  # aspect
    ],
)
def test_sizes_out_of_bounds_are_seen_in_the_header(
    tmp_path: Path, size: tuple[int, int], error: type[InputError]
) -> None:
    path = tmp_path / "claims.png"
    path.write_bytes(png_claiming(*size))
    with pytest.raises(error, match=r"claims\.png"):
        probe_image(path)


@pytest.mark.parametrize("size", [(7071, 7071), (64, 1280), (64, 64)])
def test_sizes_just_within_bounds(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "claims.png"
    path.write_bytes(png_claiming(*size))
    assert (probe_image(path).width, probe_image(path).height) == size


def test_a_jpeg_header_that_lies_about_its_size(tmp_path: Path) -> None:
    data = bytearray(save_image(tmp_path / "honest.jpg", colour_image()).read_bytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 13_000, 13_000)
    (tmp_path / "lies.jpg").write_bytes(data)
    with pytest.raises(ImageTooLarge, match=r"lies\.jpg"):
        probe_image(tmp_path / "lies.jpg")


def test_thousands_of_scans_are_refused(tmp_path: Path) -> None:
    honest = save_image(tmp_path / "honest.jpg", colour_image(), progressive=True).read_bytes()
    assert probe_image(tmp_path / "honest.jpg").format == "JPEG"
    last_scan = honest[honest.rindex(b"\xff\xda") : -2]
    (tmp_path / "bomb.jpg").write_bytes(honest[:-2] + last_scan * 5000 + honest[-2:])
    with pytest.raises(InvalidImage, match="progressive scans"):
        probe_image(tmp_path / "bomb.jpg")


def test_bytes_between_the_segments_do_not_hide_scans(tmp_path: Path) -> None:
    honest = save_image(tmp_path / "honest.jpg", colour_image(), progressive=True).read_bytes()
    last_scan = honest[honest.rindex(b"\xff\xda") : -2]
    behind_junk = honest[:-2].replace(b"\xff\xc4", b"\x07\xff\xc4") + last_scan * 5000 + honest[-2:]
    (tmp_path / "bomb.jpg").write_bytes(behind_junk)
    with pytest.raises(InvalidImage, match="progressive scans"):
        probe_image(tmp_path / "bomb.jpg")


@pytest.mark.parametrize("stray", [b"\xff" * 100_000, b"\x11" * 100_000, b"\xff\0" * 50_000, b"\xff\xfe\0\2" * 3000])
def test_a_jpeg_header_that_takes_for_ever_is_refused(tmp_path: Path, stray: bytes) -> None:
    honest = save_image(tmp_path / "honest.jpg", colour_image()).read_bytes()
    assert honest[20:22] == b"\xff\xdb"  # behind the first segment
    (tmp_path / "slow.jpg").write_bytes(honest[:20] + stray[:300] + honest[20:])
    assert probe_image(tmp_path / "slow.jpg").format == "JPEG"
    (tmp_path / "slow.jpg").write_bytes(honest[:20] + stray + honest[20:])
    with pytest.raises(InvalidImage, match="damaged"):
        probe_image(tmp_path / "slow.jpg")


def test_a_png_of_very_many_chunks_is_refused(tmp_path: Path) -> None:
    honest = save_image(tmp_path / "honest.png", colour_image()).read_bytes()
    nothing = struct.pack(">I", 2) + b"tEXta\0" + struct.pack(">I", zlib.crc32(b"tEXta\0"))
    (tmp_path / "slow.png").write_bytes(honest[:33] + nothing * 50_001 + honest[33:])
    with pytest.raises(InvalidImage, match="damaged"):
        probe_image(tmp_path / "slow.png")


def test_formats_whose_decoders_need_much_memory_have_limits_of_their_own(tmp_path: Path) -> None:
    Image.new("RGB", (5000, 4801)).save(tmp_path / "large.webp", method=0)
    with pytest.raises(ImageTooLarge, match="the limit for WEBP is 24 megapixels"):
        probe_image(tmp_path / "large.webp")


def test_pages_are_reported_without_counting_them(tmp_path: Path) -> None:
    page = Image.new("L", (64, 64))
    page.save(tmp_path / "pages.tiff", save_all=True, append_images=[page, page])
    page.save(tmp_path / "page.tiff")
    assert probe_image(tmp_path / "pages.tiff").several
    assert not probe_image(tmp_path / "page.tiff").several


def test_a_film_hung_on_a_photo_is_not_taken_for_scans(tmp_path: Path) -> None:
    path = save_image(tmp_path / "motion.jpg", colour_image())
    path.write_bytes(path.read_bytes() + b"\xff\xda\0\x08" * 1000)
    assert probe_image(path).format == "JPEG"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"just some words\n" * 20, "not a supported image"),
        (b"\xff\xd8", "not a supported image"),
        (b"\xff\xd8\xff", "not a supported image"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a supported image|damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "not a supported image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a supported image"),
    ],
)
def test_what_is_no_image(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "so called.png"
    path.write_bytes(content)
    with pytest.raises(InvalidImage, match=says):
        probe_image(path)


@pytest.mark.parametrize(("probe", "error"), [(probe_image, InvalidImage), (probe_audio, InvalidAudio)])
def test_missing_folder_and_pipe(tmp_path: Path, probe: object, error: type[InputError]) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait forever
    for name, says in (("gone", "There is no file"), (".", "is not a file"), ("pipe", "is not a file")):
        with pytest.raises(error, match=says):
            probe(tmp_path / name)  # type: ignore[operator]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = save_image(tmp_path / "mine.png", colour_image())
    path.chmod(0)
    with pytest.raises(InvalidImage, match="cannot be read"):
        probe_image(path)


def test_audio_info(tmp_path: Path) -> None:
    info = probe_audio(save_audio(tmp_path / "a.flac", tone(1.5, rate_hz=32_000, channels=2), 32_000, codec="flac"))
    assert (info.codec, info.rate_hz, info.channels, info.has_video) == ("flac", 32_000, 2, False)
    assert info.announced_s == pytest.approx(1.5, abs=0.001)


def test_info_of_a_clip(tmp_path: Path) -> None:
    clip = save_clip(tmp_path / "a.mp4", [colour_image(96, 64)] * 5, audio=tone(0.2, rate_hz=48_000))
    info = probe_audio(clip)
    assert (info.codec, info.rate_hz, info.channels, info.has_video, info.tracks) == ("aac", 48_000, 1, True, 1)


def test_a_cover_image_is_no_video(tmp_path: Path) -> None:
    cover = save_image(tmp_path / "cover.png", colour_image()).read_bytes()
    frame = b"\0image/png\0\x03\0" + cover
    tag = b"APIC" + struct.pack(">IH", len(frame), 0) + frame
    size = bytes(len(tag) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = tmp_path / "song.mp3"
    samples = save_audio(tmp_path / "plain.mp3", tone(1.0, rate_hz=48_000), 48_000, codec="libmp3lame").read_bytes()
    path.write_bytes(b"ID3\3\0\0" + size + tag + samples)
    with open_media(path, InvalidAudio) as container:
        assert len(container.streams.video) == 1  # so FFmpeg calls it
    assert not probe_audio(path).has_video
    assert open_audio(path).duration_s == pytest.approx(1.0, abs=0.03)


def wav_claiming(rate_hz: int, channels: int) -> bytes:
    fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * channels * 2, channels * 2 & 0xFFFF, 16)
    body = bytes(20_000)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
        + b"data" + struct.pack("<I", len(body)) + body
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rate_hz", "channels", "says"),
    [
        (3_999, 1, "3999 samples per second"),
        (400_000, 2, "400000 samples per second"),
        (48_000, 65, "65 audio channels"),
    ],
)
def test_audio_out_of_bounds(tmp_path: Path, rate_hz: int, channels: int, says: str) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(wav_claiming(rate_hz, channels))
    with pytest.raises(InvalidAudio, match=says):
        probe_audio(path)


PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile 'secret.wav'\n",
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n",
    "dash": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'>"
    "<BaseURL>secret.wav</BaseURL>"
    "<Period><AdaptationSet mimeType='audio/wav'><Representation id='1'/></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "metadata": ";FFMETADATA1\ntitle=x\n",
}


@pytest.mark.parametrize("extension", ["wav", "mp4", "mp3"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_cannot_read_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, extension: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save_audio(tmp_path / "secret.wav", tone(1.0))
    path = tmp_path / f"upload.{extension}"
    path.write_text(PLAYLISTS[kind])
    with pytest.raises(InvalidAudio, match="upload"):
        open_audio(path)


def test_the_playlist_attack_is_real_without_the_whitelist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_audio(tmp_path / "secret.wav", tone(1.0))
    Path("upload.wav").write_text(PLAYLISTS["ffconcat"])
    with av.open("upload.wav") as container:
        assert container.format.name == "concat"
        stolen = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert stolen.shape[1] == 22_050


def test_media_of_no_known_kind(tmp_path: Path) -> None:
    for name, content in (("a.mp4", b"words " * 100), ("b.wav", os.urandom(5000)), ("c.mp3", bytes(5000))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name), open_media(tmp_path / name, InputError) as container:
            next(container.decode())
