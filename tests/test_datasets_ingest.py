"""Imports: what is accepted, what is skipped, and what survives interruptions."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alcore.datasets import workers
from alcore.datasets.decoding import decode_pixels
from alcore.datasets.entries import Entry, Listing
from alcore.datasets.ingest import Chunk, NewItem, ingest, read_original
from alcore.datasets.kinds import FORMATS
from alcore.datasets.pixels import PixelCache
from alcore.datasets.sources import scan
from alcore.datasets.workers import Examined, Refused, examine_all
from alcore.errors import ImportRefused, UnreadableImage, WorkspaceUnusable
from alcore.records import Item


def picture(number: int, side: int = 6, fmt: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), (number % 256, number // 256, 7)).save(out, fmt)
    return out.getvalue()


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def merged(chunks: Iterable[Chunk]) -> tuple[list[NewItem], dict[str, str]]:
    items, skipped = [], {}
    for chunk in chunks:
        items += chunk.accepted
        skipped |= {s.name: s.reason for s in chunk.skipped}
    return items, skipped


def as_item(new: NewItem) -> Item:
    return Item(
        id=new.position + 1,
        project_id=1,
        position=new.position,
        name=new.name,
        content_hash=new.content_hash,
        width=new.width,
        height=new.height,
        split="pool",
        true_class=None,
        offset=new.offset,
        length=new.length,
        path=new.path,
    )


# -- what is accepted and skipped --------------------------------------------------------------


def test_a_folder_with_bad_files_imports_the_good_ones_and_names_the_others(tmp_path: Path):
    root = write(
        tmp_path / "root",
        {
            "cat/1.png": picture(1),
            "cat/copy.png": picture(1),
            "cat/empty.jpg": b"",
            "cat/notes.jpg": b"my notes",
            "cat/phone.jxl": b"\xff\x0a\0\0",
            "dog/2.jpg": picture(2, 600, "JPEG"),
            "dog/cut.jpg": picture(3, 600, "JPEG")[:-400],
        },
    )
    spec = {"kind": "folder", "path": str(root), "copy": True}
    chunks = list(ingest(spec, tmp_path / "p", 16))
    items, skipped = merged(chunks)
    assert skipped == {
        "cat/copy.png": "same content as cat/1.png",
        "cat/empty.jpg": "the file is empty",
        "cat/notes.jpg": f"text, not an image; {FORMATS} can be read",
        "cat/phone.jxl": "a JPEG XL image, which is not read; save it as JPEG or PNG",
        "dog/cut.jpg": "truncated: the file ends before the image does",
    }
    assert [(i.position, i.name, i.class_name) for i in items] == [
        (0, "cat/1.png", "cat"),
        (1, "dog/2.jpg", "dog"),
    ]
    assert (items[1].width, items[1].height) == (600, 600)
    assert (chunks[-1].done, chunks[-1].total) == (7, 7)
    cache = PixelCache(tmp_path / "p", 16)
    assert cache.array().shape == (2, 16, 16, 3)
    assert (cache.array()[0] == (1, 0, 7)).all()
    for item in items:
        assert read_original(tmp_path / "p", as_item(item), spec) == (root / item.name).read_bytes()


def test_an_import_of_nothing_readable_is_refused_with_an_example(tmp_path: Path):
    root = write(tmp_path / "root", {"1.jpg": b"a", "2.jpg": b"b", "3.jpg": b""})
    chunks = ingest({"kind": "folder", "path": str(root)}, tmp_path / "p", 16)
    assert len(next(chunks).skipped) == 3
    with pytest.raises(ImportRefused, match=r"only 0 of 3 files can be .* 1.jpg: text"):
        next(chunks)


def test_two_files_of_the_same_content_are_one_image_and_too_few(tmp_path: Path):
    root = write(tmp_path / "root", {"1.png": picture(1), "2.png": picture(1)})
    with pytest.raises(ImportRefused, match=r"same content as 1\.png"):
        list(ingest({"kind": "folder", "path": str(root)}, tmp_path / "p", 16))


def test_grey_images_are_known_as_grey(tmp_path: Path):
    items, _ = merged(ingest({"kind": "digits"}, tmp_path, 8))
    assert len(items) == 1797
    assert all(item.grey and (item.width, item.height) == (8, 8) for item in items)
    items, _ = merged(ingest({"kind": "shapes", "size": 20}, tmp_path / "s", 32))
    assert not any(item.grey for item in items)


def test_chunks_have_the_size_asked_for_and_are_on_disk_when_yielded(tmp_path: Path):
    seen = []
    for chunk in ingest({"kind": "shapes", "size": 300}, tmp_path, 32, chunk=100):
        last = chunk.accepted[-1]
        cache = PixelCache(tmp_path, 32)
        assert len(cache) == last.position + 1
        data = cache.original(last.offset, last.length)
        assert (decode_pixels(data, 32).pixels == cache.array()[last.position]).all()
        seen.append((len(chunk.accepted), chunk.done, chunk.total))
    assert sum(n for n, _, _ in seen) == 300
    assert seen[-1][1:] == (300, 300)
    assert len(seen) > 1


def test_workers_and_this_process_make_the_same_of_a_source(tmp_path: Path):
    spec = {"kind": "shapes", "size": 500}
    alone = merged(ingest(spec, tmp_path / "a", 32, workers=0))
    shared = merged(ingest(spec, tmp_path / "b", 32, workers=2))
    assert alone == shared
    for name in ("pixels-32.u8", "originals.pack"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


# -- originals kept in place -------------------------------------------------------------------


def test_originals_in_place_are_read_where_they_are_and_changes_are_noticed(tmp_path: Path):
    root = write(tmp_path / "root", {f"{n}.png": picture(n) for n in range(4)})
    spec = {"kind": "folder", "path": str(root), "copy": False}
    items, _ = merged(ingest(spec, tmp_path / "p", 8))
    assert [(i.path, i.offset, i.length) for i in items][:2] == [
        ("0.png", None, None),
        ("1.png", None, None),
    ]
    assert (tmp_path / "p" / "originals.pack").stat().st_size == 0
    (root / "1.png").write_bytes(picture(9))
    (root / "2.png").unlink()
    (root / "3.png").unlink()
    (tmp_path / "secret.png").write_bytes(picture(3))
    read = [as_item(i) for i in items]
    assert read_original(tmp_path / "p", read[0], spec) == picture(0)
    with pytest.raises(UnreadableImage, match="was changed since it was imported"):
        read_original(tmp_path / "p", read[1], spec)
    with pytest.raises(UnreadableImage, match="no longer there"):
        read_original(tmp_path / "p", read[2], spec)
    if os.name == "posix":
        (root / "3.png").symlink_to(tmp_path / "secret.png")
        with pytest.raises(UnreadableImage, match="outside the folder"):
            read_original(tmp_path / "p", read[3], spec)


# -- interruption ------------------------------------------------------------------------------

IMPORTER = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from alcore.datasets.ingest import ingest

if __name__ == "__main__":
    spec, folder, log, workers = json.loads(sys.argv[1])
    with open(log, "a") as committed:
        for chunk in ingest(spec, Path(folder), 32, chunk=100, workers=workers):
            committed.write(json.dumps(asdict(chunk)) + "\\n")
            committed.flush()
            print(chunk.done, flush=True)
"""


@pytest.mark.parametrize("workers_", [0, 2])
def test_an_import_killed_midway_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path: Path, workers_: int
):
    files = {f"a/{n:04}.png": picture(n) for n in range(1500)} | {"a/bad.png": b"x", "b/9.png": b""}
    path = tmp_path / "my.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    spec = {"kind": "archive", "path": str(path)}
    (tmp_path / "importer.py").write_text(IMPORTER)
    folder, log = tmp_path / "p", tmp_path / "log"
    args = json.dumps([spec, str(folder), str(log), workers_])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "importer.py"), args],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    for line in process.stdout:
        if int(line) > 300:
            break
    process.kill()
    process.wait()
    process.stdout.close()
    committed = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    items = [item for chunk in committed for item in chunk["accepted"]]
    skipped = [item for chunk in committed for item in chunk["skipped"]]
    assert 300 <= len(items) < 1500
    # As a torn write would leave it.
    for name in ("pixels-32.u8", "originals.pack"):
        with (folder / name).open("ab") as file:
            file.write(b"torn")
    rest = list(
        ingest(
            spec,
            folder,
            32,
            done_names={i["name"] for i in items + skipped},
            known_hashes={i["content_hash"]: i["name"] for i in items},
            next_position=len(items),
            next_offset=items[-1]["offset"] + items[-1]["length"],
            workers=0,
        )
    )
    assert rest[-1].done == rest[-1].total == 1502
    new, _ = merged(rest)
    fresh, _ = merged(ingest(spec, tmp_path / "fresh", 32, workers=0))
    assert items + [asdict(i) for i in new] == [asdict(i) for i in fresh]
    for name in ("pixels-32.u8", "originals.pack"):
        assert (folder / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_a_complete_import_can_be_run_again_and_adds_nothing(tmp_path: Path):
    spec = {"kind": "shapes", "size": 30}
    items, _ = merged(ingest(spec, tmp_path, 32))
    again = ingest(
        spec,
        tmp_path,
        32,
        done_names={i.name for i in items},
        next_position=30,
        next_offset=items[-1].offset + items[-1].length,
    )
    assert list(again) == []
    assert len(PixelCache(tmp_path, 32)) == 30


def test_a_cache_with_less_than_was_committed_is_an_error(tmp_path: Path):
    with pytest.raises(WorkspaceUnusable, match="0 bytes, but 3,072 were written"):
        list(ingest({"kind": "shapes", "size": 30}, tmp_path, 32, next_position=1))


# -- workers -----------------------------------------------------------------------------------


class HostileSource:
    """A source on which decoders crash, hang, or run out of memory."""

    kind = "hostile"
    in_place = False
    inline_below = 0

    def listing(self) -> Listing:
        return Listing(self.entries(), "flat, unlabeled")

    def entries(self) -> list[Entry]:
        names = [f"{n:03}" for n in range(200)]
        names[40], names[41], names[120], names[150] = "crash", "hang", "memory", "crash again"
        return [Entry(name, None, None, row) for row, name in enumerate(names)]

    def read(self, entry: Entry) -> bytes:
        if entry.name.startswith("crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if entry.name == "hang":
            time.sleep(60)
        if entry.name == "memory":
            return bytes(np.ones(4_000_000_000, np.uint8)[:10])
        return picture(entry.handle)

    def path_of(self, entry: Entry) -> None:
        return None


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_crash_a_hang_and_a_memory_hog_cost_only_themselves(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workers, "BATCH_SECONDS", 3.0)
    monkeypatch.setattr(workers, "ENTRY_SECONDS", 2.0)
    source = HostileSource()
    results = [r for batch in examine_all(source, source.entries(), 8, 2) for r in batch]
    assert [r.entry for r in results] == source.entries()
    assert {r.entry.name: r.reason for r in results if isinstance(r, Refused)} == {
        "crash": "decoding it crashed the decoder",
        "crash again": "decoding it crashed the decoder",
        "hang": "decoding it took too long",
        "memory": "reading it takes more memory than allowed",
    }
    assert sum(isinstance(r, Examined) for r in results) == 196


def children_of(pid: int) -> list[int]:
    """Processes below another, by /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_worker_outlives_an_importer_that_is_killed(tmp_path: Path):
    spec = {"kind": "shapes", "size": 20_000}
    (tmp_path / "importer.py").write_text(IMPORTER)
    args = json.dumps([spec, str(tmp_path / "p"), str(tmp_path / "log"), 2])
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "importer.py"), args],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        text=True,
    )
    process.stdout.readline()
    children = children_of(process.pid)
    assert len(children) >= 2
    process.kill()
    process.wait()
    process.stdout.close()
    until = time.monotonic() + 40
    while time.monotonic() < until and any(Path(f"/proc/{c}").exists() for c in children):
        time.sleep(0.05)
    assert not [c for c in children if Path(f"/proc/{c}").exists()]


def test_workers_are_gone_when_the_caller_stops_listening(tmp_path: Path):
    chunks = ingest({"kind": "shapes", "size": 3000}, tmp_path, 8, chunk=100, workers=1)
    next(chunks)
    assert len(multiprocessing.active_children()) == 1
    chunks.close()
    assert multiprocessing.active_children() == []


# -- all of CIFAR-10 ---------------------------------------------------------------------------


def test_cifar10_imports_from_its_archive(cifar10_zip: Path, tmp_path: Path):
    """The whole archive is 60,000 files; all are listed, and the first chunks are read."""

    spec = {"kind": "archive", "path": str(cifar10_zip)}
    summary = scan(spec)
    assert (summary.total, len(summary.classes), summary.has_test) == (60_000, 10, True)
    assert set(summary.classes.values()) == {6000}
    chunks = ingest(spec, tmp_path, 32)
    first, second = next(chunks), next(chunks)
    chunks.close()
    assert first.total == 60_000
    assert not first.skipped
    assert (first.accepted[0].class_name, first.accepted[0].given_split) == ("airplane", "test")
    assert len(PixelCache(tmp_path, 32)) == len(first.accepted) + len(second.accepted)
