"""Owns what a trial works on: holdout and pool, made long-tailed, redundant or noisy.

Images are (N, H, W, 3) uint8; classes are positions 0 … C − 1. In experiments an item's id is its
row in the table; rows from N on are near-duplicates that a trial made.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from alcore.errors import InvalidSettings
from alcore.experiments.data import DataSpec, Table

_DIFFICULTY_FROM = 2_000
"""Images that the model which tells hard ones learns from."""


@dataclass(frozen=True, eq=False)
class TrialData:
    """What one trial works on; ids are rows of the pixels."""

    pixels: np.ndarray
    truth: np.ndarray
    """(rows,) int64."""
    pool: np.ndarray
    holdout: np.ndarray
    class_names: tuple[str, ...]
    channels: int
    seed: int
    copies: int = 0
    """Near-duplicates that the trial made: the last rows."""
    _difficulty: list[np.ndarray] = field(default_factory=list, repr=False)

    def difficulty(self) -> np.ndarray:
        """Return (rows,) entropies in nats of a forest that learned some of the images."""
        if not self._difficulty:
            self._difficulty.append(_entropies(self))
        return self._difficulty[0]


def of_trial(spec: DataSpec, table: Table, seed: int) -> TrialData:
    """Make what a trial works on: holdout, then pool items, long tail, duplicates and noise.

    The same seed makes the same, whatever strategy asks.
    """
    everything = rng(seed, "holdout").permutation(len(table.classes))
    if table.test.any():
        holdout, pool = everything[table.test[everything]], everything[~table.test[everything]]
        if spec.holdout > 1:
            holdout = holdout[: int(spec.holdout)]
    else:
        share = spec.holdout if spec.holdout > 1 else spec.holdout * len(everything)
        holdout, pool = np.split(everything, [max(1, round(share))])
    if len(np.unique(table.classes[pool])) < 2:
        raise InvalidSettings(
            f"the data set {spec.title!r} keeps {len(pool)} items of fewer than two classes "
            f"beside a holdout of {len(holdout)}; lower the holdout"
        )
    if spec.items:
        pool = pool[: spec.items]
    pool = _long_tail(pool, table.classes, len(table.class_names), spec.long_tail)
    pixels, truth = table.pixels, table.classes
    if spec.duplicates:
        pixels, truth, pool = _with_duplicates(pixels, truth, pool, spec.duplicates, seed)
    if spec.noise:
        pixels = _with_noise(pixels, spec.noise, rng(seed, "noise"))
    return TrialData(
        pixels=pixels,
        truth=np.asarray(truth, np.int64),
        pool=np.sort(pool),
        holdout=np.sort(holdout),
        class_names=table.class_names,
        channels=table.channels,
        seed=seed,
        copies=len(pixels) - len(table.pixels),
    )


def rng(seed: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose in one trial."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def _long_tail(pool: np.ndarray, classes: np.ndarray, count: int, ratio: float) -> np.ndarray:
    """Keep fewer items of later classes: sizes fall evenly on a logarithmic scale."""
    if ratio == 1:
        return pool
    have = np.bincount(classes[pool], minlength=count)
    shares = ratio ** -(np.arange(count) / max(1, count - 1))
    most = min(have[c] / shares[c] for c in range(count) if have[c])
    keep = np.maximum(1, np.floor(most * shares)).astype(int)
    parts = [pool[classes[pool] == c][: keep[c]] for c in range(count)]
    return np.concatenate(parts)


def _with_duplicates(
    pixels: np.ndarray, truth: np.ndarray, pool: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Replace a share of the pool by shifted, slightly noisy copies of what remains."""
    generator = rng(seed, "duplicates")
    originals = generator.permutation(pool)[: max(2, round(len(pool) * (1 - share)))]
    of = generator.choice(originals, len(pool) - len(originals))
    copies = np.array(pixels[of])
    high, wide = copies.shape[1:3]
    framed = np.pad(copies, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    for i, (top, left) in enumerate(generator.integers(0, 3, (len(of), 2))):
        copies[i] = framed[i, top : top + high, left : left + wide]
    copies = _with_noise(copies, 5, generator)
    fresh = len(pixels) + np.arange(len(of))
    return (
        np.concatenate([pixels, copies]),
        np.concatenate([truth, truth[of]]),
        np.concatenate([originals, fresh]),
    )


def _with_noise(pixels: np.ndarray, deviation: float, drawn: np.random.Generator) -> np.ndarray:
    """Return images with normal noise; grey ones stay grey."""
    noisy = np.empty(pixels.shape, np.uint8)
    for start in range(0, len(pixels), 1024):
        block = np.asarray(pixels[start : start + 1024], np.float32)
        grey = bool((block == block[..., :1]).all())
        shape = (*block.shape[:3], 1 if grey else 3)
        noise = drawn.normal(0, deviation, shape).astype(np.float32)
        noisy[start : start + len(block)] = np.clip(np.rint(block + noise), 0, 255)
    return noisy


def _entropies(data: TrialData) -> np.ndarray:
    from sklearn.ensemble import RandomForestClassifier

    step = max(1, data.pixels.shape[1] // 8)
    features = np.asarray(data.pixels[:, ::step, ::step, : data.channels])
    features = features.reshape(len(features), -1)
    learned = rng(data.seed, "difficulty").permutation(data.pool)[:_DIFFICULTY_FROM]
    forest = RandomForestClassifier(
        60, min_samples_leaf=2, oob_score=True, random_state=data.seed % 2**32, n_jobs=1
    )
    forest.fit(features[learned], data.truth[learned])
    shares = forest.predict_proba(features)
    shares[learned] = np.nan_to_num(forest.oob_decision_function_)
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    return -(shares * logs).sum(axis=1)
