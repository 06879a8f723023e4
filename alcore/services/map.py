"""Owns what the map may ask: where images lie, what is known of each, what is picked out.

Everything is a column by position, N images, so that it travels as bytes. Who may not yet be told
what others said of an image gets neither its label nor what a model says that has learned from it;
names of others, which tell how much each has done, are for owners.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alcore import strategies
from alcore.errors import ExportFailed, InvalidSettings, TrainingImpossible, UnknownItem
from alcore.folding import fold_of
from alcore.loop import maps
from alcore.loop.maps import Layout
from alcore.metadata import written
from alcore.records import Job, Project
from alcore.services import audit, metadata, rights
from alcore.store import (
    Connection,
    Store,
    items,
    jobs,
    labels,
    map_points,
    metadata_values,
    projects,
    reports,
    rounds,
    selections,
)
from alcore.workers.answering import Answering
from alcore.workers.foreground import run_here

COMMAND = "pip install 'alcore[map]'"
"""What adds UMAP where it is missing."""
MOST_FOLDERS, MOST_PEOPLE = 20, 20
"""More than this are shown as one: nobody tells their colours apart."""
MOST_PICTURES = 200
NO_CLASS, UNSURE, NOBODY = -1, -2, 255
KNOWN: frozenset[str] = frozenset({"probabilities", "embeddings", "logits"})
"""Signals that a model has left on the disk: strategies that need no more can be compared."""
BATCH = 20
"""Images that each of two compared strategies picks."""


@dataclass(frozen=True)
class Columns:
    """Arrays by position, and what is said of them all."""

    about: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class MapStatus:
    """What there is to show, and what is being made."""

    basis: str
    images: int
    events: int
    """The newest event: labels have changed when it has."""
    models: tuple[tuple[int, int], ...]
    """Number and labels of each model."""
    stored: Mapping[str, tuple[str, ...]]
    """Bases of which there are layouts, by method."""
    installed: bool
    """UMAP is."""
    seconds: float
    """About how long UMAP takes next."""
    job: Job | None
    owns: bool


def status(store: Store, project_id: int, by: int) -> MapStatus:
    """Read what there is to show. Raises UnknownProject."""
    folder = store.folder(project_id)
    with store.read() as connection:
        projects.get(connection, project_id)
        images = _count(connection, project_id)
        latest = rounds.latest(connection, project_id)
        models = map_points.models(connection, project_id)
        job = jobs.newest(connection, project_id, "map")
        events = labels.last_event(connection, project_id)
        owns = rights.is_owner(connection, project_id, by)
    stored = {method: tuple(maps.bases(folder, method)) for method in maps.METHODS}
    return MapStatus(
        basis=maps.basis_of(folder, latest, images),
        images=images,
        events=events,
        models=tuple((int(number), int(n)) for number, _, n in models),
        stored=stored,
        installed=maps.umap_is_installed(),
        seconds=umap_seconds(images, bool(stored["umap"])),
        job=job,
        owns=owns,
    )


def umap_seconds(images: int, again: bool) -> float:
    """Tell about how long UMAP takes on two cores, from the start or from its last layout.

    `benchmarks/map.py` measures it, beside other work.
    """
    return 10.0 + 0.0003 * images if again else 35.0 + 0.003 * images


def columns(store: Store, project_id: int, by: int) -> Columns:
    """Read what is known of every image, as far as whoever asks may know it."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        owns = rights.is_owner(connection, project_id, by)
        images = map_points.images(connection, project_id)
        answers = map_points.answers(connection, project_id)
        unseen = _unseen(connection, project_id, by)
        disputed = map_points.disputed(connection, project_id)
        models = map_points.models(connection, project_id)
        ranking, _ = projects.ranking(connection, project_id)
        queue = map_points.queued(connection, project_id, ranking)
        events = labels.last_event(connection, project_id)
        columns_known = metadata.visible(connection, project_id, by)
        sees_names = rights.sees_names(connection, project_id, by)
        names = map_points.names(connection, project_id) if sees_names else []
        whose = map_points.people(connection, np.unique(answers.annotators).tolist())
    place = _Places(images.ids)
    known = ~np.isin(answers.item_ids, unseen)
    rows = place.of(answers.item_ids[known])
    arrays: dict[str, np.ndarray] = {"ids": images.ids.astype(np.uint32)}
    arrays["class"] = _classes(project, images.ids, rows, answers.class_ids[known])
    since = np.zeros(len(images.ids), np.uint16)
    since[rows] = 1 + np.searchsorted(models[:, 1], answers.events[known])
    agreement = np.zeros(len(images.ids), np.uint8)
    agreement[rows] = 1
    agreement[place.of(disputed[~np.isin(disputed, unseen)])] = 2
    rank = np.zeros(len(images.ids), np.uint16)
    rank[place.of(queue)] = np.minimum(1 + np.arange(len(queue)), 65_535)
    who, people = _who(answers.annotators[known], whose, None if owns else by)
    arrays["who"] = np.full(len(images.ids), NOBODY, np.uint8)
    arrays["who"][rows] = who
    arrays |= {"since": since, "agreement": agreement, "rank": rank}
    arrays["longest"] = np.minimum(images.longest, 65_535).astype(np.uint16)
    about: dict[str, Any] = {
        "events": events,
        "people": people,
        "batch": project.settings.batch_size,
    }
    about["metadata"] = [{"id": c.id, "name": c.name} for c in columns_known]
    if owns:
        arrays["holdout"] = images.holdout.astype(np.uint8)
    folder_of, folders = _folders(names)
    if len(folders) > 1:
        arrays["folder"], about["folders"] = folder_of, folders
    return Columns(about, arrays)


def known(store: Store, project_id: int, by: int, column_id: int) -> Columns:
    """Read what is known of every image in one column of metadata: `value` (N,) uint8.

    Of a text column the place in the list of texts, of others 0 to 254 from the lowest to the
    highest; NOBODY without a value. Raises UnknownItem for a column that one may not read.
    """
    with store.read() as connection:
        columns = {c.id: c for c in metadata.visible(connection, project_id, by)}
        if column_id not in columns:
            raise UnknownItem("there is no such column of metadata; reload the page")
        column = columns[column_id]
        ids = items.ids(connection, project_id)
        item_ids, values = metadata_values.values(connection, column_id)
        texts: dict[int, str] = {}
        if column.kind == "text":
            numbers, counts = np.unique(values, return_counts=True)
            top = numbers[np.argsort(-counts, kind="stable")[:MOST_FOLDERS]].astype(np.int64)
            texts = metadata_values.texts(connection, top.tolist())
    value = np.full(len(ids), NOBODY, np.uint8)
    about: dict[str, Any] = {}
    if column.kind == "text":
        place = {number: i for i, number in enumerate(top.tolist())}
        shown = [place.get(int(number), MOST_FOLDERS) for number in values]
        about["names"] = [texts[number] for number in top.tolist()]
        if len(numbers) > MOST_FOLDERS:
            about["names"].append("others")
    else:
        low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
        shown = np.round(254 * (values - low) / max(high - low, 1e-12)).astype(np.int64).tolist()
        about["ramp"] = [str(written(column.kind, float(end))) for end in (low, high)]
    value[_Places(ids).of(item_ids)] = shown
    return Columns(about, {"value": value})


def layout(store: Store, project_id: int, by: int, basis: str, method: str) -> Columns:
    """Read where images lie; an empty basis is the newest. PCA is computed here where it is new.

    Raises InvalidSettings for a method that there is not, UnknownItem where there is no such
    layout.
    """
    if method not in maps.METHODS:
        raise InvalidSettings(f"no map by {method!r}; choose from {', '.join(maps.METHODS)}")
    folder = store.folder(project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        images = _count(connection, project_id)
        latest = rounds.latest(connection, project_id)
        unseen = _unseen(connection, project_id, by)
        ids = items.ids(connection, project_id) if len(unseen) else unseen
    best = maps.basis_of(folder, latest, images)
    wanted = basis if basis in maps.bases(folder, method) else best
    there = maps.read(folder, wanted, method)
    if method == "pca" and not basis and not maps.fits(there, folder, images):
        there = maps.lay_out(folder, project, best, images)
        if there is not None:
            with suppress(ExportFailed):  # a full disk keeps no map from being seen
                maps.put(folder, there)
    if there is None and method == "umap" and not basis:
        there = maps.newest(folder, "umap")
    if there is None:
        raise UnknownItem("there is no such map; reload the page to see the newest")
    opinions = maps.read(folder, there.basis, "pca")
    if opinions is not None and opinions.predicted is not None and there.basis.isdecimal():
        with store.read() as connection:
            summary = rounds.numbered(connection, project_id, int(there.basis))
        places = fold_of(project, summary).places.astype(np.int16)  # NO_CLASS where deleted
        opinions = replace(opinions, predicted=places[opinions.predicted])
    return _sent(there, opinions, _Places(ids).of(unseen))


def select(store: Store, project_id: int, by: int, bits: bytes) -> tuple[int, int]:
    """Keep a selection: a bit per image by position, the first in the lowest bit.

    Returns its id and how many images it has. Raises InvalidSettings for none or too many bits.
    """
    with store.write() as connection:
        rights.check_active(connection, project_id, by)
        ids = map_points.images(connection, project_id).ids
        flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
        if flags[len(ids) :].any():
            raise InvalidSettings("the selection has images that the project has not; reload")
        selected = ids[np.flatnonzero(flags[: len(ids)])]
        if not len(selected):
            raise InvalidSettings("nothing is selected; draw around some images first")
        new = selections.add(connection, project_id, by, selected.tolist(), time.time())
        return new, len(selected)


def pictures(
    store: Store, project_id: int, by: int, item_ids: Sequence[int]
) -> list[tuple[int, str, str]]:
    """Read id, name and content hash of up to MOST_PICTURES items, in their order.

    Who may not read file names gets none.
    """
    with store.read() as connection:
        sees_names = rights.sees_names(connection, project_id, by)
        rows = reports.pictures(connection, project_id, item_ids[:MOST_PICTURES])
    return [
        (row.item_id, row.name if sees_names else f"image {row.item_id}", row.content_hash)
        for row in rows
    ]


def compute(store: Store, project_id: int, by: int) -> None:
    """Ask for a map by UMAP. Raises NotAllowed, TrainingImpossible where UMAP is missing."""
    if not maps.umap_is_installed():
        raise TrainingImpossible(f"UMAP is not installed; {COMMAND} adds it")
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "map")
        jobs.request(connection, project_id, "map", time.time())


def map_now(store: Store, project_id: int, threads: int) -> None:
    """Lay the images out by UMAP in this process. Raises what the job raises."""
    busy = "a map of this project is being made; wait for it, or stop that first"

    def ask(connection: Connection) -> None:
        jobs.request(connection, project_id, "map", time.time())

    run_here(store, project_id, "map", threads, ask, busy)


def stop(store: Store, project_id: int, by: int) -> None:
    """End the making of a map. Raises NotAllowed."""
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "stop map")
        jobs.cancel(connection, project_id, "map", time.time())


def comparable() -> list[dict[str, str]]:
    """List the strategies whose next batch can be shown: they need what a model has left."""
    return [
        {"name": strategy.name, "family": family}
        for family, group in strategies.families().items()
        for strategy in group
        if not strategy.asks_again and strategies.needed(strategy.name, {}) <= KNOWN
    ]


def next_batch(
    answering: Answering, store: Store, project_id: int, strategy: str
) -> dict[str, Any]:
    """Ask a strategy what it would ask next of the newest model; in a process of its own.

    Raises InvalidSettings for a strategy that needs what the model has not left,
    TrainingImpossible without a model, AnswerLate.
    """
    if strategy not in {one["name"] for one in comparable()}:
        raise InvalidSettings(f"the next batch of {strategy!r} cannot be shown on a map")
    answer: dict[str, Any] = answering.ask(
        {
            "workspace": str(store.workspace.root),
            "project": project_id,
            "strategy": strategy,
            "count": BATCH,
        }
    )
    if "error" in answer:
        raise TrainingImpossible(answer["error"])
    return answer


def _count(connection: Connection, project_id: int) -> int:
    return sum(items.count(connection, project_id).values())


def _unseen(connection: Connection, project_id: int, by: int) -> np.ndarray:
    """Read the items of which somebody may not be told what others said; owners may of all."""
    if rights.is_owner(connection, project_id, by):
        return np.zeros(0, np.int64)
    return map_points.hidden(connection, project_id, by)


def _classes(
    project: Project, ids: np.ndarray, rows: np.ndarray, class_ids: np.ndarray
) -> np.ndarray:
    """Return class positions (N,) int16: NO_CLASS without an answer, UNSURE for an unsure one."""
    position = {c.id: c.position for c in project.classes} | {0: UNSURE}
    result = np.full(len(ids), NO_CLASS, np.int16)
    result[rows] = [position[int(c)] for c in class_ids]
    return result


def _who(
    annotators: np.ndarray, names: Mapping[int, str], only: int | None
) -> tuple[np.ndarray, list[str]]:
    """Return a place (L,) in the list of names for each answer, the busiest first.

    only: the person whose name alone is told; None for all.
    """
    if only is not None:
        return np.where(annotators == only, 0, 1).astype(np.uint8), ["you", "others"]
    ids, place, counts = np.unique(annotators, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(ids), np.int64)
    rank[order] = np.arange(len(ids))
    shown = [names[int(ids[i])] for i in order[:MOST_PEOPLE]]
    if len(ids) > MOST_PEOPLE:
        shown.append("others")
    return np.minimum(rank[place], MOST_PEOPLE).astype(np.uint8), shown


def _folders(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return a place (N,) in the list of folders for each name, the fullest first."""
    known: dict[str, int] = {}
    each = (known.setdefault(name.rpartition("/")[0], len(known)) for name in names)
    place = np.fromiter(each, np.int64, len(names))
    folders = list(known)
    order = np.argsort(-np.bincount(place, minlength=len(folders)), kind="stable")
    rank = np.empty(len(folders), np.int64)
    rank[order] = np.arange(len(folders))
    shown = [folders[i] or "no folder" for i in order[:MOST_FOLDERS]]
    if len(folders) > MOST_FOLDERS:
        shown.append("others")
    return np.minimum(rank[place], MOST_FOLDERS).astype(np.uint8), shown


def _sent(shown: Layout, opinions: Layout | None, unseen: np.ndarray) -> Columns:
    """Return a layout as it travels, without what the model says of unseen rows.

    opinions: the layout of the same basis that holds what its model said.
    """
    about = {"basis": shown.basis, "method": shown.method, "span": shown.span}
    arrays = {"steps": shown.steps.reshape(-1)}
    if opinions is not None and opinions.predicted is not None and opinions.unsure is not None:
        predicted, unsure = opinions.predicted.copy(), opinions.unsure.copy()
        inside = unseen[unseen < len(predicted)]
        predicted[inside], unsure[inside] = NO_CLASS, 0
        arrays |= {"predicted": predicted, "unsure": unsure}
    return Columns(about, arrays)


class _Places:
    """Where items stand, by id."""

    def __init__(self, ids: np.ndarray) -> None:
        self._order = np.argsort(ids)
        self._sorted = ids[self._order]

    def of(self, ids: np.ndarray) -> np.ndarray:
        """Return the positions (n,) of items that are there."""
        places = np.searchsorted(self._sorted, ids)
        return self._order[places] if len(ids) else np.zeros(0, np.int64)
