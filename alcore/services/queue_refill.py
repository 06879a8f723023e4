"""Owns what happens when the queue runs out: more questions, or the reason why there are none.

Times are Unix seconds.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from alcore import pool
from alcore.loop import near_answers
from alcore.loop.queueing import mix_in_further
from alcore.loop.randomness import rng
from alcore.records import Origin, Project
from alcore.store import Connection, Store, items, jobs, labels, leasing, projects, queue, votes

REFILL = 200
"""Random items that are queued when the ranked ones are used up."""


def refill(store: Store, project_id: int) -> bool:
    """Queue random items when the ranked ones are used up; return whether there is more now.

    Holdout questions are mixed in as they are among ranked ones, and so are images that further
    people shall answer. All is looked up before anything is written, so that no answer waits for
    it; where somebody else was quicker, theirs stays.
    """
    with store.read() as connection:
        project = projects.get(connection, project_id)
        before = queue.last(connection, project_id)
        more = _more(connection, project)
        used_up = queue.used_up(connection, project_id) if more else []
    if not more:
        return False
    with store.write(lasting=False) as connection:
        if queue.last(connection, project_id) == before:
            queue.extend(connection, project_id, more, "random", used_up)
    return True


def _more(connection: Connection, project: Project) -> list[tuple[int, Origin]]:
    """Draw what comes after the queue, with the origin of each question."""
    queued = queue.queued(connection, project.id)
    known = np.array([*queued], np.int64)
    generator = rng(project.settings, "refill", labels.last_event(connection, project.id))
    questions = np.setdiff1d(items.unanswered_holdout(connection, project.id), known)
    drawn = items.some_unlabeled(connection, project.id, REFILL, generator, queued)
    drawn, _ = near_answers.one_of_each(connection, project, drawn)
    order = pool.mix_in(
        drawn,
        questions,
        project.settings.holdout.every,
        generator,
    )
    lacking = {row["item_id"]: row for row in votes.lacking_rows(connection, project.id)}
    further = np.setdiff1d(np.array([*lacking], np.int64), known)
    hidden = set(questions.tolist())
    origins: dict[int, Origin] = {i: "holdout" if i in hidden else "random" for i in order}
    return [
        (i, lacking[i]["origin"] if i in lacking else origins[i])
        for i in mix_in_further(order, further, generator)
    ]


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
    images_left = sum(items.count_open(connection, project.id).values())
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
