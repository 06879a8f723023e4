"""Owns what an experiment says, in rows: comparisons, finished rounds, stop criteria; as files.

Accuracies 0–1, human time in minutes, computing time in seconds.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcore.experiments import stops
from alcore.experiments.analysis import Setting, settings
from alcore.experiments.design import Cell, Design
from alcore.records import Evaluation, RoundSummary, StopSignals
from alcore.services.experiments import design_of
from alcore.spreadsheets import write_csv
from alcore.store import Store, experiments


@dataclass(frozen=True)
class Findings:
    """All that an experiment says, and what it says it from."""

    design: Design
    settings: tuple[Setting, ...]
    rounds: tuple[dict[str, Any], ...]
    """One row per finished round, as exported."""
    stops: Mapping[str, tuple[dict[str, Any], ...]]
    """By setting: one row per strategy and criterion, means over its finished runs."""
    hours: float
    """Computing time of all rounds."""


def settings_of(store: Store, name: str) -> tuple[Design, list[Setting]]:
    """Read what is known so far of an experiment: curves and comparisons."""
    with store.read() as connection:
        experiment = experiments.named(connection, name)
        points = experiments.points(connection, experiment.id)
    design = design_of(experiment)
    return design, settings(design, points)


def findings(store: Store, name: str) -> Findings:
    """Read everything about an experiment; reads every round's summary."""
    with store.read() as connection:
        experiment = experiments.named(connection, name)
        points = experiments.points(connection, experiment.id)
        summaries = {(r, n): s for r, n, s in experiments.summaries(connection, experiment.id)}
    design = design_of(experiment)
    cells = {cell.key: cell for cell in design.cells}
    own_points = [p for p in points if p.cell in cells]
    by_run: dict[tuple[str, int], list[RoundSummary]] = defaultdict(list)
    rows = []
    for point in own_points:
        summary, cell = summaries[point.run_id, point.number], cells[point.cell]
        by_run[point.cell, point.trial].append(_summary(point, summary, cell))
        rows.append(_row(point, summary, cell))
    return Findings(
        design=design,
        settings=tuple(settings(design, points)),
        rounds=tuple(rows),
        stops=_stops(cells, by_run, design),
        hours=sum(p.seconds for p in points) / 3600,
    )


def stops_of(store: Store, name: str, setting: str) -> tuple[dict[str, Any], ...]:
    """Tell where stop criteria would have stopped a setting's finished runs; one row for each.

    Means over the runs, by strategy and criterion. Reads the summary of every round of them.
    """
    with store.read() as connection:
        experiment = experiments.named(connection, name)
        design = design_of(experiment)
        cells = {cell.key: cell for cell in design.cells if cell.setting == setting}
        points = [p for p in experiments.points(connection, experiment.id) if p.cell in cells]
        summaries = {
            (r, n): s for r, n, s in experiments.summaries(connection, experiment.id, set(cells))
        }
    by_run: dict[tuple[str, int], list[RoundSummary]] = defaultdict(list)
    for point in points:
        summary = _summary(point, summaries[point.run_id, point.number], cells[point.cell])
        by_run[point.cell, point.trial].append(summary)
    return _stops(cells, by_run, design).get(setting, ())


def counted(store: Store, name: str, setting: str) -> str:
    """Say which labels the budget of a setting counts, and which it does not."""
    with store.read() as connection:
        experiment = experiments.named(connection, name)
        keys = {cell.key for cell in design_of(experiment).cells if cell.setting == setting}
        summaries = experiments.summaries(connection, experiment.id, keys, most=1)
    return say_counted(summaries[0][2]["evaluation"]["n"]) if summaries else ""


def say_counted(holdout: int) -> str:
    """Say which labels are counted.

    >>> say_counted(360)[-41:]
    'The holdout of 360 labels is not counted.'
    """
    return (
        "Labels are those of the initial set and of each query, several answers to one query "
        f"counted once. The holdout of {holdout:,} labels is not counted."
    )


def csv_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as CSV that is safe to open in a spreadsheet."""
    out = io.StringIO(newline="")
    write_csv(out, list(rows[0]) if rows else [], rows)
    return out.getvalue().encode()


def parquet_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as Parquet, without loss."""
    import pyarrow
    import pyarrow.parquet

    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), out)
    return out.getvalue()


def strategy_rows(compared: Iterable[Setting]) -> list[dict[str, Any]]:
    """Return one row per setting and strategy: areas, savings, tests, ranks."""
    rows = []
    for setting in compared:
        tests = {test.first: test for test in setting.tests}
        for row in setting.rows:
            test, saved, earlier = tests.get(row.strategy), row.saving, row.earlier
            tested = test if row.trials > 1 else None  # one trial tests nothing
            rows.append(
                {
                    "setting": setting.name,
                    "strategy": row.strategy,
                    "trials": row.trials,
                    "area": row.area,
                    "area low": row.area_low,
                    "area high": row.area_high,
                    "area on log labels": row.area_log,
                    "final accuracy": row.final,
                    "mean rank": row.rank,
                    "penalty": row.penalty if row.trials > 1 else None,
                    "label saving": saved and saved.factor,
                    "saving is": saved and saved.bound,
                    "saving low": saved and saved.low,
                    "saving high": saved and saved.high,
                    "earlier accuracy": setting.goal,
                    "saving there": earlier and earlier.factor,
                    "saving there is": earlier and earlier.bound,
                    "saving there low": earlier and earlier.low,
                    "saving there high": earlier and earlier.high,
                    "difference": test and test.difference,
                    "difference low": test and test.low,
                    "difference high": test and test.high,
                    "p Wilcoxon": tested and tested.wilcoxon,
                    "p t": tested and tested.t,
                    "p Holm": tested and tested.holm,
                    "seconds per round": row.seconds,
                }
            )
    return rows


def _stops(
    cells: Mapping[str, Cell], by_run: Mapping[tuple[str, int], list[RoundSummary]], design: Design
) -> dict[str, tuple[dict[str, Any], ...]]:
    rows_of: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for key, cell in cells.items():
        whole = [
            r for (k, _), r in by_run.items() if k == key and len(r) == cell.rounds(design.budget)
        ]
        by_criterion: dict[str, list[stops.Stop]] = defaultdict(list)
        for run in whole:
            for stop in stops.after_the_fact(run):
                by_criterion[stop.criterion].append(stop)
        for criterion, here in by_criterion.items():
            stopped = [s for s in here if s.number is not None]
            lost = [s.lost for s in stopped if s.lost is not None]
            count = len(stopped)
            rows_of[cell.setting].append(
                {
                    "strategy": cell.strategy.title,
                    "criterion": criterion,
                    "stopped": f"{count} of {len(here)} runs",
                    "at labels": f"{sum(s.labels for s in stopped) / count:.0f}" if count else "–",
                    "labels saved": f"{sum(s.saved for s in stopped) / count:.0f}"
                    if count
                    else "–",
                    "minutes saved": f"{sum(s.minutes for s in stopped) / count:.1f}"
                    if count
                    else "–",
                    "accuracy lost": f"{100 * sum(lost) / len(lost):+.1f} points" if lost else "–",
                }
            )
    return {name: tuple(rows) for name, rows in rows_of.items()}


def _summary(point: Any, record: Mapping[str, Any], cell: Cell) -> RoundSummary:
    return RoundSummary(
        id=0,
        project_id=0,
        number=point.number,
        created_at=0.0,
        labels=point.labels,
        label_minutes=point.minutes,
        strategy=cell.strategy.name,
        strategy_options=cell.strategy.options,
        mode="fresh",
        evaluation=Evaluation(**record["evaluation"]),
        stop=StopSignals(**record["stop"]),
        uncertainty=tuple(record["uncertainty"]),
        labels_per_class=tuple(record["labels_per_class"]),
        batch_per_class=(),
        seconds=record["phases"],
        seed=record["seed"],
        checkpoint=None,
    )


def _row(point: Any, record: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    measured, stop, phases = record["evaluation"], record["stop"], record["phases"]
    return {
        "data": cell.data.title,
        "learner": cell.learner.title,
        "oracle": cell.oracle.title,
        "initial": cell.initial.title,
        "batch": cell.batch_size,
        "strategy": cell.strategy.title,
        "trial": point.trial,
        "round": point.number,
        "labels": point.labels,
        "items": record["items"],
        "answers": point.answers,
        "holdout": measured["n"],
        "minutes": point.minutes,
        "accuracy": point.accuracy,
        "macro F1": measured["macro_f1"],
        "nll": measured["nll"],
        "ece": measured["ece"],
        "right labels": record["right"],
        "kappa": stop["kappa"],
        "mean entropy": stop["mean_entropy"],
        "seconds": point.seconds,
        **{f"seconds to {name}": phases.get(name) for name in ("train", "score", "select")},
        "seed": record["seed"],
        "versions": json.dumps(record["versions"], sort_keys=True),
    }
