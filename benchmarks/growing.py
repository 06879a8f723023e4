"""Owns the large projects that benchmarks measure: rows made by SQL, pixels that are all zero.

Items, labels and rounds are real rows in a real database, put in by statements that no import
uses; pixels and embeddings are sparse files. So a project of a million images takes seconds.
"""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from sqlalchemy import text  # noqa: E402 - path first

from alcore.config import ProjectSettings, RetrainRule, Workspace  # noqa: E402
from alcore.datasets.pixels import PixelCache  # noqa: E402
from alcore.loop import embeddings  # noqa: E402
from alcore.loop.queueing import cold_start_rows, swap_queue  # noqa: E402
from alcore.loop.round_files import round_arrays  # noqa: E402
from alcore.records import (  # noqa: E402
    Evaluation,
    NewEvent,
    RoundSummary,
    Selection,
    StopSignals,
)
from alcore.services import labeling, people  # noqa: E402
from alcore.store import Store, projects, rounds  # noqa: E402

CLASSES, PEOPLE, ROUNDS, WIDTH, SIDE = 10, 8, 20, 128, 8
EVERY = 5.0
"""Seconds between two labels of the log: eight people at work."""
_ITEMS = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :n)
INSERT INTO item (project_id, position, name, content_hash, width, height, split, true_class)
SELECT :project, i, printf('image %07d.png', i), printf('%04d%028d', :project, i), 32, 32, 'pool',
  :first_class + i % 10 FROM n
"""
_EVENTS = """
INSERT INTO label_event (project_id, item_id, annotator_id, kind, class_id, key, created_at,
  seconds, origin, suggestion_shown)
SELECT :project, id, :first_person + position % 8, 'label', true_class,
  printf('%d-%d', :project, position), :now - :every * (:labels - position), 2.0, 'query', 0
FROM item WHERE project_id = :project AND position < :labels ORDER BY position
"""


@dataclass(frozen=True)
class Large:
    """A project and who labels in it."""

    store: Store
    id: int
    people: tuple[int, ...]
    classes: tuple[int, ...]


def made(store: Store, items: int, labels: int, state: str = "ready") -> Large:
    """Make a project of so many images and labels, with twenty rounds and an empty queue."""
    now = time.time()
    settings = replace(
        ProjectSettings(), retrain=RetrainRule(automatic=False), baseline=False, resolution=SIDE
    )
    names = [f"person {i}" for i in range(PEOPLE)]
    ids = [people.annotator(store, name).id for name in names]
    with store.write() as connection:
        project_id = projects.add(
            connection, uuid.uuid4().hex, settings, {"kind": "digits"}, "none", now
        )
        class_ids = tuple(
            c.id
            for c in projects.add_classes(
                connection, project_id, [f"class {i}" for i in range(CLASSES)], now
            )
        )
        values = {"project": project_id, "n": items, "first_class": class_ids[0]}
        connection.execute(text(_ITEMS), values)
        if state == "ready":
            values = {"project": project_id, "labels": labels, "first_person": ids[0]}
            connection.execute(text(_EVENTS), values | {"now": now, "every": EVERY})
            last = connection.execute(text("SELECT max(id) FROM label_event")).scalar() or 0
            for number in range(1, ROUNDS + 1):
                known = labels * number // (ROUNDS + 1)
                newest = last - labels + known
                round_id = rounds.add(connection, _summary(project_id, number, known), newest)
            projects.set_ranking(connection, project_id, 1, round_id)
            projects.set_state(connection, project_id, "ready")
    sparse_pixels(store, project_id, settings, items)
    return Large(store, project_id, tuple(ids), class_ids)


def sparse_pixels(store: Store, project_id: int, settings: ProjectSettings, items: int) -> None:
    cache = PixelCache.of(store.workspace.project(project_id), settings)
    cache.folder.mkdir(parents=True, exist_ok=True)
    with cache.pixels_path.open("wb") as file:
        file.truncate(items * cache.row_bytes)


def model_files(large: Large, items: int) -> None:
    """Leave the embeddings (N, 128) and the head of the newest round on disk."""
    folder = large.store.workspace.project(large.id)
    (folder / "rounds").mkdir(parents=True, exist_ok=True)
    path = embeddings.path(folder, ROUNDS)
    points = np.lib.format.open_memmap(path, "w+", np.float32, (items, WIDTH))
    generator = np.random.default_rng(0)
    for start in range(0, items, 50_000):
        size = min(50_000, items - start)
        points[start : start + size] = generator.standard_normal((size, WIDTH), np.float32)
    points.flush()
    head = generator.standard_normal((WIDTH + 1, CLASSES)).astype(np.float32)
    with round_arrays(folder, ROUNDS).open("wb") as file:
        np.savez(file, head=head)


def queue_up(large: Large, n: int = 200) -> None:
    """Put a queue of n unlabeled images in place, as a round does."""
    with large.store.read() as connection:
        ids = connection.execute(
            text(
                "SELECT id FROM item WHERE project_id = :project AND id NOT IN "
                "(SELECT item_id FROM answer) ORDER BY position DESC LIMIT :n"
            ),
            {"project": large.id, "n": n},
        ).scalars()
        ids = np.array(ids.all(), np.int64)
        project = projects.get(connection, large.id)
    n = len(ids)
    chosen = Selection(ids, np.zeros(n), ("typical",) * n, ("query",) * n)
    rows = cold_start_rows(chosen)
    with large.store.write() as connection:
        swap_queue(connection, project, rows, None, 1)


def label(large: Large, person: int, token: str, item_id: int) -> None:
    """Answer one image."""
    labeling.answer(
        large.store,
        NewEvent(
            project_id=large.id,
            item_id=item_id,
            annotator_id=person,
            kind="label",
            class_id=large.classes[item_id % CLASSES],
            key=uuid.uuid4().hex,
            token=token,
            created_at=time.time(),
            seconds=1.0,
        ),
    )


@contextmanager
def others(large: Large, count: int = 2, images: int = 60) -> Iterator[Callable[[], list[float]]]:
    """Let people of one thread each answer images that they hold; give the seconds it took.

    Five answers a second each, until the block ends or their images do.
    """
    over, times = threading.Event(), []

    def work(person: int) -> None:
        client = uuid.uuid4().hex
        leases = labeling.claim(large.store, large.id, person, client, images).leases
        ready.release()
        begin.wait()
        for lease in leases:
            if over.wait(0.2):
                return
            start = time.perf_counter()
            label(large, person, lease.token, lease.item_id)
            times.append(time.perf_counter() - start)

    ready, begin = threading.Semaphore(0), threading.Event()
    threads = [threading.Thread(target=work, args=(p,)) for p in large.people[-count:]]
    for thread in threads:
        thread.start()
    for _ in threads:
        ready.acquire()
    begin.set()
    try:
        yield lambda: list(times)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _summary(project_id: int, number: int, labels: int) -> RoundSummary:
    share = labels // CLASSES
    accuracy = 0.5 + 0.02 * number
    confusion = tuple(tuple(50 if t == p else 5 for p in range(CLASSES)) for t in range(CLASSES))
    return RoundSummary(
        id=0,
        project_id=project_id,
        number=number,
        created_at=time.time(),
        labels=labels,
        label_minutes=labels / 30,
        strategy="margin",
        strategy_options={},
        mode="fresh",
        evaluation=Evaluation(
            n=950,
            accuracy=accuracy,
            interval=(accuracy - 0.03, accuracy + 0.03),
            macro_f1=accuracy,
            nll=1.0,
            ece=0.05,
            precision=(accuracy,) * CLASSES,
            recall=(accuracy,) * CLASSES,
            support=(95,) * CLASSES,
            confusion=confusion,
        ),
        stop=StopSignals(),
        uncertainty=(10,) * 20,
        labels_per_class=(share,) * CLASSES,
        batch_per_class=(1,) * CLASSES,
        seconds={"train": 1.0},
        seed=0,
        checkpoint=f"rounds/{number:04d}.safetensors",
    )


def open_store(folder: Path) -> Store:
    return Store.open(Workspace(folder))
