"""Owns the proof of notes, suggestions, comments and examples: stored, served, exported."""

from __future__ import annotations

import io
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import made
import pytest
from PIL import Image
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore.config import Workspace
from alcore.errors import InvalidSettings, UnknownItem, UnreadableImage
from alcore.services import comments, guidelines, labeling, projects, remark_table
from alcore.spreadsheets import write_csv
from alcore.store import Store
from alcore.store.tables import label_event
from alcore.web import remarks, routes, state


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def tab(store: Store) -> made.Tab:
    return made.Tab(store, made.project(store))


def comment(tab: made.Tab, item_id: int, words: str, key: str | None = None) -> None:
    comments.add(
        tab.store,
        tab.project_id,
        tab.annotator.id,
        key=key or uuid.uuid4().hex,
        item_id=item_id,
        text=words,
    )


def png(side: int = 40) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(out, "PNG")
    return out.getvalue()


# -- notes and suggestions ---------------------------------------------------------------------


def answer(tab: made.Tab, kind: str, **more: object) -> object:
    lease = tab.next()
    event, _ = labeling.answer(tab.store, tab.event(lease, kind=kind, **more))
    with tab.store.read() as connection:
        return connection.execute(select(label_event).where(label_event.c.id == event)).one()


def test_an_unsure_answer_keeps_its_note(tab: made.Tab) -> None:
    row = answer(tab, "unsure", suggestion_shown=False, note="  cut off at the edge ")
    assert (row.kind, row.note) == ("unsure", "cut off at the edge")
    assert answer(tab, "unsure", suggestion_shown=False).note is None


def test_a_label_keeps_the_suggestion_that_was_shown_and_its_model(tab: made.Tab) -> None:
    shown = {"suggested_class": tab.classes[1], "suggested_by": 7}
    row = answer(tab, "label", suggestion_shown=True, **shown)
    assert (row.suggestion_shown, row.suggested_class, row.suggested_by) == (
        True,
        tab.classes[1],
        7,
    )
    row = answer(tab, "label", suggestion_shown=False, **shown)
    assert (row.suggestion_shown, row.suggested_class, row.suggested_by) == (False, None, None)


def test_the_suggestion_of_a_class_of_another_project_is_refused(tab: made.Tab) -> None:
    other = made.Tab(tab.store, made.project(tab.store, name="birds"))
    with pytest.raises(UnknownItem, match="no class"):
        answer(tab, "label", suggestion_shown=True, suggested_class=other.classes[0])


# -- comments ----------------------------------------------------------------------------------


def test_comments_are_kept_in_order_and_counted_with_the_image(tab: made.Tab) -> None:
    item = tab.next().item_id
    comment(tab, item, "a hand is in the way")
    comment(made.Tab(tab.store, tab.project_id, "Ben"), item, " same here ")
    found = comments.of_item(tab.store, tab.project_id, item)
    assert [(c.annotator, c.text) for c in found] == [
        ("Ana", "a hand is in the way"),
        ("Ben", "same here"),
    ]
    lease, _ = tab.revisit(item)
    assert lease.comments == 2
    assert tab.next().comments == 0


def test_a_comment_that_is_sent_again_is_there_once(tab: made.Tab) -> None:
    item = tab.next().item_id
    for _ in range(2):
        comment(tab, item, "once", key="k1")
    assert len(comments.of_item(tab.store, tab.project_id, item)) == 1


def test_empty_and_overlong_comments_and_those_on_other_projects_are_refused(
    tab: made.Tab,
) -> None:
    item = tab.next().item_id
    for words in ("  ", "x" * 2_001):
        with pytest.raises(InvalidSettings, match="1 to 2000"):
            comment(tab, item, words)
    elsewhere = made.Tab(tab.store, made.project(tab.store, name="birds")).next().item_id
    with pytest.raises(UnknownItem):
        comment(tab, elsewhere, "not mine")


# -- examples ----------------------------------------------------------------------------------


def test_an_item_becomes_an_example_once_and_stops_being_one(tab: made.Tab) -> None:
    item = tab.next().item_id
    for _ in range(2):
        guidelines.choose(tab.store, tab.project_id, tab.annotator.id, item, tab.classes[0])
    (found,) = guidelines.of_project(tab.store, tab.project_id)
    assert (found.item_id, found.class_id, found.name) == (item, tab.classes[0], "image 0.png")
    guidelines.remove(tab.store, tab.project_id, tab.annotator.id, found.id)
    assert guidelines.of_project(tab.store, tab.project_id) == []


def file_sent(tab: made.Tab, data: bytes) -> Path:
    path = tab.store.workspace.root / "sent"
    path.write_bytes(data)
    return path


def test_an_uploaded_example_is_encoded_anew_and_small(tab: made.Tab) -> None:
    args = (tab.store, tab.project_id, tab.annotator.id, tab.classes[1])
    guidelines.upload(*args, "cat.png", file_sent(tab, png(2_000)))
    (found,) = guidelines.of_project(tab.store, tab.project_id)
    assert (found.item_id, found.name) == (None, "cat.png")
    shown = guidelines.picture(tab.store, tab.project_id, found.id)
    pixels, mime = shown.read(), shown.mime
    assert mime == "image/jpeg"
    assert Image.open(io.BytesIO(pixels)).size == (512, 512)
    with pytest.raises(UnreadableImage):
        guidelines.upload(*args, "x.png", file_sent(tab, b"<script>"))


def test_a_class_has_room_for_few_examples(tab: made.Tab) -> None:
    for i in range(guidelines.MOST_EXAMPLES):
        args = (tab.store, tab.project_id, tab.annotator.id, tab.classes[0])
        guidelines.upload(*args, f"{i}.png", file_sent(tab, png()))
    with pytest.raises(InvalidSettings, match="8 examples at most"):
        guidelines.upload(*args, "9.png", file_sent(tab, png()))
    other = made.Tab(tab.store, made.project(tab.store, name="birds"))
    with pytest.raises(UnknownItem, match="no class"):
        guidelines.upload(*args[:3], other.classes[0], "9.png", file_sent(tab, png()))


# -- what leaves alcore ------------------------------------------------------------------------


def test_the_export_says_what_was_suggested_noted_and_commented(tab: made.Tab) -> None:
    shown = {"suggested_class": tab.classes[1], "suggested_by": 7}
    labeled = answer(tab, "label", suggestion_shown=True, **shown)
    plain = answer(tab, "label", suggestion_shown=False)
    unsure = answer(tab, "unsure", suggestion_shown=False, note="too dark")
    untouched = tab.next().item_id
    comment(tab, labeled.item_id, "=a wide cat")
    comment(tab, labeled.item_id, "indeed")
    comment(tab, untouched, "what is this?")
    first, second = made.label_rows(tab.store, tab.project_id)
    assert first["suggestion shown"] and not second["suggestion shown"]
    assert (first["suggested class"], first["suggesting model"]) == ("dog", 7)
    assert (second["item"], second["suggested class"]) == (plain.item_id, None)
    assert first["comments"] == "Ana: =a wide cat | Ana: indeed"
    said = remark_table.rows(tab.store, tab.project_id)
    assert [(r["item"], r["kind"], r["class"], r["text"]) for r in said] == [
        (labeled.item_id, "comment", "cat", "=a wide cat"),
        (labeled.item_id, "comment", "cat", "indeed"),
        (unsure.item_id, "unsure", None, "too dark"),
        (untouched, "comment", None, "what is this?"),
    ]
    out = io.StringIO()
    assert write_csv(out, remark_table.COLUMNS, said) == 4
    assert "'=a wide cat" in out.getvalue()


# -- over HTTP ---------------------------------------------------------------------------------


@pytest.fixture
def web(workspace: Workspace) -> Iterator[Store]:
    with made.web_store(workspace.root) as opened:
        yield opened


def test_the_board_comments_and_sees_examples_over_http(web: Store) -> None:
    tab = made.Tab(web, made.project(web))
    http = TestClient(Starlette(routes=routes.routes()), base_url="http://127.0.0.1:8501")
    headers = {"X-Alcore-Ticket": state.tickets().issue(tab.project_id, tab.annotator.id)}
    item = tab.next().item_id
    board = f"/board/{tab.project_id}"
    body = {"key": "k", "item": item, "text": "blurred"}
    posted = http.post(f"{board}/comment", json=body, headers=headers)
    read = http.get(f"{board}/comments/{item}", headers=headers)
    assert posted.json() == read.json()
    assert [(c["who"], c["text"]) for c in read.json()["comments"]] == [("Ana", "blurred")]
    assert http.post(f"{board}/comment", json=body).status_code == 401
    empty = http.post(f"{board}/comment", json=body | {"key": "l", "text": " "}, headers=headers)
    assert empty.status_code == 422

    cat, dog = tab.classes
    guidelines.choose(web, tab.project_id, tab.annotator.id, item, cat)
    guidelines.upload(web, tab.project_id, tab.annotator.id, dog, "dog.png", file_sent(tab, png()))
    found = remarks.examples(tab.project_id, tab.annotator.id)
    assert found[cat][0]["item"] == item and f"/pixels/{item}?" in found[cat][0]["src"]
    picture = http.get(found[dog][0]["src"])
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (40, 40)
    assert http.get(found[dog][0]["src"].split("?")[0]).status_code == 401

    tab.client = "tab"
    (image,) = http.post(
        f"{board}/claim", json={"client": "tab", "count": 1}, headers=headers
    ).json()["images"]
    assert image["comments"] == 0
    sent = http.post(
        f"{board}/answer",
        headers=headers,
        json={
            "key": "a",
            "client": "tab",
            "token": image["token"],
            "item": image["item"],
            "kind": "unsure",
            "note": "too dark",
            "suggestion_shown": True,
            "suggested": dog,
            "suggested_by": 3,
        },
    )
    assert sent.status_code == 200, sent.text
    with web.read() as connection:
        row = connection.execute(select(label_event).where(label_event.c.key == "a")).one()
    assert (row.note, row.suggested_class, row.suggested_by) == ("too dark", dog, 3)


# -- from the version before -------------------------------------------------------------------


def test_a_workspace_of_the_first_version_keeps_its_labels(bare_workspace: Workspace) -> None:
    made.old_database(bare_workspace, "0001")
    with sqlite3.connect(bare_workspace.database) as old:
        for row in (
            "annotator (id, name, created_at) VALUES (1, 'Ana', 0)",
            "project (id, name, settings, state, source, role, created_at)"
            " VALUES (1, 'old', '{}', 'ready', '{}', 'none', 0)",
            "project_class (id, project_id, name, position, created_at) VALUES (1, 1, 'cat', 0, 0)",
            "item (id, project_id, position, name, content_hash, width, height, split)"
            " VALUES (1, 1, 0, 'a.png', 'h', 8, 8, 'pool')",
            "label_event (project_id, item_id, annotator_id, kind, class_id, key, created_at,"
            " origin) VALUES (1, 1, 1, 'label', 1, 'k', 5, 'query')",
        ):
            old.execute(f"INSERT INTO {row}")
    old.close()
    store = Store.open(bare_workspace)
    assert projects.get(store, 1).classes[0].name == "cat"
    ((event, _),) = labeling.history(store, 1, 1, 10)
    assert (event.class_id, event.created_at) == (1, 5)
    tab = made.Tab(store, 1)
    comment(tab, 1, "still here")
    lease, current = tab.revisit(1)
    assert (current, lease.comments) == (1, 1)
    tab.answer(lease, kind="unsure")
    assert tab.revisit(1)[1] is None
    store.close()
