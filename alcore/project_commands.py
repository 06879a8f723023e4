"""Owns the commands about projects: import, train, status, role, lists, copy, archive, delete."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, get_args

import click

from alcore import strategies as query_strategies
from alcore.config import (
    AUGMENTATIONS,
    NETWORKS,
    RESOLUTIONS,
    PixelRange,
    ProjectSettings,
    Runtime,
    user_path,
)
from alcore.datasets.remote import is_remote
from alcore.errors import AlcoreError
from alcore.records import MemberRole, SkippedFile
from alcore.services import features as computed_features
from alcore.services import (
    metadata,
    more_images,
    people,
    pretraining,
    setup,
    training,
    whole_projects,
)
from alcore.services import projects as known_projects
from alcore.store import Store
from alcore.terminal import json_option, print_rows, project_argument, with_progress, with_store

GENERATED = ("digits", "shapes")
ROLES: tuple[MemberRole, ...] = get_args(MemberRole)
LEFT_OUT_SHOWN = 20
_is_list = click.option(
    "--addresses",
    "is_list",
    is_flag=True,
    help="SOURCE is a list: a text with an address on each line, or a CSV file with a column "
    "“address”; - for standard input.",
)


@click.command()
@click.option("--archived", is_flag=True, help="List archived ones too.")
@json_option
@with_store
def projects(store: Store, archived: bool, as_json: bool) -> None:
    """List the projects."""
    rows = []
    for project in known_projects.list_projects(store, archived):
        state = training.status(store, project.id)
        rows.append(
            {
                "id": project.id,
                "name": project.name,
                "state": "archived" if project.archived_at else project.state,
                "images": sum(known_projects.item_counts(store, project.id).values()),
                "classes": len(project.classes),
                "labels": state.labels,
                "model": state.latest and state.latest.number,
                "accuracy": state.latest and state.latest.evaluation.accuracy,
            }
        )
    print_rows(rows, as_json)


@click.command("import")
@click.argument("source")
@click.option("--name", help="The project's name; by default that of the source.")
@click.option(
    "--role",
    type=click.Choice(["answer-key", "labels", "none"]),
    default="answer-key",
    help="What known classes are: hidden answers (default), existing labels, or ignored.",
)
@click.option("--classes", default="", help="Class names, separated by commas.")
@click.option("--copy", is_flag=True, help="Copy a folder's images.")
@click.option("--resolution", type=click.Choice(RESOLUTIONS), help="Pixels for the network.")
@click.option(
    "--range",
    "pixel_range",
    nargs=2,
    type=float,
    metavar="BLACK WHITE",
    help="Values of images of more than 8 bits that are black and white; by default what the "
    "images hold.",
)
@click.option(
    "--bands",
    callback=lambda context, option, text: _bands(text),
    metavar="N or N,N,N",
    help="Bands of images with many that are shown, counted from 1, such as 4,3,2; by default the "
    "first three.",
)
@click.option("--augmentation", type=click.Choice(list(AUGMENTATIONS)))
@click.option("--strategy", help="Query strategy.")
@click.option("--network", type=click.Choice(list(NETWORKS)), help="Small CNN by default.")
@click.option("--pretrain", is_flag=True, help="Pretrain once the images are in.")
@click.option("--seed", type=int, default=0)
@click.option("--root", default="~/datasets", help="Folder of a torchvision data set.")
@click.option("--download", is_flag=True, help="Download a torchvision data set.")
@click.option("--option", multiple=True, metavar="NAME=VALUE", help="A knob of shapes.")
@click.option(
    "--path-pattern", default="", help="Parts of the path as metadata: '{site}/{patient}/*'."
)
@click.option(
    "--metadata", metavar="TABLE", help="A CSV, JSON Lines or Parquet file with a row per image."
)
@click.option(
    "--group",
    default="",
    help="The part of the path, or column of the table, whose images stay together: patient.",
)
@click.option("--exif", is_flag=True, help="Date taken and camera as metadata.")
@_is_list
@with_store
def bring(store: Store, **options: Any) -> None:
    """Make a project from images, or go on with an interrupted import.

    SOURCE is a folder, a .zip, digits, shapes, a torchvision data set or a list of addresses.
    """
    spec = _listed(store, options["source"]) if options["is_list"] else _spec(options)
    name = known_projects.clean_name(options["name"] or setup.source_name(spec))
    projects_by_name = {p.name: p for p in known_projects.list_projects(store, archived=True)}
    project = projects_by_name.get(name)
    if project is not None and project.state != "ready":
        known_projects.resume_import(store, project.id)
        project_id = project.id
    else:
        table = options["metadata"]
        wish = metadata.Wish(
            options["path_pattern"],
            options["exif"],
            metadata.table_for_import(user_path(table)) if table else None,
            options["group"],
        )
        metadata.check_wish(wish)
        for note in known_projects.look_at(spec).notes:
            print(f"note: {note}", file=sys.stderr)
        known_classes = options["role"].replace("-", " ")
        classes = [c for c in options["classes"].split(",") if c.strip()]
        project_id = known_projects.create(
            store, name, spec, known_classes, _settings(options), classes
        )
        metadata.before_import(store, project_id, wish)
    _import(store, project_id, name, options["role"] == "labels")


@click.command("add-images")
@project_argument
@click.argument("source")
@click.option("--option", multiple=True, metavar="NAME=VALUE", help="Such as limit_mb=20000.")
@_is_list
@with_store
def add_images(
    store: Store, project: str, source: str, option: tuple[str, ...], is_list: bool
) -> None:
    """Bring what is new of a folder, a .zip or a bucket into a project that is there.

    The same SOURCE again brings only what is new. Images of the project's own folder stay where
    they are if the others do; all others are copied.
    """
    there = known_projects.named(store, project)
    before = sum(known_projects.item_counts(store, there.id).values())
    if is_list:
        wanted = more_images.add_addresses(store, there.id, _read(source))
        _print_left_out(wanted.problems)
    else:
        knobs = {"source": source, "option": option, "copy": True, "root": "", "download": False}
        more_images.add(store, there.id, _spec(knobs))
    threads = Runtime.from_environment().threads
    with_progress(
        lambda: known_projects.import_now(store, there.id, threads),
        lambda: known_projects.import_job(store, there.id),
        lambda: known_projects.stop_import(store, there.id),
    )
    counts = known_projects.item_counts(store, there.id)
    total = sum(counts.values())
    print(
        f"{there.name}: {total - before} new images, {total} in all, {counts['holdout']} of them "
        "in the holdout"
    )


def _read(source: str) -> bytes:
    """Read a file, or standard input for -. Raises AlcoreError."""
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return user_path(source).read_bytes()
    except OSError as error:
        raise AlcoreError(f"{source} cannot be read: {error.strerror}") from error


def _listed(store: Store, source: str) -> dict[str, Any]:
    """Describe a list of addresses, which is read at once."""
    name = "" if source == "-" else user_path(source).name
    spec, wanted = setup.keep_list(store, _read(source), name)
    _print_left_out(wanted.problems)
    return spec


def _spec(options: Mapping[str, Any]) -> dict[str, Any]:
    source, knobs = options["source"], {}
    for option in options["option"]:
        key, _, value = option.partition("=")
        try:
            knobs[key] = json.loads(value)
        except ValueError:
            raise AlcoreError(
                f"--option {option!r} is not NAME=NUMBER, such as size=2000"
            ) from None
    if source in GENERATED:
        return {"kind": source, **knobs}
    if is_remote(source):
        return {"kind": "remote", "path": source, **knobs}
    path = user_path(source)
    if path.is_dir():
        return {"kind": "folder", "path": str(path.resolve()), "copy": options["copy"]}
    if path.exists() or path.suffix or "/" in source:
        return {"kind": "archive", "path": str(path.resolve()), **knobs}
    return {
        "kind": "torchvision",
        "name": source,
        "root": str(user_path(options["root"]).resolve()),
        "download": options["download"],
    }


def _bands(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in (text or "").split(",") if part.strip())
    except ValueError:
        raise AlcoreError(f"--bands is {text!r}; give numbers such as 4,3,2") from None


def _settings(options: Mapping[str, Any]) -> ProjectSettings:
    settings = ProjectSettings(seed=options["seed"])
    for key in ("resolution", "augmentation", "strategy"):
        if options[key] is not None:
            settings = replace(settings, **{key: options[key]})
    if options["pixel_range"] is not None:
        settings = replace(settings, pixel_range=PixelRange(*options["pixel_range"]))
    if options["bands"]:
        pixel_range = replace(settings.pixel_range, bands=options["bands"])
        settings = replace(settings, pixel_range=pixel_range)
    network = options["network"] or settings.learner.network
    learner = replace(settings.learner, network=network, pretrain=options["pretrain"])
    return replace(settings, learner=learner)


def _import(store: Store, project_id: int, name: str, labels: bool) -> None:
    threads = Runtime.from_environment().threads
    start = time.monotonic()
    with_progress(
        lambda: known_projects.import_now(store, project_id, threads),
        lambda: known_projects.import_job(store, project_id),
        lambda: known_projects.stop_import(store, project_id),
    )
    if known_projects.get(store, project_id).state != "ready":
        raise AlcoreError("the import did not finish; run the same command again to go on")
    for note in setup.import_notes(store, project_id, labels):
        print(f"note: {note}", file=sys.stderr)
    left_out = known_projects.skipped_files(store, project_id)
    _print_left_out(left_out)
    seconds = time.monotonic() - start
    counts = known_projects.item_counts(store, project_id)
    total = sum(counts.values())
    print(
        f"{name}: {total} images in {seconds:.1f} s ({total / seconds:.0f} per second), "
        f"{counts['holdout']} of them in the holdout, {len(left_out)} left out"
    )


def _print_left_out(files: Sequence[SkippedFile]) -> None:
    for file in files[:LEFT_OUT_SHOWN]:
        print(f"left out: {file.name}: {file.reason}", file=sys.stderr)
    if len(files) > LEFT_OUT_SHOWN:
        print(f"left out: {len(files) - LEFT_OUT_SHOWN} more", file=sys.stderr)


@click.command()
@project_argument
@json_option
@with_store
def train(store: Store, project: str, as_json: bool) -> None:
    """Run one round now and print what it reached."""
    project_id = known_projects.named(store, project).id
    threads = Runtime.from_environment().threads
    summary = with_progress(
        lambda: training.train_now(store, project_id, threads),
        lambda: training.status(store, project_id).job,
        lambda: training.stop(store, project_id),
    )
    if as_json:
        print(json.dumps(asdict(summary), indent=2))
        return
    measured = summary.evaluation
    accuracy = "no holdout yet"
    if measured.accuracy is not None and measured.interval is not None:
        low, high = measured.interval
        accuracy = f"{measured.accuracy:.1%} ({low:.1%} to {high:.1%}) on {measured.n} images"
    times = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in summary.seconds.items())
    print(f"model {summary.number}: {summary.labels} labels, {accuracy}; {times}")


@click.command()
@project_argument
@json_option
@with_store
def status(store: Store, project: str, as_json: bool) -> None:
    """Show labels, model and jobs."""
    there = known_projects.named(store, project)
    state = training.status(store, there.id)
    latest = state.latest
    counts = known_projects.item_counts(store, there.id)
    job = known_projects.import_job(store, there.id) if there.state != "ready" else state.job
    print_rows(
        {
            "project": there.name,
            "state": there.state,
            **{f"images in the {split}": n for split, n in counts.items()},
            "classes": len(there.classes),
            "labels": state.labels,
            "labels until the next model": state.following.missing,
            "model": latest and latest.number,
            "accuracy": latest and latest.evaluation.accuracy,
            "job": job and job.kind,
            "job state": job and job.state,
            "phase": job and job.phase,
            "progress": job and round(job.progress, 3),
            "error": job and job.error,
        },
        as_json,
    )


@click.command()
@click.argument("project", required=False)
@click.option("--pool", type=int, default=50_000, help="Or for so many images (50,000).")
@click.option("--classes", type=int, default=10, help="Classes (10).")
@click.option("--batch", type=int, default=100, help="Batch size (100).")
@click.option("--resolution", type=click.Choice(RESOLUTIONS), default=32)
@json_option
def strategies(project: str | None, as_json: bool, **options: int) -> None:
    """List the query strategies and what a round with each costs.

    With a PROJECT, the seconds are for its pool.
    """
    for name, why in query_strategies.broken().items():
        print(f"strategy {name!r} cannot be used: {why}", file=sys.stderr)
    pool, classes = options["pool"], options["classes"]
    settings = ProjectSettings(batch_size=options["batch"], resolution=options["resolution"])
    if project is not None:
        pool, classes, settings = _size(project)
    print_rows(known_projects.strategy_table(pool, classes, settings), as_json)


@with_store
def _size(store: Store, name: str) -> tuple[int, int, ProjectSettings]:
    """Read how many images and classes a project has, and its settings."""
    project = known_projects.named(store, name)
    pool = known_projects.item_counts(store, project.id)["pool"]
    return pool, len(project.classes), project.settings


@click.command()
@project_argument
@click.option("--cost", is_flag=True, help="Say how long it takes, no more.")
@click.option("--tune", is_flag=True, help="Tune features that there are to the labels.")
@json_option
@with_store
def features(store: Store, project: str, cost: bool, tune: bool, as_json: bool) -> None:
    """Let a network that knows photographs look at all images.

    The app does so by itself after an import. What is computed is not computed again.
    """
    project_id = known_projects.named(store, project).id
    status = computed_features.status(store, project_id)
    if cost:
        print_rows({"images": status.images, "seconds": round(status.cost, 1)}, as_json)
        return
    threads = Runtime.from_environment().threads
    if tune:
        tuned = with_progress(
            lambda: computed_features.tune_now(store, project_id, threads),
            lambda: computed_features.status(store, project_id).tuning,
            lambda: computed_features.stop_tuning(store, project_id),
        )
        print_rows(asdict(tuned), as_json)
        return
    made = with_progress(
        lambda: computed_features.compute_now(store, project_id, threads),
        lambda: computed_features.status(store, project_id).job,
        lambda: computed_features.stop(store, project_id),
    )
    print_rows(asdict(made), as_json)


@click.command()
@project_argument
@click.option("--again", is_flag=True, help="Do not go on with a paused one.")
@click.option("--cost", is_flag=True, help="Say how long it takes, no more.")
@json_option
@with_store
def pretrain(store: Store, project: str, again: bool, cost: bool, as_json: bool) -> None:
    """Let the network learn from a project's images before they are labeled."""
    there = known_projects.named(store, project)
    state = pretraining.status(store, there.id)
    print(
        f"{there.settings.learner.network}, {state.images:,} images: about "
        f"{state.cost / 60:.1f} minutes on two cores; Ctrl+C pauses",
        file=sys.stderr,
    )
    if cost:
        if as_json:
            print(json.dumps({"images": state.images, "seconds": round(state.cost, 1)}))
        return
    threads = Runtime.from_environment().threads
    weights = with_progress(
        lambda: pretraining.pretrain_now(store, there.id, threads, again),
        lambda: pretraining.status(store, there.id).job,
        lambda: pretraining.pause(store, there.id),
    )
    if as_json:
        print(json.dumps(asdict(weights), indent=2))
        return
    print(
        f"weights {weights.number}: {weights.images:,} images, {weights.epochs:.0f} times each, in "
        f"{weights.seconds:.0f} s; models start from them now"
    )


@click.command()
@project_argument
@click.argument("name", required=False)
@click.argument("role", required=False, type=click.Choice(ROLES))
@json_option
@with_store
def role(
    store: Store, project: str, name: str | None, role: MemberRole | None, as_json: bool
) -> None:
    """List the people of a project, or give somebody a ROLE.

    This is the way back for a project that has lost its owner.
    """
    project_id = known_projects.named(store, project).id
    if name is not None:
        if role is None:
            raise click.UsageError(f"which role shall {name!r} have? One of {', '.join(ROLES)}")
        who = people.named(store, project_id, name)
        people.set_role(store, project_id, None, who.id, role)
    roles = {m.annotator.name: m.role for m in people.of_project(store, project_id)}
    if as_json:
        print(json.dumps(roles, indent=2))
    else:
        print("\n".join(f"{role:10} {name}" for name, role in roles.items()) or "nobody yet")


@click.command()
@project_argument
@click.option("--back", is_flag=True, help="Take it back.")
@with_store
def archive(store: Store, project: str, back: bool) -> None:
    """Put a project away, out of the lists and read only; what runs for it stops."""
    known_projects.archive(store, known_projects.named(store, project).id, not back)


@click.command()
@project_argument
@click.argument("name")
@click.option("--labels", "with_labels", is_flag=True, help="What people labeled too.")
@with_store
def copy(store: Store, project: str, name: str, with_labels: bool) -> None:
    """Copy a project's images, classes and settings into a new one called NAME."""
    source = known_projects.named(store, project)
    whole_projects.copy(store, source.id, name, with_labels)
    print(f"{source.name!r} copied to {name!r}", file=sys.stderr)


@click.command()
@project_argument
@click.option("--name", help="The project's name, once more; asked for if it is not given.")
@with_store
def delete(store: Store, project: str, name: str | None) -> None:
    """Delete a project for real: images, labels, models, all of it."""
    there = known_projects.named(store, project)
    weight = whole_projects.weigh(store, there.id)
    print(
        f"{there.name!r} has {weight.images:,} images, {weight.labels:,} labels and "
        f"{weight.models:,} models, {whole_projects.disk_words(weight.size)} on disk",
        file=sys.stderr,
    )
    if name is None:
        name = click.prompt("To delete it for good, type its name", err=True)
    freed = whole_projects.delete(store, there.id, name)
    print(f"deleted; {whole_projects.disk_words(freed.size)} are free again")
