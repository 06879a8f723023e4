"""Owns the proof that hard and wrong input leaves a model, or a clear reason why there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_learner import NAMES, ask, halves, quiet

from alcore import config, metrics
from alcore.errors import TrainingImpossible
from alcore.learner import descent, device, training
from alcore.learner.architecture import Architecture, Network
from alcore.learner.checkpoints import Model
from alcore.learner.training import LabeledImages, LearnerSettings


def fit(pixels: np.ndarray, labels: np.ndarray, names=NAMES, **settings) -> Model:
    with device.computing(0, 1):
        return training.fit(
            LabeledImages(pixels, labels, names, 3), LearnerSettings(**settings), 0, quiet
        )


@pytest.mark.parametrize("balance", config.BALANCES)
def test_a_class_with_one_label_and_one_without_any_train(balance: str) -> None:
    pixels, _ = halves(21)
    labels = np.zeros(21, np.int64)
    labels[1] = 1
    model = fit(pixels, labels, ("left", "right", "never seen"), balance=balance)
    found = ask(model, pixels).probabilities
    assert np.isfinite(found).all() and found[0].argmax() == 0


def test_balance_gives_a_rare_class_more_say() -> None:
    targets = torch.tensor([0] * 90 + [2] * 10)
    weights = descent._class_weights(targets, 3)
    assert weights[0] * 90 == pytest.approx(float(weights[2] * 10)) and weights[1] == 0
    assert float(weights[targets].mean()) == pytest.approx(1.0)
    shares = {}
    for balance in ("none", "sampling"):
        draw = descent._Draw(targets, 50, balance, torch.Generator().manual_seed(0))
        shares[balance] = float(
            np.mean([float((targets[draw()] == 2).float().mean()) for _ in range(40)])
        )
    assert shares["none"] == pytest.approx(0.1) and 0.45 < shares["sampling"] < 0.55


@pytest.mark.parametrize("given", [{}, {"balance": "weights"}, {"network": "study A"}])
def test_a_loss_that_is_no_number_stops_with_a_reason(given: dict) -> None:
    with pytest.raises(TrainingImpossible, match=r"the loss became nan .* last model stays"):
        fit(*halves(20), rate=float("inf"), **given)


def test_a_holdout_of_ten_is_measured() -> None:
    model = fit(*halves(20))
    pixels, labels = halves(10, seed=2)
    found = metrics.evaluate(ask(model, pixels).probabilities, labels, 2)
    low, high = found.interval
    assert found.n == 10 and low < found.accuracy <= high


@pytest.mark.parametrize("most", [16, 7])
def test_where_memory_runs_out_minibatches_get_smaller_and_the_notes_say_so(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own allocator refuses, as it would: a limit on the process may crash the libraries
    beside it, which do not look at what they are given."""

    def crowd(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > most:
            torch.empty(1 << 50, dtype=torch.uint8)

    build = training.networks.build

    def build_crowded(architecture: Architecture) -> Network:
        network = build(architecture)
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.register_forward_pre_hook(crowd)
        return network

    monkeypatch.setattr(training.networks, "build", build_crowded)
    if most < 8:
        with pytest.raises(TrainingImpossible, match="too little memory even for 8 images at a t"):
            fit(*halves(128), minibatch=64)
    else:
        smaller = tuple(
            f"memory ran out: trained again with {size} images per minibatch" for size in (32, 16)
        )
        assert fit(*halves(128), minibatch=64).notes == smaller


@pytest.mark.parametrize(
    "words",
    [
        "[enforce fail at alloc_cpu.cpp:118] data. DefaultCPUAllocator: can't allocate memory: you",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes.",
        "MPS backend out of memory (MPS allocated: 5 GB)",
        "could not create a primitive",
    ],
)
def test_words_of_every_allocator_are_understood(words: str) -> None:
    assert training._out_of_memory(RuntimeError(words))
    assert training._out_of_memory(torch.OutOfMemoryError("CUDA"))
    assert not training._out_of_memory(RuntimeError("shapes differ"))
