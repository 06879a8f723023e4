"""Owns the proof that a person takes labels, predictions and files out, and brings labels in."""

from __future__ import annotations

import json
from pathlib import Path

from made import Tab, label_rows
from playwright.sync_api import BrowserContext, expect
from seen import look

from alcore.records import Project

from .conftest import START, Server

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
        page.get_by_role("combobox", name=column).click(timeout=1000 * START)
        page.get_by_role("option", name=name).click()
        expect(page.get_by_role("combobox", name=column)).to_have_value(name)
    expect(page.get_by_text("no image is called so").first).to_be_visible()
    assert label_rows(store, project.id) == []
    page.get_by_role("button", name="Bring in 2 labels").click()
    expect(page.get_by_text("2 labels came in")).to_be_visible()
    assert [row["class"] for row in label_rows(store, project.id)] == ["owl", "owl"]
    store.close()
