"""Owns the proof that questions are ordered as promised: fixed holdout, fair mixture."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alcore import pool


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_holdout_is_drawn_without_doubles_and_the_same_again() -> None:
    ids = np.arange(100, 200)
    drawn = pool.draw_holdout(ids, 30, rng())
    assert len(set(drawn.tolist())) == 30 and set(drawn.tolist()) <= set(ids.tolist())
    np.testing.assert_array_equal(drawn, pool.draw_holdout(ids, 30, rng()))
    assert set(drawn.tolist()) != set(pool.draw_holdout(ids, 30, rng(1)).tolist())


def test_a_holdout_is_never_larger_than_what_there_is() -> None:
    assert sorted(pool.draw_holdout(np.arange(5), 9, rng()).tolist()) == [0, 1, 2, 3, 4]
    assert pool.draw_holdout(np.arange(0), 0, rng()).tolist() == []


def test_every_item_is_as_likely_to_be_held_out() -> None:
    counts = np.zeros(20)
    for seed in range(2000):
        counts[pool.draw_holdout(np.arange(20), 5, rng(seed))] += 1
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


def test_the_place_of_a_question_in_its_block_is_random() -> None:
    places = [
        pool.mix_in([1, 2, 3, 4], np.array([9]), 5, rng(seed)).index(9) for seed in range(300)
    ]
    assert set(places) == {0, 1, 2, 3, 4}


@given(st.integers(0, 60), st.integers(0, 20), st.integers(2, 9), st.integers(0, 99))
def test_a_mixture_keeps_the_order_and_asks_one_question_in_so_many(
    n: int, m: int, every: int, seed: int
) -> None:
    queue, questions = list(range(n)), np.arange(1000, 1000 + m)
    mixed = pool.mix_in(queue, questions, every, rng(seed))
    assert [i for i in mixed if i < 1000] == queue
    asked = [i for i in mixed if i >= 1000]
    assert len(asked) == len(set(asked))
    blocks = -(-n // (every - 1))
    assert len(asked) == (min(m, blocks) if n else m)
    if n:
        for start in range(0, len(asked) * every, every):
            assert sum(i >= 1000 for i in mixed[start : start + every]) == 1
