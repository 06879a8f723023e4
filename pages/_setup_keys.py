"""Owns the editor of a project's own keys on the labeling board."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project
from alcore.services import keys
from alcore.web.state import Store
from pages._setup_text import note, refusal
from pages._who import who


def keys_tab(store: Store, project: Project) -> None:
    """List all keys and give one of them to something else."""
    rows = keys.table(project)
    names = {row.target: row.name for row in rows}
    slot = f"keys-{project.id}-{project.version}"
    note(
        "What each key of the Label page does. A key can be moved; two things never share one. "
        "Esc, and Ctrl+Z for undo, stay as they are."
    )
    a, b, c = st.columns([2, 2, 1], vertical_alignment="bottom")
    target = a.selectbox("What", list(names), format_func=names.__getitem__, key=f"{slot}-what")
    typed = b.text_input(
        "New key",
        key=f"{slot}-{target}-key",
        max_chars=20,
        placeholder="q, 7, Shift+3, Space …",
        help="Empty: the standard key",
    )
    if c.button("Set", key=f"{slot}-set", width="stretch"):
        _save(lambda: keys.set_key(store, project, target, typed, who().id))
    if project.settings.keys and st.button("All standard keys", key=f"{slot}-standard"):
        _save(lambda: keys.reset(store, project, who().id))
    st.dataframe(
        [{"what": r.name, "keys": " or ".join(r.keys), "own": r.own} for r in rows],
        hide_index=True,
        height=420,
        key=f"{slot}-table",
        column_config={
            "what": "Class or action",
            "keys": "Key",
            "own": st.column_config.CheckboxColumn("Changed"),
        },
    )


def _save(change: Callable[[], None]) -> None:
    try:
        change()
    except AlcoreError as error:
        refusal(error)
        return
    st.rerun()
