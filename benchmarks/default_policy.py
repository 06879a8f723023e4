"""Measures query strategies as the demo runs them: digits, from the first label to the hundredth.

    python benchmarks/default_policy.py                        ten paired trials, a few minutes
    python benchmarks/default_policy.py --data shapes --trials 5
    python benchmarks/default_policy.py --markdown docs/studies/default-policy.md

A trial has one holdout and one seed. Random labeling begins with 20 random labels, as the curve
beside a live project does; every strategy begins with the 20 that a live project asks first (one
image for each of 20 clusters). Then ten more labels per round, with alcore's network as new
projects have it. Area: the mean accuracy over the curve. The rounds are kept in the folder; what
is there already is not measured again.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from learner_tables import write_into

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.config import Workspace  # noqa: E402 - path first
from alcore.experiments import curves  # noqa: E402
from alcore.experiments.design import Design  # noqa: E402
from alcore.experiments.reading import from_json  # noqa: E402
from alcore.jobs import sweeping  # noqa: E402
from alcore.services import experiments  # noqa: E402
from alcore.store import Store  # noqa: E402
from alcore.store import experiments as stored  # noqa: E402

BUDGET, FIRST, BATCH = 100, 20, 10
STRATEGIES: tuple[dict[str, object], ...] = (
    {"name": "margin"},
    {"name": "default policy"},
    {"name": "default policy", "until": 5},
    {"name": "default policy", "until": 10},
    {"name": "schedule", "first": "TypiClust", "until": 3},
    {"name": "schedule", "first": "TypiClust", "until": 5},
    {"name": "schedule", "first": "k-center", "until": 5},
    {"name": "k-center"},
    {"name": "mixed", "share": 0.8},
    {"name": "diversified"},
    {"name": "BADGE"},
    {"name": "random"},
)
MARK = "default policy"


def designs(data: str, trials: int) -> tuple[Design, Design]:
    """Return the designs of random labeling and of the strategies, on the same trials."""
    source = Path(data).stem
    common = {"budget": BUDGET, "trials": trials, "batch_sizes": [BATCH], "datasets": [data]}
    random = {"name": f"{source}, random", "initial": [FIRST], "strategies": ["random"]}
    begun = {
        "name": f"{source}, strategies",
        "initial": [{"size": FIRST, "how": "cold start"}],
        "strategies": list(STRATEGIES),
    }
    return from_json(common | random), from_json(common | begun)


def measured(store: Store, design: Design, workers: int) -> dict[str, np.ndarray]:
    """Run what is missing of a design; return the accuracies (trials, rounds) of each strategy."""
    experiments.create(store, design, workers)
    sweeping.run(store, design.name, "process", workers, threading.Event())
    accuracies: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    titles = {cell.key: cell.strategy.title for cell in design.cells}
    with store.read() as connection:
        experiment = stored.named(connection, design.name)
        for point in sorted(stored.points(connection, experiment.id), key=lambda p: p.number):
            if point.cell in titles and point.trial < design.trials:
                accuracies[titles[point.cell]][point.trial].append(point.accuracy)
    return {
        title: np.array([runs[trial] for trial in range(design.trials)])
        for title, runs in accuracies.items()
    }


def table(random: np.ndarray, others: dict[str, np.ndarray]) -> list[str]:
    """Return the lines of the table in Markdown, the largest mean area first."""
    labels = np.arange(FIRST, BUDGET + 1, BATCH)
    base = curves.areas(labels, random)
    areas = {title: curves.areas(labels, values) for title, values in others.items()}
    lines = [
        "| strategy, after 20 spread out | area | over random labeling | trials won | "
        "at 20 | at 50 | at 100 |",
        "|---|---|---|---|---|---|---|",
    ]
    for title in sorted(areas, key=lambda t: -areas[t].mean()):
        gain = areas[title] - base
        mean, low, high = (100 * float(bound[0]) for bound in curves.band(gain[:, None]))
        spread = f" ({low:+.1f} to {high:+.1f})" if len(base) > 1 else " (one trial)"
        points = f"{mean:+.1f}{spread}"
        won = f"{(gain > 0).sum()} of {len(base)}"
        lines.append(f"| {title} | {_row(areas[title], others[title], labels, points, won)} |")
    lines.append(f"| random labeling | {_row(base, random, labels, '–', '–')} |")
    return lines


def _row(
    area: Sequence[float], values: np.ndarray, labels: np.ndarray, points: str, won: str
) -> str:
    at = [f"{100 * values[:, labels == n].mean():.1f} %" for n in (20, 50, 100)]
    return " | ".join([f"{100 * statistics.fmean(area):.1f} %", points, won, *at])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits", help="digits, shapes, a folder or a zip")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("default-policy"), help="kept rounds")
    parser.add_argument("--markdown", type=Path, help="also write the table into this file")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    store = Store.open(Workspace(asked.folder.resolve()))
    random, begun = (measured(store, g, asked.workers) for g in designs(asked.data, asked.trials))
    store.close()
    lines = table(random["random"], begun)
    print("\n".join(lines))
    if asked.markdown:
        write_into(asked.markdown, lines, MARK)


if __name__ == "__main__":
    main()
