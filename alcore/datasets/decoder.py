"""Owns the processes that decode pictures for a browser: two at most, limited in memory and time.

What a person may look at, or has uploaded, never takes the memory of the process that answers
them. A process is started when it is needed and ends once nothing was asked of it for a while,
or when the one that started it is gone. Times in seconds.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alcore.errors import UnreadableImage

AT_ONCE = 2
SECONDS = 30.0
"""One picture may take this long, the start of a process on a busy machine included."""
IDLE = 30.0
"""A process of which nothing was asked for this long ends."""
NICENESS = 5
"""A label that is stored goes first, then pictures, then trainings."""
MEMORY_BYTES = 1_500_000_000
"""Address space that decoding may take beyond what a fresh process has."""


class Decoders:
    """Processes that encode pictures anew; any number of threads may ask."""

    def __init__(self, at_once: int = AT_ONCE, idle: float = IDLE) -> None:
        self._seats = threading.BoundedSemaphore(at_once)
        self._idle = idle
        self._lock = threading.Lock()
        self._free: list[tuple[float, _Decoder]] = []
        self._timer: threading.Timer | None = None

    def encode(self, request: Mapping[str, Any]) -> tuple[bytes, str]:
        """Encode a picture for a browser; return its bytes and their media type.

        request: what `answer` takes. Raises UnreadableImage.
        """
        with self._seats:
            decoder = self._next()
            try:
                return decoder.ask(request)
            finally:
                if decoder.is_sound:
                    self._keep(decoder)
                else:
                    decoder.stop()

    def stop(self) -> None:
        """End the processes that have nothing to do."""
        with self._lock:
            free, self._free = self._free, []
        for _, decoder in free:
            decoder.stop()

    def _next(self) -> _Decoder:
        """Return a process that has nothing to do; one that was killed meanwhile is let go."""
        with self._lock:
            while self._free:
                decoder = self._free.pop()[1]
                if decoder.lives():
                    return decoder
                decoder.stop()
        return _Decoder()

    def _keep(self, decoder: _Decoder) -> None:
        with self._lock:
            self._free.append((time.monotonic(), decoder))
            if self._timer is None:
                self._watch()

    def _watch(self) -> None:
        self._timer = threading.Timer(self._idle, self._let_go)
        self._timer.daemon = True
        self._timer.start()

    def _let_go(self) -> None:
        before = time.monotonic() - self._idle
        with self._lock:
            old = [decoder for since, decoder in self._free if since <= before]
            self._free = [(since, one) for since, one in self._free if since > before]
            self._timer = None
            if self._free:
                self._watch()
        for decoder in old:
            decoder.stop()


class _Decoder:
    """One process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        self.is_sound = True

    def lives(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: Mapping[str, Any]) -> tuple[bytes, str]:
        """Ask for one picture; a process that took too long, or died, is not sound any more."""
        assert self._process.stdin is not None and self._process.stdout is not None
        late = threading.Timer(SECONDS, self._process.kill)
        late.start()
        began = time.monotonic()
        try:
            self._process.stdin.write(json.dumps(dict(request)).encode() + b"\n")
            self._process.stdin.flush()
            head = json.loads(self._process.stdout.readline())
            data = self._process.stdout.read(head.get("bytes", 0))
            if len(data) != head.get("bytes", 0):
                raise EOFError
        except (OSError, ValueError, EOFError) as error:
            self.is_sound = False
            slow = time.monotonic() - began >= SECONDS
            reason = "took too long" if slow else "crashed the decoder"
            raise UnreadableImage(f"decoding it {reason}") from error
        finally:
            late.cancel()
        if "error" in head:
            raise UnreadableImage(head["error"])
        return data, head["mime"]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def limit_memory(most: int) -> None:
    """Cap the address space, at so many bytes more than now; Windows has no such call."""
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + most
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def answer(request: Mapping[str, Any]) -> tuple[bytes, str]:
    """Encode the picture that a request names; return its bytes and their media type.

    request: `file`, the path of an uploaded picture; or `item`, an item's fields, with `folder`,
    its project's, and `spec`, the description of the source. `largest`: the longest side that it
    shall have, None for all pixels; `scale`: of values deeper than 8 bits, or None. Raises
    UnreadableImage.
    """
    from alcore.datasets.decoding import display, exact
    from alcore.datasets.folders import read_under
    from alcore.datasets.ingest import read_original
    from alcore.records import Item

    scale = tuple(request["scale"]) if request["scale"] else None
    if "file" in request:
        path = Path(request["file"])
        data = read_under(path.parent, path.name)
    else:
        data = read_original(Path(request["folder"]), Item(**request["item"]), request["spec"])
    if request["largest"] is None:
        return exact(data, scale)
    return display(data, request["largest"], scale)


def main() -> None:
    """Live as a decoder: a line of JSON in, a line of JSON and bytes out, until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the app, which ends this
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    warnings.simplefilter("ignore")  # Pillow warns of what it repairs; nobody reads that here
    import alcore.datasets.ingest  # noqa: F401 - the limit is for pictures, not for libraries

    limit_memory(int(sys.argv[1]))
    # What libraries print must not come between an answer and its bytes.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        if hasattr(signal, "alarm"):  # also where whoever asked was killed meanwhile
            signal.alarm(int(2 * SECONDS))
        data, head = b"", {}
        try:
            data, mime = answer(json.loads(line))
            head = {"mime": mime, "bytes": len(data)}
        except UnreadableImage as error:
            head = {"error": str(error)}
        except MemoryError:
            head = {"error": "decoding it takes more memory than allowed"}
        out.write(json.dumps(head).encode() + b"\n" + data)
        out.flush()
        del data
        if "error" in head:
            gc.collect()  # what was decoded so far hangs on the error
        if hasattr(signal, "alarm"):
            signal.alarm(0)


if __name__ == "__main__":
    main()
