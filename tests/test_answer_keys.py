"""Owns the proof that owners alone read answer keys, and where files of the server lie."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made import Tab, web_store
from made import project as small_project
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore.records import NewEvent
from alcore.services import dashboard, listings, people, review
from alcore.store import Store, jobs
from alcore.store import projects as stored
from alcore.store.review import Filter
from alcore.store.tables import queue_item
from alcore.web import pictures, routes, state


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store that routes of this process open."""
    with web_store(tmp_path) as opened:
        yield opened


def owned(store: Store, known_classes: str = "answer key") -> tuple[Tab, Tab]:
    """An owner, and an annotator who has labeled an image."""
    made = small_project(store, 12, known_classes=known_classes)
    owner, ben = Tab(store, made, "Owner"), Tab(store, made, "Ben")
    people.set_role(store, made, None, owner.annotator.id, "owner")
    ben.answer(ben.next())
    return owner, ben


def names(tab: Tab, wanted: Filter) -> list[str]:
    page = review.page(tab.store, tab.project_id, tab.annotator.id, wanted, 0, 50)
    return [row.name for row in page.rows]


@pytest.mark.parametrize("known_classes", ["answer key", "labels"])
def test_file_names_are_for_owners_where_classes_are_known(
    store: Store, known_classes: str
) -> None:
    owner, ben = owned(store, known_classes)
    assert any(name.endswith(".png") for name in names(owner, Filter()))
    assert names(ben, Filter()) and not any(".png" in name for name in names(ben, Filter()))
    searched = Filter(name="nothing of this name")
    assert names(owner, searched) == [] and names(ben, searched) == names(ben, Filter())
    assert review.overview(store, ben.project_id, ben.annotator.id).names is False
    row = review.page(store, ben.project_id, ben.annotator.id, Filter(), 0, 1).rows[0]
    event = NewEvent(
        project_id=ben.project_id,
        item_id=row.item_id,
        annotator_id=ben.annotator.id,
        kind="label",
        class_id=ben.classes[1],
        key=uuid.uuid4().hex,
        created_at=time.time(),
    )
    mended = review.mend(store, event, row.event_id)
    assert ".png" not in mended.name
    assert ".png" not in review.undo(store, ben.wish(event.key)).name


def test_file_names_are_for_everybody_where_no_class_is_known(store: Store) -> None:
    _, ben = owned(store, "none")
    assert any(".png" in name for name in names(ben, Filter()))


def test_why_a_job_failed_is_told_to_owners(store: Store) -> None:
    owner, ben = owned(store)
    with store.write() as connection:
        jobs.request(connection, ben.project_id, "import", time.time())
        job = jobs.take(connection, ["import"], "w", time.time(), ben.project_id)
        jobs.fail(connection, job.id, job.attempt, time.time(), "/srv/hidden/cat.png is gone")
    assert "/srv" in owner.status()["job"]["error"]
    assert ben.status()["job"]["error"] == "The project's owners see why."


WHERE = {
    "the dashboard": lambda tab, kind: next(
        (job for job in vars(dashboard.activity(*who(tab))).values() if getattr(job, "id", 0)), None
    ),
    "the review": lambda tab, kind: review.overview(*who(tab)).job,
    "the api": lambda tab, kind: listings.all_jobs(*who(tab), 0, 9, kind)[0],
}
"""What shows jobs besides the board, by the name of the page."""


def who(tab: Tab) -> tuple[Store, int, int]:
    return tab.store, tab.project_id, tab.annotator.id


@pytest.mark.parametrize("where", WHERE)
def test_why_a_job_failed_is_told_to_owners_wherever_jobs_are_shown(
    store: Store, where: str
) -> None:
    owner, ben = owned(store)
    kind = "label_check" if where == "the review" else "features"
    with store.write() as connection:
        jobs.request(connection, ben.project_id, kind, time.time())
        job = jobs.take(connection, [kind], "w", time.time(), ben.project_id)
        jobs.fail(connection, job.id, job.attempt, time.time(), "/srv/hidden/cat.png is gone")
    assert "/srv" in WHERE[where](owner, kind).error
    assert WHERE[where](ben, kind).error == "The project's owners see why."


def test_what_a_model_says_of_an_image_is_for_who_is_asked_and_for_owners(store: Store) -> None:
    owner, ben = owned(store)
    http = TestClient(Starlette(routes=routes.routes()))
    mine = ben.next()
    with store.write() as connection:
        connection.execute(
            update(queue_item).values(suggestion=[0.9, 0.1], origin="query", score=1.0)
        )
        other = (
            connection.execute(
                select(queue_item.c.item_id).where(queue_item.c.item_id != mine.item_id)
            )
            .scalars()
            .first()
        )

    def told(tab: Tab, item_id: int) -> dict[str, Any]:
        ticket = state.tickets().issue(tab.project_id, tab.annotator.id)
        path = f"/board/{tab.project_id}/why/{item_id}"
        return http.get(path, headers={"X-Alcore-Ticket": ticket}).json()

    for tab, item_id in ((ben, mine.item_id), (owner, other)):
        assert told(tab, item_id)["suggestion"] and told(tab, item_id)["score"] == 1.0
    assert told(ben, other)["suggestion"] is None and told(ben, other)["score"] is None


def test_an_image_that_is_gone_does_not_say_where_it_lay(store: Store, tmp_path: Path) -> None:
    _, ben = owned(store)
    with store.write() as connection:
        place = {"kind": "folder", "path": "/srv/hidden", "copy": False}
        stored.set_source(connection, ben.project_id, place)
    http = TestClient(Starlette(routes=routes.routes()), raise_server_exceptions=False)
    answer = http.get(pictures.src(ben.project_id, 1, "0" * 12, ben.annotator.id))
    assert answer.status_code == 404 and "/srv" not in answer.text
    assert str(tmp_path) not in answer.text
