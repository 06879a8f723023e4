"""Owns the part of the team page about gold: images whose answer is known."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Annotator, Project
from alcore.services import team
from alcore.web import state
from alcore.web.pictures import src
from pages._setup_text import refusal
from pages._shell import empty
from pages._team_parts import note

OWN_LABELS = 100


def gold(project: Project, me: Annotator) -> None:
    """Show gold and how it was answered; add to it, and take from it."""
    st.markdown("### Gold")
    every = project.settings.team.gold_every
    rate = f"One question in {every} is" if every else "No question is"
    note(
        f"Images whose answer is known, asked of everybody once and unmarked. {rate} gold; the "
        "Set-up page says how many. Answers to gold measure people and are not trained on."
    )
    try:
        _shown(project, me)
        _more(project, me)
    except AlcoreError as error:
        refusal(error)


def _shown(project: Project, me: Annotator) -> None:
    golds = team.all_gold(state.store(), project.id, me.id)
    if not golds:
        empty("Gold images appear here, with how often they were answered right.", 90)
        return
    names = {c.id: c.name for c in project.classes}
    table = st.dataframe(
        [
            {
                "image": src(project.id, g.item_id, g.content_hash, me.id),
                "file": g.name,
                "known answer": names[g.class_id],
                "answers": g.answers,
                "right": f"{100 * g.right / g.answers:.0f} %" if g.answers else "–",
            }
            for g in golds
        ],
        height=min(38 + 35 * len(golds), 250),
        hide_index=True,
        column_config={"image": st.column_config.ImageColumn("", width="small")},
        on_select="rerun",
        selection_mode="multi-row",
        key=f"gold-{project.id}-{len(golds)}",
    )
    rows = table.selection.rows
    if rows and st.button(f"Ask {len(rows)} of them no more", key="danger-less-gold"):
        team.remove_gold(state.store(), project.id, me.id, [golds[r].item_id for r in rows])
        st.rerun()


def _more(project: Project, me: Annotator) -> None:
    if project.has_key:
        row = st.container(horizontal=True, vertical_alignment="bottom")
        n = row.number_input(
            "From the answer key", 1, 1_000, 20, key="gold-n", width=180,
            help="Drawn from the holdout, which is never trained on",
        )  # fmt: skip
        if row.button("Add", key="draw-gold"):
            team.draw_gold(state.store(), project.id, me.id, int(n))
            st.rerun()
        return
    with st.expander("Add from your own labels"):
        mine = team.could_be_gold(state.store(), project.id, me.id, OWN_LABELS)
        if not mine:
            note("Label some images yourself first, those that you are sure of.")
            return
        names: dict[int | None, str] = {c.id: c.name for c in project.classes}
        table = st.dataframe(
            [
                {
                    "image": src(project.id, event.item_id, content_hash, me.id),
                    "your label": names.get(event.class_id, ""),
                    "when": datetime.fromtimestamp(event.created_at).strftime("%d %b %H:%M"),
                }
                for event, content_hash in mine
            ],
            height=250,
            hide_index=True,
            column_config={"image": st.column_config.ImageColumn("", width="small")},
            on_select="rerun",
            selection_mode="multi-row",
            key=f"could-be-gold-{project.id}-{len(mine)}",
        )
        rows = table.selection.rows
        if st.button("Make them gold", key="make-gold", disabled=not rows):
            team.make_gold(state.store(), project.id, me.id, [mine[r][0].item_id for r in rows])
            st.rerun()
