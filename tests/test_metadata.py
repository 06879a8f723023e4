"""Owns the proof that metadata comes in from tables, paths and files, and goes out."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made import BY_HAND, Tab, exported, label_rows, project
from PIL import ExifTags, Image
from seen import look
from sqlalchemy import func, select
from trained import add_round

from alcore import metrics
from alcore.__main__ import main
from alcore.config import Workspace
from alcore.errors import InvalidSettings, NotAllowed, UnknownItem, UnreadableLabels
from alcore.label_formats import FORMATS
from alcore.loop.round_files import round_arrays
from alcore.metadata import PathPattern, guess, parse
from alcore.services import (
    exporting,
    grid,
    metadata,
    more_images,
    people,
    projects,
    review,
    slicing,
    snapshots,
    whole_projects,
)
from alcore.services import map as maps
from alcore.services.exporting import Wish
from alcore.services.metadata import MetadataFile
from alcore.services.pool_predictions import PredictionCache
from alcore.slices import accuracy_by, divide
from alcore.store import Store, items, metadata_values
from alcore.store.metadata_values import Condition
from alcore.store.projects import classes as projects_of
from alcore.store.tables import metadata_column, metadata_text, metadata_value

SCRIPTS = ("Süd", "север", "北方", "الشمال", "उत्तर")


@pytest.fixture
def store(workspace: Workspace) -> Store:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def table(path: Path, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> MetadataFile:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(rows)
    return MetadataFile(path)


def ids_of(store: Store, project_id: int) -> list[int]:
    with store.read() as connection:
        return items.ids(connection, project_id).tolist()


def values_of(store: Store, project_id: int) -> dict[str, dict[str, object]]:
    """Read what is known, by file name."""
    with store.read() as connection:
        named = {i.id: i.name for i in items.get_all(connection, project_id)}
    known = metadata.of(store, project_id, list(named))
    return {named[item_id]: values for item_id, values in known.items()}


def rows_left(store: Store) -> tuple[int, int, int]:
    """Count the rows of columns, texts and values."""
    with store.read() as connection:
        return tuple(
            connection.execute(select(func.count()).select_from(one)).scalar_one()
            for one in (metadata_column, metadata_text, metadata_value)
        )


# -- from a table ------------------------------------------------------------------------------


def test_a_table_is_looked_at_then_comes_in_and_a_second_time_changes_nothing(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 10)
    rows = [(f"image {i}.png", SCRIPTS[i % 5], i / 2, date(2026, 1, 1 + i)) for i in range(10)]
    file = table(tmp_path / "m.csv", ("file", "site", "age", "seen"), rows)
    plan = metadata.preview(store, made, file)
    assert (plan.images, plan.new, plan.changed, plan.unchanged) == (10, 30, 0, 0)
    assert {c.name: c.kind for c in plan.columns} == {
        "site": "text", "age": "number", "seen": "date",
    }  # fmt: skip
    assert metadata.known(store, made).columns == ()
    metadata.bring(store, made, file)
    assert values_of(store, made)["image 3.png"] == {
        "site": "الشمال", "age": 1.5, "seen": "2026-01-04",
    }  # fmt: skip
    before = rows_left(store)
    again = metadata.bring(store, made, file)
    assert (again.new, again.changed, again.unchanged) == (0, 0, 30)
    assert rows_left(store) == before


def test_a_newer_table_changes_what_it_names_and_keeps_the_rest(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 6)
    first = [(f"image {i}.png", "north", i) for i in range(6)]
    metadata.bring(store, made, table(tmp_path / "a.csv", ("file", "site", "age"), first))
    second = table(tmp_path / "b.csv", ("file", "site"), [("image 1.png", "south")])
    plan = metadata.preview(store, made, second)
    assert (plan.new, plan.changed) == (0, 1)
    assert any("would change" in text for text in metadata.words(plan))
    metadata.bring(store, made, second)
    known = values_of(store, made)
    assert known["image 1.png"] == {"site": "south", "age": 1.0}
    assert known["image 2.png"] == {"site": "north", "age": 2.0}
    columns, texts, values = rows_left(store)
    assert (columns, texts, values) == (2, 2, 12)


def test_a_table_with_half_its_names_unknown_brings_the_other_half(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 8)
    rows = [(f"image {i}.png", i) for i in range(4)] + [(f"stranger {i}.png", i) for i in range(4)]
    plan = metadata.bring(store, made, table(tmp_path / "m.csv", ("file", "age"), rows))
    assert (plan.images, plan.new) == (4, 4)
    assert plan.reasons == {"no image is called so": 4}
    assert [p.line for p in plan.problems] == [6, 7, 8, 9]
    assert any("4 images of the project are not in the file" in w for w in metadata.words(plan))


def test_two_values_for_one_image_bring_neither_and_both_lines_are_named(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 4)
    rows = [("image 0.png", "a"), ("image 1.png", "b"), ("image 0.png", "c"), ("image 1.png", "b")]
    plan = metadata.bring(store, made, table(tmp_path / "m.csv", ("file", "site"), rows))
    assert (plan.images, plan.new) == (1, 1)
    assert [(p.line, p.file) for p in plan.problems] == [(2, "image 0.png"), (4, "image 0.png")]
    assert values_of(store, made) == {"image 1.png": {"site": "b"}}


def test_a_value_of_another_kind_is_left_out_and_named(store: Store, tmp_path: Path) -> None:
    made = project(store, 4)
    metadata.bring(store, made, table(tmp_path / "a.csv", ("file", "age"), [("image 0.png", 1)]))
    later = table(tmp_path / "b.csv", ("file", "age"), [("image 1.png", "old"), ("image 2.png", 3)])
    plan = metadata.bring(store, made, later)
    assert plan.new == 1
    assert "'old' is no number" in plan.problems[0].reason
    with pytest.raises(InvalidSettings, match="is a number already; remove it"):
        metadata.preview(store, made, replace(later, kinds={"age": "text"}))


@pytest.mark.parametrize(
    ("header", "asked", "error"),
    [
        (("what", "ever"), {}, "say which names the image"),
        (("file", "a", "a"), {}, "two columns called 'a'"),
        (("file", "a"), {"columns": ("b",)}, "has no column 'b'"),
        (("file", "a"), {"kinds": {"b": "text"}}, "no column called 'b'"),
        (("file", *(f"c{i}" for i in range(51))), {"columns": tuple(f"c{i}" for i in range(51))},
         "51 columns"),
        (("file",), {}, "no column but 'file'"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused_with_what_would_be_right(
    store: Store, tmp_path: Path, header: tuple[str, ...], asked: dict, error: str
) -> None:
    made = project(store, 2)
    file = table(tmp_path / "m.csv", header, [tuple("x" for _ in header)])
    with pytest.raises((UnreadableLabels, InvalidSettings), match=error):
        metadata.bring(store, made, replace(file, **asked))
    assert rows_left(store) == (0, 0, 0)


def test_parquet_and_json_lines_say_the_same_as_csv(store: Store, tmp_path: Path) -> None:
    names = [f"image {i}.png" for i in range(5)]
    columns = {"file": names, "age": [1.5, None, 3.0, float("nan"), 5.0],
               "seen": [date(2026, 2, i + 1) for i in range(5)], "good": [True] * 5}  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    lines = [
        json.dumps({k: str(v[i]) if k == "seen" else v[i] for k, v in columns.items()})
        for i in range(5)
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    known = []
    for number, name in enumerate(("m.parquet", "m.jsonl")):
        made = project(store, 5, name=f"p{number}")
        metadata.bring(store, made, MetadataFile(tmp_path / name))
        known.append(values_of(store, made))
    assert known[0] == known[1]
    assert known[0]["image 0.png"] == {"age": 1.5, "seen": "2026-02-01", "good": "yes"}
    assert "age" not in known[0]["image 3.png"]


def test_a_large_table_is_read_in_the_memory_of_a_block(store: Store, tmp_path: Path) -> None:
    """30 MB of lines that the project does not know: memory must not follow the file."""
    made = project(store, 50)
    with (tmp_path / "m.csv").open("w") as out:
        out.write("file,about\n")
        out.writelines(f"stranger {i}.png,{'x' * 480}\n" for i in range(60_000))
    tracemalloc.start()
    plan = metadata.preview(store, made, MetadataFile(tmp_path / "m.csv"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert plan.lines == 60_000
    assert (tmp_path / "m.csv").stat().st_size > 27e6
    assert peak < 8e6


def test_a_column_of_thousands_of_values_comes_in_and_offers_the_commonest(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 20_000, queued=1)
    rows = [(f"image {i}.png", f"patient {max(i, 9)}") for i in range(20_000)]
    plan = metadata.bring(store, made, table(tmp_path / "m.csv", ("file", "patient"), rows))
    assert plan.new == 20_000
    (one,) = metadata.known(store, made).columns
    assert one.extent.distinct == 19_991
    assert len(one.values) == metadata.MOST_VALUES
    assert one.values[0] == ("patient 9", 10)


def test_what_is_not_accepted_is_seen_by_nobody_and_swept_later(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 3)
    aside = metadata_values.MetadataColumn(0, "site", "text", "table", "", 0, False)
    with store.write() as connection:  # an import that was killed
        number = metadata_values.begin(connection, made, aside, 1.0)
        metadata_values.put(connection, made, number, {i: "x" for i in ids_of(store, made)})
    assert metadata.known(store, made).columns == ()
    metadata.bring(store, made, table(tmp_path / "m.csv", ("file", "site"), [("image 0.png", "y")]))
    assert values_of(store, made) == {"image 0.png": {"site": "y"}}
    assert rows_left(store) == (1, 1, 1)


def test_who_may_not_read_file_names_reads_no_metadata_and_brings_none_in(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 3, known_classes="answer key")
    ana, ben = people.annotator(store, "Ana"), people.annotator(store, "Ben")
    people.set_role(store, made, None, ana.id, "owner")
    file = table(tmp_path / "m.csv", ("file", "site"), [("image 0.png", "y")])
    with pytest.raises(NotAllowed):
        metadata.bring(store, made, file, ben.id)
    metadata.bring(store, made, file, ana.id)
    assert metadata.known(store, made, ben.id).columns == ()
    assert len(metadata.known(store, made, ana.id).columns) == 1


# -- from paths and files ----------------------------------------------------------------------


def test_parts_of_paths_are_metadata_of_images_that_come_later_too(
    store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "in"
    for i, (site, patient) in enumerate((s, p) for s in SCRIPTS for p in (1, 2)):
        place = root / site / str(patient)
        place.mkdir(parents=True)
        picture(i).save(place / f"{i}.png")
    spec = {"kind": "folder", "path": str(root), "copy": True}
    settings = replace(BY_HAND, resolution=8)
    made = projects.create(store, "paths", spec, "none", settings, ("cat", "dog"))
    projects.import_now(store, made, 1)
    plan = metadata.preview_path(store, made, "{site}/{patient}/*")
    assert (plan.matching, plan.images) == (10, 10)
    assert plan.kinds == {"site": "text", "patient": "number"}
    assert metadata.add_path(store, made, "{site}/{patient}/*") == ["site", "patient"]
    metadata.read_now(store, made, 1)
    assert values_of(store, made)["北方/2/5.png"] == {"site": "北方", "patient": 2.0}
    (root / "北方" / "7").mkdir()
    picture(99).save(root / "北方" / "7" / "new.png")
    more_images.add(store, made, spec)
    projects.import_now(store, made, 1)
    metadata.read_now(store, made, 1)
    assert values_of(store, made)["北方/7/new.png"] == {"site": "北方", "patient": 7.0}
    assert metadata.add_path(store, made, "{site}/{patient}/*") == []
    with pytest.raises(InvalidSettings, match="no path fits"):
        metadata.add_path(store, made, "x{site}/{a}/{b}/{c}/*")
    with pytest.raises(InvalidSettings, match="already, of something else"):
        metadata.add_path(store, made, "{site}/*/*")


def picture(number: int) -> Image.Image:
    noise = np.random.default_rng(number).integers(0, 256, (9, 7, 3), np.uint8)
    return Image.fromarray(noise)


def test_date_and_camera_are_read_of_exif_and_damaged_exif_tells_nothing(
    store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "in"
    root.mkdir()
    for i, form in enumerate(("jpg", "png", "webp", "tiff")):
        exif = Image.Exif()
        exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", f"Canon EOS {i}"
        photo = exif.get_ifd(ExifTags.IFD.Exif)
        photo[ExifTags.Base.DateTimeOriginal] = f"2026:03:0{i + 1} 10:20:30"
        if form == "tiff":  # Pillow writes no directory of the photograph into these
            exif[ExifTags.Base.DateTime] = f"2026:03:0{i + 1} 10:20:30"
        picture(i).save(root / f"{i}.{form}", exif=exif)
    picture(7).save(root / "plain.png")
    whole = (root / "0.jpg").read_bytes()
    at = whole.index(b"Exif\0\0")
    (root / "broken.jpg").write_bytes(whole[: at + 10] + b"\xff" * 20 + whole[at + 30 :] + b"x")
    spec = {"kind": "folder", "path": str(root), "copy": False}
    made = projects.create(
        store, "exif", spec, "none", replace(BY_HAND, resolution=8), ("cat", "dog")
    )
    projects.import_now(store, made, 1)
    metadata.read_exif(store, made)
    metadata.read_now(store, made, 1)
    known = values_of(store, made)
    for i, form in enumerate(("jpg", "png", "webp", "tiff")):
        assert known[f"{i}.{form}"] == {
            "date taken": f"2026-03-0{i + 1}T10:20:30", "camera": f"Canon EOS {i}",
        }  # fmt: skip
    assert "plain.png" not in known
    assert known.get("broken.jpg", {}).get("camera") in (None, "Canon EOS 0")


def test_kinds_are_told_from_values() -> None:
    assert guess(["1", "2.5", "-3e4", "1,5"]) == "number"
    assert guess(["01", "02"]) == guess(["1", "a"]) == guess([]) == "text"
    assert guess(["2026-01-02", "2026:01:02 10:00:00", "2026-01-02T10:00:00+02:00"]) == "date"
    assert parse("date", "2026-02-30") is None
    assert parse("number", "1e999") is None
    assert parse("text", "x" * 501) is None


@pytest.mark.parametrize(
    ("text", "error"),
    [("plain/*", "names no part"), ("{a}/{a}", "twice"), ("{}/x", "1 to 100 visible")],
)
def test_a_pattern_that_cannot_be_is_refused(text: str, error: str) -> None:
    with pytest.raises(InvalidSettings, match=error):
        PathPattern.of(text)


# -- out ---------------------------------------------------------------------------------------


@pytest.fixture
def labeled(store: Store, tmp_path: Path) -> int:
    """A project with metadata in five scripts and ten labels."""
    made = project(store, 12)
    rows = [(f"image {i}.png", SCRIPTS[i % 5], i / 2) for i in range(12)]
    metadata.bring(store, made, table(tmp_path / "known.csv", ("file", "site", "age"), rows))
    tab = Tab(store, made)
    for i in range(10):
        tab.answer(tab.next(), i % 2)
    return made


def test_every_format_that_has_room_carries_metadata(store: Store, labeled: int) -> None:
    for form in FORMATS.values():
        if form.content == "labels" and form.holds_more:
            data = exported(store, labeled, form.name)
            if form.suffix == ".zip":
                assert len(data) > 100
            elif form.name == "parquet":
                out = pq.read_table(io.BytesIO(data))
                assert str(out.schema.field("meta.age").type) == "double"
                assert set(out["meta.site"].to_pylist()) == set(SCRIPTS)
            else:
                text = data.decode()
                assert "meta.site" in text, form.name
                assert "北方" in text or "\\u5317" in text, form.name


def test_what_was_exported_comes_in_again(store: Store, labeled: int, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_bytes(exported(store, labeled, "csv"))
    plan = metadata.preview(store, labeled, MetadataFile(tmp_path / "out.csv"))
    assert [c.name for c in plan.columns] == ["site", "age"]
    assert (plan.new, plan.changed, plan.unchanged) == (0, 0, 20)


def test_a_snapshot_keeps_the_metadata_of_then(store: Store, labeled: int, tmp_path: Path) -> None:
    snapshots.make(store, labeled, "then")
    number = snapshots.named(store, labeled, "then").id
    wish = Wish("parquet", ("metadata",), snapshot=number)
    before = b"".join(exporting.prepare(store, labeled, wish).blocks())
    metadata.remove(store, labeled, "site")
    assert b"".join(exporting.prepare(store, labeled, wish).blocks()) == before
    assert "meta.site" in pq.read_schema(io.BytesIO(before)).names
    assert "meta.site" not in label_rows(store, labeled)[0]


def test_a_copy_knows_the_same_and_deleting_it_leaves_no_row(store: Store, labeled: int) -> None:
    (store.workspace.project(labeled)).mkdir(parents=True, exist_ok=True)
    before = rows_left(store)
    copy_id = whole_projects.copy(store, labeled, "copy")
    assert values_of(store, copy_id) == values_of(store, labeled)
    assert rows_left(store) == tuple(2 * n for n in before)
    whole_projects.delete(store, copy_id, "copy")
    assert rows_left(store) == before


def test_a_removed_column_is_gone_with_its_values_and_texts(store: Store, labeled: int) -> None:
    metadata.remove(store, labeled, "site")
    assert rows_left(store) == (1, 0, 12)
    with pytest.raises(InvalidSettings, match="there are: 'age'"):
        metadata.remove(store, labeled, "site")


def test_commands_bring_in_show_and_remove(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    project(store, 4)
    monkeypatch.setenv("ALCORE_WORKSPACE", str(store.workspace.root))
    rows = [(f"image {i}.png", i, "x") for i in range(3)] + [("who.png", 1, "x")]
    table(tmp_path / "m.csv", ("file", "age", "site"), rows)
    bring = ("import", "animals", str(tmp_path / "m.csv"))
    for command, text in (
        ((*bring, "--preview"), "3 of 4 images, 6 values would"),
        ((*bring, "--kind", "age=text"), "age (text)"),
        (("path", "animals", "image {no}.*"), "4 of 4 paths fit: no (number)"),
        (("show", "animals"), "path image {no}.*"),
        (("remove", "animals", "age"), ""),
    ):
        main(["metadata", *command], standalone_mode=False)
        assert text in capsys.readouterr().out
    assert {c.column.name for c in metadata.known(store, 1).columns} == {"site", "no"}


# -- used --------------------------------------------------------------------------------------


def test_review_filters_and_sorts_by_metadata(store: Store, labeled: int) -> None:
    columns = {c.name: c.id for c in metadata.columns(store, labeled)}
    ana = people.annotator(store, "Ana").id

    def names(**wanted: object) -> list[str]:
        page = review.page(store, labeled, ana, review.Filter(**wanted), 0, 50)
        assert page.total == len(page.rows)
        return [row.name for row in page.rows]

    everything = names()
    assert len(everything) == 10
    site = Condition(columns["site"], text="北方")
    assert set(names(condition=site)) == set(everything) & {"image 2.png", "image 7.png"}
    part = Condition(columns["site"], text="ев")  # no value is that: a part of one
    assert set(names(condition=part)) == set(everything) & {"image 1.png", "image 6.png"}
    young = Condition(columns["age"], low=0.5, high=1.5)
    ages = {f"image {i}.png": i / 2 for i in range(12)}
    assert {ages[name] for name in names(condition=young)} <= {0.5, 1.0, 1.5}
    assert names(condition=Condition(columns["age"], absent=True)) == []
    rising = [ages[name] for name in names(sort=columns["age"])]
    assert rising == sorted(ages[name] for name in everything)
    falling = [ages[name] for name in names(sort=columns["age"], falling=True)]
    assert falling == rising[::-1]
    by_text = names(sort=columns["site"])
    sites = [SCRIPTS[int(name.split()[1].split(".")[0]) % 5] for name in by_text]
    assert sites == sorted(sites)
    with pytest.raises(UnknownItem, match="no column 999"):
        names(condition=Condition(999))


def test_images_without_a_value_come_last_whatever_the_direction(
    store: Store, labeled: int, tmp_path: Path
) -> None:
    rows = [("image 3.png", 5), ("image 4.png", 2)]
    metadata.bring(store, labeled, table(tmp_path / "few.csv", ("file", "dose"), rows))
    (dose,) = (c.id for c in metadata.columns(store, labeled) if c.name == "dose")
    ana = people.annotator(store, "Ana").id
    for falling in (False, True):
        wanted = review.Filter(sort=dose, falling=falling)
        names = [row.name for row in review.page(store, labeled, ana, wanted, 0, 50).rows]
        known = [name for name in names if name in ("image 3.png", "image 4.png")]
        assert names[: len(known)] == known
        assert known in (["image 4.png", "image 3.png"][:: -1 if falling else 1], known[:1])
    absent = review.Filter(condition=Condition(dose, absent=True))
    assert review.page(store, labeled, ana, absent, 0, 50).total == 10 - len(known)


def test_the_map_has_a_shade_or_a_colour_for_each_value(store: Store, labeled: int) -> None:
    columns = {c.name: c.id for c in metadata.columns(store, labeled)}
    ana = people.annotator(store, "Ana").id
    site = maps.known(store, labeled, ana, columns["site"])
    assert sorted(site.about["names"]) == sorted(SCRIPTS)
    shown = [site.about["names"][place] for place in site.arrays["value"]]
    assert shown == [SCRIPTS[i % 5] for i in range(12)]
    age = maps.known(store, labeled, ana, columns["age"])
    assert age.about["ramp"] == ["0.0", "5.5"]
    assert age.arrays["value"].tolist() == [round(254 * i / 11) for i in range(12)]
    with pytest.raises(UnknownItem):
        maps.known(store, labeled, ana, 999)


def test_the_grid_shows_images_of_one_value_alone(store: Store, tmp_path: Path) -> None:
    made = project(store, 40)
    look(store, made)
    rows = [(f"image {i}.png", "north" if i < 8 else "south") for i in range(40)]
    metadata.bring(store, made, table(tmp_path / "m.csv", ("file", "site"), rows))
    (site,) = (c.id for c in metadata.columns(store, made))
    ana = people.annotator(store, "Ana").id
    with store.read() as connection:
        classes = [c.id for c in projects_of(connection, made)]
    northern = grid.Choice(class_id=classes[0], condition=Condition(site, text="north"))
    claim = grid.TileClaim(made, ana, "tab", 30)
    answer = grid.tiles(store, PredictionCache(store), claim, northern)
    first = set(ids_of(store, made)[:8])
    assert answer.leases and {lease.item_id for lease in answer.leases} <= first
    assert sum(answer.counts.values()) == 8
    southern = grid.Choice(like=ids_of(store, made)[0], condition=Condition(site, text="south"))
    claim = grid.TileClaim(made, ana, "other", 30)
    like = grid.tiles(store, PredictionCache(store), claim, southern)
    assert like.leases and not {lease.item_id for lease in like.leases} & first


@pytest.mark.parametrize(
    ("kind", "values", "names"),
    [
        ("text", ["b", "a", "b", None], ["b", "a", "not known"]),
        ("number", [1.0, 2.0, 2.0], ["1", "2"]),
        ("number", [float(i) for i in range(8)], ["0 to 1", "2 to 3", "4 to 5", "6 to 7"]),
        ("date", [0.0, 86_400.0], ["1970-01-01", "1970-01-02"]),
        ("date", [0.0, 40 * 86_400.0], ["1970-01", "1970-02"]),
        ("date", [0.0, 800 * 86_400.0], ["1970", "1972"]),
        ("text", [], []),
        ("number", [None], ["not known"]),
    ],
)
def test_a_holdout_is_divided_by_values(kind: str, values: list, names: list[str]) -> None:
    places, found = divide(kind, values)
    assert found == names
    assert len(places) == len(values)


def test_a_column_of_thousands_of_values_has_twenty_slices_and_the_rest() -> None:
    values = [f"patient {i // 2}" for i in range(5_000)] + ["often"] * 50
    places, names = divide("text", values)
    assert len(names) == 21
    assert (names[0], names[-1]) == ("often", "all other values")
    slicing = accuracy_by("patient", places, names, np.arange(5_050) % 4 > 0)
    assert sum(one.images for one in slicing.slices) == 5_050
    assert not slicing.slices[0].small
    assert slicing.slices[1].small
    for one in slicing.slices:
        assert one.low <= one.accuracy <= one.high
        assert (one.low, one.high) == metrics.wilson(round(one.accuracy * one.images), one.images)


def test_slices_are_measured_on_the_rounds_holdout(store: Store, tmp_path: Path) -> None:
    made = project(store, 80, held=60)
    ids = ids_of(store, made)
    held = np.array(ids[20:])
    summary = add_round(store, made, 0.5, holdout_ids=held)
    rows = [(f"image {i}.png", "north" if i < 70 else "south") for i in range(80)]
    metadata.bring(store, made, table(tmp_path / "m.csv", ("file", "site"), rows))
    answer = slicing.of_column(store, made, summary.number, "site")
    assert {one.name: one.images for one in answer.slices} == {"north": 50, "south": 10}
    assert [one.small for one in answer.slices] == [False, True]
    path = round_arrays(store.workspace.project(made), summary.number)
    with np.load(path) as arrays:
        right = arrays["holdout_true"] == arrays["holdout_predicted"]
        north = np.isin(arrays["holdout_ids"], ids[:70])
    assert answer.slices[0].accuracy == right[north].mean()
    with pytest.raises(UnknownItem, match="no column 'x'"):
        slicing.of_column(store, made, summary.number, "x")
