"""Owns the map job: neighbours of images stay neighbours in the plane, by UMAP.

It begins where the last layout left the images, so that they move rather than jump. It cannot be
interrupted in between: to stop it ends its process, which loses nothing but the time.
"""

from __future__ import annotations

import numpy as np

from alcore import layouts
from alcore.errors import ExecutorUnavailable, TrainingImpossible
from alcore.loop import maps
from alcore.loop.maps import Layout
from alcore.loop.randomness import rng
from alcore.records import Project
from alcore.store import items, projects, rounds
from alcore.workers.attempts import Running

NEIGHBOURS = 15
FEWEST = 8
"""Images; of fewer the main directions are shown, since nobody has neighbours to tell apart."""
REFINING = 100
"""Epochs from a layout that was there; UMAP's own number from the start."""
_SIZE = 10.0
"""UMAP begins in a square of this side."""


def run_map(running: Running) -> None:
    """Lay the images out by UMAP (McInnes et al. 2018) on the newest basis there is.

    Raises TrainingImpossible for a project without images, ExecutorUnavailable without the extra.
    """
    store, project_id = running.store, running.job.project_id
    folder = store.folder(project_id)
    running.report("gathering the images", 0.0)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        images = sum(items.count(connection, project_id).values())
        latest = rounds.latest(connection, project_id)
    if not images or project.state != "ready":
        raise TrainingImpossible("the project has no images yet; a map comes once they are in")
    basis = maps.basis_of(folder, latest, images)
    main = maps.read(folder, basis, "pca")
    if main is None or not maps.fits(main, folder, images):
        main = maps.lay_out(folder, project, basis, images)
        if main is None:
            raise TrainingImpossible("a newer model has come meanwhile; the next map shows it")
        maps.put(folder, main)
    running.report("finding neighbours", 0.1)
    before = maps.newest(folder, "umap")
    points = _neighbour_layout(running, project, main, before)
    if points is None:
        raise TrainingImpossible("a newer model has come meanwhile; the next map shows it")
    steps, span = layouts.packed(points)
    layout = Layout(basis, "umap", steps, span, made_of=main.made_of)
    running.report("saving", 1.0)
    with running.publish():
        maps.put(folder, layout)


def _neighbour_layout(
    running: Running, project: Project, main: Layout, before: Layout | None
) -> np.ndarray | None:
    """Return the layout (N, 2); None where the basis is gone by now."""
    images = len(main.steps)
    folder = running.store.folder(project.id)
    values = maps.values_of(folder, project, main.basis, images)
    if values is None or len(values) < images:
        return None
    if images < FEWEST:
        return main.points
    try:
        from umap import UMAP
    except ImportError as error:
        raise ExecutorUnavailable(
            f"UMAP is not installed ({error}); pip install 'alcore[map]' adds it"
        ) from error
    goes_on = before is not None and len(before.steps) == images
    start = before.points if goes_on and before is not None else main.points
    low, high = start.min(axis=0), start.max(axis=0)
    square = (_SIZE * (start - low) / np.maximum(high - low, 1e-6)).astype(np.float32)
    seed = int(rng(project.settings, "map").integers(2**31))
    fitted = UMAP(
        n_neighbors=min(NEIGHBOURS, images - 1),
        init=square,
        n_epochs=REFINING if goes_on else None,
        random_state=seed,
        n_jobs=1,
        low_memory=True,
    ).fit_transform(np.ascontiguousarray(values[:images], np.float32))
    placed = layouts.scaled(np.nan_to_num(np.asarray(fitted, np.float32)))
    return layouts.aligned(placed, start)
