"""Owns how pixels become image files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def png(pixels: np.ndarray) -> bytes:
    """Encode (H, W) grey or (H, W, 3) RGB uint8 as PNG, the same bytes every time."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()
