"""Owns pretrained weights: where they come from, what they fit, and how training starts with them.

Two classic forms: `finetune` trains all at a low rate, the head at a higher one; `freeze` keeps
the early layers, batch norm included, and trains the rest. A third, `linear`, trains the head
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from alcore.errors import CheckpointMismatch
from alcore.learner import backbones, files
from alcore.learner.architecture import Architecture, Network

FORMAT = "alcore pretrained 1"
Transfer = Literal["finetune", "freeze", "linear"]
_NOT_BODY = ("head.", "loss_module.")


@dataclass(frozen=True)
class Pretrained:
    """Weights of all of a network but its head, learned without the project's labels."""

    architecture: Architecture
    """Of the network they come from; its number of classes means nothing."""
    tensors: Mapping[str, Tensor]
    source: str
    """Where they come from, for people: "SimCLR on 50,000 images, 20 epochs"."""

    def save(self, path: Path) -> None:
        """Write the weights to a file; raises WorkspaceUnusable where it cannot be written."""
        about = {"architecture": asdict(self.architecture), "source": self.source}
        files.write(path, self.tensors, FORMAT, about)

    def check(self, architecture: Architecture) -> None:
        """Raise CheckpointMismatch where a network of this architecture cannot use them."""
        theirs = (self.architecture.network, self.architecture.channels)
        ours = (architecture.network, architecture.channels)
        body = self.architecture.network
        if theirs != ours and not (theirs[0] == ours[0] and body in backbones.BACKBONES):
            raise CheckpointMismatch(
                f"the pretrained weights ({self.source}) are of {_words(self.architecture)}; "
                f"the project has {_words(architecture)}; pretrain again or choose other weights"
            )
        if body not in backbones.BACKBONES and (
            self.architecture.resolution != architecture.resolution
        ):
            raise CheckpointMismatch(
                f"the pretrained weights ({self.source}) are for images of "
                f"{self.architecture.resolution} pixels; the project has "
                f"{architecture.resolution}; pretrain again"
            )


def load(path: Path) -> Pretrained:
    """Read pretrained weights; raises CheckpointMismatch for a damaged or another file."""
    tensors, about = files.read(path, FORMAT)
    try:
        return Pretrained(Architecture(**about["architecture"]), tensors, about["source"])
    except (KeyError, TypeError) as error:
        raise CheckpointMismatch(f"{Path(path).name} does not describe weights: {error}") from error


def backbone(architecture: Architecture, folder: Path | None) -> Pretrained:
    """Return torchvision's weights of a backbone, downloaded once into a folder or torch's own.

    Raises WeightsUnavailable without a network, with the address to fetch them from.
    """
    name = architecture.network
    weights = backbones.download_weights(name, folder)
    tensors = backbones.body_weights(weights, name, f"torchvision's {name}")
    return Pretrained(architecture, tensors, f"torchvision's {name}, ImageNet")


def backbone_from_file(architecture: Architecture, path: Path) -> Pretrained:
    """Return the weights of a backbone from a local state dict, .pth, .pt or .safetensors.

    Raises WeightsUnavailable where there is no such file, CheckpointMismatch naming what does
    not fit.
    """
    name, path = architecture.network, Path(path)
    weights = backbones.read_weights(path, name)
    return Pretrained(architecture, backbones.body_weights(weights, name, path.name), path.name)


def extract(network: Network, architecture: Architecture, source: str) -> Pretrained:
    """Return the body of a trained network as weights to start others with."""
    tensors = {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in network.state_dict().items()
        if not name.startswith(_NOT_BODY)
    }
    return Pretrained(replace(architecture, loss_module=False), tensors, source)


def put(pretrained: Pretrained, network: Network, architecture: Architecture) -> None:
    """Copy pretrained weights into a network; raises CheckpointMismatch naming what is wrong."""
    pretrained.check(architecture)
    body = {k: v for k, v in network.state_dict().items() if not k.startswith(_NOT_BODY)}
    files.check(pretrained.tensors, body, f"the pretrained weights ({pretrained.source})")
    network.load_state_dict(dict(pretrained.tensors), strict=False)


def frozen(network: Network, transfer: Transfer) -> list[nn.Module]:
    """Return the parts of a network that this transfer leaves as they are."""
    if transfer == "linear":
        return [network.stem, *network.stages, *_after(network)]
    return list(network.early()) if transfer == "freeze" else []


def _after(network: Network) -> list[nn.Module]:
    """Return what stands between the stages and the head, such as study A's dense layer."""
    usual = {"stem", "stages", "head", "loss_module"}
    return [module for name, module in network.named_children() if name not in usual]


def _words(architecture: Architecture) -> str:
    return f"{architecture.network} with {architecture.channels} channels"
