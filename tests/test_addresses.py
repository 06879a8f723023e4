"""Lists of addresses: what they name comes in, gone on with, and never from a private network."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from made import BY_HAND
from PIL import Image

from alcore import outgoing
from alcore.__main__ import main
from alcore.config import Workspace
from alcore.datasets import addresses, fetching
from alcore.errors import (
    AddressRefused,
    ImportRefused,
    NotAllowed,
    ReplyTooLong,
    SourceUnreachable,
)
from alcore.jobs import fetching as jobs_fetching
from alcore.services import audit, more_images, people, projects, setup
from alcore.services.folders import Folders
from alcore.store import Store, additions, items

SMALL = replace(BY_HAND, resolution=8)


def picture(number: int) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (9, 7), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


@dataclass
class Site:
    """A web server: pages by path, and what it was asked for."""

    address: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, list[int]] = field(default_factory=dict)
    leads: dict[str, str] = field(default_factory=dict)
    short: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    left: int = 1_000
    """Requests that get a reply yet."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    kept = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kept.left -= 1
            if kept.left < 0:
                self.close_connection = True
                return
            kept.asked.append(self.path)
            codes = kept.codes.get(self.path)
            code = (codes.pop(0) if len(codes) > 1 else codes[0]) if codes else 200
            body = kept.pages.get(self.path, b"")
            if self.path in kept.leads:
                code = 302
            self.send_response(code if body or code != 200 else 404)
            self.send_header("Location", kept.leads.get(self.path, ""))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:-9] if self.path in kept.short else body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("ALCORE_REMOTE", f"{kept.address}/birds s3://other")
    monkeypatch.setattr(fetching, "PAUSE", 0.01)
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def made(store: Store, root: Path) -> int:
    for number in range(10):
        path = root / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    spec = {"kind": "folder", "path": str(root), "copy": False}
    project_id = projects.create(store, "birds", spec, "labels", SMALL)
    projects.import_now(store, project_id, 1)
    return project_id


def rows_of(store: Store, project_id: int) -> dict[str, items.Item]:
    with store.read() as connection:
        return {row.name: row for row in items.get_all(connection, project_id)}


def test_what_a_list_names_comes_in_once_and_what_does_not_is_named(
    store: Store, site: Site, tmp_path: Path
) -> None:
    project_id = made(store, tmp_path / "in")
    site.pages = {f"/birds/{n}.png": picture(n) for n in range(20, 24)}
    site.pages |= {"/birds/show?id=1": picture(30), "/birds/gr%C3%BC%C3%9Fe.png": picture(31)}
    site.pages |= {"/birds/twin.png": picture(20), "/birds/broken.png": b"\x89PNG nothing"}
    site.codes = {"/birds/21.png": [503, 200], "/birds/shut.png": [403]}
    site.leads = {"/birds/old.png": "/elsewhere/new.png"}
    site.pages["/elsewhere/new.png"] = picture(32)
    site.pages["/birds/short.png"], site.short = picture(33), {"/birds/short.png"}
    lines = [f"{site.address}{path}" for path in (*site.pages, "/birds/old.png", "/birds/shut.png",
             "/birds/gone.png") if path.startswith("/birds")]  # fmt: skip
    text = "\n".join(["# birds", "", *lines, lines[0], "no address", f"<{lines[1]}>"])
    text = text.replace("%C3%BC%C3%9F", "üß")
    wanted = more_images.add_addresses(store, project_id, text.encode())
    assert len(wanted.addresses) == len(lines)
    (problem,) = wanted.problems
    assert problem.name == f"line {len(lines) + 4}" and "birds.example/1.jpg" in problem.reason
    projects.import_now(store, project_id, 1)
    where = f"addresses/{urlsplit(site.address).netloc}/birds"
    names = {name for name in rows_of(store, project_id) if name.startswith("addresses/")}
    assert {name.partition("-")[0] for name in names} == {
        f"{where}/{name}" for name in
        ("20.png", "21.png", "22.png", "23.png", "grüße.png", "old.png", "show")
    }  # fmt: skip
    reasons = {
        f.name.rpartition("/")[2]: f.reason for f in projects.skipped_files(store, project_id)
    }
    assert set(reasons) == {"twin.png", "broken.png", "shut.png", "gone.png", "short.png"}
    assert reasons["shut.png"] == (
        f"{site.address}/birds/shut.png: the server does not hand it out (403)"
    )
    assert "there is nothing there (404)" in reasons["gone.png"]
    assert "no whole reply came (IncompleteRead), 3 times" in reasons["short.png"]
    assert site.asked.count("/birds/21.png") == 2 and site.asked.count("/birds/short.png") == 3
    folder = store.workspace.project(project_id) / "addresses"
    assert [path.name for path in folder.rglob("*")] == ["fetched"]
    site.asked.clear()
    more_images.add_addresses(store, project_id, text.encode())
    projects.import_now(store, project_id, 1)
    assert len(site.asked) == 7 and not {"/birds/20.png", "/birds/old.png"} & set(site.asked)
    said = [audit.words(event) for event in audit.of_project(store, project_id, None)]
    assert "asked for more images from a list of addresses" in said


def test_a_lost_line_and_a_second_list_lose_nothing_and_classes_come_along(
    store: Store, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = made(store, tmp_path / "in")
    monkeypatch.setattr(jobs_fetching, "PART", 6)
    site.pages = {f"/birds/{n}.png": picture(n) for n in range(20, 40)}
    rows = [f"{site.address}{path};{'ac'[n % 2]}" for n, path in enumerate(site.pages)]
    table = "\n".join(["Image URL;Species", *rows]).encode("utf-16")
    more_images.add_addresses(store, project_id, table)
    monkeypatch.setattr(fetching, "TRIES", 1)
    monkeypatch.setattr(jobs_fetching, "SILENT", 4)
    site.left = 6
    with pytest.raises(SourceUnreachable, match="4 addresses in a row get no reply"):
        projects.import_now(store, project_id, 1)
    assert len(rows_of(store, project_id)) == 16
    assert projects.skipped_files(store, project_id) == []
    site.left = 100
    site.pages["/birds/new.png"] = picture(50)
    more_images.add_addresses(store, project_id, f"{site.address}/birds/new.png".encode())
    projects.import_now(store, project_id, 1)
    assert len(rows_of(store, project_id)) == 31
    assert len(site.asked) == 21
    assert [c.name for c in projects.get(store, project_id).classes] == ["a", "b", "c"]
    with store.read() as connection:
        assert additions.waiting(connection, project_id) == []


def test_a_list_names_public_servers_alone_and_those_that_pages_may_name(
    store: Store,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ALCORE_WORKSPACE", str(store.workspace.root))
    project_id = made(store, tmp_path / "in")
    site.pages = {"/birds/1.png": picture(60), "/birds/big.png": b"x" * 5_000}
    site.leads = {"/birds/out.png": site.address.replace("127.0.0.1", "localhost"),
                  "/birds/round.png": "/birds/round.png"}  # fmt: skip
    listed = Folders(remote=(f"{site.address}/birds",))
    for address in ("https://elsewhere.example/1.png", f"{site.address}/other/1.png",
                    f"{site.address}/birdsong.png"):  # fmt: skip
        with pytest.raises(NotAllowed, match="ALCORE_REMOTE"):
            more_images.add_addresses(store, project_id, address.encode(), None, listed)
    for text, words in (
        ("ftp://birds.example/1.png", "there is no address in the list; line 1"),
        (f"{site.address}/birds/%2e%2e/1.png", "leads upwards"),
        ("https://me:word@birds.example/1.png", "without a name and password"),
        ("", "there is no address"),
    ):
        with pytest.raises(ImportRefused, match=words):
            addresses.read(text.encode())
    out = io.BytesIO()
    for path in ("out.png", "round.png"):
        with pytest.raises(AddressRefused, match=r"ALCORE_REMOTE|from one address to the next"):
            outgoing.get(f"{site.address}/birds/{path}", out, 100, hosts=["127.0.0.1"])
    with pytest.raises(ReplyTooLong):
        outgoing.get(f"{site.address}/birds/big.png", out, 100, hosts=["127.0.0.1"])
    assert out.getvalue() == b""
    people.set_role(store, project_id, None, people.annotator(store, "Ana").id, "owner")
    text = f"{site.address}/birds/1.png".encode()
    (tmp_path / "list.txt").write_bytes(text + b"\nno address\n")
    with pytest.raises(SystemExit) as end:
        main(["add-images", "birds", str(tmp_path / "list.txt"), "--addresses"])
    said = capsys.readouterr()
    assert end.value.code == 0 and "1 new images, 11 in all" in said.out
    assert "left out: line 2: 'no address' is no address" in said.err
    with pytest.raises(NotAllowed):
        more_images.add_addresses(store, project_id, text, people.annotator(store, "Ben").id)
    monkeypatch.setenv("ALCORE_REMOTE", "")
    more_images.add_addresses(store, project_id, text.replace(b"1.png", b"2.png"))
    projects.import_now(store, project_id, 1)
    (left,) = projects.skipped_files(store, project_id)
    assert "'127.0.0.1' leads into a private network" in left.reason
    assert "ALCORE_REMOTE" in left.reason and len(rows_of(store, project_id)) == 11


def test_a_list_begins_a_project_whose_import_is_gone_on_with_and_takes_more_later(
    store: Store,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ALCORE_WORKSPACE", str(store.workspace.root))
    site.pages = {f"/birds/{n}.png": picture(n) for n in range(12)}
    rows = [f"{site.address}{path},{'ab'[n % 2]}" for n, path in enumerate(site.pages)]
    rows.append(f"{site.address}/birds/gone.png,a")
    table = "\n".join(["address,class", *rows]).encode()
    spec, wanted = setup.keep_list(store, table, "rare birds.csv")
    assert setup.free_name(store, spec) == "rare birds" and len(wanted.addresses) == 13
    look = setup.look_at(spec, Folders(remote=(f"{site.address}/birds",)), store.workspace)
    assert (look.summary.total, look.summary.classes) == (13, {"a": 7, "b": 6})
    assert len(look.pictures) == 12 and "there is nothing there (404)" in look.summary.notes[0]
    for closed in (Folders(remote=()), Folders(listed=(), remote=(f"{site.address}/bird",))):
        with pytest.raises(NotAllowed, match="ALCORE_REMOTE"):
            setup.look_at(spec, closed, store.workspace)
    monkeypatch.setattr(jobs_fetching, "PART", 5)
    monkeypatch.setattr(jobs_fetching, "SILENT", 3)
    monkeypatch.setattr(fetching, "TRIES", 1)
    site.left = 5
    project_id = projects.create(store, "rare birds", spec, "labels", SMALL)
    Path(spec["path"]).unlink()
    with pytest.raises(SourceUnreachable, match="can be gone on with"):
        projects.import_now(store, project_id, 1)
    site.left, asked = 100, len(site.asked)
    file = tmp_path / "rare birds.csv"
    file.write_bytes(table)
    with pytest.raises(SystemExit) as end:
        main(["import", str(file), "--addresses", "--role", "labels"])
    assert end.value.code == 0, capsys.readouterr().err
    assert len(site.asked) == asked + 8, "what was in is not fetched again"
    rows_there = rows_of(store, project_id)
    assert len(rows_there) == 12 and all(name.startswith("127.0.0.1") for name in rows_there)
    assert [c.name for c in projects.get(store, project_id).classes] == ["a", "b"]
    (left,) = projects.skipped_files(store, project_id)
    assert left.name.endswith("/birds/gone.png")
    site.pages["/birds/new.png"] = picture(50)
    more = table + f"\n{site.address}/birds/new.png,c".encode()
    more_images.add_addresses(store, project_id, more)
    projects.import_now(store, project_id, 1)
    assert len(rows_of(store, project_id)) == 13 and len(site.asked) == asked + 8 + 2
    folder = store.workspace.addresses(project_id)
    assert [path.name for path in folder.rglob("*")] == ["fetched"]
