"""Owns TIFF files beyond colours: many bands, floats in colour, and numbers of 64 bits.

Values are (H, W) or (H, W, B); bands count from 1.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from alcore.datasets.extras import library
from alcore.errors import UnreadableImage

MOST_BYTES = 600_000_000
"""Of all bands together, unpacked."""


def read(data: bytes, what: str) -> np.ndarray:
    """Read all bands of the first page; what the file calls empty is no number (NaN).

    what: what the file is, for messages. Raises UnreadableImage; damaged files raise what
    tifffile raises.
    """
    tifffile = library("tifffile", "scientific", what)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            if page.nbytes > MOST_BYTES:
                raise UnreadableImage(
                    f"{page.nbytes / 1e6:,.0f} MB in all bands, more than the "
                    f"{MOST_BYTES / 1e6:.0f} MB allowed"
                )
            values: np.ndarray = page.asarray(maxworkers=1)
            axes, empty, described = page.axes, page.nodata, 42113 in page.tags
    except tifffile.TiffFileError as error:
        raise UnreadableImage("damaged: its directory cannot be read") from error
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise UnreadableImage(
            f"{what}, packed in a way for which a library is missing; add it with: "
            "pip install imagecodecs"
        ) from error
    if values.dtype.kind not in "uif" or values.ndim not in (2, 3):
        raise UnreadableImage(f"{what}, whose values are no plain numbers")
    if axes == "SYX":
        values = np.moveaxis(values, 0, 2)
    if described and values.dtype.kind == "f":
        values = np.where(values == empty, np.nan, values)
    return values


def shown(values: np.ndarray, bands: Sequence[int]) -> np.ndarray:
    """Choose the bands that are shown: (H, W), or (H, W, 3) as red, green and blue.

    bands: one or three numbers; none: the first three, or the first where there are fewer.
    Raises UnreadableImage where the image lacks one of them.

    >>> shown(np.arange(5).reshape(1, 1, 5), (5, 1, 3)).tolist()
    [[[4, 0, 2]]]
    """
    if values.ndim == 2:
        return values
    count = values.shape[2]
    wanted = tuple(bands) or ((1, 2, 3) if count >= 3 else (1,))
    if max(wanted) > count:
        raise UnreadableImage(
            f"it has {count} bands, and band {max(wanted)} is to be shown; choose others in the "
            "project's settings"
        )
    chosen = values[..., [band - 1 for band in wanted]]
    return chosen[..., 0] if len(wanted) == 1 else chosen
