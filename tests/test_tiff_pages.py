"""Files of several pages: each is an image of its own, under a name that leads back to it."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import BY_HAND, exported
from PIL import Image

from alcore.config import Workspace
from alcore.datasets import tiff_pages
from alcore.datasets.decoding import decode
from alcore.datasets.folders import pages_under, read_image
from alcore.datasets.ingest import read_original
from alcore.datasets.source_preview import preview_source
from alcore.datasets.sources import open_source
from alcore.errors import UnreadableImage
from alcore.rounds.predicting import pictures_in
from alcore.services import exporting, label_import, more_images, originals, projects
from alcore.services.exporting import Wish
from alcore.services.label_import import LabelFile
from alcore.store import Store, items
from alcore.store import projects as stored

SMALL = replace(BY_HAND, resolution=8)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def noise(number: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 256, (40, 30, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def stack(numbers: range, mode: str = "RGB", **options: object) -> bytes:
    first, *others = (noise(number, mode) for number in numbers)
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others, **options)
    return out.getvalue()


def read_from(data: bytes) -> tiff_pages.Read:
    return lambda at, length: data[at : at + length]


def pages_of(data: bytes) -> list[bytes]:
    read = read_from(data)
    return [tiff_pages.page(read, at, 10**9) for at in tiff_pages.pages(read)]


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "tiff_lzw"},
        {"compression": "tiff_adobe_deflate"},
        {"big_tiff": True},
        {"compression": "jpeg", "quality": 90},
    ],
    ids=str,
)
def test_a_page_of_its_own_looks_as_it_did_in_the_file(mode: str, options: dict) -> None:
    if options.get("compression") == "jpeg" and mode in ("1", "P", "I;16", "RGBA"):
        options = {}
    data = stack(range(3), mode, **options)
    with Image.open(io.BytesIO(data)) as whole:
        for number, page in enumerate(pages_of(data)):
            whole.seek(number)
            with Image.open(io.BytesIO(page)) as alone:
                assert alone.n_frames == 1 and alone.mode == whole.mode
                assert np.array_equal(np.asarray(alone), np.asarray(whole))
            assert decode(page).size == (30, 40)


def test_reduced_versions_and_masks_are_no_pages() -> None:
    tifffile = pytest.importorskip("tifffile")
    out = io.BytesIO()
    with tifffile.TiffWriter(out, byteorder=">") as file:
        for number in range(2):
            pixels = np.asarray(noise(number))
            file.write(pixels, tile=(16, 16), photometric="rgb")
            file.write(pixels[::2, ::2], subfiletype=1, photometric="rgb")
    parts = pages_of(out.getvalue())
    assert [decode(part).size for part in parts] == [(30, 40)] * 2
    assert np.array_equal(np.asarray(decode(parts[1])), np.asarray(noise(1)))


def test_a_file_of_10000_pages_is_read_and_one_of_more_is_refused(tmp_path: Path) -> None:
    def chain(count: int) -> bytes:
        parts, at = [b"II*\0" + struct.pack("<I", 8)], 8
        for number in range(count):
            pixel = at + 2 + 12 * 8 + 4
            tags = [(256, 1), (257, 1), (258, 8), (262, 1), (273, pixel), (277, 1), (278, 1)]
            body = struct.pack("<H", 8)
            for tag, value in [*tags, (279, 1)]:
                body += struct.pack("<HHII", tag, 4, 1, value)
            following = pixel + 2 if number + 1 < count else 0
            parts.append(body + struct.pack("<I", following) + bytes([number % 256, 0]))
            at = following
        return b"".join(parts)

    path = tmp_path / "film.tif"
    path.write_bytes(chain(tiff_pages.MOST_PAGES))
    assert pages_under(tmp_path, "film.tif") == 10_000
    last = decode(read_image(tmp_path, "film.tif#page=10000"))
    assert last.getpixel((0, 0)) == 9_999 % 256
    listing = open_source({"kind": "folder", "path": str(tmp_path)}).listing()
    assert [e.name for e in listing.entries[8:11]] == [f"film.tif#page={n}" for n in (9, 10, 11)]
    path.write_bytes(chain(tiff_pages.MOST_PAGES + 1))
    noise(1).save(tmp_path / "1.png")
    noise(2).save(tmp_path / "2.png")
    listing = open_source({"kind": "folder", "path": str(tmp_path)}).listing()
    (left,) = listing.skipped
    assert "more than 10,000 pages; split the file" in left.reason and len(listing.entries) == 2


def test_a_damaged_file_gives_the_pages_that_can_be_read_and_never_hangs() -> None:
    data = stack(range(3), "L")
    starts = tiff_pages.pages(read_from(data))
    looped = bytearray(data)
    (count,) = struct.unpack_from("<H", data, starts[2])
    struct.pack_into("<I", looped, starts[2] + 2 + 12 * count, starts[0])
    assert tiff_pages.pages(read_from(bytes(looped))) == starts
    assert tiff_pages.pages(read_from(data[: starts[2]])) == starts[:2]
    rng = np.random.default_rng(0)
    whole = np.frombuffer(data, np.uint8)
    for _ in range(300):
        bad = whole.copy()
        bad[rng.integers(len(bad), size=4)] = rng.integers(0, 256, 4)
        read = read_from(bad[: rng.integers(8, len(bad))].tobytes())
        for at in tiff_pages.pages(read):
            try:
                decode(tiff_pages.page(read, at, 10**6))
            except UnreadableImage as error:
                assert str(error)


def fill(root: Path) -> Path:
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        noise(ord(name)).save(root / name / "one.tif")
    (root / "a" / "many.tif").write_bytes(stack(range(12)))
    return root


@pytest.mark.parametrize("kind", ["in place", "copied", "zip"])
def test_every_page_becomes_an_image_with_its_own_original(
    store: Store, tmp_path: Path, kind: str
) -> None:
    root = fill(tmp_path / "in")
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "in.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in root.rglob("*.tif"):
                archive.write(path, path.relative_to(root))
        spec: dict = {"kind": "archive", "path": str(tmp_path / "in.zip")}
    else:
        spec = {"kind": "folder", "path": str(root), "copy": kind == "copied"}
    look = preview_source(spec)
    assert "14 images in 3 files: some have several pages" in look.summary.notes
    project_id = projects.create(store, "birds", spec, "labels", SMALL)
    projects.import_now(store, project_id, 0)
    with store.read() as connection:
        rows = items.get_all(connection, project_id)
        source, _ = stored.source(connection, project_id)
    many = [row for row in rows if "#page=" in row.name]
    assert [row.name for row in many] == [f"a/many.tif#page={n}" for n in range(1, 13)]
    folder = store.workspace.project(project_id)
    for number, row in enumerate(many):
        image = decode(read_original(folder, row, source))
        assert np.array_equal(np.asarray(image), np.asarray(noise(number)))
    more_images.add(store, project_id, spec)
    projects.import_now(store, project_id, 0)
    assert more_images.last(store, project_id).startswith("there was nothing new")
    assert exported(store, project_id).count(b"#page=") == 12
    if kind == "in place":
        assert originals.missing(store, project_id) == []
        (root / "a" / "many.tif").unlink()
        assert len(originals.missing(store, project_id)) == 12


def test_labels_of_pages_go_out_and_find_their_pages_again(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(fill(tmp_path / "in"))}
    project_id = projects.create(store, "birds", spec, "labels", SMALL)
    projects.import_now(store, project_id, 0)
    plain = projects.create(store, "plain", spec, "none", SMALL)
    projects.import_now(store, plain, 0)
    for form in ("csv", "imagefolder", "coco"):
        export = exporting.prepare(store, project_id, Wish(form))
        path = tmp_path / f"labels{export.format.suffix}"
        path.write_bytes(b"".join(export.blocks()))
        preview = label_import.preview(store, plain, LabelFile(path))
        assert len(preview.wanted) == 14, form
    with zipfile.ZipFile(tmp_path / "labels.zip") as archive:
        assert any(name.endswith("many.tif#page=3.tiff") for name in archive.namelist())
    table = tmp_path / "table.csv"
    table.write_text("file,class\nmany.tif#page=2,a\nmany.tif,b\n")
    preview = label_import.preview(store, plain, LabelFile(table))
    assert len(preview.wanted) == 1
    assert "12 images are called so" in preview.problems[0].reason


def test_a_table_beside_the_images_names_a_page_or_all_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "many.tif").write_bytes(stack(range(4)))
    (tmp_path / "labels.csv").write_text("file,class\nmany.tif,x\nmany.tif#page=3,y\n")
    listing = open_source({"kind": "folder", "path": str(tmp_path)}).listing()
    assert [entry.class_name for entry in listing.entries] == ["x", "x", "y", "x"]
    assert [p.name for p in pictures_in(tmp_path)] == [f"many.tif#page={n}" for n in (1, 2, 3, 4)]
