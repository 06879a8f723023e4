"""Owns the values that cross borders between modules: frozen dataclasses, no behaviour.

Ids are database ids (int); times are Unix seconds in UTC; durations are seconds;
probabilities and accuracies are 0–1. Arrays: N items, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from alcore.config import Balance, Mode, ProjectSettings, Transfer

Split = Literal["pool", "holdout"]
KnownClasses = Literal["answer key", "labels", "none"]
"""What known classes of a source are: hidden answers, existing labels, or absent."""
MemberRole = Literal["owner", "annotator", "removed"]
Kind = Literal["label", "skip", "unsure", "undo", "import"]
Origin = Literal[
    "query",
    "random",
    "cold start",
    "holdout",
    "relabel",
    "import",
    "gold",
    "adjudicated",
    "grid",
    "similar",
    "check",
    "model",
    "contribution",
    "near-duplicate",
]
"""Where a question came from; "grid": among others of one predicted class, "similar": found as
a neighbour of another image, so not a random sample; "check": drawn at random among those that a
model is sure of; "model": nobody was asked, the label is a model's; "contribution": somebody
brought the image along; "near-duplicate": nobody was asked, what was said of an image like it."""
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]


# -- projects and items ------------------------------------------------------------------------


@dataclass(frozen=True)
class Class:
    """One class of a project; `position` is its index in vectors over the classes of today."""

    id: int
    name: str
    position: int
    description: str = ""
    """For annotators: what belongs to it."""


@dataclass(frozen=True)
class FormerClass:
    """A class that is no longer offered."""

    id: int
    name: str
    merged_into: int | None
    """Id of the class that counts in its place; None where its labels count no more."""
    description: str = ""


@dataclass(frozen=True)
class Project:
    id: int
    name: str
    settings: ProjectSettings
    version: int
    """Goes up with each edit; an edit names the version it was based on."""
    state: Literal["importing", "ready", "failed"]
    classes: tuple[Class, ...]
    has_key: bool
    """True classes are known but hidden from annotators."""
    channels: int
    """1 grey or 3 RGB, of the pixel cache."""
    created_at: float
    archived_at: float | None
    former: tuple[FormerClass, ...] = ()
    """Classes that were merged or deleted, by id."""
    class_change: int = 0
    """Id of the newest change of classes; 0 before the first."""
    split_at: float | None = None
    """When images moved between holdout and pool the last time; None: they never did."""


@dataclass(frozen=True)
class Slice:
    """How good a model is on the holdout's images of one value."""

    name: str
    images: int
    accuracy: float
    low: float
    high: float
    """95 % interval."""
    small: bool
    """Of so few images that the accuracy says little."""


@dataclass(frozen=True)
class Slicing:
    """All slices of one column."""

    column: str
    slices: tuple[Slice, ...]


@dataclass(frozen=True)
class Snapshot:
    """A name for a label set that gives back the same files later."""

    id: int
    name: str
    revision: str
    labels: int
    created_at: float
    who: str | None
    """None: the command line."""
    format: int
    """Of its rows."""
    last_event: int
    """The newest label event that it knows."""


@dataclass(frozen=True)
class ClassEvent:
    """A change to a project's classes, as the log has it."""

    id: int
    created_at: float
    who: str | None
    """None: the command line."""
    kind: str
    details: Mapping[str, Any]
    undone: bool
    undoes: int | None


@dataclass(frozen=True)
class Item:
    """One image of a project."""

    id: int
    project_id: int
    position: int
    """Row in the project's pixel cache."""
    name: str
    """File name with its folder, as the user had it."""
    content_hash: str
    width: int
    height: int
    split: Split
    true_class: int | None
    """Class id from the answer key, if there is one."""
    offset: int | None
    length: int | None
    """Bytes of the original in the project's originals file, or None when kept in place."""
    path: str | None
    """Where the original lies when it is kept in place."""
    answers: int = 1
    """How many people shall answer it."""


@dataclass(frozen=True)
class WatchedFolder:
    """A folder that a project looks at again and again, and how the last look went."""

    source: Mapping[str, Any]
    prefix: str
    """Stands before the names of its images; empty for the project's own folder."""
    minutes: float
    """Between two looks."""
    looked_at: float | None
    """Unix seconds; None before the first look."""
    problem: str
    """Why it could not be looked at; empty where it could."""
    new: int
    """Files that were new at the last look."""
    images: int
    """How many images came in from it, when something came the last time."""
    brought_at: float | None
    """When that was, in Unix seconds; None for never, and while they are coming in."""

    @property
    def path(self) -> str:
        return str(self.source["path"])


@dataclass(frozen=True)
class SkippedFile:
    name: str
    reason: str


# -- labeling ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Annotator:
    id: int
    name: str
    active: bool


@dataclass(frozen=True)
class Member:
    """What somebody is in a project, and when they asked for images last."""

    annotator: Annotator
    role: MemberRole
    joined_at: float
    seen_at: float


@dataclass(frozen=True)
class Invitation:
    """A link that lets people join a project. Times in Unix seconds."""

    id: int
    project_id: int
    made_by: str | None
    """None: the command line."""
    note: str
    """For whom it is."""
    created_at: float
    expires_at: float
    revoked_at: float | None
    joined: int
    """How many people came by it."""


SessionPhase = Literal["lobby", "countdown", "running", "over"]


@dataclass(frozen=True)
class Session:
    """An hour in which a class labels copies of a project. Times in Unix seconds.

    Where it stands follows from its times alone, so that it goes on whatever is started anew.
    """

    id: int
    project_id: int
    code: str
    """What lets students in."""
    minutes: int
    locked: bool
    """Nobody else joins."""
    created_at: float
    starts_at: float | None = None
    """None in the lobby; in the future while a countdown runs."""
    ends_at: float | None = None

    def phase(self, now: float) -> SessionPhase:
        """Say where the session stands."""
        if self.ends_at is not None and now >= self.ends_at:
            return "over"
        if self.starts_at is None:
            return "lobby"
        return "countdown" if now < self.starts_at else "running"


@dataclass(frozen=True)
class Group:
    """A part of a class, with a project of its own that is a copy of the session's."""

    id: int
    session_id: int
    project_id: int
    name: str
    strategy: str


@dataclass(frozen=True)
class Student:
    """Who joined a session, under a name that nobody else has there."""

    annotator_id: int
    session_id: int
    project_id: int
    """Of their group."""
    name: str
    joined_at: float
    removed_at: float | None = None


@dataclass(frozen=True)
class Guess:
    """An image that a class is asked about before it sees the model's answer."""

    id: int
    session_id: int
    position: int
    """Of the item, the same in the projects of all groups."""
    asked_at: float
    shown_at: float | None = None
    closed_at: float | None = None
    bars: Mapping[str, list[float] | None] = field(default_factory=dict)
    """Probabilities of the classes by the id of the group's project, once they were shown."""


@dataclass(frozen=True)
class SimulatedPoint:
    """What a strategy reached with so many answers of the key, and which items it asks next."""

    strategy: str
    labels: int
    accuracy: float | None
    """None where so few labels cannot train a model."""
    batch: tuple[int, ...]


Scope = Literal["read", "label", "own"]
"""What programs may do with an API token; each holds those before it."""


@dataclass(frozen=True)
class ApiToken:
    """By which programs ask for one person in one project. Times in Unix seconds."""

    id: int
    project_id: int
    annotator_id: int
    person: str
    name: str
    """What its owner tells it apart by."""
    scope: Scope
    digest: str
    """SHA-256 of the secret, in hex."""
    created_at: float
    used_at: float | None = None
    revoked_at: float | None = None


WebhookEvent = Literal["model", "import"]
"""What a webhook can be told of."""


@dataclass(frozen=True)
class Webhook:
    """An address that is told of what happens in a project. Times in Unix seconds."""

    id: int
    project_id: int
    address: str
    secret: str
    """Signs what is sent there; empty where it is not to be shown."""
    events: tuple[WebhookEvent, ...]
    created_at: float
    annotator_id: int | None = None
    """Who added it; None: the command line, or somebody before that was noted."""
    last_state: Literal["waiting", "done", "failed"] | None = None
    """Of the newest delivery that was tried; waiting: it is tried again."""
    last_error: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One event on its way to a webhook."""

    id: int
    address: str
    secret: str
    event: str
    """A webhook's, or "test"."""
    body: Mapping[str, Any]
    created_at: float
    tries: int
    """This one included."""


@dataclass(frozen=True)
class PastDelivery:
    """How one event was delivered to a webhook, or not. Times in Unix seconds."""

    id: int
    webhook_id: int
    event: str
    state: Literal["waiting", "done", "failed"]
    tries: int
    error: str | None
    created_at: float
    due_at: float
    """Of one that waits: when it is tried again."""


@dataclass(frozen=True)
class AuditEvent:
    """Something that an owner or administrator did in a project."""

    id: int
    created_at: float
    who: str | None
    """None: the command line."""
    act: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """What decides somebody's rights in a project."""

    active: bool
    """They exist, and were not shut out of all projects."""
    role: MemberRole | None
    """None for who never was there."""
    administrator: bool
    """They own every project."""
    invited_only: bool
    """The project is for invited people."""
    has_owner: bool
    student: bool = False
    """They joined a session, and may label in it while it runs, no more."""
    labels_from: float | None = None
    """A student: when that session starts, None before anybody has said so."""
    labels_until: float | None = None
    seen_at: float | None = None
    """When they asked for images last, in Unix seconds; None for who has no role."""


@dataclass(frozen=True)
class Holder:
    """Who takes leases: somebody in one browser tab, from now until an instant."""

    project_id: int
    annotator_id: int
    client: str
    now: float
    expires_at: float


@dataclass(frozen=True)
class Provenance:
    """Where a question came from: why it was asked, and which model had ranked it."""

    origin: Origin
    round_id: int | None = None
    head_labels: int | None = None


@dataclass(frozen=True)
class Lease:
    """The right to answer one item for a while."""

    token: str
    item_id: int
    expires_at: float
    origin: Origin
    round_id: int | None
    round_number: int | None
    content_hash: str
    width: int
    height: int
    comments: int = 0
    """How many people's comments the item has."""
    head_labels: int | None = None
    """Labels that the linear head knew when it ranked; None where the model alone did."""


@dataclass(frozen=True)
class Label:
    """The current label of one item."""

    item_id: int
    class_id: int
    annotator: str
    created_at: float
    seconds: float | None
    origin: Origin
    round_number: int | None
    head_labels: int | None = None
    """Labels that the linear head knew on top of that round's model."""
    suggestion_shown: bool = False
    suggestion: Suggestion | None = None
    """What the annotator saw, where a suggestion was shown."""
    note: str | None = None
    explanation_shown: bool = False


@dataclass(frozen=True)
class NewEvent:
    """An event on its way into the log: the columns of its row, by their names.

    A route fills in what was answered, the service where the question came from.
    """

    project_id: int
    item_id: int
    annotator_id: int
    kind: Kind
    key: str
    """Made up by who answers; an event that is sent again is known by it."""
    created_at: float
    class_id: int | None = None
    undoes: int | None = None
    token: str | None = None
    client_time: float | None = None
    seconds: float | None = None
    origin: Origin = "random"
    round_id: int | None = None
    head_labels: int | None = None
    suggestion_shown: bool = False
    suggested_class: int | None = None
    suggested_by: int | None = None
    """Number of the round whose model said so."""
    explanation_shown: bool = False
    """Why the model answers as it does was on screen."""
    note: str | None = None


@dataclass(frozen=True)
class NewUndo:
    """Somebody's wish to take an answer, or a lot of them, back."""

    project_id: int
    annotator_id: int
    key: str
    """Made up by who undoes; an undo that is sent again is known by it."""
    undoes: str
    """The key of what is taken back."""
    created_at: float


@dataclass(frozen=True)
class NewLot:
    """One class for many images, given with one key press in the grid."""

    project_id: int
    annotator_id: int
    client: str
    key: str
    created_at: float
    class_id: int
    tiles: tuple[tuple[str, int], ...]
    """Token and item id of each image."""
    suggested_class: int | None = None
    """What stood above the tiles as the model's prediction."""
    release: tuple[str, ...] = ()
    """Tokens of images that are given back unanswered."""
    seconds: float | None = None
    """Time taken for all of them."""
    client_time: float | None = None
    handed: frozenset[int] = frozenset()
    """Items of which it is proved that they were given to whoever answers."""


@dataclass(frozen=True)
class LabelEvent:
    """One row of the append-only log."""

    id: int
    item_id: int
    annotator_id: int
    kind: Kind
    class_id: int | None
    key: str
    created_at: float
    origin: Origin
    round_id: int | None
    head_labels: int | None
    undone: bool


@dataclass(frozen=True)
class Suggestion:
    """What the model's suggestion said that an annotator saw."""

    class_id: int
    model: int | None
    """Number of the round whose model said so."""


@dataclass(frozen=True)
class Completion:
    """Images that a model is sure of, to be labeled by it once a sample of them was checked.

    The model is one of the project's, or somebody's whose predictions came in a file.
    """

    id: int
    author: str
    """Whose labels they are: "model 7", or the name of the file."""
    round_id: int | None
    """None for a file's."""
    model: int | None
    """Number of the round; None for a file's."""
    precision: float | None
    """That was asked for; None for a file's."""
    threshold: float | None
    """The least confidence of its images; None for a file's."""
    expected: float | None
    """Their mean confidence: the precision that the model expects of itself; None for a file's."""
    images: int
    """The sample included."""
    who: str | None
    """None: the command line."""
    created_at: float
    written_at: float | None = None
    """None while it is checked."""
    right: int | None = None
    """Images of the sample where the model was right, when it was written."""


@dataclass(frozen=True)
class NewModelLabel:
    """What a model says of an image, on its way into a completion."""

    item_id: int
    class_id: int
    probability: float | None
    """None where a file does not say."""
    draw: int | None
    """Its place among those that people check, None for the rest."""


@dataclass(frozen=True)
class CheckCounts:
    """How far the check of a completion is."""

    sample: int
    answered: int
    right: int
    rest: int
    """Images that would be labeled by the model as things stand."""


@dataclass(frozen=True)
class Comment:
    """What somebody remarked on an item, whatever its label."""

    id: int
    item_id: int
    annotator: str
    text: str
    created_at: float


@dataclass(frozen=True)
class NewComment:
    """A comment to append."""

    project_id: int
    item_id: int
    annotator_id: int
    key: str
    """Made up by who sends it; a comment that is sent again is known by it."""
    text: str
    created_at: float


@dataclass(frozen=True)
class Example:
    """A picture of what a class looks like: an item, or without one an uploaded picture."""

    id: int
    class_id: int
    item_id: int | None
    name: str
    content_hash: str | None


@dataclass(frozen=True)
class NewExample:
    """An example to add: an item, or an uploaded picture."""

    project_id: int
    class_id: int
    annotator_id: int
    name: str
    created_at: float
    item_id: int | None = None
    pixels: bytes | None = None
    """Of an uploaded picture, encoded for browsers."""
    mime: str | None = None


# -- loop --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Selection:
    """Items in the order in which they shall be asked.

    item_ids (k,) int64, unique; scores (k,) float64, larger = label sooner; reasons: k short
    sentences for people; origins: k values, "query" or "random".
    """

    item_ids: np.ndarray
    scores: np.ndarray
    reasons: tuple[str, ...]
    origins: tuple[Origin, ...]


@dataclass(frozen=True)
class Evaluation:
    """A model measured on a holdout of `n` items; all values 0–1 but `nll` (nats).

    confusion[t][p] counts items of true class position t predicted as p; precision, recall and
    support have one entry per class (NaN-free: 0 where undefined). With n = 0 the rest is None
    or empty.
    """

    n: int
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    """95 % Wilson interval of the accuracy."""
    macro_f1: float | None = None
    nll: float | None = None
    ece: float | None = None
    precision: tuple[float, ...] = ()
    recall: tuple[float, ...] = ()
    support: tuple[int, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class StopSignals:
    """What stop advice is made of; None where there is nothing to compare with yet."""

    kappa: float | None = None
    """Cohen's kappa between this model and the last on a fixed unlabeled set."""
    changed: float | None = None
    """Share of that set whose predicted class changed."""
    mean_entropy: float | None = None
    """Mean entropy over the candidates divided by ln C."""


@dataclass(frozen=True)
class Calibration:
    """How the probabilities of a model were made to mean what they say."""

    temperature: float
    """Probabilities are softmax(ln p / temperature): above 1 takes confidence away."""
    labels: int
    """Labels that the temperature was found with, each asked of a model that had not seen it."""
    recipe: str
    """What it was found for, in a few words: another recipe needs another."""
    created_at: float | None = None
    """When it was found, in seconds since 1970; None where that was not recorded."""
    ece: float | None = None
    """Of the holdout before the temperature was applied, beside that of the evaluation."""
    nll: float | None = None
    of_labels: int = 0
    """Labels that there were when it was found; 0 where that was not recorded."""
    shares: tuple[float, ...] = ()
    """Of the candidates of a mixture, in their order, adding up to 1; empty for other models."""


@dataclass(frozen=True)
class RecipeSummary:
    """How a round made its model."""

    network: str = "small CNN"
    weights: str = "none"
    """What it began with, in a few words: none, pretraining 2, torchvision, file x, model 7."""
    transfer: str = "none"
    augmentation: str = ""
    """Empty in rounds before this was recorded."""
    unlabeled: str = "none"
    balance: str = "none"
    mixture: Mapping[str, float] = field(default_factory=dict)
    """Shares of what was mixed, by name; empty for a model that is no mixture."""
    tuned: int = 0
    """Labels that its features were tuned to; 0 where no label has."""
    notes: tuple[str, ...] = ()
    """What went otherwise than the settings say, as sentences for people."""


@dataclass(frozen=True)
class Learner:
    """All that decides how well a model learns from given labels.

    Only models of equal learners can be compared with each other.
    """

    kind: str = "network"
    """The network, auto, features, or an estimator by its name."""
    features: str = "pixels"
    """What an estimator learns from."""
    network: str = "small CNN"
    resolution: int = 32
    """Pixels a side of what it sees."""
    augmentation: str = "shift"
    weights: str = "none"
    """What a model begins with: none, pretraining 2, torchvision, file x."""
    transfer: Transfer = "none"
    mode: Mode = "fresh"
    unlabeled: str = "none"
    """How images without labels taught it."""
    balance: Balance = "none"
    extractor: str = "none"
    """Whose features a head learns from, and at which size."""
    tuning: Literal["untuned", "tuned"] = "untuned"
    """Whether the extractor has learned from labels."""
    classes: str = ""
    """Which classes were merged or deleted; empty while none was."""


@dataclass(frozen=True)
class Pretrained:
    """Weights that were learned from a project's images without labels."""

    id: int
    project_id: int
    number: int
    """1, 2, 3 … within the project; the newest counts."""
    created_at: float
    network: str
    channels: int
    resolution: int
    images: int
    epochs: float
    seconds: float
    """Time spent computing, over all attempts."""
    loss: float
    checkpoint: str
    """File name within the project's folder."""


@dataclass(frozen=True)
class Features:
    """Features that were computed of a project's images before anybody labeled them."""

    extractor: str
    """Name of the network."""
    source: str
    """What taught it, for people: ImageNet, or the name of a file."""
    license: str
    """Of its weights."""
    side: int
    """Pixels a side of what it saw."""
    resolution: int
    """Pixels a side of the images that were scaled to that."""
    images: int
    seconds: float
    """Time spent computing, over all attempts."""
    arithmetic: str
    """float32 or bfloat16."""
    created_at: float
    layers: str = ""
    """Of the network, which gave them; empty for the last alone, as all did once."""
    tuned: str = ""
    """Digest of the weights that its last stages have learned from labels; empty where they are as
    they came."""
    labels: int = 0
    """How many labels these were."""

    @property
    def base(self) -> tuple[str, str, str, int, int]:
        """What they have in common with those of the same extractor once it is tuned."""
        return self.extractor, self.source, self.layers, self.side, self.resolution

    @property
    def name(self) -> str:
        """What is said of a learner that uses them."""
        asked = f", {self.layers}" if self.layers else ""
        tuned = f", tuned to {self.labels:,} labels" if self.tuned else ""
        return f"{self.extractor} ({self.source}{asked}{tuned}), {self.side} pixels"


@dataclass(frozen=True)
class RoundSummary:
    """One finished round, as stored."""

    id: int
    project_id: int
    number: int
    """1, 2, 3 … within the project; "model 7" on screen."""
    created_at: float
    labels: int
    label_minutes: float
    """Human time spent on the labels it was trained on, in minutes."""
    strategy: str
    strategy_options: Mapping[str, Any]
    mode: str
    evaluation: Evaluation
    stop: StopSignals
    uncertainty: tuple[int, ...]
    """Candidates per bin of 1 − (p1 − p2), 20 equal bins over 0–1."""
    labels_per_class: tuple[int, ...]
    batch_per_class: tuple[int, ...]
    """Predicted classes of the batch that this round selected."""
    seconds: Mapping[str, float]
    """Wall time of the phases: train, evaluate, score, select."""
    seed: int
    checkpoint: str | None
    """File name within the project's folder."""
    versions: Mapping[str, str] = field(default_factory=dict)
    recipe: RecipeSummary = RecipeSummary()
    learner: Learner = Learner()
    calibration: Calibration | None = None
    """None before a temperature was found for the round's recipe, and in old rounds."""
    revision: str = ""
    """Names the label set that it learned from; empty in rounds before this was recorded."""
    class_ids: tuple[int, ...] = ()
    """The classes by their index in its vectors; empty in rounds before this was recorded, which
    knew the oldest classes in order of age."""


@dataclass(frozen=True)
class BaselinePoint:
    """One simulated training on random labels, by the learner of the rounds it stands beside."""

    learner: Learner
    trial: int
    labels: int
    evaluation: Evaluation


@dataclass(frozen=True)
class Job:
    id: int
    project_id: int
    kind: str
    """Name of one of `alcore.job_kinds`."""
    state: JobState
    args: Mapping[str, Any]
    attempt: int
    worker: str | None
    """Who has it, as `alcore.workers.claims` names holders."""
    failures: int
    """Attempts whose process died."""
    phase: str
    progress: float
    error: str | None
    created_at: float
    started_at: float | None
    heartbeat_at: float | None
    finished_at: float | None
    cancel_requested: bool
