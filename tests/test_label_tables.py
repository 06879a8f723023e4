"""A table labels.csv beside images: whoever wrote it, its classes come in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from made import BY_HAND, label_rows
from PIL import Image

from alcore.config import Workspace
from alcore.datasets.label_table import read
from alcore.datasets.sources import scan
from alcore.errors import ImportRefused
from alcore.services import projects, setup
from alcore.spreadsheets import write_csv
from alcore.store import Store

FILES = ("0.png", "1.png", "2.png", "3.png")


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def picture(number: int) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (9, 7, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


def folder(
    root: Path, table: bytes, files: tuple[str, ...] = FILES, at: str = "labels.csv"
) -> dict:
    for number, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(picture(number))
    (root / at).write_bytes(table)
    return {"kind": "folder", "path": str(root)}


WAYS = {
    "as exported": "file,class\n0.png,cat\n1.png,dog\n2.png,cat\n3.png,dog\n",
    "without a header": "0.png,cat\n1.png,dog\n2.png,cat\n3.png,dog\n",
    "class before file": "label;image_id\ncat;0\ndog;1\ncat;2\ndog;3\n",
    "with tabs": "Filename\tSpecies\n0.png\tcat\n1.png\tdog\n2.png\tcat\n3.png\tdog",
    "with paths from elsewhere": "path,class\n"
    "C:\\\\old\\0.png,cat\n/home/ana/in/1.png,dog\n./2.png,cat\nx/y/3.png,dog\n",
    "with more columns and spaces": 'id,file name, class ,by\n1, 0.png ," cat",Ana\n'
    "2,1.png,dog,Ben\n3,2.png,cat,\n4,3.png,dog\n\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("way", WAYS)
def test_tables_are_read_however_they_were_saved(tmp_path: Path, way: str, encoding: str) -> None:
    spec = folder(tmp_path / "in", WAYS[way].replace("\n", "\r\n").encode(encoding))
    summary = scan(spec)
    assert summary.classes == {"cat": 2, "dog": 2}
    assert summary.layout == "labels.csv"
    assert summary.notes == ("labels.csv gives the classes of 4 of 4 images",)


def test_classes_in_the_code_page_of_a_spreadsheet_are_read(tmp_path: Path) -> None:
    table = "file;class\n0.png;Bär\n1.png;Fuchs\n2.png;Bär\n3.png;Vögel und Käfer\n"
    for encoding in ("cp1252", "utf-8"):
        spec = folder(tmp_path / encoding, table.encode(encoding))
        assert set(scan(spec).classes) == {"Bär", "Fuchs", "Vögel und Käfer"}


def test_labels_come_in_with_a_table_and_the_rest_is_asked(store: Store, tmp_path: Path) -> None:
    files = tuple(f"images/{n}.png" for n in range(12))
    table = "file,class\n" + "".join(f"{n}.png,{'cat' if n % 2 else 'dog'}\n" for n in range(8))
    spec = folder(tmp_path / "in", table.encode(), files)
    made = projects.create(store, "x", spec, "labels", BY_HAND)
    assert projects.import_now(store, made, 1)
    assert [c.name for c in projects.get(store, made).classes] == ["cat", "dog"]
    rows = label_rows(store, made)
    assert {row["file"]: row["class"] for row in rows} == {
        f"images/{n}.png": "cat" if n % 2 else "dog" for n in range(8)
    }
    assert setup.import_notes(store, made, labels_wanted=True) == []


def test_what_was_exported_comes_in_again(store: Store, tmp_path: Path) -> None:
    files = ("=a.png", "-1.png", "b\\c.png", "caf\u00e9.png")
    spec = folder(tmp_path / "in", b"", files)
    (tmp_path / "in" / "labels.csv").unlink()
    classes = ("-1", "=x", "'=x", "+")
    rows = [{"file": file, "class": name} for file, name in zip(files, classes, strict=True)]
    rows[2]["file"] = "b\\\\c.png"
    with (tmp_path / "in" / "labels.csv").open("w", encoding="utf-8", newline="") as out:
        write_csv(out, ("file", "class"), rows)
    assert set(scan(spec).classes) == set(classes)


def test_a_table_in_a_zip_is_read(tmp_path: Path) -> None:
    for inside in ("", "pets/"):
        path = tmp_path / f"{len(inside)}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for number, file in enumerate(FILES):
                archive.writestr(inside + file, picture(number))
            archive.writestr(inside + "Labels.csv", WAYS["as exported"])
        assert scan({"kind": "archive", "path": str(path)}).classes == {"cat": 2, "dog": 2}


def test_folders_that_say_the_same_as_a_table_are_believed(tmp_path: Path) -> None:
    files = ("cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png")
    spec = folder(tmp_path / "in", b"file,class\ncat/0.png,cat\n", files)
    assert scan(spec).classes == {"cat": 2, "dog": 2}


def test_folders_that_are_no_classes_give_way_to_a_table(tmp_path: Path) -> None:
    files = ("left/0.png", "left/1.png", "right/2.png", "right/3.png")
    spec = folder(tmp_path / "in", WAYS["as exported"].encode(), files)
    assert scan(spec).classes == {"cat": 2, "dog": 2}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"", "begins with 'nothing'"),
        (b"a,b,c\n1,2,3\n", "call two columns file and class"),
        (b"file,class\nother.png,cat\n", "none of its files is here, such as other.png"),
        (b"file,class\n0.png," + b"x" * 200_000, "was not read"),
        (bytes(range(256)) * 9, "was not read"),
    ],
)
def test_a_table_that_cannot_be_used_is_said_to_be_so(
    tmp_path: Path, table: bytes, words: str
) -> None:
    summary = scan(folder(tmp_path / "in", table))
    assert summary.unlabeled == 4
    assert len(summary.notes) == 1 and words in summary.notes[0]


def test_a_table_without_images_is_no_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,class\n1.png,cat\n")
    with pytest.raises(ImportRefused, match="has no images, only 1 other file"):
        scan({"kind": "folder", "path": str(tmp_path)})


def test_labels_that_did_not_come_in_are_explained(store: Store, tmp_path: Path) -> None:
    spec = folder(tmp_path / "in", b"a,b,c\n1,2,3\n")
    made = projects.create(store, "x", spec, "labels", BY_HAND)
    assert projects.import_now(store, made, 1)
    (note,) = setup.import_notes(store, made, labels_wanted=True)
    assert note.startswith("no labels came in") and "labels.csv with the columns file" in note


@given(some.binary(max_size=300))
def test_any_bytes_are_read_or_explained(data: bytes) -> None:
    assert read("labels.csv", data, ["0.png", "1.png"]).note
