"""Owns the proof that people answer what they were given, and hold no more than a share of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made import Tab, labels_of, web_store
from made import project as small_project
from sqlalchemy import delete
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore.errors import LeaseExpired, NotAllowed
from alcore.records import Lease
from alcore.services import labeling, people
from alcore.services.lease_rules import MOST_HELD
from alcore.store import Store, items
from alcore.store.tables import lease
from alcore.web import routes, state


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store that routes of this process open."""
    with web_store(tmp_path) as opened:
        yield opened


def owned(store: Store, n: int = 20, held: int = 5) -> Tab:
    """A tab of an annotator in a project that has an owner."""
    tab = Tab(store, small_project(store, n, held=held, queued=n - held))
    people.set_role(store, tab.project_id, None, people.annotator(store, "Owner").id, "owner")
    return tab


def invented(tab: Tab, item_id: int) -> Lease:
    return Lease(
        token=uuid.uuid4().hex, item_id=item_id, expires_at=time.time() + 60, origin="query",
        round_id=None, round_number=None, head_labels=None, content_hash="", width=8, height=8,
        comments=0,
    )  # fmt: skip


def forget_leases(store: Store) -> None:
    """As when others have held the images meanwhile."""
    with store.write() as connection:
        connection.execute(delete(lease))


def test_an_invented_token_answers_no_image_of_the_pool_or_the_holdout(store: Store) -> None:
    tab = owned(store)
    with store.read() as connection:
        ids = [int(i) for i in items.ids(connection, tab.project_id)]
    for item_id in ids:
        with pytest.raises(LeaseExpired, match="not given to you"):
            labeling.answer(store, tab.event(invented(tab, item_id)))
        with pytest.raises(NotAllowed, match="not given to you"):
            tab.revisit(item_id)
    assert labels_of(store, tab.project_id) == {}
    mine = tab.next()
    assert labeling.answer(store, tab.event(mine))


def test_an_answer_that_comes_late_needs_the_proof_of_its_own_image_and_person(
    store: Store,
) -> None:
    tab = owned(store)
    ben = Tab(store, tab.project_id, "Ben")
    http = TestClient(Starlette(routes=routes.routes()), base_url="http://127.0.0.1:8501")

    def post(who: Tab, what: str, **body: Any) -> Any:
        ticket = state.tickets().issue(tab.project_id, who.annotator.id)
        headers = {"X-Alcore-Ticket": ticket}
        return http.post(
            f"/board/{tab.project_id}/{what}", json={"client": who.client, **body}, headers=headers
        )

    def answer(who: Tab, image: dict, proof: str) -> int:
        said = {"key": uuid.uuid4().hex, "kind": "label", "class": who.classes[0]}
        both = {"token": image["token"], "item": image["item"], "proof": proof}
        return post(who, "answer", **said, **both).status_code

    one, other = post(tab, "claim", count=2).json()["images"]
    (bens,) = post(ben, "claim", count=1).json()["images"]
    forget_leases(store)
    for proof in ("", "x", "\u00e9", other["proof"], bens["proof"]):
        assert answer(tab, one, proof) == 409
    assert answer(ben, one, one["proof"]) == 409
    assert answer(tab, one, one["proof"]) == 200
    tiles = [{"token": other["token"], "item": other["item"], "proof": other["proof"]}]
    lot = {"key": "lot", "class": tab.classes[1], "tiles": tiles}
    forged = [tiles[0] | {"proof": one["proof"]}]
    assert post(tab, "lot", **(lot | {"tiles": forged})).status_code == 409
    assert post(tab, "lot", **lot).json()["items"] == [other["item"]]


def test_what_was_undone_can_be_answered_again_also_late(store: Store) -> None:
    tab = owned(store)
    key = tab.answer(tab.next())
    again = tab.undo(key)
    forget_leases(store)
    assert labeling.answer(store, tab.event(again))


def test_one_person_cannot_hold_the_pool_under_many_names_of_tabs(store: Store) -> None:
    ana = owned(store, 400, 0)
    tabs = [Tab(store, ana.project_id, "Ana") for _ in range(10)]
    held = sum(len(tab.claim(60).leases) for tab in tabs)
    assert held == MOST_HELD < 400
    ben = Tab(store, ana.project_id, "Ben")
    assert len(ben.claim(60).leases) == 60
    assert tabs[-1].claim(5).leases == ()


def test_the_outbox_of_who_was_removed_is_refused_with_a_reason(store: Store) -> None:
    tab = owned(store)
    image = tab.next()
    people.set_role(store, tab.project_id, None, tab.annotator.id, "removed")
    http = TestClient(Starlette(routes=routes.routes()), base_url="http://127.0.0.1:8501")
    ticket = state.tickets().issue(tab.project_id, tab.annotator.id)
    for what, body in (
        ("answer", {"key": "a", "token": image.token, "item": image.item_id, "kind": "skip"}),
        ("undo", {"key": "b", "client": "c", "undoes": "x", "token": "t"}),
        ("lot", {"key": "c", "class": 1, "tiles": [{"token": "t", "item": image.item_id}]}),
        ("comment", {"key": "d", "item": image.item_id, "text": "hello"}),
        ("review/mend", {"key": "e", "item": image.item_id, "class": tab.classes[0]}),
    ):
        answer = http.post(
            f"/board/{tab.project_id}/{what}",
            json={"client": tab.client, **body},
            headers={"X-Alcore-Ticket": ticket},
        )
        assert answer.status_code == 403
        assert answer.json()["message"].startswith("you may not label here any more")
