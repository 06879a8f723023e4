"""Owns the backbones from torchvision: built for small images too, weights from disk or network."""

from __future__ import annotations

import urllib.error
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from alcore.errors import CheckpointMismatch, WeightsUnavailable
from alcore.learner.architecture import Architecture, Network

BACKBONES = ("resnet18", "mobilenet_v3_small", "efficientnet_b0")
_HALVINGS = 5
"""All three halve an image five times."""
_DEPTHWISE = frozenset({"mobilenet_v3_small", "efficientnet_b0"})
"""Networks of depthwise convolutions."""
_HEADS = ("fc.", "classifier.")
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, on the scale 0–1: what the public weights expect."""


class Backbone(Network):
    """A network of torchvision without its classifier; grey images enter three times.

    Small images keep two positions a side where they can: the first of the five halvings are
    left out, which fits the same weights. A 32×32 image is halved four times, 16×16 three.
    """

    def __init__(self, architecture: Architecture) -> None:
        from torchvision import models  # takes a second to import, and most projects need none

        super().__init__()
        self.gains_by_bfloat16 = architecture.network not in _DEPTHWISE
        body = models.get_model(architecture.network, weights=None)
        sections = _sections(body, architecture.network)
        for module in _halvings(sections)[: _too_many(architecture.resolution)]:
            if isinstance(module, nn.MaxPool2d):
                module.kernel_size, module.stride, module.padding = 1, 1, 0
            else:
                module.stride = (1, 1)
        self.stem, self.stages = sections[0], nn.ModuleList(sections[1:])
        with torch.inference_mode():
            self.eval()
            side = architecture.resolution
            maps = list(self.outputs(torch.zeros(1, architecture.channels, side, side)))
            self.train()
        self.widths = tuple(m.shape[1] for m in maps)
        self.head = nn.Linear(self.widths[-1], architecture.classes)

    def enter(self, images: Tensor) -> Tensor:
        """Return what the stem makes of images as the public weights expect them."""
        x = images.float() / 255
        x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
        mean, deviation = (x.new_tensor(v).view(1, 3, 1, 1) for v in (_MEAN, _DEVIATION))
        return self.stem((x - mean) / deviation)


def read_weights(path: Path, network: str) -> dict[str, Tensor]:
    """Read a state dict of a torchvision backbone from a .safetensors, .pth or .pt file.

    Raises WeightsUnavailable where there is no such file, CheckpointMismatch where it cannot
    be read as plain tensors; what does not fit is found by `body_weights`.
    """
    if not path.is_file():
        raise WeightsUnavailable(f"there is no file {path.name} with weights for {network}")
    content: object
    try:
        if path.suffix == ".safetensors":
            content = safetensors.torch.load_file(path)
        else:
            # weights_only: nothing in the file is run; anything but tensors is refused.
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, RuntimeError, ValueError, OSError, EOFError) as error:
        raise CheckpointMismatch(f"{path.name} cannot be read as weights: {error}") from error
    except Exception as error:
        # torch.load wraps refused content in an error of its unpickler, whose module is no API.
        if type(error).__name__ != "UnpicklingError":
            raise
        raise CheckpointMismatch(
            f"{path.name} is not a plain file of weights (a state dict of tensors)"
        ) from error
    content = content.get("state_dict", content) if isinstance(content, Mapping) else content
    if not isinstance(content, Mapping) or not all(isinstance(t, Tensor) for t in content.values()):
        raise CheckpointMismatch(f"{path.name} holds no state dict of tensors")
    return dict(content)


def download_weights(network: str, folder: Path | None) -> dict[str, Tensor]:
    """Return torchvision's default weights, kept in a folder, or torch's own, for the next time.

    Raises WeightsUnavailable where they can be neither found nor downloaded.
    """
    from torchvision import models

    weights = models.get_model_weights(network).DEFAULT
    try:
        return dict(
            torch.hub.load_state_dict_from_url(
                weights.url,
                None if folder is None else str(folder),
                progress=False,
                check_hash=True,
                weights_only=True,
            )
        )
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise WeightsUnavailable(
            f"the weights of {network} cannot be downloaded ({error}); fetch {weights.url} "
            "on another computer and choose the file here"
        ) from error


def body_weights(weights: Mapping[str, Tensor], network: str, name: str) -> dict[str, Tensor]:
    """Return torchvision weights under the names of a Backbone, without the classifier.

    Raises CheckpointMismatch naming what is missing, unknown or of another shape.
    """
    from torchvision import models

    body = models.get_model(network, weights=None)
    ours = {k: v for k, v in body.state_dict().items() if not k.startswith(_HEADS)}
    theirs = {k.removeprefix("module."): v for k, v in weights.items()}
    theirs = {k: v for k, v in theirs.items() if not k.startswith(_HEADS)}
    if missing := [k for k in ours if k not in theirs and not k.endswith("num_batches_tracked")]:
        raise CheckpointMismatch(f"{name} is not for {network}: it lacks {_some(missing)}")
    if extra := [k for k in theirs if k not in ours]:
        raise CheckpointMismatch(f"{name} is not for {network}: it has unknown {_some(extra)}")
    for key, tensor in theirs.items():
        if tensor.shape != ours[key].shape:
            raise CheckpointMismatch(
                f"{name} is not for {network}: {key} has shape {tuple(tensor.shape)}; "
                f"must be {tuple(ours[key].shape)}"
            )
    body.load_state_dict({**ours, **theirs}, strict=False)
    sections = _sections(body, network)
    holder = nn.Module()
    holder.stem, holder.stages = sections[0], nn.ModuleList(sections[1:])
    return dict(holder.state_dict())


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


def _sections(body: nn.Module, network: str) -> list[nn.Module]:
    """Return stem and stages; a stage ends before each halving."""
    if network == "resnet18":
        stem = (body.get_submodule(name) for name in ("conv1", "bn1", "relu", "maxpool"))
        return [nn.Sequential(*stem), *(body.get_submodule(f"layer{i}") for i in range(1, 5))]
    first, *others = body.get_submodule("features").children()
    sections = [[first]]
    for layer in others:
        if _halvings([layer]) or len(sections) == 1:
            sections.append([])
        sections[-1].append(layer)
    return [nn.Sequential(*layers) for layers in sections]


def _halvings(sections: Sequence[nn.Module]) -> list[nn.Conv2d | nn.MaxPool2d]:
    return [
        module
        for section in sections
        for module in section.modules()
        if isinstance(module, nn.Conv2d | nn.MaxPool2d) and module.stride in (2, (2, 2))
    ]


def _too_many(resolution: int) -> int:
    """Return how many halvings to leave out; two at most, so that the rest stays affordable.

    >>> [_too_many(side) for side in (8, 16, 32, 64, 224)]
    [2, 2, 1, 0, 0]
    """
    return min(2, max(0, _HALVINGS + 1 - (resolution.bit_length() - 1)))
