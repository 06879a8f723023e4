"""Owns DICOM files: their first frame as the values that they mean, and the window for them.

Values are those of the modality (Hounsfield units of a CT) where the file says how to come by them.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alcore.datasets.depth import Scale
from alcore.datasets.extras import library
from alcore.errors import UnreadableImage

WHAT = "a DICOM file"
_NO_DECODER = ("missing dependencies", "does not support", "not supported")
"""How pydicom says that no library that is here unpacks a file."""
CheckSize = Callable[[int, int], None]
"""Raises where a width and a height are too large."""
_GREY = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True)
class Frame:
    """Values (H, W) or colours (H, W, 3) uint8."""

    values: np.ndarray
    inverted: bool
    """The smallest value is white."""
    window: Scale | None
    """Which values its maker wants to be black and white."""
    is_deep: bool


def read(data: bytes, check_size: CheckSize) -> Frame:
    """Read the first frame of a file.

    check_size: is asked before a pixel is unpacked. Raises UnreadableImage; some damaged files
    raise what pydicom raises.
    """
    pydicom = library("pydicom", "scientific", WHAT)
    pixels = library("pydicom.pixels", "scientific", WHAT)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # it logs each flaw, with a traceback
    errors = (pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException)
    try:
        return _frame(pydicom.dcmread(io.BytesIO(data)), pixels, check_size)
    except errors as error:
        raise UnreadableImage("damaged: the file cannot be taken apart") from error


def _frame(header: Any, pixels: Any, check_size: CheckSize) -> Frame:
    if not {"Rows", "Columns", "PhotometricInterpretation"} <= set(header.dir()):
        kind = str(header.get("Modality", "")) or "its kind is not said"
        raise UnreadableImage(f"a DICOM file without an image ({kind[:16]})")
    check_size(int(header.Columns), int(header.Rows))
    try:
        values = pixels.pixel_array(header, index=0)
    except (RuntimeError, NotImplementedError) as error:
        if not any(words in str(error) for words in _NO_DECODER):
            raise
        syntax = header.file_meta.TransferSyntaxUID.name
        raise UnreadableImage(
            f"a DICOM file packed as {syntax[:60]}, for which a library is missing; add it with: "
            "pip install 'pylibjpeg[all]'"
        ) from error
    except (AttributeError, ValueError) as error:
        if "expected" in str(error):
            raise UnreadableImage("truncated: the file ends before the image does") from error
        raise
    kind = header.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        values = pixels.apply_color_lut(values, header)
        values = (values >> 8).astype(np.uint8) if values.dtype.itemsize > 1 else values
    if kind not in _GREY:
        return Frame(values, False, None, values.dtype != np.uint8)
    return _grey(header, pixels, values, kind == "MONOCHROME1")


def _grey(header: Any, pixels: Any, values: np.ndarray, inverted: bool) -> Frame:
    """Turn stored numbers into what they mean; what only pads the image is no number."""
    padding = header.get("PixelPaddingValue")
    empty = None if padding is None else values == padding
    meant = pixels.apply_modality_lut(values, header)
    if empty is not None and empty.any() and not empty.all():
        meant = np.where(empty, np.nan, meant)
    window = _window(header)
    plain = values.dtype == np.uint8 and meant is values and window is None
    return Frame(meant, inverted, window, not plain)


def _window(header: Any) -> Scale | None:
    """Return the first window that the file names, as the values at its ends."""
    centre, width = (_first(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or not width >= 1:
        return None
    if header.get("VOILUTFunction", "LINEAR") == "LINEAR":  # PS3.3 C.11.2.1.2.1
        centre, width = centre - 0.5, max(width - 1, 0.5)
    return centre - width / 2, centre + width / 2


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = float(value[0]) if hasattr(value, "__len__") and len(value) else float(value)
    return number if np.isfinite(number) else None
