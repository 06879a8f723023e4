"""Owns what a camera wrote into an image: when it was taken, and by which camera.

No pixel is decoded. What cannot be read is not known; the image itself may be good.
"""

from __future__ import annotations

import io
import warnings

from PIL import ExifTags, Image

from alcore import names
from alcore.datasets.containers import plain_jpeg, plain_png, plain_webp
from alcore.datasets.decoding import DECODER_ERRORS

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
_LONGEST = 100
"""Characters of a camera's name."""


def read(data: bytes) -> dict[str, str]:
    """Return `date taken` as EXIF writes it and `camera`, as far as they are known."""
    data = _plain(data)
    if data.startswith(b"\x89PNG") and b"eXIf" not in data and b"Raw profile" not in data:
        return {}  # Pillow would decode the pixels, to look behind them
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                exif = image.getexif()
                main, photo = dict(exif), dict(exif.get_ifd(ExifTags.IFD.Exif))
    except DECODER_ERRORS:
        return {}
    taken = _text(photo.get(ExifTags.Base.DateTimeOriginal) or main.get(ExifTags.Base.DateTime))
    maker, model = _text(main.get(ExifTags.Base.Make)), _text(main.get(ExifTags.Base.Model))
    camera = model if model.casefold().startswith(maker.casefold()) else f"{maker} {model}".strip()
    return {name: v for name, v in (("date taken", taken), ("camera", camera or maker)) if v}


def _plain(data: bytes) -> bytes:
    """Leave other metadata away, which may be huge or damaged."""
    if data.startswith(b"\xff\xd8"):
        return plain_jpeg(data)
    if data.startswith(b"\x89PNG"):
        return plain_png(data)
    return plain_webp(data) if data[8:12] == b"WEBP" else data


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return names.shown(value.partition("\0")[0])[:_LONGEST] if isinstance(value, str) else ""
