"""Owns the running app and its labeling board as benchmarks drive them, with a real Chromium.

Times in milliseconds or seconds as the names say. "Key to disk" ends when the server knows that
the label is committed, by its clock, which is the browsers' too; "key to tick" ends when the
browser has heard of it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.config import ProjectSettings, RetrainRule  # noqa: E402 - path first
from alcore.records import NewEvent  # noqa: E402
from alcore.services import labeling, people, projects, training  # noqa: E402
from alcore.store import Store, items  # noqa: E402

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
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
  const take = (name) => (window.alcore?.[name] ?? []).splice(0);  // absent until the first of it
  const told = Object.fromEntries(take("acknowledged").map((e) => [e.key, e]));
  const painted = take("painted").filter((e) => e.pressed).map((e) => e.at - e.pressed);
  const heard = take("pressed").filter((e) => told[e.key]);
  const tick = heard.map((e) => told[e.key].at - e.at);
  const origin = Date.now() - performance.now();
  const disk = heard.map((e) => told[e.key].committed - origin - e.at);
  return {painted, disk, tick};
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


def installed_chromium() -> str | None:
    """Find the Chromium of this machine; None: Playwright takes its own."""
    named = os.environ.get("ALCORE_CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start the Chromium of this machine, else Playwright's own, with these flags too."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed_chromium(), args=[*FLAGS, *flags]
        )
        yield browser
        browser.close()


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
    return key_times([page.evaluate(PROBE)])


def key_times(probes: Sequence[dict[str, list[float]]]) -> dict[str, float]:
    """Sum up what browsers measured."""
    return {
        f"key to {what} {name} ms": summed([t for probe in probes for t in probe[of]])
        for what, of in (("paint", "painted"), ("disk", "disk"), ("tick", "tick"))
        for name, summed in (("median", statistics.median), ("p95", p95))
    }


def p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def answer_some(store: Store, project_id: int, n: int) -> None:
    """Answer n images in the order of the queue, from the answer key."""
    truth = truth_of(store, project_id)
    me = people.annotator(store, "benchmark").id
    client = uuid.uuid4().hex
    while n:
        for lease in labeling.claim(store, project_id, me, client, min(n, 50)).leases:
            labeling.answer(
                store,
                NewEvent(
                    project_id=project_id,
                    annotator_id=me,
                    key=uuid.uuid4().hex,
                    token=lease.token,
                    item_id=lease.item_id,
                    kind="label",
                    class_id=truth[lease.item_id],
                    seconds=1.0,
                    created_at=time.time(),
                ),
            )
            n -= 1


def training_now(store: Store, project_id: int) -> bool:
    job = training.status(store, project_id).job
    return job is not None and job.state == "running"


@contextmanager
def kept_training(store: Store) -> Iterator[None]:
    """Keep a project of 20,000 images with 500 labels in training, one model after the other."""
    project_id = projects.create(
        store, f"heavy {uuid.uuid4().hex[:6]}", {"kind": "shapes", "size": 20_000}, "answer key",
        replace(ProjectSettings(), retrain=RetrainRule(automatic=False), baseline=False),
    )  # fmt: skip
    wait(lambda: projects.get(store, project_id).state == "ready")
    answer_some(store, project_id, 500)
    over = threading.Event()

    def keep() -> None:
        while not over.wait(0.1):
            training.train(store, project_id)

    keeper = threading.Thread(target=keep)
    keeper.start()
    wait(lambda: training_now(store, project_id))
    yield
    over.set()
    keeper.join()
    training.stop(store, project_id)
    wait(lambda: not training_now(store, project_id))


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def report(found: dict[str, dict[str, float]], as_json: bool) -> None:
    """Print what was measured, as JSON or as a table."""
    if as_json:
        print(json.dumps({"machine": machine(), **found}, indent=2))
        return
    print(machine())
    for part, rows in found.items():
        for name, value in rows.items():
            print(f"{part:28} {name:28} {value:10.2f}")
