"""Owns what learning costs before it starts, without torch: minibatches and seconds.

Seconds are those of two cores with AVX2, measured with `pretraining.estimate_seconds`; a
backbone's are for weights of its own at that size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

MINIBATCH = 256
_SECONDS: Mapping[str, float] = MappingProxyType(
    {
        "small CNN": 0.6,
        "small CNN with loss module": 0.6,
        "study A": 0.6,
        "resnet18": 4.0,
        "mobilenet_v3_small": 2.0,
        "efficientnet_b0": 6.0,
    }
)
"""Of a minibatch of pretraining: 256 images of 32×32, two views of each."""


def pretraining_minibatches(images: int) -> int:
    """Return how many minibatches to pretrain with on N images: 12·√N, from 100 to 4,000.

    >>> [pretraining_minibatches(n) for n in (50, 1797, 50_000, 1_000_000)]
    [100, 509, 2683, 4000]
    """
    return int(min(4000, max(100, round(12 * math.sqrt(images)))))


def pretraining_seconds(images: int, network: str, resolution: int) -> float:
    """Return about how long a pretraining takes."""
    each = _SECONDS[network] * min(1.0, images / MINIBATCH) * (resolution / 32) ** 2
    return pretraining_minibatches(images) * max(each, 0.01)
