"""Owns the proof that a class can do what its session allows, while it runs, and nothing else."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made import BY_HAND, labels_of, project, web_store
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore.errors import InvalidSettings, NotAllowed, UnknownSession, WorkspaceBusy
from alcore.jobs import simulating
from alcore.records import Session, SimulatedPoint
from alcore.services import (
    guessing,
    nicknames,
    people,
    projects,
    rights,
    session_record,
    sessions,
    whole_projects,
)
from alcore.services.pool_predictions import PredictionCache
from alcore.store import Connection, Store, items, jobs, queue, simulated
from alcore.store import sessions as rows
from alcore.store.tables import annotator, lease
from alcore.web import routes, state
from alcore.workers.foreground import run_here

AGAINST = ("random", "margin")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store that routes of this process open, shared by the module."""
    with web_store(tmp_path_factory.mktemp("class")) as opened:
        yield opened


@pytest.fixture(scope="module")
def http(store: Store) -> TestClient:
    return TestClient(Starlette(routes=routes.routes()), raise_server_exceptions=False)


class Room:
    """A session on a project of its own, with its teacher."""

    def __init__(self, store: Store, *groups: str, n: int = 40, classes: tuple = ("a", "b")):
        self.store = store
        name = uuid.uuid4().hex
        self.teacher = people.annotator(store, f"teacher {name[:8]}").id
        self.project = project(store, n, classes=classes, name=name)
        (store.workspace.project(self.project)).mkdir(parents=True, exist_ok=True)
        people.set_role(store, self.project, None, self.teacher, "owner")
        self.id = sessions.open_session(store, self.project, self.teacher, 10, groups)

    @property
    def session(self) -> Session:
        return sessions.get(self.store, self.project, self.id, self.teacher)

    @property
    def who(self) -> tuple[Store, int, int, int]:
        return self.store, self.project, self.id, self.teacher

    def begin(self) -> None:
        """Start, and let the countdown be over."""
        sessions.start(*self.who)
        now = time.time()
        with self.store.write() as connection:
            rows.set_times(connection, self.id, now - 1, now + 600)

    def record(self) -> dict[str, Any]:
        return session_record.record(*self.who)


class Phone:
    """One student's browser."""

    def __init__(self, room: Room, http: TestClient, name: str, key: str = "") -> None:
        self.http, self.code = http, room.session.code
        self.key = key or uuid.uuid4().hex
        self.board: dict[str, Any] = {}
        self.joined = self.ask("join", name=name)

    def ask(self, what: str, **more: Any) -> dict[str, Any]:
        answer = self.http.post(f"/room/{what}", json={"code": self.code, "key": self.key, **more})
        return answer.json() | {"status": answer.status_code}

    def state(self) -> dict[str, Any]:
        told = self.ask("state", board=True)
        self.board = told.get("board") or self.board
        return told

    def post(self, what: str, ticket: str = "", **body: Any) -> Any:
        ticket = ticket or self.board["ticket"]
        return self.http.post(
            f"/{self.board['base']}/{what}", json=body, headers={"X-Alcore-Ticket": ticket}
        )

    def claim(self, n: int = 1) -> list[dict[str, Any]]:
        return self.post("claim", client=self.key, count=n, hold=[]).json()["images"]

    def answer(self, image: dict[str, Any], place: int = 0, key: str = "") -> Any:
        return self.post(
            "answer",
            kind="label",
            item=image["item"],
            token=image["token"],
            proof=image["proof"],
            key=key or uuid.uuid4().hex,
            **{"class": self.board["classes"][place]["id"]},
        )


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Ana", "Zoë", "Jean-Luc", "O'Neil", "李雷", "Assunta", "Dickens"])
def test_names_of_people_are_shown_as_they_are(name: str) -> None:
    assert nicknames.read(f"  {name} ") == name


RUDE = ("F u c k", "sh1t head", "fuuuck", "H!tler", "Ärsch", "arsch")
NONSENSE = ("", " ", "1234", "x" * 21, "a\u202eb", "<b>Ana</b>", "www.x.y/z", "🍌🍌")


@pytest.mark.parametrize("name", [*RUDE, *NONSENSE])
def test_nonsense_and_rude_names_are_refused_with_what_would_be_right(name: str) -> None:
    with pytest.raises(InvalidSettings, match="name"):
        nicknames.read(name)


# -- the lobby ---------------------------------------------------------------------------------


def test_a_session_copies_the_project_for_each_group_and_asks_them_the_same_first(
    store: Store,
) -> None:
    room = Room(store, *AGAINST)
    groups = sessions.groups(store, room.id)
    assert [group.strategy for group in groups] == [*AGAINST]
    asked = []
    for group in groups:
        copied = projects.get(store, group.project_id)
        assert copied.settings.strategy == group.strategy
        assert copied.settings.team.invited_only and copied.settings.retrain.automatic
        with store.read() as connection:
            first = min(queue.queued(connection, group.project_id))
            asked.append({i - first for i in queue.queued(connection, group.project_id)})
    assert asked[0] == asked[1] and len(asked[0]) == 40
    assert projects.get(store, room.project).settings == BY_HAND
    with pytest.raises(InvalidSettings, match="is open; end it first"):
        sessions.open_session(store, room.project, room.teacher)


def test_a_session_that_cannot_be_leaves_nothing_behind(store: Store) -> None:
    made = project(store, 5, name=uuid.uuid4().hex)
    owner = people.annotator(store, "another teacher").id
    stranger = people.annotator(store, "no teacher").id
    people.set_role(store, made, None, owner, "owner")
    before = len(projects.list_projects(store))
    for attempt, error, reason in (
        (lambda: sessions.open_session(store, made, stranger), NotAllowed, "owner"),
        (lambda: sessions.open_session(store, made, owner, 7), InvalidSettings, "7 minutes"),
        (lambda: sessions.open_session(store, made, owner, 5, ["margin"]), InvalidSettings, "2 to"),
    ):
        with pytest.raises(error, match=reason):
            attempt()
    with store.write() as connection:
        jobs.request(connection, made, "features", time.time())
    with pytest.raises(WorkspaceBusy, match="0% are done"):
        sessions.open_session(store, made, owner)
    assert len(projects.list_projects(store)) == before
    assert sessions.of_project(store, made, owner) == []


def test_who_joins_twice_is_one_student_and_who_has_a_taken_name_gets_a_number(
    store: Store, http: TestClient
) -> None:
    room = Room(store)
    ana = Phone(room, http, "Ana")
    again = Phone(room, http, "Anna", key=ana.key)
    other = Phone(room, http, "ana")
    assert [p.joined["name"] for p in (ana, again, other)] == ["Ana", "Ana", "ana 2"]
    assert other.joined["students"] == 2 and other.joined["phase"] == "lobby"
    with pytest.raises(NotAllowed, match="signs in"):  # nobody types a student's name elsewhere
        people.annotator(store, f"Ana (session {room.id})")
    assert people.annotator(store, "Ana").id not in [s["id"] for s in room.record()["students"]]
    for code in ("", "ABCD", "ABCD2345", "x" * 40):
        told = Phone.__new__(Phone)
        told.http, told.code, told.key = http, code, ana.key
        assert told.ask("join", name="Ben")["status"] in (404, 422)
    assert ana.ask("join", name="Ana", key="short")["status"] == 422
    assert Phone(room, http, "sh1t").joined["status"] == 422


def test_thirty_one_join_in_the_same_second_and_are_shared_out_evenly(
    store: Store, http: TestClient
) -> None:
    room = Room(store, *AGAINST)
    phones: list[Phone] = []
    at_once = threading.Barrier(31)

    def come() -> None:
        at_once.wait()
        phones.append(Phone(room, http, "Ana"))

    threads = [threading.Thread(target=come) for _ in range(31)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {phone.joined["name"] for phone in phones}
    assert names == {"Ana", *(f"Ana {i}" for i in range(2, 32))}
    students = room.record()["students"]
    assert sorted(sum(s["group"] == i for s in students) for i in (0, 1)) == [15, 16]


def test_a_locked_session_lets_nobody_else_in_but_those_who_were_there(
    store: Store, http: TestClient
) -> None:
    room = Room(store)
    ana = Phone(room, http, "Ana")
    sessions.lock(*room.who, locked=True)
    assert Phone(room, http, "Ben").joined["status"] == 403
    assert Phone(room, http, "Ana", key=ana.key).joined["name"] == "Ana"


# -- the session runs --------------------------------------------------------------------------


def test_students_label_only_while_the_session_runs_and_only_in_their_groups_project(
    store: Store, http: TestClient
) -> None:
    room = Room(store)
    ana = Phone(room, http, "Ana")
    ticket = ana.joined["ticket"]
    (group,) = sessions.groups(store, room.id)
    ana.board = {"base": f"board/{group.project_id}", "ticket": ticket}
    assert ana.post("claim", client="x", count=1, hold=[]).status_code == 403  # still the lobby
    sessions.start(*room.who)
    assert ana.state()["phase"] == "countdown"
    room.begin()
    assert ana.state()["phase"] == "running"
    (image,) = ana.claim()
    assert http.get(f"/{image['src']}").status_code == 404  # it has no pixels in this test
    assert ana.answer(image).json()["ok"]
    assert len(labels_of(store, group.project_id)) == 1
    assert labels_of(store, room.project) == {}
    late = Phone(room, http, "Ben")
    assert late.state()["phase"] == "running" and late.claim()

    student = next(s["id"] for s in room.record()["students"] if s["name"] == "Ana")
    for right in rights.RIGHTS:
        if right in ("take part", "own"):
            with pytest.raises(NotAllowed):
                rights.check(store, right, student, group.project_id)
    with pytest.raises(NotAllowed):
        rights.check(store, "label", student, room.project)
    assert rights.visible(store, student) == []
    assert not rights.owns(store, group.project_id, student)

    sessions.end(*room.who)
    with store.write() as connection:
        rows.set_times(connection, room.id, 1.0, time.time() - rights.AFTER_THE_END - 1)
    assert ana.state()["phase"] == "over"
    assert http.get(f"/{image['src']}").status_code == 403
    assert ana.post("claim", client="x", count=1, hold=[]).status_code == 403
    assert Phone(room, http, "Cleo").joined["status"] == 403


def test_an_answer_that_was_given_before_the_end_still_arrives_after_it_once(
    store: Store, http: TestClient
) -> None:
    room = Room(store)
    ana = Phone(room, http, "Ana")
    room.begin()
    ana.state()
    (image,) = ana.claim()
    sessions.end(*room.who)
    assert ana.answer(image, key="k" * 20).json()["duplicate"] is False
    assert ana.answer(image, key="k" * 20).json()["duplicate"] is True
    assert len(room.record()["events"]) == 1


def test_who_is_removed_loses_what_they_hold_and_cannot_come_back(
    store: Store, http: TestClient
) -> None:
    room = Room(store)
    ana, ben = (Phone(room, http, name) for name in ("Ana", "Ben"))
    room.begin()
    ana.state()
    ben.state()
    (image,) = ana.claim()
    ana.answer(image)
    (held,) = ana.claim()
    who = next(s["id"] for s in room.record()["students"] if s["name"] == "Ana")
    sessions.remove(*room.who, who)
    assert ana.answer(held).status_code == 403
    assert ana.state()["phase"] == "removed"
    assert Phone(room, http, "Ana", key=ana.key).joined["phase"] == "removed"
    assert held["item"] in [i["item"] for i in ben.claim(40)]
    assert [s["removed"] for s in room.record()["students"]] == [True, False]
    assert len(room.record()["events"]) == 1
    with pytest.raises(NotAllowed):
        sessions.remove(store, room.project, room.id, who, who)


def test_thirty_label_at_once_and_nothing_is_lost_or_held_twice(
    store: Store, http: TestClient
) -> None:
    room = Room(store, n=200)
    phones = [Phone(room, http, f"Student {i}") for i in range(30)]
    room.begin()
    (group,) = sessions.groups(store, room.id)
    sent: list[tuple[str, int]] = []
    troubles: list[Any] = []

    def work(phone: Phone) -> None:
        phone.state()
        for _ in range(3):
            for image in phone.claim(2):
                key = uuid.uuid4().hex
                for _ in range(2):  # as an outbox does that has not heard of its answer
                    told = phone.answer(image, key=key)
                    if told.status_code != 200:
                        troubles.append(told.text)
                sent.append((key, image["item"]))

    threads = [threading.Thread(target=work, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    events = room.record()["events"]
    assert len(events) == len(sent) == len({key for key, _ in sent})
    several = {item for item in (i for _, i in sent) if [i for _, i in sent].count(item) > 1}
    with store.read() as connection:
        assert all(items.get(connection, group.project_id, i).answers == 3 for i in several)


def test_a_session_goes_on_after_the_server_was_started_anew(tmp_path: Path) -> None:
    with web_store(tmp_path) as store:
        http = TestClient(Starlette(routes=routes.routes()))
        room = Room(store)
        ana = Phone(room, http, "Ana")
        room.begin()
        ana.state()
        (image,) = ana.claim()
        teacher, made, number = room.teacher, room.project, room.id
    with web_store(tmp_path) as store:
        http = TestClient(Starlette(routes=routes.routes()))
        ana.http = http
        assert ana.state()["name"] == "Ana"
        assert ana.answer(image).json()["ok"]
        assert sessions.get(store, made, number, teacher).phase(time.time()) == "running"


# -- guesses -----------------------------------------------------------------------------------


def test_the_class_guesses_before_it_sees_what_the_model_says(
    store: Store, http: TestClient
) -> None:
    room = Room(store)
    ana, ben = (Phone(room, http, name) for name in ("Ana", "Ben"))
    room.begin()
    with pytest.raises(InvalidSettings, match="no model yet"):
        guessing.ask(store, PredictionCache(store), *room.who[1:])
    with store.write() as connection:  # what `ask` does once there is a model
        rows.ask(connection, room.project, room.id, 7, time.time())
    guess = ana.state()["guess"]
    assert guess["shown"] is False and "bars" not in guess and guess["mine"] is None
    assert ana.ask("guess", guess=guess["id"], **{"class": 1})["guess"]["mine"] == 1
    assert ben.ask("guess", guess=guess["id"], **{"class": 9})["status"] == 422
    ben.ask("guess", guess=guess["id"], **{"class": 0})
    (told,) = room.record()["guesses"]
    assert told["answers"] == 2 and "votes" not in told
    guessing.show(store, PredictionCache(store), *room.who[1:])
    (told,) = room.record()["guesses"]
    assert told["votes"] == [1, 1] and told["bars"] == [None]
    assert ana.state()["guess"]["votes"] == [1, 1]
    assert ana.ask("guess", guess=guess["id"], **{"class": 0})["status"] == 422
    guessing.close(*room.who)
    assert ana.state()["guess"] is None


# -- what is left ------------------------------------------------------------------------------


def test_a_reset_leaves_no_name_label_or_copy_and_the_code_works_again(
    store: Store, http: TestClient
) -> None:
    room = Room(store, *AGAINST)
    ana = Phone(room, http, "Ana Unmistakable")
    room.begin()
    ana.state()
    (image,) = ana.claim()
    ana.answer(image)
    old = {group.project_id for group in sessions.groups(store, room.id)}
    sessions.reset(*room.who)
    told = room.record()
    assert (told["students"], told["events"], told["guesses"]) == ([], [], [])
    assert told["session"]["phase"] == "lobby"
    assert not old & {p.id for p in projects.list_projects(store, archived=True)}
    with store.read() as connection:
        names = connection.execute(select(annotator.c.name)).scalars().all()
        assert not [name for name in names if "Unmistakable" in name]
        held = select(lease.c.token).where(lease.c.project_id.in_(old))
        assert connection.execute(held).first() is None
    assert ana.state()["name"] is None
    assert ana.ask("join", name="Ana")["name"] == "Ana"


def test_a_session_that_is_over_is_deleted_with_its_copies_and_names(
    store: Store, http: TestClient
) -> None:
    room = Room(store, *AGAINST)
    Phone(room, http, "Ben Unmistakable")
    copies = {group.project_id for group in sessions.groups(store, room.id)}
    assert [one.images for one in sessions.weigh(*room.who)] == [40, 40]
    with pytest.raises(InvalidSettings, match="end it before"):
        sessions.delete(*room.who)
    sessions.end(*room.who)
    with pytest.raises(NotAllowed):
        sessions.delete(store, room.project, room.id, people.annotator(store, "Somebody").id)
    sessions.delete(*room.who)
    there = {p.id for p in projects.list_projects(store, archived=True)}
    assert room.project in there and not copies & there
    assert sessions.of_project(store, room.project, room.teacher) == []
    with store.read() as connection:
        names = connection.execute(select(annotator.c.name)).scalars().all()
    assert not [name for name in names if "Ben Unmistakable" in name]


def test_of_disputed_images_the_one_that_the_most_answered_comes_first() -> None:
    label = ["label", "unsure", "undo"].index("label")
    events = [
        [1, 0.0, 7, 0, 3, label, 0, None],
        [2, 0.0, 8, 0, 3, label, 1, None],
        [3, 0.0, 7, 0, 4, label, 0, None],
        [4, 0.0, 8, 0, 4, label, 0, None],
        [5, 0.0, 9, 0, 4, label, 1, None],
        [6, 0.0, 9, 1, 3, label, 1, None],
        [7, 0.0, 7, 0, 5, label, 0, None],
    ]
    assert session_record.disputed(events) == [4, 3]


def test_what_the_projector_does_is_the_owners_and_its_file_stands_alone(
    store: Store, http: TestClient
) -> None:
    room = Room(store)
    ana = Phone(room, http, "</script><b>")
    assert ana.joined["status"] == 422
    ana = Phone(room, http, "Ana")
    ticket = state.tickets().issue(room.project, room.teacher)
    address = f"/board/{room.project}/session"

    def ask(what: str, ticket: str, **body: Any) -> Any:
        body["session"] = room.id
        return http.post(f"{address}/{what}", json=body, headers={"X-Alcore-Ticket": ticket})

    for what in ("record", "act", "page"):
        assert ask(what, ana.joined["ticket"], after=0, do="start").status_code == 401
        stranger = state.tickets().issue(room.project, people.annotator(store, "stranger").id)
        assert ask(what, stranger, after=0, do="start").status_code == 403
    assert ask("act", ticket, do="dance").status_code == 422
    assert ask("act", ticket, do="start").json() == {"ok": True}
    told = ask("record", ticket, after=0, opened="http://10.0.0.9:8501/projector").json()
    assert told["link"]["address"] == f"http://10.0.0.9:8501/room?c={told['session']['code']}"
    assert told["link"]["qr"].startswith("data:image/svg+xml")
    assert [s["here"] for s in told["students"]] == [True]
    page = ask("page", ticket, after=0)
    assert "attachment" in page.headers["content-disposition"]
    assert told["session"]["code"] not in page.text and "Ana" in page.text
    assert "http-equiv" not in page.text and 'src="http' not in page.text
    for name in ("/room", "/projector"):
        assert "default-src 'self'" in http.get(name).headers["content-security-policy"]


def test_a_session_whose_copy_or_project_was_deleted_lets_nobody_label(
    store: Store, http: TestClient
) -> None:
    room = Room(store)
    ana = Phone(room, http, "Ana")
    room.begin()
    ana.state()
    (group,) = sessions.groups(store, room.id)
    name = projects.get(store, room.project).name
    whole_projects.delete(store, room.project, name, room.teacher)
    assert ana.post("claim", client="x", count=1, hold=[]).status_code == 403
    assert ana.state()["status"] == 404
    copied = projects.get(store, group.project_id).name
    whole_projects.delete(store, group.project_id, copied, room.teacher)
    assert ana.post("claim", client="x", count=1, hold=[]).status_code in (403, 404)
    with pytest.raises(UnknownSession), store.read() as connection:
        rows.get(connection, room.id)


def test_settings_of_a_copy_ask_several_students_about_some_images() -> None:
    told = sessions._settings(replace(BY_HAND, strategy="entropy"), "")
    assert told.strategy == "entropy" and not told.baseline
    assert (told.team.overlap_share, told.team.answers) == (0.2, 3)


# -- strategies beside the class ---------------------------------------------------------------


def test_strategies_are_simulated_from_one_start_and_gone_on_with_where_they_stopped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulating, "STEPS", (20, 30, 40))
    settings = replace(BY_HAND, resolution=8)
    spec = {"kind": "shapes", "size": 120}
    made = projects.create(store, uuid.uuid4().hex, spec, "answer key", settings)
    projects.import_now(store, made, 1)

    def simulate(*strategies: str) -> dict[str, list[SimulatedPoint]]:
        def ask(connection: Connection) -> None:
            args = {"strategies": strategies}
            jobs.request(connection, made, "simulation", time.time(), args=args)

        run_here(store, made, "simulation", 1, ask, "it runs")
        with store.read() as connection:
            points = simulated.of_project(connection, made)
        return {name: [p for p in points if p.strategy == name] for name in strategies}

    first = simulate("random")["random"]
    both = simulate("random", "margin")
    assert both["random"] == first
    for points in both.values():
        assert [p.labels for p in points] == [20, 30, 40]
        assert all(p.accuracy is not None and 0 < p.accuracy <= 1 for p in points)
        assert [len(p.batch) for p in points] == [10, 10, 0]
        assert len({*points[0].batch, *points[1].batch}) == 20
    assert both["margin"][0].accuracy == both["random"][0].accuracy  # the same start
    assert set(both["margin"][0].batch) != set(both["random"][0].batch)

    teacher = people.annotator(store, "teacher of shapes").id
    people.set_role(store, made, None, teacher, "owner")
    number = sessions.open_session(store, made, teacher, 5)
    told = session_record.record(store, made, number, teacher)["simulated"]
    assert told["curves"]["random"] == [[p.labels, p.accuracy] for p in first]
    assert told["progress"] == 0.0 and told["key"]
