"""Owns the simulated baseline: the accuracy of the same learner on as many random labels.

Each learner that a project had keeps the points made with it: those of one say nothing about
models of another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from alcore.errors import TrainingImpossible
from alcore.jobs.randomness import rng
from alcore.jobs.round_files import pixels_of
from alcore.jobs.running import Running
from alcore.jobs.training_inputs import inputs_of
from alcore.records import BaselinePoint, Learner, RoundSummary
from alcore.store import items, projects, rounds

QUICK = 10.0
"""Trainings shorter than this, in seconds, are repeated to show their spread."""
TRIALS = 3


def run_baseline(running: Running) -> None:
    """Train on random labels at every label count of the live curve that has no point yet.

    With the learner of the live model at that count; one that can no longer be had is left out.
    Each point is stored when it is done, so that a stop loses at most one training.
    """
    from alcore.rounds import RoundInput, measure  # brings torch

    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        settings = project.settings
        item_ids = items.ids(connection, project_id)
        key_ids, key = items.answer_key(connection, project_id)
        holdout_ids, truth = items.holdout(connection, project_id)
        history = rounds.all_rounds(connection, project_id)
        inputs = {
            learner: inputs_of(connection, store.workspace, project, learner)
            for learner in dict.fromkeys(r.learner for r in history)
        }
        done = {(p.learner, p.trial, p.labels) for p in rounds.baseline(connection, project_id)}
    position = {c.id: c.position for c in project.classes}
    classes = np.array([position[c] for c in key], dtype=np.int64)
    missing = [
        (learner, trial, n)
        for learner, trial, n in _points(history)
        if inputs[learner] and (learner, trial, n) not in done and n <= len(key_ids)
    ]
    template = RoundInput(
        pixels=pixels_of(store.workspace.project(project_id), settings, len(item_ids)),
        item_ids=item_ids,
        labeled_ids=key_ids[:0],
        labels=classes[:0],
        holdout_ids=holdout_ids,
        holdout_labels=np.array([position[c] for c in truth], dtype=np.int64),
        candidate_ids=key_ids[:0],
        class_names=tuple(c.name for c in project.classes),
        channels=project.channels,
        strategy="random",
        strategy_options={},
        batch_size=1,
        queue_size=0,
        augmentation="none",
        seed=settings.seed,
        round_number=0,
        stop_ids=key_ids[:0],
        previous_stop=None,
        threads=running.threads,
        precision=running.precision,
    )
    for index, (learner, trial, n) in enumerate(missing):
        order = rng(settings, "baseline", trial).permutation(len(key_ids))[:n]
        started = time.monotonic()

        def report(_phase: str, fraction: float, index: int = index) -> None:
            running.report("simulating random labels", (index + fraction) / len(missing))

        try:
            evaluation = measure(
                replace(
                    template,
                    labeled_ids=key_ids[order],
                    labels=classes[order],
                    round_number=trial,
                    **inputs[learner],
                ),
                report,
            )
        except TrainingImpossible:
            continue  # so few random labels may all be of one class
        with store.write() as connection:
            rounds.add_baseline(
                connection,
                project_id,
                BaselinePoint(learner, trial, n, evaluation),
                time.monotonic() - started,
                time.time(),
            )
    with running.publish():
        pass


def _points(history: Sequence[RoundSummary]) -> Iterator[tuple[Learner, int, int]]:
    """Yield learner, trial and label count of all points, the newest learner's first."""
    counts: dict[Learner, set[int]] = {}
    quick: dict[Learner, bool] = {}
    for summary in reversed(history):
        counts.setdefault(summary.learner, set()).add(summary.labels)
        quick.setdefault(summary.learner, summary.seconds.get("train", 0.0) < QUICK)
    for learner, found in counts.items():
        for trial in range(TRIALS if quick[learner] else 1):
            for n in sorted(found):
                yield learner, trial, n
