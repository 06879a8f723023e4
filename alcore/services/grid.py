"""Owns the grid: many images of one predicted class, or like one image, labeled with one key.

Tiles are leased like single images. They come from the pool alone: a holdout question is asked
one by one, where it looks like any other, so that the holdout stays a random sample that nobody
can tell and that no model has chosen. So is gold: among tiles that the model takes for one class
its answer would stand above it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from alcore.errors import LeaseExpired, NothingToUndo
from alcore.loop.due import request_if_due
from alcore.records import Holder, LabelEvent, Lease, NewEvent, NewLot, NewUndo, Project, Provenance
from alcore.services import lease_rules, rights
from alcore.services.pool_predictions import HeadOutput, PoolPredictions, PredictionCache
from alcore.services.rights import refuse_archived
from alcore.store import (
    Connection,
    Store,
    bulk,
    items,
    labels,
    leasing,
    metadata_values,
    projects,
    selections,
)
from alcore.store.metadata_values import Condition

FEWEST, MOST = 12, 50
"""Tiles that a grid may have."""
_LOOKED_THROUGH = 2_000
"""Images, best first, among which free ones are looked for."""
NO_CLASSES = (
    "There is no model yet. It comes after the first labels, by itself; images like the one on "
    "screen can be found already."
)
ALL_ANSWERED = "Every image of this selection has an answer, or the selection is gone."
HELD = "Others hold the images of this selection that have no answer yet."
First = Literal["sure", "doubtful"]


@dataclass(frozen=True)
class Tiles:
    """What a grid shows."""

    leases: tuple[Lease, ...]
    held: tuple[str, ...]
    class_id: int | None
    """What the model predicts for all of them; of neighbours, the label of their image, unless
    that is gold or others answer it too: then what this annotator said of it, if anything."""
    counts: dict[int, int]
    """Open images by predicted class id."""
    shares: tuple[float, ...]
    """Probability of the predicted class, by tile."""
    model: int | None
    head_labels: int | None
    reason: str | None = None
    """Why there are no tiles."""


@dataclass(frozen=True)
class Lot:
    """What became of a lot of labels."""

    items: tuple[int, ...]
    refused: tuple[int, ...]
    """Tiles that somebody else has or has answered by now."""
    duplicate: bool


@dataclass(frozen=True)
class TileClaim:
    """The images that a tab wants for its grid, whichever they are."""

    project_id: int
    annotator_id: int
    client: str
    n: int
    aside: Sequence[int] = ()
    """Items that are left out."""
    release: Sequence[str] = ()
    """Leases that are given back."""
    hold: Sequence[str] = ()
    """Leases that are renewed."""


@dataclass(frozen=True)
class Choice:
    """Which images a grid shows: those of one predicted class, or those nearest to one item."""

    class_id: int | None = None
    """None: the class with the fewest labels among those that the model predicts."""
    first: First = "sure"
    like: int | None = None
    """The item that they shall be near to."""
    condition: Condition | None = None
    """What must be known of them."""


def tiles(
    store: Store,
    prediction_cache: PredictionCache,
    claim: TileClaim,
    choice: Choice = Choice(),
) -> Tiles:
    """Lease open images of one predicted class, or those nearest to one item."""
    predictions = prediction_cache.get(claim.project_id)
    if predictions is None:
        reason = prediction_cache.why_none(claim.project_id)
        return Tiles((), (), None, {}, (), None, None, reason)
    output = predictions.output  # which is another one after the next answer
    knows_classes = predictions.round_id is not None or output.head_labels
    if choice.like is None and not knows_classes:
        return Tiles((), (), None, {}, (), None, None, NO_CLASSES)
    with store.write() as connection:
        project, holder, held = _begin(connection, claim)
        meets = _meeting(connection, predictions, holder, choice.condition)
        counts = _counts(predictions, output, [c.id for c in project.classes], meets)
        if choice.like is not None:
            class_id = lease_rules.shown_to(connection, project.id, choice.like, claim.annotator_id)
            free = predictions.open & meets
            order, _ = predictions.nearest_among(choice.like, free, _LOOKED_THROUGH)
        else:
            class_id = lease_rules.still_there(project, choice.class_id)
            if class_id is None:
                class_id = _least_labeled(connection, project.id, counts)
            place = next((c.position for c in project.classes if c.id == class_id), None)
            order = _predicted(predictions, output, place, choice.first, meets)
        order = order[~np.isin(order, np.array(claim.aside, np.int64))]
        provenance = Provenance(
            "grid" if choice.like is None else "similar", predictions.round_id, output.head_labels
        )
        leases = _claim(connection, project, holder, order, claim.n, provenance)
    rows = predictions.rows(np.array([lease.item_id for lease in leases], np.int64))
    return Tiles(
        leases=tuple(leases),
        held=tuple(held),
        class_id=class_id,
        counts=counts,
        shares=tuple(np.round(output.probabilities[rows].max(axis=1), 4).tolist()),
        model=predictions.number or None,
        head_labels=output.head_labels,
        reason=None if leases else _why_none(predictions, choice.like, bool(len(order))),
    )


def selected(
    store: Store, prediction_cache: PredictionCache, claim: TileClaim, selection_id: int
) -> Tiles:
    """Lease open images of a selection from the map, whatever class they are taken for.

    The class is that which the model predicts for at least half of them, if there is one.
    """
    predictions = prediction_cache.get(claim.project_id)
    with store.write() as connection:
        project, holder, held = _begin(connection, claim)
        ids = selections.ids(connection, claim.project_id, selection_id)
        ids = ids[np.isin(ids, items.unlabeled(connection, claim.project_id))]
        order = ids[~np.isin(ids, np.array(claim.aside, np.int64))][:_LOOKED_THROUGH]
        provenance = Provenance("grid", None if predictions is None else predictions.round_id)
        leases = _claim(connection, project, holder, order, claim.n, provenance)
    class_id, shares = _commonest(predictions, project, [lease.item_id for lease in leases])
    return Tiles(
        leases=tuple(leases),
        held=tuple(held),
        class_id=class_id,
        counts={},
        shares=shares,
        model=None if predictions is None else predictions.number or None,
        head_labels=None,
        reason=None if leases else ALL_ANSWERED if not len(ids) else HELD,
    )


def _begin(connection: Connection, claim: TileClaim) -> tuple[Project, Holder, list[str]]:
    """Let somebody in who wants tiles: gives leases back and renews others.

    Returns the project, the holder with the time that so many leases last, and the tokens that
    were renewed.
    """
    now = time.time()
    who = (connection, claim.project_id, claim.annotator_id)
    lease_rules.at_work(*who, now)
    project = projects.get(connection, claim.project_id)
    leasing.release(connection, claim.client, claim.release)
    holder = lease_rules.holder(*who, claim.client, claim.n + len(claim.hold), now)
    return project, holder, leasing.renew(connection, holder, claim.hold)


def _claim(
    connection: Connection,
    project: Project,
    holder: Holder,
    order: np.ndarray,
    n: int,
    provenance: Provenance,
) -> list[Lease]:
    """Lease the first of these items that are free, up to n and as many as the project allows."""
    if project.state != "ready" or project.archived_at is not None:
        return []
    n = min(n, lease_rules.room(connection, project.id, holder.annotator_id, holder.now))
    return bulk.claim(connection, holder, order.tolist(), n, provenance) if n > 0 else []


def _meeting(
    connection: Connection,
    predictions: PoolPredictions,
    holder: Holder,
    condition: Condition | None,
) -> np.ndarray:
    """Tell of which items the condition is known to be met: (N,) bool, all without one.

    Who may not see the names of images does not learn by it what they would tell.
    """
    project_id = holder.project_id
    if condition is None or not rights.sees_names(connection, project_id, holder.annotator_id):
        return np.ones(len(predictions.item_ids), bool)
    ids = metadata_values.meeting(connection, project_id, condition)
    return np.isin(predictions.item_ids, ids)


def _least_labeled(connection: Connection, project_id: int, counts: dict[int, int]) -> int | None:
    """Return the class with the fewest labels of those that are predicted; None without any."""
    label_counts = labels.per_class(connection, project_id)
    predicted = [i for i, count in counts.items() if count]
    return min(predicted, key=lambda i: label_counts.get(i, 0), default=None)


def _commonest(
    predictions: PoolPredictions | None, project: Project, item_ids: Sequence[int]
) -> tuple[int | None, tuple[float, ...]]:
    """Return the class predicted for at least half of the items, with its probability for each."""
    if predictions is None or predictions.round_id is None or not item_ids:
        return None, ()
    rows = predictions.rows(np.array(item_ids, np.int64))
    if (rows < 0).any():  # some came after the model
        return None, ()
    counts = np.bincount(predictions.output.predicted[rows])
    place = int(counts.argmax())
    if 2 * counts[place] < len(rows):
        return None, ()
    shares = np.round(predictions.output.probabilities[rows, place], 4)
    class_id = next(c.id for c in project.classes if c.position == place)
    return class_id, tuple(shares.tolist())


def label_lot(store: Store, lot: NewLot) -> Lot:
    """Give many images one class, and others back, in one transaction.

    Tiles that went to somebody else are left out and named; where nothing is left, LeaseExpired
    is raised. The time taken is shared among the labels. Sent again, nothing happens twice.
    Raises UnknownItem for an item or class of another project.
    """
    project_id, annotator_id, now = lot.project_id, lot.annotator_id, lot.created_at
    with store.write() as connection:
        lease_rules.at_work(connection, project_id, annotator_id, now)
        project = projects.get(connection, project_id)
        known = bulk.events(connection, project_id, lot.key)
        if known:
            lease_rules.check_own(known[0], annotator_id)
            return _as_before(lot, {event.item_id for event in known})
        refuse_archived(project)
        lease_rules.check_class(project, lot.class_id)
        suggested = lease_rules.still_there(project, lot.suggested_class)
        lot = replace(lot, suggested_class=suggested)
        leasing.release(connection, lot.client, lot.release)
        taken, refused = _still_theirs(connection, lot)
        if not taken:
            raise LeaseExpired("somebody else has these images by now; your labels were not used")
        for token, item_id, lease in taken:
            labels.append(connection, _event(lot, token, item_id, lease, len(taken)))
            leasing.drop(connection, item_id, annotator_id, now)
        request_if_due(connection, project, now)
    return Lot(tuple(item_id for _, item_id, _ in taken), tuple(refused), False)


def _as_before(lot: NewLot, labeled: Collection[int]) -> Lot:
    """Tell of a lot that came before what became of it."""
    wanted = [item_id for _, item_id in lot.tiles]
    return Lot(
        tuple(i for i in wanted if i in labeled),
        tuple(i for i in wanted if i not in labeled),
        True,
    )


def _still_theirs(
    connection: Connection, lot: NewLot
) -> tuple[list[tuple[str, int, Lease | None]], list[int]]:
    """Divide a lot: token, item and lease of each tile that its sender may label, other items."""
    taken: list[tuple[str, int, Lease | None]] = []
    refused: list[int] = []
    for token, item_id in dict((i, (t, i)) for t, i in lot.tiles).values():
        items.get(connection, lot.project_id, item_id)
        try:
            lease = lease_rules.lease_for_answer(
                connection,
                lot.project_id,
                item_id,
                lot.annotator_id,
                token,
                lot.created_at,
                item_id in lot.handed,
            )
        except LeaseExpired:
            refused.append(item_id)
        else:
            taken.append((token, item_id, lease))
    return taken, refused


def _event(lot: NewLot, token: str, item_id: int, lease: Lease | None, n: int) -> NewEvent:
    """Write one of the n labels of a lot."""
    event = NewEvent(
        project_id=lot.project_id,
        item_id=item_id,
        annotator_id=lot.annotator_id,
        kind="label",
        class_id=lot.class_id,
        key=bulk.event_key(lot.key, item_id),
        created_at=lot.created_at,
        token=token,
        client_time=lot.client_time,
        seconds=None if lot.seconds is None else lot.seconds / n,
        origin="grid",
        suggestion_shown=lot.suggested_class is not None,
    )
    if lease is None:
        return event
    return replace(
        event,
        origin=lease.origin,
        round_id=lease.round_id,
        head_labels=lease.head_labels,
        suggested_class=lot.suggested_class,
        suggested_by=None if lot.suggested_class is None else lease.round_number,
    )


def undo_lot(store: Store, wish: NewUndo, client: str) -> tuple[list[Lease], bool]:
    """Take a whole lot back and lease its images again; return whether that had happened before.

    The token of an image is the undo's key, a slash and the item's id, so that the board knows
    it beforehand. Labels of the lot that were changed since stay. An image that somebody else
    holds by now is not leased. Raises NothingToUndo where nothing of the lot is left.
    """
    project_id, annotator_id, now = wish.project_id, wish.annotator_id, wish.created_at
    with store.write() as connection:
        lease_rules.at_work(connection, project_id, annotator_id, now)
        project = projects.get(connection, project_id)
        refuse_archived(project)
        known = bulk.events(connection, project_id, wish.key)
        target = [e for e in bulk.events(connection, project_id, wish.undoes) if e.kind == "label"]
        if not target or target[0].annotator_id != annotator_id:
            raise NothingToUndo("there is no lot of yours to take back")
        again = {event.item_id for event in known}
        back = [e for e in target if e.item_id in again] if known else []
        if not known:
            back = [e for e in target if not e.undone and _counts_now(connection, e)]
        if not back:
            raise NothingToUndo("these answers were taken back or changed before")
        holder = lease_rules.holder(connection, project_id, annotator_id, client, len(back), now)
        leases = []
        for event in back:
            again_key = bulk.event_key(wish.key, event.item_id)
            labels.take_back(connection, replace(wish, key=again_key, undoes=event.key))
            provenance = Provenance(event.origin, event.round_id, event.head_labels)
            leases.append(
                leasing.claim_item(connection, holder, event.item_id, provenance, again_key)
            )
        request_if_due(connection, project, now)
    return [lease for lease in leases if lease is not None], bool(known)


def _counts_now(connection: Connection, event: LabelEvent) -> bool:
    """Tell whether an item's label is still what this event said."""
    current = labels.current(connection, event.item_id)
    return current == (event.class_id, event.annotator_id)


def _counts(
    predictions: PoolPredictions, output: HeadOutput, class_ids: Sequence[int], meets: np.ndarray
) -> dict[int, int]:
    """Count open images by predicted class id; meets: (N,) bool, those that are wanted."""
    counts = np.bincount(output.predicted[predictions.open & meets], minlength=len(class_ids))
    return dict(zip(class_ids, counts.tolist(), strict=False))


def _predicted(
    predictions: PoolPredictions,
    output: HeadOutput,
    place: int | None,
    first: First,
    meets: np.ndarray,
) -> np.ndarray:
    """Return ids of open items that the model takes for one class, surest or least sure first."""
    if place is None:
        return np.zeros(0, np.int64)
    rows = np.flatnonzero(predictions.open & meets & (output.predicted == place))
    sureness = output.probabilities[rows, place]
    order = np.argsort(-sureness if first == "sure" else sureness, kind="stable")
    return predictions.item_ids[rows[order[:_LOOKED_THROUGH]]]


def _why_none(predictions: PoolPredictions, like: int | None, any_there: bool) -> str:
    if like is not None and predictions.row(like) is None:
        return "The model has not seen this image yet; the next one will."
    if any_there:
        return "Others hold all of these images now."
    if like is not None or not predictions.open.any():
        return "Every image has an answer."
    return "The model predicts this class for no open image."
