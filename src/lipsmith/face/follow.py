"""Follow every face through a clip, in one pass over the frames.

The full-range detector searches whole frames about once a second, after cuts and while a face is missing. In other
frames the mesh receives one small square crop per face, so only the crops are converted to RGB.
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

MAX_FACES = 6
CROP_PX = 320
CROP_IN_IOD = 5.0
SEARCH_PX = 1280
"""Longer side of a searched frame."""
SEARCH_S, SEARCH_WHILE_LOST_S, SEARCH_FINELY_S = 1.0, 0.1, 2.0
"""Intervals between searches: usual, while a face is missing, and for tiny faces."""
MISSING_S = 2.0
"""Time after which a missing face is searched at the usual interval."""

_FOLLOW_PLACE, _FOLLOW_SIZE = 0.5, 0.2  # share of the way to the face that the crop moves per frame
_NEAR_IOD = 1.5
_MAX_UNCONFIRMED = 2  # searches without a box on a face until it is dropped
_MIN_FRAMES = 5
_SAME_PERSON, _SAME_PERSON_IN_PLACE = 0.52, 0.25
"""Minimum likeness. Measured on twelve clips: different people reach .51, the same person's best at least .6."""
_MAX_LOOKS, _NEW_LOOK_LIKENESS = 8, 0.85
_THUMBNAIL_PX = (64, 36)
_CUT_LEVELS, _CUT_LIKENESS, _STAYED_LEVELS = 14.0, 0.75, 8.0
_LOOK_INTERVAL_FRAMES = 25
_LIPS = [*UPPER_LIP_RINGS[0], *LOWER_LIP_RINGS[0]]


class FollowNetworks(FaceNetworks, Protocol):
    """Networks for following faces."""

    def mesh_in_motion(self) -> Callable[[U8], F64 | None]:
        """Return a mesh network for the successive frames of one face, which remembers its place in the crop."""
        ...


class FollowedFrame(Protocol):
    """Frame of a clip, as needed for following."""

    @property
    def time_s(self) -> Fraction:
        """Start time."""
        ...

    @property
    def planes(self) -> U8:
        """(height * 3 // 2, width) uint8 I420, upright."""
        ...


def follow_faces(
    frames: Iterable[FollowedFrame], networks: FollowNetworks, *, pixel_aspect: Fraction = Fraction(1)
) -> list[FaceTrack]:
    """Return every face of the clip, from left to right by mean position.

    Reads ``frames`` once and keeps none of them. ``pixel_aspect`` is the width of a pixel over its height.
    """
    follower = _Follower(networks)
    for frame in frames:
        follower.step(_Planes.of(frame, float(pixel_aspect)), float(frame.time_s))
    return follower.tracks()


@dataclass(frozen=True, kw_only=True)
class _Planes:
    """Planes of a frame, with its pixel aspect ratio."""

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
    """(2,) centre of the crop, square pixels."""
    iod_px: float
    mesh: Callable[[U8], F64 | None]
    score: float
    looks: list[F64] = field(default_factory=list)
    """A few results of `_looks`, over time."""
    frames: list[RawFrame] = field(default_factory=list)
    prominence: float = 0.0
    seen_s: float = 0.0
    """Time at which it was last seen."""
    scene: int = 0
    """Number of cuts before that time."""
    followed: bool = True
    unconfirmed: int = 0

    def likeness(self, looks: F64) -> float:
        """Return the best likeness to the remembered looks, -1 to 1."""
        return max((_likeness(known, looks) for known in self.looks), default=-1.0)

    def remember(self, looks: F64) -> None:
        """Keep ``looks`` if it differs from the others."""
        if len(self.looks) < _MAX_LOOKS and self.likeness(looks) < _NEW_LOOK_LIKENESS:
            self.looks.append(looks)


class _Follower:
    def __init__(self, networks: FollowNetworks) -> None:
        self._networks = networks
        self._people: list[_Person] = []
        self._times_s: list[float] = []
        self._cuts: list[int] = []
        self._thumbnail: F64 | None = None
        self._searched_s = self._searched_finely_s = -1e9

    def step(self, frame: _Planes, time_s: float) -> None:
        """Process the next frame."""
        index = len(self._times_s)
        self._times_s.append(time_s)
        thumbnail = _thumbnail(frame.y)
        is_cut = self._is_cut(frame, thumbnail)
        self._thumbnail = thumbnail
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
        min_frames = min(_MIN_FRAMES, len(times_s))
        people = [person for person in self._people if len(person.frames) >= min_frames]
        people.sort(key=lambda person: float(np.mean([frame.centre[0] for frame in person.frames])))
        return [
            steady_track(p.frames, times_s, self._cuts, score=p.score, prominence=p.prominence / len(times_s))
            for p in people
        ]

    def _is_cut(self, frame: _Planes, thumbnail: F64) -> bool:
        """Return True if the frame changed and no followed face is still in its place."""
        if self._thumbnail is None or not _has_changed(self._thumbnail, thumbnail):
            return False
        # If most of the frame stayed, a person in the foreground usually moved a lot.
        stayed = float(np.median(np.abs(thumbnail - self._thumbnail))) < _STAYED_LEVELS
        min_likeness = _SAME_PERSON_IN_PLACE if stayed else _SAME_PERSON
        return not any(self._is_in_place(person, frame, min_likeness) for person in self._followed())

    def _is_in_place(self, person: _Person, frame: _Planes, min_likeness: float) -> bool:
        crop = _Crop.cut(frame, person.centre, CROP_IN_IOD * person.iod_px)
        mesh = self._networks.mesh(crop.rgb)
        if mesh is None:
            return False
        distance = np.hypot(*(crop.to_frame(mesh)[:, :2].mean(axis=0) - person.centre)) / person.iod_px
        return bool(distance < _NEAR_IOD and person.likeness(_looks(crop.rgb, mesh)) > min_likeness)

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
        interval_s = SEARCH_WHILE_LOST_S if missing or not self._followed() else SEARCH_S
        return now_s - self._searched_s >= interval_s - 1e-6

    def _follow(self, person: _Person, frame: _Planes, index: int) -> bool:
        """Update one face; return False if it is no longer there."""
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
        if index % _LOOK_INTERVAL_FRAMES == 0:
            person.remember(_looks(crop.rgb, mesh))
        lips = points[_LIPS, :2]
        if (lips >= 0).all() and (lips < (width, height)).all():
            person.frames.append(RawFrame.of(index, points))
            off_centre = np.hypot(centre[0] / width - 0.5, centre[1] / height - 0.5)
            person.prominence += float(iod_px * (1 - 0.5 * off_centre) * (0.5 + 0.5 * person.score))
        return True

    def _search(self, frame: _Planes, index: int) -> None:
        """Search the whole frame for faces, and confirm those that are followed."""
        self._searched_s = self._now_s
        boxes = self._boxes(frame)
        for person in self._followed():
            mine = [box for box in boxes if _distance_iod(person, box) < _NEAR_IOD]
            boxes = [box for box in boxes if box not in mine]
            self._confirm(person, mine)
        free = MAX_FACES - len(self._followed())
        for box in sorted(boxes, key=lambda box: -box.side * box.score)[: max(free, 0)]:
            self._start_following(frame, index, box)

    def _boxes(self, frame: _Planes) -> list[Box]:
        """Detect boxes in square pixels."""
        rgb, scale = _search_image(frame)
        boxes = boxes_in_tiles(rgb, self._networks, splits=(1, 2))
        if not boxes and not self._followed() and self._now_s - self._searched_finely_s >= SEARCH_FINELY_S:
            self._searched_finely_s = self._now_s
            boxes = boxes_in_tiles(rgb, self._networks, splits=(3, 5))
        return [Box(x=b.x * scale, y=b.y * scale, side=b.side * scale, score=b.score) for b in boxes]

    def _confirm(self, person: _Person, boxes: Sequence[Box]) -> None:
        """Drop a face that the detector no longer finds; the mesh alone can stay on something else."""
        if boxes:
            person.unconfirmed = 0
            person.score = max(person.score, *(box.score for box in boxes))
            return
        person.unconfirmed += 1
        if person.unconfirmed >= _MAX_UNCONFIRMED:
            person.followed = False

    def _start_following(self, frame: _Planes, index: int, box: Box) -> None:
        """Resume a known person or add a new one, if there is a face in the box."""
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
        """Return the missing person with this look, judged more leniently near the last position; None without one."""
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
    """Square part of a frame."""

    rgb: U8
    """(CROP_PX, CROP_PX, 3)."""
    corner: F64
    """(2,) upper left corner in square pixels of the frame."""
    scale: float
    """Pixels of the crop per square pixel."""

    @classmethod
    def cut(cls, frame: _Planes, centre: F64, side_px: float) -> _Crop:
        """Crop around ``centre``, in square pixels; edges are repeated outside."""
        corner, scale = centre - side_px / 2, CROP_PX / side_px
        planes = np.empty((CROP_PX * 3 // 2, CROP_PX), dtype=np.uint8)
        planes[:CROP_PX] = _sampled(frame.y, frame.aspect, corner, scale, CROP_PX)
        chroma = planes[CROP_PX:].reshape(2, CROP_PX // 2, CROP_PX // 2)
        for plane, sampled in zip((frame.u, frame.v), chroma, strict=True):
            sampled[:] = _sampled(plane, frame.aspect, corner / 2, scale, CROP_PX // 2)
        return cls(rgb=_rgb(planes), corner=corner, scale=scale)

    def to_frame(self, mesh: F64) -> F64:
        """Convert (478, 3) pixels of the crop to square pixels of the frame."""
        points = mesh / self.scale
        points[:, :2] += self.corner
        return points


def _sampled(plane: U8, aspect: float, corner: F64, scale: float, side: int) -> U8:
    """Sample (side, side) pixels of a plane from ``corner`` on, ``scale`` per square pixel of the plane."""
    height, width = plane.shape
    step = max(1, int(1.0 / scale))  # warpAffine has no area filter: scale down in whole steps first
    (left, right), (top, bottom) = (
        (int(np.clip(start, 0, limit - step)), int(np.clip(start + side / by + 2 * step, step, limit)))
        for start, by, limit in ((corner[0] / aspect, scale * aspect, width), (corner[1], scale, height))
    )
    part = plane[top:bottom, left:right]
    if step > 1:
        size = (max(1, (right - left) // step), max(1, (bottom - top) // step))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    x_scale = scale * aspect * (right - left) / part.shape[1]
    y_scale = scale * (bottom - top) / part.shape[0]
    # Pixel centres lie half a pixel inside; scale and shift apply to pixel corners.
    x_start = (left * aspect - corner[0]) * scale + 0.5 * x_scale - 0.5
    y_start = (top - corner[1]) * scale + 0.5 * y_scale - 0.5
    to_crop = np.array([[x_scale, 0, x_start], [0, y_scale, y_start]])
    sampled = cv2.warpAffine(part, to_crop, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.uint8)


def _search_image(frame: _Planes) -> tuple[U8, float]:
    """Return the frame in RGB at search size, and square pixels of the frame per pixel of it."""
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
    """Convert without the exact matrix and range, which do not matter to the networks."""
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), dtype=np.uint8)


def _distance_iod(person: _Person, box: Box) -> float:
    return float(np.hypot(person.centre[0] - box.x, person.centre[1] - box.y) / person.iod_px)


def _thumbnail(luma: U8) -> F64:
    """Return a tiny copy of the frame."""
    step = max(1, min(luma.shape) // 144)
    small = cv2.resize(np.ascontiguousarray(luma[::step, ::step]), _THUMBNAIL_PX, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float64)


def _has_changed(before: F64, after: F64) -> bool:
    """Return True if both brightness and its pattern changed; a flash changes only the former."""
    return bool(np.abs(after - before).mean() > _CUT_LEVELS and _correlation(before, after) < _CUT_LIKENESS)


def _looks(rgb: U8, mesh: F64) -> F64:
    """Return a small image of a face, with eyes and mouth always in the same places."""
    eyes_and_mouth = np.stack([mesh[[a, b], :2].mean(axis=0) for a, b in ((33, 133), (362, 263), (61, 291))])
    places = np.array([[10, 14], [22, 14], [16, 26]], dtype=np.float32)
    to_places = cv2.getAffineTransform(eyes_and_mouth.astype(np.float32), places)
    return np.asarray(cv2.warpAffine(rgb, to_places, (32, 40), flags=cv2.INTER_AREA), dtype=np.float64)


def _likeness(a: F64, b: F64) -> float:
    """Compare the pattern of light and dark, and the colour; -1 to 1."""
    luma = _correlation(a.mean(axis=2), b.mean(axis=2))
    tints = [(c - c.mean(axis=2, keepdims=True)).mean(axis=(0, 1)) for c in (a, b)]
    return luma - float(np.abs(tints[0] - tints[1]).mean()) / 40.0


def _correlation(a: F64, b: F64) -> float:
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
