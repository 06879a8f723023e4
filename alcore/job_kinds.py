"""Owns the kinds of background jobs: an entry each, with all in which they differ.

A new kind is an entry here and the function that it names; nothing else lists them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alcore.errors import UnknownJobKind


@dataclass(frozen=True)
class Lane:
    """One process that does the jobs of some kinds, one at a time, the most urgent first."""

    name: str
    warm: bool = False
    """Torch is imported before there is a job, so that the first does not wait for it."""
    elsewhere: bool = False
    """Its jobs need the database and the workspace's folder alone: a cluster may do them."""


IMPORTS = Lane("imports")
MODELS = Lane("models", warm=True, elsewhere=True)
PRETRAINING = Lane("pretraining", elsewhere=True)


INCOMING = ("addresses/*.list", "photographs/*", "waiting-table*")
"""Patterns of what waits in a project's folder for its import."""


@dataclass(frozen=True)
class JobKind:
    """What is particular to one kind of background job."""

    name: str
    """As it is stored, and as commands print it."""
    function: str
    """module:name of what does such a job; it takes an `alcore.workers.attempts.Running`."""
    lane: Lane
    noun: str
    """What pages call the job."""
    doing: str
    """What pages say while it runs; {model} is the model that it makes, if one was named."""
    on_board: bool = False
    """Whether the board tells of it, besides the page that it belongs to."""
    files: tuple[str, ...] = ()
    """Patterns of files in the project's folder that it makes or deletes and others need: with its
    transactions they are in the object store, where there is one."""
    makes_room: bool = False
    """Nobody waits for it: it leaves at once when another kind is due in its lane."""
    grace: float = 3.0
    """Seconds that it gets after it was asked to stop, before its process is killed."""


KINDS: tuple[JobKind, ...] = (
    JobKind(
        name="import",
        function="alcore.jobs.importing:run_import",
        lane=IMPORTS,
        noun="import",
        doing="Images are imported",
        on_board=True,
        files=("pixels-*.u8", "originals.pack", *INCOMING),
    ),
    JobKind(
        name="metadata",
        function="alcore.jobs.metadata:run_metadata",
        lane=IMPORTS,
        noun="reading of metadata",
        doing="Metadata of the images is read",
    ),
    JobKind(
        name="train",
        function="alcore.jobs.training:run_training",
        lane=MODELS,
        noun="training",
        doing="{model} is training",
        on_board=True,
        files=("rounds/*", "maps/*.npz"),
    ),
    JobKind(
        name="model_export",
        function="alcore.jobs.model_export:run_model_export",
        lane=MODELS,
        noun="model export",
        doing="A model is packed",
        files=("exports/*.zip",),
    ),
    JobKind(
        name="label_check",
        function="alcore.jobs.label_check:run_label_check",
        lane=MODELS,
        noun="label check",
        doing="Labels are checked",
        makes_room=True,
    ),
    JobKind(
        name="baseline",
        function="alcore.jobs.baseline:run_baseline",
        lane=MODELS,
        noun="simulation of random labeling",
        doing="Random labeling is simulated",
        on_board=True,
        makes_room=True,
    ),
    JobKind(
        name="near-duplicates",
        function="alcore.jobs.near_duplicates:run_near_duplicates",
        lane=IMPORTS,
        noun="comparison of images",
        doing="Images are compared with each other",
    ),
    JobKind(
        name="features",
        function="alcore.jobs.features:run_features",
        lane=PRETRAINING,
        noun="features",
        doing="Features of the images are computed",
        files=("features/*.f16", "features/points-*", "features/about.json*"),
    ),
    JobKind(
        name="tuning",
        function="alcore.jobs.tuning:run_tuning",
        lane=PRETRAINING,
        noun="tuning of features",
        doing="Features are tuned to the labels",
        files=("tuned/*.f16", "tuned/points-*", "tuned/about.json*", "tuned/weights-*"),
    ),
    JobKind(
        name="map",
        function="alcore.jobs.mapping:run_map",
        lane=PRETRAINING,
        noun="map",
        doing="The map is laid out",
        files=("maps/*.npz",),
    ),
    JobKind(
        name="simulation",
        function="alcore.jobs.simulating:run_simulation",
        lane=PRETRAINING,
        noun="simulation of strategies",
        doing="Strategies are simulated",
    ),
    JobKind(
        name="pretrain",
        function="alcore.jobs.pretraining:run_pretraining",
        lane=PRETRAINING,
        noun="pretraining",
        doing="A network learns from the images",
        files=("pretrained/*.safetensors",),
        grace=20.0,  # it has hours of work to keep
    ),
    JobKind(
        name="watch",
        function="alcore.jobs.watching:run_watch",
        lane=IMPORTS,
        noun="look at the watched folder",
        doing="The watched folder is looked at",
    ),
)
"""The most urgent first."""

_BY_NAME = {kind.name: kind for kind in KINDS}


def named(name: str) -> JobKind:
    """Return the kind of this name. Raises UnknownJobKind, with the names that there are."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownJobKind(
            f"no kind of job is called {name!r}; there are {', '.join(_BY_NAME)}"
        ) from None


def shared_files() -> tuple[str, ...]:
    """List the patterns of all files in a project's folder that other computers need."""
    return tuple(dict.fromkeys(pattern for kind in KINDS for pattern in kind.files))


def function_of(name: str) -> Callable[[Any], None]:
    """Import the function that does jobs of a kind. Raises UnknownJobKind."""
    module, function = named(name).function.split(":")
    return getattr(importlib.import_module(module), function)


def in_lane(lane: Lane) -> tuple[JobKind, ...]:
    """List the kinds that one process does, the most urgent first."""
    return tuple(kind for kind in KINDS if kind.lane == lane)
