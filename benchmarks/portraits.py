"""Takes the pictures of Label and Review that the documentation shows, from a fresh workspace.

    python benchmarks/portraits.py [--out docs] [--labels 120]

Two people label the demo digits from the answer key, Ben at the browser now and then wrongly or
unsure; models train meanwhile. Two minutes on two cores.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path

from driven import ROOT, answers, app, chromium, on_screen, training_now, truth_of, wait
from PIL import Image
from playwright.sync_api import Page, expect

from alcore.config import Workspace
from alcore.services import projects, training
from alcore.store import Store

BY_BEN = 30
"""Labels given at the browser, after those of Ada."""
SLIPS = {7: "3", 15: "u", 22: "8", 27: " "}
"""What Ben presses instead, by the number of his answer."""


def main() -> None:
    """Label, wait for a model of all labels, and photograph both pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--labels", type=int, default=120)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as (address, _):
        wait(lambda: answers(address))
        store = Store(Workspace(Path(folder)))
        (digits,) = wait(lambda: projects.list_projects(store))
        wait(lambda: projects.get(store, digits.id).state == "ready")
        names = {c.id: c.name for c in projects.get(store, digits.id).classes}
        truth = {item: names[c] for item, c in truth_of(store, digits.id).items()}
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1440, "height": 930}, locale="en-US")
            page.add_init_script("localStorage.setItem('alcore:hint', 'closed')")
            label(page, f"{address}/?annotator=Ada", truth, options.labels - BY_BEN, {})
            label(page, f"{address}/?annotator=Ben", truth, BY_BEN, SLIPS)
            wait(lambda: not training_now(store, digits.id))
            training.train(store, digits.id)
            given = training.status(store, digits.id).labels
            wait(lambda: (m := training.status(store, digits.id).latest) and m.labels >= given)
            photograph(page, f"{address}/?annotator=Ben", ".board", options.out / "label.png")
            photograph(
                page, f"{address}/review?annotator=Ben", ".review", options.out / "review.png"
            )


def label(page: Page, address: str, truth: dict[int, str], n: int, slips: dict[int, str]) -> None:
    """Answer n images by keyboard."""
    page.goto(address)
    for number in range(n):
        item = wait(lambda: on_screen(page), 120)
        page.keyboard.press(slips.get(number, truth[int(item)]).replace(" ", "Space"))
        wait(lambda before=item: on_screen(page) not in (before, None), 120)
        page.wait_for_timeout(60)
    expect(page.locator(".board")).to_have_attribute("data-pending", "0", timeout=60_000)


def photograph(page: Page, address: str, part: str, path: Path) -> None:
    """Open a page, let it come to rest, and keep what is seen."""
    page.goto(address)
    expect(page.locator(part)).to_be_visible(timeout=60_000)
    page.evaluate("document.fonts.ready")
    time.sleep(5)
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    taken.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
