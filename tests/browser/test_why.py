"""The panel "Why?" where a person meets it: the Label page, Review, behind the confusion matrix."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect
from sqlalchemy import text

from alcore.records import Project

from .conftest import Server, paste
from .test_accessibility import faults

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def explained(server: Server) -> Project:
    return server.taught("shapes to explain", 12)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def told(panel: Locator) -> None:
    """Wait until the panel has a map in words, the nearest labels and the past."""
    expect(panel).to_have_attribute("data-item", re.compile(r"\d+"), timeout=90_000)
    expect(panel.locator(".whywords")).to_contain_text(re.compile("speaks for|changes how far"))
    expect(panel.locator(".whyrows").first.locator("li")).to_have_count(6)
    expect(panel.locator(".whypast li")).to_contain_text(["model 1, 12 labels"])


def test_a_key_explains_the_image_and_the_label_says_so(
    page: Page, server: Server, explained: Project
) -> None:
    page.goto(f"{server.url}/?project={explained.id}&annotator=Wanda")
    board = page.locator(".board")
    expect(board).to_have_attribute("data-item", re.compile(r"\d+"), timeout=90_000)
    panel = board.locator("[data-part=explanation]")
    expect(panel).to_be_hidden()
    page.keyboard.press("1")
    expect(board).to_have_attribute("data-saved", "1")
    page.keyboard.press("Shift+W")
    told(panel)
    heat = board.locator(".stage .heat")
    expect(heat).to_have_attribute("aria-label", re.compile("speaks for|changes how far"))
    with page.expect_response(lambda answer: "method=Grad-CAM" in answer.url):
        panel.get_by_label("Method").select_option("Grad-CAM")
    expect(heat).to_have_count(1)
    assert not faults(page)
    panel.get_by_role("button", name="Find them").click()
    expect(panel).to_contain_text("only another training could tell")
    page.keyboard.press("1")
    expect(board).to_have_attribute("data-saved", "2")
    page.keyboard.press("Shift+W")
    expect(panel).to_be_hidden()
    expect(heat).to_have_count(0)
    with server.store().read() as connection:
        rows = connection.execute(
            text(
                "SELECT explanation_shown, count(*) FROM label_event WHERE project_id = :id"
                " AND key NOT LIKE 'taught %' GROUP BY 1"
            ),
            {"id": explained.id},
        )
        shown = dict(tuple(row) for row in rows)
    assert shown == {0: 1, 1: 1}


def test_review_explains_the_chosen_image(page: Page, server: Server, explained: Project) -> None:
    page.goto(f"{server.url}/review?project={explained.id}")
    tiles = page.locator(".review .tile")
    expect(tiles.first).to_be_visible(timeout=90_000)
    tiles.nth(2).click()
    page.keyboard.press("Shift+W")
    panel = page.locator(".review [data-part=explanation]")
    told(panel)
    first = panel.get_attribute("data-item")
    expect(page.locator(".review .frame .heat")).to_have_count(1)
    page.keyboard.press("ArrowLeft")
    expect(panel).not_to_have_attribute("data-item", first or "")
    told(panel)
    assert not faults(page)


def test_an_image_behind_a_cell_of_the_confusion_matrix_is_explained(
    page: Page, server: Server, explained: Project
) -> None:
    page.goto(f"{server.url}/dashboard?project={explained.id}&section=classes")
    cell = page.locator('[aria-label*="predicted: circle; true: circle"]').last
    expect(cell).to_be_attached(timeout=90_000)
    cell.click(force=True)
    button = page.locator(".cell .cellrow button").first
    button.click()
    panel = page.locator(".cell [data-part=explanation]")
    told(panel)
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_a_picture_of_no_project_is_told_explained_and_taken_in(
    server: Server, page: Page, explained: Project, tmp_path: Path
) -> None:
    photo, broken = tmp_path / "my photo.png", tmp_path / "broken.png"
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(pixels).resize((120, 90)).save(photo)
    broken.write_bytes(b"no picture")
    page.goto(f"{server.url}/predict?project={explained.id}&annotator=Teacher")
    field = page.locator(".st-key-takes-paste-try input[type=file]")
    expect(field).to_have_count(1)
    field.set_input_files(broken)
    expect(page.get_by_text("not an image")).to_be_visible(timeout=90_000)
    expect(field).to_have_count(1)
    paste(page, photo)
    expect(page.get_by_text("Nearest labeled images")).to_be_visible(timeout=90_000)
    expect(page.locator("ul.tr-bars li")).to_have_count(3)
    expect(page.locator("ul.tr-near img")).to_have_count(6)
    page.get_by_role("radio", name="Grad-CAM", exact=True).click()
    expect(page.locator("img.over")).to_have_attribute("alt", re.compile("speaks for|changes"))
    assert faults(page) == []
    button = page.get_by_role("button", name="Add", exact=True)
    expect(button).to_have_count(1)
    button.click()
    expect(page.get_by_text("In the project as number")).to_be_visible(timeout=90_000)
