"""Owns how the set-up page writes text that somebody typed: as text, never as markup."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from alcore.phrases import sentence
from alcore.records import SkippedFile
from alcore.services import setup
from alcore.services.setup import SourcePreview

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_RECOGNISED = re.compile(r"([:@]|www)", re.IGNORECASE)
MOST_CLASSES = 200
MOST_LEFT_OUT = 1_000


def plain(text: str) -> str:
    """Write text so that it stays as it is where Streamlit reads Markdown.

    Icons, emoji, and links of bare addresses are made after the escapes are gone; an invisible
    joiner keeps their parts from being recognised.
    """
    apart = _RECOGNISED.sub("\\1\u2060", " ".join(text.split()))
    return _PUNCTUATION.sub(r"\\\1", apart)


def refusal(error: Exception) -> None:
    """Show an error where it happened."""
    st.error(plain(sentence(str(error))), icon=":material/error:")


def note(text: str) -> None:
    """Write a quiet line."""
    st.html(f'<p class="su-note">{escape(text)}</p>')


def title(text: str, below: str) -> None:
    st.html(f'<div class="su-title"><h2>{escape(text)}</h2><p>{escape(below)}</p></div>')


def figures(numbers: Mapping[str, str]) -> None:
    """Show numbers with their units below them."""
    cells = "".join(
        f"<div><b>{escape(number)}</b><span>{escape(what)}</span></div>"
        for what, number in numbers.items()
    )
    st.html(f'<div class="su-figures">{cells}</div>')


def chips(names: Sequence[tuple[str, str]], colours: Sequence[str]) -> None:
    """Show classes with a remark each."""
    cells = "".join(
        f'<li><i style="background:{colour}"></i>{escape(name)}<span>{escape(remark)}</span></li>'
        for (name, remark), colour in zip(names[:MOST_CLASSES], colours, strict=False)
    )
    more = len(names) - MOST_CLASSES
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    st.html(f'<ul class="su-chips">{cells}{rest}</ul>')


def preview(look: SourcePreview, colours: Sequence[str], layout: bool) -> None:
    """Show what a source holds: pictures, totals, classes, remarks."""
    summary = look.summary
    pictures = "".join(
        f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="">'
        for png in look.pictures
    )
    st.html(f'<div class="su-pictures">{pictures}</div>')
    numbers = {"images": f"{summary.total:,}"}
    if summary.classes:
        numbers["class" if len(summary.classes) == 1 else "classes"] = f"{len(summary.classes):,}"
    if summary.classes and summary.unlabeled:
        numbers["without a class"] = f"{summary.unlabeled:,}"
    if look.side is not None:
        numbers["pixels, longer side"] = f"{look.side:,}"
    figures(numbers)
    remarks = [*([f"layout: {summary.layout}"] if layout else []), *summary.notes]
    lines = "".join(f'<p class="su-note">{escape(sentence(r))}</p>' for r in remarks)
    st.html(f"<div>{lines}</div>")
    if summary.classes:
        chips([(name, f"{n:,}") for name, n in summary.classes.items()], colours)


def left_out(project_name: str, files: Sequence[SkippedFile], csv: str) -> None:
    """List the files that an import left out, with their reasons."""
    row = st.container(horizontal=True, vertical_alignment="center")
    row.html(f'<p class="su-strong">{len(files):,} left out</p>', width="stretch")
    row.download_button(
        "CSV",
        csv,
        "left-out.csv",
        "text/csv",
        key="left-out",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )
    st.dataframe(
        setup.shown_rows(files[:MOST_LEFT_OUT]),
        hide_index=True,
        height=min(38 + 35 * len(files), 320),
        key=f"left-out-{project_name}",
    )
    if len(files) > MOST_LEFT_OUT:
        note(f"The first {MOST_LEFT_OUT:,} are shown; the file has all.")


STYLE = """<style>
.su-title h2 {margin:0; padding:0; font-size:1.45rem; font-weight:600; overflow-wrap:anywhere}
.su-title p {margin:.15rem 0 0; opacity:.72; font-size:.92rem; overflow-wrap:anywhere}
.su-note {margin:0 0 .15rem; font-size:.88rem; line-height:1.45; opacity:.78;
  overflow-wrap:anywhere}
.su-unsaved {margin:0; font-size:.9rem; font-weight:600; overflow-wrap:anywhere;
  color:light-dark(#8a5a00, #f0b429)}
.su-strong {margin:0; font-weight:600}
.su-figures {display:flex; flex-wrap:wrap; gap:.4rem 2.4rem; font-variant-numeric:tabular-nums}
.su-figures b {display:block; font-size:1.5rem; font-weight:600; line-height:1.3}
.su-figures span {font-size:.82rem; opacity:.72}
.su-pictures {display:flex; flex-wrap:wrap; gap:6px; max-height:134px; overflow:hidden}
.su-pictures img {width:64px; height:64px; border-radius:4px; background:rgba(128,132,150,.16)}
.su-group {margin:.35rem 0 .6rem}
.su-group p {margin:0 0 .25rem; font-size:.88rem; opacity:.78}
.su-group div {display:flex; flex-wrap:wrap; gap:6px}
.su-group img {width:80px; height:80px; object-fit:contain; border-radius:4px;
  background:rgba(128,132,150,.16)}
.su-group .held img {outline:2px dashed light-dark(#8a5a00, #f0b429); outline-offset:-2px}
.su-group figure {margin:0; width:80px}
.su-group figcaption {font-size:.78rem; opacity:.78; overflow:hidden; text-overflow:ellipsis;
  white-space:nowrap}
.su-sheet img {width:min(100%,560px); display:block; margin:.2rem 0 .35rem}
ul.su-chips {list-style:none; display:flex; flex-wrap:wrap; gap:.35rem .5rem; margin:0 !important;
  padding:0 !important; max-height:13rem; overflow:auto; font-variant-numeric:tabular-nums}
ul.su-chips li {display:flex; align-items:center; gap:.4rem; margin:0; padding:.1rem .55rem;
  border:1px solid rgba(128,132,150,.35); border-radius:4px; font-size:.88rem; max-width:100%;
  overflow-wrap:anywhere}
ul.su-log {list-style:none; margin:0 !important; padding:0 !important; font-size:.88rem;
  line-height:1.45; font-variant-numeric:tabular-nums; max-height:16rem; overflow:auto}
ul.su-log li {margin:0 0 .2rem; overflow-wrap:anywhere}
.su-log time {opacity:.66; margin-right:.4rem}
.su-log .undone {opacity:.6; text-decoration:line-through}
.su-chips i {width:.6rem; height:.6rem; border-radius:50%; flex:none}
.su-chips span {opacity:.66}
.su-line {font-variant-numeric:tabular-nums}
.su-line p {margin:0 0 .3rem; display:flex; justify-content:space-between; gap:1rem;
  min-height:1.4rem}
.su-line p span {opacity:.72; white-space:nowrap}
.su-bar {height:8px; border-radius:4px; background:rgba(128,132,150,.22); overflow:hidden}
.su-bar i {display:block; height:100%; border-radius:4px; background:rgb(110,124,205);
  transition:width .4s}
</style>"""
