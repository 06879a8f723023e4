"""Owns what augmentations do to images, by numbers, and a preview of it without torch.

Images (N, H, W, 3) uint8. `augmentation` does the same to tensors, in training.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance

REACH = 8
"""Shifts go up to one part in this many of the side."""
DEGREES = 15.0
"""Rotations go up to this far, both ways."""
CROP = 0.4
"""Smallest share of the area that a crop keeps."""
RATIO = 4 / 3
"""Crops are at most this much wider than high, or higher than wide."""
COLOUR = 0.3
"""Light, contrast and saturation change by at most this share."""
FLIPS = frozenset({"flip", "crop and colour"})
"""Augmentations whose models are asked about the mirrored image too."""


def preview(images: np.ndarray, augmentation: str, rng: np.random.Generator) -> np.ndarray:
    """Return images (N, H, W, 3) uint8 as a training might see them, each changed by chance."""
    return np.stack([_change(image, augmentation, rng) for image in images])


def _change(image: np.ndarray, augmentation: str, rng: np.random.Generator) -> np.ndarray:
    if augmentation in FLIPS and rng.random() < 0.5:
        image = image[:, ::-1]
    if augmentation in ("shift", "flip", "rotate"):
        image = _shifted(image, rng)
    if augmentation == "rotate":
        return _rotated(image, rng.uniform(-DEGREES, DEGREES))
    if augmentation == "crop and colour":
        return _coloured(_cropped(image, rng), rng)
    return image


def _shifted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = len(image)
    reach = side // REACH
    down, right = rng.integers(0, 2 * reach + 1, 2)
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    return padded[down : down + side, right : right + side]


def _rotated(image: np.ndarray, degrees: float) -> np.ndarray:
    # A mirrored frame, so that no black corners come in.
    side = len(image)
    frame = side // 2
    padded = np.pad(image, ((frame, frame), (frame, frame), (0, 0)), mode="reflect")
    turned = Image.fromarray(padded).rotate(degrees, Image.Resampling.BILINEAR)
    return np.asarray(turned)[frame : frame + side, frame : frame + side]


def _cropped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = len(image)
    area, ratio = rng.uniform(CROP, 1), np.exp(rng.uniform(-1, 1) * np.log(RATIO))
    height, width = (min(side, side * np.sqrt(v)) for v in (area / ratio, area * ratio))
    top, left = rng.uniform(0, side - height), rng.uniform(0, side - width)
    box = (left, top, left + width, top + height)
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, box=box))


def _coloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picture = Image.fromarray(image)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = change(picture).enhance(rng.uniform(1 - COLOUR, 1 + COLOUR))
    return np.asarray(picture)
