"""Owns what happens when the queue runs out: more questions, or the reason why there are none.

Times are Unix seconds.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from alcore import pool
from alcore.loop.queueing import mix_in_further
from alcore.loop.randomness import rng
from alcore.records import Project
from alcore.store import Connection, items, jobs, labels, leasing, queue, votes

REFILL = 200
"""Random items that are queued when the ranked ones are used up."""


def refill(connection: Connection, project: Project) -> bool:
    """Queue random items when the ranked ones are used up; return whether any were left.

    Holdout questions are mixed in as they are among ranked ones, and so are images that further
    people shall answer.
    """
    queued = np.array(sorted(queue.queued(connection, project.id)), dtype=np.int64)
    unlabeled = np.setdiff1d(items.unlabeled(connection, project.id), queued)
    questions = np.setdiff1d(items.unanswered_holdout(connection, project.id), queued)
    generator = rng(project.settings, "refill", labels.last_event(connection, project.id))
    order = pool.mix_in(
        generator.permutation(unlabeled)[:REFILL].tolist(),
        questions,
        project.settings.holdout.every,
        generator,
    )
    hidden = set(questions.tolist())
    lacking = {row["item_id"]: row for row in votes.lacking_rows(connection, project.id)}
    further = np.setdiff1d(np.array(list(lacking), dtype=np.int64), queued)
    order = mix_in_further(order, further, generator)
    if not order:
        return False
    queue.extend(
        connection,
        project.id,
        [
            (
                item_id,
                lacking[item_id]["origin"]
                if item_id in lacking
                else "holdout"
                if item_id in hidden
                else "random",
            )
            for item_id in order
        ],
        "random",
    )
    return True


def why_nothing(connection: Connection, project: Project, now: float) -> str:
    """Say in a sentence why a person gets no image."""
    if project.archived_at is not None:
        return "The project was put away."
    if project.state != "ready":
        job = jobs.newest(connection, project.id, "import")
        if job is None or job.state not in ("waiting", "running"):
            return "The import did not finish; the set-up page says why and can go on with it."
        share = f": {job.progress:.0%}" if job.state == "running" else ""
        return f"The import is still running{share}."
    images_left = len(items.unlabeled(connection, project.id)) + len(
        items.unanswered_holdout(connection, project.id)
    )
    others = len(votes.lacking_rows(connection, project.id))
    if images_left == 0 and others > 0:
        return (
            f"Thank you: nothing is left for you. {others} "
            f"{'image waits' if others == 1 else 'images wait'} for the answer of somebody else."
        )
    if images_left == 0:
        return (
            "Every image has an answer. Look through them on the Review page, see on the Dashboard "
            "what the model can, or export the labels and add images on the Set-up page."
        )
    holders = leasing.holders(connection, project.id, now)
    if holders and images_left > 0:
        who = ", ".join(
            f"{name} holds {n} until {datetime.fromtimestamp(until):%H:%M}"
            for name, n, until in holders
        )
        return f"{images_left} images are left: {who}."
    return f"{images_left} images are left, and you skipped each of them twice."
