"""Husky or snow: a network that is right for a wrong reason, and what shows and mends it.

    python benchmarks/shortcut.py                       3 trials, half an hour on two busy cores
    python benchmarks/shortcut.py --trials 1 --json figures.json
    python benchmarks/shortcut.py --first 3 --settings honest,shortcut --methods "fine Grad-CAM"
    python benchmarks/shortcut.py --training 2000 --settings honest,shortcut
    python benchmarks/shortcut.py --pictures docs/explanations    figures of the worked example too

Generated shapes of four classes, 32 pixels, 600 training images unless said. *Honest*: any
backgrounds. *Shortcut*: each background has the colour of its class. *Counter-examples*: of the
same images, a tenth or a quarter have backgrounds of any colour. *Colour*: all have the shortcut,
and the training changes light, contrast and saturation by chance ("crop and colour").

Of each network: accuracy on 400 new images made like its own kind of training, on 400 with any
backgrounds, and on 400 whose backgrounds are those of other classes; the pointing game on 60
images made like the training (the share of maps whose strongest place lies on the shape); and the
share of what speaks for the answer that lies outside the shape, beside the share of the image that
does. All of the class that the network says.

*Randomised*: the rank correlation (Spearman) of |map| between the trained network and the same one
with all weights drawn anew, over 20 images; a method that explains the model and not only the image
comes near 0 (Adebayo et al. 2018).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import spearmanr

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import heat_maps  # noqa: E402 - the folder of the project must be on the path first
from alcore.config import LearnerRule  # noqa: E402
from alcore.datasets.decoding import decode_pixels  # noqa: E402
from alcore.datasets.shapes import SHAPES, SIDE, ShapesSource  # noqa: E402
from alcore.learner import attribution, device  # noqa: E402
from alcore.learner.attribution import Explainable, Target  # noqa: E402
from alcore.learner.onnx_export import NetworkGraph  # noqa: E402
from alcore.rounds import Images, Lesson, learner_of  # noqa: E402

CLASSES, TEST, MAPS, RANDOMISED = 4, 400, 60, 20
SETTINGS: dict[str, tuple[float, str]] = {
    "honest": (0.0, "shift"),
    "shortcut": (1.0, "shift"),
    "a tenth counter-examples": (0.9, "shift"),
    "a quarter counter-examples": (0.75, "shift"),
    "shortcut and colour augmented": (1.0, "crop and colour"),
}
"""Share of backgrounds with the class's colour, and augmentation."""


@dataclass(frozen=True)
class Data:
    """Images (n, 32, 32, 3) uint8, their classes (n,) and where the shape is (n, 32, 32)."""

    pixels: np.ndarray
    labels: np.ndarray
    masks: np.ndarray


def data(n: int, seed: int, shortcut: float = 0.0, swapped: bool = False) -> Data:
    source = ShapesSource(n, CLASSES, shortcut=shortcut, swapped=swapped, seed=seed)
    entries = source.entries()
    names = [name for name, _ in SHAPES]
    return Data(
        np.stack([decode_pixels(source.read(entry), SIDE).pixels for entry in entries]),
        np.array([names.index(entry.class_name) for entry in entries]),
        np.stack([source.mask(entry) for entry in entries]),
    )


def taught(training: Data, augmentation: str, seed: int) -> Explainable:
    """Train the network that a project without features would get."""
    images = Images(training.pixels, np.arange(len(training.pixels)), 3)
    names = tuple(name for name, _ in SHAPES[:CLASSES])
    lesson = Lesson(images, images.item_ids, training.labels, names, seed, 1, 1)
    learner = learner_of(LearnerRule(kind="network"), augmentation, images, names)
    with learner.computing(lesson, "benchmark"):
        model = learner.fit(lesson, lesson.number("weights"), lambda share: None)
    return attribution.of_network(NetworkGraph(model.model).eval(), SIDE, is_slow=False)


def predicted(model: Explainable, pixels: np.ndarray) -> np.ndarray:
    return np.array([attribution.probabilities(model, image).argmax() for image in pixels])


def accuracy(model: Explainable, test: Data) -> float:
    return float((predicted(model, test.pixels) == test.labels).mean())


def looked_at(model: Explainable, test: Data, methods: Sequence[str]) -> dict[str, float]:
    """Play the pointing game by each method, and measure what lies outside the shape."""
    figures: dict[str, float] = {"image outside": float(1 - test.masks[:MAPS].mean())}
    answers = predicted(model, test.pixels[:MAPS])
    for method in methods:
        maps = [
            attribution.explain(model, image, method, Target(int(answer)))
            for image, answer in zip(test.pixels[:MAPS], answers, strict=True)
        ]
        pairs = list(zip(maps, test.masks, strict=False))
        figures[f"{method} hits"] = float(np.mean([heat_maps.hits(*pair) for pair in pairs]))
        outside = [1 - heat_maps.share_inside(*pair) for pair in pairs]
        figures[f"{method} outside"] = float(np.nanmean(outside))
    return figures


def randomised(
    model: Explainable, network: NetworkGraph, test: Data, methods: Sequence[str]
) -> dict[str, float]:
    """Compare maps of a network with those of one whose weights were drawn anew."""
    other = NetworkGraph.__new__(NetworkGraph)
    other.__dict__.update(network.__dict__)
    other._modules = dict(network._modules)
    other.network = attribution.randomised(network.network, 0)
    drawn = attribution.of_network(other, SIDE, is_slow=False)
    figures = {}
    for method in methods:
        alike = []
        for image, label in zip(test.pixels[:RANDOMISED], test.labels, strict=False):
            pair = [
                np.abs(attribution.explain(one, image, method, Target(int(label)))).ravel()
                for one in (model, drawn)
            ]
            alike.append(spearmanr(*pair).statistic)
        figures[f"{method} randomised"] = float(np.nanmean(alike))
    return figures


def trial(name: str, seed: int, n: int, methods: Sequence[str]) -> dict[str, float]:
    shortcut, augmentation = SETTINGS[name]
    training = data(n, 10 * seed, shortcut)
    begin = time.perf_counter()
    model = taught(training, augmentation, seed)
    own = data(TEST, 10 * seed + 1, 1.0 if shortcut else 0.0)
    figures = {
        "seconds": time.perf_counter() - begin,
        "own kind": accuracy(model, own),
        "any backgrounds": accuracy(model, data(TEST, 10 * seed + 2)),
        "swapped": accuracy(model, data(TEST, 10 * seed + 3, swapped=True)),
        **looked_at(model, own, methods),
    }
    if name in ("honest", "shortcut"):
        figures |= randomised(model, _graph(model), own, methods)
    return figures


def _graph(model: Explainable) -> NetworkGraph:
    """Return the network that a model's scores come from."""
    graph = model.scores.__closure__[0].cell_contents  # type: ignore[index]
    assert isinstance(graph, NetworkGraph)
    return graph


def pictures(folder: Path, n: int) -> None:
    """Draw the worked example: images, and where both networks look by two methods."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = data(TEST, 1, 1.0)
    rows = [shown.pixels[:8]]
    for name in ("honest", "shortcut"):
        shortcut, augmentation = SETTINGS[name]
        model = taught(data(n, 0, shortcut), augmentation, 0)
        for method in ("Grad-CAM", "occlusion"):
            answers = predicted(model, shown.pixels[:8])
            rows.append(
                np.stack(
                    [
                        over(image, attribution.explain(model, image, method, Target(int(answer))))
                        for image, answer in zip(shown.pixels[:8], answers, strict=True)
                    ]
                )
            )
    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    size = (grid.shape[1] * 3, grid.shape[0] * 3)
    Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC).save(folder / "shortcut.png")


def over(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay a map over an image as the page does: orange for, blue against."""
    strength = (np.abs(values) / max(float(np.abs(values).max()), 1e-9)) ** 0.8 * 0.84
    colours = np.where(values[..., None] >= 0, (230, 159, 0), (0, 114, 178))
    return ((1 - strength[..., None]) * image + strength[..., None] * colours).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="seed of the first trial")
    parser.add_argument("--training", type=int, default=600, help="images to learn from")
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--methods", default=",".join(heat_maps.METHODS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    with device.computing(0, 1):
        if arguments.pictures:
            pictures(arguments.pictures, arguments.training)
        names, methods = arguments.settings.split(","), arguments.methods.split(",")
        results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for seed in range(arguments.first, arguments.first + arguments.trials):
            for name, trials in results.items():
                trials.append(trial(name, seed, arguments.training, methods))
                if arguments.json:
                    arguments.json.write_text(json.dumps(results, indent=1))
    for name, trials in results.items():
        print(f"\n{name} ({len(trials)} trials: mean, and the lowest to the highest)")
        for key in trials[0]:
            values = [one[key] for one in trials]
            print(f"  {key:32} {np.mean(values):7.3f}   {min(values):.3f} to {max(values):.3f}")


if __name__ == "__main__":
    main()
