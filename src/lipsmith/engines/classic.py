"""The weight-free engine: the render rooms put to work. The reference that every other animator is tested against."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2

from lipsmith.engines.mediapipe_face import mesh_triangles, person_matte
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import U8, Picture
from lipsmith.motion.track import MotionTrack
from lipsmith.render.portrait import Portrait

FRAMES_AHEAD = 6
"""Frames drawn before the encoder asks for them: enough to keep all threads busy, few enough to stay small."""


class ClassicAnimator:
    """PhotoAnimator: warps the picture by a mesh, paints the inside of the mouth, moves the head."""

    def __init__(self, threads: int = 2) -> None:
        """``threads``: how many frames are drawn at the same time."""
        self._threads = threads

    def frames(self, picture: Picture, face: Face, motion: MotionTrack, *, others: Sequence[Face] = ()) -> Iterator[U8]:
        """One (height * 3 // 2, width) uint8 I420 frame per frame of ``motion``, BT.709, limited range."""
        cv2.setNumThreads(1)  # frames are what is drawn in parallel; threads inside each would only get in the way
        portrait = Portrait(picture, face, matte=person_matte(picture.rgb), triangles=mesh_triangles(), others=others)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="lipsmith-draw") as pool:
            ahead: deque[Future[U8]] = deque()
            try:
                for n in range(len(motion)):
                    ahead.append(pool.submit(portrait.draw_i420, motion.frame(n)))
                    if len(ahead) > FRAMES_AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for waiting in ahead:
                    waiting.cancel()
