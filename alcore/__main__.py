"""Owns the command line: the same services as the pages. Exit codes: 0 done, 1 refused, 2 usage."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from alcore import __version__, strategies
from alcore.config import (
    AUGMENTATIONS,
    NETWORKS,
    RESOLUTIONS,
    PixelRange,
    ProjectSettings,
    Runtime,
)
from alcore.errors import AlcoreError
from alcore.experiment_command import add_parser, experiment
from alcore.pretrain_command import add_parser as add_pretrain
from alcore.pretrain_command import pretrain
from alcore.records import Project
from alcore.role_command import add_parser as add_role
from alcore.role_command import role
from alcore.services import exporting, projects, setup, training
from alcore.store import Store
from alcore.terminal import print_rows, with_progress

EXAMPLES = """\
examples:
  python -m alcore import pictures/ --name birds --copy     class subfolders are the answer key
  python -m alcore import scans.zip --name scans --role none --classes "crack,no crack"
  python -m alcore import shapes --name shapes --option classes=8 --option imbalance=10
  python -m alcore import CIFAR10 --name cifar --root ~/datasets
  python -m alcore pretrain birds
  python -m alcore role birds "Ana" owner
  python -m alcore train birds
  python -m alcore export birds --out labels.csv
"""
GENERATED = ("digits", "shapes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        runtime = Runtime.from_environment()
        if chosen.command == "work":
            return _work(runtime, chosen)
        if chosen.command == "strategies":
            return _strategies(runtime, chosen)
        store = Store.open(runtime.workspace)
        try:
            return COMMANDS[chosen.command](store, runtime, chosen)
        finally:
            store.close()
    except AlcoreError as error:
        print(f"alcore: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nalcore: stopped; run the same command again to go on", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alcore",
        description="Active learning on images with a human oracle.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"alcore {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def command(name: str, words: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words)
        if name in ("projects", "status", "strategies", "train"):
            added.add_argument("--json", action="store_true", help="print JSON")
        return added

    listing = command("projects", "list the projects")
    listing.add_argument("--archived", action="store_true", help="list archived ones too")
    bring = command("import", "make a project from images, or go on with an interrupted import")
    bring.add_argument("source", help="a folder, a .zip, digits, shapes or a torchvision data set")
    bring.add_argument("--name", help="the project's name; by default that of the source")
    bring.add_argument(
        "--role",
        choices=["answer-key", "labels", "none"],
        default="answer-key",
        help="what known classes are: hidden answers (default), existing labels, or ignored",
    )
    bring.add_argument("--classes", default="", help="class names, separated by commas")
    bring.add_argument("--copy", action="store_true", help="copy a folder's images")
    bring.add_argument("--resolution", type=int, choices=RESOLUTIONS, help="pixels for the network")
    bring.add_argument(
        "--range",
        nargs=2,
        type=float,
        metavar=("BLACK", "WHITE"),
        help="values of images of more than 8 bits that are black and white; by default what "
        "the images hold",
    )
    bring.add_argument("--augmentation", choices=list(AUGMENTATIONS))
    bring.add_argument("--strategy", help="query strategy")
    bring.add_argument("--network", choices=list(NETWORKS), help="small CNN by default")
    bring.add_argument("--pretrain", action="store_true", help="pretrain once the images are in")
    bring.add_argument("--seed", type=int, default=0)
    bring.add_argument("--root", help="folder of a torchvision data set")
    bring.add_argument("--download", action="store_true", help="download a torchvision data set")
    bring.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="a knob of shapes"
    )
    for name, words in (
        ("train", "run one round now and print what it reached"),
        ("status", "show labels, model and jobs"),
        ("export", "write the labels as CSV"),
    ):
        command(name, words).add_argument("project", help="name or number")
    commands.choices["export"].add_argument("--out", help="file to write; by default the screen")
    commands.choices["export"].add_argument(
        "--remarks", action="store_true", help="comments and unsure answers in place of labels"
    )
    listing = command("strategies", "list the query strategies and what a round with each costs")
    listing.add_argument("project", nargs="?", help="estimate seconds for this project's pool")
    listing.add_argument("--pool", type=int, default=50_000, help="or for so many images (50,000)")
    listing.add_argument("--classes", type=int, default=10, help="classes (10)")
    listing.add_argument("--batch", type=int, default=100, help="batch size (100)")
    listing.add_argument("--resolution", type=int, choices=RESOLUTIONS, default=32)
    add_pretrain(command)
    add_role(command)
    add_parser(commands)
    work = command("work", "run the background jobs of the workspace until stopped")
    work.add_argument("--until-input-closes", action="store_true", help=argparse.SUPPRESS)
    return parser


def _projects(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    rows = []
    for project in projects.list_projects(store, chosen.archived):
        state = training.status(store, project.id)
        rows.append(
            {
                "id": project.id,
                "name": project.name,
                "state": "archived" if project.archived_at else project.state,
                "images": sum(projects.item_counts(store, project.id).values()),
                "classes": len(project.classes),
                "labels": state.labels,
                "model": state.latest and state.latest.number,
                "accuracy": state.latest and state.latest.evaluation.accuracy,
            }
        )
    print_rows(rows, chosen.json)
    return 0


def _import(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    spec = _spec(chosen)
    name = projects.clean_name(chosen.name or setup.base_name(spec))
    known = {p.name: p for p in projects.list_projects(store, archived=True)}
    project = known.get(name)
    if project is not None and project.state != "ready":
        projects.resume_import(store, project.id)
        project_id = project.id
    else:
        settings = ProjectSettings(seed=chosen.seed)
        for key in ("resolution", "augmentation", "strategy"):
            if getattr(chosen, key) is not None:
                settings = replace(settings, **{key: getattr(chosen, key)})
        network = chosen.network or settings.learner.network
        learner = replace(settings.learner, network=network, pretrain=chosen.pretrain)
        settings = replace(settings, learner=learner)
        classes = [c for c in chosen.classes.split(",") if c.strip()]
        if chosen.range is not None:
            settings = replace(settings, pixel_range=PixelRange(*chosen.range))
        known_classes = chosen.role.replace("-", " ")
        summary = projects.look_at(spec)
        for note in summary.notes:
            print(f"note: {note}", file=sys.stderr)
        project_id = projects.create(store, name, spec, known_classes, settings, classes)
    started = time.monotonic()
    with_progress(
        lambda: projects.import_now(store, project_id, runtime.threads),
        lambda: projects.import_job(store, project_id),
        lambda: projects.stop_import(store, project_id),
    )
    if projects.get(store, project_id).state != "ready":
        raise AlcoreError("the import did not finish; run the same command again to go on")
    for note in setup.import_notes(store, project_id, chosen.role == "labels"):
        print(f"note: {note}", file=sys.stderr)
    counts = projects.item_counts(store, project_id)
    left_out = projects.skipped_files(store, project_id)
    for file in left_out[:20]:
        print(f"left out: {file.name}: {file.reason}", file=sys.stderr)
    if len(left_out) > 20:
        print(f"left out: {len(left_out) - 20} more", file=sys.stderr)
    seconds = time.monotonic() - started
    total = sum(counts.values())
    print(
        f"{name}: {total} images in {seconds:.1f} s ({total / seconds:.0f} per second), "
        f"{counts['holdout']} of them in the holdout, {len(left_out)} left out"
    )
    return 0


def _spec(chosen: argparse.Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option in chosen.option:
        key, _, value = option.partition("=")
        try:
            options[key] = json.loads(value)
        except ValueError:
            raise AlcoreError(
                f"--option {option!r} is not NAME=NUMBER, such as size=2000"
            ) from None
    if chosen.source in GENERATED:
        return {"kind": chosen.source, **options}
    path = Path(chosen.source).expanduser()
    if path.is_dir():
        return {"kind": "folder", "path": str(path.resolve()), "copy": chosen.copy}
    if path.exists() or path.suffix or "/" in chosen.source:
        return {"kind": "archive", "path": str(path.resolve()), **options}
    root = chosen.root or "~/datasets"
    return {
        "kind": "torchvision",
        "name": chosen.source,
        "root": str(Path(root).expanduser().resolve()),
        "download": chosen.download,
    }


def _train(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    project = projects.named(store, chosen.project)
    summary = with_progress(
        lambda: training.train_now(store, project.id, runtime.threads),
        lambda: training.status(store, project.id).job,
        lambda: training.stop(store, project.id),
    )
    if chosen.json:
        print(json.dumps(asdict(summary), indent=2))
        return 0
    measured = summary.evaluation
    accuracy = "no holdout yet"
    if measured.accuracy is not None and measured.interval is not None:
        low, high = measured.interval
        accuracy = f"{measured.accuracy:.1%} ({low:.1%} to {high:.1%}) on {measured.n} images"
    times = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in summary.seconds.items())
    print(f"model {summary.number}: {summary.labels} labels, {accuracy}; {times}")
    return 0


def _status(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    project: Project = projects.named(store, chosen.project)
    state = training.status(store, project.id)
    latest = state.latest
    job = projects.import_job(store, project.id) if project.state != "ready" else state.job
    print_rows(
        {
            "project": project.name,
            "state": project.state,
            **{f"images in the {k}": n for k, n in projects.item_counts(store, project.id).items()},
            "classes": len(project.classes),
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
        chosen.json,
    )
    return 0


def _export(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    project = projects.named(store, chosen.project)
    columns, rows = exporting.COLUMNS, exporting.label_rows(store, project.id)
    if chosen.remarks:
        columns, rows = exporting.REMARKS, exporting.remark_rows(store, project.id)
    if chosen.out is None:
        exporting.write_csv(sys.stdout, columns, rows)
        return 0
    try:
        with open(chosen.out, "w", newline="", encoding="utf-8") as file:
            exporting.write_csv(file, columns, rows)
    except OSError as error:
        raise AlcoreError(f"cannot write {chosen.out}: {error.strerror}") from error
    what = "remarks" if chosen.remarks else "labels"
    print(f"{len(rows)} {what} written to {chosen.out}", file=sys.stderr)
    return 0


def _strategies(runtime: Runtime, chosen: argparse.Namespace) -> int:
    images, classes = chosen.pool, chosen.classes
    settings = ProjectSettings(batch_size=chosen.batch, resolution=chosen.resolution)
    if chosen.project is not None:
        store = Store.open(runtime.workspace)
        project = projects.named(store, chosen.project)
        images = projects.item_counts(store, project.id)["pool"]
        classes, settings = len(project.classes), project.settings
        store.close()
    for name, why in strategies.broken().items():
        print(f"strategy {name!r} cannot be used: {why}", file=sys.stderr)
    print_rows(projects.strategy_table(images, classes, settings), chosen.json)
    return 0


def _work(runtime: Runtime, chosen: argparse.Namespace) -> int:
    from alcore.jobs.dispatcher import dispatch

    over = threading.Event()
    if chosen.until_input_closes:
        # Ctrl+C in a terminal reaches this process too; the app that started it says when to end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

        def wait_for_end() -> None:
            # Not through sys.stdin, whose lock the interpreter wants when it ends.
            while os.read(0, 1024):
                pass
            over.set()

        threading.Thread(target=wait_for_end, daemon=True).start()
    dispatch(runtime, over)
    return 0


COMMANDS = {
    "projects": _projects,
    "import": _import,
    "train": _train,
    "status": _status,
    "export": _export,
    "experiment": experiment,
    "pretrain": pretrain,
    "role": role,
}


if __name__ == "__main__":
    sys.exit(main())
