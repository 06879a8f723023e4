"""Owns pretraining: a network learns from images without labels to tell them apart.

SimCLR (Chen et al. 2020): two random views of an image shall be more alike than views of
different images. A pretraining can stop after any minibatch and go on later, with the same
result. N images (N, H, W, 3) uint8; losses in nats.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from alcore.config import Precision
from alcore.errors import CheckpointMismatch, TrainingImpossible
from alcore.learner import device as devices
from alcore.learner import files, networks, transfer
from alcore.learner.architecture import Architecture
from alcore.learner.contrast import PretrainSettings, Work
from alcore.learner.costs import pretraining_minibatches as minibatches
from alcore.learner.transfer import Pretrained

FORMAT = "alcore pretraining 1"


@dataclass(frozen=True)
class State:
    """A pretraining somewhere on its way; all that it takes to go on."""

    architecture: Architecture
    settings: PretrainSettings
    images: int
    """How many it learns from."""
    seed: int
    step: int
    """Minibatches done."""
    steps: int
    loss: float
    """Running mean, in nats."""
    tensors: dict[str, Tensor]
    """Weights by name, and the optimiser's memory of them."""
    arithmetic: Precision = "auto"
    """What it began in and goes on in; "auto" only where an older version began it."""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.step >= self.steps

    def save(self, path: Path) -> None:
        """Write the state; raises WorkspaceUnusable where it cannot be written."""
        about = {k: v for k, v in vars(self).items() if k != "tensors"}
        about |= {"architecture": asdict(self.architecture), "settings": asdict(self.settings)}
        files.write(path, self.tensors, FORMAT, about)

    def pretrained(self) -> Pretrained:
        """Return the weights as they are now."""
        network = networks.build(self.architecture)
        body = {
            name.removeprefix("network."): tensor
            for name, tensor in self.tensors.items()
            if name.startswith("network.")
        }
        network.load_state_dict(body)
        epochs = self.step * min(self.settings.minibatch, self.images) / self.images
        source = f"SimCLR on {self.images:,} images, {epochs:.0f} epochs"
        if self.arithmetic == "bfloat16":
            source += ", bfloat16"
        return transfer.extract(network, self.architecture, source)


def load_state(path: Path) -> State:
    """Read a state; raises CheckpointMismatch for a damaged or another file."""
    tensors, about = files.read(path, FORMAT)
    try:
        about["architecture"] = Architecture(**about["architecture"])
        about["settings"] = PretrainSettings(**about["settings"])
        return State(tensors=tensors, **about)
    except (KeyError, TypeError) as error:
        raise CheckpointMismatch(f"{Path(path).name} does not describe a pretraining") from error


def pretrain(
    pixels: np.ndarray,
    rows: np.ndarray,
    channels: int,
    settings: PretrainSettings,
    seed: int,
    progress: Callable[[float], None],
    should_stop: Callable[[], bool] = lambda: False,
    state: State | None = None,
    steps: int | None = None,
) -> State:
    """Learn from the given rows (N,) of pixels (M, H, W, 3) uint8, maybe a memmap.

    Goes on from `state` where there is one, which must be of the same images and settings.
    Returns when done, or when `should_stop` says so after a minibatch; `progress` is told the
    share done and may raise, which loses what was done since the start of the call. With the
    same seed and one thread the result is the same, however often it was stopped; it goes on in
    the arithmetic that it began in. `steps`
    replaces the usual number of minibatches. Raises TrainingImpossible for fewer than two
    images and a loss that is not finite, CheckpointMismatch for a state of something else.
    Call within `device.computing`.
    """
    if len(rows) < 2:
        raise TrainingImpossible(f"{len(rows)} images; pretraining needs at least 2")
    architecture = Architecture(settings.network, channels, pixels.shape[1], 2)
    if state is not None and (state.architecture, state.settings, state.images, state.seed) != (
        architecture,
        settings,
        len(rows),
        seed,
    ):
        raise CheckpointMismatch(
            "the pretraining that was begun is of other images or settings; start it again"
        )
    device = devices.choose()
    work = Work(architecture, settings, pixels, rows, seed, device)
    step, total = 0, steps or minibatches(len(rows))
    loss = math.nan
    arithmetic = devices.arithmetic(work.network, device)
    if state is not None:
        step, total, loss = state.step, state.steps, state.loss
        arithmetic = arithmetic if state.arithmetic == "auto" else state.arithmetic
        work.restore(state.tensors)
    while step < total:
        with devices.precision_of_trainings(arithmetic):
            value = work.advance(step, total)
        if not math.isfinite(value):
            raise TrainingImpossible(
                f"the pretraining's loss became {value} at minibatch {step + 1} of {total}"
            )
        loss = value if math.isnan(loss) else 0.98 * loss + 0.02 * value
        step += 1
        progress(step / total)
        if should_stop():
            break
    tensors = work.tensors()
    return State(architecture, settings, len(rows), seed, step, total, loss, tensors, arithmetic)


def estimate_seconds(
    images: int,
    channels: int,
    resolution: int,
    threads: int,
    settings: PretrainSettings | None = None,
) -> float:
    """Return about how long a pretraining takes here, by timing a few of its minibatches."""
    settings = settings or PretrainSettings()
    rng = np.random.default_rng(0)
    size = min(images, 2 * settings.minibatch)
    pixels = rng.integers(0, 256, (size, resolution, resolution, 3), np.uint8)
    architecture = Architecture(settings.network, channels, resolution, 2)
    with devices.computing(0, threads):
        work = Work(architecture, settings, pixels, np.arange(size), 0, devices.choose())
        work.advance(0, 100)  # the first is slower: memory is taken, kernels are chosen
        start = time.perf_counter()
        for step in range(1, 4):
            work.advance(step, 100)
        return (time.perf_counter() - start) / 3 * minibatches(images)
