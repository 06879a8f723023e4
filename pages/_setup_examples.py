"""Owns the example images of a project's classes: what is there, uploads, taking one away."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project
from alcore.services import guidelines
from alcore.web import remarks
from alcore.web.state import Store
from pages._setup_text import note, plain, refusal
from pages._shell import let_upload, uploaded
from pages._who import who


def examples_tab(store: Store, project: Project) -> None:
    """Show each class's examples; they stand beside the images on the Label page."""
    note(
        "What each class looks like, shown beside the images on the Label page. Labeled images "
        "become examples on the Review page; other pictures are added here. "
        f"At most {guidelines.MOST_EXAMPLES} per class."
    )
    if not project.classes:
        note("Examples appear here once the project has classes.")
        return
    slot = f"examples-{project.id}"
    names = {c.id: c.name for c in project.classes}
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    class_id = left.selectbox(
        "Class", list(names), format_func=names.__getitem__, key=f"{slot}-class"
    )
    # A new key empties the field once its pictures are in.
    times = st.session_state.setdefault(f"{slot}-times", 0)
    let_upload()
    files = right.file_uploader(
        "Pictures of this class",
        ["png", "jpg", "jpeg", "webp", "avif", "heic", "gif", "bmp", "tif", "tiff"],
        accept_multiple_files=True,
        key=f"{slot}-files-{times}",
    )
    if files:
        _upload(store, project, class_id, files, slot)
    examples = remarks.examples(project.id, who().id)
    if not examples:
        note("No class has an example yet.")
    for c in project.classes:
        if c.id in examples:
            st.markdown(f"**{plain(c.name)}**")
            _row(store, project, examples[c.id])


def _row(store: Store, project: Project, examples: list[dict[str, Any]]) -> None:
    with st.container(horizontal=True, gap="small"):
        for example in examples:
            with st.container(width=112, gap="xxsmall"):
                st.html(
                    f'<img src="{escape(example["src"])}" alt="{escape(example["name"])}" '
                    'style="width:96px;height:96px;object-fit:contain;border-radius:6px;'
                    'border:1px solid rgba(128,128,140,.45)">'
                )
                if st.button("Remove", key=f"danger-example-{example['id']}", width=96):
                    _remove(store, project, example["id"])


def _remove(store: Store, project: Project, example_id: int) -> None:
    _change(store, lambda who: guidelines.remove(store, project.id, who, example_id))


def _upload(store: Store, project: Project, class_id: int, files: list[Any], slot: str) -> None:
    def add(who: int) -> None:
        for file in files:
            with uploaded(file) as path:
                guidelines.upload(store, project.id, who, class_id, file.name, path)

    st.session_state[f"{slot}-times"] += 1
    _change(store, add)


def _change(store: Store, change: Callable[[int], None]) -> None:
    try:
        change(who().id)
    except AlcoreError as error:
        refusal(error)
        return
    st.rerun()
