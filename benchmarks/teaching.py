"""Measures how soon the page Teach your own knows two classes, and how often it looks then.

    python benchmarks/teaching.py [--json] [--pictures 20] [--seconds 10]

In a real Chromium with its fake camera: a class is taken from the camera by a burst, another one is
uploaded as noise. Seconds from the last picture to the first probabilities, the start of the
process included, and to all pictures learned; then looks answered a second, by the page's count,
once while the project's own jobs (import, features, training) may run and once when they rest.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from driven import answers, app, chromium, report, wait
from PIL import Image
from playwright.sync_api import Locator

from alcore.config import Workspace
from alcore.services import people, teaching
from alcore.store import Store, jobs

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.pictures, options.seconds)
    report({"teach your own": found}, options.json)


def measure(folder: Path, pictures: int, seconds: float) -> dict[str, float]:
    """Teach two classes and return seconds, looks a second and the load of the machine."""
    store = Store.open(Workspace(folder))
    project_id = teaching.begin(store, "bench", ("camera", "noise"))
    people.annotator(store, "Eva")
    with app(folder) as (url, _), chromium(*CAMERA) as browser:
        wait(lambda: answers(url))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/teach?project={project_id}&annotator=Eva")
        page.set_default_timeout(120_000)
        element = page.locator(".teach")
        element.get_by_role("button", name="Turn the camera on").click()
        video = element.locator("video")
        wait(lambda: video.evaluate("v => v.videoWidth"))
        element.locator(".hold").first.hover()
        page.mouse.down()
        wait(lambda: element.locator(".card").first.locator(".strip li").count() >= pictures)
        page.mouse.up()
        element.locator(".card input").nth(1).set_input_files([noise(i) for i in range(pictures)])
        start = time.perf_counter()
        wait(lambda: element.get_attribute("data-rate"))
        first = time.perf_counter() - start
        wait(
            lambda: (
                (element.get_attribute("data-unsent"), element.get_attribute("data-left"))
                == ("0", "0")
            )
        )
        learned = time.perf_counter() - start
        busy = looks(element, seconds)
        wait(lambda: rests(store, project_id))
        return {
            "first probabilities (s)": first,
            "all learned (s)": learned,
            "looks a second, jobs running": busy,
            "looks a second, jobs at rest": looks(element, seconds),
            "load": os.getloadavg()[0],
        }


def looks(element: Locator, seconds: float) -> float:
    """Count the answers that the page has drawn in this time; return how many a second."""
    before, start = int(element.get_attribute("data-looks") or 0), time.perf_counter()
    element.page.wait_for_timeout(1000 * seconds)
    after = int(element.get_attribute("data-looks") or 0)
    return (after - before) / (time.perf_counter() - start)


def rests(store: Store, project_id: int) -> bool:
    """Tell whether no job of the project runs or waits."""
    with store.read() as connection:
        newest = [jobs.newest(connection, project_id, k) for k in ("import", "features", "train")]
    return all(job is None or job.state not in ("running", "waiting") for job in newest)


def noise(seed: int) -> dict[str, object]:
    """Draw coarse noise as a file to upload."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).resize((200, 200)).save(out, "PNG")
    return {"name": f"noise {seed}.png", "mimeType": "image/png", "buffer": out.getvalue()}


if __name__ == "__main__":
    main()
