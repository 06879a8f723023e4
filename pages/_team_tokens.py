"""Owns the API tokens on the team page: making one, showing its text once, revoking it."""

from __future__ import annotations

import time
from html import escape

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Annotator, ApiToken, Project
from alcore.services import api_tokens
from alcore.web import state
from pages._setup_text import refusal
from pages._team_parts import show_once

MOST_OVER = 10
"""Revoked tokens that are listed."""
REFERENCE = "api/v1/docs"


def tokens(project: Project, me: Annotator, owner: bool) -> None:
    """Make a token, show its text once, list those that work, and revoke one."""
    st.markdown("### API tokens")
    st.html(
        '<p class="te-note">With a token a notebook or a script labels, reads and trains here in '
        f'your name. <a href="{REFERENCE}" target="_blank" rel="noopener">API reference</a></p>'
    )
    _make(project, me, owner)
    show_once(
        f"token-text-{project.id}",
        "Copy it now: it is kept nowhere, and cannot be shown again.",
    )
    made = api_tokens.of_project(state.store(), project.id, me.id)
    for one in made:
        if one.revoked_at is None:
            with st.container(key=f"token-{one.id}", gap="small"):
                st.html(_line(one, me))
                if st.button(
                    "Revoke",
                    key=f"danger-token-{one.id}",
                    help="Programs that ask with it are refused from then on",
                ):
                    _revoke(project, me, one)
    over = [one for one in made if one.revoked_at is not None]
    if over:
        with st.expander(f"Revoked tokens ({len(over)})"):
            st.html("".join(_line(one, me) for one in over[:MOST_OVER]))


def _make(project: Project, me: Annotator, owner: bool) -> None:
    times = st.session_state.setdefault("tokens-made", 0)
    left, right = st.columns([1.6, 1], vertical_alignment="bottom")
    name = left.text_input(
        "For which program",
        key=f"token-name-{project.id}-{times}",
        max_chars=api_tokens.LONGEST_NAME,
        placeholder="notebook",
        help="So that you know which one to revoke",
    )
    scopes = [scope for scope in api_tokens.SCOPES if owner or scope != "own"]
    scope = right.selectbox(
        "It may",
        scopes,
        scopes.index("label"),
        key=f"token-scope-{project.id}",
        help="; ".join(f"{scope}: {api_tokens.SCOPES[scope]}" for scope in scopes),
    )
    if not st.button("Make a token", key="token-make", icon=":material/key:", width="stretch"):
        return
    try:
        _, text = api_tokens.create(
            state.store(), project.id, me.id, name.strip() or "notebook", scope
        )
    except AlcoreError as error:
        refusal(error)
        return
    st.session_state["tokens-made"] += 1
    st.session_state[f"token-text-{project.id}"] = text
    st.rerun()


def _revoke(project: Project, me: Annotator, one: ApiToken) -> None:
    try:
        api_tokens.revoke(state.store(), project.id, me.id, one.id)
    except AlcoreError as error:
        refusal(error)
        return
    if str(st.session_state.get(f"token-text-{project.id}", "")).startswith(f"alcore_{one.id}_"):
        del st.session_state[f"token-text-{project.id}"]
    st.rerun()


def _line(one: ApiToken, me: Annotator) -> str:
    """Say of a token what it is for, whose it is, what it may and when it was used."""
    whose = "yours" if one.annotator_id == me.id else f"of {escape(one.person)}"
    used = "not used yet" if one.used_at is None else f"last used on {_when(one.used_at)}"
    ended = "" if one.revoked_at is None else f"; revoked on {_when(one.revoked_at)}"
    return (
        f'<p class="te-invitation"><b>{escape(one.name)}</b><span>{whose}, scope {one.scope}, made '
        f"on {_when(one.created_at)}; {used}{ended}</span></p>"
    )


def _when(at: float) -> str:
    return time.strftime("%d %B, %H:%M", time.localtime(at)).lstrip("0")
