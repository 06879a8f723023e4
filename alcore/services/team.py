"""Owns what the team page may ask: who is here, how good answers are, gold, the last word.

Speeds in seconds, shares 0–1, times in Unix seconds. Owners see everybody's figures, others
their own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from alcore import agreement, metrics
from alcore.errors import InvalidSettings, UnknownItem
from alcore.loop.due import request_if_due
from alcore.loop.project_consensus import positions
from alcore.loop.randomness import rng
from alcore.records import LabelEvent, MemberRole, NewEvent
from alcore.services import audit
from alcore.services.lease_rules import check_class
from alcore.services.rights import check_not_archived, check_owner, whose_figures
from alcore.store import (
    Connection,
    Store,
    gold,
    items,
    labels,
    leasing,
    members,
    projects,
    reports,
    votes,
)
from alcore.store.gold import Gold

HERE = 45.0
"""Seconds after which somebody counts as gone: the board of who is there asks every 20."""


@dataclass(frozen=True)
class Presence:
    """Who is in the project, and what they hold."""

    annotator_id: int
    name: str
    role: MemberRole
    here: bool
    seen_at: float
    holds: int
    until: float | None
    today: int | None
    """Labels given today; None where they are somebody else's and only owners see them."""


@dataclass(frozen=True)
class Quality:
    """How fast and how good one annotator's answers are; None where nothing is known."""

    name: str
    labels: int
    median_seconds: float | None
    per_hour: float | None
    gold_right: int
    gold_answers: int
    gold_low: float
    gold_high: float
    """95 % Wilson interval of the accuracy on gold."""
    equal: int
    met: int
    """Answers by others to the same images, and those of them that were the same."""


@dataclass(frozen=True)
class Pair:
    """Cohen's kappa of two annotators."""

    first: str
    second: str
    items: int
    equal: int
    kappa: float


@dataclass(frozen=True)
class Agreement:
    """How far people agree on images that several answered."""

    items: int
    alpha: float | None
    fleiss: float | None
    pairs: tuple[Pair, ...]


def presence(store: Store, project_id: int, by: int | None) -> list[Presence]:
    """List the people of a project: who is here first, then who was here last."""
    now = time.time()
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    with store.read() as connection:
        present = members.of_project(connection, project_id)
        holdings = {
            name: (n, until) for name, n, until in leasing.holders(connection, project_id, now)
        }
        today = labels.counts_since(connection, project_id, midnight)
        only = whose_figures(connection, project_id, by)
    people = [
        Presence(
            annotator_id=member.annotator.id,
            name=member.annotator.name,
            role=member.role,
            here=now - member.seen_at < HERE and member.role != "removed",
            seen_at=member.seen_at,
            holds=holdings.get(member.annotator.name, (0, None))[0],
            until=holdings.get(member.annotator.name, (0, None))[1],
            today=today.get(member.annotator.id, 0)
            if only in (None, member.annotator.name)
            else None,
        )
        for member in present
    ]
    return sorted(people, key=lambda p: (p.role == "removed", not p.here, p.name.casefold()))


def quality(store: Store, project_id: int, by: int) -> list[Quality]:
    """Tell how fast and how good answers are: everybody's for an owner, else one's own."""
    with store.read() as connection:
        only = whose_figures(connection, project_id, by)
        everybody = reports.all_work(connection, project_id)
        summaries = [w for w in everybody if only in (None, w.annotator)]
        ids = {m.annotator.name: m.annotator.id for m in members.of_project(connection, project_id)}
        right = gold.scores(connection, project_id)
        table = votes.table(connection, project_id)
    equal, met = agreement.with_others(table.votes)
    column = {int(who): j for j, who in enumerate(table.annotator_ids)}
    rows = []
    for work in summaries:
        who = ids.get(work.annotator, -1)
        correct, n = right.get(who, (0, 0))
        low, high = metrics.wilson(correct, n)
        place = column.get(who)
        median = statistics.median(work.seconds) if work.seconds else None
        mean = statistics.fmean(work.seconds) if work.seconds else None
        rows.append(
            Quality(
                name=work.annotator,
                labels=work.labels,
                median_seconds=median,
                per_hour=None if mean is None else 3600 / max(0.1, mean),
                gold_right=correct,
                gold_answers=n,
                gold_low=low,
                gold_high=high,
                equal=0 if place is None else int(equal[place]),
                met=0 if place is None else int(met[place]),
            )
        )
    return rows


def agreed(store: Store, project_id: int, by: int | None) -> Agreement:
    """Measure how far people agree; what was imported is nobody's answer. Raises NotAllowed."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        class_ids = np.array([c.id for c in projects.classes(connection, project_id)], np.int64)
        table = votes.table(connection, project_id)
        names = labels.names(connection, table.annotator_ids.tolist())
    person = np.array([name != labels.IMPORTER for name in names], dtype=bool)
    classes_named = positions(table.votes[:, person], class_ids)
    names = [name for name in names if name != labels.IMPORTER]
    return Agreement(
        items=int(((classes_named >= 0).sum(axis=1) > 1).sum()),
        alpha=agreement.krippendorff_alpha(classes_named, len(class_ids)),
        fleiss=agreement.fleiss_kappa(classes_named, len(class_ids)),
        pairs=tuple(
            Pair(names[p.first], names[p.second], p.items, p.equal, p.kappa)
            for p in agreement.pairs(classes_named, len(class_ids))
        ),
    )


def free(store: Store, project_id: int, by: int | None, annotator_id: int) -> int:
    """Take back what somebody holds, so that others get it; return how many images.

    Raises NotAllowed for who is no owner.
    """
    with store.write() as connection:
        check_owner(connection, project_id, by)
        images = leasing.free(connection, project_id, annotator_id)
        person = labels.annotator_by_id(connection, annotator_id)
        name = person.name if person else ""
        audit.note(connection, project_id, by, "free", person=name, images=images)
        return images


# -- the last word -----------------------------------------------------------------------------


def adjudicate(
    store: Store,
    project_id: int,
    by: int,
    *,
    key: str,
    item_id: int,
    class_id: int | None,
    seconds: float | None = None,
) -> tuple[int, bool]:
    """Say an owner's last word on an item; return its event and whether it had arrived before.

    It counts whatever others say, until it is undone; without a class the item is not trained
    on. Raises NotAllowed for who is no owner, UnknownItem.
    """
    now = time.time()
    with store.write() as connection:
        check_owner(connection, project_id, by)
        known = labels.by_key(connection, key)
        if known is not None:
            return known.id, True
        check_not_archived(connection, project_id)
        event = _say(
            connection,
            NewEvent(
                project_id=project_id,
                item_id=item_id,
                annotator_id=by,
                kind="unsure" if class_id is None else "label",
                class_id=class_id,
                key=key,
                created_at=now,
                seconds=seconds,
                origin="adjudicated",
            ),
        )
        request_if_due(connection, projects.get(connection, project_id), now)
    return event, False


def _say(connection: Connection, word: NewEvent) -> int:
    """Append an owner's last word, whose key is new in this transaction; return its event."""
    items.get(connection, word.project_id, word.item_id)
    if word.class_id is not None:
        check_class(projects.get(connection, word.project_id), word.class_id)
    event = labels.append(connection, word)
    assert event is not None
    return event


# -- gold --------------------------------------------------------------------------------------


def all_gold(store: Store, project_id: int, by: int | None) -> list[Gold]:
    """List gold and how it was answered. Raises NotAllowed."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return gold.all_gold(connection, project_id)


def draw_gold(store: Store, project_id: int, by: int | None, n: int) -> int:
    """Make up to n further images of the holdout gold, with the answer key's classes.

    They are measured on already and never trained on, so that neither changes. Returns how many
    were left to draw. Raises NotAllowed, InvalidSettings without an answer key.
    """
    now = time.time()
    with store.write() as connection:
        check_owner(connection, project_id, by)
        project = projects.get(connection, project_id)
        if not project.has_key:
            raise InvalidSettings(
                "there is no answer key to draw gold from; choose images whose answer you know"
            )
        gold_ids = set(gold.ids(connection, project_id))
        ids, classes = items.holdout(connection, project_id)
        class_of = {
            int(i): int(c) for i, c in zip(ids, classes, strict=True) if int(i) not in gold_ids
        }
        order = rng(project.settings, "gold draw", len(gold_ids)).permutation(list(class_of))
        item_ids = [int(i) for i in order[: max(0, n)]]
        gold.add(connection, project_id, {i: class_of[i] for i in item_ids}, now)
        audit.note(connection, project_id, by, "gold", images=len(item_ids))
    return len(item_ids)


def make_gold(store: Store, project_id: int, by: int, item_ids: Sequence[int]) -> int:
    """Make labeled images gold; their labels become an owner's last word. Return how many.

    Raises NotAllowed, UnknownItem for one without a label.
    """
    now = time.time()
    with store.write() as connection:
        check_owner(connection, project_id, by)
        class_of = {}
        for item_id in item_ids:
            items.get(connection, project_id, item_id)
            current = labels.current(connection, item_id)
            if current is None:
                raise UnknownItem(f"image {item_id} has no label that could be its known answer")
            class_of[item_id] = current[0]
            word = NewEvent(
                project_id=project_id,
                item_id=item_id,
                annotator_id=by,
                kind="label",
                class_id=current[0],
                key=f"gold-{item_id}-{now}",
                created_at=now,
                origin="adjudicated",
            )
            _say(connection, word)
        gold.add(connection, project_id, class_of, now)
        audit.note(connection, project_id, by, "gold", images=len(class_of))
    return len(class_of)


def remove_gold(store: Store, project_id: int, by: int | None, item_ids: Sequence[int]) -> None:
    """Ask images as gold no more; what was answered stays. Raises NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        gold.remove(connection, project_id, item_ids)
        audit.note(connection, project_id, by, "remove gold", images=len(item_ids))


def could_be_gold(store: Store, project_id: int, by: int, n: int) -> list[tuple[LabelEvent, str]]:
    """List an owner's own last labels that are not gold, with content hashes, newest first."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        gold_ids = set(gold.ids(connection, project_id))
        events = labels.history(connection, project_id, by, 4 * n)
    mine, excluded = [], set(gold_ids)
    for event, content_hash in events:
        if event.kind == "label" and event.item_id not in excluded:
            excluded.add(event.item_id)
            mine.append((event, content_hash))
    return mine[:n]
