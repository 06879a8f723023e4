"""Owns the proof of the board's HTTP contract: what is answered, what is refused, never a crash."""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer
from made import BY_HAND, web_store
from made import project as small_project
from PIL import Image
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore.config import Workspace
from alcore.errors import NotAllowed, WorkspaceUnusable
from alcore.services import people, projects
from alcore.store import Store, labels
from alcore.store.tables import lease
from alcore.web import routes, state
from alcore.web.requests import STATUS
from alcore.web.tickets import DAY, LIFE, TicketOffice


class Board:
    """A browser tab on the other side of HTTP."""

    def __init__(self, project_id: int, name: str = "Ana") -> None:
        self.http = TestClient(
            Starlette(routes=routes.routes()),
            base_url="http://127.0.0.1:8501",
            raise_server_exceptions=False,
        )
        self.project_id = project_id
        self.annotator = people.annotator(state.store(), name).id
        self.ticket = state.tickets().issue(project_id, self.annotator)
        self.client = uuid.uuid4().hex

    def post(self, what: str, body: Any, **headers: str) -> Any:
        return self.http.post(
            f"/board/{self.project_id}/{what}",
            json=body,
            headers={"X-Alcore-Ticket": self.ticket, **headers},
        )

    def get(self, what: str, **parameters: Any) -> Any:
        return self.http.get(
            f"/board/{self.project_id}/{what}",
            params={"client": self.client, **parameters},
            headers={"X-Alcore-Ticket": self.ticket},
        )

    def claim(self, count: int = 1, hold: tuple[str, ...] = ()) -> dict:
        body = {"client": self.client, "count": count, "hold": list(hold)}
        answer = self.post("claim", body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def body(self, image: dict, **changes: Any) -> dict:
        return {
            "key": uuid.uuid4().hex,
            "client": self.client,
            "token": image["token"],
            "item": image["item"],
            "kind": "label",
            "class": self.classes()[0],
            "seconds": 1.5,
            "at": time.time(),
            "suggestion_shown": False,
            **changes,
        }

    def classes(self) -> list[int]:
        return [c["id"] for c in self.get("status").json()["classes"]]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The web process's own store, in a workspace of this module."""
    with web_store(tmp_path_factory.mktemp("web")) as opened:
        yield opened


@pytest.fixture
def board(web: Store) -> Board:
    return Board(small_project(web, 40, held=5, name=uuid.uuid4().hex))


@pytest.fixture(scope="module")
def digits(web: Store) -> int:
    made = projects.create(web, "real digits", {"kind": "digits"}, "answer key", BY_HAND)
    projects.import_now(web, made, 1)
    return made


def refused(answer: Any, code: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (code, error), answer.text
    assert answer.json()["message"]


# -- the contract ------------------------------------------------------------------------------


def test_claimed_images_have_all_that_the_board_draws(board: Board) -> None:
    found = board.claim(3)
    assert len(found["images"]) == 3 and found["held"] == [] and found["waiting"] is None
    image = found["images"][0]
    drawn = {
        "token",
        "proof",
        "item",
        "src",
        "width",
        "height",
        "round",
        "instant",
        "expires_in",
        "comments",
    }
    assert set(image) == drawn
    assert image["src"].startswith(f"board/{board.project_id}/pixels/{image['item']}?v=")
    assert (image["width"], image["height"], image["round"]) == (8, 8, None)
    assert 55 < image["expires_in"] <= 60
    held = [image["token"] for image in found["images"]]
    assert sorted(board.claim(0, tuple(held))["held"]) == sorted(held)


def test_an_answer_is_stored_before_it_is_acknowledged_and_counts_once(board: Board) -> None:
    (image,) = board.claim()["images"]
    body = board.body(image)
    sent = time.time()
    first, again = board.post("answer", body).json(), board.post("answer", body).json()
    assert sent <= first.pop("committed") <= again.pop("committed") <= time.time()
    assert first == {"ok": True, "event": first["event"], "duplicate": False}
    assert again == {**first, "duplicate": True}
    (event,) = board.get("history", n=5).json()["events"]
    assert (event["key"], event["item"], event["class"]) == (
        body["key"],
        image["item"],
        body["class"],
    )
    assert set(event) == {"key", "event", "item", "src", "kind", "class", "at"}


def test_undo_gives_the_image_back_under_the_boards_token(board: Board) -> None:
    (image,) = board.claim()["images"]
    body = board.body(image)
    board.post("answer", body)
    undo = {"key": "u", "client": board.client, "undoes": body["key"], "token": "mine"}
    found = board.post("undo", undo).json()
    assert found["ok"] and not found["duplicate"]
    assert (found["image"]["token"], found["image"]["item"]) == ("mine", image["item"])
    assert board.post("undo", undo).json()["duplicate"]
    refused(board.post("undo", {**undo, "key": "v"}), 409, "NothingToUndo")
    assert board.get("history").json()["events"] == []


def test_an_answer_can_be_changed(board: Board) -> None:
    (image,) = board.claim()["images"]
    body = board.body(image)
    board.post("answer", body)
    found = board.post("revisit", {"client": board.client, "item": image["item"]}).json()
    assert found["current"] == body["class"]
    changed = board.body(found["image"], **{"class": board.classes()[1]})
    assert board.post("answer", changed).json()["ok"]
    assert board.get("status").json()["labels"] in (0, 1)  # a holdout question is no training label


def test_status_has_all_that_the_board_shows(board: Board) -> None:
    status = board.get("status").json()
    assert set(status) == {
        "mine_today",
        "team_today",
        "labels",
        "kept_aside",
        "unlabeled",
        "until_next",
        "next_total",
        "next_model",
        "blocked",
        "model",
        "model_labels",
        "withdrawn",
        "ranking",
        "instant",
        "follows",
        "accuracy",
        "interval",
        "holdout_n",
        "job",
        "classes",
        "keys",
        "ticket",
    }
    assert (status["unlabeled"], status["until_next"], status["ticket"]) == (35, None, None)


def test_why_never_says_holdout(board: Board) -> None:
    images = board.claim(40)["images"]
    answers = [board.get(f"why/{image['item']}").json() for image in images]
    assert all(
        set(a) == {"strategy", "reason", "score", "model", "instant", "origin", "suggestion"}
        for a in answers
    )
    assert {a["origin"] for a in answers} == {"cold start", "random"}
    assert "holdout" not in json.dumps([images, answers])


def test_released_images_are_free_also_by_a_beacon(board: Board) -> None:
    found = board.claim(2)["images"]
    beacon = {"client": board.client, "tokens": [i["token"] for i in found], "ticket": board.ticket}
    answer = board.http.post(
        f"/board/{board.project_id}/release",
        content=json.dumps(beacon),
        headers={"Content-Type": "text/plain;charset=UTF-8", "Origin": "http://127.0.0.1:8501"},
    )
    assert answer.json() == {"ok": True}
    assert [i["item"] for i in board.claim(2)["images"]] == [i["item"] for i in found]


def test_an_image_taken_by_somebody_else_is_a_conflict(board: Board) -> None:
    (image,) = board.claim()["images"]
    with state.store().write() as connection:
        connection.execute(update(lease).values(expires_at=0.0))
    other = Board(board.project_id, "Ben")
    other.claim()
    refused(board.post("answer", board.body(image)), 409, "LeaseExpired")


def test_an_empty_queue_says_why(board: Board) -> None:
    Board(board.project_id, "Ben").claim(40)
    waiting = board.claim()["waiting"]
    assert waiting["reason"].startswith("40 images are left: Ben holds") and waiting["retry_in"] > 0


def test_the_server_says_that_it_is_well(board: Board) -> None:
    assert board.http.get("/alcore/health").json() == {"ok": True}


# -- classes -----------------------------------------------------------------------------------


def test_a_class_is_added_while_labeling_and_has_its_key_at_once(board: Board) -> None:
    answer = board.post("class", {"name": " fox "}).json()
    fox = answer["classes"][-1]
    assert (fox["name"], answer["keys"]["classes"][str(fox["id"])]) == ("fox", ["3", "f"])
    assert board.classes()[-1] == fox["id"]
    refused(board.post("class", {"name": "fox"}), 422, "InvalidClasses")
    refused(board.post("class", {"name": ""}), 422, "InvalidSettings")


def test_only_owners_add_classes_once_there_is_one(board: Board) -> None:
    people.set_role(state.store(), board.project_id, board.annotator, board.annotator, "owner")
    other = Board(board.project_id, "Ben")
    refused(other.post("class", {"name": "fox"}), STATUS[NotAllowed], "NotAllowed")
    assert len(other.classes()) == 2
    assert board.post("class", {"name": "fox"}).status_code == 200


# -- pixels ------------------------------------------------------------------------------------


def test_pixels_are_served_re_encoded_and_kept_by_browsers(web: Store, digits: int) -> None:
    board = Board(digits)
    (image,) = board.claim()["images"]
    answer = board.http.get(image["src"])
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_whole_original_comes_without_loss(web: Store, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1100, 1300, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    Image.fromarray(noise[::-1]).save(tmp_path / "upside down.png")
    spec = {"kind": "folder", "path": str(tmp_path)}
    made = projects.create(web, "noise", spec, "none", BY_HAND, ["a", "b"])
    assert projects.import_now(web, made, 1)
    board = Board(made)
    (image,) = board.claim()["images"]
    shown, whole = (board.http.get(image["src"] + more) for more in ("", "&whole=1"))
    assert max(Image.open(io.BytesIO(shown.content)).size) == 1024
    pixels = np.asarray(Image.open(io.BytesIO(whole.content)))
    assert np.array_equal(pixels, noise) or np.array_equal(pixels, noise[::-1])
    assert "immutable" in whole.headers["cache-control"]
    path, _ = image["src"].split("?")
    foreign = state.tickets().show(board.annotator, f"board/{made + 1}/pixels/{image['item']}")
    refused(board.http.get(path, params={"t": foreign, "whole": "1"}), 401, "InvalidTicket")


def test_a_picture_needs_the_signature_of_its_own_address(web: Store, digits: int) -> None:
    board = Board(digits)
    one, other = board.claim(2)["images"]
    path, query = one["src"].split("?")
    signature = query.split("t=")[1]
    annotator, until, signed = signature.split(".")
    for wrong in (
        "",
        "x",
        "\u00e9",
        "..",
        f"{annotator}.{until}.\u00e9",
        f"{int(annotator) + 1}.{until}.{signed}",
        f"{annotator}.{int(until) + 1}.{signed}",
        f"{annotator}.{until}.{signed[:-1]}",
        "9" * 5_000 + f".{until}.{signed}",
        other["src"].split("t=")[1],
        state.tickets().issue(digits, board.annotator),
    ):
        refused(board.http.get(path, params={"t": wrong}), 401, "InvalidTicket")
    missing = f"board/{digits}/pixels/999999999"
    address = f"/{missing}?t={state.tickets().show(board.annotator, missing)}"
    refused(board.http.get(address), 404, "UnknownItem")


def test_a_pictures_address_ends_and_a_page_that_is_open_gets_a_fresh_one(
    web: Store, digits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, other = Board(digits), Board(digits, "Ben")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 2 * DAY)
    board.ticket = state.tickets().issue(digits, board.annotator)
    (image,) = board.claim()["images"]
    monkeypatch.undo()
    board.ticket = state.tickets().issue(digits, board.annotator)
    refused(board.http.get(image["src"]), 401, "InvalidTicket")
    thumbnail = image["src"] + "&small=1"
    fresh = board.post("pictures", {"addresses": [image["src"], thumbnail]}).json()["addresses"]
    for address in fresh.values():
        assert board.http.get(address).status_code == 200
    assert fresh[thumbnail].endswith("&small=1")
    forged = image["src"].replace("pixels/", "pixels/1")
    for asking, address in ((other, image["src"]), (board, forged), (board, "http://e.example")):
        refused(asking.post("pictures", {"addresses": [address]}), 401, "InvalidTicket")


def test_who_is_removed_sees_no_picture_from_that_moment_on(web: Store, digits: int) -> None:
    owner, board = Board(digits, "Owner"), Board(digits, "Gone")
    (image,) = board.claim()["images"]
    assert board.http.get(image["src"]).status_code == 200
    people.set_role(web, digits, None, board.annotator, "removed")
    refused(board.http.get(image["src"]), 403, "NotAllowed")
    assert owner.http.get(owner.claim()["images"][0]["src"]).status_code == 200


# -- who may ask -------------------------------------------------------------------------------


def test_tickets_that_are_missing_forged_foreign_or_old_are_refused(board: Board) -> None:
    other = small_project(state.store(), 3, name=uuid.uuid4().hex)
    forged = URLSafeTimedSerializer(b"guess", salt="board").dumps([board.project_id, 1])
    right = board.ticket
    for ticket in (
        "",
        "x.y.z",
        forged,
        right[:-2],
        right.replace(".", "", 1),
        state.tickets().issue(other, board.annotator),
        state.tickets().show(board.annotator, "board/1/pixels/1"),
    ):
        board.ticket = ticket
        refused(board.get("status"), 401, "InvalidTicket")
        refused(board.post("claim", {"client": "c", "count": 1}), 401, "InvalidTicket")


def test_a_ticket_ends_and_a_fresh_one_is_handed_out_in_time(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - LIFE / 2 - 60)
    board.ticket = state.tickets().issue(board.project_id, board.annotator)
    monkeypatch.setattr(time, "time", lambda: now - LIFE - 60)
    old = state.tickets().issue(board.project_id, board.annotator)
    monkeypatch.undo()
    fresh = board.get("status").json()["ticket"]
    assert state.tickets().read(fresh).age < 60
    board.ticket = old
    refused(board.get("status"), 401, "InvalidTicket")
    assert board.get("status").json()["message"] == "this page is old; reload it"


@pytest.mark.parametrize("hours", [1, 11])
def test_a_clock_that_is_set_back_makes_no_page_old(
    board: Board, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    board.claim()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600 * hours)
    status = board.get("status")
    assert status.status_code == 200
    assert state.tickets().read(status.json()["ticket"]).age < 60


def test_a_ticket_of_another_project_is_not_called_old(board: Board) -> None:
    other = small_project(state.store(), 3, name=uuid.uuid4().hex)
    board.ticket = state.tickets().issue(other, board.annotator)
    answer = board.get("status")
    assert answer.status_code == 401 and "old" not in answer.json()["message"]


def test_who_is_removed_is_refused_at_every_route_at_once(board: Board) -> None:
    owner = people.annotator(state.store(), "Owner").id
    (image, other) = board.claim(2)["images"]
    body = board.body(image)
    board.post("answer", body)
    for who, role in ((owner, "owner"), (board.annotator, "removed")):
        people.set_role(state.store(), board.project_id, owner, who, role)
    for what, sent in (
        ("claim", {"client": board.client, "count": 1}),
        ("answer", body | {"key": "k6", "token": other["token"], "item": other["item"]}),
        ("undo", {"key": "k7", "client": board.client, "undoes": body["key"], "token": "t7"}),
        ("revisit", {"client": board.client, "item": image["item"]}),
    ):
        refused(board.post(what, sent), 403, "NotAllowed")
        refused(board.post(what, {}), 403, "NotAllowed")  # not told what their body lacks
    with state.store().read() as connection:
        events = labels.history(connection, board.project_id, board.annotator, 10)
    assert [event.key for event, _ in events] == [body["key"]]
    for what in ("status", "history", f"why/{image['item']}"):
        refused(board.get(what), 403, "NotAllowed")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1", "x"]
)
def test_other_sites_are_refused(board: Board, origin: str) -> None:
    answer = board.post("claim", {"client": "c", "count": 1}, Origin=origin)
    refused(answer, 421, "WrongAddress")
    assert "server.corsAllowedOrigins" in answer.json()["message"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "x"])
def test_a_request_of_another_site_without_an_origin_is_refused(board: Board, site: str) -> None:
    asked = {"client": "c", "count": 1}
    answer = board.post("claim", asked, **{"Sec-Fetch-Site": site})
    refused(answer, 421, "WrongAddress")
    assert "another site" in answer.json()["message"]
    for own in ({}, {"Sec-Fetch-Site": "none"}):  # no browser, or somebody who typed the address
        assert board.post("claim", asked, **own).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"X-Forwarded-Host": "label.example.org"},
        {"Host": "label.example.org"},
    ],
)
def test_a_proxy_that_changes_the_host_is_no_other_site(board: Board, headers: dict) -> None:
    asked = {"client": "c", "count": 1}
    origin = "https://label.example.org"
    assert board.post("claim", asked, Origin=origin, **headers).status_code == 200
    refused(board.post("claim", asked, Origin="http://evil.example"), 421, "WrongAddress")


def test_addresses_that_the_server_was_told_of_may_ask(board: Board) -> None:
    asked = {"client": "c", "count": 1}
    state.let_ask(["https://label.example.org"])
    try:
        assert board.post("claim", asked, Origin="https://label.example.org").status_code == 200
        refused(board.post("claim", asked, Origin="https://evil.example"), 421, "WrongAddress")
    finally:
        state.let_ask(())


# -- addresses ---------------------------------------------------------------------------------

ADDRESSES = {
    "/alcore/health",
    "/board/{project_id:id}/answer",
    "/board/{project_id:id}/claim",
    "/board/{project_id:id}/comment",
    "/board/{project_id:id}/comments/{item_id:id}",
    "/board/{project_id:id}/examples/{example_id:id}",
    "/board/{project_id:id}/history",
    "/board/{project_id:id}/lot",
    "/board/{project_id:id}/pictures",
    "/board/{project_id:id}/pixels/{item_id:id}",
    "/board/{project_id:id}/release",
    "/board/{project_id:id}/review/example",
    "/board/{project_id:id}/review/items",
    "/board/{project_id:id}/review/items/{item_id:id}",
    "/board/{project_id:id}/review/look",
    "/board/{project_id:id}/review/mend",
    "/board/{project_id:id}/review/overview",
    "/board/{project_id:id}/review/undo",
    "/board/{project_id:id}/revisit",
    "/board/{project_id:id}/status",
    "/board/{project_id:id}/tiles",
    "/board/{project_id:id}/undo",
    "/board/{project_id:id}/unlot",
    "/board/{project_id:id}/why/{item_id:id}",
}
"""Browsers keep answers for these: an address may be added, never taken away or renamed."""


def test_the_addresses_that_browsers_keep_stay() -> None:
    assert {route.path for route in routes.routes()} >= ADDRESSES


def test_every_address_lies_below_the_servers_base_path_too() -> None:
    paths = [route.path for route in routes.routes("/label/al/")]
    plain = [route.path for route in routes.routes()]
    assert paths == plain + [f"/label/al{path}" for path in plain]


def test_what_pages_get_to_ask_for_is_relative(board: Board) -> None:
    """So it leads to the app below every path at which a proxy serves it."""
    (image,) = board.claim()["images"]
    board.post("answer", board.body(image))
    (event,) = board.get("history").json()["events"]
    (row,) = board.get("review/items").json()["rows"]
    found = [image["src"], event["src"], row["src"], row["small"]]
    assert all(address.startswith("board/") for address in found)


def test_another_projects_items_and_answers_are_out_of_reach(board: Board) -> None:
    other = Board(small_project(state.store(), 5, name=uuid.uuid4().hex))
    (theirs,) = other.claim()["images"]
    refused(board.post("answer", board.body(theirs)), 404, "UnknownItem")
    refused(board.get(f"why/{theirs['item']}"), 404, "UnknownItem")
    refused(
        board.post("revisit", {"client": board.client, "item": theirs["item"]}), 404, "UnknownItem"
    )
    body = other.body(theirs)
    other.post("answer", body)
    undo = {"key": "k9", "client": board.client, "undoes": body["key"], "token": "t9"}
    refused(board.post("undo", undo), 404, "UnknownItem")


def test_the_secret_is_the_owners_and_never_half_written(workspace: Workspace) -> None:
    offices = [TicketOffice.of(workspace) for _ in range(3)]
    assert offices[2].read(offices[0].issue(3, 4)).annotator_id == 4
    path = workspace.root / "secret"
    assert len(path.read_bytes()) == 32 and path.stat().st_mode & 0o077 == 0
    assert [p.name for p in workspace.root.glob("secret*")] == ["secret"]
    path.write_bytes(b"")
    with pytest.raises(WorkspaceUnusable, match="damaged"):
        TicketOffice.of(workspace)


# -- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"client": "' + b"x" * 70_000 + b'"}',
        b'{"client": "c", "count": NaN}',
        b'{"client": "c", "count": 1' + b"0" * 5_000 + b"}",
        b'{"client": "c", "count": true}',
        b'{"client": "\\ud800", "count": 1}',
        b'{"client": "c", "count": 1, "hold": "x"}',
        b'{"client": "c", "count": 1, "hold": ["\\udfff"]}',
    ],
)
def test_odd_bodies_are_refused_with_a_reason(board: Board, raw: bytes) -> None:
    answer = board.http.post(
        f"/board/{board.project_id}/claim", content=raw, headers={"X-Alcore-Ticket": board.ticket}
    )
    refused(answer, 422, "InvalidSettings")


@pytest.mark.parametrize("path", ["why/" + "9" * 15, "why/" + "9" * 5000, "history?n=\u00b2"])
def test_odd_addresses_do_no_harm(board: Board, path: str) -> None:
    assert board.http.get(
        f"/board/{board.project_id}/{path}", headers={"X-Alcore-Ticket": board.ticket}
    ).status_code in (200, 404)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(["label", "skip", 1, 2, 10**30, "\ud800", "k"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
FIELDS = (
    "key",
    "client",
    "token",
    "item",
    "kind",
    "class",
    "seconds",
    "at",
    "count",
    "hold",
    "undoes",
    "tokens",
    "ticket",
)


@given(
    what=st.sampled_from(["claim", "answer", "undo", "revisit", "release"]),
    body=st.dictionaries(st.sampled_from(FIELDS), ANYTHING),
    some=st.sets(st.sampled_from(FIELDS)),
)
@settings(max_examples=150, deadline=None)
def test_no_body_makes_the_server_fail(
    web: Store, digits: int, what: str, body: dict, some: set[str]
) -> None:
    board = _fuzzed(digits)
    right = {
        "key": "k",
        "client": "c",
        "token": "t",
        "item": 1,
        "kind": "skip",
        "class": 1,
        "seconds": 1,
        "at": 1,
        "count": 1,
        "hold": [],
        "undoes": "k",
        "tokens": [],
        "ticket": board.ticket,
    }
    sent = {name: value for name, value in right.items() if name not in some} | body
    answer = board.http.post(
        f"/board/{digits}/{what}",
        content=json.dumps(sent),
        headers={"X-Alcore-Ticket": board.ticket},
    )
    assert answer.status_code < 500, answer.text
    assert answer.status_code == 200 or set(answer.json()) == {"error", "message"}


_boards: dict[int, Board] = {}


def _fuzzed(project_id: int) -> Board:
    if project_id not in _boards:
        _boards[project_id] = Board(project_id, "fuzz")
    return _boards[project_id]
