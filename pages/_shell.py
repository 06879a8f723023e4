"""Owns what pages share: who is here, the choice of a project, and the empty state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import IO
from urllib.parse import unquote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from alcore.records import Project
from alcore.web import state
from pages._language import gettext

NEWCOMER = "me"
CHOOSER = "project-choice"
LONGEST_NAME = 60


def annotator_name() -> str:
    """Read the annotator's name: typed here, named in the link, or kept in the browser's cookie.

    It is not put into the address: a link that is passed on must not carry somebody's name.
    """
    cookie = unquote(st.context.cookies.get("alcore_annotator", ""))
    name = st.session_state.get("annotator") or st.query_params.get("annotator", "") or cookie
    return " ".join(name.split())[:LONGEST_NAME] or NEWCOMER


def choose_project(offered: Sequence[Project], more: str = "") -> Project | None:
    """Ask which project, in the head of every page; return it, or None for `more`.

    The address decides, else the one chosen before, else the first. `more` is an address that
    names no project; the page says what it means.
    """
    if not offered and not more:
        return None
    by_id = {str(project.id): project for project in offered}
    address = _project_asked(list(by_id), more)
    st.session_state[CHOOSER] = address if address in by_id else None
    with st.container(key="project-chooser", width=220):
        st.selectbox(
            gettext("Project"),
            list(by_id),
            format_func=lambda number: _named(by_id[number]),
            key=CHOOSER,
            on_change=_chosen,
            index=0 if address in by_id else None,
            placeholder="New project",
            label_visibility="collapsed",
        )
    return by_id.get(address)


def choose_ready(offered: Sequence[Project], what: str, height: int) -> Project | None:
    """Ask which project; None, having said when `what` appears, while it has no images."""
    there = [project for project in offered if project.state != "failed"]
    if not there:
        empty(
            gettext(
                "{what} appears here with the first project. Make one on the Set-up page.",
                what=what,
            ),
            height,
        )
        return None
    project = choose_project(there)
    if project is None or project.state == "ready":
        return project
    empty(
        gettext(
            "{what} of “{name}” appears here once its images are in. The Set-up page says how far "
            "they are.",
            what=what,
            name=project.name,
        ),
        height,
    )
    return None


def _project_asked(ids: Sequence[str], more: str) -> str:
    """Read which project is asked for; address and session keep it.

    Moving to another page clears the address, so the session remembers too.
    """
    address = st.query_params.get("project", "")
    if address not in ids and not (more and address == more):
        before = str(st.session_state.get("chosen_project", ""))
        address = before if before in ids else ids[0] if ids else more
    if address != more:
        st.session_state["chosen_project"] = int(address)
    keep_in_address("project", address)
    return address


def go_to_project(project_id: int) -> None:
    """Have every page show this project from now on.

    Both are kept at once: a quick click on another page, whose address names no project, may end
    this run before it reads its own address.
    """
    st.query_params["project"] = str(project_id)
    st.session_state["chosen_project"] = project_id


def _chosen() -> None:
    if st.session_state[CHOOSER] is not None:
        go_to_project(int(st.session_state[CHOOSER]))


def _named(project: Project) -> str:
    if project.archived_at is not None:
        return " · ".join((project.name, gettext("archived")))
    if project.state == "importing":
        return " · ".join((project.name, gettext("importing")))
    if project.state == "failed":
        return " · ".join((project.name, gettext("import failed")))
    return project.name


_KEEP = """<script>
(() => {{
  const address = new URL(location.href);
  address.searchParams.{change};
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}})();
</script>"""


_COOKIE = """<script>
document.cookie = {cookie} + (location.protocol === "https:" ? "; Secure" : "");
</script>"""
MONTH = 30 * 86_400


def keep_cookie(name: str, value: str) -> None:
    """Let the browser keep a short text for a month."""
    cookie = f"{name}={value}; path=/; max-age={MONTH}; SameSite=Lax"
    st.html(_COOKIE.format(cookie=_script(cookie)), unsafe_allow_javascript=True)


def let_upload() -> None:
    """Let who sees this page send files; who is shown no upload field cannot."""
    context = get_script_run_ctx()
    if context is not None:
        state.uploads().allow(context.session_id)


@contextmanager
def uploaded(file: IO[bytes]) -> Iterator[Path]:
    """Give the path of a file that came through an upload field; afterwards it is deleted.

    Raises InvalidSettings where it is gone.
    """
    file.seek(0)
    path = state.uploaded(file.read())
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


_PASTE = """<script>
(() => {
  if (window.alcorePaste) return;
  window.alcorePaste = true;
  document.addEventListener("paste", (event) => {
    const pictures = [...(event.clipboardData?.files ?? [])].filter((file) =>
      file.type.startsWith("image/"),
    );
    const places = [...document.querySelectorAll("[class*='st-key-takes-paste-']")];
    const field = places
      .filter((place) => place.checkVisibility())
      .map((place) => place.querySelector("input[type=file]"))
      .find((input) => input && !input.disabled);
    if (!field || !pictures.length) return;
    const transfer = new DataTransfer();
    for (const file of field.multiple ? pictures : pictures.slice(0, 1)) transfer.items.add(file);
    field.files = transfer.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  });
})();
</script>"""


@contextmanager
def takes_paste(name: str) -> Iterator[None]:
    """Let pasted pictures go the way of those that are dropped on the upload field in here.

    name: tells the fields of a page apart. Of several that are seen the first gets them.
    """
    st.html(_PASTE, unsafe_allow_javascript=True)
    with st.container(key=f"takes-paste-{name}"):
        yield


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
        f'<div style="min-height:{height}px;display:flex;align-items:center;justify-content:center;'
        "text-align:center;border:1px dashed rgba(128,128,140,.45);border-radius:6px;"
        f'padding:.6rem 12%;opacity:.75">{escape(sentence)}</div>'
    )
