"""Owns what may be asked of a model's answer to one image: heat maps, neighbours, its past.

Whoever may not see the model's answer learns nothing of it here either. The computing is done by a
process that has torch; what it said is kept on disk, up to a number of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alcore import heat_maps
from alcore.errors import ExplanationImpossible, InvalidSettings, NotAllowed
from alcore.records import Project, RoundSummary
from alcore.services import kept_answers, lease_rules, rights
from alcore.services.pool_predictions import PredictionCache
from alcore.services.review import named
from alcore.store import Connection, Store, items, labels, leasing, projects, review, rounds
from alcore.store.review import Reviewed
from alcore.workers.answering import Answering

METHODS = heat_maps.METHODS
NEIGHBOURS = 6
_MORE = 4
"""Times as many neighbours are looked at, since some may not be shown."""


@dataclass(frozen=True)
class Asking:
    """Somebody who asks about one image of a project."""

    store: Store
    project_id: int
    annotator_id: int
    item_id: int


@dataclass(frozen=True)
class Shown:
    """A labeled image that somebody may see, with a number that says what it is here for."""

    row: Reviewed
    value: float
    """Cosine of a neighbour; of a label that carries the answer by how much it does."""
    answer: int | None = None
    """The class, by id, that would be the answer without the label."""


@dataclass(frozen=True)
class Neighbours:
    """The labeled images nearest to an image, or a sentence why there are none."""

    model: int | None
    rows: tuple[Shown, ...]
    why_none: str = ""


@dataclass(frozen=True)
class Carriers:
    """The labels that carry an answer, found by fitting again without each."""

    answer: int
    """Class by id."""
    probability: float
    rows: tuple[Shown, ...]
    tried: int
    of: int
    held: str
    hidden: int
    """Labels among them that this person may not see."""


def heat_map(asking: Asking, answering: Answering, method: str, about: str) -> dict[str, Any]:
    """Return a map of the newest model's answer, as the explaining process says it, with class ids.

    method: one of METHODS, empty for the one that suits the model; about: "answer", "difference"
    or the id of a class. Raises NotAllowed, InvalidSettings, and ExplanationImpossible with a
    sentence that says what would work.
    """
    project = _checked(asking)
    if method and method not in METHODS:
        raise InvalidSettings(f"no method called {method!r}; choose from {', '.join(METHODS)}")
    known = {str(c.id): c.id for c in project.classes}
    if about not in ("answer", "difference", *known):
        raise InvalidSettings(
            f"a map is about the answer, the difference or a class's id; got {about!r}"
        )
    reply = _ask(
        asking,
        answering,
        {"what": "heat map", "method": method, "about": known.get(about, about)},
    )
    ranked = sorted(reply["probabilities"].items(), key=lambda pair: -pair[1])
    return reply | {"probabilities": [{"class": int(c), "p": p} for c, p in ranked]}


def neighbours(asking: Asking, cached: PredictionCache) -> Neighbours:
    """Find the labeled images nearest to an image in the newest model's embeddings.

    Raises NotAllowed.
    """
    _checked(asking)
    predictions = cached.get(asking.project_id)
    if predictions is None or predictions.round_id is None:
        return Neighbours(None, (), cached.why_none(asking.project_id))
    with asking.store.read() as connection:
        labeled, _ = items.labeled(connection, asking.project_id)
        candidates = np.isin(predictions.item_ids, labeled)
        with predictions.lock:
            ids, cosines = predictions.nearest_among(asking.item_id, candidates, NEIGHBOURS * _MORE)
        rows = _visible(connection, asking, ids.tolist())
    likeness = dict(zip(ids.tolist(), cosines.tolist(), strict=True))
    nearest = tuple(Shown(row, likeness[row.item_id]) for row in rows[:NEIGHBOURS])
    why = ""
    if predictions.row(asking.item_id) is None:
        why = f"This image came after model {predictions.number}; the next model will know it."
    elif not nearest:
        why = "No other image is labeled that you may see."
    return Neighbours(predictions.number, nearest, why)


def carriers(asking: Asking, answering: Answering) -> Carriers:
    """Find the labels without which the answer would change most.

    Raises NotAllowed, and ExplanationImpossible where that cannot be said exactly.
    """
    _checked(asking)
    reply = _ask(asking, answering, {"what": "influence"})
    by_item = {label["item"]: label for label in reply["labels"]}
    with asking.store.read() as connection:
        rows = _visible(connection, asking, list(by_item))
    shown = tuple(
        Shown(row, by_item[row.item_id]["change"], by_item[row.item_id]["answer"]) for row in rows
    )
    return Carriers(
        answer=reply["answer"],
        probability=reply["probability"],
        rows=shown,
        tried=reply["tried"],
        of=reply["of"],
        held=reply["held"],
        hidden=len(by_item) - len(shown),
    )


def history(asking: Asking, answering: Answering) -> dict[str, Any]:
    """Return what each model said, oldest first, and which was right first.

    {"models": [{"model", "labels", "class", "p", "right" or "none": why}], "of", "label": class id
    that this person may know, "first": the first model that was right, "since": from which on all
    were}. Raises NotAllowed, ExplanationImpossible without a model.
    """
    project = _checked(asking)
    reply = _ask(asking, answering, {"what": "history"})
    with asking.store.read() as connection:
        label = _label(connection, asking)
    ids = [c.id for c in project.classes]
    entries = [_entry(one, ids, label) for one in reply["models"]]
    right = [one for one in entries if one.get("right")]
    wrong = [one["model"] for one in entries if one.get("right") is False]
    since = next((one["model"] for one in right if not wrong or one["model"] > wrong[-1]), None)
    return {
        "models": entries,
        "of": reply["of"],
        "label": label,
        "first": right[0]["model"] if right else None,
        "since": since,
    }


def check_may_ask(connection: Connection, asking: Asking) -> None:
    """Raise NotAllowed, or ExplanationImpossible, where the model's answer would be given away.

    As suggestions are, it is for whoever is just asked about the image; else for owners, and of
    images that have an answer, unless this person may still be asked about them.
    """
    project_id, annotator_id, item_id = asking.project_id, asking.annotator_id, asking.item_id
    items.get(connection, project_id, item_id)
    if rights.is_owner(connection, project_id, annotator_id):
        return
    if leasing.of_person(connection, item_id, annotator_id) is not None:
        return
    if review.is_open(connection, project_id, annotator_id, item_id):
        raise NotAllowed("you may still be asked about this image; answer it first")
    if labels.current(connection, item_id) is None and not labels.has_answered(
        connection, item_id, annotator_id
    ):
        raise ExplanationImpossible(
            "nobody has answered this image yet, and you are not asked about it just now; wait "
            "until it has an answer"
        )


def _checked(asking: Asking) -> Project:
    with asking.store.read() as connection:
        check_may_ask(connection, asking)
        return projects.get(connection, asking.project_id)


def _ask(asking: Asking, answering: Answering, question: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the process that has torch, unless its answer is on disk."""
    store = asking.store
    with store.read() as connection:
        project = projects.get(connection, asking.project_id)
        item = items.get(connection, asking.project_id, asking.item_id)
        newest = newest_model(connection, asking.project_id)
    classes = [[c.id, c.name] for c in project.classes]
    made_of = [newest.id, newest.created_at, item.content_hash, classes]
    about_item = {**question, "item": asking.item_id}
    return kept_answers.ask(store, answering, asking.project_id, about_item, made_of)


def newest_model(connection: Connection, project_id: int) -> RoundSummary:
    """Read of the model that is asked. Raises ExplanationImpossible without one.

    Nobody waits then for the process that would only say so.
    """
    newest = rounds.latest(connection, project_id)
    if newest is None:
        raise ExplanationImpossible(
            "there is no model yet that could be asked; one comes after the first labels"
        )
    return newest


def _visible(connection: Connection, asking: Asking, item_ids: Sequence[int]) -> list[Reviewed]:
    return visible(connection, asking.project_id, asking.annotator_id, item_ids)


def visible(
    connection: Connection, project_id: int, who: int, item_ids: Sequence[int]
) -> list[Reviewed]:
    """Read the labels of items, without those that this person shall answer unbiased."""
    owns = rights.is_owner(connection, project_id, who)
    may = [i for i in item_ids if owns or not review.is_open(connection, project_id, who, i)]
    sees_names = rights.sees_names(connection, project_id, who)
    rows = review.rows(connection, may)
    return [named(row, sees_names) for row in rows if row.class_id is not None]


def _label(connection: Connection, asking: Asking) -> int | None:
    """Read the class of the image as far as this person may know it."""
    shown = lease_rules.shown_to(connection, asking.project_id, asking.item_id, asking.annotator_id)
    if shown is not None or not rights.is_owner(connection, asking.project_id, asking.annotator_id):
        return shown
    current = labels.current(connection, asking.item_id)
    if current is not None:
        return current[0]
    known = dict(
        zip(*map(np.ndarray.tolist, items.holdout(connection, asking.project_id)), strict=True)
    )
    return known.get(asking.item_id)


def _entry(past: Mapping[str, Any], ids: Sequence[int], label: int | None) -> dict[str, Any]:
    if "none" in past:
        return dict(past)
    probabilities = past["probabilities"]
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    entry = {"model": past["model"], "labels": past["labels"]}
    entry |= {"class": ids[best], "p": probabilities[best]}
    return entry if label is None else entry | {"right": ids[best] == label}
