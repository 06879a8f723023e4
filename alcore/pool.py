"""Owns how questions are put in order before they are asked: pure, on item ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def draw_holdout(item_ids: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the holdout uniformly without replacement; (size,) int64 of the (N,) ids."""
    return rng.choice(item_ids, size=min(size, len(item_ids)), replace=False)


def overlapped(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Choose which of n items several people answer; (n,) bool.

    A larger share adds to the items of a smaller one, and further items change none before them.

    >>> few, many = (overlapped(9, s, np.random.default_rng(0)) for s in (0.2, 0.6))
    >>> bool((few <= many).all())
    True
    """
    return rng.random(n) < share


def mix_in(
    queue: Sequence[int], questions: np.ndarray, every: int, rng: np.random.Generator
) -> list[int]:
    """Put holdout questions among queued items, one at a random place in each `every`.

    Both are item ids. The order of the queue is kept; questions come in random order. Once the
    queue ends, the remaining questions are left for a later one.

    >>> mixed = mix_in([1, 2, 3, 4], np.array([9]), 5, np.random.default_rng(0))
    >>> sorted(mixed), [i for i in mixed if i != 9]
    ([1, 2, 3, 4, 9], [1, 2, 3, 4])
    """
    waiting = [int(i) for i in rng.permutation(questions)]
    mixed: list[int] = []
    for start in range(0, len(queue), every - 1):
        block = [int(i) for i in queue[start : start + every - 1]]
        if waiting:
            block.insert(int(rng.integers(len(block) + 1)), waiting.pop())
        mixed += block
    return mixed or waiting
