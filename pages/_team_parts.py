"""Owns how the team page draws its tables: plain HTML, so that nothing moves while it is live."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

import streamlit as st

from alcore.services.glossary import term_html
from alcore.services.team import Agreement, Presence, Quality

MOST_PAIRS = 30
HEADS = ("holds", "today", "labels", "median", "per hour", "on gold", "agrees")


def note(text: str) -> None:
    """Write a quiet line."""
    st.html(f'<p class="te-note">{escape(text)}</p>')


def people_table(
    people: Sequence[Presence], qualities: Sequence[Quality], me: int, owner: bool
) -> str:
    """Draw who is here, what they hold and, where it may be seen, how fast and good they are."""
    by_name = {quality.name: quality for quality in qualities}
    heads = (term_html(name, "median s" if name == "median" else name) for name in HEADS)
    head = "<th></th><th></th>" + "".join(f"<th>{name}</th>" for name in heads)
    rows = "".join(_person(p, by_name.get(p.name), me, owner) for p in people)
    if not rows:
        rows = (
            f'<tr><td colspan="{2 + len(HEADS)}" class="te-none">Nobody has labeled here yet. '
            "Share the link, or open the Label page.</td></tr>"
        )
    return (
        '<div class="te-wide" tabindex="0" role="region" aria-label="People">'
        f'<table class="te-people"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        "</div>"
    )


def _person(person: Presence, quality: Quality | None, me: int, owner: bool) -> str:
    state = "here" if person.here else "removed" if person.role == "removed" else "away"
    since = "here now" if person.here else _since(person.seen_at)
    role = "" if person.role == "annotator" else f" · {person.role}"
    you = " (you)" if person.annotator_id == me else ""
    holds = "–"
    if person.holds and person.until is not None:
        holds = f"{person.holds} until {time.strftime('%H:%M', time.localtime(person.until))}"
    today = "–" if person.today is None else f"{person.today:,}"
    cells = [holds, today, *_figures(quality)]
    return (
        f'<tr class="te-{state}"><td><i aria-hidden="true"></i></td>'
        f"<td><b>{escape(person.name)}</b>{you}<span>{since}{role}</span></td>"
        + "".join(
            f'<td data-head="{name}">{cell}</td>' for name, cell in zip(HEADS, cells, strict=True)
        )
        + "</tr>"
    )


def _figures(quality: Quality | None) -> list[str]:
    if quality is None:
        return ["–"] * 5
    median = "–" if quality.median_seconds is None else f"{quality.median_seconds:.1f} s"
    rate = "–" if quality.per_hour is None else f"{quality.per_hour:,.0f}"
    gold = "–"
    if quality.gold_answers:
        gold = (
            f"{100 * quality.gold_right / quality.gold_answers:.0f} %"
            f"<span>{100 * quality.gold_low:.0f}–{100 * quality.gold_high:.0f} % · "
            f"{quality.gold_right} of {quality.gold_answers}</span>"
        )
    others = "–"
    if quality.met:
        others = (
            f"{100 * quality.equal / quality.met:.0f} %"
            f"<span>{quality.equal} of {quality.met}</span>"
        )
    return [f"{quality.labels:,}", median, rate, gold, others]


def _since(seen_at: float) -> str:
    if seen_at == 0:
        return "not here yet"
    gone = max(0.0, time.time() - seen_at)
    if gone < 90:
        return "left a minute ago"
    if gone < 3600:
        return f"left {gone / 60:.0f} min ago"
    if gone < 86_400:
        return f"left {gone / 3600:.0f} h ago"
    return "last here on " + time.strftime("%d %B", time.localtime(seen_at))


def agreement_table(agreement: Agreement) -> str:
    """Draw the coefficients, and Cohen's kappa of each pair."""
    numbers = "".join(
        f"<div><b>{_number(value)}</b><span>{term_html(name)}</span></div>"
        for name, value in (
            ("Krippendorff’s α", agreement.alpha),
            ("Fleiss’ κ", agreement.fleiss),
        )
    )
    count = f"<div><b>{agreement.items:,}</b><span>images with several answers</span></div>"
    pairs = "".join(
        f"<tr><td>{escape(p.first)}</td><td>{escape(p.second)}</td><td>{p.items:,}</td>"
        f"<td>{100 * p.equal / p.items:.0f} %</td><td>{p.kappa:.2f}</td></tr>"
        for p in sorted(agreement.pairs, key=lambda p: p.kappa)[:MOST_PAIRS]
    )
    return (
        f'<div class="te-figures">{numbers}{count}</div>'
        '<p class="te-note">1 is full agreement, 0 is what chance would give.</p>'
        '<div class="te-wide" tabindex="0" role="region" aria-label="Agreement of pairs">'
        '<table class="te-pairs"><thead><tr><th></th><th></th><th>images</th><th>equal</th>'
        f"<th>{term_html('Cohen’s κ')}</th></tr></thead><tbody>{pairs}</tbody></table></div>"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


STYLE = """<style>
.te-wide {overflow-x:auto}
.te-people, .te-pairs {width:100%; border-collapse:collapse; font-size:.9rem;
  font-variant-numeric:tabular-nums}
.te-people th, .te-pairs th {text-align:right; font-weight:400; font-size:.8rem; opacity:.72;
  padding:.2rem .6rem; white-space:nowrap}
.te-people td, .te-pairs td {text-align:right; padding:.35rem .6rem; vertical-align:top;
  border-top:1px solid rgba(128,132,150,.28); white-space:nowrap}
.te-people td:nth-child(2) {text-align:left; white-space:normal; overflow-wrap:anywhere;
  min-width:9rem}
.te-pairs td:nth-child(-n+2) {text-align:left; white-space:normal; overflow-wrap:anywhere;
  min-width:6rem}
@media (max-width:640px) {
  .te-people thead {position:absolute; width:1px; height:1px; overflow:hidden;
    clip-path:inset(50%)}
  .te-people, .te-people tbody {display:block}
  .te-people tr {display:grid; grid-template-columns:1rem repeat(3, minmax(0, 1fr));
    gap:.3rem .6rem; padding:.5rem 0; border-top:1px solid rgba(128,132,150,.28)}
  .te-people td {padding:0; border:0; text-align:left; white-space:normal}
  .te-people td:nth-child(2) {grid-column:2 / -1}
  .te-people td:nth-child(3n + 3) {grid-column-start:2}
  .te-people td[data-head]::before {content:attr(data-head); display:block; font-size:.78rem;
    opacity:.72}
  .te-none {grid-column:1 / -1}
}
.te-people td:first-child {width:1rem; padding-right:0}
.te-people span {display:block; font-size:.78rem; opacity:.72; min-height:1.1rem}
.te-people i {display:inline-block; width:.6rem; height:.6rem; border-radius:50%;
  border:1.5px solid rgba(128,132,150,.8)}
.te-here i {background:#2e9e6b; border-color:#2e9e6b}
.te-removed b {text-decoration:line-through; opacity:.6}
.te-none {text-align:center !important; opacity:.72; padding:1.6rem !important;
  white-space:normal !important}
.te-note {margin:0 0 .3rem; font-size:.88rem; line-height:1.45; opacity:.78}
.te-figures {display:flex; flex-wrap:wrap; gap:.4rem 2.4rem; font-variant-numeric:tabular-nums}
.te-figures b {display:block; font-size:1.5rem; font-weight:600; line-height:1.3}
.te-figures span {font-size:.82rem; opacity:.72}
.te-invitation {margin:.4rem 0 0; font-size:.9rem; overflow-wrap:anywhere;
  border-top:1px solid rgba(128,132,150,.28); padding-top:.5rem}
.te-invitation span {display:block; font-size:.8rem; opacity:.72}
.te-log {max-height:22rem; overflow-y:auto; font-size:.88rem}
.te-log ol {list-style:none; margin:0; padding:0}
.te-log li {display:flex; flex-wrap:wrap; gap:0 .8rem; margin:0; padding:.3rem 0;
  border-top:1px solid rgba(128,132,150,.28)}
.te-log time {flex:0 0 6.5rem; opacity:.72; font-variant-numeric:tabular-nums}
.te-log span {flex:1 1 14rem; overflow-wrap:anywhere}
.te-qr {display:block; width:min(100%, 15rem); height:auto; border-radius:6px}
</style>"""


def show_once(slot: str, words: str) -> None:
    """Show a secret that was just made and put into this slot of the session, until it was copied.

    words: what it is for, and that it is not shown again.
    """
    secret = st.session_state.get(slot)
    if secret is None:
        return
    with st.container(key=f"once-{slot}", border=True, gap="small"):
        note(words)
        st.code(secret, language=None, wrap_lines=True)
        if st.button("I have copied it", key=f"copied-{slot}", width="stretch"):
            del st.session_state[slot]
            st.rerun()
