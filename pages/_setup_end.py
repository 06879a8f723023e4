"""Owns the tab where a whole project is copied, archived or deleted."""

from __future__ import annotations

import time

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project
from alcore.services import projects, rights, whole_projects
from alcore.web.state import Store
from pages._setup_text import note, plain, refusal
from pages._who import who


def end_tab(store: Store, project: Project) -> None:
    """Offer to copy, archive or delete the project."""
    _copy(store, project)
    st.markdown("#### Archive this project")
    note(
        "It leaves the lists, the Label page and the dashboard, and what runs for it stops. "
        "It can be read, not changed. Nothing is deleted: images, labels, models and settings stay "
        "in the workspace, and you can take it back here at any time."
    )
    if st.button("Archive", icon=":material/archive:", key=f"danger-archive-{project.id}"):
        projects.archive(store, project.id, by=who().id)
        st.rerun()
    delete_for_good(store, project)


def archived(store: Store, project: Project) -> None:
    """Offer to take an archived project back, or to delete it."""
    since = time.strftime("%d %B %Y", time.localtime(project.archived_at))
    st.info(
        plain(f"Archived on {since}. Nothing was deleted: taken back, it goes on where it was."),
        icon=":material/archive:",
    )
    if st.button("Take it back", type="primary", key=f"back-{project.id}"):
        projects.archive(store, project.id, away=False, by=who().id)
        st.rerun()
    delete_for_good(store, project)


def _copy(store: Store, project: Project) -> None:
    try:
        rights.check(store, "make projects", who().id)
    except AlcoreError:
        return
    st.markdown("#### Copy this project")
    note(
        "A new project with the same images, classes and settings, such as to label them anew or "
        "to try other settings. Its images lie on the disk once more. Models are not copied."
    )
    left, right = st.columns(2, gap="large", vertical_alignment="bottom")
    name = left.text_input(
        "Name of the copy",
        key=f"copy-{project.id}-name",
        max_chars=projects.LONGEST_NAME,
        placeholder=f"{project.name} 2",
    )
    with_labels = right.checkbox("With its labels", key=f"copy-{project.id}-labels")
    if st.button("Copy", icon=":material/content_copy:", key=f"copy-{project.id}-do"):
        try:
            with st.spinner("Copying images and features"):
                new = whole_projects.copy(store, project.id, name, with_labels, who().id)
        except AlcoreError as error:
            refusal(error)
            return
        st.session_state["just-made"] = (str(new), time.monotonic())
        st.rerun()


def delete_for_good(store: Store, project: Project) -> None:
    """Offer to delete a project for real, once its name is typed."""
    st.markdown("#### Delete this project")
    weight = whole_projects.weigh(store, project.id)
    note(
        f"For good: {weight.images:,} images, {weight.labels:,} labels, {weight.models:,} models, "
        "settings and snapshots. What runs for it is ended first. Files in a folder that was left "
        f"in place stay there. This frees {whole_projects.disk_words(weight.size)} of the disk. "
        "It cannot be undone; only a backup brings it back."
    )
    typed = st.text_input(
        "Type the project's name to delete it",
        key=f"delete-{project.id}-name",
        placeholder=project.name,
    )
    if st.button(
        "Delete for good", icon=":material/delete_forever:", key=f"danger-delete-{project.id}"
    ):
        try:
            with st.spinner("Deleting it"):
                freed = whole_projects.delete(store, project.id, typed, who().id)
        except AlcoreError as error:
            refusal(error)
            return
        st.toast(f"Deleted; {plain(whole_projects.disk_words(freed.size))} are free again.")
        st.query_params.pop("project", None)
        st.session_state.pop("chosen_project", None)
        st.rerun()
