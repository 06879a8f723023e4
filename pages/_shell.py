"""Owns what pages share: who is here, the choice of a project, and the empty state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from urllib.parse import unquote

import streamlit as st

from alcore.records import Project

NEWCOMER = "me"
LONGEST_NAME = 60


def annotator_name() -> str:
    """Read the annotator's name: typed here, named in the link, or kept in the browser's cookie.

    It is not put into the address: a link that is passed on must not carry somebody's name.
    """
    cookie = unquote(st.context.cookies.get("alcore_annotator", ""))
    name = st.session_state.get("annotator") or st.query_params.get("annotator", "") or cookie
    return " ".join(name.split())[:LONGEST_NAME] or NEWCOMER


def choose_project(ready: Sequence[Project]) -> Project:
    """Ask which project; address and session keep the choice.

    Moving to another page clears the address, so the session remembers too.
    """
    by_id = {project.id: project for project in ready}
    address = st.query_params.get("project", "")
    start = int(address) if address.isdecimal() else st.session_state.get("chosen_project")
    ids = list(by_id)
    choice = st.selectbox(
        "Project",
        ids,
        ids.index(start) if start in by_id else 0,
        format_func=lambda number: by_id[number].name,
        key="project-choice-here",
        label_visibility="collapsed",
    )
    st.session_state["chosen_project"] = choice
    keep_in_address("project", str(choice))
    return by_id[choice]


_KEEP = """<script>
(() => {{
  const address = new URL(location.href);
  address.searchParams.{change};
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}})();
</script>"""


def keep_in_address(name: str, value: str | None) -> None:
    """Put what is shown into the page's address, so that a link to it shows the same; None: out.

    Where the address says nothing yet, `st.query_params` would make an entry of its own in the
    browser's history, and Back would lead from the page to the page. Where it names something
    else, the server has to know that it no longer does.
    """
    before = st.query_params.get(name)
    if before == value:
        return
    if before is None:
        change = f"set({_script(name)}, {_script(str(value))})"
        st.html(_KEEP.format(change=change), unsafe_allow_javascript=True)
    elif value is None:
        del st.query_params[name]
    else:
        st.query_params[name] = value


def _script(text: str) -> str:
    """Write a text as JavaScript within HTML."""
    return json.dumps(text).replace("<", "\\u003c")


def empty(sentence: str, height: int) -> None:
    """Say what will appear here and what to do for it, in the space that it will take."""
    st.html(
        f'<div style="height:{height}px;display:flex;align-items:center;justify-content:center;'
        "text-align:center;border:1px dashed rgba(128,128,140,.45);border-radius:6px;"
        f'padding:0 12%;opacity:.75">{escape(sentence)}</div>'
    )
