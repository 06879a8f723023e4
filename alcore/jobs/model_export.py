"""Owns the job that packs a project's newest model for use elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from alcore import disk
from alcore.errors import TrainingImpossible
from alcore.folding import fold_of
from alcore.loop import groups
from alcore.loop.features import extractor_weights
from alcore.loop.image_reading import image_reader
from alcore.loop.model_files import package
from alcore.loop.randomness import rng
from alcore.loop.round_files import pixels_of, round_arrays
from alcore.loop.slicing import divisions
from alcore.records import Project, RoundSummary
from alcore.rounds.packing import Material, pack
from alcore.slices import FEW
from alcore.store import items, metadata_values, projects, rounds
from alcore.workers.attempts import Running

CHECKED = 500
"""Images besides the holdout that the exported model is checked on."""
MOST_SLICED = 8
"""Columns of metadata by which the card tells the accuracy."""
MOST_HELD = 10_000
"""Images of the holdout that it is measured on."""


def run_model_export(running: Running) -> None:
    """Write the newest model as a zip; older packages go, so that one is there at most."""
    store, project_id = running.store, running.job.project_id
    folder = store.folder(project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        latest = rounds.latest(connection, project_id)
        ids = items.ids(connection, project_id)
    if latest is None or latest.checkpoint is None:
        raise TrainingImpossible(
            "there is no model in a file: train the network first, which is kept in one"
        )
    disk.check_room(folder)
    to = package(folder, latest.number, project.class_change)
    to.parent.mkdir(parents=True, exist_ok=True)
    running.report("writing the model", 0.0)
    check = pack(
        _material(running, folder, project, latest, ids),
        to,
        lambda share: running.report("writing the model", share),
    )
    running.note(
        {
            "number": latest.number,
            "images": check.images,
            "difference": check.difference,
            "program_difference": check.program_difference,
            "accuracy": check.evaluation.accuracy,
        }
    )
    for old in to.parent.glob("model-*.zip"):
        if old != to:
            old.unlink(missing_ok=True)
    with running.publish():
        pass


def _material(
    running: Running, folder: Path, project: Project, latest: RoundSummary, ids: np.ndarray
) -> Material:
    """Gather what a package is made of; the holdout is that of the round."""
    held, true = ids[:0], ids[:0]
    path = round_arrays(folder, latest.number)
    if path.exists():
        with np.load(path, allow_pickle=False) as arrays:
            held, true = arrays["holdout_ids"][:MOST_HELD], arrays["holdout_true"][:MOST_HELD]
    row_of = {number: row for row, number in enumerate(ids.tolist())}
    rows = np.array([row_of[number] for number in held.tolist()], dtype=np.int64)
    others = np.setdiff1d(np.arange(len(ids)), rows)
    some = rng(project.settings, "model export").permutation(others)[:CHECKED]
    today = fold_of(project, latest)
    folded = today.only_known()
    true = folded.places[true.astype(np.int64)]
    there = true >= 0  # of some the class was deleted since
    counts = np.bincount(
        folded.places[folded.places >= 0],
        np.array(latest.labels_per_class)[folded.places >= 0],
        minlength=folded.classes,
    )
    assert latest.checkpoint is not None
    return Material(
        project=project.name,
        classes=tuple(project.classes[place].name for place in today.known),
        fold=folded,
        summary=replace(latest, labels_per_class=tuple(counts.astype(int).tolist())),
        checkpoint=folder / latest.checkpoint,
        scale=project.settings.pixel_range.scale,
        weights=extractor_weights(running.store, project),
        read=_reader(running, folder, project, ids),
        holdout_rows=rows[there],
        holdout_true=true[there],
        divisions=_divisions(running, project.id, held[there]),
        grouping=_grouping(running, project, latest),
        other_rows=np.sort(some),
        threads=running.threads,
    )


def _divisions(
    running: Running, project_id: int, held: np.ndarray
) -> tuple[tuple[str, np.ndarray, tuple[str, ...]], ...]:
    """Divide the holdout (H,) by columns of which a slice is large enough to say something."""
    with running.store.read() as connection:
        columns = metadata_values.columns(connection, project_id)
        every = divisions(connection, project_id, held, columns)
    telling = [
        (one.column, one.places, one.names)
        for one in every
        if len(one.names) > 1 and np.bincount(one.places).max(initial=0) >= FEW
    ]
    return tuple(telling[:MOST_SLICED])


def _grouping(running: Running, project: Project, latest: RoundSummary) -> str:
    """Say how groups of images lie in holdout and pool, and whether the model knows it so."""
    with running.store.read() as connection:
        now = groups.sentence(groups.summary(connection, project))
    return " ".join(text for text in (now, groups.since(project, latest)) if text)


def _reader(
    running: Running, folder: Path, project: Project, ids: np.ndarray
) -> Callable[[np.ndarray, int], np.ndarray]:
    """Return what reads the images of rows at a resolution: as the network sees them, or larger."""
    pixels = pixels_of(folder, project.settings, len(ids))

    def read(rows: np.ndarray, resolution: int) -> np.ndarray:
        if resolution == pixels.shape[1]:
            return np.asarray(pixels[rows])
        with running.store.read() as connection:
            by_position = {one.position: one for one in items.get_all(connection, project.id)}
            spec, _ = projects.source(connection, project.id)
        image = image_reader(folder, project.settings, spec, resolution)
        shape = (0, resolution, resolution, 3)
        images = [image(by_position[row]) for row in rows.tolist()]
        return np.stack(images) if images else np.zeros(shape, np.uint8)

    return read
