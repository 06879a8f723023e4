"""Hostile archives: refused as a whole, or a file of them left out, never anything written."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "..\\evil.png", "\\x.png"],
)
def test_a_name_that_leads_out_of_the_archive_is_refused_and_named(path: Path, name: str):
    said = refusal(good(path, (name, b"x")))
    assert "leads out of the archive" in said
    assert repr(name) in said


def test_a_link_is_refused(path: Path):
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "holds a link, 'a/link.png'" in refusal(good(path, (link, b"/etc/passwd")))


def test_an_archive_in_the_archive_is_refused(path: Path):
    assert "holds another archive, 'more.ZIP'" in refusal(good(path, ("more.ZIP", b"PK")))


def test_an_encrypted_archive_is_refused(path: Path):
    spec = good(path)
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = data.index(magic)
        data[start + at] |= 1
    path.write_bytes(data)
    assert "is encrypted" in refusal(spec)


def test_an_unusual_method_is_refused(path: Path):
    assert "compressed by method 14" in refusal(good(path, method=zipfile.ZIP_LZMA))


def test_a_file_that_is_no_zip_is_refused(path: Path):
    for data in (b"", b"Rar!\x1a\x07\0 and so on", picture(1)):
        path.write_bytes(data)
        assert "is not a zip archive" in refusal({"kind": "archive", "path": str(path)})


def test_an_archive_above_the_limit_is_refused_and_the_limit_can_be_raised(path: Path):
    spec = good(path, ("c/3.png", np.random.default_rng(0).bytes(2_000_000)))
    assert "more than the 1 MB allowed" in refusal({**spec, "limit_mb": 1})
    assert scan({**spec, "limit_mb": 3}).total == 3


def test_an_archive_that_expands_200_times_is_refused(path: Path):
    bombs = [(f"c/{n}.txt", b"\0" * 5_000_000) for n in range(3)]
    said = refusal(good(path, *bombs))
    assert "times, more than the 200 times allowed" in said


def test_an_archive_that_expands_beyond_the_total_is_refused(path: Path):
    spec = good(path, ("c/a.txt", b"\0" * 9_000_000))
    assert "expands to 9 MB, more than the 8 MB" in refusal({**spec, "limit_mb": 1})


def test_a_single_file_that_expands_too_much_or_is_too_large_is_left_out(path: Path):
    noise = np.random.default_rng(0).bytes(300_000)
    spec = good(path, ("c.png", b"\0" * 1_000_000), ("d.png", b"\0" * 30_000_001), ("e", noise))
    listing = open_source(spec).listing()
    assert [e.name for e in listing.entries] == list(NAMES)
    assert {s.name: s.reason for s in listing.skipped} == {
        "c.png": "expands more than the 200 times allowed",
        "d.png": "30.0 MB, more than the 30 MB allowed",
    }


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
