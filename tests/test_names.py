"""Names as people have them: in every script, from every archive, out again as they came in."""

from __future__ import annotations

import csv
import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from made import BY_HAND, exported
from PIL import Image

from alcore import names
from alcore.config import Runtime, Workspace
from alcore.datasets.sources import open_source, scan
from alcore.errors import InvalidClasses, InvalidSettings
from alcore.loop.image_rows import natural
from alcore.services import classes as class_list
from alcore.services import people, projects, setup
from alcore.spreadsheets import safe, without_guard
from alcore.store import Store, review


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def picture(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (6, 5), (number, 0, 7)).save(out, "PNG")
    return out.getvalue()


# -- what a name may be ------------------------------------------------------------------------

WRITTEN = (
    "کتاب\u200cها",
    "क्\u200dष",
    "👩\u200d🚀",
    "🏴\U000e0067\U000e0062\U000e007f",
    "①",
    "5²",
    "m²",
    "-1",
)


@pytest.mark.parametrize("name", WRITTEN)
def test_names_that_people_write_are_allowed_everywhere(store: Store, name: str) -> None:
    assert class_list.clean_classes([name]) == [name]
    assert people.annotator(store, name).name == name
    made = projects.create(store, name, {"kind": "digits"}, "none", class_names=["a"])
    assert projects.get(store, made).name == name
    assert name in [c.name for c in class_list.add(store, made, [name]).classes]


@pytest.mark.parametrize("name", ["", " ", "\u200d", "a\x07", "x\u202ey", "\ud800", "x" * 101])
def test_names_without_anything_to_see_or_that_reorder_text_are_refused(
    store: Store, name: str
) -> None:
    with pytest.raises(InvalidClasses):
        class_list.clean_classes([name])
    with pytest.raises(InvalidSettings):
        projects.create(store, name, {"kind": "digits"})


def test_a_byte_order_mark_before_a_name_is_read_over() -> None:
    assert class_list.clean_classes(["\ufeffcat", "dog"]) == ["cat", "dog"]


def test_class_folders_of_every_name_sort_and_import(store: Store, tmp_path: Path) -> None:
    folders = [*(n for n in WRITTEN), "x" * 150, "9" * 200, "٣", "10", "9", "=x", "cat "]
    for place, folder in enumerate(folders):
        (tmp_path / "in" / folder).mkdir(parents=True)
        for number in range(2):
            data = picture(10 * place + number)
            (tmp_path / "in" / folder / f"{number}.png").write_bytes(data)
    made = projects.create(
        store, "x", {"kind": "folder", "path": str(tmp_path / "in")}, "labels", BY_HAND
    )
    assert projects.import_now(store, made, 1)
    classes = {c.name for c in projects.get(store, made).classes}
    assert classes == {folder.strip() for folder in folders}
    assert class_list.add(store, made, ["lamp"]).classes[-1].name == "lamp"
    with pytest.raises(InvalidClasses, match="'cat' is doubled"):
        class_list.add(store, made, ["cat"])


@given(some.lists(some.text(max_size=8), max_size=6))
def test_any_names_can_be_sorted(several: list[str]) -> None:
    assert sorted(sorted(several, key=natural), key=natural) == sorted(several, key=natural)


def test_a_number_of_threads_in_raised_digits_is_refused_in_words(monkeypatch) -> None:
    monkeypatch.setenv("ALCORE_THREADS", "²")
    with pytest.raises(InvalidSettings, match="positive integer"):
        Runtime.from_environment()


# -- projects after their source ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"kind": "folder", "path": "/data/birds.2023"}, "birds.2023"),
        ({"kind": "folder", "path": "/data/birds.2024/"}, "birds.2024"),
        ({"kind": "folder", "path": "/data/birds.zip"}, "birds.zip"),
        ({"kind": "archive", "path": "/data/birds.2023.zip"}, "birds.2023"),
        ({"kind": "archive", "path": "/up/3f.zip", "name": "v1.2.ZIP"}, "v1.2"),
        ({"kind": "folder", "path": "/"}, "images"),
        ({"kind": "digits"}, "digits"),
    ],
)
def test_a_project_is_called_after_its_source_dots_and_all(spec: dict, name: str) -> None:
    assert setup.source_name(spec) == name


def test_a_project_of_the_folder_one_stands_in_is_called_after_it(tmp_path, monkeypatch) -> None:
    (tmp_path / "birds.2023").mkdir()
    monkeypatch.chdir(tmp_path / "birds.2023")
    assert setup.source_name({"kind": "folder", "path": "."}) == "birds.2023"


# -- zip archives ------------------------------------------------------------------------------


def zipped(path: Path, files: Sequence[str], encoding: str, extra: bool = False) -> dict:
    """An archive whose names are in an encoding that it does not tell."""

    class Entry(zipfile.ZipInfo):
        def _encodeFilenameFlags(self) -> tuple[bytes, int]:
            return self.filename.encode(encoding, "replace"), 0

    with zipfile.ZipFile(path, "w") as archive:
        for number, file in enumerate(files):
            entry = Entry(file)
            if extra:
                raw, right = file.encode(encoding, "replace"), file.encode()
                body = struct.pack("<BI", 1, zlib.crc32(raw)) + right
                entry.extra = struct.pack("<HH", 0x7075, len(body)) + body
            archive.writestr(entry, picture(number))
    return {"kind": "archive", "path": str(path)}


@pytest.mark.parametrize(
    ("encoding", "classes"),
    [
        ("utf-8", ["Bären", "Füchse", "猫"]),
        ("cp437", ["Bären", "Füchse", "Größe"]),
        ("cp850", ["Bären", "Ødegård", "Maçã", "Ávila"]),
        ("cp1252", ["Bären", "Füchse", "Straße", "año"]),
        ("cp866", ["Птицы", "собаки", "Новая папка"]),
        ("cp1251", ["Птицы", "собаки", "Кошки"]),
        ("cp852", ["żaba", "łódź", "Příroda"]),
        ("cp932", ["いぬ", "カラス", "表", "写真"]),
        ("cp949", ["고양이", "개", "사진"]),
        ("gbk", ["猫", "小狗", "新建文件夹"]),
        ("cp737", ["Γάτα", "Σκύλος"]),
    ],
)
def test_names_of_a_zip_that_does_not_tell_its_encoding_are_read(
    tmp_path: Path, encoding: str, classes: list[str]
) -> None:
    spec = zipped(tmp_path / "x.zip", [f"{c}/{n}.png" for c in classes for n in (1, 2)], encoding)
    assert set(scan(spec).classes) == set(classes)


def test_names_of_a_mac_are_composed(tmp_path: Path) -> None:
    files = [f"Tiere/{c}/{n}.png" for c in ("Bären", "Füchse") for n in (1, 2)]
    spec = zipped(tmp_path / "Tiere.zip", [unicodedata.normalize("NFD", f) for f in files], "utf-8")
    assert set(scan(spec).classes) == {"Bären", "Füchse"}


def test_the_field_of_info_zip_says_the_name(tmp_path: Path) -> None:
    files = ["чб猫/1.png", "ñ/2.png"]
    spec = zipped(tmp_path / "x.zip", files, "cp850", extra=True)
    assert [entry.name for entry in open_source(spec).entries()] == sorted(files)


# -- out again ---------------------------------------------------------------------------------


@given(some.text())
def test_what_the_export_writes_can_be_read_back(text: str) -> None:
    assert without_guard(str(safe(text))) == text


@pytest.mark.parametrize("number", ["-1", "+1", "0", "-2.5"])
def test_plain_numbers_are_exported_as_they_are(number: str) -> None:
    assert safe(number) == number


@pytest.mark.parametrize(
    "formula", ["=1+1", "+cmd", "-x", "@x", "\tx", "-1+1", "'=x", "''=x", "-", "+1\n"]
)
def test_what_a_spreadsheet_would_run_is_guarded(formula: str) -> None:
    assert safe(formula) == "'" + formula


@given(some.text(some.characters(exclude_characters="\0")))
def test_the_name_of_a_file_leads_back_to_its_path(path: str) -> None:
    name = names.of_file(path)
    assert names.path_of(name) == path
    assert all(map(names.is_allowed, name))
    name.encode()


def test_exported_files_are_found_again_by_their_names(store: Store, tmp_path: Path) -> None:
    files = ["-1/a.png", "-1/cafe\u0301.png", "+1/caf\u00e9.png", "+1/b\\c.png", "+1/d\u202ee.png"]
    for number, file in enumerate(files):
        (tmp_path / "in" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / file).write_bytes(picture(number))
    made = projects.create(
        store, "x", {"kind": "folder", "path": str(tmp_path / "in")}, "labels", BY_HAND
    )
    assert projects.import_now(store, made, 1)
    rows = list(csv.DictReader(io.StringIO(exported(store, made, "csv").decode())))
    assert len(rows) >= 4
    with store.read() as connection:
        both = review.count(connection, made, 0, review.Filter("all", name="café"))
    assert both == sum("caf" in row["file"] for row in rows) > 0
    for row in rows:
        path = names.path_of(without_guard(row["file"]))
        assert (tmp_path / "in" / path).is_file()
        assert row["class"] == path.split("/")[0]
