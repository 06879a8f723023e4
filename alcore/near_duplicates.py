"""Owns near-duplicates: which images are so alike that a label on one tells that of the other.

N images, by position. A fingerprint is a whole image shrunk to (16, 16, 3) uint8. The distance of
two is one minus the correlation of their values, so that light and contrast do not count, and one
of them may have lost some of its edge. What is worth a comparison is told by perceptual hashes:
the signs of an image's 63 lowest frequencies (Zauner 2010), put into several orders and sorted, so
that images whose hashes hardly differ lie next to each other in one of them (Charikar 2002). The
cost grows as N log N.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

SIDE = 16
"""Pixels a side of a fingerprint."""
MOST = 0.025
"""Distance up to which images can be near-duplicates."""
SHARE = 0.45
"""Times the square of the usual distance to the tenth neighbour, up to which they can: where all
images are alike, as digits are, only those that are much more alike than the others."""
LOOSE = 3.0
"""Times that distance up to which features are asked."""
_SAMPLE = 2_000
_NEIGHBOUR = 10
_FLAT = 2.0
"""Grey levels by which the values of an image that shows anything spread at least."""
_COLOUR = 0.5
"""How much colours count beside light."""
_PARTS = 4
"""Parts a side of which colours are compared."""
_CUT = 0.07
"""Part of the side that one of two images may have lost."""
_ORDERS = 12
_WINDOW = 4
"""Neighbours on either side, in one order, that are looked at."""
_FARTHEST = 9
"""Bits of 63 in which hashes of images that are compared differ at most."""
_AT_ONCE = 4_000
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_FREQUENCIES = 8


def fingerprints(images: np.ndarray) -> np.ndarray:
    """Shrink images (n, H, H, 3) uint8, H 8 or a multiple of 16, to (n, 16, 16, 3) uint8."""
    n, side = images.shape[:2]
    if side < SIDE:
        return images.repeat(SIDE // side, axis=1).repeat(SIDE // side, axis=2)
    step = side // SIDE
    means = images.reshape(n, SIDE, step, SIDE, step, 3).mean(axis=(2, 4), dtype=np.float32)
    return np.rint(means).astype(np.uint8)


@dataclass(frozen=True)
class Limits:
    """How alike two of a set of images must be."""

    distance: float
    features: float | None = None
    """Distance of features up to which a pair is taken that fingerprints leave open."""


def limits(prints: np.ndarray, features: np.ndarray | None = None) -> Limits:
    """Tell from fingerprints (N, 16, 16, 3), and features (N, K), how alike a set's images are."""
    some = np.random.default_rng(0).permutation(len(prints))[:_SAMPLE]
    rows, _ = _standard(prints[some])
    usual = _usual(1 - rows @ rows.T)
    if features is None:
        return Limits(min(MOST, SHARE * usual**2))
    points = np.asarray(features[some], np.float32)
    squares = np.einsum("nk,nk->n", points, points)
    squared = squares[:, None] + squares[None] - 2 * points @ points.T
    return Limits(
        min(MOST, SHARE * usual**2), FEATURE_SHARE * _usual(np.sqrt(np.maximum(squared, 0)))
    )


FEATURE_SHARE = 0.5
"""Part of the usual distance of features to the tenth neighbour up to which a pair is taken."""


def _usual(distances: np.ndarray) -> float:
    """Return the median distance to the tenth neighbour, or to one that is a tenth of the way."""
    n = len(distances)
    if n < 2:
        return 1.0
    place = min(_NEIGHBOUR, n - 1)
    return float(np.median(np.partition(distances, place, axis=1)[:, place]))


class NearIndex:
    """Finds which of some fingerprints are near-duplicates; others can be added."""

    def __init__(self, prints: np.ndarray, features: np.ndarray | None = None) -> None:
        """Begin with fingerprints (N, 16, 16, 3) uint8, and features (N, K) where there are some"""
        self._prints, self._features = prints, features
        self._medians = np.median(_frequencies(prints[:: 1 + len(prints) // 5_000]), axis=0)
        self._hashes = self._hashed(prints)
        self._limits = limits(prints, features)

    def _hashed(self, prints: np.ndarray) -> np.ndarray:
        """Return the hashes (6, n, 63) bool of images: whole, then with each cut made good."""
        blocks = [np.zeros((1 + len(_CUTS), 0, len(self._medians)), bool)]
        for start in range(0, len(prints), _AT_ONCE):
            part = prints[start : start + _AT_ONCE]
            ways = [_frequencies(part, way) for way in range(1 + len(_CUTS))]
            blocks.append(np.stack(ways) > self._medians)
        return np.concatenate(blocks, axis=1)

    def add(self, prints: np.ndarray) -> None:
        """Take in further fingerprints (n, 16, 16, 3)."""
        self._hashes = np.concatenate([self._hashes, self._hashed(prints)], axis=1)
        self._prints = np.concatenate([self._prints, prints])

    def pairs(self, first: int = 0) -> np.ndarray:
        """Return the near-duplicates (P, 2) int64 of which the second or both are ≥ `first`."""
        size = len(self._prints) - first
        if size <= 0:
            return np.zeros((0, 2), np.int64)
        bits = self._hashes.shape[2]
        whole, new = self._hashes[0], self._hashes[:, first:].reshape(-1, bits)
        other, asked = _neighbours(whole, new).T
        table = np.column_stack([other, first + asked % size, asked // size])
        if first:  # what is new may be what is left of one that was there
            old, asked = _neighbours(self._hashes[1:, :first].reshape(-1, bits), whole[first:]).T
            back = np.column_stack([first + asked, old % first, 1 + old // first])
            table = np.concatenate([table, back])
        table = table[table[:, 0] != table[:, 1]]
        near = [self._near(table[table[:, 2] == way, :2], way) for way in range(1 + len(_CUTS))]
        return np.unique(np.sort(np.concatenate(near), axis=1), axis=0)

    def _near(self, candidates: np.ndarray, way: int) -> np.ndarray:
        """Return those of some candidates (P, 2) that are near, the second with a cut made good."""
        images, first = np.unique(candidates[:, 0], return_inverse=True)
        others, second = np.unique(candidates[:, 1], return_inverse=True)
        near = np.zeros(len(candidates), bool)
        one, flat_one = self._rows(images, 0)
        other, flat_other = self._rows(others, way)
        for start in range(0, len(candidates), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            alike = np.einsum("pv,pv->p", one[first[part]], other[second[part]])
            near[part] = self._decided(candidates[part], 1 - alike)
        return candidates[near & ~flat_one[first] & ~flat_other[second]]

    def _decided(self, pairs: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Tell which pairs (P, 2) are near, by their distances (P,) and, in doubt, features."""
        near = distances <= self._limits.distance
        if self._features is None or self._limits.features is None:
            return near
        doubt = np.flatnonzero(~near & (distances <= LOOSE * self._limits.distance))
        one, other = (np.asarray(self._features[pairs[doubt, i]], np.float32) for i in (0, 1))
        near[doubt] = np.linalg.norm(one - other, axis=1) <= self._limits.features
        return near

    def _rows(self, positions: np.ndarray, way: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows of some images to compare, (p, 288), and which of them show nothing."""
        parts = [
            _standard(_made_good(self._prints[positions[start : start + _AT_ONCE]], way))
            for start in range(0, len(positions), _AT_ONCE)
        ]
        rows, flat = zip(*parts, strict=True) if parts else ((), ())
        empty = np.zeros((0, 1), np.float32), np.zeros(0, bool)
        return (np.concatenate(rows), np.concatenate(flat)) if parts else empty


def components(pairs: np.ndarray, n: int) -> np.ndarray:
    """Return the group of each of n images, (n,) int64: its first image's position; -1 for none.

    Of pairs (P, 2); what is like the same image is in one group.
    """
    first = np.arange(n)
    while len(pairs):
        low = np.minimum(first[pairs[:, 0]], first[pairs[:, 1]])
        before = first.copy()
        for column in (0, 1):
            np.minimum.at(first, first[pairs[:, column]], low)
            np.minimum.at(first, pairs[:, column], low)
        first = first[first]
        if (first == before).all():
            break
    groups = np.full(n, -1, np.int64)
    members = np.unique(pairs)
    groups[members] = first[members]
    return groups


# -- one image ---------------------------------------------------------------------------------


def _standard(prints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return fingerprints as rows (n, 288) of length 1, and which of them show nothing.

    Grey values around their mean, and colours of parts, which a JPEG keeps less exactly.
    """
    n = len(prints)
    values = prints.astype(np.float32, copy=False)
    grey = values @ _GREY
    colours = values[..., ::2] - grey[..., None]
    parts = colours.reshape(n, _PARTS, -1, _PARTS, SIDE // _PARTS, 2).mean(axis=(2, 4))
    grey = grey.reshape(n, -1)
    grey -= grey.mean(axis=1, keepdims=True)
    rows = np.concatenate([grey, _COLOUR * SIDE / _PARTS * parts.reshape(n, -1)], axis=1)
    lengths = np.linalg.norm(rows, axis=1)
    return rows / np.maximum(lengths, 1e-6)[:, None], lengths < _FLAT * SIDE


def _enlarging(part: float) -> np.ndarray:
    """Return the matrix (16, 16) that enlarges what is left of a side; part: of it before that."""
    places = _CUT * SIDE * part + (np.arange(SIDE) + 0.5) * (1 - _CUT) - 0.5
    low = np.clip(np.floor(places).astype(int), 0, SIDE - 2)
    upper = np.clip(places - low, 0, 1)
    matrix = np.zeros((SIDE, SIDE), np.float32)
    matrix[np.arange(SIDE), low] = 1 - upper
    matrix[np.arange(SIDE), low + 1] = upper
    return matrix


_CUTS = ((0.5, 0.5), *product((0.0, 1.0), repeat=2))
"""What is left of a cut image: the middle, or a corner."""
_MATRICES = tuple((_enlarging(down), _enlarging(across)) for down, across in _CUTS)


def _made_good(prints: np.ndarray, way: int) -> np.ndarray:
    """Return fingerprints (n, 16, 16, 3) as they are, way 0, or as other images would be cut.

    What is left is enlarged; float32.
    """
    if way == 0:
        return prints.astype(np.float32)
    down, across = _MATRICES[way - 1]
    rows = np.tensordot(prints.astype(np.float32), down, axes=(1, 1))  # (n, 16, 3, 16)
    return np.tensordot(rows, across, axes=(1, 1)).transpose(0, 2, 3, 1)


def _frequencies(prints: np.ndarray, way: int = 0) -> np.ndarray:
    """Return the 63 lowest frequencies (n, 63) of fingerprints but for the mean, of length 1.

    way: as images would be cut, see `_made_good`.
    """
    places = (np.arange(SIDE) + 0.5) * np.arange(_FREQUENCIES)[:, None]
    down = across = np.cos(np.pi * places / SIDE).astype(np.float32)
    if way:
        down, across = down @ _MATRICES[way - 1][0], across @ _MATRICES[way - 1][1]
    grey = prints.astype(np.float32) @ _GREY
    low = np.matmul(np.matmul(down, grey), across.T).reshape(len(prints), -1)[:, 1:]
    return low / np.maximum(np.linalg.norm(low, axis=1, keepdims=True), 1e-6)


# -- hashes ------------------------------------------------------------------------------------


def _neighbours(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return candidates (P, 2): a row of hashes (n, 63) known, a row of (m, 63) asked.

    They lie next to each other in one of the orders, and differ in few bits.
    """
    generator = np.random.default_rng(0)
    found = []
    plain_known, plain_asked = _packed(known), _packed(asked)
    lowest = np.add.outer(np.arange(_FREQUENCIES), np.arange(_FREQUENCIES)).ravel()[1:]
    for _ in range(_ORDERS):
        order = np.argsort(lowest + generator.uniform(0, 5, len(lowest)))
        keys = _packed(known[:, order])
        rank = np.argsort(keys, kind="stable")
        places = np.searchsorted(keys[rank], _packed(asked[:, order]))
        for step in range(-_WINDOW, _WINDOW):
            at = places + step
            there = np.flatnonzero((at >= 0) & (at < len(rank)))
            neighbour = rank[at[there]]
            differ = np.bitwise_count(plain_known[neighbour] ^ plain_asked[there])
            close = differ <= _FARTHEST
            found.append(neighbour[close] * len(asked) + there[close])
    both = np.unique(np.concatenate(found))
    return np.column_stack([both // len(asked), both % len(asked)])


def _packed(bits: np.ndarray) -> np.ndarray:
    """Return rows of 63 bits (n, 63) as numbers (n,) uint64, the first bit the highest."""
    whole = np.concatenate([bits, np.zeros((len(bits), 1), bool)], axis=1)
    return np.ascontiguousarray(np.packbits(whole, axis=1)).view(">u8")[:, 0].astype(np.uint64)
