"""Owns what the browser is told of a scene and its rounds, as plain JSON.

Arrays go as base64 of bytes: probabilities in 255ths, class by class but for the last, which is
the rest. n points of the pool, C classes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from alcore.errors import InvalidSettings
from alcore.playground import rounds
from alcore.playground.rounds import GRID, Round, Side
from alcore.playground.settings import Settings

MOST_ROUNDS = 8
"""Rounds of each side in one answer, so that nobody waits long for others."""


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a question of the page: rounds of both sides, or the areas of one whole run.

    Raises InvalidSettings for settings that cannot be.
    """
    settings = Settings.from_json(question.get("settings", {}))
    if question.get("what") == "areas":
        return {side: _curve(settings, side) for side in get_args(Side)}
    first, count = question.get("from", 0), question.get("count", 1)
    if not (isinstance(first, int) and isinstance(count, int) and first >= 0 <= count):
        raise InvalidSettings("from and count must be whole numbers from 0")
    last = rounds.last_round(settings)
    numbers = range(first, min(first + min(count, MOST_ROUNDS), last + 1))
    told: dict[str, Any] = {"last": last}
    for side in get_args(Side):
        known = (rounds.round_of(settings, side, number) for number in numbers)
        told[side] = [_round(settings, one) for one in known if one is not None]
    if first == 0:
        told["scene"] = _scene(settings)
    return told


def _curve(settings: Settings, side: Side) -> dict[str, Any]:
    labels, accuracies = rounds.curve(settings, side)
    return {"labels": labels, "accuracies": [round(a, 4) for a in accuracies]}


def _scene(settings: Settings) -> dict[str, Any]:
    shared = rounds.scene(settings.of_scene())
    pool = shared.points.pool
    pictures = shared.points.pictures
    return {
        "places": np.round(shared.points.places[:pool] * 1000).astype(int).tolist(),
        "truth": shared.points.truth[:pool].tolist(),
        "held": len(shared.points.truth) - pool,
        "classes": list(shared.points.class_names),
        "start": shared.start.tolist(),
        "grid": GRID,
        "pictures": None if pictures is None else _bytes(pictures * 15),
    }


def _round(settings: Settings, one: Round) -> dict[str, Any]:
    advice = rounds.advice(settings, one.history)
    answers = rounds.answers_of(settings, one.query)
    return {
        "labels": len(one.ids),
        "accuracy": round(one.accuracy, 4),
        "pool": _bytes(one.pool[:-1]),
        "grid": _bytes(one.grid[:-1]),
        "query": one.query.tolist(),
        "reasons": [reason.replace("image", "point") for reason in one.reasons],
        "answers": answers.tolist(),
        "stop": advice.stop,
        "advice": advice.reason.replace("images", "points"),
    }


def _bytes(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, np.uint8).tobytes()).decode()
