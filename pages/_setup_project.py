"""Owns what the set-up page shows of one project: its import, settings, classes, end."""

from __future__ import annotations

import io
import time
from dataclasses import fields
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from alcore.config import ProjectSettings
from alcore.errors import AlcoreError, StaleSettings
from alcore.phrases import sentence
from alcore.records import Job, KnownClasses, Project
from alcore.services import folders, previews, projects, setup
from alcore.services.setup import ProjectLine
from alcore.spreadsheets import write_csv
from alcore.web import state
from alcore.web.state import Store
from pages._setup_addresses import addresses_of
from pages._setup_classes import classes_tab
from pages._setup_end import archived, end_tab
from pages._setup_examples import examples_tab
from pages._setup_features import features_of
from pages._setup_keys import keys_tab
from pages._setup_more import more_of
from pages._setup_near import near_duplicates_of
from pages._setup_originals import originals_of
from pages._setup_pretraining import pretraining_of
from pages._setup_progress import importing
from pages._setup_settings import Case, settings_fields
from pages._setup_text import figures, left_out, note, refusal, title
from pages._setup_watch import watch_of
from pages._who import owns, who

KNOWN_CLASSES_WORDS: dict[KnownClasses, str] = {
    "answer key": "The known classes are an answer key: hidden from annotators, they measure the "
    "model and simulate random labeling.",
    "labels": "The known classes were taken over as labels.",
    "none": "No classes were taken over from the files.",
}


def show_project(store: Store, line: ProjectLine, head: DeltaGenerator) -> None:
    """Draw everything about one project, its name in `head`."""
    project = line.project
    date = time.strftime("%d %B %Y", time.localtime(project.created_at))
    owner = owns(project.id)
    with head:
        place = line.place if owner else line.source
        size = f" · {line.images:,} images · {line.labels:,} labels"
        size = size if project.state == "ready" else ""
        title(project.name, f"{place}{size} · made on {date}")
    if not owner:
        st.info("Its owners alone change this project.", icon=":material/lock:")
        return
    if project.archived_at is not None:
        archived(store, project)
        return
    unfinished = project.state != "ready"
    if unfinished or _active(line.job) or (line.job and line.job.state != "done"):
        importing(store, project.id)
    if not unfinished:
        _links(project)
    _tabs(store, line)


def _links(project: Project) -> None:
    row = st.container(horizontal=True, gap="medium")
    for page, label, icon in (
        ("pages/label.py", "Label these images", ":material/label:"),
        ("pages/review.py", "Review", ":material/fact_check:"),
        ("pages/dashboard.py", "Dashboard", ":material/show_chart:"),
    ):
        row.page_link(page, label=label, icon=icon, query_params={"project": str(project.id)})


def _tabs(store: Store, line: ProjectLine) -> None:
    """Draw what an owner may change of a project, in tabs."""
    project = line.project
    unfinished = project.state != "ready"
    settings, classes, examples, keys, seen, pretraining, images, end = st.tabs(
        [
            "Settings",
            "Classes",
            "Examples",
            "Keys",
            "Features",
            "Pretraining",
            "Images",
            "Danger zone",
        ],
        default="Images" if unfinished else "Settings",
        key=f"tabs-{project.id}-{unfinished}",
    )
    with settings:
        _settings(store, line)
    with classes:
        classes_tab(store, project)
    with examples:
        examples_tab(store, project)
    with keys:
        keys_tab(store, project)
    with seen:
        if unfinished:
            note("Features are computed once the images are in.")
        else:
            features_of(store, project)
    with pretraining:
        if unfinished:
            note("Pretraining is possible once the images are in.")
        else:
            pretraining_of(store, project)
    with images:
        _images(store, line)
    with end:
        end_tab(store, project)


def _active(job: Job | None) -> bool:
    return job is not None and job.state in ("waiting", "running")


# -- settings ----------------------------------------------------------------------------------


def _settings(store: Store, line: ProjectLine) -> None:
    """Edit from the version that was on screen; what was typed stays until it is saved."""
    project, slot = line.project, f"editing-{line.project.id}"
    _, generation = st.session_state.setdefault(slot, (project, 0))
    place = st.empty()
    with place.container():
        untouched = _form(store, line, slot)
    if untouched:
        # Somebody else saved, and nothing was typed here: show theirs. Not by a new run, which
        # would swallow the click that caused this one.
        st.session_state[slot] = (project, generation + 1)
        with place.container():
            _form(store, line, slot)


def _form(store: Store, line: ProjectLine, slot: str) -> bool:
    """Draw the form; return whether it shows another version, with nothing typed into it."""
    project = line.project
    base, generation = st.session_state[slot]
    prefix = f"edit{project.id}-{generation}-"
    name = st.text_input(
        "Name of the project",
        base.name,
        key=f"{prefix}name",
        max_chars=projects.LONGEST_NAME,
        persist_state="session",
    )
    try:
        typed = settings_fields(_case(store, prefix, line, base), base.settings)
    except AlcoreError as error:
        refusal(error)
        return False
    changes = _changes(base, typed, name)
    overtaken = project.version != base.version
    if overtaken and not changes:
        return True
    if _save_bar(slot, prefix, changes):
        _save(store, slot, base, generation, typed, name)
    if overtaken:
        _overtaken(store, project, slot, generation, typed, name)
    return False


def _changes(base: Project, typed: ProjectSettings, name: str) -> list[str]:
    """Name the settings that were changed and not saved."""
    changes = [
        f.name.replace("_", " ")
        for f in fields(typed)
        if getattr(typed, f.name) != getattr(base.settings, f.name)
    ]
    return changes if name.strip() == base.name else ["name", *changes]


def _save_bar(slot: str, prefix: str, changes: list[str]) -> bool:
    """Say what is not saved yet, in sight however far one scrolls; tell whether to save it."""
    with st.container(horizontal=True, vertical_alignment="center", key="save-bar"):
        # Never switched off: a click that ends typing in a field comes before what was typed.
        pressed = st.button("Save", type="primary", key=f"{prefix}save")
        if changes:
            base, generation = st.session_state[slot]
            st.button(
                "Discard",
                key=f"{prefix}discard",
                on_click=st.session_state.update,
                args=({slot: (base, generation + 1)},),
            )
            st.html(f'<p class="su-unsaved">Not saved yet: {escape(", ".join(changes))}</p>')
        elif st.session_state.pop(f"{slot}-saved", False):
            note("Saved.")
        else:
            note("Nothing to save: nothing was changed.")
    return pressed and bool(changes)


def _case(store: Store, prefix: str, line: ProjectLine, base: Project) -> Case:
    project = line.project
    _, known_classes = setup.source_of(store, project.id)
    return Case(
        prefix=prefix,
        holdout="share" if known_classes != "none" else "questions",
        has_key=project.has_key,
        resolutions=setup.resolutions(None, base.settings.resolution),
        images=line.images - line.holdout,
        classes=len(project.classes),
        images_at=lambda side: previews.samples(store, project),
        estimators=setup.estimators_offered(store),
        imported=line.holdout if project.state == "ready" else None,
    )


def _save(
    store: Store,
    slot: str,
    base: Project,
    generation: int,
    typed: ProjectSettings,
    name: str,
) -> None:
    try:
        if _files(typed) != _files(base.settings):
            folders.check_settings(state.folders(), typed)
        projects.edit(store, base, typed, name, by=who().id)
    except StaleSettings:
        st.rerun()
    except AlcoreError as error:
        refusal(error)
        return
    st.session_state[slot] = (projects.get(store, base.id), generation + 1)
    st.session_state[f"{slot}-saved"] = True
    st.rerun()


def _files(settings: ProjectSettings) -> tuple[str, str]:
    """Return the files that settings name."""
    return settings.learner.weights_file, settings.learner.extractor_file


def _overtaken(
    store: Store,
    project: Project,
    slot: str,
    generation: int,
    typed: ProjectSettings,
    name: str,
) -> None:
    """Say that somebody else saved meanwhile; what was typed here is still here."""
    st.warning(
        "Somebody else saved these settings since you opened them. Yours are not saved, and are "
        "still above.",
        icon=":material/group:",
    )
    row = st.container(horizontal=True)
    if row.button("Save mine over theirs", key=f"danger-{slot}-mine"):
        _save(store, slot, project, generation, typed, name)
    if row.button("Show theirs", key=f"{slot}-theirs"):
        st.session_state[slot] = (project, generation + 1)
        st.rerun()


# -- images ------------------------------------------------------------------------------------


def _images(store: Store, line: ProjectLine) -> None:
    project = line.project
    _, known_classes = setup.source_of(store, project.id)
    if _active(line.job) and project.state != "ready":
        note("What came in, and what was left out and why, appears here once the import ends.")
        return
    report = setup.report(store, project.id)
    figures(
        {
            "imported": f"{report.images:,}",
            "in the holdout": f"{report.holdout:,}",
            "left out": f"{len(report.left_out):,}",
            "labels": f"{line.labels:,}",
        }
    )
    note(f"Source: {line.place}.")
    note(KNOWN_CLASSES_WORDS[known_classes])
    for text in setup.import_notes(store, project.id):
        note(sentence(text))
    if project.state == "ready":
        originals_of(store, project.id)
        more_of(store, project)
        addresses_of(store, project)
        watch_of(store, project)
        near_duplicates_of(store, project)
    if report.left_out:
        out = io.StringIO()
        write_csv(out, ["file", "reason"], setup.shown_rows(report.left_out))
        left_out(f"{project.id}", report.left_out, out.getvalue())
    elif project.state == "ready":
        note("No file was left out.")
