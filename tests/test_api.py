"""Owns the proof of the REST API: what programs can do, what they are refused, never a crash."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from locks import locked
from made import BY_HAND, Tab, label_rows, labels_of, web_store
from made import project as small_project
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from seen import look
from starlette.applications import Starlette
from starlette.middleware import Middleware

from alcore.client import Answer, Client, NothingToLabel, Refused, Unreachable
from alcore.config import TeamRule
from alcore.errors import ImportRefused, InvalidSettings, NotAllowed, TooManyRequests
from alcore.records import Scope
from alcore.services import api_tokens, audit, exporting, people, projects
from alcore.services.exporting import Wish
from alcore.services.folders import Folders
from alcore.store import Store, items
from alcore.web import routes, state
from alcore.web.api import application, operations
from alcore.web.api.pace import Pace
from alcore.web.requests import MOST_BODY
from alcore.web.shield import Shield

ROOT = Path(__file__).parent.parent
PROBLEM = "application/problem+json"


@dataclass
class House:
    """A running server with a project of Ana's, in which Ben labels."""

    store: Store
    url: str
    running: uvicorn.Server
    project_id: int = 0

    def text(self, who: str = "Ana", scope: Scope = "own", project_id: int | None = None) -> str:
        """Make a token of somebody's."""
        person = people.annotator(self.store, who).id
        project_id = project_id or self.project_id
        return api_tokens.create(self.store, project_id, person, f"{who}'s", scope)[1]

    def client(self, who: str = "Ana", scope: Scope = "own", **more: Any) -> Client:
        return Client(self.url, self.text(who, scope, **more))

    def ask(self, method: str, path: str, text: str | None = None, **more: Any) -> Any:
        """Ask below the project, or below the API where the path begins with a stroke."""
        place = path if path.startswith("/") else f"/projects/{self.project_id}/{path}"
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        headers |= more.pop("headers", {})
        return requests.request(method, f"{self.url}/api/v1{place}", headers=headers, **more)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The routes and the shield of the app, answering on a port."""
    with web_store(tmp_path_factory.mktemp("api")) as store:
        operations.pace.cache_clear()
        shield = Middleware(Shield, hosts=[], uploads=state.uploads(), embedded_by=lambda: ())
        app = Starlette(routes=routes.of_app(), middleware=[shield])
        running = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        with socket.socket() as listening:  # as Streamlit makes its own
            listening.bind(("127.0.0.1", 0))
            thread = threading.Thread(target=running.run, args=([listening],))
            thread.start()
            while not running.started:
                time.sleep(0.01)
            yield House(store, f"http://127.0.0.1:{listening.getsockname()[1]}", running)
            running.should_exit = True
            thread.join()
        operations.pace.cache_clear()


@pytest.fixture
def house(server: House, request: pytest.FixtureRequest) -> House:
    """A project of its own for one test."""
    name = request.node.name[:90]
    return owned(server, 30, name=name)


def owned(server: House, n: int, **more: Any) -> House:
    made = replace(server, project_id=small_project(server.store, n, **more))
    ana = people.annotator(server.store, "Ana").id
    people.set_role(server.store, made.project_id, None, ana, "owner")
    ben = people.annotator(server.store, "Ben").id
    people.set_role(server.store, made.project_id, None, ben, "annotator")
    return made


# -- labeling ----------------------------------------------------------------------------------


def test_a_client_labels_two_hundred_images_and_each_answer_is_on_disk_once(
    server: House,
) -> None:
    house = owned(server, 210, name="two hundred")
    expected = {}
    with house.client("Ben", "label") as client:
        ids = client.classes()
        for n, image in enumerate(client.images(most=200, at_once=20)):
            name = "cat" if image.id % 3 else "dog"
            answer = client.answer(image, name, seconds=0.5)
            if n % 10 == 0:  # sent again, as after a lost reply
                assert client.answer(image, name, key=answer.key) == answer
            expected[image.id] = ids[name]
        table = client.labels()
    assert len(expected) == 200
    assert labels_of(house.store, house.project_id) == expected
    assert dict(zip(table["image"], table["class_id"], strict=True)) == expected
    assert {row["annotator"] for row in label_rows(house.store, house.project_id)} == {"Ben"}


def test_what_gets_no_reply_is_sent_again_and_counts_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, send, lost = house.client(), requests.Session.request, []

    def lose_first_reply(session: requests.Session, method: str, url: str, **more: Any) -> Any:
        reply = send(session, method, url, **more)
        if url.endswith("/answers") and not lost:
            lost.append(reply)
            raise requests.ConnectionError("the line is dead")
        return reply

    (image,) = client.claim()
    monkeypatch.setattr(requests.Session, "request", lose_first_reply)
    client.answer(image, "dog")
    assert len(lost) == 1 and len(labels_of(house.store, house.project_id)) == 1


def test_an_answer_is_skipped_taken_back_and_given_back(house: House) -> None:
    client = house.client("Ben", "label")
    first, second, third = client.claim(3)
    answer = client.answer(first, "cat")
    assert client.undo(answer).id == first.id
    assert labels_of(house.store, house.project_id) == {}
    assert isinstance(client.unsure(first, note="blurred"), Answer)
    client.skip(second)
    with house.client("Ana") as other:
        assert third.id not in [image.id for image in other.claim(10)]
        client.release([third])
        assert third.id in [image.id for image in other.claim(30)]
    with pytest.raises(NothingToLabel):
        client.claim(30)
    with pytest.raises(Refused, match="no answer of yours") as refused:
        client.undo(Answer("never sent", 1))
    assert refused.value.status == 409
    with pytest.raises(KeyError, match="cat, dog"):
        client.answer(third, "cow")


def test_a_loop_that_is_left_gives_back_what_it_has_not_shown(house: House) -> None:
    client = house.client()
    for image in client.images(at_once=10):
        client.answer(image, "cat")
        break
    ben = house.client("Ben", "label")
    assert len(ben.claim(29)) == 29


def test_one_token_gives_back_nothing_of_another(house: House) -> None:
    ana, ben = house.client(), house.client("Ben", "label")
    held_by_ana = ana.claim(30)
    ben.release(held_by_ana)
    with pytest.raises(NothingToLabel):
        ben.claim()


def test_owners_train_by_a_token_and_are_told_what_is_lacking(house: House) -> None:
    client = house.client()
    with pytest.raises(Refused, match="two classes") as refused:
        client.train()
    assert (refused.value.status, refused.value.kind) == (409, "training-impossible")
    for n, image in enumerate(client.images(most=4)):
        client.answer(image, (n % 2 and "cat") or "dog")
    job = client.train()
    assert job is not None and (job["kind"], job["state"]) == ("train", "waiting")
    assert [one["id"] for one in client.jobs("train")] == [job["id"]]
    assert client.train() == job
    client.stop()
    (stopped,) = client.jobs("train")
    assert stopped["state"] == "cancelled"
    said = [audit.words(e) for e in audit.of_project(house.store, house.project_id, None)]
    assert said[:2] == ["stopped the training", "asked for a training"]


def test_classes_are_added_by_owners(house: House) -> None:
    assert list(house.client().add_classes("cow", "hen")) == ["cat", "dog", "cow", "hen"]
    refused = house.ask("POST", "classes", house.text(), json={"names": ["cow"]})
    assert refused.status_code == 422 and "'cow' is doubled" in refused.json()["detail"]


def test_a_reply_does_not_wait_until_its_beginning_is_acknowledged(house: House) -> None:
    with house.client() as client:
        client.status()
        connections = [*house.running.server_state.connections]
        assert connections
        for connection in connections:
            theirs = connection.transport.get_extra_info("socket")
            assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# -- lists and files ---------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["images", "labels", "jobs"])
def test_lists_are_read_part_by_part_and_nothing_is_missed(house: House, what: str) -> None:
    ana = Tab(house.store, house.project_id)
    for lease in ana.claim(20).leases:
        ana.answer(lease)
    text, rows, after = house.text(scope="read"), [], 0
    while after is not None:
        part = house.ask("GET", what, text, params={"after": after, "limit": 7}).json()
        assert len(part["rows"]) <= 7
        rows, after = rows + part["rows"], part["next"]
    key = "event" if what == "labels" else "id"
    assert [row[key] for row in rows] == sorted({row[key] for row in rows})
    assert len(rows) == {"images": 30, "labels": 20, "jobs": 0}[what]


def test_a_changed_label_comes_again_to_who_asks_for_what_is_new(house: House) -> None:
    client = house.client()
    for image in client.images(most=3):
        client.answer(image, "cat")
    table = client.labels()
    last, first = int(table["event"].max()), table.iloc[0]
    assert client.labels(after=last).empty
    body = {
        "image": int(first["image"]),
        "class_id": client.classes()["dog"],
        "key": "mend",
        "seen": int(first["event"]),
    }
    text = house.text()
    assert house.ask("POST", "labels", text, json=body).json()["class_id"] == body["class_id"]
    (again,) = client.labels(after=last).to_dict("records")
    assert (again["image"], again["class_id"]) == (body["image"], body["class_id"])
    late = house.ask("POST", "labels", text, json={**body, "key": "other"})
    assert late.status_code == 409 and "changed this label meanwhile" in late.json()["detail"]
    log = house.ask("GET", f"images/{body['image']}/log", text).json()["rows"]
    assert [entry["class_id"] for entry in log] == [first["class_id"], body["class_id"]]


def test_an_export_is_what_the_page_gives_and_a_picture_is_what_the_board_shows(
    house: House, tmp_path: Path
) -> None:
    client = house.client()
    for image in client.images(most=5):
        client.answer(image, "dog")
    path = client.export_labels(tmp_path / "labels.csv")
    exported = exporting.prepare(house.store, house.project_id, Wish("csv")).blocks()
    assert path.read_bytes() == b"".join(exported)
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(Refused, match="no model yet"):
        client.export_predictions(tmp_path / "predictions.csv")
    (image,) = client.claim()
    assert image.picture.startswith(f"{house.url}/board/{house.project_id}/pixels/{image.id}?")


def test_annotators_learn_neither_names_nor_what_others_said_of_what_they_may_be_asked(
    server: House,
) -> None:
    both = replace(BY_HAND, team=TeamRule(overlap_share=1.0, answers=2))
    house = owned(server, 6, name="both", settings=both, known_classes="answer key")
    ana = house.client()
    for image in ana.images(most=3):
        ana.answer(image, "cat")
    ben = house.client("Ben", "label")
    assert ben.labels().empty and len(ana.labels()) == 3
    for path in ("images", "files/labels", "files/predictions", "files/model"):
        refused = house.ask("GET", path, house.text("Ben", "read"))
        assert refused.status_code == 403 and "owner" in refused.json()["detail"]
    item = int(ana.labels()["image"].iloc[0])
    log = house.ask("GET", f"images/{item}/log", house.text("Ben", "read"))
    assert log.status_code == 403 and "answer it first" in log.json()["detail"]
    for image in ben.images(most=3):
        ben.answer(image, "dog")
    assert all(re.fullmatch(r"image \d+", name) for name in ben.labels()["name"])
    assert all(name.endswith(".png") for name in ana.labels()["name"])


# -- tokens ------------------------------------------------------------------------------------


def test_a_token_opens_one_project_for_one_person_until_it_is_revoked(house: House) -> None:
    elsewhere = owned(house, 3, name="elsewhere " + str(house.project_id))
    texts = {
        "none": (None, 401, "needs an API token"),
        "garbage": ("alcore_1_x", 401, "needs an API token"),
        "forged": (house.text()[:-3] + "xyz", 401, "not known"),
        "of another project": (house.text(project_id=elsewhere.project_id), 403, "no other"),
        "revoked": (house.text(), 401, "revoked"),
        "too small": (house.text(scope="label"), 403, "scope 'label'"),
        "not an owner's": (house.text("Ben", "label"), 403, "owner"),
    }
    ana = people.annotator(house.store, "Ana").id
    number = int((texts["revoked"][0] or "").split("_")[1])
    api_tokens.revoke(house.store, house.project_id, ana, number)
    for what, (text, status, words) in texts.items():
        reply = house.ask("POST", "trainings", text)
        assert (reply.status_code, reply.headers["Content-Type"]) == (status, PROBLEM), what
        assert words in reply.json()["detail"], what
        assert reply.headers["WWW-Authenticate"].startswith("Bearer"), what
    for header in ("Basic abc", "Bearer", f"Token {house.text()}"):
        reply = house.ask("GET", "status", headers={"Authorization": header})
        assert reply.status_code == 401


def test_a_client_says_what_is_wrong_with_a_token_or_an_address(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("alcore_…", "alcore_1_x", "two\nlines"):
        with pytest.raises(Refused, match="API token"):
            Client(house.url, text)
    monkeypatch.setattr("alcore.client.FIRST_PAUSE", 0.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="no reply from"):
            Client(f"http://127.0.0.1:{silent.getsockname()[1]}", house.text())
    monkeypatch.setenv("ALCORE_TOKEN", house.text())
    assert Client(house.url + "/").project_id == house.project_id


def test_who_is_removed_is_refused_at_once(house: House) -> None:
    client = house.client("Ben", "label")
    (image,) = client.claim()
    ben = people.annotator(house.store, "Ben").id
    people.set_role(house.store, house.project_id, None, ben, "removed")
    for act in (client.status, client.claim, lambda: client.answer(image, 1)):
        with pytest.raises(Refused, match="may not label here any more") as refused:
            act()
        assert refused.value.status == 403
    assert labels_of(house.store, house.project_id) == {}


def test_an_archived_project_is_read_and_a_change_is_refused_as_a_conflict(house: House) -> None:
    client = house.client("Ana", "own")
    (image,) = client.claim()
    projects.archive(house.store, house.project_id)
    assert client.status()["labels"] == 0
    for act in (lambda: client.answer(image, 1), lambda: client.add_classes("owl")):
        with pytest.raises(Refused, match="archived") as refused:
            act()
        assert refused.value.status == 409
    assert labels_of(house.store, house.project_id) == {}


def test_tickets_and_cookies_count_for_nothing(house: House) -> None:
    ana = people.annotator(house.store, "Ana").id
    ticket = state.tickets().issue(house.project_id, ana)
    for more in (
        {"headers": {"X-Alcore-Ticket": ticket}},
        {"cookies": {"ticket": ticket, "token": house.text()}},
        {"params": {"t": ticket, "token": house.text(), "access_token": house.text()}},
    ):
        assert house.ask("GET", "status", **more).status_code == 401


def test_the_secret_is_kept_nowhere_and_use_is_noted(house: House) -> None:
    text = house.text()
    secret = text.split("_", 2)[2]
    house.ask("GET", "status", text)
    ana = people.annotator(house.store, "Ana").id
    newest = api_tokens.of_project(house.store, house.project_id, ana)[0]
    assert newest.used_at is not None and secret not in repr(newest)
    files = house.store.workspace.root.glob("alcore.db*")
    assert not any(secret.encode() in file.read_bytes() for file in files)
    event = audit.of_project(house.store, house.project_id, None)[0]
    assert audit.words(event) == "made the API token Ana's of Ana with the scope own"


def test_a_person_makes_tokens_of_their_own_rights_and_revokes_their_own(house: House) -> None:
    ana, ben = (people.annotator(house.store, name).id for name in ("Ana", "Ben"))
    here = (house.store, house.project_id)
    with pytest.raises(NotAllowed, match="owner"):
        api_tokens.create(*here, ben, "too much", "own")
    for name, scope, words in (("", "read", "characters"), ("x", "all", "read, label, own")):
        with pytest.raises(InvalidSettings, match=words):
            api_tokens.create(*here, ben, name, scope)  # type: ignore[arg-type]
    mine, _ = api_tokens.create(*here, ana, "mine", "read")
    theirs, _ = api_tokens.create(*here, ben, "theirs", "read")
    assert [t.name for t in api_tokens.of_project(*here, ben)] == ["theirs"]
    assert {t.name for t in api_tokens.of_project(*here, ana)} == {"mine", "theirs"}
    with pytest.raises(NotAllowed, match="owner"):
        api_tokens.revoke(*here, ben, mine.id)
    with pytest.raises(InvalidSettings, match="no token"):
        api_tokens.revoke(*here, ana, 10**6)
    api_tokens.revoke(*here, ana, theirs.id)
    api_tokens.revoke(*here, ana, theirs.id)
    log = [audit.words(e) for e in audit.of_project(*here, None)]
    assert log.count("revoked the API token theirs of Ben") == 1
    for n in range(api_tokens.MOST_WORKING):
        api_tokens.create(*here, ben, f"{n}", "read")
    with pytest.raises(InvalidSettings, match="revoke one"):
        api_tokens.create(*here, ben, "one more", "read")


# -- bad input ---------------------------------------------------------------------------------

JSON = {"Content-Type": "application/json"}
BODIES: dict[str, tuple[dict[str, Any], int, str]] = {
    "too large": ({"data": b'"' + b"x" * MOST_BODY + b'"', "headers": JSON}, 413, "64000 bytes"),
    "too large, in parts": (
        {"data": (b'"' + b"x" * 10_000 for _ in range(9)), "headers": JSON},
        413,
        "64000 bytes",
    ),
    "no JSON": ({"data": b"{image", "headers": JSON}, 400, "not JSON"),
    "no text": ({"data": b"\xff\xfe", "headers": JSON}, 400, "not JSON"),
    "deep": ({"data": b"[" * 30_000, "headers": JSON}, 400, "JSON"),
    "a form": ({"data": {"image": "1"}}, 415, "Content-Type: application/json"),
    "nothing": ({}, 415, "Content-Type: application/json"),
    "a list": ({"json": [1]}, 422, "must be a JSON object"),
    "a text for a number": ({"json": {"image": "1", "key": "k"}}, 422, "body.image"),
    "a fraction": ({"json": {"image": 1.5, "key": "k"}}, 422, "body.image"),
    "yes for a number": ({"json": {"image": True, "key": "k"}}, 422, "body.image"),
    "too large a number": ({"json": {"image": 2**63, "key": "k"}}, 422, "body.image"),
    "no key": ({"json": {"image": 1}}, 422, "body.key: must be there"),
    "an unknown field": ({"json": {"image": 1, "key": "k", "x": 1}}, 422, "no such field"),
    "an unknown kind": ({"json": {"image": 1, "key": "k", "kind": "undo"}}, 422, "body.kind"),
    "no number": (
        {"data": b'{"image": 1, "key": "k", "seconds": NaN}', "headers": JSON},
        422,
        "body.seconds",
    ),
    "half a character": (
        {"data": b'{"image": 1, "key": "\\ud800"}', "headers": JSON},
        422,
        "body.key: must be text",
    ),
    "no class": ({"json": {"image": 1, "key": "k"}}, 422, "a label has a class_id"),
    "a class and a skip": (
        {"json": {"image": 1, "key": "k", "kind": "skip", "class_id": 1}},
        422,
        "a label has a class_id",
    ),
    "another image": (
        {"json": {"image": 10**9, "key": "k", "class_id": 1}},
        404,
        "no item",
    ),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_cannot_be_used_is_refused_in_words_and_changes_nothing(
    server: House, what: str
) -> None:
    house = owned(server, 3, name=f"body {what}")
    more, status, words = BODIES[what]
    reply = house.ask("POST", "queue/answers", house.text(), **more)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, PROBLEM), reply.text
    said = reply.json()
    assert said["status"] == status and said["type"].startswith("urn:alcore:problem:")
    assert words in said["detail"] or any(words in f"{f['at']}" for f in said.get("faults", ()))
    assert labels_of(house.store, house.project_id) == {}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/projects/x", 403),
        ("GET", "jobs/x", 422),
        ("GET", "jobs/99", 404),
        ("GET", "rounds/99", 404),
        ("GET", "images/99999999/log", 404),
        ("GET", "images/99999999999999999999/log", 422),
        ("GET", "labels?limit=0", 422),
        ("GET", "labels?after=-1", 422),
        ("GET", "labels?limit=100000", 422),
        ("GET", "jobs?kind=x", 422),
        ("GET", "curve?metric=x", 422),
        ("GET", "files/labels?format=x", 422),
        ("GET", "files/labels?part=x", 422),
        ("PUT", "labels", 405),
        ("OPTIONS", "labels", 405),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_in_words(
    server: House, method: str, path: str, status: int
) -> None:
    house = owned(server, 1, name=f"address {method} {path}")
    reply = house.ask(method, path, house.text())
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, PROBLEM), reply.text
    assert reply.json()["detail"]


def test_who_asks_too_often_is_told_when_to_come_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Pace(1.0)
    monkeypatch.setattr(operations, "pace", lambda: slow)
    text, other = house.text(), house.text()
    codes = [house.ask("GET", "status", text) for _ in range(6)]
    refused = [reply for reply in codes if reply.status_code == 429]
    assert codes[0].status_code == 200 and refused
    assert refused[0].headers["Content-Type"] == PROBLEM
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert "1 times a second" in refused[0].json()["detail"]
    assert house.ask("GET", "status", other).status_code == 200


def test_a_pace_lets_some_come_at_once_and_then_a_rate() -> None:
    now = 100.0
    pace = Pace(10.0, lambda: now)

    def allowed(n: int) -> int:
        taken = 0
        for _ in range(n):
            try:
                pace.take(1)
            except TooManyRequests as error:
                assert 0 < error.retry_in <= 0.1
                break
            taken += 1
        return taken

    assert allowed(100) == 30
    now += 1.0
    assert allowed(100) == 10
    now += 3600.0
    assert allowed(100) == 30
    now -= 10.0  # whatever the clock does
    assert allowed(100) == 0


def test_while_another_program_holds_the_database_programs_are_told_to_come_again(
    house: House,
) -> None:
    text = house.text()
    house.ask("GET", "status", text)  # the use is noted
    (image,) = house.ask("POST", "queue/claim", text, json={"count": 1}).json()["images"]
    body = {"image": image["image"], "token": image["token"], "key": "busy", "kind": "unsure"}
    with locked(house.store.workspace):
        reply = house.ask("POST", "queue/answers", text, json=body)
    assert (reply.status_code, reply.headers["Content-Type"]) == (503, PROBLEM)
    assert int(reply.headers["Retry-After"]) > 0
    assert house.ask("POST", "queue/answers", text, json=body).status_code == 200


# -- pictures, many labels, the whole project ----------------------------------------------------


def test_many_labels_come_in_at_once_and_each_that_is_refused_is_said(house: House) -> None:
    with house.store.read() as connection:
        ids = items.ids(connection, house.project_id).tolist()
    client = house.client(scope="label")
    assert client.correct({ids[0]: "cat", ids[1]: "dog"}) == {}
    key = uuid.uuid4().hex
    cat, dog = client.classes().values()
    wanted = [
        {"image": ids[2], "class_id": dog, "key": key},
        {"image": ids[0], "class_id": dog, "key": uuid.uuid4().hex},
        {"image": 10**9, "class_id": dog, "key": uuid.uuid4().hex},
        {"image": ids[3], "class_id": 10**9, "key": uuid.uuid4().hex},
    ]
    text = house.text(scope="label")
    for _ in range(2):  # sent again it counts once
        rows = house.ask("POST", "labels/bulk", text, json={"labels": wanted}).json()["rows"]
        assert [row["image"] for row in rows] == [one["image"] for one in wanted]
        assert rows[0]["label"]["class_id"] == dog and rows[0]["problem"] is None
        assert all(row["label"] is None and row["problem"] for row in rows[1:])
    assert "meanwhile" in rows[1]["problem"] and "no class" in rows[3]["problem"]
    assert labels_of(house.store, house.project_id) == {ids[0]: cat, ids[1]: dog, ids[2]: dog}
    many = [wanted[0]] * 501
    assert house.ask("POST", "labels/bulk", text, json={"labels": many}).status_code == 422
    long = [wanted[0] | {"key": "k" * 100_000}] * 3
    assert house.ask("POST", "labels/bulk", text, json={"labels": long}).status_code == 413


def test_a_project_is_copied_put_away_and_taken_back(house: House) -> None:
    client = house.client()
    client.correct({next(iter(client.claim(1))).id: "cat"})
    copy_id = client.copy("the second try", labels=True)
    assert projects.get(house.store, copy_id).name == "the second try"
    assert len(labels_of(house.store, copy_id)) == 1
    with pytest.raises(Refused, match="second try"):
        client.copy("the second try")
    client.archive()
    assert client.project()["archived"] is True
    with pytest.raises(NothingToLabel, match="put away"):
        client.claim()
    client.archive()  # once more changes nothing
    client.archive(False)
    assert client.project()["archived"] is False
    for call in (lambda c: c.copy("x"), lambda c: c.archive()):
        with pytest.raises(Refused):
            call(house.client("Ben", "label"))


# -- images, metadata and labels of the model ---------------------------------------------------


def zipped(path: Path, numbers: range) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in numbers:
            pixels = np.random.default_rng(number).integers(0, 256, (9, 7), np.uint8)
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "PNG")
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", out.getvalue())
    return path


def test_a_project_is_made_of_an_archive_and_gets_more_images_and_what_is_known_of_them(
    house: House, tmp_path: Path
) -> None:
    client = house.client()
    made = client.create("by a program", zipped(tmp_path / "in.zip", range(12)), "labels", ["c"])
    assert made.project_id != house.project_id and made.project()["owner"]
    projects.import_now(house.store, made.project_id, 0)
    assert made.wait()["state"] == "done"
    about = made.project()
    assert about["images"] == 12 and [c["name"] for c in about["classes"]] == ["c", "a", "b"]
    with pytest.raises(Refused, match="by a program"):
        client.create("by a program", zipped(tmp_path / "in.zip", range(12)))
    job = made.add_images(zipped(tmp_path / "more.zip", range(8, 16)))
    assert job is not None and job["kind"] == "import"
    projects.import_now(house.store, made.project_id, 0)
    assert made.project()["images"] == 16
    rows = [{"file": "upload/a/12.png", "site": "Bonn", "age": 7}, {"file": "none.png", "site": 1}]
    seen = made.add_metadata(rows, preview=True)
    assert (seen["lines"], seen["images"]) == (2, 1) and seen["notes"]
    assert made.add_metadata(rows)["columns"] == seen["columns"]
    table = tmp_path / "table.csv"
    table.write_text("file,site\na/0.png,Köln\n", encoding="utf-8")
    assert [(c["name"], c["new"]) for c in made.add_metadata(table)["columns"]] == [("site", 1)]
    known = {i["name"]: i["metadata"] for i in made._rows("images") if i["metadata"]}
    assert known == {"upload/a/12.png": {"site": "Bonn", "age": 7.0}, "a/0.png": {"site": "Köln"}}
    left = [p for p in house.store.workspace.uploads.iterdir() if p.suffix != ".zip"]
    assert left == []


def test_what_is_no_archive_and_who_may_not_send_one_are_refused_in_words(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, label = house.text(), house.text(scope="label")

    def send(data: Any, token: str = text, **headers: str) -> Any:
        mime = {"Content-Type": "application/zip"}
        return house.ask("POST", "/uploads", token, data=data, headers=mime | headers)

    assert send(b"x", label).status_code == 403
    assert send(b"x", house.text("Ben", "label")).status_code == 403
    assert send(b"x", **{"Content-Type": "text/plain"}).status_code == 415
    assert send(iter([b"x", b"y"])).status_code == 411  # it does not say its length
    monkeypatch.setattr("alcore.web.uploads.QUOTA", 1_000)
    refused = send(b"x" * 2_000)
    assert refused.status_code == 413 and "as much as it may" in refused.json()["detail"]
    reply = send(b"no archive").json()
    assert reply["size"] == 10
    broken = {"name": "broken", "upload": reply["upload"]}
    made = house.ask("POST", "/projects", text, json=broken).json()
    with pytest.raises(ImportRefused, match="not a zip archive"):
        projects.import_now(house.store, made["project_id"], 0)
    for body, words in (
        ({"name": "x"}, "name one of them"),
        ({"name": "x", "upload": "../alcore.db"}, "send the archive again"),
        ({"name": "x", "address": "file:///etc"}, "leads to this computer"),
        ({"name": "x", "address": "https://me:word@birds.example"}, "no name, password"),
    ):
        reply = house.ask("POST", "/projects", text, json=body)
        assert reply.status_code == 422 and words in reply.json()["detail"]
    monkeypatch.setattr(state, "folders", lambda: Folders(listed=(), remote=("s3://birds",)))
    other = {"name": "x", "address": "s3://other/x"}
    refused = house.ask("POST", "/projects", text, json=other)
    assert refused.status_code == 403 and "ALCORE_REMOTE" in refused.json()["detail"]
    some = {"addresses": ["https://birds.example/1.png"]}
    assert house.ask("POST", "additions", text, json=some).status_code == 403
    assert house.ask("POST", "additions", text, json={"addresses": ["x"]}).status_code == 422


def test_a_program_lets_the_model_finish_the_job_once_people_have_checked(
    server: House, request: pytest.FixtureRequest
) -> None:
    house = owned(server, 60, name=request.node.name, classes=("cat", "dog", "owl"))
    client = house.client()
    with pytest.raises(Refused, match="model"):
        client.outlook()
    tab = Tab(house.store, house.project_id)
    for place, lease in enumerate(tab.claim(3).leases):
        tab.answer(lease, place)
    look(house.store, house.project_id)
    known = client.outlook(0.5)
    assert known["images"] > 5 and known["precision"] == 0.5
    drawn = client.draw(0.5, sample=2)
    assert drawn["sample"] == 2 and drawn["written_at"] is None
    with pytest.raises(Refused, match="to check have no answer"):
        client.write(drawn["id"])
    for image in client.images(most=2):
        client.answer(image, "cat")
    written = client.write(drawn["id"])
    assert written["answered"] == 2 and written["written_at"] is not None
    assert client.completions() == [written]
    client.withdraw(drawn["id"])
    assert client.completions() == []
    with pytest.raises(Refused):
        house.client("Ben", "label").draw()


def test_what_cannot_be_predicted_is_refused_in_words(house: House) -> None:
    client = house.client(scope="read")
    with pytest.raises(Refused, match="there is no model yet") as none:
        client.predict(b"no picture")
    assert none.value.status == 409
    text = house.text(scope="read")
    reply = house.ask("POST", "predict", text, json={"picture": "not base64!"})
    assert reply.status_code == 422 and "base64" in reply.json()["detail"]
    assert not list(house.store.workspace.uploads.glob("*.picture"))
    huge = {"picture": "A" * 16_002_000}
    assert house.ask("POST", "predict", text, json=huge).status_code in (413, 422)


# -- the document ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(server: House) -> House:
    """The project that is asked for all that the document lets through, and more."""
    return owned(server, 40, name="asked")


@pytest.fixture(scope="module")
def owners_text(asked: House) -> str:
    return asked.text()


@pytest.fixture(scope="module")
def document(asked: House) -> Any:
    """The document as schemathesis reads it, its address of the server included."""
    return schemathesis.openapi.from_url(f"{asked.url}/api/v1/openapi.json")


def takes_input(one: Any) -> bool:
    return bool(one.dependant.body_params or one.dependant.query_params)


SLOW = [*HealthCheck]
NEW = ("classes", "queue/answers", "webhooks", "copies", "predict", "labels/bulk", "additions")
NEW += ("metadata", "completions", "outlook")
BEYOND = ("/projects", *(f"/projects/{{project_id}}/{w}" for w in NEW))
"""What they ask goes beyond a schema: new names, a class of a label, a real address or picture."""
CALLS = [
    (method, one.path, mode)
    for one in application.operations()
    for method in one.methods
    for mode in GenerationMode
    if one.include_in_schema and (mode is GenerationMode.POSITIVE or takes_input(one))
]


@pytest.mark.parametrize(("method", "path", "mode"), CALLS)
def test_every_operation_does_what_the_document_says(
    document: Any,
    asked: House,
    owners_text: str,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    monkeypatch.setattr(operations, "pace", lambda: Pace(1e6))
    operation = document[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=20, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck]
    )
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and case.path_parameters:
            case.path_parameters["project_id"] = asked.project_id
        beyond = [positive_data_acceptance] if path in BEYOND else []
        headers = {"Authorization": f"Bearer {owners_text}"}
        case.call_and_validate(headers=headers, excluded_checks=beyond)

    ask()
    if path.endswith("/archive"):
        projects.archive(asked.store, asked.project_id, False)


def test_the_page_shows_every_operation_and_loads_nothing(server: House) -> None:
    reply = server.ask("GET", "/docs")
    page = reply.text
    document = server.ask("GET", "/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            assert f"<b>{method.upper()}</b> /api/v1{path}</code>" in page
            assert about["summary"] and f'id="{about["operationId"]}"' in page
    for name in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{name}"' in page, name
    assert not re.search(r"<script|href=\"?\w+:|src=|url\(", page)
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert document["servers"] == [{"url": "/api/v1"}]


def test_nothing_of_it_is_loaded_before_somebody_asks() -> None:
    code = (
        "import sys; from alcore.web import routes; routes.of_app('label');"
        "print(sorted({'fastapi', 'pydantic'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_examples_of_the_page_are_what_the_operations_take(house: House) -> None:
    page = unescape(house.ask("GET", "/docs").text)
    text = house.text()
    examples = re.findall(r"<pre[^>]*><code>(curl .*?)</code></pre>", page, re.DOTALL)
    posts = [one for one in examples if "-d '" in one]
    assert len(examples) == len({(method, path) for method, path, _ in CALLS}) and len(posts) == 15
    for example in posts:
        (path,) = re.findall(r"\$ALCORE/api/v1(\S+)", example)
        (body,) = re.findall(r"-d '(.*)'", example)
        place = path.replace("/projects/1", f"/projects/{house.project_id}")
        reply = house.ask("POST", place, text, json=json.loads(body))
        assert reply.status_code not in (400, 405, 413, 415), (path, reply.text)
        assert reply.status_code != 422 or "faults" not in reply.json(), (path, reply.text)
