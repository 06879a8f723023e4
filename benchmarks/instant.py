"""Measures the instant mode: seconds from one label on disk to the queue that has followed it.

    python benchmarks/instant.py [--json] [--labels 50] [--items 1797 50000 500000] [--width 384]

A project of that many items in a real database, with generated embeddings (128 numbers wide as a
network's, 384 as a mixture's; ten classes) and the head of a made-up model, is labeled one by one
from the queue; after each label the service fits the head, scores every image, chooses and swaps.
`start` is the first look at a model: reading the embeddings and scoring once. `right` is the share
of all images whose prediction is right, before the first label and after the last.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import metrics  # noqa: E402 - path first
from alcore.config import ProjectSettings, RetrainRule, Workspace  # noqa: E402
from alcore.loop import embeddings  # noqa: E402
from alcore.loop.queueing import selection_rows, swap_queue  # noqa: E402
from alcore.loop.round_files import round_arrays  # noqa: E402
from alcore.records import NewEvent, RoundSummary, Selection, StopSignals  # noqa: E402
from alcore.services import instant as service  # noqa: E402
from alcore.services import labeling, people  # noqa: E402
from alcore.services.pool_predictions import PredictionCache  # noqa: E402
from alcore.store import Store, items, projects, rounds  # noqa: E402

CLASSES = 10
AT_ONCE = 20_000
"""Rows that are inserted or generated at the same time."""


def made(store: Store, n: int) -> int:
    """Make a project of n items, as an import leaves it."""
    now = time.time()
    settings = replace(ProjectSettings(), instant=True, retrain=RetrainRule(automatic=False))
    with store.write() as connection:
        project_id = projects.add(connection, "big", settings, {"kind": "digits"}, "none", now)
        projects.add_classes(connection, project_id, [str(c) for c in range(CLASSES)], now)
        for start in range(0, n, AT_ONCE):
            items.add(
                connection,
                [
                    {
                        "project_id": project_id, "position": i, "name": f"{i}.png",
                        "content_hash": f"{i:032d}", "width": 32, "height": 32, "split": "pool",
                        "true_class": None, "offset": None, "length": None, "path": None,
                    }
                    for i in range(start, min(n, start + AT_ONCE))
                ],
            )  # fmt: skip
        projects.set_state(connection, project_id, "ready")
    return project_id


def look(store: Store, project_id: int, n: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Publish a model that is right on about two thirds; return the true classes (n,)."""
    truth = rng.integers(CLASSES, size=n)
    centres = rng.normal(size=(CLASSES, width)).astype(np.float32)
    folder = store.workspace.project(project_id)
    (folder / "rounds").mkdir(parents=True, exist_ok=True)
    found = np.lib.format.open_memmap(embeddings.path(folder, 1), "w+", np.float32, (n, width))
    for start in range(0, n, AT_ONCE):
        block = truth[start : start + AT_ONCE]
        found[start : start + len(block)] = centres[block] + 3.5 * rng.standard_normal(
            (len(block), width), np.float32
        )
    found.flush()
    head = np.zeros((width + 1, CLASSES), np.float32)
    head[:-1] = (centres + 0.9 * rng.normal(size=centres.shape)).T / 12
    np.savez(round_arrays(folder, 1), head=head)
    summary = RoundSummary(
        id=0, project_id=project_id, number=1, created_at=time.time(), labels=0,
        label_minutes=0.0, strategy="margin", strategy_options={}, mode="fresh",
        evaluation=metrics.evaluate(np.zeros((0, CLASSES)), np.zeros(0, np.int64), CLASSES),
        stop=StopSignals(), uncertainty=(0,) * 20, labels_per_class=(0,) * CLASSES,
        batch_per_class=(0,) * CLASSES, seconds={}, seed=0, checkpoint=None,
    )  # fmt: skip
    with store.write() as connection:
        round_id = rounds.add(connection, summary, 0)
        first = items.unlabeled(connection, project_id)[:200]
        chosen = service.Ranked(
            Selection(first, np.zeros(200), ("margin",) * 200, ("query",) * 200),
            np.full((200, CLASSES), 1 / CLASSES, np.float32),
        )
        project = projects.get(connection, project_id)
        swap_queue(
            connection, project, selection_rows(chosen.selection, chosen.suggestions), round_id, 1
        )
    return truth


def measure(n: int, labels: int, width: int) -> dict[str, float]:
    rng = np.random.default_rng(n)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Workspace(Path(folder)))
        project_id = made(store, n)
        truth = look(store, project_id, n, width, rng)
        prediction_cache = PredictionCache(store)
        started = time.perf_counter()
        predictions = prediction_cache.get(project_id)
        start = time.perf_counter() - started
        assert predictions is not None
        thread = service.Instant(store, prediction_cache)
        me = people.annotator(store, "benchmark").id
        with store.read() as connection:
            classes = projects.classes(connection, project_id)
        before = float(np.mean(predictions.output.predicted == truth))
        took: list[float] = []
        for _ in range(labels):
            (lease,) = labeling.claim(store, project_id, me, "tab", 1).leases
            place = int(truth[int(predictions.rows(np.array([lease.item_id]))[0])])
            labeling.answer(
                store,
                NewEvent(
                    project_id=project_id,
                    annotator_id=me,
                    key=uuid.uuid4().hex,
                    token=lease.token,
                    item_id=lease.item_id,
                    kind="label",
                    class_id=classes[place].id,
                    seconds=1.0,
                    created_at=time.time(),
                ),
            )
            started = time.perf_counter()
            if not thread.refresh(project_id):
                raise SystemExit("the queue did not follow")
            took.append(time.perf_counter() - started)
        after = float(np.mean(prediction_cache.get(project_id).output.predicted == truth))
        store.close()
    return {
        "items": n,
        "labels": labels,
        "width": width,
        "median s": statistics.median(took),
        "p95 s": sorted(took)[min(labels - 1, int(0.95 * labels))],
        "start s": start,
        "right before": before,
        "right after": after,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--labels", type=int, default=50)
    parser.add_argument("--items", type=int, nargs="+", default=[1_797, 50_000, 500_000])
    parser.add_argument("--width", type=int, default=128)
    chosen = parser.parse_args()
    found = [measure(n, chosen.labels, chosen.width) for n in chosen.items]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if chosen.json:
        print(json.dumps({"machine": machine, "rows": found}, indent=2))
        return
    print(machine)
    print("   items  labels   median s   p95 s   start s   right before   after")
    for row in found:
        print(
            f"{row['items']:8,}  {row['labels']:6}   {row['median s']:8.3f}  {row['p95 s']:6.3f}"
            f"  {row['start s']:8.2f}   {row['right before']:12.3f}   {row['right after']:5.3f}"
        )


if __name__ == "__main__":
    main()
