"""Owns the proof of the kernels: scores by hand, selections against slow and plain versions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alcore import acquisition

SCORES = (acquisition.least_confidence, acquisition.margin, acquisition.entropy)
RAW = arrays(
    np.float64,
    st.tuples(st.integers(1, 40), st.integers(2, 6)),
    elements=st.floats(0, 1).map(lambda v: v + 1e-6),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_scores_match_values_worked_by_hand() -> None:
    p = np.array([[0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(acquisition.least_confidence(p), [0.5, 2 / 3, 0])
    np.testing.assert_allclose(acquisition.margin(p), [0.8, 1, 0])
    by_hand = 0.5 * np.log(2) + 0.3 * np.log(10 / 3) + 0.2 * np.log(5)
    np.testing.assert_allclose(acquisition.entropy(p), [by_hand, np.log(3), 0])


def test_three_scores_disagree_where_they_should() -> None:
    # A two-way tie wins by margin, a broad spread by entropy and least confidence.
    tie, spread = [0.5, 0.5, 0, 0, 0], [0.4, 0.15, 0.15, 0.15, 0.15]
    p = np.array([tie, spread])
    assert acquisition.margin(p).argmax() == 0
    assert acquisition.entropy(p).argmax() == acquisition.least_confidence(p).argmax() == 1


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=40, deadline=None)
@given(raw=RAW, seed=st.integers(0, 2**32 - 1))
def test_scores_have_a_range_forget_the_order_and_rank_certainty_last(score, raw, seed) -> None:
    p = raw / raw.sum(axis=1, keepdims=True)
    classes = p.shape[1]
    found = score(p)
    most = np.log(classes) if score is acquisition.entropy else 1
    assert np.all(found >= -1e-9) and np.all(found <= most + 1e-9)
    order = rng(seed).permutation(len(p))
    np.testing.assert_allclose(score(p[order]), found[order])
    np.testing.assert_allclose(score(p[:, rng(seed).permutation(classes)]), found)
    certain = np.vstack([p, np.eye(classes)[:1]])
    assert score(certain)[-1] <= score(certain).min() + 1e-9


def test_top_k_takes_the_largest_in_order() -> None:
    assert acquisition.top_k(np.array([0.1, 0.9, 0.5, 0.7]), 3, rng()).tolist() == [1, 3, 2]
    assert acquisition.top_k(np.array([0.1, 0.9]), 5, rng()).tolist() == [1, 0]
    assert acquisition.top_k(np.array([0.1]), 0, rng()).tolist() == []


def test_top_k_breaks_ties_by_chance_and_not_by_position() -> None:
    scores = np.array([1.0, 0.5, 0.5, 0.5, 0.5, 0.0])
    counts = np.zeros(6)
    for seed in range(2000):
        chosen = acquisition.top_k(scores, 2, rng(seed))
        assert chosen[0] == 0
        counts[chosen[1]] += 1
    assert counts[[0, 5]].sum() == 0
    assert np.all(np.abs(counts[1:5] - 500) < 100)  # about five standard deviations


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 30))
def test_top_k_equals_a_full_sort(values: list[int], k: int) -> None:
    scores = np.array(values, float)
    rows = acquisition.top_k(scores, k, rng())
    assert len(set(rows.tolist())) == len(rows) == min(k, len(scores))
    assert scores[rows].tolist() == sorted(values, reverse=True)[:k]
    assert rows.tolist() == acquisition.top_k(scores, len(scores), rng())[:k].tolist()


def test_k_center_equals_the_plain_algorithm() -> None:
    points = rng(1).normal(size=(200, 5))
    labeled = rng(2).normal(size=(7, 5))
    rows, radii = acquisition.k_center_greedy(points, labeled, 20, rng())
    covered = list(labeled)
    for row, radius in zip(rows, radii, strict=True):
        distances = np.min([np.linalg.norm(points - c, axis=1) for c in covered], axis=0)
        assert distances.argmax() == row
        assert radius == pytest.approx(distances.max())
        covered.append(points[row])
    assert np.all(np.diff(radii) <= 1e-12)


def test_k_center_stays_within_twice_the_smallest_radius() -> None:
    for seed in range(10):
        points = rng(seed).normal(size=(12, 2))
        rows, _ = acquisition.k_center_greedy(points, points[:0], 3, rng(seed))
        table = np.linalg.norm(points[:, None] - points[None], axis=2)
        best = min(
            table[:, list(c)].min(axis=1).max() for c in itertools.combinations(range(12), 3)
        )
        assert table[:, rows].min(axis=1).max() <= 2 * best + 1e-9


def test_k_center_picks_distinct_rows_among_identical_points() -> None:
    rows, radii = acquisition.k_center_greedy(np.ones((6, 2)), np.ones((1, 2)), 6, rng())
    assert sorted(rows.tolist()) == list(range(6))
    assert np.all(radii == 0)


def test_nearest_distance_equals_the_full_table_across_blocks() -> None:
    points, others = rng(1).normal(size=(9000, 3)), rng(2).normal(size=(5, 3))
    table = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(acquisition.nearest_distance(points, others), table.min(axis=1))


def test_d2_sampling_follows_squared_distances() -> None:
    points = np.array([[0.0], [1.0], [3.0]])
    second = [
        acquisition.d2_sampling((points,), 1, rng(s), np.array([0.0, 1.0, 9.0]))[0][0]
        for s in range(3000)
    ]
    counts = np.bincount(second, minlength=3)
    assert counts[0] == 0
    assert counts[2] / 3000 == pytest.approx(0.9, abs=0.03)


def test_d2_sampling_gives_distinct_rows_even_where_all_points_are_equal() -> None:
    rows, _ = acquisition.d2_sampling((np.zeros((8, 3)),), 8, rng())
    assert sorted(rows.tolist()) == list(range(8))


def test_k_means_finds_separated_clusters() -> None:
    middles = np.array([[0, 0], [20, 0], [0, 20]], float)
    points = np.concatenate([m + rng(i).normal(size=(50, 2)) for i, m in enumerate(middles)])
    centres, owners = acquisition.k_means(points, 3, rng())
    assert sorted(np.bincount(owners).tolist()) == [50, 50, 50]
    for centre, owner in zip(centres, range(3), strict=True):
        np.testing.assert_allclose(centre, points[owners == owner].mean(axis=0))
