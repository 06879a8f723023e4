"""Owns the proof that simulated annotators err as they say, and alike for every strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw

from alcore.errors import InvalidSettings
from alcore.experiments import oracles
from alcore.experiments.oracles import Answers, World

NAMES = ("cat", "dog", "frog", "ship")
N = 8_000
TRUTH = np.random.default_rng(0).integers(0, 4, N)
HARD = np.linspace(0, 1, N)
EVERY = np.arange(N)
FIRST = np.zeros(N, int)


def world(seed: int = 0) -> World:
    return World(TRUTH, NAMES, lambda: HARD, seed)


def ask(kind: str, options: Mapping[str, Any] | None = None, seed: int = 0) -> Answers:
    return oracles.build(kind, options or {}, world(seed)).answer(EVERY, FIRST)


def test_the_perfect_oracle_tells_the_truth() -> None:
    assert (ask("perfect").decided() == TRUTH).all()


def test_noise_is_as_frequent_as_said_and_even_over_the_other_classes() -> None:
    said = ask("noise", {"rate": 0.3}).decided()
    wrong = said != TRUTH
    assert wrong.mean() == pytest.approx(0.3, abs=0.02)
    shares = np.bincount(((said - TRUTH) % 4)[wrong], minlength=4)[1:] / wrong.sum()
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)


def test_only_the_classes_of_a_pair_are_mistaken_for_each_other() -> None:
    said = ask("confusion", {"rate": 0.4, "pairs": [["cat", "ship"]]}).decided()
    wrong = said != TRUTH
    assert set(zip(TRUTH[wrong].tolist(), said[wrong].tolist(), strict=True)) == {(0, 3), (3, 0)}
    assert wrong[np.isin(TRUTH, (0, 3))].mean() == pytest.approx(0.4, abs=0.03)
    neighbours = ask("confusion", {"rate": 1.0}).decided()
    assert (neighbours == np.array([1, 0, 3, 2])[TRUTH]).all()


def test_harder_items_are_more_often_wrong_and_the_mean_is_the_rate() -> None:
    wrong = ask("difficulty", {"rate": 0.3}).decided() != TRUTH
    assert wrong.mean() == pytest.approx(0.3, abs=0.02)
    assert wrong[: N // 4].mean() < 0.12 < 0.45 < wrong[-N // 4 :].mean()


def test_an_abstaining_oracle_says_nothing_wrong_and_is_silent_about_hard_items() -> None:
    said = ask("abstaining", {"rate": 0.25}).decided()
    silent = said == oracles.ABSTAINED
    assert (said[~silent] == TRUTH[~silent]).all()
    assert silent.mean() == pytest.approx(0.25, abs=0.02)
    assert silent[: N // 2].mean() < silent[N // 2 :].mean() - 0.2
    alike = ask("abstaining", {"rate": 0.25, "harder": False}).decided() == oracles.ABSTAINED
    assert abs(alike[: N // 2].mean() - alike[N // 2 :].mean()) < 0.05


def test_annotators_have_a_confusion_of_their_own_and_votes_help() -> None:
    options = {"accuracies": [0.9, 0.7, 0.7], "votes": 3}
    answers = ask("annotators", options)
    assert (np.sort(answers.annotators, axis=1) == np.arange(3)).all()
    tastes = []
    for who, accuracy in enumerate([0.9, 0.7, 0.7]):
        said = answers.classes[answers.annotators == who]
        assert (said == TRUTH).mean() == pytest.approx(accuracy, abs=0.02)
        cats = said[TRUTH == 0]
        tastes.append(np.bincount(cats[cats != 0], minlength=4) / (cats != 0).sum())
    assert np.abs(tastes[1] - tastes[2]).max() > 0.1
    together = (answers.decided() == TRUTH).mean()
    alone = (ask("annotators", {**options, "votes": 1}).decided() == TRUTH).mean()
    assert together > alone + 0.04


def test_the_majority_counts_and_a_tie_goes_to_the_first_to_speak() -> None:
    said = np.array([[1, 2, 2], [3, 1, 2], [-1, -1, 0], [-1, -1, -1]])
    answers = Answers(said, np.zeros_like(said), np.zeros(said.shape))
    assert answers.decided().tolist() == [2, 3, 0, -1]


def test_answer_times_are_log_normal_around_their_median() -> None:
    seconds = ask("perfect", {"seconds": 3.0, "spread": 0.4}).seconds
    assert np.median(seconds) == pytest.approx(3, rel=0.03)
    assert np.log(seconds).std() == pytest.approx(0.4, rel=0.03)
    assert (ask("perfect", {"seconds": 3.0, "spread": 0.0}).seconds == 3).all()


@settings(deadline=None)  # a busy machine may take any time
@given(draw.permutations(list(range(30))), draw.sampled_from(sorted(oracles.KINDS)))
def test_the_same_question_gets_the_same_answer_in_whatever_order(
    order: list[int], kind: str
) -> None:
    oracle = oracles.build(kind, {}, world(3))
    rows, times = np.array(order), np.array(order) % 3
    whole = oracle.answer(rows, times)
    for place in range(0, 30, 7):
        one = oracle.answer(rows[place : place + 1], times[place : place + 1])
        assert (one.classes == whole.classes[place]).all()
        assert (one.seconds == whole.seconds[place]).all()


def test_a_second_look_is_drawn_anew_and_other_seeds_give_other_mistakes() -> None:
    oracle = oracles.build("noise", {"rate": 0.5}, world())
    first, second = oracle.answer(EVERY, FIRST), oracle.answer(EVERY, FIRST + 1)
    both = (first.decided() != TRUTH) & (second.decided() != TRUTH)
    assert both.mean() == pytest.approx(0.25, abs=0.02)
    assert (ask("noise", seed=1).classes != ask("noise", seed=0).classes).any()


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        ("perfct", {}, "did you mean 'perfect'"),
        ("noise", {"rat": 0.1}, "did you mean 'rate'"),
        ("noise", {"rate": 1.5}, "must be from 0 to 1"),
        ("noise", {"rate": "much"}, "must be of the kind of 0.2"),
        ("noise", {"rate": True}, "must be of the kind of 0.2"),
        ("confusion", {"pairs": [["cat", "dgo"]]}, "did you mean 'dog'"),
        ("confusion", {"pairs": [["cat"]]}, "is no pair"),
        ("confusion", {"rate": 0.6, "pairs": [["cat", "dog"], ["cat", "ship"]]}, "lower the rate"),
        ("annotators", {"accuracies": []}, "must be from 1 to 100"),
        ("annotators", {"accuracies": [0.9], "votes": 2}, "must be from 1 to 1"),
        ("perfect", {"seconds": -1.0}, "must be from 0"),
    ],
)
def test_options_that_cannot_be_are_refused(
    kind: str, options: Mapping[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidSettings, match=complaint):
        ask(kind, options)
