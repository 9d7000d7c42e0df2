"""MotionTrack: motion of a face as numbers per frame, between speech and drawing.

Lengths are in IOD, the distance between the two eye centres of the person in the image (each centre is the mean of the
two eye corners); about 63 mm on an adult.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lipsmith.errors import InvalidMotion
from lipsmith.speech.visemes import VISEMES

FORMAT = "lipsmith-motion-1"

CHANNELS: Mapping[str, tuple[float, float, float, str]] = {
    # name: (lowest, highest, rest, meaning)
    "aperture": (0.0, 0.45, 0.0, "gap between the inner lips at their middle, IOD"),
    "width": (-0.40, 0.25, 0.0, "change of mouth width against the relaxed mouth, IOD"),
    "pucker": (0.0, 1.0, 0.0, "lips pushed forward"),
    "press": (0.0, 1.0, 0.0, "lips pressed together and rolled in"),
    "tuck": (0.0, 1.0, 0.0, "lower lip under the upper teeth"),
    "tongue": (0.0, 1.0, 0.0, "tongue tip raised towards the upper teeth"),
    "jaw": (-0.10, 0.10, 0.0, "jaw lower than the lips' opening alone tells, IOD of opening; negative: higher"),
    "upper_raise": (0.0, 0.08, 0.0, "upper lip raised, IOD"),
    "lower_drop": (0.0, 0.08, 0.0, "lower lip drawn down, IOD"),
    "smile": (0.0, 1.0, 1.0, "share of the picture's own smile that is kept"),
    "corner": (-0.08, 0.08, 0.0, "mouth corners raised, IOD; negative: lowered"),
    "head_pitch": (-15.0, 15.0, 0.0, "head turned against the picture, degrees, positive looks down"),
    "head_yaw": (-15.0, 15.0, 0.0, "degrees, positive turns the nose to the picture's right"),
    "head_roll": (-15.0, 15.0, 0.0, "degrees, positive tilts clockwise as seen in the picture"),
    "head_x": (-0.2, 0.2, 0.0, "head shifted to the picture's right, IOD"),
    "head_y": (-0.2, 0.2, 0.0, "head shifted down, IOD"),
    "zoom": (-0.15, 0.15, 0.0, "head larger, as if nearer to the camera, or smaller; share of its size"),
    "breath": (0.0, 1.0, 0.0, "chest risen by breathing"),
    "blink_left": (0.0, 1.0, 0.0, "lid of the eye on the picture's left, 1 = shut"),
    "blink_right": (0.0, 1.0, 0.0, "lid of the eye on the picture's right, 1 = shut"),
    "gaze_x": (-0.08, 0.08, 0.0, "irises shifted to the picture's right, IOD"),
    "gaze_y": (-0.08, 0.08, 0.0, "irises shifted down, IOD"),
    "brow": (-1.0, 1.0, 0.0, "brows raised"),
    "brow_inner": (-1.0, 1.0, 0.0, "inner ends of the brows raised, as in sorrow; negative: drawn down and together"),
    "cheek": (0.0, 2.0, 0.0, "cheeks raised"),
}
"""Every channel with its range, its value at rest and its meaning."""


@dataclass(frozen=True, kw_only=True)
class MotionTrack:
    """Per-frame motion of one face.

    ``channels`` maps every name of `CHANNELS` to an (n,) float32 array within that channel's range. Frame ``n`` is
    shown from ``n / fps``. Build one with `MotionTrack.of`, which fills and checks.
    """

    fps: Fraction
    channels: Mapping[str, NDArray[np.float32]]
    visemes: NDArray[np.float32] | None = None
    """(n, 15) float32, 0–1, in the order of `VISEMES`: visemes of each frame, for exports only. None if unknown."""

    @classmethod
    def of(cls, fps: Fraction, frames: int, *, visemes: Any = None, **given: Any) -> Self:
        """Make a track of ``frames`` frames. Missing channels stay at rest, values are clipped to their range.

        ``visemes``: (frames, 15) shares. Raises InvalidMotion for an unknown channel, a wrong length or a value that is
        not finite.
        """
        unknown = sorted(set(given) - set(CHANNELS))
        if unknown:
            raise InvalidMotion(f"Unknown motion channel {unknown[0]!r}. Use one of {', '.join(CHANNELS)}.")
        channels = {}
        for name, (low, high, rest, _) in CHANNELS.items():
            channels[name] = _checked(f"Motion channel {name!r}", given.get(name, rest), frames, low, high)
        if visemes is not None:
            columns = np.asarray(visemes)
            if columns.shape != (frames, len(VISEMES)):
                raise InvalidMotion(f"visemes must have {frames} rows and {len(VISEMES)} columns.")
            named = zip(VISEMES, columns.T, strict=True)
            visemes = np.stack([_checked(f"Viseme {n!r}", v, frames, 0.0, 1.0) for n, v in named], axis=1)
        return cls(fps=fps, channels=channels, visemes=visemes)

    def edited(self, **given: Any) -> Self:
        """Return the track with these channels in place of its own. Raises InvalidMotion as `of` does."""
        return self.of(self.fps, len(self), visemes=self.visemes, **{**self.channels, **given})

    def of_length(self, frames: int) -> Self:
        """Return the first ``frames`` frames; the last one is held if there are fewer."""
        rows = np.minimum(np.arange(frames), len(self) - 1)
        channels = {name: values[rows] for name, values in self.channels.items()}
        return replace(self, channels=channels, visemes=None if self.visemes is None else self.visemes[rows])

    def __len__(self) -> int:
        return len(next(iter(self.channels.values())))

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self.channels[name]

    def frame(self, n: int) -> dict[str, float]:
        """Return all channels of frame ``n``."""
        return {name: float(values[n]) for name, values in self.channels.items()}

    def to_json(self) -> str:
        """Return the track as JSON text; numbers are rounded to five decimals (0.00001 IOD is 0.6 µm on an adult)."""
        document = {
            "format": FORMAT,
            "fps": str(self.fps),
            "frames": len(self),
            "units": {name: meaning for name, (_, _, _, meaning) in CHANNELS.items()},
            "channels": {name: _written(values) for name, values in self.channels.items()},
        }
        if self.visemes is not None:
            document["visemes"] = {name: _written(shares) for name, shares in zip(VISEMES, self.visemes.T, strict=True)}
        return json.dumps(document, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the output of `to_json`, edited or not. Raises InvalidMotion for anything else."""
        try:
            document = json.loads(text)
            if not isinstance(document, dict) or document.get("format") != FORMAT:
                raise InvalidMotion(f'This is not a motion file: "format": "{FORMAT}" is missing.')
            missing = [key for key in ("fps", "frames", "channels") if key not in document]
            if missing:
                raise InvalidMotion(f'"{missing[0]}" is missing in the motion file. Write a new one with --export.')
            fps, frames, channels = Fraction(document["fps"]), int(document["frames"]), dict(document["channels"])
            said = dict(document.get("visemes") or {})
        except InvalidMotion:
            raise
        except json.JSONDecodeError as error:
            raise InvalidMotion(
                f"The motion file is not valid JSON: {error.msg} in line {error.lineno}. Correct that line, or write "
                "a new file with --export."
            ) from error
        except (ValueError, TypeError, ZeroDivisionError, OverflowError, RecursionError) as error:
            raise InvalidMotion(
                'The motion file has a wrong type in "fps" (such as "25"), "frames" (a whole number), "channels" or '
                '"visemes" (names and lists of numbers). Write a new one with --export.'
            ) from error
        if not 0 < fps <= 60 or frames < 1:
            raise InvalidMotion("The motion file must have at least one frame, and a rate above 0 and up to 60 fps.")
        visemes = _columns(said, frames) if said else None
        return cls.of(fps, frames, visemes=visemes, **{str(name): values for name, values in channels.items()})


def _checked(name: str, given: Any, frames: int, low: float, high: float) -> NDArray[np.float32]:
    """Return (frames,) float32 within the range; a single number is held. Raises InvalidMotion with ``name``."""
    try:
        values = np.asarray(given)
        if values.dtype.kind not in "iuf":  # no bool, no text, no object
            raise TypeError(values.dtype)
        values = values.astype(np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidMotion(f"{name} contains a value that is not a number.") from error
    if values.ndim == 0:
        values = np.full(frames, values, np.float32)
    if values.shape != (frames,):
        raise InvalidMotion(f"{name} has {values.size} values for {frames} frames.")
    if not np.isfinite(values).all():
        raise InvalidMotion(f"{name} contains a value that is not finite.")
    # Round as a file does, so that a track read from a file renders the same frames.
    return np.round(np.clip(values, low, high).astype(np.float64), 5).astype(np.float32)


def _written(values: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 5) for value in values]


def _columns(said: Mapping[Any, Any], frames: int) -> NDArray[np.float32]:
    """Return the file's visemes in their order, (frames, 15); missing ones are 0."""
    unknown = [str(name) for name in said if name not in VISEMES]
    if unknown:
        raise InvalidMotion(f"Unknown viseme {unknown[0]!r}. Use one of {', '.join(VISEMES)}.")
    return np.stack([_checked(f"Viseme {n!r}", said.get(n, 0.0), frames, 0.0, 1.0) for n in VISEMES], axis=1)
