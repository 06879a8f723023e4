"""Owns the training job: one round on the labels of the moment, published in one transaction."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from alcore import pool
from alcore.config import CALIBRATED_FROM, ProjectSettings
from alcore.datasets.pixels import PixelCache
from alcore.doubts import worth_a_look
from alcore.errors import TrainingImpossible, WorkspaceUnusable
from alcore.jobs import embeddings
from alcore.jobs.beginnings import beginnings, last_model, smaller_minibatch
from alcore.jobs.running import Running
from alcore.jobs.settling import positions as class_positions
from alcore.jobs.settling import settle
from alcore.records import Project, RoundSummary
from alcore.retraining import NextTraining, next_training
from alcore.store import (
    Connection,
    calibrations,
    gold,
    items,
    jobs,
    labels,
    opinions,
    projects,
    queue,
    rounds,
    votes,
)

STOP_SET = 1_000
"""Pool items on which successive models are compared for stop advice."""
QUEUE = 200
"""Items that are queued at least, so that nobody waits while a model trains."""


def queue_size(batch_size: int) -> int:
    """Return how many items a round queues."""
    return max(QUEUE, 3 * batch_size)


def rng(settings: ProjectSettings, *purpose: int | str) -> np.random.Generator:
    """Derive a generator from the project's seed and a purpose."""
    words = [zlib.crc32(word.encode()) if isinstance(word, str) else word for word in purpose]
    return np.random.default_rng([settings.seed, *words])


def next_due(connection: Connection, project: Project) -> NextTraining:
    """Read the labels and tell when the project's next training is due."""
    last = jobs.trained_until(connection, project.id)
    counts = labels.per_class(connection, project.id)
    return next_training(
        project.settings.retrain,
        [counts.get(c.id, 0) for c in project.classes],
        labels.since(connection, project.id, last),
        first=last == 0,
    )


def request_if_due(connection: Connection, project: Project, now: float) -> None:
    """Ask for a training where the project's rule says so, in the caller's transaction.

    Every answer comes by: whether there are enough new ones is looked at first, which takes less
    time than to count all.
    """
    rule = project.settings.retrain
    if project.archived_at is not None or not rule.automatic:
        return
    last = jobs.trained_until(connection, project.id)
    fresh = labels.since(connection, project.id, last)
    if fresh < (rule.new_labels if last else min(rule.new_labels, rule.minimum)):
        return
    if next_due(connection, project).due:
        jobs.request(connection, project.id, "train", now, project.settings.retrain.debounce)


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
            settle(connection, project)
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
        begins = beginnings(connection, store.workspace, project)
        begins["calibrations"] = calibrations.known(connection, project_id)
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
            question_ids=questions,
            votes=class_positions(said, np.array([c.id for c in project.classes])),
            minibatch=minibatch,
            **begins,
            **last_model(folder, previous),
        ),
        running.report,
    )
    running.report("saving", 1.0)
    checkpoint = f"rounds/{number:04d}.safetensors"
    # Under names of this attempt's own: a stale one must not touch the files of its successor.
    unpublished = folder / "rounds" / f"unpublished-{running.job.id}-{running.job.attempt}"
    _clear(unpublished.parent)
    result.model.save(unpublished.with_suffix(".safetensors"))
    _save_arrays(
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
    teaching = result.teaching
    if why_smaller:
        teaching = replace(teaching, notes=(why_smaller, *teaching.notes))
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
        teaching=teaching,
        calibration=result.calibration,
    )
    with running.publish() as connection:
        unpublished.with_suffix(".safetensors").replace(folder / checkpoint)
        unpublished.with_suffix(".npz").replace(round_arrays(folder, number))
        unpublished.with_suffix(".npy").replace(embeddings.path(folder, number))
        _make_names_durable(unpublished.parent)
        round_id = rounds.add(connection, summary, last_event)
        guessed = dict(zip(questions.tolist(), map(_rounded, result.questions), strict=True))
        gold.suggest(connection, {item_id: guessed[item_id] for item_id in known})
        swap_queue(connection, project, selection_rows(result), round_id, number, guessed)
        if project.has_key and settings.baseline:
            jobs.request(connection, project_id, "baseline", time.time())
        request_if_due(connection, projects.get(connection, project_id), time.time())
        last = opinions.last_look(connection, project_id)
        counting = opinions.labels(connection, project_id)
        # A recipe without a temperature needs the models of a review as much as new labels do.
        lacking = result.calibration is None and counting >= CALIBRATED_FROM
        if worth_a_look(counting, last[1] if last and not lacking else 0):
            jobs.request(connection, project_id, "review", time.time())
    embeddings.forget_others(folder, number)


def selection_rows(result: Any) -> list[dict[str, Any]]:
    """Turn a round's selection into rows of the query queue."""
    chosen = result.selection
    return [
        {
            "item_id": int(item_id),
            "score": float(score),
            "reason": reason,
            "origin": origin,
            "suggestion": _rounded(probabilities),
        }
        for item_id, score, reason, origin, probabilities in zip(
            chosen.item_ids,
            chosen.scores,
            chosen.reasons,
            chosen.origins,
            result.suggestions,
            strict=True,
        )
    ]


def _rounded(probabilities: np.ndarray) -> list[float]:
    return [round(float(p), 4) for p in probabilities]


def swap_queue(
    connection: Connection,
    project: Project,
    rows: list[dict[str, Any]],
    ranked_by: int | None,
    number: int,
    said: Mapping[int, list[float]] | None = None,
    instant: int | None = None,
) -> None:
    """Put a new query queue in place, with holdout questions mixed in where they are needed.

    said: what the model says of each question, so that a suggestion does not give them away.
    Every other question is one that further people shall answer, while there are any.
    """
    by_id = {row["item_id"]: row for row in rows}
    further = {
        row["item_id"]: row
        for row in votes.lacking_rows(connection, project.id)
        if row["item_id"] not in by_id
    }
    questions = items.unanswered_holdout(connection, project.id)
    settings = project.settings
    order = pool.mix_in(
        list(by_id), questions, settings.holdout.every, rng(settings, "questions", number)
    )
    order = mix_in_further(
        order,
        np.array(list(further), dtype=np.int64),
        rng(settings, "further answers", number),
    )
    by_id |= further
    hidden = {"score": None, "reason": "random", "origin": "holdout"}
    said = said or {}
    queue.swap(
        connection,
        project.id,
        [
            by_id.get(item_id) or {"item_id": item_id, "suggestion": said.get(item_id), **hidden}
            for item_id in order
        ],
        ranked_by,
        instant,
    )


def choose_overlap(connection: Connection, project: Project) -> None:
    """Say how many people shall answer each item, as the project's settings have it.

    Labels that came with the import are not asked for again.
    """
    rule = project.settings.team
    ids = items.ids(connection, project.id)
    chosen = ids[pool.overlapped(len(ids), rule.overlap_share, rng(project.settings, "overlap"))]
    chosen = np.setdiff1d(chosen, votes.imported(connection, project.id))
    votes.set_answers(connection, project.id, chosen.tolist(), rule.answers)


def mix_in_further(
    order: list[int], further: np.ndarray, generator: np.random.Generator
) -> list[int]:
    """Put items that further people shall answer among others, one in two, then the rest."""
    mixed = pool.mix_in(order, further, 2, generator)
    there = set(mixed)
    return mixed + [i for i in further.tolist() if i not in there]


def pixels_of(folder: Path, settings: ProjectSettings, n: int) -> np.ndarray:
    """Map a project's n images at its resolution: (n, H, W, 3) uint8.

    Raises TrainingImpossible while they are being fitted to another resolution.
    """
    pixels = PixelCache(folder, settings.resolution).array()
    if len(pixels) < n:
        raise TrainingImpossible(
            f"the images are not fitted to {settings.resolution} pixels yet; "
            "train again when that is done"
        )
    return pixels[:n]


def round_arrays(folder: Path, number: int) -> Path:
    """Name the file with a round's predictions."""
    return folder / "rounds" / f"{number:04d}.npz"


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


def _clear(folder: Path) -> None:
    """Make the folder of rounds, without what attempts that died have left there."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("unpublished-*"):
        left.unlink(missing_ok=True)


def _save_arrays(path: Path, **arrays: np.ndarray) -> None:
    try:
        with path.open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WorkspaceUnusable(
            f"cannot write the predictions of the round: {error.strerror or error}; "
            "free some space or check the folder's rights"
        ) from error


def _make_names_durable(folder: Path) -> None:
    """Make renamings last through a power cut; Windows has no such call and needs none."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
