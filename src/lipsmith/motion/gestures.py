"""Gestures: the acts of a direction as changes of the motion channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lipsmith.filters import gaussian_filter1d
from lipsmith.motion.accents import accents
from lipsmith.motion.eyes import blink_of_both
from lipsmith.motion.noise import F64, at_frames, bump, wander
from lipsmith.motion.vocabulary import ActName, When
from lipsmith.speech.visemes import HOP_S, Speech

Channels = dict[str, F64]

HEAD = ("head_pitch", "head_yaw", "head_roll", "head_x", "head_y")
LIMIT_DEG: Mapping[str, float] = {"head_pitch": 9.0, "head_yaw": 12.0, "head_roll": 9.0}
"""Larger turns of a photo that is bent instead of turned no longer look like a head."""
MAX_GAZE_IOD: Mapping[str, float] = {"gaze_x": 0.075, "gaze_y": 0.042}
"""Larger shifts put the irises under lids that have not moved with them."""
MAX_ZOOM = 0.06
MAX_SMILE_WIDTH_IOD, MAX_SMILE_CORNER_IOD = 0.08, 0.04

MIN_PAUSE_S = 0.3
_EDGE_S, _EDGE_SHARE = 2.0, 0.35  # length of a beginning or an end, and its largest share of a short clip
_RAMP_S = 0.5
_START_S = 0.3  # the first frame is the photo
_PAUSE_RAMP_S = 0.07
_QUICK_S = 0.7  # quicker motion counts as nodding and shaking, not as wandering
_EYES_FOLLOW_IOD_PER_DEG = 0.0020  # as in `lipsmith.motion.eyes`


def pauses(speech: Speech) -> list[tuple[float, float]]:
    """Return start and end, seconds, of every silence of at least 0.3 s."""
    silent = np.concatenate([[False], speech.visemes[:, 0] > 0.5, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(silent)).reshape(-1, 2) * HOP_S
    return [(float(start), float(end)) for start, end in edges if end - start >= MIN_PAUSE_S - 1e-6]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Part of the clip in which an act happens."""

    times_s: F64
    """Times of the frames."""
    window: F64
    """(frames,) 0–1: 1 during the act."""
    spans_s: tuple[tuple[float, float], ...]
    """Start and end of every stretch of the act; empty only for pauses in speech without pauses."""
    when: When
    speech: Speech
    rng: np.random.Generator

    @classmethod
    def of(cls, times_s: F64, speech: Speech, when: When, rng: np.random.Generator) -> Scene:
        end_s = float(times_s[-1]) + (float(times_s[1]) if len(times_s) > 1 else 0.04)
        edge_s = min(_EDGE_S, _EDGE_SHARE * end_s)
        spans: list[tuple[float, float]] = {
            "whole": [(0.0, end_s)],
            "beginning": [(0.0, edge_s)],
            "middle": [(end_s / 3, 2 * end_s / 3)],
            "end": [(end_s - edge_s, end_s)],
            "pauses": [(start, stop) for start, stop in pauses(speech) if start < end_s],
            "sometimes": _occasional_spans(rng, end_s),
        }[when]
        ramp_s = _PAUSE_RAMP_S if when == "pauses" else _RAMP_S
        window = np.zeros_like(times_s)
        for start_s, stop_s in spans:
            rising = smooth((times_s - start_s) / ramp_s) if start_s > 0 else np.ones_like(times_s)
            falling = smooth((stop_s - times_s) / ramp_s) if stop_s < end_s else np.ones_like(times_s)
            window = np.maximum(window, np.minimum(rising, falling))
        return cls(
            times_s=times_s,
            window=window * smooth(times_s / _START_S),
            spans_s=tuple(spans),
            when=when,
            speech=speech,
            rng=rng,
        )

    @property
    def end_s(self) -> float:
        return float(self.times_s[-1])

    def moments(self, gap_s: float) -> list[float]:
        """Return times for a short gesture: about every ``gap_s`` in a long stretch, on stresses, and once in a short
        one."""
        stresses = np.array([accent.time_s for accent in accents(self.speech)])
        found: list[float] = []
        for start_s, stop_s in self.spans_s:
            lead_s = 0.08 if self.when == "pauses" else 0.4
            now_s = min(start_s + lead_s, (start_s + stop_s) / 2)
            found.append(now_s)
            while (now_s := now_s + gap_s * self.rng.uniform(0.75, 1.25)) < stop_s - lead_s:
                near = stresses[np.abs(stresses - now_s) < 0.25 * gap_s]
                now_s = float(near[0]) if len(near) and self.when == "whole" else now_s
                found.append(now_s)
        return [self.on_frame(moment_s) for moment_s in found]

    def on_frame(self, moment_s: float) -> float:
        """Return the time of the nearest frame, so that a short gesture is seen at its height."""
        return float(self.times_s[np.argmin(np.abs(self.times_s - moment_s))])

    def wander(self, sigma_s: float) -> F64:
        return at_frames(wander(self.rng, self.end_s + 1.0, sigma_s), self.times_s)


GestureFunction = Callable[[Channels, Scene, float], None]


@dataclass(frozen=True, kw_only=True)
class Gesture:
    """Changes that do an act, and changes that leave it out."""

    do: GestureFunction
    """Takes the amount, 0.2–2."""
    undo: GestureFunction | None = None
    """Takes the share to remove, 0–1. None: a ban of this act has no meaning."""
    first: bool = False
    """True for acts that reshape existing motion; they come before those that add some."""


def apply(channels: Channels, before: Mapping[str, F64]) -> None:
    """Finish the channels after all acts: limit turns, and keep the eyes on the viewer while the head moves."""
    for name, limit in LIMIT_DEG.items():
        if not np.array_equal(channels[name], before[name]):
            easy = 0.6 * limit  # smaller turns stay
            over = np.maximum(np.abs(channels[name]) - easy, 0.0)
            held = np.minimum(np.abs(channels[name]), easy) + (limit - easy) * np.tanh(over / (limit - easy))
            channels[name] = np.sign(channels[name]) * held
    for gaze, turn in (("gaze_x", "head_yaw"), ("gaze_y", "head_pitch")):
        channels[gaze] = channels[gaze] - _EYES_FOLLOW_IOD_PER_DEG * (channels[turn] - before[turn])
        if not np.array_equal(channels[gaze], before[gaze]):
            most = np.maximum(MAX_GAZE_IOD[gaze], np.abs(before[gaze]))
            channels[gaze] = np.clip(channels[gaze], -most, most)
    channels["zoom"] = np.clip(channels["zoom"], -MAX_ZOOM, MAX_ZOOM)


def smooth(x: F64) -> F64:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _occasional_spans(rng: np.random.Generator, end_s: float) -> list[tuple[float, float]]:
    spans, now_s = [], float(rng.uniform(0.5, 1.5))
    while now_s + 1.0 < end_s:
        length_s = float(rng.uniform(1.0, 1.8))
        spans.append((now_s, min(now_s + length_s, end_s)))
        now_s += length_s + float(rng.uniform(1.5, 3.5))
    return spans or [(0.25 * end_s, 0.75 * end_s)]


# --- head ---


def _nod(channels: Channels, scene: Scene, amount: float) -> None:
    for moment_s in scene.moments(2.4):
        deep, again = scene.rng.uniform(0.85, 1.15), scene.rng.uniform(0.4, 0.7)
        for peak_s, depth in ((moment_s, deep), (moment_s + 0.42, again)):
            channels["head_pitch"] += 4.5 * amount * depth * bump(scene.times_s, peak_s, 0.20, 0.26)


def _shake(channels: Channels, scene: Scene, amount: float) -> None:
    for moment_s in scene.moments(2.8):
        progress = np.clip((scene.times_s - moment_s + 0.2) / 1.1, 0.0, 1.0)
        side = scene.rng.choice([-1.0, 1.0]) * scene.rng.uniform(0.9, 1.1)
        channels["head_yaw"] += 5.5 * amount * side * np.sin(4 * np.pi * progress) * np.sin(np.pi * progress)


def _without_nods(name: str) -> GestureFunction:
    def undo(channels: Channels, scene: Scene, share: float) -> None:
        frame_s = float(scene.times_s[1]) if len(scene.times_s) > 1 else 1.0
        slow = gaussian_filter1d(channels[name], _QUICK_S / frame_s, mode="nearest")
        slow = slow - slow[0] * (1.0 - smooth(scene.times_s / _RAMP_S))
        channels[name] += share * scene.window * (slow - channels[name])

    return undo


def _held(**changes: float) -> GestureFunction:
    """Return a gesture that adds the changes times the amount and holds them with slight variation."""

    def do(channels: Channels, scene: Scene, amount: float) -> None:
        variation = 1.0 + 0.06 * np.clip(scene.wander(0.8), -2.0, 2.0)
        for name, change in changes.items():
            channels[name] += change * amount * scene.window * variation

    return do


def _one_side(**changes: float) -> GestureFunction:
    """Return a gesture to one side or the other, chosen by the seed."""

    def do(channels: Channels, scene: Scene, amount: float) -> None:
        side = float(scene.rng.choice([-1.0, 1.0]))
        _held(**{name: side * change for name, change in changes.items()})(channels, scene, amount)

    return do


def _scaled(*names: str) -> GestureFunction:
    """Return a gesture that removes a share of these channels."""

    def undo(channels: Channels, scene: Scene, share: float) -> None:
        for name in names:
            channels[name] *= 1.0 - share * scene.window

    return undo


def _limited(**signs: float) -> GestureFunction:
    """Return a gesture that removes motion to the given side."""

    def undo(channels: Channels, scene: Scene, share: float) -> None:
        for name, sign in signs.items():
            channels[name] -= share * scene.window * sign * np.maximum(sign * channels[name], 0.0)

    return undo


def _sway(channels: Channels, scene: Scene, amount: float) -> None:
    drift = scene.wander(0.65)
    channels["head_x"] += 0.020 * amount * scene.window * drift
    channels["head_roll"] += 1.3 * amount * scene.window * drift


def _calm(channels: Channels, scene: Scene, amount: float) -> None:
    _scaled(*HEAD, "brow")(channels, scene, min(0.5 * amount, 0.8))


def _energetic(channels: Channels, scene: Scene, amount: float) -> None:
    for name in (*HEAD, "brow"):
        channels[name] *= 1.0 + 0.6 * amount * scene.window


def _move_head(channels: Channels, scene: Scene, amount: float) -> None:
    """Scale head motion up; "subtle head movements" scale it down."""
    factor = 1.0 + 0.6 * amount if amount >= 1.0 else 0.2 + 0.8 * amount
    for name in HEAD:
        channels[name] *= 1.0 + (factor - 1.0) * scene.window


def _still(channels: Channels, scene: Scene, amount: float) -> None:
    _scaled(*HEAD, "breath")(channels, scene, min(amount, 1.0))


def _zoom(size: float) -> GestureFunction:
    """Return a gesture that zooms slowly over the whole stretch and then stays."""

    def do(channels: Channels, scene: Scene, amount: float) -> None:
        total = scene.window.sum()
        if total > 0:
            channels["zoom"] += size * min(amount, 1.0) * smooth(np.cumsum(scene.window) / total)

    return do


# --- eyes ---


def _look_around(channels: Channels, scene: Scene, amount: float) -> None:
    x, y, now_s, here = np.zeros_like(scene.times_s), np.zeros_like(scene.times_s), 0.0, np.zeros(2)
    while now_s < scene.end_s:
        target = scene.rng.uniform([-0.055, -0.025], [0.055, 0.025])
        share = smooth((scene.times_s - now_s) / 0.06)
        x, y = x + share * (target[0] - here[0]), y + share * (target[1] - here[1])
        here, now_s = target, now_s + float(scene.rng.uniform(0.5, 1.1))
    channels["gaze_x"] += amount * scene.window * x
    channels["gaze_y"] += amount * scene.window * y
    channels["head_yaw"] += amount * scene.window * 60.0 * gaussian_filter1d(x, 8.0, mode="nearest")


def _look_camera(channels: Channels, scene: Scene, amount: float) -> None:
    share = min(amount, 1.0) * scene.window
    for gaze, turn in (("gaze_x", "head_yaw"), ("gaze_y", "head_pitch")):
        channels[gaze] += share * (-_EYES_FOLLOW_IOD_PER_DEG * channels[turn] - channels[gaze])
        channels[turn] *= 1.0 - 0.4 * share  # `apply` lets the eyes follow


def _blink(channels: Channels, scene: Scene, amount: float) -> None:
    for moment_s in scene.moments(1.6 / amount):
        for name, lid in blink_of_both(scene.rng, scene.times_s, moment_s).items():
            channels[name] = np.maximum(channels[name], lid)


def _fewer_blinks(channels: Channels, scene: Scene, share: float) -> None:
    """Remove whole blinks: a lid that comes half way down looks tired."""
    moving = np.concatenate([[False], np.maximum(channels["blink_left"], channels["blink_right"]) > 0, [False]])
    for start, stop in np.flatnonzero(np.diff(moving.astype(np.int8))).reshape(-1, 2):
        if scene.window[start:stop].max() > 0.5 and scene.rng.random() < share:
            for name in ("blink_left", "blink_right"):
                channels[name][start:stop] = 0.0


def _close_eyes(channels: Channels, scene: Scene, amount: float) -> None:
    for name in ("blink_left", "blink_right"):
        channels[name] = np.maximum(channels[name], min(amount, 1.0) * scene.window)


def _wink(side: str | None) -> GestureFunction:
    def do(channels: Channels, scene: Scene, amount: float) -> None:
        name = f"blink_{side or scene.rng.choice(['left', 'right'])}"
        other = "blink_left" if name == "blink_right" else "blink_right"
        moments = scene.moments(60.0)
        if scene.when == "whole":
            ends = [start for start, _ in pauses(scene.speech) if 0.3 < start < scene.end_s - 0.3]
            middle_s = 0.5 * scene.end_s
            moments = [scene.on_frame(min(ends, key=lambda end_s: abs(end_s - middle_s), default=middle_s))]
        for moment_s in moments:
            away_s = np.abs(scene.times_s - moment_s)
            lid = smooth((0.28 - away_s) / 0.16)  # shut for a quarter of a second: longer than a blink
            channels[name] = np.maximum(channels[name], lid)
            channels[other] *= 1.0 - smooth((0.45 - away_s) / 0.1)
            channels["brow"] -= 0.15 * amount * lid

    return do


# --- expression ---


def _smile(channels: Channels, scene: Scene, amount: float) -> None:
    """Keep the photo's own smile, and widen the mouth and raise its corners, except for rounded lips."""
    channels["smile"] += min(amount, 1.0) * scene.window * (1.0 - channels["smile"])
    wider = min(0.065 * amount, MAX_SMILE_WIDTH_IOD)
    spread = scene.window * (1.0 - 0.7 * channels["pucker"])
    channels["width"] += wider * spread
    channels["corner"] += min(0.032 * amount, MAX_SMILE_CORNER_IOD) * spread
    channels["brow"] += 0.08 * amount * scene.window
    channels["cheek"] += 0.8 * amount * scene.window


def _serious(channels: Channels, scene: Scene, amount: float) -> None:
    _scaled("smile")(channels, scene, min(amount, 1.0))
    _held(brow=-0.22, corner=-0.008)(channels, scene, amount)


def _sad(channels: Channels, scene: Scene, amount: float) -> None:
    _scaled("smile")(channels, scene, min(amount, 1.0))
    _held(brow=0.1, brow_inner=1.0, head_pitch=4.0, gaze_y=0.02, width=-0.03, corner=-0.06, head_y=0.02)(
        channels, scene, amount
    )


def _tender(channels: Channels, scene: Scene, amount: float) -> None:
    """A small smile under brows that rise in the middle, and a tilted head."""
    _smile(channels, scene, 0.5 * amount)
    _one_side(head_roll=3.0, head_x=0.01)(channels, scene, amount)
    _held(brow_inner=0.45, head_pitch=1.0)(channels, scene, amount)


def _angry(channels: Channels, scene: Scene, amount: float) -> None:
    _scaled("smile")(channels, scene, min(amount, 1.0))
    _held(brow=-0.7, brow_inner=-1.0, head_pitch=2.0, head_y=0.01, corner=-0.025)(channels, scene, amount)


def _surprised(channels: Channels, scene: Scene, amount: float) -> None:
    _brow(0.9)(channels, scene, amount)
    _held(head_pitch=-2.2, head_y=-0.015)(channels, scene, amount)


def _brow(height: float) -> GestureFunction:
    """Return a gesture that raises or lowers the brows to a height; motion beyond it stays."""

    def do(channels: Channels, scene: Scene, amount: float) -> None:
        target = np.clip(height * amount * (1.0 + 0.05 * np.clip(scene.wander(0.6), -2.0, 2.0)), -1.0, 1.0)
        beyond = np.maximum(channels["brow"], target) if height > 0 else np.minimum(channels["brow"], target)
        channels["brow"] += scene.window * (beyond - channels["brow"])

    return do


def _nothing(channels: Channels, scene: Scene, share: float) -> None:
    """Change nothing: the forbidden act would not happen anyway."""


def _look_down(channels: Channels, scene: Scene, amount: float) -> None:
    """Look down with the lids; otherwise the lashes would lie on the white of the eye."""
    _held(gaze_y=0.032, head_pitch=3.5)(channels, scene, amount)
    for name in ("blink_left", "blink_right"):
        channels[name] = np.maximum(channels[name], min(0.28 * amount, 0.4) * scene.window)


def _look_away(channels: Channels, scene: Scene, amount: float) -> None:
    _one_side(gaze_x=0.055, head_yaw=5.0)(channels, scene, amount)


GESTURES: Mapping[ActName, Gesture] = {
    "nod": Gesture(do=_nod, undo=_without_nods("head_pitch")),
    "shake": Gesture(do=_shake, undo=_without_nods("head_yaw")),
    "tilt": Gesture(do=_one_side(head_roll=6.0, head_x=0.02), undo=_scaled("head_roll")),
    "tilt_left": Gesture(do=_held(head_roll=-6.0, head_x=-0.02), undo=_limited(head_roll=-1.0)),
    "tilt_right": Gesture(do=_held(head_roll=6.0, head_x=0.02), undo=_limited(head_roll=1.0)),
    "turn_left": Gesture(do=_held(head_yaw=-8.0, gaze_x=-0.015), undo=_limited(head_yaw=-1.0)),
    "turn_right": Gesture(do=_held(head_yaw=8.0, gaze_x=0.015), undo=_limited(head_yaw=1.0)),
    "head_up": Gesture(do=_held(head_pitch=-6.0), undo=_limited(head_pitch=-1.0)),
    "head_down": Gesture(do=_held(head_pitch=6.0), undo=_limited(head_pitch=1.0)),
    "look_left": Gesture(do=_held(gaze_x=-0.055, head_yaw=-3.5), undo=_limited(gaze_x=-1.0, head_yaw=-1.0)),
    "look_right": Gesture(do=_held(gaze_x=0.055, head_yaw=3.5), undo=_limited(gaze_x=1.0, head_yaw=1.0)),
    "look_up": Gesture(do=_held(gaze_y=-0.030, head_pitch=-3.5), undo=_limited(gaze_y=-1.0, head_pitch=-1.0)),
    "look_down": Gesture(do=_look_down, undo=_limited(gaze_y=1.0, head_pitch=1.0)),
    "look_away": Gesture(do=_look_away, undo=_look_camera),
    "look_around": Gesture(do=_look_around, undo=_look_camera),
    "look_camera": Gesture(do=_look_camera, undo=_look_away, first=True),
    "smile": Gesture(do=_smile, undo=_scaled("smile")),
    "serious": Gesture(do=_serious, undo=_smile),
    "sad": Gesture(do=_sad, undo=_nothing),
    "angry": Gesture(do=_angry, undo=_nothing),
    "tender": Gesture(do=_tender, undo=_nothing),
    "surprised": Gesture(do=_surprised, undo=_nothing),
    "raise_brows": Gesture(do=_brow(0.8), undo=_limited(brow=1.0)),
    "frown": Gesture(do=_brow(-0.8), undo=_limited(brow=-1.0)),
    "blink": Gesture(do=_blink, undo=_fewer_blinks),
    "close_eyes": Gesture(do=_close_eyes, undo=_nothing),
    "wink": Gesture(do=_wink(None), undo=_nothing),
    "wink_left": Gesture(do=_wink("left"), undo=_nothing),
    "wink_right": Gesture(do=_wink("right"), undo=_nothing),
    "calm": Gesture(do=_calm, first=True),
    "energetic": Gesture(do=_energetic, undo=_calm, first=True),
    "move_head": Gesture(do=_move_head, undo=_scaled(*HEAD), first=True),
    "still": Gesture(do=_still, first=True),
    "lean_in": Gesture(do=_held(zoom=0.045, head_y=0.02), undo=_nothing),
    "lean_back": Gesture(do=_held(zoom=-0.04, head_y=-0.01), undo=_nothing),
    "zoom_in": Gesture(do=_zoom(MAX_ZOOM), undo=_nothing),
    "zoom_out": Gesture(do=_zoom(-MAX_ZOOM), undo=_nothing),
    "sway": Gesture(do=_sway, undo=_scaled("head_x", "head_roll")),
}
