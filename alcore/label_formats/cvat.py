"""Owns CVAT's XML 1.1 with a tag per image."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from alcore.errors import UnreadableLabels
from alcore.label_formats.contract import Columns, ForeignLabel, Format, Header, LabelRow

_BLOCK = 1_000
_BYTES = 1_000_000
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
"""Characters that XML 1.0 cannot hold."""


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    labels = "".join(
        f"<label><name>{_text(name)}</name><type>tag</type><attributes></attributes></label>\n"
        for name in header.classes
    )
    out.write(
        (
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
            f"<meta><task><name>{_text(header.project)}</name>"
            f"<revision>{header.revision}</revision>\n<labels>\n{labels}</labels></task></meta>\n"
        ).encode()
    )
    written, all_rows = 0, iter(rows)
    while block := list(islice(all_rows, _BLOCK)):
        out.write("".join(_image(header, row) for row in block).encode())
        written += len(block)
        yield written
    out.write(b"</annotations>\n")
    yield written


def _image(header: Header, row: LabelRow) -> str:
    attributes = "".join(
        f"<attribute name={_quoted(name)}>{_text(_plain(value))}</attribute>"
        for name, value in header.named(row).items()
    )
    return (
        f'<image id="{row.item}" name={_quoted(row.file)} '
        f'width="{row.width}" height="{row.height}">'
        f'<tag label={_quoted(header.classes[row.place])} source="manual">{attributes}</tag>'
        "</image>\n"
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(value: str) -> str:
    return escape(_NO_XML.sub("\ufffd", value))


def _quoted(value: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", value))


def read(path: Path, _columns: Columns | None) -> Iterator[ForeignLabel]:
    """Read the tags of images, block by block."""
    reader = _Reader(path.name)
    with path.open("rb") as file:
        try:
            while block := file.read(_BYTES):
                reader.parser.Parse(block, False)
                yield from reader.take()
            reader.parser.Parse(b"", True)
        except (expat.ExpatError, LookupError, ValueError) as error:  # also of a named encoding
            raise UnreadableLabels(f"{path.name} is no XML: {error}") from error
    yield from reader.take()
    if not reader.is_cvat:
        raise UnreadableLabels(f"{path.name} is no XML of CVAT: its root is not <annotations>")


class _Reader:
    """Collects tags while the parser goes on."""

    def __init__(self, name: str) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.is_cvat = False
        self._name = name
        self._image = ""
        self._tags: list[str] = []
        self._labels: list[ForeignLabel] = []

    def take(self) -> list[ForeignLabel]:
        labels, self._labels = self._labels, []
        return labels

    def _refuse(self, *_: Any) -> None:
        raise UnreadableLabels(
            f"{self._name} declares a document type, which may hold traps; CVAT's XML has none"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "annotations":
            self.is_cvat = True
        elif name == "image":
            self._image, self._tags = attributes.get("name", ""), []
        elif name == "tag":
            self._tags.append(attributes.get("label", ""))

    def _end(self, name: str) -> None:
        if name == "image":
            line = self.parser.CurrentLineNumber
            for tag in self._tags or [""]:
                self._labels.append(ForeignLabel(line, self._image, tag))


FORMAT = Format(
    name="cvat",
    title="CVAT",
    sentence="XML with a tag per image (CVAT for images 1.1).",
    suffix=".xml",
    mime="application/xml",
    content="labels",
    write=write,
    read=read,
)
