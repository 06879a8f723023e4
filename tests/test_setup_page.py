"""Owns the tests of the set-up page without a browser, and of its service."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from alcore import strategies
from alcore.config import LearnerRule, Workspace
from alcore.datasets.source_preview import preview_source
from alcore.errors import ImportRefused, WorkspaceUnusable
from alcore.services import (
    guidelines,
    metadata,
    near_duplicates,
    people,
    pretraining,
    projects,
    setup,
    watching,
)
from alcore.services import ready as ready_projects
from alcore.services.folders import Folders
from alcore.store import Store, watched_folders
from alcore.web import state

APP = str(Path(__file__).parent.parent / "app.py")
NASTY = ':red[x] <b>b</b> **s** [l](http://e.example) www.e.example $x^2$ `c` :smile: "q"'


@pytest.fixture
def store(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store that pages open in this process."""
    monkeypatch.setenv("ALCORE_WORKSPACE", str(workspace.root))
    for kept in (state.runtime, state.store, state.tickets):
        kept.cache_clear()
    yield state.store()
    state.store().close()
    for kept in (state.runtime, state.store, state.tickets):
        kept.cache_clear()


@pytest.fixture
def page(store: Store) -> Callable[..., AppTest]:
    def opened(project: str = "") -> AppTest:
        # Pages are known, and links between them possible, once the app itself has run.
        test = AppTest.from_file(APP, default_timeout=60).run().switch_page("pages/setup.py")
        test.query_params.clear()
        if project:
            test.query_params["project"] = project
        return test.run()

    return opened


def pictures(folder: Path, names: list[str], side: int = 20) -> Path:
    rng = np.random.default_rng(7)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
    return folder


def ready(store: Store, name: str = "made", size: int = 40) -> int:
    made = projects.create(store, name, {"kind": "shapes", "size": size, "classes": 3})
    projects.import_now(store, made, 1)
    return made


def written(markdown: str) -> str:
    """What a person reads where text is kept from being Markdown."""
    return markdown.replace("\\", "").replace("\u2060", "")


def press(test: AppTest, label: str) -> AppTest:
    (button,) = [b for b in test.button if b.label == label]
    return button.click().run()


def field(test: AppTest, label: str) -> object:
    kinds = (*test.text_input, *test.text_area, *test.number_input, *test.selectbox, *test.radio)
    (found,) = [w for w in (*kinds, *test.toggle) if w.label == label]
    return found


def html(test: AppTest) -> str:
    return " ".join(element.proto.body for element in test.get("html"))


def errors(test: AppTest) -> list[str]:
    assert not test.exception
    return [error.value.replace("\\", "").replace("\u2060", "") for error in test.error]


def test_an_empty_workspace_opens_on_a_form_that_can_be_sent_at_once(
    store: Store, page: Callable[..., AppTest]
) -> None:
    test = press(page(), "Create")
    assert not errors(test)
    (made,) = projects.list_projects(store)
    assert (made.name, made.has_key, made.settings.resolution) == ("digits", True, 8)
    assert made.settings.augmentation == "shift"
    assert test.selectbox(key="project-choice").value == str(made.id)


def test_pressing_create_again_makes_no_second_project(
    store: Store, page: Callable[..., AppTest]
) -> None:
    test = page()
    # The second click of a double click comes with the state of the form that the first one saw.
    (button,) = [b for b in test.button if b.label == "Create"]
    button.click()
    test.run()
    test.query_params["project"] = "new"
    test.run()
    assert len(projects.list_projects(store)) == 1
    assert "digits" in html(test) and "New project" not in html(test)


def test_a_list_of_addresses_is_looked_at_and_begins_a_project_with_the_name_of_its_source(
    store: Store, page: Callable[..., AppTest]
) -> None:
    test = page()
    field(test, "Where the images are").set_value("addresses").run()
    box = field(test, "Addresses, one a line")
    box.set_value("no address").run()
    (error,) = errors(test)
    assert "There is no address in the list" in error
    box = field(test, "Addresses, one a line")
    box.set_value("http://127.0.0.1:1/1.png\nhttp://127.0.0.1:1/2.png").run()
    assert not errors(test) and "2 images" in html(test)
    assert "leads into a private network" in html(test)
    # A click right after the choice of a source comes with the name suggested for the last one.
    field(test, "Name of the project").set_value("digits")
    press(test, "Create")
    assert not errors(test)
    (made,) = projects.list_projects(store)
    assert made.name == "addresses"
    assert [path.suffix for path in store.workspace.addresses(made.id).iterdir()] == [".list"]


def test_the_project_that_the_address_names_is_shown(
    store: Store, page: Callable[..., AppTest]
) -> None:
    ready(store, "one")
    two = ready(store, NASTY)
    test = page(str(two))
    assert field(test, "Name of the project").value == NASTY
    assert test.selectbox(key="project-choice").value == str(two)
    missing = page("77")
    assert field(missing, "Name of the project").value == "one"


def test_a_name_that_is_markup_is_written_as_it_is(
    store: Store, page: Callable[..., AppTest]
) -> None:
    ready(store, NASTY)
    test = page()
    assert "&lt;b&gt;b&lt;/b&gt;" in html(test) and "<b>b</b>" not in html(test)
    assert test.selectbox(key="project-choice").options == [NASTY]


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("missing", "does not exist"),
        ("empty", "is an empty folder"),
        ("one", "has one image only"),
    ],
)
def test_a_folder_that_cannot_be_imported_is_refused_before_a_project_is_made(
    store: Store, page: Callable[..., AppTest], tmp_path: Path, typed: str, complaint: str
) -> None:
    (tmp_path / "empty").mkdir()
    pictures(tmp_path / "one", ["a.png"])
    test = page()
    field(test, "Where the images are").set_value("folder").run()
    field(test, "Path of the folder").set_value(str(tmp_path / typed)).run()
    (error,) = errors(test)
    assert complaint in error
    (create,) = [b for b in test.button if b.label == "Create"]
    assert create.disabled
    assert projects.list_projects(store) == []


def test_a_flat_folder_gets_typed_classes_and_a_doubled_one_is_refused(
    store: Store, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "scans", [f"{i}.png" for i in range(12)])
    test = page()
    field(test, "Where the images are").set_value("folder").run()
    field(test, "Path of the folder").set_value(f' "{folder}" ').run()
    field(test, "Classes").set_value("cat\ncat").run()
    test = press(test, "Create")
    assert "'cat' is doubled" in errors(test)[0]
    assert field(test, "Classes").value == "cat\ncat"
    field(test, "Classes").set_value('<b>cat</b>\n"dog", small').run()
    test = press(test, "Create")
    assert not errors(test)
    (made,) = projects.list_projects(store)
    assert [c.name for c in made.classes] == ["<b>cat</b>", '"dog", small']
    assert (made.name, made.has_key) == ("scans", False)
    projects.import_now(store, made.id, 1)
    assert setup.report(store, made.id).images == 12


def test_a_table_and_paths_tell_a_new_project_of_its_images_before_the_holdout_is_drawn(
    store: Store, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "scans", [f"p{i % 4}/{i}.png" for i in range(24)], 9)
    table = tmp_path / "scans.csv"
    table.write_text("picture,age\n" + "".join(f"{i}.png,{i % 7}\n" for i in range(20)))
    test = page()
    field(test, "Where the images are").set_value("folder").run()
    field(test, "Path of the folder").set_value(str(folder)).run()
    field(test, "The known classes are").set_value("none").run()
    field(test, "Or the name of a table on this computer").set_value(str(table)).run()
    assert errors(test) == ["scans.csv has the columns picture, age; say which names the image."]
    (create,) = [b for b in test.button if b.label == "Create"]
    assert create.disabled
    table.write_text("file" + table.read_text().removeprefix("picture"))
    field(test, "Parts of the path").set_value("{patient}/*").run()
    together = "Images that stay together, all in the holdout or all in the pool, by"
    assert field(test, together).options == ["patient", "age"]
    field(test, together).set_value("patient").run()
    test = press(test, "Create")
    assert not errors(test)
    (made,) = projects.list_projects(store)
    projects.import_now(store, made.id, 1)
    columns = {c.column.name: c for c in metadata.known(store, made.id).columns}
    assert columns["age"].extent.images == 20 and columns["patient"].extent.images == 24
    assert columns["patient"].column.grouping and not columns["age"].column.grouping


def test_settings_saved_by_somebody_else_are_not_overwritten_unseen(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made = ready(store)
    test = page()
    field(test, "Batch size").set_value(17).run()
    theirs = projects.get(store, made)
    projects.edit(store, theirs, replace(theirs.settings, batch_size=5))
    test = press(test, "Save")
    assert "Somebody else" in test.warning[0].value
    assert field(test, "Batch size").value == 17
    assert projects.get(store, made).settings.batch_size == 5
    test = press(test, "Save mine over theirs")
    assert projects.get(store, made).settings.batch_size == 17


def test_what_is_not_saved_yet_is_named_until_it_is_saved_or_discarded(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made = ready(store)
    test = page()
    assert "nothing was changed" in html(test) and "Not saved yet" not in html(test)
    field(test, "Batch size").set_value(17).run()
    field(test, "Name of the project").set_value("<b>other").run()
    assert "Not saved yet: name, batch size" in html(test)
    test = press(test, "Discard")
    assert "Not saved yet" not in html(test)
    assert field(test, "Batch size").value == projects.get(store, made).settings.batch_size
    field(test, "Batch size").set_value(17).run()
    test = press(test, "Save")
    assert "Saved." in html(test) and "Not saved yet" not in html(test)
    assert projects.get(store, made).settings.batch_size == 17


def test_strategies_are_chosen_by_what_they_look_for_and_one_is_recommended(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made = ready(store)
    test = page()
    assert field(test, "What to look for").value == "recommended"
    assert field(test, "Query strategy").options == ["default policy"]
    field(test, "What to look for").set_value("chance, to compare with").run()
    assert "Not saved yet: strategy" in html(test)
    press(test, "Save")
    assert projects.get(store, made).settings.strategy == "random"
    assert field(page(), "What to look for").value == "chance, to compare with"


def test_settings_that_nobody_touched_follow_those_saved_elsewhere(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made = ready(store)
    test = page()
    theirs = projects.get(store, made)
    projects.edit(store, theirs, replace(theirs.settings, batch_size=5), "renamed")
    test.run()
    test.run()
    assert field(test, "Batch size").value == 5
    assert field(test, "Name of the project").value == "renamed"
    assert not test.warning


def test_a_strategy_made_of_others_shows_its_options_and_saves_them(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made = ready(store)
    test = page()
    field(test, "What to look for").set_value("made of other strategies").run()
    field(test, "Query strategy").set_value("mixed").run()
    field(test, "Of which strategy").set_value("entropy").run()
    press(test, "Save")
    settings = projects.get(store, made).settings
    assert settings.strategy == "mixed"
    assert settings.strategy_options == {"of": "entropy", "share": 0.8}


def test_the_learner_is_chosen_and_the_preview_follows_the_augmentation(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made = ready(store)
    test = page()
    before = html(test).count("data:image/png;base64"), html(test)
    field(test, "Network").set_value("resnet18").run()
    field(test, "Where they come from").set_value("torchvision").run()
    field(test, "Rare classes").set_value("sampling").run()
    (augmentation,) = [w for w in test.selectbox if w.label == "Augmentation"]
    augmentation.set_value("crop and colour").run()
    assert not errors(test)
    after = html(test)
    assert before[0] == after.count("data:image/png;base64") == 1 and before[1] != after
    press(test, "Save")
    settings = projects.get(store, made).settings
    assert settings.augmentation == "crop and colour"
    assert settings.learner == LearnerRule(
        network="resnet18", weights="torchvision", balance="sampling"
    )


def test_weights_from_a_file_need_its_path(store: Store, page: Callable[..., AppTest]) -> None:
    ready(store)
    test = page()
    field(test, "Where they come from").set_value("file").run()
    assert "no file is named" in errors(test)[0]
    field(test, "Path of the weights").set_value("/some/where.safetensors").run()
    assert not errors(test)


def test_pretraining_says_its_cost_and_is_started_paused_and_resumed(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made = ready(store)
    test = page()
    assert "images: it takes about" in html(test)
    test = press(test, "Pretrain now")
    assert "Waiting to start" in html(test)
    test = press(test, "Pause")
    assert pretraining.status(store, made).paused
    assert "Paused: 0% are done" in html(test)
    press(test, "Resume")
    assert pretraining.status(store, made).job.state == "waiting"
    pretraining.stop(store, made)
    assert not pretraining.status(store, made).paused


def test_seed_and_holdout_are_read_only_once_the_images_are_in(
    store: Store, page: Callable[..., AppTest]
) -> None:
    ready(store)
    test = page()
    assert "Seed 0. Both were fixed" in html(test)
    assert not [w for w in test.number_input if w.label == "Seed"]


def test_classes_are_added_and_renamed_midway(store: Store, page: Callable[..., AppTest]) -> None:
    made = ready(store)
    test = page()
    field(test, "New classes").set_value("circle").run()
    test = press(test, "Add")
    assert "'circle' is doubled" in errors(test)[0]
    field(test, "New classes").set_value("heart, arrow").run()
    test = press(test, "Add")
    test.segmented_control(f"classes-{made}-action").set_value("Rename").run()
    field(test, "New name").set_value("<i>ring</i>").run()
    press(test, "Rename")
    names = [c.name for c in projects.get(store, made).classes]
    assert names[0] == "<i>ring</i>" and names[-2:] == ["heart", "arrow"]


def test_archiving_puts_away_and_taking_back_brings_back(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made, other = ready(store, "one"), ready(store, "two")
    projects.archive(store, other)
    test = page(str(made))
    (archive,) = [button for button in test.button if button.label == "Archive"]
    assert archive.key.startswith("danger-")
    test = archive.click().run()
    assert not errors(test)
    assert projects.list_projects(store) == []
    assert "Nothing was deleted" in test.info[0].value
    press(test, "Take it back")
    assert [p.id for p in projects.list_projects(store)] == [made]


def test_archived_projects_are_listed_on_demand(store: Store, page: Callable[..., AppTest]) -> None:
    ready(store, "one")
    projects.archive(store, ready(store, "two"))
    test = page()
    assert len(test.selectbox(key="project-choice").options) == 1
    test.toggle(key="show-archived").set_value(True).run()
    assert len(test.selectbox(key="project-choice").options) == 2


def test_a_failed_import_says_why_and_can_be_tried_again(
    store: Store, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "gone", ["a/1.png", "a/2.png", "b/3.png"])
    made = projects.create(store, "gone", {"kind": "folder", "path": str(folder), "copy": True})
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(ImportRefused):
        projects.import_now(store, made, 1)
    test = page()
    assert "does not exist" in errors(test)[0]
    (tmp_path / "elsewhere").rename(folder)
    test = press(test, "Try again")
    projects.import_now(store, made, 1)
    assert projects.get(store, made).state == "ready"
    test.run()
    assert not errors(test)


def test_a_stopped_import_is_resumed(store: Store, page: Callable[..., AppTest]) -> None:
    made = projects.create(store, "stopped", {"kind": "shapes", "size": 40})
    test = press(page(), "Stop")
    job = projects.import_job(store, made)
    assert job is not None and job.state == "cancelled"
    test = press(test, "Resume")
    projects.import_now(store, made, 1)
    assert projects.get(store, made).state == "ready"


def test_left_out_files_are_listed_with_reasons(
    store: Store, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "mixed", ["a/1.png", "a/2.png", "b/3.png"])
    (folder / "a" / "=broken.jpg").write_bytes(b"")
    made = projects.create(store, "mixed", {"kind": "folder", "path": str(folder)})
    projects.import_now(store, made, 1)
    test = page()
    (table,) = [t for t in test.dataframe if "reason" in t.value.columns]
    assert table.value.to_dict("records") == [
        {"file": "a/=broken.jpg", "reason": "the file is empty"}
    ]


def test_a_watched_folder_is_named_with_its_last_look_and_watched_no_more(
    store: Store, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    made, inbox = ready(store), tmp_path / "camera"
    inbox.mkdir()
    watching.watch(store, made, str(inbox), 15)
    with store.write() as connection:
        watched_folders.note(connection, made, time.time(), f"{inbox} does not exist", 0)
    test = page(str(made))
    assert not errors(test)
    said = written(" ".join([html(test), *(one.value for one in test.markdown)]))
    assert "Every 15 minutes; looked at" in said and f"{inbox} does not exist" in said
    assert not errors(press(test, "Stop watching"))
    assert watching.watched(store, made) is None


def test_all_strategies_are_listed_with_needs_paper_and_seconds(
    store: Store, page: Callable[..., AppTest]
) -> None:
    projects.ensure_demo(store, 1)
    (table,) = [t for t in page().dataframe if "paper" in t.value.columns]
    assert list(table.value["name"]) == [strategy.name for strategy in strategies.registered()]
    assert (table.value["seconds"] > 0).all()
    assert table.value.set_index("name").loc["BADGE", "needs"] == "embeddings, probabilities"


def test_a_look_at_an_archive_finds_what_its_import_would(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p", [f"{c}/{i}.png" for c in "ab" for i in range(4)], side=70)
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    found = preview_source({"kind": "archive", "path": str(path)})
    assert found.summary.classes == {"a": 4, "b": 4}
    assert (found.side, found.resolution, len(found.pictures)) == (70, 64, 8)
    assert all(picture.startswith(b"\x89PNG") for picture in found.pictures)


def keep(store: Store, data: bytes, name: str) -> dict[str, object]:
    sent = store.workspace.root / "sent"
    sent.write_bytes(data)
    return setup.keep_upload(store, sent, name)


def test_an_upload_is_stored_by_its_content_and_forgotten_when_nobody_needs_it(
    store: Store,
) -> None:
    first = keep(store, b"first", "../../a.zip")
    again = keep(store, b"first", "b.zip")
    path = Path(str(first["path"]))
    assert again["path"] == first["path"] and first["name"] == "../../a.zip"
    assert path.parent == store.workspace.root / "uploads" and path.read_bytes() == b"first"
    assert not (store.workspace.root / "sent").exists()
    needed = keep(store, b"needed", "needed.zip")
    projects.create(store, "needed", needed)
    for old in (path, Path(str(needed["path"]))):
        os.utime(old, (1, 1))
    keep(store, b"new", "c.zip")
    assert not path.exists() and Path(str(needed["path"])).exists()


def test_an_upload_that_cannot_be_stored_says_so(store: Store) -> None:
    (store.workspace.root / "uploads").write_text("in the way")
    with pytest.raises(WorkspaceUnusable, match="cannot be stored"):
        keep(store, b"x", "a.zip")


def test_keys_are_moved_and_conflicts_refused(store: Store, page: Callable[..., AppTest]) -> None:
    made = projects.create(store, "keyed", {"kind": "digits"}, "answer key")
    projects.import_now(store, made, 1)
    test = page(str(made))

    def give(what: str, key: str) -> AppTest:
        version = projects.get(store, made).version
        slot = f"keys-{made}-{version}"
        test.selectbox(f"{slot}-what").set_value(what).run()
        test.text_input(f"{slot}-{what}-key").set_value(key).run()
        return test.button(f"{slot}-set").click().run()

    assert "key of “Unsure”" in give("skip", "U").error[0].value
    assert projects.get(store, made).settings.keys == {}
    assert not give("skip", "Shift + s").error
    assert projects.get(store, made).settings.keys == {"skip": "⇧s"}
    version = projects.get(store, made).version
    test.button(f"keys-{made}-{version}-standard").click().run()
    assert projects.get(store, made).settings.keys == {}


def test_examples_of_classes_are_listed_and_taken_away(
    store: Store, page: Callable[..., AppTest]
) -> None:
    made = ready(store)
    first = projects.get(store, made).classes[0]
    who = people.annotator(store, "Ana").id
    sent = store.workspace.root / "sent.png"
    Image.new("RGB", (30, 20), "red").save(sent)
    guidelines.upload(store, made, who, first.id, '"><b>red.png', sent)
    test = page(str(made))
    shown = " ".join(html.proto.body for html in test.get("html"))
    assert "/examples/" in shown and "&quot;&gt;&lt;b&gt;red.png" in shown
    assert not press(test, "Remove").exception
    assert guidelines.of_project(store, made) == []
    assert [b for b in test.button if b.label == "Remove"] == []


def test_a_moved_folder_is_named_and_its_new_place_taken(
    store: Store, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    root = pictures(tmp_path / "in", [f"{c}/{n}.png" for c in "ab" for n in range(4)])
    made = projects.create(store, "moved", {"kind": "folder", "path": str(root), "copy": False})
    projects.import_now(store, made, 1)
    root.rename(tmp_path / "there")
    test = press(page(str(made)), "Check the originals")
    assert f"8 originals are missing: the folder {root} is" in written(test.warning[0].value)
    where = next(field for field in test.text_input if field.label == "The folder is now at")
    where.set_value(str(tmp_path / "there")).run()
    press(test, "Use this place")
    projects.import_now(store, made, 1)
    test = press(page(str(made)), "Check the originals")
    assert not test.warning
    assert "All originals are where they were" in html(test)


def test_the_range_of_deep_images_is_shown_and_saved(
    store: Store, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    for number in range(4):
        values = rng.integers(0, 1000, (12, 12)).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / f"{number}.png")
    made = projects.create(store, "deep", {"kind": "folder", "path": str(tmp_path)}, "none")
    projects.import_now(store, made, 1)
    test = page(str(made))
    white = next(field for field in test.number_input if field.label.startswith("White"))
    assert white.value == 1023
    white.set_value(2000).run()
    press(test, "Save")
    assert projects.get(store, made).settings.pixel_range.scale == (0, 2000)


def test_ready_projects_are_what_can_be_had_here_at_once(
    store: Store, page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = store.workspace.root
    monkeypatch.setenv("HOME", str(root / "nowhere"))
    anywhere = Folders()
    assert ready_projects.offers(store.workspace, anywhere) == [ready_projects.SHORTCUT]
    assert len(ready_projects.missing([ready_projects.SHORTCUT])) == 2
    pictures(root / "made", ["frog/1.png", "ship/2.png"])
    with zipfile.ZipFile(root / "cifar10.zip", "w") as archive:
        for path in (root / "made").rglob("*.png"):
            archive.write(path, path.relative_to(root / "made"))
    (root / "datasets" / "FashionMNIST" / "raw").mkdir(parents=True)
    assert len(ready_projects.offers(store.workspace, anywhere)) == 2  # an empty folder is no copy
    (root / "datasets" / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").touch()
    offered = ready_projects.offers(store.workspace, anywhere)
    assert [one.title for one in offered[1:]] == ["FashionMNIST", "CIFAR-10"]
    assert setup.look_at(offered[2].spec, anywhere, store.workspace).summary.total == 2
    assert ready_projects.missing(offered) == []
    # Where pages may name no folder of the server, its data sets are not offered.
    assert ready_projects.offers(store.workspace, Folders(listed=())) == [ready_projects.SHORTCUT]
    test = page("new")
    (kind,) = [r for r in test.radio if r.label == "Where the images are"]
    test = kind.set_value("ready").run()
    (which,) = [r for r in test.radio if r.label == "Which"]
    assert which.options == ["Shapes with a shortcut", "FashionMNIST", "CIFAR-10"]
    next(b for b in test.button if b.label == "Create").click().run()
    spec, _ = setup.source_of(store, projects.named(store, "shapes").id)
    assert spec == ready_projects.SHORTCUT.spec


def test_near_duplicates_are_shown_in_groups(
    store: Store, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "in", [f"{i}.png" for i in range(12)], 32)
    for i in range(3):
        with Image.open(folder / f"{i}.png") as image:
            image.point(lambda value: value * 0.8).save(folder / f"darker {i}.png")
    made = projects.create(
        store, "made", {"kind": "folder", "path": str(folder)}, "none", class_names=("cat", "dog")
    )
    projects.import_now(store, made, 1)
    test = page(str(made))
    assert "6 images are near-duplicates, in 3 groups." in html(test)
    assert html(test).count("<figure") == 6 and 'alt="darker 0.png"' in html(test)
    assert "No near-duplicates lie both in the holdout and in the pool." in html(test)
    press(test, "Look again")
    assert near_duplicates.status(store, made).job is not None
