"""Owns the proof that classes and whole projects change under people who label and look."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made import Tab, label_rows
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import text

from alcore.services import classes, projects
from alcore.store import Store

from .conftest import START, OpenBoard, Server, choose_option, choose_tab

pytestmark = pytest.mark.browser

ANSWERS = "**/board/*/answer"


def open_tab(server: Server, context: BrowserContext, project_id: int, tab: str) -> Page:
    page = context.new_page()
    page.goto(f"{server.url}/setup?project={project_id}&annotator=Ana")
    choose_tab(page, tab)
    return page


def labels_of(store: Store, project_id: int) -> list[str]:
    return sorted(row["class"] for row in label_rows(store, project_id))


def test_classes_are_merged_and_undone_on_the_page(server: Server, context: BrowserContext) -> None:
    project, store = server.project("merging", ["cat", "<b>dog</b>", "owl"], 30), server.store()
    tab = Tab(store, project.id)
    for place in range(3):
        tab.answer(tab.next(), place)
    page = open_tab(server, context, project.id, "Classes")
    page.get_by_role("button", name="Merge", exact=True).or_(
        page.get_by_role("radio", name="Merge", exact=True)
    ).first.click()
    choose_option(page, page.get_by_role("combobox", name="Classes"), "<b>dog</b>")
    page.keyboard.press("Escape")
    expect(page.get_by_text("1 image counts as cat from then on")).to_be_visible()
    page.locator("[class*=do-merge] button").click()
    expect(page.get_by_text("the newest: merged the classes")).to_be_visible()
    assert labels_of(store, project.id) == ["cat", "cat", "owl"]
    page.get_by_role("button", name="Undo").click()
    undone = page.locator(".su-log", has_text="undid this change of classes")
    expect(undone).to_have_count(1)  # there is a stale copy of the log of before for a moment
    assert labels_of(store, project.id) == ["<b>dog</b>", "cat", "owl"]
    store.close()


def test_answers_that_wait_in_a_browser_arrive_as_the_merged_class_or_are_refused_in_words(
    server: Server, open_board: OpenBoard
) -> None:
    project, store = server.project("late", ["left", "right", "ahead"], 30), server.store()
    board = open_board(project, "Lea")
    board.page.route(ANSWERS, lambda route: route.abort())
    merged = board.press("2")
    board.expect_pending(1)
    deleted = board.press("3")
    board.expect_pending(2)
    left, right, ahead = (c.id for c in project.classes)
    classes.merge(store, project.id, [right], left)
    classes.delete(store, project.id, ahead)
    board.page.unroute(ANSWERS)
    board.expect_pending(0)
    expect(board.part("toast")).to_contain_text("The class 'ahead' was deleted meanwhile")
    board.expect_saved(1)
    expect(board.root.locator(".class")).to_have_count(1)
    expect(board.root.locator(".class .name")).to_have_text("left")
    assert [(row["class"], row["annotator"]) for row in label_rows(store, project.id)] == [
        ("left", "Lea")
    ]
    asked = {one.item_id for one in Tab(store, project.id, "Ben").claim(40).leases}
    with store.read() as connection:  # it went on to whoever asked first, maybe to Lea again
        held = set(connection.execute(text("SELECT item_id FROM lease")).scalars())
    assert deleted in held
    assert merged not in asked
    store.close()


def test_answers_wait_while_a_project_is_archived(server: Server, open_board: OpenBoard) -> None:
    project, store = server.project("resting", ["left", "right"], 30), server.store()
    board = open_board(project, "Rae")
    board.item()
    projects.archive(store, project.id)
    item = board.press("1")
    expect(board.part("toast")).to_contain_text("Your answers are kept")
    projects.archive(store, project.id, away=False)
    board.page.reload()
    board.opened()
    board.expect_pending(0)
    assert [e.item_id for e in server.events(project, "Rae")] == [item]
    store.close()


def test_a_project_is_copied_and_the_copy_deleted_under_its_typed_name(
    server: Server, context: BrowserContext
) -> None:
    project, store = server.project("first one", ["cat", "dog"], 30), server.store()
    page = open_tab(server, context, project.id, "Danger zone")
    page.get_by_label("Name of the copy").fill("second one")
    page.get_by_label("Name of the copy").press("Tab")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("heading", name="second one")).to_be_visible()
    copy = projects.named(store, "second one")
    assert projects.item_counts(store, copy.id) == projects.item_counts(store, project.id)
    page = open_tab(server, context, copy.id, "Danger zone")
    field = page.get_by_label("Type the project's name to delete it")
    field.fill("second")
    field.press("Tab")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("nothing was deleted")).to_be_visible()
    field.fill("second one")
    field.press("Tab")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="second one")).to_have_count(0)
    assert "second one" not in [p.name for p in projects.list_projects(store, archived=True)]
    assert not store.workspace.project(copy.id).exists()
    store.close()


def test_a_file_with_new_classes_asks_what_becomes_of_them_and_a_snapshot_is_made(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    project, store = server.project("asking", ["cat"], 30), server.store()
    file = tmp_path / "labels.csv"
    file.write_text("file,class\nshapes/000001.png,cat\nshapes/000002.png,emu\n")
    page = context.new_page()
    page.goto(
        f"{server.url}/exchange?project={project.id}&annotator=Ana&exchange-section=labels+in"
    )
    page.locator("input[type=file]").set_input_files(file, timeout=1000 * START)
    expect(page.get_by_text("Say what becomes of them to go on.")).to_be_visible()
    expect(page.get_by_role("button", name="Bring in")).to_have_count(0)
    page.get_by_text("Leave its lines out").click()
    expect(page.get_by_role("button", name="Bring in 1 labels")).to_be_visible()
    page.get_by_text("Add it").click()
    page.get_by_role("button", name="Bring in 2 labels").click()
    expect(page.get_by_text("2 labels came in")).to_be_visible()
    assert labels_of(store, project.id) == ["cat", "emu"]

    page.goto(f"{server.url}/exchange?project={project.id}&annotator=Ana")
    page.get_by_label("Name these labels", exact=True).fill("first")
    page.get_by_label("Name these labels", exact=True).press("Tab")
    page.get_by_role("button", name="Make a snapshot").click()
    expect(page.get_by_text("those of the snapshot “first”")).to_be_visible()
    emu = {c.name: c.id for c in projects.get(store, project.id).classes}["emu"]
    classes.rename(store, project.id, emu, "ostrich")
    page.goto(f"{server.url}/exchange?project={project.id}&annotator=Ana")
    choose_option(page, page.get_by_role("combobox", name="Labels", exact=True), "first")
    link = page.get_by_role("link", name="Download .csv")
    expect(link).to_have_attribute("href", re.compile("snapshot="))
    with page.expect_download() as download:
        link.click()
    table = Path(download.value.path()).read_text("utf-8")
    assert "emu" in table and "ostrich" not in table
    store.close()
