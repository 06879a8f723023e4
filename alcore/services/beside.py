"""Owns what stands beside the image: why it is asked, how far the work is, the classes.

Instants are Unix seconds, durations seconds.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from alcore.jobs.due import next_due
from alcore.records import Project
from alcore.services import keys
from alcore.services.instant import STAND_IN, follows
from alcore.services.outlook import Outlooks
from alcore.services.training import coming
from alcore.store import (
    Connection,
    Store,
    gold,
    items,
    jobs,
    labels,
    projects,
    queue,
    rounds,
    withdrawals,
)


def why(
    store: Store, project_id: int, item_id: int, outlooks: Outlooks | None = None
) -> dict[str, Any]:
    """Say why an image is asked; a holdout question looks like a random one.

    In instant mode the queue may have gone on without the image on screen: then the outlooks
    tell what the head thinks of it.
    """
    with store.read() as connection:
        project = projects.get(connection, project_id)
        items.get(connection, project_id, item_id)
        found = queue.entry(connection, project_id, item_id)
        latest = rounds.latest(connection, project_id)
        instant = projects.instant(connection, project_id)
        if gold.is_gold(connection, item_id):
            found = {"origin": "random", "suggestion": gold.suggestion(connection, item_id)}
    if found is None or found["origin"] in ("holdout", "random"):
        found = {"origin": "random", "reason": "drawn at random", "score": None} | {
            "suggestion": found and found["suggestion"]
        }
    by_model = found["origin"] in ("query", "relabel")
    said, suggestion = found["suggestion"], None
    if said is None and outlooks is not None and project.settings.instant:
        said = outlooks.said(project_id, item_id)
    if said is not None:
        ranked = sorted(
            zip(said, project.classes, strict=False),
            key=lambda pair: -pair[0],
        )
        suggestion = [{"class": c.id, "p": p} for p, c in ranked[:5]]
    strategy = found["origin"]
    if latest and by_model:
        stood_in = instant is not None and not follows(latest.strategy, latest.strategy_options)
        strategy = STAND_IN if stood_in else latest.strategy
    return {
        "strategy": strategy,
        "reason": found["reason"],
        "score": found["score"],
        "model": latest.number if latest and found["origin"] != "cold start" else None,
        "instant": instant,
        "origin": found["origin"],
        "suggestion": suggestion,
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
        instant = projects.instant(connection, project_id)
        counts = items.count(connection, project_id)
        total = sum(per_class.values())
        job = _job_shown(connection, project_id, now)
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
        "instant": instant,
        "follows": project.settings.instant,
        "accuracy": evaluation.accuracy if evaluation else None,
        "interval": evaluation.interval if evaluation else None,
        "holdout_n": evaluation.n if evaluation else 0,
        "job": job,
        "classes": classes_shown(project),
        "keys": keys.layout(project),
    }


def classes_shown(project: Project) -> list[dict[str, Any]]:
    """List the classes as the board reads them."""
    return [{"id": c.id, "name": c.name, "position": c.position} for c in project.classes]


def _job_shown(connection: Connection, project_id: int, now: float) -> dict[str, Any] | None:
    """Read the job that a person wants to know of: what works, else a failed training."""
    found = [jobs.newest(connection, project_id, kind) for kind in ("import", "train", "baseline")]
    shown = next(
        (job for job in found if job and job.state == "running"),
        next(
            (job for job in found if job and job.state in ("waiting", "failed")),
            None,
        ),
    )
    if shown is None:
        return None
    end = shown.finished_at or now
    return {
        "kind": shown.kind,
        "state": shown.state,
        "phase": shown.phase,
        "progress": shown.progress,
        "elapsed": end - shown.started_at if shown.started_at else 0.0,
        "error": shown.error,
        "model": shown.args.get("model"),
    }
