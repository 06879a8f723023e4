"""Owns `python -m alcore role …`: who is what in a project; the way back for a lost owner."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from alcore.config import Runtime
from alcore.services import people, projects
from alcore.store import Store

ROLES = ("owner", "annotator", "removed")


def add_parser(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the command and its arguments."""
    added = command("role", "list the people of a project, or give somebody a role")
    added.add_argument("project", help="name or number")
    added.add_argument("name", nargs="?", help="whose role")
    added.add_argument("role", nargs="?", choices=ROLES, help="the new one")
    added.add_argument("--json", action="store_true", help="print JSON")


def role(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    """Give a role where one is named, then list everybody; return the exit code."""
    project = projects.named(store, chosen.project)
    if chosen.role is not None:
        who = people.named(store, project.id, chosen.name)
        people.set_role(store, project.id, None, who.id, chosen.role)
    found = {m.annotator.name: m.role for m in people.of_project(store, project.id)}
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"{what:10} {name}" for name, what in found.items()) or "nobody yet")
    return 0
