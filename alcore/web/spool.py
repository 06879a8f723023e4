"""Owns one uploaded file on its way to the disk: a form's body in, a file and a short form out.

Streamlit holds in memory whatever its own route is sent. So what it is sent is a slip of paper
with the name of the file that was written meanwhile. Sizes in bytes.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from alcore import disk
from alcore.errors import InvalidSettings

PREFIX = ".sent-"
_NAME = re.compile(rb"\.sent-[0-9a-f]{32}")
_BLOCK = 1_000_000


class Spool:
    """The body of a multipart form with one file, written while it comes."""

    def __init__(self, folder: Path, content_type: str) -> None:
        """Begin a file in a folder. Raises InvalidSettings for what is no such form, OSError."""
        kind, options = parse_options_header(content_type)
        self._boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not self._boundary:
            raise InvalidSettings("an upload is a form with one file")
        callbacks: dict[str, Callable[..., Any]] = {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, a, b: self._block.extend(data[a:b]),
            "on_header_begin": lambda: self._headers.append((bytearray(), bytearray())),
            "on_header_field": lambda data, start, end: self._headers[-1][0].extend(
                data[start:end]
            ),
            "on_header_value": lambda data, start, end: self._headers[-1][1].extend(
                data[start:end]
            ),
            "on_end": self._end,
        }
        self._parser = MultipartParser(self._boundary, callbacks)  # type: ignore[arg-type]
        self._block = bytearray()
        self._headers: list[tuple[bytearray, bytearray]] = []
        self._parts = 0
        self._is_whole = False
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{PREFIX}{secrets.token_hex(16)}"
        self._file = self.path.open("xb")

    def write(self, data: bytes) -> None:
        """Take a part of the body. Raises InvalidSettings for what is no form, OSError."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidSettings("the upload is damaged; send it again") from error
        if self._parts > 1:
            raise InvalidSettings("an upload is a form with one file")
        if len(self._block) >= _BLOCK:
            self._empty()

    def finish(self) -> bytes:
        """End the file; return the short form in its place. Raises InvalidSettings, OSError."""
        if not self._is_whole or self._parts != 1:
            raise InvalidSettings("the upload broke off; send it again")
        self._empty()
        disk.sync(self._file)
        self._file.close()
        slip = self.path.name.encode()
        edge = b"--" + self._boundary
        headers = (name + b": " + value for name, value in self._headers)
        return b"\r\n".join((edge, *headers, b"", slip, edge + b"--", b""))

    def discard(self) -> None:
        """Delete what was written."""
        with contextlib.suppress(OSError):
            self._file.close()
            self.path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self._parts += 1

    def _end(self) -> None:
        self._is_whole = True

    def _empty(self) -> None:
        self._file.write(self._block)
        self._block.clear()


def file_of(slip: bytes, folder: Path) -> Path:
    """Return the file that a slip of paper names. Raises InvalidSettings where it is not there."""
    path = folder / slip.decode() if _NAME.fullmatch(slip) else None
    if path is None or not path.is_file():
        raise InvalidSettings("the upload is no longer here; send it again")
    return path
