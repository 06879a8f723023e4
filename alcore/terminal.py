"""Owns what all commands share: the open store, their usual options, progress bars and tables."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any, TypeVar

import click
from tqdm import tqdm

from alcore.config import Runtime
from alcore.records import Job
from alcore.store import Store

T = TypeVar("T")

project_argument = click.argument("project", metavar="PROJECT")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def with_store(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the workspace's store as its first argument, and close it at the end."""

    @functools.wraps(command)
    def call(*arguments: Any, **options: Any) -> T:
        with closing(Store.open(Runtime.from_environment().workspace)) as store:
            return command(store, *arguments, **options)

    return call


def with_progress(
    work: Callable[[], T], job: Callable[[], Job | None], stop: Callable[[], None]
) -> T:
    """Run work in a thread and draw the progress of its job; Ctrl+C stops it. Returns its value."""
    form = "{desc:34} {bar} {n:3.0f} % {remaining}"
    with (
        ThreadPoolExecutor(1) as executor,
        tqdm(total=100, bar_format=form, disable=None) as bar,
    ):
        future = executor.submit(work)
        try:
            while not wait([future], timeout=0.2).done:
                now = job()
                if now is not None and now.state == "running":
                    bar.set_description_str(now.phase, refresh=False)
                    bar.n = 100 * now.progress
                    bar.refresh()
        except KeyboardInterrupt:
            stop()  # the work ends at its next report
            raise
        if future.exception() is None:
            bar.n = 100
        return future.result()


def print_rows(rows: Any, as_json: bool) -> None:
    """Print a record or a table, as JSON where that is asked for."""
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if isinstance(rows, dict):
        width = max(map(len, rows))
        for key, value in rows.items():
            print(f"{key:{width}}  {'–' if value is None else value}")
        return
    if not rows:
        print("nothing yet")
        return
    cells = [list(rows[0])] + [["–" if v is None else f"{v}" for v in row.values()] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    for line in cells:
        print("  ".join(f"{cell:{w}}" for cell, w in zip(line, widths, strict=True)).rstrip())
