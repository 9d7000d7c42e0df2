"""From clips to a personal style and on to a video: with a clip that lipsmith itself makes of a portrait and a text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith import LipsmithError, Progress, learn_style, talking_photo
from lipsmith.cli.main import run
from lipsmith.errors import Cancelled
from lipsmith.media.reader import open_clip
from lipsmith.speech.personal import read_personal_style

TOLD = (
    "My father bought a new boat, so we show it to all our people. Who would want more than one warm summer by the "
    "sea? Papa was happy before, but now he may be even more so."
)


@pytest.fixture(scope="session")
def film(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person who speaks, face to the camera."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    talking_photo(stock / "portrait.png", None, path, text=TOLD, voice="en-us+f2", crf=23)
    return path


@pytest.fixture
def studio(room: Path, film: Path) -> Path:
    """The room, with the film in it."""
    shutil.copy(film, room / "film.mp4")
    return room


def changed(film: Path, out: Path, *, audio: bool = True, late_s: float = 0.0) -> Path:
    """Copy of the film without its audio, or with later audio; the frames stay."""
    with av.open(str(film)) as source, av.open(str(out), "w") as target:
        streams = {s: target.add_stream_from_template(s) for s in source.streams if audio or s.type == "video"}
        for packet in source.demux(list(streams)):
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                packet.pts += round(late_s / packet.time_base)
                packet.dts += round(late_s / packet.time_base)
            packet.stream = streams[packet.stream]
            target.mux(packet)
    return out


def refusal(*clips: str, **options: Any) -> LipsmithError:
    with pytest.raises(LipsmithError) as caught:
        learn_style(list(clips), **options)
    return caught.value


@pytest.mark.slow
def test_a_style_is_learnt_and_spoken_in(studio: Path) -> None:
    stages: list[Progress] = []
    learnt = learn_style("film.mp4", progress=stages.append)
    assert learnt.path == Path("me.style") and 8.0 < learnt.seconds < 16.0
    assert learnt.r_after > 0.6
    assert 0.15 < learnt.opening_iod < 0.35
    assert learnt.offsets_s == (pytest.approx(0.0, abs=0.04),)
    assert [p.stage for p in stages if p.done == 0] == ["clip", "speech", "face", "speech"]
    assert max(p.done for p in stages if p.stage == "face") > 200
    in_general, in_style = (
        talking_photo("portrait.png", "speech.wav", f"{k}.mp4", speaking_style=style, export=f"{k}.json")
        for k, style in enumerate((None, "me.style"))
    )
    curves = [json.loads(Path(f"{k}.json").read_text())["channels"]["aperture"] for k in range(2)]
    assert in_style.frames == in_general.frames and curves[0] != curves[1]
    assert np.percentile(curves[1], 95) == pytest.approx(learnt.opening_iod, rel=0.35)


@pytest.mark.slow
def test_a_text_opens_the_lips_as_far_as_the_style_says(studio: Path) -> None:
    learn_style(["film.mp4"], "her.style")
    data = json.loads(Path("her.style").read_text())
    data["range"]["high_iod"] = 0.13
    Path("little.style").write_text(json.dumps(data))
    apertures = []
    for style in (None, "little.style"):
        talking_photo(
            "portrait.png", None, "x.mp4", text="Papa was happy.", speaking_style=style, export="x.json", overwrite=True
        )
        apertures.append(max(json.loads(Path("x.json").read_text())["channels"]["aperture"]))
    assert apertures[1] == pytest.approx(0.5 * apertures[0], rel=0.2)


@pytest.mark.slow
def test_an_offset_is_found_and_told(studio: Path) -> None:
    changed(studio / "film.mp4", studio / "late.mp4", late_s=0.12)
    learnt = learn_style("late.mp4", "late.style")
    assert learnt.offsets_s[0] == pytest.approx(0.12, abs=0.04)
    assert any("ms behind the lips" in warning for warning in learnt.warnings)


@pytest.mark.slow
def test_clips_that_teach_nothing(studio: Path) -> None:
    changed(studio / "film.mp4", studio / "mute.mp4", audio=False)
    assert refusal("mute.mp4").code == "style_not_learnt"
    nobody = np.full((96, 96, 3), 127, np.uint8)
    write_nobody(studio / "nobody.mp4", nobody, studio / "film.mp4")
    assert refusal("nobody.mp4").code == "no_source_face"
    assert refusal("film.mp4", "none.mp4").code == "invalid_video"
    assert refusal("speech.wav").code == "invalid_video"
    assert not list(studio.glob("*.style")) and not list(studio.glob(".lipsmith-*"))


def write_nobody(path: Path, rgb: NDArray[np.uint8], film: Path) -> None:
    """One grey second, again and again, under the film's audio."""
    with av.open(str(film)) as source, av.open(str(path), "w") as target:
        frame, audio = target.add_stream("libx264", rate=10), target.add_stream_from_template(source.streams.audio[0])
        frame.width, frame.height, frame.pix_fmt = 96, 96, "yuv420p"
        for _ in range(60):
            target.mux(frame.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        target.mux(frame.encode(None))
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = audio
                target.mux(packet)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clips", "options", "code"),
    [
        ([], {}, "invalid_option"),
        ([3], {}, "invalid_option"),
        (["film.mp4"], {"face": 0}, "invalid_option"),
        (["film.mp4"], {"face": (9000, 9000, 1.0)}, "no_such_face"),
        (["film.mp4"], {"out": "film.mp4"}, "invalid_option"),
        (["film.mp4"], {"out": "nowhere/me.style"}, "invalid_option"),
        (["film.mp4"], {"out": "."}, "invalid_option"),
        (["film.mp4"], {"out": "speech.wav"}, "output_exists"),
        (["film.mp4"], {"face": "left"}, "invalid_option"),
        (["film.mp4"], {"face": "2"}, "no_such_face"),
    ],
)
def test_what_is_refused(studio: Path, clips: list[str], options: dict[str, Any], code: str) -> None:
    error = refusal(*clips, **options)
    assert error.code == code


@pytest.mark.slow
def test_learning_can_be_cancelled(studio: Path) -> None:
    seen: list[Progress] = []
    with pytest.raises(Cancelled):
        learn_style("film.mp4", progress=seen.append, cancelled=lambda: len(seen) > 20)
    assert not Path("me.style").exists()


@pytest.mark.parametrize(
    ("style", "code"), [("none.style", "invalid_style"), ("speech.wav", "invalid_style"), (3, "invalid_option")]
)
def test_other_styles_are_refused_before_the_work(room: Path, style: Any, code: str) -> None:
    with pytest.raises(LipsmithError) as caught:
        talking_photo("portrait.png", "speech.wav", "out.mp4", speaking_style=style)
    assert caught.value.code == code
    assert not Path("out.mp4").exists()


@pytest.mark.slow
def test_the_command_line_learns_and_speaks(studio: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["style", "learn", "film.mp4", "-o", "her.style", "--json", "-q"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["path"] == "her.style"
    assert told["seconds"] == read_personal_style("her.style").seconds
    assert run(["style", "learn", "film.mp4", "-o", "her.style", "-q"]) == 2
    assert capfd.readouterr().err.strip().endswith("[output_exists]")
    assert run(["talk", "portrait.png", "speech.wav", "-o", "said.mp4", "--style", "her.style", "-q"]) == 0
    assert len(open_clip("said.mp4")) > 20
