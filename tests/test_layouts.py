"""Owns the proof that layouts are what they say: main directions, lined up, kept to a step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import layouts


def cloud(n: int = 200, width: int = 6, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed)
    return drawn.normal(size=(n, width)) * np.linspace(5, 1, width) + 7


def test_the_first_direction_is_the_one_that_varies_most() -> None:
    line = np.arange(50, dtype=np.float32)
    values = np.stack([3 * line, 4 * line, np.zeros(50)], axis=1)
    points = layouts.principal(values)
    assert np.allclose(points[:, 1], 0, atol=1e-5)
    assert np.all(np.diff(points[:, 0]) > 0), "the strongest part of a direction is positive"
    assert np.isclose((points**2).sum(axis=1).mean(), 1)


def test_main_directions_are_those_of_a_singular_value_decomposition() -> None:
    values = cloud()
    centred = values - values.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    known = layouts.scaled(left[:, :2] * sizes[:2])
    found = layouts.principal(values)
    for axis in (0, 1):
        assert abs(np.corrcoef(known[:, axis], found[:, axis])[0, 1]) > 0.9999


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (2, 4), (5, 1), (5, 0)])
def test_few_images_and_few_values_have_a_layout_too(shape: tuple[int, int]) -> None:
    points = layouts.principal(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    assert points.shape == (shape[0], 2)
    assert np.isfinite(points).all()


@given(st.floats(0, 6.28), st.booleans())
def test_a_turned_or_mirrored_layout_comes_back(angle: float, mirrored: bool) -> None:
    before = layouts.principal(cloud(60))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    other = before @ turn * ([1, -1] if mirrored else [1, 1])
    assert np.allclose(layouts.aligned(other, before), before, atol=1e-4)


def test_images_that_came_later_do_not_count_where_layouts_are_lined_up() -> None:
    before = layouts.principal(cloud(60))
    longer = np.concatenate([-before, np.full((5, 2), 9.0)])
    assert np.allclose(layouts.aligned(longer, before)[:60], before, atol=1e-4)


@given(st.integers(0, 40), st.floats(1e-3, 1e4))
def test_a_layout_is_kept_to_within_a_step(n: int, size: float) -> None:
    layout = (np.random.default_rng(n).normal(size=(n, 2)) * size).astype(np.float32)
    steps, span = layouts.packed(layout)
    assert steps.dtype == np.uint16 and span > 0
    assert np.abs(layouts.unpacked(steps, span) - layout).max(initial=0) <= 1.01 * span / 65_535
