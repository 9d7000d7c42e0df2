"""Contract of the role `LipSyncer`, for every engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from factories import write_clip_of
from lipsmith.engines import registry
from lipsmith.engines.contract import Effort, NewLips
from lipsmith.face.geometry import HeadFrame
from lipsmith.face.track import FaceTrack
from lipsmith.media.clip import ClipFrame
from lipsmith.media.durations import DurationMode
from lipsmith.media.reader import Clip, open_clip
from lipsmith.media.timeline import FramePlan
from lipsmith.motion.track import MotionTrack

EFFORTS: tuple[Effort, ...] = ("lite", "standard", "pro")
LOWER_LIDS, CHIN, SIDES = (145, 374), 152, (234, 454)
BELOW_CHIN_IOD, BESIDE_FACE_IOD = 0.8, 0.5
pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A clip, who is in it, and what the first face shall say."""

    clip: Clip
    tracks: tuple[FaceTrack, ...]

    def plan(self, mode: DurationMode = "silence", audio_s: float = 1.0) -> FramePlan:
        return FramePlan(durations_s=self.clip.durations_s, audio_s=audio_s, mode=mode)

    def new_lips(self, plan: FramePlan, face: int = 0) -> NewLips:
        sources = np.array([shown.source for shown in plan])
        speaking = 0.12 + 0.1 * np.sin(np.arange(len(sources)) / 2)
        motion = MotionTrack.of(self.clip.info.fps, len(sources), aperture=speaking)
        return NewLips(track=self.tracks[face], motion=motion, sources=sources)

    def drawn(self, name: str, effort: Effort, plan: FramePlan, *faces: int) -> list[ClipFrame]:
        lips = [self.new_lips(plan, face) for face in faces]
        return list(registry.create("lip_syncer", name).frames(self.clip, self.clip.play(plan), lips, effort=effort))


def scene_of(path: Path, end_s: float | None = None) -> Scene:
    clip = open_clip(path, end_s=end_s)
    follower = registry.create("face_follower")
    return Scene(clip=clip, tracks=tuple(follower.follow(clip.frames(), pixel_aspect=clip.info.pixel_aspect)))


@pytest.fixture(scope="module")
def two_of_her(tmp_path_factory: pytest.TempPathFactory, astronaut: NDArray[np.uint8]) -> Scene:
    """One face twice, side by side, swaying."""
    head = astronaut[:320, 64:384]
    path = tmp_path_factory.mktemp("clips") / "two.mp4"
    write_clip_of(path, np.hstack([head, head]), frames=14)
    return scene_of(path)


@pytest.fixture(scope="module")
def talking(shared_media: Path) -> Scene:
    """Somebody who talks: enough mouths to borrow from."""
    return scene_of(shared_media / "video" / "vidtimit_woman_5s.mp4", end_s=4.0)


@pytest.fixture(params=registry.names("lip_syncer"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("effort", EFFORTS)
def test_only_the_lower_face_of_the_speaker_changes(name: str, effort: Effort, two_of_her: Scene) -> None:
    """All else keeps its bytes, and the pictures keep their order and times."""
    drawn = two_of_her.drawn(name, effort, two_of_her.plan(), 1)
    assert len(drawn) == 14
    for before, after in zip(two_of_her.clip.frames(), drawn, strict=True):
        assert (after.index, after.time_s, after.duration_s) == (before.index, before.time_s, before.duration_s)
        _only_below_the_eyes(before, after, two_of_her.tracks[1].points(before.index))
    middle = slice(4, 10)
    assert all(changed_places(a, b)[0].size > 500 for a, b in _pairs(two_of_her.clip, drawn, middle))


@pytest.mark.parametrize("effort", EFFORTS)
def test_parts_drawn_apart_are_the_whole(name: str, effort: Effort, talking: Scene) -> None:
    plan = talking.plan()
    whole = talking.drawn(name, effort, plan, 0)
    lips, cut = [talking.new_lips(plan)], 57
    parts: list[ClipFrame] = []
    for first, last in ((0, cut), (cut, None)):
        engine = registry.create("lip_syncer", name)
        shown = talking.clip.play(islice(plan, first, last))
        parts += list(engine.frames(talking.clip, shown, lips, effort=effort, first=first))
    assert len(parts) == len(whole) == 100
    assert all((part.planes == one.planes).all() for part, one in zip(parts, whole, strict=True))
    for before, after in _pairs(talking.clip, whole, slice(None)):
        _only_below_the_eyes(before, after, talking.tracks[0].points(before.index))


def test_two_faces_are_drawn_as_each_alone(name: str, two_of_her: Scene) -> None:
    plan = two_of_her.plan()
    both, left, right = (two_of_her.drawn(name, "lite", plan, *faces) for faces in ((0, 1), (0,), (1,)))
    height = two_of_her.clip.info.height
    for together, one, other in zip(both, left, right, strict=True):
        assert (together.planes[:height, :320] == one.planes[:height, :320]).all()
        assert (together.planes[:height, 320:] == other.planes[:height, 320:]).all()


@pytest.mark.parametrize("mode", ["loop", "bounce", "hold"])
def test_a_plan_is_followed_to_and_fro(name: str, mode: DurationMode, two_of_her: Scene) -> None:
    plan = two_of_her.plan(mode, audio_s=1.2)
    drawn = two_of_her.drawn(name, "lite", plan, 0)
    assert [(f.index, f.time_s, f.duration_s) for f in drawn] == [(s.source, s.time_s, s.duration_s) for s in plan]
    assert len(drawn) == 30


def test_pictures_without_the_face_keep_every_byte(name: str, shared_media: Path) -> None:
    scene = scene_of(shared_media / "odd" / "face_leaves.mp4", end_s=3.4)
    drawn = scene.drawn(name, "lite", scene.plan(), 0)
    share = registry.create("lip_syncer", name).replaced_share(scene.tracks[0])
    assert share.shape == scene.tracks[0].present.shape
    assert share.min() == 0.0 and share.max() == 1.0
    assert not share[~scene.tracks[0].present].any()
    kept = np.flatnonzero(share == 0.0)
    assert len(kept) > 10
    for before, after in _pairs(scene.clip, drawn, slice(None)):
        if before.index in kept:
            assert (before.planes == after.planes).all()


def _pairs(clip: Clip, drawn: list[ClipFrame], where: slice) -> Iterator[tuple[ClipFrame, ClipFrame]]:
    return iter(list(zip(clip.frames(), drawn, strict=True))[where])


def changed_places(before: ClipFrame, after: ClipFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of luma, and of the four pixels of each chroma sample, that are not the same."""
    height = before.planes.shape[0] * 2 // 3
    unlike = before.planes != after.planes
    chroma = unlike[height:].reshape(2, height // 2, -1).any(axis=0)
    rows, columns = np.nonzero(unlike[:height] | np.kron(chroma, np.ones((2, 2), dtype=np.bool_)))
    return rows, columns


def _only_below_the_eyes(before: ClipFrame, after: ClipFrame, points: NDArray[np.float64]) -> None:
    rows, columns = changed_places(before, after)
    if not rows.size:
        return
    iod_px = HeadFrame.of(points).iod_px
    assert rows.min() > points[list(LOWER_LIDS), 1].min()
    assert rows.max() < points[CHIN, 1] + BELOW_CHIN_IOD * iod_px
    left, right = points[list(SIDES), 0]
    assert left - BESIDE_FACE_IOD * iod_px < columns.min()
    assert columns.max() < right + BESIDE_FACE_IOD * iod_px
