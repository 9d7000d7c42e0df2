"""Follows every face through a clip, with the networks it is handed, in one walk through the frames.

The full-range detector looks at whole frames about once a second, after cuts, and while somebody is missing; between
that, the mesh sees one small square crop for each face, which is all of a frame that has to be turned into RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.detect import FIRST_CROP_IN_BOXES, TINY_FACE_SCORE, TINY_IOD_PX, Box, FaceNetworks, boxes_in_tiles
from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import LOWER_LIP_RINGS, UPPER_LIP_RINGS
from lipsmith.face.track import FaceTrack, RawFrame, steady_track

U8 = NDArray[np.uint8]

MOST_FACES = 6
CROP_PX = 320
CROP_IN_IOD = 5.0
SEARCH_PX = 1280
"""Longer side of a frame that is searched: a fifth of it, half as large again, is what the detector is shown."""
SEARCH_S, SEARCH_WHILE_LOST_S, SEARCH_FINELY_S = 1.0, 0.1, 2.0
"""How often whole frames are searched: as a rule, while nobody or one less is seen, and for tiny faces."""
MISSING_S = 2.0
"""Who has been gone for longer is looked for at the usual pace."""

_FOLLOW_PLACE, _FOLLOW_SIZE = 0.5, 0.2  # the crop's share of the way to the face, each frame
_NEAR_IOD = 1.5
_UNCONFIRMED = 2  # searches without a box on a face that is looked at from the front, until it is given up
_SEEN_FROM_FRONT_DEG = 35.0
_LEAST_FRAMES = 5
_SAME_PERSON, _SAME_PERSON_IN_PLACE = 0.52, 0.25
"""Likeness. Measured on twelve clips: strangers reach .51, one person's best of a few .6 and more."""
_MOST_LOOKS, _NO_NEWS = 8, 0.85
_THUMB_PX = (64, 36)
_CUT_LEVELS, _CUT_LIKENESS, _STAYED_LEVELS = 14.0, 0.75, 8.0
_LOOK_EVERY = 25  # frames
_LIPS = [*UPPER_LIP_RINGS[0], *LOWER_LIP_RINGS[0]]


class FollowNetworks(FaceNetworks, Protocol):
    """The networks that following needs."""

    def mesh_in_motion(self) -> Callable[[U8], F64 | None]:
        """A mesh that remembers where in its crop the face was: for one face, frame after frame."""
        ...


class FollowedFrame(Protocol):
    """What following needs of a frame of a clip."""

    @property
    def time_s(self) -> Fraction:
        """When it is shown."""
        ...

    @property
    def planes(self) -> U8:
        """(height * 3 // 2, width) uint8 I420, upright."""
        ...


def follow_faces(
    frames: Iterable[FollowedFrame], networks: FollowNetworks, *, pixel_aspect: Fraction = Fraction(1)
) -> list[FaceTrack]:
    """Every face of the clip, from left to right where they are on average; empty when there is none.

    Walks through ``frames`` once and holds none of them. ``pixel_aspect`` is a pixel's width over its height.
    """
    walk = _Walk(networks)
    for frame in frames:
        walk.step(_Planes.of(frame, float(pixel_aspect)), float(frame.time_s))
    return walk.tracks()


@dataclass(frozen=True, kw_only=True)
class _Planes:
    """A frame's planes, and how wide its pixels are."""

    y: U8
    u: U8
    v: U8
    """Half as wide and as high as ``y``."""
    aspect: float

    @classmethod
    def of(cls, frame: FollowedFrame, aspect: float) -> _Planes:
        height, width = frame.planes.shape[0] * 2 // 3, frame.planes.shape[1]
        u, v = frame.planes[height:].reshape(2, height // 2, width // 2)
        return cls(y=frame.planes[:height], u=u, v=v, aspect=aspect)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, square pixels."""
        return self.y.shape[1] * self.aspect, float(self.y.shape[0])


@dataclass(kw_only=True)
class _Person:
    """One face while it is followed."""

    centre: F64
    """(2,) of the crop, square pixels."""
    iod_px: float
    mesh: Callable[[U8], F64 | None]
    score: float
    looks: list[F64] = field(default_factory=list)
    """A few, over time: `_looks`."""
    frames: list[RawFrame] = field(default_factory=list)
    prominence: float = 0.0
    seen_s: float = 0.0
    """When it was seen last."""
    scene: int = 0
    """Count of cuts before that."""
    followed: bool = True
    unconfirmed: int = 0

    def likeness(self, looks: F64) -> float:
        """-1 to 1."""
        return max((_likeness(known, looks) for known in self.looks), default=-1.0)

    def remember(self, looks: F64) -> None:
        """Keeps ``looks`` where it is news."""
        if len(self.looks) < _MOST_LOOKS and self.likeness(looks) < _NO_NEWS:
            self.looks.append(looks)


class _Walk:
    def __init__(self, networks: FollowNetworks) -> None:
        self._networks = networks
        self._people: list[_Person] = []
        self._times_s: list[float] = []
        self._cuts: list[int] = []
        self._thumb: F64 | None = None
        self._searched_s = self._searched_finely_s = -1e9

    def step(self, frame: _Planes, time_s: float) -> None:
        """Takes the next frame."""
        index = len(self._times_s)
        self._times_s.append(time_s)
        thumb = _thumb(frame.y)
        is_cut = self._is_cut(frame, thumb)
        self._thumb = thumb
        if is_cut:
            self._cuts.append(index)
            for person in self._people:
                person.followed = False
        for person in self._followed():
            person.followed = self._follow(person, frame, index)
        if is_cut or self._is_search_due():
            self._search(frame, index)

    def tracks(self) -> list[FaceTrack]:
        times_s = np.array(self._times_s)
        least = min(_LEAST_FRAMES, len(times_s))
        people = [person for person in self._people if len(person.frames) >= least]
        people.sort(key=lambda person: float(np.mean([frame.centre[0] for frame in person.frames])))
        return [
            steady_track(p.frames, times_s, self._cuts, score=p.score, prominence=p.prominence / len(times_s))
            for p in people
        ]

    def _is_cut(self, frame: _Planes, thumb: F64) -> bool:
        """Another scene: the picture is another one, and whoever was seen is not where they were."""
        if self._thumb is None or not _has_changed(self._thumb, thumb):
            return False
        # Where most of the picture stayed, somebody in front of it moved a lot, as a rule.
        stayed = float(np.median(np.abs(thumb - self._thumb))) < _STAYED_LEVELS
        least = _SAME_PERSON_IN_PLACE if stayed else _SAME_PERSON
        return not any(self._is_still_here(person, frame, least) for person in self._followed())

    def _is_still_here(self, person: _Person, frame: _Planes, least_likeness: float) -> bool:
        crop = _Crop.cut(frame, person.centre, CROP_IN_IOD * person.iod_px)
        mesh = self._networks.mesh(crop.rgb)
        if mesh is None:
            return False
        away = np.hypot(*(crop.to_frame(mesh)[:, :2].mean(axis=0) - person.centre)) / person.iod_px
        return bool(away < _NEAR_IOD and person.likeness(_looks(crop.rgb, mesh)) > least_likeness)

    def _followed(self) -> list[_Person]:
        return [person for person in self._people if person.followed]

    @property
    def _now_s(self) -> float:
        return self._times_s[-1]

    def _is_search_due(self) -> bool:
        now_s, scene = self._now_s, len(self._cuts)
        missing = any(
            not p.followed and now_s - p.seen_s < MISSING_S and p.scene == scene and p.frames for p in self._people
        )
        pause_s = SEARCH_WHILE_LOST_S if missing or not self._followed() else SEARCH_S
        return now_s - self._searched_s >= pause_s - 1e-6

    def _follow(self, person: _Person, frame: _Planes, index: int) -> bool:
        """Looks at one face; False when it is not where it was."""
        crop = _Crop.cut(frame, person.centre, CROP_IN_IOD * person.iod_px)
        mesh = person.mesh(crop.rgb)
        if mesh is None:
            return False
        points = crop.to_frame(mesh)
        iod_px = HeadFrame.of(points).iod_px
        width, height = frame.size
        centre = points[:, :2].mean(axis=0)
        if not (0 <= centre[0] < width and 0 <= centre[1] < height and iod_px > 4):
            return False
        person.centre = person.centre + _FOLLOW_PLACE * (centre - person.centre)
        person.iod_px += _FOLLOW_SIZE * (iod_px - person.iod_px)
        person.seen_s, person.scene = self._now_s, len(self._cuts)
        if index % _LOOK_EVERY == 0:
            person.remember(_looks(crop.rgb, mesh))
        lips = points[_LIPS, :2]
        if (lips >= 0).all() and (lips < (width, height)).all():
            person.frames.append(RawFrame.of(index, points))
            off_centre = np.hypot(centre[0] / width - 0.5, centre[1] / height - 0.5)
            person.prominence += float(iod_px * (1 - 0.5 * off_centre) * (0.5 + 0.5 * person.score))
        return True

    def _search(self, frame: _Planes, index: int) -> None:
        """Looks for faces in the whole frame, and confirms those that are followed."""
        self._searched_s = self._now_s
        boxes = self._boxes(frame)
        for person in self._followed():
            mine = [box for box in boxes if _distance_iod(person, box) < _NEAR_IOD]
            boxes = [box for box in boxes if box not in mine]
            self._confirm(person, mine)
        free = MOST_FACES - len(self._followed())
        for box in sorted(boxes, key=lambda box: -box.side * box.score)[: max(free, 0)]:
            self._meet(frame, index, box)

    def _boxes(self, frame: _Planes) -> list[Box]:
        """In square pixels."""
        rgb, scale = _shrunk(frame)
        boxes = boxes_in_tiles(rgb, self._networks, splits=(1, 2))
        if not boxes and not self._followed() and self._now_s - self._searched_finely_s >= SEARCH_FINELY_S:
            self._searched_finely_s = self._now_s
            boxes = boxes_in_tiles(rgb, self._networks, splits=(3, 5))
        return [Box(x=b.x * scale, y=b.y * scale, side=b.side * scale, score=b.score) for b in boxes]

    def _confirm(self, person: _Person, boxes: Sequence[Box]) -> None:
        """The mesh can stay on something that is no face; the detector does not."""
        if boxes:
            person.unconfirmed = 0
            person.score = max(person.score, *(box.score for box in boxes))
            return
        person.unconfirmed += 1
        if person.unconfirmed >= _UNCONFIRMED:
            person.followed = False

    def _meet(self, frame: _Planes, index: int, box: Box) -> None:
        """Who is there: somebody who was seen before, somebody new, or nobody."""
        crop = _Crop.cut(frame, np.array([box.x, box.y]), FIRST_CROP_IN_BOXES * box.side)
        mesh = self._networks.mesh(crop.rgb)
        if mesh is None:
            return
        points = crop.to_frame(mesh)
        centre, iod_px = points[:, :2].mean(axis=0), HeadFrame.of(points).iod_px
        if iod_px < TINY_IOD_PX and box.score < TINY_FACE_SCORE:
            return
        if any(np.hypot(*(centre - p.centre)) < p.iod_px for p in self._followed()):
            return
        looks = _looks(crop.rgb, mesh)
        person = self._known(frame, centre, looks)
        if person is None:
            person = _Person(centre=centre, iod_px=iod_px, mesh=self._networks.mesh_in_motion(), score=box.score)
            self._people.append(person)
        person.remember(looks)
        person.centre, person.iod_px, person.unconfirmed = centre, iod_px, 0
        person.followed = self._follow(person, frame, index)

    def _known(self, frame: _Planes, centre: F64, looks: F64) -> _Person | None:
        """The one among those who are not seen at the moment who looks like this, or who was just here."""
        best, best_likeness = None, 0.0
        for person in self._people:
            if person.followed:
                continue
            just_here = (
                person.scene == len(self._cuts)
                and self._now_s - person.seen_s < MISSING_S
                and np.hypot(*(centre - person.centre)) < _NEAR_IOD * person.iod_px
            )
            likeness = person.likeness(looks)
            if likeness > (_SAME_PERSON_IN_PLACE if just_here else _SAME_PERSON) and likeness > best_likeness:
                best, best_likeness = person, likeness
        return best


@dataclass(frozen=True, kw_only=True)
class _Crop:
    """A square piece of a frame."""

    rgb: U8
    """(CROP_PX, CROP_PX, 3)."""
    corner: F64
    """(2,) its upper left corner in square pixels of the frame."""
    scale: float
    """Its pixels for a square pixel."""

    @classmethod
    def cut(cls, frame: _Planes, centre: F64, side_px: float) -> _Crop:
        """Around ``centre``, in square pixels; the frame's edge is repeated outside."""
        corner, scale = centre - side_px / 2, CROP_PX / side_px
        planes = np.empty((CROP_PX * 3 // 2, CROP_PX), dtype=np.uint8)
        planes[:CROP_PX] = _sampled(frame.y, frame.aspect, corner, scale, CROP_PX)
        chroma = planes[CROP_PX:].reshape(2, CROP_PX // 2, CROP_PX // 2)
        for plane, sampled in zip((frame.u, frame.v), chroma, strict=True):
            sampled[:] = _sampled(plane, frame.aspect, corner / 2, scale, CROP_PX // 2)
        return cls(rgb=_rgb(planes), corner=corner, scale=scale)

    def to_frame(self, mesh: F64) -> F64:
        """(478, 3) pixels of the crop -> square pixels of the frame."""
        points = mesh / self.scale
        points[:, :2] += self.corner
        return points


def _sampled(plane: U8, aspect: float, corner: F64, scale: float, side: int) -> U8:
    """(side, side) of a plane from ``corner`` on, ``scale`` pixels for each of the plane's square ones."""
    height, width = plane.shape
    step = max(1, int(1.0 / scale))  # warpAffine has no area filter: shrink in whole steps first
    (left, right), (top, bottom) = (
        (int(np.clip(start, 0, limit - step)), int(np.clip(start + side / by + 2 * step, step, limit)))
        for start, by, limit in ((corner[0] / aspect, scale * aspect, width), (corner[1], scale, height))
    )
    piece = plane[top:bottom, left:right]
    if step > 1:
        size = (max(1, (right - left) // step), max(1, (bottom - top) // step))
        piece = np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    x_scale = scale * aspect * (right - left) / piece.shape[1]
    y_scale = scale * (bottom - top) / piece.shape[0]
    # A pixel's middle is half a pixel in; what is shrunk, stretched and moved are pixels' corners.
    x_start = (left * aspect - corner[0]) * scale + 0.5 * x_scale - 0.5
    y_start = (top - corner[1]) * scale + 0.5 * y_scale - 0.5
    to_crop = np.array([[x_scale, 0, x_start], [0, y_scale, y_start]])
    sampled = cv2.warpAffine(piece, to_crop, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.uint8)


def _shrunk(frame: _Planes) -> tuple[U8, float]:
    """The whole frame in RGB, as large as a search needs it, and square pixels of the frame for each of its own."""
    width, height = frame.size
    scale = min(1.0, SEARCH_PX / max(width, height))
    shown = tuple(max(2, round(side * scale / 2) * 2) for side in (width, height))
    planes = np.empty((shown[1] * 3 // 2, shown[0]), dtype=np.uint8)
    planes[: shown[1]] = cv2.resize(frame.y, shown, interpolation=cv2.INTER_AREA)
    half = (shown[0] // 2, shown[1] // 2)
    for plane, small in zip((frame.u, frame.v), planes[shown[1] :].reshape(2, half[1], half[0]), strict=True):
        small[:] = cv2.resize(plane, half, interpolation=cv2.INTER_AREA)
    return _rgb(planes), width / shown[0]


def _rgb(planes: U8) -> U8:
    """The networks care neither for the exact matrix nor for the range."""
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), dtype=np.uint8)


def _distance_iod(person: _Person, box: Box) -> float:
    return float(np.hypot(person.centre[0] - box.x, person.centre[1] - box.y) / person.iod_px)


def _thumb(luma: U8) -> F64:
    """A tiny picture of the frame."""
    step = max(1, min(luma.shape) // 144)
    small = cv2.resize(np.ascontiguousarray(luma[::step, ::step]), _THUMB_PX, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float64)


def _has_changed(before: F64, after: F64) -> bool:
    """Nothing is as light as it was, and not in the same places either, as it is after a flash."""
    return bool(np.abs(after - before).mean() > _CUT_LEVELS and _correlation(before, after) < _CUT_LIKENESS)


def _looks(rgb: U8, mesh: F64) -> F64:
    """What a face looks like: a small picture of it, eyes and mouth always in the same places."""
    eyes_and_mouth = np.stack([mesh[[a, b], :2].mean(axis=0) for a, b in ((33, 133), (362, 263), (61, 291))])
    places = np.array([[10, 14], [22, 14], [16, 26]], dtype=np.float32)
    to_places = cv2.getAffineTransform(eyes_and_mouth.astype(np.float32), places)
    return np.asarray(cv2.warpAffine(rgb, to_places, (32, 40), flags=cv2.INTER_AREA), dtype=np.float64)


def _likeness(a: F64, b: F64) -> float:
    """-1 to 1: alike in where it is light and dark, and in colour."""
    luma = _correlation(a.mean(axis=2), b.mean(axis=2))
    tints = [(c - c.mean(axis=2, keepdims=True)).mean(axis=(0, 1)) for c in (a, b)]
    return luma - float(np.abs(tints[0] - tints[1]).mean()) / 40.0


def _correlation(a: F64, b: F64) -> float:
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
