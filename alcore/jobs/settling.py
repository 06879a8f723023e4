"""Owns which answer counts where several people answered: the consensus that the project chose.

The majority is kept by the database with each answer. The others are found from all votes, when
a training starts and when the choice changes. Gold and owners' last words stay as they are, and
teach how good everybody's answers are. L items, C classes.
"""

from __future__ import annotations

import numpy as np

from alcore import consensus
from alcore.records import Project
from alcore.store import Connection, votes


def settle(connection: Connection, project: Project) -> int:
    """Let the project's consensus count; return how many items it changed.

    Items with one answer keep it.
    """
    rule = project.settings.team.consensus
    if rule == "majority":
        return votes.count_majority(connection, project.id)
    found = votes.table(connection, project.id, at_least=2)
    class_ids = np.array([c.id for c in project.classes], dtype=np.int64)
    said = positions(found.votes, class_ids)
    quality = consensus.dawid_skene(
        said, len(class_ids), positions(found.final, class_ids)
    ).posterior
    chosen = consensus.choose(quality, said)
    return votes.settle(
        connection,
        project.id,
        {
            int(item): int(class_ids[place])
            for item, place in zip(found.item_ids, chosen, strict=True)
            if place >= 0
        },
    )


def positions(ids: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
    """Turn class ids, -1 for none, into class positions of the same shape."""
    found = np.full(ids.shape, -1, np.int64)
    for place, class_id in enumerate(class_ids.tolist()):
        found[ids == class_id] = place
    return found
