"""Owns `python -m alcore pretrain …`: what it costs, its progress, Ctrl+C as a pause."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from alcore.config import Runtime
from alcore.services import pretraining, projects
from alcore.store import Store
from alcore.terminal import with_progress

WORDS = "let the network learn from a project's images before they are labeled"


def add_parser(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the command and its arguments."""
    added = command("pretrain", WORDS)
    added.add_argument("project", help="name or number")
    added.add_argument("--again", action="store_true", help="do not go on with a paused one")
    added.add_argument("--cost", action="store_true", help="say how long it takes, no more")
    added.add_argument("--json", action="store_true", help="print JSON")


def pretrain(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    """Pretrain in this process; return the exit code."""
    project = projects.named(store, chosen.project)
    status = pretraining.status(store, project.id)
    learner = project.settings.learner
    print(
        f"{learner.network}, {status.images:,} images: about {status.cost / 60:.1f} minutes on two "
        "cores; Ctrl+C pauses",
        file=sys.stderr,
    )
    if chosen.cost:
        if chosen.json:
            print(json.dumps({"images": status.images, "seconds": round(status.cost, 1)}))
        return 0
    made = with_progress(
        lambda: pretraining.pretrain_now(store, project.id, runtime.threads, chosen.again),
        lambda: pretraining.status(store, project.id).job,
        lambda: pretraining.pause(store, project.id),
    )
    if chosen.json:
        print(json.dumps(asdict(made), indent=2))
    else:
        print(
            f"weights {made.number}: {made.images:,} images, {made.epochs:.0f} times each, in "
            f"{made.seconds:.0f} s; models start from them now"
        )
    return 0
