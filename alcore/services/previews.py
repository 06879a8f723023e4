"""Owns the preview of augmentation: real images of a project, as a training might see them.

Images (N, H, W, 3) uint8. No torch: what is shown is computed with NumPy.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from alcore.datasets.encoding import png
from alcore.datasets.pixels import PixelCache
from alcore.learner.views import preview
from alcore.records import Project
from alcore.store import Store

SHOWN = 8
"""Images side by side."""
VARIANTS = 2
"""Rows of changed images below the one of originals."""
_GAP = 16
"""Parts of a side that lie between two tiles: a sixteenth."""


def samples(store: Store, project: Project) -> np.ndarray:
    """Return some images of a project at its resolution; none before they are in."""
    folder = store.folder(project.id)
    pixels = PixelCache.of(folder, project.settings).array()
    if not len(pixels):
        return pixels
    places = np.linspace(0, len(pixels) - 1, min(SHOWN, len(pixels))).astype(int)
    return np.array(pixels[np.unique(places)])


def samples_of(pictures: Sequence[bytes], resolution: int) -> np.ndarray:
    """Return pictures that a look at a source has found, at a resolution, as an import would."""
    size = (resolution, resolution)
    images = [
        np.asarray(Image.open(io.BytesIO(p)).convert("RGB").resize(size, Image.Resampling.BOX))
        for p in pictures[:SHOWN]
    ]
    return np.stack(images) if images else np.zeros((0, *size, 3), np.uint8)


def sheet(images: np.ndarray, augmentation: str) -> bytes:
    """Return a PNG with the images in its first row, and changed ones in the rows below.

    The gaps between them let the page show through.
    """
    rng = np.random.default_rng(0)
    rows = [images] + [preview(images, augmentation, rng) for _ in range(VARIANTS)]
    side = images.shape[1]
    step = side + max(1, side // _GAP)
    whole = np.zeros((len(rows) * step, len(images) * step, 4), np.uint8)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            tile = whole[i * step : i * step + side, j * step : j * step + side]
            tile[..., :3], tile[..., 3] = image, 255
    return png(whole[: side - step, : side - step])
