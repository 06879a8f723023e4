"""Owns the test of the experiments page as a person uses it, with a real sweep behind it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Server, at_rest

pytestmark = pytest.mark.browser

LONG = 180_000
"""Milliseconds that a sweep may take to start, or to do a few rounds, on a busy machine."""
GRID = """
name = "a <b>small one"
budget = 30
trials = 2
initial = [{{size = 20, how = "cold start"}}]
batch_sizes = [10]
strategies = ["random", "{strategy}"]
[[datasets]]
source = "digits"
items = 100
holdout = 100
[[learners]]
kind = "estimator"
estimator = "tests.browser.patient.Patient"
settings = {{until = "{until}"}}
"""


def write(page: Page, text: str) -> None:
    field = page.get_by_label("Grid (TOML)")
    field.fill(text)
    field.press("Control+Enter")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def said(page: Page, text: str) -> Locator:
    """What the page says; what it said before may stand beside it for a moment."""
    return page.get_by_test_id("stAlert").filter(has_text=text)


def test_a_grid_is_mended_started_paused_resumed_and_its_results_downloaded(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    server.workspace.estimators.write_text("tests.browser.patient.Patient  # waits for a file\n")
    page = context.new_page()
    page.goto(f"{server.url}/experiments")
    page.get_by_text("Edit the grid as text").click(timeout=LONG)
    write(page, GRID.format(strategy="margn", until=go))
    button(page, "Check").click()
    expect(said(page, "did you mean 'margin'")).to_be_visible(timeout=LONG)
    at_rest(page)
    write(page, GRID.format(strategy="margin", until=go))
    button(page, "Check").click()
    expect(said(page, "2 cells × 2 trials: 8")).to_be_visible(timeout=LONG)
    at_rest(page)
    button(page, "Start").click()

    # While it is drawn anew the old one may stand before it.
    progress = page.locator(".su-line").last
    expect(progress).to_contain_text("Running · 0 of 8 rounds", timeout=LONG)
    button(page, "Pause").click()
    expect(progress).to_contain_text("Pausing", timeout=LONG)
    go.touch()
    expect(progress).to_contain_text("Paused", timeout=LONG)
    expect(progress).not_to_contain_text("8 of 8")
    button(page, "Resume").click()
    expect(progress).to_contain_text("Done · 8 of 8 rounds", timeout=LONG)

    expect(page.get_by_text("The holdout of 100 labels is not counted")).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    expect(page.get_by_text("2 paired trials cannot show")).to_be_visible()
    tables = page.get_by_test_id("stDataFrame")
    shown = tables.filter(visible=True).count()
    page.get_by_text("Where stop criteria would have stopped").click()
    expect(tables.filter(visible=True)).to_have_count(shown + 1, timeout=LONG)
    button(page, "Prepare files").click()
    rounds = page.get_by_role("button", name="rounds.csv")
    expect(rounds).to_be_visible(timeout=LONG)
    with page.expect_download(timeout=LONG) as download:
        rounds.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == 8 and {row["strategy"] for row in rows} == {"random", "margin"}
    for file in ("report.html", "rounds.parquet", "curves.svg", "curves.png"):
        expect(page.get_by_role("button", name=file)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
