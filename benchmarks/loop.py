"""Measures the whole loop: start, memory, key to paint, key to disk, label to new queue, import.

    python benchmarks/loop.py [--json] [--labels 100] [--cifar10 cifar10.zip]

Starts the app on a workspace of its own and drives it with Chromium, as a person would. Times in
seconds or milliseconds as the rows say; memory is resident, in MB. A label is acknowledged only
once it is on disk, so "key to disk" here is key to acknowledgement and bounds it from above.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.config import ProjectSettings, RetrainRule, Workspace  # noqa: E402 - path first
from alcore.services import labeling, projects, training  # noqa: E402
from alcore.store import Store, items  # noqa: E402

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PACE = 120
"""Milliseconds between two keys."""
PROBE = """() => {
  const told = Object.fromEntries(window.alcore.acknowledged.map((e) => [e.key, e.at]));
  const painted = window.alcore.painted.filter((e) => e.pressed).map((e) => e.at - e.pressed);
  const disk = window.alcore.pressed.filter((e) => told[e.key]).map((e) => told[e.key] - e.at);
  window.alcore.painted.length = window.alcore.pressed.length = 0;
  window.alcore.acknowledged.length = 0;
  return {painted, disk};
}"""


@contextmanager
def app(root: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the app on a workspace and give its address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true",
         "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "ALCORE_WORKSPACE": str(root)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait(ready: Callable[[], Any], patience: float = 600.0, pause: float = 0.02) -> Any:
    """Call until something true comes back, and return that."""
    until = time.monotonic() + patience
    while not (found := ready()):
        if time.monotonic() > until:
            raise SystemExit(f"nothing after {patience} s")
        time.sleep(pause)
    return found


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/alcore/health", timeout=5) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


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


def on_screen(page: Page) -> str | None:
    """Read which item is painted, None while there is none."""
    board = page.locator(".board")  # pierces the component's shadow root
    return (board.count() and board.get_attribute("data-item")) or None


def truth_of(store: Store, project_id: int) -> dict[int, int]:
    with store.read() as connection:
        ids, classes = items.answer_key(connection, project_id)
    return dict(zip(ids.tolist(), classes.tolist(), strict=True))


def label_by_key(page: Page, truth: dict[int, str], n: int) -> dict[str, float]:
    """Answer n images by keyboard; return medians and 95th percentiles in milliseconds."""
    page.evaluate(PROBE)
    for _ in range(n):
        item = wait(lambda: on_screen(page), 60)
        page.keyboard.press(truth[int(item)])
        page.wait_for_timeout(PACE)
    page.wait_for_timeout(1000)
    times = page.evaluate(PROBE)
    return {
        f"key to {what} {name} ms": value
        for what, values in (("paint", times["painted"]), ("disk", times["disk"]))
        for name, value in (("median", statistics.median(values)), ("p95", p95(values)))
    }


def p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def answer_some(store: Store, project_id: int, n: int) -> None:
    """Answer n images in the order of the queue, from the answer key."""
    truth = truth_of(store, project_id)
    me = labeling.annotator(store, "benchmark").id
    client = uuid.uuid4().hex
    while n:
        for lease in labeling.claim(store, project_id, me, client, min(n, 50)).leases:
            labeling.answer(
                store, project_id, me, key=uuid.uuid4().hex, client=client, token=lease.token,
                item_id=lease.item_id, kind="label", class_id=truth[lease.item_id], seconds=1.0,
                client_time=None, suggestion_shown=False,
            )  # fmt: skip
            n -= 1


def to_new_queue(store: Store, project_id: int, n: int) -> dict[str, float]:
    """Answer n images of which the last is to trigger a training; time it until the new queue."""
    before = labeling.status(store, project_id, 0)["ranking"]
    answer_some(store, project_id, n)
    started = time.monotonic()
    wait(lambda: labeling.status(store, project_id, 0)["ranking"] > before)
    took = time.monotonic() - started
    latest = training.status(store, project_id).latest
    assert latest is not None
    return {"label to new queue s": took, **{f"{k} s": v for k, v in latest.seconds.items()}}


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

            heavy = projects.create(
                store, "heavy", {"kind": "shapes", "size": 20_000}, "answer key",
                replace(ProjectSettings(), retrain=RetrainRule(automatic=False), baseline=False),
            )  # fmt: skip
            wait(lambda: projects.get(store, heavy).state == "ready")
            answer_some(store, heavy, 500)
            over = threading.Event()
            keep = threading.Thread(target=keep_training, args=(store, heavy, over))
            keep.start()
            wait(lambda: training_now(store, heavy))
            found["keys, while training"] = label_by_key(page, truth, labels)
            found["memory"] = memory(process.pid)
            over.set()
            keep.join()
            training.stop(store, heavy)
            wait(lambda: not training_now(store, heavy))

            digits = projects.get(store, digits.id)
            automatic = replace(digits.settings, retrain=RetrainRule(), baseline=False)
            projects.edit(store, digits, automatic)
            done = [to_new_queue(store, digits.id, n) for n in (20, 10, 10, 10)][1:]
            found["digits"] = {k: statistics.median(d[k] for d in done) for k in done[0]}
            store.close()
    return found


def training_now(store: Store, project_id: int) -> bool:
    job = training.status(store, project_id).job
    return job is not None and job.state == "running"


def keep_training(store: Store, project_id: int, over: threading.Event) -> None:
    while not over.wait(0.1):
        training.train(store, project_id)


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
    executable = next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))),
        None,
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        found = measure_digits(browser, chosen.labels)
        browser.close()
    if chosen.cifar10.is_file():
        found |= measure_cifar10(chosen.cifar10)
    else:
        print(f"{chosen.cifar10} is absent: its rows are left out", file=sys.stderr)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if chosen.json:
        print(json.dumps({"machine": machine, **found}, indent=2))
        return
    print(machine)
    for part, rows in found.items():
        for name, value in rows.items():
            print(f"{part:24} {name:28} {value:10.2f}")


if __name__ == "__main__":
    main()
