"""Owns the proof of what a person does on the dashboard, in a real browser."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trained
from playwright.sync_api import BrowserContext, Page, expect

from alcore.records import Project
from alcore.store import items

from .conftest import Server, expect_soon

pytestmark = pytest.mark.browser


def teach(server: Server, project: Project, labels: int, accuracy: float) -> None:
    """Do what annotators and the trainer do, beside the open page."""
    store = server.store()
    with store.read() as connection:
        ids = [i.id for i in items.get_all(connection, project.id)][-30:]
    trained.give_labels(store, project.id, labels)
    trained.add_round(store, project.id, accuracy, holdout_ids=ids)
    store.close()


@pytest.fixture(scope="module")
def project(server: Server) -> Project:
    made = server.project("shapes to look at", ["<i>round", "square", "star"])
    teach(server, made, 6, 0.6)
    return made


CHARTS = {"curve": 2, "classes": 3, "calibration": 2, "people": 1, "rounds": 0}


@pytest.fixture
def page(server: Server, project: Project, context: BrowserContext) -> Iterator[Page]:
    opened = context.new_page()
    opened.goto(f"{server.url}/dashboard?project={project.id}")
    expect(opened.locator(".vega-embed svg")).to_have_count(CHARTS["curve"])
    yield opened
    opened.close()


def show(page: Page, section: str) -> None:
    page.get_by_role("radio", name=section, exact=True).click()
    expect(page.locator(".vega-embed svg")).to_have_count(CHARTS[section])


def test_the_address_keeps_the_section(page: Page) -> None:
    for section in CHARTS:
        show(page, section)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    page.wait_for_url("**section=rounds**")
    page.reload()
    expect(page.get_by_role("radio", name="rounds", exact=True)).to_be_checked()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_every_chart_is_drawn_whole_and_no_mark_of_time_comes_twice(page: Page) -> None:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "TypeError" in said.text else None)
    for section in CHARTS:
        show(page, section)
        expect(page.locator(".vega-embed svg:not(:has(.mark-text text))")).to_have_count(0)
    show(page, "people")
    axis = page.locator(".vega-embed svg .role-axis-label").first.locator("text")
    expect(axis.first).to_be_attached()
    names = axis.all_text_contents()
    assert len(names) == len(set(names)) > 0
    assert wrong == []


def test_a_table_is_as_tall_as_its_lines_and_its_toolbar_is_not_over_our_buttons(
    page: Page,
) -> None:
    show(page, "people")
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_be_visible()
    # A head and one person.
    expect_soon(lambda: table.bounding_box()["height"] <= 2 * 36 + 4, True)
    for part in (table, page.get_by_test_id("stVegaLiteChart")):
        part.hover(position={"x": 40, "y": 40})
        bar = part.locator("xpath=..").get_by_test_id("stElementToolbar").first
        expect(bar).to_have_css("opacity", "1")
        assert bar.bounding_box()["y"] > part.bounding_box()["y"]


def test_a_click_on_a_cell_opens_the_images_behind_it(page: Page) -> None:
    show(page, "classes")
    page.locator('[aria-label*="predicted: square; true: <i>round"]').last.click(force=True)
    # Twelve of thirty answers are wrong; every third of them is of the first class.
    expect(page.locator(".cell .celltitle")).to_contain_text("<i>round taken for square: 4 images")
    pictures = page.locator(".cell .cellrow img")
    expect(pictures).to_have_count(4)
    for i in range(4):
        expect(pictures.nth(i)).to_have_js_property("complete", True)
        expect(pictures.nth(i)).not_to_have_js_property("naturalWidth", 0)


def test_a_new_model_appears_by_itself_and_no_chart_is_drawn_anew(
    server: Server, project: Project, page: Page
) -> None:
    points = page.locator(".vega-embed").first.locator(".mark-symbol path")
    expect(points).to_have_count(2)  # one model: its point, and the space that a pointer meets
    page.evaluate(
        "() => document.querySelectorAll('.vega-embed svg').forEach(s => s.dataset.old = '1')"
    )
    before = page.locator(".al-figures").inner_text()
    teach(server, project, 5, 0.9)
    expect(page.locator(".al-figures")).to_contain_text("90.0 %")
    assert page.locator(".al-figures").inner_text() != before
    expect(points).to_have_count(4)
    assert page.locator(".vega-embed svg[data-old]").count() == CHARTS["curve"]


def test_a_chart_is_downloaded_as_data(page: Page, tmp_path: Path) -> None:
    show(page, "classes")
    with page.expect_download() as waiting:
        page.locator(".st-key-download-per-class button").click()
    path = tmp_path / "per-class.csv"
    waiting.value.save_as(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == {"<i>round", "square", "star"}
    assert all(0 <= float(row["recall"]) <= 1 for row in rows)


def test_the_address_keeps_what_is_shown(page: Page) -> None:
    page.get_by_role("radio", name="macro-F1").click()
    page.get_by_role("radio", name="minutes").click()
    expect(page.get_by_text("minutes of labeling").first).to_be_attached()
    page.wait_for_url("**metric=macro-F1**")
    page.reload()
    expect(page.get_by_text("macro-F1 on the holdout").first).to_be_attached()
    expect(page.get_by_text("minutes of labeling").first).to_be_attached()


def test_the_page_asks_nobody_but_its_own_server(
    server: Server, project: Project, context: BrowserContext
) -> None:
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for section, count in CHARTS.items():
        page.goto(f"{server.url}/dashboard?project={project.id}&section={section}")
        expect(page.locator(".vega-embed svg")).to_have_count(count)
    page.close()
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


def test_on_a_tablet_no_word_of_the_status_is_cut_and_no_figure_broken(page: Page) -> None:
    page.set_viewport_size({"width": 820, "height": 1100})
    for name in ("Train now", "Stop"):
        text = page.get_by_role("button", name=name, exact=True).locator("p")
        expect(text).to_be_visible()
        expect_soon(partial(text.evaluate, "p => p.scrollWidth <= p.clientWidth"), True)
    figure = page.locator(".al-figures b").first
    heights = figure.evaluate("b => [b.offsetHeight, parseFloat(getComputedStyle(b).lineHeight)]")
    assert heights[0] < 1.5 * heights[1], "one line"
