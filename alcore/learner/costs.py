"""Owns what learning costs before it starts, without torch: minibatches and seconds.

Seconds are those of two cores with AVX2, from the processor time of single minibatches of the
small networks and of mobilenet_v3_small; those of resnet18 and efficientnet_b0 are guesses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from alcore.config import PACKAGED_EXTRACTOR

MINIBATCH = 256
_OVERHEAD = 0.02
"""Seconds of a minibatch, however small its images are."""
_SECONDS: Mapping[str, float] = MappingProxyType(
    {
        "small CNN": 0.24,
        "small CNN with loss module": 0.24,
        "study A": 0.24,
        "resnet18": 3.0,
        "mobilenet_v3_small": 0.9,
        "efficientnet_b0": 3.0,
    }
)
"""Of a minibatch of pretraining: 256 images of 32×32, two views of each."""


def pretraining_minibatches(images: int) -> int:
    """Return how many minibatches to pretrain with on N images: 29·√N, from 100 to 9,000.

    >>> [pretraining_minibatches(n) for n in (50, 1797, 50_000, 1_000_000)]
    [205, 1229, 6485, 9000]
    """
    return int(min(9000, max(100, round(29 * math.sqrt(images)))))


def pretraining_seconds(images: int, network: str, resolution: int) -> float:
    """Return about how long a pretraining takes."""
    whole = _SECONDS[network] * (resolution / 32) ** 2
    return pretraining_minibatches(images) * (_OVERHEAD + whole * min(1.0, images / MINIBATCH))


_FEATURES_SECONDS = 0.008
"""Of an image of 160×160 pixels, read and seen by the extractor that alcore brings, in float32."""
_SMALL, _LARGE = 16, 224


def features_side(sides: Sequence[int]) -> int:
    """Return how many pixels a side an extractor shall see of images with these longest sides.

    Larger than they are, for what a network has learnt is of things of some size.

    >>> [features_side([side]) for side in (8, 32, 100, 1000)]
    [64, 160, 160, 224]
    """
    middle = sorted(sides)[len(sides) // 2]
    return 64 if middle <= _SMALL else 160 if middle < _LARGE else _LARGE


STAGES = "last three stages"
"""As features name them: what the last layer gives knows the classes of ImageNet best, and heads on
what the stages before it see were right by a point or two more often."""


def features_layers(extractor: str, file: str = "") -> str:
    """Name the layers of an extractor that are asked today; empty where it is the last alone."""
    return STAGES if extractor == PACKAGED_EXTRACTOR and not file else ""


def features_seconds(images: int, side: int) -> float:
    """Return about how long features of so many images take."""
    return 2 + images * _FEATURES_SECONDS * (side / 160) ** 2


MOST_TUNING_LABELS = 10_000
"""Labels that they learn from: what they see of each takes up to 63 kB on disk."""
_TUNING_SECONDS = 0.006
"""Of an image of 160x160 pixels that the last stages of that extractor learn from."""


def tuning_images(labels: int) -> int:
    """Return how many images the last stages of an extractor learn from: five times each label,
    and at least 5,000 in all.

    >>> [tuning_images(n) for n in (20, 1_000, 4_000, 50_000)]
    [5000, 5000, 20000, 50000]
    """
    return max(5_000, 5 * min(labels, MOST_TUNING_LABELS))


def tuning_seconds(labels: int, images: int, side: int) -> float:
    """Return about how long it takes to tune an extractor and to compute all features anew."""
    learning = tuning_images(labels) * _TUNING_SECONDS * (side / 160) ** 2
    return learning + features_seconds(images, side)
