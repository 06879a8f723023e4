"""The whole loop as a newcomer meets it: label, models in the background, a growing curve."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from alcore.records import Project
from alcore.services import board_status, projects, training
from alcore.store import items

from .conftest import ROOT, Board, Server, at_rest

SCREENSHOTS = ROOT / "tests" / "screenshots"
PACE = 400
"""Milliseconds between two labels: a quick person."""
PATIENCE = 180_000
"""Milliseconds that a training may take on a busy machine."""
BACKGROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 22, 29)"}
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


def true_names(server: Server, project: Project) -> dict[int, str]:
    """Read what a person would see: the class name of every image that may be asked."""
    names = {c.id: c.name for c in project.classes}
    store = server.store()
    with store.read() as connection:
        ids, classes = items.answer_key(connection, project.id)
    store.close()
    return {int(i): names[int(c)] for i, c in zip(ids, classes, strict=True)}


def named(server: Server, name: str) -> Project:
    store = server.store()
    found = projects.named(store, name)
    store.close()
    return found


def label(board: Board, truth: dict[int, str], keys: dict[str, str], n: int) -> list[int]:
    """Answer n images by keyboard; return them in order."""
    answered = []
    for _ in range(n):
        item = board.item()
        board.page.keyboard.press(keys[truth[item]])
        answered.append(item)
        expect(board.root).not_to_have_attribute("data-item", str(item))
        board.page.wait_for_timeout(PACE)
    return answered


def expect_model(board: Board, number: int) -> None:
    """Wait until the board tells of this model or a later one, trained without being asked."""
    later = re.compile(rf"^([{number}-9]|[1-9]\d+)$")
    expect(board.root).to_have_attribute("data-model", later, timeout=PATIENCE)


def keep_pictures(browser: Browser, server: Server, project: Project) -> None:
    """Take every page's picture, wide and narrow, light and dark."""
    SCREENSHOTS.mkdir(exist_ok=True)
    for size, (width, height) in SIZES.items():
        context = browser.new_context(viewport={"width": width, "height": height})
        for page_name in ("label", "dashboard", "setup"):
            page = context.new_page()
            path = "" if page_name == "label" else page_name
            page.goto(f"{server.url}/{path}?project={project.id}&annotator=me")
            app = page.locator(".stApp")
            at_rest(page)
            if page_name == "label":
                board = Board(page)
                board.item()
                expect(board.root.locator("[data-do=hint]")).to_be_hidden()
            page.wait_for_timeout(1500)
            # The page scrolls inside Streamlit's frame; a tall one shows all of it.
            tall = page.evaluate("() => document.querySelector('.stMain').scrollHeight")
            page.set_viewport_size({"width": width, "height": max(height, tall)})
            for scheme, background in BACKGROUNDS.items():
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                expect(app).to_have_css("background-color", background)
                page.wait_for_timeout(500)
                expect(page.get_by_text("could not be drawn")).to_have_count(0)
                expect(page.locator(".stException")).to_have_count(0)
                page.screenshot(
                    path=SCREENSHOTS / f"{page_name}-{size}-{scheme}.png", full_page=True
                )
            page.close()
        context.close()


def curve_of(page: Page, tmp_path: Path) -> list[dict[str, str]]:
    """Download the learning curve as a person would, and read it."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").first.click()
    path = tmp_path / "curve.csv"
    waiting.value.save_as(path)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_newcomer_labels_sixty_digits_and_watches_accuracy_grow(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(server.url)
    board = Board(page)
    board.item()
    project = named(server, "digits")
    truth = true_names(server, project)
    keys = {name: name for name in truth.values()}
    labeled = label(board, truth, keys, 30)
    expect_model(board, 1)
    labeled += label(board, truth, keys, 30)
    expect_model(board, 2)
    board.expect_saved(60)
    assert len(set(labeled)) == 60

    page.goto(f"{server.url}/dashboard?project={project.id}")
    page.wait_for_function(
        "() => document.body.innerText.match(/accuracy of model [3-9]/)", timeout=PATIENCE
    )
    page.get_by_role("button", name="Train now").click(timeout=PATIENCE)
    wait_for_model(server, project, labels=60)
    # The charts follow by themselves; nobody reloads the page.
    live: list[tuple[int, float]] = []
    for _ in range(60):
        rows = curve_of(page, tmp_path)
        live = [(int(r["labels"]), float(r["value"])) for r in rows if r["series"] == "live"]
        if live[-1][0] == 60 and any(r["series"] == "random" for r in rows):
            break
        page.wait_for_timeout(1000)
    print(f"accuracy after 60 labels: {live[-1][1]:.3f}, at least 0.85 wanted; curve {live}")
    assert live[-1][0] == 60
    assert live[-1][1] > 0.85
    assert live[-1][1] > live[0][1]
    assert any(r["series"] == "random" for r in rows), "random labeling is drawn beside it"
    keep_pictures(browser, server, project)
    context.close()


def wait_for_model(server: Server, project: Project, labels: int) -> None:
    """Wait until the newest model knows that many labels."""
    store = server.store()
    for _ in range(PATIENCE // 200):
        latest = training.status(store, project.id).latest
        if latest is not None and latest.labels >= labels:
            break
        time.sleep(0.2)
    else:
        pytest.fail(f"no model of {labels} labels came")
    store.close()


def test_two_browsers_label_at_once_and_share_no_image(browser: Browser, server: Server) -> None:
    project = named(server, "digits")
    truth = true_names(server, project)
    keys = {name: name for name in truth.values()}
    boards, seen = [], []
    for name in ("ana", "ben"):
        page = browser.new_context().new_page()
        page.goto(f"{server.url}/?project={project.id}&annotator={name}")
        boards.append(Board(page))
        seen.append([])
    for _ in range(15):
        for board, items_seen in zip(boards, seen, strict=True):
            items_seen += label(board, truth, keys, 1)
    for board in boards:
        board.expect_saved(15)
    assert not set(seen[0]) & set(seen[1])
    for name, items_seen in zip(("ana", "ben"), seen, strict=True):
        stored = server.events(project, name)
        assert [event.item_id for event in stored] == items_seen
        names = {c.id: c.name for c in project.classes}
        assert [names[event.class_id] for event in stored] == [truth[i] for i in items_seen]
    for board in boards:
        board.page.context.close()


def test_the_loop_turns_on_sixty_thousand_real_images(
    browser: Browser, server: Server, cifar10_zip: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "alcore", "import", str(cifar10_zip), "--name", "cifar",
         "--augmentation", "flip"],
        cwd=ROOT,
        env=server.surroundings(),
        check=True,
    )  # fmt: skip
    project = named(server, "cifar")
    store = server.store()
    assert sum(projects.item_counts(store, project.id).values()) == 60_000
    truth = true_names(server, project)
    assert len(truth) == 50_000
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{server.url}/?project={project.id}&annotator=me")
    board = Board(page)
    first = board_status.status(store, project.id, 0)["ranking"]
    keys = {c.name: str((c.position + 1) % 10) for c in project.classes}
    label(board, truth, keys, 50)
    board.expect_saved(50)
    wait_for_model(server, project, labels=20)
    expect(board.root).not_to_have_attribute("data-model", "", timeout=PATIENCE)
    state = board_status.status(store, project.id, 0)
    assert state["ranking"] > first, "the new queue is served"
    assert state["holdout_n"] == 10_000
    print(f"accuracy of the first model: {state['accuracy']:.3f}, chance is 0.1")
    assert state["accuracy"] > 0.15
    training.stop(store, project.id)
    store.close()
    context.close()
