"""Owns the rows of experiments: designs, runs, finished rounds, and who is running them.

Times are Unix seconds. Whoever writes rounds must hold the experiment: each write says so in
its own transaction, so that a process that was taken for dead changes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.errors import JobCancelled, UnknownExperiment
from alcore.experiments.options import nearest
from alcore.experiments.results import Arrays, Done, Experiment, Point, StoredRun
from alcore.store.experiment_tables import experiment, experiment_round, experiment_run

_OWN = ("number", "labels", "answers", "minutes", "accuracy", "seconds")

# Made once: with every round, making them would take longer than running them.
_HOLD = (
    update(experiment)
    .where(experiment.c.id == bindparam("held"), experiment.c.driver == bindparam("by"))
    .values(beat_at=bindparam("now"))
    .returning(experiment.c.paused)
)
_COUNT = (
    update(experiment_run)
    .where(
        experiment_run.c.id == bindparam("run"), experiment_run.c.finished == bindparam("before")
    )
    .values(finished=bindparam("now_finished"))
    .returning(experiment_run.c.id)
)
_ADD = insert(experiment_round)


def add(connection: Connection, name: str, design: Mapping[str, Any], now: float) -> int:
    """Insert an experiment, or give the one of this name another design; return its id."""
    connection.execute(
        insert_or(experiment)
        .values(name=name, design=design, created_at=now)
        .on_conflict_do_update(index_elements=["name"], set_={"design": design})
    )
    return named(connection, name).id


def plan(
    connection: Connection,
    experiment_id: int,
    runs: Sequence[tuple[str, int, Mapping[str, Any], int]],
) -> None:
    """Put runs (cell, trial, spec, rounds) in this order; those that are there are kept.

    Other runs of the experiment that have no finished round yet are dropped.
    """
    table = experiment_run
    rows_before = {
        (row.cell, row.trial): row
        for row in connection.execute(select(table).where(table.c.experiment_id == experiment_id))
    }
    for place, (cell, trial, spec, planned) in enumerate(runs):
        row = rows_before.pop((cell, trial), None)
        values = {"place": place, "planned": planned, "spec": spec}
        if row is None:
            connection.execute(
                insert(table).values(experiment_id=experiment_id, cell=cell, trial=trial, **values)
            )
        elif (row.place, row.planned, row.spec) != (place, planned, spec):
            connection.execute(update(table).where(table.c.id == row.id).values(**values))
    unstarted = [row.id for row in rows_before.values() if not row.finished]
    connection.execute(delete(table).where(table.c.id.in_(unstarted)))


def every(connection: Connection) -> list[Experiment]:
    """Read all experiments, the newest first."""
    rows = connection.execute(select(experiment).order_by(experiment.c.id.desc()))
    return [_record(row) for row in rows]


def named(connection: Connection, name: str) -> Experiment:
    """Read the experiment of this name; raises UnknownExperiment, offering the nearest."""
    row = connection.execute(select(experiment).where(experiment.c.name == name)).one_or_none()
    if row is None:
        names = [e.name for e in every(connection)]
        raise UnknownExperiment(nearest("experiment", name, names))
    return _record(row)


def get(connection: Connection, experiment_id: int) -> Experiment:
    """Read an experiment by its id."""
    query = select(experiment).where(experiment.c.id == experiment_id)
    return _record(connection.execute(query).one())


# -- who runs it -------------------------------------------------------------------------------


def take(connection: Connection, before: Experiment, driver: str, now: float) -> bool:
    """Take the right to run an experiment, also ending a pause; tell whether it was to be had.

    before: the experiment as it was read when nobody, or nobody alive, had the right. Where that
    has changed since, another has it.
    """
    row = connection.execute(
        update(experiment)
        .where(
            experiment.c.id == before.id,
            experiment.c.driver.is_not_distinct_from(before.driver),
            experiment.c.beat_at.is_not_distinct_from(before.beat_at),
        )
        .values(driver=driver, beat_at=now, paused=False, error=None)
        .returning(experiment.c.id)
    ).one_or_none()
    return row is not None


def hold(connection: Connection, experiment_id: int, driver: str, now: float) -> bool:
    """Say that the driver is alive; return whether it was asked to pause.

    Raises JobCancelled where another has taken over.
    """
    row = connection.execute(_HOLD, {"held": experiment_id, "by": driver, "now": now}).one_or_none()
    if row is None:
        raise JobCancelled("another process runs this experiment now")
    return bool(row.paused)


def release(
    connection: Connection, experiment_id: int, driver: str, error: str | None = None
) -> None:
    """Give back the right to run an experiment, with what went wrong, if anything."""
    connection.execute(
        update(experiment)
        .where(experiment.c.id == experiment_id, experiment.c.driver == driver)
        .values(driver=None, beat_at=None, error=error)
    )


def pause(connection: Connection, experiment_id: int) -> None:
    """Ask whoever runs it to stop after the rounds that are running."""
    connection.execute(
        update(experiment).where(experiment.c.id == experiment_id).values(paused=True)
    )


# -- runs and rounds ---------------------------------------------------------------------------


def runs(connection: Connection, experiment_id: int, left: bool = False) -> list[StoredRun]:
    """Read the runs in their order; with `left` only those that have rounds to do."""
    table = experiment_run
    query = select(table).where(table.c.experiment_id == experiment_id).order_by(table.c.place)
    if left:
        query = query.where(table.c.finished < table.c.planned, table.c.error.is_(None))
    return [
        StoredRun(r.id, r.cell, r.trial, r.spec, r.planned, r.finished, r.error)
        for r in connection.execute(query)
    ]


def left(connection: Connection, experiment_id: int) -> int:
    """Count the rounds that are still to do, those of failed runs not counted."""
    table = experiment_run
    rounds = connection.execute(
        select(func.sum(table.c.planned - table.c.finished)).where(
            table.c.experiment_id == experiment_id, table.c.error.is_(None)
        )
    ).scalar()
    return int(rounds or 0)


def arrays(connection: Connection, run_id: int) -> list[Arrays]:
    """Read the arrays of a run's rounds, oldest first."""
    rows = connection.execute(
        select(experiment_round.c.arrays)
        .where(experiment_round.c.run_id == run_id)
        .order_by(experiment_round.c.number)
    )
    return [_unpacked(row.arrays) for row in rows]


def add_rounds(connection: Connection, rounds: Iterable[tuple[int, Done]], now: float) -> None:
    """Store finished rounds (run id, round), each the next of its run."""
    for run_id, done in rounds:
        counted = connection.execute(
            _COUNT, {"run": run_id, "before": done.number - 1, "now_finished": done.number}
        ).one_or_none()
        if counted is None:
            raise JobCancelled(f"round {done.number} of run {run_id} was stored by another process")
        values = {
            "run_id": run_id,
            "created_at": now,
            "summary": done.summary,
            "arrays": _packed(done.arrays),
            **{name: getattr(done, name) for name in _OWN},
        }
        connection.execute(_ADD, values)


def finish_early(connection: Connection, run_id: int) -> None:
    """Let a run be over with the rounds that it has."""
    connection.execute(
        update(experiment_run)
        .where(experiment_run.c.id == run_id)
        .values(planned=experiment_run.c.finished)
    )


def fail(connection: Connection, run_id: int, error: str | None) -> None:
    """Store why a run cannot go on; None forgets it."""
    connection.execute(
        update(experiment_run).where(experiment_run.c.id == run_id).values(error=error)
    )


def forget_errors(connection: Connection, experiment_id: int) -> None:
    """Let runs that failed be tried again."""
    connection.execute(
        update(experiment_run)
        .where(experiment_run.c.experiment_id == experiment_id, experiment_run.c.error.is_not(None))
        .values(error=None)
    )


def points(connection: Connection, experiment_id: int) -> list[Point]:
    """Read the figures of all finished rounds, by cell, trial and number."""
    own = [experiment_round.c[name] for name in _OWN]
    rows = connection.execute(
        select(experiment_run.c.id, experiment_run.c.cell, experiment_run.c.trial, *own)
        .join(experiment_round, experiment_round.c.run_id == experiment_run.c.id)
        .where(experiment_run.c.experiment_id == experiment_id)
        .order_by(experiment_run.c.cell, experiment_run.c.trial, experiment_round.c.number)
    )
    return [Point(*row) for row in rows]


def rounds(connection: Connection, run_id: int) -> list[Done]:
    """Read all that is stored of a run's rounds, oldest first."""
    rows = connection.execute(
        select(experiment_round)
        .where(experiment_round.c.run_id == run_id)
        .order_by(experiment_round.c.number)
    )
    return [
        Done(
            **{name: getattr(row, name) for name in _OWN},
            summary=row.summary,
            arrays=_unpacked(row.arrays),
        )
        for row in rows
    ]


def summaries(
    connection: Connection,
    experiment_id: int,
    cells: Collection[str] | None = None,
    most: int | None = None,
) -> list[tuple[int, int, dict[str, Any]]]:
    """Read (run id, number, summary) of finished rounds, those of some cells or all.

    Slower than `points`.
    """
    query = (
        select(experiment_round.c.run_id, experiment_round.c.number, experiment_round.c.summary)
        .join(experiment_run, experiment_round.c.run_id == experiment_run.c.id)
        .where(experiment_run.c.experiment_id == experiment_id)
        .order_by(experiment_round.c.run_id, experiment_round.c.number)
        .limit(most)
    )
    if cells is not None:
        query = query.where(experiment_run.c.cell.in_(cells))
    return [tuple(row) for row in connection.execute(query)]


def _packed(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpacked(raw: bytes) -> Arrays:
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        return dict(file.items())


def _record(row: Row[Any]) -> Experiment:
    return Experiment(
        id=row.id,
        name=row.name,
        design=row.design,
        paused=row.paused,
        driver=row.driver,
        beat_at=row.beat_at,
        created_at=row.created_at,
        error=row.error,
    )
