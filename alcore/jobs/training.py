"""Owns the training job: one round on the labels of the moment, published in one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alcore import disk
from alcore.config import ProjectSettings
from alcore.folding import class_ids_of, folding, since_the_start
from alcore.jobs.training_inputs import (
    images_of,
    last_model,
    learner_now,
    learner_of_project,
    smaller_minibatch,
    training_inputs,
    with_tuned,
)
from alcore.label_errors import check_is_due
from alcore.loop import embeddings, incoming_labels, maps
from alcore.loop import features as feature_files
from alcore.loop.due import request_if_due, request_tuning, retrain
from alcore.loop.label_sets import revision
from alcore.loop.project_consensus import apply_consensus, positions
from alcore.loop.queueing import queue_size, rounded, selection_rows, swap_queue
from alcore.loop.randomness import rng
from alcore.loop.round_files import make_room, round_arrays, save_arrays
from alcore.records import Features, Learner, Project, RoundSummary
from alcore.rounds import Holdout, Lesson, RoundResult, SelectionTask, TrainingInputs, run_round
from alcore.store import (
    Connection,
    calibrations,
    class_events,
    gold,
    items,
    jobs,
    label_checks,
    labels,
    projects,
    rounds,
    webhooks,
)
from alcore.workers.attempts import Running

STOP_SET = 1_000
"""Pool items on which successive models are compared for stop advice."""


def run_training(running: Running) -> None:
    """Fit, measure, score and select; then swap model, metrics and queue at once."""
    material = _gather(running)
    result = _run(running, material)
    running.report("saving", 1.0)
    _publish(running, material, result, _save(running, material, result))


@dataclass(frozen=True)
class _Material:
    """What a round is made of, and what its record says besides."""

    project: Project
    learner: Learner
    inputs: TrainingInputs
    lesson: Lesson
    holdout: Holdout
    task: SelectionTask
    gold_ids: list[int]
    """Among the task's questions, those whose answer is known."""
    last_event: int
    """Of the labels that the lesson holds."""
    minutes: float
    """That people spent on them."""
    revision: str
    """Names the label set."""
    notes: tuple[str, ...]


def _gather(running: Running) -> _Material:
    """Read what the round of this moment learns from, and what it may choose from.

    What it starts from is noted before anything can fail: a training that cannot be is due again
    with new labels only.
    """
    store, project_id = running.store, running.job.project_id
    folder = store.folder(project_id)
    incoming_labels.finish(store, project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        settings = project.settings
    if settings.team.consensus != "majority":
        with running.write() as connection:
            apply_consensus(connection, project)
    class_ids = np.array([c.id for c in project.classes])
    minibatch, why_smaller = smaller_minibatch(running.job)
    with store.read() as connection:
        last_event = labels.last_event(connection, project_id)
        item_ids = items.ids(connection, project_id)
        labeled_ids, labeled = items.labeled(connection, project_id)
        holdout_ids, truth = items.holdout(connection, project_id)
        candidates = items.unlabeled(connection, project_id)
        gold_ids = gold.ids(connection, project_id)
        questions = np.union1d(items.unanswered_holdout(connection, project_id), gold_ids)
        previous = rounds.latest(connection, project_id)
        number = rounds.next_number(connection, project_id)
        calibrated = calibrations.known(connection, project_id)
        votes = positions(labels.votes(connection, project_id, labeled_ids), class_ids)
        minutes = labels.human_seconds(connection, project_id, last_event) / 60
        label_set = revision(connection, project)
        inputs = with_tuned(training_inputs(connection, store, project), store, project)
        learner = learner_now(connection, project, inputs)
    running.note({"last_event": last_event, "model": number})
    lesson = Lesson(
        images=images_of(store.folder(project_id), project, item_ids),
        labeled_ids=labeled_ids,
        labels=positions(labeled, class_ids),
        class_names=tuple(c.name for c in project.classes),
        seed=settings.seed,
        round_number=number,
        threads=running.threads,
        precision=running.precision,
        calibrations=calibrated,
        calibrates=True,
    )
    inputs = replace(inputs, previous=last_model(folder, project, previous), minibatch=minibatch)
    pool_ids = np.sort(np.concatenate([labeled_ids, candidates]))
    stop_ids, previous_stop = _stop_set(settings, pool_ids, folder, previous)
    if previous and class_ids_of(project, previous) != tuple(class_ids.tolist()):
        previous_stop = None  # what two models say of other classes cannot be compared
    task = SelectionTask(
        candidate_ids=candidates,
        strategy=settings.strategy,
        strategy_options=settings.strategy_options,
        batch_size=settings.batch_size,
        queue_size=queue_size(settings.batch_size),
        votes=votes,
        stop_ids=stop_ids,
        previous_stop=previous_stop,
        question_ids=questions,
        embeds=True,
    )
    return _Material(
        project=project,
        learner=learner,
        inputs=inputs,
        lesson=lesson,
        holdout=Holdout(holdout_ids, positions(truth, class_ids)),
        task=task,
        gold_ids=gold_ids,
        last_event=last_event,
        minutes=minutes,
        revision=label_set,
        notes=_notes(why_smaller, project, previous, len(holdout_ids)),
    )


def _notes(
    why_smaller: str | None, project: Project, previous: RoundSummary | None, held: int
) -> tuple[str, ...]:
    """Say what a reader of the round's figures should know."""
    notes = [why_smaller] if why_smaller else []
    before = previous.evaluation.n if previous else held
    if project.has_key and previous is not None and before != held:
        notes.append(
            f"the holdout has {held:,} images; that of model {previous.number} had {before:,}"
        )
    return tuple(notes)


def _run(running: Running, material: _Material) -> RoundResult:
    lesson = material.lesson
    learner = learner_of_project(material.project, lesson.images, material.inputs)
    return run_round(learner, lesson, material.holdout, material.task, running.report)


def _save(running: Running, material: _Material, result: RoundResult) -> dict[Path, Path]:
    """Write the round's files; return where each belongs once the round is published.

    Their names are this attempt's own: a stale one must not touch the files of its successor.
    """
    number = material.lesson.round_number
    folder = running.store.folder(material.project.id)
    unpublished = folder / "rounds" / f"unpublished-{running.job.id}-{running.job.attempt}"
    make_room(unpublished.parent)
    files = {}
    if result.model.save(path := unpublished.with_suffix(".safetensors")):
        files[path] = folder / _checkpoint(number)
    head = result.model.head
    save_arrays(
        path := unpublished.with_suffix(".npz"),
        holdout_ids=material.holdout.ids,
        holdout_true=material.holdout.labels,
        holdout_predicted=result.holdout_predicted,
        holdout_confidence=result.holdout_confidence,
        candidate_ids=result.candidate_ids,
        candidate_score=result.scores,
        labeled_ids=material.lesson.labeled_ids,
        labels=material.lesson.labels,
        question_ids=material.task.question_ids,
        stop_ids=material.task.stop_ids,
        stop_predicted=result.stop_predicted,
        **({} if head is None else {"head": head}),
    )
    files[path] = round_arrays(folder, number)
    if result.embeddings is not None:
        embeddings.save(path := unpublished.with_suffix(".npy"), result.embeddings)
        files[path] = embeddings.path(folder, number)
        layout = maps.model_layout(number, result.embeddings, head, maps.newest(folder, "pca"))
        place = maps.path(folder, layout.basis, layout.method)
        place.parent.mkdir(exist_ok=True)
        with disk.whole_file(path := unpublished.with_suffix(".map.npz")) as file:
            maps.write(file, layout)
        files[path] = place
    return files


def _publish(
    running: Running, material: _Material, result: RoundResult, files: dict[Path, Path]
) -> None:
    """Put files, record and queue in place, and ask for what follows: all or nothing."""
    project, number = material.project, material.lesson.round_number
    folder = running.store.folder(project.id)
    has_checkpoint = folder / _checkpoint(number) in files.values()
    summary = _summary(material, result, _checkpoint(number) if has_checkpoint else None)
    with running.publish() as connection:
        for unpublished, path in files.items():
            unpublished.replace(path)
        disk.sync_names(folder / "rounds")
        round_id = rounds.add(connection, summary, material.last_event)
        about = {"model": number, "labels": summary.labels, "accuracy": summary.evaluation.accuracy}
        webhooks.note(connection, project.id, "model", about, time.time())
        known = {c.created_at for c in material.lesson.calibrations}
        today = projects.get(connection, project.id)
        same_classes = since_the_start(today) == material.learner.classes
        if same_classes and result.calibration and result.calibration.created_at not in known:
            calibrations.put(connection, project.id, result.calibration)
        questions = material.task.question_ids.tolist()
        fold = folding(today, [c.id for c in project.classes]).fold
        guesses = dict(zip(questions, map(rounded, fold(result.questions)), strict=True))
        gold.suggest(connection, {item_id: guesses[item_id] for item_id in material.gold_ids})
        rows = selection_rows(result.selection, fold(result.suggestions))
        names = {c.id: c.name for c in today.classes}
        if any(names.get(c.id) != c.name for c in project.classes):
            rows = [row | {"reason": class_events.STALE_REASON} for row in rows]
        swap_queue(connection, today, rows, round_id, number, guesses)
        _ask_for_more(connection, today, feature_files.status(folder))
        if not same_classes:
            retrain(connection, today, time.time())
        if maps.bases(folder, "umap") and maps.umap_is_installed():
            jobs.request(connection, project.id, "map", time.time())
    embeddings.forget_others(folder, number)
    maps.forget_oldest(folder)


def _ask_for_more(connection: Connection, project: Project, features: Features | None) -> None:
    """Ask for the jobs that a new round makes due: baseline, next training, label check, tuning."""
    now = time.time()
    request_tuning(connection, project, features, now)
    if project.has_key and project.settings.baseline:
        jobs.request(connection, project.id, "baseline", now)
    request_if_due(connection, projects.get(connection, project.id), now)
    last = label_checks.last_check(connection, project.id)
    counting = label_checks.labels(connection, project.id)
    if check_is_due(counting, last[1] if last else 0):
        jobs.request(connection, project.id, "label_check", now)


def _summary(material: _Material, result: RoundResult, checkpoint: str | None) -> RoundSummary:
    lesson, settings = material.lesson, material.project.settings
    per_class = np.bincount(lesson.labels, minlength=len(lesson.class_names))
    recipe = result.model.recipe
    return RoundSummary(
        id=0,
        project_id=material.project.id,
        number=lesson.round_number,
        created_at=time.time(),
        labels=len(lesson.labels),
        label_minutes=material.minutes,
        strategy=settings.strategy,
        strategy_options=dict(settings.strategy_options),
        mode=result.model.mode,
        evaluation=result.evaluation,
        stop=result.stop,
        uncertainty=result.uncertainty,
        labels_per_class=tuple(per_class.tolist()),
        batch_per_class=result.batch_per_class,
        seconds=dict(result.seconds),
        seed=settings.seed,
        checkpoint=checkpoint,
        versions=dict(result.versions),
        recipe=replace(recipe, notes=(*material.notes, *recipe.notes)),
        calibration=result.calibration,
        learner=material.learner,
        revision=material.revision,
        class_ids=tuple(c.id for c in material.project.classes),
    )


def _checkpoint(number: int) -> str:
    """Name the file of a round's model within its project's folder."""
    return f"rounds/{number:04d}.safetensors"


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
