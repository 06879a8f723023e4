"""Owns the proof that pictures are decoded apart, within limits, once, and kept within bounds."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from made import BY_HAND
from PIL import Image

from alcore.config import Workspace
from alcore.datasets import decoder
from alcore.datasets.decoder import AT_ONCE, Decoders
from alcore.datasets.decoding import display
from alcore.datasets.renditions import Renditions
from alcore.errors import UnreadableImage
from alcore.services import images, projects
from alcore.store import Store, items

SIZE = (1300, 900)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "noise.png"
    pixels = np.random.default_rng(1).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders()
    yield made
    made.stop()


def ask(decoders: Decoders, path: Path) -> tuple[bytes, str]:
    return decoders.encode({"file": str(path), "largest": 256, "scale": None})


def processes(decoders: Decoders) -> list[int]:
    return [one._process.pid for _, one in decoders._free]


def test_any_number_may_ask_and_two_processes_answer(decoders: Decoders, picture: Path) -> None:
    expected = display(picture.read_bytes(), 256)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: ask(decoders, picture), range(8)))
    assert answers == [expected] * 8
    assert 1 <= len(processes(decoders)) <= AT_ONCE


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not limited")
def test_what_takes_much_memory_is_an_error_and_the_process_serves_the_next_one(
    decoders: Decoders, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "MEMORY_BYTES", 60_000_000)
    Image.new("RGB", (6000, 6000), "red").save(tmp_path / "large.png")
    with pytest.raises(UnreadableImage, match="more memory than allowed"):
        ask(decoders, tmp_path / "large.png")
    (first,) = processes(decoders)
    assert ask(decoders, picture) == display(picture.read_bytes(), 256)
    assert processes(decoders) == [first]


def test_what_takes_long_is_an_error_and_the_next_one_is_served(
    decoders: Decoders, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ask(decoders, picture)
    monkeypatch.setattr(decoder, "SECONDS", 0.001)
    with pytest.raises(UnreadableImage, match="took too long"):
        ask(decoders, picture)
    assert processes(decoders) == []
    monkeypatch.setattr(decoder, "SECONDS", 60)
    assert ask(decoders, picture) == expected


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX")
def test_a_process_that_was_killed_or_was_not_needed_costs_no_picture(picture: Path) -> None:
    decoders = Decoders(idle=0.5)
    expected = ask(decoders, picture)
    (one,) = decoders._free
    os.kill(one[1]._process.pid, signal.SIGKILL)
    one[1]._process.wait()
    assert ask(decoders, picture) == expected
    until = time.monotonic() + 60
    while processes(decoders):
        assert time.monotonic() < until, "an idle process does not end"
        time.sleep(0.05)
    assert ask(decoders, picture) == expected
    decoders.stop()


def test_what_is_no_picture_is_refused_with_its_reason(decoders: Decoders, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"<script>")
    for name in ("a.png", "none.png"):
        with pytest.raises(UnreadableImage) as refused:
            ask(decoders, tmp_path / name)
        assert "crashed" not in str(refused.value)


def test_a_large_picture_is_decoded_once_and_then_read_from_disk(
    workspace: Workspace, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(workspace)
    (tmp_path / "in").mkdir()
    Image.new("RGB", SIZE, "red").save(tmp_path / "in" / "red.png")
    (tmp_path / "in" / "noise.png").write_bytes(picture.read_bytes())
    spec = {"kind": "folder", "path": str(tmp_path / "in")}
    made = projects.create(store, "large", spec, "none", BY_HAND, ["a", "b"])
    assert projects.import_now(store, made, 1)
    with store.read() as connection:
        item = next(i for i in items.get_all(connection, made) if i.name == "noise.png")
    make = images.shown(store, made, item.id, 256)
    assert callable(make)
    expected, _ = display(picture.read_bytes(), 256)
    assert make().read() == expected
    monkeypatch.setattr(images, "_decoders", None)  # nothing is decoded any more
    assert make().read() == expected  # asked for meanwhile
    kept = images.shown(store, made, item.id, 256)
    assert not callable(kept) and kept.read() == expected
    assert callable(images.shown(store, made, item.id, 512)), "another size is another picture"
    store.close()


def test_renditions_stay_below_their_limit_and_what_was_looked_at_stays(tmp_path: Path) -> None:
    kept = Renditions(tmp_path, 20_000)
    names = [kept.name(1, f"{n}", 256, None) for n in range(60)]
    for n, name in enumerate(names):
        kept.keep(name, bytes(1_000), "image/png")
        os.utime(name.with_suffix(".png"), (n, n))
        first = kept.find(names[0])  # which makes it new
        assert first is not None and first.read() == bytes(1_000)
        assert sum(f.stat().st_size for f in tmp_path.rglob("*.png")) <= 20_000
    assert kept.find(names[1]) is None
    last = kept.find(names[-1])
    assert last is not None and last.mime == "image/png"
    last.file.close()


def test_several_threads_keep_the_same_rendition(tmp_path: Path) -> None:
    kept = Renditions(tmp_path, 1_000_000)
    name = kept.name(1, "hash", None, (0.0, 4095.0))
    data = os.urandom(100_000)
    threads = [
        threading.Thread(target=kept.keep, args=(name, data, "image/jpeg")) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rendition = kept.find(name)
    assert rendition is not None and rendition.read() == data
    assert [f.name for f in tmp_path.rglob("*.*")] == [name.with_suffix(".jpg").name]


def test_a_folder_that_takes_nothing_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = Renditions(tmp_path / "file", 1_000)
    name = kept.name(1, "hash", 256, None)
    kept.keep(name, b"data", "image/png")
    assert kept.find(name) is None
