"""Owns the form for a new project."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from alcore.config import ProjectSettings
from alcore.errors import AlcoreError
from alcore.records import KnownClasses
from alcore.services import folders, metadata, previews, projects, setup
from alcore.services.metadata import Wish
from alcore.services.setup import SourcePreview
from alcore.web import state
from alcore.web.palette import class_colours
from alcore.web.state import Store
from pages._setup_known import known_fields
from pages._setup_settings import Case, settings_fields
from pages._setup_source import Spec, choose_source, look_at
from pages._setup_text import chips, note, refusal, title

KNOWN_CLASSES: dict[KnownClasses, tuple[str, str]] = {
    "answer key": (
        "An answer key",
        "hidden from annotators; measures the model and simulates random labeling",
    ),
    "labels": ("Existing labels", "already answered; the model learns from them at once"),
    "none": ("Nothing", "left aside; the classes are typed here"),
}

SETTLING = 3.0
"""Seconds in which a page may still send the name that was suggested for another source."""
MADE = ("digits", "shapes", "torchvision")
"""Kinds of sources of whose images no table tells more."""


def new_project(store: Store, head: DeltaGenerator) -> int | None:
    """Draw the form, its title in `head`; return the id of the project once it is made."""
    generation = st.session_state.setdefault("new-generation", 0)
    prefix = f"new{generation}-"
    with head:
        title("New project", "Choose images, look at them, press Create. The rest can wait.")
    left, right = st.columns([1, 1.5], gap="large")
    with left:
        spec = choose_source(store, prefix)
    with right, st.container(key=f"{prefix}found"):
        look = look_at(store, prefix, spec)
    if spec is None or look is None:
        st.button("Create", type="primary", disabled=True, key=f"{prefix}create-off")
        return None
    st.divider()
    left, right = st.columns([1, 1.5], gap="large")
    with left:
        name = _name(store, prefix, spec)
    with right:
        known_classes, names = _classes(prefix, look)
    wish = Wish() if spec["kind"] in MADE else _known(store, prefix)
    settings = _settings(store, prefix, look, known_classes)
    ready = settings is not None and wish is not None
    pressed = st.button("Create", type="primary", disabled=not ready, key=f"{prefix}create")
    if not pressed or settings is None or wish is None:
        return None
    try:
        folders.check_settings(state.folders(), settings)
        project_id = projects.create(store, name, spec, known_classes, settings, names)
        metadata.before_import(store, project_id, wish)
    except AlcoreError as error:
        refusal(error)
        return None
    # From here on this form is spent: a second click finds another one.
    st.session_state["new-generation"] = generation + 1
    return project_id


def _name(store: Store, prefix: str, spec: Spec) -> str:
    """Ask for the name; one that was suggested follows the source.

    A click that comes with a change of the source still brings what was suggested before it. What
    is set here replaces what somebody is typing, so nothing is set that has not changed.
    """
    key, last, before = f"{prefix}name", f"{prefix}suggested", f"{prefix}suggested-before"
    name, suggested = st.session_state.get(key), st.session_state.get(last)
    earlier, until = st.session_state.get(before, (None, 0.0))
    if name == suggested or (name == earlier and time.monotonic() < until):
        new = setup.free_name(store, spec)
        if new != suggested:
            st.session_state[before] = (suggested, time.monotonic() + SETTLING)
        if (name, suggested) != (new, new):
            st.session_state[key] = st.session_state[last] = new
    return st.text_input(
        "Name of the project", key=key, persist_state="session", max_chars=projects.LONGEST_NAME
    )


def _classes(prefix: str, look: SourcePreview) -> tuple[KnownClasses, list[str]]:
    known_classes: KnownClasses = "none"
    if look.summary.classes:
        known_classes = st.radio(
            "The known classes are",
            list(KNOWN_CLASSES),
            format_func=lambda r: KNOWN_CLASSES[r][0],
            captions=[KNOWN_CLASSES[r][1] for r in KNOWN_CLASSES],
            key=f"{prefix}role",
            persist_state="session",
        )
        if known_classes != "none":
            return known_classes, []
    typed = st.text_area(
        "Classes",
        key=f"{prefix}classes-typed",
        persist_state="session",
        height=110,
        placeholder="one per line, or separated by commas",
        help="More can be added at any time, also while labeling",
    )
    names = setup.split_classes(typed)
    if names:
        chips([(name, "") for name in names], class_colours(len(names)))
    else:
        note("May stay empty for now: classes can be added later, also on the Label page.")
    return known_classes, names


def _known(store: Store, prefix: str) -> Wish | None:
    """Ask what is known of the images; None where what was said cannot be."""
    try:
        return known_fields(store, prefix)
    except AlcoreError as error:
        refusal(error)
        return None


def _settings(
    store: Store, prefix: str, look: SourcePreview, known_classes: KnownClasses
) -> ProjectSettings | None:
    has_classes = bool(look.summary.classes) and known_classes != "none"
    has_test = has_classes and look.summary.has_test
    start = ProjectSettings(resolution=look.resolution, augmentation=look.augmentation)
    case = Case(
        prefix=prefix,
        holdout="given" if has_test else "share" if has_classes else "questions",
        has_key=has_classes and known_classes == "answer key",
        resolutions=setup.resolutions(look.side, look.resolution),
        images=look.summary.total,
        classes=len(look.summary.classes),
        images_at=lambda side: previews.samples_of(look.pictures, side),
        estimators=setup.estimators_offered(store),
    )
    with st.expander("Settings", icon=":material/tune:", key=f"{prefix}settings"):
        note("These suit most projects. All but holdout and seed can be changed later.")
        try:
            return settings_fields(case, start)
        except AlcoreError as error:
            refusal(error)
            return None
