"""Owns the report of an experiment: one page that needs nothing from anywhere, and its files.

Figures are drawn in the page. Accuracies 0–1 in files, percent on the page.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alcore.errors import InvalidSettings, WorkspaceUnusable
from alcore.experiments.analysis import Setting
from alcore.services import experiment_figures as figures
from alcore.services import experiment_markdown as markdown
from alcore.services import experiment_words as words
from alcore.services.experiment_findings import (
    Findings,
    csv_of,
    findings,
    parquet_of,
    strategy_rows,
)
from alcore.store import Store


def write(store: Store, name: str, folder: Path) -> list[Path]:
    """Write the report, its tables and figures into a folder; return the files.

    Raises InvalidSettings where no round is finished, WorkspaceUnusable where it cannot be written.
    """
    result = findings(store, name)
    if not result.rounds:
        raise InvalidSettings(f"the experiment {name!r} has no finished round yet; run it first")
    files: dict[str, bytes] = {
        "report.html": page(result).encode(),
        "rounds.csv": csv_of(result.rounds),
        "rounds.parquet": parquet_of(result.rounds),
        "strategies.csv": csv_of(strategy_rows(result.settings)),
        "grid.json": json.dumps(result.design.to_json(), indent=2).encode(),
    }
    for number, setting in enumerate(result.settings, 1):
        for kind, chart in figures.charts(setting):
            files[figures.file_name(number, kind, "svg")] = figures.svg(chart).encode()
            files[figures.file_name(number, kind, "png")] = figures.png(chart)
    files["report.md"] = markdown.text(result, files).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in files.items():
            (folder / file).write_bytes(data)
    except OSError as error:
        raise WorkspaceUnusable(
            f"cannot write the report to {folder}: {error.strerror or error}"
        ) from error
    return [folder / file for file in files]


def page(findings: Findings) -> str:
    """Return the report as one HTML page that needs nothing else."""
    design = findings.design
    body = [f"<h1>{html.escape(design.name)}</h1>"]
    body += [f"<p>{html.escape(paragraph)}</p>" for paragraph in words.about(findings)]
    for setting in findings.settings:
        body += _section(setting, findings.stops.get(setting.name, ()))
    versions = next((r["versions"] for r in findings.rounds), "")
    body.append(f"<h2>How it was made</h2><p>{html.escape(str(versions))}</p>")
    text = html.escape(json.dumps(design.to_json(), indent=2, ensure_ascii=False))
    body.append(f"<details><summary>The grid</summary><pre>{text}</pre></details>")
    return _PAGE.format(title=html.escape(design.name), body="\n".join(body))


def _section(setting: Setting, stopped: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = [f"<h2>{html.escape(setting.name)}</h2>"]
    if setting.warning:
        parts.append(f'<p class="warning">{html.escape(setting.warning)}</p>')
    parts.append(f"<p>{html.escape(words.say_trials(setting))}</p>")
    compared = words.compared(setting)
    parts.append(
        _table(
            [
                {**cells, "s per round": f"{row.seconds:.2f}"}
                for cells, row in zip(compared, setting.rows, strict=True)
            ]
        )
    )
    if targets := words.to_reach(setting):
        parts.append("<h3>Labels to reach an accuracy</h3>")
        parts.append(_table(targets))
    for _, chart in figures.charts(setting):
        parts.append(f"<figure>{figures.svg(chart)}</figure>")
    if stopped:
        parts.append("<h3>Where stop criteria would have stopped</h3>")
        parts.append(_table(stopped))
    return parts


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
.warning {{ background: #fff5dc; border-left: 4px solid #ddaa33; padding: 0.6rem 1rem; }}
pre {{ font-size: 0.8rem; overflow-x: auto; background: #f6f6f6; padding: 1rem; }}
</style></head><body>
{body}
</body></html>
"""
