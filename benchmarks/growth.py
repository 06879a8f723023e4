"""Measures what grows with a project: every cost that a person waits for, from 10³ to 10⁶ images.

    python benchmarks/growth.py [--json] [--items 1000 10000 100000 1000000]
                                [--labels 1000 10000 100000] [--parts costs waits memory]

The projects are made by SQL, with pixels and embeddings that are sparse or generated: no million
files. Costs are the least of several runs, in milliseconds of the processor: first over the number
of images, each with 500 labels, then over the number of labels, of 200,000 images. Waits are
milliseconds of the clock that two people's answers take, five a second each, in the same process
while a queue is refilled again and again, swapped as after a training, and while as many labels as
`--labels` names at most come in from a file. Memory is the peak in MB of a process of its own, all
that it has loaded included: `anonymous` without the pages of mapped files, which the system takes
back when it needs them. Ends with 1 where a cost, a wait or a memory is above what it may be.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import growing
from driven import p95, report
from growing import Large
from sqlalchemy import text

from alcore.services import (
    board_status,
    dashboard,
    grid,
    label_import,
    labeling,
    projects,
    review,
    setup,
    team,
)
from alcore.services.label_import import LabelFile
from alcore.services.pool_predictions import PredictionCache

LABELS = 500
"""Of each project whose images are counted."""
IMAGES = 200_000
"""Of each project whose labels are counted."""
RATIOS = {
    **dict.fromkeys(
        ("claim", "answer", "status", "dashboard", "dashboard tables", "team", "set-up list"), 1.5
    ),
    "refill": 3.0,
    "swap": 3.0,
}
"""What a cost at the most may be, over the cost at the least."""
FLOOR = 0.25
"""Milliseconds; less is not told from the noise of a clock, and counts as this."""
LONGEST_WAIT = 50.0
MOST_MEMORY = {"web": 300.0, "import's end": 400.0}
"""MB, anonymous, at a million images."""
SECOND = 1_000.0
Row = dict[str, float]


def least(act: Callable[[], object], times: int = 9) -> float:
    """Run several times; return the least milliseconds of the processor."""
    taken = []
    for _ in range(times):
        start = time.thread_time()
        act()
        taken.append(1000 * (time.thread_time() - start))
    return min(taken)


def costs(large: Large) -> Row:
    """Measure everything that somebody waits for."""
    store, project_id, me = large.store, large.id, large.people[0]
    client = uuid.uuid4().hex
    growing.queue_up(large)
    claims, answers = [], []
    for _ in range(20):
        start = time.thread_time()
        (lease,) = labeling.claim(store, project_id, me, client, 1).leases
        claims.append(1000 * (time.thread_time() - start))
        start = time.thread_time()
        growing.label(large, me, lease.token, lease.item_id)
        answers.append(1000 * (time.thread_time() - start))
    project = projects.get(store, project_id)

    def charts() -> None:
        dashboard.activity(store, project_id)
        dashboard.standing(store, project_id)
        dashboard.curve(store, project_id, "accuracy")

    def tables() -> None:
        dashboard.labels_per_class(store, project_id)
        dashboard.labels_over_time(store, project_id)
        dashboard.annotators(store, project_id)

    def people() -> None:
        team.presence(store, project_id, me)
        team.quality(store, project_id, me)

    return {
        "claim": min(claims),
        "answer": min(answers),
        "status": least(lambda: board_status.status(store, project_id, me)),
        "dashboard": least(charts),
        "dashboard tables": least(tables),
        "team": least(people),
        "set-up list": least(lambda: setup.line(store, project.id)),
        "review counts": least(lambda: review.overview(store, project_id, me), 3),
        "refill": least(partial(refill, large), 5),
        "swap": least(lambda: growing.queue_up(large), 3),
    }


def refill(large: Large) -> None:
    """Claim one image of an empty queue, and give it back."""
    empty(large)
    client = uuid.uuid4().hex
    claim = labeling.claim(large.store, large.id, large.people[1], client, 1)
    assert claim.leases, claim.waiting
    labeling.release(large.store, client, [lease.token for lease in claim.leases])


def empty(large: Large) -> None:
    with large.store.write() as connection:
        connection.execute(
            text("DELETE FROM queue_item WHERE project_id = :project"), {"project": large.id}
        )


def waits(large: Large, incoming: int, folder: Path) -> dict[str, Row]:
    """Measure how long others' answers take meanwhile."""
    path = folder / "labels.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "class"))
        for i in range(1_000, 1_000 + incoming):
            table.writerow((f"image {i:07d}.png", f"class {i % growing.CLASSES}"))

    def while_there(act: Callable[[], object], seconds: float) -> Row:
        growing.queue_up(large)
        with others(large) as times:
            start = time.perf_counter()
            while (taken := time.perf_counter() - start) < seconds:
                act()
                time.sleep(0.2)
            answers = [1000 * t for t in times()]
        return {
            "answers": len(answers),
            "median": statistics.median(answers),
            "p95": p95(answers),
            "most": max(answers),
            "seconds": taken,
        }

    def bring() -> None:
        label_import.bring(large.store, large.id, LabelFile(path))

    return {
        "nothing": while_there(lambda: None, 6.0),
        "refill": while_there(partial(refill, large), 6.0),
        "swap": while_there(partial(growing.queue_up, large), 6.0),
        "label import": while_there(bring, 1.0),
    }


others = growing.others


@contextmanager
def peak() -> Iterator[Row]:
    """Note the most memory that this process takes meanwhile, in MB."""
    most: Row = {"resident": 0.0, "anonymous": 0.0}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            lines = Path("/proc/self/status").read_text().splitlines()
            sizes = {line.split()[0]: int(line.split()[1]) for line in lines if " kB" in line}
            most["resident"] = max(most["resident"], sizes["VmRSS:"] * 1024 / 1e6)
            most["anonymous"] = max(most["anonymous"], sizes["RssAnon:"] * 1024 / 1e6)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def end_of_import(folder: str, project_id: int) -> Row:
    """Draw the holdout, look at the pixels and queue the first questions of a new project."""
    from alcore.jobs import importing
    from alcore.store import jobs
    from alcore.workers.attempts import Running

    store = growing.open_store(Path(folder))
    with store.write() as connection:
        jobs.request(connection, project_id, "import", time.time())
        job = jobs.take(connection, ["import"], "benchmark", time.time(), project_id)
    assert job is not None
    running = Running(store, job, 1)
    with peak() as most:
        start = time.perf_counter()
        importing._make_ready(running, store.workspace.project(project_id))
        most["seconds"] = time.perf_counter() - start
    return most


def web(folder: str, project_id: int, person: int) -> Row:
    """Do what a web process does for a large project; its libraries loaded as the app does."""
    import streamlit.web.bootstrap  # noqa: F401 - what the process has in memory

    import alcore.web.routes  # noqa: F401

    store = growing.open_store(Path(folder))
    cache = PredictionCache(store)
    found: Row = {}
    with peak() as most:
        for name, act in (
            ("status", lambda: board_status.status(store, project_id, person)),
            ("standing", lambda: dashboard.standing(store, project_id)),
            ("first grid", lambda: tiles(cache, project_id, person)),
            ("grid", lambda: tiles(cache, project_id, person)),
            ("claim", lambda: labeling.claim(store, project_id, person, "tab", 5)),
        ):
            found[f"{name} ms"] = least(act, 1)
    return most | found


def tiles(cache: PredictionCache, project_id: int, person: int) -> None:
    page = grid.tiles(cache.store, cache, grid.TileClaim(project_id, person, "grid", 24))
    assert page.leases, page.reason
    labeling.release(cache.store, "grid", [lease.token for lease in page.leases])


def apart(act: Callable[..., Row], *arguments: Any) -> Row:
    """Run in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(act, arguments)


def judge(table: dict[str, Row], unit: str) -> tuple[Row, list[str]]:
    """Return the ratios of the last column over the first, and what is above its limit."""
    first, *_, last = table.values()
    ratios = {name: max(last[name], FLOOR) / max(first[name], FLOOR) for name in first}
    high = [
        f"{name} at {list(table)[-1]} {unit} costs {ratios[name]:.1f} times what it costs at "
        f"{next(iter(table))}; at most {limit}"
        for name, limit in RATIOS.items()
        if name in ratios and ratios[name] > limit
    ]
    return ratios, high


def measure_costs(chosen: argparse.Namespace) -> tuple[dict[str, Row], list[str]]:
    found: dict[str, Row] = {}
    faults: list[str] = []
    for unit, sizes in (("items", chosen.items), ("labels", chosen.labels)):
        table: dict[str, Row] = {}
        for size in sizes:
            with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
                store = growing.open_store(Path(folder))
                images, labels = (size, LABELS) if unit == "items" else (IMAGES, size)
                table[f"{size:,}"] = costs(growing.made(store, images, labels))
                store.close()
            print(f"{unit} {size:,}: done", file=sys.stderr, flush=True)
        if len(table) > 1:
            ratios, high = judge(table, unit)
            faults += high
            table["ratio"] = ratios
        found |= {f"{unit} {name}": row for name, row in table.items()}
    return found, faults


def measure_waits(chosen: argparse.Namespace) -> tuple[dict[str, Row], list[str]]:
    sys.setswitchinterval(0.001)  # as the app does
    most, incoming = max(chosen.items), max(chosen.labels)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        store = growing.open_store(Path(folder))
        large = growing.made(store, max(most, 2 * incoming), LABELS)
        rows = waits(large, incoming, Path(folder))
        store.close()
    faults = [
        f"others wait {row['p95']:.0f} ms for an answer during {name}; at most {LONGEST_WAIT:.0f}"
        for name, row in rows.items()
        if row["p95"] > LONGEST_WAIT
    ]
    return {f"others, {name}": row for name, row in rows.items()}, faults


def measure_memory(chosen: argparse.Namespace) -> tuple[dict[str, Row], list[str]]:
    most = max(chosen.items)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        store = growing.open_store(Path(folder))
        large = growing.made(store, most, LABELS)
        growing.model_files(large, most)
        new = growing.made(store, most, 0, "importing")
        store.close()
        rows = {
            "import's end": apart(end_of_import, folder, new.id),
            "web": apart(web, folder, large.id, large.people[0]),
        }
    faults = [
        f"{name} takes {rows[name]['anonymous']:.0f} MB; at most {limit:.0f}"
        for name, limit in MOST_MEMORY.items()
        if rows[name]["anonymous"] > limit
    ]
    faults += [
        f"{name} takes {value:.0f}; at most a second"
        for name, value in rows["web"].items()
        if name.endswith(" ms") and value > SECOND
    ]
    return {f"{name}, {most:,} images": row for name, row in rows.items()}, faults


PARTS = {"costs": measure_costs, "waits": measure_waits, "memory": measure_memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--items", type=int, nargs="+", default=[10**3, 10**4, 10**5, 10**6])
    parser.add_argument("--labels", type=int, nargs="+", default=[10**3, 10**4, 10**5])
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--folder", type=Path, help="where the databases are made for a while")
    chosen = parser.parse_args()
    found: dict[str, Row] = {}
    faults: list[str] = []
    for part in chosen.parts:
        rows, high = PARTS[part](chosen)
        found |= rows
        faults += high
    report(found, chosen.json)
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
