"""Owns who sits at the browser, by account or by name, and whether a page is shown to them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import streamlit as st

from alcore.errors import AlcoreError, InvalidTicket, NotAllowed
from alcore.phrases import sentence
from alcore.records import Annotator, Project
from alcore.services import invitations, people, projects, rights
from alcore.services.rights import Right
from alcore.web import doors, state
from pages import _door
from pages._setup_text import plain
from pages._shell import NEWCOMER, annotator_name, go_to_project


def has_accounts() -> bool:
    """Tell whether people sign in: `.streamlit/secrets.toml` has a section [auth]."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def who() -> Annotator:
    """Read who is here. Raises NotAllowed for a name that may not be used."""
    if has_accounts():
        user = st.user.to_dict()
        administrator = doors.check_account(state.runtime().access, user)
        name = _account_name()
        subject = f"{user.get('iss', '')} {user.get('sub') or user.get('email') or name}"
        return people.signed_in(state.store(), subject, name, administrator)
    me = people.annotator(state.store(), annotator_name())
    if state.is_beyond():
        _door.check_proved(me)
    return me


def owns(project_id: int) -> bool:
    """Tell whether who is here may do what owners may."""
    try:
        return rights.owns(state.store(), project_id, who().id)
    except NotAllowed:
        return False


def projects_here(archived: bool = False) -> list[Project]:
    """List the projects that who is here may take part in, by age."""
    return rights.visible(state.store(), who().id, archived)


def open_to(right: Right, page: Callable[[], None]) -> None:
    """Draw a page for who has the right to it, once they are in; say to others why not.

    Nothing of the page runs before. Every page ends with this.
    """
    if _let_in() and _may_open(right):
        page()


def _may_open(right: Right) -> bool:
    """Tell whether who is here may open a page that asks for this right; else say why not.

    A right in a project is asked for in the one that the address names, else in any.
    """
    try:
        me = who()
        project_id = _named_project() if right in rights.IN_A_PROJECT else None
        if project_id is not None or right not in rights.IN_A_PROJECT:
            rights.check(state.store(), right, me.id, project_id)
        elif projects.list_projects(state.store()) and not projects_here():
            raise NotAllowed("you take part in no project here; ask an owner for an invitation")
    except NotAllowed as error:
        _shut_out(error)
        return False
    return True


def check_still(right: Right, project_id: int | None = None) -> None:
    """Draw the whole page anew, which then says why, where a right was lost since it was drawn.

    What a page draws again by itself begins with this.
    """
    try:
        rights.check(state.store(), right, who().id, project_id)
    except NotAllowed:
        st.rerun()


def _named_project() -> int | None:
    """Read which project the address names, if there is one of this id."""
    name = st.query_params.get("project", "")
    there = {str(p.id) for p in projects.list_projects(state.store(), archived=True)}
    return int(name) if name in there else None


def _shut_out(error: NotAllowed) -> None:
    """Say why a page is not shown; offer another name, and what may be seen."""
    _, middle, _ = st.columns([1, 1.4, 1])
    with middle:
        _say_why(error)


def _say_why(error: NotAllowed) -> None:
    st.error(plain(sentence(str(error))), icon=":material/lock:")
    if not has_accounts():
        name = st.text_input("Your name", annotator_name(), max_chars=people.LONGEST_NAME)
        if name != annotator_name():
            st.session_state["annotator"] = name
            st.rerun()
        if state.is_beyond():
            _door.ask_owners_word()
    with suppress(NotAllowed):
        for project in projects_here():
            st.page_link(
                "pages/label.py",
                label=f"Label images of {plain(project.name)}",
                icon=":material/label:",
                query_params={"project": str(project.id)},
            )


def _let_in() -> bool:
    """Ask for what is missing before a page is shown; return whether nothing is."""
    if has_accounts():
        if not st.user.get("is_logged_in", False):
            _sign_in()
            return False
        with st.sidebar:
            st.write(f"Signed in as {plain(_account_name())}")
            st.button("Sign out", key="sign-out", on_click=st.logout)
    link = st.query_params.get("join", "")
    if link:
        return _take_up(link)
    if has_accounts() or not state.is_beyond() or _door.said_word():
        return True
    _door.ask_word()
    return False


def _account_name() -> str:
    """Read what the provider calls whoever signed in."""
    user = st.user.to_dict()
    return str(user.get("name") or user.get("email") or user.get("preferred_username") or "")


def _sign_in() -> None:
    _, middle, _ = st.columns([1, 1.4, 1])
    with middle:
        st.markdown("### alcore")
        st.write("Sign in to label images and to see how the model learns.")
        st.button("Sign in", type="primary", key="sign-in", on_click=st.login)


def _take_up(link: str) -> bool:
    """Bring who was invited into the project; return whether they are in."""
    try:
        number = state.tickets().invitation(link)
        project = invitations.project_of(state.store(), number)
    except AlcoreError as error:
        st.error(plain(f"This link does not work: {error}."), icon=":material/link_off:")
        return False
    name = "" if has_accounts() else _name(project.name)
    if not has_accounts() and not name:
        return False
    try:
        if name:
            me = people.annotator(state.store(), name)
            st.session_state["annotator"] = me.name
            _door.let_through()
        else:
            me = who()
        invitations.take_up(state.store(), number, me.id)
    except (InvalidTicket, NotAllowed) as error:
        st.error(plain(f"That did not work: {error}."), icon=":material/error:")
        return False
    del st.query_params["join"]
    go_to_project(project.id)
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
