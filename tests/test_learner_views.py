"""Owns the proof that the preview of augmentations shows what training does, without torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from alcore.config import AUGMENTATIONS
from alcore.learner import augmentation, views

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_previews_are_seeded_and_keep_shape_and_type(name: str) -> None:
    first, again, other = (
        views.preview(IMAGES, name, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == IMAGES.shape and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (name == "none")


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_previews_change_images_as_much_as_training_does(name: str) -> None:
    ramp = np.tile(np.linspace(40, 200, 32, dtype=np.uint8)[None, None, :, None], (300, 32, 1, 3))
    shown = views.preview(ramp, name, np.random.default_rng(0)).astype(float)
    tensor = torch.from_numpy(ramp).permute(0, 3, 1, 2)
    trained = augmentation.AUGMENTATIONS[name](tensor, torch.Generator().manual_seed(0))
    trained = trained.permute(0, 2, 3, 1).numpy().astype(float)
    for seen in (shown, trained):
        mirrored = (seen[:, :, -1].mean(axis=(1, 2)) < seen[:, :, 0].mean(axis=(1, 2))).mean()
        assert 0.35 < mirrored < 0.65 if name in views.FLIPS else mirrored == 0
    changes = [np.abs(seen - ramp).mean() for seen in (shown, trained)]
    assert changes[0] == pytest.approx(changes[1], rel=0.25)


def test_rotations_stay_within_fifteen_degrees() -> None:
    side = 64
    line = np.zeros((200, side, side, 3), np.uint8)
    line[:, side // 2 - 1 : side // 2 + 1] = 255
    tensor = torch.from_numpy(line).permute(0, 3, 1, 2)
    turned = augmentation.rotate(tensor, torch.Generator().manual_seed(0))[:, 0].float()
    rows = torch.arange(side).float()
    left, right = (
        (turned[:, :, c] * rows).sum(dim=1) / turned[:, :, c].sum(dim=1) for c in (16, 48)
    )
    degrees = torch.rad2deg(torch.atan((right - left) / 32)).abs()
    assert degrees.max() < views.DEGREES + 1 and degrees.max() > views.DEGREES - 4


def test_the_preview_loads_no_torch() -> None:
    code = "import sys, alcore.learner.views; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
