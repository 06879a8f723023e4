"""Owns the proof that strange input is refused in words, and tells nobody what is not theirs.

`benchmarks/malformed.py` draws a hundred thousand; ALCORE_TEST_SCALE multiplies what is drawn here.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strange
from made import web_store
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from test_rights import MAY, PLACE, SECRETS, VISITORS, House, house

from alcore.label_formats import FORMATS
from alcore.services import api_tokens, labeling
from alcore.store import projects
from alcore.web import pictures, routes, state, tickets
from alcore.web.api import application, mounting, operations
from alcore.web.api.pace import Pace

SCALE = int(os.environ.get("ALCORE_TEST_SCALE", "1"))
READ = [name for name, form in FORMATS.items() if form.read]
LABELING = {who for right in ("label", "take part") for who in MAY.get(right, ())}
KNOWN = {"AnswerLate", "WorkspaceBusy", "ExportFailed"}
"""What a request may be told with 503: to try again."""


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return strange.sound_labels(tmp_path_factory.mktemp("sound"))


@pytest.mark.parametrize("name", READ)
def test_strange_files_of_labels_are_read_or_refused_in_words(
    labels: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    path = tmp_path / f"labels{FORMATS[name].suffix}"
    assert strange.try_labels(labels[name], path, name)
    trial = strange.trials(tmp_path, labels)[f"labels {name}"]
    read = [trial(rng) for _ in range(40 * SCALE)]
    assert not all(read)


# -- requests ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with web_store(tmp_path_factory.mktemp("house")) as opened:
        yield house(opened)


@pytest.fixture(scope="module")
def http(there: House) -> TestClient:
    return TestClient(Starlette(routes=routes.of_app()), raise_server_exceptions=False)


class Visitor:
    """Asks as one kind of visitor, with all that they could have been given."""

    def __init__(self, there: House, http: TestClient, name: str) -> None:
        self.name, self.there, self.http = name, there, http
        self.rng = np.random.default_rng(VISITORS.index(name))
        self.who = there.ids.get(name)
        self.sound: dict[str, Any] = {"client": "c", "key": "k", "kind": "label", "item": 1}
        with there.store.read() as connection:
            self.sound["class"] = projects.classes(connection, there.project_id)[0].id
        if name in LABELING:
            who = (there.store, there.project_id, self.who, "c")
            (lease,) = labeling.claim(*who, 1).leases  # type: ignore[arg-type]
            self.sound |= {"item": lease.item_id, "token": lease.token, "tokens": [lease.token]}

    def ask(self, route: Route) -> Any:
        """Ask a route of pages."""
        path = route.path
        for part in re.findall(r"{(\w+):id}", path):
            sound = self.there.project_id if part == "project_id" else 1
            path = path.replace(f"{{{part}:id}}", strange.number(self.rng, sound), 1)
        headers, query = {}, {}
        if self.who is not None:
            within = self.there.project_id if "{project_id" in route.path else tickets.OUTSIDE
            headers["X-Alcore-Ticket"] = state.tickets().issue(within, self.who)
            query["t"] = state.tickets().show(self.who, path.lstrip("/"))
        (method,) = route.methods - {"HEAD"}
        return self._send(method, path, headers, query)

    def call(self, one: Any, text: str | None) -> Any:
        """Ask an operation of the API."""
        path = one.path.replace("{project_id}", strange.number(self.rng, self.there.project_id))
        path = re.sub(r"{\w+}", lambda _: strange.number(self.rng, 1), path)
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        (method,) = one.methods
        return self._send(method, mounting.PATH + path, headers, {})

    def _send(self, method: str, path: str, headers: dict[str, str], query: dict[str, str]) -> Any:
        more: dict[str, Any] = {"params": strange.query(self.rng, query)}
        if method == "POST":
            more["content"] = strange.body(self.sound, self.rng)
            headers = {"Content-Type": "application/json", **headers}
        return self.http.request(method, path, headers=headers, **more)

    def check(self, answer: Any, place: str) -> None:
        """Nothing fails, and nothing is told that is not theirs."""
        text = answer.text
        if answer.status_code >= 500:
            said = answer.json()
            kind = said.get("error", said.get("type", ""))
            assert answer.status_code == 503 and kind in KNOWN, (place, answer.status_code, text)
        assert str(self.there.store.workspace.root) not in text and "Traceback" not in text
        if self.name not in MAY["own"]:
            assert PLACE not in text, place
        if self.name not in LABELING:
            assert not [secret for secret in SECRETS if secret in text], place


@pytest.mark.parametrize("name", VISITORS)
def test_no_request_of_anybody_fails_or_tells_what_is_not_theirs(
    there: House, http: TestClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "pace", lambda: Pace(1e6))
    visitor = Visitor(there, http, name)
    all_routes = [r for r in routes.routes() if r.path not in SLOW]
    for _ in range(4 * SCALE):
        for route in all_routes:
            visitor.check(visitor.ask(route), route.path)


@pytest.mark.parametrize("name", [n for n in VISITORS if n in MAY["take part"]])
def test_no_request_of_a_program_fails_or_tells_what_is_not_theirs(
    there: House, http: TestClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "pace", lambda: Pace(1e6))
    visitor = Visitor(there, http, name)
    scope = "own" if name in MAY["own"] else "label"
    assert visitor.who is not None
    who = (there.store, there.project_id, visitor.who)
    _, text = api_tokens.create(*who, "strange", scope)  # type: ignore[arg-type]
    for _ in range(4 * SCALE):
        for one in application.operations():
            visitor.check(visitor.call(one, text), one.path)
            visitor.check(visitor.call(one, None), one.path)


SLOW = ("/playground/rounds",)
"""Computes in a process of its own, which has tests of its own."""


def test_signatures_of_other_things_open_no_picture(there: House, http: TestClient) -> None:
    who = there.ids["annotator"]
    good = pictures.src(there.project_id, 1, "0" * 12, who)
    signature = good.split("t=")[1]
    others = [
        state.tickets().issue(there.project_id, who),
        state.tickets().invite(1),
        state.tickets().hand(there.project_id, who, 1),
        state.tickets().give_pass("word"),
        signature.replace(f"{who}.", f"{there.ids['owner']}.", 1),
        signature[:-1],
        signature + "x",
        "",
    ]
    for other in others:
        answer = http.get(f"/board/{there.project_id}/pixels/1", params={"t": other})
        assert answer.status_code == 401, other
