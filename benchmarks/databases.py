"""Measures eight people who label at once, on SQLite and on PostgreSQL, without browsers.

    python benchmarks/databases.py [--json] [--people 8] [--labels 1000] [--postgres URL]

Each person is a process with a store of its own, as several apps on one workspace are; each claims
five images and answers them, one after another, as fast as that goes, until they have given so
many labels. Faults: labels that are not in the database, images with two, images that two held,
and counts that are not what there is. Times in milliseconds, from asking to the end of the
transaction. Without --postgres a server is started, which waits for the disk as SQLite does.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import postgres  # noqa: E402
from made import Tab, project  # noqa: E402

from alcore.config import Workspace  # noqa: E402
from alcore.store import Store, soundness  # noqa: E402

SPAWN = multiprocessing.get_context("spawn")
AT_ONCE = 5


def label(
    workspace: Workspace, project_id: int, number: int, labels: int, said: Connection
) -> None:
    """Give so many labels; say which images were claimed, and how long each step took."""
    store = Store.open(workspace)
    tab = Tab(store, project_id, f"person {number}")
    said.send("ready")
    said.recv()
    claimed, claims, answers = [], [], []
    while len(answers) < labels:
        start = time.perf_counter()
        leases = tab.claim(min(AT_ONCE, labels - len(answers))).leases
        claims.append(time.perf_counter() - start)
        for image in leases:
            claimed.append(image.item_id)
            start = time.perf_counter()
            tab.answer(image, image.item_id % 2)
            answers.append(time.perf_counter() - start)
    said.send((claimed, claims, answers))
    store.close()


def measure(workspace: Workspace, people: int, labels: int, items: int) -> dict[str, float]:
    """Have people label; return what one row of the table has."""
    store = Store.open(workspace)
    project_id = project(store, items)
    pipes = []
    for number in range(people):
        mine, theirs = SPAWN.Pipe()
        arguments = (workspace, project_id, number, labels, theirs)
        SPAWN.Process(target=label, args=arguments, daemon=True).start()
        pipes.append(mine)
    for pipe in pipes:
        pipe.recv()
    start = time.perf_counter()
    for pipe in pipes:
        pipe.send("go")
    said = [pipe.recv() for pipe in pipes]
    seconds = time.perf_counter() - start
    claimed = [item for one, _, _ in said for item in one]
    claims = 1000 * np.concatenate([one for _, one, _ in said])
    answers = 1000 * np.concatenate([one for _, _, one in said])
    with store.read() as connection:
        kept = connection.exec_driver_sql(
            "SELECT count(DISTINCT item_id) FROM label_event"
        ).scalar()
        rows = connection.exec_driver_sql("SELECT count(*) FROM label_event").scalar()
        wrong = soundness.stale(connection), soundness.miscounted(connection)
    store.close()
    given = people * labels
    return {
        "labels a second": round(given / seconds, 1),
        "answer median": round(float(np.median(answers)), 2),
        "answer p95": round(float(np.percentile(answers, 95)), 2),
        "claim median": round(float(np.median(claims)), 2),
        "claim p95": round(float(np.percentile(claims, 95)), 2),
        "faults": given + rows - 2 * kept + given - len(set(claimed)) + sum(map(len, wrong)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--labels", type=int, default=1_000, help="of each person")
    parser.add_argument("--items", type=int, default=20_000, help="images of the project")
    parser.add_argument("--postgres", metavar="URL", help="an empty database of a server that runs")
    chosen = parser.parse_args()
    size = (chosen.people, chosen.labels, chosen.items)
    table: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        table["SQLite"] = measure(Workspace(Path(folder) / "sqlite", ""), *size)
        there = Path(folder) / "postgres"
        if chosen.postgres:
            table["PostgreSQL"] = measure(Workspace(there, chosen.postgres), *size)
        else:
            with postgres.running(durable=True) as server:
                table["PostgreSQL"] = measure(Workspace(there, server.empty()), *size)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    if chosen.json:
        print(json.dumps({"rows": table, "load": load}))
        return
    columns = list(table["SQLite"])
    print(f"| {size[0]} people, {size[1]:,} labels each | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{row[column]:,}" for column in columns) + " |")
    print(f"load of the machine at the end: {load:.1f}")


if __name__ == "__main__":
    main()
