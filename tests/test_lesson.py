"""Owns the proof that the lesson is true: its notebook runs, its links open what it describes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from alcore.playground.examples import EXAMPLES

LESSON = Path(__file__).parent.parent / "docs" / "lesson"


def test_the_notebook_runs_from_six_labels_to_the_stop_criterion() -> None:
    notebook = json.loads((LESSON / "loop.ipynb").read_text("utf-8"))
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "figures of one machine would stand as if they were all's"
            exec(compile("".join(cell["source"]), f"<cell {cell['id']}>", "exec"), names)
    curves = names["curves"]
    assert curves["margin"][0][0] == curves["random"][0][0] == 6
    assert curves["margin"][0][1] == curves["random"][0][1] == names["first_accuracy"]
    assert curves["margin"][-1][0] < 80 and curves["margin"][-1][1] > 0.95


def test_the_table_of_examples_names_them_all_and_their_direction() -> None:
    text = (LESSON / "README.md").read_text("utf-8")
    line = r"^\| [^|]+ \| (\S+), (\S+) \| (\d+) \| ([+−])([\d.]+) ± ([\d.]+) \|$"
    rows = re.findall(line, text, re.MULTILINE)
    assert len(rows) == len(EXAMPLES)
    for example, (first, second, starts, sign, mean, error) in zip(EXAMPLES, rows, strict=True):
        assert (example.settings.first, example.settings.second) == (first, second)
        assert example.seeds == int(starts)
        plain = float(mean) > 2 * float(error)
        assert example.first == (("wins" if sign == "+" else "loses") if plain else "draws")
