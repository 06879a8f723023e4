"""Owns the part of the set-up page about near-duplicates: looking, the groups, moving them."""

from __future__ import annotations

from html import escape

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project
from alcore.services import groups, near_duplicates
from alcore.services.near_duplicates import Member, Status
from alcore.web import pictures
from alcore.web.state import Store
from pages._jobs import JobButtons, failure, progress_bar, waiting
from pages._setup_text import note, refusal
from pages._who import check_still, who

SHOWN = 10
"""Groups on a page."""
MOST_MEMBERS = 24
"""Images of a group that are shown."""


def near_duplicates_of(store: Store, project: Project) -> None:
    """Say how many images are like others, show them in groups, and bring them together."""
    now = near_duplicates.status(store, project.id)
    label = "Near-duplicates"
    if now.grouping is not None:
        label += f": {now.grouping.groups:,} groups"
    with st.expander(label, icon=":material/filter_none:", key=f"near-{project.id}"):
        note(
            "Images so alike that a label on one says little that a label on the other does not: "
            "copies in another size, recompressed, lighter, or with some of the edge cut off. They "
            "lie all in the pool or all in the holdout, since a model that learned from one knows "
            "the other."
        )
        for text in near_duplicates.words(now):
            note(text)
        _search(store, project.id, now)
        if now.grouping is None:
            return
        _move(store, project.id, now)
        _groups(store, project, now)


def _search(store: Store, project_id: int, now: Status) -> None:
    job = now.job
    if job is not None and job.state in ("waiting", "running"):
        _follow(store, project_id)
        return
    buttons = JobButtons("near", store, project_id)
    if job is not None and job.state == "failed":
        failure("The search failed", job)
    label = "Look again" if now.compared else "Look for near-duplicates"
    buttons.draw(label, "search", near_duplicates.look, primary=not now.compared)


@st.fragment(run_every=1.0)
def _follow(store: Store, project_id: int) -> None:
    """Say how the search goes; the page is drawn anew at its end."""
    check_still("own", project_id)
    job = near_duplicates.job(store, project_id)
    if job is None or job.state not in ("waiting", "running"):
        st.rerun()
        return
    phase = waiting(job) if job.state == "waiting" else "Comparing the images"
    progress_bar(phase, "", job.progress)
    JobButtons("near", store, project_id).draw("Stop", "stop", near_duplicates.stop)


def _move(store: Store, project_id: int, now: Status) -> None:
    assert now.grouping is not None
    moves = now.grouping.to_holdout + now.grouping.to_pool
    label = "Move 1 image" if moves == 1 else f"Move {moves:,} images"
    if moves and st.button(label, key=f"near-move-{project_id}"):
        try:
            groups.bring_together(store, project_id, who().id)
        except AlcoreError as error:
            refusal(error)
        else:
            st.rerun()


def _groups(store: Store, project: Project, now: Status) -> None:
    """Show the groups, some at a time."""
    assert now.grouping is not None
    split_only = False
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if now.grouping.split:
            split_only = st.toggle("Only groups in both", key=f"near-split-{project.id}")
        total = now.grouping.split if split_only else now.grouping.groups
        pages = max(1, -(-total // SHOWN))
        place = 1
        if pages > 1:
            place = st.number_input(
                f"Page of {pages:,}", 1, pages, 1, key=f"near-page-{project.id}", width=140
            )
    shown, _ = near_duplicates.page(store, project.id, (int(place) - 1) * SHOWN, SHOWN, split_only)
    names = {c.id: c.name for c in project.classes}
    st.html("".join(_group(project, members, names) for members in shown))
    if any(member.split == "holdout" for members in shown for member in members):
        note("A dashed frame: in the holdout.")


def _group(project: Project, members: list[Member], names: dict[int, str]) -> str:
    tiles = "".join(_tile(project, member, names) for member in members[:MOST_MEMBERS])
    more = f", {len(members) - MOST_MEMBERS:,} more" if len(members) > MOST_MEMBERS else ""
    held = sum(member.split == "holdout" for member in members)
    where = "in the pool" if not held else "in the holdout"
    if 0 < held < len(members):
        where = f"{held:,} in the holdout, {len(members) - held:,} in the pool"
    return (
        f'<div class="su-group"><p>{len(members):,} images, {where}{more}</p>'
        f"<div>{tiles}</div></div>"
    )


def _tile(project: Project, member: Member, names: dict[int, str]) -> str:
    src = pictures.src(project.id, member.item_id, member.content_hash, who().id, small=True)
    label = names.get(member.class_id or 0, "no label")
    held = ' class="held"' if member.split == "holdout" else ""
    return (
        f'<figure{held} title="{escape(member.name)}"><img src="{escape(src)}" loading="lazy" '
        f'alt="{escape(member.name)}"><figcaption>{escape(label)}</figcaption></figure>'
    )
