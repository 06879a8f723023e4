"""Owns the proof of what is looked at in every request, whatever answers it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from alcore.config import Access, Workspace
from alcore.errors import AnswerLate, InvalidSettings
from alcore.services import people
from alcore.store import Store
from alcore.web import downloads, shield
from alcore.web.downloads import Download, sending
from alcore.web.shield import Shield
from alcore.web.spool import file_of
from alcore.web.uploads import ALL, AT_ONCE, BUSY, QUOTA, Uploads

UPLOAD = "/_stcore/upload_file/session/file"
SENT: list[tuple[str, bytes]] = []
"""What Streamlit's route was sent: names and contents."""


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def keep(request: Request) -> Response:
    """Do with a file what Streamlit does."""
    form = await request.form()
    (file,) = form.values()
    SENT.append((file.filename, await file.read()))
    return Response(status_code=204)


def app(
    hosts: list[str], embedded_by: tuple[str, ...] = (), folder: Path | None = None
) -> tuple[Shield, Uploads]:
    uploads = Uploads(lambda: folder or Path("nowhere"))
    inner = Starlette(
        routes=[
            Route("/", echo, methods=["GET", "POST"]),
            Route(UPLOAD, keep, methods=["PUT"]),
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


def test_only_who_was_shown_an_upload_field_uploads_and_only_so_much(tmp_path: Path) -> None:
    guarded, uploads = app(["*"], folder=tmp_path)
    http = TestClient(guarded)
    files = {"a.zip": ("a.zip", b"abc", "application/zip")}
    assert http.put(UPLOAD, files=files).status_code == 403
    uploads.allow("other")
    assert http.put(UPLOAD, files=files).status_code == 403
    assert list(tmp_path.iterdir()) == []
    uploads.allow("session")
    assert http.put(UPLOAD, files=files).status_code == 204
    parts: Iterator[bytes] = iter([b"a", b"b"])
    assert http.put(UPLOAD, content=parts).status_code == 411
    assert uploads.begin("session", QUOTA)[0] == 413


def test_a_file_is_on_disk_when_it_has_come_and_streamlit_holds_a_slip_of_paper(
    tmp_path: Path,
) -> None:
    guarded, uploads = app(["*"], folder=tmp_path / "uploads")
    uploads.allow("session")
    data = bytes(range(256)) * 12_000 + b"\r\n--"
    name = 'Vögel "und" 動物.zip'
    SENT.clear()
    answer = TestClient(guarded).put(UPLOAD, files={"file": (name, data, "application/zip")})
    assert answer.status_code == 204
    ((filename, slip),) = SENT
    assert filename.replace("%22", '"') == name and len(slip) < 50
    path = file_of(slip, tmp_path / "uploads")
    assert path.read_bytes() == data
    for forged in (b"../secret", b".sent-" + b"0" * 32, b"", b"\xff", slip + b"\n"):
        with pytest.raises(InvalidSettings, match="send it again"):
            file_of(forged, tmp_path / "uploads")


MULTIPART = "multipart/form-data; boundary=x"
HEAD = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/zip", b"abc"),
        ("multipart/form-data", HEAD + b"abc\r\n--x--\r\n"),
        (MULTIPART, b"no form"),
        (MULTIPART, HEAD + b"breaks off"),
        (MULTIPART, HEAD + b"a\r\n" + HEAD + b"b\r\n--x--\r\n"),
        (MULTIPART, b"--x--\r\n"),
        (MULTIPART, b"--x\r\n" + b"A" * 10_000 + b": b\r\n\r\na\r\n--x--\r\n"),
    ],
)
def test_what_is_no_form_with_one_file_is_refused_and_leaves_nothing(
    tmp_path: Path, kind: str, body: bytes
) -> None:
    guarded, uploads = app(["*"], folder=tmp_path)
    uploads.allow("session")
    SENT.clear()
    answer = TestClient(guarded).put(UPLOAD, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400 and answer.json()["message"]
    assert SENT == [] and list(tmp_path.iterdir()) == []
    for _ in range(AT_ONCE):
        assert uploads.begin("session", 1) is None


def test_what_streamlit_refuses_or_the_disk_does_not_take_is_not_kept(tmp_path: Path) -> None:
    files = {"a": ("a", b"abc", "application/zip")}
    (tmp_path / "in the way").touch()
    for folder, status in ((tmp_path / "uploads", 405), (tmp_path / "in the way", 507)):
        guarded, uploads = app(["*"], folder=folder)
        uploads.allow("session")
        method = "POST" if status == 405 else "PUT"
        assert TestClient(guarded).request(method, UPLOAD, files=files).status_code == status
    assert list((tmp_path / "uploads").iterdir()) == []


def test_who_opens_another_page_gets_no_further_room() -> None:
    uploads = Uploads(Path)
    answers = []
    for page in range(ALL // QUOTA + 1):
        uploads.allow(str(page))
        answers.append(uploads.begin(str(page), QUOTA))
        if answers[-1] is None:
            uploads.end()
    assert answers[:-1] == [None] * (ALL // QUOTA)
    assert answers[-1][0] == 429 and "in an hour" in answers[-1][1]


def test_a_page_that_stays_open_may_send_again_after_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploads, start = Uploads(Path), time.monotonic()
    for minutes, fits in ((0, True), (40, False), (61, True), (62, False)):
        monkeypatch.setattr(time, "monotonic", lambda minutes=minutes: start + 60 * minutes)
        uploads.allow("session")
        refusal = uploads.begin("session", QUOTA)
        assert (refusal is None) == fits
        if fits:
            uploads.end()


def test_few_files_are_on_their_way_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded, uploads = app(["*"], folder=tmp_path)
    uploads.allow("session")
    for _ in range(AT_ONCE):
        assert uploads.begin("session", 1) is None
    assert uploads.begin("session", 1) is BUSY
    monkeypatch.setattr(shield, "PATIENCE", 0.1)
    files = {"a": ("a", b"abc", "application/zip")}
    assert TestClient(guarded).put(UPLOAD, files=files).status_code == 429
    uploads.end()
    assert TestClient(guarded).put(UPLOAD, files=files).status_code == 204


@pytest.mark.parametrize(("path", "method"), [("/", "POST"), (UPLOAD, "PUT")])
def test_a_body_that_does_not_come_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, method: str
) -> None:
    monkeypatch.setattr(shield, "PATIENCE", 0.2)
    guarded, uploads = app(["*"], folder=tmp_path)
    uploads.allow("session")
    sent: list[dict[str, Any]] = []
    parts = iter([{"type": "http.request", "body": HEAD, "more_body": True}])

    async def receive() -> dict[str, Any]:
        part = next(parts, None)
        if part is None:
            await asyncio.sleep(3600)
        return part

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [
        (b"host", b"localhost"),
        (b"content-length", b"999"),
        (b"content-type", MULTIPART.encode()),
    ]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    # In a thread of its own: the browser of other tests has a loop running in this one.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, guarded(scope, receive, send)).result()
    assert sent[0]["status"] == 408
    assert list(tmp_path.iterdir()) == []
    for _ in range(AT_ONCE):
        assert uploads.begin("session", 1) is None


def test_an_answer_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shield, "PATIENCE", 0.2)
    ended: list[bool] = []

    def blocks() -> Iterator[bytes]:
        try:
            while True:
                yield bytes(1000)
        finally:
            ended.append(True)

    async def endless(request: Request) -> Response:
        return sending(Download("labels.csv", "text/csv", blocks()))

    inner = Starlette(routes=[Route("/", endless)])
    guarded = Shield(inner, ["*"], Uploads(lambda: Path("nowhere")), lambda: ())

    bodies = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        part = next(bodies, None)
        if part is None:
            await asyncio.sleep(3600)
        return part

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            await asyncio.sleep(3600)

    scope = {
        "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "root_path": "",
        "query_string": b"", "headers": [(b"host", b"localhost")], "http_version": "1.1",
        "scheme": "http",
    }  # fmt: skip
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, guarded(scope, receive, send)).result()
    assert ended == [True]


def test_so_many_files_are_downloaded_at_once_and_then_others_wait() -> None:
    async def crowd() -> None:
        over = asyncio.Event()

        def file() -> Download:
            return Download("labels.csv", "text/csv", iter([b"x"]))

        async def receive() -> dict[str, Any]:
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message.get("body"):
                await over.wait()

        scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.4"}}
        tasks = [
            asyncio.create_task(sending(file())(scope, receive, send))
            for _ in range(downloads.AT_ONCE)
        ]
        await asyncio.sleep(0)
        with pytest.raises(AnswerLate, match="downloaded just now"):
            sending(file())
        over.set()
        await asyncio.gather(*tasks)
        assert sending(file())

    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, crowd()).result()


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/base/_stcore/metrics"])
def test_strangers_are_not_told_how_many_are_here(path: str) -> None:
    inner = Starlette(routes=[Route(path, echo)])
    assert TestClient(inner).get(path).status_code == 200
    guarded = Shield(inner, ["*"], Uploads(lambda: Path("nowhere")), lambda: ())
    assert TestClient(guarded).get(path).status_code == 404


@pytest.mark.sqlite
def test_nobody_else_reads_the_database(workspace: Workspace) -> None:
    for _ in range(2):
        store = Store.open(workspace)
        people.annotator(store, "Ana")
        files = sorted(workspace.root.glob("alcore.db*"))
        assert files and all(path.stat().st_mode & 0o077 == 0 for path in files)
        store.close()
        workspace.database.chmod(0o644)


def test_every_upload_field_is_let_upload_and_read_as_a_file() -> None:
    pages = Path(__file__).parent.parent / "pages"
    kinds = ("file_uploader(", "camera_input(")
    fields = [
        path for path in pages.glob("*.py") if any(k in path.read_text("utf-8") for k in kinds)
    ]
    assert len(fields) >= 2
    for path in fields:
        source = path.read_text("utf-8")
        assert "let_upload()" in source, f"{path.name}: nobody may send a file to this field"
        assert "with uploaded(" in source or ", uploaded(" in source, (
            f"{path.name}: what the field holds is the name of a file, not the file"
        )
        assert "audio_input(" not in source
