"""Owns the proof of what is looked at in every request, whatever answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from alcore.config import Access, Workspace
from alcore.errors import InvalidSettings
from alcore.services import people
from alcore.store import Store
from alcore.web import shield
from alcore.web.shield import Shield
from alcore.web.uploads import ALL, AT_ONCE, QUOTA, Uploads

UPLOAD = "/_stcore/upload_file/session/file"


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def app(hosts: list[str], embedded_by: tuple[str, ...] = ()) -> tuple[Shield, Uploads]:
    uploads = Uploads()
    inner = Starlette(
        routes=[
            Route("/", echo, methods=["GET", "POST"]),
            Route(UPLOAD, echo, methods=["PUT"]),
            Route("/alcore/health", echo),
        ]
    )
    return Shield(inner, hosts, uploads, lambda: embedded_by), uploads


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost", True),
        ("LOCALHOST:8501", True),
        ("127.0.0.1:1", True),
        ("[::1]:8501", True),
        ("a.lab.example", True),
        ("lab.example", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("evil.example#localhost", False),
        ("", False),
    ],
)
def test_the_server_answers_under_its_own_names_only(host: str, known: bool) -> None:
    guarded, _ = app(["localhost", "127.0.0.1", "::1", "*.lab.example"])
    http = TestClient(guarded)
    assert (http.get("/", headers={"Host": host}).status_code == 200) == known
    assert http.get("/alcore/health", headers={"Host": host}).status_code == 200
    anywhere, _ = app(["*"])
    assert TestClient(anywhere).get("/", headers={"Host": host}).status_code == 200


def test_who_may_show_the_app_in_a_frame_is_said_with_every_answer() -> None:
    site = "https://a.example"
    for embedded_by, frames in (((), "'self'"), ((site,), f"'self' {site}")):
        guarded, _ = app(["*"], embedded_by)
        answer = TestClient(guarded).get("/")
        assert answer.headers["Content-Security-Policy"] == f"frame-ancestors {frames}"
        assert answer.headers["Referrer-Policy"] == "same-origin"
    with pytest.raises(InvalidSettings, match=r"https://school\.example"):
        Access(embedded_by=("https://a.example; script-src *",))


def test_only_who_was_shown_an_upload_field_uploads_and_only_so_much() -> None:
    guarded, uploads = app(["*"])
    http = TestClient(guarded)
    assert http.put(UPLOAD, content=b"abc").status_code == 403
    uploads.allow("other")
    assert http.put(UPLOAD, content=b"abc").status_code == 403
    uploads.allow("session")
    assert http.put(UPLOAD, content=b"abc").text == "3"
    parts: Iterator[bytes] = iter([b"a", b"b"])
    assert http.put(UPLOAD, content=parts).status_code == 411
    assert uploads.begin("session", QUOTA)[0] == 413


def test_who_opens_another_page_gets_no_further_room() -> None:
    uploads = Uploads()
    answers = []
    for page in range(ALL // QUOTA + 1):
        uploads.allow(str(page))
        answers.append(uploads.begin(str(page), QUOTA))
        if answers[-1] is None:
            uploads.end()
    assert answers[:-1] == [None] * (ALL // QUOTA)
    assert answers[-1][0] == 429 and "in an hour" in answers[-1][1]


def test_few_files_are_on_their_way_at_once() -> None:
    uploads = Uploads()
    uploads.allow("session")
    for _ in range(AT_ONCE):
        assert uploads.begin("session", 1) is None
    assert uploads.begin("session", 1)[0] == 429
    uploads.end()
    assert uploads.begin("session", 1) is None


@pytest.mark.parametrize(("path", "method"), [("/", "POST"), (UPLOAD, "PUT")])
def test_a_body_that_does_not_come_is_given_up(
    monkeypatch: pytest.MonkeyPatch, path: str, method: str
) -> None:
    monkeypatch.setattr(shield, "PATIENCE", 0.2)
    guarded, uploads = app(["*"])
    uploads.allow("session")
    sent: list[dict[str, Any]] = []
    parts = iter([{"type": "http.request", "body": b"a", "more_body": True}])

    async def receive() -> dict[str, Any]:
        part = next(parts, None)
        if part is None:
            await asyncio.sleep(3600)
        return part

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-length", b"5")]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    # In a thread of its own: the browser of other tests has a loop running in this one.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, guarded(scope, receive, send)).result()
    assert sent[0]["status"] == 408
    for _ in range(AT_ONCE):
        assert uploads.begin("session", 1) is None


def test_nobody_else_reads_the_database(workspace: Workspace) -> None:
    for _ in range(2):
        store = Store.open(workspace)
        people.annotator(store, "Ana")
        files = sorted(workspace.root.glob("alcore.db*"))
        assert files and all(path.stat().st_mode & 0o077 == 0 for path in files)
        store.close()
        workspace.database.chmod(0o644)
