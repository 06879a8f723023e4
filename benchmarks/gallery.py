"""Draws what each query strategy picks from the same model and the same pool.

    python benchmarks/gallery.py [--out docs]

Writes docs/strategies.md and one picture per strategy in docs/strategies/. The pool: 800 coloured
shapes of six classes, the most frequent six times as frequent as the rarest, 15 % of them
near-duplicates; 40 labels drawn at random; batches of 12. Every round starts from the same seed,
so that all strategies but learning loss, which trains a module along, ask the same model.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import strategies  # noqa: E402 - path first
from alcore.config import LearnerRule  # noqa: E402
from alcore.datasets.decoding import decode, to_pixels  # noqa: E402
from alcore.datasets.sources import open_source  # noqa: E402
from alcore.rounds import Holdout, Images, Lesson, SelectionTask, learner_of, run_round  # noqa: E402

SOURCE = {
    "kind": "shapes",
    "size": 1_000,
    "classes": 6,
    "imbalance": 6.0,
    "duplicates": 0.15,
    "seed": 1,
}
POOL, LABELS, BATCH, SEED = 800, 40, 12, 7
TILE, GAP, COLUMNS = 64, 6, 12


def load() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Draw the images: pixels (N, 32, 32, 3) uint8, class positions (N,), class names."""
    source = open_source(SOURCE)
    entries = source.entries()
    pixels = np.stack([to_pixels(decode(source.read(entry)), 32) for entry in entries])
    names = sorted({str(entry.class_name) for entry in entries})
    return pixels, np.array([names.index(str(e.class_name)) for e in entries]), tuple(names)


def contact_sheet(pixels: np.ndarray, path: Path) -> None:
    """Draw images (k, H, W, 3) side by side, as crisp as they are."""
    rows = -(-len(pixels) // COLUMNS)
    step = TILE + GAP
    sheet = Image.new("RGBA", (COLUMNS * step - GAP, rows * step - GAP), (0, 0, 0, 0))
    for i, image in enumerate(pixels):
        tile = Image.fromarray(image).resize((TILE, TILE), Image.Resampling.NEAREST)
        sheet.paste(tile, (i % COLUMNS * step, i // COLUMNS * step))
    sheet.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--json", action="store_true", help="print what was picked")
    chosen = parser.parse_args()
    pictures = chosen.out / "strategies"
    pictures.mkdir(parents=True, exist_ok=True)
    pixels, truth, names = load()
    ids = np.arange(len(pixels))
    order = np.random.default_rng(SEED).permutation(ids)
    holdout, pool = order[POOL:], order[:POOL]
    labeled, candidates = pool[:LABELS], np.sort(pool[LABELS:])
    images = Images(pixels, ids, 3)
    learner = learner_of(LearnerRule(), "flip", images, names)
    lesson = Lesson(images, labeled, truth[labeled], names, SEED, 1, 1)
    found = {}
    sections = []
    for strategy in strategies.registered():
        result = run_round(
            learner,
            lesson,
            Holdout(holdout, truth[holdout]),
            SelectionTask(candidates, strategy.name, {}, BATCH, BATCH),
            lambda _phase, _share: None,
        )
        picked = result.selection.item_ids
        file = f"{strategy.name.replace(' ', '-').replace('+', 'p').lower()}.png"
        contact_sheet(pixels[picked], pictures / file)
        counts = np.bincount(truth[picked], minlength=len(names))
        wrong = int((result.suggestions.argmax(axis=1) != truth[picked]).sum())
        found[strategy.name] = {
            "classes": counts.tolist(),
            "wrongly predicted": wrong,
            "accuracy": result.evaluation.accuracy,
            "reasons": list(result.selection.reasons[:3]),
            "seconds": dict(result.seconds),
        }
        spread = ", ".join(f"{n} {name}" for n, name in zip(counts, names, strict=True) if n)
        sections.append(
            f"## {strategy.name}\n\n{strategy.sentence} *{strategy.paper}.* "
            f"Needs {', '.join(sorted(strategy.needs)) or 'no signal of its own'}.\n\n"
            f"![{strategy.name}](strategies/{file})\n\n"
            f"{spread}; the model was wrong about {wrong} of {BATCH}. "
            f"First reason given: “{result.selection.reasons[0]}”.\n"
        )
        print(f"{strategy.name:26} wrong about {wrong:2} of {BATCH}", file=sys.stderr)
    frequency = np.bincount(truth[candidates], minlength=len(names)) / len(candidates)
    pool_is = ", ".join(f"{f:.0%} {n}" for f, n in zip(frequency, names, strict=True))
    same = next(iter(found.values()))["accuracy"]
    head = (
        "# What each query strategy picks\n\n"
        "One model, one pool, one batch of twelve per strategy, in the order in which people "
        f"would be asked. The pool: {len(candidates)} coloured shapes ({pool_is}), 15 % of them "
        f"near-duplicates; {LABELS} random labels; accuracy {same:.1%} on a holdout of "
        f"{len(holdout)}. Learning loss trains a module along with the network and so asks a "
        "slightly different model. One seed: the pictures show characters, not merits.\n\n"
        "Made by `python benchmarks/gallery.py`.\n"
    )
    (chosen.out / "strategies.md").write_text("\n".join([head, *sections]), "utf-8")
    if chosen.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
