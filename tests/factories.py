"""Media made by code: a portrait on disk, two people, a turned head, a spoken sentence."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage
from scipy.spatial import Delaunay

from lipsmith.engines import registry
from lipsmith.media.clip import Image

SENTENCE = "Papa sees a small boat."
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377]
OVAL += [152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
"""Points of the face mesh along its edge."""


@pytest.fixture(scope="session")
def stock(astronaut: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``portrait.png``, ``two.png`` (her twice, side by side), ``small.png``, ``speech.wav``.

    And with two clips of 1 s: ``clip.mp4`` (her, swaying, with audio of its own) and ``pair.mp4`` (her twice).
    """
    folder = tmp_path_factory.mktemp("stock")
    head = astronaut[:320, 64:384]
    PilImage.fromarray(head).save(folder / "portrait.png")
    PilImage.fromarray(np.hstack([head, head])).save(folder / "two.png")
    PilImage.fromarray(head).resize((136, 136), PilImage.Resampling.LANCZOS).save(folder / "small.png")
    write_speech(folder / "speech.wav", SENTENCE)
    write_clip_of(folder / "clip.mp4", head, hum=True)
    write_clip_of(folder / "pair.mp4", np.hstack([head, head]))
    return folder


@pytest.fixture
def room(stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder with the stock in it, which is also where the test stands."""
    folder = tmp_path / "room"
    shutil.copytree(stock, folder)
    monkeypatch.chdir(folder)
    return folder


def write_speech(path: Path, text: str, voice: str = "en-us+f3") -> None:
    """A mono WAV of the spoken text, without silence at its start."""
    audio = registry.create("voice").speak(text, voice=voice, rate=1.0).audio
    samples = np.concatenate(list(audio.blocks(22050, 1)), axis=1)[0]
    write_wav(path, samples[np.argmax(np.abs(samples) > 0.02) :], 22050)


def write_clip_of(path: Path, rgb: NDArray[np.uint8], *, frames: int = 25, hum: bool = False) -> None:
    """H.264 at 25 fps of an image that sways by a few pixels; with ``hum``, a tone as its audio."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "14"})
        video.height, video.width, video.pix_fmt = rgb.shape[0], rgb.shape[1], "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="mono") if hum else None
        for number in range(frames):
            sway = np.array([[1, 0, 3 * np.sin(number / 4)], [0, 1, 0]])
            moved = cv2.warpAffine(rgb, sway, (rgb.shape[1], rgb.shape[0]), borderMode=cv2.BORDER_REPLICATE)
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.asarray(moved, np.uint8), format="rgb24")))
        if audio is not None:
            wave_form = 0.1 * np.sin(2 * np.pi * 220 * np.arange(frames * 1920) / 48_000)
            tone = av.AudioFrame.from_ndarray(wave_form[np.newaxis].astype(np.float32), format="fltp", layout="mono")
            tone.sample_rate, tone.pts = 48_000, 0
            container.mux(audio.encode(tone))
            container.mux(audio.encode(None))
        container.mux(video.encode(None))


def write_wav(path: Path, samples: NDArray[np.float32], rate_hz: int) -> None:
    """A mono WAV of float samples, full scale ±1."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())


def write_coded(path: Path, samples: NDArray[np.float32], rate_hz: int, codec: str, coded_rate_hz: int) -> None:
    """A mono file of float samples by any codec, at another rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=coded_rate_hz)
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=coded_rate_hz, frame_size=stream.frame_size
        )
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(part))


def turned_head(rgb: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """The face of the image as a mask in space, turned to the side, in front of grey."""
    face = registry.create("face_finder").find(Image(rgb=rgb, grey=False))[0]
    points, middle, iod = face.points[:468], face.points.mean(axis=0), face.iod_px
    edge = face.points[OVAL]
    sides = [  # the temples and cheeks going back, where the mesh ends
        np.column_stack([middle[:2] + (edge[:, :2] - middle[:2]) * size, edge[:, 2] + depth * iod])
        for size, depth in ((1.12, 0.5), (1.2, 1.0))
    ]
    source = np.vstack([points, *sides])
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    x, z = source[:, 0] - middle[0], source[:, 2] - middle[2]
    target = np.column_stack([middle[0] + x * cosine - z * sine, source[:, 1], x * sine + z * cosine])
    triangles = Delaunay(source[:, :2]).simplices
    out = np.full_like(rgb, 120)
    for corners in triangles[np.argsort(-target[triangles, 2].mean(axis=1))]:  # the farthest first
        way = cv2.getAffineTransform(source[corners, :2].astype(np.float32), target[corners, :2].astype(np.float32))
        mask = cv2.fillConvexPoly(np.zeros(rgb.shape[:2], np.uint8), np.round(target[corners, :2]).astype(np.int32), 1)
        left, top, width, height = cv2.boundingRect(mask)
        way[:, 2] -= (left, top)
        piece = cv2.warpAffine(rgb, way, (width, height), borderMode=cv2.BORDER_REPLICATE)
        inside = mask[top : top + height, left : left + width] > 0
        out[top : top + height, left : left + width][inside] = piece[inside]
    return out
