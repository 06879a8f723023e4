"""Owns values deeper than 8 bits: which of them are in use, and how they become 8 bits.

A scale is (black, white): the values that become 0 and 255; what lies outside is cut off. After
them may stand the numbers of the bands that are shown, one or three, counted from 1. One scale
serves a whole data set, so that a dark image stays darker than a bright one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

Scale = tuple[float, ...]

USUAL_BITS = (8, 10, 12, 14, 16)
"""Bits that cameras and scanners use of the 16 they write."""
_OUTLIERS = 0.001
"""Share of an image's values, at either end, that may lie outside its scale: hot pixels."""
_MOST_SAMPLES = 1_000_000
_BAND = 1_000_000
"""Values that are scaled at once."""


def natural_scale(values: np.ndarray) -> Scale:
    """Return the scale that suits the values of one image.

    Whole numbers from 0 on: the bits that are in use, of 8, 10, 12, 14, 16 or more. Floats
    from 0 to 1: just that. Anything else: from the smallest to the largest. Single outliers
    do not count.

    >>> natural_scale(np.array([200, 1500], np.uint16))
    (0.0, 4095.0)
    >>> natural_scale(np.array([-1000, 3000], np.int16))
    (-1000.0, 3000.0)
    """
    flat = values.reshape(-1)[:: max(1, values.size // _MOST_SAMPLES)]
    if flat.dtype.kind == "f":
        flat = flat[np.isfinite(flat)]
    if not flat.size:
        return 0.0, 1.0
    low = float(np.percentile(flat, 100 * _OUTLIERS, method="lower"))
    high = float(np.percentile(flat, 100 * (1 - _OUTLIERS), method="higher"))
    whole = flat.dtype.kind != "f" or bool((flat == np.rint(flat)).all())
    if low >= 0 and high <= 1 and flat.dtype.kind == "f":
        return 0.0, 1.0
    if low >= 0 and whole:
        bits = int(high).bit_length()
        return 0.0, float(2 ** next((b for b in USUAL_BITS if b >= bits), bits) - 1)
    if low >= 0 and 128 <= high <= 255:
        return 0.0, 255.0
    return low, high if high > low else low + 1


def bands_of(scale: Scale | None) -> tuple[int, ...]:
    """Return the numbers of the bands that are shown; none: the usual ones.

    >>> bands_of((0, 4095, 4, 3, 2)), bands_of((0, 4095)), bands_of(None)
    ((4, 3, 2), (), ())
    """
    return tuple(int(band) for band in scale[2:]) if scale else ()


def together(scales: Iterable[Scale]) -> Scale | None:
    """Return the scale that suits several images; None for none.

    >>> together([(0, 1023), (0, 4095)])
    (0, 4095)
    """
    known = list(scales)
    return (min(s[0] for s in known), max(s[1] for s in known)) if known else None


def to_8_bits(values: np.ndarray, scale: Scale, inverted: bool = False) -> np.ndarray:
    """Return values as uint8 of the same shape; what is no number becomes black.

    inverted: the smallest value is white, as in X-rays and faxes.
    """
    if values.dtype.kind != "f" and values.dtype.itemsize <= 2:
        # So few different values that each is computed once.
        width = values.dtype.itemsize
        every = np.arange(256**width, dtype=np.uint16).astype(f"u{width}")
        kind = np.dtype(f"{values.dtype.kind}{width}")
        native = values.astype(kind, copy=False).view(f"u{width}")
        return _spread(every.view(kind), scale, inverted)[native]
    out = np.empty(values.shape, np.uint8)
    rows = max(1, _BAND // max(1, values[:1].size))
    for top in range(0, len(values), rows):
        out[top : top + rows] = _spread(values[top : top + rows], scale, inverted)
    return out


def _spread(values: np.ndarray, scale: Scale, inverted: bool) -> np.ndarray:
    black, white = scale[:2]
    spread = (values.astype(np.float64) - black) * (255 / (white - black))
    spread = np.rint(np.clip(np.nan_to_num(spread, nan=0.0), 0, 255))
    return (255 - spread if inverted else spread).astype(np.uint8)
