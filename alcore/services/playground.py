"""Owns what the Playground's page offers and asks: choices, ready examples, computed rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from alcore import strategies
from alcore.errors import InvalidSettings
from alcore.playground import settings
from alcore.playground.examples import EXAMPLES
from alcore.playground.formulas import FORMULAS
from alcore.playground.settings import Settings
from alcore.workers.answering import Answering


def choices() -> dict[str, Any]:
    """Return what can be chosen, with a sentence for each, and the settings of the first visit."""
    return {
        "data": dict(settings.DATA),
        "models": dict(settings.MODELS),
        "limits": {name: list(limits) for name, limits in settings.LIMITS.items()},
        "classes": settings.MOST_CLASSES,
        "fewest": settings.FEWEST_POINTS,
        "defaults": asdict(Settings()),
        "strategies": [
            {
                "name": strategy.name,
                "sentence": settings.sentence_of(strategy.name),
                "formula": FORMULAS[strategy.name],
                "paper": strategy.paper,
                "family": family,
            }
            for family, group in strategies.families().items()
            for strategy in group
            if strategy.name in FORMULAS
        ],
        "examples": [
            {"title": one.title, "why": one.why, "settings": one.changes()} for one in EXAMPLES
        ],
    }


def answer(answering: Answering, question: Mapping[str, Any]) -> dict[str, Any]:
    """Compute what the page asks for, in a process of its own.

    Raises InvalidSettings for settings that cannot be, before anything is computed; AnswerLate.
    """
    raw = question.get("settings", {})
    if not isinstance(raw, Mapping):
        raise InvalidSettings(f"settings must be an object; got {raw!r}")
    Settings.from_json(raw)
    told: dict[str, Any] = answering.ask(
        {name: question[name] for name in ("what", "settings", "from", "count") if name in question}
    )
    if "error" in told:
        raise InvalidSettings(told["error"])
    return told
