"""Owns heat maps as pictures that lie over an image: orange speaks for a class, blue against."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from alcore.heat_maps import unpack

FOR, AGAINST = (213, 94, 0), (0, 114, 178)
_OPAQUE = 210
_SIDE = 256
"""Pixels a side: smooth between the places of the map."""


def overlay(packed: str) -> str:
    """Draw a packed map as a PNG in a data address, transparent where nothing speaks."""
    values = unpack(packed).astype(np.int16)
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[values >= 0, :3] = FOR
    pixels[values < 0, :3] = AGAINST
    pixels[..., 3] = np.abs(values) * _OPAQUE // 127
    picture = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return address(out.getvalue(), "image/png")


def address(data: bytes, mime: str) -> str:
    """Write bytes as a data address."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
