"""Nearest pixels of a mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.media.clip import F32


def nearest_of(allowed: NDArray[np.bool_]) -> tuple[F32, NDArray[np.int64]]:
    """Return the distance of every pixel to the mask, pixels, and the flat index of its nearest pixel there.

    ``allowed``: (h, w) with at least one True; both results are (h, w).
    """
    distance, labels = cv2.distanceTransformWithLabels(
        (~allowed).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    index = np.zeros(int(labels.max()) + 1, np.int64)
    index[labels[allowed]] = np.flatnonzero(allowed)
    return np.asarray(distance, np.float32), index[labels]
