"""Owns the commands by which labels, predictions and models come in and go out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from alcore import prediction_formats
from alcore.config import Runtime, user_path
from alcore.disk import whole_file
from alcore.errors import AlcoreError
from alcore.services import (
    exporting,
    label_import,
    model_export,
    predicting,
    remark_table,
    snapshots,
)
from alcore.services import projects as known_projects
from alcore.services.export_rows import iso
from alcore.services.exporting import FORMATS, PARTS, USUAL, Export, Wish
from alcore.services.label_import import Columns, LabelFile
from alcore.services.predicting import PredictionFile
from alcore.spreadsheets import write_csv
from alcore.store import Store
from alcore.terminal import json_option, print_rows, project_argument, with_progress, with_store

_BY_SUFFIX = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".xml": "cvat"}
PROBLEMS_SHOWN = 20
_parts = click.Choice(list(PARTS))


@click.command()
@project_argument
@click.option("--out", help="File to write; by default the screen.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="By default what the file's name says, else csv.",
)
@click.option(
    "--with", "more", multiple=True, type=_parts, help="What else to write; any number of times."
)
@click.option("--without", multiple=True, type=_parts, help="What to leave out.")
@click.option(
    "--paths",
    type=click.Choice(["relative", "disk"]),
    default="relative",
    help="Name images as the project does, or by where they lie on this disk.",
)
@click.option(
    "--images",
    type=click.Choice(["zip", "copies", "links"]),
    default="zip",
    help="Folders of images in a zip, or on this disk: as copies, or links to where they lie.",
)
@click.option("--snapshot", help="The labels of this snapshot instead of those of now.")
@click.option(
    "--remarks", "only_remarks", is_flag=True, help="Comments and unsure answers, as CSV."
)
@with_store
def export(
    store: Store,
    project: str,
    out: str | None,
    form: str | None,
    more: tuple[str, ...],
    without: tuple[str, ...],
    paths: str,
    images: str,
    snapshot: str | None,
    only_remarks: bool,
) -> None:
    """Write the labels, in a format that other tools read."""
    project_id = known_projects.named(store, project).id
    if only_remarks:
        _export_remarks(store, project_id, out)
        return
    form = form or _BY_SUFFIX.get(Path(out or "").suffix.lower(), "csv")
    parts = tuple(part for part in PARTS if part in (*USUAL, *more) and part not in without)
    number = None if snapshot is None else snapshots.named(store, project_id, snapshot).id
    wish = Wish(form, parts, on_disk=paths == "disk", snapshot=number)
    _deliver(exporting.prepare(store, project_id, wish), out, images)


def _deliver(export: Export, out: str | None, images: str) -> None:
    """Write an export to a file or a folder, with progress, or to the screen."""
    if images != "zip":
        if out is None:
            raise AlcoreError("folders of images go into a folder; name one: --out")
        with tqdm(total=export.total, unit=" images", disable=None) as bar:
            where, links = user_path(out), images == "links"
            export.lay_out(where, links, lambda share: _move(bar, export.written))
    elif out is None:
        if export.format.binary and sys.stdout.isatty():
            raise AlcoreError(f"{export.format.title} is nothing for a screen; name a file: --out")
        _to_screen(export.blocks())
    else:
        with tqdm(total=export.total, unit=" labels", disable=None) as bar:
            export.save(user_path(out), lambda share: _move(bar, export.written))
    left_out = export.missing.words()
    if left_out:
        print(f"note: {left_out}", file=sys.stderr)
    if out is not None:
        print(f"{export.written:,} labels written to {out}", file=sys.stderr)


def _export_remarks(store: Store, project_id: int, out: str | None) -> None:
    rows = remark_table.rows(store, project_id)
    text = io.StringIO()
    write_csv(text, remark_table.COLUMNS, rows)
    data = text.getvalue().encode()
    if out is None:
        _to_screen([data])
        return
    with whole_file(user_path(out)) as file:
        file.write(data)
    print(f"{len(rows):,} remarks written to {out}", file=sys.stderr)


def _to_screen(blocks: Iterable[bytes]) -> None:
    sys.stdout.flush()
    for block in blocks:
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


def _move(bar: tqdm, done: int) -> None:  # type: ignore[type-arg]  # tqdm is generic to mypy alone
    bar.update(done - bar.n)


@click.command()
@project_argument
@click.argument("name", required=False)
@click.option("--remove", is_flag=True, help="Forget the snapshot; labels stay.")
@json_option
@with_store
def snapshot(store: Store, project: str, name: str | None, remove: bool, as_json: bool) -> None:
    """Name the labels of this moment, or list what was named.

    Export the snapshot later, and its files are the same, whatever was labeled or renamed since.
    """
    project_id = known_projects.named(store, project).id
    if name is not None and remove:
        snapshots.remove(store, project_id, snapshots.named(store, project_id, name).id)
    elif name is not None:
        snapshots.make(store, project_id, name)
    print_rows(
        [
            {
                "name": one.name,
                "revision": one.revision,
                "labels": one.labels,
                "made": iso(one.created_at),
            }
            for one in snapshots.of_project(store, project_id)
        ],
        as_json,
    )


@click.command("import-labels")
@project_argument
@click.argument("file")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), help="By default told from the file."
)
@click.option("--image-column", help="Of a table: the column that names the image.")
@click.option("--class-column", help="Of a table: the column that names its class.")
@click.option(
    "--use",
    type=click.Choice(["labels", "answer-key", "predictions"]),
    default="labels",
    help="What they are: existing labels (default); an answer key, hidden from annotators; or "
    "somebody's predictions, of which people check a sample before any counts.",
)
@click.option(
    "--new-classes",
    type=click.Choice(["refuse", "add", "leave-out"]),
    default="refuse",
    help="Where the file has classes that the project does not have: change nothing and say so "
    "(default), add them, or leave their lines out.",
)
@click.option("--preview", is_flag=True, help="Say what would come in, and change nothing.")
@json_option
@with_store
def import_labels(store: Store, project: str, file: str, **options: Any) -> None:
    """Bring labels from a file of another tool, all of it or nothing.

    FILE is CSV, JSON Lines, Parquet, COCO, Label Studio, CVAT, Datumaro, a data set of Hugging
    Face, or a folder or zip with a folder per class.
    """
    project_id = known_projects.named(store, project).id
    columns = None
    if options["image_column"] or options["class_column"]:
        if not (options["image_column"] and options["class_column"]):
            raise click.UsageError("name both columns: --image-column and --class-column")
        columns = Columns(options["image_column"], options["class_column"])
    source = LabelFile(user_path(file), options["form"] or "", columns)
    use: label_import.Use = options["use"].replace("-", " ")
    if options["preview"]:
        plan = label_import.preview(store, project_id, source, use)
    else:
        new: label_import.NewClasses = options["new_classes"].replace("-", " ")
        plan = label_import.bring(store, project_id, source, use, new_classes=new)
    if options["as_json"]:
        print(json.dumps(label_import.summary(plan), indent=2, ensure_ascii=False))
        return
    for problem in plan.problems[:PROBLEMS_SHOWN]:
        print(f"line {problem.line}: {problem.file!r}: {problem.reason}", file=sys.stderr)
    for text in label_import.words(plan):
        print(f"note: {text}", file=sys.stderr)
    verb = "would come in" if options["preview"] else "came in"
    print(f"{len(plan.class_of):,} labels {verb}, {plan.unchanged:,} were there already")


@click.command()
@project_argument
@click.argument("pictures", required=False)
@click.option("--out", help="File to write; by default the screen.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(prediction_formats.FORMATS)),
    help="By default what the file's name says, else csv.",
)
@click.option("--embeddings", is_flag=True, help="The embedding of each image too.")
@click.option("--all", "everything", is_flag=True, help="Of the project: labeled images too.")
@with_store
def predict(
    store: Store,
    project: str,
    pictures: str | None,
    out: str | None,
    form: str | None,
    embeddings: bool,
    everything: bool,
) -> None:
    """Say what the newest model takes images for, and how probable that is.

    PICTURES is a folder, a .zip or one image, of any number of images that need be in no project;
    without it, the images of the project that nobody labeled.
    """
    project_id = known_projects.named(store, project).id
    form = form or _BY_SUFFIX.get(Path(out or "").suffix.lower(), "csv")
    if pictures is None:
        which: predicting.Which = "all" if everything else "unlabeled"
        _predictions_to(out, predicting.pool(store, project_id, form, which, embeddings))
        return
    from alcore.loop.features import extractor_weights
    from alcore.rounds.predicting import pictures_in, predict_files  # brings torch

    model, checkpoint = predicting.with_file(store, project_id)
    files = pictures_in(user_path(pictures))
    threads = Runtime.from_environment().threads
    weights = extractor_weights(store, model.project)
    blocks = (
        replace(block, probabilities=model.fold(block.probabilities))
        for block in predict_files(checkpoint, files, model.scale, embeddings, threads, weights)
    )
    _predictions_to(out, PredictionFile(model, prediction_formats.get(form), blocks))


def _predictions_to(out: str | None, file: PredictionFile) -> None:
    """Write predictions to a file, with a count as they come, or to the screen."""
    if out is None:
        if file.format.binary and sys.stdout.isatty():
            raise AlcoreError(f"{file.format.title} is nothing for a screen; name a file: --out")
        _to_screen(file.blocks())
    else:
        with (
            tqdm(total=file.total, unit=" images", disable=None) as bar,
            whole_file(user_path(out)) as to,
        ):
            for block in file.blocks():
                to.write(block)
                _move(bar, file.written)
    for name, why in file.examples:
        print(f"not read: {name}: {why}", file=sys.stderr)
    if file.unread > len(file.examples):
        print(f"not read: {file.unread - len(file.examples):,} more", file=sys.stderr)
    if out is not None:
        print(
            f"{file.written:,} images, by model {file.model.summary.number}, written to {out}",
            file=sys.stderr,
        )


@click.command("export-model")
@project_argument
@click.option("--out", required=True, help="The zip to write.")
@json_option
@with_store
def export_model(store: Store, project: str, out: str, as_json: bool) -> None:
    """Write the newest model to run elsewhere: ONNX, weights, card and a script.

    It is checked against the original on real images. Needs the extra onnx.
    """
    project_id = known_projects.named(store, project).id
    threads = Runtime.from_environment().threads
    state = with_progress(
        lambda: model_export.export_now(store, project_id, threads),
        lambda: model_export.status(store, project_id).job,
        lambda: model_export.stop(store, project_id),
    )
    _, blocks = model_export.blocks(store, project_id)
    with whole_file(user_path(out)) as file:
        for block in blocks:
            file.write(block)
    if as_json:
        print(json.dumps(dict(state.job.args) if state.job else {}, indent=2))
        return
    print(f"model {state.latest.number if state.latest else ''}: {model_export.words(state)}")
    print(f"written to {out}", file=sys.stderr)
