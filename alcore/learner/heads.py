"""Owns small heads on the embeddings of a trained network: dropout passes and committees.

P candidates, L labeled items, D embedding width, K passes or members, C classes. Everything
runs on embeddings, so K members cost K small products and not K passes of the network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from alcore.learner import device as devices
from alcore.learner.adamw import AdamW

PASSES, MEMBERS = 20, 5
_RATE = 0.5
"""Share of the embedding that is dropped."""
_STEPS = 150
_MINIBATCH = 256
_HIDDEN = 64
_VALUES_AT_ONCE = 2**22
"""Logits that exist at the same time besides the result."""


@devices.on_threads(1)
def dropout(
    head: nn.Linear,
    embeddings: np.ndarray,
    labeled: np.ndarray,
    labels: np.ndarray,
    generator: torch.Generator,
    passes: int = PASSES,
) -> np.ndarray:
    """Return probabilities (P, K, C) float32 of a head that keeps dropping out.

    embeddings (P, D), labeled (L, D), labels (L,) int64. The network was trained without
    dropout, so its head first learns with it, for a moment, on the labeled embeddings. The
    network, batch norm included, is not run at all. All images see the same K masks: those are
    K draws from the head's posterior, and they make one matrix product. Gal & Ghahramani 2016.
    """
    inputs, targets = torch.from_numpy(labeled), torch.from_numpy(labels)
    weight = head.weight.detach().float().cpu().clone().requires_grad_()
    bias = head.bias.detach().float().cpu().clone().requires_grad_()
    optimizer = AdamW.of([weight, bias], 3e-3, weight_decay=0.05)
    for _ in range(_STEPS):
        rows = _draw(len(inputs), generator)
        mask = torch.rand(inputs[rows].shape, generator=generator) >= _RATE
        logits = functional.linear(inputs[rows] * mask / (1 - _RATE), weight, bias)
        optimizer.descend(functional.cross_entropy(logits, targets[rows], label_smoothing=0.1))
    masks = (torch.rand(passes, weight.shape[1], generator=generator) >= _RATE) / (1 - _RATE)
    with torch.no_grad():
        sampled = (masks[:, None] * weight).reshape(-1, weight.shape[1])  # (K·C, D)
        return _members(
            embeddings,
            passes,
            len(bias),
            lambda x: functional.linear(x, sampled, bias.repeat(passes)),
        )


@devices.on_threads(1)
def committee(
    embeddings: np.ndarray,
    labeled: np.ndarray,
    labels: np.ndarray,
    classes: int,
    generator: torch.Generator,
    members: int = MEMBERS,
) -> np.ndarray:
    """Return probabilities (P, K, C) float32 of K heads, each fitted to its own bootstrap.

    embeddings (P, D), labeled (L, D), labels (L,) int64. A head is a network with one hidden
    layer and weights of its own; all are fitted at the same time. Query by committee: Seung,
    Opper & Sompolinsky 1992; bootstraps as in query by bagging, Abe & Mamitsuka 1998.
    """
    inputs, targets = torch.from_numpy(labeled), torch.from_numpy(labels)
    mean, spread = inputs.mean(dim=0), inputs.std(dim=0, correction=0)
    # A feature that is the same in all labeled items may not explode elsewhere.
    spread = spread.clamp_min(float(0.1 * spread.mean()) + 1e-6)
    inputs = (inputs - mean) / spread
    width = inputs.shape[1]
    shapes = ((members, width, _HIDDEN), (members, 1, _HIDDEN), (members, _HIDDEN, classes))
    first, first_bias, last = (
        (torch.randn(s, generator=generator) * (2 / s[1]) ** 0.5).requires_grad_() for s in shapes
    )
    last_bias = torch.zeros(members, 1, classes, requires_grad=True)
    optimizer = AdamW.of([first, first_bias, last, last_bias], 3e-3, weight_decay=0.05)
    bags = torch.randint(len(inputs), (members, len(inputs)), generator=generator)

    def logits(x: Tensor) -> Tensor:  # (K or 1, n, D) -> (K, n, C)
        return (x @ first + first_bias).relu() @ last + last_bias

    for _ in range(_STEPS):
        rows = bags[:, _draw(len(inputs), generator)]
        outputs = logits(inputs[rows])
        optimizer.descend(functional.cross_entropy(outputs.flatten(0, 1), targets[rows].flatten()))
    with torch.no_grad():
        return _members(
            embeddings,
            members,
            classes,
            lambda x: logits(((x - mean) / spread)[None]).transpose(0, 1),
        )


def _draw(count: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(count, generator=generator)[:_MINIBATCH]


def _members(
    embeddings: np.ndarray, members: int, classes: int, logits: Callable[[Tensor], Tensor]
) -> np.ndarray:
    """Return softmax probabilities (P, K, C) of embeddings (P, D), block by block."""
    result = np.empty((len(embeddings), members, classes), np.float32)
    size = max(1, _VALUES_AT_ONCE // (members * max(classes, _HIDDEN)))
    for start in range(0, len(embeddings), size):
        block = torch.from_numpy(embeddings[start : start + size])
        shares = logits(block).reshape(len(block), members, classes).softmax(dim=2)
        result[start : start + len(block)] = shares.numpy()
    return result
