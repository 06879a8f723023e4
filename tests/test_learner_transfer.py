"""Owns the proof of transfer: weights that fit or are refused, what is frozen, and the modes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from test_learner import NAMES, halves, quiet, train
from torchvision import models

from alcore.config import Precision
from alcore.errors import CheckpointMismatch, TrainingImpossible, WeightsUnavailable
from alcore.learner import (
    backbones,
    checkpoints,
    device,
    networks,
    probing,
    training,
    transfer,
)
from alcore.learner.architecture import Architecture, Network
from alcore.learner.checkpoints import Model
from alcore.learner.training import Extras, LabeledImages, LearnerSettings
from alcore.learner.transfer import Pretrained

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALL = Architecture("small CNN", 3, 8, 2)


def fit(n: int = 20, side: int = 8, names: tuple[str, ...] = NAMES, **given) -> Model:
    pixels, labels = halves(n, side)
    settings = {k: given.pop(k) for k in list(given) if k in LearnerSettings.__dataclass_fields__}
    with device.computing(0, 1):
        return training.fit(
            LabeledImages(pixels, labels, names, 3),
            LearnerSettings(**settings),
            0,
            quiet,
            extras=Extras(**given),
        )


@pytest.fixture(scope="module")
def weights(arithmetic: Precision) -> Pretrained:
    model = train(seed=3)
    return transfer.extract(model.network, model.architecture, "a test")


def state(model: Model) -> dict[str, torch.Tensor]:
    return model.network.state_dict()


def test_pretrained_weights_are_saved_and_read_again(weights: Pretrained, tmp_path: Path) -> None:
    weights.save(tmp_path / "weights")
    again = transfer.load(tmp_path / "weights")
    assert (again.architecture, again.source) == (weights.architecture, "a test")
    assert all(torch.equal(again.tensors[k], v) for k, v in weights.tensors.items())
    assert not any(name.startswith("head.") for name in again.tensors)
    with pytest.raises(CheckpointMismatch, match="format 'alcore pretrained 1'; must be"):
        checkpoints.load(tmp_path / "weights")


def test_freezing_keeps_early_layers_and_linear_keeps_all_but_the_head(
    weights: Pretrained,
) -> None:
    frozen = state(fit(pretrained=weights, transfer="freeze"))
    early = [k for k in weights.tensors if k.startswith(("stem", "stages.0", "stages.1"))]
    assert early and all(torch.equal(frozen[k], weights.tensors[k]) for k in early)
    assert not torch.equal(frozen["stages.2.0.0.weight"], weights.tensors["stages.2.0.0.weight"])
    linear = state(fit(pretrained=weights, transfer="linear"))
    assert all(torch.equal(linear[k], v) for k, v in weights.tensors.items())
    tuned = fit(pretrained=weights)
    changed = state(tuned)["stages.0.0.0.weight"]
    assert not torch.equal(changed, weights.tensors["stages.0.0.0.weight"])
    assert tuned.pretrained == "a test" and fit().pretrained == ""


def probed(
    weights: Pretrained, mirror: bool, spoil: bool = False, copies: int = 1
) -> tuple[Network, torch.Tensor, torch.Tensor]:
    """A network with the weights and a fitted head; what it was fitted to and what it says."""
    network = networks.build(SMALL)
    transfer.put(weights, network, SMALL)
    if spoil:
        network.stages[0][0][0].weight.data[0] = torch.nan
    pixels, labels = halves(40)
    images, targets = training.as_tensor(pixels, 3), torch.from_numpy(labels)
    known = images.repeat(copies, 1, 1, 1), targets.repeat(copies)
    probing.fit_head(network, *known, mirror, 16)
    with torch.inference_mode():
        return network, targets, network.eval()(images).softmax(dim=1)


def test_a_head_is_fitted_to_pretrained_weights_before_they_are_trained(
    weights: Pretrained,
) -> None:
    network, targets, said = probed(weights, mirror=False)
    body = network.state_dict()
    assert all(torch.equal(body[k], v) for k, v in weights.tensors.items())
    assert all(p.requires_grad and p.grad is None for p in network.head.parameters())
    assert torch.equal(said.argmax(dim=1), targets)
    assert said.amax(dim=1).mean() > 0.9
    _, _, again = probed(weights, mirror=False, copies=3)
    torch.testing.assert_close(again, said, atol=1e-3, rtol=0)  # the ridge weighs as all images do


def test_where_mirrored_images_mean_the_same_a_head_learns_from_them_too(
    weights: Pretrained,
) -> None:
    _, _, said = probed(weights, mirror=True)  # then left and right cannot be told apart
    assert said.amax(dim=1).mean() < 0.6


def test_weights_that_give_no_numbers_end_as_a_training_that_cannot_be(
    weights: Pretrained,
) -> None:
    network, _, _ = probed(weights, mirror=False, spoil=True)
    assert all(p.isfinite().all() for p in network.head.parameters())
    broken = {k: v * torch.nan for k, v in weights.tensors.items()}
    with pytest.raises(TrainingImpossible, match="the loss became nan at minibatch 1 of"):
        fit(pretrained=replace(weights, tensors=broken))


def test_a_model_can_learn_on_after_it_was_frozen(weights: Pretrained) -> None:
    model = fit(pretrained=weights, transfer="freeze")
    trained = [name for name, p in model.network.named_parameters() if p.requires_grad]
    assert "stages.0.0.0.weight" in trained


def test_backbones_are_frozen_too(tmp_path: Path) -> None:
    architecture = Architecture("mobilenet_v3_small", 3, 8, 2)
    path = tmp_path / "weights.pth"
    torch.save(models.get_model("mobilenet_v3_small").state_dict(), path)
    given = transfer.backbone_from_file(architecture, path)
    model = fit(8, network="mobilenet_v3_small", pretrained=given, transfer="freeze")
    after = state(model)
    assert torch.equal(after["stem.0.0.weight"], given.tensors["stem.0.0.weight"])
    assert torch.equal(after["stem.0.1.running_mean"], given.tensors["stem.0.1.running_mean"])
    last = f"stages.{len(model.network.stages) - 1}."
    assert any(
        not torch.equal(after[k], v)
        for k, v in given.tensors.items()
        if k.startswith(last) and v.is_floating_point()
    )


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("network", backbones.BACKBONES)
def test_backbones_take_torchvision_weights_from_a_file(
    network: str, suffix: str, tmp_path: Path
) -> None:
    body = models.get_model(network).eval()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(body.state_dict(), path)
    else:
        safetensors.torch.save_file(body.state_dict(), path)
    architecture = Architecture(network, 3, 64, 5)
    given = transfer.backbone_from_file(architecture, path)
    built = networks.build(architecture).eval()
    transfer.put(given, built, architecture)
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in IMAGENET)
    normalised = (images / 255 - mean) / deviation
    with torch.inference_mode():
        if network == "resnet18":
            body.fc = torch.nn.Identity()
            theirs = body(normalised)
        else:
            theirs = body.features(normalised).mean(dim=(2, 3))
        torch.testing.assert_close(built.features(images), theirs, atol=1e-4, rtol=1e-3)


def test_a_wrong_file_of_weights_is_refused_with_what_does_not_fit(tmp_path: Path) -> None:
    resnet = Architecture("resnet18", 3, 32, 5)
    tensors = dict(models.get_model("resnet18").state_dict())

    def complaint(change: dict, without: str = "") -> str:
        path = tmp_path / "weights.pth"
        torch.save({k: v for k, v in {**tensors, **change}.items() if k != without}, path)
        with pytest.raises(CheckpointMismatch, match=r"weights\.pth is not for resnet18") as caught:
            transfer.backbone_from_file(resnet, path)
        return str(caught.value)

    assert "lacks layer1.0.conv1.weight" in complaint({}, without="layer1.0.conv1.weight")
    assert "unknown layer9.weight" in complaint({"layer9.weight": torch.ones(1)})
    wrong = complaint({"conv1.weight": torch.ones(64, 3, 3, 3)})
    assert "conv1.weight has shape (64, 3, 3, 3); must be (64, 3, 7, 7)" in wrong
    torch.save(models.get_model("mobilenet_v3_small").state_dict(), tmp_path / "other.pth")
    with pytest.raises(CheckpointMismatch, match=r"other\.pth is not for resnet18: it lacks conv1"):
        transfer.backbone_from_file(resnet, tmp_path / "other.pth")


class Anything:
    """What a harmful file might hold instead of tensors."""


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    resnet = Architecture("resnet18", 3, 32, 5)
    with pytest.raises(WeightsUnavailable, match=r"there is no file gone\.pth"):
        transfer.backbone_from_file(resnet, tmp_path / "gone.pth")
    torch.save(Anything(), tmp_path / "object.pth")
    with pytest.raises(CheckpointMismatch, match="not a plain file of weights"):
        transfer.backbone_from_file(resnet, tmp_path / "object.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointMismatch, match="holds no state dict"):
        transfer.backbone_from_file(resnet, tmp_path / "list.pth")
    for name in ("noise.pth", "noise.safetensors", "empty.pth"):
        (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"no weights" * 99)
        with pytest.raises(CheckpointMismatch, match=name):
            transfer.backbone_from_file(resnet, tmp_path / name)


def test_pretrained_weights_of_something_else_are_refused(weights: Pretrained) -> None:
    for change, said in (
        ({"resolution": 16}, "8 pixels; the project has 16; pretrain again"),
        ({"channels": 1}, "3 channels; the project has small CNN with 1 channels"),
        ({"network": "study A"}, "the project has study A"),
    ):
        with pytest.raises(CheckpointMismatch, match=said):
            weights.check(replace(SMALL, **change))
    with pytest.raises(CheckpointMismatch, match="pretrain again"):
        fit(side=16, pretrained=weights)


def test_backbone_weights_fit_any_resolution_and_number_of_channels() -> None:
    given = Pretrained(Architecture("resnet18", 3, 224, 2), {}, "ImageNet")
    given.check(Architecture("resnet18", 1, 32, 10))


def test_warm_begins_with_the_model_before_and_shrink_perturb_near_it() -> None:
    before = fit()
    warm, shrunk = (fit(previous=before, mode=m) for m in ("warm", "shrink_perturb"))
    assert (warm.mode, shrunk.mode, before.mode) == ("warm", "shrink_perturb", "fresh")
    assert fit(previous=before).mode == "fresh"
    network = networks.build(before.architecture)
    generator = torch.Generator().manual_seed(0)
    training._inherit(network, before, "shrink_perturb", generator)
    old, new = state(before)["stages.1.0.0.weight"], network.state_dict()["stages.1.0.0.weight"]
    assert torch.allclose(new, 0.6 * old, atol=0.06) and not torch.equal(new, 0.6 * old)
    assert torch.equal(network.state_dict()["stem.weight"], state(before)["stem.weight"])


@pytest.mark.parametrize("what", ["resolution", "classes", "network"])
def test_a_model_of_other_images_or_classes_is_not_trained_on_and_the_notes_say_so(
    what: str,
) -> None:
    given = {
        "resolution": {"side": 16},
        "classes": {"names": ("left", "right", "middle")},
        "network": {"network": "study A"},
    }[what]
    model = fit(previous=train(), mode="warm", **given)
    assert model.mode == "fresh" and what in model.notes[0]


def test_what_a_model_began_with_is_in_its_checkpoint(weights: Pretrained, tmp_path: Path) -> None:
    model = fit(pretrained=weights)
    model.save(tmp_path / "model")
    again = checkpoints.load(tmp_path / "model")
    assert (again.pretrained, again.mode, again.notes) == ("a test", "fresh", ())


def test_a_loss_module_is_kept_beside_any_network(tmp_path: Path) -> None:
    model = fit(network="study A", loss_module=True)
    model.save(tmp_path / "model")
    again = checkpoints.load(tmp_path / "model")
    images = training.as_tensor(halves(6)[0], 3)
    with torch.inference_mode():
        losses = again.network.loss_module(list(again.network.outputs(images)))
    assert losses.shape == (6,) and np.isfinite(losses.numpy()).all()
