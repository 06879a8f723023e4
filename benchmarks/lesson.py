"""Takes the pictures of the lesson from a running app, in Chromium.

    python benchmarks/lesson.py http://127.0.0.1:8501 [--out docs/lesson]

Each is an address of the Playground: settings and a step, always the same picture.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from pathlib import Path

from PIL import Image

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


def main() -> None:
    """Open each address and keep what stands between the steps and the curves."""
    from playwright.sync_api import expect, sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "lesson")
    chosen = parser.parse_args()
    with sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 1100})
        page.add_init_script("localStorage.setItem('alcore:playground-tour', 'seen')")
        for name, query in PICTURES.items():
            page.goto(f"{chosen.address}/playground?{query}")
            step = re.search(r"step=(\d+)", query)
            assert step is not None
            ground = page.locator(".playground")
            expect(ground).to_have_attribute("data-step", step[1], timeout=60_000)
            page.evaluate("document.fonts.ready")
            part = page.locator(".playground .main")
            part.evaluate("n => n.querySelectorAll('.trials, .texts').forEach((m) => m.remove())")
            taken = Image.open(io.BytesIO(part.screenshot())).convert("RGB")
            taken.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                chosen.out / f"{name}.png", optimize=True
            )
            print(chosen.out / f"{name}.png", file=sys.stderr)
        browser.close()


if __name__ == "__main__":
    main()
