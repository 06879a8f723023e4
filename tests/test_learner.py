"""Owns the proof of the learner: any image size, augmentation, inference and checkpoints."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from alcore.config import AUGMENTATIONS as OFFERED
from alcore.config import RESOLUTIONS, Precision
from alcore.errors import (
    CheckpointMismatch,
    JobCancelled,
    TrainingImpossible,
    WorkspaceUnusable,
)
from alcore.learner import augmentation, checkpoints, device, files, inference, networks, training
from alcore.learner.architecture import Architecture
from alcore.learner.backbones import BACKBONES
from alcore.learner.checkpoints import Model
from alcore.learner.training import LabeledImages, LearnerSettings

NAMES = ("left", "right")


def quiet(share: float) -> None:
    """Listen to progress and do nothing."""


def halves(n: int, side: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise images (n, side, side, 3), bright in the left or the right half."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    pixels = rng.integers(0, 80, (n, side, side, 3))
    for i, label in enumerate(labels):
        pixels[i, :, label * side // 2 : (label + 1) * side // 2] += 120
    return pixels.astype(np.uint8), labels


def train(n: int = 20, side: int = 8, channels: int = 3, seed: int = 0, **settings) -> Model:
    pixels, labels = halves(n, side)
    recipe = LearnerSettings(**settings)
    with device.computing(seed, 1):
        return training.fit(LabeledImages(pixels, labels, NAMES, channels), recipe, seed, quiet)


def ask(model: Model, pixels: np.ndarray, mirror: bool = True) -> inference.Predictions:
    return inference.predict(model, pixels, np.arange(len(pixels)), True, mirror, quiet)


@pytest.fixture(scope="module")
def model(arithmetic: Precision) -> Model:
    return train()


SIZES = [
    (network, resolution, channels)
    for network in networks.NETWORKS
    for resolution in (RESOLUTIONS if network not in BACKBONES else (8, 32, 224))
    for channels in (1, 3)
]


@pytest.mark.parametrize(("network", "resolution", "channels"), SIZES)
def test_every_network_takes_every_resolution_and_both_channel_counts(
    network: str, resolution: int, channels: int
) -> None:
    built = networks.build(Architecture(network, channels, resolution, 7))
    images = torch.randint(0, 256, (2, channels, resolution, resolution), dtype=torch.uint8)
    built.prepare(images, torch.Generator().manual_seed(0))
    logits = built(images)
    logits.sum().backward()
    assert logits.shape == (2, 7) and torch.isfinite(logits).all()
    assert built.features(images).shape == (2, built.head.in_features)
    assert tuple(m.shape[1] for m in built.outputs(images)) == built.widths


@pytest.mark.parametrize("network", BACKBONES)
def test_backbones_keep_positions_of_small_images_and_fold_for_inference(network: str) -> None:
    built = networks.build(Architecture(network, 3, 32, 4)).eval()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        for part in built.modules():  # batch norms that do something
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.uniform_(-0.1, 0.1)
        assert list(built.outputs(images))[-1].shape[2:] == (2, 2)
        folded = inference.fused(built)
        torch.testing.assert_close(folded(images), built(images), atol=1e-4, rtol=1e-3)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())


@pytest.mark.parametrize("classes", [2, 1000])
def test_two_and_a_thousand_classes_work(classes: int, arithmetic: Precision) -> None:
    pixels, labels = halves(10)
    names = tuple(str(c) for c in range(classes))
    with device.computing(0, 1):
        model = training.fit(LabeledImages(pixels, labels, names, 3), LearnerSettings(), 0, quiet)
    found = ask(model, pixels).probabilities
    assert found.shape == (10, classes) and (found.argmax(axis=1) == labels).all()


@pytest.mark.parametrize("what", ["network", "channels", "resolution", "classes"])
def test_impossible_networks_are_refused(what: str) -> None:
    wrong = {"network": "huge CNN", "channels": 2, "resolution": 4, "classes": 1}[what]
    with pytest.raises(TrainingImpossible, match=str(wrong)):
        networks.build(replace(Architecture("small CNN", 3, 32, 10), **{what: wrong}))


def test_the_stem_whitens_patches() -> None:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(size=(64, 16, 16, 3)), axis=1).cumsum(axis=2)
    images = torch.from_numpy(np.clip(128 + 8 * smooth, 0, 255).astype(np.uint8))
    images = images.permute(0, 3, 1, 2)
    built = networks.build(Architecture("small CNN", 3, 16, 2))
    built.prepare(images, torch.Generator().manual_seed(0))
    x = (images.float() - built.mean) / built.deviation
    half = len(built.stem.weight) // 2
    out = built.stem(x)[:, :half].permute(1, 0, 2, 3).reshape(half, -1)
    strong = torch.cov(out)[:8, :8]
    assert torch.allclose(strong, torch.eye(8), atol=0.15)
    assert torch.equal(built.stem.weight[:half], -built.stem.weight[half:])
    assert not built.stem.weight.requires_grad


def test_all_augmentations_that_are_offered_exist() -> None:
    assert set(augmentation.AUGMENTATIONS) == set(OFFERED)


def test_shifts_stay_within_an_eighth_and_mirror_the_edges() -> None:
    ramp = torch.arange(32, dtype=torch.uint8).repeat(100, 1, 32, 1)
    moved = augmentation.shift(ramp, torch.Generator().manual_seed(0))
    shifts = moved[:, 0, 0, 16].int() - 16
    assert shifts.min() == -4 and shifts.max() == 4
    right = moved[shifts == 4][0, 0, 0]
    assert right.tolist() == [*range(4, 32), 30, 29, 28, 27]


def test_flips_mirror_half_of_the_images_and_shifts_none() -> None:
    ramp = torch.arange(32, dtype=torch.uint8).repeat(400, 1, 32, 1)
    flipped = augmentation.shift_and_flip(ramp, torch.Generator().manual_seed(0))
    falling = (flipped[:, 0, 0, 10] > flipped[:, 0, 0, 20]).float().mean()
    assert 0.4 < falling < 0.6
    shifted = augmentation.shift(ramp, torch.Generator().manual_seed(0))
    assert (shifted[:, 0, 0, 10] < shifted[:, 0, 0, 20]).all()


@pytest.mark.parametrize("name", augmentation.AUGMENTATIONS)
def test_augmentations_are_seeded_and_keep_shape_and_type(name: str) -> None:
    images = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8)
    first, again = (
        augmentation.AUGMENTATIONS[name](images, torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert first.shape == images.shape and first.dtype == torch.uint8
    assert torch.equal(first, again)


def test_minibatches_follow_the_labels() -> None:
    counts = [training.minibatches(n) for n in range(2, 200_000, 500)]
    assert counts == sorted(counts) and counts[0] == 100 and counts[-1] == 2000


def test_it_learns_from_two_labels_and_from_many(arithmetic: Precision) -> None:
    asked, true = halves(50, seed=5)[0], np.arange(50) % 2
    few, many = (
        [(ask(train(n, seed=s), asked).probabilities.argmax(axis=1) == true).mean() for s in seeds]
        for n, seeds in ((2, range(10)), (300, range(3)))
    )
    print(f"right from 2 labels {np.mean(few):.2f} ({min(few):.2f} at least), needs above 0.75")
    print(f"right from 300 labels {min(many):.2f} at least, needs 1.00")
    assert np.mean(few) > 0.75 and min(few) > 0.5, "two images leave open what matters in them"
    assert min(many) == 1


def test_feature_maps_are_computed_in_what_was_asked_for_and_all_else_in_float32(
    arithmetic: Precision,
) -> None:
    network = networks.build(Architecture("small CNN", 3, 32, 4))
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert device.arithmetic(network, images.device) == arithmetic
    maps = device.feature_maps(network, images)
    assert {m.dtype for m in maps} == {getattr(torch, arithmetic)}
    embedding = network.embedding(maps[-1])
    assert embedding.dtype == network.head(embedding).dtype == torch.float32
    assert network.features(images).dtype == network(images).dtype == torch.float32
    assert device.versions(network)["arithmetic"] == arithmetic
    assert device.versions(network)["processor"]


def test_auto_is_bfloat16_only_where_processor_and_network_gain_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, depthwise = (
        networks.build(Architecture(name, 3, 32, 4)) for name in ("small CNN", "mobilenet_v3_small")
    )
    cpu = torch.device("cpu")
    for can, wanted in (({"avx512_bf16": True}, "bfloat16"), ({"avx512_f": True}, "float32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda can=can: can)
        with device.computing(0, 1, "auto"):
            assert device.arithmetic(plain, cpu) == wanted
            assert device.arithmetic(depthwise, cpu) == "float32"
        for named in ("float32", "bfloat16"):
            with device.computing(0, 1, named):
                assert device.arithmetic(plain, cpu) == device.arithmetic(depthwise, cpu) == named


@pytest.mark.parametrize(("side", "threads"), [(8, 1), (32, 2)])
def test_small_images_are_trained_on_one_thread(side: int, threads: int) -> None:
    pixels, labels = halves(20, side)
    seen = set()

    def look(share: float) -> None:
        seen.add(torch.get_num_threads())
        if share > 0.02:  # the rest goes on as it began
            raise JobCancelled("seen")

    with device.computing(0, 2):
        with pytest.raises(JobCancelled, match="seen"):
            training.fit(LabeledImages(pixels, labels, NAMES, 3), LearnerSettings(), 0, look)
        assert torch.get_num_threads() == 2
    assert seen == {threads}


def test_training_repeats_itself_for_a_seed(model: Model) -> None:
    pixels, _ = halves(30, seed=1)
    first, again, other = (ask(m, pixels).probabilities for m in (model, train(), train(seed=1)))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_one_class_and_no_labels_are_refused_with_the_reason() -> None:
    pixels, _ = halves(4)
    with pytest.raises(TrainingImpossible, match="all 4 labels say 'right'; a model needs labels"):
        training.fit(LabeledImages(pixels, np.ones(4, int), NAMES, 3), LearnerSettings(), 0, quiet)
    with pytest.raises(TrainingImpossible, match="no labels"):
        training.fit(
            LabeledImages(pixels[:0], np.empty(0, int), NAMES, 3), LearnerSettings(), 0, quiet
        )
    with pytest.raises(TrainingImpossible, match="must be positions 0 to 1"):
        training.fit(
            LabeledImages(pixels, np.array([0, 1, 2, 1]), NAMES, 3), LearnerSettings(), 0, quiet
        )


def test_a_loss_that_explodes_stops_the_training() -> None:
    with pytest.raises(TrainingImpossible, match="the loss became nan at minibatch"):
        train(rate=float("inf"))


def test_equal_black_images_still_train() -> None:
    pixels = np.zeros((4, 8, 8, 3), np.uint8)
    with device.computing(0, 1):
        model = training.fit(
            LabeledImages(pixels, np.arange(4) % 2, NAMES, 3), LearnerSettings(), 0, quiet
        )
    assert np.isfinite(ask(model, pixels).probabilities).all()


def test_inference_equals_the_plain_network_and_averages_mirrors(arithmetic: Precision) -> None:
    model = train(augmentation="flip")
    pixels, _ = halves(7, seed=3)
    images = training.as_tensor(pixels, 3)
    with torch.inference_mode():
        plain = model.network(images).softmax(dim=1).numpy()
        mirrored = model.network(images.flip(3)).softmax(dim=1).numpy()
        features = model.network.features(images).numpy()
    found = ask(model, pixels, mirror=False)
    np.testing.assert_allclose(found.probabilities, plain, atol=1e-5)
    np.testing.assert_allclose(found.embeddings, features, atol=1e-5)
    np.testing.assert_allclose(ask(model, pixels).probabilities, (plain + mirrored) / 2, atol=1e-5)


def test_models_trained_without_mirrors_are_never_asked_about_them(model: Model) -> None:
    pixels, _ = halves(7, seed=3)
    assert np.array_equal(
        ask(model, pixels).probabilities, ask(model, pixels, mirror=False).probabilities
    )


def test_inference_leaves_the_model_as_it_was(model: Model) -> None:
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    ask(model, halves(5)[0])
    assert all(torch.equal(before[k], v) for k, v in model.network.state_dict().items())


# -- checkpoints -------------------------------------------------------------------------------


def test_a_checkpoint_gives_back_the_same_model(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model 7.safetensors"
    model.save(path)
    loaded = checkpoints.load(path)
    pixels, _ = halves(20, seed=4)
    assert np.array_equal(ask(model, pixels).probabilities, ask(loaded, pixels).probabilities)
    assert replace(loaded, network=model.network) == model
    assert os.listdir(tmp_path) == [path.name]


def test_damaged_and_missing_checkpoints_are_refused(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model.save(path)
    raw = path.read_bytes()
    for damage in (raw[: len(raw) // 2], raw[:20], b"", b"not a checkpoint at all" * 9):
        path.write_bytes(damage)
        with pytest.raises(CheckpointMismatch, match="checkpoint model is damaged"):
            checkpoints.load(path)
    with pytest.raises(CheckpointMismatch, match="there is no checkpoint nowhere"):
        checkpoints.load(tmp_path / "nowhere")


def test_foreign_safetensors_are_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file({"weight": torch.ones(2)}, tmp_path / "theirs")
    with pytest.raises(CheckpointMismatch, match="format None; must be 'alcore checkpoint 1'"):
        checkpoints.load(tmp_path / "theirs")


def test_weights_of_another_architecture_are_refused_by_name(model: Model) -> None:
    ten = networks.build(replace(model.architecture, classes=10))
    tensors = model.network.state_dict()
    with pytest.raises(CheckpointMismatch, match=r"head.* has shape \(2.*must be \(10"):
        files.check(tensors, ten.state_dict(), "x")
    with pytest.raises(CheckpointMismatch, match="lacks bias"):
        files.check({"weight": tensors["head.weight"]}, model.network.head.state_dict(), "x")
    with pytest.raises(CheckpointMismatch, match="unknown extra"):
        files.check({**tensors, "extra": torch.ones(1)}, tensors, "x")


def test_a_full_disk_leaves_the_last_checkpoint_whole(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model.save(path)
    before = path.read_bytes()
    code = f"""
        import resource, signal
        from pathlib import Path
        from alcore.errors import WorkspaceUnusable
        from alcore.learner import checkpoints
        path = Path({str(path)!r})
        model = checkpoints.load(path)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            model.save(path)
        except WorkspaceUnusable as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout and "make room" in done.stdout
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_a_missing_folder_is_a_clear_error(model: Model, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceUnusable, match="No such file or directory"):
        model.save(tmp_path / "gone" / "model")
