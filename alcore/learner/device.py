"""Owns where and how torch computes: device, threads, arithmetic, repeatability.

One rule for arithmetic. In bfloat16, where that is chosen or pays, are the convolutions of
trainings and pretrainings: the stages of a network, forward and backward. Everything else is
float32, always: weights, normalisation, embeddings, heads, losses, optimisers, and every pass of
a trained model over images. So all that is said of an image by one model (probabilities, logits,
embeddings, histories) comes from the same arithmetic, whatever trained the model. Features of an
extractor, which is not trained here, are computed once, in bfloat16 where that pays, and stored:
whatever is said of an image starts from what is stored.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from torch import Tensor

from alcore.config import Precision
from alcore.learner.architecture import Network

_PRECISION: ContextVar[Precision] = ContextVar("precision", default="auto")
_ABILITIES = frozenset({"avx2", "avx512_f", "avx512_bf16", "amx_bf16", "neon", "bf16", "sve"})
"""What tells processors apart as far as results and speed go, by torch's names."""


def choose() -> torch.device:
    """Return the fastest device there is: CUDA, then MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@contextmanager
def computing(seed: int, threads: int, precision: Precision | None = None) -> Iterator[None]:
    """Run a block on a number of CPU threads, with seeded and repeatable operations.

    `precision` is the arithmetic of trainings in it (see `arithmetic`), None that of the block
    around it. All is set back afterwards. CPU kernels repeat themselves with the same number of
    threads; for CUDA the repeatable ones are chosen, and stay chosen, without TF32: passes agree
    to 1e-5.
    """
    before, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        # cuBLAS repeats itself only with this; it is read when CUDA starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # Only here: this call imports torch's compiler, which takes two seconds.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with precision_of_trainings(precision or _PRECISION.get()):
            yield
    finally:
        torch.set_num_threads(before)
        torch.set_rng_state(state)


@contextmanager
def precision_of_trainings(precision: Precision) -> Iterator[None]:
    """Run a block in which trainings compute in an arithmetic: see `arithmetic`."""
    token = _PRECISION.set(precision)
    try:
        yield
    finally:
        _PRECISION.reset(token)


@contextmanager
def on_threads(threads: int) -> Iterator[None]:
    """Run a block on a number of CPU threads.

    Work on small tables is quickest on one: handing them out takes ten times as long as the
    work where other programs use the cores too.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def arithmetic(network: Network, device: torch.device) -> Precision:
    """Return what the convolutions of a training are computed in: "float32" or "bfloat16".

    That is the precision of `computing`; for "auto" bfloat16 where the hardware multiplies in it
    and the network gains by it. Elsewhere bfloat16 is emulated: the same promises, no gain.
    """
    precision = _PRECISION.get()
    if precision != "auto":
        return precision
    return "bfloat16" if network.gains_by_bfloat16 and _has_bfloat16(device) else "float32"


def feature_maps(network: Network, images: Tensor) -> list[Tensor]:
    """Return the maps (B, width, h, w) after each stage, as trainings compute them.

    They are bfloat16 or float32: see `arithmetic`.
    """
    if arithmetic(network, images.device) == "float32":
        return list(network.outputs(images))
    with torch.autocast(images.device.type, torch.bfloat16):
        return list(network.outputs(images))


@contextmanager
def passes_of_extractors(device: torch.device) -> Iterator[None]:
    """Run a block in which a feature extractor looks at images, in the arithmetic of trainings.

    Depthwise convolutions gain by bfloat16 here too: there is no pass back.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=extractors_use_bfloat16(device)):
        yield


def extractors_use_bfloat16(device: torch.device) -> bool:
    """Tell whether features are computed in bfloat16: as chosen, for "auto" where it pays."""
    precision = _PRECISION.get()
    return precision == "bfloat16" or (precision == "auto" and _has_bfloat16(device))


def versions(network: Network) -> dict[str, str]:
    """Return what computed a network's training here, for the record of a round."""
    device = choose()
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "device": device.type,
        "arithmetic": arithmetic(network, device),
        "processor": abilities(),
    }


def abilities() -> str:
    """Return the processor and what it can, as far as results and speed depend on it."""
    can = torch.cpu.get_capabilities()
    name = str(can.get("cpu_name", "")) or platform.machine()
    return " ".join([name, *sorted(a for a in _ABILITIES if can.get(a))])


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    can = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(can.get("avx512_bf16") or can.get("amx_bf16"))
