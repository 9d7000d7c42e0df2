"""Bars: limits for the measures of a drawn face."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """Limits of one measure."""

    name: str
    low: float
    high: float
    meaning: str

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def limits(self) -> str:
        if self.low == -INF:
            return f"≤ {self.high:g}"
        return f"≥ {self.low:g}" if self.high == INF else f"{self.low:g}–{self.high:g}"


INF = float("inf")

BARS = (
    Bar("aperture_r", 0.95, INF, "opening over a sentence: asked against found again, r"),
    Bar("aperture_error", 0.0, 0.03, "the same, mean error, IOD"),
    Bar("width_r", 0.85, INF, "mouth width over a sentence, r"),
    Bar("closure_mm", 0.0, 0.01, "opening found again on m, IOD"),
    Bar("closure_sil", 0.0, 0.01, "opening found again at rest, IOD"),
    Bar("seam_mm", 0.0, 1.25, "brightest point where shut lips meet, over the lips' median"),
    Bar("seam_sil", 0.0, 1.25, "the same at rest"),
    Bar("interior_light", 0.50, 0.75, "inside of the mouth over the cheek, mean over a sentence"),
    Bar("interior_dark_share", 0.0, 0.30, "share of it darker than .3 of the cheek"),
    Bar("looks_light_low", 0.45, INF, "darkest mouth shape"),
    Bar("looks_light_high", 0.0, 0.85, "brightest mouth shape"),
    Bar("looks_dark_share", 0.0, 0.35, "largest dark share of a mouth shape"),
    Bar("tooth_tone", 0.0, 10.0, "colour of the teeth against the person's own or the image's white point, CIE76"),
    Bar("teeth_slide", 0.0, 0.01, "way of the upper teeth's edge while the mouth opens, IOD"),
    Bar("flips_chin", 0.0, 0.0, "triangles turned over at lower lip and chin"),
    Bar("flips", 0.0, 0.0, "triangles turned over anywhere"),
    Bar("area_ratio_chin", 0.15, INF, "least share of its area a triangle there keeps"),
    Bar("identity_drift", 0.0, 0.10, "change above the nose base while lips move, levels"),
    Bar("eyes_drift", 0.0, 0.10, "the same within the face, from the lower lids up, levels"),
    Bar("background_change", 0.0, 0.02, "change of the background under head motion, levels"),
    Bar("border_change", 0.0, 0.5, "change of the picture's border where it is background, levels"),
    Bar("rim_change", 0.0, 1.0, "step at the rim of the part that is drawn, levels"),
    Bar("source_change", 0.0, 1.0, "softened change of the face where the picture's own mouth is asked, levels"),
    Bar("blink_opening", 0.0, 0.65, "eye opening found again at a full blink, over the open one"),
    Bar("blink_iris", 0.0, 0.05, "share of the iris still seen at a full blink"),
    Bar("glasses_edges", 0.0, 0.05, "change of the edges above the eye by a blink with glasses"),
    Bar("yaw_gain", 0.8, 1.2, "turn found again per asked turn"),
    Bar("pitch_gain", 0.3, 1.5, "the same for nodding"),
    Bar("sharpness", 0.70, 1.30, "Laplacian variance over the source's while the head moves"),
    Bar(
        "sharpness_sd",
        0.0,
        0.01,
        "flicker: spread about a smooth course over 12 consecutive frames",
    ),
    Bar("sharpness_low", 0.70, INF, "the same, worst of four shifts by parts of a pixel"),
    Bar("path_bend", 0.0, 0.02, "jitter: second difference of landmark paths against requested ones, IOD per frame²"),
    Bar("ring_chroma", 0.0, 3.0, "colour of a ring around the lips against the source, levels"),
    Bar("edge_ratio", 0.0, 1.15, "edges in the lower face over the source's"),
    Bar("grey_spread", 0.0, 2.0, "largest colour in a frame of a grey picture, levels"),
)
