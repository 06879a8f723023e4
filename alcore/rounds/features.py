"""Owns what estimators learn from: features (n, D) float32 of images, by their rows (n,)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alcore.rounds.values import Images

Features = Callable[[np.ndarray], np.ndarray]
"""Gives the features (n, D) float32 of rows (n,)."""
_SIDE = 32
"""Larger images are averaged to this many pixels a side: no estimator learns from more."""


def of_pixels(images: Images) -> Features:
    """Return the features that are the pixels themselves, 0–1."""
    step = max(1, images.pixels.shape[1] // _SIDE)

    def features(rows: np.ndarray) -> np.ndarray:
        values = np.asarray(images.pixels[rows][..., : images.channels], np.float32)
        n, high, wide, channels = values.shape
        if step > 1:
            blocks = values.reshape(n, high // step, step, wide // step, step, channels)
            values = blocks.mean(axis=(2, 4))
        return values.reshape(n, -1) / 255

    return features
