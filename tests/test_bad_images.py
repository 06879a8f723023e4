"""Image files as people and attackers have them, through the one door."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from alcore.datasets.decoding import decode, decode_pixels, display, to_pixels
from alcore.errors import UnreadableImage


def encoded(image: Image.Image, fmt: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


def photo(side: int = 24, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).convert(mode)


def huge_png(width: int, height: int) -> bytes:
    """A PNG of few bytes whose header promises many pixels."""

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def reason(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        decode(data)
    return str(caught.value)


# -- what is refused ---------------------------------------------------------------------------


def test_an_empty_file_is_refused_as_empty():
    assert reason(b"") == "the file is empty"


def test_a_text_named_like_an_image_is_refused_as_text():
    assert reason(b"these are my notes, not a picture\n").startswith("text, not an image")
    assert reason("Grüße".encode() * 100).startswith("text, not an image")


def test_bytes_that_are_no_image_are_refused():
    assert reason(bytes(range(256)) * 4).startswith("not an image")
    assert reason(b"RIFF\x10\0\0\0WAVEfmt ").startswith("not an image")


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(fmt, share):
    data = encoded(photo(64), fmt)
    assert reason(data[: int(len(data) * share)]).split(":")[0] in ("truncated", "damaged")


def test_a_truncated_jpeg_is_called_truncated():
    data = encoded(photo(64), "JPEG")
    assert reason(data[:-500]) == "truncated: the file ends before the image does"


def test_a_header_of_50000_by_50000_pixels_is_refused_with_its_size():
    assert reason(huge_png(50_000, 50_000)) == (
        "50,000×50,000 pixels, more than the 100 million allowed"
    )


def test_a_side_longer_than_a_jpeg_can_have_is_refused():
    assert reason(huge_png(65_536, 2)) == "65,536×2 pixels, a side longer than the 65,535 allowed"


def test_a_file_of_more_than_200_mb_is_refused_before_it_is_decoded():
    assert reason(b"\xff\xd8\xff" + b"\0" * 200_000_000) == (
        "200.0 MB, more than the 200 MB allowed"
    )


def huge_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose header promises more pixels than it has."""
    data = bytearray(encoded(photo(64), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def test_a_jpeg_may_have_more_pixels_since_it_is_decoded_at_a_fraction():
    assert reason(huge_jpeg(20_000, 16_000)).startswith("20,000×16,000 pixels, more than the 300")
    assert decode_pixels(huge_jpeg(16_320, 12_240), 8).width == 16_320


@pytest.mark.slow
def test_a_photograph_of_200_megapixels_is_read_in_little_memory():
    code = (
        "import io, resource\n"
        "from PIL import Image\n"
        "from alcore.datasets.decoding import decode_pixels\n"
        "out = io.BytesIO()\n"
        "Image.new('L', (16_320, 12_240), 90).save(out, 'JPEG', quality=50)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "reduced = decode_pixels(out.getvalue(), 32)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(reduced.width, reduced.height, reduced.pixels.max(), after - before < 50_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["16320", "12240", "90", "True"]


def test_a_gif_whose_frame_outgrows_its_screen_is_refused():
    data = bytearray(encoded(photo(8), "GIF"))
    at = data.index(struct.pack("<xxxxHH", 8, 8)) - 1
    data[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    assert "pixels" in reason(bytes(data))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a Canon raw photograph"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a film"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
        (b"\xff\x0a\0\0", "a JPEG XL image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\1\0\1\0", "a Windows icon"),
        (b"P5 8 8 255\n", "a PPM, PGM or PBM image"),
        (b'<?xml version="1.0"?><svg xmlns="x"/>', "an SVG drawing"),
        (b'\xef\xbb\xbf<svg xmlns="x"/>', "an SVG drawing"),
        (b"II*\0\x10\0\0\0CR\2\0", "a Canon raw photograph"),
        (b"PK\3\4\x14\0", "a zip archive"),
    ],
)
def test_a_kind_that_is_not_read_is_named_and_not_called_damaged(data: bytes, kind: str):
    assert reason(data) == f"{kind}, which is not read; save it as JPEG or PNG"


def test_what_a_download_left_in_place_of_an_image_is_named():
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    assert reason(pointer).startswith("a pointer of Git LFS: the image itself was not downloaded")
    assert reason(b"<!DOCTYPE html><title>404</title>").startswith("a web page, not an image")
    assert reason(b"\xff\xfe" + "notes".encode("utf-16-le")).startswith("text, not an image")


def test_a_jpeg_of_12_bits_is_not_read():
    data = bytearray(encoded(photo(64), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    assert reason(bytes(data)) == ("a JPEG of this kind, which is not read; save it as JPEG or PNG")


# -- what is read ------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_every_format_becomes_grey_or_rgb(fmt, mode):
    try:
        data = encoded(photo(mode=mode), fmt)
    except (OSError, ValueError):
        data = encoded(photo(mode="RGB"), fmt)  # the format has no such mode
    image = decode(data)
    assert image.mode in ("L", "RGB")
    assert image.size == (24, 24)
    assert image.info == {}


def test_grey_stays_grey():
    assert decode(encoded(photo(mode="L"))).mode == "L"
    assert decode_pixels(encoded(photo(mode="L").convert("RGB")), 8).grey
    assert not decode_pixels(encoded(photo()), 8).grey


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_become_white(mode):
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0)).convert(mode)
    assert np.asarray(decode(encoded(clear))).min() == 255
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128)).convert(mode)
    assert set(np.asarray(decode(encoded(half))).ravel().tolist()) <= {126, 127, 128}


def test_a_transparent_palette_colour_becomes_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    pixels = np.asarray(decode(encoded(image, transparency=0)))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 1].tolist() == [200, 100, 50]


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright_by_their_exif(fmt, orientation):
    upright = Image.new("RGB", (40, 24), "white")
    upright.paste((200, 0, 0), (0, 0, 20, 12))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    turned = upright
    if orientation > 1:
        turned = upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(turned, fmt, exif=exif)
    pixels = np.asarray(decode(data)).astype(int)
    assert pixels.shape == (24, 40, 3)
    assert pixels[4, 4, 1] < 60
    assert pixels[20, 36, 1] > 200
    assert pixels[4, 36, 1] > 200
    reduced = decode_pixels(data, 4)
    assert (reduced.width, reduced.height) == (40, 24)


def test_unreadable_exif_does_not_cost_the_image():
    data = encoded(photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode(data).size == (24, 24)


def chunk(kind: bytes, body: bytes, wrong: int = 0) -> bytes:
    checksum = zlib.crc32(kind + body) ^ wrong
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"n\0\0" + zlib.compress(b"ab c" * 600_000)),
        chunk(b"iTXt", b"n\0\1\0\0\0" + zlib.compress(b"ab c" * 600_000)),
        chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * 100_000_000)),
        chunk(b"iCCP", b"p\0\0not packed"),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\0" * 100_000_000)),
        chunk(b"tEXt", b"n\0x", wrong=1),
        chunk(b"eXIf", b"II*\0", wrong=1),
        chunk(b"pHYs", b"short"),
        chunk(b"gAMA", b""),
        chunk(b"acTL", b"\0"),
        chunk(b"xxXx", b"\0" * 2_000_000),
    ],
)
def test_large_or_damaged_metadata_does_not_cost_a_png(extra: bytes):
    data = encoded(photo())
    for place in (33, len(data) - 12):
        pixels = np.asarray(decode(data[:place] + extra + data[place:]))
        assert (pixels == np.asarray(photo())).all()


@pytest.mark.parametrize(
    "segment",
    [
        b"\xff\xe0\x00\x07JFIF\0",
        b"\xff\xee\x00\x07Adobe",
        b"\xff\xe2\x00\x0eICC_PROFILE\0",
        b"\xff\xed\x00\x14Photoshop 3.0\x008BIM",
        b"\xff\xfe\x00\x02",
        b"\xff\xe1\xff\xff" + b"Exif\0\0" + b"\xff" * 65_527,
    ],
)
def test_damaged_metadata_does_not_cost_a_jpeg(segment: bytes):
    data = encoded(photo(64), "JPEG", quality=95)
    assert (np.asarray(decode(data[:2] + segment + data[2:])) == np.asarray(decode(data))).all()


@pytest.mark.parametrize("cut", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_a_jpeg_without_its_end_marker_is_read(cut: int, options: dict):
    data = encoded(photo(200), "JPEG", quality=90, **options) + b"\0" * (cut == 3)
    whole = np.asarray(decode(data))
    assert (np.asarray(decode(data[:-cut])) == whole).all()
    assert (decode_pixels(data[:-cut], 8).pixels == decode_pixels(data, 8).pixels).all()


@pytest.mark.parametrize("cut", [10, 40, 200])
def test_a_jpeg_that_lacks_pixels_besides_its_end_marker_is_truncated(cut: int):
    data = encoded(photo(200), "JPEG", quality=90)
    assert reason(data[:-cut]) == "truncated: the file ends before the image does"


@pytest.mark.parametrize("cut", [1, 4, 12, 16])
def test_a_png_without_its_end_is_read(cut: int):
    data = encoded(photo(64))
    assert (np.asarray(decode(data[:-cut])) == np.asarray(photo(64))).all()


def bmp_with_alpha(alpha: int) -> bytes:
    """A 32-bit bitmap with a version 5 header, every pixel of this alpha."""
    pixels = np.dstack([np.asarray(photo(16))[..., ::-1], np.full((16, 16), alpha, np.uint8)])
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, 16, 16, 1, 32, 3, pixels.size, 2835, 2835, 0, 0)
    header = (header + masks + b"BGRs").ljust(124, b"\0")
    start = b"BM" + struct.pack("<IHHI", 138 + pixels.size, 0, 0, 138)
    return start + header + pixels[::-1].tobytes()


def test_an_alpha_channel_that_was_never_filled_does_not_hide_the_picture():
    truth = np.asarray(photo(16))
    assert (np.asarray(decode(bmp_with_alpha(0))) == truth).all()
    assert (np.asarray(decode(bmp_with_alpha(255))) == truth).all()
    hidden = Image.fromarray(np.dstack([truth, np.zeros((16, 16), np.uint8)]))
    for fmt in ("PNG", "TIFF"):
        assert (np.asarray(decode(encoded(hidden, fmt))) == truth).all()


def test_a_palette_of_transparent_colours_alone_does_not_hide_the_picture():
    image = photo(16).quantize(16)
    data = encoded(image, "PNG", transparency=bytes(16))
    assert (np.asarray(decode(data)) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("length", [5, 10**8])
def test_damaged_metadata_does_not_cost_a_webp(length: int):
    exif = Image.Exif()
    exif[0x010E] = "x" * 50
    for more in ({}, {"icc_profile": b"x" * 100, "xmp": b"<x/>"}):
        data = encoded(photo(), "WEBP", exif=exif, lossless=True, **more)
        at = data.index(b"EXIF") + 4
        damaged = data[:at] + struct.pack("<I", length) + data[at + 4 :]
        assert (np.asarray(decode(damaged)) == np.asarray(photo())).all()


def test_a_tiff_in_lab_colours_becomes_rgb():
    pixels = np.asarray(decode(encoded(Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF")))
    assert pixels.shape == (4, 4, 3)
    assert pixels.min() > 250


def test_a_large_image_is_converted_in_bands_as_a_small_one_is():
    rng = np.random.default_rng(1)
    values = rng.integers(0, 256, (2500, 2000, 4), np.uint8)
    whole = decode(encoded(Image.fromarray(values), "PNG", compress_level=1))
    part = decode(encoded(Image.fromarray(values[1990:2010]), "PNG"))
    assert (np.asarray(whole)[1990:2010] == np.asarray(part)).all()


def test_the_first_frame_of_an_animation_is_read():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for fmt in ("GIF", "WEBP"):
        data = encoded(frames[0], fmt, save_all=True, append_images=frames[1:])
        assert np.asarray(decode(data))[4, 4, 0] > 240


# -- pixels and display ------------------------------------------------------------------------


def test_an_image_of_the_right_size_is_taken_as_it_is():
    image = photo(32)
    assert (to_pixels(image, 32) == np.asarray(image)).all()


def test_shrinking_averages():
    board = np.indices((64, 64)).sum(0) % 2 * 255
    pixels = to_pixels(Image.fromarray(board.astype(np.uint8)), 8)
    assert pixels.shape == (8, 8, 3)
    assert set(pixels.ravel().tolist()) <= {127, 128}


def test_a_side_may_shrink_while_the_other_grows():
    stripes = np.zeros((2, 640), np.uint8)
    stripes[:, ::2] = 200
    assert set(to_pixels(Image.fromarray(stripes), 32).ravel().tolist()) == {100}


def test_large_jpegs_keep_their_size_and_look_when_read_at_a_resolution():
    yy, xx = np.mgrid[0:900, 0:1200]
    image = Image.fromarray(np.stack([xx // 5, yy // 4, xx // 10], -1).astype(np.uint8))
    data = encoded(image, "JPEG", quality=95)
    reduced = decode_pixels(data, 32)
    assert (reduced.width, reduced.height) == (1200, 900)
    assert np.abs(reduced.pixels.astype(int) - to_pixels(image, 32)).max() <= 4


def test_small_images_are_shown_as_png_without_loss():
    data, mime = display(encoded(photo(256)))
    assert mime == "image/png"
    assert (np.asarray(Image.open(io.BytesIO(data))) == np.asarray(photo(256))).all()


def test_large_images_are_shown_as_jpeg_of_limited_size():
    data, mime = display(encoded(photo(300).resize((3000, 1500)), "JPEG"), largest=500)
    assert mime == "image/jpeg"
    assert Image.open(io.BytesIO(data)).size == (500, 250)


def test_what_is_shown_carries_no_metadata():
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data, _ = display(encoded(photo(64), "JPEG", exif=exif, comment=b"secret place"))
    assert b"secret" not in data


# -- mutations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "TIFF-LZW"])
@pytest.mark.filterwarnings("ignore")
def test_mutated_images_are_read_or_refused_but_raise_nothing_else(fmt):
    rng = np.random.default_rng(len(fmt))
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if fmt in ("BMP", "GIF") else {"exif": exif}
    if fmt == "TIFF-LZW":
        options["compression"] = "tiff_lzw"
    original = np.frombuffer(encoded(photo(20), fmt.split("-")[0], **options), np.uint8)
    read = 0
    for _ in range(600):
        data = original.copy()
        reach = len(data) if rng.random() < 0.5 else min(len(data), 120)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(reach)] = rng.choice([0, 1, 255, rng.integers(256)])
        cut = data[: rng.integers(len(data))] if rng.random() < 0.1 else data
        try:
            reduced = decode_pixels(cut.tobytes(), 8)
        except UnreadableImage as error:
            assert str(error)
        else:
            read += 1
            assert reduced.pixels.shape == (8, 8, 3)
    assert read > 0
