"""Owns what can be asked of the inside of a network: layers, units, filters, maps, comparisons.

n images of the sample, U units of a layer, s places a side of a map. Places of an image are shares
of its sides.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alcore.datasets.encoding import png
from alcore.datasets.renditions import Renditions
from alcore.errors import ExplanationImpossible
from alcore.explanations.networks import Opened, Room, open_network
from alcore.learner import device, units, visualisation
from alcore.learner.units import CLASSES, Responses
from alcore.learner.visualisation import Colours
from alcore.store import Store

FAMILY = "network: "
"""Begins all that is asked here."""
KEPT_OPEN = 3
MOST_TOP = 24
"""Images named of a unit; not all may be shown to everybody."""
MOST_AT_ONCE = 24
_FILTERS = 96
_MAPS = 8
_FEWEST = 3
"""Images without which nobody can say how alike two units are."""
_MOST_KEPT = 200_000_000
_CANVAS, _FEW_STEPS = 96, 40
"""Pixels a side up to which images are made, and steps for large ones."""
_NPZ = "application/octet-stream"


@dataclass(frozen=True)
class Seen:
    """What a network answered to the sample."""

    item_ids: np.ndarray
    """(n,)."""
    responses: Mapping[str, Responses]
    """By layer."""


@dataclass
class Gallery:
    """Answers questions about networks, and keeps those that were asked about last."""

    store: Store
    _open: OrderedDict[str, Opened] = field(default_factory=OrderedDict, init=False)
    _seen: OrderedDict[str, Seen] = field(default_factory=OrderedDict, init=False)

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer about a network of a project.

        question: "what", one of ANSWERS behind FAMILY, what `Room.read` asks for, and what the
        question itself does. Raises ExplanationImpossible with the reason.
        """
        room = Room.read(self.store, question)
        # One thread: beside other programs two wait for each other longer than they compute.
        with device.computing(0, 1, "float32"):
            return ANSWERS[question["what"].removeprefix(FAMILY)](self, room, question)

    def opened(self, room: Room) -> Opened:
        """Return the network, kept open for the next question."""
        name = _digest(room)
        if name not in self._open:
            self._open[name] = open_network(room)
            while len(self._open) > KEPT_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(name)
        return self._open[name]

    def seen(self, room: Room) -> Seen:
        """Return what the network answered to the sample, computed once and kept on disk."""
        name = _digest(room)
        if name not in self._seen:
            kept = Renditions(self.store.workspace.explanations, _MOST_KEPT)
            path = kept.folder / str(room.project.id) / name
            file = kept.find(path)
            self._seen[name] = _unpacked(file.read()) if file else self._look(room)
            if file is None:
                kept.keep(path, _packed(self._seen[name]), _NPZ)
            while len(self._seen) > KEPT_OPEN:
                self._seen.popitem(last=False)
        self._seen.move_to_end(name)
        return self._seen[name]

    def _look(self, room: Room) -> Seen:
        opened = self.opened(room)
        pixels, item_ids = opened.pixels(room.sample())
        return Seen(item_ids, units.respond(opened.sight, lambda rows: pixels[rows], len(pixels)))


def layers(gallery: Gallery, room: Room, question: Mapping[str, Any]) -> dict[str, Any]:
    """List the layers, from early to late."""
    opened = gallery.opened(room)
    return {
        "name": opened.name,
        "side": opened.sight.side,
        "layers": [
            {"key": one.key, "units": one.units, "side": one.side, "sees": round(one.sees, 4)}
            for one in opened.sight.layers
        ],
        "classes": list(room.columns) if opened.sight.logits is not None else [],
        "images": len(room.sample()),
        "of": len(room.item_ids),
    }


def layer_units(gallery: Gallery, room: Room, question: Mapping[str, Any]) -> dict[str, Any]:
    """Say which images excite units of a "layer" most, and where.

    "units": which; None for `count` that tell most. Of each image stands also the class that the
    model says, where the network has classes.
    """
    layer = gallery.opened(room).sight.layer(question["layer"])
    seen = gallery.seen(room)
    responses = seen.responses[layer.key]
    chosen = question["units"]
    if chosen is None:
        chosen = responses.telling(question["count"])
        if layer.key == CLASSES:
            chosen = list(range(layer.units))[: question["count"]]
    _check(layer.units, chosen)
    answers = seen.responses[CLASSES].values.argmax(axis=1) if CLASSES in seen.responses else None
    columns = room.columns if answers is not None else ()

    def top(unit: int) -> list[dict[str, Any]]:
        rows = responses.strongest(unit, MOST_TOP).tolist()
        return [
            {
                "item": int(seen.item_ids[row]),
                "x": round((responses.places[row, unit] % layer.side + 0.5) / layer.side, 4),
                "y": round((responses.places[row, unit] // layer.side + 0.5) / layer.side, 4),
                "value": round(float(responses.values[row, unit]), 3),
                "answer": None if answers is None else columns[answers[row]],
            }
            for row in rows
        ]

    spread = responses.values.std(axis=0)
    return {
        "units": [
            {"unit": unit, "top": top(unit), "quiet": bool(spread[unit] == 0)} for unit in chosen
        ],
        "of": layer.units,
    }


def pictures(gallery: Gallery, room: Room, question: Mapping[str, Any]) -> dict[str, Any]:
    """Make an image that excites each of some "units" of a "layer"."""
    opened = gallery.opened(room)
    layer = opened.sight.layer(question["layer"])
    _check(layer.units, question["units"])
    pixels, _ = opened.pixels(room.sample()[:100])
    canvas = min(opened.sight.side, _CANVAS)
    steps = visualisation.STEPS if canvas < _CANVAS else _FEW_STEPS
    made = visualisation.excite(
        opened.sight, layer.key, question["units"], Colours.of(pixels), canvas, steps
    )
    return {"pictures": [_text(image) for image in made], "side": canvas}


def filters(gallery: Gallery, room: Room, question: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the filters of the first convolution: grey is 0, each by its own strongest weight."""
    _, weights = units.first_filters(gallery.opened(room).sight)
    strongest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    drawn = np.round(127.5 + 127.5 * weights / np.maximum(strongest, 1e-12)).astype(np.uint8)
    if drawn.shape[3] not in (1, 3):
        drawn = drawn.mean(axis=3, keepdims=True).astype(np.uint8)
    return {
        "filters": [_text(one[..., 0] if one.shape[2] == 1 else one) for one in drawn[:_FILTERS]],
        "of": len(drawn),
        "height": drawn.shape[1],
        "width": drawn.shape[2],
    }


def maps(gallery: Gallery, room: Room, question: Mapping[str, Any]) -> dict[str, Any]:
    """Draw what the layers make of one "item": the maps of the units that it excites unusually."""
    opened, seen = gallery.opened(room), gallery.seen(room)
    pixels, _ = opened.pixels(np.array([question["item"]]))
    drawn = []
    for key, own in units.maps_of(opened.sight, pixels[0]).items():
        others = seen.responses[key].values
        unusual = (own.max(axis=(1, 2)) - others.mean(axis=0)) / (others.std(axis=0) + 1e-6)
        chosen = np.argsort(-unusual, kind="stable")[:_MAPS]
        drawn.append(
            {
                "key": key,
                "units": chosen.tolist(),
                "maps": [_text(_grey(own[unit])) for unit in chosen],
            }
        )
    return {"layers": drawn, "item": question["item"]}


def compare(gallery: Gallery, room: Room, question: Mapping[str, Any]) -> dict[str, Any]:
    """Say of each layer what stays and what changes against the network of the question "other".

    {"layers": [{"key", "same": r of each unit with the one in its place, "best": which is most
    alike, "r": how alike, "moved": |w − v| / |v| of the weights or None}]}. r is Pearson's, over
    the images of the sample.
    """
    other = Room.read(gallery.store, {**question, **question["other"]})
    ours, theirs = gallery.opened(room).sight, gallery.opened(other).sight
    if [(one.key, one.units) for one in _with_places(ours.layers)] != [
        (one.key, one.units) for one in _with_places(theirs.layers)
    ]:
        raise ExplanationImpossible(
            f"{gallery.opened(room).name} and {gallery.opened(other).name} are different networks, "
            "so no unit of one is the same unit of the other; choose a model of the same network"
        )
    if len(room.sample()) < _FEWEST:
        raise ExplanationImpossible(
            f"the project has {len(room.sample())} images; {_FEWEST} are needed to say how alike "
            "two units are"
        )
    seen, before = gallery.seen(room), gallery.seen(other)
    moved = units.weight_changes(ours, theirs)
    result = []
    for layer in _with_places(ours.layers):
        likeness = units.alike(seen.responses[layer.key], before.responses[layer.key])
        best = likeness.argmax(axis=1)
        result.append(
            {
                "key": layer.key,
                "same": np.round(likeness.diagonal(), 3).tolist(),
                "best": best.tolist(),
                "r": np.round(likeness.max(axis=1), 3).tolist(),
                "moved": round(moved[layer.key], 4) if layer.key in moved else None,
            }
        )
    return {"layers": result, "images": len(seen.item_ids)}


ANSWERS: Mapping[str, Callable[[Gallery, Room, Mapping[str, Any]], dict[str, Any]]] = {
    "layers": layers,
    "units": layer_units,
    "pictures": pictures,
    "filters": filters,
    "maps": maps,
    "compare": compare,
}
"""What can be asked, and what answers."""


def _with_places(all_layers: tuple[units.Layer, ...]) -> list[units.Layer]:
    return [one for one in all_layers if one.key != CLASSES]


def _check(count: int, chosen: list[int]) -> None:
    if len(chosen) > MOST_AT_ONCE or not all(0 <= unit < count for unit in chosen):
        raise ExplanationImpossible(
            f"units {chosen} were asked for; at most {MOST_AT_ONCE} at once, from 0 to {count - 1}"
        )


def _grey(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.round(255 * (values - low) / max(high - low, 1e-9)).astype(np.uint8)


def _text(pixels: np.ndarray) -> str:
    return base64.b64encode(png(np.ascontiguousarray(pixels))).decode()


def _digest(room: Room) -> str:
    text = json.dumps([room.project.id, *room.made_of])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _packed(seen: Seen) -> bytes:
    out = io.BytesIO()
    arrays = {"item_ids": seen.item_ids}
    for key, one in seen.responses.items():
        arrays[f"values {key}"], arrays[f"places {key}"] = one.values, one.places.astype(np.uint16)
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def _unpacked(data: bytes) -> Seen:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        keys = [name.removeprefix("values ") for name in arrays if name.startswith("values ")]
        return Seen(
            arrays["item_ids"],
            {
                key: Responses(arrays[f"values {key}"], arrays[f"places {key}"].astype(np.int32))
                for key in keys
            },
        )
