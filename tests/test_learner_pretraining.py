"""Owns the proof of pretraining: it learns, stops and goes on to the same result, and is seeded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_learner import halves, quiet

from alcore.config import Precision
from alcore.errors import CheckpointMismatch, JobCancelled, TrainingImpossible
from alcore.learner import augmentation, contrast, device, networks, pretraining, transfer
from alcore.learner.pretraining import PretrainSettings, State

SETTINGS = PretrainSettings(minibatch=32, augmentation="shift")
PIXELS = halves(200, side=16)[0]
CPU = torch.device("cpu")


def pretrain(stops: tuple[int, ...] = (), folder: Path | None = None, **given) -> State:
    """Pretrain, stopping after so many minibatches and going on from a file."""
    arguments = {"settings": SETTINGS, "seed": 0, "steps": 12, "channels": 3, **given}
    rows = arguments.pop("rows", np.arange(200))
    state = arguments.pop("state", None)
    for stop in (*stops, None):
        count = iter(range(1, 1000))
        with device.computing(0, 1):
            state = pretraining.pretrain(
                PIXELS,
                rows,
                progress=quiet,
                should_stop=lambda stop=stop, count=count: next(count) == stop,
                state=state,
                **arguments,
            )
        if stop is not None:
            state.save(folder / "state")
            state = pretraining.load_state(folder / "state")
    return state


@pytest.fixture(scope="module")
def whole(arithmetic: Precision) -> State:
    return pretrain()


def test_a_pretraining_that_was_stopped_twice_ends_the_same(whole: State, tmp_path: Path) -> None:
    parts = pretrain(stops=(3, 4), folder=tmp_path)
    assert parts.done and whole.done and parts.step == 12
    assert all(torch.equal(whole.tensors[k], v) for k, v in parts.tensors.items())
    assert parts.loss == pytest.approx(whole.loss)


def test_it_repeats_itself_for_a_seed_and_not_for_another(whole: State) -> None:
    again, other = pretrain(), pretrain(seed=1)
    name = "network.stages.0.0.0.weight"
    assert torch.equal(again.tensors[name], whole.tensors[name])
    assert not torch.equal(other.tensors[name], whole.tensors[name])


def test_one_goes_on_in_the_arithmetic_it_began_in(whole: State, tmp_path: Path) -> None:
    assert whole.arithmetic == device.arithmetic(networks.build(whole.architecture), CPU)
    begun = pretrain(stops=(3,), folder=tmp_path, steps=12)
    state = pretraining.load_state(tmp_path / "state")
    other = "float32" if whole.arithmetic == "bfloat16" else "bfloat16"
    with device.precision_of_trainings(other):
        parts = pretrain(state=state)
    assert parts.arithmetic == begun.arithmetic == whole.arithmetic
    assert all(torch.equal(whole.tensors[k], v) for k, v in parts.tensors.items())


def test_it_learns_to_tell_images_apart(arithmetic: Precision) -> None:
    start, end = pretrain(steps=1), pretrain(steps=40)
    assert end.loss < start.loss - 0.3


def test_its_weights_start_other_trainings(whole: State) -> None:
    weights = whole.pretrained()
    named = ", bfloat16" if whole.arithmetic == "bfloat16" else ""
    assert weights.source == f"SimCLR on 200 images, 2 epochs{named}"
    architecture = replace(weights.architecture, classes=7)
    network = networks.build(architecture)
    transfer.put(weights, network, architecture)
    stem = network.state_dict()["stem.weight"]
    assert torch.equal(stem, whole.tensors["network.stem.weight"])


def test_progress_rises_to_one_and_may_stop_it() -> None:
    heard: list[float] = []
    with device.computing(0, 1):
        pretraining.pretrain(PIXELS, np.arange(200), 3, SETTINGS, 0, heard.append, steps=4)
    assert heard == [0.25, 0.5, 0.75, 1.0]

    def stop(share: float) -> None:
        raise JobCancelled("stop")

    with pytest.raises(JobCancelled), device.computing(0, 1):
        pretraining.pretrain(PIXELS, np.arange(200), 3, SETTINGS, 0, stop, steps=4)


def test_states_of_other_images_or_settings_are_refused(whole: State) -> None:
    for change in (
        {"rows": np.arange(100)},
        {"settings": replace(SETTINGS, rate=1.0)},
        {"seed": 7},
        {"channels": 1},
    ):
        with pytest.raises(CheckpointMismatch, match="of other images or settings"):
            pretrain(state=whole, **change)


def test_too_few_images_and_losses_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(TrainingImpossible, match="1 images; pretraining needs at least 2"):
        pretrain(rows=np.arange(1))
    with pytest.raises(TrainingImpossible, match="the pretraining's loss became nan at minibatch"):
        pretrain(settings=replace(SETTINGS, rate=float("inf")))


def test_a_file_of_something_else_is_no_state(whole: State, tmp_path: Path) -> None:
    whole.pretrained().save(tmp_path / "weights")
    with pytest.raises(CheckpointMismatch, match="must be 'alcore pretraining 1'"):
        pretraining.load_state(tmp_path / "weights")


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (32, 3), (224, 3)])
def test_tiny_grey_and_large_images_are_pretrained_too(side: int, channels: int) -> None:
    pixels = halves(3, side)[0]
    with device.computing(0, 1):
        settings = PretrainSettings(augmentation="flip")
        state = pretraining.pretrain(pixels, np.arange(3), channels, settings, 0, quiet, steps=2)
    assert state.done and np.isfinite(state.loss)


def test_views_are_smaller_first_and_whole_at_the_end() -> None:
    sides = [contrast.view_side(32, share) for share in (0.0, 0.4, 0.5, 0.7, 1.0)]
    assert sides == [24, 24, 32, 24, 32] and contrast.view_side(8, 0.0) == 8


def test_the_estimate_grows_with_the_images() -> None:
    settings = PretrainSettings(minibatch=16)
    few, many = (pretraining.estimate_seconds(n, 1, 8, 1, settings) for n in (100, 100_000))
    assert 0 < few < many


def test_the_loss_is_low_when_views_agree_and_high_when_they_do_not() -> None:
    images = torch.eye(8)
    same = contrast.contrast(torch.cat([images, images]), 0.2)
    mixed = contrast.contrast(torch.cat([images, images.roll(1, 0)]), 0.2)
    assert same < mixed - 4


def test_crops_show_a_part_and_mirror_half_of_the_images() -> None:
    ramp = torch.arange(0, 256, 8, dtype=torch.uint8).repeat(200, 3, 32, 1)
    seen = augmentation.crop(ramp, torch.Generator().manual_seed(0), 0.25, 24, mirror=True)
    assert seen.shape == (200, 3, 24, 24) and seen.min() >= 0 and seen.max() <= 248
    steps = seen[..., 1:] - seen[..., :-1]
    rising, falling = (steps >= 0).all(dim=(1, 2, 3)), (steps <= 0).all(dim=(1, 2, 3))
    assert (rising | falling).all() and 0.4 < rising.float().mean() < 0.6
    shares = (seen[:, 0, 0].amax(dim=1) - seen[:, 0, 0].amin(dim=1)) / 248
    assert shares.min() > 0.35 and shares.min() < 0.55 and shares.max() > 0.85
