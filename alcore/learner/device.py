"""Owns where and how torch computes: device, threads, number format, repeatability."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch


def choose() -> torch.device:
    """Return the fastest device there is: CUDA, then MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@contextmanager
def computing(seed: int, threads: int) -> Iterator[None]:
    """Run a block on a number of CPU threads, with seeded and repeatable operations.

    Threads and seed are set back afterwards. CPU kernels repeat themselves with the same number
    of threads; for CUDA the repeatable ones are chosen, and stay chosen.
    """
    before, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        # cuBLAS repeats itself only with this; it is read when CUDA starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # Only here: this call imports torch's compiler, which takes two seconds.
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_rng_state(state)


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


def versions() -> dict[str, str]:
    """Return what computes here, for the record of a round."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "device": choose().type,
    }


def half_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return bf16 autocast where the hardware multiplies in bf16, else a context of nothing.

    On CPUs without AVX512-BF16 or AMX bf16 is emulated, and slower than float32.
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    if device.type == "cpu" and _cpu_has_bf16():
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


def _cpu_has_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
