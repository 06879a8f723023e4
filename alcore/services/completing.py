"""Owns finishing a job: the model labels what it is sure of, after people checked a sample of that.

Which images, by calibrated confidence; how precise the model is there, by a random sample that
people answer on the board without being shown what the model says. The holdout has no part in it.
Times are Unix seconds, precisions 0–1.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from alcore.completion import Precision, precision_of_rest, surest
from alcore.errors import CompletionUnready, InvalidSettings, TrainingImpossible, UnknownItem
from alcore.loop.randomness import rng
from alcore.records import CheckCounts, Completion, NewModelLabel
from alcore.services import audit
from alcore.services.pool_predictions import HeadOutput, PoolPredictions, PredictionCache
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, completions, items, projects, rounds

PRECISIONS = (0.9, 0.95, 0.98, 0.99, 0.995)
SAMPLES = (50, 100, 200, 300, 500)
USUAL = (0.99, 100)
LEAST, MOST = 0.5, 0.9999
MOST_SAMPLE = 5_000
AT_ONCE = 2_000
"""Model labels of one transaction, in which others wait."""
PAUSE = 0.005


@dataclass(frozen=True)
class Outlook:
    """What the newest model could label at a precision."""

    model: int
    precision: float
    unlabeled: int
    """Images of the pool that have neither a label nor a model label."""
    images: int
    """Those of them that the model is sure of."""
    threshold: float
    """The least confidence of these; 1 where there are none."""
    expected: float
    """Their mean confidence."""
    calibrated: bool
    """Whether the confidences mean what they say, as far as that could be found."""


@dataclass(frozen=True)
class Standing:
    """Where a completion stands."""

    completion: Completion
    counts: CheckCounts
    precision: Precision
    """What the answers so far say of the rest."""

    @property
    def is_checked(self) -> bool:
        return self.counts.answered == self.counts.sample


@dataclass(frozen=True)
class Predictions:
    """What somebody, or another model, says of images: class ids by item id."""

    source: str
    """What they are called."""
    class_of: Mapping[int, int]
    """Of images without a label, which they may label."""
    disputed: Mapping[int, int] = field(default_factory=dict)
    """Of images that have another label: to be reviewed, and no more."""


@dataclass(frozen=True)
class _Choice:
    """The images that a model is sure of, the surest first."""

    outlook: Outlook
    round_id: int
    item_ids: np.ndarray
    class_ids: np.ndarray
    confidence: np.ndarray


def outlook(
    store: Store, cached: PredictionCache, project_id: int, precision: float = USUAL[0]
) -> Outlook:
    """Say how many unlabeled images the newest model could label at a precision.

    Raises InvalidSettings, and TrainingImpossible where there is no model to ask.
    """
    return _choose(store, cached, project_id, precision).outlook


def draw(
    store: Store,
    cached: PredictionCache,
    project_id: int,
    precision: float = USUAL[0],
    sample: int = USUAL[1],
    by: int | None = None,
) -> Standing:
    """Fix the images that the model would label, and let people check a random sample of them.

    What the model says of them is kept: a later model changes nothing. Raises NotAllowed,
    InvalidSettings, TrainingImpossible, and CompletionUnready where others are drawn already or
    the model is sure of too few.
    """
    if not 1 <= sample <= MOST_SAMPLE:
        raise InvalidSettings(f"a check has 1 to {MOST_SAMPLE:,} images; got {sample:,}")
    with store.read() as connection:
        check_owner(connection, project_id, by)
    choice = _choose(store, cached, project_id, precision)
    known = choice.outlook
    if known.images <= sample:
        raise CompletionUnready(
            f"model {known.model} is sure enough of {known.images:,} images, and {sample:,} of "
            "them were to be checked; ask for a lower precision, check fewer, or label more first"
        )
    new = Completion(
        id=0,
        author=f"model {known.model}",
        round_id=choice.round_id,
        model=known.model,
        precision=precision,
        threshold=known.threshold,
        expected=known.expected,
        images=known.images,
        who=None,
        created_at=time.time(),
    )
    values = zip(
        choice.item_ids.tolist(), choice.class_ids.tolist(), choice.confidence.tolist(), strict=True
    )
    return _begin(store, project_id, new, list(values), sample, by)


def draw_predictions(
    store: Store,
    project_id: int,
    predictions: Predictions,
    sample: int = USUAL[1],
    by: int | None = None,
) -> Standing:
    """Let people check a random sample of somebody's predictions.

    Whoever checks is not shown what they say. Raises NotAllowed, InvalidSettings, and
    CompletionUnready where others are drawn already or there are too few.
    """
    class_of = predictions.class_of
    if not 1 <= sample <= MOST_SAMPLE:
        raise InvalidSettings(f"a check has 1 to {MOST_SAMPLE:,} images; got {sample:,}")
    if len(class_of) <= sample:
        raise CompletionUnready(
            f"there are predictions of {len(class_of):,} images without a label, and {sample:,} of "
            "them were to be checked; check fewer"
        )
    new = Completion(
        id=0,
        author=predictions.source,
        round_id=None,
        model=None,
        precision=None,
        threshold=None,
        expected=None,
        images=len(class_of),
        who=None,
        created_at=time.time(),
    )
    known = [*sorted(class_of.items()), *sorted(predictions.disputed.items())]
    values = [(item_id, class_id, None) for item_id, class_id in known]
    return _begin(store, project_id, new, values, sample, by)


def _begin(
    store: Store,
    project_id: int,
    new: Completion,
    values: Sequence[tuple[int, int, float | None]],
    sample: int,
    by: int | None,
) -> Standing:
    """Keep item ids, class ids and probabilities a few at a time.

    The sample is drawn among the first, as many as `new` says; what follows is for review only.
    """
    with store.write() as connection:
        check_owner(connection, project_id, by)
        details = {"images": new.images, "sample": sample, "author": new.author}
        audit.note(connection, project_id, by, "draw completion", **details)
        completion_id = completions.begin(connection, project_id, new, by)
        settings = projects.get(connection, project_id).settings
    drawn = rng(settings, "completion", completion_id).permutation(new.images)[:sample]
    place_of = {int(row): place for place, row in enumerate(drawn)}
    rows = [
        NewModelLabel(item_id, class_id, p if p is None else round(p, 6), place_of.get(row))
        for row, (item_id, class_id, p) in enumerate(values)
    ]
    for start in range(0, len(rows), AT_ONCE):
        with store.write(lasting=False) as connection:
            part = rows[start : start + AT_ONCE]
            completions.add_labels(connection, project_id, completion_id, part)
        time.sleep(PAUSE)
    with store.write() as connection:
        completions.set_drawn(connection, completion_id, time.time())
        return _standing(connection, project_id, completion_id)


def check_free(store: Store, project_id: int) -> None:
    """Raise CompletionUnready where a check is going on: one at a time."""
    if any(one.completion.written_at is None for one in standings(store, project_id)):
        raise CompletionUnready(
            "images are drawn already; write their labels or discard them first"
        )


def write(store: Store, project_id: int, completion_id: int, by: int | None = None) -> Standing:
    """Let the model's labels count, but for images that people have answered.

    Raises NotAllowed, UnknownItem, and CompletionUnready before all of the sample is answered.
    """
    with store.write() as connection:
        check_owner(connection, project_id, by)
        standing = _standing(connection, project_id, completion_id)
        if standing.completion.written_at is not None:
            return standing
        counts = standing.counts
        if not standing.is_checked:
            missing = counts.sample - counts.answered
            raise CompletionUnready(
                f"{missing:,} of the {counts.sample:,} images to check have no answer yet; answer "
                "them on the Label page, or press Unsure there for one that cannot be told"
            )
        said = f"{standing.precision.low:.1%} to {standing.precision.high:.1%}"
        details = {"images": counts.rest, "author": standing.completion.author, "precision": said}
        audit.note(connection, project_id, by, "write completion", **details)
        completions.write(connection, completion_id, counts.right, time.time())
        return _standing(connection, project_id, completion_id)


def withdraw(store: Store, project_id: int, completion_id: int, by: int | None = None) -> None:
    """Take all model labels of a completion back, or discard one that was not written.

    What people answered meanwhile stays. Raises NotAllowed, UnknownItem.
    """
    with store.write() as connection:
        check_owner(connection, project_id, by)
        standing = _standing(connection, project_id, completion_id)
        act = (
            "discard completion"
            if standing.completion.written_at is None
            else "withdraw completion"
        )
        details = {"images": standing.completion.images, "author": standing.completion.author}
        audit.note(connection, project_id, by, act, **details)
        completions.withdraw(connection, completion_id, time.time())
    more = True
    while more:
        with store.write(lasting=False) as connection:
            more = completions.forget_labels(connection, completion_id)
        time.sleep(PAUSE)


def standings(store: Store, project_id: int, by: int | None = None) -> list[Standing]:
    """List the completions that are being checked or were written, newest first.

    Raises NotAllowed.
    """
    with store.read() as connection:
        check_owner(connection, project_id, by)
        known = completions.of_project(connection, project_id)
        return [_of(one, completions.checks(connection, one.id)) for one in known]


def newest(store: Store, project_id: int) -> Standing:
    """Return what was drawn or written last. Raises UnknownItem where there is none."""
    for one in standings(store, project_id):
        return one
    raise UnknownItem("nothing was drawn for the model to label; draw some first")


def promise(sample: int, images: int) -> Precision:
    """Say what a check shows at best: if the model is right everywhere."""
    return precision_of_rest(sample, sample, images)


def _standing(connection: Connection, project_id: int, completion_id: int) -> Standing:
    for one in completions.of_project(connection, project_id):
        if one.id == completion_id:
            return _of(one, completions.checks(connection, one.id))
    raise UnknownItem(f"project {project_id} has no model labels numbered {completion_id}")


def _of(one: Completion, counts: CheckCounts) -> Standing:
    right, checked = counts.right, counts.answered
    if one.right is not None:  # as it stood when they were written
        right, checked = one.right, counts.sample
    return Standing(one, counts, precision_of_rest(right, checked, one.images))


def _choose(store: Store, cached: PredictionCache, project_id: int, precision: float) -> _Choice:
    if not LEAST <= precision <= MOST:
        raise InvalidSettings(
            f"a precision lies between {LEAST:.0%} and {MOST:.2%}; got {precision:.4g}"
        )
    predictions = cached.get(project_id)
    if predictions is None or predictions.round_id is None:
        raise TrainingImpossible(cached.why_none(project_id))
    with store.read() as connection:
        project = projects.get(connection, project_id)
        unlabeled = items.unlabeled(connection, project_id)
        unlabeled = np.setdiff1d(unlabeled, completions.labeled(connection, project_id))
        summary = rounds.numbered(connection, project_id, predictions.number)
    rows = predictions.rows(unlabeled)
    rows = rows[rows >= 0]
    probabilities = _own_output(predictions).probabilities[rows]
    confidence = probabilities.max(axis=1)
    sure = surest(confidence, precision)
    confidence = confidence[sure]
    places = np.array([c.id for c in project.classes], np.int64)
    known = Outlook(
        model=predictions.number,
        precision=precision,
        unlabeled=len(unlabeled),
        images=len(sure),
        threshold=float(confidence[-1]) if len(sure) else 1.0,
        expected=float(confidence.mean(dtype=np.float64)) if len(sure) else 1.0,
        calibrated=summary.calibration is not None,
    )
    return _Choice(
        known,
        predictions.round_id,
        predictions.item_ids[rows[sure]],
        places[probabilities[sure].argmax(axis=1)],
        confidence,
    )


def _own_output(predictions: PoolPredictions) -> HeadOutput:
    """Return what the model itself says: in instant mode a head of later labels stands before it.

    That one is not calibrated.
    """
    if predictions.output.head_labels is None:
        return predictions.output
    return HeadOutput.of(predictions.embeddings, predictions.prior, None, predictions.today)
