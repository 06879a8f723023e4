"""Owns the tab where a project's classes are added, named, ordered, merged and deleted."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from html import escape

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project
from alcore.services import classes, setup
from alcore.services.classes import ClassLine
from alcore.web.palette import class_colours
from alcore.web.state import Store
from pages._setup_text import chips, note, plain, refusal
from pages._who import who

TAKE_BACK, MOVE = (
    "They are taken back, and their images are asked again",
    "They count as another class",
)


def classes_tab(store: Store, project: Project) -> None:
    """List the classes with their labels, and change them."""
    lines = classes.overview(store, project.id)
    if not lines:
        note("No classes yet. Add them here, or on the Label page as they turn up.")
    else:
        note("Classes with their labels. Keys on the Label page follow this order.")
        chips([(c.of.name, f"{c.labels:,}") for c in lines], class_colours(len(lines)))
        for one, other in classes.alike(c.of.name for c in lines)[:5]:
            note(f"“{one}” and “{other}” differ in capitals alone, and are two classes.")
    slot = f"classes-{project.id}"
    generation = st.session_state.setdefault(slot, 0)
    actions: dict[str, Callable[[Store, Project, list[ClassLine], str], None]] = {
        "Add": _add,
        "Rename": _rename,
        "Order": _order,
        "Merge": _merge,
        "Delete": _delete,
    }
    if not lines:
        actions = {"Add": _add}
    elif len(lines) < 2:
        del actions["Order"], actions["Merge"]
    choice = st.segmented_control(
        "What to do",
        list(actions),
        default="Add",
        required=True,
        key=f"{slot}-action",
        label_visibility="collapsed",
    )
    actions.get(choice or "Add", _add)(store, project, lines, f"{slot}-{generation}")
    _log(store, project, slot)


def _done(slot: str) -> None:
    """Draw anew, with fields that are empty again."""
    name = slot.rpartition("-")[0]
    st.session_state[name] += 1
    st.rerun()


def _try(slot: str, change: Callable[[], object]) -> None:
    try:
        change()
    except AlcoreError as error:
        refusal(error)
    else:
        _done(slot)


def _choice(label: str, lines: list[ClassLine], key: str, help_text: str | None = None) -> int:
    names_of = {c.of.id: c.of.name for c in lines}
    class_id: int = st.selectbox(
        label, list(names_of), format_func=names_of.__getitem__, key=key, help=help_text
    )
    return class_id


def _add(store: Store, project: Project, lines: list[ClassLine], slot: str) -> None:
    typed = st.text_area(
        "New classes",
        key=f"{slot}-add",
        persist_state="session",
        height=110,
        placeholder="one per line, or separated by commas",
        help="Possible at any time. The next model knows them once they have labels.",
    )
    if st.button("Add", key=f"{slot}-do-add"):
        new = setup.split_classes(typed)
        _try(slot, lambda: classes.add(store, project.id, new, by=who().id))


def _rename(store: Store, project: Project, lines: list[ClassLine], slot: str) -> None:
    class_id = _choice("Class", lines, f"{slot}-which")
    (line,) = (c for c in lines if c.of.id == class_id)
    left, right = st.columns(2, gap="large")
    with left:
        name = st.text_input(
            "New name",
            key=f"{slot}-{class_id}-name",
            max_chars=classes.LONGEST_NAME,
            placeholder=line.of.name,
            help="Its labels stay with it",
        )
        if st.button("Rename", key=f"{slot}-do-rename"):
            _try(slot, lambda: classes.rename(store, project.id, class_id, name, by=who().id))
    with right:
        text = st.text_area(
            "What belongs to it",
            line.of.description,
            key=f"{slot}-{class_id}-text",
            max_chars=classes.LONGEST_DESCRIPTION,
            height=110,
            help="Annotators read it beside the class's examples.",
        )
        if st.button("Describe", key=f"{slot}-do-describe"):
            _try(slot, lambda: classes.describe(store, project.id, class_id, text, by=who().id))


def _order(store: Store, project: Project, lines: list[ClassLine], slot: str) -> None:
    """Move one class at a time; the choice stays, so that it can be moved on."""
    order = [c.of.id for c in lines]
    class_id = _choice("Class", lines, f"order-{project.id}-which")
    place = order.index(class_id)
    row = st.container(horizontal=True)
    for word, to, icon in (
        ("First", 0, "vertical_align_top"),
        ("Up", place - 1, "arrow_upward"),
        ("Down", place + 1, "arrow_downward"),
        ("Last", len(order) - 1, "vertical_align_bottom"),
    ):
        pressed = row.button(
            plain(word),
            icon=f":material/{icon}:",
            key=f"order-{project.id}-{word}",
            disabled=not 0 <= to < len(order) or to == place,
        )
        if pressed:
            others = [c for c in order if c != class_id]
            others.insert(to, class_id)
            _try(slot, partial(classes.order, store, project.id, others, by=who().id))
    note(f"It is number {place + 1} of {len(order)}. Keys, charts and exports follow the order.")


def _merge(store: Store, project: Project, lines: list[ClassLine], slot: str) -> None:
    names_of = {c.of.id: c.of.name for c in lines}
    left, right = st.columns(2, gap="large")
    with left:
        merged = st.multiselect(
            "Classes",
            list(names_of),
            format_func=names_of.__getitem__,
            key=f"{slot}-merged",
            placeholder="one or more",
        )
    with right:
        rest = [c for c in lines if c.of.id not in merged]
        if not rest:
            note("One class must be left to merge them into.")
            return
        into = _choice("Merge them into", rest, f"{slot}-into")
    images = sum(c.votes for c in lines if c.of.id in merged)
    if merged:
        many = "1 image counts" if images == 1 else f"{images:,} images count"
        note(
            f"{many} as {names_of[into]} from then on, in models and exports "
            "too, and a new model is trained. Answers that are still on their way arrive as "
            f"{names_of[into]}. It can be undone."
        )
    if st.button("Merge", key=f"danger-{slot}-do-merge", disabled=not merged):
        _try(slot, lambda: classes.merge(store, project.id, merged, into, by=who().id))


def _delete(store: Store, project: Project, lines: list[ClassLine], slot: str) -> None:
    class_id = _choice("Class", lines, f"{slot}-deleted")
    (line,) = (c for c in lines if c.of.id == class_id)
    rest = [c for c in lines if c.of.id != class_id]
    move_to, take_back = None, False
    if line.votes:
        many = "1 image" if line.votes == 1 else f"{line.votes:,} images"
        fate = st.radio(
            f"Its labels on {many}",
            [TAKE_BACK, MOVE] if rest else [TAKE_BACK],
            index=None,
            key=f"{slot}-{class_id}-fate",
        )
        if fate == MOVE:
            move_to = _choice("Class that they count as", rest, f"{slot}-{class_id}-to")
        take_back = fate == TAKE_BACK
    else:
        note("It has no labels.")
    if project.has_key:
        note("Images that the answer key has of it are measured no more, unless its labels move.")
    ready = not line.votes or take_back or move_to is not None
    if st.button("Delete", key=f"danger-{slot}-do-delete", disabled=not ready):
        _try(
            slot,
            lambda: classes.delete(
                store, project.id, class_id, move_to=move_to, take_back=take_back, by=who().id
            ),
        )


def _log(store: Store, project: Project, slot: str) -> None:
    """List what was done, and offer to undo the newest of it."""
    events = classes.changes(store, project.id)
    if not events:
        return
    newest = classes.newest_change(store, project.id)
    st.markdown("#### What was changed")
    if newest is not None:
        what = next((classes.words(e) for e in events if e.id == newest), "the change before these")
        row = st.container(horizontal=True, vertical_alignment="center")
        if row.button("Undo", icon=":material/undo:", key=f"{slot}-undo-{newest}"):
            generation = st.session_state[slot]
            _try(
                f"{slot}-{generation}",
                lambda: classes.undo(store, project.id, newest, by=who().id),
            )
        row.markdown(f"the newest: {plain(what)}")
    rows = "".join(
        f"<li{' class=undone' if event.undone else ''}><time>{_at(event.created_at)}</time> "
        f"{escape(event.who or 'command line')} {escape(classes.words(event))}"
        f"{' · undone' if event.undone else ''}</li>"
        for event in events
    )
    st.html(f'<ul class="su-log">{rows}</ul>')


def _at(at: float) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(at)).lstrip("0")
