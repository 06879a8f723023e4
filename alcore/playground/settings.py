"""Owns what can be set in the Playground, its limits, and the text that a link holds of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from alcore import strategies
from alcore.errors import InvalidSettings
from alcore.playground.formulas import FORMULAS

DATA: Mapping[str, str] = MappingProxyType(
    {
        "blobs": "three clouds, one of each class",
        "moons": "two half moons, each inside the other's bow",
        "circles": "a ring around a disc",
        "spirals": "three arms that wind around each other",
        "islands": "many small groups of two classes; a few labels miss some",
        "digits": "handwritten digits 0 to 3, by their two main components",
        "own": "drawn by hand, or pasted as a table",
    }
)
MODELS: Mapping[str, str] = MappingProxyType(
    {
        "logistic regression": "straight borders between classes",
        "support vectors": "curved borders by the labels nearest to them, calibrated",
        "random forest": "fifteen trees that vote, each by cuts along the axes",
        "k nearest": "the nearest labels, at most five, the nearer the more",
        "small network": "one hidden layer of sixteen units",
    }
)
LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "points": (60, 1000),
        "spread": (0, 1),
        "outliers": (0, 0.3),
        "balance": (1, 20),
        "seed": (0, 999),
        "batch": (1, 20),
        "initial": (2, 30),
        "rounds": (1, 80),
        "noise": (0, 0.5),
    }
)
"""Lowest and highest value of each number."""
ORACLES = ("simulated", "me")
MOST_CLASSES = 6
FEWEST_POINTS = 20
"""Of one's own."""
_SCALE = 4095
_BYTES = 4


@dataclass(frozen=True)
class Settings:
    """All by which a Playground's rounds are computed; the defaults are its first picture."""

    data: str = "moons"
    points: int = 300
    spread: float = 0.3
    """0 keeps the classes apart, 1 lets them overlap a lot."""
    outliers: float = 0.0
    """Share of points far from all others, whose class is chance."""
    balance: float = 1.0
    """How many times as many points the first class has as the last."""
    seed: int = 1
    model: str = "support vectors"
    first: str = "margin"
    second: str = "random"
    batch: int = 1
    initial: int = 6
    rounds: int = 30
    noise: float = 0.0
    """Share of wrong answers."""
    oracle: str = "simulated"
    answers: str = ""
    """What the person has answered so far: a digit per question, the class's position."""
    own: str = ""
    """One's own points, as `encode_points` writes them."""

    def __post_init__(self) -> None:
        _check_choice("data", self.data, DATA)
        _check_choice("model", self.model, MODELS)
        _check_choice("first strategy", self.first, FORMULAS)
        _check_choice("second strategy", self.second, FORMULAS)
        _check_choice("oracle", self.oracle, ORACLES)
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidSettings(f"{name} is {value!r}; must be from {low:g} to {high:g}")
        if not all(c in "012345" for c in self.answers) or len(self.answers) > 2000:
            raise InvalidSettings("answers must be at most 2,000 digits from 0 to 5")
        if self.data == "own":
            decode_points(self.own)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read settings from what a page sends; defaults for what is not there.

        Raises InvalidSettings for a name that is none, a value of another type, and a value that
        cannot be.
        """
        known = {field.name: field for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in raw.items():
            if name not in known:
                raise InvalidSettings(f"there is no setting {name!r}; choose {', '.join(known)}")
            kind = type(known[name].default)
            number = kind in (int, float)
            right = isinstance(value, int | float) if number else isinstance(value, str)
            if not right or isinstance(value, bool) or value != value:
                raise InvalidSettings(
                    f"{name} is {value!r}; must be a {'number' if number else 'text'}"
                )
            if kind is int and value != int(value):
                raise InvalidSettings(f"{name} is {value!r}; must be a whole number")
            if number:
                values[name] = int(value) if kind is int else float(value)
            else:
                values[name] = value
        return cls(**values)

    def of_scene(self) -> Settings:
        """Return the settings by which points and the initial set are the same."""
        own = self.own if self.data == "own" else ""
        return Settings(
            data=self.data, points=self.points, spread=self.spread, outliers=self.outliers,
            balance=self.balance, seed=self.seed, initial=self.initial, own=own,
        )  # fmt: skip


def _check_choice(what: str, value: str, choices: Any) -> None:
    if value not in choices:
        raise InvalidSettings(f"there is no {what} {value!r}; choose from {', '.join(choices)}")


def encode_points(places: np.ndarray, classes: np.ndarray) -> str:
    """Write points (n, 2) in −1 … 1 and their classes (n,) as a text that an address can hold.

    Four bytes a point: twelve bits for each coordinate, a byte for the class.
    """
    whole = np.round((np.clip(places, -1, 1) + 1) / 2 * _SCALE).astype(np.int64)
    packed = np.empty((len(whole), _BYTES), np.uint8)
    packed[:, 0], packed[:, 1] = whole[:, 0] >> 4, (whole[:, 0] & 15) << 4 | whole[:, 1] >> 8
    packed[:, 2], packed[:, 3] = whole[:, 1] & 255, classes
    return base64.urlsafe_b64encode(packed.tobytes()).decode().rstrip("=")


def decode_points(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Read points (n, 2) float32 and their classes (n,) int64.

    Raises InvalidSettings where the text is damaged or there are too few points or classes.

    >>> places, classes = decode_points(encode_points(np.zeros((20, 2)), np.arange(20) % 2))
    >>> bool(abs(places).max() < 1e-3), classes[:3].tolist()
    (True, [0, 1, 0])
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise InvalidSettings("the points in this link are damaged; copy it again") from None
    most = int(LIMITS["points"][1])
    if len(raw) % _BYTES or len(raw) > most * _BYTES:
        raise InvalidSettings(f"the points in this link are damaged, or more than {most:,}")
    packed = np.frombuffer(raw, np.uint8).reshape(-1, _BYTES).astype(np.int64)
    x = packed[:, 0] << 4 | packed[:, 1] >> 4
    y = (packed[:, 1] & 15) << 8 | packed[:, 2]
    places = (np.stack([x, y], axis=1) / _SCALE * 2 - 1).astype(np.float32)
    classes = packed[:, 3]
    if len(classes) < FEWEST_POINTS or len(np.unique(classes)) < 2:
        raise InvalidSettings(
            f"{len(classes)} points of {len(np.unique(classes))} classes; the loop needs at least "
            f"{FEWEST_POINTS} points of two classes"
        )
    if classes.max() >= MOST_CLASSES or len(np.unique(classes)) != classes.max() + 1:
        raise InvalidSettings(f"classes must be numbered from 0 without a gap, {MOST_CLASSES} of "
                              "them at most")  # fmt: skip
    return places, classes


def sentence_of(name: str) -> str:
    """Return what a strategy does, said of points."""
    return strategies.get(name).sentence.replace("Images", "Points").replace("image", "point")
