"""Owns the proof of the signals: shapes, meaning, limits, and that computing them harms nothing."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from test_rounds import CLASSES, HELD, HOLDOUT, IDS, PIXELS, POOL, TRUE, a_case
from torch import nn

from alcore import rounds, strategies
from alcore.config import Precision
from alcore.learner import autoencoder, deepfool, device, heads, inference, signals, training
from alcore.learner.augmentation import vary_light
from alcore.learner.learning_loss import Joint, LossModule, ranking_loss
from alcore.rounds.network import NetworkLearner, NetworkModel
from alcore.rounds.values import Lesson
from alcore.strategies import Need, Signals

EVERY = frozenset({*signals._FROM_LABELED, *signals._FROM_POOL})
LABELED, CANDIDATES = POOL[:60], POOL[60:360]


def silent(share: float) -> None:
    """Listen to progress and do nothing."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def train(needs: frozenset, labeled: np.ndarray) -> tuple:
    """Train on some digits and leave behind what these signals need."""
    with device.computing(1, 1):
        traces = signals.Traces(needs)
        model = training.fit(
            training.LabeledImages(PIXELS[labeled], TRUE[labeled], CLASSES, 1),
            training.LearnerSettings(),
            0,
            silent,
            traces.watch,
            training.Extras(loss_module=traces.loss_module),
        )
    return model, traces


def ask(model, rows: np.ndarray) -> inference.Predictions:
    return inference.predict(model, PIXELS, rows, True, False, silent)


def gather(needs: frozenset, model, traces, told=silent, augmentation: str = "shift") -> Signals:
    material = signals.Material(
        model=model,
        pixels=PIXELS,
        rows=CANDIDATES,
        labeled_rows=LABELED,
        labeled_ids=IDS[LABELED],
        labels=TRUE[LABELED],
        pool=ask(model, CANDIDATES),
        held=ask(model, HOLDOUT),
        traces=traces,
        augmentation=augmentation,
        at_least=20,
        seed=lambda purpose: 7,
    )
    with device.computing(1, 1):
        return signals.gather(needs, material, told)


@pytest.fixture(scope="module")
def trained(arithmetic: Precision) -> tuple:
    """A model of 60 digits, with all traces."""
    return train(EVERY, LABELED)


@pytest.fixture(scope="module")
def found(trained: tuple) -> Signals:
    """Every signal of 300 candidates."""
    return gather(EVERY, *trained)


def test_every_signal_has_its_shape_and_is_finite(found: Signals) -> None:
    p, n, c, t = len(CANDIDATES), len(LABELED), 10, training.CHECKPOINTS
    shapes = {
        "probabilities": (p, c),
        "logits": (p, c),
        "embeddings": (p, 128),
        "labeled_embeddings": (n, 128),
        "labeled_ids": (n,),
        "labeled_probabilities": (n, c),
        "dropout": (p, heads.PASSES, c),
        "committee": (p, heads.MEMBERS, c),
        "history": (p, t, c),
        "labeled_history": (n, t, c),
        "inner_history": (p, t, 224),
        "labeled_inner_history": (n, t, 224),
        "augmented": (p, signals.VIEWS, c),
        "predicted_loss": (p,),
        "reconstruction_loss": (p,),
        "flip_distance": (p,),
        "holdout_logits": (len(HOLDOUT), c),
    }
    assert {name: getattr(found, name).shape for name in shapes} == shapes
    assert set(shapes) == {name for name, value in vars(found).items() if value is not None}
    for name in shapes:
        assert np.isfinite(getattr(found, name)).all(), name
    for name in ("dropout", "committee", "history", "augmented", "labeled_history"):
        sums = getattr(found, name).astype(np.float32).sum(axis=2)
        np.testing.assert_allclose(sums, 1, atol=1e-5, err_msg=name)


def test_only_what_is_needed_is_computed_and_progress_goes_up_to_all(trained: tuple) -> None:
    seen: list[float] = []
    few = gather(frozenset({"committee", "augmented"}), *trained, seen.append)
    given = {name for name, value in vars(few).items() if value is not None}
    assert given == {"probabilities", "labeled_ids", "committee", "augmented"}
    assert seen == sorted(seen) and seen[-1] == 1


def test_a_plain_strategy_costs_nothing_extra() -> None:
    needs = strategies.needed("margin", {})
    traces = signals.Traces(needs)
    traces.watch(nn.Linear(1, 1))
    assert signals.passes(needs) == 0 and signals.most(needs, 10) is None
    assert traces.snapshots == [] and not traces.loss_module


def test_watching_a_training_does_not_change_it(trained: tuple) -> None:
    with device.computing(1, 1):
        traces = signals.Traces(frozenset({"history"}))
        images = training.LabeledImages(PIXELS[LABELED], TRUE[LABELED], CLASSES, 1)
        fit = (images, training.LearnerSettings(), 0, silent)
        watched = training.fit(*fit, watch=traces.watch).network.state_dict()
        alone = training.fit(*fit).network.state_dict()
    assert all(torch.equal(watched[name], alone[name]) for name in alone)
    last = traces.snapshots[-1].state_dict()
    assert all(torch.equal(last[name], alone[name]) for name in alone)
    assert len(traces.snapshots) == training.CHECKPOINTS


def test_signals_leave_the_model_as_it_was_batch_norm_included(trained: tuple) -> None:
    model, traces = trained
    before = copy.deepcopy(model.network.state_dict())
    gather(EVERY, model, traces)
    after = model.network.state_dict()
    assert any("running_var" in name for name in after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not model.network.training


def test_signals_repeat_themselves_to_the_last_bit(trained: tuple, found: Signals) -> None:
    again = gather(EVERY, *trained)
    for name, value in vars(found).items():
        if value is not None:
            assert np.array_equal(value, getattr(again, name), equal_nan=True), name


def test_logits_are_those_of_the_probabilities(found: Signals) -> None:
    powers = np.exp(found.logits - found.logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, found.probabilities, atol=1e-5)


def test_a_history_ends_with_the_model_itself(found: Signals) -> None:
    np.testing.assert_allclose(found.history[:, -1], found.probabilities, atol=1e-5)
    right = [
        (found.history[:, t].argmax(axis=1) == TRUE[CANDIDATES]).mean()
        for t in range(training.CHECKPOINTS)
    ]
    assert right[-1] > right[0]


def test_passes_with_dropout_differ_and_still_know_the_digits(found: Signals) -> None:
    assert np.all(found.dropout.std(axis=1).max(axis=1) > 1e-4)
    right = (found.dropout.mean(axis=1).argmax(axis=1) == TRUE[CANDIDATES]).mean()
    print(f"mean of 20 passes is right on {right:.2f} of digits, needs above 0.7")
    assert right > 0.7


def test_members_of_a_committee_differ_and_still_know_the_digits(found: Signals) -> None:
    assert len(np.unique(found.committee[:, :, 0].sum(axis=0))) == heads.MEMBERS
    right = (found.committee.mean(axis=1).argmax(axis=1) == TRUE[CANDIDATES]).mean()
    print(f"the committee is right on {right:.2f} of digits, needs above 0.7")
    assert right > 0.7


def test_a_committee_agrees_where_labels_are_and_not_far_from_them() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    points = rng.normal(size=(40, 8)).astype(np.float32) * 0.3
    points[:, 0] += 4 * labels
    asked = np.zeros((2, 8), np.float32)
    asked[1, 0], asked[1, 1:] = 2, 3  # between the classes and off the path
    near, far = heads.committee(asked, points, labels, 2, generator()).std(axis=1).max(axis=1)
    assert near < 0.05 < far


def test_views_differ_also_where_a_project_forbids_moving(trained: tuple) -> None:
    views = gather(frozenset({"augmented"}), *trained, augmentation="none").augmented
    assert np.all(views.astype(np.float32).std(axis=1).max(axis=1) > 0)
    images = torch.full((5, 1, 8, 8), 100.0)
    lit = vary_light(images, generator())
    assert len(torch.unique(lit)) == 5 and torch.all((lit - 100).abs() < 40)


# -- learning loss -----------------------------------------------------------------------------


def test_the_ranking_loss_pairs_the_first_with_the_last() -> None:
    predicted, losses = torch.tensor([2.0, 0.0, 0.5, 0.0]), torch.tensor([1.0, 0.0, 3.0, 0.0])
    # Pairs (0, 3) and (1, 2): 2 − 0 in the right order by more than 1; 0 − 0.5 by only 0.5.
    assert ranking_loss(predicted, losses).item() == pytest.approx((0 + 0.5) / 2)
    # Turned round, both are wrong: 1 + 2 and 1 + 0.5.
    assert ranking_loss(-predicted, losses).item() == pytest.approx((3 + 1.5) / 2)


def test_an_odd_minibatch_loses_its_last_image_and_keeps_its_pairs() -> None:
    predicted, losses = torch.tensor([2.0, 0.5, 9.0]), torch.tensor([1.0, 0.0, 0.0])
    assert ranking_loss(predicted, losses).item() == ranking_loss(predicted[:2], losses[:2]).item()


def test_the_module_changes_the_network_for_60_percent_of_the_training_only() -> None:
    joint = Joint(LossModule((4, 6)), 100)
    losses = torch.rand(8)
    for step, reaches in ((0, True), (59, True), (60, False), (99, False)):
        maps = [torch.randn(8, width, 2, 2, requires_grad=True) for width in (4, 6)]
        joint.loss(maps, losses, step).backward()
        assert all((m.grad is not None) == reaches for m in maps)
        assert joint.module.last.weight.grad is not None


def test_the_rate_of_the_module_falls_to_a_tenth_after_80_percent() -> None:
    joint = Joint(LossModule((4,)), 10)
    rates = []
    for _ in range(10):
        rates.append(joint.optimizer.param_groups[0]["lr"])
        joint.step()
    assert rates == pytest.approx([0.1] * 8 + [0.01] * 2)


def test_predicted_losses_are_in_the_order_of_true_ones_on_unseen_digits() -> None:
    needs = frozenset({"predicted_loss"})
    correlations = []
    for seed in range(3):
        labeled = np.random.default_rng(seed).permutation(POOL[360:])[:200]
        model, traces = train(needs, labeled)
        predicted = gather(needs, model, traces).predicted_loss
        shares = ask(model, CANDIDATES).probabilities[np.arange(300), TRUE[CANDIDATES]]
        true = -np.log(shares + 1e-9)
        ranks = [np.argsort(np.argsort(x)) for x in (predicted, true)]
        correlations.append(np.corrcoef(*ranks)[0, 1])
    print(f"Spearman of predicted and true loss: {np.round(correlations, 2)}, needs above 0.2")
    assert np.mean(correlations) > 0.2


# -- reconstruction and flips ------------------------------------------------------------------


def test_what_is_unlike_the_pool_is_hard_to_rebuild() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    pixels = np.concatenate([PIXELS[:600], np.repeat(noise, 3, axis=3)])
    rows = np.arange(len(pixels))
    with device.computing(0, 1):
        losses = autoencoder.reconstruction_losses(pixels, rows, rows, 1, generator(), silent)
    assert set(np.argsort(losses)[-20:]) == set(range(600, 620))


@pytest.mark.parametrize(("side", "channels"), [(8, 3), (16, 1), (32, 3), (96, 3), (128, 1)])
def test_an_autoencoder_takes_every_resolution(side: int, channels: int) -> None:
    network = autoencoder._autoencoder(channels, min(side, 32))
    images = torch.rand(2, channels, min(side, 32), min(side, 32))
    assert network(images).shape == images.shape
    code = min(layer.out_features for layer in network if isinstance(layer, nn.Linear))
    assert code * 4 <= images[0].numel()


def test_deepfool_finds_the_nearest_border_of_a_linear_model() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).requires_grad_(False)
    network[1].weight.copy_(torch.tensor([[3.0, 0, 0, 4], [0, 0, 0, 0], [-5.0, 0, 0, 0]]) / 100)
    network[1].bias.zero_()
    image = torch.tensor([100.0, 0, 0, 50]).reshape(1, 1, 2, 2)
    # Logits 5, 0 and −5; borders at 5 / 0.05 = 100 and 10 / |(0.08, 0.04)| = 111.8 pixel steps.
    distances, changed = deepfool.flip(network, image)
    assert distances.item() == pytest.approx(1.02 * 100 / 255, rel=1e-3)
    assert network(changed).argmax().item() == 1


def test_flips_flip_the_prediction_and_are_small(trained: tuple, found: Signals) -> None:
    network = inference.fused(trained[0].network).requires_grad_(False)
    images = training.as_tensor(PIXELS[CANDIDATES], 1)
    distances, changed = deepfool.flip(network, images)
    assert torch.isfinite(distances).all()
    assert torch.all(network(changed).argmax(dim=1) != network(images).argmax(dim=1))
    moved = (changed - images).flatten(1).norm(dim=1) / 255
    torch.testing.assert_close(moved, distances)
    print(f"digits flip within {distances.median():.2f}; an image has length {6:.0f}")
    top = np.sort(found.probabilities, axis=1)
    margins = top[:, -1] - top[:, -2]
    assert np.corrcoef(margins, distances)[0, 1] > 0.3
    # One at a time or together: the same.
    alone, _ = deepfool.flip(network, images[3:4])
    assert alone.item() == pytest.approx(distances[3].item(), rel=1e-2)


def test_an_image_that_does_not_flip_in_time_has_no_distance() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).requires_grad_(False)
    distances, changed = deepfool.flip(network, torch.rand(3, 1, 2, 2), steps=0)
    assert torch.isnan(distances).all() and changed.shape == (3, 1, 2, 2)


# -- limits ------------------------------------------------------------------------------------


def test_memory_is_bounded_however_large_the_pool() -> None:
    for classes in (2, 10, 1000):
        for need, members in (("dropout", heads.PASSES), ("committee", heads.MEMBERS)):
            values = signals.most(frozenset({need}), classes) * members * classes
            assert values * 4 <= 2**28
    assert signals.most(frozenset({"history", "dropout"}), 10) == 10_000
    assert signals.most(frozenset({"dropout", "history"}), 1000) == math.floor(2**26 / 20_000)


def test_a_large_pool_islooked_at_in_part_and_scored_in_full() -> None:
    repeats = 9
    pixels = np.concatenate([PIXELS] * repeats)
    ids = np.arange(len(pixels), dtype=np.int64)
    given = a_case(
        images=rounds.Images(pixels, ids, 1),
        holdout=rounds.Holdout(ids[:0], TRUE[:0]),
        labeled_ids=ids[:40],
        labels=TRUE[:40],
        candidate_ids=ids[40:],
        stop_ids=ids[:0],
        strategy="label dispersion",
    )
    candidates = given.task.candidate_ids
    looked = rounds.looked_at(given.learner, given.lesson, given.task, candidates)
    assert len(np.unique(looked)) == 10_000 < len(candidates)
    again = rounds.looked_at(given.learner, given.lesson, given.task, candidates)
    assert np.array_equal(looked, again)
    result = given.run()
    assert len(result.scores) == len(candidates)
    assert set(result.selection.item_ids) <= set(looked) and len(result.selection.item_ids) == 30


# -- live --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept(NetworkLearner):
    """Trains once for all strategies that have the same left behind by the same training."""

    models: dict[tuple[object, ...], NetworkModel] = field(default_factory=dict)

    def fit(
        self, lesson: Lesson, seed: int, on_progress: Any, needs: frozenset[Need] = frozenset()
    ) -> NetworkModel:
        left = needs & {"history", "inner_history", "predicted_loss"}
        key = (seed, left, lesson.labeled_ids.tobytes())
        if key not in self.models:
            self.models[key] = super().fit(lesson, seed, on_progress, needs)
        return replace(self.models[key], lesson=lesson)


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept(**vars(a_case().learner))


@pytest.mark.parametrize("name", [strategy.name for strategy in strategies.registered()])
def test_every_strategy_goes_from_labels_to_a_new_queue_and_repeats_itself(
    kept: Kept, name: str
) -> None:
    pool, case = IDS[CANDIDATES[:150]], a_case(12, strategy=name, stop_ids=IDS[CANDIDATES[:150]])
    labeled = case.lesson.labeled_ids
    # Offered by mistake: items that are labeled or in the holdout meanwhile.
    offered = np.concatenate([labeled[:9], pool, HELD.ids[:9]])
    given = case.but(candidate_ids=offered, queue_size=len(offered))
    seen: list[float] = []
    first = given.run(lambda phase, share: seen.append(share))
    again = replace(given, learner=kept).run()
    assert seen == sorted(seen) and seen[-1] == 1
    assert first.candidate_ids.tolist() == pool.tolist()
    picked, origins = first.selection.item_ids.tolist(), first.selection.origins
    assert len(set(picked)) == len(picked) == len(pool)
    again_allowed = labeled if strategies.get(name).asks_again else IDS[:0]
    for item, origin in zip(picked, origins, strict=True):
        assert item in (again_allowed if origin == "relabel" else pool)
    assert first.selection.item_ids.tolist() == again.selection.item_ids.tolist()
    assert first.selection.reasons == again.selection.reasons
    assert np.isfinite(first.selection.scores).all()
