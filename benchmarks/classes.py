"""Measures what changes of classes, snapshots, copies and deletions cost.

    python benchmarks/classes.py [--json] [--labels 50000] [--classes 100]

One project of as many labeled images, without pixels, each image labeled once. `answer` is the
median over 300 answers, committed on disk; everything else is once. While a class changes, answers
wait: its time is how long at most. Times in seconds, sizes in bytes per label.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.records import Class, NewEvent
from alcore.services import classes, people, snapshots, whole_projects
from alcore.store import Store, items, labels, projects
from alcore.store import snapshots as rows

ANSWERS = 300


def filled(store: Store, n: int, names: list[str]) -> tuple[int, int]:
    """Make a project of n labeled images; return its id and that of who labeled."""
    now = time.time()
    who = people.annotator(store, "Ana").id
    settings = ProjectSettings(retrain=RetrainRule(automatic=False))
    with store.write() as connection:
        made = projects.add(connection, "many", settings, {"kind": "digits"}, "none", now)
        ids = [c.id for c in projects.add_classes(connection, made, names, now)]
        items.add(
            connection,
            [
                {
                    "project_id": made, "position": i, "name": f"image {i}.png",
                    "content_hash": f"{i:032d}", "width": 8, "height": 8, "split": "pool",
                    "true_class": None, "offset": None, "length": None, "path": None,
                }
                for i in range(n + ANSWERS)
            ],
        )  # fmt: skip
        projects.set_state(connection, made, "ready")
        everything = items.ids(connection, made).tolist()
        labels.append_all(
            connection, [event(made, i, who, ids[i % len(ids)]) for i in everything[:n]]
        )
    return made, who


def event(project_id: int, item_id: int, who: int, class_id: int) -> NewEvent:
    return NewEvent(
        project_id, item_id, who, "label", uuid.uuid4().hex, time.time(),
        class_id=class_id, seconds=1.0,
    )  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def answers(store: Store, project_id: int, who: int) -> float:
    """Return the median time of one answer on its way to the disk."""
    with store.read() as connection:
        open_items = items.unlabeled(connection, project_id).tolist()
        class_id = projects.classes(connection, project_id)[0].id
    times = []
    for item_id in open_items:
        start = time.perf_counter()
        with store.write() as connection:
            labels.append(connection, event(project_id, item_id, who, class_id))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(n: int, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Workspace(Path(folder)))
        made, who = filled(store, n, [f"class {i}" for i in range(count)])
        times = {"answer": answers(store, made, who)}
        first, second, third, *_ = (c.id for c in projects_of(store, made))
        times["rename"] = timed(lambda: classes.rename(store, made, first, "another"))
        times["merge"] = timed(lambda: classes.merge(store, made, [first], second))
        times["undo"] = timed(lambda: undo(store, made))
        times["delete"] = timed(lambda: classes.delete(store, made, third, take_back=True))
        rest = [c.id for c in projects_of(store, made)][1:]
        times["merge all"] = timed(lambda: classes.merge(store, made, rest, first))
        undo(store, made)
        times["snapshot"] = timed(lambda: snapshots.make(store, made, "first"))
        with store.read() as connection:
            (kept,) = rows.of_project(connection, made)
            size = len(rows.rows_of(connection, made, kept.id)[1])
        times["snapshot, bytes per label"] = size / kept.labels
        store.workspace.project(made).mkdir(parents=True)
        times["copy with labels"] = timed(
            lambda: whole_projects.copy(store, made, "copy", with_labels=True)
        )
        times["delete the project"] = timed(lambda: whole_projects.delete(store, made, "many"))
        store.close()
    return times


def projects_of(store: Store, project_id: int) -> tuple[Class, ...]:
    with store.read() as connection:
        return projects.classes(connection, project_id)


def undo(store: Store, project_id: int) -> None:
    newest = classes.newest_change(store, project_id)
    assert newest is not None
    classes.undo(store, project_id, newest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--labels", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=100)
    args = parser.parse_args()
    times = measure(args.labels, args.classes)
    if args.json:
        print(json.dumps({"labels": args.labels, "classes": args.classes, **times}, indent=2))
        return
    print(f"{args.labels:,} labels of {args.classes} classes")
    for what, value in times.items():
        print(f"{what:28} {value:10.4f}")


if __name__ == "__main__":
    main()
