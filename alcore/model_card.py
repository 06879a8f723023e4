"""Owns what is said of a model that is taken along: card, configuration, a script that asks it.

C classes. All figures are those of the record of its round and of what was checked at the export.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alcore.records import Evaluation, RoundSummary, Slicing

SCRIPT = '''\
"""Says what pictures show: python predict.py picture.jpg … (onnxruntime, numpy and pillow)."""
import json, sys
from pathlib import Path
import numpy, onnxruntime
from PIL import Image, ImageOps
here = Path(__file__).parent
about = json.loads((here / "model.json").read_text("utf-8"))
model, side = onnxruntime.InferenceSession(here / "model.onnx"), about["resolution"]
for name in sys.argv[1:]:
    with Image.open(name) as picture:
        picture.draft(None, (2 * side, 2 * side))  # a large JPEG is decoded at a fraction
        picture = ImageOps.exif_transpose(picture).convert("RGB")
    least = min(picture.width, side), min(picture.height, side)
    small = picture.resize(least, Image.Resampling.BOX).resize((side, side), 2)
    (p,) = model.run(["probabilities"], {"pixels": numpy.asarray(small)[None]})[0]
    print(name, about["classes"][p.argmax()], f"{p.max():.4f}", sep="\\t")
'''
_FEW = 10
"""Labels below which a class is said to have few."""
_SMALL = 100
"""Images of a holdout below which it is said to be small."""
_SHOWN = 100
"""Classes that are listed."""


@dataclass(frozen=True)
class Check:
    """What the exported model was found to be."""

    images: int
    """Real images that it and the original were asked about."""
    difference: float
    """Largest difference of a probability, as ONNX."""
    program_difference: float
    """The same as PyTorch's exported program."""
    evaluation: Evaluation
    """Of the exported model on the round's holdout, each image asked about once."""
    seconds: float
    """That the exported model took for them, on one thread."""
    original_seconds: float
    """The same of the original."""
    slicings: tuple[Slicing, ...] = ()
    """By what is known of the holdout's images."""


@dataclass(frozen=True)
class ModelFacts:
    """All that a card says."""

    project: str
    classes: tuple[str, ...]
    """Names by position, of the classes that the model knows."""
    summary: RoundSummary
    resolution: int
    channels: int
    temperature: float
    mirror: bool
    scale: tuple[float, ...] | None
    """Of deep images: which values are black and white."""
    check: Check
    grouping: str = ""
    """How groups of images lie in holdout and pool; empty where there are none."""
    features: str = ""
    """Whose features a head in it learned from, with the licence of the weights; empty: none."""


def configuration(facts: ModelFacts) -> str:
    """Write what a program must know, as JSON."""
    summary = facts.summary
    about: dict[str, Any] = {
        "format": "alcore model 1",
        "project": facts.project,
        "model": summary.number,
        "revision": summary.revision or None,
        "classes": facts.classes,
        "network": summary.recipe.network,
        "resolution": facts.resolution,
        "channels": facts.channels,
        "temperature": facts.temperature,
        "mixture": dict(summary.recipe.mixture),
        "features": facts.features or None,
        "range": facts.scale,
        "learner": asdict(summary.learner),
        "seed": summary.seed,
        "versions": dict(summary.versions),
    }
    return json.dumps(about, indent=2, ensure_ascii=False)


def card(facts: ModelFacts) -> str:
    """Write the model card, as Markdown."""
    parts = [
        f"# {_plain(facts.project)}: model {facts.summary.number}",
        _lead(facts),
        "## How good it is",
        _measured(facts),
        "## What it learned from",
        _learned(facts),
        "## Limits",
        _list(_limits(facts)),
        "## How to use it",
        "`python predict.py picture.jpg` needs onnxruntime, numpy and pillow, nothing else. "
        "`model.onnx` takes pixels (N, R, R, 3), uint8, RGB, and gives probabilities (N, C) and "
        "embeddings (N, D), float32: colours, normalisation, temperature and softmax are in it; "
        "making an image R pixels a side is not, and `predict.py` shows how. `model.json` has R, "
        "the classes in order, and all settings; `model.safetensors` the weights, for alcore. "
        "`model.pt2` is the same graph for PyTorch: what `torch.export.load` reads takes and gives "
        "what the ONNX does; load one from people whom you trust only. TorchScript is deprecated "
        "and is not here.",
    ]
    return "\n\n".join(parts) + "\n"


def _lead(facts: ModelFacts) -> str:
    recipe = facts.summary.recipe
    return (
        f"Tells {len(facts.classes):,} classes apart in images of {facts.resolution} × "
        f"{facts.resolution} pixels, {'grey' if facts.channels == 1 else 'in colour'}. "
        f"{_plain(recipe.network)}, trained with alcore by active learning." + _mixture(facts)
    )


def _mixture(facts: ModelFacts) -> str:
    """Say what it is mixed of, and whose weights are in it."""
    if not facts.features:
        return ""
    shares = facts.summary.recipe.mixture
    words = ", ".join(f"{100 * share:.0f} % {name}" for name, share in shares.items())
    lead = f" A mixture: {_plain(words)}." if words else ""
    return f"{lead} Features come from {_plain(facts.features)}."


def _measured(facts: ModelFacts) -> str:
    check, record = facts.check, facts.summary.evaluation
    lines = []
    measured = check.evaluation
    if measured.accuracy is None or measured.interval is None:
        lines.append("Not measured: there was no holdout yet. Do not rely on it before it is.")
    else:
        low, high = measured.interval
        lines.append(
            f"Accuracy {measured.accuracy:.1%} ({low:.1%} to {high:.1%}, 95 %) on {measured.n:,} "
            "images of the holdout, which was drawn at random and never trained on, measured with "
            "the exported model."
        )
        if facts.mirror and record.accuracy is not None:
            lines.append(
                f"The dashboard says {record.accuracy:.1%}: there each image is asked about "
                "together with its mirror image."
            )
        lines.append(
            f"Calibration: temperature {facts.temperature:.3g}, ECE {measured.ece:.3f}, NLL "
            f"{measured.nll:.3f} nats."
        )
    lines.append(
        f"Checked against the original on {check.images:,} real images: the largest difference of "
        f"a probability is {check.difference:.1e} as ONNX and {check.program_difference:.1e} as "
        f"PyTorch's exported program. On one thread of the processor that made it "
        f"ONNX took {check.seconds:.2f} s for them, PyTorch {check.original_seconds:.2f} s."
    )
    lines.append(_per_class(facts))
    lines += [_sliced(one) for one in check.slicings]
    return "\n\n".join(lines)


def _per_class(facts: ModelFacts) -> str:
    measured, labels = facts.check.evaluation, facts.summary.labels_per_class
    if not measured.precision:
        counts = zip(facts.classes[:_SHOWN], labels, strict=False)
        rows = [f"| {_plain(name)} | {n:,} |" for name, n in counts]
        return "\n".join(["| class | labels |", "|---|---|", *rows])
    rows = [
        f"| {_plain(name)} | {labels[i]:,} | {measured.support[i]:,} | "
        f"{measured.precision[i]:.2f} | {measured.recall[i]:.2f} |"
        for i, name in enumerate(facts.classes[:_SHOWN])
    ]
    more = len(facts.classes) - _SHOWN
    rest = [f"\nand {more:,} more classes"] if more > 0 else []
    head = ["| class | labels | in the holdout | precision | recall |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, *rest])


def _sliced(slicing: Slicing) -> str:
    """Tabulate the accuracy by the values of a column."""
    rows = [
        f"| {_plain(one.name)} | {one.images:,}{' (few)' if one.small else ''} | "
        f"{one.accuracy:.1%} | {one.low:.1%} to {one.high:.1%} |"
        for one in slicing.slices
    ]
    head = [f"| {_plain(slicing.column)} | in the holdout | accuracy | 95 % |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _learned(facts: ModelFacts) -> str:
    summary, recipe = facts.summary, facts.summary.recipe
    lines = [
        f"{summary.labels:,} labels, {summary.label_minutes:.1f} minutes of people's time"
        + (f"; label set {summary.revision}" if summary.revision else ""),
        f"strategy that chose them: {_plain(summary.strategy)}",
        f"weights at the start: {_plain(recipe.weights)}; transfer: {recipe.transfer}; mode: "
        f"{summary.mode}; augmentation: {recipe.augmentation or 'none'}; unlabeled images: "
        f"{recipe.unlabeled}; balance: {recipe.balance}; features tuned to: {recipe.tuned:,} "
        f"labels; seed: {summary.seed}",
        f"training took {summary.seconds.get('train', 0):.1f} s; "
        + ", ".join(f"{name} {version}" for name, version in summary.versions.items()),
        *map(_plain, recipe.notes),
    ]
    return _list(lines)


def _limits(facts: ModelFacts) -> list[str]:
    summary, measured = facts.summary, facts.check.evaluation
    few = [
        name for name, n in zip(facts.classes, summary.labels_per_class, strict=False) if n < _FEW
    ]
    limits = [
        "It knows these classes alone: an image of anything else gets one of them, perhaps with a "
        "high probability.",
        "Figures hold for images like those of the holdout. Other cameras, places or times need a "
        "measurement of their own.",
        f"Everything is squashed to {facts.resolution} × {facts.resolution} pixels: details "
        "smaller than that are not seen.",
    ]
    if measured.n and measured.n < _SMALL:
        limits.append(f"The holdout has {measured.n} images only; the interval is wide.")
    if facts.grouping:
        limits.append(_plain(facts.grouping))
    if few:
        some = ", ".join(map(_plain, few[:20])) + (" and others" if len(few) > 20 else "")
        limits.append(f"Classes with fewer than {_FEW} labels: {some}.")
    if facts.scale is not None:
        low, high, *_ = facts.scale
        limits.append(
            f"Images of more than 8 bits were read with {low:g} as black and {high:g} as white; "
            "predict.py reads 8 bits only."
        )
    return limits


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _plain(text: str) -> str:
    """Write a text so that Markdown and HTML leave it as it is."""
    marks: Mapping[int, str] = {ord(c): f"\\{c}" for c in "\\`*_{}[]<>#|!"}
    return " ".join(text.split()).translate(dict(marks))
