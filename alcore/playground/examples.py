"""Owns the ready examples: settings with a sentence why, and what a learning curve must show.

A promise is about the area under the learning curve, a mean accuracy: over seeds, that of the first
strategy is larger than that of the second, smaller, or neither. A test holds each.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from alcore.playground.settings import Settings


@dataclass(frozen=True)
class Example:
    """Settings that show something."""

    title: str
    why: str
    settings: Settings
    first: Literal["wins", "loses", "draws"]
    """What the first strategy does against the second, on average over seeds."""
    seeds: int = 10
    """Starts after which that is plain: by more than two standard errors, or less for a draw."""

    def changes(self) -> dict[str, Any]:
        """Return the settings that are not those of the first visit."""
        defaults = Settings()
        return {
            field.name: getattr(self.settings, field.name)
            for field in fields(Settings)
            if getattr(self.settings, field.name) != getattr(defaults, field.name)
        }


EXAMPLES: tuple[Example, ...] = (
    Example(
        "Two moons: ask along the border",
        "Margin asks where the two classes meet, and so finds the bends of the border with far "
        "fewer labels than chance, which asks mostly where all is plain.",
        Settings(),
        "wins",
        seeds=20,
    ),
    Example(
        "Noise: an oracle that errs",
        "With three wrong answers in ten the sure lead is gone: some starts win, others lose, as "
        "margin takes a wrong answer for a new border and asks on around it. Try it without noise.",
        Settings(points=200, batch=4, rounds=10, noise=0.3),
        "draws",
    ),
    Example(
        "Wrong model: sure of what it never saw",
        "Margin loses: the model is too smooth for so many islands, and sure where it has no "
        "labels. Margin asks only where the model doubts, so whole islands are never asked about.",
        Settings(data="islands", points=200, spread=0.0, initial=3, batch=4, rounds=10),
        "loses",
    ),
    Example(
        "Outliers: the odd ones first",
        "K-center loses: it asks for what lies farthest from all labels, and those are points "
        "that belong nowhere, with classes by chance.",
        Settings(
            data="blobs", model="logistic regression", points=200, spread=0.1, outliers=0.15,
            first="k-center", rounds=20,
        ),
        "loses",
    ),
    Example(
        "Batches: ten times the same question",
        "Margin loses to a diverse choice: the ten points with the smallest margin lie side by "
        "side, so that one answer would have told the other nine.",
        Settings(model="k nearest", points=200, batch=10, rounds=4, second="diversified"),
        "loses",
    ),
    Example(
        "Few labels: first see everything",
        "With few labels the model's doubts mean little. TypiClust does not ask the model: it asks "
        "about a typical point of each group that has no label yet.",
        Settings(
            data="islands", model="k nearest", points=200, first="TypiClust", second="margin",
            rounds=20,
        ),
        "wins",
    ),
    Example(
        "A rare class: found by doubt",
        "One point in thirty is of the last class. Chance hardly meets it; margin asks at its "
        "edge and finds more of it. Accuracy counts every class alike.",
        Settings(data="blobs", model="logistic regression", balance=20.0, rounds=15),
        "wins",
        seeds=20,
    ),
    Example(
        "Spirals: a border without end",
        "Three arms wind around each other, so there is border everywhere, and chance hits it "
        "often. Margin still gains, as it asks where arms come closest.",
        Settings(data="spirals", model="k nearest", points=200, batch=2, rounds=20),
        "wins",
    ),
)  # fmt: skip
