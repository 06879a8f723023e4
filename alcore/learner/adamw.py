"""Owns AdamW and its cycle of rates, by torch's own function and to the last bit.

The first use of `torch.optim.Optimizer` in a process imports torch's compiler: 880 modules, which
take two seconds and are not used. A first model would wait for them. Rates are per minibatch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim.adam import adam

_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
_START, _END = 25.0, 1e4
"""A cycle begins with the highest rate over the first, and ends with that over the second."""
_MOMENTUM = (0.85, 0.95)
"""At the highest rate, and at the ends of the cycle."""


@dataclass
class Group:
    """Parameters that are changed alike."""

    parameters: Sequence[Tensor]
    rate: float
    weight_decay: float
    momentum: float = _BETAS[0]


@dataclass
class AdamW:
    """Changes parameters by their gradients. Loshchilov & Hutter 2019."""

    groups: Sequence[Group]
    state: dict[Tensor, dict[str, Tensor]] = field(default_factory=dict)
    """Of each parameter that had a gradient: "step", "exp_avg" and "exp_avg_sq"."""

    @classmethod
    def of(cls, parameters: Iterable[Tensor], rate: float, weight_decay: float = 0.01) -> AdamW:
        """Return one that changes all parameters alike."""
        return cls([Group(list(parameters), rate, weight_decay)])

    def descend(self, loss: Tensor) -> None:
        """Do one minibatch."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None
        loss.backward()
        self.step()

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters by the gradients that are there."""
        for group in self.groups:
            parameters = [p for p in group.parameters if p.grad is not None]
            states = [self._state(p) for p in parameters]
            adam(
                parameters,
                [p.grad for p in parameters if p.grad is not None],
                [s["exp_avg"] for s in states],
                [s["exp_avg_sq"] for s in states],
                [],
                [s["step"] for s in states],
                amsgrad=False,
                beta1=group.momentum,
                beta2=_BETAS[1],
                lr=group.rate,
                weight_decay=group.weight_decay,
                eps=_EPSILON,
                maximize=False,
                decoupled_weight_decay=True,
            )

    def _state(self, parameter: Tensor) -> dict[str, Tensor]:
        if parameter not in self.state:
            self.state[parameter] = {
                "step": torch.tensor(0.0, dtype=torch.float32),
                "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            }
        return self.state[parameter]


class OneCycle:
    """Lets the rates of groups go up to their highest and down to nothing. Smith & Topin 2018."""

    def __init__(self, groups: Sequence[Group], steps: int, up: float) -> None:
        """The rates that groups have are their highest; they get those of the first minibatch.

        up: share of the minibatches in which rates go up.
        """
        self._groups = [(group, group.rate) for group in groups]
        self._done, self._last, self._top = 0, steps - 1, up * steps - 1
        self._set()

    def step(self) -> None:
        """Set rates and momentum of the next minibatch."""
        self._done += 1
        if self._done <= self._last:
            self._set()

    def _set(self) -> None:
        low, high = _MOMENTUM
        for group, peak in self._groups:
            first = peak / _START
            if self._done <= self._top:
                share = self._done / self._top
                group.rate = _between(first, peak, share)
                group.momentum = _between(high, low, share)
            else:
                share = (self._done - self._top) / (self._last - self._top)
                group.rate = _between(peak, first / _END, share)
                group.momentum = _between(low, high, share)


def _between(start: float, end: float, share: float) -> float:
    """Go from start to end along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
