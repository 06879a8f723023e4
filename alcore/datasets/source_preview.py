"""Owns the preview of a source before its import: what it holds, and what some images look like.

Reading files that nobody has looked at yet happens in a process of its own: the web process
stays small, and a huge folder or a hostile archive harms only that process. Sizes in pixels;
times in seconds.
"""

from __future__ import annotations

import base64
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from alcore import errors
from alcore.config import RESOLUTIONS, remote_hosts, user_path
from alcore.datasets import addresses
from alcore.datasets.addresses import AddressSource
from alcore.datasets.encoding import png
from alcore.datasets.fetching import fetch_all
from alcore.datasets.measuring import scale_of, words
from alcore.datasets.sources import SourceSummary, open_source, summarise
from alcore.datasets.workers import Examined, Refused, examine_all
from alcore.errors import AlcoreError, ImportRefused

SAMPLE = 48
"""Images whose size is looked at."""
_One = TypeVar("_One")
FETCHED = 14
"""Images that are fetched of a list of addresses."""
SHOWN = 14
THUMBNAIL = 96
LARGEST_SUGGESTED = 64
"""Beyond it a model on a CPU takes minutes; people may choose it, nobody is led there."""
PATIENCE = 180.0
QUICK_SHAPES = 5_000
MIRRORED = frozenset({"cifar10", "cifar100", "stl10"})
"""Photographs in which left and right mean nothing: mirroring them is safe, and helps."""


@dataclass(frozen=True)
class SourcePreview:
    """What an import would find, and settings that suit it."""

    summary: SourceSummary
    side: int | None
    """Longer side of a typical image; None where no image could be read."""
    resolution: int
    augmentation: str
    pictures: tuple[bytes, ...]
    """Some images as PNG, re-encoded, in the order of the files."""


def preview_source(spec: Mapping[str, Any]) -> SourcePreview:
    """Look at a source. Raises what its import would raise."""
    kind = spec.get("kind")
    if kind == "digits" or (kind == "shapes" and spec.get("size", 0) <= QUICK_SHAPES):
        return _preview(spec)
    open_source(spec)
    patience = None if spec.get("download") else PATIENCE
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(dict(spec)),
            capture_output=True,
            cwd=Path(__file__).parents[2],
            encoding="utf-8",
            timeout=patience,
            check=False,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise ImportRefused(
            f"looking at the images took more than {PATIENCE:.0f} s; "
            "use the command line for a source as large as this"
        ) from error
    except (IndexError, ValueError) as error:
        raise ImportRefused("the process that looked at the images ended early") from error
    if "error" in answer:
        raise getattr(errors, answer["error"], AlcoreError)(answer["message"])
    summary = answer["summary"] | {"notes": tuple(answer["summary"]["notes"])}
    pictures = tuple(base64.b64decode(picture) for picture in answer["pictures"])
    return SourcePreview(**answer | {"summary": SourceSummary(**summary), "pictures": pictures})


def suggested_resolution(side: int | None) -> int:
    """Return the smallest resolution that loses little of images with this longer side.

    >>> [suggested_resolution(side) for side in (8, 28, 32, 48, 600, None)]
    [8, 32, 32, 64, 64, 32]
    """
    if side is None:
        return 32
    fitting = (r for r in RESOLUTIONS if r >= 0.75 * side and r <= LARGEST_SUGGESTED)
    return next(fitting, LARGEST_SUGGESTED)


def _preview_list(spec: Mapping[str, Any]) -> SourcePreview:
    """Look at a list of addresses, and at some of the images behind them."""
    wanted = addresses.of_list(user_path(str(spec["path"])))
    some = list(_spread(wanted.addresses, FETCHED))
    with tempfile.TemporaryDirectory() as folder:
        source = AddressSource(Path(folder))
        source.keep("\n".join(address.text for address in some).encode())
        went = list(fetch_all(some, source.fetched, remote_hosts()))
        look = _preview({"kind": "addresses", "path": folder})
    notes = list(look.summary.notes)
    failed = [one for one in went if one.problem]
    if failed:
        count = f"{len(failed):,} of {len(some):,} images that were looked at did not come"
        notes.append(f"{count}, such as {failed[0].address.name}: {failed[0].problem}")
    if wanted.problems:
        first = wanted.problems[0]
        count = f"{len(wanted.problems):,} lines are no address"
        notes.append(f"{count}, such as {first.name}: {first.reason}")
    classes = Counter(a.class_name for a in wanted.addresses if a.class_name is not None)
    summary = SourceSummary(
        total=len(wanted.addresses),
        classes=dict(sorted(classes.items())),
        layout="addresses",
        has_test=False,
        notes=tuple(notes),
        unlabeled=len(wanted.addresses) - classes.total(),
    )
    return replace(look, summary=summary)


def _preview(spec: Mapping[str, Any]) -> SourcePreview:
    source = open_source(spec)
    listing = source.listing()
    entries = list(_spread(listing.entries, SAMPLE))
    workers = 0 if len(listing.entries) < source.inline_below else 1
    scale = scale_of(source, listing.entries)
    looked_at = [
        result
        for batch in examine_all(source, entries, THUMBNAIL, workers, scale)
        for result in batch
    ]
    examined = [result for result in looked_at if isinstance(result, Examined)]
    refused = [result for result in looked_at if isinstance(result, Refused)]
    sides = [max(result.reduced.width, result.reduced.height) for result in examined]
    side = round(statistics.median(sides)) if sides else None
    resolution = suggested_resolution(side)
    shown = list(_spread([result.entry for result in examined], SHOWN))
    finest = resolution if resolution < 64 else THUMBNAIL
    summary = summarise(listing)
    if refused:
        first = refused[0]
        note = (
            f"{len(refused):,} of {len(looked_at):,} files that were looked at cannot be read, "
            f"such as {first.entry.name}: {first.reason}"
        )
        summary = replace(summary, notes=(*summary.notes, note))
    if scale is not None:
        summary = replace(summary, notes=(*summary.notes, words(scale)))
    return SourcePreview(
        summary=summary,
        side=side,
        resolution=resolution,
        augmentation="flip" if spec.get("name") in MIRRORED else "shift",
        pictures=tuple(
            png(result.reduced.pixels)
            for batch in examine_all(source, shown, finest, workers if shown else 0, scale)
            for result in batch
            if isinstance(result, Examined)
        ),
    )


def _spread(entries: Sequence[_One], n: int) -> Iterator[_One]:
    """Take n entries at equal distances: files of a class lie together."""
    step = max(1.0, len(entries) / n)
    return (entries[int(i * step)] for i in range(min(n, len(entries))))


def main() -> None:
    """Answer a description on the input with a preview, or an error, on the output."""
    try:
        spec = json.load(sys.stdin)
        preview = _preview_list(spec) if spec["kind"] == "addresses" else _preview(spec)
        answer = asdict(preview)
        answer["pictures"] = [base64.b64encode(picture).decode() for picture in preview.pictures]
    except AlcoreError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
