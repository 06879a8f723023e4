"""Owns which answer counts where several people answered: the consensus that the project chose.

The majority is kept by the database with each answer. The others are found from all votes, when
a training starts and when the choice changes. Gold and owners' last words stay as they are, and
teach how good everybody's answers are. L items, C classes.
"""

from __future__ import annotations

import numpy as np

from alcore import consensus
from alcore.records import Project
from alcore.store import Connection, label_checks, labels, votes


def apply_consensus(connection: Connection, project: Project) -> int:
    """Let the project's consensus count; return how many items it changed.

    Items with one answer keep it.
    """
    rule = project.settings.team.consensus
    if rule == "majority":
        return votes.count_majority(connection, project.id)
    found = votes.table(connection, project.id, at_least=2)
    class_ids = np.array([c.id for c in project.classes], dtype=np.int64)
    said = positions(found.votes, class_ids)
    quality: np.ndarray | None
    if rule == "Dawid-Skene":
        known = positions(found.final, class_ids)
        quality = consensus.dawid_skene(said, len(class_ids), known).posterior
    else:
        quality = _with_the_model(connection, project.id, found, said, class_ids)
    if quality is None:
        return votes.count_majority(connection, project.id)
    chosen = consensus.choose(quality, said)
    return votes.set_consensus(
        connection,
        project.id,
        {
            int(item): int(class_ids[place])
            for item, place in zip(found.item_ids, chosen, strict=True)
            if place >= 0
        },
    )


def _with_the_model(
    connection: Connection,
    project_id: int,
    found: votes.Votes,
    said: np.ndarray,
    class_ids: np.ndarray,
) -> np.ndarray | None:
    """Weigh votes and models that have not seen them; None while too little is known.

    A label check holds the probabilities of two classes; the rest goes to the others evenly.
    An item without one is judged by its votes alone.
    """
    beliefs = label_checks.beliefs(connection, project_id)
    place = {class_id: i for i, class_id in enumerate(class_ids.tolist())}
    n_classes = len(class_ids)
    probabilities = np.full((len(said), n_classes), 1 / n_classes)
    asked = np.zeros(len(said), bool)
    for row, item_id in enumerate(found.item_ids.tolist()):
        if item_id in beliefs:
            best, p, label, p_label = beliefs[item_id]
            named = {place[best]: p, place[label]: p_label}
            left = max(0.0, 1 - sum(named.values()))
            probabilities[row] = left / max(1, n_classes - len(named))
            for at, probability in named.items():
                probabilities[row, at] = probability
            asked[row] = True
    counting = labels.counting(connection, project_id)
    labeled = np.array([place.get(counting.get(i), -1) for i in found.item_ids.tolist()])
    usable = asked & (labeled >= 0)
    weights = consensus.trust(said[usable], labeled[usable], probabilities[usable].argmax(axis=1))
    return consensus.model_weighted(said, probabilities, weights)


def positions(ids: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
    """Turn class ids, -1 for none, into class positions of the same shape."""
    found = np.full(ids.shape, -1, np.int64)
    for place, class_id in enumerate(class_ids.tolist()):
        found[ids == class_id] = place
    return found
