"""Measures the whole loop: start, memory, key to paint, key to disk, label to new queue, import.

    python benchmarks/loop.py [--json] [--labels 100] [--cifar10 cifar10.zip]

Starts the app on a workspace of its own and drives it with Chromium, as a person would. Times in
seconds or milliseconds as the rows say; memory is resident, in MB. A label is acknowledged only
once it is on disk, so "key to disk" here is key to acknowledgement and bounds it from above.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from driven import (
    ROOT,
    answer_some,
    answers,
    app,
    chromium,
    kept_training,
    label_by_key,
    on_screen,
    report,
    truth_of,
    wait,
)
from playwright.sync_api import Browser

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.services import board_status, projects, training
from alcore.store import Store


def processes_of(pid: int) -> list[int]:
    """List a process and all that came from it (Linux)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    below = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [pid, *(process for child in below for process in processes_of(child))]


def memory(pid: int) -> dict[str, float]:
    """Read resident MB: the web process, and the largest of those below it, the trainer."""
    sizes = {}
    for process in processes_of(pid):
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        sizes[process] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    web = sizes.pop(pid)
    return {"web process MB": web, "trainer MB": max(sizes.values(), default=0.0)}


def to_new_queue(store: Store, project_id: int, n: int) -> dict[str, float]:
    """Answer n images, the last of which triggers a training; time new queue and new model."""
    before, model = board_status.status(store, project_id, 0)["ranking"], number(store, project_id)
    answer_some(store, project_id, n)
    started = time.monotonic()
    wait(lambda: board_status.status(store, project_id, 0)["ranking"] > before)
    queue = time.monotonic() - started
    wait(lambda: number(store, project_id) > model)
    latest = training.status(store, project_id).latest
    assert latest is not None
    return {
        "label to new queue s": queue,
        "label to new model s": time.monotonic() - started,
        **{f"{k} s": v for k, v in latest.seconds.items()},
    }


def number(store: Store, project_id: int) -> int:
    """Return the number of the newest model, 0 before the first."""
    latest = training.status(store, project_id).latest
    return latest.number if latest else 0


def measure_digits(browser: Browser, labels: int) -> dict[str, dict[str, float]]:
    """Measure start, memory, keys and new queues on the demo project of a fresh workspace."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        with app(Path(folder)) as (url, process):
            wait(lambda: answers(url))
            answered = time.monotonic() - started
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(url)
            wait(lambda: on_screen(page), 60)
            found["start"] = {
                "server answers s": answered,
                "first image painted s": time.monotonic() - started,
            }
            store = Store.open(Workspace(Path(folder)))
            (digits,) = projects.list_projects(store)
            names = {c.id: c.name for c in digits.classes}
            truth = {i: names[c] for i, c in truth_of(store, digits.id).items()}
            manual = replace(digits.settings, retrain=RetrainRule(automatic=False), baseline=False)
            projects.edit(store, digits, manual)
            found["keys, idle"] = label_by_key(page, truth, labels)

            with kept_training(store):
                found["keys, while training"] = label_by_key(page, truth, labels)
                found["memory"] = memory(process.pid)

            digits = projects.get(store, digits.id)
            automatic = replace(digits.settings, retrain=RetrainRule(), baseline=False)
            projects.edit(store, digits, automatic)
            done = [to_new_queue(store, digits.id, n) for n in (20, 10, 10, 10)][1:]
            found["digits"] = {k: statistics.median(d[k] for d in done) for k in done[0]}
            store.close()
    return found


def measure_cifar10(archive: Path) -> dict[str, dict[str, float]]:
    """Measure the import of 60,000 files and a round at 1,000 labels on a pool of 50,000."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as (url, process):
        wait(lambda: answers(url))
        store = Store.open(Workspace(Path(folder)))
        settings = replace(
            ProjectSettings(), augmentation="flip", baseline=False,
            retrain=RetrainRule(new_labels=1_000, minimum=1_000),
        )  # fmt: skip
        started = time.monotonic()
        project_id = projects.create(
            store,
            "cifar",
            {"kind": "archive", "path": str(archive.resolve())},
            "answer key",
            settings,
        )
        wait(lambda: projects.get(store, project_id).state == "ready")
        took = time.monotonic() - started
        images = sum(projects.item_counts(store, project_id).values())
        found["import"] = {"images": images, "seconds": took, "images per second": images / took}
        found["cifar10, 1,000 labels"] = to_new_queue(store, project_id, 1_000)
        latest = training.status(store, project_id).latest
        assert latest is not None and latest.evaluation.accuracy is not None
        found["cifar10, 1,000 labels"] |= {
            "accuracy": latest.evaluation.accuracy,
            "trainer MB": memory(process.pid)["trainer MB"],
        }
        store.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--labels", type=int, default=100, help="labels per row of keys")
    parser.add_argument(
        "--cifar10", type=Path, default=ROOT.parent / "shared" / "data" / "cifar10.zip"
    )
    chosen = parser.parse_args()
    with chromium() as browser:
        found = measure_digits(browser, chosen.labels)
    if chosen.cifar10.is_file():
        found |= measure_cifar10(chosen.cifar10)
    else:
        print(f"{chosen.cifar10} is absent: its rows are left out", file=sys.stderr)
    report(found, chosen.json)


if __name__ == "__main__":
    main()
