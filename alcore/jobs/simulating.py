"""Owns the simulation of strategies: what each would reach if the answer key answered.

One strategy after the other asks, from the same start, with the learner of the project and on its
holdout, as a class does. Every step is stored with what it asks next, so that a stop loses one
training at most.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from alcore import strategies
from alcore.errors import InvalidSettings, TrainingImpossible
from alcore.jobs.training_inputs import images_of, learner_now, learner_of_project, training_inputs
from alcore.loop.project_consensus import positions
from alcore.loop.randomness import rng
from alcore.records import Learner, Project, SimulatedPoint
from alcore.rounds import Holdout, Lesson, SelectionTask, run_round
from alcore.rounds import Learner as AnyLearner
from alcore.rounds.progress import Progress
from alcore.store import items, projects, simulated
from alcore.workers.attempts import Running

STEPS = (20, 30, 40, 60, 80, 100, 140, 180, 240, 320, 420, 560)
"""Labels at which a model is trained, as far as a class is likely to come."""


@dataclass(frozen=True)
class _Material:
    """What all strategies work on."""

    project: Project
    learner: AnyLearner
    description: Learner
    lesson: Lesson
    """Without labels."""
    holdout: Holdout
    key_ids: np.ndarray
    key: np.ndarray
    """(N,) int64 class positions of `key_ids`, sorted by id."""


def run_simulation(running: Running) -> None:
    """Let each strategy that the job names ask as far as STEPS goes; go on where one stopped."""
    material = _gather(running)
    names = [str(name) for name in running.job.args.get("strategies", ())]
    for place, name in enumerate(names):
        _simulate(running, material, name, place, len(names))
    with running.publish():
        pass


def _gather(running: Running) -> _Material:
    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        item_ids = items.ids(connection, project_id)
        key_ids, key = items.answer_key(connection, project_id)
        holdout_ids, truth = items.holdout(connection, project_id)
        inputs = training_inputs(connection, store, project)
        description = learner_now(connection, project, inputs)
    class_ids = np.array([c.id for c in project.classes])
    images = images_of(store.folder(project_id), project, item_ids)
    none = np.zeros(0, np.int64)
    order = np.argsort(key_ids)
    return _Material(
        project=project,
        learner=learner_of_project(project, images, inputs),
        description=description,
        lesson=Lesson(
            images=images,
            labeled_ids=none,
            labels=none,
            class_names=tuple(c.name for c in project.classes),
            seed=project.settings.seed,
            round_number=1,
            threads=running.threads,
            precision=running.precision,
        ),
        holdout=Holdout(holdout_ids, positions(truth, class_ids)),
        key_ids=key_ids[order],
        key=positions(key[order], class_ids),
    )


def _simulate(running: Running, material: _Material, name: str, place: int, of: int) -> None:
    project = material.project
    with running.store.read() as connection:
        known = simulated.of_learner(connection, project.id, material.description).get(name, [])
    steps = [n for n in STEPS if n <= len(material.key_ids)]
    drawn = rng(project.settings, "simulation").permutation(material.key_ids)
    labeled, before = drawn[: STEPS[0]], {point.labels: point for point in known}
    for step, n in enumerate(steps):
        if n in before:
            labeled = np.concatenate([labeled, np.array(before[n].batch, np.int64)])
            continue
        wanted = steps[step + 1] - n if step + 1 < len(steps) else 0

        def report(_phase: str, fraction: float, done: int = step) -> None:
            share = (done + fraction) / len(steps)
            running.report(f"simulating {name}", (place + share) / of)

        accuracy, batch = _round(material, name, labeled, wanted, report)
        if len(batch) < wanted:  # nothing was measured, so chance asks, as it does in a class
            batch = drawn[~np.isin(drawn, labeled)][:wanted]
        point = SimulatedPoint(name, n, accuracy, tuple(int(i) for i in batch))
        with running.write() as connection:
            simulated.add(connection, project.id, material.description, point, time.time())
            running.advance(connection)
        labeled = np.concatenate([labeled, batch])


def _round(
    material: _Material, name: str, labeled: np.ndarray, wanted: int, report: Progress
) -> tuple[float | None, np.ndarray]:
    """Train on what the key says of some items; return the accuracy, and what is asked next.

    None and no items where the labels cannot train a model, or the strategy cannot work with it.
    """
    own = name == material.project.settings.strategy
    options = material.project.settings.strategy_options if own else {}
    answers = material.key[np.searchsorted(material.key_ids, labeled)]
    lesson = replace(material.lesson, labeled_ids=labeled, labels=answers)
    task = SelectionTask(
        candidate_ids=material.key_ids,
        strategy=name,
        strategy_options=strategies.complete_options(name, options),
        batch_size=max(1, wanted),
        queue_size=wanted,
    )
    try:
        result = run_round(material.learner, lesson, material.holdout, task, report)
    except (TrainingImpossible, InvalidSettings):
        return None, labeled[:0]
    return result.evaluation.accuracy, result.selection.item_ids[:wanted]
