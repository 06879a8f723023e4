"""Owns the report of an experiment: one page that needs nothing from anywhere, and its files.

Figures are drawn in the page. Accuracies 0–1 in files, percent on the page.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alcore import __version__
from alcore.errors import InvalidSettings, WorkspaceUnusable
from alcore.experiments.analysis import Setting
from alcore.experiments.curves import Saving
from alcore.services import experiment_figures as figures
from alcore.services.experiment_findings import (
    Findings,
    csv_of,
    findings,
    parquet_of,
    say_counted,
    strategy_rows,
)
from alcore.store import Store


def write(store: Store, name: str, folder: Path) -> list[Path]:
    """Write the report, its tables and figures into a folder; return the files.

    Raises InvalidSettings where no round is finished, WorkspaceUnusable where it cannot be written.
    """
    found = findings(store, name)
    if not found.rounds:
        raise InvalidSettings(f"the experiment {name!r} has no finished round yet; run it first")
    files: dict[str, bytes] = {
        "report.html": page(found).encode(),
        "rounds.csv": csv_of(found.rounds),
        "rounds.parquet": parquet_of(found.rounds),
        "strategies.csv": csv_of(strategy_rows(found.settings)),
        "grid.json": json.dumps(found.grid.to_json(), indent=2).encode(),
    }
    for number, setting in enumerate(found.settings, 1):
        for kind, chart in _charts(setting):
            files[f"{number:02d} {kind}.svg"] = figures.svg(chart).encode()
            files[f"{number:02d} {kind}.png"] = figures.png(chart)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in files.items():
            (folder / file).write_bytes(data)
    except OSError as error:
        raise WorkspaceUnusable(
            f"cannot write the report to {folder}: {error.strerror or error}"
        ) from error
    return [folder / file for file in files]


def say_saving(saved: Saving | None) -> str:
    """Say a label-saving factor as people read it.

    >>> say_saving(None)
    'baseline'
    """
    if saved is None:
        return "baseline"
    if saved.factor is None:
        return "neither got there"
    sign = {"exact": "", "at least": "≥ ", "at most": "≤ "}[saved.bound]
    high = "∞" if math.isinf(saved.high) else f"{saved.high:.2f}"
    return f"{sign}{saved.factor:.2f} ({saved.low:.2f} to {high})"


def page(found: Findings) -> str:
    """Return the report as one HTML page that needs nothing else."""
    grid = found.grid
    body = [
        f"<h1>{html.escape(grid.name)}</h1>",
        f"<p>{len(grid.strategies)} strategies, {grid.trials} trials, budget {grid.budget:,} "
        f"labels, {len(found.rounds):,} of {grid.trainings:,} trainings done, "
        f"{found.hours:.2f} hours of computing. Seed {grid.seed}. alcore {__version__}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC.</p>",
        "<p>Within a trial all strategies start from the same labels, weights, minibatch order "
        "and holdout. Bands and intervals are 95 %, over trials. Areas are mean accuracies over "
        "the curve; a label saving of 2 means half the labels for what the baseline reaches at "
        "the end. p values are Wilcoxon's, corrected for the number of strategies after Holm. "
        "Penalty: the share of comparisons along the curve that a strategy lost.</p>",
    ]
    held = sorted({row["holdout"] for row in found.rounds})
    body += [f"<p>{html.escape(say_counted(count))}</p>" for count in held]
    for setting in found.settings:
        body += _section(setting, found.stops.get(setting.name, ()))
    versions = next((r["versions"] for r in found.rounds), "")
    body.append(f"<h2>How it was made</h2><p>{html.escape(str(versions))}</p>")
    text = html.escape(json.dumps(grid.to_json(), indent=2, ensure_ascii=False))
    body.append(f"<details><summary>The grid</summary><pre>{text}</pre></details>")
    return _PAGE.format(title=html.escape(grid.name), body="\n".join(body))


def _section(setting: Setting, stopped: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = [f"<h2>{html.escape(setting.name)}</h2>"]
    if setting.doubts:
        parts.append(f'<p class="doubt">{html.escape(setting.doubts)}</p>')
    if setting.smallest_visible is not None:
        parts.append(
            f"<p>{setting.trials} complete trials show differences in area from about "
            f"{100 * setting.smallest_visible:.1f} points on, four times out of five.</p>"
        )
    tests = {test.first: test for test in setting.tests}
    rows = []
    for row in setting.rows:
        test = tests.get(row.strategy)
        rows.append(
            {
                "strategy": row.strategy,
                "area": f"{row.area:.1%} ({row.area_low:.1%} to {row.area_high:.1%})",
                "on log labels": f"{row.area_log:.1%}",
                "final": f"{row.final:.1%}",
                "label saving": say_saving(row.saving),
                "difference": "–" if test is None else f"{100 * test.difference:+.1f} points",
                "p (Holm)": "–" if test is None else f"{test.holm:.3g}",
                "mean rank": f"{row.rank:.1f}",
                "penalty": f"{row.penalty:.2f}",
                "s per round": f"{row.seconds:.2f}",
            }
        )
    parts.append(_table(rows))
    if setting.rows and setting.rows[0].targets:
        parts.append("<h3>Labels to reach an accuracy</h3>")
        targets = setting.rows[0].targets
        parts.append(
            _table(
                [
                    {"strategy": r.strategy}
                    | {
                        f"{t:.0%}": "not reached" if r.targets[t] is None else f"{r.targets[t]:.0f}"
                        for t in targets
                    }
                    for r in setting.rows
                ]
            )
        )
    for _, chart in _charts(setting):
        parts.append(f"<figure>{figures.svg(chart)}</figure>")
    if stopped:
        parts.append("<h3>Where stop criteria would have stopped</h3>")
        parts.append(_table(stopped))
    return parts


def _charts(setting: Setting) -> Iterable[tuple[str, Any]]:
    if setting.curve:
        yield "curves by labels", figures.curves(setting)
        yield "curves by minutes", figures.curves(setting, by_minutes=True)
    if setting.trials > 1 and setting.tests:
        yield "differences", figures.differences(setting)
        yield "penalties", figures.penalties(setting)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "<p>No trial is complete yet.</p>"
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    lines = (
        "<tr>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row.values()) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff; }}
h1, h2 {{ line-height: 1.2; }} h2 {{ margin-top: 2.5rem; border-top: 1px solid #ddd;
  padding-top: 1.5rem; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; font-size: 0.85rem;
  font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.3rem 0.7rem; border-bottom: 1px solid #e5e5e5; text-align: left;
  white-space: nowrap; }}
figure {{ margin: 1.5rem 0; overflow-x: auto; }}
.doubt {{ background: #fff5dc; border-left: 4px solid #ddaa33; padding: 0.6rem 1rem; }}
pre {{ font-size: 0.8rem; overflow-x: auto; background: #f6f6f6; padding: 1rem; }}
</style></head><body>
{body}
</body></html>
"""
