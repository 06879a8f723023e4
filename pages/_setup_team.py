"""Owns the fields that say how several people work on one project."""

from __future__ import annotations

import streamlit as st

from alcore.config import CONSENSUS, TeamRule
from alcore.phrases import sentence


def team_fields(prefix: str, start: TeamRule) -> TeamRule:
    """Draw the fields; return what they say. Raises InvalidSettings."""
    st.markdown("#### Several people")
    share, answers, consensus = _overlap(prefix, start)
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    gold = left.number_input(
        "One question in … is gold",
        0,
        1_000,
        start.gold_every,
        key=f"{prefix}gold",
        persist_state="session",
        help="Gold has a known answer and looks like any other image; it shows how good "
        "everybody's answers are. 0 asks none. Which images are gold is said on the Team page.",
    )
    invited = right.toggle(
        "Only people who were invited may label",
        start.invited_only,
        key=f"{prefix}invited",
        persist_state="session",
    )
    return TeamRule(share, answers, consensus, int(gold), invited)


def _overlap(prefix: str, start: TeamRule) -> tuple[float, int, str]:
    """Ask how many images several people answer, how many of them, and what counts then."""
    left, middle, right = st.columns(3)
    with left:
        share = st.slider(
            "Answered by several",
            0.0,
            1.0,
            start.overlap_share,
            0.05,
            format="percent",
            key=f"{prefix}overlap",
            persist_state="session",
            help="Share of the images that several people answer, each without seeing the others' "
            "answers. It shows how far people agree, and mends single mistakes.",
        )
    answers = middle.number_input(
        "Answers to each of those",
        2,
        5,
        start.answers,
        key=f"{prefix}answers",
        persist_state="session",
        disabled=share == 0,
    )
    kinds = list(CONSENSUS)
    consensus = right.selectbox(
        "What counts of several answers",
        kinds,
        kinds.index(start.consensus),
        key=f"{prefix}consensus",
        persist_state="session",
        help=" ".join(f"{kind}: {sentence(CONSENSUS[kind])}" for kind in kinds),
    )
    return float(share), int(answers), consensus
