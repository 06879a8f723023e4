"""Owns the record of a session: all that the projector shows, now or when it is replayed.

The screen is drawn from the record and an instant alone, so that a replay shows what was seen.
Accuracies 0–1, times in Unix seconds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from alcore.records import Group, Guess, Session
from alcore.services.guessing import tally
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, jobs, projects, session_events, sessions, simulated

MOST_EVENTS = 4_000
"""That one answer brings; what is asked next brings the others."""
MOST_PICTURES = 60
"""Of disputed images that an exported session takes along."""
_KINDS = ("label", "unsure", "undo")


def record(
    store: Store, project_id: int, session_id: int, by: int | None, after: int = 0
) -> dict[str, Any]:
    """Read a session's record, with the events behind the id `after`.

    events: [id, time, student, group, position of the item, kind, class, the event that it takes
    back]; groups and classes by their place, kinds by that in label, unsure, undo. models: [time,
    group, number, labels, accuracy, low, high]. Raises NotAllowed for who is no owner.
    """
    now = time.time()
    with store.read() as connection:
        check_owner(connection, project_id, by)
        session = sessions.get(connection, session_id, project_id)
        groups = sessions.groups(connection, session_id)
        project = projects.get(connection, project_id)
        place = {group.project_id: i for i, group in enumerate(groups)}
        events = session_events.labels_after(connection, session_id, after, MOST_EVENTS)
        return {
            "session": {**_standing(session, now), "project": project.name},
            "groups": [{"name": g.name, "strategy": g.strategy} for g in groups],
            "students": [
                {
                    "id": one.annotator_id,
                    "name": one.name,
                    "group": place.get(one.project_id, 0),
                    "joined_at": one.joined_at,
                    "removed": one.removed_at is not None,
                }
                for one in sessions.students(connection, session_id)
            ],
            "classes": [c.name for c in project.classes],
            "events": [
                [i, at, who, place[group], position, _KINDS.index(kind), class_place, undoes]
                for i, at, who, group, position, kind, class_place, undoes in events
                if group in place
            ],
            "more": len(events) == MOST_EVENTS,
            "models": _models(connection, groups, place),
            "simulated": _simulated(connection, project_id),
            "guesses": _guesses(connection, session_id, groups, len(project.classes)),
        }


def _standing(session: Session, now: float) -> dict[str, Any]:
    return {
        "id": session.id,
        "code": session.code,
        "minutes": session.minutes,
        "locked": session.locked,
        "phase": session.phase(now),
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "now": now,
    }


def _models(
    connection: Connection, groups: list[Group], place: dict[int, int]
) -> list[list[float | None]]:
    rows = session_events.models(connection, [group.project_id for group in groups])
    listed: list[list[float | None]] = []
    for project_id, number, at, labels, evaluation in rows:
        low, high = evaluation.get("interval") or (None, None)
        accuracy = evaluation.get("accuracy")
        listed.append([at, place[project_id], number, labels, accuracy, low, high])
    return listed


def _simulated(connection: Connection, project_id: int) -> dict[str, Any]:
    """Read what strategies reach with answers of the key, and whether more is being computed."""
    curves: dict[str, list[list[float]]] = defaultdict(list)
    for point in simulated.of_project(connection, project_id):
        if point.accuracy is not None:
            curves[point.strategy].append([point.labels, point.accuracy])
    job = jobs.newest(connection, project_id, "simulation")
    runs = job is not None and job.state in ("waiting", "running")
    has_key = projects.get(connection, project_id).has_key
    return {"curves": curves, "progress": job.progress if job and runs else None, "key": has_key}


def _guesses(
    connection: Connection, session_id: int, groups: list[Group], classes: int
) -> list[dict[str, Any]]:
    guesses = sessions.guesses(connection, session_id)
    answers = sessions.answers(connection, session_id)
    positions = [one.position for one in guesses]
    there = session_events.hashes(connection, groups[0].project_id, positions) if groups else {}
    return [_guess(one, groups, answers.get(one.id, {}), there, classes) for one in guesses]


def _guess(
    one: Guess,
    groups: list[Group],
    answers: dict[int, int],
    there: dict[int, tuple[int, str, int | None]],
    classes: int,
) -> dict[str, Any]:
    """Say what is known of a guess; what the class and the model say, once it was shown."""
    said = {
        "id": one.id,
        "position": one.position,
        "asked_at": one.asked_at,
        "shown_at": one.shown_at,
        "closed_at": one.closed_at,
        "answers": len(answers),
    }
    if one.shown_at is None:
        return said
    _, _, true_class = there.get(one.position, (0, "", None))
    bars = [one.bars.get(str(group.project_id)) for group in groups]
    return said | {"votes": tally(answers, classes), "bars": bars, "true": true_class}


def pictures(
    store: Store, session_id: int, positions: Iterable[int]
) -> dict[int, tuple[int, int, str]]:
    """Say by position which item shows it: project, item id and content hash, of the first group.

    Of those that are not there nothing is said.
    """
    with store.read() as connection:
        groups = sessions.groups(connection, session_id)
        if not groups:
            return {}
        first = groups[0].project_id
        rows = session_events.hashes(connection, first, [*positions][:MOST_PICTURES])
    return {position: (first, item_id, hashed) for position, (item_id, hashed, _) in rows.items()}


def disputed(events: list[list[Any]]) -> list[int]:
    """List the positions of images that students ever said different classes of.

    events: as in a record. Those that the most students answered come first.
    """
    votes: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    most: dict[int, int] = {}
    for _, _, who, group, position, kind, class_place, _ in events:
        if kind == _KINDS.index("label") and class_place is not None:
            here = votes[group, position]
            here[who] = class_place
            if len(set(here.values())) > 1:
                most[position] = max(most.get(position, 0), len(here))
    return sorted(most, key=lambda position: (-most[position], position))
