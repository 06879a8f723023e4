"""Owns the commands about a project's classes: list, add, rename, describe, order, merge, delete,
undo."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from alcore.errors import InvalidClasses, NothingToUndo
from alcore.records import Class
from alcore.services import classes as class_lists
from alcore.services import projects as known_projects
from alcore.store import Store
from alcore.terminal import json_option, print_rows, project_argument, with_store


@click.group("classes")
def classes() -> None:
    """List a project's classes and change them, at any time; `undo` takes a change back."""


@classes.command("list")
@project_argument
@json_option
@with_store
def list_classes(store: Store, project: str, as_json: bool) -> None:
    """List the classes in order, with their labels."""
    project_id = known_projects.named(store, project).id
    rows: list[dict[str, Any]] = [
        {"name": c.of.name, "labels": c.labels, "description": c.of.description}
        for c in class_lists.overview(store, project_id)
    ]
    print_rows(rows, as_json)


@classes.command()
@project_argument
@click.argument("names", nargs=-1, required=True)
@with_store
def add(store: Store, project: str, names: Sequence[str]) -> None:
    """Add classes after those that are there."""
    now = class_lists.add(store, known_projects.named(store, project).id, names)
    _say(c.name for c in now.classes)


@classes.command()
@project_argument
@click.argument("name")
@click.argument("new")
@with_store
def rename(store: Store, project: str, name: str, new: str) -> None:
    """Give a class another name; its labels stay."""
    project_id, (one,) = _named(store, project, [name])
    class_lists.rename(store, project_id, one.id, new)


@classes.command()
@project_argument
@click.argument("name")
@click.argument("text")
@with_store
def describe(store: Store, project: str, name: str, text: str) -> None:
    """Say for annotators what belongs to a class; "" says nothing more."""
    project_id, (one,) = _named(store, project, [name])
    class_lists.describe(store, project_id, one.id, text)


@classes.command()
@project_argument
@click.argument("names", nargs=-1, required=True)
@with_store
def order(store: Store, project: str, names: Sequence[str]) -> None:
    """Put the classes NAMES first, in this order; the others follow as they were."""
    project_id, first = _named(store, project, names)
    front = [c.id for c in first]
    rest = [c.id for c in known_projects.get(store, project_id).classes if c.id not in front]
    class_lists.order(store, project_id, [*dict.fromkeys(front), *rest])
    _say(c.name for c in known_projects.get(store, project_id).classes)


@classes.command()
@project_argument
@click.argument("names", nargs=-1, required=True)
@click.option("--into", required=True, help="The class that counts in their place.")
@with_store
def merge(store: Store, project: str, names: Sequence[str], into: str) -> None:
    """Let one class count in place of others."""
    project_id, several = _named(store, project, [*names, into])
    *merged, target = [c.id for c in several]
    images = class_lists.merge(store, project_id, merged, target)
    print(f"{images:,} images concerned", file=sys.stderr)


@classes.command()
@project_argument
@click.argument("name")
@click.option("--move-to", help="The class that its labels count as.")
@click.option("--take-back", is_flag=True, help="Take its labels back: images are asked again.")
@with_store
def delete(store: Store, project: str, name: str, move_to: str | None, take_back: bool) -> None:
    """Delete a class; one with labels needs --move-to or --take-back."""
    project_id, several = _named(store, project, [name] if move_to is None else [name, move_to])
    images = class_lists.delete(
        store,
        project_id,
        several[0].id,
        move_to=None if move_to is None else several[1].id,
        take_back=take_back,
    )
    print(f"{images:,} images concerned", file=sys.stderr)


@classes.command()
@project_argument
@with_store
def undo(store: Store, project: str) -> None:
    """Undo the newest change that stands; again for the one before it."""
    project_id = known_projects.named(store, project).id
    newest = class_lists.newest_change(store, project_id)
    if newest is None:
        raise NothingToUndo("no change of the classes is left to undo")
    print(f"undone: {class_lists.undo(store, project_id, newest)}")


@classes.command()
@project_argument
@json_option
@with_store
def log(store: Store, project: str, as_json: bool) -> None:
    """List what was changed, newest first."""
    events = class_lists.changes(store, known_projects.named(store, project).id, most=1_000)
    rows: list[dict[str, Any]] = [
        {
            "time": datetime.fromtimestamp(e.created_at).isoformat(sep=" ", timespec="seconds"),
            "who": e.who or "command line",
            "what": class_lists.words(e),
            "undone": e.undone,
        }
        for e in events
    ]
    print_rows(rows, as_json)


def _named(store: Store, project: str, names: Sequence[str]) -> tuple[int, list[Class]]:
    """Find a project and classes of it by their names. Raises InvalidClasses."""
    there = known_projects.named(store, project)
    by_name = {c.name: c for c in there.classes}
    for name in names:
        if name not in by_name:
            known = ", ".join(map(repr, by_name)) or "none yet"
            raise InvalidClasses(f"there is no class called {name!r}; there are: {known}")
    return there.id, [by_name[name] for name in names]


def _say(names: Any) -> None:
    print(json.dumps(list(names), ensure_ascii=False))
