"""Owns strange input as tests and a benchmark draw it: images, archives, label files, requests.

Everything begins with something sound, of which a few bytes, a part or a value are changed: what is
noise from its first byte is refused by the first look at it, and tries nothing else.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from made import BY_HAND, exported, web_store
from PIL import Image

from alcore.datasets.decoding import decode_pixels
from alcore.datasets.sources import open_source
from alcore.errors import ImportRefused, UnreadableImage, UnreadableLabels
from alcore.label_formats import FORMATS
from alcore.services import projects
from alcore.services.label_import import LabelFile

Generator = np.random.Generator
IMAGES = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "TIFF-LZW", "PNG-16", "progressive")
SIDE = 8


# -- bytes -------------------------------------------------------------------------------------


def spoiled(data: bytes, rng: Generator, near: int = 120) -> bytes:
    """Change some bytes; sometimes cut off the end, double a part or take one out.

    near: half of all changes lie in so many bytes at the begin, where heads are.
    """
    array = np.frombuffer(data, np.uint8).copy()
    reach = len(array) if rng.random() < 0.5 else min(len(array), near)
    for _ in range(rng.integers(1, 6)):
        array[rng.integers(reach)] = rng.choice([0, 1, 10, 34, 255, rng.integers(256)])
    result = array.tobytes()
    start, stop = sorted(rng.integers(0, len(result) + 1, 2).tolist())
    way = rng.random()
    if way < 0.1:
        return result[:stop]
    if way < 0.15:
        return result[:start] + result[stop:]
    if way < 0.2:
        return result[:stop] + result[start:]
    return result


def image(kind: str, rng: Generator, side: int = 20) -> bytes:
    """Write a sound image of one of IMAGES."""
    out, options = io.BytesIO(), {}
    pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
    drawn = Image.fromarray(pixels)
    form = kind.partition("-")[0]
    if kind == "PNG-16":
        drawn = Image.fromarray(rng.integers(0, 65_536, (side, side)).astype(np.uint16))
    elif kind == "TIFF-LZW":
        options = {"compression": "tiff_lzw"}
    elif kind == "progressive":
        form, options = "JPEG", {"progressive": True}
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(1, 9))
    if form not in ("BMP", "GIF"):
        options["exif"] = exif
    drawn.save(out, form, **options)
    return out.getvalue()


def try_image(data: bytes) -> bool:
    """Read an image; return whether that worked. Nothing but UnreadableImage is caught."""
    try:
        decode_pixels(data, SIDE)
    except UnreadableImage as error:
        assert str(error)
        return False
    return True


def archive(rng: Generator) -> bytes:
    """Write a sound archive of images in class folders."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", int(rng.choice([0, 8]))) as file:
        for number in range(5):
            file.writestr(f"{'ab'[number % 2]}/{number}.png", image("PNG", rng, 8))
    return out.getvalue()


def try_archive(data: bytes, path: Path) -> bool:
    """Read all of an archive; return whether anything of it could be read."""
    path.write_bytes(data)
    try:
        source = open_source({"kind": "archive", "path": str(path)})
        entries = source.entries()
    except ImportRefused as error:
        assert str(error)
        return False
    read = 0
    for entry in entries:
        try:
            source.read(entry)
            read += 1
        except UnreadableImage as error:
            assert str(error)
    return read > 0


def try_labels(data: bytes, path: Path, form: str = "") -> bool:
    """Read all of a file of labels; return whether that worked. form: empty, it is told."""
    path.write_bytes(data)
    try:
        file = LabelFile(path, form)
        file.table()
        for _ in file.labels():
            pass
    except UnreadableLabels as error:
        assert str(error)
        return False
    return True


# -- requests ----------------------------------------------------------------------------------

FIELDS = (
    "ticket", "client", "count", "hold", "kind", "item", "proof", "class", "key", "token", "at",
    "seconds", "suggestion_shown", "suggested", "suggested_by", "explanation_shown", "note",
    "undoes", "tokens", "name", "addresses", "text", "first", "selection", "like", "aside",
    "release", "tiles", "bits", "items", "stop", "strategy", "seen", "remove", "image", "class_id",
    "names", "events", "address",
)  # fmt: skip
"""All that bodies may hold."""
ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 2**31, 2**53, 2**64, -0.0, 1.5, 1e308, "", " ", "a", "0",
    "x" * 3000, "\x00", "../../../etc/passwd", "/etc/passwd", "<script>alert(1)</script>", "a/b",
    "%00", "' OR 1=1 --", "😀" * 50, [], {}, [None], [[]], [1, 2], ["a"], {"item": 1},
    [{"item": 1}],
    [{"token": "t", "item": 1, "proof": "p"}], "label", "skip", "undo", "import", "sure", "AAAA",
    "random", "margin", "model", "http://127.0.0.1:1/", "ftp://a", ["model"], [2**70], ["x"] * 70,
)  # fmt: skip
RAW: tuple[bytes, ...] = (
    b"", b"null", b"[]", b"1", b'"a"', b"{", b'{"a":}', b"\xff\xfe{}", b"\xef\xbb\xbf{}",
    b'{"item": NaN}', b'{"item": Infinity}', b'{"key": "\\ud800"}', b'{"item": 1e999}',
    b'{"item": ' + b"9" * 5000 + b"}", b'{"a":' + b"[" * 20_000,
    b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
    b'{"key": "' + b"x" * 70_000 + b'"}', b"a=1&b=2", b"--x\r\n\r\n",
)  # fmt: skip
QUERIES = (
    "n", "view", "class", "annotator", "origin", "disagrees", "name", "selection", "offset",
    "basis", "method", "about", "t", "v", "small", "whole", "format", "parts", "snapshot", "which",
    "embeddings", "after", "limit", "kind", "metric",
)  # fmt: skip
VALUES = (
    "", "0", "1", "-1", "99999999999999999999", "1e3", "٣", "a", "all", "doubts", "pca", "umap",
    "../..", "..%2f", "\x00", "<b>", "csv", "jsonl", "answer", "difference", "gradients", "1.2.3",
    "x" * 3000, "True", "accuracy", "train",
)  # fmt: skip


def body(sound: Mapping[str, Any], rng: Generator) -> bytes:
    """Write a body: a sound one of which some values are odd, or what is no object at all."""
    if rng.random() < 0.1:
        return RAW[rng.integers(len(RAW))]
    values = dict(sound)
    for _ in range(rng.integers(0, 4)):
        values[FIELDS[rng.integers(len(FIELDS))]] = ODD[rng.integers(len(ODD))]
    for name in list(values):
        if rng.random() < 0.05:
            del values[name]
    return json.dumps(values).encode()


def query(rng: Generator, sound: Mapping[str, str]) -> dict[str, str]:
    """Write the values behind an address."""
    values = dict(sound)
    for _ in range(rng.integers(0, 4)):
        values[QUERIES[rng.integers(len(QUERIES))]] = VALUES[rng.integers(len(VALUES))]
    return values


def number(rng: Generator, sound: int) -> str:
    """Write a number in an address, mostly one of something that is there."""
    if rng.random() < 0.8:
        return str(sound)
    return str(rng.choice(["0", "1", "999", "999999999999999", "9" * 16, "-1", "a", "1.5", "%2e"]))


def sound_labels(root: Path) -> dict[str, bytes]:
    """Write a sound file of labels in each format that is read, of a project made in a folder."""
    with web_store(root) as store:
        spec = {"kind": "shapes", "size": 9}
        made = projects.create(store, "shapes", spec, "labels", BY_HAND)
        projects.import_now(store, made, 1)
        return {name: exported(store, made, name) for name, form in FORMATS.items() if form.read}


Trial = Callable[[Generator], bool]
"""Draws one piece of strange input and tries it; returns whether it could be read."""


def trials(folder: Path, labels: Mapping[str, bytes]) -> dict[str, Trial]:
    """List what is tried, by kind. labels: a sound file of labels by format."""

    def images(kind: str) -> Trial:
        return lambda rng: try_image(spoiled(image(kind, rng), rng))

    def archives(rng: Generator) -> bool:
        data = archive(rng)
        if rng.random() < 0.5:
            return try_archive(spoiled(data, rng), folder / "strange.zip")
        start = data.index(b"PK\1\2")
        return try_archive(data[:start] + spoiled(data[start:], rng), folder / "strange.zip")

    def files(name: str) -> Trial:
        form, path = FORMATS[name], folder / f"strange{FORMATS[name].suffix}"
        return lambda rng: try_labels(
            spoiled(labels[form.name], rng), path, form.name if rng.random() < 0.5 else ""
        )

    return {
        **{f"image {kind}": images(kind) for kind in IMAGES},
        "archive": archives,
        **{f"labels {name}": files(name) for name in labels},
    }
