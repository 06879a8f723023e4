"""Owns the report of an experiment as Markdown: its tables, to be pasted into a page of one's own.

Figures are those that the report writes beside it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from alcore.experiments.analysis import Setting
from alcore.services import experiment_words as words
from alcore.services.experiment_figures import file_name
from alcore.services.experiment_findings import Findings

_FIGURES = MappingProxyType(
    {"curves by labels": "accuracy by labels", "differences": "differences in area"}
)
"""Figures that are shown, and what stands for each where it cannot be."""


def text(findings: Findings, files: Collection[str]) -> str:
    """Return the report, with those figures that are among the files."""
    lines = [f"# {_plain(findings.design.name)}", ""]
    for paragraph in words.about(findings):
        lines += [paragraph, ""]
    for number, setting in enumerate(findings.settings, 1):
        lines += [f"## {_plain(setting.name)}", ""]
        for kind, alternative in _FIGURES.items():
            if (file := file_name(number, kind, "svg")) in files:
                lines += [f"![{alternative}](<{file}>)", ""]
        lines += _section(setting)
    return "\n".join(lines).rstrip() + "\n"


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the lines of a table, and an empty one."""
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    lines = ["| " + " | ".join(_plain(cell) for cell in line) + " |" for line in cells]
    return [lines[0], "|" + "---|" * len(cells[0]), *lines[1:], ""]


def _section(setting: Setting) -> list[str]:
    lines = [words.say_trials(setting), ""]
    if setting.warning:
        lines += [f"*{setting.warning}*", ""]
    for rows in (words.compared(setting), words.to_reach(setting)):
        lines += table(rows) if rows else []
    return lines


def _plain(text: str) -> str:
    """Return text that Markdown takes for nothing but text.

    >>> print(_plain("a|b <i> *"))
    a\\|b \\<i\\> \\*
    """
    return re.sub(r"([\\`*_\[\]<>|&~])", r"\\\1", " ".join(text.split()))
