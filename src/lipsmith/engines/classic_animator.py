"""Photo animator without a neural network, made of `lipsmith.render`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from lipsmith.engines.mediapipe_face import mesh_triangles, person_matte
from lipsmith.engines.prefetch import prefetch
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import U8, Image
from lipsmith.motion.track import MotionTrack
from lipsmith.render.portrait import Portrait


class ClassicAnimator:
    """Warps the photo by a mesh, paints the inside of the mouth and moves the head; a `PhotoAnimator`."""

    def __init__(self, threads: int = 2) -> None:
        """``threads``: number of frames that are drawn at the same time."""
        self._threads = threads

    def frames(self, image: Image, face: Face, motion: MotionTrack, *, others: Sequence[Face] = ()) -> Iterator[U8]:
        """Yield (height * 3 // 2, width) uint8 I420 frames, one per frame of ``motion``, BT.709, limited range."""
        portrait = Portrait(image, face, matte=person_matte(image.rgb, face), triangles=mesh_triangles(), others=others)
        yield from prefetch((partial(portrait.draw_i420, motion.frame(n)) for n in range(len(motion))), self._threads)
