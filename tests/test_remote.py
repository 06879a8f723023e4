"""Images in buckets and on servers: fetched one by one, gone on with, refused without a secret."""

from __future__ import annotations

import io
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import numpy as np
import pytest
import tifffile
from made import BY_HAND
from PIL import Image

from alcore.__main__ import main
from alcore.config import Workspace
from alcore.datasets import remote, remote_archives
from alcore.datasets.ingest import read_original
from alcore.datasets.pixels import PixelCache
from alcore.datasets.source_preview import preview_source
from alcore.datasets.sources import open_source
from alcore.errors import (
    AlcoreError,
    DatasetUnavailable,
    ImportRefused,
    InvalidSettings,
    NotAllowed,
    SourceUnreachable,
)
from alcore.services import more_images, originals, projects, setup
from alcore.services.folders import Folders, check_source
from alcore.store import Store, items
from alcore.store import projects as stored

SMALL = replace(BY_HAND, resolution=8)
SECRET = "wJalrXUtnFEMI"
DENIED = b"<Error><Code>AccessDenied</Code><Message>of wJalrXUtnFEMI</Message></Error>"


def picture(number: int) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (9, 7), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "BMP")
    return out.getvalue()


@dataclass
class Line:
    """The way to the storage: it counts what is fetched, and can be cut or closed."""

    address: str
    fetched: list[str] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    """Parts of paths that are answered with 403."""
    broken: dict[str, int] = field(default_factory=dict)
    """Parts of paths whose replies end in the middle, and how many times yet."""

    def has(self, parts: set[str] | dict[str, int], path: str) -> str | None:
        return next((part for part in parts if part in path), None)


@pytest.fixture
def line(storage: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            way.fetched.append(f"{self.command} {self.path}")
            if way.has(way.denied, self.path):
                return self._reply(403, {"Content-Type": "application/xml"}, DENIED)
            request = urllib.request.Request(storage + self.path, headers=dict(self.headers))
            try:
                with urllib.request.urlopen(request) as reply:
                    self._reply(reply.status, dict(reply.headers), reply.read())
            except urllib.error.HTTPError as error:
                self._reply(error.code, dict(error.headers), error.read())

        do_HEAD = do_GET

        def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            part = way.has(way.broken, self.path)
            if part and way.broken[part] > 0:
                way.broken[part] -= 1
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
            elif self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    way = Line(f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", way.address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(remote, "PAUSE", 0.01)
    yield way
    server.shutdown()
    server.server_close()


@pytest.fixture
def bucket(storage: str, line: Line, request: pytest.FixtureRequest) -> str:
    name = f"birds-{abs(hash(request.node.name)) % 10**8}"
    client = boto3.client("s3", endpoint_url=storage)
    client.create_bucket(Bucket=name)
    for number in range(12):
        key = f"2024/{'ab'[number % 2]}/{number}.bmp"
        client.put_object(Bucket=name, Key=key, Body=picture(number))
    client.put_object(Bucket=name, Key="2024/readme.txt", Body=b"not an image")
    return name


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def put(storage: str, bucket: str, numbers: range) -> None:
    client = boto3.client("s3", endpoint_url=storage)
    for number in numbers:
        client.put_object(Bucket=bucket, Key=f"2024/a/{number}.bmp", Body=picture(number))


def rows_of(store: Store, project_id: int) -> dict[str, items.Item]:
    with store.read() as connection:
        return {row.name: row for row in items.get_all(connection, project_id)}


def test_a_bucket_becomes_a_project_whose_originals_need_it_no_more(
    store: Store, storage: str, line: Line, bucket: str
) -> None:
    spec = {"kind": "remote", "path": f"s3://{bucket}/2024"}
    look = preview_source(spec)
    assert (look.summary.total, look.summary.classes) == (12, {"a": 6, "b": 6})
    assert look.summary.notes == ("1 file ignored: not images by their names",)
    assert setup.source_name(spec) == "2024" and setup.describe(spec) == spec["path"]
    project_id = projects.create(store, "birds", spec, "labels", SMALL)
    projects.import_now(store, project_id, 1)
    rows = rows_of(store, project_id)
    assert len(rows) == 12 and all(row.path is None for row in rows.values())
    put(storage, bucket, range(12, 15))
    line.fetched.clear()
    more_images.add(store, project_id, {"kind": "remote", "path": f"S3://{bucket}/2024/"})
    projects.import_now(store, project_id, 1)
    assert sum(path.split("?")[0].endswith(".bmp") for path in line.fetched) == 3
    assert more_images.last(store, project_id) == (
        "3 more images came in from the project's own source"
    )
    line.denied.add(bucket)
    assert originals.folder_of(store, project_id) is None
    folder = store.workspace.project(project_id)
    with store.read() as connection:
        source, _ = stored.source(connection, project_id)
    for name, row in rows_of(store, project_id).items():
        assert read_original(folder, row, source) == picture(int(Path(name).stem))


def command(store: Store, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command of alcore in the workspace; return how many images its project then has."""
    monkeypatch.setenv("ALCORE_WORKSPACE", str(store.workspace.root))
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    newest = projects.list_projects(store)[-1]
    return sum(projects.item_counts(store, newest.id).values())


def test_an_archive_in_a_bucket_is_read_in_parts_and_gone_on_with(
    store: Store,
    storage: str,
    line: Line,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(40):
            archive.writestr(f"{'ab'[number % 2]}/{number}.bmp", picture(number))
    client = boto3.client("s3", endpoint_url=storage)
    client.put_object(Bucket=bucket, Key="birds.zip", Body=out.getvalue())
    address = f"s3://{bucket}/birds.zip"
    spec = {"kind": "remote", "path": address}
    assert setup.source_name(spec) == "birds"
    look = preview_source(spec)
    assert (look.summary.total, look.summary.classes) == (40, {"a": 20, "b": 20})
    line.fetched.clear()
    assert command(store, monkeypatch, "import", address, "--role", "labels") == 40
    asked = [path for path in line.fetched if "birds.zip" in path]
    assert 0 < len(asked) < 20  # not one for each image, and never the whole again
    made = projects.list_projects(store)[-1]
    assert "birds: 40 images" in capsys.readouterr().out and made.name == "birds"
    folder = store.workspace.project(made.id)
    with store.read() as connection:
        source, _ = stored.source(connection, made.id)
    for name, row in rows_of(store, made.id).items():
        assert read_original(folder, row, source) == picture(int(Path(name).stem))
    line.denied.add("birds.zip")
    with pytest.raises(ImportRefused, match=f"'{bucket}' may not be listed"):
        open_source(spec).listing()
    line.denied.clear()
    with pytest.raises(ImportRefused, match=r"more than the 0\.001 MB allowed"):
        open_source({**spec, "limit_mb": 0.001}).listing()
    with pytest.raises(ImportRefused, match=r"there is no bucket|nothing at"):
        open_source({"kind": "remote", "path": f"s3://{bucket}/other.zip"}).listing()
    client.put_object(Bucket=bucket, Key="no.zip", Body=b"no archive")
    with pytest.raises(ImportRefused, match=r"no\.zip is not a zip archive"):
        open_source({"kind": "remote", "path": f"s3://{bucket}/no.zip"}).listing()
    monkeypatch.setattr(remote_archives, "BLOCK", 1_000)
    half = open_source(spec)
    entries = half.listing().entries
    line.broken = {"birds.zip": 10**6}
    with pytest.raises(SourceUnreachable):
        half.read(entries[-1])
    line.broken = {}
    assert half.read(entries[-1]) == picture(int(Path(entries[-1].name).stem))


def test_a_bucket_comes_in_by_command_with_bands_and_each_page_of_a_file(
    store: Store, storage: str, line: Line, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("s3", endpoint_url=storage)
    pages = [Image.fromarray(np.full((9, 7), 40 * n, np.uint8)) for n in range(1, 4)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    client.put_object(Bucket=bucket, Key="scans/a/slide.tif", Body=out.getvalue())
    for number in range(2):
        body = io.BytesIO()
        many = np.random.default_rng(number).integers(0, 256, (5, 9, 7), np.uint8)
        tifffile.imwrite(body, many, photometric="minisblack", planarconfig="separate")
        client.put_object(Bucket=bucket, Key=f"bands/{number}.tif", Body=body.getvalue())
    line.fetched.clear()
    address = f"s3://{bucket}"
    assert command(store, monkeypatch, "import", f"{address}/scans", "--name", "scans") == 3
    made = projects.list_projects(store)[-1]
    rows = rows_of(store, made.id)
    assert set(rows) == {f"a/slide.tif#page={n}" for n in (1, 2, 3)}
    folder = store.workspace.project(made.id)
    for number, page in enumerate(pages, 1):
        data = read_original(folder, rows[f"a/slide.tif#page={number}"], {"kind": "remote"})
        with Image.open(io.BytesIO(data)) as one:
            assert np.array_equal(np.asarray(one), np.asarray(page))
    assert command(store, monkeypatch, "add-images", "scans", f"{address}/scans") == 3
    assert command(store, monkeypatch, "add-images", "scans", f"{address}/2024") == 15
    arguments = ("import", f"{address}/bands", "--role", "none", "--classes", "x,y")
    assert command(store, monkeypatch, *arguments, "--bands", "5,3,1") == 2
    made = projects.list_projects(store)[-1]
    assert made.settings.pixel_range.bands == (5, 3, 1) and made.channels == 3
    pixels = PixelCache.of(store.workspace.project(made.id), made.settings).array()
    first = np.random.default_rng(0).integers(0, 256, (5, 9, 7), np.uint8)
    row = rows_of(store, made.id)["0.tif"]
    means = pixels[row.position].reshape(-1, 3).mean(0)
    assert np.abs(means - first[[4, 2, 0]].reshape(3, -1).mean(1)).max() < 12


def test_what_breaks_off_is_fetched_again_and_a_lost_line_loses_nothing(
    store: Store, line: Line, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.broken = {"/2024/a/4.bmp": 1}
    source = open_source({"kind": "remote", "path": f"s3://{bucket}"})
    listing = source.listing()
    assert listing.entries[0].name == "2024/a/0.bmp"
    (entry,) = [entry for entry in listing.entries if entry.name.endswith("/4.bmp")]
    assert source.read(entry) == picture(4) and line.broken["/2024/a/4.bmp"] == 0
    spec = {"kind": "remote", "path": f"s3://{bucket}/2024"}
    project_id = projects.create(store, "birds", spec, "labels", SMALL)
    line.broken = {"/2024/b/": 10**6}
    with pytest.raises(SourceUnreachable, match=f"the bucket '{bucket}' does not answer"):
        projects.import_now(store, project_id, 1)
    job = projects.import_job(store, project_id)
    assert job is not None and job.state == "failed"
    assert projects.skipped_files(store, project_id) == []
    some = set(rows_of(store, project_id))
    assert some == {f"a/{number}.bmp" for number in range(0, 12, 2)}
    line.broken = {}
    line.fetched.clear()
    projects.resume_import(store, project_id)
    assert projects.import_now(store, project_id, 1)
    assert len(rows_of(store, project_id)) == 12
    assert not any("/2024/a/" in path for path in line.fetched)


def test_what_may_not_be_read_names_bucket_and_right_and_never_a_secret(
    store: Store, line: Line, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(path: str) -> str:
        with pytest.raises(AlcoreError) as caught:
            open_source({"kind": "remote", "path": path}).listing()
        assert SECRET not in str(caught.value) and "AKIA" not in str(caught.value)
        return str(caught.value)

    assert said("s3://no-such-birds").startswith("there is no bucket 'no-such-birds'")
    assert said(f"s3://{bucket}/2025") == (
        f"there is nothing at s3://{bucket}/2025; name a bucket or a folder with images"
    )
    line.denied.add("/a/2.bmp")
    spec = {"kind": "remote", "path": f"s3://{bucket}/2024"}
    project_id = projects.create(store, "birds", spec, "none", SMALL)
    projects.import_now(store, project_id, 1)
    (left,) = projects.skipped_files(store, project_id)
    assert (left.name, left.reason) == (
        "a/2.bmp",
        f"the bucket '{bucket}' does not hand it out: the right s3:GetObject is missing",
    )
    line.denied.add(bucket)
    assert said(f"s3://{bucket}/2024") == (
        f"the bucket '{bucket}' may not be listed with these credentials: the right "
        "s3:ListBucket is missing"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    assert "there are no credentials for the bucket" in said(f"s3://{bucket}/2024")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert f"the bucket '{bucket}' does not answer as it should" in said(f"s3://{bucket}/2024")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("s3://key:secret@birds/2024", "no name, password or signature"),
        ("https://host/x?X-Amz-Signature=1", "no name, password or signature"),
        ("s3://", "is no address"),
        ("s3://birds/../other", "is no address"),
        ("simplecache::s3://birds", "is no address"),
        ("file:///etc", "leads to this computer"),
        ("memory://x", "leads to this computer"),
        ("nonsense://x/y", "is no kind of address"),
    ],
)
def test_an_address_that_cannot_work_is_refused(path: str, words: str) -> None:
    with pytest.raises(InvalidSettings, match=words):
        open_source({"kind": "remote", "path": path}).listing()


def test_a_kind_of_bucket_that_takes_another_package_names_it() -> None:
    with pytest.raises(DatasetUnavailable, match=r"gs:// takes .* add it with: pip install gcsfs"):
        open_source({"kind": "remote", "path": "gs://birds/2024"}).listing()


def test_pages_name_only_what_the_administrator_lists(workspace: Workspace) -> None:
    few = Folders(remote=("s3://birds/2024/", "gs://x"))
    for path, allowed in {
        "s3://birds/2024": True,
        "S3://birds/2024/a": True,
        "s3://birds/20245": False,
        "s3://birds": False,
        "https://inner/": False,
    }.items():
        spec = {"kind": "remote", "path": path}
        if allowed:
            check_source(few, spec, workspace)
            continue
        with pytest.raises(NotAllowed, match="ALCORE_REMOTE"):
            check_source(few, spec, workspace)
    with pytest.raises(NotAllowed):
        check_source(Folders(remote=()), {"kind": "remote", "path": "s3://birds"}, workspace)


def test_an_index_of_a_web_server_is_read_and_its_redirects_are_not_followed(
    tmp_path: Path,
) -> None:
    for number in range(3):
        place = tmp_path / "birds" / f"{number}.bmp"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(picture(number))

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))

        def do_GET(self) -> None:
            if self.path.endswith("1.bmp"):
                self.send_response(302)
                self.send_header("Location", "/birds/0.bmp")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path.endswith("2.bmp"):
                self.send_error(401)
            else:
                super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/birds"
        source = open_source({"kind": "remote", "path": address})
        first, turned, shut = source.listing().entries
        assert source.read(first) == picture(0)
        with pytest.raises(AlcoreError, match="the right to read it is missing"):
            source.read(shut)
        with pytest.raises(AlcoreError, match="the server leads elsewhere"):
            source.read(turned)
        with pytest.raises(ImportRefused, match="there is nothing at http"):
            open_source({"kind": "remote", "path": address + "-of-2025"}).listing()
    finally:
        server.shutdown()
        server.server_close()
