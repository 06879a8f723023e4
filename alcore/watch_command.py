"""Owns the command by which a project watches a folder, and tells how the last look went."""

from __future__ import annotations

import time
from typing import Any

import click

from alcore.records import WatchedFolder
from alcore.services import projects as known_projects
from alcore.services import watching
from alcore.services.export_rows import iso
from alcore.store import Store
from alcore.terminal import json_option, print_rows, project_argument, with_store


@click.command()
@project_argument
@click.argument("folder", required=False)
@click.option(
    "--minutes",
    type=float,
    default=watching.USUAL,
    show_default=True,
    help="Between two looks.",
)
@click.option("--off", is_flag=True, help="Watch nothing any more; what came in stays.")
@json_option
@with_store
def watch(
    store: Store, project: str, folder: str | None, minutes: float, off: bool, as_json: bool
) -> None:
    """Bring in what is new of a FOLDER by itself, while the app runs.

    Without a FOLDER it says which is watched, and how the last look went. What disappears from the
    folder stays in the project.
    """
    project_id = known_projects.named(store, project).id
    if off:
        watching.stop(store, project_id)
    elif folder is not None:
        watching.watch(store, project_id, folder, minutes)
    known = watching.watched(store, project_id)
    if known is None:
        print_rows({"watched": None}, as_json)
    else:
        print_rows(_values(known), as_json)


def _values(known: WatchedFolder) -> dict[str, Any]:
    return {
        "watched": known.path,
        "every, minutes": known.minutes,
        "looked at": None if known.looked_at is None else iso(known.looked_at),
        "what it was": watching.say(known, time.time()),
    }
