"""Skin around an eye: its colours above and below, its grain, and the lid's own make-up.

Lashes, liner, brows, rims of glasses and the eye itself are left out: a lid is made of these colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsmith.face.geometry import F64, smoothstep
from lipsmith.media.clip import F32
from lipsmith.render.eye_axes import COLUMNS, EyeAxes, Mask
from lipsmith.render.mouth_colours import LUMA

BELOW_IOD = (0.06, 0.16)
"""Skin below the eye, distance from the lower margin."""
CHEEK_IOD = (0.22, 0.38)
"""The cheek, distance from the lower margin."""
FOLD_CLEAR_IOD, BROW_CLEAR_IOD = 0.012, 0.045
"""Skin above the eye: from this far above the fold to this far below the brow."""
SAME_SKIN_ABOVE, SAME_SKIN_BELOW = 0.22, 0.25
"""Largest difference in brightness to the typical skin there, as a share of it."""
PLAUSIBLE = (0.82, 1.12)
"""Brightness of the skin above an eye, as a share of that below, that is no rim."""
BEHIND_GLASSES = (0.82, 1.05)
"""Least and largest brightness of the lid behind glasses, as a share of the skin below."""
GRAIN_FINER_THAN_IOD = 0.022
MAX_GRAIN = 5.0
"""Median absolute deviation of the grain, levels; more is texture, such as hair."""

GRAIN_SHARE = np.float32(0.85)
"""A lid is smoother than the skin around it."""


@dataclass(frozen=True, kw_only=True)
class Skin:
    """Colours over the columns of an eye, RGB 0-255."""

    above: F64
    """(COLUMNS, 3) between fold and brow."""
    below: F64
    """(COLUMNS, 3) below the eye."""
    tone: F64
    """(COLUMNS, 3) just above the eye: the open lid where it is wide enough, else the skin above its fold."""
    lid: F64
    """(COLUMNS, 3) of the closed lid."""
    hue: F64
    """(COLUMNS, 3) colour whose hue the lid's edge has."""

    @property
    def light(self) -> F64:
        """(COLUMNS,) brightness of the skin just above the eye."""
        return np.maximum(self.tone @ LUMA, 8.0)

    @property
    def typical(self) -> float:
        """Mean brightness of the skin around."""
        return float(max(((0.5 * self.above + 0.5 * self.below) @ LUMA).mean(), 8.0))


def read_skin(eye: EyeAxes, *, glasses: bool) -> Skin:
    """Read the skin around an eye. ``glasses``: a rim may lie above the eye, so the skin there is not used."""
    offsets = np.linspace(*BELOW_IOD, 11)
    below_pixels = eye.along(eye.lower, offsets).astype(np.float64)
    typical = np.median(below_pixels[:, eye.inside].reshape(-1, 3), axis=0)
    light = float(max(typical @ LUMA, 8.0))
    below = _column_colours(below_pixels, np.abs(below_pixels @ LUMA / light - 1.0) < SAME_SKIN_BELOW, 4, typical)
    above = _skin_above(eye, light, 0.92 * typical)
    if glasses:
        above = _behind_glasses(eye, above, below)
    mixed: F64 = 0.72 * above + 0.28 * below
    own, share = _own_lid(eye, mixed)
    if glasses:  # lenses and lashes grey the lid
        own, share = in_hue(own, above, share=0.7, least=0.0), 0.8 * share
    lid: F64 = mixed + share[:, None] * (own - mixed)
    # Lashes, irises and brows grey the skin above, shadows and pouches that below: the cheek's hue warms them.
    cheek = typical if glasses else _cheek(eye, light, typical)
    hue: F64 = 0.25 * above + 0.40 * below
    hue += 0.35 * cheek * (hue @ LUMA / 0.65 / max(float(cheek @ LUMA), 1.0))[:, None]
    own_hue: F64 = own * (hue @ LUMA / np.maximum(own @ LUMA, 1.0))[:, None]
    hue += 0.35 * share[:, None] * (own_hue - hue)
    tone = above + share[:, None] * (own - above)
    return Skin(above=above, below=below, tone=tone, lid=in_hue(lid, hue, share=0.85, least=0.92), hue=hue)


def in_hue(colours: F64, hue: F64, *, share: float, least: float) -> F64:
    """Return colours with the hue of ``hue`` by a share, at least ``least`` as bright; darker skin is redder."""
    light, of_hue = (colours @ LUMA)[:, None], np.maximum((hue @ LUMA)[:, None], 1.0)
    light = np.maximum(light, least * of_hue)
    tint = (1 - share) * colours / np.maximum((colours @ LUMA)[:, None], 1.0) + share * hue / of_hue
    tint = tint * np.clip(of_hue / np.maximum(light, 1.0), 0.9, 1.5) ** np.array([0.14, 0.0, -0.16])
    tinted: F64 = tint / (tint @ LUMA)[:, None] * light
    return tinted


def smooth_columns(table: F64, sigma: float) -> F64:
    """Blur a table over the columns."""
    flat = np.asarray(table, np.float64).reshape(COLUMNS, -1)
    blurred = cv2.GaussianBlur(flat, (0, 0), sigmaX=0.01, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float64).reshape(table.shape)


def grain_of(eye: EyeAxes, *, rows: int, per_iod: float, seed: int) -> F32:
    """Return noise that looks like the texture of the cleanest skin near the eye, (rows, columns of the grid, 3)."""
    u = grid_u(eye, per_iod)
    room = float(np.clip((eye.fold - eye.brow)[eye.middle].mean() - 0.06, 0.02, 0.14))
    best: tuple[float, F64] | None = None
    for line, sign, first, last in (
        (eye.lower, 1.0, 0.07, 0.23),
        (eye.fold, -1.0, 0.012, 0.012 + room),
        (eye.lower, 1.0, 0.16, 0.36),
    ):
        offsets = sign * np.arange(first, last, 1.0 / per_iod)
        band = eye.along(np.interp(u, eye.u, line), offsets, u).astype(np.float64)
        fine = band - cv2.GaussianBlur(band, (0, 0), GRAIN_FINER_THAN_IOD * per_iod)
        fine = fine[:, np.abs(u) < eye.half]
        rough = float(np.percentile(np.abs(fine @ LUMA), 92)) * (1.5 if last - first < 0.05 else 1.0)
        if best is None or rough < best[0]:
            best = (rough, fine)
    assert best is not None
    fine = best[1]
    spread = min(1.48 * float(np.median(np.abs(fine @ LUMA))), MAX_GRAIN)
    limit = 3.0 * max(spread, 0.6)
    return GRAIN_SHARE * _noise_like(limit * np.tanh(fine / limit), (rows, len(u)), seed)


def grid_u(eye: EyeAxes, per_iod: float) -> F64:
    """Return the columns of an image in the eye's axes with ``per_iod`` pixels per IOD."""
    reach = -float(eye.u[0])
    return np.arange(-reach, reach, 1.0 / per_iod)


def _skin_above(eye: EyeAxes, light: float, default: F64) -> F64:
    """Return the skin between fold and brow per column. ``light``: typical brightness of skin."""
    room = np.clip(eye.fold - eye.brow - BROW_CLEAR_IOD, 0.005, 0.14)
    offsets = -(FOLD_CLEAR_IOD + room[None] * np.linspace(0.0, 1.0, 9)[:, None])
    pixels = eye.along(eye.fold, offsets).astype(np.float64)
    lights = pixels @ LUMA
    usual = float(np.clip(np.percentile(lights[:, eye.inside], 60), 0.45 * light, 1.25 * light))
    same = np.abs(lights / max(usual, 4.0) - 1.0) < SAME_SKIN_ABOVE
    kept = pixels[:, eye.inside][same[:, eye.inside]]
    return _column_colours(pixels, same, 3, np.median(kept, axis=0) if len(kept) > 20 else default)


def _cheek(eye: EyeAxes, light: float, default: F64) -> F64:
    """Return the typical colour of the cheek below an eye, (3,). ``light``: typical brightness of skin."""
    pixels = eye.along(eye.lower, np.linspace(*CHEEK_IOD, 9)).astype(np.float64)[:, eye.inside].reshape(-1, 3)
    kept = pixels[np.abs(pixels @ LUMA / light - 1.0) < 0.4]
    return np.median(kept, axis=0) if len(kept) > 20 else default


def _behind_glasses(eye: EyeAxes, above: F64, below: F64) -> F64:
    """Return the skin above an eye below a rim: in the hue of that below, as bright as the part that is no rim."""
    of_below = max(float((below @ LUMA)[eye.middle].mean()), 1.0)
    ratio = float((above @ LUMA)[eye.middle].mean()) / of_below
    if PLAUSIBLE[0] < ratio < PLAUSIBLE[1]:
        mixed: F64 = 0.5 * above + 0.5 * below * ratio
        return mixed
    lid, _ = _own_lid(eye, below, darkest=BEHIND_GLASSES[0])
    ratio = float(np.clip((lid @ LUMA)[eye.middle].mean() / of_below, *BEHIND_GLASSES))
    return below * ratio


def _column_colours(pixels: F64, usable: Mask, least: int, default: F64) -> F64:
    """Return the mean of the usable pixels per column; gaps are interpolated."""
    count = usable.sum(axis=0)
    means = (pixels * usable[..., None]).sum(axis=0) / np.maximum(count, 1)[:, None]
    known = np.flatnonzero(count >= least)
    if len(known) < 6:
        return np.repeat(default[None], COLUMNS, axis=0)
    filled = np.stack([np.interp(np.arange(COLUMNS), known, means[known, k]) for k in range(3)], axis=1)
    return smooth_columns(filled, 5.0)


def _own_lid(eye: EyeAxes, around: F64, *, darkest: float = 0.90) -> tuple[F64, F64]:
    """Return the colours of the open lid between margin and fold, and how far they can be trusted, (COLUMNS,) 0-1."""
    height = np.maximum(eye.upper - eye.fold, 0.02)
    offsets = -height[None] * (0.3 + 0.6 * np.linspace(0.0, 1.0, 7))[:, None]
    rows = eye.along(eye.upper, offsets).astype(np.float64)
    order = np.argsort(rows @ LUMA, axis=0)
    bright = np.take_along_axis(rows, order[4:6][..., None], axis=0).mean(axis=0)
    own = smooth_columns(bright, 6.0)
    light, of_skin = (own @ LUMA)[:, None], (around @ LUMA)[:, None]
    own = own * np.clip(light, darkest * of_skin, 1.30 * of_skin) / np.maximum(light, 1.0)
    wide = float(np.clip((height[eye.middle].mean() - 0.03) / 0.03, 0.0, 1.0))
    ratio = (light / np.maximum(of_skin, 1.0))[:, 0]
    return own, wide * (0.5 + 0.35 * smoothstep(ratio, 1.0, 1.15))


def _noise_like(texture: F64, size: tuple[int, int], seed: int) -> F32:
    """Return noise with the spectrum of a texture and random phases, the same for all channels."""
    rows, columns = texture.shape[:2]
    window = np.hanning(rows + 2)[1:-1, None] * np.hanning(columns + 2)[None, 1:-1]
    white = np.fft.rfft2(np.random.default_rng(seed).standard_normal(size))
    channels = []
    for k in range(3):
        strength = np.abs(np.fft.rfft2(texture[..., k] * window, size))
        strength = cv2.GaussianBlur(strength, (0, 0), 2.0)
        noise = np.fft.irfft2(white * strength, size)
        channels.append(noise / max(float(noise.std()), 1e-6) * float(texture[..., k].std()))
    return np.stack(channels, axis=-1).astype(np.float32)
