"""Owns the one door for image bytes: hostile bytes in, clean pixels or one error out.

Sizes in pixels, limits in bytes; images are PIL images in mode "L" or "RGB", arrays are
(H, W, 3) uint8. Every failure is UnreadableImage with a reason for people.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from alcore.errors import UnreadableImage

MOST_BYTES = 30_000_000
MOST_PIXELS = 50_000_000
LONGEST_SIDE = 20_000
FORMATS = "JPEG, PNG, WEBP, BMP, GIF or TIFF"

# The classes are called directly, not through Image.open: the size is then known, and refused
# in our words, before Pillow's own bomb check; and no other format can be reached.
_OPENERS: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"RIFF", WebPImagePlugin.WebPImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"GIF87a", GifImagePlugin.GifImageFile),
    (b"GIF89a", GifImagePlugin.GifImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"II+\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0+", TiffImagePlugin.TiffImageFile),
)

# What Pillow's decoders raise on damaged data (collected by mutating files).
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

_UPRIGHT = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Reduced:
    """An image at the project's resolution; width and height are those of the upright original."""

    pixels: np.ndarray
    width: int
    height: int
    grey: bool


def decode(data: bytes) -> Image.Image:
    """Read an image file into mode "L" or "RGB": upright, first frame, without metadata.

    Alpha is composited on white, 16 bits are scaled to 8. Raises UnreadableImage.
    """
    return _decode(data, None)[0]


def decode_pixels(data: bytes, resolution: int) -> Reduced:
    """Read an image file at a resolution; large JPEGs are decoded at a fraction of their size.

    Raises UnreadableImage.
    """
    image, width, height = _decode(data, 2 * resolution)
    pixels = to_pixels(image, resolution)
    return Reduced(pixels, width, height, image.mode == "L" or _is_grey(pixels))


def to_pixels(image: Image.Image, resolution: int) -> np.ndarray:
    """Squash a whole image to (resolution, resolution, 3) uint8.

    A side that shrinks is averaged (box), one that grows is interpolated (bilinear).
    """
    width, height = min(image.width, resolution), min(image.height, resolution)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BOX)
    if (width, height) != (resolution, resolution):
        image = image.resize((resolution, resolution), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels)


def _is_grey(pixels: np.ndarray) -> bool:
    # The first row alone tells of nearly every colour image.
    return all(bool((part == part[..., :1]).all()) for part in (pixels[0], pixels))


def display(data: bytes, largest: int = 1024) -> tuple[bytes, str]:
    """Encode an image file anew for a browser, no side longer than `largest`.

    Returns the bytes and their media type: PNG up to 256 pixels a side, else JPEG.
    Raises UnreadableImage.
    """
    image, _, _ = _decode(data, largest)
    if max(image.size) > largest:
        image.thumbnail((largest, largest), Image.Resampling.BOX, reducing_gap=None)
    out = io.BytesIO()
    if max(image.size) <= 256:
        image.save(out, "PNG")
        return out.getvalue(), "image/png"
    image.save(out, "JPEG", quality=90)
    return out.getvalue(), "image/jpeg"


LOSSLESS = 4_000_000
"""Pixels up to which an original is encoded without loss, in about a second."""


def encode(image: Image.Image) -> tuple[bytes, str]:
    """Encode all pixels of an image for a browser; return the bytes and their media type."""
    out = io.BytesIO()
    if image.width * image.height <= LOSSLESS:
        image.save(out, "PNG", compress_level=1)
        return out.getvalue(), "image/png"
    image.save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue(), "image/jpeg"


def _decode(data: bytes, at_least: int | None) -> tuple[Image.Image, int, int]:
    """Image, and the width and height it has without the JPEG reduction to `at_least` a side."""
    file = _open(data)
    _check_size(*file.size)
    width, height = file.size
    try:
        if at_least is not None and isinstance(file, JpegImagePlugin.JpegImageFile):
            file.draft(None, (at_least, at_least))
        reduced = file.size != (width, height)
        file.load()
        # Animations may grow while loading, and a TIFF turns itself upright.
        _check_size(*file.size)
        image = _plain(file)
        turn = _UPRIGHT.get(_orientation(file))
        if turn is not None:
            image = image.transpose(turn)
            if turn in (
                Image.Transpose.TRANSPOSE,
                Image.Transpose.TRANSVERSE,
                Image.Transpose.ROTATE_90,
                Image.Transpose.ROTATE_270,
            ):
                width, height = height, width
    except _DECODER_ERRORS as error:
        raise UnreadableImage(_reason(error)) from error
    image.info = {}
    return (image, width, height) if reduced else (image, *image.size)


def _open(data: bytes) -> ImageFile.ImageFile:
    if not data:
        raise UnreadableImage("the file is empty")
    if len(data) > MOST_BYTES:
        raise UnreadableImage(too_many_bytes(len(data)))
    opener = next((cls for magic, cls in _OPENERS if data.startswith(magic)), None)
    if opener is WebPImagePlugin.WebPImageFile and data[8:12] != b"WEBP":
        opener = None
    if opener is None:
        kind = "text, not an image" if _is_text(data[:512]) else "not an image"
        raise UnreadableImage(f"{kind}; {FORMATS} can be read")
    try:
        return opener(io.BytesIO(data))
    except _DECODER_ERRORS as error:
        raise UnreadableImage(_reason(error)) from error


def too_many_bytes(size: int) -> str:
    """Say that a file is larger than allowed."""
    return f"{size / 1e6:,.1f} MB, more than the {MOST_BYTES / 1e6:.0f} MB allowed"


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise UnreadableImage(f"the image has no pixels: its size is {width}×{height}")
    if width * height > MOST_PIXELS:
        raise UnreadableImage(
            f"{width:,}×{height:,} pixels, more than the {MOST_PIXELS // 10**6} million allowed"
        )
    if max(width, height) > LONGEST_SIDE:
        raise UnreadableImage(
            f"{width:,}×{height:,} pixels, a side longer than the {LONGEST_SIDE:,} allowed"
        )


def _plain(file: ImageFile.ImageFile) -> Image.Image:
    """Convert any mode to "L" or "RGB"."""
    if file.mode.startswith("I") or file.mode == "F":
        return Image.fromarray(_to_8_bits(np.asarray(file), file.mode), "L")
    grey = file.mode in ("1", "L", "LA", "La")
    if file.has_transparency_data:
        over = file.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(white, over).convert("L" if grey else "RGB")
    return file.convert("L" if grey else "RGB")


def _to_8_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Scale 16 bits by their full range; wider values from their smallest to their largest."""
    if mode.startswith("I;16"):
        return ((values.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)
    values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1 and mode == "F":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 65_535:
        low, high = 0.0, 65_535.0 if high > 255 else 255.0
    return np.rint((values - low) / max(high - low, 1e-300) * 255).astype(np.uint8)


def _orientation(file: ImageFile.ImageFile) -> int:
    """EXIF orientation 1–8; unreadable metadata counts as none, the pixels are still good."""
    try:
        value = file.getexif().get(_ORIENTATION, 1)
    except _DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) else 1


def _reason(error: BaseException) -> str:
    text = str(error).lower()
    if isinstance(error, MemoryError):
        return "decoding it takes more memory than allowed"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than the {MOST_PIXELS // 10**6} million pixels allowed"
    if isinstance(error, EOFError) or "truncated" in text or "end of file" in text:
        return "truncated: the file ends before the image does"
    return "damaged: its image data cannot be decoded"


def _is_text(head: bytes) -> bool:
    # The last character may be cut in two.
    text = head.decode("utf-8", errors="ignore")
    return len(text.encode()) >= len(head) - 3 and all(c.isprintable() or c.isspace() for c in text)
