"""Owns the rows of sessions: their groups, students and guesses. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, String, cast, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.errors import UnknownSession
from alcore.records import Group, Guess, Session, Student
from alcore.store.tables import annotator, guess, guess_answer, session, session_group, student


def add(
    connection: Connection,
    project_id: int,
    annotator_id: int | None,
    code: str,
    minutes: int,
    now: float,
) -> int:
    """Add a session in its lobby; return its id."""
    new = insert(session).values(
        project_id=project_id,
        annotator_id=annotator_id,
        code=code,
        minutes=minutes,
        created_at=now,
    )
    return connection.execute(new.returning(session.c.id)).scalar_one()


def get(connection: Connection, session_id: int, project_id: int | None = None) -> Session:
    """Read a session, of a project where one is named. Raises UnknownSession."""
    row = connection.execute(select(session).where(session.c.id == session_id)).one_or_none()
    if row is None or project_id not in (None, row.project_id):
        raise UnknownSession(f"this project has no session {session_id}")
    return _session(row)


def coded(connection: Connection, code: str) -> Session | None:
    """Read the session that a code lets into; None for no code."""
    row = connection.execute(select(session).where(session.c.code == code)).one_or_none()
    return None if row is None else _session(row)


def of_project(connection: Connection, project_id: int) -> list[Session]:
    """List a project's sessions, newest first."""
    query = select(session).where(session.c.project_id == project_id)
    return [_session(row) for row in connection.execute(query.order_by(session.c.id.desc()))]


def set_times(
    connection: Connection, session_id: int, starts_at: float | None, ends_at: float | None
) -> None:
    """Say when a session starts and ends; None where nobody has said so."""
    values = {"starts_at": starts_at, "ends_at": ends_at}
    connection.execute(update(session).where(session.c.id == session_id).values(values))


def lock(connection: Connection, session_id: int, locked: bool) -> None:
    """Let nobody else join, or let them again."""
    connection.execute(update(session).where(session.c.id == session_id).values(locked=locked))


def remove(connection: Connection, session_id: int) -> None:
    """Take a session away that nobody is in any more."""
    connection.execute(delete(session_group).where(session_group.c.session_id == session_id))
    connection.execute(delete(session).where(session.c.id == session_id))


# -- groups ------------------------------------------------------------------------------------


def add_groups(
    connection: Connection, session_id: int, groups: Sequence[tuple[int, str, str]]
) -> None:
    """Add groups: the project, the name and the strategy of each."""
    names = ("project_id", "name", "strategy")
    rows = [{"session_id": session_id} | dict(zip(names, row, strict=True)) for row in groups]
    connection.execute(insert(session_group), rows)


def groups(connection: Connection, session_id: int) -> list[Group]:
    """List a session's groups by age."""
    query = select(session_group).where(session_group.c.session_id == session_id)
    return [Group(**row._mapping) for row in connection.execute(query.order_by(session_group.c.id))]


def forget(connection: Connection, session_id: int) -> None:
    """Take away a session's groups, guesses and students, whose names are kept nowhere then."""
    its_guesses = select(guess.c.id).where(guess.c.session_id == session_id)
    connection.execute(delete(guess_answer).where(guess_answer.c.guess_id.in_(its_guesses)))
    connection.execute(delete(guess).where(guess.c.session_id == session_id))
    who = select(student.c.annotator_id).where(student.c.session_id == session_id)
    number = cast(annotator.c.id, String)
    nameless = {
        "name": "student " + number + f" of session {session_id}",
        "subject": "gone " + number,
        "active": False,
    }
    connection.execute(update(annotator).where(annotator.c.id.in_(who)).values(nameless))
    connection.execute(delete(student).where(student.c.session_id == session_id))
    connection.execute(delete(session_group).where(session_group.c.session_id == session_id))


# -- students ----------------------------------------------------------------------------------


def add_student(connection: Connection, new: Student) -> None:
    """Add who joined; somebody who is there already stays as they are."""
    connection.execute(insert_or(student).values(vars(new)).on_conflict_do_nothing())


def students(connection: Connection, session_id: int) -> list[Student]:
    """List who joined a session, removed ones too, by when they did."""
    query = select(student).where(student.c.session_id == session_id)
    order = query.order_by(student.c.joined_at, student.c.annotator_id)
    return [Student(**row._mapping) for row in connection.execute(order)]


def known(connection: Connection, session_id: int, subject: str) -> Student | None:
    """Read who joined a session from the browser that a subject stands for."""
    query = (
        select(student)
        .join(annotator, annotator.c.id == student.c.annotator_id)
        .where(student.c.session_id == session_id, annotator.c.subject == subject)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Student(**row._mapping)


def remove_student(connection: Connection, session_id: int, annotator_id: int, now: float) -> None:
    """Note that somebody was removed from a session."""
    which = (student.c.session_id == session_id) & (student.c.annotator_id == annotator_id)
    connection.execute(update(student).where(which).values(removed_at=now))


# -- guesses -----------------------------------------------------------------------------------


def ask(
    connection: Connection, project_id: int, session_id: int, position: int, now: float
) -> None:
    """Ask the class about the item at a position."""
    connection.execute(
        insert(guess).values(
            project_id=project_id, session_id=session_id, position=position, asked_at=now
        )
    )


def guesses(connection: Connection, session_id: int) -> list[Guess]:
    """List a session's guesses by age."""
    query = select(guess).where(guess.c.session_id == session_id).order_by(guess.c.id)
    return [_guess(row) for row in connection.execute(query)]


def show(
    connection: Connection, guess_id: int, bars: Mapping[str, list[float] | None], now: float
) -> None:
    """Keep what the groups' models say, from the moment that it is shown."""
    values = {"bars": dict(bars), "shown_at": now}
    connection.execute(update(guess).where(guess.c.id == guess_id).values(values))


def close(connection: Connection, session_id: int, now: float) -> None:
    """End the guess that is open."""
    which = (guess.c.session_id == session_id) & guess.c.closed_at.is_(None)
    connection.execute(update(guess).where(which).values(closed_at=now))


def answer(
    connection: Connection, one: Guess, project_id: int, annotator_id: int, place: int, now: float
) -> None:
    """Keep what somebody guesses; their last word counts."""
    new = insert_or(guess_answer).values(
        guess_id=one.id,
        annotator_id=annotator_id,
        project_id=project_id,
        class_place=place,
        created_at=now,
    )
    changed = {"class_place": place, "created_at": now}
    connection.execute(
        new.on_conflict_do_update(index_elements=["guess_id", "annotator_id"], set_=changed)
    )


def answers(connection: Connection, session_id: int) -> dict[int, dict[int, int]]:
    """Read the class places by guess and annotator."""
    query = (
        select(guess_answer.c.guess_id, guess_answer.c.annotator_id, guess_answer.c.class_place)
        .join(guess, guess.c.id == guess_answer.c.guess_id)
        .where(guess.c.session_id == session_id)
    )
    by_guess: dict[int, dict[int, int]] = {}
    for guess_id, annotator_id, place in connection.execute(query):
        by_guess.setdefault(guess_id, {})[annotator_id] = place
    return by_guess


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        project_id=row.project_id,
        code=row.code,
        minutes=row.minutes,
        locked=row.locked,
        created_at=row.created_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )


def _guess(row: Row[Any]) -> Guess:
    names = ("id", "session_id", "position", "asked_at", "shown_at", "closed_at", "bars")
    return Guess(**{name: getattr(row, name) for name in names})
