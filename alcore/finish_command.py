"""Owns the command by which a model labels what it is sure of, after people checked a sample."""

from __future__ import annotations

from typing import Any

import click

from alcore.services import completing
from alcore.services import projects as known_projects
from alcore.services.completing import USUAL, Standing
from alcore.services.export_rows import iso
from alcore.services.pool_predictions import PredictionCache
from alcore.store import Store
from alcore.terminal import json_option, print_rows, project_argument, with_store


@click.command()
@project_argument
@click.option(
    "--precision",
    type=float,
    default=USUAL[0],
    show_default=True,
    help="How many of the model's labels shall be right, 0 to 1.",
)
@click.option(
    "--sample", type=int, default=USUAL[1], show_default=True, help="Images for people to check."
)
@click.option("--draw", "step", flag_value="draw", help="Draw the images, and have them checked.")
@click.option("--write", "step", flag_value="write", help="Write the labels that were checked.")
@click.option(
    "--take-back",
    "step",
    flag_value="take back",
    help="Discard what was drawn last, or take the labels that were written last back.",
)
@json_option
@with_store
def finish(
    store: Store, project: str, precision: float, sample: int, step: str | None, as_json: bool
) -> None:
    """Let the model label what it is sure of, after people have checked a sample of it.

    Without --draw, --write or --take-back it says how many images that are, and how a check stands.
    """
    project_id = known_projects.named(store, project).id
    cached = PredictionCache(store)
    if step == "draw":
        completing.draw(store, cached, project_id, precision, sample)
    elif step is not None:
        newest = completing.newest(store, project_id)
        work = completing.write if step == "write" else completing.withdraw
        work(store, project_id, newest.completion.id)
    standings = completing.standings(store, project_id)
    if standings:
        print_rows([_values(one) for one in standings], as_json)
        return
    known = completing.outlook(store, cached, project_id, precision)
    print_rows({k.replace("_", " "): v for k, v in vars(known).items()}, as_json)


def _values(one: Standing) -> dict[str, Any]:
    completion, precision = one.completion, one.precision
    return {
        "author": completion.author,
        "asked for": completion.precision,
        "images": one.counts.rest,
        "checked": f"{one.counts.answered} of {one.counts.sample}",
        "right": precision.right,
        "low": round(precision.low, 4),
        "high": round(precision.high, 4),
        "written": None if completion.written_at is None else iso(completion.written_at),
    }
