"""Owns guesses: a class is asked about an image before it sees what the model says of it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.errors import InvalidSettings
from alcore.records import Group, Guess, Session
from alcore.services import audit
from alcore.services.pool_predictions import PredictionCache
from alcore.services.rights import check_owner
from alcore.services.sessions import Place
from alcore.store import Connection, Store, projects, session_events, sessions


def ask(
    store: Store, cache: PredictionCache, project_id: int, session_id: int, by: int | None
) -> None:
    """Ask the class about the unlabeled image that a group's model is least sure of.

    One that nobody was asked about before; a guess that is open ends. Raises InvalidSettings
    where no model is there yet, or the session does not run.
    """
    now = time.time()
    with store.read() as connection:
        check_owner(connection, project_id, by)
        session = sessions.get(connection, session_id, project_id)
        groups = sessions.groups(connection, session_id)
        asked = {one.position for one in sessions.guesses(connection, session_id)}
    if session.phase(now) != "running":
        raise InvalidSettings("a class guesses while the session runs; start it first")
    position = _least_sure(cache, groups, asked)
    with store.write() as connection:
        sessions.close(connection, session_id, now)
        sessions.ask(connection, project_id, session_id, position, now)
        _note(connection, project_id, session_id, by, "asked the class for a guess")


def _least_sure(cache: PredictionCache, groups: list[Group], asked: set[int]) -> int:
    """Return the position of an open item of the smallest margin, none of those asked before.

    By the model of the first group that has one.
    """
    everything = (cache.get(group.project_id) for group in groups)
    predictions = next((p for p in everything if p is not None and p.round_id is not None), None)
    if predictions is None:
        raise InvalidSettings("there is no model yet; ask once the first one is there")
    with predictions.lock:
        free = predictions.open.copy()
        probabilities = predictions.output.probabilities
    free[[position for position in asked if position < len(free)]] = False
    if not free.any():
        raise InvalidSettings("every image has a label; there is none left to guess about")
    # Its rows are the project's items by position.
    return int(np.where(free, acquisition.margin(probabilities), -np.inf).argmax())


def show(
    store: Store, cache: PredictionCache, project_id: int, session_id: int, by: int | None
) -> None:
    """Show what each group's model says of the image that is guessed; it is kept as it was then."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        sessions.get(connection, session_id, project_id)
        one = current(sessions.guesses(connection, session_id))
        if one is None or one.shown_at is not None:
            return
        rows = {
            group.project_id: session_events.hashes(connection, group.project_id, [one.position])
            for group in sessions.groups(connection, session_id)
        }
    bars = {
        str(group_id): _probabilities(cache, group_id, items_there[one.position][0])
        for group_id, items_there in rows.items()
        if one.position in items_there
    }
    with store.write() as connection:
        sessions.show(connection, one.id, bars, time.time())
        _note(connection, project_id, session_id, by, "showed what the model says")


def _probabilities(cache: PredictionCache, project_id: int, item_id: int) -> list[float] | None:
    """Return what a group's model says of an item; None where the group has no model yet."""
    predictions = cache.get(project_id)
    if predictions is None or predictions.round_id is None:
        return None
    return cache.probabilities_of(project_id, item_id)


def close(store: Store, project_id: int, session_id: int, by: int | None) -> None:
    """Let the class go on labeling."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        sessions.get(connection, session_id, project_id)
        sessions.close(connection, session_id, time.time())
        _note(connection, project_id, session_id, by, "ended the guess")


def _note(
    connection: Connection, project_id: int, session_id: int, by: int | None, what: str
) -> None:
    audit.note(connection, project_id, by, "session act", number=session_id, what=what)


def current(guesses: list[Guess]) -> Guess | None:
    """Return the guess that is open."""
    return next((one for one in reversed(guesses) if one.closed_at is None), None)


def answer(store: Store, place: Place, guess_id: int, class_place: int) -> None:
    """Keep what a student guesses, until the model's answer is shown. Raises InvalidSettings."""
    assert place.student is not None
    with store.write() as connection:
        one = current(sessions.guesses(connection, place.session.id))
        if one is None or one.id != guess_id or one.shown_at is not None:
            raise InvalidSettings("this guess is over; the model's answer was shown")
        classes = len(projects.get(connection, place.student.project_id).classes)
        if not 0 <= class_place < classes:
            raise InvalidSettings(f"there are {classes} classes; got place {class_place}")
        who = place.student.annotator_id
        sessions.answer(connection, one, place.session.project_id, who, class_place, time.time())


def of_student(store: Store, session: Session, place: Place) -> dict[str, Any] | None:
    """Say what a student sees of the guess that is open; None where there is none."""
    if place.student is None:
        return None
    project_id = place.student.project_id
    with store.read() as connection:
        one = current(sessions.guesses(connection, session.id))
        if one is None:
            return None
        answers = sessions.answers(connection, session.id).get(one.id, {})
        rows = session_events.hashes(connection, project_id, [one.position])
        classes = len(projects.get(connection, project_id).classes)
    if one.position not in rows:
        return None
    item_id, content_hash, _ = rows[one.position]
    mine = answers.get(place.student.annotator_id)
    said: dict[str, Any] = {"id": one.id, "item": item_id, "hash": content_hash, "mine": mine}
    if one.shown_at is not None:
        said |= {"bars": one.bars.get(str(project_id)), "votes": tally(answers, classes)}
    return said | {"shown": one.shown_at is not None}


def tally(answers: dict[int, int], classes: int) -> list[int]:
    """Count what was guessed, by the place of the class.

    >>> tally({7: 1, 8: 1, 9: 0}, 3)
    [1, 2, 0]
    """
    return np.bincount(np.array([*answers.values()], int), minlength=classes).tolist()
