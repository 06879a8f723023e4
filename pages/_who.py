"""Owns who sits at the browser: by account where sign-in is configured, else by name."""

from __future__ import annotations

import streamlit as st

from alcore.errors import AlcoreError, NotAllowed
from alcore.records import Annotator
from alcore.services import people, projects
from alcore.web import state
from pages._setup_text import plain
from pages._shell import NEWCOMER, annotator_name


def has_accounts() -> bool:
    """Tell whether people sign in: `.streamlit/secrets.toml` has a section [auth]."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def who() -> Annotator:
    """Read who is here. Raises NotAllowed for a name that may not be used."""
    if has_accounts():
        user = st.user.to_dict()
        name = user.get("name") or user.get("email") or user.get("preferred_username") or ""
        subject = f"{user.get('iss', '')} {user.get('sub') or user.get('email') or name}"
        return people.signed_in(state.store(), subject, str(name))
    return people.annotator(state.store(), annotator_name())


def owns(project_id: int) -> bool:
    """Tell whether who is here may do what owners may."""
    try:
        return people.owns(state.store(), project_id, who().id)
    except NotAllowed:
        return False


def let_in() -> bool:
    """Ask for what is missing before a page is shown; return whether nothing is."""
    if has_accounts():
        if not st.user.is_logged_in:
            _sign_in()
            return False
        with st.sidebar:
            st.write(f"Signed in as {plain(who().name)}")
            st.button("Sign out", key="sign-out", on_click=st.logout)
    invitation = st.query_params.get("join", "")
    return not invitation or _take_up(invitation)


def _sign_in() -> None:
    _, middle, _ = st.columns([1, 1.4, 1])
    with middle:
        st.markdown("### alcore")
        st.write("Sign in to label images and to see how the model learns.")
        st.button("Sign in", type="primary", key="sign-in", on_click=st.login)


def _take_up(invitation: str) -> bool:
    """Bring who was invited into the project; return whether they are in."""
    try:
        project = projects.get(state.store(), state.tickets().invited_to(invitation))
    except AlcoreError as error:
        st.error(f"This link does not work: {error}.", icon=":material/link_off:")
        return False
    name = "" if has_accounts() else _name(project.name)
    if not has_accounts() and not name:
        return False
    try:
        if name:
            me = people.annotator(state.store(), name)
            st.session_state["annotator"] = me.name
        else:
            me = who()
        people.join(state.store(), project.id, me.id)
    except NotAllowed as error:
        st.error(f"That did not work: {error}.", icon=":material/error:")
        return False
    del st.query_params["join"]
    st.query_params["project"] = str(project.id)
    st.session_state["chosen_project"] = project.id
    st.rerun()


def _name(project_name: str) -> str:
    """Ask for a name; return it once it was given."""
    name_before = annotator_name()
    _, middle, _ = st.columns([1, 1.4, 1])
    with middle, st.form("join", border=True):
        st.markdown(f"### Label images of {plain(project_name)}")
        name = st.text_input(
            "Your name",
            "" if name_before == NEWCOMER else name_before,
            max_chars=people.LONGEST_NAME,
            help="Others in the project see it beside your labels",
        )
        pressed = st.form_submit_button("Start", type="primary")
        if pressed and not name.strip():
            st.write("Please type a name.")
    return name.strip() if pressed else ""
