"""Owns a made-up model of a project: embeddings and a head on disk, as a round leaves them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from trained import add_round

from alcore.feature_space import FeatureSpace
from alcore.loop import embeddings, features
from alcore.loop.queueing import selection_rows, swap_queue
from alcore.loop.round_files import round_arrays
from alcore.records import Features, Selection
from alcore.store import Store, items, projects, rounds

WIDTH = 32


@dataclass(frozen=True)
class _Chosen:
    selection: Selection
    suggestions: np.ndarray


def look(store: Store, project_id: int, *, turned: int = 0, queued: int = 50) -> np.ndarray:
    """Publish a model of three well separated groups; return the group (N,) of each item.

    Item i is of group i modulo C, nearer to its centre the larger i is. The model takes group g
    for class g + turned modulo C. The queue holds the first open items, by "margin".
    """
    summary = add_round(store, project_id, 0.8, holdout_ids=(), files=False)
    with store.read() as connection:
        item_ids = items.ids(connection, project_id)
        classes = projects.classes(connection, project_id)
        open_ids = items.unlabeled(connection, project_id)[:queued]
    n, c = len(item_ids), len(classes)
    groups = np.arange(n) % c
    rng = np.random.default_rng(0)
    spread = np.linspace(0.6, 0.1, n)[:, None]
    found = 4 * np.eye(c, WIDTH)[groups] + spread * rng.normal(size=(n, WIDTH))
    head = np.zeros((WIDTH + 1, c), np.float32)
    head[np.arange(c), (np.arange(c) + turned) % c] = 0.15
    folder = store.workspace.project(project_id)
    path = round_arrays(folder, summary.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, head=head)
    embeddings.save(embeddings.path(folder, summary.number), found.astype(np.float32))
    embeddings.forget_others(folder, summary.number)
    k = len(open_ids)
    chosen = _Chosen(
        Selection(open_ids, np.zeros(k), ("margin",) * k, ("query",) * k),
        np.full((k, c), 1 / c, np.float32),
    )
    with store.write() as connection:
        latest = rounds.latest(connection, project_id)
        project = projects.get(connection, project_id)
        swap_queue(
            connection,
            project,
            selection_rows(chosen.selection, chosen.suggestions),
            latest.id,
            latest.number,
        )
    return groups


def feature(store: Store, project_id: int) -> np.ndarray:
    """Write features of three well separated groups; return the group (N,) of each item."""
    with store.read() as connection:
        n = len(items.ids(connection, project_id))
        c = len(projects.classes(connection, project_id))
    groups = np.arange(n) % c
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(c, WIDTH))[groups] + 0.3 * rng.normal(size=(n, WIDTH))
    space = FeatureSpace.of(raw, np.arange(n))
    about = Features("network", "ImageNet", "Apache-2.0", 64, 8, n, 1.0, "float32", time.time())
    file = features.FeatureFile(store.workspace.project(project_id), "key", WIDTH)
    file.begin()
    features.put(file.save(space, space.points(raw), about))
    return groups
