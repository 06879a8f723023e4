"""Owns the proof that the running app refuses foreign names, frames and files."""

from __future__ import annotations

import http.client

import pytest
from playwright.sync_api import BrowserContext, Request, expect

from .conftest import Server

pytestmark = pytest.mark.browser


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, body, headers)
    return connection.getresponse()


def test_no_other_site_may_frame_the_app_and_foreign_names_are_refused(server: Server) -> None:
    for path in ("/", "/setup", "/_stcore/health", "/_stcore/host-config", "/alcore/health"):
        answer = ask(server, "GET", path)
        assert answer.status == 200, path
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    for path in ("/", "/_stcore/host-config", "/board/1/status"):
        assert ask(server, "GET", path, Host="evil.example").status == 421
    assert ask(server, "GET", "/alcore/health", Host="evil.example").status == 200


def test_a_page_without_an_upload_field_sends_no_file(
    server: Server, context: BrowserContext
) -> None:
    addresses: list[str] = []
    page = context.new_page()

    def look(request: Request) -> None:
        if "/_stcore/upload_file/" in request.url and request.method == "PUT":
            addresses.append(request.url)

    page.on("request", look)
    page.goto(f"{server.url}/setup?project=new")
    page.get_by_text("A zip archive").click(timeout=60_000)
    field = page.get_by_test_id("stFileUploaderDropzoneInput")
    expect(field).to_be_attached()
    field.set_input_files({"name": "a.zip", "mimeType": "application/zip", "buffer": b"none"})
    expect(page.get_by_text("is in the workspace")).to_be_visible()
    kept = list(server.workspace.uploads.glob("*"))
    assert [path.read_bytes() for path in kept if path.stat().st_size == 4] == [b"none"]
    # A session of this server that was shown no field, or that is invented.
    path = addresses[0].removeprefix(server.url)
    session = path.split("/")[-2]
    answer = ask(server, "PUT", path.replace(session, "0" * len(session)), b"x" * 10)
    assert answer.status == 403 and b"may not upload" in answer.read()
