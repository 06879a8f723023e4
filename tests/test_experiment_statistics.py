"""Owns the proof that the figures of studies are right: worked by hand, and for any trials."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw
from hypothesis.extra.numpy import arrays
from scipy import stats

from alcore.experiments import comparing, curves, stops
from alcore.records import Evaluation, RoundSummary, StopSignals

LABELS = np.array([10, 20, 40, 80])
shares = draw.floats(0, 1, allow_nan=False)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# -- curves ------------------------------------------------------------------------------------


def test_areas_by_hand_are_means_over_labels_and_over_their_logarithm() -> None:
    values = np.array([[0.0, 0.5, 0.5, 1.0], [0.3, 0.3, 0.3, 0.3]])
    linear = (0.25 * 10 + 0.5 * 20 + 0.75 * 40) / 70
    assert curves.areas(LABELS, values) == pytest.approx([linear, 0.3])
    assert curves.areas(LABELS, values, log=True) == pytest.approx([(0.25 + 0.5 + 0.75) / 3, 0.3])


def test_labels_to_target_by_hand() -> None:
    dipping = np.array([0.2, 0.6, 0.4, 0.8])
    assert curves.labels_to_target(LABELS, dipping, 0.4) == 15
    assert curves.labels_to_target(LABELS, dipping, 0.6) == 20
    assert curves.labels_to_target(LABELS, dipping, 0.7) == pytest.approx(60)
    assert curves.labels_to_target(LABELS, dipping, 0.1) == 10
    assert curves.labels_to_target(LABELS, dipping, 0.81) is None


def test_twice_as_quick_a_strategy_saves_a_factor_of_two() -> None:
    slow = np.array([[0.1, 0.2, 0.4, 0.8]] * 3)  # a hundredth per label
    quick = np.array([[0.2, 0.4, 0.8, 0.9]] * 3)
    found = curves.saving(LABELS, slow, quick, rng())
    assert (found.factor, found.bound) == (pytest.approx(2), "exact")
    assert found.target == pytest.approx(0.8)
    assert (found.baseline_labels, found.strategy_labels) == (80, 40)
    assert (found.low, found.high) == (pytest.approx(2), pytest.approx(2))


def test_a_saving_is_censored_where_one_never_gets_there() -> None:
    slow = np.array([[0.1, 0.2, 0.3, 0.4]] * 3)
    quick = np.array([[0.2, 0.4, 0.8, 0.9]] * 3)
    ahead = curves.saving(LABELS, slow, quick, rng(), target=0.8)
    assert (ahead.factor, ahead.bound) == (2.0, "at least")
    assert (ahead.low, ahead.high) == (2.0, math.inf)
    behind = curves.saving(LABELS, quick, slow, rng(), target=0.8)
    assert (behind.factor, behind.bound, behind.low, behind.high) == (0.5, "at most", 0.0, 0.5)
    nobody = curves.saving(LABELS, slow, quick, rng(), target=0.95)
    assert (nobody.factor, nobody.bound, nobody.low, nobody.high) == (None, "unknown", 0, math.inf)


@settings(deadline=None)  # a busy machine may take any time
@given(arrays(np.float64, (4, 4), elements=shares))
def test_a_strategy_saves_nothing_against_itself(values: np.ndarray) -> None:
    found = curves.saving(LABELS, values, values, rng(), resamples=20)
    assert found.factor == found.low == found.high == 1


@settings(deadline=None)  # a busy machine may take any time
@given(arrays(np.float64, 4, elements=shares), shares)
def test_the_curve_is_below_the_target_before_and_there_at_the_label_count(
    values: np.ndarray, target: float
) -> None:
    found = curves.labels_to_target(LABELS, values, target)
    best = curves.monotone(values)
    if found is None:
        assert best[-1] < target
        return
    assert np.interp(found, LABELS, best) == pytest.approx(target) or found == LABELS[0]
    assert all(v < target for n, v in zip(LABELS, values, strict=True) if n < found - 1e-9)


def test_the_interval_holds_the_true_factor_about_as_often_as_it_says() -> None:
    generator, inside = np.random.default_rng(1), 0
    for _ in range(60):
        trial = generator.normal(0, 0.02, (12, 1))
        slow = 0.01 * LABELS + trial + generator.normal(0, 0.02, (12, 4))
        quick = 0.02 * LABELS + trial + generator.normal(0, 0.02, (12, 4))
        found = curves.saving(LABELS, slow, quick, generator, target=0.4, resamples=300)
        inside += found.low <= 2 <= found.high
    assert inside >= 50


def test_the_band_is_that_of_students_t_and_one_trial_has_none() -> None:
    values = np.array([[0.1, 0.5], [0.2, 0.5], [0.6, 0.5]])
    mean, low, high = curves.band(values)
    expected = stats.t.interval(0.95, 2, values[:, 0].mean(), stats.sem(values[:, 0]))
    assert (low[0], high[0]) == pytest.approx(expected)
    assert mean[1] == low[1] == high[1] == 0.5
    alone, low, high = curves.band(values[:1])
    assert alone.tolist() == [0.1, 0.5]
    assert np.isnan(low).all() and np.isnan(high).all()


def test_one_trial_gives_no_interval_of_anything() -> None:
    saved = curves.saving(
        LABELS, np.array([[0.1, 0.2, 0.4, 0.8]]), np.array([[0.2, 0.4, 0.8, 0.9]]), rng()
    )
    assert saved.factor == pytest.approx(2) and (saved.low, saved.high) == (None, None)
    (test,) = comparing.compare(["margin", "random"], np.array([[0.8], [0.7]]), "random")
    assert test.difference == pytest.approx(0.1) and (test.low, test.high) == (None, None)


# -- comparisons -------------------------------------------------------------------------------


def signs_counted(values: np.ndarray) -> float:
    """The two-sided p over all signs, by trying every one of them."""
    values = values[values != 0]
    if not len(values):
        return 1.0
    ranked = stats.rankdata(np.abs(values))
    seen = ranked[values > 0].sum()
    total = ranked.sum()
    sums = [sum(s) for s in itertools.product(*[(0, r) for r in ranked])]
    lesser = min(seen, total - seen)
    return min(1.0, 2 * sum(s <= lesser + 1e-9 for s in sums) / len(sums))


@settings(deadline=None)  # a busy machine may take any time
@given(draw.lists(draw.integers(-6, 6), min_size=1, max_size=9))
def test_the_rank_test_counts_all_signs_even_with_ties(values: list[int]) -> None:
    found = np.array(values, float)
    assert comparing.wilcoxon(found) == pytest.approx(signs_counted(found))


@pytest.mark.parametrize("n", [5, 20, 50, 51, 200])
def test_the_tests_agree_with_scipy(n: int) -> None:
    gaps = np.random.default_rng(n).normal(0.2, 1, n)
    method = "exact" if n <= 50 else "asymptotic"
    expected = stats.wilcoxon(gaps, method=method, correction=True).pvalue
    assert comparing.wilcoxon(gaps) == pytest.approx(expected, rel=1e-6)
    assert comparing.paired_t(gaps) == pytest.approx(stats.ttest_1samp(gaps, 0).pvalue, rel=1e-9)
    assert comparing.t_quantile(n - 1) == pytest.approx(stats.t.ppf(0.975, n - 1), rel=1e-6)


def test_five_pairs_cannot_go_below_a_sixteenth() -> None:
    assert comparing.wilcoxon(np.array([1.0, 2, 3, 4, 5])) == 0.0625
    assert "smallest p possible is 0.0625" in comparing.power_warning(5, 1)
    assert "At least 6 are needed" in comparing.power_warning(5, 1)
    assert comparing.power_warning(6, 1) == ""
    assert "At least 9 are needed" in comparing.power_warning(6, 9)


@settings(deadline=None)  # a busy machine may take any time
@given(draw.integers(1, 20), draw.integers(1, 50))
def test_the_number_of_trials_that_is_asked_for_is_enough_and_one_less_is_not(
    trials: int, comparisons: int
) -> None:
    warning = comparing.power_warning(trials, comparisons)
    if warning:
        needed = int(warning.split("At least ")[1].split()[0])
        assert needed > trials
        assert comparing.power_warning(needed, comparisons) == ""
        assert comparing.power_warning(needed - 1, comparisons) != ""


def test_holm_by_hand() -> None:
    assert comparing.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert comparing.holm([]) == []


@settings(deadline=None)  # a busy machine may take any time
@given(draw.lists(shares, min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_lowers_a_p(values: list[float]) -> None:
    corrected = comparing.holm(values)
    assert all(c >= v for c, v in zip(corrected, values, strict=True))
    assert max(corrected) <= 1
    order = np.argsort(values, kind="stable")
    assert all(np.diff(np.array(corrected)[order]) >= 0)


def test_comparing_with_a_baseline_gives_the_difference_its_way_round() -> None:
    better = [0.8, 0.82, 0.85, 0.81, 0.83, 0.86]
    worse = [0.7, 0.75, 0.74, 0.72, 0.71, 0.70]
    (found,) = comparing.compare(["margin", "random"], np.array([better, worse]), "random")
    assert (found.first, found.second, found.wins, found.trials) == ("margin", "random", 6, 6)
    assert found.difference == pytest.approx(np.mean(better) - np.mean(worse))
    assert 0 < found.low < found.difference < found.high
    assert found.wilcoxon == found.holm == 2 / 2**6
    assert len(comparing.compare("abcd", np.random.default_rng(0).random((4, 6)))) == 6


def test_the_penalty_goes_to_the_loser() -> None:
    noise = np.random.default_rng(0).normal(0, 0.001, (3, 8, 5))
    values = noise + np.array([0.9, 0.5, 0.5])[:, None, None]
    matrix = comparing.penalty_matrix(values)
    assert matrix[0, 1] == matrix[0, 2] == 1, "the row beats the column"
    assert matrix[1, 0] == matrix[2, 0] == 0
    assert matrix.mean(axis=0).argmin() == 0, "the best strategy has the smallest column"
    assert matrix[1, 2] + matrix[2, 1] <= 0.4


def test_mean_ranks_share_ties_and_add_up() -> None:
    values = np.array([[0.9, 0.9, 0.5], [0.8, 0.9, 0.6], [0.1, 0.2, 0.3]])
    assert comparing.mean_rank(values) == pytest.approx([(1 + 1.5 + 2) / 3, (2 + 1.5 + 1) / 3, 3])


def test_ten_pairs_see_about_a_point_where_trials_spread_by_a_point() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(0, 0.01 / math.sqrt(2), (2, 4000))
    seen = comparing.smallest_visible(values)
    assert seen * math.sqrt(4000 / 10) == pytest.approx(0.0089, rel=0.05)
    assert comparing.smallest_visible(values[:, :1]) is None


# -- stopping after the fact -------------------------------------------------------------------


def a_round(
    number: int,
    accuracy: float,
    kappa: float | None = 0.5,
    entropy: float = 0.5,
    changed: float = 0.1,
) -> RoundSummary:
    return RoundSummary(
        id=0, project_id=0, number=number, created_at=0.0, labels=10 * number,
        label_minutes=float(number),
        strategy="margin", strategy_options={}, mode="fresh",
        evaluation=Evaluation(100, accuracy, (0.0, 1.0)),
        stop=StopSignals(kappa, changed, entropy), uncertainty=(), labels_per_class=(),
        batch_per_class=(), seconds={}, seed=0, checkpoint=None,
    )  # fmt: skip


def test_each_criterion_is_told_apart_and_its_price_reckoned() -> None:
    rounds = [
        a_round(1, 0.2, None),
        a_round(2, 0.4),
        a_round(3, 0.6, 0.995),
        a_round(4, 0.7, 0.995, changed=0.0),
        a_round(5, 0.8, 0.995),
        a_round(6, 0.85, 0.9, entropy=0.04),
        a_round(7, 0.9, 0.9),
    ]
    found = {stop.criterion: stop for stop in stops.after_the_fact(rounds)}
    assert set(found) == set(stops.CRITERIA)
    stable = found["stable predictions"]
    assert (stable.number, stable.labels, stable.saved) == (5, 50, 20)
    assert stable.lost == pytest.approx(0.1) and stable.minutes == 2
    assert found["no change of class"].number == 4
    assert found["low uncertainty"].number == 6
    flat = found["flat accuracy"]
    assert (flat.number, flat.labels, flat.saved, flat.lost) == (None, 70, 0, 0)
    assert found["as live projects advise"].number == 5


def test_a_run_that_goes_nowhere_is_flat_after_six_rounds() -> None:
    rounds = [a_round(i, 0.5, 0.5) for i in range(1, 9)]
    found = {stop.criterion: stop for stop in stops.after_the_fact(rounds)}
    assert found["flat accuracy"].number == 6
    assert stops.after_the_fact([]) == []
