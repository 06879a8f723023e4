"""Owns groups: images that stay together, all in the holdout or all in the pool.

N images, by position. A group is a number from 0 on; -1 is an image of no group, which stands for
itself. What is fixed, since it has a label or is being answered, never moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Settlement:
    """What brings groups together, as far as nothing fixed has to move."""

    to_holdout: np.ndarray
    """Positions (n,) int64."""
    to_pool: np.ndarray
    split: int
    """Groups that lie in both now."""
    stuck: int
    """Those of them that stay so."""
    cost: int
    """Fixed images that would have to move to bring the others together."""


def settle(
    groups: np.ndarray,
    held: np.ndarray,
    fixed: np.ndarray,
    could_be_held: np.ndarray,
    rng: np.random.Generator,
) -> Settlement:
    """Bring groups (N,) together that lie in holdout and pool; held, fixed …: (N,) bool.

    A group goes where its fixed images are; one without any by chance, so that the holdout keeps
    its size as far as groups allow.
    """
    member = np.flatnonzero(groups >= 0)
    of, n = groups[member], int(groups.max(initial=-1)) + 1

    def count(mask: np.ndarray) -> np.ndarray:
        return np.bincount(of[mask[member]], minlength=n)

    in_holdout, in_pool = count(held), count(~held)
    fixed_held = count(held & fixed)
    fixed_pool = count(~held & (fixed | ~could_be_held))
    labeled_pool = count(~held & fixed)
    split = (in_holdout > 0) & (in_pool > 0)
    stuck = split & (fixed_held > 0) & (fixed_pool > 0)
    cost = np.where(fixed_pool > labeled_pool, fixed_held, np.minimum(fixed_held, labeled_pool))
    to_pool = split & ~stuck & (fixed_pool > 0)
    to_holdout = split & ~stuck & (fixed_held > 0)
    free = split & ~stuck & ~to_pool & ~to_holdout
    size = int(held.sum() - in_holdout[to_pool | free].sum() + in_pool[to_holdout].sum())
    sizes = (in_holdout + in_pool) * free
    to_holdout |= free & _filled(sizes, int(held.sum()) - size, rng)
    to_pool |= free & ~to_holdout
    return Settlement(
        to_holdout=member[to_holdout[of] & ~held[member]],
        to_pool=member[to_pool[of] & held[member]],
        split=int(split.sum()),
        stuck=int(stuck.sum()),
        cost=int(cost[stuck].sum()),
    )


def draw(
    groups: np.ndarray, could_be_held: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw whole groups into a holdout of about so many images; returns (N,) bool.

    Groups of which an image cannot be held out stay in the pool.
    """
    own = groups.copy()
    alone = np.flatnonzero(own < 0)
    own[alone] = own.max(initial=-1) + 1 + np.arange(len(alone))
    n = int(own.max(initial=-1)) + 1
    sizes = np.bincount(own, minlength=n)
    sizes[np.bincount(own[~could_be_held], minlength=n) > 0] = 0
    return _filled(sizes, size, rng)[own]


def _filled(sizes: np.ndarray, room: int, rng: np.random.Generator) -> np.ndarray:
    """Choose groups at random until there are about `room` images; those of size 0 never."""
    chosen = np.zeros(len(sizes), bool)
    for group in rng.permutation(np.flatnonzero(sizes)).tolist():
        if 2 * room >= sizes[group]:  # nearer to the wish with it than without
            chosen[group] = True
            room -= int(sizes[group])
    return chosen
