"""Measures eight people who label at once, on SQLite and on PostgreSQL, without browsers.

    python benchmarks/databases.py [--json] [--people 8] [--labels 1000] [--postgres URL]

On SQLite the people ask one app, as is meant there; on PostgreSQL two. An app is a process with one
store, and each of its people a thread that claims five images and answers them, one after another,
as fast as that goes, until so many labels of theirs are acknowledged. Who is told that the database
is in use sends again, as browsers do. Faults: acknowledged labels that are not in the database,
images with two, images that two held, answers that were refused, and counts that are not what there
is. Times in milliseconds, from asking until it is acknowledged. Without
--postgres a server is started, which waits for the disk as SQLite does.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import postgres  # noqa: E402
from made import Tab, project  # noqa: E402

from alcore.config import Workspace  # noqa: E402
from alcore.errors import LeaseExpired, WorkspaceBusy  # noqa: E402
from alcore.records import Lease  # noqa: E402
from alcore.store import Store, soundness  # noqa: E402

SPAWN = multiprocessing.get_context("spawn")
AT_ONCE = 5
QUEUED = 500
"""Images of the queue; it is filled up as people answer."""
PAUSE = 0.05
"""Seconds until somebody sends again."""


class Person(threading.Thread):
    """Gives so many labels, and keeps what was claimed and how long each step took."""

    def __init__(self, store: Store, project_id: int, number: int, labels: int) -> None:
        super().__init__()
        self.tab, self.labels = Tab(store, project_id, f"person {number}"), labels
        self.claimed: list[int] = []
        self.claims: list[float] = []
        self.answers: list[float] = []
        self.refused = self.again = 0

    def run(self) -> None:
        while len(self.answers) < self.labels:
            n = min(AT_ONCE, self.labels - len(self.answers))
            leases = self._insist(self.claims, lambda n=n: self.tab.claim(n).leases)
            for image in leases:
                self.claimed.append(image.item_id)
                self._answer(image)

    def _answer(self, image: Lease) -> None:
        key = uuid.uuid4().hex
        try:
            self._insist(self.answers, lambda: self.tab.send(image, image.item_id % 2, key=key))
        except LeaseExpired:
            self.refused += 1

    def _insist(self, times: list[float], work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        while True:
            try:
                done = work()
            except WorkspaceBusy:
                self.again += 1
                time.sleep(PAUSE)
            else:
                times.append(time.perf_counter() - start)
                return done


def serve(
    workspace: Workspace, project_id: int, numbers: list[int], labels: int, said: Connection
) -> None:
    """Let people label with one store; say what they have seen."""
    store = Store.open(workspace)
    everybody = [Person(store, project_id, number, labels) for number in numbers]
    said.send("ready")
    said.recv()
    for one in everybody:
        one.start()
    for one in everybody:
        one.join()
    said.send([(p.claimed, p.claims, p.answers, p.refused, p.again) for p in everybody])
    store.close()


def measure(
    workspace: Workspace, apps: int, people: int, labels: int, items: int
) -> dict[str, float]:
    """Have people label, spread over so many apps; return what one row of the table has."""
    store = Store.open(workspace)
    project_id = project(store, items, queued=QUEUED)
    pipes = []
    for number in range(apps):
        mine, theirs = SPAWN.Pipe()
        numbers = list(range(number, people, apps))
        arguments = (workspace, project_id, numbers, labels, theirs)
        SPAWN.Process(target=serve, args=arguments, daemon=True).start()
        pipes.append(mine)
    for pipe in pipes:
        pipe.recv()
    start = time.perf_counter()
    for pipe in pipes:
        pipe.send("go")
    said = [one for pipe in pipes for one in pipe.recv()]
    seconds = time.perf_counter() - start
    claimed = [item for one in said for item in one[0]]
    claims, answers = (1000 * np.concatenate([one[n] for one in said]) for n in (1, 2))
    refused, again = (sum(one[n] for one in said) for n in (3, 4))
    with store.read() as connection:
        kept = connection.exec_driver_sql(
            "SELECT count(DISTINCT item_id) FROM label_event"
        ).scalar()
        rows = connection.exec_driver_sql("SELECT count(*) FROM label_event").scalar()
        wrong = soundness.stale(connection), soundness.miscounted(connection)
    store.close()
    given = len(answers)
    twice = rows - kept + len(claimed) - len(set(claimed))
    return {
        "labels a second": round(given / seconds, 1),
        "answer median": round(float(np.median(answers)), 2),
        "answer p95": round(float(np.percentile(answers, 95)), 2),
        "claim median": round(float(np.median(claims)), 2),
        "claim p95": round(float(np.percentile(claims, 95)), 2),
        "sent again": again,
        "faults": abs(given - rows) + twice + refused + sum(map(len, wrong)),
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

    def add(name: str, workspace: Workspace, apps: int) -> None:
        row = table[name] = measure(workspace, apps, *size)
        if chosen.json:
            return
        if len(table) == 1:
            print(f"| {size[0]} people, {size[1]:,} labels each | " + " | ".join(row) + " |")
            print("|---" * (len(row) + 1) + "|")
        print(
            f"| {name} | " + " | ".join(f"{value:,}" for value in row.values()) + " |", flush=True
        )

    with tempfile.TemporaryDirectory() as folder:
        add("SQLite, one app", Workspace(Path(folder) / "sqlite", ""), 1)
        there = Path(folder) / "postgres"
        if chosen.postgres:
            add("PostgreSQL, two apps", Workspace(there, chosen.postgres), 2)
        else:
            with postgres.running(durable=True) as server:
                add("PostgreSQL, two apps", Workspace(there, server.empty()), 2)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    if chosen.json:
        print(json.dumps({"rows": table, "load": load}))
    else:
        print(f"load of the machine at the end: {load:.1f}")


if __name__ == "__main__":
    main()
