"""Selection of donor frames: the cheapest path, clips without donors, and fades."""

from __future__ import annotations

from itertools import pairwise, product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.face.geometry import F64
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import U8, Image
from lipsmith.render.donors import (
    JUMP_COST,
    JUMP_LOOK,
    MAX_JUMP_COST,
    STAY_COST,
    Donors,
    Selection,
    select_donors,
    thumbnail,
    usable_donors,
)

ALIKE = np.zeros((20, 32), np.uint8)


def look_of(seed: int) -> U8:
    """A thumbnail unlike that of any other seed."""
    return np.random.default_rng(seed).integers(60, 200, (20, 32), dtype=np.uint8)


def donors_of(apertures: F64, frames: list[int] | None = None, thumbnails: U8 | None = None) -> Donors:
    """Mouths of one width, looking straight ahead."""
    count = len(apertures)
    still = np.zeros(count, np.float32)
    return Donors(
        frame=np.array(range(count) if frames is None else frames, np.int64),
        aperture=apertures.astype(np.float32),
        width=still + np.float32(0.8),
        yaw_deg=still.copy(),
        pitch_deg=still.copy(),
        thumbnails=np.repeat(ALIKE[None], count, axis=0) if thumbnails is None else thumbnails,
    )


def chosen_for(donors: Donors, requested: F64, width: float = 0.8, yaw_deg: float = 0.0) -> list[Selection]:
    still = np.zeros(len(requested))
    return select_donors(
        donors, aperture=requested, width=still + width, yaw_deg=still + yaw_deg, pitch_deg=still, candidates=24
    )


def rows_of(selections: list[Selection]) -> list[int]:
    return [selection.donors[0][0] for selection in selections]


def speaking(count: int) -> F64:
    return 0.12 + 0.1 * np.sin(np.arange(count) * 0.7) * np.cos(np.arange(count) * 0.13)


def test_lips_that_do_what_the_clip_did_use_the_clip_itself() -> None:
    clip = speaking(120)
    selections = chosen_for(donors_of(clip), clip[30:90])
    assert rows_of(selections) == list(range(30, 90))
    assert all(selection.share == 1.0 and len(selection.donors) == 1 for selection in selections)


def test_a_run_is_kept_although_others_fit_a_little_better() -> None:
    """Two runs, of which now one and now the other is nearer to what is asked."""
    steps = speaking(40)
    wobble = 0.006 * np.where(np.arange(40) % 2, 1.0, -1.0)
    donors = donors_of(
        np.concatenate([steps + wobble, steps - wobble]),
        frames=[*range(40), *range(100, 140)],
        thumbnails=np.stack([look_of(1)] * 40 + [look_of(2)] * 40),
    )
    rows = rows_of(chosen_for(donors, steps + 0.001))
    assert all(after == before + 1 for before, after in pairwise(rows))


def test_a_mouth_that_fits_far_better_is_worth_a_jump() -> None:
    donors = donors_of(np.concatenate([np.zeros(40), np.full(40, 0.2)]), frames=[*range(40), *range(100, 140)])
    rows = np.array(rows_of(chosen_for(donors, np.repeat([0.0, 0.2], 12))))
    assert (rows[:12] < 40).all() and (rows[12:] >= 40).all()


def test_frames_that_do_not_follow_one_another_are_no_run() -> None:
    """A step over a gap in the clip is a jump: it is taken only where it pays."""
    apertures = np.tile([0.05, 0.0505], 20)
    looks = np.stack([look_of(k) for k in range(40)])
    gaps = donors_of(apertures, frames=list(range(0, 400, 10)), thumbnails=looks)
    assert len(set(rows_of(chosen_for(gaps, np.full(12, 0.05))))) == 1
    one_run = donors_of(apertures, thumbnails=looks)
    assert len(set(rows_of(chosen_for(one_run, np.full(12, 0.05))))) == 12


@pytest.mark.slow
def test_no_way_through_the_donors_is_cheaper() -> None:
    """Against all ways there are, each priced by the rule in words."""
    rng = np.random.default_rng(11)
    for _ in range(4):
        looks = (128 + rng.normal(0, 1, (6, 20, 32)) * rng.uniform(2, 25, (6, 1, 1))).clip(0, 255).astype(np.uint8)
        donors = donors_of(rng.uniform(0, 0.2, 6), frames=[0, 1, 2, 7, 8, 30], thumbnails=looks)
        requested = rng.uniform(0, 0.2, 5)
        way = rows_of(chosen_for(donors, requested))
        cheapest = min(price(donors, requested, other) for other in product(range(6), repeat=5))
        assert price(donors, requested, tuple(way)) == pytest.approx(cheapest, rel=1e-4)


def price(donors: Donors, requested: F64, way: tuple[int, ...]) -> float:
    total = float((((requested - donors.aperture[list(way)]) / 0.03) ** 2).sum())
    for before, after in pairwise(way):
        if before == after:
            total += STAY_COST
        elif donors.frame[after] != donors.frame[before] + 1:
            one, other = (donors.thumbnails[row].astype(np.float64) for row in (before, after))
            apart = np.sqrt((((one - one.mean()) - (other - other.mean())) ** 2).mean())
            total += min(MAX_JUMP_COST, JUMP_COST + (apart / JUMP_LOOK) ** 2)
    return total


def test_heads_turned_alike_are_preferred() -> None:
    turned = donors_of(np.full(80, 0.1))
    turned.yaw_deg[40:] = 20.0
    assert (np.array(rows_of(chosen_for(turned, np.full(10, 0.1), yaw_deg=19.0))) >= 40).all()
    assert (np.array(rows_of(chosen_for(turned, np.full(10, 0.1), yaw_deg=1.0))) < 40).all()


def test_a_clip_that_is_too_short_or_never_opens_its_mouth_gives_nothing() -> None:
    assert usable_donors(donors_of(np.linspace(0.0, 0.2, 60)))
    assert not usable_donors(donors_of(np.linspace(0.0, 0.2, 25)))
    assert not usable_donors(donors_of(np.linspace(0.0, 0.05, 200)))
    assert not usable_donors(donors_of(np.array([*[0.02] * 99, 0.3])))


def test_a_mouth_that_fits_nowhere_fades_out_and_in_again() -> None:
    donors = donors_of(np.linspace(0.0, 0.1, 60))
    requested = np.concatenate([np.full(40, 0.05), np.full(30, 0.3), np.full(40, 0.05)])
    share = np.array([selection.share for selection in chosen_for(donors, requested)])
    assert (share[:25] == 1.0).all() and (share[-25:] == 1.0).all()
    assert (share[40:70] == 0.0).all()
    assert np.abs(np.diff(share)).max() < 0.35
    assert (np.diff(share[:55]) <= 0).all() and (np.diff(share[55:]) >= 0).all()


def test_a_brief_poor_fit_is_better_than_teeth_that_change() -> None:
    donors = donors_of(np.linspace(0.0, 0.1, 60))
    requested = np.full(60, 0.05)
    requested[30:33] = 0.3
    assert all(selection.share == 1.0 for selection in chosen_for(donors, requested))


def test_shares_are_whole_and_a_visible_change_is_mixed() -> None:
    """The mouth that ends runs on for a frame beneath the one that begins."""
    thumbnails = np.stack([look_of(1)] * 40 + [look_of(2)] * 40)
    donors = donors_of(
        np.concatenate([np.zeros(40), np.full(40, 0.2)]), frames=[*range(40), *range(100, 140)], thumbnails=thumbnails
    )
    selections = chosen_for(donors, np.repeat([0.0, 0.2], 12))
    assert all(sum(part for _, part in selection.donors) == pytest.approx(1.0) for selection in selections)
    mixed = [number for number, selection in enumerate(selections) if len(selection.donors) > 1]
    assert mixed == [12]
    (begins, most), (ends, _) = selections[12].donors
    assert begins >= 40 and most > 0.5
    assert ends == selections[11].donors[0][0] + 1


def test_mouths_that_look_alike_change_without_mixing() -> None:
    donors = donors_of(np.concatenate([np.zeros(40), np.full(40, 0.2)]), frames=[*range(40), *range(100, 140)])
    assert all(len(selection.donors) == 1 for selection in chosen_for(donors, np.repeat([0.0, 0.2], 12)))


def turned_and_scaled(rgb: U8, points: F64, degrees: float, scale: float) -> tuple[U8, F64]:
    way: NDArray[np.float64] = cv2.getRotationMatrix2D((256.0, 180.0), degrees, scale)
    turned = points.copy()
    turned[:, :2] = points[:, :2] @ way[:, :2].T + way[:, 2]
    turned[:, 2] *= scale
    return np.asarray(cv2.warpAffine(rgb, way, (512, 512), flags=cv2.INTER_AREA), np.uint8), turned


@pytest.mark.parametrize(("degrees", "scale"), [(25.0, 1.0), (-15.0, 0.8), (0.0, 1.5)])
def test_thumbnails_are_upright_and_of_one_size(image: Image, face: Face, degrees: float, scale: float) -> None:
    straight = thumbnail(image.rgb, face.points).astype(int)
    other = thumbnail(*turned_and_scaled(image.rgb, face.points, degrees, scale)).astype(int)
    assert straight.shape == (20, 32)
    assert straight.std() > 25
    assert np.sqrt(((straight - other) ** 2).mean()) < 5
