"""Owns what is put into the query queue: picks, questions for the holdout, further answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import pool
from alcore.loop import near_answers
from alcore.loop.randomness import rng
from alcore.records import Project, Selection
from alcore.store import Connection, items, queue, votes

QUEUE = 200
"""Items that are queued at least, so that nobody waits while a model trains."""


def queue_size(batch_size: int) -> int:
    """Return how many items a round queues."""
    return max(QUEUE, 3 * batch_size)


def selection_rows(selection: Selection, suggestions: np.ndarray) -> list[dict[str, Any]]:
    """Turn a round's selection into rows of the query queue.

    suggestions: (k, C) probabilities of the classes of today.
    """
    return [
        {
            "item_id": int(item_id),
            "score": float(score),
            "reason": reason,
            "origin": origin,
            "suggestion": rounded(probabilities),
        }
        for item_id, score, reason, origin, probabilities in zip(
            selection.item_ids,
            selection.scores,
            selection.reasons,
            selection.origins,
            suggestions,
            strict=True,
        )
    ]


def cold_start_rows(selection: Selection) -> list[dict[str, Any]]:
    """Turn what is asked before there is a model into rows of the query queue."""
    return [
        {
            "item_id": int(item_id),
            "score": None,
            "reason": reason,
            "origin": "cold start",
            "suggestion": None,
        }
        for item_id, reason in zip(selection.item_ids, selection.reasons, strict=True)
    ]


def rounded(probabilities: np.ndarray) -> list[float]:
    """Return probabilities (C,) as they are stored with a question."""
    return [round(float(p), 4) for p in probabilities]


def swap_queue(
    connection: Connection,
    project: Project,
    rows: list[dict[str, Any]],
    ranked_by: int | None,
    number: int,
    suggestions: Mapping[int, list[float]] | None = None,
    head_labels: int | None = None,
) -> None:
    """Put a new query queue in place, with holdout questions mixed in where they are needed.

    suggestions: what the model says of each question, so that a suggestion does not give them away.
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
    order, follows = near_answers.one_of_each(connection, project, order)
    order = mix_in_further(
        order,
        np.array(list(further), dtype=np.int64),
        rng(settings, "further answers", number),
    )
    by_id |= further
    hidden = {"score": None, "reason": "random", "origin": "holdout"}
    suggestions = suggestions or {}
    queued = [
        by_id.get(item_id) or {"item_id": item_id, "suggestion": suggestions.get(item_id), **hidden}
        for item_id in order
    ]
    queued = near_answers.with_reasons(queued, follows)
    queue.swap(connection, project.id, queued, ranked_by, head_labels)


def choose_overlap(connection: Connection, project: Project) -> None:
    """Say how many people shall answer each item, as the project's settings have it.

    Labels that came with the import are not asked for again.
    """
    rule = project.settings.team
    several = np.zeros(0, np.int64)
    if rule.overlap_share:
        ids = items.ids(connection, project.id)
        generator = rng(project.settings, "overlap")
        several = ids[pool.overlapped(len(ids), rule.overlap_share, generator)]
        several = np.setdiff1d(several, votes.imported(connection, project.id))
    votes.set_answers(connection, project.id, several.tolist(), rule.answers)


def mix_in_further(
    order: list[int], further: np.ndarray, generator: np.random.Generator
) -> list[int]:
    """Put items that further people shall answer among others, one in two, then the rest."""
    mixed = pool.mix_in(order, further, 2, generator)
    queued = set(mixed)
    return mixed + [i for i in further.tolist() if i not in queued]
