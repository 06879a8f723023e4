"""Owns the training job: one round on the labels of the moment, published in one transaction."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from alcore.config import CALIBRATED_FROM, ProjectSettings
from alcore.datasets.pixels import make_names_durable
from alcore.jobs import embeddings
from alcore.jobs.due import request_if_due
from alcore.jobs.project_consensus import apply_consensus
from alcore.jobs.project_consensus import positions as class_positions
from alcore.jobs.queueing import queue_size, rounded, selection_rows, swap_queue
from alcore.jobs.randomness import rng
from alcore.jobs.round_files import (
    make_room,
    pixels_of,
    round_arrays,
    save_arrays,
)
from alcore.jobs.running import Running
from alcore.jobs.training_inputs import (
    last_model,
    learner_now,
    smaller_minibatch,
    training_inputs,
)
from alcore.label_errors import check_is_due
from alcore.records import RoundSummary
from alcore.store import calibrations, gold, items, jobs, label_checks, labels, projects, rounds

STOP_SET = 1_000
"""Pool items on which successive models are compared for stop advice."""


def run_training(running: Running) -> None:
    """Fit, measure, score and select; then swap model, metrics and queue at once."""
    from alcore.rounds import RoundInput, run_round  # brings torch

    store, project_id = running.store, running.job.project_id
    folder = store.workspace.project(project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        settings = project.settings
    if settings.team.consensus != "majority":
        with store.write() as connection:
            apply_consensus(connection, project)
    with store.read() as connection:
        last_event = labels.last_event(connection, project_id)
        item_ids = items.ids(connection, project_id)
        labeled_ids, labeled = items.labeled(connection, project_id)
        holdout_ids, truth = items.holdout(connection, project_id)
        candidates = items.unlabeled(connection, project_id)
        known = gold.ids(connection, project_id)
        questions = np.union1d(items.unanswered_holdout(connection, project_id), known)
        previous = rounds.latest(connection, project_id)
        number = rounds.next_number(connection, project_id)
        said = labels.votes(connection, project_id, labeled_ids)
        minutes = labels.human_seconds(connection, project_id, last_event) / 60
        learner = learner_now(connection, project)
        inputs = training_inputs(connection, store.workspace, project)
        inputs["calibrations"] = calibrations.known(connection, project_id)
    running.note({"last_event": last_event, "model": number})

    position = {c.id: c.position for c in project.classes}
    positions = np.array([position[c] for c in labeled], dtype=np.int64)
    pool_ids = np.sort(np.concatenate([labeled_ids, candidates]))
    minibatch, why_smaller = smaller_minibatch(running.job)
    stop_ids, before = _stop_set(settings, pool_ids, folder, previous)
    result = run_round(
        RoundInput(
            pixels=pixels_of(folder, settings, len(item_ids)),
            item_ids=item_ids,
            labeled_ids=labeled_ids,
            labels=positions,
            holdout_ids=holdout_ids,
            holdout_labels=np.array([position[c] for c in truth], dtype=np.int64),
            candidate_ids=candidates,
            class_names=tuple(c.name for c in project.classes),
            channels=project.channels,
            strategy=settings.strategy,
            strategy_options=settings.strategy_options,
            batch_size=settings.batch_size,
            queue_size=queue_size(settings.batch_size),
            augmentation=settings.augmentation,
            seed=settings.seed,
            round_number=number,
            stop_ids=stop_ids,
            previous_stop=before,
            threads=running.threads,
            precision=running.precision,
            question_ids=questions,
            votes=class_positions(said, np.array([c.id for c in project.classes])),
            minibatch=minibatch,
            **inputs,
            **last_model(folder, previous),
        ),
        running.report,
    )
    running.report("saving", 1.0)
    checkpoint = f"rounds/{number:04d}.safetensors"
    # Under names of this attempt's own: a stale one must not touch the files of its successor.
    unpublished = folder / "rounds" / f"unpublished-{running.job.id}-{running.job.attempt}"
    make_room(unpublished.parent)
    result.model.save(unpublished.with_suffix(".safetensors"))
    save_arrays(
        unpublished.with_suffix(".npz"),
        holdout_ids=holdout_ids,
        holdout_true=np.array([position[c] for c in truth], dtype=np.int64),
        holdout_predicted=result.holdout_predicted,
        holdout_confidence=result.holdout_confidence,
        candidate_ids=result.candidate_ids,
        candidate_score=result.scores,
        stop_ids=stop_ids,
        stop_predicted=result.stop_predicted,
        head=result.head,
    )
    embeddings.save(unpublished.with_suffix(".npy"), result.embeddings)
    recipe = result.recipe
    if why_smaller:
        recipe = replace(recipe, notes=(why_smaller, *recipe.notes))
    summary = RoundSummary(
        id=0,
        project_id=project_id,
        number=number,
        created_at=time.time(),
        labels=len(labeled_ids),
        label_minutes=minutes,
        strategy=settings.strategy,
        strategy_options=dict(settings.strategy_options),
        mode=result.model.mode,
        evaluation=result.evaluation,
        stop=result.stop,
        uncertainty=result.uncertainty,
        labels_per_class=tuple(
            int(n) for n in np.bincount(positions, minlength=len(project.classes))
        ),
        batch_per_class=result.batch_per_class,
        seconds=dict(result.seconds),
        seed=settings.seed,
        checkpoint=checkpoint,
        versions=dict(result.versions),
        recipe=recipe,
        learner=learner,
        calibration=result.calibration,
    )
    with running.publish() as connection:
        unpublished.with_suffix(".safetensors").replace(folder / checkpoint)
        unpublished.with_suffix(".npz").replace(round_arrays(folder, number))
        unpublished.with_suffix(".npy").replace(embeddings.path(folder, number))
        make_names_durable(unpublished.parent)
        round_id = rounds.add(connection, summary, last_event)
        guessed = dict(zip(questions.tolist(), map(rounded, result.questions), strict=True))
        gold.suggest(connection, {item_id: guessed[item_id] for item_id in known})
        swap_queue(connection, project, selection_rows(result), round_id, number, guessed)
        if project.has_key and settings.baseline:
            jobs.request(connection, project_id, "baseline", time.time())
        request_if_due(connection, projects.get(connection, project_id), time.time())
        last = label_checks.last_check(connection, project_id)
        counting = label_checks.labels(connection, project_id)
        # A recipe without a temperature needs the models of a check as much as new labels do.
        lacking = result.calibration is None and counting >= CALIBRATED_FROM
        if check_is_due(counting, last[1] if last and not lacking else 0):
            jobs.request(connection, project_id, "label_check", time.time())
    embeddings.forget_others(folder, number)


def _stop_set(
    settings: ProjectSettings, pool_ids: np.ndarray, folder: Path, previous: RoundSummary | None
) -> tuple[np.ndarray, np.ndarray | None]:
    size = min(STOP_SET, len(pool_ids))
    stop_ids = np.sort(rng(settings, "stop set").choice(pool_ids, size=size, replace=False))
    if previous is None:
        return stop_ids, None
    path = round_arrays(folder, previous.number)
    if not path.exists():
        return stop_ids, None
    with np.load(path, allow_pickle=False) as arrays:
        same = np.array_equal(arrays["stop_ids"], stop_ids)
        return stop_ids, arrays["stop_predicted"] if same else None
