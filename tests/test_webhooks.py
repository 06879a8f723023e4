"""Owns the proof that webhooks are told what happened, and lead nowhere that they must not."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

import pytest
from made import BY_HAND, Tab, project
from sqlalchemy import select, update

from alcore import outgoing
from alcore.config import Workspace
from alcore.errors import AddressRefused, InvalidSettings, NotAllowed, UnknownWebhook
from alcore.jobs import deliveries
from alcore.jobs.deliveries import PAUSES, Deliveries, deliver_next
from alcore.services import audit, people, projects, training, webhooks
from alcore.store import Store
from alcore.store import webhooks as stored
from alcore.store.tables import delivery


@pytest.fixture
def store(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("ALCORE_WEBHOOK_HOSTS", "127.0.0.1 localhost")
    opened = Store.open(workspace)
    yield opened
    opened.close()


class Receiver:
    """A server that keeps what it is sent, and answers with the codes that it was given."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []


@contextmanager
def receiver(*codes: int) -> Iterator[tuple[str, Receiver]]:
    kept = Receiver()
    kept.codes = [*codes]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.got.append((dict(self.headers), body))
            code = kept.codes.pop(0) if kept.codes else 204
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook?x=1", kept
    server.shutdown()
    thread.join()
    server.server_close()


def happen(store: Store, project_id: int, event: Any = "model", **about: Any) -> None:
    with store.write() as connection:
        stored.note(connection, project_id, event, about, time.time())


def rows(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(delivery).order_by(delivery.c.id)))


def hurry(store: Store) -> None:
    """Let what waits be due."""
    with store.write() as connection:
        connection.execute(update(delivery).values(due_at=0.0))


def test_what_happened_is_delivered_signed_and_once(store: Store) -> None:
    made = project(store, name="birds")
    with receiver() as (address, kept):
        hook = webhooks.add(store, made, None, address, ["model"])
        happen(store, made, "import", images=30)  # nobody wants to know
        happen(store, made, model=1, accuracy=None)
        assert deliver_next(store) and not deliver_next(store)
    ((headers, body),) = kept.got
    said = json.loads(body)
    assert said["project"] == {"id": made, "name": "birds"}
    assert (said["event"], said["model"], said["accuracy"]) == ("model", 1, None)
    assert headers["X-Alcore-Event"] == "model" and headers["Host"].startswith("127.0.0.1:")
    when, _, sign = headers["X-Alcore-Signature"].partition(",v1=")
    signed = f"{when[2:]}.".encode() + body
    assert hmac.compare_digest(
        sign, hmac.new(hook.secret.encode(), signed, hashlib.sha256).hexdigest()
    )
    assert abs(int(when[2:]) - time.time()) < 60
    (last,) = webhooks.of_project(store, made, None)
    assert (last.last_state, last.last_error, last.secret) == ("done", None, "")


def test_a_delivery_that_fails_is_tried_again_and_given_up_at_last(store: Store) -> None:
    made = project(store)
    with receiver(*[500, 302, 404], *[500] * 10) as (address, kept):
        webhooks.add(store, made, None, address, ["model"])
        happen(store, made, model=1)
        for turn in range(len(PAUSES)):
            assert deliver_next(store) and not deliver_next(store)
            (row,) = rows(store)
            assert row.state == "waiting"
            assert row.due_at == pytest.approx(time.time() + PAUSES[turn], abs=5)
            hurry(store)
        assert deliver_next(store)
        hurry(store)
        assert not deliver_next(store)
    (row,) = rows(store)
    assert (row.state, row.tries, row.error) == ("failed", len(PAUSES) + 1, "the reply was 500")
    numbers = {headers["X-Alcore-Delivery"] for headers, _ in kept.got}
    assert len(kept.got) == len(PAUSES) + 1 and len(numbers) == 1


def test_who_does_not_answer_is_given_up_in_time_and_holds_nothing_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "LIMIT", 0.3)
    monkeypatch.setattr(deliveries, "POLL", 0.01)
    made = project(store)
    with socket.socket() as silent, receiver() as (address, kept):
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        nowhere = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        webhooks.add(store, made, None, nowhere, ["model"])
        webhooks.add(store, made, None, address, ["model"])
        happen(store, made, model=1)
        running = Deliveries(store)
        ana = Tab(store, made)
        ana.answer(ana.next())  # while it waits
        until = time.monotonic() + 30
        while not (kept.got and all(row.tries for row in rows(store))):
            assert time.monotonic() < until
            time.sleep(0.01)
        running.stop()
    first, second = rows(store)
    assert first.state == "waiting" and "no reply came" in first.error
    assert second.state == "done"


def test_a_server_that_proves_no_name_is_told_nothing(store: Store) -> None:
    made = project(store)
    with receiver() as (address, kept):
        webhooks.add(store, made, None, address.replace("http:", "https:"), ["model"])
        happen(store, made, model=1)
        assert deliver_next(store)
    assert kept.got == [] and "no reply came (SSLError)" in rows(store)[0].error


def test_a_reply_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "LIMIT", 0.4)
    over = threading.Event()

    def drip(listening: socket.socket) -> None:
        line, _ = listening.accept()
        with line:
            line.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                try:
                    line.sendall(b"x: y\r\n")
                except OSError:
                    return

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        before = time.monotonic()
        with pytest.raises((OSError, HTTPException)):
            outgoing.post(address, b"{}", {}, ["127.0.0.1"])
        assert time.monotonic() - before < 10
        over.set()
        thread.join()


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8501/alcore/health",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://[::1]/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[64:ff9b::a00:1]/",
        "http://224.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://no-such-host.invalid/",
        "http://user:word@93.184.216.34/",
        "ftp://93.184.216.34/",
        "file:///etc/passwd",
        "http://",
        "hooks.example",
        "http://a b/",
        "http://[/",
        "http://93.184.216.34:99999/",
        "http://93.184.216.34/\r\nX: y",
        "http://ünïcode.example/",
        "http://93.184.216.34/" + "x" * 600,
    ],
)
def test_an_address_that_must_not_be_asked_is_refused_in_words(
    workspace: Workspace, address: str
) -> None:
    opened = Store.open(workspace)
    made = project(opened)
    with pytest.raises(AddressRefused, match=r"private network|no address|no server|at most"):
        webhooks.add(opened, made, None, address, ["model"])
    assert webhooks.of_project(opened, made, None) == []
    opened.close()


def test_the_internet_may_be_asked_and_a_listed_host_too() -> None:
    assert outgoing.resolve("https://93.184.216.34/x") == ("93.184.216.34", 443)
    assert outgoing.resolve("http://127.0.0.1:81/x", ["127.0.0.1"]) == ("127.0.0.1", 81)
    with pytest.raises(AddressRefused, match="ALCORE_WEBHOOK_HOSTS"):
        outgoing.resolve("http://127.0.0.1:81/x", ["10.0.0.1"])


def test_a_name_that_leads_elsewhere_later_is_refused_then(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(store)
    with receiver() as (address, kept):
        webhooks.add(store, made, None, address, ["model"])
        happen(store, made, model=1)
        monkeypatch.setenv("ALCORE_WEBHOOK_HOSTS", "")
        assert deliver_next(store)
    assert kept.got == [] and "private network" in rows(store)[0].error


def test_owners_alone_make_and_remove_webhooks_and_the_log_says_so(store: Store) -> None:
    made = project(store)
    ana, ben = (people.annotator(store, name).id for name in ("Ana", "Ben"))
    people.set_role(store, made, None, ana, "owner")
    with receiver() as (address, kept):
        for act in (
            lambda by: webhooks.add(store, made, by, address, ["model"]),
            lambda by: webhooks.of_project(store, made, by),
            lambda by: webhooks.remove(store, made, by, 1),
        ):
            with pytest.raises(NotAllowed, match="owner"):
                act(ben)
            act(ana)
        said = [audit.words(event) for event in audit.of_project(store, made, ana)]
        assert said[:2] == [f"removed the webhook to {address}", f"made a webhook to {address}"]
        with pytest.raises(UnknownWebhook):
            webhooks.remove(store, made, ana, 1)
        for events in ([], ["model", "x"]):
            with pytest.raises(InvalidSettings, match="model, import"):
                webhooks.add(store, made, ana, address, events)  # type: ignore[arg-type]
        hook = webhooks.add(store, made, ana, address, ["model"])
        happen(store, made, model=1)
        webhooks.remove(store, made, ana, hook.id)
        assert not deliver_next(store) and kept.got == []
        for _ in range(webhooks.MOST):
            webhooks.add(store, made, ana, address, ["import"])
        with pytest.raises(InvalidSettings, match="remove one"):
            webhooks.add(store, made, ana, address, ["import"])


def test_who_owns_the_project_no_more_is_told_nothing_by_their_webhooks(store: Store) -> None:
    made = project(store)
    ana, ben, cleo = (Tab(store, made, name).annotator.id for name in ("Ana", "Ben", "Cleo"))
    for person in (ana, ben, cleo):
        people.set_role(store, made, None, person, "owner")
    with receiver() as (address, kept):
        for person in (ana, ben, cleo):
            webhooks.add(store, made, person, f"{address}&of={person}", ["model"])
        happen(store, made, model=1)
        people.set_role(store, made, ana, ben, "removed")
        people.set_role(store, made, ana, cleo, "annotator")
        happen(store, made, model=2)
        while deliver_next(store):
            pass
    assert [json.loads(body)["model"] for _, body in kept.got] == [1, 2]
    assert [hook.annotator_id for hook in webhooks.of_project(store, made, ana)] == [ana]
    acts = [event.act for event in audit.of_project(store, made, ana, 9)]
    assert acts.count("remove webhook") == 2


def test_of_two_that_deliver_one_gets_it(store: Store) -> None:
    made = project(store)
    with receiver() as (address, _):
        webhooks.add(store, made, None, address, ["model"])
    happen(store, made, model=1)
    now = time.time()
    with store.write() as connection:
        first = stored.take(connection, now, now + 60)
        assert first is not None and stored.take(connection, now, now + 60) is None
        later = stored.take(connection, now + 61, now + 121)  # whoever had it has died
    assert later is not None and (later.id, later.tries) == (first.id, 2)


@pytest.mark.slow
def test_an_import_that_is_finished_and_a_new_model_are_told(store: Store) -> None:
    spec = {"kind": "shapes", "size": 40}
    made = projects.create(store, "shapes", spec, "labels", BY_HAND)
    with receiver() as (address, kept):
        webhooks.add(store, made, None, address, ["import", "model"])
        projects.import_now(store, made, 1)
        summary = training.train_now(store, made, 1)
        while deliver_next(store):
            pass
    first, second = (json.loads(body) for _, body in kept.got)
    assert (first["event"], first["images"]) == ("import", 40)
    assert (second["event"], second["model"], second["labels"]) == ("model", 1, summary.labels)
    assert second["accuracy"] == summary.evaluation.accuracy


def test_owners_test_a_webhook_and_read_what_was_delivered(store: Store) -> None:
    made = project(store)
    ana, ben = (people.annotator(store, name).id for name in ("Ana", "Ben"))
    people.set_role(store, made, None, ana, "owner")
    with receiver(500) as (address, kept):
        hook = webhooks.add(store, made, ana, address, ["import"])
        assert webhooks.deliveries(store, made, ana) == []
        webhooks.test(store, made, ana, hook.id)
        assert deliver_next(store)
        (waits,) = webhooks.deliveries(store, made, ana)
        assert (waits.state, waits.tries, waits.error) == ("waiting", 1, "the reply was 500")
        assert waits.due_at > time.time()
        hurry(store)
        assert deliver_next(store)
    (_, _), (headers, body) = kept.got
    assert headers["X-Alcore-Event"] == "test" and json.loads(body)["event"] == "test"
    (told,) = webhooks.deliveries(store, made, ana)
    assert (told.state, told.tries, told.error, told.event) == ("done", 2, None, "test")
    assert audit.of_project(store, made, None, 1)[0].act == "test webhook"
    with pytest.raises(UnknownWebhook):
        webhooks.test(store, made, ana, 10**6)
    for ask in (
        lambda: webhooks.test(store, made, ben, hook.id),
        lambda: webhooks.deliveries(store, made, ben),
    ):
        with pytest.raises(NotAllowed):
            ask()
    webhooks.remove(store, made, ana, hook.id)
    assert webhooks.deliveries(store, made, ana) == []
