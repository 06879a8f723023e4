"""Owns the proof of every metric: answers worked by hand, and properties that always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alcore import metrics
from alcore.records import Evaluation


def test_confusion_matrix_has_true_classes_in_rows() -> None:
    true, predicted = np.array([0, 0, 0, 1, 2]), np.array([0, 1, 1, 1, 0])
    assert metrics.confusion_matrix(true, predicted, 3).tolist() == [
        [1, 2, 0],
        [0, 1, 0],
        [1, 0, 0],
    ]


def test_precision_recall_and_f1_by_hand_are_zero_where_undefined() -> None:
    precision, recall, f1 = metrics.per_class(np.array([[1, 2, 0], [0, 1, 0], [1, 0, 0]]))
    np.testing.assert_allclose(precision, [1 / 2, 1 / 3, 0])
    np.testing.assert_allclose(recall, [1 / 3, 1, 0])
    np.testing.assert_allclose(f1, [2 / 5, 1 / 2, 0])


def test_macro_f1_leaves_out_classes_that_never_occur() -> None:
    assert metrics.macro_f1(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]])) == 1.0
    assert metrics.macro_f1(np.zeros((3, 3), int)) == 0.0


def test_wilson_interval_matches_published_values() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    assert metrics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert metrics.wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert metrics.wilson(20, 20) == pytest.approx((0.8389, 1), abs=1e-4)
    assert metrics.wilson(0, 0) == (0.0, 1.0)


def test_negative_log_likelihood_of_a_sure_mistake_is_finite() -> None:
    p = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert metrics.negative_log_likelihood(p[:1], np.array([0])) == pytest.approx(np.log(2))
    assert np.isfinite(metrics.negative_log_likelihood(p, np.array([0, 1])))


def test_calibration_error_by_hand() -> None:
    # Two items at 0.9, one right; two at 0.6, both right: (2·0.4 + 2·0.4) / 4.
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert metrics.expected_calibration_error(p, np.array([0, 1, 0, 0])) == pytest.approx(0.4)
    found = metrics.reliability(p, np.array([0, 1, 0, 0]))
    assert found.counts.sum() == 4 and len(found.edges) == 16
    assert found.accuracy[found.counts > 0].tolist() == [1.0, 0.5]


def test_certain_and_right_is_perfectly_calibrated() -> None:
    p = np.eye(3)
    assert metrics.expected_calibration_error(p, np.arange(3)) == 0
    assert metrics.reliability(p, np.arange(3)).counts[-1] == 3


def test_kappa_matches_a_worked_example() -> None:
    # Cohen's textbook table: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: 0.4.
    first = np.repeat([0, 0, 1, 1], [20, 5, 10, 15])
    second = np.repeat([0, 1, 0, 1], [20, 5, 10, 15])
    assert metrics.cohen_kappa(first, second, 2) == pytest.approx(0.4)
    assert metrics.cohen_kappa(np.zeros(5, int), np.zeros(5, int), 2) == 1.0


def test_area_under_a_curve_is_its_mean_height() -> None:
    assert metrics.area_under_curve(np.array([5, 10, 100]), np.full(3, 0.7)) == pytest.approx(0.7)
    # On ln labels both halves of 1, 10, 100 weigh the same: (0.5 + 1) / 2.
    log = metrics.area_under_curve(np.array([1, 10, 100]), np.array([0.0, 1.0, 1.0]), log=True)
    assert log == pytest.approx(0.75)
    assert metrics.area_under_curve(np.array([7]), np.array([0.3])) == 0.3
    with pytest.raises(ValueError, match="go up"):
        metrics.area_under_curve(np.array([5, 5]), np.array([0.1, 0.2]))


def test_mean_entropy_is_one_for_no_idea_and_zero_for_certain() -> None:
    assert metrics.mean_normalised_entropy(np.full((4, 5), 0.2)) == pytest.approx(1)
    assert metrics.mean_normalised_entropy(np.eye(5)) == 0


def test_an_empty_holdout_gives_an_evaluation_that_says_so() -> None:
    assert metrics.evaluate(np.empty((0, 3)), np.empty(0, np.int64), 3) == Evaluation(n=0)


@pytest.mark.parametrize("n", [1, 3, 7, 1000])
def test_the_interval_holds_a_share_of_nothing_and_of_all(n: int) -> None:
    assert metrics.wilson(0, n)[0] == 0.0 < metrics.wilson(0, n)[1]
    assert metrics.wilson(n, n)[0] < 1.0 == metrics.wilson(n, n)[1]


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 30), st.just(4)), elements=st.floats(0.01, 1)),
    st.integers(0, 2**32 - 1),
)
def test_evaluations_stay_in_range_and_forget_the_order(raw: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = raw / raw.sum(axis=1, keepdims=True)
    true = rng.integers(0, 4, len(p))
    found = metrics.evaluate(p, true, 4)
    assert 0 <= found.interval[0] <= found.accuracy <= found.interval[1] <= 1
    assert 0 <= found.ece <= 1 and 0 <= found.macro_f1 <= 1 and found.nll >= 0
    assert sum(found.support) == found.n == sum(map(sum, found.confusion))
    order = rng.permutation(len(p))
    again = metrics.evaluate(p[order], true[order], 4)
    assert again.confusion == found.confusion
    assert again.nll == pytest.approx(found.nll) and again.ece == pytest.approx(found.ece)
