"""Owns how an image is read for a network that wants another size than the project has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from alcore.config import ProjectSettings
from alcore.datasets.decoding import decode_pixels, to_pixels
from alcore.datasets.ingest import read_original
from alcore.datasets.pixels import PixelCache
from alcore.errors import UnreadableImage
from alcore.records import Item


def image_reader(
    folder: Path, settings: ProjectSettings, spec: Mapping[str, Any], resolution: int
) -> Callable[[Item], np.ndarray]:
    """Return what reads an image as (resolution, resolution, 3) uint8.

    One whose original is gone is taken from the project's pixels.
    """
    pixels, scale = PixelCache.of(folder, settings).array(), settings.pixel_range.scale

    def read(row: Item) -> np.ndarray:
        if settings.resolution == resolution and row.position < len(pixels):
            return pixels[row.position]
        try:
            return decode_pixels(read_original(folder, row, spec), resolution, scale).pixels
        except UnreadableImage:
            if row.position >= len(pixels):  # they are being fitted to another resolution
                raise
            return to_pixels(Image.fromarray(pixels[row.position]), resolution)

    return read
