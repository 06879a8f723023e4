"""Measures a backup while people label: how long it takes, and how long an answer waits meanwhile.

    python benchmarks/backup.py [--json] [--annotators 8] [--items 50000] [--megabytes 500]

A project of that many items in a real database, with a file of originals of that size, is labeled
by people who answer an image every 0.3 s, each in a thread, first alone and then while the command
makes backups one after the other: the first copies everything, the next link what has not changed.
"lost" counts labels that were acknowledged before a backup began and are not in it.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

from driven import ROOT, p95, report
from instant import made

from alcore.config import Workspace
from alcore.loop.queueing import swap_queue
from alcore.records import NewEvent
from alcore.services import labeling, people
from alcore.store import Store, backups, items, projects

PACE = 0.3
ALONE = 15.0
"""Seconds of labeling without a backup."""


class Annotators:
    """People who label until they are told to stop."""

    def __init__(self, store: Store, project_id: int, n: int) -> None:
        self.store, self.project_id = store, project_id
        self.done: list[int] = []
        self.waits: list[float] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._label, args=(f"p{i}",)) for i in range(n)]

    def __enter__(self) -> Annotators:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _label(self, name: str) -> None:
        who = people.annotator(self.store, name).id
        with self.store.read() as connection:
            class_ids = [c.id for c in projects.classes(connection, self.project_id)]
        while not self._over.wait(random.uniform(0.5, 1.5) * PACE):
            claim = labeling.claim(self.store, self.project_id, who, name, 1)
            for lease in claim.leases:
                event = NewEvent(
                    project_id=self.project_id, item_id=lease.item_id, annotator_id=who,
                    kind="label", class_id=random.choice(class_ids), key=uuid.uuid4().hex,
                    created_at=time.time(), token=lease.token, seconds=1.0,
                )  # fmt: skip
                start = time.monotonic()
                labeling.answer(self.store, event, handed=True)
                self.waits.append(1000 * (time.monotonic() - start))
                self.done.append(lease.item_id)


def fill(store: Store, project_id: int, megabytes: int) -> None:
    """Write a file of originals, and queue a part of the pool."""
    pack = store.workspace.project(project_id) / "originals.pack"
    pack.parent.mkdir(parents=True, exist_ok=True)
    with pack.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))
    with store.write() as connection:
        first = items.unlabeled(connection, project_id)[:10_000]
        rows = [
            {
                "item_id": int(i),
                "score": None,
                "reason": "x",
                "origin": "random",
                "suggestion": None,
            }
            for i in first
        ]
        swap_queue(connection, projects.get(connection, project_id), rows, None, 0)


def measure(annotators: int, n: int, megabytes: int) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        store = Store.open(Workspace(Path(scratch) / "workspace"))
        project_id = made(store, n)
        fill(store, project_id, megabytes)
        with Annotators(store, project_id, annotators) as team:
            time.sleep(ALONE)
            rows["alone"] = {"labels": len(team.done), "answer p95 ms": p95(team.waits)}
            for name in ("first backup", "second backup", "third backup"):
                team.waits.clear()
                before, start = set(team.done), time.monotonic()
                target = Path(scratch) / "backups"
                subprocess.run(
                    [sys.executable, "-m", "alcore", "backup", str(target)],
                    cwd=ROOT,
                    env={**os.environ, "ALCORE_WORKSPACE": str(store.workspace.root)},
                    stdout=subprocess.DEVNULL,
                    check=True,
                )
                seconds = time.monotonic() - start
                backup = backups.listed(target)[0]
                copy = sqlite3.connect(Workspace(backup.folder).database)
                kept = {row[0] for row in copy.execute("SELECT item_id FROM answer")}
                copy.close()
                rows[name] = {
                    "seconds": seconds,
                    "MB": backup.size / 1e6,
                    "answer p95 ms": p95(team.waits) if team.waits else float("nan"),
                    "longest ms": max(team.waits, default=float("nan")),
                    "lost": len(before - kept),
                }
        store.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--annotators", type=int, default=8)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--megabytes", type=int, default=500)
    options = parser.parse_args()
    report(measure(options.annotators, options.items, options.megabytes), options.json)


if __name__ == "__main__":
    main()
