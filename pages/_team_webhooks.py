"""Owns the webhooks on the team page: adding one, its secret once, a test, what was delivered."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from html import escape

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Annotator, PastDelivery, Project, Webhook
from alcore.services import webhooks
from alcore.web import state
from pages._setup_text import refusal
from pages._team_parts import note, show_once
from pages._who import check_still

SHOWN = 10
"""Deliveries that are listed."""


def hooks(project: Project, me: Annotator) -> None:
    """Add an address, show its secret once, list, test and remove; and what was told."""
    st.markdown("### Webhooks")
    st.html(
        '<p class="te-note">An address that is told of new models and finished imports, signed '
        "with a secret.</p>"
    )
    _add(project, me)
    show_once(
        f"webhook-secret-{project.id}",
        "Copy its secret now: it proves that an event is from here, and is not shown again.",
    )
    known = webhooks.of_project(state.store(), project.id, me.id)
    for one in known:
        with st.container(key=f"webhook-{one.id}", gap="small"):
            st.html(_line(one))
            row = st.container(horizontal=True)
            if row.button("Test", key=f"webhook-test-{one.id}", help="Send it an event “test”"):
                _do(partial(webhooks.test, state.store(), project.id, me.id, one.id))
            if row.button("Remove", key=f"danger-webhook-{one.id}"):
                _do(partial(webhooks.remove, state.store(), project.id, me.id, one.id))
    refused = st.session_state.pop("webhook-refused", None)
    if refused is not None:
        refusal(refused)
    if known:
        _deliveries(project.id, me.id, {one.id: one.address for one in known})


def _add(project: Project, me: Annotator) -> None:
    times = st.session_state.setdefault("webhooks-made", 0)
    address = st.text_input(
        "Address",
        key=f"webhook-address-{project.id}-{times}",
        max_chars=500,
        placeholder="https://hooks.example/alcore",
    )
    events = st.pills(
        "Tell it when",
        list(webhooks.EVENTS),
        selection_mode="multi",
        default=list(webhooks.EVENTS),
        format_func=webhooks.EVENTS.__getitem__,
        key=f"webhook-events-{project.id}-{times}",
    )
    if not st.button(
        "Add a webhook", key="webhook-add", icon=":material/webhook:", width="stretch"
    ):
        return
    try:
        with st.spinner("Looking the address up"):
            new = webhooks.add(state.store(), project.id, me.id, address, events)
    except AlcoreError as error:
        refusal(error)
        return
    st.session_state["webhooks-made"] += 1
    st.session_state[f"webhook-secret-{project.id}"] = new.secret
    st.rerun()


def _do(action: Callable[[], None]) -> None:
    try:
        action()
    except AlcoreError as error:
        st.session_state["webhook-refused"] = error
    st.rerun()


@st.fragment(run_every=2.0)
def _deliveries(project_id: int, me: int, addresses: dict[int, str]) -> None:
    """List what was told last, and how that went."""
    check_still("own", project_id)
    rows = webhooks.deliveries(state.store(), project_id, me, SHOWN)
    st.html('<p class="te-note"><b>Last deliveries</b></p>')
    if not rows:
        note("Nothing was sent yet. Press Test to see whether an address answers.")
        return
    st.html("".join(_delivered(one, addresses.get(one.webhook_id, "")) for one in rows))


def _line(one: Webhook) -> str:
    events = " and when ".join(webhooks.EVENTS[event] for event in one.events)
    return (
        f'<p class="te-invitation"><b>{escape(one.address)}</b>'
        f"<span>told when {escape(events)}</span></p>"
    )


def _delivered(one: PastDelivery, address: str) -> str:
    words = {
        "done": "delivered",
        "failed": f"given up after {one.tries} tries: {one.error}",
        "waiting": f"{one.error}; tried again at {_when(one.due_at)}"
        if one.error
        else "on its way",
    }
    return (
        f'<p class="te-invitation"><b>{escape(one.event)}</b><span>{_when(one.created_at)}, '
        f"{escape(address)}: {escape(words[one.state])}</span></p>"
    )


def _when(at: float) -> str:
    return time.strftime("%d %B, %H:%M", time.localtime(at)).lstrip("0")
