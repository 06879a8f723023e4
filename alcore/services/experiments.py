"""Owns what the experiments page and the command line may ask: define, start, pause, extend, look.

Times in seconds.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alcore.config import LEARNERS, Runtime, precision
from alcore.datasets.encoding import png
from alcore.datasets.pixels import PixelCache
from alcore.errors import InvalidSettings, NotAllowed, UnknownProject
from alcore.estimators import ESTIMATORS, allowed
from alcore.experiments import data, trials
from alcore.experiments.chain import Run, pool_of
from alcore.experiments.data import PROJECT, DataSpec, Table
from alcore.experiments.design import Cell, Design, runs
from alcore.experiments.initial import ways as initial_ways
from alcore.experiments.learners import check_estimator
from alcore.experiments.oracles import KINDS as ORACLES
from alcore.experiments.reading import from_json
from alcore.experiments.reading import parse as parse_design
from alcore.experiments.results import Experiment, StoredRun
from alcore.services import experiment_estimate, projects, rights
from alcore.store import Store, experiments, items
from alcore.store import projects as stored_projects
from alcore.strategies import registered
from alcore.workers import launching
from alcore.workers.claims import LOOK, LOOKS
from alcore.workers.engines import open_engine

__all__ = ["ESTIMATORS", "LEARNERS", "ORACLES", "initial_ways"]

MOST_AT_ONCE = 2
"""Experiments that pages have running: each takes all processors."""
GENERATED = ("digits", "shapes")
_starting = threading.Lock()


@dataclass(frozen=True)
class CellProgress:
    """How far a cell is."""

    cell: Cell
    finished: int
    planned: int
    """Rounds over all trials."""
    failed: int
    """Runs that cannot go on."""
    unfinished: int
    """Runs that go on, or will."""
    left: float | None
    """Seconds of computing that are left, by the rounds so far; None before the first."""


@dataclass(frozen=True)
class Acquired:
    """One image that the oracle was asked about."""

    png: bytes
    true_class: str
    said: tuple[str | None, ...]
    """What each annotator said; None for no answer."""


@dataclass(frozen=True)
class Progress:
    """How far an experiment is."""

    experiment: Experiment
    running: bool
    cells: tuple[CellProgress, ...]
    errors: tuple[str, ...]

    @property
    def finished(self) -> int:
        return sum(cell.finished for cell in self.cells)

    @property
    def planned(self) -> int:
        return sum(cell.planned for cell in self.cells)

    @property
    def failed(self) -> int:
        return sum(cell.failed for cell in self.cells)

    def left(self, workers: int) -> float | None:
        """Return the seconds until all is done with so many workers; None before any round.

        The rounds of a run follow each other, so no more workers compute than runs are unfinished.
        """
        seconds = [cell.left for cell in self.cells if cell.left is not None]
        abreast = min(workers, sum(cell.unfinished for cell in self.cells))
        return sum(seconds) / max(1, abreast) if len(seconds) == len(self.cells) else None


def parse(store: Store, text: str, by: int | None = None) -> Design:
    """Read a design that somebody typed on a page; None: at the command line.

    There estimators come from a list, and nothing names a file or folder of this computer: who
    opens a page may not read what lies beside the workspace, nor the answer key of a project that
    they do not own. Raises InvalidSettings naming what is wrong in it, NotAllowed.
    """
    design = parse_design(text)
    others = allowed(store.workspace.estimators)
    for learner in design.learners:
        learner.check_allowed(others)
    files = [d.title for d in design.datasets if d.source["kind"] not in (*GENERATED, PROJECT)]
    files += [learner.title for learner in design.learners if learner.names_file]
    if files:
        raise InvalidSettings(
            f"{files[0]!r} names a file or folder of the server, which a page may not; choose "
            f"{', '.join(GENERATED)} or a project, or run a grid file: alcore experiment run FILE"
        )
    for spec in design.datasets:
        if spec.source["kind"] == PROJECT:
            rights.check(store, "own", by, projects.named(store, spec.source["name"]).id)
    hidden = {e.name for e in list_experiments(store)} - {
        e.name for e in list_experiments(store, by)
    }
    if design.name in hidden:
        raise NotAllowed(f"the name {design.name!r} is taken; give the grid another one")
    return design


def list_experiments(store: Store, by: int | None = None) -> list[Experiment]:
    """List the experiments that somebody may see, the newest first; None: the command line."""
    with store.read() as connection:
        everything = experiments.every(connection)
    return [one for one in everything if _may_see(store, one, by)]


def _may_see(store: Store, experiment: Experiment, by: int | None) -> bool:
    """Tell whether all data of an experiment, which it shows with its classes, is somebody's."""
    if by is None:
        return True
    sources = [dataset.source for dataset in design_of(experiment).datasets]
    return all(_is_theirs(store, source, by) for source in sources)


def _is_theirs(store: Store, source: Mapping[str, Any], by: int) -> bool:
    if source["kind"] in GENERATED:
        return True
    if source["kind"] == PROJECT:
        with suppress(UnknownProject):
            return rights.owns(store, int(source["project"]), by)
    return rights.administers(store, by)


def named(store: Store, name: str) -> Experiment:
    """Read an experiment. Raises UnknownExperiment, offering the nearest name."""
    with store.read() as connection:
        return experiments.named(connection, name)


def design_of(experiment: Experiment) -> Design:
    """Return the design of an experiment as it is stored."""
    return from_json(experiment.design)


def checked(store: Store, design: Design, workers: int = 0) -> Design:
    """Decode the data and check the design against it; return it with its projects looked up.

    Raises InvalidSettings for what cannot work.
    """
    design = replace(design, datasets=tuple(_known(store, spec) for spec in design.datasets))
    folder = store.workspace.experiments
    pools = {}
    for spec in design.datasets:
        _bring(store, spec, folder)
        table = data.load(data.prepare(spec, folder, workers))
        trial = trials.of_trial(replace(spec, noise=0.0), table, 0)
        pools[spec.title] = (len(trial.pool), table.class_names)
    design.check(pools)
    _check_estimators(design)
    return design


def _check_estimators(design: Design) -> None:
    """Make each estimator once that is not known to serve, in a process of its own.

    The web process stays without scikit-learn.
    """
    untried = [learner for learner in design.learners if not learner.tried]
    if not untried:
        return
    engine = open_engine("process", 1)
    try:
        for learner in untried:
            engine.submit(check_estimator, asdict(learner)).result()
    finally:
        engine.close()


def create(store: Store, design: Design, workers: int = 0) -> Experiment:
    """Check a design and store its runs; nothing is computed yet.

    A design of a name that is there grows: finished runs stay, and must be in the new one.
    Its arithmetic is fixed here, so that no run depends on the processor that computes it.
    Raises InvalidSettings for what cannot work.
    """
    design = checked(store, design, workers)
    with store.write() as connection:
        same_name = {e.name: e for e in experiments.every(connection)}.get(design.name)
        if same_name is None:
            design = design.fixed(precision())
        else:
            design = design.fixed(design_of(same_name).precision or "float32")
            _check_grows(experiments.runs(connection, same_name.id), design)
        arithmetic = design.precision or "float32"  # never empty by now
        experiment_id = experiments.add(connection, design.name, design.to_json(), time.time())
        experiments.plan(
            connection,
            experiment_id,
            [
                (
                    cell.key,
                    trial,
                    Run(cell, trial, design.seed, design.budget, precision=arithmetic).to_json(),
                    cell.rounds(design.budget),
                )
                for cell, trial in runs(design)
            ],
        )
        return experiments.named(connection, design.name)


def start(store: Store, runtime: Runtime, name: str, workers: int, by: int | None = None) -> None:
    """Go on with an experiment in a process of its own, which outlives this one.

    Nothing happens where it is started already. Raises InvalidSettings where as many as may run
    at once do.
    """
    with _starting:
        running = {e.name for e in list_experiments(store) if _is_running(e)}
        running |= launching.started_experiments()
        if name in running:
            return
        if len(running) >= MOST_AT_ONCE:
            theirs = running & {e.name for e in list_experiments(store, by)}
            raise InvalidSettings(
                f"{len(running)} experiments run already, as many as may at once; pause one of "
                f"them: {', '.join(map(repr, sorted(theirs))) or 'they are those of others'}"
            )
        launching.start_experiment(runtime, named(store, name).name, workers)


def strategy_names() -> list[str]:
    """List the query strategies by name."""
    return [strategy.name for strategy in registered()]


def data_sources(store: Store, by: int, first: str | None = None) -> list[str]:
    """List what a page offers somebody as data, as a grid file names it.

    Generated sets, then the projects with an answer key that they own: a trial shows its classes.
    A project called `first` comes before all, if it is one of those.
    """
    own = [p for p in rights.visible(store, by) if rights.owns(store, p.id, by)]
    with_key = [p.name for p in own if p.has_key and p.state == "ready"]
    sources = [*GENERATED, *(f"{PROJECT}:{name}" for name in with_key)]
    return sorted(sources, key=lambda source: source != f"{PROJECT}:{first}")


def extend(
    store: Store, name: str, strategies: Sequence[str] = (), more_trials: int = 0, workers: int = 0
) -> Experiment:
    """Add strategies or trials to an experiment; nothing that is finished is repeated."""
    stored = design_of(named(store, name)).to_json()
    if more_trials < 0:
        raise InvalidSettings(f"{more_trials} more trials; must be 0 or more")
    stored["strategies"] += [{"name": strategy} for strategy in strategies]
    stored["trials"] += more_trials
    return create(store, from_json(stored), workers)


def estimate(
    store: Store, design: Design, setting: str, workers: int, most: float = 60.0
) -> experiment_estimate.Estimate:
    """Run a few rounds of the design to estimate how long it takes, in at most about `most`."""
    engine = open_engine(setting, workers)
    try:
        folder = store.workspace.experiments
        return experiment_estimate.estimate(design, engine, folder, most)
    finally:
        engine.close()


def pause(store: Store, name: str) -> bool:
    """Ask whoever runs the experiment to pause; tell whether anybody does."""
    experiment = named(store, name)
    with store.write() as connection:
        experiments.pause(connection, experiment.id)
    return _is_running(experiment)


def progress(store: Store, name: str) -> Progress:
    """Read how far an experiment is, cell by cell."""
    with store.read() as connection:
        experiment = experiments.named(connection, name)
        stored = experiments.runs(connection, experiment.id)
        points = experiments.points(connection, experiment.id)
    by_cell: dict[str, list[StoredRun]] = defaultdict(list)
    for one in stored:
        by_cell[one.cell].append(one)
    design = design_of(experiment)
    left = experiment_estimate.seconds_left(design, points, stored)
    cells = []
    for cell in design.cells:
        mine = by_cell[cell.key]
        cells.append(
            CellProgress(
                cell=cell,
                finished=sum(r.finished for r in mine),
                planned=sum(r.finished if r.error else r.planned for r in mine),
                failed=sum(r.error is not None for r in mine),
                unfinished=sum(r.error is None and r.finished < r.planned for r in mine),
                left=left[cell.key],
            )
        )
    errors = tuple(dict.fromkeys(r.error for r in stored if r.error))
    return Progress(experiment, _is_running(experiment), tuple(cells), errors)


def acquired(store: Store, name: str, cell_key: str, trial: int, number: int) -> list[Acquired]:
    """Show what the oracle was asked before a round: pictures, and what it said."""
    with store.read() as connection:
        experiment = experiments.named(connection, name)
        mine = [
            r
            for r in experiments.runs(connection, experiment.id)
            if (r.cell, r.trial) == (cell_key, trial)
        ]
        rounds = experiments.arrays(connection, mine[0].id) if mine else []
    if not 0 < number <= len(rounds):
        return []
    one = Run.from_json(mine[0].spec)
    folder = store.workspace.experiments
    data_of = pool_of(one.cell.data, one.trial_seed, folder)
    here = rounds[number - 1]
    return [
        Acquired(
            png(data_of.pixels[item]),
            data_of.class_names[data_of.truth[item]],
            tuple(data_of.class_names[c] if c >= 0 else None for c in answers),
        )
        for item, answers in zip(here["asked_ids"], here["asked_classes"], strict=True)
    ]


def _is_running(experiment: Experiment) -> bool:
    beat = experiment.beat_at
    return beat is not None and abs(time.time() - beat) < LOOKS * LOOK


def _check_grows(stored: Sequence[StoredRun], design: Design) -> None:
    planned = {(cell.key, trial): cell for cell, trial in runs(design)}
    lost = [r for r in stored if r.finished and (r.cell, r.trial) not in planned]
    if lost:
        raise InvalidSettings(
            f"{len(lost)} runs of the experiment {design.name!r} are finished or under way, but "
            "not in this grid; keep what it had, or give the grid another name"
        )
    for one in stored:
        if one.finished and Run.from_json(one.spec).precision != design.precision:
            raise InvalidSettings(
                f"the experiment {design.name!r} was not computed in {design.precision}, and runs "
                "of different arithmetic cannot be compared; give the grid another name"
            )
        before = one.spec["budget"]
        if one.finished and (before > design.budget or one.spec["seed"] != design.seed):
            raise InvalidSettings(
                f"the experiment {design.name!r} has a budget of {before:,} and the seed "
                f"{one.spec['seed']}; neither a smaller budget nor another seed goes with what is "
                "finished; give the grid another name"
            )


def _known(store: Store, spec: DataSpec) -> DataSpec:
    """Fill in what the project of a data set looks like now, so that a change is noticed."""
    if spec.source["kind"] != PROJECT:
        return spec
    project = projects.named(store, spec.source["name"])
    counts = projects.item_counts(store, project.id)
    now = {
        "kind": PROJECT,
        "name": project.name,
        "project": project.id,
        "items": sum(counts.values()),
    }
    if project.settings.pixel_range.scale is not None:
        now["pixel_range"] = list(project.settings.pixel_range.scale)
    return replace(spec, source=now, resolution=project.settings.resolution)


def _bring(store: Store, spec: DataSpec, folder: Path) -> None:
    """Put the images of a project where experiments read them."""
    where = folder / spec.key
    if spec.source["kind"] != PROJECT or where.exists():
        return
    project_id = int(spec.source["project"])
    with store.read() as connection:
        project = stored_projects.get(connection, project_id)
        everything = items.ids(connection, project_id)
        key_ids, key = items.answer_key(connection, project_id)
        holdout_ids, holdout = items.holdout(connection, project_id)
    if not project.has_key:
        raise InvalidSettings(
            f"the project {project.name!r} has no answer key, so nobody can say what an oracle "
            "would answer; import images in one folder per class, with hidden answers"
        )
    position = {c.id: c.position for c in project.classes}
    ids = np.concatenate([key_ids, holdout_ids])
    row = {int(item): place for place, item in enumerate(everything)}
    order = np.array([row[int(item)] for item in ids], np.int64)
    cache = PixelCache.of(store.folder(project_id), project.settings).array()
    data.save(
        where,
        Table(
            pixels=cache[order],
            classes=np.array([position[int(c)] for c in (*key, *holdout)], np.int64),
            test=np.arange(len(ids)) >= len(key_ids),
            class_names=tuple(c.name for c in project.classes),
            channels=project.channels,
        ),
    )
