"""Owns heat maps: what of an image speaks for a class, by methods of captum.

R pixels a side of an image, C classes, s places a side of a map. Images enter as (n, 3, R, R) on
the scale 0–255. A map's value is positive where the place speaks for the class that was asked
about, negative where it speaks against it.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerGradientXActivation, Occlusion
from torch import Tensor, nn
from torch.nn import functional

from alcore.errors import ExplanationImpossible
from alcore.heat_maps import METHODS, PLACES
from alcore.learner import units
from alcore.learner.mixtures import Whole
from alcore.learner.onnx_export import NetworkGraph

_STEPS, _FEW_STEPS = 32, 8
"""Points between the plain image and the image at which gradients are taken (Gauss–Legendre)."""
_FINE, _COARSE = 16, 5
"""Steps of the covering square along a side, of small networks and of those that take long."""
_AT_ONCE = 64
_SHIFTS, _FEW_SHIFTS = ((-2, 0, 2), (-2, 0, 2)), ((-1, 1), (-1, 1))
"""By how many places of 32 images are moved down and along, of small networks and slow ones."""
_GREY = 127.5


@dataclass(frozen=True)
class Explainable:
    """A model as far as heat maps need it."""

    scores: Callable[[Tensor], Tensor]
    """Gives (n, C) of images: logits, or the probabilities of an estimator."""
    side: int
    """R."""
    layers: tuple[nn.Module, ...] = ()
    """The last layers with places, one for each network in the model; none where a network has
    none, and for estimators."""
    inner: tuple[nn.Module, ...] = ()
    """The layer halfway through each of those networks; the last ones where it is empty."""
    has_gradients: bool = True
    is_slow: bool = False
    """One pass takes long, so that maps are made of fewer."""
    name: str = "this model"
    """For sentences."""


@dataclass(frozen=True)
class Target:
    """Which class a map is about, by position, and against which: all of them where None."""

    wanted: int
    against: int | None = None

    def of(self, scores: Tensor) -> Tensor:
        """Return (n,) of scores (n, C): the class less the other one, or less the mean of all.

        Logits are known up to a number that all classes share, which goes out by this.
        """
        other = scores.mean(dim=1) if self.against is None else scores[:, self.against]
        return scores[:, self.wanted] - other


Method = Callable[[Explainable, Tensor, Target], Tensor]


def explain(model: Explainable, image: np.ndarray, method: str, target: Target) -> np.ndarray:
    """Return the map (s, s) float32 of an image (R, R, 3) uint8; its sum is that of all pixels'.

    s is PLACES, or R for smaller images. Raises ExplanationImpossible for a method that there is
    not, and where the method cannot look into the model, with a method that can.
    """
    if method not in _METHODS:
        raise ExplanationImpossible(
            f"no method called {method!r}; choose from {', '.join(METHODS)}"
        )
    x = _tensor(image)
    values = _METHODS[method](model, x, target)
    side = min(PLACES, values.shape[-1])
    # Means times how many there are: a map of fewer places keeps the sum.
    values = functional.interpolate(values[None, None], (side, side), mode="area")[0, 0]
    return (values * (model.side / side) ** 2).numpy().astype(np.float32)


def suitable(model: Explainable) -> str:
    """Name the method that tells most about a model: what was measured is in docs/explanations.md.

    Occlusion is for every model; fine Grad-CAM is truer and quicker where there are convolutions.
    """
    return "fine Grad-CAM" if model.layers and model.has_gradients else "occlusion"


def probabilities(model: Explainable, image: np.ndarray) -> np.ndarray:
    """Return what a model says (C,) of an image (R, R, 3) uint8, not of its mirror image."""
    with torch.no_grad():
        scores = model.scores(_tensor(image))[0]
    return (scores.softmax(dim=0) if model.has_gradients else scores).numpy()


def of_network(graph: NetworkGraph, side: int, is_slow: bool) -> Explainable:
    """Return one of alcore's networks as explainable."""

    def scores(images: Tensor) -> Tensor:
        logits: Tensor = graph.network(images[:, : graph.channels])
        return logits / graph.temperature

    network = graph.network
    last, inner = (network.stages[-1],), (halfway(network),)
    return Explainable(scores, side, last, inner, is_slow=is_slow)


def of_whole(whole: Whole) -> Explainable:
    """Return a model with a head on features as explainable, the network beside it included."""
    stored = whole.to(memory_format=torch.channels_last).stored  # convolutions are quicker by half
    seen = torch.zeros(1, 3, stored.features.side, stored.features.side)
    last = last_places(whole.extractor, seen)
    layers = [] if last is None else [last]
    inner = [] if last is None else [halfway(whole.extractor.network)]
    if whole.network is not None:
        layers.append(whole.network.stages[-1])
        inner.append(halfway(whole.network))
    return Explainable(
        lambda images: whole.logits(images)[0],
        stored.resolution,
        tuple(layers) if last is not None else (),
        tuple(inner) if last is not None else (),
        is_slow=True,
        name=stored.features.name,
    )


def of_probabilities(
    probabilities: Callable[[np.ndarray], np.ndarray], side: int, name: str
) -> Explainable:
    """Return as explainable what gives probabilities (n, C) of images (n, R, R, 3) uint8.

    side: R; name: what it is, for sentences. It has no gradients that torch knows.
    """

    def scores(images: Tensor) -> Tensor:
        pixels = images.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return torch.from_numpy(probabilities(pixels).astype(np.float32))

    return Explainable(scores, side, has_gradients=False, name=name)


def last_places(network: nn.Module, example: Tensor) -> nn.Module | None:
    """Find the last layer of a network that gives maps (n, c, h, h) of an example.

    None where there is none, and where tokens, (n, t, c) or (n, h, h, c), come after it, as in
    networks of attention: what happens there no map of that layer tells.
    """
    last: list[nn.Module] = []
    hooks = []

    def look(module: nn.Module, _: object, output: object) -> None:
        shape = output.shape if isinstance(output, Tensor) else ()
        if len(shape) == 4 and shape[2] == shape[3]:
            last[:] = [module] if shape[2] > 1 else last
        elif len(shape) > 2:
            last.clear()

    for module in network.modules():
        if not list(module.children()):
            hooks.append(module.register_forward_hook(look))
    try:
        with torch.no_grad():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    return last[0] if last else None


def halfway(network: nn.Module) -> nn.Module:
    """Find the part in the middle of a network of convolutions: fine, and yet about things."""
    blocks = [part for _, part in units.parts(network) if list(part.children())]
    return blocks[len(blocks) // 2]


def randomised(network: nn.Module, seed: int) -> nn.Module:
    """Return a copy whose weights are all drawn anew: what explains a model must change with it.

    Adebayo et al. 2018, "Sanity checks for saliency maps". Running statistics stay.
    """
    drawn = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for weight in other.parameters():
            scale = 1 / math.sqrt(max(1, weight[0].numel())) if weight.dim() > 1 else 0.1
            noise = torch.randn(weight.shape, generator=drawn) * scale
            weight.copy_(noise + (1.0 if weight.dim() == 1 and weight.mean() > 0.5 else 0.0))
    return other


def _grad_cam(model: Explainable, x: Tensor, target: Target) -> Tensor:
    """Weigh the maps of the last layer by their gradients (Grad-CAM, Selvaraju et al. 2017).

    By the gradient of each place, not by its mean over places (HiResCAM, Draelos & Carin 2020):
    that is the same where a network takes the mean over places, and right where it takes the
    strongest, as alcore's small CNN does. Of a mixture the maps of its networks are added: so are
    their logits. Negative places are kept, so that what speaks against a class is seen too.
    """
    if not model.layers:
        raise ExplanationImpossible(
            f"Grad-CAM looks at the last convolutions, and {model.name} ends in none; choose "
            + ("integrated gradients or occlusion" if model.has_gradients else "occlusion")
        )
    total = torch.zeros(model.side, model.side)
    for layer in model.layers:
        method = LayerGradientXActivation(lambda images: target.of(model.scores(images)), layer)
        maps = method.attribute(x.clone().requires_grad_()).detach().sum(dim=1, keepdim=True)
        share = maps.shape[2] * maps.shape[3] / model.side**2
        size = (model.side, model.side)
        grown = functional.interpolate(maps, size, mode="bilinear", align_corners=False)
        total += share * grown[0, 0]
    return total


def _fine_grad_cam(model: Explainable, x: Tensor, target: Target) -> Tensor:
    """Weigh the maps of the layer halfway by their gradients, place by place, as `_grad_cam` does.

    The last layer has few places, each of which sees about the whole image. Added up over copies of
    the image that are moved a little, and moved back, since pooling makes one map jump between
    places.
    """
    layers = model.inner or model.layers
    if not layers:
        raise ExplanationImpossible(
            f"fine Grad-CAM looks at convolutions, and {model.name} ends in none; choose "
            + ("integrated gradients or occlusion" if model.has_gradients else "occlusion")
        )
    down, along = _FEW_SHIFTS if model.is_slow else _SHIFTS
    shifts = [
        tuple(round(step * max(1.0, model.side / PLACES)) for step in pair)
        for pair in itertools.product(down, along)
    ]
    images = torch.cat([x.roll(shift, (2, 3)) for shift in shifts]).requires_grad_()
    seen: list[Tensor] = []
    hooks = [layer.register_forward_hook(lambda m, i, o: seen.append(o)) for layer in layers]
    try:
        value = target.of(model.scores(images)).sum()
    finally:
        for hook in hooks:
            hook.remove()
    total = torch.zeros(model.side, model.side)
    size = (model.side, model.side)
    for maps, gradients in zip(seen, torch.autograd.grad(value, seen), strict=True):
        weighed = (maps * gradients).detach().sum(dim=1, keepdim=True)
        grown = functional.interpolate(weighed, size, mode="bilinear", align_corners=False)
        share = maps.shape[2] * maps.shape[3] / model.side**2
        for one, (back, left) in zip(grown[:, 0], shifts, strict=True):
            total += share / len(shifts) * one.roll((-back, -left), (0, 1))
    return total


def _integrated_gradients(model: Explainable, x: Tensor, target: Target) -> Tensor:
    """Add up gradients on the way from a plain image to this one (Sundararajan et al. 2017)."""
    if not model.has_gradients:
        raise ExplanationImpossible(
            f"integrated gradients need a model with gradients, and {model.name} has none; "
            "choose occlusion"
        )
    method = IntegratedGradients(lambda images: target.of(model.scores(images)))
    steps = _FEW_STEPS if model.is_slow else _STEPS
    values = method.attribute(x, _plain(x), n_steps=steps, internal_batch_size=_AT_ONCE // 4)
    return values.detach()[0].sum(dim=0).float()


def _occlusion(model: Explainable, x: Tensor, target: Target) -> Tensor:
    """Cover a square of a quarter of the side, place by place (Zeiler & Fergus 2014).

    Covered is with grey; a pixel's value is the mean over the squares that covered it.
    """
    stride = max(1, model.side // (_COARSE if model.is_slow else _FINE))
    window = max(stride, model.side // (3 if model.is_slow else 4))
    with torch.no_grad():
        values = Occlusion(lambda images: target.of(model.scores(images))).attribute(
            x,
            sliding_window_shapes=(x.shape[1], window, window),
            strides=(x.shape[1], stride, stride),
            baselines=_plain(x),
            perturbations_per_eval=_AT_ONCE,
        )
    # captum gives each pixel of the window the whole change.
    return values[0].mean(dim=0).float() / window**2


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()


def _plain(x: Tensor) -> Tensor:
    """Return a grey image. The image's own mean colour would hide what a background says."""
    return torch.full_like(x, _GREY)


_METHODS: Mapping[str, Method] = dict(
    zip(METHODS, (_fine_grad_cam, _grad_cam, _integrated_gradients, _occlusion), strict=True)
)
