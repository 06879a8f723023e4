"""Owns sessions: hours in which a class joins by a code and labels copies of a project.

The teacher owns the project. Its labels are not touched: each group works in a copy, on the real
board, and whatever a session made is gone with one press. Times are Unix seconds.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alcore.config import ProjectSettings, RetrainRule, TeamRule
from alcore.errors import InvalidSettings, NotAllowed, UnknownSession, WorkspaceBusy
from alcore.loop.queueing import QUEUE, swap_queue
from alcore.loop.randomness import rng
from alcore.records import Group, Project, Session, Student
from alcore.services import audit, nicknames, projects, whole_projects
from alcore.services.rights import check_owner
from alcore.services.whole_projects import Weight
from alcore.store import Connection, Store, items, jobs, leasing, members, sessions
from alcore.store import projects as stored

MINUTES = (5, 10, 15, 20, 30, 45)
USUAL_MINUTES = 10
MOST_STUDENTS = 100
MOST_GROUPS = 4
COUNTDOWN = 5.0
"""Seconds from the start that somebody presses to the first image."""
SHARE, ANSWERS = 0.2, 3
"""Of the images, so many are answered by so many students: what a class disputes is seen there."""
CODE_LETTERS, CODE_LENGTH = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 8
SHORTEST_KEY = 16
BESIDE = ("random", "margin")
"""Strategies that are simulated beside those of the groups."""


def open_session(
    store: Store,
    project_id: int,
    by: int | None,
    minutes: int = USUAL_MINUTES,
    group_strategies: Sequence[str] = (),
) -> int:
    """Open a session on a project, in its lobby; return its id.

    group_strategies: one group for each of at least two, in which that strategy asks; none for one
    group, the whole class, in which the project's own strategy asks. Raises NotAllowed,
    InvalidSettings, UnknownStrategy, WorkspaceBusy.
    """
    if minutes not in MINUTES:
        raise InvalidSettings(f"{minutes} minutes; choose from {', '.join(map(str, MINUTES))}")
    if len(group_strategies) == 1 or len(group_strategies) > MOST_GROUPS:
        raise InvalidSettings(
            f"{len(group_strategies)} groups; choose 2 to {MOST_GROUPS}, or none for one class"
        )
    project = projects.get(store, project_id)
    for name in group_strategies:
        projects.check_learning(store, _settings(project.settings, name))
    now = time.time()
    with store.write() as connection:
        check_owner(connection, project_id, by)
        if not project.classes:
            raise InvalidSettings("the project has no classes yet; add some on the Set-up page")
        _check_none_open(connection, project_id, now)
        features = jobs.newest(connection, project_id, "features")
        if features is not None and features.state in ("waiting", "running"):
            raise WorkspaceBusy(
                "the network looks at the images for the first time, "
                f"{features.progress:.0%} are done; open the session once it has seen them all"
            )
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
        new = sessions.add(connection, project_id, by, code, minutes, now)
        groups = ", ".join(group_strategies) or project.settings.strategy
        audit.note(connection, project_id, by, "session", number=new, groups=groups)
    try:
        _make_groups(store, new, project, by, group_strategies)
    except Exception:
        with store.write() as connection:
            sessions.remove(connection, new)
        raise
    return new


def _check_none_open(connection: Connection, project_id: int, now: float) -> None:
    for one in sessions.of_project(connection, project_id):
        if one.phase(now) != "over":
            raise InvalidSettings(f"session {one.id} of this project is open; end it first")


def _make_groups(
    store: Store,
    session_id: int,
    project: Project,
    by: int | None,
    group_strategies: Sequence[str],
) -> None:
    """Give each group a copy of the project, all with the same first questions."""
    made: list[tuple[int, str, str]] = []
    try:
        for name in group_strategies or ("",):
            copy_id = _copy(store, session_id, project, by, name)
            made.append((copy_id, name or "The class", name or project.settings.strategy))
    except Exception:
        for copy_id, _, _ in made:
            _delete(store, copy_id, by)
        raise
    with store.write() as connection:
        for copy_id, _, _ in made:
            _ask_the_same_first(connection, stored.get(connection, copy_id))
        sessions.add_groups(connection, session_id, made)
        if project.has_key:
            asked = {"strategies": [*dict.fromkeys([*BESIDE, *(name for _, _, name in made)])]}
            jobs.request(connection, project.id, "simulation", time.time(), args=asked)


def _copy(store: Store, session_id: int, project: Project, by: int | None, strategy: str) -> int:
    """Copy the project for a group, under a name that tells the session; return the copy's id."""
    place = f" · {strategy}" if strategy else ""
    which = f" · session {session_id} {secrets.token_hex(2)}{place}"
    name = f"{project.name[: projects.LONGEST_NAME - len(which)]}{which}"
    copy_id = whole_projects.copy(store, project.id, name, by=by)
    copied = projects.get(store, copy_id)
    projects.edit(store, copied, _settings(project.settings, strategy), by=by)
    return copy_id


def _settings(settings: ProjectSettings, strategy: str) -> ProjectSettings:
    """Return a copy's settings: a model soon and often, and images that several answer."""
    if strategy:
        settings = replace(settings, strategy=strategy, strategy_options={})
    return replace(
        settings,
        retrain=RetrainRule(new_labels=10),
        team=TeamRule(overlap_share=SHARE, answers=ANSWERS, invited_only=True),
        baseline=False,
    )


def _ask_the_same_first(connection: Connection, project: Project) -> None:
    """Queue questions that chance draws alike in the copies of one project."""
    pool = items.unlabeled(connection, project.id)
    first = rng(project.settings, "session").permutation(pool)[:QUEUE]
    random = {"score": None, "reason": "drawn at random", "origin": "random", "suggestion": None}
    rows = [{"item_id": int(item_id), **random} for item_id in first]
    swap_queue(connection, project, rows, None, 0)


# -- what the teacher does ---------------------------------------------------------------------


def of_project(store: Store, project_id: int, by: int | None) -> list[Session]:
    """List a project's sessions, newest first. Raises NotAllowed for who is no owner."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return sessions.of_project(connection, project_id)


def get(store: Store, project_id: int, session_id: int, by: int | None) -> Session:
    """Read a session of a project. Raises UnknownSession, NotAllowed for who is no owner."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return sessions.get(connection, session_id, project_id)


def groups(store: Store, session_id: int) -> list[Group]:
    """List a session's groups."""
    with store.read() as connection:
        return sessions.groups(connection, session_id)


def start(store: Store, project_id: int, session_id: int, by: int | None) -> None:
    """Start the countdown; one that has started goes on as it is."""
    now = time.time()
    with store.write() as connection:
        session = _owned(connection, project_id, session_id, by)
        if session.starts_at is None:
            starts_at = now + COUNTDOWN
            sessions.set_times(connection, session_id, starts_at, starts_at + 60 * session.minutes)
            _note(connection, session, by, "started")


def add_minutes(store: Store, project_id: int, session_id: int, by: int | None, more: int) -> None:
    """Let a session that runs last longer, by 1 to 30 minutes."""
    if not 1 <= more <= 30:
        raise InvalidSettings(f"{more} minutes more; choose 1 to 30")
    with store.write() as connection:
        session = _owned(connection, project_id, session_id, by)
        if session.ends_at is not None and session.phase(time.time()) != "over":
            ends_at = session.ends_at + 60 * more
            sessions.set_times(connection, session_id, session.starts_at, ends_at)
            _note(connection, session, by, f"{more} minutes more")


def end(store: Store, project_id: int, session_id: int, by: int | None) -> None:
    """End a session now; what students have answered stays."""
    now = time.time()
    with store.write() as connection:
        session = _owned(connection, project_id, session_id, by)
        if session.phase(now) != "over":
            starts_at = None if session.starts_at is None else min(session.starts_at, now)
            sessions.set_times(connection, session_id, starts_at, now)
            sessions.close(connection, session_id, now)
            _note(connection, session, by, "ended")


def lock(store: Store, project_id: int, session_id: int, by: int | None, locked: bool) -> None:
    """Let nobody else join, or let them again."""
    with store.write() as connection:
        session = _owned(connection, project_id, session_id, by)
        sessions.lock(connection, session_id, locked)
        _note(connection, session, by, "locked" if locked else "unlocked")


def remove(
    store: Store, project_id: int, session_id: int, by: int | None, annotator_id: int
) -> None:
    """Remove somebody from a session; what they have answered stays."""
    now = time.time()
    with store.write() as connection:
        session = _owned(connection, project_id, session_id, by)
        there = {one.annotator_id: one for one in sessions.students(connection, session_id)}
        one = there.get(annotator_id)
        if one is None or one.removed_at is not None:
            return
        sessions.remove_student(connection, session_id, annotator_id, now)
        members.set_role(connection, one.project_id, annotator_id, "removed", now)
        leasing.free(connection, one.project_id, annotator_id)
        _note(connection, session, by, f"removed {one.name}")


def reset(store: Store, project_id: int, session_id: int, by: int | None) -> None:
    """Begin a session anew with the same code: no student, label, model or name is left of it.

    Raises NotAllowed, WorkspaceBusy. What a crash leaves are copies that an owner can delete.
    """
    with store.write() as connection:
        session = _owned(connection, project_id, session_id, by)
        if session.phase(time.time()) == "over":
            others = (s for s in sessions.of_project(connection, project_id) if s.id != session_id)
            if any(other.phase(time.time()) != "over" for other in others):
                raise InvalidSettings("another session of this project is open; end it first")
        project = stored.get(connection, project_id)
        old = sessions.groups(connection, session_id)
        sessions.forget(connection, session_id)
        sessions.set_times(connection, session_id, None, None)
        sessions.lock(connection, session_id, False)
        _note(connection, session, by, "reset")
    several = [group.strategy for group in old] if len(old) > 1 else []
    _make_groups(store, session_id, project, by, several)
    for group in old:
        _delete(store, group.project_id, by)


def weigh(store: Store, project_id: int, session_id: int, by: int | None) -> list[Weight]:
    """Say what each copy holds that goes with a session. Raises NotAllowed, UnknownSession."""
    get(store, project_id, session_id, by)
    there = {p.id for p in projects.list_projects(store, archived=True)}
    of_session = [g.project_id for g in groups(store, session_id) if g.project_id in there]
    return [whole_projects.weigh(store, copy_id) for copy_id in of_session]


def delete(store: Store, project_id: int, session_id: int, by: int | None) -> None:
    """Delete a session that is over: students' names, its record, and the copies of its groups.

    Raises NotAllowed, UnknownSession, InvalidSettings while it is open, WorkspaceBusy. What a
    crash leaves are copies that an owner can delete.
    """
    with store.write() as connection:
        session = _owned(connection, project_id, session_id, by)
        if session.phase(time.time()) != "over":
            raise InvalidSettings("the session is open; end it before it is deleted")
        old = sessions.groups(connection, session_id)
        sessions.forget(connection, session_id)
        sessions.remove(connection, session_id)
        _note(connection, session, by, "deleted")
    for group in old:
        _delete(store, group.project_id, by)


def _delete(store: Store, copy_id: int, by: int | None) -> None:
    """Delete a group's project, where an owner has not done so already."""
    there = {p.id: p.name for p in projects.list_projects(store, archived=True)}
    if copy_id in there:
        whole_projects.delete(store, copy_id, there[copy_id], by)


def _owned(connection: Connection, project_id: int, session_id: int, by: int | None) -> Session:
    check_owner(connection, project_id, by)
    return sessions.get(connection, session_id, project_id)


def _note(connection: Connection, session: Session, by: int | None, what: str) -> None:
    audit.note(connection, session.project_id, by, "session act", number=session.id, what=what)


# -- what students do --------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a student stands in a session."""

    session: Session
    student: Student | None
    """None for a browser that has not joined."""
    group: Group | None
    students: int
    """Who is in the session, removed ones left out."""


def join(store: Store, code: str, key: str, typed: str) -> Place:
    """Join a session by its code, or come back to it.

    key: what the browser made up and keeps; with the same one somebody is who they were. typed:
    the name. Raises UnknownSession for no code, InvalidSettings for a name that cannot be shown,
    NotAllowed where nobody else may join.
    """
    name = nicknames.read(typed)
    now = time.time()
    with store.write() as connection:
        session = _coded(connection, code)
        subject = _subject(session, key)
        if sessions.known(connection, session.id, subject) is None:
            _add(connection, session, subject, name, now)
    return place_of(store, code, key)


def _add(connection: Connection, session: Session, subject: str, name: str, now: float) -> None:
    if session.phase(now) == "over":
        raise NotAllowed("this session is over; ask your teacher for the next one")
    if session.locked:
        raise NotAllowed("your teacher lets nobody else join; ask them")
    groups = sessions.groups(connection, session.id)
    if not groups:
        raise NotAllowed("this session is being made; try again in a moment")
    there = sessions.students(connection, session.id)
    if len(there) >= MOST_STUDENTS:
        raise NotAllowed(f"{MOST_STUDENTS} have joined this session, which is all that it takes")
    sizes = {group.id: 0 for group in groups}
    for one in there:
        if one.removed_at is None:
            sizes[next(g.id for g in groups if g.project_id == one.project_id)] += 1
    group = min(groups, key=lambda g: sizes[g.id])
    name = nicknames.free(name, [one.name for one in there])
    person = members.signed_in(connection, subject, f"{name} (session {session.id})", now)
    sessions.add_student(connection, Student(person.id, session.id, group.project_id, name, now))
    members.seen(connection, group.project_id, person.id, now)


def place_of(store: Store, code: str, key: str) -> Place:
    """Say where the session stands and who asks. Raises UnknownSession for no code."""
    with store.read() as connection:
        session = _coded(connection, code)
        student = sessions.known(connection, session.id, _subject(session, key))
        there = sessions.students(connection, session.id)
        of_session = sessions.groups(connection, session.id)
    group = None
    if student is not None:
        group = next((g for g in of_session if g.project_id == student.project_id), None)
    present = sum(one.removed_at is None for one in there)
    return Place(session, student, group, present)


def _coded(connection: Connection, code: str) -> Session:
    written = "".join(code.upper().split()).replace("-", "")
    session = sessions.coded(connection, written) if len(written) == CODE_LENGTH else None
    if session is None:
        raise UnknownSession("there is no session of this code; look at the wall again")
    return session


def _subject(session: Session, key: str) -> str:
    """Name who sits at a browser, by a digest of its key: whoever reads the database is not let in.

    Raises InvalidSettings for a key that could be guessed.
    """
    if not SHORTEST_KEY <= len(key) <= 100:
        raise InvalidSettings(f"a key has {SHORTEST_KEY} to 100 characters; got {len(key)}")
    return f"session {session.id} {hashlib.sha256(key.encode()).hexdigest()}"
