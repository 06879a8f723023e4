"""Owns the commands about what is known of images: metadata, groups, near-duplicates."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from alcore.config import Runtime, user_path
from alcore.metadata import KINDS, ValueKind
from alcore.services import groups
from alcore.services import metadata as known_metadata
from alcore.services import near_duplicates as near
from alcore.services import projects as known_projects
from alcore.services.metadata import MetadataFile
from alcore.store import Store
from alcore.terminal import (
    json_option,
    print_rows,
    project_argument,
    with_progress,
    with_store,
)

PROBLEMS_SHOWN = 20
ALL = 1_000_000
"""Groups that are printed as JSON."""


@click.group("metadata")
def metadata() -> None:
    """What is known of a project's images besides their classes."""


@metadata.command("show")
@project_argument
@json_option
@with_store
def show(store: Store, project: str, as_json: bool) -> None:
    """List the columns, with how many images have a value and which."""
    known = known_metadata.known(store, known_projects.named(store, project).id)
    print_rows([known_metadata.as_row(one, known.images) for one in known.columns], as_json)


@metadata.command("import")
@project_argument
@click.argument("file")
@click.option("--image-column", default="", help="The column that names the image.")
@click.option("--column", "columns", multiple=True, help="A column to bring in; by default all.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="COLUMN=KIND",
    help="What a column holds, text, number or date; by default told from its values.",
)
@click.option("--preview", is_flag=True, help="Say what would come in, and change nothing.")
@json_option
@with_store
def import_table(store: Store, project: str, file: str, **options: Any) -> None:
    """Bring in columns of a CSV, JSON Lines or Parquet file, all of it or nothing."""
    project_id = known_projects.named(store, project).id
    kinds = dict(_kind(text) for text in options["kinds"])
    source = MetadataFile(user_path(file), options["image_column"], options["columns"], kinds)
    act = known_metadata.preview if options["preview"] else known_metadata.bring
    plan = act(store, project_id, source)
    if options["as_json"]:
        print(json.dumps(known_metadata.summary(plan), indent=2, ensure_ascii=False))
        return
    for problem in plan.problems[:PROBLEMS_SHOWN]:
        print(f"line {problem.line}: {problem.file!r}: {problem.reason}", file=sys.stderr)
    for text in known_metadata.words(plan):
        print(f"note: {text}", file=sys.stderr)
    verb = "would come in" if options["preview"] else "came in"
    columns = ", ".join(f"{column.name} ({column.kind})" for column in plan.columns)
    print(
        f"{plan.images:,} of {plan.all_images:,} images, {plan.new + plan.changed:,} values {verb} "
        f"and {plan.unchanged:,} were there already: {columns}"
    )


def _kind(text: str) -> tuple[str, ValueKind]:
    name, _, kind = text.rpartition("=")
    for known in KINDS:
        if name and kind == known:
            return name, known
    raise click.UsageError(f"--kind {text!r} is not COLUMN=KIND with one of {', '.join(KINDS)}")


@metadata.command("path")
@project_argument
@click.argument("pattern")
@click.option("--preview", is_flag=True, help="Say what it would tell, and change nothing.")
@with_store
def path(store: Store, project: str, pattern: str, preview: bool) -> None:
    """Let parts of the path be metadata, such as '{site}/{patient}/*'.

    {name} is a value, * anything within a folder or name, ** anything.
    """
    project_id = known_projects.named(store, project).id
    plan = known_metadata.preview_path(store, project_id, pattern)
    for name, values in plan.examples[:3]:
        print(f"{name}: {', '.join(f'{k} = {v}' for k, v in values.items())}", file=sys.stderr)
    for name in plan.strangers[:3]:
        print(f"{name}: does not fit", file=sys.stderr)
    if not preview:
        known_metadata.add_path(store, project_id, pattern)
        _read(store, project_id)
    kinds = ", ".join(f"{name} ({kind})" for name, kind in plan.kinds.items())
    print(f"{plan.matching:,} of {plan.images:,} paths fit: {kinds}")


@metadata.command("exif")
@project_argument
@with_store
def exif(store: Store, project: str) -> None:
    """Read date taken and camera, as cameras wrote them into the images."""
    project_id = known_projects.named(store, project).id
    known_metadata.read_exif(store, project_id)
    _read(store, project_id)
    for one in known_metadata.known(store, project_id).columns:
        if one.column.origin == "exif":
            print(f"{one.column.name}: known of {one.extent.images:,} images")


@metadata.command("group")
@project_argument
@click.argument("column")
@click.option("--preview", is_flag=True, help="Say what would move, and change nothing.")
@with_store
def group(store: Store, project: str, column: str, preview: bool) -> None:
    """Keep images of one value together, all in the holdout or all in the pool.

    Such as the images of one patient, site or video. Nothing that has a label moves.
    """
    project_id = known_projects.named(store, project).id
    act = groups.preview if preview else groups.group
    for text in groups.words(act(store, project_id, column)):
        print(text)


@metadata.command("ungroup")
@project_argument
@with_store
def ungroup(store: Store, project: str) -> None:
    """Keep no images together from now on; none moves."""
    groups.ungroup(store, known_projects.named(store, project).id)


@metadata.command("remove")
@project_argument
@click.argument("name")
@with_store
def remove(store: Store, project: str, name: str) -> None:
    """Forget a column and its values; images stay as they are."""
    known_metadata.remove(store, known_projects.named(store, project).id, name)


@click.command("near-duplicates")
@project_argument
@click.option("--look", is_flag=True, help="Compare all images first; none moves by it.")
@click.option("--move", is_flag=True, help="Bring groups together; nothing labeled moves.")
@json_option
@with_store
def near_duplicates(store: Store, project: str, look: bool, move: bool, as_json: bool) -> None:
    """Say which images are near-duplicates, and which of them lie both in holdout and pool."""
    project_id = known_projects.named(store, project).id
    if look:
        threads = Runtime.from_environment().threads
        with_progress(
            lambda: near.look_now(store, project_id, threads),
            lambda: near.job(store, project_id),
            lambda: near.stop(store, project_id),
        )
    if move:
        groups.bring_together(store, project_id)
    for text in near.words(near.status(store, project_id)):
        print(text, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        found, _ = near.page(store, project_id, 0, ALL)
        rows = [[{"image": m.name, "split": m.split} for m in members] for members in found]
        print(json.dumps(rows, indent=2, ensure_ascii=False))


def _read(store: Store, project_id: int) -> None:
    threads = Runtime.from_environment().threads
    with_progress(
        lambda: known_metadata.read_now(store, project_id, threads),
        lambda: known_metadata.known(store, project_id).job,
        lambda: known_metadata.stop(store, project_id),
    )
