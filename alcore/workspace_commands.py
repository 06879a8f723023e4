"""Owns the commands about the whole workspace: backup, restore, check."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from alcore.config import Runtime
from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.services import restoring, workspace_check
from alcore.store import Store, backups
from alcore.terminal import with_store

_folder = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("target", type=_folder)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Afterwards delete all backups in TARGET but the newest N.",
)
@with_store
def backup(store: Store, target: Path, keep: int | None) -> None:
    """Back the workspace up into a new folder below TARGET, also while people label.

    The copy is verified before it counts. What has not changed since the last backup there is
    linked to it and takes no room.
    """
    start = time.monotonic()
    made = backups.make(store, target)
    print(
        f"{made.folder}: {len(made.files):,} files, {made.size / 1e6:,.1f} MB, verified, "
        f"in {time.monotonic() - start:.1f} s"
    )
    for old in backups.keep_newest(target, keep) if keep else ():
        print(f"deleted {old}")


@click.command()
@click.argument("folder", type=_folder)
@click.option("--replace", is_flag=True, help="Put what is in the workspace aside.")
@click.option("--verify", is_flag=True, help="Only look whether the backup is whole.")
def restore(folder: Path, replace: bool, verify: bool) -> None:
    """Put the backup in FOLDER into the workspace, which no app may use meanwhile."""
    if verify:
        found = backups.read(folder)
        problems = [f"{folder} is no backup"] if found is None else backups.verify(found)
        if problems:
            raise AlcoreError("; ".join(problems))
        print(f"{folder} is whole")
        return
    workspace = Runtime.from_environment().workspace
    made, aside = restoring.restore(folder, workspace, replace)
    when = time.strftime("%d %B %Y %H:%M", time.localtime(made.created_at))
    print(f"{workspace.root} is as it was on {when}; start the app")
    if aside is not None:
        print(f"what was there lies in {aside}; delete it when you do not need it any more")


@click.command()
@click.option("--mend", is_flag=True, help="Do what can be done about it.")
@with_store
def check(store: Store, mend: bool) -> None:
    """Look for what is inconsistent, missing or orphaned in the workspace, and say how to mend it.

    Exit code 1 where something is left to do. Nothing is changed without --mend.
    """
    left = 0
    for fault in workspace_check.check(store):
        print(sentence(fault.what))
        said = f"  {sentence(fault.remedy)}"
        if mend and fault.mend is not None:
            outcome = workspace_check.mended(fault)
            print(f"{said} {sentence(outcome)}", flush=True)
            left += outcome != "done"
        else:
            print(said + (" (--mend does it)" if fault.mend is not None else ""), flush=True)
            left += 1
    if left:
        sys.exit(1)
    print("nothing is amiss" if not mend else "nothing is left to do")
