"""Owns what may be asked of the inside of a project's networks: units, filters, maps, changes.

The computing is done by a process that has torch; what it said is kept on disk. Images that
somebody may still be asked about are shown to them without what a model says of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alcore.config import LEARNERS
from alcore.errors import ExplanationImpossible, InvalidSettings
from alcore.loop import features as feature_files
from alcore.records import Project, RoundSummary
from alcore.services import kept_answers, rights
from alcore.store import Connection, Store, items, map_points, projects, reports, rounds
from alcore.workers.answering import Answering

SHOWN = 9
"""Images that are shown of a unit."""
FEW = 8
"""Units of a layer that are shown at first."""
MOST_UNITS = 24
CLASSES = "classes"
"""The key of the layer whose units are the classes."""
Part = Literal["network", "features"]
State = Literal["trained", "start", "random"]
PARTS: tuple[Part, ...] = ("network", "features")
STATES: tuple[State, ...] = ("trained", "start", "random")
_LONGEST_KEY = 100


@dataclass(frozen=True)
class Looking:
    """Somebody who looks into a network of a project."""

    store: Store
    answering: Answering
    project_id: int
    annotator_id: int


@dataclass(frozen=True)
class View:
    """Which network is looked into: of a model, in a part and a state."""

    model: int | None
    """Number of the model; None before there is one."""
    part: Part = "network"
    state: State = "trained"

    @property
    def question(self) -> dict[str, Any]:
        return {"model": self.model, "part": self.part, "state": self.state}


def offered(looking: Looking) -> dict[str, Any]:
    """List the models that can be looked into, newest first, with the parts of each.

    {"models": [{"model", "labels", "network", "parts", "start", "transfer"}], "extractor": its
    name or "", "none": why there is nothing at all}. Raises UnknownProject.
    """
    store, project_id = looking.store, looking.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        history = rounds.all_rounds(connection, project_id)
        images = len(items.ids(connection, project_id))
    features = feature_files.status(store.folder(project_id))
    extractor = "" if features is None else features.name
    models = [_offer(one, bool(extractor)) for one in reversed(history)]
    something = extractor or any(one["parts"] for one in models)
    none = "" if something else _why_none(project, images)
    return {"models": models, "extractor": extractor, "none": none}


def layers(looking: Looking, view: View) -> dict[str, Any]:
    """List the layers of a network, from early to late. Raises ExplanationImpossible."""
    return _ask(looking, view, "layers", {})


def layer_units(
    looking: Looking, view: View, layer: str, chosen: Sequence[int] | None, count: int = FEW
) -> dict[str, Any]:
    """Return units of a layer with the images that excite each most, and where in them.

    chosen: which; None for the `count` that tell most. {"units": [{"unit", "class", "images":
    [{"item", "name", "hash", "x", "y", "value", "answer"}], "one": the largest share of these
    images of which the model says one class, and "of" which}], "of"}.
    """
    wanted = {
        "layer": _key(layer),
        "units": None if chosen is None else _numbers(chosen),
        "count": max(1, min(count, MOST_UNITS)),
    }
    reply = _ask(looking, view, "units", wanted)
    with looking.store.read() as connection:
        shown = [top["item"] for unit in reply["units"] for top in unit["top"]]
        seen = _Seen.read(connection, looking, shown)
    classes = _ask(looking, view, "layers", {})["classes"] if layer == CLASSES else None
    return {
        "of": reply["of"],
        "units": [_unit(one, seen, classes) for one in reply["units"]],
    }


def pictures(looking: Looking, view: View, layer: str, chosen: Sequence[int]) -> dict[str, Any]:
    """Return images made to excite units: {"pictures": base64 of a PNG each, "seconds"}.

    seconds: how long they took; 0 where they were kept.
    """
    begin = time.monotonic()
    reply = _ask(looking, view, "pictures", {"layer": _key(layer), "units": _numbers(chosen)})
    return reply | {"seconds": round(time.monotonic() - begin, 2)}


def filters(looking: Looking, view: View) -> dict[str, Any]:
    """Return the filters of the first convolution as pictures."""
    return _ask(looking, view, "filters", {})


def maps(looking: Looking, view: View, item_id: int | None) -> dict[str, Any]:
    """Return what the layers make of an image; of the first of the project where it is None.

    Raises UnknownItem.
    """
    with looking.store.read() as connection:
        ids = items.ids(connection, looking.project_id)
        if item_id is None:
            if not len(ids):
                raise ExplanationImpossible("the project has no images yet")
            item_id = int(ids[0])
        item = items.get(connection, looking.project_id, item_id)
        seen = _Seen.read(connection, looking, [item_id])
    reply = _ask(looking, view, "maps", {"item": item_id})
    place = int((ids == item_id).argmax())
    around = {"before": int(ids[place - 1]), "after": int(ids[(place + 1) % len(ids)])}
    return reply | around | {"name": seen.names[item_id][0], "hash": item.content_hash}


def compare(looking: Looking, view: View, other: View) -> dict[str, Any]:
    """Say what stays and what changes of each unit against another network of the same kind."""
    if other == view:
        raise InvalidSettings("a network cannot be set beside itself; choose another")
    return _ask(looking, view, "compare", {"other": {"model": other.model, "state": other.state}})


def view_of(model: str, part: str, state: str) -> View:
    """Read which network an address names; an empty model is none. Raises InvalidSettings."""
    if part not in PARTS or state not in STATES:
        raise InvalidSettings(
            f"a network is one of {', '.join(PARTS)}, {', '.join(STATES)}; got {part!r}, {state!r}"
        )
    if model and not (model.isdecimal() and len(model) <= 9):
        raise InvalidSettings(f"a model is named by its number; got {model!r}")
    return View(int(model) if model else None, part, state)


@dataclass(frozen=True)
class _Seen:
    """What somebody may know of some images."""

    names: Mapping[int, tuple[str, str]]
    """Name and content hash by item."""
    hidden: frozenset[int]
    """Of which a model's answer would give away what others said."""

    @classmethod
    def read(cls, connection: Connection, looking: Looking, item_ids: Sequence[int]) -> _Seen:
        project_id, who = looking.project_id, looking.annotator_id
        sees_names = rights.sees_names(connection, project_id, who)
        rows = reports.pictures(connection, project_id, sorted(set(item_ids)))
        hidden = (
            frozenset[int]()
            if rights.is_owner(connection, project_id, who)
            else frozenset(map_points.hidden(connection, project_id, who).tolist())
        )
        names = {
            row.item_id: (row.name if sees_names else f"image {row.item_id}", row.content_hash)
            for row in rows
        }
        return cls(names, hidden)


def _unit(told: Mapping[str, Any], seen: _Seen, classes: Sequence[int] | None) -> dict[str, Any]:
    """Write a unit for a page. Of a class's own unit only images are shown that may be known."""
    top = [one for one in told["top"] if one["item"] in seen.names]
    if classes is not None:
        top = [one for one in top if one["item"] not in seen.hidden]
    shown = []
    for one in top[:SHOWN]:
        name, content_hash = seen.names[one["item"]]
        answer = None if one["item"] in seen.hidden else one["answer"]
        shown.append({**one, "name": name, "hash": content_hash, "answer": answer})
    answers = [one["answer"] for one in shown if one["answer"] is not None]
    most = max(set(answers), key=answers.count) if answers else None
    return {
        "unit": told["unit"],
        "quiet": told["quiet"],
        "class": None if classes is None else classes[told["unit"]],
        "images": shown,
        "most": most,
        "share": None if most is None else round(answers.count(most) / len(answers), 3),
    }


def _ask(looking: Looking, view: View, what: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    store, project_id = looking.store, looking.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        images = len(items.ids(connection, project_id))
        numbers = [view.model, wanted.get("other", {}).get("model")]
        summaries = [rounds.numbered(connection, project_id, n) for n in numbers if n is not None]
    features = feature_files.status(store.folder(project_id))
    made_of: list[Any] = [images, [[c.id, c.name] for c in project.classes]]
    if view.part == "features":
        made_of.append(None if features is None else [features.name, features.created_at])
    if view.part == "network" or what != "pictures" or wanted["layer"] == CLASSES:
        made_of += [[one.id, one.created_at] for one in summaries]
        question = {"what": f"network: {what}", **view.question, **wanted}
    else:
        # The extractor is the same for every model: what it takes a minute to make is made once.
        newest = view.question | {"model": None}
        question = {"what": f"network: {what}", **newest, **wanted}
    return kept_answers.ask(store, looking.answering, project_id, question, made_of)


def _offer(summary: RoundSummary, has_extractor: bool) -> dict[str, Any]:
    """Say what of a model can be looked into; nothing of an estimator on pixels."""
    kind = summary.learner.kind
    parts = ["network"] if kind in ("network", "auto") else []
    if has_extractor and summary.learner.extractor != "none":
        parts.append("features")
    return {
        "model": summary.number,
        "labels": summary.labels,
        "network": summary.learner.network if kind in ("network", "auto") else kind,
        "parts": parts,
        "start": summary.learner.weights if summary.learner.transfer != "none" else "",
        "transfer": summary.learner.transfer,
    }


def _why_none(project: Project, images: int) -> str:
    kind = project.settings.learner.kind
    if not images:
        return "The project has no images yet."
    if kind not in LEARNERS:
        return (
            f"This project learns by {kind}, an estimator of scikit-learn: it is no network and "
            "has no units to look at. The learners “network” and “auto” of the Set-up page have."
        )
    return (
        "There is no model yet, so there is no network to look into. One comes after the first "
        "labels, and this page shows it then."
    )


def _key(layer: str) -> str:
    if not layer or len(layer) > _LONGEST_KEY:
        raise InvalidSettings(f"a layer is named by its key; got {layer[:_LONGEST_KEY]!r}")
    return layer


def _numbers(chosen: Sequence[int]) -> list[int]:
    if not 0 < len(chosen) <= MOST_UNITS:
        raise InvalidSettings(
            f"1 to {MOST_UNITS} units can be asked for at once; got {len(chosen)}"
        )
    return list(chosen)
