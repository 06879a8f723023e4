"""Owns the proof that a person takes labels, predictions and files out, and brings labels in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from made import Tab, label_rows
from playwright.sync_api import BrowserContext, expect
from seen import look

from alcore.loop.round_files import round_arrays
from alcore.records import Project
from alcore.services import completing, metadata

from .conftest import START, Board, Server, choose_option

CLASSES = ["cat", "dog", "owl"]


def labeled(server: Server, name: str) -> Project:
    """A project with three labels and a made-up model."""
    project = server.project(name, CLASSES, 30)
    store = server.store()
    tab = Tab(store, project.id)
    for number in range(3):
        tab.answer(tab.next(), number)
    look(store, project.id)
    store.close()
    return project


def test_labels_and_predictions_are_downloaded(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    project = labeled(server, "out")
    page = context.new_page()
    page.goto(f"{server.url}/exchange?project={project.id}&annotator=Ana&export-format=COCO")
    link = page.get_by_role("link", name="Download .json")
    expect(link).to_be_visible(timeout=1000 * START)
    with page.expect_download() as download:
        link.click()
    document = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert [c["name"] for c in document["categories"]] == CLASSES
    assert len(document["annotations"]) == 3 and download.value.suggested_filename == "out.json"

    page.get_by_role("radio", name="predictions").click()
    link = page.get_by_role("link", name="Download .csv")
    with page.expect_download() as download:
        link.click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert lines[0].startswith("file,class,probability,margin") and len(lines) > 20


def test_a_file_is_looked_at_before_its_labels_come_in(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    project = server.project("in", CLASSES, 30)
    store = server.store()
    file = tmp_path / "labels.csv"
    rows = [f"shapes/{number:06}.png,owl" for number in (1, 2)]
    file.write_text("\n".join(["bild,art", *rows, "nowhere.png,cat"]))
    page = context.new_page()
    page.goto(
        f"{server.url}/exchange?project={project.id}&annotator=Ana&exchange-section=labels+in"
    )
    page.locator("input[type=file]").set_input_files(file)
    for column, name in (("Column of the image", "bild"), ("Column of the class", "art")):
        choose_option(page, page.get_by_role("combobox", name=column), name)
        expect(page.get_by_role("combobox", name=column)).to_have_value(name)
    expect(page.get_by_text("no image is called so").first).to_be_visible()
    assert label_rows(store, project.id) == []
    page.get_by_role("button", name="Bring in 2 labels").click()
    expect(page.get_by_text("2 labels came in")).to_be_visible()
    assert [row["class"] for row in label_rows(store, project.id)] == ["owl", "owl"]
    store.close()


def test_metadata_comes_in_by_a_table_and_is_filtered_sorted_and_coloured_by(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    project = labeled(server, "known")
    store = server.store()
    names = sorted(row["file"] for row in label_rows(store, project.id))
    file = tmp_path / "known.csv"
    rows = [f"{name},{site},{i}" for i, (name, site) in enumerate(zip(names, "NSN", strict=True))]
    file.write_text("\n".join(["file,site,dose", *rows, "nowhere.png,N,9"]))
    page = context.new_page()
    page.goto(f"{server.url}/exchange?project={project.id}&annotator=Ana&exchange-section=metadata")
    expect(page.get_by_text("Nothing yet besides names")).to_be_visible(timeout=1000 * START)
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("no image is called so").first).to_be_visible()
    assert metadata.known(store, project.id).columns == ()
    page.get_by_role("button", name="Bring in 6 values").click()
    expect(page.get_by_text("6 values of 3 images came in")).to_be_visible()
    dose = next(c.id for c in metadata.columns(store, project.id) if c.name == "dose")
    store.close()

    page.goto(f"{server.url}/review?project={project.id}&annotator=Ana&sort=-{dose}")
    tiles = page.locator(".review .tile")
    expect(tiles).to_have_count(3)
    expect(page.get_by_text("sorted by dose")).to_be_visible()
    assert [tile.get_attribute("title") for tile in tiles.all()] == names[::-1]
    page.get_by_label("Metadata").select_option(label="site")
    page.get_by_label("is", exact=True).fill("S")
    expect(tiles).to_have_count(1)
    expect(tiles).to_have_attribute("title", names[1])
    expect(page.get_by_text("site: S · dose: 1")).to_be_visible()

    page.goto(f"{server.url}/map?project={project.id}&annotator=Ana")
    expect(page.locator(".map[data-ready]")).to_be_visible()
    page.locator("select[data-part=way]").select_option(label="site")
    expect(page.get_by_role("button", name="N, 2 images, shown")).to_be_visible()

    page.goto(f"{server.url}/dashboard?project={project.id}&annotator=Ana&section=slices")
    expect(page.get_by_text("Slices appear with the first model that was measured")).to_be_visible()


def test_the_model_labels_what_people_have_checked(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    project = server.project("finish", CLASSES, 120)
    store = server.store()
    tab = Tab(store, project.id)
    tab.answer(tab.next())
    look(store, project.id)
    path = round_arrays(store.workspace.project(project.id), 1)
    with np.load(path) as arrays:
        np.savez(path, head=12 * arrays["head"])  # surer of itself
    page = context.new_page()
    page.goto(
        f"{server.url}/exchange?project={project.id}&annotator=Ana&exchange-section=finish+the+job"
    )
    page.get_by_role("button", name="Draw and check").click(timeout=1000 * START)
    expect(page.get_by_text("0 of 50")).to_be_visible()
    for lease in tab.claim(49).leases:
        assert lease.origin == "check"
        tab.answer(lease)
    page.get_by_role("link", name="Check them").click()
    board = Board(page).opened()
    board.press("1")
    board.expect_saved(1)
    assert completing.newest(store, project.id).is_checked
    page.goto(
        f"{server.url}/exchange?project={project.id}&annotator=Ana&exchange-section=finish+the+job"
    )
    page.get_by_role("button", name="Write").click()
    expect(page.get_by_text("Model 1 labeled")).to_be_visible()
    rest = completing.newest(store, project.id).counts.rest
    page.get_by_role("radio", name="labels out").click()
    with page.expect_download() as download:
        page.get_by_text("Model labels:").click()
        link = page.locator('a.ex-file[href*="model+labels"]')
        expect(link).to_have_count(1)
        link.click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert sum(",model 1," in line for line in lines) == rest > 0
    page.get_by_role("radio", name="finish the job").click()
    page.get_by_role("button", name="Take them back").click()
    expect(page.get_by_text("Model 1 labeled")).to_have_count(0)
    expect(page.get_by_text("images without a label")).to_be_visible()
    store.close()
