"""Owns what pages and commands may do to a project's classes, at any time, and undo.

Labels stay in the log as they were given. What changes is which class counts in place of one that
was merged or deleted, for labels, answer key, gold, examples and models alike; so an undo gives
back exactly what was. A change and all that follows from it are one transaction.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcore import class_changes, names
from alcore.class_changes import State, offered
from alcore.config import MOST_CLASSES
from alcore.errors import InvalidClasses, NothingToUndo
from alcore.loop.due import retrain
from alcore.loop.project_consensus import apply_consensus
from alcore.records import Class, ClassEvent, Project
from alcore.services import audit
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, class_events, gold, projects, votes
from alcore.store.class_events import NewChange

LONGEST_NAME = 100
LONGEST_DESCRIPTION = 500
SHOWN_CHANGES = 20


@dataclass(frozen=True)
class ClassLine:
    """A class with what was said with it."""

    of: Class
    labels: int
    """Labels that count, holdout included."""
    votes: int
    """Images that anybody said it of, whatever counts."""


def overview(store: Store, project_id: int) -> list[ClassLine]:
    """List a project's classes in order, with their labels."""
    with store.read() as connection:
        counts = votes.per_class(connection, project_id)
        return [
            ClassLine(c, *counts.get(c.id, (0, 0)))
            for c in projects.classes(connection, project_id)
        ]


def changes(store: Store, project_id: int, most: int = SHOWN_CHANGES) -> list[ClassEvent]:
    """List the newest changes to a project's classes, newest first."""
    with store.read() as connection:
        return class_events.of_project(connection, project_id, most)


def words(event: ClassEvent) -> str:
    """Say what was done."""
    return audit.say(event.kind, event.details)


def add(store: Store, project_id: int, new: Sequence[str], by: int | None = None) -> Project:
    """Append classes; return the project as it is now. Raises InvalidClasses, NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        more = clean_classes(new)
        add_within(connection, project_id, more, by)
        audit.note(connection, project_id, by, "classes", names=more)
        return projects.get(connection, project_id)


def add_within(connection: Connection, project_id: int, new: Sequence[str], by: int | None) -> None:
    """Append classes of clean names in the caller's transaction. Raises InvalidClasses."""
    now = time.time()
    before = projects.class_state(connection, project_id)
    check_together([*(one.name for one in offered(before)), *new])
    projects.add_classes(connection, project_id, new, now)
    after = projects.class_state(connection, project_id)
    details = {"names": list(new)}
    new_change = NewChange(project_id, by, now, "classes", details, before, after)
    class_events.add(connection, new_change)


def rename(store: Store, project_id: int, class_id: int, name: str, by: int | None = None) -> None:
    """Give a class another name; its labels stay. Raises InvalidClasses, NotAllowed."""
    (clean,) = clean_classes([name])

    def change(state: State) -> _Change:
        before = _offered_one(state, class_id)
        after = class_changes.rename(state, class_id, clean)
        check_together([one.name for one in offered(after)])
        return _Change("class", {"before": before, "after": clean}, after)

    _apply(store, project_id, by, change)


def describe(
    store: Store, project_id: int, class_id: int, text: str, by: int | None = None
) -> None:
    """Say for annotators what belongs to a class; an empty text says nothing more.

    Raises InvalidClasses, NotAllowed.
    """
    clean = names.clean(text)
    if clean and not names.is_name(clean, LONGEST_DESCRIPTION):
        raise InvalidClasses(
            f"a description has at most {LONGEST_DESCRIPTION} visible characters; got {len(clean)}"
        )

    def change(state: State) -> _Change:
        name = _offered_one(state, class_id)
        after = class_changes.describe(state, class_id, clean)
        return _Change("describe class", {"name": name, "text": clean}, after)

    _apply(store, project_id, by, change)


def order(store: Store, project_id: int, class_ids: Sequence[int], by: int | None = None) -> None:
    """Put classes in another order, which keys follow. Raises InvalidClasses, NotAllowed."""

    def change(state: State) -> _Change:
        if sorted(class_ids) != sorted(one.id for one in offered(state)):
            raise InvalidClasses(
                "the order must name each class once; somebody may have changed the classes "
                "meanwhile: look again"
            )
        after = class_changes.order(state, class_ids)
        return _Change("order classes", {"names": [one.name for one in offered(after)]}, after)

    _apply(store, project_id, by, change)


def merge(
    store: Store,
    project_id: int,
    class_ids: Sequence[int],
    into: int,
    by: int | None = None,
) -> int:
    """Let one class count in place of others; return how many images that concerns.

    Raises InvalidClasses, NotAllowed.
    """

    def change(state: State) -> _Change:
        target = _offered_one(state, into)
        merged = [_offered_one(state, one) for one in dict.fromkeys(class_ids)]
        if not merged or into in class_ids:
            raise InvalidClasses("name one class or more, and another one to merge them into")
        details = {"names": merged, "into": target}
        return _Change("merge classes", details, class_changes.merge(state, class_ids, into))

    return _apply(store, project_id, by, change)


def delete(
    store: Store,
    project_id: int,
    class_id: int,
    *,
    move_to: int | None = None,
    take_back: bool = False,
    by: int | None = None,
) -> int:
    """Delete a class; return how many images that concerns.

    A class that anything was labeled with needs to be told what becomes of these labels: they
    count as another class, or are taken back, so that their images are asked again. Raises
    InvalidClasses, NotAllowed.
    """
    if move_to is not None and take_back:
        raise InvalidClasses("labels either move to another class or are taken back; choose one")
    with store.read() as connection:
        _, labels = votes.per_class(connection, project_id).get(class_id, (0, 0))

    def change(state: State) -> _Change:
        name = _offered_one(state, class_id)
        if labels and move_to is None and not take_back:
            raise InvalidClasses(
                f"{name!r} has labels on {labels:,} images; say to which class they move, or that "
                "they are taken back and the images asked again"
            )
        if move_to is None:
            fate = "were taken back" if labels else "there were none"
            details = {"name": name, "labels": labels, "fate": fate}
            return _Change("delete class", details, class_changes.discard(state, class_id))
        if move_to == class_id:
            raise InvalidClasses("labels must move to another class than the one that is deleted")
        details = {
            "name": name,
            "labels": labels,
            "fate": f"count as {_offered_one(state, move_to)}",
        }
        return _Change("delete class", details, class_changes.merge(state, [class_id], move_to))

    return _apply(store, project_id, by, change)


def undo(store: Store, project_id: int, event_id: int, by: int | None = None) -> str:
    """Undo the newest change that was not undone; return what it was, in words.

    event_id: the change that is meant. Raises NothingToUndo where it is not the newest,
    InvalidClasses where a name is taken by now, NotAllowed.
    """
    what = ""

    def change(state: State) -> _Change:
        nonlocal what
        newest = class_events.newest(connection, project_id)
        if newest is None or newest.id != event_id:
            raise NothingToUndo(
                "this is not the newest change that stands; undo those after it first"
            )
        after = class_changes.restore(newest.before, newest.after, state)
        check_together([one.name for one in offered(after)])
        what = audit.say(newest.kind, newest.details)
        details = {"what": what, "gold": newest.details.get("gold", [])}
        return _Change("undo classes", details, after, newest.id)

    with store.write() as connection:
        _apply_within(connection, project_id, by, change)
    return what


def newest_change(store: Store, project_id: int) -> int | None:
    """Return the id of the change that `undo` would undo; None where there is none."""
    with store.read() as connection:
        newest = class_events.newest(connection, project_id)
    return None if newest is None else newest.id


# -- one change --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Change:
    kind: str
    details: Mapping[str, Any]
    after: State
    undoes: int | None = None


def _apply(
    store: Store, project_id: int, by: int | None, change: Callable[[State], _Change]
) -> int:
    with store.write() as connection:
        return _apply_within(connection, project_id, by, change)


def _apply_within(
    connection: Connection, project_id: int, by: int | None, change: Callable[[State], _Change]
) -> int:
    """Change the classes, and all that follows from it; return how many images that concerns."""
    check_owner(connection, project_id, by)
    before = projects.class_state(connection, project_id)
    wanted = change(before)
    if wanted.after == before and wanted.undoes is None:
        return 0
    now = time.time()
    projects.set_class_state(connection, project_id, wanted.after, now)
    counts_as = _moved(before, wanted.after)
    details = dict(wanted.details)
    if wanted.undoes is not None:
        gold.put_back(connection, project_id, details.pop("gold"))
    elif counts_as and (lost := gold.remove_gone(connection, project_id)):
        details["gold"] = lost
    new_change = NewChange(
        project_id, by, now, wanted.kind, details, before, wanted.after, wanted.undoes
    )
    class_events.add(connection, new_change)
    noted = {key: value for key, value in details.items() if key != "gold"}
    audit.note(connection, project_id, by, wanted.kind, **noted)
    images = class_events.count_anew(connection, project_id, counts_as) if counts_as else 0
    named = [(one.id, one.name) for one in offered(before)]
    named_now = [(one.id, one.name) for one in offered(wanted.after)]
    if named != named_now:
        other_names = sorted(named) != sorted(named_now)
        class_events.forget_suggestions(connection, project_id, reasons=other_names)
    if counts_as:
        project = projects.get(connection, project_id)
        if project.state == "ready":
            apply_consensus(connection, project)
            retrain(connection, project, now)
    return images


def _moved(before: State, after: State) -> list[int]:
    """List the classes in whose place another one counts than before, or none."""
    counted = {one.id: (one.gone, one.merged_into) for one in before}
    return [
        one.id for one in after if counted.get(one.id, (False, None)) != (one.gone, one.merged_into)
    ]


def _offered_one(state: State, class_id: int) -> str:
    """Return the name of a class that is offered. Raises InvalidClasses."""
    for one in state:
        if one.id == class_id and not one.gone:
            return one.name
        if one.id == class_id:
            raise InvalidClasses(
                f"the class {one.name!r} was merged or deleted meanwhile; look again"
            )
    raise InvalidClasses(f"the project has no class {class_id}")


# -- names -------------------------------------------------------------------------------------


def clean_classes(class_names: Sequence[str], longest: int = LONGEST_NAME) -> list[str]:
    """Normalise class names. Raises InvalidClasses for empty, overlong or doubled ones.

    Names that differ in capitals alone are two classes: letters of an alphabet are such.

    >>> clean_classes([" cat ", "dog"])
    ['cat', 'dog']
    """
    clean = [names.clean(name) for name in class_names]
    for name in clean:
        if not names.is_name(name, longest):
            raise InvalidClasses(
                f"a class name has 1 to {longest} visible characters; got {name!r}"
            )
    check_together(clean)
    return clean


def check_together(class_names: Sequence[str]) -> None:
    """Raise InvalidClasses where clean names are too many for one project, or doubled."""
    doubled = {name for name, times in Counter(class_names).items() if times > 1}
    if doubled:
        raise InvalidClasses(_doubled(doubled))
    if len(class_names) > MOST_CLASSES:
        raise InvalidClasses(f"{len(class_names)} classes; at most {MOST_CLASSES} are possible")


def alike(class_names: Iterable[str]) -> list[tuple[str, str]]:
    """List pairs of names that only capitals tell apart.

    >>> alike(["Cat", "dog", "cat"])
    [('Cat', 'cat')]
    """
    first: dict[str, str] = {}
    pairs = []
    for name in class_names:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            pairs.append((other, name))
    return pairs


def _doubled(class_names: Iterable[str]) -> str:
    return f"each class once, please: {', '.join(map(repr, sorted(class_names)))} is doubled"
