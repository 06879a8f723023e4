"""Owns the session page: a teacher opens a session for a class, and finds those there were."""

from __future__ import annotations

import time
from html import escape
from urllib.parse import urlencode

import streamlit as st

from alcore import languages
from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.records import Annotator, Project, Session
from alcore.services import experiments, sessions, whole_projects
from alcore.web import state
from pages._language import gettext, language, ngettext, said
from pages._setup_text import note, plain, refusal
from pages._shell import choose_ready
from pages._who import open_to, projects_here, who

USUAL_GROUPS = ("random", "margin")


def page() -> None:
    project = choose_ready(projects_here(), gettext("A session"), 420)
    if project is None:
        return
    me = who()
    try:
        listed = sessions.of_project(state.store(), project.id, me.id)
    except AlcoreError as error:
        refusal(error)
        return
    now = time.time()
    st.markdown("### " + gettext("A session with your class"))
    st.write(
        gettext(
            "Students join from their phones by a QR code: no account, nothing to install. They "
            "label in a copy of this project, so that yours stays as it is, and everybody sees on "
            "the wall what each label buys."
        )
    )
    current = next((one for one in listed if one.phase(now) != "over"), None)
    if current is None:
        _open(project, me)
    else:
        _go_on(project, me, current)
    over = [one for one in listed if one.phase(now) == "over"]
    if over:
        st.markdown("### " + gettext("Earlier sessions"))
        for one in over:
            _earlier(project, me, one)


def _open(project: Project, me: Annotator) -> None:
    """Ask how the session shall be, and open it."""
    with st.container(border=True):
        left, right = st.columns(2)
        minutes = left.selectbox(
            gettext("Labeling takes"),
            sessions.MINUTES,
            sessions.MINUTES.index(sessions.USUAL_MINUTES),
            format_func=lambda n: ngettext("{n} minute", "{n} minutes", n),
            key=f"session-minutes-{project.id}",
        )
        as_groups = right.radio(
            gettext("How they label"),
            [False, True],
            format_func=lambda groups: (
                gettext("Groups against each other") if groups else gettext("One class")
            ),
            key=f"session-how-{project.id}",
            horizontal=True,
        )
        groups: list[str] = []
        if as_groups:
            groups = st.multiselect(
                gettext("A group for each of these strategies"),
                experiments.strategy_names(),
                list(USUAL_GROUPS),
                format_func=said,
                max_selections=sessions.MOST_GROUPS,
                key=f"session-groups-{project.id}",
                help=gettext("All begin with the same images; each group has a model of its own"),
            )
        if not project.has_key:
            st.caption(
                gettext(
                    "This project has no answer key: the wall shows no curves of strategies beside "
                    "the class's, and accuracy only once images were labeled to measure it."
                )
            )
        if st.button(gettext("Open a session"), type="primary", key="session-open"):
            _do(sessions.open_session, state.store(), project.id, me.id, minutes, groups)


def _go_on(project: Project, me: Annotator, session: Session) -> None:
    """Lead to the projector of the session that is open."""
    phases = {
        "lobby": gettext("students can join"),
        "countdown": gettext("it begins"),
        "running": gettext("it runs"),
    }
    words = phases[session.phase(time.time())]
    with st.container(border=True):
        groups = ", ".join(said(one.name) for one in sessions.groups(state.store(), session.id))
        minutes = ngettext("{n} minute", "{n} minutes", session.minutes)
        head = gettext("Session {number} is open", number=session.id)
        st.markdown(f"**{head}**: {words}. {minutes}; {plain(groups)}.")
        st.html(_projector(project, me, session, gettext("Open the projector")))
        st.caption(
            gettext(
                "Put it on the wall. It has the QR code, the start and the end, and all else that "
                "you do during the session."
            )
        )
        if st.button(gettext("End the session"), key="danger-session-end"):
            _do(sessions.end, state.store(), project.id, session.id, me.id)


def _earlier(project: Project, me: Annotator, session: Session) -> None:
    day = languages.written(session.created_at, gettext("d MMMM, HH:mm"), language())
    row = st.container(horizontal=True, vertical_alignment="center", key=f"session-{session.id}")
    row.markdown(
        gettext("Session {number}, {day}", number=session.id, day=plain(day)),
        width="content",
    )
    row.html(
        _projector(project, me, session, gettext("See it, replay it, save it")), width="content"
    )
    asked = f"session-delete-{session.id}"
    if row.button(gettext("Delete …"), key=f"{asked}-ask"):
        st.session_state[asked] = True
    if st.session_state.get(asked):
        _delete(project, me, session, asked)


def _delete(project: Project, me: Annotator, session: Session, asked: str) -> None:
    """Say what goes with a session, and delete it once more is pressed."""
    copies = sessions.weigh(state.store(), project.id, session.id, me.id)
    number, size = sum(one.labels for one in copies), sum(one.size for one in copies)
    labels = ngettext("{n} label", "{n} labels", number)
    note(
        gettext(
            "For good: the students' names, the replay, and the copies of the project in which "
            "they labeled, with {labels} and all models ({size}). Your own project stays as it is.",
            labels=labels,
            size=whole_projects.disk_words(size),
        )
    )
    row = st.container(horizontal=True)
    label = gettext("Delete for good")
    if row.button(label, icon=":material/delete_forever:", key=f"danger-{asked}"):
        st.session_state.pop(asked)
        doing = gettext("Deleting the session")
        _do(sessions.delete, state.store(), project.id, session.id, me.id, doing=doing)
    if row.button(gettext("Keep it"), key=f"{asked}-keep"):
        st.session_state.pop(asked)
        st.rerun()


def _projector(project: Project, me: Annotator, session: Session, text: str) -> str:
    """Write the link to the projector; who asks stands where no server is sent it."""
    ticket = state.tickets().issue(project.id, me.id)
    known = urlencode({"project": project.id, "session": session.id, "ticket": ticket})
    return (
        f'<a class="to-projector" href="projector#{escape(known)}" target="_blank" '
        f'rel="noopener">{escape(text)}</a><style>.to-projector {{ display: inline-block; '
        "padding: 0.5rem 0.9rem; border: 1px solid var(--st-primary-color, #3f4fbf); "
        "border-radius: 6px; font-weight: 600; text-decoration: none !important }</style>"
    )


def _do(action: object, *arguments: object, doing: str = "") -> None:
    assert callable(action)
    try:
        with st.spinner(doing or gettext("Copying the project for the class")):
            action(*arguments)
    except AlcoreError as error:
        st.error(plain(sentence(said(str(error)))), icon=":material/error:")
        return
    st.rerun()


open_to("own", page)
