"""Owns the invitations on the team page: making a link, showing it, revoking it."""

from __future__ import annotations

import time
from html import escape

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Annotator, Invitation, Project
from alcore.services import invitations
from alcore.web import invitations as links
from alcore.web import state
from pages._setup_text import plain, refusal
from pages._team_parts import note

MOST_OVER = 10
"""Revoked and expired invitations that are listed."""


def invite(project: Project, me: Annotator) -> None:
    """Make a link, and show the newest, or another one that was chosen; revoke one."""
    st.markdown("### Invite")
    note("Whoever opens a link is asked for a name and labels in this project.")
    _make(project, me)
    made = invitations.of_project(state.store(), project.id, me.id)
    now = time.time()
    working = [one for one in made if invitations.works(one, now)]
    slot = f"invitation-{project.id}"
    ids = [one.id for one in working]
    shown = st.session_state.get(slot)
    if ids and shown not in ids:
        shown = ids[0]
    for one in working:
        with st.container(key=f"invitation-{one.id}", gap="small"):
            st.html(_line(one, now))
            if one.id == shown:
                _link(one)
            row = st.container(horizontal=True)
            if one.id != shown and row.button("Show", key=f"show-{one.id}"):
                st.session_state[slot] = one.id
                st.rerun()
            if row.button(
                "Revoke",
                key=f"danger-revoke-{one.id}",
                help="Nobody else joins by it; who came by it stays, and can be removed",
            ):
                _revoke(project, me, one)
    over = [one for one in made if one.id not in ids]
    if over:
        with st.expander(f"Revoked and expired ({len(over)})"):
            st.html("".join(_line(one, now) for one in over[:MOST_OVER]))


def _make(project: Project, me: Annotator) -> None:
    times = st.session_state.setdefault("invitations-made", 0)
    left, right = st.columns([1.6, 1], vertical_alignment="bottom")
    purpose = left.text_input(
        "For whom",
        key=f"invite-note-{project.id}-{times}",
        max_chars=invitations.LONGEST_NOTE,
        placeholder="optional",
        help="Only owners see it, so that they know which link to revoke",
    )
    days = right.selectbox(
        "Works for",
        invitations.DAYS,
        invitations.DAYS.index(invitations.USUAL_DAYS),
        format_func=lambda days: "1 day" if days == 1 else f"{days} days",
        key=f"invite-days-{project.id}",
    )
    if not st.button("Make a link", key="invite-make", icon=":material/link:", width="stretch"):
        return
    try:
        new = invitations.create(state.store(), project.id, me.id, purpose, days)
    except AlcoreError as error:
        refusal(error)
        return
    st.session_state["invitations-made"] += 1
    st.session_state[f"invitation-{project.id}"] = new.id
    st.rerun()


def _revoke(project: Project, me: Annotator, one: Invitation) -> None:
    try:
        invitations.revoke(state.store(), project.id, me.id, one.id)
    except AlcoreError as error:
        refusal(error)
        return
    st.rerun()


def _line(one: Invitation, now: float) -> str:
    """Say of an invitation for whom it is, who made it, who came and until when."""
    name = escape(one.note or f"Link {one.id}")
    came = "nobody came by it" if not one.joined else f"{one.joined:,} came by it"
    if one.revoked_at is not None:
        until = f"revoked on {_day(one.revoked_at)}"
    elif one.expires_at <= now:
        until = f"expired on {_day(one.expires_at)}"
    else:
        until = f"until {_day(one.expires_at)}"
    by = escape(one.made_by or "the command line")
    return (
        f'<p class="te-invitation"><b>{name}</b><span>by {by} on {_day(one.created_at)}, {until}; '
        f"{came}</span></p>"
    )


def _day(at: float) -> str:
    return time.strftime("%d %B", time.localtime(at)).lstrip("0")


def _link(one: Invitation) -> None:
    link = links.link(
        st.context.url or "",
        links.joining(state.tickets().invite(one.id)),
        st.get_option("server.address") or "",
        st.get_option("server.allowedHosts") or [],
        links.own_address(),
    )
    st.html(f'<img class="te-qr" src="{links.qr(link.address)}" alt="The link as a QR code">')
    st.code(link.address, language=None, wrap_lines=True)
    if link.warning:
        st.warning(plain(link.warning), icon=":material/lan:")
        if link.remedy:
            note("To let others in, stop the app and start it with")
            st.code(link.remedy, language=None, wrap_lines=True)
