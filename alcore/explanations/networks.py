"""Owns which networks of a project can be looked into, and how each comes back: the models' own,
the extractor beside them, what they began with, and the same with random weights.

R pixels a side, C classes, N images of a project, n of them a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from alcore.config import BACKBONES
from alcore.errors import ExplanationImpossible, UnknownItem, UnreadableImage
from alcore.folding import fold_of
from alcore.learner import mixtures, sights, transfer, tuning
from alcore.learner.checkpoints import Model
from alcore.learner.mixtures import Stored
from alcore.learner.transfer import Pretrained
from alcore.learner.units import Sight
from alcore.loop import features as feature_files
from alcore.loop.features import extractor_weights
from alcore.loop.image_reading import image_reader
from alcore.records import Item, Project, RoundSummary
from alcore.store import Store, items, pretrained, projects, rounds

STATES = ("trained", "start", "random")
"""Weights as the model has them, as its training began, and drawn by chance."""
PARTS = ("network", "features")
"""The project's own network, and the one that was taught elsewhere."""
SAMPLE, SMALL_SAMPLE = 600, 150
"""Most images that are shown to a small network, and to one that takes long."""


@dataclass(frozen=True)
class Room:
    """A project, and what is read of it to look into a network of it."""

    store: Store
    project: Project
    summary: RoundSummary | None
    """Whose model; None before there is one."""
    item_ids: np.ndarray
    """(N,) int64 by position."""
    spec: dict[str, Any]
    part: str
    state: str

    @classmethod
    def read(cls, store: Store, question: dict[str, Any]) -> Self:
        """Read what a question is about: "project", "model" (a number or None), "part", "state".

        Raises UnknownProject, UnknownItem where there is no such model.
        """
        number = question["model"]
        with store.read() as connection:
            project = projects.get(connection, question["project"])
            summary = None
            if number is not None:
                summary = rounds.numbered(connection, project.id, number)
            item_ids = items.ids(connection, project.id)
            spec, _ = projects.source(connection, project.id)
        return cls(store, project, summary, item_ids, spec, question["part"], question["state"])

    @property
    def folder(self) -> Path:
        return self.store.folder(self.project.id)

    @property
    def columns(self) -> tuple[int | None, ...]:
        """Name the class of today that each output stands for; None where it was deleted."""
        assert self.summary is not None
        places = fold_of(self.project, self.summary).places.tolist()
        return tuple(self.project.classes[p].id if p >= 0 else None for p in places)

    @property
    def made_of(self) -> list[Any]:
        """Name all that decides what its units are and see."""
        about = None if self.summary is None else (self.summary.id, self.summary.created_at)
        return [about, self.part, self.state, len(self.item_ids)]

    def sample(self) -> np.ndarray:
        """Return the images that units are shown, (n,) int64: all, or some drawn by chance."""
        is_slow = self.part == "features" or (
            self.summary is not None and self.summary.learner.network in BACKBONES
        )
        most = SMALL_SAMPLE if is_slow else SAMPLE
        if len(self.item_ids) <= most:
            return self.item_ids
        drawn = np.random.default_rng(self.project.id).choice(self.item_ids, most, replace=False)
        return np.sort(drawn)

    def row(self, item_id: int) -> Item:
        """Read one image's entry. Raises UnknownItem."""
        with self.store.read() as connection:
            return items.get(connection, self.project.id, item_id)


@dataclass(frozen=True)
class Opened:
    """A network that is looked into, and how images reach it."""

    sight: Sight
    resolution: int
    """Pixels a side at which images are read."""
    name: str
    """For sentences."""
    room: Room

    def pixels(self, item_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read images (m, R, R, 3) uint8 as the network gets them, and which they are, (m,).

        Those that cannot be read are left out.
        """
        room, side = self.room, self.sight.side
        read = image_reader(room.folder, room.project.settings, room.spec, self.resolution)
        kept, images = [], []
        for item_id in item_ids.tolist():
            try:
                images.append(np.array(read(room.row(item_id))))
            except (UnreadableImage, UnknownItem):
                continue
            kept.append(item_id)
        if not images:
            raise ExplanationImpossible("none of the images can be read now, so none can be shown")
        return sights.resized(np.stack(images), side), np.array(kept, np.int64)


def open_network(room: Room) -> Opened:
    """Bring a network back. Raises ExplanationImpossible with what can be looked at instead,
    CheckpointMismatch and WeightsUnavailable."""
    if room.part == "features":
        return _extractor(room)
    stored = _stored(room)
    model = stored if isinstance(stored, Model) else stored.network
    if model is None:
        raise ExplanationImpossible(
            f"model {_number(room)} is a head on features and has no network of its own; look at "
            "the network that the features come from"
        )
    if room.state == "trained":
        sight = sights.of_model(model)
    elif room.state == "start":
        sight = sights.of_start(model, _start(room, model))
    else:
        sight = sights.of_random(model)
    return Opened(sight, model.architecture.resolution, model.architecture.network, room)


def _stored(room: Room) -> Stored | Model:
    if room.summary is None:
        raise ExplanationImpossible(
            "there is no model yet, so there is no network to look into; one comes after the first "
            "labels"
        )
    name = room.summary.checkpoint
    if name is None:
        raise ExplanationImpossible(
            f"model {room.summary.number} is {room.summary.learner.kind}, an estimator of "
            "scikit-learn: it is no network and has no units. A project whose learner is “network” "
            "or “auto” has some"
        )
    path = room.folder / name
    if not path.is_file():
        raise ExplanationImpossible(
            f"the file of model {room.summary.number} is gone ({name}); choose another model, or "
            "look at the next one"
        )
    return mixtures.load(path)


def _start(room: Room, model: Model) -> Pretrained:
    """Return the weights that a training began with."""
    assert room.summary is not None
    weights, number = room.summary.learner.weights, room.summary.number
    if not model.pretrained:
        raise ExplanationImpossible(
            f"model {number} did not begin with pretrained weights ({room.summary.mode} from "
            "random ones); set random weights beside it"
        )
    if weights == "torchvision":
        return transfer.backbone(model.architecture, room.store.workspace.downloads)
    if weights.startswith("file "):
        return transfer.backbone_from_file(model.architecture, Path(weights.removeprefix("file ")))
    with room.store.read() as connection:
        made = int(weights.removeprefix("pretraining "))
        stored = pretrained.numbered(connection, room.project.id, made)
    path = None if stored is None else room.folder / stored.checkpoint
    if path is None or not path.is_file():
        raise ExplanationImpossible(
            f"the pretrained weights that model {number} began with ({weights}) are gone; set "
            "random weights or another model beside it"
        )
    return transfer.load(path)


def _extractor(room: Room) -> Opened:
    """Return the network that features come from, with the head on them where there is a model."""
    stored: Stored | None = None
    about = feature_files.status(room.folder)
    if room.summary is not None and room.summary.checkpoint is not None:
        file = _stored(room)
        stored = file if isinstance(file, Stored) else None
        about = stored.features if stored is not None else about
    if about is None:
        raise ExplanationImpossible(
            "no features of this project's images have been computed, so there is no extractor to "
            "look into; the learners “auto” and “features” have one"
        )
    extractor = tuning.extractor_of(about, extractor_weights(room.store, room.project))
    sight = sights.of_extractor(extractor, about.side, stored, room.state == "trained")
    return Opened(sight, about.resolution, about.extractor, room)


def _number(room: Room) -> int:
    assert room.summary is not None
    return room.summary.number
