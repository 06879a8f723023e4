"""Owns how images become places in a plane: by principal components, lined up with what was before.

N images, D values each. A layout is (N, 2) float32, centred, with a mean squared distance of 1 from
its centre, so that layouts can be compared and one can move into the next.
"""

from __future__ import annotations

import numpy as np

_LOOKED_AT = 20_000
"""Images, evenly taken, from which the main directions are told."""
_BLOCK = 8_192
STEPS = 65_535
"""Steps between the two ends of a coordinate as it is stored and sent."""


def principal(values: np.ndarray) -> np.ndarray:
    """Lay rows (N, D), maybe a memmap, out by their two main directions (Pearson 1901).

    A direction's sign is that which makes its largest part positive, so that the same rows give
    the same layout. Fewer than two rows or directions leave zeros.
    """
    result = np.zeros((len(values), 2), np.float32)
    sample = np.asarray(values[:: 1 + len(values) // _LOOKED_AT], np.float32)
    if len(values) < 2 or sample.shape[1] == 0:
        return result
    mean = sample.mean(axis=0)
    centred = sample - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    main = vectors[:, ::-1][:, :2]
    strongest = np.abs(main).argmax(axis=0)
    main = main * np.where(main[strongest, np.arange(main.shape[1])] < 0, -1, 1)
    for start in range(0, len(values), _BLOCK):
        block = np.asarray(values[start : start + _BLOCK], np.float32) - mean
        result[start : start + len(block), : main.shape[1]] = block @ main
    return scaled(result)


def scaled(layout: np.ndarray) -> np.ndarray:
    """Return a layout centred, with a mean squared distance of 1 from its centre.

    >>> scaled(np.array([[1.0, 1.0], [3.0, 1.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    if not len(layout):
        return layout.astype(np.float32)
    centred = layout - layout.mean(axis=0)
    size = float(np.sqrt((centred**2).sum(axis=1).mean()))
    return (centred / (size or 1.0)).astype(np.float32)


def aligned(layout: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Turn or mirror a layout so that its points are as near as can be to where they were.

    The orthogonal Procrustes problem (Schönemann 1966). Rows that only one of them has, at its
    end, do not count.
    """
    n = min(len(layout), len(before))
    if n < 2:
        return layout
    left, _, right = np.linalg.svd(layout[:n].T.astype(np.float64) @ before[:n])
    return (layout @ (left @ right)).astype(np.float32)


def packed(layout: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a layout as whole numbers (N, 2) uint16, and where the ends of its axes are: ±span.

    >>> packed(np.array([[-2.0, 0.0], [2.0, 1.0]]))[1]
    2.0
    """
    span = float(np.abs(layout).max()) if layout.size else 1.0
    span = span or 1.0
    steps = np.round((layout / span + 1) / 2 * STEPS)
    return steps.astype(np.uint16), span


def unpacked(steps: np.ndarray, span: float) -> np.ndarray:
    """Return a layout (N, 2) float32 from its whole numbers, to within span / STEPS."""
    return ((steps.astype(np.float32) / STEPS * 2 - 1) * span).astype(np.float32)
