"""Images of more than 8 bits: every depth, sign and photometric kind keeps its order and scale."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from made import BY_HAND
from PIL import Image

from alcore.config import PixelRange, ProjectSettings, Workspace
from alcore.datasets.decoding import decode, decode_pixels, is_deep
from alcore.datasets.depth import natural_scale, to_8_bits
from alcore.datasets.pixels import PixelCache
from alcore.datasets.source_preview import preview_source
from alcore.datasets.sources import open_source
from alcore.errors import InvalidSettings, UnreadableImage
from alcore.experiments.data import DataSpec, load, prepare
from alcore.services import images, projects, setup
from alcore.store import Store, items


def png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits: grey (H, W), grey with alpha (H, W, 2), RGB or RGBA."""
    channels = values.shape[2] if values.ndim == 3 else 1
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def tiff(
    values: np.ndarray,
    order: str = "<",
    photometric: int = 1,
    packed: bool = False,
    planes: int = 1,
) -> bytes:
    """A TIFF of one strip with values of any kind, (H, W) or (H, W, channels)."""
    height, width, *more = values.shape
    channels = more[0] if more else 1
    pixels = values.astype(values.dtype.newbyteorder(order)).tobytes()
    pixels = zlib.compress(pixels) if packed else pixels
    bits, form = 8 * values.dtype.itemsize, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = [
        (256, [width]),
        (257, [height]),
        (258, [bits] * channels),
        (259, [8 if packed else 1]),
        (262, [photometric]),
        (273, [0]),
        (277, [channels]),
        (278, [height]),
        (279, [len(pixels)]),
        (284, [planes]),
        (339, [form] * channels),
    ]
    after = 8 + 2 + 12 * len(tags) + 4
    longer = b""
    directory = struct.pack(order + "H", len(tags))
    ends = after + sum(2 * len(v) for _, v in tags if len(v) > 2)
    for tag, v in tags:
        if tag == 273:
            v = [ends]
        if len(v) > 2:
            directory += struct.pack(order + "HHII", tag, 3, len(v), after + len(longer))
            longer += struct.pack(f"{order}{len(v)}H", *v)
        else:
            kind, letter = (4, "I") if len(v) == 1 else (3, "H")
            body = struct.pack(f"{order}{len(v)}{letter}", *v)
            directory += struct.pack(order + "HHI", tag, kind, len(v)) + body.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return start + directory + b"\0" * 4 + longer + pixels


def grey(data: bytes, scale: tuple[float, float] | None = None) -> list[int]:
    return np.asarray(decode(data, scale)).ravel().tolist()


# -- order and scale ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("kind", ["i1", "u2", "i2", "u4", "i4", "f4"])
def test_every_depth_and_sign_keeps_its_order(
    kind: str, photometric: int, packed: bool, order: str
):
    low, high = {
        "u2": (0, 65_535),
        "u4": (0, 2**32 - 1),
        "f4": (-0.5, 4.5),
    }.get(kind, (-100, 100))
    values = np.linspace(low, high, 12).reshape(3, 4).astype(kind)
    shown = grey(tiff(values, order, photometric, packed))
    expected = np.rint(np.linspace(0, 255, 12)).astype(int)
    if photometric == 0:
        expected = 255 - expected
    assert np.abs(np.array(shown) - expected).max() <= 1


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_whole_numbers_are_scaled_by_the_bits_in_use(bits: int):
    most = 2**bits - 1
    values = np.array([[0, most // 2, most]], np.uint16)
    for data in (png(values), tiff(values), tiff(values, ">", packed=True)):
        assert grey(data) == [0, pytest.approx(127, abs=1), 255]
    assert natural_scale(values) == (0, most)


def test_camera_values_of_12_bits_in_16_can_be_told_apart():
    values = np.random.default_rng(3).integers(200, 1500, (32, 32)).astype(np.uint16)
    for data in (png(values), tiff(values)):
        assert len(set(grey(data))) > 70


def test_single_hot_pixels_do_not_make_an_image_black():
    values = np.full((100, 100), 900, np.uint16)
    values[::50, 7] = 65_535
    assert natural_scale(values) == (0, 1023)
    assert max(grey(png(values))) == 255


@pytest.mark.parametrize("kind", [png, tiff])
@pytest.mark.parametrize("most", [65_535, 4_095])
def test_colours_of_16_bits_keep_their_lower_bits(kind, most: int):
    values = np.random.default_rng(0).integers(0, most + 1, (9, 7, 3)).astype(np.uint16)
    values[0, 0] = most
    data = kind(values) if kind is png else tiff(values, photometric=2)
    assert np.abs(np.asarray(decode(data)) - values / most * 255).max() <= 0.51
    if kind is tiff:
        swapped = tiff(values, ">", 2, packed=True)
        assert (np.asarray(decode(swapped)) == np.asarray(decode(data))).all()


def test_inks_of_16_bits_are_read():
    inks = np.zeros((3, 4, 4), np.uint16)
    inks[..., 1] = 65_535
    assert np.asarray(decode(tiff(inks, photometric=5)))[0, 0].tolist() == [255, 0, 255]


@pytest.mark.parametrize("channels", [2, 4])
def test_transparent_parts_of_deep_images_become_white(channels: int):
    values = np.full((2, 2, channels), 30_000, np.uint16)
    values[..., -1] = [[0, 65_535], [65_535, 65_535]]
    pixels = np.asarray(decode(png(values))).reshape(2, 2, -1)[..., 0].tolist()
    assert pixels == [[255, 117], [117, 117]]


def test_floats_from_0_to_1_are_scaled_to_8_bits_and_what_is_no_number_is_black():
    values = np.array([[0, 0.5, 1, np.nan, np.inf, -np.inf]], np.float32)
    assert grey(tiff(values)) == [0, 128, 255, 0, 255, 0]


def test_a_constant_float_image_is_read():
    assert decode(tiff(np.full((3, 3), -7, np.float32))).size == (3, 3)


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "f4", "f8"])
def test_bands_are_chosen_and_one_range_serves_them_all(kind: str):
    values = np.zeros((4, 6, 5), kind)
    values[...] = np.array([0, 25, 50, 75, 100])
    data = tiff(values, ">" if kind == "i2" else "<", packed=kind == "f4")
    assert np.asarray(decode(data, (0, 255)))[0, 0].tolist() == [0, 25, 50]
    assert np.asarray(decode(data, (0, 255, 5, 4, 1)))[0, 0].tolist() == [100, 75, 0]
    assert grey(data, (50, 101, 4))[:3] == [125] * 3
    assert is_deep(data)
    natural = decode_pixels(data, 8).scale
    assert natural is not None and natural == (0, 255)
    with pytest.raises(UnreadableImage, match="it has 5 bands, and band 6 is to be shown"):
        decode(data, (0, 255, 6))


def test_colours_of_floats_and_what_a_map_calls_empty_are_read(tmp_path: Path):
    values = np.linspace(0, 1, 48, dtype=np.float32).reshape(4, 4, 3)
    assert np.abs(np.asarray(decode(tiff(values, photometric=2))) - values * 255).max() <= 0.51
    assert decode(tiff(np.zeros((4, 4)))).size == (4, 4)
    heights = np.full((8, 8, 2), 300.5, np.float32)
    heights[:4] = 100.25
    heights[0] = -9999
    path = tmp_path / "heights.tif"
    tag = (42113, "s", 0, "-9999", True)
    tifffile.imwrite(path, heights, planarconfig="contig", extratags=[tag])
    assert decode_pixels(path.read_bytes(), 8).scale == (100.25, 300.5)
    planes = np.moveaxis(heights, 2, 0)
    tifffile.imwrite(path, planes, planarconfig="separate", photometric="minisblack")
    assert decode(path.read_bytes(), (100, 300.5, 2)).getpixel((0, 7)) == 255


def test_a_packing_that_takes_another_library_is_named_with_the_command_that_adds_it():
    data = tiff(np.zeros((4, 4, 5), np.uint8), packed=True)
    other = data.replace(struct.pack("<HHII", 259, 4, 1, 8), struct.pack("<HHII", 259, 4, 1, 5))
    with pytest.raises(UnreadableImage, match=r"\(5 × 8 bits\), packed .* pip install imagecodecs"):
        decode(other)


def test_what_lies_outside_of_a_scale_is_cut_off():
    values = np.array([[-5, 0, 40, 100, 900]], np.int16)
    assert to_8_bits(values, (0, 100)).tolist() == [[0, 0, 102, 255, 255]]
    assert to_8_bits(values, (0, 100), inverted=True).tolist() == [[255, 255, 153, 0, 0]]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kind", ["png", "png colours", "tiff", "tiff signed", "tiff colours", "tiff bands"]
)
def test_mutated_deep_images_are_read_or_refused_but_raise_nothing_else(kind: str):
    rng = np.random.default_rng(len(kind))
    values = rng.integers(0, 4096, (12, 11, 3)).astype(np.uint16)
    original = {
        "png": png(values[..., 0]),
        "png colours": png(values),
        "tiff": tiff(values[..., 0], packed=True),
        "tiff signed": tiff(values[..., 0].astype(np.int32) - 2000, ">", 0),
        "tiff colours": tiff(values, ">", 2, packed=True),
        "tiff bands": tiff(np.concatenate([values, values], 2), packed=True),
    }[kind]
    read = 0
    for _ in range(500):
        data = bytearray(original)
        reach = len(data) if rng.random() < 0.3 else min(len(data), 200)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(reach)] = rng.choice([0, 1, 255, rng.integers(256)])
        assert is_deep(bytes(data)) in (True, False)
        try:
            read += decode_pixels(bytes(data), 8).pixels.shape == (8, 8, 3)
        except UnreadableImage as error:
            assert str(error)
    assert read > 0


def test_headers_tell_which_files_are_deep():
    assert is_deep(png(np.zeros((2, 2), np.uint16)))
    assert is_deep(tiff(np.zeros((2, 2), np.int8)))
    assert not is_deep(tiff(np.zeros((2, 2), np.uint8)))
    assert not is_deep(b"my notes")


# -- one range for a project -------------------------------------------------------------------


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def scans(tmp_path: Path) -> dict:
    """Six scans of 12 bits: three dark ones, three bright ones, and a picture of 8 bits."""
    rng = np.random.default_rng(0)
    for number in range(6):
        low, high = (0, 400) if number < 3 else (3000, 4000)
        values = rng.integers(low, high, (12, 12)).astype(np.uint16)
        place = tmp_path / "in" / ("dark" if number < 3 else "bright")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.tif").write_bytes(tiff(values))
    Image.fromarray(rng.integers(0, 256, (12, 12), np.uint8)).save(place / "plain.png")
    return {"kind": "folder", "path": str(tmp_path / "in")}


def bring(store: Store, spec: dict, settings: ProjectSettings = BY_HAND) -> int:
    made = projects.create(store, "scans", spec, "answer key", settings)
    assert projects.import_now(store, made, 1)
    return made


def test_an_import_gives_all_deep_images_one_range_and_says_so(store: Store, scans: dict) -> None:
    project_id = bring(store, scans)
    settings = projects.get(store, project_id).settings
    assert settings.pixel_range == PixelRange(0, 4095)
    assert setup.import_notes(store, project_id)[0].startswith(
        "images of more than 8 bits: values from 0 to 4,095 are shown from black to white"
    )
    assert any("0 to 4,095" in note for note in preview_source(scans).summary.notes)
    with store.read() as connection:
        rows = items.get_all(connection, project_id)
    pixels = PixelCache.of(store.workspace.project(project_id), settings).array()
    by_name = {row.name: row for row in rows}
    dark, bright = by_name["dark/0.tif"], by_name["bright/3.tif"]
    assert pixels[dark.position].max() < 30 < 180 < pixels[bright.position].min()
    for row in (dark, bright):
        shown = np.asarray(Image.open(io.BytesIO(images.shown(store, project_id, row.id).read())))
        assert abs(shown.mean() - pixels[row.position].mean()) < 2


def test_a_range_that_somebody_sets_is_kept_and_can_be_changed(store: Store, scans: dict) -> None:
    project_id = bring(store, scans, replace(BY_HAND, pixel_range=PixelRange(0, 1000)))
    project = projects.get(store, project_id)
    assert project.settings.pixel_range == PixelRange(0, 1000)
    folder = store.workspace.project(project_id)
    before = np.array(PixelCache.of(folder, project.settings).array())
    changed = replace(project.settings, pixel_range=PixelRange(0, 8000))
    projects.edit(store, project, changed)
    assert projects.import_now(store, project_id, 1)
    after = PixelCache.of(folder, changed).array()
    assert before.max() == 255
    assert after.max() <= 255 and after[:, 0, 0, 0].sum() < before[:, 0, 0, 0].sum()
    assert len(list(folder.glob("pixels-*"))) == 1


def test_experiments_read_deep_images_on_one_range(scans: dict, tmp_path: Path) -> None:
    table = load(prepare(DataSpec(source=scans, resolution=8), tmp_path / "tables"))
    dark = table.classes == table.class_names.index("dark")
    assert table.pixels[dark].max() < 30


def test_plain_images_have_no_range(store: Store) -> None:
    project_id = bring(store, {"kind": "shapes", "size": 20})
    assert projects.get(store, project_id).settings.pixel_range.scale is None
    assert setup.import_notes(store, project_id) == []


def test_bands_are_stored_with_the_project_and_chosen_anew(store: Store, tmp_path: Path) -> None:
    for number in range(4):
        values = np.zeros((8, 8, 6), np.uint16)
        values[..., number] = 1000
        place = tmp_path / "in" / f"{number}.tif"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(tiff(values))
    spec = {"kind": "folder", "path": str(tmp_path / "in")}
    settings = replace(BY_HAND, pixel_range=PixelRange(bands=(4, 2, 1)))
    project_id = bring(store, spec, settings)
    project = projects.get(store, project_id)
    assert project.settings.pixel_range == PixelRange(0, 1023, (4, 2, 1))
    assert setup.import_notes(store, project_id)[0].endswith(
        "of bands 4, 2, 1; the project's settings can change that"
    )

    def colours() -> list[list[int]]:
        settings = projects.get(store, project_id).settings
        pixels = PixelCache.of(store.workspace.project(project_id), settings).array()
        return [(image[0, 0] > 128).astype(int).tolist() for image in pixels]

    assert colours() == [[0, 0, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0]]
    changed = replace(project.settings, pixel_range=PixelRange(0, 1023, (3,)))
    projects.edit(store, project, changed)
    assert projects.import_now(store, project_id, 0)
    assert colours() == [[0, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert ProjectSettings.from_json(changed.to_json()) == changed
    for wrong in ((1, 2), (0,)):
        with pytest.raises(InvalidSettings, match="the bands are"):
            PixelRange(bands=wrong)


@pytest.mark.parametrize(
    ("black", "white"),
    [(5, 5), (9, 1), (None, 1), (0, float("inf")), (-float("inf"), 0), (0, float("nan"))],
)
def test_a_range_that_cannot_be_is_refused(black, white) -> None:
    with pytest.raises(InvalidSettings, match="range of values"):
        PixelRange(black, white)


def test_settings_with_a_range_survive_as_json() -> None:
    settings = ProjectSettings(pixel_range=PixelRange(-1024.0, 3071.0))
    assert ProjectSettings.from_json(settings.to_json()) == settings
    old = {k: v for k, v in settings.to_json().items() if k != "pixel_range"}
    assert ProjectSettings.from_json(old).pixel_range == PixelRange()


def test_a_deep_image_at_a_resolution_tells_its_natural_scale() -> None:
    source = open_source({"kind": "digits"})
    assert decode_pixels(source.read(source.entries()[0]), 8).scale is None
    assert decode_pixels(png(np.full((4, 4), 700, np.uint16)), 8).scale == (0, 1023)
