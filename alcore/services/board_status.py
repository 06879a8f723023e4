"""Owns what the board shows beside the image: why it is asked, how far the work is, the classes.

Times are Unix seconds, durations seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from alcore import job_kinds
from alcore.loop.due import next_due
from alcore.phrases import PHASES
from alcore.records import Project, RoundSummary
from alcore.services import keys
from alcore.services.instant import STAND_IN, follows
from alcore.services.pool_predictions import PredictionCache
from alcore.services.rights import is_owner, shown_job
from alcore.services.training import coming
from alcore.store import (
    Connection,
    Store,
    completions,
    gold,
    items,
    jobs,
    labels,
    leasing,
    projects,
    queue,
    rounds,
    withdrawals,
)


def why(
    store: Store,
    project_id: int,
    by: int | None,
    item_id: int,
    prediction_cache: PredictionCache | None = None,
) -> dict[str, Any]:
    """Say why an image is asked; a holdout question looks like a random one.

    In instant mode the queue may have gone on without the image on screen: then the predictions
    tell what the head thinks of it. What a model says of an image is for whoever is asked about it,
    and for owners.
    """
    with store.read() as connection:
        project = projects.get(connection, project_id)
        items.get(connection, project_id, item_id)
        entry = queue.entry(connection, project_id, item_id)
        latest = rounds.latest(connection, project_id)
        head_labels = projects.head_labels(connection, project_id)
        asked = is_owner(connection, project_id, by) or (
            by is not None and leasing.of_person(connection, item_id, by) is not None
        )
        if gold.is_gold(connection, item_id):
            entry = {"origin": "random", "suggestion": gold.suggestion(connection, item_id)}
        if completions.is_check(connection, item_id):
            return _of_check(latest)
    if entry is None or entry["origin"] in ("holdout", "random"):
        entry = {"origin": "random", "reason": "drawn at random", "score": None} | {
            "suggestion": entry and entry["suggestion"]
        }
    by_model = entry["origin"] in ("query", "relabel")
    probabilities = entry["suggestion"]
    has_head = project.settings.instant or (latest is None and head_labels is not None)
    if probabilities is None and prediction_cache is not None and has_head:
        probabilities = prediction_cache.probabilities_of(project_id, item_id)
    strategy = entry["origin"]
    if latest and by_model:
        follows_it = follows(latest.strategy, latest.strategy_options)
        strategy = latest.strategy if head_labels is None or follows_it else STAND_IN
    elif by_model:
        strategy = STAND_IN  # by a head on features, before there is a model
    return {
        "strategy": strategy,
        "reason": entry["reason"],
        "score": entry["score"] if asked else None,
        "model": latest.number if latest and entry["origin"] != "cold start" else None,
        "instant": head_labels,
        "origin": entry["origin"],
        "suggestion": _likeliest(probabilities, project) if asked else None,
    }


def _likeliest(probabilities: Sequence[float] | None, project: Project) -> list[Any] | None:
    """Name the five classes that a model thinks likeliest; probabilities (C,), by position."""
    if probabilities is None:
        return None
    ranked = sorted(zip(probabilities, project.classes, strict=False), key=lambda pair: -pair[0])
    return [{"class": c.id, "p": p} for p, c in ranked[:5]]


def _of_check(latest: RoundSummary | None) -> dict[str, Any]:
    """Say why an image is asked that checks the model; what the model says of it is not shown."""
    return {
        "strategy": "check",
        "reason": "drawn at random, to check the model",
        "score": None,
        "model": latest.number if latest else None,
        "instant": None,
        "origin": "check",
        "suggestion": None,
    }


def status(store: Store, project_id: int, annotator_id: int) -> dict[str, Any]:
    """Read all that the board shows beside the image."""
    now = time.time()
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    with store.read() as connection:
        project = projects.get(connection, project_id)
        ranking, _ = projects.ranking(connection, project_id)
        today = labels.counts_since(connection, project_id, midnight)
        per_class = labels.per_class(connection, project_id)
        following = next_due(connection, project)
        latest = rounds.latest(connection, project_id)
        head_labels = projects.head_labels(connection, project_id)
        counts = items.count(connection, project_id)
        total = sum(per_class.values())
        job = _job_shown(connection, project_id, annotator_id, now)
        next_model = coming(latest, jobs.newest(connection, project_id, "train"))
        known = rounds.last_event(connection, project_id)
        withdrawn = withdrawals.count(connection, project_id, known) if latest else 0
        kept_aside = labels.kept_aside(connection, project_id)
    evaluation = latest.evaluation if latest else None
    return {
        "mine_today": today.get(annotator_id, 0),
        "team_today": sum(today.values()),
        "labels": total,
        "kept_aside": kept_aside,
        "unlabeled": counts["pool"] - total,
        "until_next": following.missing,
        "next_total": following.step,
        "next_model": next_model,
        "blocked": following.blocked,
        "model": latest.number if latest else None,
        "model_labels": latest.labels if latest else None,
        "withdrawn": withdrawn,
        "ranking": ranking,
        "instant": head_labels,
        "follows": project.settings.instant or (latest is None and head_labels is not None),
        "accuracy": evaluation.accuracy if evaluation else None,
        "interval": evaluation.interval if evaluation else None,
        "holdout_n": evaluation.n if evaluation else 0,
        "job": job,
        "classes": classes_shown(project),
        "keys": keys.layout(project),
    }


def classes_shown(project: Project) -> list[dict[str, Any]]:
    """List the classes as the board reads them."""
    return [
        {"id": c.id, "name": c.name, "position": c.position, "description": c.description}
        for c in project.classes
    ]


def _job_shown(
    connection: Connection, project_id: int, annotator_id: int, now: float
) -> dict[str, Any] | None:
    """Read the job that a person wants to know of: what works, else a failed training."""
    kinds = [kind.name for kind in job_kinds.KINDS if kind.on_board]
    newest = [jobs.newest(connection, project_id, kind) for kind in kinds]
    job = next(
        (one for one in newest if one and one.state == "running"),
        next(
            (one for one in newest if one and one.state in ("waiting", "failed")),
            None,
        ),
    )
    job = shown_job(connection, project_id, annotator_id, job)
    if job is None:
        return None
    end = job.finished_at or now
    kind, model = job_kinds.named(job.kind), job.args.get("model")
    return {
        "noun": kind.noun,
        "doing": kind.doing.format(model=f"Model {model}" if model else "A model"),
        "state": job.state,
        "phase": PHASES.get(job.phase, job.phase),
        "progress": job.progress,
        "elapsed": end - job.started_at if job.started_at else 0.0,
        "error": job.error,
    }
