"""Owns what the parts of the dashboard page share: headings, downloads, words for numbers."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from alcore.services import glossary
from alcore.spreadsheets import write_csv
from pages import _dashboard_drawing as drawing

TALL = 340
"""Height of the charts side by side, in pixels."""
MOST_CLASSES = 100
"""More classes than this are not drawn one by one; the CSV holds them all."""

LINE = 35
"""Height of a line of a table, in pixels."""


@dataclass(frozen=True)
class Column:
    """How a column of a table is shown."""

    title: str | None = None
    """None for the name of the field."""
    format: str | None = None
    """Of numbers."""
    width: Literal["small", "medium", "large"] | None = None


def class_height(n_classes: int, most: int) -> int:
    """Height that is kept for a chart with a line per class."""
    return min(max(drawing.rows_height(n_classes) + 16, 260), most)


def names(rows: Sequence[drawing.Row]) -> list[str]:
    return [row["class"] for row in rows]


def remember(name: str, key: Any, compute: Callable[[], Any]) -> Any:
    """Compute a value again only when its key has changed."""
    entry = st.session_state.get(f"kept {name}")
    if entry is None or entry[0] != key:
        entry = (key, compute())
        st.session_state[f"kept {name}"] = entry
    return entry[1]


def heading(text: str, small: bool = False, about: Sequence[str] = ()) -> Any:
    """Draw a title, and give the row to its right for controls.

    about: words of the glossary that are explained on hover.
    """
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    explanations = " ".join(f"**{term}**: {glossary.meaning(term)}" for term in about)
    row.markdown(f"{'####' if small else '###'} {text}", width="stretch", help=explanations or None)
    return row


def table(
    rows: Sequence[dict[str, Any]],
    columns: Mapping[str, Column],
    *,
    key: str,
    most: int = 10,
) -> None:
    """Draw rows as a table that is no taller than they are; beyond `most` lines it scrolls.

    Columns are shown in their order, with what the glossary knows of their titles on hover.
    """
    config = {}
    for field, column in columns.items():
        title = column.title or field
        meaning = glossary.meaning(title)
        if column.format is None:
            config[field] = st.column_config.Column(title, help=meaning, width=column.width)
        else:
            config[field] = st.column_config.NumberColumn(
                title, help=meaning, width=column.width, format=column.format
            )
    st.dataframe(
        list(rows),
        height=LINE * (1 + min(len(rows), most)) + 3,
        hide_index=True,
        column_order=tuple(columns),
        column_config=config,
        placeholder="–",
        key=key,
    )


def download(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Offer rows as a CSV file.

    The text is made now, not on the click: a page that draws itself again between the click and
    the making would lose the click.
    """
    out = io.StringIO()
    write_csv(out, list(rows[0]) if rows else (), rows)
    st.download_button(
        "CSV",
        out.getvalue(),
        f"{name}.csv",
        "text/csv",
        key=f"download-{name}",
        icon=":material/download:",
        type="tertiary",
        disabled=not rows,
        on_click="ignore",
    )


def note(text: str) -> None:
    """Say in small letters how to read a chart; words that need it explain themselves."""
    st.html(f'<p class="al-caption">{glossary.explained(text)}</p>')


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def hundred(share: float | None) -> float | None:
    return None if share is None else 100 * share


def interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{100 * low:.1f}–{percent(high)}"


def clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


STYLE = """<style>
.al-figures {display:flex; gap:2rem; font-variant-numeric:tabular-nums; min-height:104px}
.al-figures b {display:block; white-space:nowrap; font-size:1.9rem; font-weight:600;
  line-height:1.25}
.al-figures span {font-size:.82rem; opacity:.72; line-height:1.35; display:block}
.al-line {margin:.35rem 0 .6rem; font-variant-numeric:tabular-nums}
.al-line p {margin:0 0 .25rem; font-size:.9rem; display:flex; justify-content:space-between;
  gap:1rem; min-height:1.4rem; overflow-wrap:anywhere}
.al-line p span {white-space:nowrap; opacity:.72}
.al-bar {height:6px; border-radius:3px; background:rgba(128,132,150,.22); overflow:hidden}
.al-bar.al-rest {visibility:hidden}
.al-bar i {display:block; height:100%; border-radius:3px; background:rgb(110,124,205);
  transition:width .4s}
.al-bad p {color:#c4442e}
.al-note {font-size:.88rem; line-height:1.4; min-height:3.9rem; margin:.2rem 0 0}
.al-summary {font-size:.95rem; margin:0 0 .4rem; min-height:1.5rem;
  font-variant-numeric:tabular-nums}
.al-caption {font-size:.85rem; opacity:.78; margin:0; min-height:2.6rem; line-height:1.45}
</style>"""
