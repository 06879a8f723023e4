"""Owns images that come into a project later: what is new of a source, in chunks, split at once.

Nothing that is there moves: neither labels nor the holdout. Of the new images as large a share goes
to the holdout as is there already, drawn at random before anybody can be asked about them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from alcore import disk
from alcore.config import MOST_CLASSES, computes_features
from alcore.datasets.addresses import AddressSource
from alcore.datasets.entries import Listing, Source
from alcore.datasets.ingest import Chunk, ingest
from alcore.datasets.photographs import PhotographSource
from alcore.datasets.sources import here, open_source, summarise
from alcore.errors import ImportRefused
from alcore.folding import ids_by_name
from alcore.jobs.fetching import fetch_new
from alcore.loop import contributions, groups
from alcore.loop.image_rows import natural, room, row_of
from alcore.loop.near_duplicates import Newcomers
from alcore.loop.queueing import choose_overlap
from alcore.loop.randomness import rng
from alcore.names import of_page
from alcore.records import KnownClasses, NewEvent, Project
from alcore.store import (
    Connection,
    additions,
    items,
    jobs,
    labels,
    metadata_values,
    near_duplicates,
    projects,
    webhooks,
)
from alcore.store.additions import Addition
from alcore.workers.attempts import Running


def add_images(running: Running, folder: Path, addition: Addition) -> None:
    """Bring what is new of a source into a project that is ready.

    Raises ImportRefused, SourceUnreachable.
    """
    project_id = running.job.project_id
    running.report("looking at the files", 0.0)
    source = open_source(here(addition.source, running.store.workspace))
    if isinstance(source, AddressSource):
        lists = source.lists()
        for done in fetch_new(running, source, lists, addition.prefix):
            _bring(running, folder, addition, source, done)
        for path in lists:
            path.unlink(missing_ok=True)
    else:
        _bring(running, folder, addition, source, (0.0, 0.95))
    with running.write() as connection:
        additions.finish(connection, addition, time.time())
        about = {"images": len(items.ids(connection, project_id))}
        webhooks.note(connection, project_id, "import", about, time.time())
        project = projects.get(connection, project_id)
        choose_overlap(connection, project)
        contributions.settle(connection, project, folder, time.time())
        if any(c.origin != "table" for c in metadata_values.columns(connection, project_id)):
            jobs.request(connection, project_id, "metadata", time.time())
        if project.settings.learner.uses_extractor and computes_features():
            jobs.request(connection, project_id, "features", time.time())


def _bring(
    running: Running,
    folder: Path,
    addition: Addition,
    source: Source,
    shares: tuple[float, float],
) -> None:
    """Take over what is new of a source; shares: of the whole work, before and after it."""
    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        _, known_classes = projects.source(connection, project_id)
        _, hashes, position, offset = items.imported(connection, project_id)
    original = source.listing()
    listing = _named(original, addition.prefix)
    names = set(hashes.values())
    names |= {of_page(name, 1) for name in names}  # all there was of a file, once
    todo = [entry for entry in listing.entries if entry.name not in names]
    disk.check_room(folder, room(source, todo, project.settings.resolution))
    class_ids = _classes(running, project, listing, known_classes)
    has_test = any(entry.given_split == "test" for entry in listing.entries)
    newcomers = Newcomers(folder, project.settings, position) if todo else None
    for chunk in ingest(
        source,
        folder,
        project.settings.resolution,
        listing=listing,
        scale=project.settings.pixel_range.scale,
        done_names=names,
        known_hashes=hashes,
        next_position=position,
        next_offset=offset,
    ):
        pairs = np.zeros((0, 2), np.int64)
        if newcomers is not None and chunk.accepted:
            pairs = newcomers.pairs(chunk.accepted[-1].position + 1)
        rows = [row_of(project_id, new, class_ids, known_classes) for new in chunk.accepted]
        with running.write() as connection:
            if not has_test:
                _draw(connection, project, rows, known_classes != "none", pairs)
            _take_over(connection, project, chunk, rows, known_classes)
            _note_alike(connection, project_id, rows, pairs)
            additions.count(connection, addition.id, len(chunk.accepted))
            running.advance(connection)
        before, after = shares
        running.report(
            "reading images", before + (after - before) * chunk.done / max(chunk.total, 1)
        )
    if isinstance(source, PhotographSource | AddressSource):
        source.forget(original)


def _named(listing: Listing, prefix: str) -> Listing:
    if not prefix:
        return listing
    entries = [replace(entry, name=f"{prefix}/{entry.name}") for entry in listing.entries]
    return replace(listing, entries=entries)


def _classes(
    running: Running, project: Project, listing: Listing, known_classes: KnownClasses
) -> dict[str, int]:
    """Add the classes that are new; return ids by name."""
    class_ids = ids_by_name(project)
    if known_classes == "none":
        return class_ids
    new = sorted(set(summarise(listing).classes) - set(class_ids), key=natural)
    if len(project.classes) + len(new) > MOST_CLASSES:
        raise ImportRefused(
            f"these images have {len(new):,} classes that the project does not have; at most "
            f"{MOST_CLASSES:,} are possible"
        )
    if not new:
        return class_ids
    with running.write() as connection:
        added = projects.add_classes(connection, project.id, new, time.time())
    return class_ids | {c.name: c.id for c in added}


def _take_over(
    connection: Connection,
    project: Project,
    chunk: Chunk,
    rows: Sequence[dict[str, object]],
    known_classes: KnownClasses,
) -> None:
    """Insert a chunk, its splits drawn, with its labels, in the caller's transaction."""
    items.add(connection, rows)
    groups.note_new(connection, project.id, rows)
    items.add_skipped(connection, project.id, chunk.skipped)
    additions.forget_skipped(connection, project.id, [new.name for new in chunk.accepted])
    if known_classes == "labels":
        _label(connection, project.id, rows)
    if project.channels == 1 and not all(new.grey for new in chunk.accepted):
        projects.set_state(connection, project.id, "ready", channels=3)


def _note_alike(
    connection: Connection, project_id: int, rows: Sequence[dict[str, object]], pairs: np.ndarray
) -> None:
    """Note which new images are near-duplicates of others, as pairs (P, 2) of positions.

    Where those before have not been compared, that is still to be done.
    """
    if not rows:
        return
    first, last = int(str(rows[0]["position"])), int(str(rows[-1]["position"]))
    ids = additions.ids_at(connection, project_id, [*pairs[:, 0].tolist(), last])
    alike = [(ids[one], ids[other]) for one, other in pairs.tolist()]
    compared = near_duplicates.compared(connection, project_id)
    near_duplicates.join(connection, project_id, alike, last + 1 if compared == first else compared)


def _draw(
    connection: Connection,
    project: Project,
    rows: Sequence[dict[str, object]],
    known: bool,
    pairs: np.ndarray,
) -> None:
    """Put as large a share of new images into the holdout as is there, at random.

    known: only images whose class is known can be in it, and only they count; pairs:
    near-duplicates (P, 2) by position.
    """
    held, total = additions.split_sizes(connection, project.id, known)
    could = [row for row in rows if row["true_class"] is not None or not known]
    if not could or not total:
        return
    rule, after = project.settings.holdout, total + len(could)
    none_yet = not held and not known  # the share of what was there was less than an image
    aimed = min(rule.questions, rule.share * after) if none_yet else held / total * after
    new = max(0, round(aimed) - held)
    if groups.split_new(connection, project, rows, known, new, pairs):
        return
    first = str(rows[0]["position"])
    chosen = rng(project.settings, "more images", first).permutation(len(could))[:new]
    for place in np.sort(chosen).tolist():
        could[place]["split"] = "holdout"


def _label(connection: Connection, project_id: int, rows: Sequence[dict[str, object]]) -> None:
    """Say in the log which classes the new images came with."""
    now = time.time()
    known = [row for row in rows if row["true_class"] is not None]
    if not known:
        return
    importer = labels.annotator_named(connection, labels.IMPORTER, now)
    ids = additions.ids_at(connection, project_id, [int(str(row["position"])) for row in known])
    labels.append_all(
        connection,
        [
            NewEvent(
                project_id=project_id,
                item_id=ids[int(str(row["position"]))],
                annotator_id=importer.id,
                kind="import",
                class_id=int(str(row["true_class"])),
                key=f"import-{ids[int(str(row['position']))]}",
                created_at=now,
                origin="import",
            )
            for row in known
        ],
    )
