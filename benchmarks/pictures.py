"""Measures what large pictures, and uploads, cost the web process: its peak memory, and the labels.

    python benchmarks/pictures.py [--json] [--requests 24] [--megapixels 50] [--upload 500]

A project of that many PNG files of 50 megapixels each; all are asked for at the same time, by
addresses signed for one person, first for the board and then in full for a zoom, while the
server's health is asked for ten times a second. Then a page's upload field is sent megabytes of
noise. "web peak" is the largest resident set that the kernel has seen of the web process (VmHWM;
Linux only), "health p95" the wait of the small requests beside.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from driven import answers, app, chromium, p95, report, wait
from PIL import Image

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.services import people, projects
from alcore.store import Store, items
from alcore.web.tickets import TicketOffice


def peak(pid: int) -> float:
    """Read the peak of a process's resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1000


def pictures(folder: Path, n: int, megapixels: float) -> None:
    """Write n different PNG files, 3 wide to 2 high."""
    folder.mkdir()
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    rows = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    columns = np.linspace(0, 255, width).astype(np.uint8)[None]
    for number in range(n):
        channels = (rows + 0 * columns, columns + 0 * rows, rows ^ columns ^ np.uint8(number))
        image = Image.fromarray(np.stack(channels, axis=2))
        image.save(folder / f"{number}.png", compress_level=1)


def made(store: Store, folder: Path) -> tuple[int, list[int]]:
    """Import the pictures; return the project and its items."""
    settings = replace(ProjectSettings(), retrain=RetrainRule(automatic=False))
    spec = {"kind": "folder", "path": str(folder)}
    project_id = projects.create(store, "large", spec, "none", settings, ["a", "b"])
    projects.import_now(store, project_id, 1)
    with store.read() as connection:
        return project_id, [item.id for item in items.get_all(connection, project_id)]


class Health:
    """Asks for the server's health all the while, and notes how long that takes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self.waits: list[float] = []
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Health:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.1):
            start = time.monotonic()
            answers(self._url)
            self.waits.append(1000 * (time.monotonic() - start))


def fetch(addresses: list[str]) -> tuple[float, int]:
    """Ask for all at once; return the seconds until the last came, and their bytes."""
    start = time.monotonic()

    def get(address: str) -> int:
        with urllib.request.urlopen(address, timeout=600) as reply:
            return len(reply.read())

    with ThreadPoolExecutor(len(addresses)) as threads:
        size = sum(threads.map(get, addresses))
    return time.monotonic() - start, size


def upload(url: str, megabytes: int, folder: Path) -> float:
    """Send a file through the Set-up page's field; return the seconds until it was there."""
    path = folder / "noise.zip"
    path.write_bytes(os.urandom(1_000_000) * megabytes)
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{url}/setup?project=new")
        page.get_by_text("A zip archive").click(timeout=120_000)
        start = time.monotonic()
        page.locator("input[type=file]").set_input_files(path)
        page.get_by_text("is in the workspace").wait_for(timeout=600_000)
        return time.monotonic() - start


def measure(requests: int, megapixels: float, megabytes: int) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch) / "workspace")
        pictures(Path(scratch) / "in", requests, megapixels)
        store = Store.open(workspace)
        project_id, ids = made(store, Path(scratch) / "in")
        who = people.annotator(store, "benchmark").id
        office = TicketOffice.of(workspace)
        with app(workspace.root) as (url, process):
            wait(lambda: answers(url))
            time.sleep(5)
            rows["at rest"] = {"web peak MB": peak(process.pid)}
            for name, more in (("board", ""), ("board again", ""), ("whole", "&whole=1")):
                paths = [f"board/{project_id}/pixels/{item_id}" for item_id in ids]
                wanted = [f"{url}/{path}?t={office.show(who, path)}{more}" for path in paths]
                with Health(url) as health:
                    seconds, size = fetch(wanted)
                rows[name] = {
                    "web peak MB": peak(process.pid),
                    "seconds": seconds,
                    "sent MB": size / 1e6,
                    "health p95 ms": p95(health.waits) if health.waits else float("nan"),
                }
            if megabytes:
                seconds = upload(url, megabytes, Path(scratch))
                rows["upload"] = {"web peak MB": peak(process.pid), "seconds": seconds}
        store.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=24)
    parser.add_argument("--megapixels", type=float, default=50)
    parser.add_argument("--upload", type=int, default=500, metavar="MB", help="0 for none")
    options = parser.parse_args()
    report(measure(options.requests, options.megapixels, options.upload), options.json)


if __name__ == "__main__":
    main()
