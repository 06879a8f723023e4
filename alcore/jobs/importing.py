"""Owns the import job: files become items in chunks; then holdout, labels and a first queue."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import structlog

from alcore import disk, pool
from alcore.config import MOST_CLASSES, PixelRange, computes_features
from alcore.datasets.addresses import AddressSource
from alcore.datasets.entries import Entry, Listing, Source
from alcore.datasets.ingest import ingest, read_original
from alcore.datasets.measuring import scale_of
from alcore.datasets.pixels import PixelCache
from alcore.datasets.sources import here, open_source, summarise
from alcore.errors import AlcoreError, ImportRefused, JobCancelled, SourceUnreachable
from alcore.folding import ids_by_name
from alcore.jobs.adding import add_images
from alcore.jobs.fetching import fetch_new
from alcore.jobs.metadata import read_known
from alcore.loop import contributions, groups, incoming_labels, waiting_tables
from alcore.loop import near_duplicates as near
from alcore.loop.due import request_if_due
from alcore.loop.image_rows import natural, room, row_of
from alcore.loop.queueing import choose_overlap, cold_start_rows, swap_queue
from alcore.loop.randomness import rng
from alcore.records import KnownClasses, NewEvent, Project
from alcore.store import (
    Connection,
    additions,
    items,
    jobs,
    labels,
    near_duplicates,
    projects,
    webhooks,
)
from alcore.strategies.cold_start import cold_start
from alcore.workers.attempts import PASSING, Running, fields

COLD_START = 100
"""Items in the first queue."""
SUBSET = 2_000
"""Items among which they are chosen: diversity needs no more, and a start shall be quick."""
PAGE_FIRST = 3.0
"""Seconds until features begin: whoever waits for the first image has the processor till then."""
MOST_EXAMPLES = 20
"""Missing originals that are named."""

log = structlog.get_logger()


def run_import(running: Running) -> None:
    """Bring a project's images in; what an interrupted run committed is kept and gone on from.

    Run again on a project that is ready, it fits the pixels to a resolution or a range of
    values that has changed, with "again" among its arguments whether one has or not; then it
    brings in what is new of the sources that wait.
    """
    store, project_id = running.store, running.job.project_id
    folder = store.folder(project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
    if project.state == "ready":
        cache = _fit(running, project, folder)
        with store.read() as connection:
            waiting = additions.waiting(connection, project_id)
        for addition in waiting:
            try:
                add_images(running, folder, addition)
            except (JobCancelled, SourceUnreachable, *PASSING):
                raise  # it is gone on with
            except AlcoreError:
                with running.write() as connection:  # what is in stays; the rest is not waited for
                    additions.finish(connection, addition, time.time())
                raise
        with running.publish():
            pass
        cache.forget_others()
        return
    try:
        _read_files(running, project, folder)
        _make_ready(running, folder)
    except (JobCancelled, SourceUnreachable, *PASSING):
        raise  # what is in stays, and it can be gone on with
    except AlcoreError:
        with running.write() as connection:
            projects.set_state(connection, project_id, "failed")
        raise


def _read_files(running: Running, project: Project, folder: Path) -> None:
    running.report("looking at the files", 0.0)
    with running.store.read() as connection:
        spec, known_classes = projects.source(connection, project.id)
    source = open_source(here(spec, running.store.workspace))
    if not isinstance(source, AddressSource):
        listing = source.listing()
        _add_classes(running, project, known_classes, set(summarise(listing).classes))
        _take_in(running, folder, source, listing, (0.0, 0.95))
        return
    lists = source.lists()
    classes = {address.class_name for address in source.wanted(lists) if address.class_name}
    _add_classes(running, project, known_classes, classes)
    for shares in fetch_new(running, source, lists, ""):
        listing = source.listing()
        _take_in(running, folder, source, listing, shares)
        source.forget(listing)
    for path in lists:
        path.unlink(missing_ok=True)


def _add_classes(
    running: Running, project: Project, known_classes: KnownClasses, classes: set[str]
) -> None:
    """Add the classes that the files name and the project lacks. Raises ImportRefused."""
    new = sorted(classes - set(ids_by_name(project)), key=natural)
    if known_classes == "none" or not new:
        return
    if len(project.classes) + len(new) > MOST_CLASSES:
        raise ImportRefused(
            f"there are {len(new):,} class folders; at most {MOST_CLASSES:,} classes are possible: "
            "import without classes, or arrange the files in fewer folders"
        )
    with running.write() as connection:
        projects.add_classes(connection, project.id, new, time.time())


def _take_in(
    running: Running,
    folder: Path,
    source: Source,
    listing: Listing,
    shares: tuple[float, float],
) -> None:
    """Let what is new of a source become items; shares: of the whole work, before and after."""
    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        _, known_classes = projects.source(connection, project_id)
        done_names, known_hashes, next_position, next_offset = items.imported(
            connection, project_id
        )
    class_ids = ids_by_name(project)
    todo = [entry for entry in listing.entries if entry.name not in done_names]
    disk.check_room(folder, room(source, todo, project.settings.resolution))
    for chunk in ingest(
        source,
        folder,
        project.settings.resolution,
        listing=listing,
        scale=_scale(running, project, source, listing.entries),
        done_names=done_names,
        known_hashes=known_hashes,
        next_position=next_position,
        next_offset=next_offset,
    ):
        with running.write() as connection:
            items.add(
                connection,
                [
                    row_of(project_id, new_item, class_ids, known_classes)
                    for new_item in chunk.accepted
                ],
            )
            items.add_skipped(connection, project_id, chunk.skipped)
            running.advance(connection)
        before, after = shares
        part = chunk.done / max(chunk.total, 1)
        running.report("reading images", before + (after - before) * part)


def _scale(
    running: Running, project: Project, source: Source, entries: list[Entry]
) -> tuple[float, ...] | None:
    """Return the range of values of deep images; where nobody has set one, find and store it."""
    scale = project.settings.pixel_range.scale
    if scale is not None:
        return scale
    scale = scale_of(source, entries)
    if scale is not None:
        with running.write() as connection:
            now = projects.get(connection, project.id)
            bands = now.settings.pixel_range.bands
            settings = replace(now.settings, pixel_range=PixelRange(scale[0], scale[1], bands))
            projects.save_settings(connection, project.id, settings, now.version)
        return settings.pixel_range.scale
    return None


def _make_ready(running: Running, folder: Path) -> None:
    """Draw the holdout, take over existing labels, queue the first questions: all or nothing."""
    running.report("choosing the first questions", 0.96)
    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        _, known_classes = projects.source(connection, project_id)
        all_ids, classes, in_test = items.outline(connection, project_id)
    if len(all_ids) < 2:
        raise ImportRefused(
            f"only {len(all_ids)} image could be read; a project needs at least 2 different ones"
        )
    settings = project.settings
    if in_test.all():
        raise ImportRefused(
            "all images lie in the test folder, so that none is left to learn from; "
            "put some into a train folder, or import the test folder by itself"
        )
    has_class = classes > 0
    if not has_class.any():
        known_classes = "none"  # a key without classes would have a holdout that nobody can check
    read_known(running)
    waiting_tables.take_over(store, project_id, store.folder(project_id))
    alike = near.compare_all(folder, settings, len(all_ids))
    holdout = all_ids[:0]
    if not in_test.any():
        with store.read() as connection:
            holdout = _draw_holdout(connection, project, all_ids, has_class, alike)
    apart = in_test | np.isin(all_ids, holdout)
    if known_classes == "labels":
        apart |= has_class
        _import_labels(running, all_ids[has_class], classes[has_class])
    candidates = all_ids[~apart]
    cache = PixelCache.of(folder, settings)
    first = None
    if len(candidates):
        some = np.sort(rng(settings, "cold start", "subset").permutation(candidates)[:SUBSET])
        first = cold_start(
            cache.array()[np.searchsorted(all_ids, some)],
            some,
            min(COLD_START, len(some)),
            rng(settings, "cold start"),
        )
    channels = 1 if all(map(_is_grey, cache.blocks(len(all_ids)))) else 3
    with running.publish() as connection:
        items.move_to_holdout(connection, holdout.tolist())
        near_duplicates.put(connection, project_id, all_ids, alike)
        projects.set_known_classes(connection, project_id, known_classes)
        projects.set_state(connection, project_id, "ready", channels)
        ready = projects.get(connection, project_id)
        choose_overlap(connection, ready)
        queue_rows = cold_start_rows(first) if first else []
        swap_queue(connection, ready, queue_rows, None, 0)
        webhooks.note(connection, project_id, "import", {"images": len(all_ids)}, time.time())
        contributions.settle(connection, ready, folder, time.time())
        request_if_due(connection, ready, time.time())
        if settings.learner.uses_extractor and computes_features():
            jobs.request(connection, project_id, "features", time.time(), PAGE_FIRST)
        if settings.learner.pretrain:
            jobs.request(connection, project_id, "pretrain", time.time())
    with store.read() as connection:
        counts = items.count(connection, project_id)
        left_out = len(items.skipped(connection, project_id))
    log.info("images imported", **fields(running.job), **counts, left_out=left_out)


def _draw_holdout(
    connection: Connection,
    project: Project,
    all_ids: np.ndarray,
    has_class: np.ndarray,
    alike: np.ndarray,
) -> np.ndarray:
    """Draw the holdout of images (N,); of those whose class is known, has_class (N,), if any is.

    By whole groups where images stay together; alike: (N,) groups of near-duplicates.
    """
    rule = project.settings.holdout
    where, size = all_ids, min(rule.questions, round(rule.share * len(all_ids)))
    if has_class.any():
        where = all_ids[has_class]
        size = min(rule.most, max(1, round(rule.share * len(where))))
    could = has_class if has_class.any() else np.ones(len(all_ids), bool)
    grouped = groups.drawn_at_import(connection, project, all_ids, could, size, alike)
    if grouped is not None:
        return grouped
    return pool.draw_holdout(where, size, rng(project.settings, "holdout"))


def _import_labels(running: Running, item_ids: np.ndarray, class_ids: np.ndarray) -> None:
    """Say in the log which classes images (L,) came with, a few at a time.

    Nobody sees them before the project is ready. Run again, none is said twice.
    """
    now, start = time.time(), 0
    while start < len(item_ids):
        with running.write() as connection:
            part = slice(start, start + incoming_labels.lot(connection, time.time()))
            importer = labels.annotator_named(connection, labels.IMPORTER, now)
            labels.append_all(
                connection,
                [
                    NewEvent(
                        project_id=running.job.project_id,
                        item_id=item_id,
                        annotator_id=importer.id,
                        kind="import",
                        class_id=class_id,
                        key=f"import-{item_id}",
                        created_at=now,
                        origin="import",
                    )
                    for item_id, class_id in zip(
                        item_ids[part].tolist(), class_ids[part].tolist(), strict=True
                    )
                ],
            )
        start = part.stop
        running.report("taking over the labels", 0.96 + 0.04 * min(1, start / len(item_ids)))
        time.sleep(incoming_labels.PAUSE)


def _is_grey(images: np.ndarray) -> bool:
    return bool((images[..., :1] == images[..., 1:]).all())


def _fit(running: Running, project: Project, folder: Path) -> PixelCache:
    """Make the pixels anew where they have to be, and return where they are.

    Images whose originals are missing keep what there is of them.
    """
    cache = PixelCache.of(folder, project.settings)
    with running.store.read() as connection:
        rows = items.get_all(connection, project.id)
        spec, _ = projects.source(connection, project.id)
    if len(cache) < len(rows) or running.job.args.get("again"):
        disk.check_room(folder, len(rows) * cache.row_bytes)
        missing = cache.rebuild(
            rows,
            lambda row: read_original(folder, row, spec),
            lambda done: running.report("fitting the images", done / len(rows)),
        )
        running.note({"missing": len(missing), "examples": missing[:MOST_EXAMPLES]})
    return cache
