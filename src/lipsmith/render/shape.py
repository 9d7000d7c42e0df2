"""Deformation of a face's mesh: motion channels of a frame -> displacement of every mesh point.

Lengths are in IOD in the head's own frame (see `lipsmith.face.geometry.HeadFrame`).

The fields for opening and widening were measured on tracked speech (ridge regression, nine clips, about 2,400 frames).
The tables below hold their values at anchor points, and the mesh spreads them as the surface of least bending (a
bi-Laplacian on the mesh graph). The mouth is a hole in the mesh, so motion of the lower lip never leaks into the upper
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.face.layout import (
    CHIN_LINE,
    I32,
    INNER_LOWER,
    INNER_UPPER,
    LEFT_BROW,
    LEFT_CHEEK,
    LEFT_LID_FOLD,
    LEFT_LOWER_FOLD,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_RINGS,
    MIRROR_PAIRS,
    RIGHT_BROW,
    RIGHT_CHEEK,
    RIGHT_LID_FOLD,
    RIGHT_LOWER_FOLD,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_RINGS,
)
from lipsmith.render.anchors import (
    BROW_INNER_IOD,
    BROW_TOGETHER_IOD,
    CHEEK_ANCHORS,
    CORNER_ANCHORS,
    INNER_BROWS,
    OPENING_ANCHORS,
    WIDENING_ANCHORS,
    Anchors,
    Vector,
)
from lipsmith.render.warp import combine

Channels = Mapping[str, float]

MESH_POINTS = 468
"""Points with triangles; the ten further points outline the irises."""

GAP_PROFILE = np.array([0.0, 0.36, 0.60, 0.80, 0.94, 1.0, 0.95, 0.82, 0.62, 0.37, 0.0])
"""Gap between the inner lips at the eleven columns, as a share of the gap at the middle."""

UPPER_LIP_RISE = 0.10
"""Share of an opening by the upper lip; lower lip and jaw do the rest."""
CORNER_DROP = 0.33
"""Share of an opening by which the mouth corners go down."""
CLOSING_LINE, CLOSING_LINE_OF_SMILE = 0.12, 0.36
"""Lips that close meet this share of their gap below the upper lip; a smile has raised that lip, speech has not."""

LIP_COLUMN_SHARE = np.array([0.0, 0.28, 0.55, 0.80, 0.95, 1.0, 0.95, 0.80, 0.55, 0.28, 0.0])
"""Strength of the lip shapes (pucker, press, tuck, raise, drop) at each of the eleven columns."""

RELAXED_WIDTH = 0.78
"""Width of an ordinary relaxed mouth, IOD."""
MAX_RELAXING = 0.10
"""Largest narrowing of a smile that is undone, IOD: the folds of a broad smile stay in the photo, and a narrow mouth
between them looks put on. People who smile speak with a wide mouth, too."""
MAX_CHIN_SQUEEZE = 0.50
"""Largest share of its length that the skin between lip and chin loses at the widest opening; more would fold it."""
WIDEST_APERTURE = 0.34

UPPER_LID_FOLLOWS, LOWER_LID_RISES, LOWER_FOLD_RISES = 0.20, 0.10, 0.06
"""Shares of an eye's opening by which its surroundings move in a blink. The lid itself is painted: the skin above
follows it a little, the lower lid rises."""
BROW_FOLLOWS, CHEEK_RISES = 0.06, 0.04
"""Shares of an eye's opening by which brow and cheek join a blink."""
SHUT_FROM = 0.95
"""Closure from which an eye is entirely shut: the second eye of a blink stops here, and no slit may be left."""
BROW_RAISE_IOD = 0.06

MAX_NARROWING, MAX_NARROWING_OF_SMILE, MAX_NARROWING_LOST = 0.58, 0.40, 0.12
"""Largest share of its width by which a mouth is narrowed, the same for a broad smile, and the part of it that a turned
head loses: beyond that, the corner on its far side tears."""
SMILE_CORNERS = 0.80
"""Share of their height above the line of the lips by which a smile's corners come down as it is undone."""
ROUNDING_RELAXES = 0.20
"""Share of a smile that fully rounded lips undo, beyond speech."""


@dataclass(frozen=True, kw_only=True)
class _Movement:
    """One way in which the mesh moves."""

    field: F64
    """(478, 3) displacement per unit of the amount."""
    amount: Callable[[Channels], float]


class FaceShape:
    """Moving mesh of one face."""

    def __init__(self, points: F64, triangles: I32) -> None:
        """``points``: (478, 3) pixels; ``triangles``: (n, 3) of the mesh."""
        self.frame = HeadFrame.of(points)
        self.rest = self.frame.to_head(points)
        self.aperture = float(np.linalg.norm(self.rest[14] - self.rest[13]))
        self.width = float(np.linalg.norm(self.rest[291] - self.rest[61]))
        self.scale = float(np.clip(self.width / 0.74, 0.80, 1.05))
        """Small mouths open less for the same phone."""
        self._closing_upper, self._closing_lower = _closing_fields(self.rest)
        turned = float(smoothstep(abs(self.frame.yaw_deg), 5.0, 25.0))
        # The smile of a turned head is undone half as far: the corner on its far side is hidden.
        self._relaxed = max(-MAX_RELAXING, min(0.0, RELAXED_WIDTH - self.width)) * (1.0 - 0.5 * turned)
        self._width_gain = 1.0 + 0.32 * float(smoothstep(self.width, 0.85, 1.05))
        """Gain for a mouth drawn wide by a smile: without it, detected landmarks show half of the requested change."""
        smiling = float(smoothstep(self.width, 0.92, 1.08))
        self._narrowing_power = 0.75 + 0.25 * float(smoothstep(self.width, 1.0, 1.12)) * (1.0 - turned)
        """Power for `_widening_anchors`: the lower lip of a broad smile would bulge as it is narrowed."""
        self._closing_line = CLOSING_LINE + (CLOSING_LINE_OF_SMILE - CLOSING_LINE) * smiling
        self._smile_raise = smiling * float(np.clip(0.45 * (self.aperture - 0.03), 0.0, 0.09))
        """Rise of the upper lip by the smile of the image, IOD: not quite half the opening."""
        self._lip_freedom = 1.0 - float(smoothstep(self.aperture, 0.05, 0.15))
        """Share of its rise that the upper lip still has, 0-1."""
        self._smile_corners = smiling * SMILE_CORNERS * max(0.0, self._corner_height())
        """Drop of the corners when a smile is fully undone, IOD."""
        most = MAX_NARROWING + (MAX_NARROWING_OF_SMILE - MAX_NARROWING) * smiling
        self._narrowest = (most - MAX_NARROWING_LOST * turned) * self.width
        """Largest narrowing of the mouth, IOD."""
        self._bending = _bending_energy(self.rest, triangles)
        self._held_weights = _hold_weights(self.rest)
        self._movements = self._build_movements()
        fields = [movement.field for movement in self._movements.values()]
        self._fields = np.stack(fields).reshape(len(fields), -1)
        self.blink_amount = 1.0
        """How far the eyes may be shut, 0-1."""
        self.glasses = False
        """If true, nothing above the eyes joins a blink: it would bend the rim of glasses."""
        self.holds_brows = False
        """If true, the brows never move."""

    def closure(self, blink: float) -> float:
        """Return how far the lid comes down for a value of a blink channel, 0-1."""
        return min(1.0, max(0.0, blink) / SHUT_FROM) * self.blink_amount

    def target_aperture(self, channels: Channels) -> float:
        """Return the gap between the lips of this face in a frame, IOD."""
        return channels["aperture"] * self.scale

    def displacement(self, channels: Channels) -> F64:
        """Return the displacement of every point in a frame, apart from the head's own motion, (478, 3) IOD."""
        moved = self.moved_by({name: movement.amount(channels) for name, movement in self._movements.items()})
        self.meet_gaps(self.rest, moved, aperture=self.target_aperture(channels), pucker=channels["pucker"])
        self._close_lids(moved, channels)
        return moved

    def moved_by(self, amounts: Mapping[str, float]) -> F64:
        """Return the sum of movements by name, each times its amount, (478, 3) IOD; others are 0.

        Names are opening, widening, closing and narrowing (the last two below 0), upper_raise, lower_drop, jaw and
        corner, all in IOD, and pucker, press, tuck, brow, brow_inner and cheek as in the channels.
        """
        all_amounts = np.array([amounts.get(name, 0.0) for name in self._movements])
        moved: F64 = combine(all_amounts, self._fields).reshape(-1, 3)
        return moved

    def meet_gaps(self, rest: F64, moved: F64, *, aperture: float, pucker: float) -> None:
        """Move the lips, in place, so that the gap at every column matches ``aperture``, IOD.

        ``rest``: (478, 3) IOD in the head's frame, to which ``moved`` is added.
        """
        requested = aperture * GAP_PROFILE ** (1.0 + 0.7 * pucker)
        upper, lower = list(INNER_UPPER), list(INNER_LOWER)
        now = (rest[lower, 1] + moved[lower, 1]) - (rest[upper, 1] + moved[upper, 1])
        missing = requested - now
        missing[[0, -1]] = 0.0
        # Closing lips meet a quarter of the way down in the middle, and half way at the corners, which stay.
        below = 0.5 + 0.25 * GAP_PROFILE
        moved[:, 1] += combine(below * missing, self._closing_lower)
        moved[:, 1] -= combine((1.0 - below) * missing, self._closing_upper)

    def _close_lids(self, moved: F64, channels: Channels) -> None:
        """Move the surroundings of the eyes as the lids come down, in place."""
        eyes = (
            (LEFT_UPPER_LID, LEFT_LOWER_LID, LEFT_LID_FOLD, LEFT_LOWER_FOLD, LEFT_BROW, LEFT_CHEEK),
            (RIGHT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_LID_FOLD, RIGHT_LOWER_FOLD, RIGHT_BROW, RIGHT_CHEEK),
        )
        blinks = (channels["blink_left"], channels["blink_right"])
        for blink, (upper, lower, fold, lower_fold, brow, cheek) in zip(blinks, eyes, strict=True):
            way = self.closure(blink)
            if way <= 0.0:
                continue
            opening = way * (self.rest[list(lower), :2] - self.rest[list(upper), :2])
            moved[list(lower), :2] -= LOWER_LID_RISES * opening
            moved[list(lower_fold), :2] -= LOWER_FOLD_RISES * opening
            moved[list(cheek), :2] -= CHEEK_RISES * opening[4]
            if not self.glasses:
                moved[list(upper[1:-1]), :2] += UPPER_LID_FOLLOWS * opening[1:-1]
                moved[list(fold), :2] += UPPER_LID_FOLLOWS * opening
                moved[list(brow), :2] += BROW_FOLLOWS * opening[4]

    def _build_movements(self) -> dict[str, _Movement]:
        """Return all movements of mouth and brows, each with the function that computes its amount."""
        opening = self._opening_anchors(CORNER_DROP, UPPER_LIP_RISE * self._lip_freedom)
        closing = self._opening_anchors(self._corner_rise(), self._closing_line)
        narrowing = self._widening_anchors(corner_lift=self._rounding_drop(), power=self._narrowing_power)
        pucker = self._lip_anchors(upper=-0.026, lower=0.034, forward=-0.05)
        table: dict[str, tuple[F64, Callable[[Channels], float]]] = {
            "opening": (self._spread(opening), lambda c: max(self._opening(c), 0.0)),
            "closing": (self._spread(closing), lambda c: min(self._opening(c), 0.0)),
            "widening": (
                self._spread(self._widening_anchors(corner_lift=0.24, power=0.75)),
                lambda c: max(self._widening(c), 0.0),
            ),
            "narrowing": (self._spread(narrowing), lambda c: min(self._widening(c), 0.0)),
            "pucker": (self._spread(pucker), lambda c: c["pucker"]),
            "press": (self._spread(self._lip_anchors(upper=0.026, lower=-0.026)), lambda c: c["press"]),
            "tuck": (self._spread(self._lip_anchors(lower=-0.06, whole_lower=-0.025)), lambda c: c["tuck"]),
            "upper_raise": (self._spread(self._lip_anchors(upper=-0.85, whole_upper=-1.0)), self._upper_raise),
            "lower_drop": (self._spread(self._lip_anchors(lower=0.85, whole_lower=1.0)), lambda c: c["lower_drop"]),
            "jaw": (self._spread(self._jaw_anchors()), lambda c: c["jaw"] * self.scale),
            "corner": (self._spread(self._corner_anchors()), self._corner_raise),
            "brow": (self._brow_field(), lambda c: 0.0 if self.holds_brows else c["brow"]),
            "brow_inner": (self._inner_brow_field(), lambda c: 0.0 if self.holds_brows else c["brow_inner"]),
            "cheek": (self._spread(self._cheek_anchors()), lambda c: c["cheek"] * (0.4 if self.holds_brows else 1.0)),
        }
        return {name: _Movement(field=field, amount=amount) for name, (field, amount) in table.items()}

    def _opening(self, channels: Channels) -> float:
        """Return the opening relative to the image, IOD."""
        return self.target_aperture(channels) - self.aperture

    def _relaxing(self, channels: Channels) -> float:
        """Return how far a smile is undone, 0-1. Rounded lips undo it further than speech alone does."""
        return min(1.0, 1.0 - channels["smile"] + ROUNDING_RELAXES * channels["pucker"])

    def _widening(self, channels: Channels) -> float:
        requested = channels["width"] * self.scale * self._width_gain + self._relaxing(channels) * self._relaxed
        easy, span = 0.6 * self._narrowest, 0.4 * self._narrowest
        return requested if requested > -easy else -easy - span * float(np.tanh((-requested - easy) / span))

    def _upper_raise(self, channels: Channels) -> float:
        """Return the rise of the upper lip. A smile raises it; relaxed and rounded lips lower it again."""
        down = min(1.2, 1.0 - channels["smile"] + 0.75 * channels["pucker"])
        return channels["upper_raise"] * self._lip_freedom - self._smile_raise * down

    def _corner_raise(self, channels: Channels) -> float:
        """Return the rise of the corners. Those of a smile come down as it is undone."""
        return channels["corner"] - (1.0 - channels["smile"]) * self._smile_corners

    def _opening_anchors(self, corner_drop: float, upper_rise: float) -> Anchors:
        """Return anchors per IOD of opening: ``upper_rise`` by the upper lip, the rest by the lower lip."""
        anchors = _both_sides(OPENING_ANCHORS)
        upper = corner_drop * (1.0 - GAP_PROFILE) - upper_rise * GAP_PROFILE
        lower = upper + GAP_PROFILE
        for ring in UPPER_LIP_RINGS:
            anchors |= {point: (0.0, dy, 0.0) for point, dy in zip(ring, upper, strict=True)}
        for ring in LOWER_LIP_RINGS:
            anchors |= {point: (0.0, dy, 0.2 * dy) for point, dy in zip(ring, lower, strict=True)}
        steepest = MAX_CHIN_SQUEEZE / WIDEST_APERTURE
        for above, below in pairwise(CHIN_LINE):
            if below in anchors:
                length = float(self.rest[below, 1] - self.rest[above, 1])
                least = anchors[above][1] - steepest * length
                anchors[below] = (0.0, max(anchors[below][1], least), anchors[below][2])
            else:
                anchors[below] = anchors[above]
        return anchors

    def _jaw_anchors(self) -> Anchors:
        """Return anchors per IOD of opening by the jaw without the lips: the chin moves as in an opening.

        Half of it reaches the edge of the lower lip; the inner edges of the lips stay.
        """
        opening = self._opening_anchors(CORNER_DROP, 0.0)
        lips = {point for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for point in ring}
        anchors = {point: (0.0, 0.0, 0.0) if point in lips else vector for point, vector in opening.items()}
        for depth, ring in enumerate(LOWER_LIP_RINGS):
            for point, share in zip(ring, LIP_COLUMN_SHARE, strict=True):
                anchors[point] = (0.0, 0.3 * (1.0 - depth / 3.0) * share, 0.0)
        return anchors

    def _corner_anchors(self) -> Anchors:
        """Return anchors per IOD of corner rise: corners and the skin next to them; the lips' middle stays."""
        anchors = _both_sides(CORNER_ANCHORS)
        for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS):
            for point, x in zip(ring, np.linspace(-1.0, 1.0, 11), strict=True):
                anchors[point] = (0.0, -(abs(x) ** 1.6), 0.0)
        return anchors

    def _corner_height(self) -> float:
        """Return the height of the mouth corners above the line where the lips meet, IOD; negative when they hang."""
        line = self.rest[13, 1] + self._closing_line * self.aperture
        return float(line - self.rest[[78, 308], 1].mean())

    def _corner_rise(self) -> float:
        """Return the rise of the corners as an open mouth closes, as a share of its opening.

        A smile's corners lie above the line on which the lips will meet and stay. The corners of a speaking mouth lie
        below it and rise; otherwise the closed mouth would hang.
        """
        if self.aperture < 0.02:
            return CORNER_DROP
        return float(np.clip(-self._corner_height() / self.aperture, 0.0, 0.6))

    def _rounding_drop(self) -> float:
        """Return the drop of the corners per IOD of narrowing. A smile's corners drop, or the lips would form a V."""
        return float(np.clip(0.05 + 3.0 * self._corner_height(), 0.0, 0.3))

    def _widening_anchors(self, *, corner_lift: float, power: float) -> Anchors:
        """Return anchors per IOD of mouth width. Spread lips rise at the corners; rounded ones must not let them hang.

        A point moves by its place across to this ``power``: below 1, the middle of the lips moves more than the rest.
        """
        anchors = _both_sides(WIDENING_ANCHORS)
        across = np.linspace(-1.0, 1.0, 11)
        for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS):
            for point, x in zip(ring, across, strict=True):
                anchors[point] = (
                    0.5 * np.sign(x) * abs(x) ** power,
                    -corner_lift * abs(x) ** 1.5,
                    0.09 + 0.18 * abs(x),
                )
        return anchors

    def _lip_anchors(
        self,
        *,
        upper: float = 0.0,
        lower: float = 0.0,
        whole_upper: float = 0.0,
        whole_lower: float = 0.0,
        forward: float = 0.0,
    ) -> Anchors:
        """Return anchors of a lip's outer edge (``upper``, ``lower``) and inner edge (``whole_…``), up or down."""
        anchors: Anchors = {}
        for rings, outer, inner in ((UPPER_LIP_RINGS, upper, whole_upper), (LOWER_LIP_RINGS, lower, whole_lower)):
            for depth, ring in enumerate(rings):
                dy = outer + (inner - outer) * depth / 3.0
                for point, share in zip(ring, LIP_COLUMN_SHARE, strict=True):
                    anchors[point] = (0.0, dy * share, forward * share)
        lips = self.rest[list(anchors), :2]
        far = [
            point
            for point in range(MESH_POINTS)
            if point not in anchors and np.min(np.linalg.norm(lips - self.rest[point, :2], axis=1)) > 0.24
        ]
        return anchors | dict.fromkeys(far, (0.0, 0.0, 0.0))

    def _brow_field(self) -> F64:
        anchors = dict.fromkeys((*LEFT_BROW, *RIGHT_BROW), (0.0, -BROW_RAISE_IOD, 0.0))
        anchors |= dict.fromkeys((10, 338, 109, 67, 297), (0.0, -0.25 * BROW_RAISE_IOD, 0.0))
        lids = (*LEFT_UPPER_LID, *RIGHT_UPPER_LID, *LEFT_LID_FOLD, *RIGHT_LID_FOLD)
        anchors |= dict.fromkeys(lids, (0.0, 0.0, 0.0))
        anchors |= {point: (0.0, 0.0, 0.0) for point in range(MESH_POINTS) if self.rest[point, 1] > 0.1}
        return self._spread(anchors, hold_upper_face=False)

    def _inner_brow_field(self) -> F64:
        left = {p: (-BROW_TOGETHER_IOD * s, -BROW_INNER_IOD * s, 0.0) for p, s in INNER_BROWS.items()}
        anchors = _both_sides(left)
        anchors |= {p: (0.0, -BROW_INNER_IOD * s, 0.0) for p, s in INNER_BROWS.items() if p in (8, 9)}
        outer = {*LEFT_BROW, *RIGHT_BROW, *LEFT_UPPER_LID, *RIGHT_UPPER_LID, *LEFT_LID_FOLD, *RIGHT_LID_FOLD}
        anchors |= {point: (0.0, 0.0, 0.0) for point in (*outer, 10, 338, 109, 67, 297, 6) if point not in anchors}
        anchors |= {point: (0.0, 0.0, 0.0) for point in range(MESH_POINTS) if self.rest[point, 1] > 0.1}
        return self._spread(anchors, hold_upper_face=False)

    def _cheek_anchors(self) -> Anchors:
        """Return anchors of raised cheeks; lids and lips stay."""
        lips = {point for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for point in ring}
        return dict.fromkeys(lips, (0.0, 0.0, 0.0)) | _both_sides(CHEEK_ANCHORS)

    def _spread(self, anchors: Mapping[int, Vector], *, hold_upper_face: bool = True) -> F64:
        """Return the surface of least bending through the anchors, (478, 3)."""
        weights = np.zeros(MESH_POINTS)
        values = np.zeros((MESH_POINTS, 3))
        if hold_upper_face:
            weights += self._held_weights
        for point, value in anchors.items():
            weights[point] = 200.0
            values[point] = value
        solved = np.linalg.solve(self._bending + np.diag(weights), weights[:, None] * values)
        return np.vstack([solved, np.zeros((len(self.rest) - MESH_POINTS, 3))])


def _both_sides(left: Mapping[int, Vector]) -> Anchors:
    return dict(left) | {MIRROR_PAIRS[p]: (-dx, dy, dz) for p, (dx, dy, dz) in left.items() if p in MIRROR_PAIRS}


def _bending_energy(rest: F64, triangles: I32) -> F64:
    """Return the squared graph Laplacian, neighbours weighted by nearness, plus a trace of stretch resistance, (468,
    468)."""
    near = np.zeros((MESH_POINTS, MESH_POINTS))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        i, j = triangles[:, a], triangles[:, b]
        weight = 1.0 / np.maximum(np.linalg.norm(rest[i] - rest[j], axis=1), 0.02)
        near[i, j] = weight
        near[j, i] = weight
    degree = near.sum(axis=1)
    laplacian = np.eye(MESH_POINTS) - near / np.maximum(degree, 1e-9)[:, None]
    stretch = (np.diag(degree) - near) / degree.mean()
    return laplacian.T @ laplacian + 0.02 * stretch + 1e-6 * np.eye(MESH_POINTS)


def _hold_weights(rest: F64) -> F64:
    """Return how firmly each point is held in place while the mouth moves, (468,): the upper face and the nose."""
    return 60.0 * (1.0 - smoothstep(rest[:MESH_POINTS, 1], 0.35, 0.75))


def _closing_fields(rest: F64) -> tuple[F64, F64]:
    """Return motion of the inner lip's columns -> motion of all points on the same side of the mouth, two (11, 478).

    The outer edge of a lip follows its inner edge by about nine tenths; otherwise a closing lip would thin to a line.
    """
    lips = {"upper": UPPER_LIP_RINGS, "lower": LOWER_LIP_RINGS}
    middle = np.interp(
        rest[:, 0], rest[list(INNER_UPPER), 0], (rest[list(INNER_UPPER), 1] + rest[list(INNER_LOWER), 1]) / 2
    )
    own = {side: {p for ring in rings for p in ring[1:-1]} for side, rings in lips.items()}
    fields = []
    for side, reach in (("upper", 0.13), ("lower", 0.22)):
        inner = list(lips[side][3])
        other = own["lower" if side == "upper" else "upper"]
        above = rest[:, 1] < middle
        member = above if side == "upper" else ~above
        member[list(own[side])] = True
        member[list(other)] = False
        distance = np.linalg.norm(rest[:, None, :2] - rest[None, inner, :2], axis=2)
        near = np.exp(-0.5 * (distance / 0.09) ** 2) + 1e-9
        share = near / near.sum(axis=1, keepdims=True)
        follows = np.exp(-0.5 * (distance.min(axis=1) / reach) ** 2)
        field = share * (follows * member)[:, None]
        field[inner] = np.eye(len(inner))
        fields.append(field)
    return np.ascontiguousarray(fields[0].T), np.ascontiguousarray(fields[1].T)
