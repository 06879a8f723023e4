"""Owns the team page: who is here, what they hold, how good answers are; roles, links, tokens."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Annotator, Project
from alcore.services import dashboard, people, rights, team
from alcore.web import state
from pages._setup_text import refusal
from pages._shell import choose_ready, empty
from pages._team_gold import gold
from pages._team_invite import invite
from pages._team_log import audit_log
from pages._team_parts import STYLE, agreement_table, note, people_table
from pages._team_tokens import tokens
from pages._team_webhooks import hooks
from pages._who import check_still, open_to, projects_here, who


def page() -> None:
    project = choose_ready(projects_here(), "The team", 420)
    if project is None:
        return
    me = who()
    st.html(STYLE)
    with st.container(key="beside"):
        left, right = st.columns([2.4, 1], gap="large")
    owner = rights.owns(state.store(), project.id, me.id)
    team_members = people.of_project(state.store(), project.id)
    st.session_state["team-drawn"] = _roles(team_members)
    with left:
        st.markdown("### People")
        _live(project.id, me.id, owner)
        if owner:
            _powers(project, me, team_members)
        else:
            note("Owners of the project see everybody's figures here; you see your own.")
    with right:
        if owner:
            invite(project, me)
        tokens(project, me, owner)
        if owner:
            hooks(project, me)
    if owner:
        with left:
            _agreement(project, me)
            gold(project, me)
            audit_log(project, me)


def _roles(team_members: list[Any]) -> list[tuple[int, str]]:
    return [(member.annotator.id, member.role) for member in team_members]


@st.fragment(run_every=2.0)
def _live(project_id: int, me: int, owner: bool) -> None:
    """Show who is here; the rest of the page is drawn anew only when somebody joins."""
    check_still("take part", project_id)
    store = state.store()
    now_there = people.of_project(store, project_id)
    if _roles(now_there) != st.session_state.get("team-drawn"):
        st.rerun()
    pulse = dashboard.activity(store, project_id).pulse.event_id
    entry = st.session_state.get("team-quality")
    if entry is None or entry[0] != (project_id, me, pulse):
        entry = ((project_id, me, pulse), team.quality(store, project_id, me))
        st.session_state["team-quality"] = entry
    st.html(people_table(team.presence(store, project_id, me), entry[1], me, owner))


# -- what owners do ----------------------------------------------------------------------------


def _powers(project: Project, me: Annotator, team_members: list[Any]) -> None:
    """Give roles, and free what somebody holds."""
    owners = [m for m in team_members if m.role == "owner"]
    if not owners:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.html(
            '<p class="te-note">This project has no owner yet, so that everybody may change '
            "everything.</p>",
            width="stretch",
        )
        if row.button("Make me its owner", key="be-owner", icon=":material/key:"):
            _do(people.set_role, state.store(), project.id, me.id, me.id, "owner")
    names = {m.annotator.id: m for m in team_members}
    if not names:
        return
    row = st.container(horizontal=True, vertical_alignment="bottom")
    choice = row.selectbox(
        "Somebody",
        list(names),
        format_func=lambda i: names[i].annotator.name,
        key=f"somebody-{project.id}",
        label_visibility="collapsed",
        width=220,
    )
    role = names[choice].role
    if row.button("Free their images", key="free", help="What they hold goes to others at once"):
        _do(team.free, state.store(), project.id, me.id, choice)
    for label, new, key in (
        ("Make owner", "owner", "role-owner"),
        ("Make annotator", "annotator", "role-annotator"),
        ("Remove", "removed", "danger-role-removed"),
    ):
        if role != new and row.button(label, key=key):
            _do(people.set_role, state.store(), project.id, me.id, choice, new)
    refused = st.session_state.pop("team-refused", None)
    if refused is not None:
        refusal(refused)


def _do(action: Any, *arguments: Any) -> None:
    try:
        action(*arguments)
    except AlcoreError as error:
        st.session_state["team-refused"] = error
    st.rerun()


def _agreement(project: Project, me: Annotator) -> None:
    st.markdown("### Agreement")
    agreement = team.agreed(state.store(), project.id, me.id)
    if not agreement.items:
        empty(
            "How far people agree appears once two of them have answered the same images: say on "
            "the Set-up page what share of the images several people answer.",
            120,
        )
        return
    st.html(agreement_table(agreement))


open_to("take part", page)
