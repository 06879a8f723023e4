"""Owns the tests of the experiments page without a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from alcore.config import Workspace
from alcore.experiments import chain, reading
from alcore.experiments.chain import Run
from alcore.services import experiments
from alcore.store import Store
from alcore.store import experiments as stored
from alcore.web import state

APP = str(Path(__file__).parent.parent / "app.py")
GRID = {
    "name": "digits $x$ <b>",
    "budget": 40,
    "trials": 2,
    "datasets": [{"source": "digits", "items": 100, "holdout": 100}],
    "strategies": ["random", "margin"],
    "initial": [20],
    "batch_sizes": [10],
    "learners": [{"kind": "estimator", "estimator": "naive bayes"}],
}


@pytest.fixture
def store(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store that pages open in this process."""
    monkeypatch.setenv("ALCORE_WORKSPACE", str(workspace.root))
    for kept in (state.runtime, state.store, state.tickets):
        kept.cache_clear()
    yield state.store()
    state.store().close()
    for kept in (state.runtime, state.store, state.tickets):
        kept.cache_clear()


def page(name: str = "") -> AppTest:
    test = AppTest.from_file(APP, default_timeout=60).run().switch_page("pages/experiments.py")
    if name:
        test.query_params["experiment"] = name
    return test.run()


def run_here(store: Store, rounds: int) -> None:
    """Compute so many rounds of each run in this process, as a sweep would."""
    found = experiments.create(store, reading.from_json(GRID))
    folder = store.workspace.experiments
    with store.read() as connection:
        every = stored.runs(connection, found.id)
    for run in every:
        before: list[Any] = []
        for _ in range(rounds):
            done = chain.next_round(Run.from_json(run.spec), before, folder)
            before.append(done.arrays)
            with store.write() as connection:
                stored.add_rounds(connection, [(run.id, done)], time.time())


def test_the_first_visit_offers_a_form_that_checks_a_grid(store: Store) -> None:
    test = page()
    assert not test.exception
    test.button(key="check-grid").click().run()
    assert "2 cells × 10 trials: 180 trainings" in test.success[0].value
    test.selectbox(key="grid-learner").select("naive bayes").run()
    test.button(key="time-grid").click().run()
    assert "180 trainings, about" in test.success[0].value
    test.number_input(key="grid-budget").set_value(5000).run()
    test.button(key="check-grid").click().run()
    assert "lower the budget" in test.error[0].value
    assert experiments.list_experiments(store) == []


def test_a_half_finished_experiment_shows_its_curves_and_can_go_on(store: Store) -> None:
    run_here(store, 2)
    test = page(GRID["name"])
    assert not test.exception
    assert [b.key for b in test.button if b.key in ("resume", "pause")] == ["resume"]
    assert any("when all strategies have finished a trial" in h.body for h in test.html)
    test.selectbox(key="experiment").select_index(1).run()
    assert [b.key for b in test.button if b.key == "start-grid"], "a new one can be made beside it"


def test_a_finished_experiment_shows_tables_images_and_files(store: Store) -> None:
    run_here(store, 3)
    test = page(GRID["name"])
    assert not test.exception
    assert any("2 paired trials cannot show" in w.value for w in test.warning)
    compared = next(d.value for d in test.dataframe if "mean rank" in d.value)
    assert sorted(compared["strategy"]) == ["margin", "random"]
    assert not [b for b in test.button if b.key in ("resume", "pause")], "nothing is left to do"
    plain = [re.sub("<[^>]*>", "", h.body) for h in test.html]
    assert any("The holdout of 100 labels is not counted" in text for text in plain)
    assert not [d for d in test.dataframe if "criterion" in d.value], "only where somebody looks"
    test.session_state["experiment-stops"] = True
    test.run()
    stopped = next(d.value for d in test.dataframe if "criterion" in d.value)
    assert len(stopped) == 2 * 5 and set(stopped["strategy"]) == {"margin", "random"}
    test.button(key="prepare").click().run()
    assert not test.exception
    assert {"get report.html", "get rounds.parquet", "get curves.svg"} <= {
        element.key for element in test.get("download_button")
    }


def test_from_the_start_to_the_first_round_the_page_says_what_is_done(store: Store) -> None:
    experiments.create(store, reading.from_json(GRID))
    test = page(GRID["name"])
    test.button(key="resume").click().run()
    assert not test.exception
    said = " ".join(h.body for h in test.html)
    assert "Starting" in said and "a process of its own starts" in said
    assert not [b for b in test.button if b.key == "resume"], "it was asked for once"
    until = time.monotonic() + 180
    while not experiments.progress(store, GRID["name"]).running:
        assert time.monotonic() < until
        time.sleep(0.05)
    loading = "the workers load their libraries and the images"
    test.run()
    now = experiments.progress(store, GRID["name"])
    assert now.finished or loading in " ".join(h.body for h in test.html)
    while (now := experiments.progress(store, GRID["name"])).finished < now.planned:
        assert time.monotonic() < until
        time.sleep(0.1)
    test.run()
    assert loading not in " ".join(h.body for h in test.html)
