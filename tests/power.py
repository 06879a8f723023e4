"""Owns power cuts as a test and a benchmark make them: a disk that forgets what was not synced.

A process labels under strace, which writes down each write and sync with its bytes, and each label
that was acknowledged. A cut is an instant of that record: what was synced is there; of each later
write all, nothing, or some of its sectors, as a disk with a cache of its own may leave it.

    python tests/power.py WORKSPACE LABELS    what strace looks at
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from made import Tab  # noqa: E402 - path first

from alcore.config import Workspace  # noqa: E402
from alcore.store import Store, checkpoints, sqlite  # noqa: E402

SECTOR = 512
AT_ONCE = 100
"""Cuts whose files lie about together."""
CALLS = "pwrite64,write,ftruncate,fsync,fdatasync"
_CALL = re.compile(r"(?P<call>\w+)\(\d+<(?P<path>[^>]*)>(?:, (?P<rest>.*)|\).*)?$")
_BYTES = re.compile(r'"(?P<hex>(?:\\x[0-9a-f]{2})*)"(?P<cut>\.\.\.)?, \d+(?:, (?P<offset>\d+))?')
ACKNOWLEDGED = "acknowledged"


def can_cut() -> bool:
    """Tell whether strace is here and may look at a process."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0


# -- what happened -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Write:
    """Bytes that were handed to the system; size: a new length of the file instead."""

    file: str
    offset: int = 0
    data: bytes = b""
    size: int | None = None


@dataclass(frozen=True)
class Sync:
    """All writes of a file up to `begun`, by their place in the record, are on the disk."""

    file: str
    begun: int


@dataclass(frozen=True)
class Acknowledged:
    """Somebody was told that the label with this key is stored."""

    key: str


Event = Write | Sync | Acknowledged


def record(workspace: Path, labels: int, log: Path) -> list[Event]:
    """Label so many images in a workspace; return what was written, synced and acknowledged."""
    watched = ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000", "-e", f"trace={CALLS}"]
    command = [sys.executable, str(ROOT / "tests" / "power.py"), str(workspace), str(labels)]
    subprocess.run([*watched, "-o", str(log), *command], check=True, cwd=ROOT)
    return list(events(log, workspace))


def events(log: Path, workspace: Path) -> Iterator[Event]:
    """Read what strace has written. A call that others interrupted stands in two lines."""
    begun: dict[str, tuple[str, int]] = {}
    place = 0
    with log.open() as lines:
        for line in lines:
            thread, _, text = line.rstrip("\n").partition(" ")
            text = text.strip()
            ended = True
            if text.startswith("<... "):
                if thread not in begun:
                    continue
                text, started = begun.pop(thread)
                if "sync" not in text.partition("(")[0]:
                    continue  # it was written down when it began
            else:
                started = place
                if text.endswith("<unfinished ...>"):
                    text, ended = text.removesuffix("<unfinished ...>").strip(), False
                    begun[thread] = (text, started)
            event = _event(text, workspace, started, ended)
            if event is not None:
                yield event
                place += 1


def _event(text: str, workspace: Path, started: int, ended: bool) -> Event | None:
    match = _CALL.match(text)
    if match is None:
        return None
    path = Path(bytes.fromhex(match["path"].replace("\\x", "")).decode()
                if match["path"].startswith("\\x") else match["path"])  # fmt: skip
    if path.parent != workspace:
        return None
    if "sync" in match["call"]:
        return Sync(path.name, started) if ended else None
    rest = match["rest"] or ""
    if match["call"] == "ftruncate":
        return Write(path.name, size=int(re.match(r"\d+", rest)[0]))  # type: ignore[index]
    written = _BYTES.match(rest)
    assert written is not None and not written["cut"], text[:200]
    data = bytes.fromhex(written["hex"].replace("\\x", ""))
    if path.name == ACKNOWLEDGED:
        return Acknowledged(data.decode().strip())
    assert written["offset"] is not None, f"{path.name} is written without a place"
    return Write(path.name, int(written["offset"]), data)


# -- what is left ------------------------------------------------------------------------------


@dataclass
class Disk:
    """Files as the disk has them, and what it was told to write since the last sync of each."""

    files: dict[str, bytearray]
    pending: list[tuple[int, Write]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Labels that were acknowledged."""
    _place: int = 0

    def go_on(self, event: Event) -> None:
        """Let an event happen."""
        if isinstance(event, Acknowledged):
            self.keys.append(event.key)
        elif isinstance(event, Write):
            self.pending.append((self._place, event))
        else:
            rest = []
            for place, write in self.pending:
                if write.file == event.file and place < event.begun:
                    _apply(self.files.setdefault(write.file, bytearray()), write)
                else:
                    rest.append((place, write))
            self.pending = rest
        self._place += 1

    def cut(self, rng: np.random.Generator, to: Path) -> None:
        """Write what a power cut at this instant leaves into a folder."""
        left = {name: bytearray(data) for name, data in self.files.items()}
        way, torn = rng.choice(["nothing", "some", "first", "all"]), rng.random() < 0.5
        first = rng.integers(0, len(self.pending) + 1)
        for number, (_, write) in enumerate(self.pending):
            keeps = {"nothing": False, "all": True, "first": number < first}.get(way)
            if keeps if keeps is not None else rng.random() < 0.5:
                file = left.setdefault(write.file, bytearray())
                for part in _sectors(write, rng) if torn and rng.random() < 0.3 else (write,):
                    _apply(file, part)
        to.mkdir()
        for name, data in left.items():
            (to / name).write_bytes(data)


def _apply(file: bytearray, write: Write) -> None:
    if write.size is not None:
        del file[write.size :]
        file.extend(bytes(write.size - len(file)))
        return
    file.extend(bytes(max(0, write.offset - len(file))))
    file[write.offset : write.offset + len(write.data)] = write.data


def _sectors(write: Write, rng: np.random.Generator) -> Iterator[Write]:
    """Keep some sectors of a write."""
    for start in range(0, len(write.data), SECTOR):
        if rng.random() < 0.5:
            yield Write(write.file, write.offset + start, write.data[start : start + SECTOR])


def cut_again_and_again(
    workspace: Workspace, folder: Path, labels: int, cuts: int, seed: int
) -> dict[str, int]:
    """Label once, cut the power at so many instants of that; count what was lost or damaged."""
    disk = Disk({workspace.database.name: bytearray(workspace.database.read_bytes())})
    everything = record(workspace.root, labels, folder / "strace.log")
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, len(everything), cuts)).tolist()
    found = {"labels": 0, "cuts": cuts, "lost": 0, "damaged": 0}
    waiting: list[tuple[Path, set[str]]] = []

    def look() -> None:
        stored = _stored([path for path, _ in waiting], workspace.database.name)
        for (path, told), (word, keys) in zip(waiting, stored, strict=True):
            found["lost"] += len(told - keys)
            found["damaged"] += word != "ok"
            shutil.rmtree(path)
        waiting.clear()

    for number, event in enumerate(everything):
        while at and at[0] == number:
            at.pop(0)
            place = folder / f"cut-{len(at)}"
            disk.cut(rng, place)
            waiting.append((place, set(disk.keys)))
        if len(waiting) >= AT_ONCE:
            look()
        disk.go_on(event)
    look()
    found["labels"] = len(disk.keys)
    return found


def _stored(folders: list[Path], database: str) -> list[tuple[str, set[str]]]:
    """Open what cuts have left; return what SQLite says of each, and the keys of its labels."""
    module = sqlite.driver()[0].__name__.removesuffix(".dbapi2")
    look = f"""
import sys
import {module} as sqlite3
for path in sys.argv[1:]:
    c = sqlite3.connect(path)
    print(c.execute("PRAGMA integrity_check").fetchone()[0])
    print(*(row[0] for row in c.execute("SELECT key FROM label_event")))
    c.close()
"""
    paths = [str(folder / database) for folder in folders]
    run = subprocess.run(
        [sys.executable, "-c", look, *paths], capture_output=True, text=True, check=True
    )
    lines = run.stdout.splitlines()
    return [(lines[2 * i], set(lines[2 * i + 1].split())) for i in range(len(paths))]


# -- what strace looks at ----------------------------------------------------------------------


def label(workspace: Path, labels: int) -> None:
    """Label, and say of each label that it is stored; the log goes to the file again and again."""
    checkpoints.PAUSE = 0.05
    store = Store.open(Workspace(workspace))
    tabs = [Tab(store, 1, name) for name in ("Ana", "Ben")]
    said = os.open(workspace / ACKNOWLEDGED, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(labels):
        tab = tabs[number % 2]
        key = tab.answer(tab.next(), number % 2)
        os.write(said, f"{key}\n".encode())
        if number % 7 == 6:
            tab.undo(key)
    os._exit(0)  # as a cut would: nothing is put in order


if __name__ == "__main__":
    label(Path(sys.argv[1]), int(sys.argv[2]))
