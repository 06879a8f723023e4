"""Owns what the explaining process can be asked: a heat map, labels that carry an answer, a past.

Classes are named by their ids.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from alcore import heat_maps
from alcore.config import Runtime
from alcore.errors import ExplanationImpossible
from alcore.explanations import history, influence, looking
from alcore.explanations.looking import Gallery
from alcore.explanations.models import Loaded, Subject, load
from alcore.learner import attribution, device
from alcore.learner.attribution import Explainable, Target
from alcore.store import Store


@dataclass
class Desk:
    """Answers questions, and keeps the model that was asked about last."""

    store: Store
    threads: int
    _loaded: tuple[object, Loaded] | None = field(default=None, init=False)
    _gallery: Gallery | None = field(default=None, init=False)

    @classmethod
    def open(cls, runtime: Runtime) -> Self:
        """Open the workspace of a runtime."""
        return cls(Store.open(runtime.workspace), runtime.threads)

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Answer about one image of a project, or about a network of it.

        question: "what", one of ANSWERS, "project" and "item", or the path of a "picture" that is
        none of the project's, and what that asks for besides; or what `Gallery.answer` takes.
        Raises ExplanationImpossible where there is no answer, with the reason, and UnreadableImage.
        """
        if question["what"].startswith(looking.FAMILY):
            self._gallery = self._gallery or Gallery(self.store)
            return self._gallery.answer(dict(question))
        image = Path(question["picture"]) if "picture" in question else question["item"]
        subject = Subject.read(self.store, question["project"], image)
        with device.computing(0, self.threads):
            return ANSWERS[question["what"]](self, subject, question)

    def model(self, subject: Subject) -> Loaded:
        """Return the newest model of a project, loaded once; of today's classes, or it refuses."""
        name = (subject.project.id, subject.newest.id, subject.columns)
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None  # its memory first
            self._loaded = (name, load(subject, self.threads))
        return self._loaded[1]


def heat_map(desk: Desk, subject: Subject, question: Mapping[str, Any]) -> dict[str, Any]:
    """Compute a map of an image by a "method"; where it is empty, by the one that suits the model.

    "about": the id of a class, "answer" for the model's own, "difference" for its best guess
    against its second.
    """
    model = desk.model(subject).explainable
    image = subject.pixels(model.side)
    # Two threads wait for each other longer than they compute where other programs run too.
    with device.on_threads(1):
        return _heat_map(model, image, subject, question)


def prediction(desk: Desk, subject: Subject, question: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the newest model takes an image for, and how it sees it.

    "embedding" is the vector before the last layer, as base64 of float32, None where the model has
    none.
    """
    loaded = desk.model(subject)
    image = subject.pixels(loaded.explainable.side)
    with device.on_threads(desk.threads if loaded.explainable.is_slow else 1):
        probabilities = attribution.probabilities(loaded.explainable, image)
        embedding = None
        if loaded.from_file is not None:
            embedding = loaded.from_file.predict(image[None]).embeddings
    vector = None if embedding is None else np.asarray(embedding[0], np.float32).tobytes()
    return {
        "probabilities": {subject.columns[i]: float(p) for i, p in enumerate(probabilities)},
        "embedding": None if vector is None else base64.b64encode(vector).decode(),
        "model": subject.newest.number,
        "network": subject.newest.recipe.network,
    }


def _heat_map(
    model: Explainable, image: np.ndarray, subject: Subject, question: Mapping[str, Any]
) -> dict[str, Any]:
    probabilities = attribution.probabilities(model, image)
    target = _target(subject, probabilities, question["about"])
    method = question["method"] or attribution.suitable(model)
    values = attribution.explain(model, image, method, target)
    columns = subject.columns
    names = {c.id: c.name for c in subject.project.classes}
    wanted = columns[target.wanted]
    against = None if target.against is None else columns[target.against]
    return {
        "map": heat_maps.pack(values),
        "side": len(values),
        "method": method,
        "wanted": wanted,
        "against": against,
        "words": heat_maps.words(
            values, names[wanted], None if against is None else names[against]
        ),
        "probabilities": {columns[i]: round(float(p), 4) for i, p in enumerate(probabilities)},
        "model": subject.newest.number,
    }


def _target(subject: Subject, probabilities: np.ndarray, about: str | int) -> Target:
    order = np.argsort(-probabilities, kind="stable")
    if about == "answer":
        return Target(int(order[0]))
    if about == "difference":
        return Target(int(order[0]), int(order[1]))
    assert isinstance(about, int)
    names = {c.id: c.name for c in subject.project.classes}
    if about not in names:
        raise ExplanationImpossible(f"the project has no class {about}")
    columns, counts = subject.columns, subject.newest.labels_per_class
    if about not in columns or not counts[columns.index(about)]:
        raise ExplanationImpossible(
            f"model {subject.newest.number} has seen no label of {names[about]!r}, so "
            "nothing in it stands for that class; choose another class, or ask the next model"
        )
    return Target(columns.index(about))


ANSWERS: Mapping[str, Callable[[Desk, Subject, Mapping[str, Any]], dict[str, Any]]] = {
    "heat map": heat_map,
    "prediction": prediction,
    "history": lambda desk, subject, question: history.of(subject),
    "influence": lambda desk, subject, question: influence.of(
        subject, desk.model(subject), desk.threads
    ),
}
"""What can be asked, and what answers."""
