"""Photo animator that moves the chin like that of a nutcracker. An engine needs only one method.

Install it with `pip install ./examples/custom_engine`, then: talking_photo(..., engines={"photo_animator": "puppet"})
"""

from collections.abc import Iterator, Sequence

from lipsmith.engines.contract import PhotoAnimator
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import U8, Image
from lipsmith.motion.track import MotionTrack

MOUTH_LEFT, MOUTH_RIGHT, LIPS_MEET, CHIN = 61, 291, 13, 152
"""Points of the face mesh."""


class Puppet:
    """Animates a photo whose chin is a block of wood."""

    def frames(self, image: Image, face: Face, motion: MotionTrack, *, others: Sequence[Face] = ()) -> Iterator[U8]:
        """Yield (height, width, 3) uint8 RGB, one frame per frame of ``motion``."""
        left, right = int(face.points[MOUTH_LEFT, 0]), int(face.points[MOUTH_RIGHT, 0])
        top, bottom = int(face.points[LIPS_MEET, 1]), int(face.points[CHIN, 1])
        block = image.rgb[top:bottom, left:right].copy()
        for n in range(len(motion)):
            drop = round(float(motion["aperture"][n]) * face.iod_px)
            drop = min(drop, image.height - bottom)
            frame = image.rgb.copy()
            frame[top : top + drop, left:right] = 0
            frame[top + drop : bottom + drop, left:right] = block
            yield frame


_: type[PhotoAnimator] = Puppet  # a type checker reports violations of the contract
