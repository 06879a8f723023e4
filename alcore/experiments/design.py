"""Owns the design of an experiment: what it combines, checked before it starts.

A cell is one combination of data set, strategy, batch size, initial set, learner and oracle; a
run is a cell in one trial. Budgets and sizes count labels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import product
from typing import Any, Literal, Self

from alcore import strategies
from alcore.config import Precision
from alcore.errors import InvalidSettings
from alcore.experiments import initial, oracles
from alcore.experiments.data import DataSpec
from alcore.experiments.learners import LearnerSpec
from alcore.experiments.options import between, unknown, with_defaults

MOST_RUNS = 100_000
ARITHMETICS: tuple[Precision, ...] = ("float32", "bfloat16")
"""What an experiment's trainings may be computed in: no run shall depend on where it runs."""


@dataclass(frozen=True)
class StrategySpec:
    """A query strategy and its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        strategies.complete_options(self.name, self.options)

    @property
    def title(self) -> str:
        return _title(self.name, self.options)


@dataclass(frozen=True)
class OracleSpec:
    """Who answers."""

    kind: str = "perfect"
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with_defaults(f"the oracle {self.kind!r}", self.options, oracles.defaults(self.kind))

    @property
    def title(self) -> str:
        return self.name or _title(self.kind, self.options)


@dataclass(frozen=True)
class InitialSpec:
    """The labels before the first query."""

    size: int
    how: str = "random"
    """One of `initial.ways()`."""

    def __post_init__(self) -> None:
        between("the size of an initial set", self.size, 2, 10**7)
        if self.how not in (known := initial.ways()):
            raise unknown("way to choose the initial set", self.how, known)

    @property
    def title(self) -> str:
        return f"{self.size:,}" if self.how == "random" else f"{self.size:,} {self.how}"


@dataclass(frozen=True)
class Cell:
    """One combination."""

    data: DataSpec
    strategy: StrategySpec
    batch_size: int
    initial: InitialSpec
    learner: LearnerSpec
    oracle: OracleSpec

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(
            DataSpec(**raw["data"]),
            StrategySpec(**raw["strategy"]),
            raw["batch_size"],
            InitialSpec(**raw["initial"]),
            LearnerSpec(**raw["learner"]),
            OracleSpec(**raw["oracle"]),
        )

    @cached_property
    def key(self) -> str:
        """Name of the cell: the same words in another design or another order are the same cell."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def setting(self) -> str:
        """All but the strategy, in words: what strategies are compared within."""
        parts = [
            self.data.title,
            self.learner.title,
            f"{self.initial.title} + {self.batch_size:,} per round",
        ]
        if self.oracle.title != "perfect":
            parts.append(self.oracle.title)
        return " · ".join(parts)

    def rounds(self, budget: int) -> int:
        """Return how many models are trained until a budget is spent."""
        return 1 + max(0, math.ceil((budget - self.initial.size) / self.batch_size))


@dataclass(frozen=True)
class Design:
    """Everything that an experiment runs."""

    name: str
    budget: int
    datasets: tuple[DataSpec, ...]
    strategies: tuple[StrategySpec, ...]
    initial: tuple[InitialSpec, ...]
    batch_sizes: tuple[int, ...]
    learners: tuple[LearnerSpec, ...] = (LearnerSpec(),)
    oracles: tuple[OracleSpec, ...] = (OracleSpec(),)
    trials: int = 5
    seed: int = 0
    baseline: str = ""
    """The strategy that others are compared with: "random", if there, else the first."""
    precision: Precision | Literal[""] = ""
    """Arithmetic of all its trainings, "float32" or "bfloat16"; "" until `fixed` says which."""

    def __post_init__(self) -> None:
        if not self.name.strip() or "/" in self.name or len(self.name) > 100:
            raise InvalidSettings(
                f"the experiment's name is {self.name!r}; must be 1 to 100 characters without '/'"
            )
        between("the number of trials", self.trials, 1, 10_000)
        between("the seed", self.seed, 0, 2**31)
        if self.precision not in ("", *ARITHMETICS):
            raise unknown("precision", self.precision, ARITHMETICS)
        for what, parts in (
            ("data set", [d.title for d in self.datasets]),
            ("strategy", [s.title for s in self.strategies]),
            ("initial set", [i.title for i in self.initial]),
            ("batch size", [str(b) for b in self.batch_sizes]),
            ("learner", [x.title for x in self.learners]),
            ("oracle", [o.title for o in self.oracles]),
        ):
            if not parts:
                raise InvalidSettings(f"the grid has no {what}; give at least one")
            twice = sorted({p for p in parts if parts.count(p) > 1})
            if twice:
                raise InvalidSettings(
                    f"the {what} {twice[0]!r} is in the grid twice; leave one out, or give "
                    "them names of their own"
                )
        for size in self.batch_sizes:
            between("a batch size", size, 1, 10**7)
        for start in self.initial:
            if start.size > self.budget:
                raise InvalidSettings(
                    f"the initial set has {start.size:,} labels, but the budget is "
                    f"{self.budget:,}; raise the budget"
                )
        for learner, strategy in product(self.learners, self.strategies):
            learner.check(strategy.name, strategy.options)
        if self.baseline and self.baseline not in self.titles:
            raise unknown("strategy in this grid", self.baseline, self.titles)
        runs = self.trials * len(self.cells)
        if runs > MOST_RUNS:
            raise InvalidSettings(f"{runs:,} runs are more than {MOST_RUNS:,}; split the grid")

    @property
    def titles(self) -> list[str]:
        """How the strategies are called."""
        return [s.title for s in self.strategies]

    @property
    def against(self) -> str:
        """The strategy that others are compared with."""
        return self.baseline or ("random" if "random" in self.titles else self.titles[0])

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All combinations, those of one setting side by side."""
        return tuple(
            Cell(data, strategy, size, start, learner, oracle)
            for data, learner, oracle, start, size, strategy in product(
                self.datasets,
                self.learners,
                self.oracles,
                self.initial,
                self.batch_sizes,
                self.strategies,
            )
        )

    def fixed(self, otherwise: Precision) -> Design:
        """Return the grid with its arithmetic: its own, else `otherwise`, for "auto" float32."""
        default = otherwise if otherwise in ARITHMETICS else ARITHMETICS[0]
        return replace(self, precision=self.precision or default)

    @property
    def trainings(self) -> int:
        """How many models are trained in all."""
        return self.trials * sum(cell.rounds(self.budget) for cell in self.cells)

    def check(self, pools: Mapping[str, tuple[int, Sequence[str]]]) -> None:
        """Check what can be known only with the images: (pool size, class names) by data title.

        Raises InvalidSettings for a budget larger than a pool, oracles that do not fit,
        and features or weights that are not there.
        """
        import numpy as np

        for learner in self.learners:
            learner.check_files()
        for data, oracle in product(self.datasets, self.oracles):
            size, names = pools[data.title]
            if self.budget > size:
                raise InvalidSettings(
                    f"the budget is {self.budget:,} labels, but the pool of {data.title!r} has "
                    f"{size:,} items; lower the budget"
                )
            world = oracles.World(np.zeros(1, np.int64), names, lambda: np.ones(1), 0)
            oracles.build(oracle.kind, oracle.options, world)

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))


def _title(name: str, options: Mapping[str, Any]) -> str:
    return " ".join([name, *(f"{key}={value}" for key, value in sorted(options.items()))])


def runs(design: Design) -> Iterator[tuple[Cell, int]]:
    """Yield all runs, trial by trial, so that paired comparisons can be drawn early."""
    for trial in range(design.trials):
        for cell in design.cells:
            yield cell, trial
