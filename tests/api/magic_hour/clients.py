"""Inputs of every official client and the expected outcome, in any language."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np

from local_hosts import local_host
from servers import Server

REFUSALS = {
    "a wrong key": (401, "Unauthorized"),
    "no key": (401, "Unauthorized"),
    "nothing there": (404, "Not Found"),
    "an end before the start": (400, "end_seconds: "),
    "never uploaded": (422, "assets."),
    "too few credits": (402, ""),
}
"""Status and the beginning of the message, by what was wrong."""


@contextmanager
def inputs(server: Server, stock: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """Inputs of a flow; ``remote`` can be fetched inside the block."""
    remote, out = folder / "remote", folder / "out"
    remote.mkdir()
    out.mkdir()
    shutil.copy(stock / "portrait.png", remote / "portrait.png")
    (folder / "muddle.png").write_text("this is no picture")
    write_spoken(folder / "spoken.webm", stock / "speech.wav")
    with local_host(remote) as host:
        yield {
            "url": server.url,
            "key": server.key,
            "poor": server.admin("account", "create", "--credits", "5")["api_key"],
            "folder": str(out),
            "picture": str(stock / "portrait.png"),
            "recording": str(stock / "speech.wav"),
            "muddle": str(folder / "muddle.png"),
            "spoken": str(folder / "spoken.webm"),
            "remote": f"{host.url}/portrait.png?signed=yes",
        }


def write_spoken(path: Path, recording: Path) -> None:
    """A WebM with sound alone, as browsers record it; clients take it for a video by its name."""
    with av.open(str(recording)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libopus", rate=48_000, layout="mono")
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=48_000, frame_size=stream.frame_size)
        frames = [piece for frame in source.decode(audio=0) for piece in resampler.resample(frame)]
        for piece in [*frames, *resampler.resample(None), None]:
            target.mux(stream.encode(piece))


def check_flow(told: dict[str, Any], folder: Path) -> None:
    """Everything that all clients told of a flow."""
    check_video(told["talked"], folder)
    check_video(told["synced"], folder)
    assert told["enabled"] is False
    check_faces(told["faces"], folder)
    if spoken := told.get("spoken"):
        check_sound(spoken, folder)
    failed = told["failed"]
    assert (failed["status"], failed["error"][0], failed["credits_charged"]) == ("error", "invalid_image", 0)
    assert not failed["downloaded_paths"]
    if by_hand := told.get("by_hand"):
        assert by_hand["path"].startswith("api-assets/")
        assert by_hand["path"].endswith(".wav")
        assert by_hand["charged"] == by_hand["estimated"] == 30 * 30 * 2
        assert (by_hand["name"], by_hand["status"], by_hand["downloads"], by_hand["same"]) == (
            "By hand",
            "complete",
            1,
            True,
        )
    for what, (status, beginning) in REFUSALS.items():
        got, message = told["refusals"][what]
        assert (got, message[: len(beginning)]) == (status, beginning), what


def check_video(told: dict[str, Any], folder: Path) -> None:
    """It is there, by the name of its project, and can be played."""
    assert (told["status"], told["error"]) == ("complete", None)
    assert told["credits_charged"] == told["total_frame_cost"] > 0
    [path] = told["downloaded_paths"]
    assert Path(path) == folder / f"{told['id']}.mp4"
    with av.open(path) as film:
        image = next(film.decode(video=0)).to_ndarray(format="gray")
    assert image.shape == (told["height"], told["width"])
    assert np.ptp(image) > 100


def check_sound(told: dict[str, Any], folder: Path) -> None:
    """Two credits for nineteen characters, a sound that can be played, photos that say it, and nothing left of it."""
    assert (told["status"], told["type"], told["credits_charged"]) == ("complete", "VOICE_GENERATOR", 2)
    [path] = told["downloaded_paths"]
    assert (Path(path).parent, Path(path).suffix) == (folder, ".mp3")
    with av.open(path) as audio:
        received = np.concatenate([frame.to_ndarray().ravel() for frame in audio.decode(audio=0)])
    assert np.ptp(received) > 0.1
    assert (told["talked"], told["again"]) == ("complete", 6 * 2)
    assert told["deleted"] == [False, []]


def check_faces(told: dict[str, Any], folder: Path) -> None:
    """One face, and its picture."""
    assert (told["status"], told["faces"]) == ("complete", 1)
    [path] = told["downloaded_paths"]
    assert Path(path).parent == folder
    assert Path(path).read_bytes().startswith(b"\x89PNG")
