"""Owns the values that programs send and get: their fields, their limits, what they mean.

Times are ISO 8601 in UTC, durations seconds, accuracies and probabilities 0–1.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, Self, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from alcore.web.requests import MOST_IMAGES

MOST_LISTED = 1_000
MOST_CORRECTIONS = 500
MOST_PICTURE = 16_000_000
"""Characters of a picture in base64: 12 MB."""
EXAMPLE_PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nGOsiLJhwAaYsIoOWgkA2BgBHss4Ue0AAAAA"
    "SUVORK5CYII="
)
"""Eight by eight pixels, as PNG."""
LARGEST_ID = 2**53 - 1
Value = TypeVar("Value")


def _whole(value: object) -> object:
    """Take 3.0 for 3, as JSON does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Id = Annotated[int, Field(gt=0, le=LARGEST_ID), BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=0, le=MOST_IMAGES), BeforeValidator(_whole)]
PathId = Annotated[int, Path(gt=0, le=LARGEST_ID)]
ProjectId = Annotated[int, Path(gt=0, le=LARGEST_ID, description="That of the token")]
Key = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="Made up by you, once for each answer: sent again, it counts once",
    ),
]
After = Annotated[
    int,
    Query(ge=0, le=LARGEST_ID, description="Begin after this id: `next` of the part before"),
]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED, description="So many at most")]


def at(seconds: float) -> datetime:
    """Write a Unix time."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe_at(seconds: float | None) -> datetime | None:
    return None if seconds is None else at(seconds)


class Asked(BaseModel):
    """What programs send: no field that is not known, and no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Part(BaseModel, Generic[Value]):
    """Part of a list."""

    rows: list[Value]
    next: int | None = Field(description="`after` of the next part; null where this is the last")


# -- who asks, and about what ------------------------------------------------------------------


class Token(BaseModel):
    """The API token that is asked with."""

    project_id: int
    person: str
    name: str
    scope: Literal["read", "label", "own"]
    created_at: datetime


class Class(BaseModel):
    """One of the answers that a project offers."""

    id: int
    name: str
    position: int = Field(description="Its index in every list of probabilities")


class Project(BaseModel):
    """A project, as far as the token's person may see it."""

    id: int
    name: str
    state: Literal["importing", "ready", "failed"]
    classes: list[Class]
    images: int
    strategy: str
    batch_size: int
    budget: int | None
    guidelines: str
    owner: bool = Field(description="Whether the token's person owns it")
    created_at: datetime
    archived: bool


class NewCopy(Asked):
    """How a copy of the project is called, and what it holds."""

    name: str = Field(min_length=1, max_length=200, examples=["second try"])
    labels: bool = Field(False, description="Copy what people answered, too")


class Copied(BaseModel):
    """A copy of the project, which the token does not open: make one for it on the Team page."""

    project_id: int


class Uploaded(BaseModel):
    """An archive that was sent."""

    upload: str = Field(description="What it is called from now on, for a day at least")
    size: int = Field(description="Bytes")


KnownClasses = Literal["answer key", "labels", "none"]
Upload = Annotated[
    str | None,
    Field(max_length=100, description="An archive that was sent before", examples=["0f….zip"]),
]
RemoteAddress = Annotated[
    str | None,
    Field(max_length=500, description="A bucket or server, such as s3://bucket/folder"),
]


class NewProject(Asked):
    """How a project is called, and where its images are: in an upload or at an address."""

    name: str = Field(min_length=1, max_length=200, examples=["birds"])
    upload: Upload = None
    address: RemoteAddress = None
    known_classes: KnownClasses = Field(
        "answer key", description="What classes are that the folders name"
    )
    classes: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        [], max_length=2_000, description="Classes that people may answer, besides those"
    )


class Made(BaseModel):
    """A project that was made."""

    project_id: int
    token: str = Field(description="An API token for it, with the scope own; shown this one time")


class NewImages(Asked):
    """More images: of an upload, at an address of a bucket or server, or a list of addresses."""

    upload: Upload = None
    address: RemoteAddress = None
    addresses: list[Annotated[str, Field(min_length=1, max_length=2_000)]] = Field(
        [], max_length=10_000, description="Of single images, https:// or http://"
    )


class MetadataTable(Asked):
    """What is known of images: rows with a column that names the image, or the text of a table."""

    rows: list[dict[str, str | int | float | None]] = Field([], max_length=100_000)
    csv: str = Field("", max_length=8_000_000, description="In place of rows")
    image_column: str = Field(
        "", max_length=200, description="Names the image; by default the one with a usual name"
    )
    preview: bool = Field(False, description="Say what it would bring, and change nothing")


class MetadataPart(BaseModel):
    """What a table brings to one column."""

    name: str
    kind: Literal["text", "number", "date"]
    new: int
    changed: int
    unchanged: int


class MetadataBrought(BaseModel):
    """What a table brings, or would bring."""

    lines: int
    images: int = Field(description="Of the project, that it names")
    columns: list[MetadataPart]
    notes: list[str] = Field(description="What brings nothing, and why")


class Archive(Asked):
    """Whether a project is put away, read only, or taken back."""

    archived: bool


class NewClasses(Asked):
    """Classes to add."""

    names: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        min_length=1, max_length=100
    )


class Image(BaseModel):
    """An image of a project."""

    id: int
    name: str
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")
    split: Literal["pool", "holdout"]
    picture: str = Field(description="Address of its pixels, below that of the app, for two days")
    metadata: dict[str, str | float] = Field(
        description="What is known of it, by column; dates as ISO 8601"
    )


class MetadataColumn(BaseModel):
    """One thing that is known of images."""

    name: str
    kind: Literal["text", "number", "date"]
    origin: Literal["table", "path", "exif"] = Field(description="Where it was read")
    images: int = Field(description="Of which it is known")
    values: int = Field(description="How many different ones there are")


# -- labels ------------------------------------------------------------------------------------


class Opinion(BaseModel):
    """What a model that has not seen a label says of its image."""

    class_id: int
    probability: float | None
    probability_of_label: float | None
    probably_wrong: bool


class Label(BaseModel):
    """What counts of an image."""

    event: int | None = Field(description="Its number in the log")
    image: int
    name: str = Field(description="File name, where you may read it")
    class_id: int | None = Field(description="Null: somebody was unsure")
    annotator: str | None
    created_at: datetime | None
    origin: str | None = Field(description="Why the image was asked about")
    note: str | None
    model: Opinion | None


class Correction(Asked):
    """A label for an image that you have seen: a new one, or the one it has, confirmed."""

    image: Id
    class_id: Id
    key: Key
    seen: Id | None = Field(
        None, description="The event that you saw as its label; null where it had none"
    )
    seconds: Annotated[float, Field(ge=0, le=3600)] | None = None


class Corrections(Asked):
    """Labels for many images that you have seen."""

    labels: list[Correction] = Field(min_length=1, max_length=MOST_CORRECTIONS)


class Corrected(BaseModel):
    """What became of one of many labels."""

    image: int
    label: Label | None = Field(description="What counts of the image now; null: it was refused")
    problem: str | None = Field(description="Why it was refused")


class Entry(BaseModel):
    """One line of an image's log."""

    event: int
    annotator: str
    kind: Literal["label", "skip", "unsure", "undo", "import"]
    class_id: int | None
    created_at: datetime
    origin: str
    note: str | None
    undone: bool


# -- the queue ---------------------------------------------------------------------------------

Client = Annotated[
    str,
    Field(
        min_length=1,
        max_length=60,
        description="Which of your programs asks, where several do with one token",
    ),
]
Tokens = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=MOST_IMAGES)]


class Wish(Asked):
    """How many images are wanted."""

    count: Count = 1
    hold: Tokens = Field([], description="Tokens of leases to renew")
    client: Client = "client"


class Leased(BaseModel):
    """An image that is yours to answer until the lease ends."""

    token: str = Field(description="Names the lease")
    proof: str = Field(description="Proves that you were given the image, also when it has ended")
    image: int
    picture: str = Field(description="Address of its pixels, below that of the app, for two days")
    width: int
    height: int
    expires_in: float


class Claim(BaseModel):
    """The next images, in the order in which they are asked about."""

    images: list[Leased]
    held: list[str] = Field(description="Tokens of leases that were renewed")
    ranking: int
    waiting: str | None = Field(description="Why there are none")
    retry_in: float | None = Field(description="When it is worth asking again")


class Answer(Asked):
    """What you say of an image that you were given."""

    image: Id
    token: str = Field("", max_length=100, description="Of the lease")
    proof: str = Field("", max_length=100, description="That came with the image")
    key: Key
    kind: Literal["label", "skip", "unsure"] = "label"
    class_id: Id | None = Field(None, description="Of a label")
    seconds: Annotated[float, Field(ge=0, le=3600)] | None = Field(
        None, description="How long the answer took"
    )
    note: str = Field("", max_length=2000)

    @model_validator(mode="after")
    def _check_class(self) -> Self:
        if (self.kind == "label") != (self.class_id is not None):
            raise ValueError("a label has a class_id; what is skipped or unsure has none")
        return self


class Stored(BaseModel):
    """An answer that is on disk."""

    event: int
    duplicate: bool = Field(description="It had come before")


class Undo(Asked):
    """Which answer is taken back."""

    undoes: Key = Field(description="Key of the answer")
    key: Key
    client: Client = "client"


class Undone(BaseModel):
    """An answer was taken back, and its image is yours once more."""

    image: Leased
    duplicate: bool


class Release(Asked):
    """Leases that are not needed."""

    tokens: Tokens
    client: Client = "client"


class Done(BaseModel):
    """It was done."""

    ok: bool = True


# -- models and jobs ---------------------------------------------------------------------------


class Measures(BaseModel):
    """How good a model is on the holdout; null where nothing is known."""

    holdout: int = Field(description="Images that it was measured on")
    accuracy: float | None
    low: float | None = Field(description="95 % interval of the accuracy")
    high: float | None
    nll: float | None
    ece: float | None


class Round(BaseModel):
    """A model, what it learned from and how good it is."""

    number: int
    created_at: datetime
    labels: int
    label_minutes: float
    strategy: str
    learner: str
    labels_per_class: list[int] = Field(description="By the positions of the classes")
    measures: Measures
    seconds: dict[str, float]


class RoundDetails(Round):
    """A model in full."""

    precision: list[float]
    recall: list[float]
    support: list[int]
    confusion: list[list[int]] = Field(description="[true][predicted], by positions of classes")
    stability: float | None


class CurvePoint(BaseModel):
    """A point of the learning curve, or of that of random labels."""

    series: Literal["live", "random"]
    segment: int = Field(description="Points of one segment come from one learner")
    labels: int
    minutes: float
    value: float
    low: float | None
    high: float | None
    trials: int
    model: int | None
    strategy: str


class Curve(BaseModel):
    """How the model grew with the labels, and what as many random labels gave."""

    metric: Literal["accuracy", "macro-F1"]
    points: list[CurvePoint]


class Status(BaseModel):
    """Where a project stands."""

    labels: int
    unlabeled: int
    kept_aside: int = Field(description="Labels that people gave for the holdout")
    model: int | None
    model_labels: int | None
    accuracy: float | None
    until_next: int | None = Field(description="Labels that the next training waits for")
    stop: bool = Field(description="Whether more labels are unlikely to be worth it")
    advice: str
    training: str | None = Field(description="State of the newest training")


class Job(BaseModel):
    """Work in the background."""

    id: int
    kind: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    phase: str
    progress: float
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobAsked(BaseModel):
    """The job that was asked for, or stopped."""

    job: Job | None


class Added(BaseModel):
    """The import that brings more images, and the addresses that are none."""

    job: Job | None
    problems: list[str]


class PictureAsked(Asked):
    """A picture that need be in no project."""

    picture: str = Field(
        min_length=1,
        max_length=MOST_PICTURE,
        description="A file such as JPEG or PNG, in base64",
        examples=[EXAMPLE_PICTURE],
    )
    neighbours: bool = Field(False, description="Name the nearest labeled images too")


class ClassProbability(BaseModel):
    """How probable a class is."""

    class_id: int
    name: str
    probability: float


class Neighbour(BaseModel):
    """A labeled image that the model finds like a picture."""

    image: int
    class_id: int | None
    likeness: float = Field(description="Cosine of the embeddings around their mean, −1 to 1")


class Prediction(BaseModel):
    """What the newest model says of a picture."""

    model: int
    classes: list[ClassProbability] = Field(description="The likeliest first")
    calibrated_by: int = Field(description="Labels that calibrated the probabilities; 0: none")
    image: int | None = Field(description="The image of the project that is this very picture")
    neighbours: list[Neighbour]


# -- finish the job ----------------------------------------------------------------------------


class Outlook(BaseModel):
    """What the newest model could label at a precision."""

    model: int
    precision: float
    unlabeled: int = Field(description="Images that have no label, nor one of a model")
    images: int = Field(description="Those of them that the model is sure of")
    threshold: float = Field(description="The least confidence of these")
    expected: float = Field(description="Their mean confidence")
    calibrated: bool


class NewCompletion(Asked):
    """Which images the model shall label, and how many of them people check first."""

    precision: float = Field(0.99, ge=0.5, le=0.9999)
    sample: Annotated[int, Field(ge=1, le=5_000), BeforeValidator(_whole)] = 100


class Completion(BaseModel):
    """Images that a model labels, once people have checked a sample of them."""

    id: int
    author: str = Field(description="Whose labels they are")
    precision: float | None = Field(
        description="That was asked for; null for predictions of a file"
    )
    images: int = Field(description="That are labeled by it, or would be")
    sample: int = Field(description="Images to check")
    answered: int = Field(description="Of the sample")
    right: int = Field(description="Of those that were answered")
    low: float = Field(description="95 % interval of the share of the rest that is right")
    high: float
    created_at: datetime
    written_at: datetime | None = Field(description="Null while it is checked")


# -- webhooks ----------------------------------------------------------------------------------


class NewWebhook(Asked):
    """An address to tell of what happens."""

    address: str = Field(
        min_length=1,
        max_length=500,
        description="Where events are posted",
        examples=["https://hooks.example/alcore"],
    )
    events: list[Literal["model", "import"]] = Field(min_length=1, max_length=2)


class Webhook(BaseModel):
    """An address that is told of what happens."""

    id: int
    address: str
    events: list[Literal["model", "import"]]
    created_at: datetime
    secret: str | None = Field(description="Shown when it is made, and not again")
    last_delivery: Literal["waiting", "done", "failed"] | None = Field(
        description="How the last one that was tried went; waiting: it is tried again"
    )
    last_error: str | None


class Delivery(BaseModel):
    """How an event was delivered to a webhook, or not."""

    id: int
    webhook_id: int
    event: str = Field(description="model, import or test")
    state: Literal["waiting", "done", "failed"]
    tries: int
    error: str | None
    created_at: datetime
