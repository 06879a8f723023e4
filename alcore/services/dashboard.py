"""Owns what the dashboard may ask: where a project stands, its curves, tables and controls.

Tables are lists of plain rows, made for a chart and a CSV alike. Accuracies, shares and
uncertainties are 0–1, durations seconds unless a name says minutes, times Unix seconds in UTC.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np

from alcore.errors import UnknownItem
from alcore.folding import class_ids_of, names_then, since_the_start
from alcore.loop.due import next_due
from alcore.loop.round_files import round_arrays
from alcore.metrics import macro_f1_interval
from alcore.records import Evaluation, Job, Learner, Project, RoundSummary
from alcore.retraining import NextTraining
from alcore.segments import Segment, segments
from alcore.services.rights import is_owner, shown_job, whose_figures
from alcore.services.training import coming
from alcore.stopping import Advice, advise, advised_since
from alcore.store import Store, items, jobs, labels, projects, reports, rounds, withdrawals
from alcore.store.reports import Picture, Pulse

Metric = Literal["accuracy", "macro-F1"]
Row = dict[str, Any]

SHOWN_CLASSES = 20
"""More classes than this do not fit a chart; the ones with the most mistakes are shown."""
SHOWN_MODELS = 40
"""Models in the picture of uncertainty; more are thinned out evenly."""
SHOWN_IMAGES = 60
"""Images behind one cell of the confusion matrix."""
STRETCHES = ((60, "minute"), (300, "5 minutes"), (3600, "hour"), (86_400, "day"))
"""Bar widths in seconds; the narrowest is taken that gives at most MOST_BARS bars."""
MOST_MARKS = 8
MARK_MINUTES = (1, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 7 * 1440, 14 * 1440)
MONTH = 30.4 * 86_400
MOST_BARS = 48
LEAST_BARS = 12
PHASES = ("train", "calibrate", "evaluate", "score", "select")


@dataclass(frozen=True)
class Standing:
    """Where a project stands this moment."""

    project: Project
    labels: int
    """Labels that a model may be trained on."""
    unlabeled: int
    model: RoundSummary | None
    due: NextTraining
    advice: Advice
    kept_aside: int
    """Labels that people gave for the holdout."""
    next_model: int
    """Number of the model that learns from the next labels."""
    withdrawn: int
    """Labels that the newest model learned from and that were taken back since."""


@dataclass(frozen=True)
class Activity:
    """What runs now, and counters that change whenever a chart has to."""

    pulse: Pulse
    training: Job | None
    """The running, else waiting, else last training."""
    baseline: Job | None
    """The same for the simulation of random labeling."""
    pretraining: Job | None
    features: Job | None
    tuning: Job | None


@dataclass(frozen=True)
class Curve:
    """Learning curves: rows of the live one and of random labeling, and marks on them.

    A row's segment is 1, 2, 3 …: rows of one segment come from one learner, and only they can be
    compared.
    """

    live: tuple[Row, ...]
    random: tuple[Row, ...]
    stop: Row | None
    """Labels, minutes and model since which stopping is advised, and why; None where it is not."""
    changes: tuple[Row, ...] = ()
    """Labels, minutes and model with which each later segment begins, and what changed."""

    @property
    def rows(self) -> list[Row]:
        return [*self.live, *self.random]


@dataclass(frozen=True)
class Cell:
    """The holdout images behind one cell of a confusion matrix."""

    true: str
    predicted: str
    count: int
    pictures: tuple[tuple[Picture, float], ...]
    """Images with the model's confidence; mistakes it was sure of come first."""


@dataclass(frozen=True)
class OverTime:
    """Labels per stretch of time; rows hold from, to, annotator, labels."""

    stretch: str
    start: float
    end: float
    rows: tuple[Row, ...]
    marks: tuple[float, ...] = ()
    """Instants to name on the axis of time."""
    said: Literal["clock", "day", "month"] = "clock"
    """What tells any two of them apart."""


def activity(store: Store, project_id: int, by: int | None = None) -> Activity:
    """Read what runs now; a few look-ups in indexes, cheap enough for every second."""
    with store.read() as connection:
        return Activity(
            reports.pulse(connection, project_id),
            *(
                shown_job(connection, project_id, by, jobs.newest(connection, project_id, kind))
                for kind in ("train", "baseline", "pretrain", "features", "tuning")
            ),
        )


def standing(store: Store, project_id: int) -> Standing:
    """Read where a project stands. Raises UnknownProject."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        history = rounds.all_rounds(connection, project_id)
        labeled = sum(labels.per_class(connection, project_id).values())
        return Standing(
            project=project,
            labels=labeled,
            unlabeled=items.count_open(connection, project_id)["pool"],
            model=history[-1] if history else None,
            due=next_due(connection, project),
            advice=advise(history, project.settings.budget, labeled),
            kept_aside=labels.kept_aside(connection, project_id),
            next_model=coming(
                history[-1] if history else None, jobs.newest(connection, project_id, "train")
            ),
            withdrawn=withdrawals.count(
                connection, project_id, rounds.last_event(connection, project_id)
            )
            if history
            else 0,
        )


def history(store: Store, project_id: int) -> list[RoundSummary]:
    """Read all rounds by number."""
    with store.read() as connection:
        return rounds.all_rounds(connection, project_id)


def curve(store: Store, project_id: int, metric: Metric) -> Curve:
    """Compute the learning curve and that of random labeling at the same label counts.

    Intervals of the live curve are 95 %: Wilson's for the accuracy, the delta method for
    macro-F1. The random curve is the mean over its trials, with their range where there are
    several; its minutes are those that as many live labels took.
    """
    with store.read() as connection:
        history = rounds.all_rounds(connection, project_id)
        simulated = rounds.baseline(connection, project_id)
        budget = projects.get(connection, project_id).settings.budget
        labeled = sum(labels.per_class(connection, project_id).values())
    parts = list(enumerate(segments(history), start=1))
    live = [
        {"series": "live", "segment": number, "labels": r.labels, "minutes": r.label_minutes}
        | _measured(r.evaluation, metric)
        | {"trials": 1, "model": r.number, "strategy": r.strategy}
        for number, part in parts
        for r in part.rounds
        if r.evaluation.accuracy is not None
    ]
    values = defaultdict(list)
    for point in simulated:
        if point.evaluation.accuracy is not None:
            values[point.learner, point.labels].append(_measured(point.evaluation, metric)["value"])
    random = _random_rows(parts, values, history)
    changes = [
        {
            "labels": part.rounds[0].labels,
            "minutes": part.rounds[0].label_minutes,
            "model": part.rounds[0].number,
            "change": part.change,
            "sign": part.sign,
        }
        for _, part in parts[1:]
    ]
    stop = _stop_mark(history, budget, labeled)
    return Curve(tuple(live), tuple(random), stop, tuple(changes))


def _random_rows(
    parts: Sequence[tuple[int, Segment]],
    values: Mapping[tuple[Learner, int], Sequence[float]],
    history: Sequence[RoundSummary],
) -> list[dict[str, Any]]:
    """Return the points of random labeling beside the rounds, from values by learner and labels."""
    counts, minutes = [0, *(r.labels for r in history)], [0.0, *(r.label_minutes for r in history)]
    return [
        {
            "series": "random",
            "segment": number,
            "labels": n,
            "minutes": float(np.interp(n, counts, minutes)),
            "value": statistics.fmean(trials),
            "low": min(trials) if len(trials) > 1 else None,
            "high": max(trials) if len(trials) > 1 else None,
            "trials": len(trials),
            "model": None,
            "strategy": "random",
        }
        for number, part in parts
        for n in sorted({r.labels for r in part.rounds})
        if (trials := values[part.learner, n])
    ]


def reach(values: Iterable[float | None]) -> tuple[float, float]:
    """Choose where an axis of shares begins and ends: at the tenths around all of them.

    >>> reach([0.23, 0.41, None]), reach([0.97, 1.0]), reach([])
    ((0.2, 0.5), (0.9, 1.0), (0.0, 1.0))
    """
    known = [value for value in values if value is not None]
    if not known:
        return 0.0, 1.0
    low = min(9, max(0, math.floor(10 * min(known) + 1e-9)))
    high = max(low + 1, min(10, math.ceil(10 * max(known) - 1e-9)))
    return low / 10, high / 10


def per_class(project: Project, summary: RoundSummary) -> list[Row]:
    """Tabulate precision and recall of each class, the weakest recall first.

    Classes are those that the model was measured with; one that is gone stands after today's.
    """
    measured = summary.evaluation
    counts = summary.labels_per_class
    rows = [
        {
            "class": name,
            "position": place,
            "precision": measured.precision[i],
            "recall": measured.recall[i],
            "holdout": measured.support[i],
            "labels": counts[i],
        }
        for i, (name, place) in enumerate(_classes_then(project, summary))
        if i < len(measured.recall)
    ]
    return sorted(rows, key=lambda row: (row["recall"], row["precision"]))


def measured_with_others(project: Project, summary: RoundSummary) -> bool:
    """Tell whether classes were merged or deleted since a model was measured."""
    return summary.learner.classes != since_the_start(project)


def _classes_then(project: Project, summary: RoundSummary) -> list[tuple[str, int]]:
    """Name the classes that a model was measured with, with their places in today's order."""
    places = {c.id: c.position for c in project.classes}
    places |= {c.id: len(places) + i for i, c in enumerate(project.former)}
    return [
        (name, places.get(class_id, 0))
        for name, class_id in zip(
            names_then(project, summary), class_ids_of(project, summary), strict=True
        )
    ]


def confusion(project: Project, summary: RoundSummary, all_classes: bool = False) -> list[Row]:
    """Tabulate the confusion matrix; `share` is that of the true class's images.

    Of more than 20 classes those with the most mistakes are given, unless all are asked for.
    """
    matrix = np.array(summary.evaluation.confusion, dtype=np.int64)
    n = len(matrix)
    places = list(range(n))
    if n > SHOWN_CLASSES and not all_classes:
        wrong = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * np.diag(matrix)
        places = sorted(np.argsort(-wrong, kind="stable")[:SHOWN_CLASSES].tolist())
    names = [name for name, _ in _classes_then(project, summary)]
    return [
        {
            "true": names[t],
            "predicted": names[p],
            "count": int(matrix[t, p]),
            "share": float(matrix[t, p] / max(1, matrix[t].sum())),
            "t": t,
            "p": p,
        }
        for t in places
        for p in places
    ]


def behind_cell(
    store: Store,
    project_id: int,
    number: int,
    true: int,
    predicted: int,
    by: int | None = None,
) -> Cell:
    """Find the holdout images of true class position `true` that a model took for `predicted`.

    Others than owners are told how many: some of the images may be asked of them as gold. Raises
    UnknownItem where the round kept no predictions.
    """
    path = round_arrays(store.folder(project_id), number)
    if not path.is_file():
        raise UnknownItem(
            f"model {number} has no predictions on disk ({path.name} is missing); "
            "choose another model"
        )
    with np.load(path, allow_pickle=False) as arrays:
        in_cell = (arrays["holdout_true"] == true) & (arrays["holdout_predicted"] == predicted)
        ids, confidence = arrays["holdout_ids"][in_cell], arrays["holdout_confidence"][in_cell]
    order = np.argsort(confidence if true == predicted else -confidence, kind="stable")
    order = order[:SHOWN_IMAGES]
    with store.read() as connection:
        summary = rounds.numbered(connection, project_id, number)
        names = names_then(projects.get(connection, project_id), summary)
        shown = ids[order].tolist() if is_owner(connection, project_id, by) else []
        pictures = reports.pictures(connection, project_id, shown)
    confidence_of = dict(zip(ids[order].tolist(), confidence[order].tolist(), strict=True))
    return Cell(
        names[true],
        names[predicted],
        int(in_cell.sum()),
        tuple((picture, confidence_of[picture.item_id]) for picture in pictures),
    )


def uncertainty(history: Sequence[RoundSummary]) -> list[Row]:
    """Tabulate how unsure each model was about its candidates, as shares of equal bins."""
    rounds_drawn = [r for r in history if sum(r.uncertainty)]
    if len(rounds_drawn) > SHOWN_MODELS:
        places = np.linspace(0, len(rounds_drawn) - 1, SHOWN_MODELS).round().astype(int)
        rounds_drawn = [rounds_drawn[i] for i in places]
    return [
        {
            "model": r.number,
            "labels": r.labels,
            "from": i / len(r.uncertainty),
            "to": (i + 1) / len(r.uncertainty),
            "images": n,
            "share": n / sum(r.uncertainty),
        }
        for r in rounds_drawn
        for i, n in enumerate(r.uncertainty)
    ]


def labels_per_class(store: Store, project_id: int) -> list[Row]:
    """Count current labels of each class, for training and for the holdout."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        counts = reports.labels_per_class(connection, project_id)
    return [
        {
            "class": c.name,
            "position": c.position,
            "training": counts.get(c.id, (0, 0))[0],
            "holdout": counts.get(c.id, (0, 0))[1],
        }
        for c in project.classes
    ]


def labels_over_time(store: Store, project_id: int, by: int | None = None) -> OverTime:
    """Count labels per annotator over time, in the narrowest stretches that fit the chart.

    by: who asks, None for the command line; who is no owner gets their own labels alone.
    """
    with store.read() as connection:
        only = whose_figures(connection, project_id, by)
        span = reports.span(connection, project_id)
        if span is None:
            return OverTime(STRETCHES[0][1], 0.0, 0.0, ())
        width, name = next(
            (s for s in STRETCHES if (span[1] - span[0]) / s[0] <= MOST_BARS), STRETCHES[-1]
        )
        end = (span[1] // width + 1) * width
        start = max(span[0] // width * width, end - MOST_BARS * width)
        counts = reports.labels_over_time(connection, project_id, width, start)
    rows = [
        {"from": c.start, "to": c.start + width, "annotator": c.annotator, "labels": c.labels}
        for c in counts
        if only in (None, c.annotator)
    ]
    first = min(start, end - LEAST_BARS * width)
    return OverTime(name, first, end, tuple(rows), *time_marks(first, end))


def time_marks(
    start: float, end: float
) -> tuple[tuple[float, ...], Literal["clock", "day", "month"]]:
    """Choose at most eight instants between two, at round local times, and how to name them.

    They lie as far apart as their names can tell: whole minutes, days or months.
    """
    begin = datetime.fromtimestamp(start).replace(hour=0, minute=0, second=0, microsecond=0)
    for minutes in MARK_MINUTES:
        if (end - start) / 60 / minutes <= MOST_MARKS:
            steps = range(int((end - begin.timestamp()) / 60 / minutes) + 1)
            times = (begin + timedelta(minutes=minutes * k) for k in steps)
            marks = tuple(t.timestamp() for t in times if start <= t.timestamp() <= end)
            return marks, "clock" if minutes < 24 * 60 else "day"
    span = (end - start) / MONTH
    step = max(1, math.ceil(span / MOST_MARKS))
    firsts = (
        begin.replace(day=1, month=1 + k % 12, year=begin.year + k // 12)
        for k in range(begin.month - 1, begin.month + 1 + math.ceil(span))
    )
    inside = [t.timestamp() for t in firsts if start <= t.timestamp() <= end]
    return tuple(inside[::step]), "month"


def annotators(store: Store, project_id: int, by: int | None = None) -> list[Row]:
    """Tabulate the work of each annotator; the rate is that of the last 200 answers.

    by: who asks, None for the command line; who is no owner gets their own row alone.
    """
    with store.read() as connection:
        only = whose_figures(connection, project_id, by)
        everybody = reports.all_work(connection, project_id)
        work = [w for w in everybody if only in (None, w.annotator)]
    return [
        {
            "annotator": w.annotator,
            "labels": w.labels,
            "labels per hour": 3600 / max(0.1, statistics.fmean(w.seconds)) if w.seconds else None,
            "median seconds": statistics.median(w.seconds) if w.seconds else None,
            "skipped": w.skipped,
            "unsure": w.unsure,
            "undone": w.undone,
            "last label": w.last_at,
        }
        for w in work
    ]


def round_table(
    history: Sequence[RoundSummary], snapshots: Mapping[str, str] | None = None
) -> list[Row]:
    """Tabulate the rounds, newest first; those where the learner changed say how.

    snapshots: the name of each label set that has one, by its revision.
    """
    changes = {part.rounds[0].number: part.change for part in segments(history)}
    return [
        {
            "model": r.number,
            "finished": r.created_at,
            "labels": r.labels,
            "minutes": r.label_minutes,
            "strategy": r.strategy,
            "accuracy": r.evaluation.accuracy,
            "low": (r.evaluation.interval or (None, None))[0],
            "high": (r.evaluation.interval or (None, None))[1],
            "macro-F1": r.evaluation.macro_f1,
            "ECE": r.evaluation.ece,
            "NLL": r.evaluation.nll,
            "temperature": r.calibration and r.calibration.temperature,
            "network": r.recipe.network,
            "mode": r.mode,
            "began with": r.recipe.weights,
            "mixture": mixture_words(r.recipe.mixture),
            "features tuned to": r.recipe.tuned or None,
            "learner changed": changes.get(r.number, ""),
            "remarks": "; ".join(r.recipe.notes),
            "label set": r.revision,
            "snapshot": (snapshots or {}).get(r.revision, ""),
            "holdout": r.evaluation.n,
            **{f"{phase} s": r.seconds.get(phase) for phase in PHASES},
            "checkpoint": r.checkpoint,
        }
        for r in reversed(history)
    ]


def mixture_words(mixture: Mapping[str, float]) -> str:
    """Say what a model is mixed of, the larger share first; nothing where it is no mixture.

    >>> mixture_words({"the project's network": 0.3, "ImageNet features": 0.7})
    "70 % ImageNet features, 30 % the project's network"
    """
    ranked = sorted(mixture.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{100 * share:.0f} % {name}" for name, share in ranked)


def _measured(evaluation: Evaluation, metric: Metric) -> Row:
    if metric == "accuracy":
        value, interval = evaluation.accuracy, evaluation.interval
    else:
        value = evaluation.macro_f1
        interval = macro_f1_interval(np.array(evaluation.confusion)) if value is not None else None
    low, high = interval or (None, None)
    return {"value": value, "low": low, "high": high}


def _stop_mark(history: Sequence[RoundSummary], budget: int | None, labeled: int) -> Row | None:
    since = advised_since(history, budget, labeled)
    if since is None:
        return None
    return {
        "labels": since.labels,
        "minutes": since.label_minutes,
        "model": since.number,
        "reason": advise(history, budget, labeled).reason,
    }
