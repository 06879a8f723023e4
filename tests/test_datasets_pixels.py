"""The pixel cache: what is appended can be read back, cut, and made again at another size."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alcore.datasets.pixels import PixelCache
from alcore.errors import UnreadableImage, WorkspaceUnusable
from alcore.records import Item


def rows(n: int, side: int = 8) -> list[np.ndarray]:
    return list(np.random.default_rng(n).integers(0, 256, (n, side, side, 3), np.uint8))


def item(position: int) -> Item:
    return Item(position + 1, 1, position, f"{position}.png", "", 4, 4, "pool", None, 0, 0, None)


def test_an_empty_cache_has_no_rows(tmp_path: Path):
    assert PixelCache(tmp_path, 32).array().shape == (0, 32, 32, 3)


def test_rows_and_originals_are_read_back_and_are_read_only(tmp_path: Path):
    pixels = rows(3)
    with PixelCache(tmp_path, 8) as cache:
        assert cache.append(pixels, [b"one", None, b"three"]) == [(0, 3), None, (3, 5)]
        cache.flush()
        assert cache.append(rows(1), [b"4"]) == [(8, 1)]
    again = PixelCache(tmp_path, 8)
    array = again.array()
    assert (array[:3] == pixels).all()
    assert array.shape == (4, 8, 8, 3)
    assert again.original(3, 5) == b"three"
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def test_a_partial_row_is_not_seen(tmp_path: Path):
    with PixelCache(tmp_path, 8) as cache:
        cache.append(rows(2), [None, None])
    with (tmp_path / "pixels-8.u8").open("ab") as file:
        file.write(b"half a row")
    assert len(PixelCache(tmp_path, 8)) == 2


def test_cutting_leaves_what_is_good_and_appending_goes_on_there(tmp_path: Path):
    with PixelCache(tmp_path, 8) as cache:
        cache.append(rows(3), [b"a", b"b", b"c"])
    with PixelCache(tmp_path, 8) as cache:
        cache.truncate(2, 2)
        assert cache.append(rows(1), [b"d"]) == [(2, 1)]
        assert len(cache) == 3
        assert cache.original(0, 3) == b"abd"


def test_an_original_beyond_the_end_is_an_error(tmp_path: Path):
    with pytest.raises(UnreadableImage, match="cannot be read"):
        PixelCache(tmp_path, 8).original(0, 1)
    with PixelCache(tmp_path, 8) as cache:
        cache.append(rows(1), [b"abc"])
    with pytest.raises(UnreadableImage, match="ends before byte 4"):
        cache.original(1, 3)


def test_pixels_are_made_again_at_another_resolution(tmp_path: Path):
    originals = []
    for number in range(3):
        out = io.BytesIO()
        Image.new("RGB", (40, 40), (number, 50, 60)).save(out, "PNG")
        originals.append(out.getvalue())
    with PixelCache(tmp_path, 8) as cache:
        cache.append(rows(3), originals)
    steps: list[int] = []
    made = PixelCache(tmp_path, 16)
    missing = made.rebuild(
        [item(2), item(0), item(1)], lambda i: originals[i.position], steps.append
    )
    assert (steps, missing) == ([1, 2, 3], [])
    assert made.array().shape == (3, 16, 16, 3)
    assert made.array()[:, 5, 5, 0].tolist() == [0, 1, 2]
    assert len(cache) == 3, "readers of the old pixels are not disturbed"
    made.forget_others()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["originals.pack", "pixels-16.u8"]


def test_an_image_whose_original_is_gone_is_made_of_the_finest_pixels_there_are(tmp_path: Path):
    with PixelCache(tmp_path, 8) as cache:
        cache.append(rows(2), [None, None])
    with PixelCache(tmp_path, 32) as finer:
        finer.append([np.full((32, 32, 3), n, np.uint8) for n in (50, 90)], [None, None])

    def read(item: Item) -> bytes:
        raise UnreadableImage(f"the file {item.name} is no longer there")

    made = PixelCache(tmp_path, 64)
    assert made.rebuild([item(0), item(1)], read) == [
        "0.png: the file 0.png is no longer there",
        "1.png: the file 1.png is no longer there",
    ]
    assert [set(row.ravel().tolist()) for row in made.array()] == [{50}, {90}]


def test_pixels_of_another_range_of_values_are_another_file(tmp_path: Path):
    values = np.array([[0, 100], [200, 1023]], np.uint16)
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    wide, narrow = PixelCache(tmp_path, 8, (0, 4095)), PixelCache(tmp_path, 8, (0, 1023))
    for cache in (wide, narrow):
        cache.rebuild([item(0)], lambda i: out.getvalue())
    assert wide.array().max() == 64
    assert narrow.array().max() == 255
    narrow.forget_others()
    assert not wide.pixels_path.exists()


def test_a_failed_rebuild_names_the_item_and_leaves_nothing(tmp_path: Path):
    with PixelCache(tmp_path, 8) as cache:
        cache.append([], [])
    with pytest.raises(UnreadableImage, match=r"^0.png: text, not an image"):
        PixelCache(tmp_path, 16).rebuild([item(0)], lambda i: b"abc")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["originals.pack", "pixels-8.u8"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_error_in_words(tmp_path: Path):
    (tmp_path / "originals.pack").symlink_to("/dev/full")
    with (
        PixelCache(tmp_path, 8) as cache,
        pytest.raises(WorkspaceUnusable, match="No space left on device; make room"),
    ):
        cache.append(rows(1), [b"abc"])


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_an_error_in_words(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(WorkspaceUnusable, match="give the right to write"):
        PixelCache(tmp_path / "p", 8).append(rows(1), [b"abc"])


def test_a_file_where_the_folder_should_be_is_an_error_in_words(tmp_path: Path):
    (tmp_path / "p").write_bytes(b"")
    with pytest.raises(WorkspaceUnusable, match="cannot write"):
        PixelCache(tmp_path / "p", 8).append(rows(1), [b"abc"])
