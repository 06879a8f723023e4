"""Image files as people and attackers have them, through the one door."""

from __future__ import annotations

import io
import struct
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

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

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


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(fmt, share):
    data = encoded(photo(64), fmt)
    assert reason(data[: int(len(data) * share)]).split(":")[0] in ("truncated", "damaged")


def test_a_truncated_jpeg_is_called_truncated():
    data = encoded(photo(64), "JPEG")
    assert reason(data[:-500]) == "truncated: the file ends before the image does"


def test_a_header_of_50000_by_50000_pixels_is_refused_with_its_size():
    assert reason(huge_png(50_000, 50_000)) == (
        "50,000×50,000 pixels, more than the 50 million allowed"
    )


def test_a_side_of_more_than_20000_pixels_is_refused():
    assert reason(huge_png(20_001, 2)) == "20,001×2 pixels, a side longer than the 20,000 allowed"


def test_a_file_of_more_than_30_mb_is_refused_before_it_is_decoded():
    assert reason(b"\xff\xd8\xff" + b"\0" * 30_000_000) == ("30.0 MB, more than the 30 MB allowed")


def test_a_gif_whose_frame_outgrows_its_screen_is_refused():
    data = bytearray(encoded(photo(8), "GIF"))
    at = data.index(struct.pack("<xxxxHH", 8, 8)) - 1
    data[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    assert "pixels" in reason(bytes(data))


def test_formats_outside_the_list_are_refused():
    assert "can be read" in reason(encoded(photo(), "PPM"))
    assert "can be read" in reason(encoded(photo(), "ICO"))


# -- what is read ------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
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


@pytest.mark.parametrize("fmt", ["PNG", "TIFF"])
def test_16_bits_are_scaled_to_8_over_their_whole_range(fmt):
    values = np.array([[0, 257 * 100, 65_535]], np.uint16)
    assert np.asarray(decode(encoded(Image.fromarray(values), fmt))).tolist() == [[0, 100, 255]]


def test_floats_from_0_to_1_are_scaled_to_8_bits():
    values = np.array([[0, 0.5, 1, np.nan]], np.float32)
    assert np.asarray(decode(encoded(Image.fromarray(values), "TIFF"))).tolist() == [
        [0, 128, 255, 0]
    ]


def test_a_constant_float_image_is_read():
    values = np.full((3, 3), -7, np.float32)
    assert decode(encoded(Image.fromarray(values), "TIFF")).size == (3, 3)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF"])
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


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "TIFF-LZW"])
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
