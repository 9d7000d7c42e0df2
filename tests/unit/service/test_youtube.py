"""Videos of YouTube, with a YouTube of our own: yt-dlp itself, a reader of our pages, and hosts on this machine."""

from __future__ import annotations

import http.server
import io
import json
import os
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hosts import Internet

from lipsmith.service.errors import InvalidUrl, SourceRefused, SourceTooSlow, SourceUnreachable
from lipsmith.service.network.fetch import Fetcher
from lipsmith.service.network.youtube import YouTube, video_id
from lipsmith.storage.errors import FileTooLarge

pytest.importorskip("yt_dlp", reason="it takes videos from YouTube: pip install yt-dlp")
trustme = pytest.importorskip("trustme", reason="it makes certificates: pip install trustme")

STAND_IN = Path(__file__).with_name("youtube_stand_in")
ID = "aaaaaaaaaaa"
WATCH = f"https://www.youtube.com/watch?v={ID}"
MEDIA = "https://rr1.googlevideo.com/film.mp4"
FPS, SECONDS, KEY_S = 10, 30, 2
MUCH = 10**9


@dataclass
class Tube:
    """Content of the hosts, and the requests to them."""

    page: dict[str, Any] = field(default_factory=dict)
    film: bytes = b""
    in_parts: bool = True
    leads_to: str | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Host and path."""
    sent_bytes: int = 0
    youtube: YouTube | None = None

    def bring(self, path: Path, start_s: float, end_s: float, max_bytes: int = MUCH) -> float:
        assert self.youtube is not None
        return self.youtube.fetch(WATCH, path, start_s=start_s, end_s=end_s, max_bytes=max_bytes)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Noise, which cannot be packed, so that it has several parts; each second is brighter than the one before."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    noise = np.random.default_rng(7).integers(0, 100, (192, 192, 3), np.uint8)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream("libx264", rate=FPS)
        stream.width = stream.height = 192
        stream.pix_fmt = "yuv420p"
        stream.gop_size = FPS * KEY_S
        stream.options = {"preset": "ultrafast", "crf": "4", "sc_threshold": "0"}
        for number in range(FPS * SECONDS):
            rgb = np.roll(noise, number * 37, axis=0) + np.uint8(5 * (number // FPS))
            for packet in stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")):
                target.mux(packet)
        target.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture
def tube(film: bytes) -> Iterator[Tube]:
    authority = trustme.CA()
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("www.youtube.com", "*.googlevideo.com", "example.org").configure_cert(certificate)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    there = Tube(film=film, page={"url": MEDIA, "ext": "mp4", "vcodec": "avc1", "acodec": "none", "duration": SECONDS})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = str(self.headers["host"])
            there.asked.append((host, self.path))
            if host == "www.youtube.com":
                self.send(200, json.dumps(there.page).encode())
            elif there.leads_to:
                self.send(302, b"", Location=there.leads_to)
                there.leads_to = None
            elif not there.in_parts:
                self.send(200, there.film[:1000])
            else:
                wish = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["range"])
                assert wish is not None
                part = there.film[int(wish[1]) : int(wish[2]) + 1]
                there.sent_bytes += len(part)
                last = int(wish[1]) + len(part) - 1
                self.send(206, part, **{"Content-Range": f"bytes {wish[1]}-{last}/{len(there.film)}"})

        def send(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = certificate.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever).start()
        address = "93.184.216.34"
        names = ("www.youtube.com", "rr1.googlevideo.com", "rr2.googlevideo.com", "example.org")
        internet = Internet({name: [[address]] for name in names}, {address: _Port(server.server_address[1])})
        fetcher = Fetcher(resolve=internet.resolve, sockets=internet, authorities=trusted)
        there.youtube = YouTube(fetcher=fetcher, environment={**os.environ, "PYTHONPATH": str(STAND_IN)})
        try:
            yield there
        finally:
            server.shutdown()


@dataclass(frozen=True)
class _Port:
    port: int


@pytest.mark.parametrize(
    "url",
    [
        WATCH,
        f"http://youtube.com/watch?v={ID}&t=3s&list=PLx",
        f"https://youtu.be/{ID}?si=x",
        f"https://m.youtube.com/shorts/{ID}",
        f"https://music.youtube.com/watch?v={ID}",
    ],
)
def test_urls_of_one_video(url: str) -> None:
    assert video_id(url) == ID


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/playlist?list=PLx",
        f"https://www.youtube.com/live/{ID}",
        "https://www.youtube.com/@somebody",
        "https://www.youtube.com/watch?v=short",
        f"https://www.youtube.com/watch?v={ID}&v=bbbbbbbbbbb",
        f"https://www.youtube.com.example.org/watch?v={ID}",
        f"https://notyoutu.be/{ID}",
        f"https://www.youtube.com:8443/watch?v={ID}",
        f"https://me@youtu.be/{ID}",
        f"ftp://youtu.be/{ID}",
        f"https://youtu.be/{ID}/more",
        f"https://youtu.be/{ID[:-1]}%0A",
    ],
)
def test_all_others_are_refused(url: str) -> None:
    with pytest.raises(InvalidUrl):
        video_id(url)


@pytest.mark.slow
def test_only_what_is_wanted_comes(tube: Tube, tmp_path: Path) -> None:
    tube.leads_to = "https://rr2.googlevideo.com/film.mp4"
    begins_s = tube.bring(tmp_path / "video.bin", 21.3, 22.1)
    assert begins_s == 20.0
    with av.open(str(tmp_path / "video.bin")) as got:
        frames = [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="gray")) for frame in got.decode(video=0)
        ]
    assert frames[0][0] == pytest.approx(0, abs=0.01)
    assert 2.1 <= frames[-1][0] <= 4.1
    with av.open(io.BytesIO(tube.film)) as whole:
        expected = [frame.to_ndarray(format="gray") for frame in whole.decode(video=0)]
    assert all(np.array_equal(image, expected[200 + round(at_s * FPS)]) for at_s, image in frames)
    assert tube.sent_bytes < len(tube.film) / 2
    assert {host for host, _ in tube.asked} == {"www.youtube.com", "rr1.googlevideo.com", "rr2.googlevideo.com"}
    assert [path.name for path in tmp_path.iterdir()] == ["video.bin"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({"unavailable": "Private video"}, "Private video"),
        ({"live_status": "is_live"}, "live stream"),
        ({"duration": 20}, "lasts 20 s"),
        ({"url": "https://www.youtube.com/nothing.m3u8", "protocol": "m3u8_native"}, "format"),
    ],
)
def test_what_youtube_does_not_hand_out(tube: Tube, tmp_path: Path, page: dict[str, Any], said: str) -> None:
    tube.page |= page
    with pytest.raises(SourceRefused, match=said):
        tube.bring(tmp_path / "video.bin", 21, 22)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "leads_to"),
    [
        ("https://example.org/film.mp4", None),
        ("http://rr2.googlevideo.com/film.mp4", None),
        (MEDIA, "https://example.org/film.mp4"),
    ],
)
def test_nobody_else_is_asked(tube: Tube, tmp_path: Path, url: str, leads_to: str | None) -> None:
    tube.page["url"], tube.leads_to = url, leads_to
    with pytest.raises(SourceUnreachable):
        tube.bring(tmp_path / "video.bin", 1, 2)
    assert {host for host, _ in tube.asked} <= {"www.youtube.com", "rr1.googlevideo.com"}


@pytest.mark.slow
def test_files_that_come_whole_are_refused(tube: Tube, tmp_path: Path) -> None:
    tube.in_parts = False
    with pytest.raises(SourceRefused, match="status 200"):
        tube.bring(tmp_path / "video.bin", 1, 2)


@pytest.mark.slow
def test_what_no_film_is(tube: Tube, tmp_path: Path) -> None:
    tube.film = b"no film at all" * 1000
    with pytest.raises(SourceRefused):
        tube.bring(tmp_path / "video.bin", 1, 2)


@pytest.mark.slow
def test_too_much_and_too_long(tube: Tube, tmp_path: Path) -> None:
    with pytest.raises(FileTooLarge):
        tube.bring(tmp_path / "video.bin", 0, 30, max_bytes=3_000_000)
    assert tube.youtube is not None
    hasty = YouTube(fetcher=tube.youtube.fetcher, environment=tube.youtube.environment, timeout_s=0.05)
    with pytest.raises(SourceTooSlow):
        hasty.fetch(WATCH, tmp_path / "video.bin", start_s=1, end_s=2, max_bytes=MUCH)
    assert list(tmp_path.iterdir()) == []
