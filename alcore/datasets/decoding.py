"""Owns the one door for image bytes: hostile bytes in, clean pixels or one error out.

Sizes in pixels, limits in bytes; images are PIL images in mode "L" or "RGB", arrays are
(H, W, 3) uint8. Every failure is UnreadableImage with a reason for people.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from alcore.datasets import bands, containers, dicom
from alcore.datasets.depth import Scale, bands_of, natural_scale, to_8_bits
from alcore.datasets.extras import library
from alcore.datasets.kinds import Kind, kind_of, not_read
from alcore.errors import UnreadableImage

MOST_BYTES = 200_000_000
MOST_PIXELS = 100_000_000
MOST_JPEG_PIXELS = 300_000_000
"""A JPEG can be decoded at a fraction of its size, so that more of them fit into memory."""
LONGEST_SIDE = 65_535
_BAND = 4_000_000
"""Pixels that are converted at once."""

# The classes are called directly, not through Image.open: the size is then known, and refused
# in our words, before Pillow's own bomb check; and no other format can be reached.
_OPENERS: MappingProxyType[Kind, type[ImageFile.ImageFile]] = MappingProxyType(
    {
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
        "AVIF": AvifImagePlugin.AvifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
    }
)

# What Pillow's decoders raise on damaged data (collected by mutating files).
DECODER_ERRORS = (
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
# How Pillow says that a file is sound but of a kind that it does not know.
_NOT_SUPPORTED = (
    "unsupported",
    "not supported",
    "support not installed",
    "cannot handle",
    "unknown ",
    "not yet supported",
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
_TURNED = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
)
_ORIENTATION = 0x0112
# libtiff gives values in this machine's order, which Pillow forgets for some kinds.
_NATIVE = MappingProxyType({"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"})
# The lower halves of 16-bit colours are read by naming the other byte order.
_OTHER_HALF = MappingProxyType({"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"})


@dataclass(frozen=True)
class Reduced:
    """An image at the project's resolution; width and height are those of the upright original."""

    pixels: np.ndarray
    width: int
    height: int
    grey: bool
    scale: Scale | None = None
    """What suits its values where they are deeper than 8 bits."""


def decode(data: bytes, scale: Scale | None = None) -> Image.Image:
    """Read an image file into mode "L" or "RGB": upright, first frame, without metadata.

    Alpha is composited on white. Values deeper than 8 bits become 8 by the scale, without one
    by the bits that this image uses. Raises UnreadableImage.
    """
    return _decode(data, None, scale).image


def decode_pixels(data: bytes, resolution: int, scale: Scale | None = None) -> Reduced:
    """Read an image file at a resolution; large JPEGs are decoded at a fraction of their size.

    Raises UnreadableImage.
    """
    picture = _decode(data, 2 * resolution, scale)
    pixels = to_pixels(picture.image, resolution)
    grey = picture.image.mode == "L" or _is_grey(pixels)
    return Reduced(pixels, picture.width, picture.height, grey, picture.scale)


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


def display(data: bytes, largest: int = 1024, scale: Scale | None = None) -> tuple[bytes, str]:
    """Encode an image file anew for a browser, no side longer than `largest`.

    Returns the bytes and their media type: PNG up to 256 pixels a side, else JPEG.
    Raises UnreadableImage.
    """
    image = _decode(data, largest, scale).image
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


def exact(data: bytes, scale: Scale | None = None) -> tuple[bytes, str]:
    """Encode all pixels of an image file for a browser; return the bytes and their media type.

    Raises UnreadableImage.
    """
    image = _decode(data, None, scale).image
    out = io.BytesIO()
    if image.width * image.height <= LOSSLESS:
        image.save(out, "PNG", compress_level=1)
        return out.getvalue(), "image/png"
    image.save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue(), "image/jpeg"


def is_deep(data: bytes) -> bool:
    """Tell, by its header alone, whether a file may hold values deeper than 8 bits."""
    try:
        kind = kind_of(data)
    except UnreadableImage:
        return False
    if kind == "PNG":
        return containers.png_bits(data) > 8
    about = containers.tiff(data) if kind == "TIFF" else None
    return kind == "DICOM" or (about is not None and about.is_deep)


def too_many_bytes(size: int) -> str:
    """Say that a file is larger than allowed."""
    return f"{size / 1e6:,.1f} MB, more than the {MOST_BYTES / 1e6:.0f} MB allowed"


# -- decoding ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Picture:
    image: Image.Image
    width: int
    """Of the upright original, whatever fraction of it was decoded."""
    height: int
    scale: Scale | None


def _decode(data: bytes, at_least: int | None, scale: Scale | None) -> _Picture:
    """Decode a file; a JPEG at a fraction of its size that has `at_least` pixels a side."""
    if len(data) > MOST_BYTES:
        raise UnreadableImage(too_many_bytes(len(data)))
    kind = kind_of(data)
    try:
        if kind == "JPEG":
            return _jpeg(containers.plain_jpeg(data), at_least)
        if kind == "PNG":
            return _png(containers.plain_png(data), scale)
        if kind == "TIFF":
            return _tiff(data, scale)
        if kind == "DICOM":
            return _dicom(data, scale)
        if kind == "WEBP":
            data = containers.plain_webp(data)
        return _finished(_loaded(_opened(kind, data)))
    except DECODER_ERRORS as error:
        raise UnreadableImage(_reason(kind, error)) from error


def _opened(kind: Kind, data: bytes) -> ImageFile.ImageFile:
    opener: type[ImageFile.ImageFile] = (
        library("pi_heif", "heif", "a HEIC image").HeifImageFile
        if kind == "HEIC"
        else _OPENERS[kind]
    )
    file = opener(io.BytesIO(data))
    _check_size(*file.size, MOST_JPEG_PIXELS if kind == "JPEG" else MOST_PIXELS)
    return file


def _loaded(file: ImageFile.ImageFile) -> ImageFile.ImageFile:
    file.load()
    # Animations may grow while loading, and a TIFF turns itself upright.
    _check_size(*file.size, MOST_JPEG_PIXELS if file.format == "JPEG" else MOST_PIXELS)
    return file


def _finished(
    file: ImageFile.ImageFile | None,
    image: Image.Image | None = None,
    size: tuple[int, int] | None = None,
    scale: Scale | None = None,
) -> _Picture:
    """Turn what was loaded upright, and take everything but pixels away.

    file: None for pixels that are upright; image: its pixels, where they are not just the file's;
    size: of the original, not turned.
    """
    if image is None:
        assert file is not None
        image = _plain(file)
    width, height = size or image.size
    turn = None if file is None else _UPRIGHT.get(_orientation(file))
    if turn is not None:
        image = image.transpose(turn)
        if turn in _TURNED:
            width, height = height, width
    image.info = {}
    return _Picture(image, width, height, scale)


def _jpeg(data: bytes, at_least: int | None) -> _Picture:
    def read(ended: bytes) -> _Picture:
        file = _opened("JPEG", ended)
        size = file.size
        if at_least is not None:
            file.draft(None, (at_least, at_least))
        return _finished(_loaded(file), size=size)

    try:
        return read(data)
    except OSError as error:
        if "truncated" not in str(error):
            raise
        one, other = map(read, containers.jpeg_endings(data))
        if one.image.tobytes() != other.image.tobytes():
            raise
        return one


def _png(data: bytes, scale: Scale | None) -> _Picture:
    file = _opened("PNG", data)
    if containers.png_bits(data) <= 8:
        return _finished(_loaded(file))
    if file.mode == "I;16":
        values = np.asarray(_loaded(file))
        clear = file.info.get("transparency")
        alpha = None if clear is None else (values != clear).astype(np.uint8) * 255
        return _deep(file, values, scale, alpha)
    if file.tile[0].args == "LA;16B":
        file.tile = [tile._replace(args="RGBA") for tile in file.tile]
        halves = np.asarray(_loaded(file))
        return _deep(file, _joined(halves[..., 0], halves[..., 1]), scale, halves[..., 2])
    return _deep_colours(file, data, "PNG", scale)


def _tiff(data: bytes, scale: Scale | None) -> _Picture:
    about = containers.tiff(data)
    if about is None:
        raise SyntaxError("its directory cannot be read")
    kind = f"{about.samples} × {max(about.bits)} bits" if about.samples > 1 else ""
    what = f"a TIFF of this kind ({kind or f'{max(about.bits)} bits'})"
    if about.is_raw:
        raise UnreadableImage(not_read("a raw photograph"))
    if _is_scientific(about, scale):
        values = bands.read(data, what)
        _check_size(values.shape[1], values.shape[0], MOST_PIXELS)
        chosen = bands.shown(values, bands_of(scale))
        return _deep(None, chosen, scale, natural=natural_scale(values))
    if not about.is_deep:
        return _finished(_loaded(_opened_tiff(data, what)))
    if about.samples > 1:
        return _deep_colours(_opened_tiff(data, what), data, "TIFF", scale)
    # Pillow knows few kinds of deep grey; the others are given to it as the nearest of these.
    signed, bits = about.sample_format == 2, max(about.bits)
    nearest = {containers.PHOTOMETRIC: 1}
    if about.sample_format != 3:
        nearest[containers.SAMPLE_FORMAT] = 2 if bits == 32 else 1
    file = _opened_tiff(containers.with_tags(data, about, nearest), what)
    if file.tile and file.tile[0].codec_name == "libtiff":
        args = file.tile[0].args
        if isinstance(args, tuple):
            raw, *rest = args
            file.tile = [file.tile[0]._replace(args=(_NATIVE.get(raw, raw), *rest))]
    values = np.asarray(_loaded(file))
    if values.dtype.kind != "f":
        width = values.dtype.itemsize
        values = values.astype(f"u{width}" if width < 4 else "i4")
        values = values.view(f"{'i' if signed else 'u'}{width}")
    return _deep(file, values, scale, inverted=about.white_is_zero)


def _is_scientific(about: containers.Tiff, scale: Scale | None) -> bool:
    """Tell whether Pillow cannot read a TIFF, or not the bands of it that are wanted."""
    bits = max(about.bits)
    if about.samples == 1:
        return bits > 32 or (about.sample_format == 3 and bits != 32)
    unusual = about.sample_format != 1 or bits > 16 or (about.planar and bits > 8)
    chosen = bool(bands_of(scale)) and about.photometric in (0, 1, 2)
    return unusual or about.has_bands or chosen


def _dicom(data: bytes, scale: Scale | None) -> _Picture:
    frame = dicom.read(data, lambda width, height: _check_size(width, height, MOST_PIXELS))
    if not frame.is_deep:
        values = 255 - frame.values if frame.inverted else frame.values
        return _finished(None, Image.fromarray(np.ascontiguousarray(values)))
    return _deep(None, frame.values, scale, inverted=frame.inverted, natural=frame.window)


def _opened_tiff(data: bytes, what: str) -> ImageFile.ImageFile:
    try:
        return _opened("TIFF", data)
    except KeyError as error:  # Pillow looks the compression up in a table
        raise UnreadableImage(not_read(what)) from error
    except SyntaxError as error:
        if any(word in str(error) for word in _NOT_SUPPORTED):
            raise UnreadableImage(not_read(what)) from error
        raise


def _deep(
    file: ImageFile.ImageFile | None,
    values: np.ndarray,
    scale: Scale | None,
    alpha: np.ndarray | None = None,
    inverted: bool = False,
    natural: Scale | None = None,
) -> _Picture:
    """Finish (H, W) or (H, W, 3) values deeper than 8 bits; alpha (H, W) uint8.

    natural: the scale that suits the image, where it is not that of just these values.
    """
    natural = natural or natural_scale(values)
    image = Image.fromarray(to_8_bits(values, scale or natural, inverted))
    if alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    return _finished(file, _plain(image), scale=natural)


def _deep_colours(
    file: ImageFile.ImageFile, data: bytes, kind: Kind, scale: Scale | None
) -> _Picture:
    """Read 16-bit colours in two halves: Pillow keeps but the upper 8 bits of each."""
    upper = _loaded(file)
    if upper.mode not in ("RGB", "RGBA"):  # inks, whose upper 8 bits are enough
        return _finished(upper)
    other = _opened(kind, data)

    def swapped(args: tuple[Any, ...] | str | None) -> tuple[Any, ...] | str:
        if isinstance(args, tuple):
            return (swapped(args[0]), *args[1:])
        raw = str(args)
        if raw[-4:-1] != ";16":
            raise UnreadableImage(not_read(f"a {kind} of this kind ({raw})"))
        return raw[:-1] + _OTHER_HALF[raw[-1]]

    other.tile = [tile._replace(args=swapped(tile.args)) for tile in other.tile]
    high, low = np.asarray(upper), np.asarray(_loaded(other))
    values = _joined(high[..., :3], low[..., :3])
    alpha = high[..., 3] if upper.mode == "RGBA" else None
    clear = file.info.get("transparency")
    if alpha is None and isinstance(clear, tuple):
        alpha = (values != np.array(clear, np.uint16)).any(2).astype(np.uint8) * 255
    return _deep(file, values, scale, alpha)


def _joined(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    values = high.astype(np.uint16)
    values <<= 8
    values |= low
    return values


# -- modes -------------------------------------------------------------------------------------


def _plain(image: Image.Image) -> Image.Image:
    """Convert any mode to "L" or "RGB", band by band, so that little is in memory at once."""
    if image.mode == "La":
        image = image.convert("LA")
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.mode == mode and not image.has_transparency_data:
        return image
    convert = _converter(image, mode)
    if image.width * image.height <= _BAND:
        return convert(image)
    out = Image.new(mode, image.size)
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        out.paste(convert(image.crop(box)), box)
    return out


def _converter(image: Image.Image, mode: str) -> Callable[[Image.Image], Image.Image]:
    if image.mode == "LAB":
        lab, colours = (ImageCms.createProfile(name) for name in ("LAB", "sRGB"))
        change = ImageCms.buildTransform(lab, colours, "LAB", mode)
        return change.apply
    if not image.has_transparency_data:
        return lambda part: part.convert(mode)
    if _is_opaque_in_truth(image):
        return lambda part: part.convert("RGBA").convert("RGB").convert(mode)

    def on_white(part: Image.Image) -> Image.Image:
        over = part.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(white, over).convert(mode)

    return on_white


def _is_opaque_in_truth(image: Image.Image) -> bool:
    """Tell whether an alpha channel was never filled: all 0 over a picture."""
    if image.mode == "P":
        image = image.convert("RGBA")
    if "A" not in image.getbands() or image.getchannel("A").getextrema() != (0, 0):
        return False
    colours = [image.getchannel(band).getextrema() for band in image.getbands() if band != "A"]
    return any(low != high for low, high in colours)


def _check_size(width: int, height: int, most: int) -> None:
    if width < 1 or height < 1:
        raise UnreadableImage(f"the image has no pixels: its size is {width}×{height}")
    if width * height > most:
        raise UnreadableImage(
            f"{width:,}×{height:,} pixels, more than the {most // 10**6} million allowed"
        )
    if max(width, height) > LONGEST_SIDE:
        raise UnreadableImage(
            f"{width:,}×{height:,} pixels, a side longer than the {LONGEST_SIDE:,} allowed"
        )


def _orientation(file: ImageFile.ImageFile) -> int:
    """EXIF orientation 1–8; unreadable metadata counts as none, the pixels are still good."""
    try:
        value = file.getexif().get(_ORIENTATION, 1)
    except DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) else 1


def _reason(kind: Kind, error: BaseException) -> str:
    text = str(error).lower()
    if isinstance(error, MemoryError):
        return "decoding it takes more memory than allowed"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than the {MOST_PIXELS // 10**6} million pixels allowed"
    if isinstance(error, EOFError) or "truncated" in text or "end of file" in text:
        return "truncated: the file ends before the image does"
    if any(word in text for word in _NOT_SUPPORTED):
        return not_read(f"a {kind} of this kind")
    return "damaged: its image data cannot be decoded"
