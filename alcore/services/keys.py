"""Owns what pages may ask of the keys of a project's labeling board."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from alcore import keymap
from alcore.records import Project
from alcore.services import projects
from alcore.store import Store


@dataclass(frozen=True)
class KeyLine:
    """One line of the key table."""

    target: str
    name: str
    keys: tuple[str, ...]
    """As they are printed."""
    own: bool
    """The project's owner chose it."""


def layout(project: Project) -> dict[str, Any]:
    """Say which key means which class or action, as the board reads it."""
    return keymap.layout(project.classes, project.settings.keys)


def table(project: Project) -> list[KeyLine]:
    """List classes and actions with their keys."""
    keys_of = layout(project)
    own = project.settings.keys
    lines = [
        (keymap.target_of(c.id), c.name, keys_of["classes"][str(c.id)]) for c in project.classes
    ]
    lines += [
        (name, title, keys_of["actions"].get(name, []))
        for name, (_, title) in keymap.ACTIONS.items()
    ]
    return [
        KeyLine(target, name, tuple(map(keymap.shown, keys)), target in own)
        for target, name, keys in lines
    ]


def set_key(store: Store, project: Project, target: str, typed: str, by: int | None = None) -> None:
    """Give a class or an action a key, or with an empty text its standard key again.

    Raises InvalidSettings for what is no key and for one that something else has, StaleSettings,
    NotAllowed. by: who asks, None for the command line.
    """
    own = {name: key for name, key in project.settings.keys.items() if name != target}
    if typed.strip():
        own[target] = keymap.read_key(typed)
    projects.edit(store, project, replace(project.settings, keys=own), by=by)


def reset(store: Store, project: Project, by: int | None = None) -> None:
    """Give everything its standard key again. Raises StaleSettings, NotAllowed."""
    projects.edit(store, project, replace(project.settings, keys={}), by=by)
