"""Owns the units of a network: its layers from early to late, and what excites each unit.

R pixels a side of an image, n images (n, 3, R, R) float on the scale 0–255, U units of a layer,
which gives maps (n, U, s, s) of s places a side. A unit's response to an image is its largest value
in any place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from alcore.errors import ExplanationImpossible

MOST_LAYERS = 9
CLASSES = "classes"
"""Names the last layer of all, whose units are the classes."""
_NOISE = 4
"""Random images by which is measured how much of an image one place sees."""
_HELD = 0.95
"""Of what moves a place, as much lies in the square that it is said to see."""
_BLOCK = 32
_UNLIKE = 0.7
"""Correlation from which on two units are shown beside each other only for want of others."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network, as far as it can be looked into."""

    key: str
    """Where its module stands in the network, or CLASSES."""
    units: int
    side: int
    """s."""
    sees: float
    """Side of the square of the image that moves one place, as a share of the image's side."""


@dataclass(frozen=True)
class Sight:
    """A network as far as its units are looked at."""

    network: nn.Module
    enter: Callable[[Tensor], Tensor]
    """Gives what the network takes of images."""
    side: int
    """R."""
    logits: Callable[[Tensor], Tensor] | None = None
    """Gives (n, C) of what the network returns; None where nothing in it stands for a class."""
    classes: int = 0
    """C."""
    layers: tuple[Layer, ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls,
        network: nn.Module,
        enter: Callable[[Tensor], Tensor],
        side: int,
        logits: Callable[[Tensor], Tensor] | None = None,
        classes: int = 0,
    ) -> Sight:
        """Look which layers a network has. Raises ExplanationImpossible where none has places."""
        network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        bare = cls(network, enter, side, logits, classes if logits else 0)
        return cls(network, enter, side, logits, bare.classes, tuple(_layers(bare)))

    def layer(self, key: str) -> Layer:
        """Return the layer of this key. Raises ExplanationImpossible, with the keys there are."""
        for layer in self.layers:
            if layer.key == key:
                return layer
        raise ExplanationImpossible(
            f"the network has no layer {key!r}; it has {', '.join(one.key for one in self.layers)}"
        )

    def maps(self, images: Tensor, key: str) -> Tensor:
        """Return the maps (n, U, s, s) of a layer, computing nothing behind it."""
        if key == CLASSES:
            assert self.logits is not None
            return self.logits(self.network(self.enter(images)))[:, :, None, None]
        with _taps(self, (key,), stop=True) as seen:
            _pass(self, images)
        return seen[key]

    def all_maps(self, images: Tensor) -> dict[str, Tensor]:
        """Return the maps of every layer by key."""
        keys = [layer.key for layer in self.layers if layer.key != CLASSES]
        with _taps(self, keys) as seen:
            output = self.network(self.enter(images))
        if self.logits is not None:
            seen[CLASSES] = self.logits(output)[:, :, None, None]
        return seen


@dataclass(frozen=True)
class Responses:
    """How strongly each unit of a layer answered to each image, and where."""

    values: np.ndarray
    """(n, U) float32."""
    places: np.ndarray
    """(n, U) int32: row · s + column of the strongest place."""

    def strongest(self, unit: int, count: int) -> np.ndarray:
        """Return the images, by row, that excite a unit most, the strongest first."""
        return np.argsort(-self.values[:, unit], kind="stable")[:count]

    def telling(self, count: int) -> list[int]:
        """Choose units: those that a few images excite far more than the others do, each unlike
        those before it.

        Units that answer to all images alike are not among them.
        """
        top = np.sort(self.values, axis=0)[::-1][:9].mean(axis=0)
        spread = self.values.std(axis=0)
        alive = spread > 1e-6 * (np.abs(self.values).max() + 1e-12)
        contrast = (top - self.values.mean(axis=0)) / (spread + 1e-12)
        order = np.argsort(-contrast, kind="stable")
        order = order[alive[order]]
        likeness = np.abs(alike(self, self))
        chosen: list[int] = []
        for limit in (_UNLIKE, 1.1):
            for unit in order.tolist():
                if len(chosen) == count or unit in chosen:
                    continue
                if not chosen or likeness[unit, chosen].max() < limit:
                    chosen.append(unit)
        return chosen


def respond(
    sight: Sight, images: Callable[[slice], np.ndarray], count: int
) -> dict[str, Responses]:
    """Show images (count, R, R, 3) uint8, block by block, to every layer at once."""
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for start in range(0, count, _BLOCK):
        block = as_images(images(slice(start, min(count, start + _BLOCK))))
        with torch.inference_mode():
            for key, maps in sight.all_maps(block).items():
                values, places = maps.flatten(2).max(dim=2)
                parts.setdefault(key, []).append(
                    (values.float().numpy(), places.to(torch.int32).numpy())
                )
    return {
        key: Responses(*(np.concatenate(part) for part in zip(*blocks, strict=True)))
        for key, blocks in parts.items()
    }


@torch.inference_mode()
def maps_of(sight: Sight, image: np.ndarray) -> dict[str, np.ndarray]:
    """Return the maps (U, s, s) float32 of an image (R, R, 3) uint8 by layer, without classes."""
    everything = sight.all_maps(as_images(image[None]))
    return {key: m[0].float().numpy() for key, m in everything.items() if key != CLASSES}


def alike(ours: Responses, theirs: Responses) -> np.ndarray:
    """Return Pearson's correlations (U, V) of units of two networks over the same n images.

    0 where a unit answers to all images alike.
    """

    def scaled(responses: Responses) -> np.ndarray:
        values = responses.values - responses.values.mean(axis=0)
        norms = np.linalg.norm(values, axis=0)
        return values / np.maximum(norms, 1e-9 * (1 + np.abs(responses.values).max()))

    return np.clip(scaled(ours).T @ scaled(theirs), -1, 1)


def first_filters(sight: Sight) -> tuple[str, np.ndarray]:
    """Return where the first convolution stands, and its filters (U, h, w, c) float32."""
    for name, module in sight.network.named_modules():
        if isinstance(module, nn.Conv2d):
            return name, module.weight.detach().permute(0, 2, 3, 1).float().numpy()
    raise ExplanationImpossible("the network has no convolution, so there are no filters to show")


def weight_changes(ours: Sight, theirs: Sight) -> dict[str, float]:
    """Say how far the weights of each layer lie from another network's: |w − v| / |v|.

    Of a layer are the weights from the one before it up to it. By key.
    """
    names = [name for name, _ in ours.network.named_modules()]
    ends = [
        (
            max(i for i, name in enumerate(names) if f"{name}.".startswith(f"{layer.key}.")),
            layer.key,
        )
        for layer in ours.layers
        if layer.key != CLASSES
    ]
    other = dict(theirs.network.named_parameters())
    sums: dict[str, list[float]] = {}
    for name, weight in ours.network.named_parameters():
        place = names.index(name.rpartition(".")[0])
        key = next((key for end, key in ends if place <= end), None)
        match = other.get(name)
        if key is not None and match is not None and match.shape == weight.shape:
            both = sums.setdefault(key, [0.0, 0.0])
            both[0] += float((weight - match).square().sum())
            both[1] += float(match.square().sum())
    return {key: (moved / max(size, 1e-12)) ** 0.5 for key, (moved, size) in sums.items()}


def parts(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Walk into sequences of parts, by key; a part itself, such as a block, is not walked into."""
    for name, child in module.named_children():
        key = f"{prefix}{name}"
        inner = list(child.children())
        is_sequence = isinstance(child, nn.Sequential | nn.ModuleList)
        if is_sequence and any(list(part.children()) for part in inner):
            yield from parts(child, f"{key}.")
        else:
            yield key, child


def as_images(pixels: np.ndarray) -> Tensor:
    """Turn pixels (n, R, R, 3) uint8 into images."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()
    return images.contiguous(memory_format=torch.channels_last)


class _Enough(Exception):
    """Ends a pass behind the layer that was asked about."""


def _pass(sight: Sight, images: Tensor) -> None:
    try:
        sight.network(sight.enter(images))
    except _Enough:
        return


@contextmanager
def _taps(sight: Sight, keys: Sequence[str], stop: bool = False) -> Iterator[dict[str, Tensor]]:
    """Collect what modules give while images pass; `stop` ends the pass at the last of them."""
    seen: dict[str, Tensor] = {}

    def tap(key: str) -> Callable[[nn.Module, object, Tensor], None]:
        def keep(module: nn.Module, _: object, output: Tensor) -> None:
            seen[key] = output
            if stop and len(seen) == len(keys):
                raise _Enough

        return keep

    hooks = [sight.network.get_submodule(key).register_forward_hook(tap(key)) for key in keys]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _layers(sight: Sight) -> Iterator[Layer]:
    """Find the layers with maps, evenly chosen where there are many, the classes last."""
    example = torch.zeros(1, 3, sight.side, sight.side)
    candidates = dict(parts(sight.network))
    with torch.inference_mode(), _taps_where_called(sight, candidates, example) as outputs:
        shapes = {
            key: tuple(output.shape)
            for key, output in outputs.items()
            if output.dim() == 4 and output.shape[2] == output.shape[3] and output.shape[1] > 1
        }
    keys = _without_twins(candidates, shapes)
    if not keys:
        raise ExplanationImpossible(
            "no layer of this network gives maps with places, as convolutions do; networks of "
            "attention cannot be shown here"
        )
    wanted = np.unique(np.linspace(0, len(keys) - 1, min(len(keys), MOST_LAYERS)).round())
    for place in wanted.astype(int):
        key = keys[place]
        _, units, side, _ = shapes[key]
        yield Layer(key, units, side, _seen_share(sight, key))
    if sight.logits is not None:
        yield Layer(CLASSES, sight.classes, 1, 1.0)


@contextmanager
def _taps_where_called(
    sight: Sight, candidates: dict[str, nn.Module], example: Tensor
) -> Iterator[dict[str, Tensor]]:
    with _taps(sight, list(candidates)) as seen:
        sight.network(sight.enter(example))
        yield {key: value for key, value in seen.items() if isinstance(value, Tensor)}


def _without_twins(
    candidates: dict[str, nn.Module], shapes: dict[str, tuple[int, ...]]
) -> list[str]:
    """Leave out what only hands on: a convolution's values before its activation, pooling."""
    keys: list[str] = []
    for key in shapes:
        module = candidates[key]
        is_leaf = not list(module.children())
        if is_leaf and not isinstance(module, nn.Conv2d):
            before = keys[-1] if keys else ""
            follows = isinstance(candidates.get(before), nn.Conv2d)
            if follows and shapes[before] == shapes[key]:
                keys[-1] = key
            continue
        keys.append(key)
    return keys


def _seen_share(sight: Sight, key: str) -> float:
    """Measure how much of an image moves the place in the middle (Luo et al. 2016).

    The gradient of that place by random images, added up without signs.
    """
    noise = torch.Generator().manual_seed(0)
    images = 255 * torch.rand(_NOISE, 3, sight.side, sight.side, generator=noise)
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    maps = sight.maps(images, key)
    place = maps.shape[2] // 2
    (gradient,) = torch.autograd.grad(maps[:, :, place, place].sum(), images)
    weight = gradient.abs().sum(dim=(0, 1)).double()
    total = float(weight.sum())
    if not total > 0:
        return 1.0
    middle = [
        float((weight.sum(dim=1 - axis) * torch.arange(sight.side)).sum()) / total
        for axis in (0, 1)
    ]
    places = torch.arange(sight.side, dtype=torch.float64)
    far = torch.maximum(
        (places - middle[0]).abs()[:, None].expand(sight.side, sight.side),
        (places - middle[1]).abs()[None].expand(sight.side, sight.side),
    )
    order = far.flatten().argsort()
    held = weight.flatten()[order].cumsum(0)
    radius = float(far.flatten()[order][int((held < _HELD * total).sum())])
    return min(1.0, (2 * radius + 1) / sight.side)
