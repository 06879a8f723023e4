"""Owns the generated shapes: coloured shapes on cluttered backgrounds, 32×32 RGB.

Drawn four times larger, then reduced. Each image depends on (seed, index) alone, so that images
can be drawn in any order and again. Shares are 0–1; coordinates are in units of the side.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from alcore.datasets.encoding import png
from alcore.datasets.entries import Entry, Listing
from alcore.errors import InvalidSettings

SIDE = 32
_SCALE = 4
_Points = list[tuple[float, float]]


def _regular(corners: int) -> _Points:
    return _star(corners, 1.0)


def _star(points: int, inner: float) -> _Points:
    """Outer radius 1; with `inner` 1 only the outer points, a regular polygon."""
    step = math.pi / points
    radii = [1.0] if inner == 1.0 else [1.0, inner]
    return [
        (r * math.sin(2 * step * k + step * j), -r * math.cos(2 * step * k + step * j))
        for k in range(points)
        for j, r in enumerate(radii)
    ]


def _heart() -> _Points:
    turns = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    x = np.sin(turns) ** 3
    y = 13 * np.cos(turns) - 5 * np.cos(2 * turns) - 2 * np.cos(3 * turns) - np.cos(4 * turns)
    return list(zip(x.tolist(), (-y / 17).tolist(), strict=True))


def _crescent() -> _Points:
    outer = np.linspace(0.3 * math.pi, 1.7 * math.pi, 30)
    inner = outer[::-1]
    x = np.concatenate([np.cos(outer), 0.35 + 0.75 * np.cos(inner)])
    y = np.concatenate([np.sin(outer), 0.75 * np.sin(inner)])
    return list(zip(x.tolist(), y.tolist(), strict=True))


_CROSS = [(-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35)]
_CROSS = [(float(x), float(y)) for x, y in _CROSS + [(-x, -y) for x, y in _CROSS]]
_ARROW = [(0.0, -1.0), (0.8, 0.0), (0.3, 0.0), (0.3, 1.0), (-0.3, 1.0), (-0.3, 0.0), (-0.8, 0.0)]

SHAPES: tuple[tuple[str, Callable[[], _Points]], ...] = (
    ("circle", lambda: _regular(32)),
    ("square", lambda: [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]),
    ("triangle", lambda: _regular(3)),
    ("star", lambda: _star(5, 0.45)),
    ("cross", lambda: list(_CROSS)),
    ("hexagon", lambda: _regular(6)),
    ("heart", _heart),
    ("crescent", _crescent),
    ("arrow", lambda: list(_ARROW)),
    ("pentagon", lambda: _regular(5)),
    ("bar", lambda: [(-1.0, -0.4), (1.0, -0.4), (1.0, 0.4), (-1.0, 0.4)]),
    ("burst", lambda: _star(9, 0.6)),
)


@dataclass
class ShapesSource:
    """Generated images; the same settings give the same bytes."""

    size: int = 1000
    classes: int = 5
    imbalance: float = 1.0
    """Most frequent class divided by least frequent."""
    duplicates: float = 0.0
    """Share of images that repeat another one, shifted a little and with noise."""
    ambiguity: float = 0.0
    """Share of images that blend two shapes, the true one a little stronger."""
    shortcut: float = 0.0
    """Share of images whose background has the colour of their class, so that a model can be right
    without looking at the shape; all others have any colour."""
    swapped: bool = False
    """Whether every background has the colour of another class instead: an honest test of what was
    learned beside a shortcut."""
    seed: int = 0
    kind: str = "shapes"
    in_place: bool = False
    inline_below: float = 2000

    def __post_init__(self) -> None:
        for name, kind, low, high in (
            ("size", int, 2, 200_000),
            ("classes", int, 2, len(SHAPES)),
            ("imbalance", float, 1, 100),
            ("duplicates", float, 0, 0.9),
            ("ambiguity", float, 0, 1),
            ("shortcut", float, 0, 1),
            ("seed", int, 0, 2**32),
        ):
            value = getattr(self, name)
            right = isinstance(value, kind | int) and not isinstance(value, bool)
            if not right or not low <= value <= high:
                raise InvalidSettings(
                    f"shapes: {name} is {value!r}; must be a "
                    f"{'whole ' if kind is int else ''}number from {low} to {high:,}"
                )
        if not isinstance(self.swapped, bool) or (self.swapped and self.shortcut):
            raise InvalidSettings(
                f"shapes: swapped is {self.swapped!r} and shortcut {self.shortcut!r}; backgrounds "
                "are swapped (true) or go with the class (a share above 0), not both"
            )
        if self.size < self.classes:
            raise InvalidSettings(
                f"shapes: {self.size} images for {self.classes} classes; "
                "at least one image for each is needed"
            )

    @cached_property
    def _plan(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Class, the image that it repeats or −1, and whether it is ambiguous; each (size,)."""
        rng = np.random.default_rng([self.seed, 0])
        ranks = np.arange(self.classes) / (self.classes - 1)
        weights = float(self.imbalance) ** -ranks
        counts = np.maximum(1, np.floor(weights / weights.sum() * self.size)).astype(int)
        counts[0] += self.size - counts.sum()
        classes = rng.permutation(np.repeat(np.arange(self.classes), counts))
        repeats = np.full(self.size, -1)
        copies = rng.random(self.size) < self.duplicates
        for index in np.flatnonzero(copies):
            originals = np.flatnonzero(~copies & (classes == classes[index]))
            if len(originals):
                repeats[index] = rng.choice(originals)
        return classes, repeats, rng.random(self.size) < self.ambiguity

    def listing(self) -> Listing:
        return Listing(self.entries(), "class folders")

    def entries(self) -> list[Entry]:
        return [
            Entry(f"shapes/{index + 1:06}.png", SHAPES[c][0], None, index)
            for index, c in enumerate(self._plan[0].tolist())
        ]

    def read(self, entry: Entry) -> bytes:
        return png(self._draw(entry.handle)[0])

    def mask(self, entry: Entry) -> np.ndarray:
        """Return how far the shape covers each pixel of an image, (32, 32) float32, 0–1."""
        return self._draw(entry.handle)[1]

    def path_of(self, entry: Entry) -> None:
        return None

    def _draw(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return an image (32, 32, 3) uint8 and its mask (32, 32) float32."""
        classes, repeats, ambiguous = self._plan
        if repeats[index] >= 0:
            rng = np.random.default_rng([self.seed, 2, index])
            image, mask = self._draw(int(repeats[index]))
            shift = rng.integers(-1, 2, 2)
            shifted = np.roll(image, shift, (0, 1))
            noise = rng.normal(0, 5, shifted.shape)
            return np.clip(shifted + noise, 0, 255).astype(np.uint8), np.roll(mask, shift, (0, 1))
        rng = np.random.default_rng([self.seed, 1, index])
        other = None
        if ambiguous[index]:
            other = int((classes[index] + rng.integers(1, self.classes)) % self.classes)
        return _picture(rng, int(classes[index]), other, self._ground(index))

    def _ground(self, index: int) -> np.ndarray | None:
        """Return the background of an image that has one of a class, (3,); None for any colour."""
        if not self.swapped and not self.shortcut:
            return None
        rng = np.random.default_rng([self.seed, 3, index])
        place = int(self._plan[0][index])
        if self.swapped:
            place = int((place + rng.integers(1, self.classes)) % self.classes)
        elif rng.random() >= self.shortcut:
            return None
        hue = colorsys.hsv_to_rgb(place / self.classes, 0.65, 0.65)
        return np.clip(255 * np.array(hue) + rng.integers(-12, 13, 3), 0, 255).astype(int)


def _picture(
    rng: np.random.Generator, shape: int, other: int | None, own_ground: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """(32, 32, 3) uint8 image of a shape, blended with another when one is given; its mask."""
    side = SIDE * _SCALE
    ground = rng.integers(0, 256, 3)  # drawn in any case, so that all else is as without
    if own_ground is not None:
        ground = own_ground
    image = Image.new("RGB", (side, side), _colour(ground))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(6, 14)):
        _clutter(draw, rng, side)
    # Far enough from the ground to be seen, else any colour: colour tells nothing of the class.
    colour = rng.integers(0, 256, 3)
    while np.abs(colour - ground).sum() < 200:
        colour = rng.integers(0, 256, 3)
    centre = side * rng.uniform(0.38, 0.62, 2)
    radius = side * rng.uniform(0.22, 0.36)
    turn = rng.uniform(-0.45, 0.45)
    front = image.copy()
    _polygon(front, SHAPES[shape][1](), centre, radius, turn, _colour(colour))
    cover = Image.new("L", (side, side))
    _polygon(cover, SHAPES[shape][1](), centre, radius, turn, 255)
    if other is not None:
        behind = image.copy()
        _polygon(behind, SHAPES[other][1](), centre, radius, turn, _colour(colour))
        front = Image.blend(front, behind, rng.uniform(0.4, 0.48))
    small = np.asarray(front.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    mask = np.asarray(cover.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32) / 255
    return np.clip(small + rng.normal(0, 10, small.shape), 0, 255).astype(np.uint8), mask


def _clutter(draw: ImageDraw.ImageDraw, rng: np.random.Generator, side: int) -> None:
    x, y, to_x, to_y = (side * rng.uniform(-0.1, 1.1, 4)).tolist()
    colour = _colour(rng.integers(0, 256, 3))
    if rng.random() < 0.5:
        draw.line((x, y, to_x, to_y), colour, width=int(rng.integers(2, 8)))
    else:
        half = side * rng.uniform(0.02, 0.1)
        box = (x - half, y - half, x + half, y + half)
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(box, colour)


def _polygon(
    image: Image.Image,
    points: Sequence[tuple[float, float]],
    centre: np.ndarray,
    radius: float,
    turn: float,
    colour: tuple[int, ...] | int,
) -> None:
    cos, sin = math.cos(turn), math.sin(turn)
    placed = [
        (
            float(centre[0] + radius * (x * cos - y * sin)),
            float(centre[1] + radius * (x * sin + y * cos)),
        )
        for x, y in points
    ]
    ImageDraw.Draw(image).polygon(placed, fill=colour)


def _colour(values: np.ndarray) -> tuple[int, ...]:
    return tuple(int(v) for v in values)
