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
    table = votes.table(connection, project.id)
    class_ids = np.array([c.id for c in project.classes], dtype=np.int64)
    answers = positions(table.votes, class_ids)
    quality: np.ndarray | None
    if rule == "Dawid-Skene":
        final = positions(table.final, class_ids)
        quality = consensus.dawid_skene(answers, len(class_ids), final).posterior
    else:
        quality = _with_the_model(connection, project.id, table, answers, class_ids)
    if quality is None:
        return votes.count_majority(connection, project.id)
    winners = consensus.choose(quality, answers)
    return votes.set_consensus(
        connection,
        project.id,
        {
            int(item): int(class_ids[place])
            for item, place in zip(table.item_ids, winners, strict=True)
            if place >= 0
        },
    )


def _with_the_model(
    connection: Connection,
    project_id: int,
    table: votes.Votes,
    answers: np.ndarray,
    class_ids: np.ndarray,
) -> np.ndarray | None:
    """Weigh votes and models that have not seen them; None while too little is known.

    A label check holds the probabilities of two classes; the rest goes to the others evenly.
    An item without one is judged by its votes alone.
    """
    beliefs = label_checks.beliefs(connection, project_id)
    place = {class_id: i for i, class_id in enumerate(class_ids.tolist())}
    n_classes = len(class_ids)
    probabilities = np.full((len(answers), n_classes), 1 / n_classes)
    has_check = np.zeros(len(answers), bool)
    for row, item_id in enumerate(table.item_ids.tolist()):
        if item_id in beliefs:
            best, p, label, p_label = beliefs[item_id]
            two = {place[best]: p, place[label]: p_label}
            rest = max(0.0, 1 - sum(two.values()))
            probabilities[row] = rest / max(1, n_classes - len(two))
            for at, probability in two.items():
                probabilities[row, at] = probability
            has_check[row] = True
    counting = labels.counting(connection, project_id)
    labeled = np.array([place.get(counting.get(i), -1) for i in table.item_ids.tolist()])
    usable = has_check & (labeled >= 0)
    guesses = probabilities[usable].argmax(axis=1)
    weights = consensus.trust(answers[usable], labeled[usable], guesses)
    return consensus.model_weighted(answers, probabilities, weights)


def positions(ids: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
    """Turn class ids, -1 for none, into class positions of the same shape."""
    places = np.full(ids.shape, -1, np.int64)
    for place, class_id in enumerate(class_ids.tolist()):
        places[ids == class_id] = place
    return places
