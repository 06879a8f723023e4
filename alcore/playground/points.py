"""Owns the points of the Playground: a pool to label and a holdout to measure on, from a seed.

n points of the pool, m of the holdout, C classes. Places are (x, y) in −1 … 1. The holdout has as
many points of each class, so that a rare class counts as much as a common one; of one's own points
it is a random third.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from alcore.playground.settings import Settings, decode_points

HOLDOUT = 600
_DIGITS = 4
_OWN_HOLDOUT = 1 / 3


@dataclass(frozen=True)
class Points:
    """The pool, rows 0 … n − 1, and the holdout behind it."""

    places: np.ndarray
    """(n + m, 2) float32."""
    truth: np.ndarray
    """(n + m,) int64 class positions."""
    pool: int
    class_names: tuple[str, ...]
    pictures: np.ndarray | None = None
    """(n, 8, 8) uint8, 0–16: what a point of the pool stands for."""


def make(settings: Settings) -> Points:
    """Make the points of these settings: always the same."""
    if settings.data == "own":
        return _own(settings)
    if settings.data == "digits":
        return _digits(settings)
    draw, classes = _KINDS[settings.data]
    pool = _sizes(settings.points, classes, settings.balance)
    parts = []
    for purpose, sizes in (("pool", pool), ("holdout", np.full(classes, HOLDOUT // classes))):
        generator = rng(settings, purpose)
        places, truth = draw(sizes, settings.spread, generator)
        order = generator.permutation(len(places))
        parts.append((places[order], truth[order]))
    (places, truth), (held, held_truth) = parts
    places, truth = _with_outliers(places, truth, settings, classes)
    return Points(
        np.concatenate([places, held]).clip(-1, 1).astype(np.float32),
        np.concatenate([truth, held_truth]),
        len(places),
        tuple("ABCDEF"[:classes]),
    )


def rng(settings: Settings, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose; others do not disturb it."""
    return np.random.default_rng([settings.seed, zlib.crc32(purpose.encode())])


def _sizes(points: int, classes: int, balance: float) -> np.ndarray:
    """Return sizes (C,) that fall evenly on a logarithmic scale, by `balance` in all."""
    shares = balance ** -(np.arange(classes) / max(1, classes - 1))
    sizes = np.maximum(3, np.floor(points * shares / shares.sum())).astype(np.int64)
    sizes[0] += points - sizes.sum()
    return sizes


def _with_outliers(
    places: np.ndarray, truth: np.ndarray, settings: Settings, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Move a share of the points to a rim around all others, with a class by chance."""
    count = round(settings.outliers * len(places))
    if not count:
        return places, truth
    generator = rng(settings, "outliers")
    rows = generator.choice(len(places), count, replace=False)
    places, truth = places.copy(), truth.copy()
    angles = generator.uniform(0, 2 * np.pi, count)
    away = generator.uniform(0.88, 1.0, count)
    square = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    square /= np.abs(square).max(axis=1, keepdims=True)
    places[rows] = square * away[:, None]
    truth[rows] = generator.integers(classes, size=count)
    return places, truth


# -- kinds: each draws places (n, 2) and classes (n,) of these sizes (C,) ------------------------

Draw = Callable[[np.ndarray, float, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def _number(generator: np.random.Generator) -> int:
    return int(generator.integers(2**31))


def _blobs(
    sizes: np.ndarray, spread: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import make_blobs

    centres = np.array([[-0.42, -0.32], [0.42, -0.32], [0.0, 0.42]])
    places, truth = make_blobs(
        sizes.tolist(), centers=centres, cluster_std=0.08 + 0.3 * spread,
        random_state=_number(generator),
    )  # fmt: skip
    return places, truth.astype(np.int64)


def _moons(
    sizes: np.ndarray, spread: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import make_moons

    places, truth = make_moons(
        tuple(sizes.tolist()), noise=0.02 + 0.4 * spread, random_state=_number(generator)
    )
    return (places - [0.5, 0.25]) / 1.75, truth.astype(np.int64)


def _circles(
    sizes: np.ndarray, spread: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import make_circles

    places, truth = make_circles(
        tuple(sizes.tolist()), noise=0.04 + 0.3 * spread, factor=0.4,
        random_state=_number(generator),
    )  # fmt: skip
    return places * 0.72, truth.astype(np.int64)


def _spirals(
    sizes: np.ndarray, spread: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    truth = np.repeat(np.arange(len(sizes)), sizes)
    along = np.sqrt(generator.uniform(0.04, 1, len(truth)))
    angles = 1.5 * np.pi * along + 2 * np.pi * truth / len(sizes)
    places = 0.85 * along[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return places + generator.normal(0, 0.015 + 0.12 * spread, places.shape), truth


def _islands(
    sizes: np.ndarray, spread: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Nine groups of class A on a grid; class B is a group in the middle of four of them each."""
    grid = np.array([-0.66, 0.0, 0.66])
    first = np.stack(np.meshgrid(grid, grid), axis=2).reshape(-1, 2)
    second = np.array([[-0.33, -0.33], [0.33, 0.33], [-0.33, 0.33], [0.33, -0.33]])
    truth = np.repeat(np.arange(2), sizes)
    centres = np.concatenate(
        [
            homes[np.arange(size) % len(homes)]
            for homes, size in zip((first, second), sizes, strict=True)
        ]
    )
    return centres + generator.normal(0, 0.03 + 0.2 * spread, centres.shape), truth


_KINDS: Mapping[str, tuple[Draw, int]] = MappingProxyType(
    {
        "blobs": (_blobs, 3),
        "moons": (_moons, 2),
        "circles": (_circles, 2),
        "spirals": (_spirals, 3),
        "islands": (_islands, 2),
    }
)


def _digits(settings: Settings) -> Points:
    """Take digits 0 to 3 of scikit-learn's, by the two components in which they vary most."""
    from sklearn.datasets import load_digits

    images, truth = load_digits(n_class=_DIGITS, return_X_y=True)
    centred = images - images.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    places = centred @ directions[:2].T
    places = places / np.abs(places).max() * 0.96
    order = rng(settings, "pool").permutation(len(places))
    held = np.concatenate([order[truth[order] == c][:50] for c in range(_DIGITS)])
    rest = order[~np.isin(order, held)]
    sizes = _sizes(min(settings.points, len(rest)), _DIGITS, settings.balance)
    pool = np.concatenate([rest[truth[rest] == c][: sizes[c]] for c in range(_DIGITS)])
    pool = pool[rng(settings, "order").permutation(len(pool))]
    rows = np.concatenate([pool, held])
    return Points(
        places[rows].astype(np.float32),
        truth[rows].astype(np.int64),
        len(pool),
        tuple(map(str, range(_DIGITS))),
        images[pool].reshape(-1, 8, 8).astype(np.uint8),
    )


def _own(settings: Settings) -> Points:
    """Take one's own points, a random third of each class as the holdout."""
    places, truth = decode_points(settings.own)
    order = rng(settings, "holdout").permutation(len(places))
    held = np.concatenate(
        [
            order[truth[order] == c][: round(_OWN_HOLDOUT * (truth == c).sum())]
            for c in np.unique(truth)
        ]
    )
    pool = order[~np.isin(order, held)]
    rows = np.concatenate([pool, held])
    names = tuple("ABCDEF"[: truth.max() + 1])
    return Points(places[rows], truth[rows], len(pool), names)
