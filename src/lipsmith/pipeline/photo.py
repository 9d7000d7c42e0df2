"""Photo of a talking photo: its size in the video, the face to animate, and the warnings about both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import FaceTooSmall, FaceTurnedAway, InvalidOption, NoSourceFace, NoSuchFace
from lipsmith.limits import DEFAULT_SIDE_PX, MIN_IOD_PX, SHARP_IOD_PX

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.face.landmarks import Face
    from lipsmith.media.clip import Image
    from lipsmith.pipeline.requests import FaceSelector, TalkRequest

MAX_YAW_DEG, FAR_YAW_DEG = 48, 38
"""Measured turns from which a head is refused, or drawn with a warning: about 60 and 45 degrees of a true turn."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that is drawn from."""

    source: Image
    """Photo as it was read."""
    image: Image
    """Photo in the size of the video."""
    canvas: Image
    """Image that frames are drawn on: ``image``, or a larger one where the face would be too small."""
    face: Face
    """Face to animate, in pixels of ``image``."""
    faces: Sequence[Face]
    """All faces in pixels of ``canvas``, the animated one first."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the video, pixels."""
        return self.image.width, self.image.height

    @property
    def face_box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the animated face inside the video, pixels."""
        left, top, right, bottom = self.face.box
        width, height = self.size
        return max(0, left), max(0, top), min(width, right), min(height, bottom)


def read_photo(photo: Path, background: str) -> Image:
    """Read the photo and lay it over ``background``."""
    from lipsmith.media.image import read_image

    return read_image(photo, background=background)


def fit_image(source: Image, max_resolution: int | None) -> Image:
    """Image with even sides, none longer than ``max_resolution`` pixels, never larger than ``source``."""
    from lipsmith.media.image import resize_image
    from lipsmith.media.timeline import fit_size

    longest = max_resolution or DEFAULT_SIDE_PX
    width, height = fit_size(source.width, source.height, longest)
    if max(source.width, source.height) <= longest:
        # An odd row or column is cut off: resampling all others to save it would blur them.
        return replace(source, rgb=source.rgb[:height, :width])
    return resize_image(source, width, height)


def find_scene(source: Image, image: Image, request: TalkRequest) -> Scene:
    """Find all faces in ``source`` and choose the one to animate.

    Raises NoSourceFace, NoSuchFace, FaceTooSmall, FaceTurnedAway, or InvalidOption for landmarks that make no face.
    """
    from lipsmith.engines import registry
    from lipsmith.face.detect import face_at
    from lipsmith.face.placed import read_landmarks

    placed = None if request.landmarks is None else read_landmarks(Path(request.landmarks))
    faces = registry.create("face_finder", request.engines.get("face_finder")).find(source)
    if placed is not None:
        faces = [placed, *(face for face in faces if face_at([placed], *face.points[1, :2]) is None)]
    if not faces:
        raise NoSourceFace()
    chosen = _choose(faces, _place(request.face))
    _check_face(chosen)
    face = _scaled(chosen, source, image)
    canvas = _canvas(source, image, face)
    ordered = [chosen, *(other for other in faces if other is not chosen)]
    return Scene(
        source=source,
        image=image,
        canvas=canvas,
        face=face,
        faces=[_scaled(one, source, canvas) for one in ordered],
    )


def photo_warnings(scene: Scene, max_resolution: int | None) -> Iterator[str]:
    """Warnings about the photo's size and the face's place and size."""
    source, image, face = scene.source, scene.image, scene.face
    yield from source.warnings
    if max_resolution is None and max(source.width, source.height) > DEFAULT_SIDE_PX:
        yield (
            f"The photo has {source.width}×{source.height} pixels, and the video has {image.width}×{image.height}, "
            "which takes less time to draw. A higher --max-resolution keeps more."
        )
    left, top, right, bottom = face.box
    if left < 0 or top < 0 or right > image.width or bottom > image.height:
        yield "Part of the face lies outside the photo, and that part cannot move correctly."
    if abs(face.yaw_deg) > FAR_YAW_DEG:
        yield "The head is turned far to the side. The far corner of the mouth may look cut off while it speaks."
    if face.iod_px < SHARP_IOD_PX:
        yield (
            f"The face is small: {face.iod_px:.0f} pixels between the eyes. From {SHARP_IOD_PX} pixels on, lips and "
            "teeth look sharp."
        )


def _place(selector: FaceSelector | None) -> int | tuple[float, float] | None:
    """Number from the left, or point in the photo; None for the most prominent face."""
    from lipsmith.face.choice import At, parse_face_choice

    if selector is None:
        return None
    choice = parse_face_choice(selector) if isinstance(selector, str) else selector
    if isinstance(choice, At) and choice.time_s == 0.0:
        return choice.x, choice.y
    if isinstance(choice, int) and choice >= 1:
        return choice
    if isinstance(choice, tuple | list) and len(choice) == 2:
        return choice[0], choice[1]
    raise InvalidOption(
        f"The face {selector!r} is not known. Give a number such as 2 for the second face from the left, or a place "
        "such as 310,144."
    )


def _choose(faces: Sequence[Face], place: int | tuple[float, float] | None) -> Face:
    from lipsmith.face.detect import face_at

    if place is None:
        return faces[0]
    from_left = sorted(faces, key=lambda face: face.box[0] + face.box[2])
    if isinstance(place, int):
        if place <= len(from_left):
            return from_left[place - 1]
        missing = f"There is no face number {place}"
    else:
        if (face := face_at(faces, *place)) is not None:
            return face
        missing = f"There is no face at ({place[0]:g}, {place[1]:g})"
    centres = "; ".join(
        f"{n} at ({(left + right) // 2}, {(top + bottom) // 2})"
        for n, (left, top, right, bottom) in enumerate((face.box for face in from_left), start=1)
    )
    raise NoSuchFace(f"{missing}. Faces from left to right, with their centres in pixels: {centres}.")


def _scaled(face: Face, source: Image, image: Image) -> Face:
    """Face found in ``source``, in pixels of ``image``. It is found there because more pixels show more."""
    if max(image.width, image.height) + 1 >= max(source.width, source.height):
        return face
    x, y = image.width / source.width, image.height / source.height
    return replace(face, points=face.points * [x, y, (x + y) / 2])


def _canvas(source: Image, image: Image, face: Face) -> Image:
    """Image to draw on: ``image``, or a larger one where the lips would be too small in it to be shaped."""
    if face.iod_px >= MIN_IOD_PX:
        return image
    longer = max(image.width, image.height)
    return fit_image(source, min(round(longer * SHARP_IOD_PX / face.iod_px), max(longer, DEFAULT_SIDE_PX)))


def _check_face(face: Face) -> None:
    """Check the size in the photo, not in the video: a small video of a large face can be requested."""
    iod_px, yaw_deg = face.iod_px, abs(face.yaw_deg)
    if iod_px < MIN_IOD_PX:
        raise FaceTooSmall(
            f"The face is too small: {iod_px:.0f} pixels between the eyes, and at least {MIN_IOD_PX} are needed to "
            "shape lips. Use a photo that shows the face larger. Scaling this one up adds no detail."
        )
    if yaw_deg > MAX_YAW_DEG:
        raise FaceTurnedAway(
            f"The head is turned {yaw_deg:.0f}° to the side, and beyond {MAX_YAW_DEG}° half of the mouth is hidden. "
            "Use a photo in which both eyes and both mouth corners are visible."
        )
