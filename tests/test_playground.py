"""Owns the proof that the Playground is a pure function of its settings, and that its examples
show what they promise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from made import web_store
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore import strategies
from alcore.config import Runtime, Workspace
from alcore.errors import AnswerLate, InvalidSettings
from alcore.playground import points, rounds, telling
from alcore.playground.examples import EXAMPLES, Example
from alcore.playground.formulas import FORMULAS
from alcore.playground.rounds import Side
from alcore.playground.settings import (
    DATA,
    LIMITS,
    MODELS,
    Settings,
    decode_points,
    encode_points,
)
from alcore.rounds.estimators import GIVES
from alcore.services import playground
from alcore.web import playing, state
from alcore.web.tickets import OUTSIDE
from alcore.workers.answering import Answering

SMALL = Settings(points=60, rounds=6, model="k nearest")
OWN = encode_points(
    np.random.default_rng(0).normal(0, 0.2, (40, 2)) + np.repeat([[-0.4], [0.4]], 20, axis=0),
    np.repeat([0, 1], 20),
)


# -- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"data": "suns"}, "no data 'suns'; choose from blobs, moons"),
        ({"model": "os.system"}, "no model"),
        ({"first": "BALD"}, "no first strategy 'BALD'"),
        ({"points": 100_000}, "points is 100000; must be from 60 to 1000"),
        ({"points": "many"}, "must be a number"),
        ({"points": 99.5}, "must be a whole number"),
        ({"noise": float("nan")}, "must be a number"),
        ({"batch": True}, "must be a number"),
        ({"rounds": 0}, "must be from 1 to 80"),
        ({"answers": "01x"}, "digits from 0 to 5"),
        ({"data": "own", "own": "!!!"}, "damaged"),
        ({"data": "own", "own": ""}, "0 points of 0 classes; the loop needs at least 20"),
        ({"data": "own", "own": "A" * 6000}, "more than 1,000"),
        ({"colour": "red"}, "no setting 'colour'"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_would_be_right(
    raw: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidSettings, match=reason):
        Settings.from_json(raw)


def test_points_are_written_as_the_page_writes_them() -> None:
    text = encode_points(np.array([[-1, 1], [0.25, -0.75]]), np.array([0, 5]))
    assert text == "AA__AJ_yAAU"  # of encodePoints in own.js, see playground.test.js
    places, classes = decode_points(OWN)
    assert len(places) == 40 and classes.tolist() == [0] * 20 + [1] * 20


# -- points ------------------------------------------------------------------------------------


def test_the_first_class_has_as_many_times_more_points_as_the_balance_says() -> None:
    made = points.make(replace(SMALL, data="blobs", points=400, balance=4.0))
    sizes = np.bincount(made.truth[: made.pool])
    assert sizes.sum() == 400 and sizes[0] / sizes[-1] == pytest.approx(4, rel=0.05)
    assert len(set(np.bincount(made.truth[made.pool :]))) == 1  # the holdout stays even


def test_outliers_lie_on_a_rim_around_all_others() -> None:
    plain = points.make(replace(SMALL, points=200))
    made = points.make(replace(SMALL, points=200, outliers=0.1))
    moved = (plain.places != made.places).any(axis=1)
    assert moved.sum() == 20 and not moved[made.pool :].any()
    assert np.abs(made.places[moved]).max(axis=1).min() > 0.85


def test_a_digit_comes_with_its_picture() -> None:
    made = points.make(replace(SMALL, data="digits", points=100))
    assert made.pictures is not None and made.pictures.shape == (100, 8, 8)
    assert made.pictures.max() == 16


# -- rounds ------------------------------------------------------------------------------------


def told(settings: Settings, number: int) -> dict[str, Any]:
    question = {"settings": vars(settings), "from": number, "count": 1}
    return telling.answer(question)


def test_a_step_is_the_same_however_one_comes_to_it() -> None:
    along = [told(SMALL, number) for number in range(5)]
    rounds._rounds.clear()
    assert told(SMALL, 4) == along[4]


def test_both_sides_start_alike_and_a_point_has_one_answer_whoever_asks() -> None:
    noisy = replace(SMALL, noise=0.3, first="k-center", second="margin", rounds=20)
    shared = rounds.scene(noisy.of_scene())
    one, other = (rounds.round_of(noisy, side, 20) for side in get_args(Side))
    assert one is not None and other is not None
    assert one.ids[:6].tolist() == other.ids[:6].tolist() == shared.start.tolist()
    assert len(np.unique(shared.points.truth[shared.start])) > 1
    said = dict(zip(one.ids.tolist(), one.labels.tolist(), strict=True))
    both = [i for i in other.ids.tolist() if i in said]
    assert len(both) > 6
    assert all(said[i] == other.labels[other.ids.tolist().index(i)] for i in both)
    wrong = (one.labels != shared.points.truth[one.ids])[6:]
    assert 1 <= wrong.sum() <= 12


def test_a_persons_answers_count_on_the_left_alone_and_only_for_what_comes_later() -> None:
    asked = replace(SMALL, oracle="me", batch=2)
    assert rounds.round_of(asked, "first", 1) is None
    first = rounds.round_of(replace(asked, answers="01"), "first", 1)
    other = rounds.round_of(replace(asked, answers="0011"), "first", 2)
    assert first is not None and first.labels[-2:].tolist() == [0, 1]
    assert other is not None and other.labels[-4:].tolist() == [0, 0, 1, 1]
    assert len(telling.answer({"settings": vars(asked), "from": 0, "count": 4})["first"]) == 1
    simulated = rounds.round_of(replace(SMALL, batch=2), "second", 3)
    assert rounds.round_of(asked, "second", 3) is simulated


@pytest.mark.parametrize(
    ("model", "data"),
    [*((model, "moons") for model in MODELS), *(("k nearest", data) for data in DATA)],
)
def test_every_model_and_every_kind_of_points_makes_a_round(model: str, data: str) -> None:
    settings = replace(SMALL, data=data, model=model, rounds=1, own=OWN, initial=2)
    answer = told(settings, 1)
    classes = len(rounds.scene(settings.of_scene()).points.class_names)
    assert len(answer["first"][0]["grid"]) == 4 * -(-(rounds.GRID**2 * (classes - 1)) // 3)
    assert 0 <= answer["first"][0]["accuracy"] <= 1


def test_every_strategy_on_offer_fits_any_estimator_and_speaks_of_points() -> None:
    offered = {entry["name"]: entry for entry in playground.choices()["strategies"]}
    assert set(offered) == set(FORMULAS)
    for name, entry in offered.items():
        assert strategies.needed(name, {}) <= GIVES, name
        assert entry["sentence"] and "mage" not in entry["sentence"], name
        query = told(replace(SMALL, first=name, batch=3, rounds=1), 0)["first"][0]["query"]
        assert len(set(query)) == 3, name


def test_the_loop_ends_where_the_pool_does() -> None:
    spent = replace(SMALL, batch=20, rounds=80, initial=30)
    assert rounds.last_round(spent) == 1
    assert telling.answer({"settings": vars(spent), "from": 7, "count": 3})["first"] == []


def test_one_answer_holds_no_more_rounds_than_others_can_wait_for() -> None:
    many = {"settings": vars(replace(SMALL, rounds=40)), "from": 0, "count": 10**9}
    assert len(telling.answer(many)["first"]) == telling.MOST_ROUNDS
    with pytest.raises(InvalidSettings, match="whole numbers"):
        telling.answer({"settings": {}, "from": -1})


# -- what the ready examples promise -------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.title.split(":")[0])
def test_an_example_shows_what_it_promises(example: Example) -> None:
    """By the area under the learning curve over seeds; single labels are asked for in pairs."""
    shown = example.settings
    if shown.batch == 1:
        shown = replace(shown, batch=2, rounds=shown.rounds // 2)
    differences = []
    for seed in range(example.seeds):
        settings = replace(shown, seed=seed)
        differences.append(rounds.area(settings, "first") - rounds.area(settings, "second"))
    mean = np.mean(differences)
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    print(f"{example.title}: {100 * mean:+.1f} ± {100 * error:.1f} points")
    result = "draws" if abs(mean) < 2 * error else "wins" if mean > 0 else "loses"
    assert result == example.first


def test_examples_hold_settings_of_the_first_visit_first() -> None:
    assert EXAMPLES[0].changes() == {}
    titles = [example.title for example in EXAMPLES]
    assert len(set(titles)) == len(titles)
    assert {"wins", "loses", "draws"} == {example.first for example in EXAMPLES}


# -- the process that computes -----------------------------------------------------------------

ECHO = """
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked == {"do": "die"}:
        os._exit(3)
    time.sleep(asked.get("sleep", 0))
    print(json.dumps({"pid": os.getpid(), **asked}), flush=True)
"""


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "echoing.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "echoing"


def test_a_process_that_dies_is_started_again(echo: str, workspace: Workspace) -> None:
    answering = Answering(echo, Runtime(workspace, 1))
    try:
        assert answering.pid is None
        first = answering.ask({"n": 1})
        assert answering.pid == first["pid"] == answering.ask({"n": 2})["pid"]
        with pytest.raises(AnswerLate, match="ended twice"):
            answering.ask({"do": "die"})
        again = answering.ask({"n": 3})
        assert again["n"] == 3 and again["pid"] != first["pid"]
    finally:
        answering.close()
    assert answering.pid is None


def test_a_question_that_takes_too_long_is_given_up(echo: str, workspace: Workspace) -> None:
    answering = Answering(echo, Runtime(workspace, 1), patience=2.0)
    try:
        with pytest.raises(AnswerLate, match="not computed within 2 s"):
            answering.ask({"sleep": 60})
        assert answering.pid is None
    finally:
        answering.close()


def test_a_process_that_nobody_asks_ends(echo: str, workspace: Workspace) -> None:
    answering = Answering(echo, Runtime(workspace, 1), idle=0.3)
    try:
        assert answering.ask({"n": 1})["n"] == 1
        until = time.monotonic() + 60
        while answering.pid is not None:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert answering.ask({"n": 2})["n"] == 2
    finally:
        answering.close()


# -- the route ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with web_store(tmp_path_factory.mktemp("playground")):
        headers = {"X-Alcore-Ticket": state.tickets().issue(OUTSIDE, 1)}
        yield TestClient(Starlette(routes=playing.routes()), headers=headers)
        state.playground().close()


def test_a_page_gets_the_same_rounds_from_the_process_as_are_computed_here(
    http: TestClient,
) -> None:
    question = {"settings": vars(SMALL), "from": 0, "count": 3}
    answer = http.post("/playground/rounds", json=question)
    assert answer.status_code == 200
    assert answer.json() == telling.answer(question)
    areas = http.post("/playground/rounds", json={"what": "areas", "settings": vars(SMALL)})
    assert areas.json()["first"]["labels"] == list(range(6, 13))


def test_settings_that_cannot_be_never_reach_the_process(http: TestClient) -> None:
    state.playground().close()
    for settings in ({"points": 10**9}, {"data": "suns"}, [1]):
        answer = http.post("/playground/rounds", json={"settings": settings})
        assert answer.status_code == 422 and answer.json()["message"]
    assert state.playground().pid is None


def test_a_ticket_of_a_project_opens_no_playground_and_the_other_way_round(
    http: TestClient,
) -> None:
    foreign = {"X-Alcore-Ticket": state.tickets().issue(1, 1)}
    assert http.post("/playground/rounds", json={}, headers=foreign).status_code == 401


def test_the_limits_are_those_that_the_page_is_told() -> None:
    assert playground.choices()["limits"] == {name: list(pair) for name, pair in LIMITS.items()}
