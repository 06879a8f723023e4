"""Odd archives: attacks are refused, odd members left out, never anything written."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alcore.datasets.entries import Listing
from alcore.datasets.sources import open_source, scan
from alcore.errors import ImportRefused, UnreadableImage

NAMES = ("a/1.png", "b/2.png")


def picture(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (6, 5), (number, 0, 7)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "my.zip"


def good(path: Path, *extra: tuple[str | zipfile.ZipInfo, bytes], method: int = 8) -> dict:
    """An archive of two images and something more."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for number, name in enumerate(NAMES):
            archive.writestr(name, picture(number))
        for name, data in extra:
            archive.writestr(name, data)
    return {"kind": "archive", "path": str(path)}


def refusal(spec: dict) -> str:
    with pytest.raises(ImportRefused) as caught:
        scan(spec)
    return str(caught.value)


def listing(spec: dict) -> Listing:
    return open_source(spec).listing()


def left_out(spec: dict) -> dict[str, str]:
    """Reasons by name; the two good images are in."""
    found = listing(spec)
    assert {entry.name for entry in found.entries} >= set(NAMES)
    return {file.name: file.reason for file in found.skipped}


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "C:/evil.png", "c:\\evil.png", "..\\evil.png"]
)
def test_a_name_that_leads_out_of_the_archive_is_left_out(path: Path, name: str):
    reasons = left_out(good(path, (name, b"x")))
    assert list(reasons.values()) == ["its name leads out of the archive"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("A: good/3.png", "A: good/3.png"),
        ("12:30/3.png", "12:30/3.png"),
        ("/c/3.png", "c/3.png"),
        ("\\c\\3.png", "c/3.png"),
        ("//server/c/3.png", "server/c/3.png"),
        ("./c//3.png", "c/3.png"),
        ("CON/3.png", "CON/3.png"),
        ("trailing. /3.png", "trailing. /3.png"),
    ],
)
def test_names_that_are_odd_but_harmless_are_taken(path: Path, name: str, kept: str):
    assert kept in [entry.name for entry in listing(good(path, (name, picture(3)))).entries]


def link(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = (stat.S_IFLNK | 0o777) << 16
    return made


def encrypt(path: Path, which: int) -> None:
    """Say of one entry that it is encrypted."""
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = -1
        for _ in range(which + 1):
            start = data.index(magic, start + 1)
        data[start + at] |= 1
    path.write_bytes(data)


def test_a_link_in_place_of_an_image_is_left_out_and_other_links_are_ignored(path: Path):
    spec = good(path, (link("a/link.png"), b"/etc/passwd"), (link("LATEST"), b"a"))
    assert left_out(spec) == {"a/link.png": "a link; put the file itself there"}


def test_an_encrypted_image_costs_that_image_only(path: Path):
    spec = good(path, ("c/3.png", picture(3)))
    encrypt(path, 2)
    assert left_out(spec) == {"c/3.png": "encrypted; make a .zip without a password"}


def test_an_archive_of_encrypted_images_is_refused_as_encrypted(path: Path):
    spec = good(path)
    encrypt(path, 0)
    encrypt(path, 1)
    assert "2 left out: encrypted" in refusal(spec)


def test_files_that_are_no_images_may_be_anything(path: Path):
    other = zipfile.ZipInfo("README.txt")
    other.compress_type = zipfile.ZIP_BZIP2
    spec = good(path, (other, b"hello"), ("annotations.zip", b"PK"), ("bomb.csv", b"0" * 9_000_000))
    encrypt(path, 3)
    assert left_out(spec) == {}
    notes = scan(spec).notes
    assert "annotations.zip is another archive, into which nobody looked" in notes


def test_an_archive_of_nothing_but_an_archive_is_refused(path: Path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("more.ZIP", b"PK")
    assert "holds another archive, more.ZIP, and no images" in refusal(
        {"kind": "archive", "path": str(path)}
    )


def test_an_image_packed_in_an_unusual_way_is_left_out(path: Path):
    odd = zipfile.ZipInfo("c/3.png")
    odd.compress_type = zipfile.ZIP_LZMA
    assert "compressed by method 14" in left_out(good(path, (odd, picture(3))))["c/3.png"]


def test_an_archive_packed_in_an_unusual_way_is_refused(path: Path):
    assert "2 left out: compressed by method 14" in refusal(good(path, method=zipfile.ZIP_LZMA))


def test_a_file_that_is_no_zip_is_refused(path: Path):
    for data in (b"", b"Rar!\x1a\x07\0 and so on", picture(1)):
        path.write_bytes(data)
        assert "is not a zip archive" in refusal({"kind": "archive", "path": str(path)})


def test_an_archive_above_the_limit_is_refused_and_the_limit_can_be_raised(path: Path):
    spec = good(path, ("c/3.png", np.random.default_rng(0).bytes(2_000_000)))
    assert "more than the 1 MB allowed" in refusal({**spec, "limit_mb": 1})
    assert scan({**spec, "limit_mb": 3}).total == 3


def test_an_archive_that_would_fill_the_disk_is_refused(path: Path):
    bombs = [(f"c/{n}.png", b"\0" * 100_000_000) for n in range(11)]
    said = refusal(good(path, *bombs))
    assert "times, more than the 200 times allowed" in said


def test_an_archive_that_expands_beyond_the_total_is_refused(path: Path):
    spec = good(path, ("c/a.png", b"\0" * 9_000_000))
    assert "expands to 9 MB, more than the 8 MB" in refusal({**spec, "limit_mb": 1})


def test_blank_images_that_pack_a_thousandfold_are_taken(path: Path):
    masks = []
    for number in range(3):
        out = io.BytesIO()
        Image.new("L", (1500, 1500 + number)).save(out, "BMP")
        masks.append((f"masks/{number}.bmp", out.getvalue()))
    spec = good(path, *masks)
    assert path.stat().st_size < 20_000
    assert left_out(spec) == {}


def test_a_file_that_is_too_large_is_left_out(path: Path):
    spec = good(path, ("d.png", b"\0" * 200_000_001))
    assert left_out(spec) == {"d.png": "200.0 MB, more than the 200 MB allowed"}


def test_entries_that_share_bytes_are_refused(path: Path):
    spec = good(path)
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", first + 1)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    path.write_bytes(data)
    assert "overlap" in refusal(spec)


def test_a_directory_that_lies_about_a_size_costs_that_file_only(path: Path):
    spec = good(path)
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\1\2")
    size = struct.unpack_from("<I", data, first + 24)[0]
    struct.pack_into("<I", data, first + 24, size - 3)
    path.write_bytes(data)
    source = open_source(spec)
    one, two = source.entries()
    with pytest.raises(UnreadableImage, match="checksum or size is wrong"):
        source.read(one)
    assert source.read(two) == picture(1)


def test_backslashes_of_windows_are_folders(path: Path):
    assert scan(good(path, ("c\\3.png", b"x"))).classes == {"a": 1, "b": 1, "c": 1}


def test_bytes_before_the_archive_do_not_matter(path: Path):
    spec = good(path)
    path.write_bytes(b"#!/bin/sh self-extracting\n" + path.read_bytes())
    source = open_source(spec)
    assert source.read(source.entries()[0]) == picture(0)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_mutated_archives_are_read_or_refused_but_raise_nothing_else(path: Path, method: int):
    spec = good(path, *((f"c/{n}.png", picture(n)) for n in range(5)), method=method)
    original = np.frombuffer(path.read_bytes(), np.uint8)
    directory = path.read_bytes().index(b"PK\1\2")
    rng = np.random.default_rng(method)
    refused = read = 0
    for _ in range(500):
        data = original.copy()
        low = directory if rng.random() < 0.7 else 0
        for _ in range(rng.integers(1, 5)):
            data[rng.integers(low, len(data))] = rng.choice([0, 1, 255, rng.integers(256)])
        path.write_bytes(data.tobytes()[: len(data) - rng.integers(0, 2) * rng.integers(0, 60)])
        try:
            source = open_source(spec)
            entries = source.entries()
        except ImportRefused as error:
            assert str(error)
            refused += 1
            continue
        for entry in entries:
            try:
                source.read(entry)
                read += 1
            except UnreadableImage as error:
                assert str(error)
    assert refused > 50
    assert read > 50
