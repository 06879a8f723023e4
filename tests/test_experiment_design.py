"""Owns the proof that designs are read as they are meant, and that bad ones are refused kindly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from alcore.config import Runtime, Workspace
from alcore.errors import InvalidSettings, UnknownExperiment, UnknownStrategy
from alcore.experiments import chain, initial, reading
from alcore.experiments.chain import Run
from alcore.experiments.design import Cell, Design, runs
from alcore.services import experiments
from alcore.store import Store

TOML = """
name = "many"
budget = 50
trials = 3
initial = [10, {size = 20, how = "balanced"}]
batch_sizes = [10, 20]
strategies = ["random", {name = "mixed", share = 0.25}]
learners = ["network", {kind = "estimator", estimator = "extra trees"}]

[[datasets]]
source = "digits"
long_tail = 10

[[datasets]]
source = {kind = "shapes", size = 200}

[[oracles]]
kind = "perfect"

[[oracles]]
kind = "noise"
name = "sloppy"
rate = 0.1
"""


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def plain(**changes: Any) -> dict[str, Any]:
    return {
        "name": "plain", "budget": 40, "datasets": ["digits"], "strategies": ["random", "margin"],
        "initial": [20], **changes,
    }  # fmt: skip


def test_a_toml_file_is_multiplied_out(tmp_path: Path) -> None:
    path = tmp_path / "many.toml"
    path.write_text(TOML)
    design = reading.read(path)
    assert len(design.cells) == 2 * 2 * 2 * 2 * 2 * 2
    rounds = {(10, 10): 5, (10, 20): 3, (20, 10): 4, (20, 20): 3}
    assert design.trainings == 3 * 16 * sum(rounds.values())
    for cell in design.cells:
        assert cell.rounds(50) == rounds[cell.initial.size, cell.batch_size]
    assert design.titles == ["random", "mixed share=0.25"] and design.against == "random"
    assert {cell.oracle.title for cell in design.cells} == {"perfect", "sloppy"}
    assert {cell.learner.title for cell in design.cells} == {"small CNN", "extra trees on pixels"}
    assert len({cell.key for cell in design.cells}) == 64
    assert [trial for _, trial in runs(design)][::64] == [0, 1, 2]


def test_a_grid_survives_the_database_and_keeps_the_names_of_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "many.toml"
    path.write_text(TOML)
    design = reading.read(path)
    again = reading.from_json(design.to_json())
    assert again == design
    assert [c.key for c in again.cells] == [c.key for c in design.cells]
    cell = design.cells[5]
    assert Cell.from_json(cell.to_json()).key == cell.key
    run = Run(cell, 2, 0, 50)
    assert Run.from_json(run.to_json()) == run


def test_trials_differ_and_what_a_trial_shares_does_not_depend_on_the_strategy() -> None:
    design = reading.from_json(plain())
    seeds = [[Run(c, t, 0, 40).trial_seed for c in design.cells] for t in range(3)]
    assert all(len(set(row)) == 1 for row in seeds)
    assert len({row[0] for row in seeds}) == 3


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"strategies": ["margn"]}, "did you mean 'margin'"),
        ({"datasets": ["digit"]}, "did you mean 'digits'"),
        ({"oracles": ["perfekt"]}, "did you mean 'perfect'"),
        ({"learners": ["netwrk"]}, "did you mean 'network'"),
        ({"learners": [{"kind": "network", "network": "resnet81"}]}, "did you mean 'resnet18'"),
        ({"learners": [{"kind": "estimator", "estimator": "random tree"}]}, "'random forest'"),
        ({"initial": [{"size": 20, "how": "balance"}]}, "did you mean 'balanced'"),
        ({"initial": [{"size": 20, "how": "typiclus"}]}, "did you mean 'TypiClust'"),
        ({"strategys": ["margin"]}, "did you mean 'strategies'"),
        ({"datasets": [{"source": "digits", "longtail": 3}]}, "did you mean 'long_tail'"),
        ({"oracles": [{"kind": "noise", "rates": 0.1}]}, "did you mean 'rate'"),
        ({"baseline": "randm"}, "did you mean 'random'"),
        ({"strategies": ["margin", "margin"]}, "is in the grid twice"),
        ({"strategies": []}, "says nothing of 'strategies'"),
        ({"datasets": "digits"}, "must be a list"),
        ({"budget": 10}, "raise the budget"),
        ({"trials": 0}, "must be from 1"),
        ({"budget": "many"}, "must be of the kind of 0"),
        ({"batch_sizes": [0]}, "must be from 1"),
        ({"batch_sizes": 10}, "must be of the kind of"),
        ({"name": "a/b"}, "without '/'"),
        ({"learners": [{"kind": "head"}]}, "name a checkpoint"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises((InvalidSettings, UnknownStrategy), match=complaint):
        reading.from_json(plain(**changes))


def test_a_file_that_is_not_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(InvalidSettings, match="is not TOML"):
        reading.read(path)
    with pytest.raises(InvalidSettings, match="cannot be read"):
        reading.read(tmp_path / "absent.toml")


def test_a_budget_larger_than_the_pool_is_refused_before_anything_runs(store: Store) -> None:
    design = reading.from_json(plain(budget=500, datasets=[{"source": "digits", "items": 300}]))
    with pytest.raises(InvalidSettings, match="has 300 items; lower the budget"):
        experiments.create(store, design)
    assert experiments.list_experiments(store) == []


@pytest.mark.parametrize(
    "learner",
    [
        {"kind": "head", "features": "absent.npy"},
        {"kind": "network", "weights_file": "absent.npy"},
    ],
)
def test_files_of_learners_are_looked_for_when_they_are_used_not_when_a_grid_is_read(
    store: Store, learner: dict[str, str]
) -> None:
    design = reading.from_json(plain(learners=[learner]))
    with pytest.raises(InvalidSettings, match=r"there is no file absent\.npy"):
        experiments.create(store, design)
    assert experiments.list_experiments(store) == []


def test_an_oracle_that_does_not_fit_the_classes_is_refused(store: Store) -> None:
    oracles = [{"kind": "confusion", "pairs": [["1", "cat"]]}]
    with pytest.raises(InvalidSettings, match="no class called 'cat'"):
        experiments.create(store, reading.from_json(plain(oracles=oracles)))


def test_an_experiment_grows_but_does_not_shrink(store: Store) -> None:
    experiments.create(store, reading.from_json(plain()))
    grown = experiments.extend(store, "plain", ["entropy"], 2)
    design: Design = experiments.design_of(grown)
    assert design.titles == ["random", "margin", "entropy"] and design.trials == 7
    assert experiments.progress(store, "plain").planned == 3 * 7 * 3
    # Nothing is finished yet, so it may shrink; what is finished must stay (see the sweeps).
    experiments.create(store, reading.from_json(plain(trials=1)))
    assert experiments.progress(store, "plain").planned == 2 * 3
    with pytest.raises(UnknownExperiment, match="did you mean 'plain'"):
        experiments.progress(store, "plan")


def test_two_experiments_run_at_once_whoever_presses_start_when(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"plain {n}" for n in range(6)]
    for name in names:
        experiments.create(store, reading.from_json(plain(name=name)))
    started: set[str] = set()

    def start(runtime: object, name: str, workers: int) -> None:
        time.sleep(0.01)  # a process takes its time
        started.add(name)

    monkeypatch.setattr(experiments.launching, "start_experiment", start)
    monkeypatch.setattr(experiments.launching, "started_experiments", lambda: set(started))

    def press(name: str) -> str:
        try:
            experiments.start(store, Runtime(store.workspace, 1), name, 1)
        except InvalidSettings as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(press, names))
    assert len(started) == experiments.MOST_AT_ONCE == answers.count("")
    refused = next(answer for answer in answers if answer)
    assert all(repr(name) in refused for name in started) and "pause one" in refused
    assert press(min(started)) == ""  # it is started already: nothing happens


def test_the_balanced_initial_set_has_as_many_of_each_class(tmp_path: Path) -> None:
    quick = [{"kind": "estimator", "estimator": "naive bayes"}]
    design = reading.from_json(
        plain(initial=[{"size": 20, "how": "balanced"}], learners=quick, budget=20)
    )
    done = chain.next_round(Run(design.cells[0], 0, 0, 20), [], tmp_path)
    assert done.summary["labels_per_class"] == [2] * 10


def test_every_way_to_the_initial_set_gives_one_that_depends_on_the_trial_alone(
    tmp_path: Path,
) -> None:
    spec = reading.from_json(plain(datasets=[{"source": "digits", "items": 150}])).datasets[0]
    trial, other = (chain.pool_of(spec, seed, tmp_path) for seed in (1, 2))
    classes = {}
    for how in initial.ways():
        orders = [initial.order(how, 20, one) for one in (trial, trial, other)]
        assert orders[0].tolist() == orders[1].tolist(), how
        assert orders[0][:20].tolist() != orders[2][:20].tolist(), how
        assert sorted(orders[0].tolist()) == trial.pool.tolist(), how
        classes[how] = len(set(trial.truth[orders[0][:20]].tolist()))
    assert {"random", "balanced", "cold start", "TypiClust", "k-center"} <= set(classes)
    assert classes["balanced"] == 10 and classes["cold start"] >= 8 and classes["TypiClust"] >= 8


def test_an_initial_set_of_one_class_gets_a_second(tmp_path: Path) -> None:
    quick = [{"kind": "estimator", "estimator": "naive bayes"}]
    data = [{"source": "digits", "long_tail": 150.0}]
    design = reading.from_json(plain(initial=[2], learners=quick, budget=2, datasets=data))
    for trial in range(8):
        done = chain.next_round(Run(design.cells[0], trial, 0, 2), [], tmp_path)
        assert sorted(done.summary["labels_per_class"])[-2:] == [1, 1]
