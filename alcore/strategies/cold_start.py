"""Owns the first batch, before any model: a diverse one, from pixels alone.

N items, H W pixels, k items asked for. Colours and distances are in 0–1 units.
"""

from __future__ import annotations

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies.contract import Context, Signals, check_count, selection
from alcore.strategies.typiclust import TYPICLUST

_SUBSET = 5_000
"""Items looked at; more would not make the batch more diverse, only slower."""
_SIDE = 8
"""Images are reduced to this side."""
_COMPONENTS = 32
_FIRST_LOT = 10
_ROWS_AT_ONCE = 512


def cold_start(
    pixels: np.ndarray, item_ids: np.ndarray, k: int, rng: np.random.Generator
) -> Selection:
    """Pick k items that differ from each other: one for each of k clusters.

    pixels (N, H, W, 3) uint8, possibly a memmap, row r is item_ids[r]. Items come in k-center
    order, so that any first part of the batch is spread out too; scores fall from 1. Raises
    PoolExhausted for more items than there are.
    """
    item_ids = np.asarray(item_ids, np.int64)
    check_count(k, item_ids)
    if k == 0:
        return selection(item_ids, np.empty(0, np.int64), np.empty(0), [], "cold start")
    size = min(len(item_ids), max(_SUBSET, 4 * k))
    subset = np.sort(rng.choice(len(item_ids), size, replace=False))
    points = components(pixels, subset)
    centres, owners = acquisition.k_means(points, k, rng)
    central, _ = acquisition.most_central(points, centres, owners)
    if len(central) < k:  # identical images leave clusters empty
        rest = np.setdiff1d(np.arange(size), central)
        central = np.concatenate([central, rng.choice(rest, k - len(central), replace=False)])
    order, _ = acquisition.k_center_greedy(points[central], points[:0], k, rng)
    scores = 1 - np.arange(k) / k
    reasons = ["first batch: unlike the others"] * k
    return selection(item_ids, subset[central[order]], scores, reasons, "cold start")


def typical_start(
    points: np.ndarray,
    labeled: np.ndarray,
    item_ids: np.ndarray,
    k: int,
    rng: np.random.Generator,
) -> Selection:
    """Pick k items that are typical of groups without labels, by what a network sees of them.

    points (N, D) float32, row r is item_ids[r]; labeled (L, D). They come in lots, each about as
    large as all before it, and chosen as if those had labels: whoever stops early has labeled
    as many groups as there could be. Raises PoolExhausted for more items than there are.
    """
    check_count(k, item_ids)
    context = Context((), np.zeros(0, np.int64), 0)
    rows = np.zeros(0, np.int64)
    reasons: list[str] = []
    order = np.argsort(item_ids)
    while len(rows) < k:
        open_rows = np.setdiff1d(np.arange(len(item_ids)), rows)
        signals = Signals(
            embeddings=points[open_rows],
            labeled_embeddings=np.concatenate([labeled, points[rows]]),
        )
        lot = min(max(_FIRST_LOT, len(rows)), k - len(rows))
        picks = TYPICLUST.select(
            signals, item_ids[open_rows], lot, rng, TYPICLUST.defaults, context
        )
        found = order[np.searchsorted(item_ids, picks.item_ids, sorter=order)]
        rows = np.append(rows, found)
        reasons += [f"first batch: {reason}" for reason in picks.reasons]
    return selection(item_ids, rows, 1 - np.arange(k) / max(1, k), reasons, "cold start")


def components(pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the first principal components (n, ≤ 32) float32 of reduced images."""
    reduced = np.concatenate(
        [
            _reduce(pixels[rows[start : start + _ROWS_AT_ONCE]])
            for start in range(0, len(rows), _ROWS_AT_ONCE)
        ]
    )
    reduced -= reduced.mean(axis=0)
    _, vectors = np.linalg.eigh(reduced.T @ reduced)
    return np.ascontiguousarray(reduced @ vectors[:, ::-1][:, :_COMPONENTS])


def _reduce(images: np.ndarray) -> np.ndarray:
    """Return images (n, H, W, 3) uint8 as block means (n, ≤ 8·8·3) float32, 0–1."""
    n, height, width, channels = images.shape
    down, right = max(1, height // _SIDE), max(1, width // _SIDE)
    rows, columns = height // down, width // right
    blocks = images[:, : rows * down, : columns * right].reshape(
        n, rows, down, columns, right, channels
    )
    means = blocks.mean(axis=(2, 4), dtype=np.float32) / 255
    return means.reshape(n, -1)
