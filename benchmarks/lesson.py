"""Takes the pictures of both lessons from a running app, in Chromium.

    python benchmarks/lesson.py http://127.0.0.1:8501 [--out docs/lesson] [--only experiment]

Those of the first are addresses of the Playground: settings and a step, always the same picture.
Those of the second are of an experiment on the digits, which it runs in a workspace that has none:
180 trainings, a minute or two.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from pathlib import Path

from driven import chromium
from PIL import Image
from playwright.sync_api import Locator, Page, expect

ROOT = Path(__file__).parent.parent

PICTURES = {
    "start": "step=0",
    "train": "step=1",
    "find": "step=3",
    "labels": "step=61",
    "batches": "model=k+nearest&points=200&batch=10&rounds=4&second=diversified&step=3",
    "person": "data=digits&model=k+nearest&oracle=me&step=4&points=300",
    "blind": "data=islands&points=200&spread=0&initial=3&batch=4&rounds=10&step=36&key=1",
}


EXPERIMENT = "margin or chance?"
WHILE = 600_000  # milliseconds that an experiment may take


def main() -> None:
    """Take the pictures of one lesson or both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "lesson")
    parser.add_argument("--only", choices=["playground", "experiment"])
    options = parser.parse_args()
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1180, "height": 1100}, locale="en-US")
        page.add_init_script("localStorage.setItem('alcore:playground-tour', 'seen')")
        if options.only != "experiment":
            take_playground(page, options.address, options.out)
        if options.only != "playground":
            take_experiment(page, options.address, options.out)


def take_playground(page: Page, address: str, out: Path) -> None:
    """Open each address and keep what stands between the steps and the curves."""
    for name, query in PICTURES.items():
        page.goto(f"{address}/playground?{query}")
        step = re.search(r"step=(\d+)", query)
        assert step is not None
        ground = page.locator(".playground")
        expect(ground).to_have_attribute("data-step", step[1], timeout=60_000)
        page.evaluate("document.fonts.ready")
        part = page.locator(".playground .main")
        part.evaluate("n => n.querySelectorAll('.trials, .texts').forEach((m) => m.remove())")
        keep(part.screenshot(), out / f"{name}.png")


def take_experiment(page: Page, address: str, out: Path) -> None:
    """Fill the form in, run it to its end, and keep form, curves and interval."""
    page.goto(f"{address}/experiments")
    main = page.get_by_test_id("stMain")
    expect(main.get_by_role("button", name="Check")).to_be_visible(timeout=60_000)
    main.get_by_role("textbox", name="Name").fill(EXPERIMENT)
    page.keyboard.press("Tab")
    choose(page, main.get_by_role("combobox", name="Learner"), "logistic regression")
    main.get_by_role("button", name="Check").click()
    expect(main.get_by_text("180 trainings")).to_be_visible(timeout=60_000)
    page.mouse.move(0, 0)
    keep(clipped(page, main.get_by_text("New experiment").first, main.get_by_text("180 trainings")),
         out / "question.png")  # fmt: skip
    main.get_by_role("button", name="Start").click()
    expect(main.get_by_text("Done · ")).to_be_visible(timeout=WHILE)
    main.get_by_text("Differences and penalties").click()
    page.set_viewport_size({"width": 1180, "height": 2200})
    page.wait_for_timeout(4000)  # charts are drawn after the page is
    first = main.get_by_text("Accuracy", exact=True).first
    keep(clipped(page, first, main.get_by_text("Mean over trials")), out / "curves.png")
    first = main.get_by_text("Strategies compared")
    keep(clipped(page, first, main.get_by_text("Where stop criteria")), out / "interval.png")


def choose(page: Page, field: Locator, option: str) -> None:
    """Choose from one of Streamlit's lists."""
    field.click()
    page.get_by_role("option", name=option, exact=True).click()


def clipped(page: Page, first: Locator, last: Locator) -> bytes:
    """Photograph the page from one thing down to another."""
    expect(last.first).to_be_visible()
    above, below = first.bounding_box(), last.first.bounding_box()
    assert above is not None and below is not None
    top = above["y"] - 12
    height = below["y"] + below["height"] + 12 - top
    return page.screenshot(clip={"x": 0, "y": top, "width": 1180, "height": height})


def keep(picture: bytes, path: Path) -> None:
    """Write a picture small: with at most 256 colours."""
    taken = Image.open(io.BytesIO(picture)).convert("RGB")
    taken.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
