"""Owns the proof of the review page's answers: which items, in which order, mended how."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import made
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore.config import Workspace
from alcore.errors import InvalidSettings, LeaseExpired, NotAllowed, NothingToUndo, UnknownItem
from alcore.records import NewEvent
from alcore.services import comments, review
from alcore.services.review import Filter
from alcore.store import Store, label_checks, labels, members
from alcore.store.tables import gold, item
from alcore.web import routes, state


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def ana(store: Store) -> made.Tab:
    return made.Tab(store, made.project(store))


def tab(other: made.Tab, name: str) -> made.Tab:
    return made.Tab(other.store, other.project_id, name)


def shown(who: made.Tab, view: str = "all", offset: int = 0, n: int = 48, **only: object) -> list:
    wanted = Filter(view, **only)
    page = review.page(who.store, who.project_id, who.annotator.id, wanted, offset, n)
    rows = page.rows
    if offset == 0 and n == 48:
        assert page.total == len(rows)
    return list(rows)


def mend(who: made.Tab, row: object, class_index: int, key: str | None = None) -> object:
    event = NewEvent(
        project_id=who.project_id,
        item_id=row.item_id,
        annotator_id=who.annotator.id,
        kind="label",
        class_id=who.classes[class_index],
        key=key or uuid.uuid4().hex,
        created_at=time.time(),
    )
    return review.mend(who.store, event, row.event_id)


def say(who: made.Tab, item_id: int, class_index: int, origin: str = "query") -> int:
    with who.store.write() as connection:
        return labels.append(
            connection,
            NewEvent(
                project_id=who.project_id,
                item_id=item_id,
                annotator_id=who.annotator.id,
                kind="label",
                class_id=who.classes[class_index],
                key=uuid.uuid4().hex,
                origin=origin,
                created_at=time.time(),
            ),
        )


def think(who: made.Tab, row: object, class_index: int, p: float, flagged: bool) -> None:
    with who.store.write() as connection:
        label_checks.put(
            connection,
            [
                {
                    "item_id": row.item_id,
                    "project_id": who.project_id,
                    "event_id": row.event_id,
                    "class_id": who.classes[class_index],
                    "p": p,
                    "p_label": 1 - p,
                    "error_score": 2 * p - 1,
                    "flagged": flagged,
                    "created_at": 1.0,
                }
            ],
        )


# -- what is listed ----------------------------------------------------------------------------


def test_all_answers_stand_newest_first_with_who_when_and_where_from(ana: made.Tab) -> None:
    leases = [ana.next() for _ in range(3)]
    for i, lease in enumerate(leases):
        ana.answer(lease, i % 2)
    rows = shown(ana)
    assert [r.item_id for r in rows] == [lease.item_id for lease in leases][::-1]
    assert [r.class_id for r in rows] == [ana.classes[0], ana.classes[1], ana.classes[0]]
    assert {(r.annotator, r.origin, r.kind) for r in rows} == {("Ana", "cold start", "label")}
    assert [r.item_id for r in shown(ana, offset=1, n=1)] == [leases[1].item_id]


def test_filters_narrow_and_combine(ana: made.Tab) -> None:
    ben = tab(ana, "Ben")
    first, second, third = (ana.next().item_id for _ in range(3))
    say(ana, first, 0), say(ben, second, 0, "random"), say(ben, third, 1)
    cat, dog = ana.classes
    assert [r.item_id for r in shown(ana, class_id=cat)] == [second, first]
    assert [r.item_id for r in shown(ana, annotator_id=ben.annotator.id)] == [third, second]
    assert [r.item_id for r in shown(ana, origin="random")] == [second]
    assert [r.item_id for r in shown(ana, name="IMAGE 2")] == [third]
    assert shown(ana, name="100%") == []
    assert [r.item_id for r in shown(ana, class_id=dog, annotator_id=ben.annotator.id)] == [third]
    assert [r.item_id for r in shown(ana, "mine", class_id=cat)] == [first]
    with pytest.raises(InvalidSettings, match="no view called"):
        shown(ana, "everything")


def test_my_history_holds_my_answers_even_where_another_counts(ana: made.Tab) -> None:
    ben = tab(ana, "Ben")
    lease = ana.next()
    ana.answer(lease, 0)
    undone = ana.next()
    ana.undo(ana.answer(undone, 0))
    mend(ben, shown(ben)[0], 1)
    assert [(r.item_id, r.annotator) for r in shown(ana, "mine")] == [(lease.item_id, "Ben")]


def test_doubts_stand_most_doubted_first_until_the_label_changes(ana: made.Tab) -> None:
    for _ in range(4):
        ana.answer(ana.next(), 0)
    rows = shown(ana)
    think(ana, rows[0], 1, 0.7, flagged=True)
    think(ana, rows[1], 1, 0.9, flagged=True)
    think(ana, rows[2], 1, 0.6, flagged=False)
    think(ana, rows[3], 0, 0.8, flagged=False)
    doubted = shown(ana, "doubts")
    assert [r.item_id for r in doubted] == [rows[1].item_id, rows[0].item_id]
    assert (doubted[0].model_class, doubted[0].model_p) == (ana.classes[1], 0.9)
    assert doubted[0].label_p == pytest.approx(0.1)
    assert [r.item_id for r in shown(ana, disagrees=True)] == [r.item_id for r in rows[:3]]
    mend(ana, doubted[0], 1)  # mended
    mend(ana, doubted[1], 0)  # confirmed
    assert shown(ana, "doubts") == []
    assert shown(ana)[0].model_class is None


def test_unsure_answers_are_listed_with_their_notes_until_somebody_labels_them(
    ana: made.Tab,
) -> None:
    lease = ana.next()
    ana.answer(lease, kind="unsure")
    (row,) = shown(ana, "unsure")
    assert (row.item_id, row.kind, row.class_id) == (lease.item_id, "unsure", None)
    assert mend(tab(ana, "Ben"), row, 1).class_id == ana.classes[1]
    assert shown(ana, "unsure") == []


def test_items_with_comments_are_listed_last_said_first(ana: made.Tab) -> None:
    first, second = ana.next().item_id, ana.next().item_id
    for item_id in (first, second, first):
        comments.add(
            ana.store,
            ana.project_id,
            ana.annotator.id,
            key=uuid.uuid4().hex,
            item_id=item_id,
            text="look",
        )
    assert [(r.item_id, r.comments) for r in shown(ana, "comments")] == [(first, 2), (second, 1)]


def test_differing_people_are_a_disagreement_until_somebody_has_the_last_word(
    ana: made.Tab,
) -> None:
    ben, eva = tab(ana, "Ben"), tab(ana, "Eva")
    changed, disputed, agreed = (ana.next().item_id for _ in range(3))
    say(ana, changed, 0), say(ana, changed, 1)  # changing one's own mind is none
    say(ana, disputed, 0), say(ben, disputed, 1)
    say(ana, agreed, 1), say(ben, agreed, 1)
    (row,) = shown(eva, "disagreements")
    assert row.item_id == disputed
    mended = mend(eva, row, 0)
    assert (mended.class_id, mended.origin) == (ana.classes[0], "adjudicated")
    assert shown(eva, "disagreements") == []


# -- mending -----------------------------------------------------------------------------------


def test_a_mended_label_counts_and_the_old_one_stays_in_the_log(ana: made.Tab) -> None:
    lease = ana.next()
    ana.answer(lease, 0)
    (row,) = shown(ana)
    mended = mend(ana, row, 1, key="m")
    assert (mended.class_id, mended.origin) == (ana.classes[1], "relabel")
    assert mend(ana, row, 1, key="m") == mended  # sent again
    entries = review.log(ana.store, ana.project_id, ana.annotator.id, lease.item_id)
    assert [(e.kind, e.class_id, e.undone) for e in entries] == [
        ("label", ana.classes[0], False),
        ("label", ana.classes[1], False),
    ]
    args = (ana.store, ana.project_id, ana.annotator.id)
    for _ in range(2):
        back = review.undo(ana.store, ana.wish("m", "u"))
    assert (back.class_id, back.event_id) == (ana.classes[0], row.event_id)
    assert review.log(*args, lease.item_id)[1].undone
    with pytest.raises(NothingToUndo):
        review.undo(ana.store, ana.wish("m"))


def test_a_label_that_changed_since_it_was_seen_is_not_overwritten(ana: made.Tab) -> None:
    ana.answer(ana.next(), 0)
    (row,) = shown(ana)
    mend(tab(ana, "Ben"), row, 1)
    with pytest.raises(LeaseExpired, match="meanwhile"):
        mend(ana, row, 0)
    assert shown(ana)[0].class_id == ana.classes[1]


def test_only_the_projects_own_classes_and_items_can_be_named(ana: made.Tab) -> None:
    ana.answer(ana.next(), 0)
    (row,) = shown(ana)
    other = made.Tab(ana.store, made.project(ana.store, name="birds"))
    with pytest.raises(UnknownItem):
        mend(other, row, 0)
    ana.classes = other.classes
    with pytest.raises(UnknownItem, match="no class"):
        mend(ana, row, 0)


def test_somebody_elses_label_is_not_taken_back(ana: made.Tab) -> None:
    ana.answer(ana.next(), 0)
    mend(ana, shown(ana)[0], 1, key="m")
    ben = tab(ana, "Ben")
    with pytest.raises(NothingToUndo):
        review.undo(ben.store, ben.wish("m"))


# -- who sees what -----------------------------------------------------------------------------


def owned_by(who: made.Tab) -> None:
    with who.store.write() as connection:
        members.set_role(connection, who.project_id, who.annotator.id, "owner", 0.0)


def test_only_owners_have_the_last_word_where_a_project_has_one(ana: made.Tab) -> None:
    ben, eva = tab(ana, "Ben"), tab(ana, "Eva")
    owned_by(eva)
    item_id = ana.next().item_id
    say(ana, item_id, 0)
    assert mend(ben, shown(ben)[0], 1).origin == "relabel"
    assert mend(eva, shown(eva)[0], 0).origin == "adjudicated"
    assert mend(ben, shown(ben)[0], 1).class_id == ana.classes[0]


def test_what_others_said_is_hidden_from_those_who_shall_still_answer(ana: made.Tab) -> None:
    ben, eva = tab(ana, "Ben"), tab(ana, "Eva")
    owned_by(eva)
    several, known, plain = (ana.next().item_id for _ in range(3))
    with ana.store.write() as connection:
        connection.execute(item.update().where(item.c.id == several).values(answers=2))
        connection.execute(
            gold.insert().values(
                item_id=known, project_id=ana.project_id, class_id=ana.classes[0], created_at=0.0
            )
        )
    say(ana, several, 0), say(ana, known, 0, "gold"), say(ana, plain, 0)
    assert [r.item_id for r in shown(ben)] == [plain]
    assert [r.item_id for r in shown(ana)] == [r.item_id for r in shown(eva)]
    assert {r.item_id for r in shown(ana)} == {several, known, plain}
    assert [r.item_id for r in shown(ana, origin="random")] == [known]
    with pytest.raises(NotAllowed, match="answer it first"):
        review.log(ben.store, ben.project_id, ben.annotator.id, several)
    say(ben, several, 1)
    assert {r.item_id for r in shown(ben)} == {several, plain}


def test_the_overview_counts_what_waits(ana: made.Tab) -> None:
    ben = tab(ana, "Ben")
    lease = ana.next()
    ana.answer(lease, 0)
    say(ben, lease.item_id, 1)
    ana.answer(ana.next(), kind="unsure")
    found = review.overview(ana.store, ana.project_id, ana.annotator.id)
    assert (found.unsure, found.disagreements, found.label_errors, found.comments) == (1, 1, 0, 0)
    assert [name for _, name in found.people] == ["Ana", "Ben"]
    assert found.origins == ("cold start", "query") and found.checked_at is None
    review.check_again(ana.store, ana.project_id, ana.annotator.id)
    job = review.overview(ana.store, ana.project_id, ana.annotator.id).job
    assert job is not None and job.state == "waiting"


# -- over HTTP ---------------------------------------------------------------------------------


@pytest.fixture
def web(workspace: Workspace) -> Iterator[Store]:
    with made.web_store(workspace.root) as opened:
        yield opened


def test_the_page_lists_mends_and_undoes_over_http(web: Store) -> None:
    ana = made.Tab(web, made.project(web))
    for i in range(3):
        ana.answer(ana.next(), i % 2)
    cat, dog = ana.classes
    http = TestClient(Starlette(routes=routes.routes()), base_url="http://127.0.0.1:8501")
    base = f"/board/{ana.project_id}/review"
    headers = {"X-Alcore-Ticket": state.tickets().issue(ana.project_id, ana.annotator.id)}

    def get(what: str, **asked: object) -> dict:
        answer = http.get(f"{base}/{what}", params=asked, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(what: str, **body: object) -> tuple[int, dict]:
        answer = http.post(f"{base}/{what}", json=body, headers=headers)
        return answer.status_code, answer.json()

    listed = get("items", **{"class": cat, "offset": "no number", "disagrees": ""})
    assert listed["total"] == 2 and [r["class"] for r in listed["rows"]] == [cat, cat]
    row = listed["rows"][0]
    assert "small=1" in row["small"] and row["who"] == "Ana" and row["model"] is None
    body = {"key": "m", "item": row["item"], "class": dog, "seen": row["event"], "seconds": 1.5}
    code, mended = post("mend", **body)
    assert code == 200 and mended["row"]["class"] == dog
    code, refused = post("mend", **body | {"key": "n"})
    assert (code, refused["error"]) == (409, "LeaseExpired")
    assert [e["class"] for e in get(f"items/{row['item']}")["log"]] == [cat, dog]
    code, back = post("undo", key="u", undoes="m")
    assert code == 200 and back["row"]["class"] == cat
    assert get("overview")["counts"]["doubts"] == 0
    assert post("look")[0] == 200 and get("overview")["job"]["state"] == "waiting"
    code, made_one = post("example", item=row["item"], **{"class": cat})
    (example,) = made_one["examples"][str(cat)]
    assert post("example", remove=example["id"])[1] == {"examples": {}}
    for wrong in ({"view": "everything"}, {"view": ""}):
        assert http.get(f"{base}/items", params=wrong, headers=headers).status_code == 422
    assert http.get(f"{base}/items").status_code == 401
    assert post("mend", key="x", item="1", **{"class": cat})[0] == 422
