"""Owns the proof that the command line runs experiments and that reports say what was found."""

from __future__ import annotations

import csv
import json
import re
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from alcore.__main__ import main
from alcore.config import ProjectSettings, Workspace
from alcore.errors import InvalidSettings
from alcore.experiments import analysis, reading
from alcore.experiments.replaying import differences
from alcore.experiments.results import Point
from alcore.jobs import sweeping
from alcore.services import (
    experiment_figures,
    experiment_findings,
    experiment_markdown,
    experiment_report,
    experiment_words,
    experiments,
    projects,
)
from alcore.store import Store
from alcore.store import experiments as stored_experiments

GRID = """
name = "shown"
budget = 40
trials = 2
initial = [20]
batch_sizes = [10]
strategies = ["random", "margin"]
[[datasets]]
source = "digits"
items = 200
holdout = 200
[[learners]]
kind = "estimator"
estimator = "naive bayes"
"""


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def invented(gains: dict[str, float], trials: int = 10) -> list[analysis.Setting]:
    """Settings of an experiment whose accuracies are made up: a gain per label and strategy."""
    design = reading.from_json(
        {
            "name": "made up",
            "budget": 60,
            "trials": trials,
            "datasets": ["digits"],
            "strategies": list(gains),
            "initial": [20],
            "batch_sizes": [10],
        }
    )
    drawn = np.random.default_rng(0)
    points = []
    for cell in design.cells:
        for trial in range(trials):
            start = 0.2 + 0.01 * np.random.default_rng(trial).normal()
            for number in range(1, 6):
                labels = 10 + 10 * number
                gain = gains[cell.strategy.title]
                accuracy = start + gain * (labels - 20) + 0.002 * drawn.normal()
                points.append(
                    Point(0, cell.key, trial, number, labels, labels, labels / 20, accuracy, 1.0)
                )
    return analysis.settings(design, points)


def test_the_figures_of_a_made_up_study_are_those_it_was_made_with() -> None:
    (setting,) = invented({"random": 0.005, "margin": 0.010, "entropy": 0.005})
    best = setting.rows[0]
    assert best.strategy == "margin"
    assert best.area == pytest.approx(0.2 + 0.01 * 20, abs=0.01)
    assert best.rank == 1 and best.penalty == 0
    assert best.saving.bound == "exact"
    assert best.saving.factor == pytest.approx(60 / 40, rel=0.05)
    assert best.saving.low < 1.5 < best.saving.high + 0.05
    tests = {test.first: test for test in setting.tests}
    assert tests["margin"].holm < 0.01 < 0.05 < tests["entropy"].holm
    assert tests["margin"].difference == pytest.approx(0.1, abs=0.01)
    assert setting.warning == "" and setting.trials == 10
    assert setting.smallest_visible < 0.01
    assert best.targets[0.4] == pytest.approx(40, abs=2)


def test_savings_are_told_for_an_accuracy_on_the_way_too() -> None:
    (setting,) = invented({"random": 0.0065, "margin": 0.0130})
    assert setting.goal == 0.4, "random ends at 0.46"
    rows = {row.strategy: row for row in setting.rows}
    assert rows["random"].earlier is None
    assert rows["margin"].saving.factor == pytest.approx(60 / 40, rel=0.02)
    assert rows["margin"].earlier.factor == pytest.approx(50.8 / 35.4, rel=0.02)
    (flat,) = invented({"random": -0.002, "margin": -0.001})
    assert flat.goal is None and not any(row.earlier for row in flat.rows)
    assert "at 40%" in experiment_words.compared(setting)[0]
    assert len(experiment_words.compared(flat)[0]) == len(experiment_words.compared(setting)[0]) - 1


def test_one_trial_says_that_it_has_no_interval_wherever_one_would_stand() -> None:
    (setting,) = invented({"random": 0.005, "margin": 0.01}, trials=1)
    margin, random = experiment_words.compared(setting)
    assert margin["area (95 %)"].endswith("% (one trial: no interval)")
    assert margin["area over random"].endswith(" (one trial: no interval)")
    assert margin["label saving"].endswith(" (one trial: no interval)")
    assert margin["at 40%"].endswith(" (one trial: no interval)")
    assert (margin["p (Holm)"], margin["penalty"], random["penalty"]) == ("–", "–", "–")
    assert "1 complete trial:" in experiment_words.say_trials(setting)
    for row in experiment_findings.strategy_rows([setting]):
        unknown = [name for name in row if name.endswith(("low", "high")) or name[:2] == "p "]
        assert [row[name] for name in unknown] == [None] * len(unknown)
    for _, chart in experiment_figures.charts(setting):
        assert not re.search("inf|nan", json.dumps(chart.to_dict()), re.IGNORECASE)


def test_few_trials_come_with_a_warning_and_unfinished_ones_do_not_count() -> None:
    (setting,) = invented({"random": 0.005, "margin": 0.01}, trials=3)
    assert "At least 6 are needed" in setting.warning
    design = reading.from_json(
        {
            "name": "x", "budget": 30, "trials": 2, "datasets": ["digits"], "initial": [20],
            "strategies": ["random", "margin"], "batch_sizes": [10],
        }
    )  # fmt: skip
    one, two = (cell.key for cell in design.cells)
    points = [
        Point(1, one, 0, 1, 20, 20, 1.0, 0.3, 1.0),
        Point(1, one, 0, 2, 30, 30, 1.5, 0.4, 1.0),
        Point(2, two, 0, 1, 20, 20, 1.0, 0.3, 1.0),
    ]
    (half,) = analysis.settings(design, points)
    assert half.trials == 0 and half.rows == ()
    assert len(half.curve) == 3, "but the curves show what there is"


def test_curves_of_different_label_counts_are_read_at_the_same_ones() -> None:
    design = reading.from_json(
        {
            "name": "x", "budget": 40, "trials": 1, "datasets": ["digits"], "initial": [20],
            "strategies": ["random", "margin"], "batch_sizes": [10],
        }
    )  # fmt: skip
    one, two = (cell.key for cell in design.cells)
    points = [Point(1, one, 0, n, 10 + 10 * n, 0, 1.0, 0.1 * n, 1.0) for n in (1, 2, 3)]
    points += [Point(2, two, 0, n, 15 + 5 * n, 0, 1.0, 0.1 * n, 1.0) for n in (1, 2, 3)]
    (setting,) = analysis.settings(design, points)
    finals = {row.strategy: row.final for row in setting.rows}
    assert finals == {"random": pytest.approx(0.2), "margin": pytest.approx(0.3)}


def command(*arguments: str) -> int:
    """Run a command in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


def test_an_experiment_goes_from_a_file_to_a_report(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ALCORE_WORKSPACE", str(workspace.root))
    file = tmp_path / "shown.toml"
    file.write_text(GRID)
    assert command("experiment", "run", str(file), "--workers", "1") == 0
    told = capsys.readouterr().out
    assert "2 cells × 2 trials, 12 trainings, about" in told
    assert "shown: done, 12 of 12 rounds" in told
    assert command("experiment", "status", "shown", "--json") == 0
    status = json.loads(capsys.readouterr().out)
    assert status["finished"] == status["planned"] == 12 and status["seconds left"] == 0
    extending = ["experiment", "extend", "shown", "--trials", "1", "--strategy", "entropy"]
    assert command(*extending, "--workers", "1") == 0
    assert "27 of 27 rounds" in capsys.readouterr().out
    out = tmp_path / "report"
    assert command("experiment", "report", "shown", "--out", str(out)) == 0

    page = (out / "report.html").read_text()
    assert "The holdout of 200 labels is not counted" in page
    assert page.count("<svg") >= 3 and "margin" in page and "3 paired trials cannot show" in page
    addresses = re.findall(r'(?:src|href)="([^"#]*)"', page)
    assert addresses == [], "it needs nothing from anywhere"
    rows = list(csv.DictReader((out / "rounds.csv").open()))
    assert len(rows) == 27
    kept = pyarrow.parquet.read_table(out / "rounds.parquet").to_pylist()
    assert [row["accuracy"] for row in kept] == [float(row["accuracy"]) for row in rows]
    told = (out / "report.md").read_text()
    assert "3 paired trials cannot show" in told and "The holdout of 200 labels" in told
    drawn = re.findall(r"!\[[^]]+\]\(<(.+)>\)", told)
    assert drawn == ["01 curves by labels.svg", "01 differences.svg"]
    assert all((out / name).is_file() for name in drawn)
    table = [[c.strip() for c in line.split("|")] for line in told.splitlines() if line[:1] == "|"]
    best = next(csv.DictReader((out / "strategies.csv").open()))
    assert table[0][1] == "strategy" and table[2][1] == best["strategy"]
    assert table[2][2].startswith(f"{float(best['area']):.1%} (")
    figures = sorted(path.name for path in out.glob("01 *"))
    assert len(figures) == 8 and (out / "01 curves by labels.png").read_bytes()[:4] == b"\x89PNG"

    assert command("experiment", "replay", "shown", "--strategy", "margin", "--trial", "2") == 0
    told = capsys.readouterr().out
    assert "margin" in told and "trial 2: 3 rounds again, the same bit for bit" in told
    store = Store.open(workspace)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE experiment_round SET labels = 31 WHERE number = 2")
    store.close()
    assert command("experiment", "replay", "shown") == 1
    assert "not the same in round 2: labels 31, again 30" in capsys.readouterr().out
    assert command("experiment", "replay", "shown", "--strategy", "margn") == 1
    assert "did you mean 'margin'" in capsys.readouterr().err

    assert command("experiment", "run", "shwn") == 1
    assert "did you mean 'shown'" in capsys.readouterr().err
    assert command("experiment", "pause", "shown") == 0
    assert "was not running" in capsys.readouterr().err


def test_an_experiment_keeps_its_arithmetic_and_is_compared_with_no_other(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Fixed when it is made: by the grid, else the environment, else float32 on any processor."""
    monkeypatch.setenv("ALCORE_WORKSPACE", str(workspace.root))
    network = GRID.replace('kind = "estimator"\nestimator = "naive bayes"', 'kind = "network"')
    network = network.replace("trials = 2", "trials = 1").replace("budget = 40", "budget = 20")
    network = network.replace('["random", "margin"]', '["margin"]')
    made = {"own": ("bfloat16", "float32"), "asked": ("", "bfloat16"), "plain": ("", "auto")}
    for name, (own, asked) in made.items():
        monkeypatch.setenv("ALCORE_PRECISION", asked)
        own_line = f'precision = "{own}"\n' if own else ""
        file = tmp_path / f"{name}.toml"
        file.write_text(own_line + network.replace('"shown"', f'"{name}"'))
        assert command("experiment", "run", str(file), "--no-estimate", "--workers", "1") == 0
    store = Store.open(workspace)
    with store.read() as connection:
        stored = {
            name: stored_experiments.rounds(
                connection,
                stored_experiments.runs(connection, stored_experiments.named(connection, name).id)[
                    0
                ].id,
            )[0]
            for name in made
        }
    store.close()
    found = {name: done.summary["versions"]["arithmetic"] for name, done in stored.items()}
    assert found == {"own": "bfloat16", "asked": "bfloat16", "plain": "float32"}
    (said,) = differences(stored["plain"], stored["asked"])
    assert said == "arithmetic, float32 and now bfloat16: such rounds are never the same"

    capsys.readouterr()
    monkeypatch.setenv("ALCORE_PRECISION", "float32")
    assert command("experiment", "replay", "asked") == 1
    assert "were computed in bfloat16, but ALCORE_PRECISION asks for" in capsys.readouterr().err
    file.write_text('precision = "bfloat16"\n' + network.replace('"shown"', '"plain"'))
    assert command("experiment", "run", str(file)) == 1
    assert "was not computed in bfloat16" in capsys.readouterr().err
    file.write_text('precision = "auto"\n' + network)
    assert command("experiment", "run", str(file)) == 1
    assert "no precision called 'auto'; choose from float32, bfloat16" in capsys.readouterr().err
    monkeypatch.setenv("ALCORE_PRECISION", "auto")
    assert command("experiment", "replay", "asked") == 0
    assert "the same bit for bit" in capsys.readouterr().out
    monkeypatch.setenv("ALCORE_PRECISION", "half")
    assert command("experiment", "replay", "asked") == 1
    assert "ALCORE_PRECISION is 'half'; choose from auto, float32" in capsys.readouterr().err


def test_a_report_without_rounds_is_refused(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "shown.toml"
    file.write_text(GRID)
    experiments.create(store, reading.read(file))
    with pytest.raises(InvalidSettings, match="no finished round yet"):
        experiment_report.write(store, "shown", tmp_path / "out")


def test_hostile_names_are_text_on_the_page(store: Store, tmp_path: Path) -> None:
    text = GRID.replace('name = "shown"', "name = '<script>alert(1)<script>'")
    file = tmp_path / "hostile.toml"
    file.write_text(text)
    design = reading.read(file)
    experiments.create(store, design)
    assert sweeping.run(store, design.name, "process", 1, threading.Event())
    found = experiment_findings.findings(store, design.name)
    page = experiment_report.page(found)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "# \\<script\\>alert(1)\\<script\\>" in experiment_markdown.text(found, ())


def test_a_project_with_an_answer_key_is_a_data_set_and_one_without_is_refused(
    store: Store,
) -> None:
    known = projects.create(store, "numbers", {"kind": "digits"}, "answer key", ProjectSettings())
    projects.import_now(store, known, 1)
    text = GRID.replace('source = "digits"', 'source = "project:numbers"')
    raw = tomllib.loads(text)
    found = experiments.create(store, reading.from_json(raw))
    assert sweeping.run(store, found.name, "process", 1, threading.Event())
    assert experiments.progress(store, found.name).finished == 12

    blind = projects.create(
        store, "blind", {"kind": "digits"}, "none", ProjectSettings(), ["a", "b"]
    )
    projects.import_now(store, blind, 1)
    raw["datasets"] = ["project:blind"]
    raw["name"] = "blind one"
    with pytest.raises(InvalidSettings, match="has no answer key"):
        experiments.create(store, reading.from_json(raw))
