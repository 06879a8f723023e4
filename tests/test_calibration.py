"""Owns the proof that a temperature makes probabilities mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import metrics
from alcore.config import CALIBRATED_FROM
from alcore.learner import calibration


def truthful(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, 4) and classes that are drawn from just these."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(4, 0.4), n)
    return shares, (shares.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


@pytest.mark.parametrize("exaggerated", [0.4, 1.0, 3.0])
def test_a_known_exaggeration_is_taken_back(exaggerated: float) -> None:
    shares, true = truthful(4000)
    said = calibration.temper(shares, 1 / exaggerated)
    found = calibration.temperature_of(said, true)
    assert found == pytest.approx(exaggerated, rel=0.08)
    after = calibration.temper(said, found)
    assert metrics.expected_calibration_error(after, true) < 0.02
    assert (
        metrics.negative_log_likelihood(after, true)
        <= metrics.negative_log_likelihood(said, true) + 1e-9
    )


def test_few_labels_move_the_temperature_little() -> None:
    sure = np.tile([0.9, 0.05, 0.05], (10, 1))
    right, wrong = np.zeros(10, np.int64), np.ones(10, np.int64)
    assert 0.4 < calibration.temperature_of(sure, right) < 1
    assert 1 < calibration.temperature_of(sure, wrong) < 20


@given(st.floats(0.5, 20), st.integers(0, 50))
def test_a_temperature_changes_no_decision_and_can_be_taken_back(t: float, seed: int) -> None:
    shares, _ = truthful(20, seed)
    shares = np.maximum(shares, 1e-3) / np.maximum(shares, 1e-3).sum(axis=1, keepdims=True)
    warm = calibration.temper(shares, t)
    np.testing.assert_allclose(warm.sum(axis=1), 1)
    rows = np.arange(20)
    np.testing.assert_allclose(warm[rows, shares.argmax(axis=1)], warm.max(axis=1))
    np.testing.assert_allclose(calibration.temper(warm, 1 / t), shares, atol=1e-6)


def test_folds_share_out_each_class_and_leave_the_only_label_of_one() -> None:
    labels = np.array([0] * 9 + [1] * 6 + [2])
    found = calibration.folds(labels, np.random.default_rng(0))
    assert found[-1] == -1
    for k in range(calibration.FOLDS):
        assert np.bincount(labels[found == k], minlength=3).tolist() == [3, 2, 0]


def test_labels_in_no_fold_say_nothing_about_the_temperature() -> None:
    shares, true = truthful(400)
    dealt = np.arange(400) % 4 - 1  # a quarter in none
    nonsense = np.where((dealt == -1)[:, None], [1.0, 0, 0, 0], shares)
    found = calibration.from_answers(nonsense, true, dealt)
    assert found.labels == 300
    assert found.temperature == calibration.temperature_of(shares[dealt >= 0], true[dealt >= 0])


@pytest.mark.parametrize("labels", [[], [0, 1] * 4, list(range(20)), [0] * 60, [0] * 59 + [1]])
def test_too_few_or_too_much_alike_labels_are_no_trouble(labels: list[int]) -> None:
    asked = np.array(labels, dtype=np.int64)
    dealt = calibration.folds(asked, np.random.default_rng(0))
    found = calibration.from_answers(np.full((len(asked), 20), 1 / 20), asked, dealt)
    assert (found is None) == ((dealt >= 0).sum() < CALIBRATED_FROM)
    assert found is None or found.temperature == pytest.approx(1, abs=1e-3)
