"""Owns how a network learns from labels, by fixed rules of their number L.

Nothing is tuned on the holdout and no best epoch is picked: the last weights count. Images are
(N, H, W, 3) uint8, labels class positions 0 … C − 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from alcore.config import Balance, Mode, Unlabeled
from alcore.errors import TrainingImpossible
from alcore.learner import descent, networks, probing, transfer, unlabeled
from alcore.learner import device as devices
from alcore.learner.architecture import Architecture, Network
from alcore.learner.checkpoints import Model
from alcore.learner.descent import Plan
from alcore.learner.progress import part
from alcore.learner.transfer import Pretrained, Transfer
from alcore.learner.unlabeled import Pool
from alcore.learner.views import FLIPS

CHECKPOINTS = 6
"""Moments of a training at which its history is taken, evenly spread."""
_SHRINK, _NOISE = 0.6, 0.01
"""Ash & Adams 2020: weights · 0.6 + noise of deviation 0.01."""
_SMALLEST_MINIBATCH = 8
_ALONE_PIXELS, _ALONE_PARAMETERS = 16_000, 1_000_000
"""Below both, in a minibatch and in a network, one thread is quicker than several."""
_LONGER, _TUNED_RATE = 1.5, 0.8
"""From pretrained weights: minibatches, and rate of all but the head, over the usual."""
_FULL_FROM = 500
"""With fewer labels than this, pretrained weights are trained at a lower rate, in proportion:
a few labels tell less than the weights know."""


@dataclass(frozen=True)
class LearnerSettings:
    """The recipe; the numbers were measured on CIFAR-10 at 100 to 1,000 labels."""

    network: str = "small CNN"
    augmentation: str = "shift"
    transfer: Transfer = "finetune"
    """What pretrained weights are used for, where there are some."""
    mode: Mode = "fresh"
    """What a training makes of the model before it, where there is one."""
    balance: Balance = "none"
    unlabeled: Unlabeled = "none"
    """What a training makes of images without labels, where it is given some."""
    minibatch: int = 128
    """Images per minibatch; fewer where there are fewer labels."""
    rate: float = 5e-3
    """Highest learning rate of AdamW from random weights, after a fifth of the minibatches."""
    weight_decay: float = 0.05
    smoothing: float = 0.1
    """Share of the target that goes to all classes alike."""


def minibatches(labels: int) -> int:
    """Return how many minibatches to train on L labels: about 6.3·√L, from 100 to 2,000.

    >>> [minibatches(n) for n in (10, 250, 1000, 4000, 1_000_000)]
    [100, 100, 199, 398, 2000]
    """
    return int(min(2000, max(100, round(6.3 * math.sqrt(labels)))))


@dataclass(frozen=True)
class LabeledImages:
    """What a training learns from."""

    pixels: np.ndarray
    """(L, H, W, 3) uint8"""
    labels: np.ndarray
    """(L,) int64 class positions"""
    class_names: tuple[str, ...]
    channels: int
    """3, or 1 for grey images, whose value stands three times."""


@dataclass(frozen=True)
class Extras:
    """What a training may use besides labels."""

    pretrained: Pretrained | None = None
    """Weights that it begins with."""
    previous: Model | None = None
    """The model before, with whose weights the modes warm and shrink_perturb begin."""
    pool: Pool | None = None
    """Images without labels, for the recipes that use them."""
    loss_module: bool = False
    """Whether one is trained jointly, which changes the network too."""


def fit(
    images: LabeledImages,
    settings: LearnerSettings,
    seed: int,
    progress: Callable[[float], None],
    watch: Callable[[Network], None] | None = None,
    extras: Extras = Extras(),
) -> Model:
    """Train a network on images and their labels.

    It begins with random weights, or the extras' `pretrained` ones, or, in the modes warm and
    shrink_perturb, with those of the `previous` model; where that does not fit, for its images
    or classes have changed, the training is fresh and the model's notes say so. `progress` is
    told the share done after each minibatch and may raise to stop. `watch` is shown the network
    at each of CHECKPOINTS moments, the end being the last; it copies what it keeps.

    Where memory runs out, the training starts again with half the minibatch, and the notes say
    so. Raises TrainingImpossible for fewer than two different classes, labels that are no
    class, a loss that is not finite, or too little memory; CheckpointMismatch for pretrained
    weights that do not fit. Call within `device.computing`.
    """
    _check(images.labels, images.class_names)
    training, notes = _prepared(images, settings, extras)
    size = min(settings.minibatch, len(images.labels))
    while True:
        try:
            network, loss, steps = training.run(size, seed, progress, watch)
            break
        except (MemoryError, RuntimeError) as error:
            size = _smaller(size, error)
        notes.append(f"memory ran out: trained again with {size} images per minibatch")
    network.requires_grad_(True).eval()
    pretrained = extras.pretrained if training.mode == "fresh" else None
    return Model(
        network=network,
        architecture=training.architecture,
        class_names=images.class_names,
        mirror=settings.augmentation in FLIPS,
        minibatches=steps,
        loss=loss,
        mode=training.mode,
        pretrained=pretrained.source if pretrained is not None else "",
        notes=tuple(notes),
    )


def _prepared(
    images: LabeledImages, settings: LearnerSettings, extras: Extras
) -> tuple[_Training, list[str]]:
    """Decide how a training begins; return it, and notes of what is not as it was wished."""
    architecture = Architecture(
        settings.network,
        images.channels,
        images.pixels.shape[1],
        len(images.class_names),
        extras.loss_module,
    )
    previous = extras.previous
    mode: Mode = settings.mode if previous is not None else "fresh"
    notes = []
    if previous is not None and mode != "fresh" and (why := _unlike(previous, architecture)):
        mode = "fresh"
        notes.append(f"trained fresh: {why}")
    return _Training(images, settings, extras, architecture, mode, devices.choose()), notes


@dataclass(frozen=True)
class _Training:
    """A training whose beginning is decided; it may be run again with smaller minibatches."""

    images: LabeledImages
    settings: LearnerSettings
    extras: Extras
    architecture: Architecture
    mode: Mode
    device: torch.device

    def run(
        self,
        size: int,
        seed: int,
        progress: Callable[[float], None],
        watch: Callable[[Network], None] | None,
    ) -> tuple[Network, float, int]:
        """Train with so many images per minibatch; return the network, its loss and the steps."""
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        pool = self.extras.pool if self.settings.unlabeled != "none" else None
        pool = pool if pool and len(pool.rows) else None
        pixels = as_tensor(self.images.pixels, self.images.channels).to(self.device)
        labels = np.ascontiguousarray(self.images.labels, np.int64)
        targets = torch.from_numpy(labels).to(self.device)
        network = self.start(pixels, targets, size, generator)
        with devices.on_threads(_threads(network, size * self.images.pixels.shape[1] ** 2)):
            plan = self.plan(size, progress, watch)
            if pool is None:
                return network, *descent.descend(network, pixels, targets, plan, generator)
            if not self.started:
                first = replace(plan, watch=None, progress=part(progress, 0, unlabeled.FITTING))
                descent.descend(network, pixels, targets, first, generator)
                plan = replace(plan, progress=part(progress, unlabeled.FITTING, 1))
            return network, *unlabeled.learn(network, pixels, targets, pool, plan, generator)

    @property
    def started(self) -> bool:
        """Whether it begins with weights that are not random."""
        return self.mode != "fresh" or self.extras.pretrained is not None

    def start(
        self, images: Tensor, targets: Tensor, size: int, generator: torch.Generator
    ) -> Network:
        """Build the network with the weights that it begins with."""
        network = networks.build(self.architecture).to(self.device)
        network = network.to(memory_format=torch.channels_last)
        network.prepare(images, generator)
        extras = self.extras
        if extras.previous is not None and self.mode != "fresh":
            _inherit(network, extras.previous, self.mode, generator)
        elif extras.pretrained is not None:
            transfer.put(extras.pretrained, network, self.architecture)
            mirror = self.settings.augmentation in FLIPS
            probing.fit_head(network, images, targets, mirror, size)
        return network

    def plan(
        self,
        size: int,
        progress: Callable[[float], None],
        watch: Callable[[Network], None] | None,
    ) -> Plan:
        """Say how the weights descend, by the number of labels and by what they begin as."""
        settings, labels = self.settings, len(self.images.labels)
        tuned = self.started and self.mode == "fresh"
        steps = round((_LONGER if tuned else 1) * minibatches(labels))
        peak = settings.rate * (min(1.0, labels / _FULL_FROM) if tuned else 1.0)
        return Plan(
            steps=steps,
            size=size,
            rate=_TUNED_RATE * peak if self.started else peak,
            head_rate=peak,
            weight_decay=settings.weight_decay,
            smoothing=settings.smoothing,
            augmentation=settings.augmentation,
            balance=settings.balance,
            transfer=settings.transfer if tuned else "finetune",
            watch=watch,
            moments=frozenset(round(steps * (i + 1) / CHECKPOINTS) for i in range(CHECKPOINTS)),
            progress=progress,
        )


def _smaller(size: int, error: Exception) -> int:
    """Return the minibatch to try next where memory ran out; raise the error where it did not."""
    if not _out_of_memory(error):
        raise error
    if size <= _SMALLEST_MINIBATCH:
        raise TrainingImpossible(
            f"too little memory even for {size} images at a time; close other programs "
            "or choose a smaller network or resolution"
        ) from error
    return max(_SMALLEST_MINIBATCH, size // 2)


def as_tensor(pixels: np.ndarray, channels: int) -> Tensor:
    """Return images (n, H, W, 3) uint8 as (n, channels, H, W), stored channels last.

    Grey images hold their value three times; one is taken.
    """
    array = np.array(pixels[..., :channels], copy=True, order="C")
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def _threads(network: Network, pixels: int) -> int:
    """Return how many threads are quickest for minibatches of so many pixels.

    Small operations are over before other threads have woken up: with two, digits took 1.5 to 2
    times as long.
    """
    parameters = sum(p.numel() for p in network.parameters())
    if pixels < _ALONE_PIXELS and parameters < _ALONE_PARAMETERS:
        return 1
    return torch.get_num_threads()


def _unlike(previous: Model, architecture: Architecture) -> str:
    """Return why a model cannot be trained on, or nothing."""
    before = previous.architecture
    for what in ("network", "channels", "resolution", "classes"):
        old, new = getattr(before, what), getattr(architecture, what)
        if old != new:
            return f"the model before it has {what} {old}, this one {new}"
    return ""


@torch.no_grad()
def _inherit(network: Network, previous: Model, mode: Mode, generator: torch.Generator) -> None:
    tensors = previous.network.state_dict()
    if not network.state_dict().keys() <= tensors.keys():
        tensors = {**network.state_dict(), **tensors}
    network.load_state_dict(tensors, strict=False)
    if mode == "shrink_perturb":
        for parameter in network.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator).to(parameter.device)
                parameter.mul_(_SHRINK).add_(_NOISE * noise)


_NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "could not create a primitive",  # oneDNN, when it cannot have its workspace
)


def _out_of_memory(error: BaseException) -> bool:
    """Tell whether memory is what lacked: each allocator says so in words of its own."""
    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        saying in words for saying in _NO_MEMORY
    )


def _check(labels: np.ndarray, class_names: tuple[str, ...]) -> None:
    classes = np.unique(labels)
    if len(classes) and (classes[0] < 0 or classes[-1] >= len(class_names)):
        raise TrainingImpossible(
            f"labels go from {classes[0]} to {classes[-1]}; "
            f"must be positions 0 to {len(class_names) - 1}"
        )
    if len(classes) < 2:
        what = (
            f"all {len(labels)} labels say {class_names[classes[0]]!r}"
            if len(classes)
            else "no labels"
        )
        raise TrainingImpossible(f"{what}; a model needs labels of at least 2 classes")
