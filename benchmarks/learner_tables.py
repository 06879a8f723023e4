"""Owns the record of the learner's measurements and the tables made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

AIM = {100: 45, 250: 54, 500: 60, 1000: 66, 4000: 77}


class Record:
    """What was measured so far, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept: dict[str, Any] = {"pretraining": {}, "paces": {}, "trials": []}
        if path.is_file():
            self.kept = json.loads(path.read_text())

    def has(self, data: str, recipe: str, labels: int, trial: int) -> bool:
        """Tell whether this trial was measured."""
        return any(
            (r["data"], r["recipe"], r["labels"], r["trial"]) == (data, recipe, labels, trial)
            for r in self.kept["trials"]
        )

    def save(self) -> None:
        """Write all to the file."""
        self.path.write_text(json.dumps(self.kept, indent=1) + "\n")

    def of(self, data: str, recipe: str, labels: int, what: str) -> list[float]:
        """Return the values of all trials of a cell."""
        return [
            r[what]
            for r in self.kept["trials"]
            if (r["data"], r["recipe"], r["labels"]) == (data, recipe, labels)
        ]


def tables(
    record: Record, columns: Mapping[str, Sequence[int]], rows: Sequence[str], parts: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of the tables in Markdown: columns of labels, rows of recipes.

    `parts` are recipes that leave something out, beside those they are to be compared with.
    """
    for data, counts in columns.items():
        found = [r for r in record.kept["trials"] if r["data"] == data]
        if not found:
            continue
        yield from (f"### {data}", "")
        for what, title in (("accuracy", "accuracy, %"), ("macro F1", "macro F1, %")):
            if what == "macro F1" and data != "shapes":
                continue
            yield f"| {title} at random labels | " + " | ".join(f"{n:,}" for n in counts) + " |"
            yield "|---|" + "---|" * len(counts)
            for recipe in rows:
                cells = [record.of(data, recipe, n, what) for n in counts]
                if any(cells):
                    yield f"| {recipe} | " + " | ".join(map(_cell, cells)) + " |"
            if data == "CIFAR-10" and what == "accuracy":
                yield "| *aim* | " + " | ".join(str(AIM[n]) for n in counts) + " |"
            yield ""
        yield "| processor seconds of one training | " + " | ".join(f"{n:,}" for n in counts) + " |"
        yield "|---|" + "---|" * len(counts)
        for recipe in rows:
            cells = [record.of(data, recipe, n, "train processor s") for n in counts]
            if any(cells):
                spent = [f"{np.mean(cell):.1f}" if cell else "–" for cell in cells]
                yield f"| {recipe} | " + " | ".join(spent) + " |"
        yield ""
        if data == "CIFAR-10":
            yield from _ablations(record, data, rows, parts)
        yield from _work(record, data)


def _work(record: Record, data: str) -> Iterator[str]:
    """Say how long pretraining and the scoring of the pool take."""
    if found := record.kept["pretraining"].get(data):
        yield (
            f"Pretraining, {_with(found)}: {found['pretrain processor s']:,.0f} s of processor "
            f"time, {found['pretrain s']:,.0f} s in all."
        )
        yield ""
    if found := record.kept["paces"].get(data):
        whole = found["minibatch s"] * found["minibatches"] / 60
        yield (
            f"Paces, {_with(found)}: all scored in {found['score s']:.1f} s; a minibatch of "
            f"pretraining in {found['minibatch s']:.3f} s, so that its {found['minibatches']:,} "
            f"would take {whole:.0f} minutes."
        )
        yield ""


def _with(found: Mapping[str, Any]) -> str:
    threads = found["threads"]
    return f"{found['images']:,} images, {threads} thread{'s' if threads > 1 else ''}"


def _ablations(
    record: Record, data: str, rows: Sequence[str], parts: Sequence[str]
) -> Iterator[str]:
    lacking = set(parts) - set(rows)
    measured = {r["labels"] for r in record.kept["trials"] if r["recipe"] in lacking}
    for labels in sorted(measured):
        yield from (f"| {data}, {labels:,} labels | accuracy, % | trials |", "|---|---|---|")
        for recipe in parts:
            if cell := record.of(data, recipe, labels, "accuracy"):
                yield f"| {recipe} | {_cell(cell)} | {len(cell)} |"
        yield ""


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else " (one trial)"
    spread += " (two trials)" if len(values) == 2 else ""
    return f"{100 * np.mean(values):.1f}{spread}"


def write_into(path: Path, lines: list[str], mark: str = "tables") -> None:
    """Put lines between two marks of a Markdown file: "mark" and "end of mark"."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->\n"
    before, rest = path.read_text().split(begin)
    path.write_text(before + begin + "\n".join(["", *lines]) + "\n" + end + rest.split(end)[1])
