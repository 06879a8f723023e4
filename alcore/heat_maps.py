"""Owns what a heat map is outside of torch: its methods' names, its bytes, what it says in words.

s places a side. A map (s, s) is positive where a place speaks for the class that was asked about.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "fine Grad-CAM": "Where the layer halfway sees what decides. Quick, and fairly fine.",
        "Grad-CAM": "Where the last convolutions see what decides. Quick and coarse.",
        "integrated gradients": "How far each pixel moves the answer, on the way from a plain "
        "image to this one.",
        "occlusion": "How far the answer falls when a square is covered. For every model.",
    }
)
"""Each method with a sentence for people."""
PLACES = 32
"""s, of images that are not smaller."""
_LEVELS = 127
_ROWS = ("top", "middle", "bottom")
_COLUMNS = ("left", "centre", "right")


@dataclass(frozen=True)
class Reading:
    """What a map says, in numbers that words are made of."""

    strongest: str
    """The ninth of the image with most of what speaks for the class: "top left"."""
    share: float
    """Of all that speaks for the class, what lies in that ninth."""
    area: float
    """The smallest share of the image that holds half of what speaks for the class."""
    against: float
    """What speaks against the class, as a share of all that speaks for or against it."""


def read(values: np.ndarray) -> Reading | None:
    """Read a map (s, s); None where nothing in it speaks for the class.

    >>> reading = read(np.pad([[1.0]], ((0, 8), (0, 8))))
    >>> reading.strongest, reading.share, reading.against
    ('top left', 1.0, 0.0)
    """
    positive = np.maximum(values, 0).astype(np.float64)
    total = positive.sum()
    if not total > 0:
        return None
    side = len(values)
    third = np.eye(3)[np.arange(side) * 3 // side]
    ninths = third.T @ positive @ third
    down, along = np.unravel_index(ninths.argmax(), ninths.shape)
    half = np.searchsorted(np.sort(positive, axis=None)[::-1].cumsum(), total / 2) + 1
    name = "centre" if (down, along) == (1, 1) else f"{_ROWS[down]} {_COLUMNS[along]}"
    return Reading(
        name,
        float(ninths.max() / total),
        float(half / positive.size),
        float(np.maximum(-values, 0).sum() / np.abs(values).sum()),
    )


def words(values: np.ndarray, wanted: str, against: str | None = None) -> str:
    """Say what a map (s, s) shows, for those who do not see it.

    >>> words(-np.eye(8), "cat")
    'Nothing in this image speaks for cat.'
    >>> words(np.zeros((8, 8)), "cat", "dog")
    'No single part of this image changes how far it is cat rather than dog.'
    """
    what = wanted if against is None else f"{wanted} rather than {against}"
    if not values.any():
        return f"No single part of this image changes how far it is {what}."
    reading = read(values)
    if reading is None:
        return f"Nothing in this image speaks for {what}."
    text = (
        f"Most of what speaks for {what} lies at the {reading.strongest}: that ninth of the image "
        f"holds {100 * reading.share:.0f} % of it, and half of it lies within "
        f"{max(1, round(100 * reading.area)):.0f} % of the image."
    )
    if reading.against >= 0.005:
        text += f" {100 * reading.against:.0f} % of all that counts speaks against it."
    return text


def pack(values: np.ndarray) -> str:
    """Write a map (s, s) as base64 of s·s signed bytes, row by row; the strongest is ±127.

    >>> unpack(pack(np.array([[1.0, -0.5], [0.0, 0.25]]))).tolist()
    [[127, -64], [0, 32]]
    """
    strongest = float(np.abs(values).max()) or 1.0
    return base64.b64encode(
        np.round(values / strongest * _LEVELS).astype(np.int8).tobytes()
    ).decode()


def unpack(text: str) -> np.ndarray:
    """Read what `pack` wrote: (s, s) int8."""
    flat = np.frombuffer(base64.b64decode(text), np.int8)
    side = int(len(flat) ** 0.5)
    return flat.reshape(side, side)


def share_inside(values: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of a map's (s, s) positive values inside a mask (s, s) of shares 0–1.

    nan where nothing is positive.
    """
    positive = np.maximum(values, 0)
    total = positive.sum()
    return float((positive * mask).sum() / total) if total > 0 else float("nan")


def hits(values: np.ndarray, mask: np.ndarray) -> bool:
    """Tell whether a map's (s, s) strongest place lies inside a mask (s, s) of shares 0–1.

    The pointing game (Zhang et al. 2016): inside is what the mask covers by half or more.
    """
    return bool(mask.flat[int(values.argmax())] >= 0.5)
