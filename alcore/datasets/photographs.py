"""Owns photographs that somebody put on the page: files that wait in a folder of the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alcore import names
from alcore.datasets.entries import Entry, Listing
from alcore.datasets.folders import images_below, read_image


@dataclass(frozen=True)
class PhotographSource:
    """The folder of a project in which photographs wait; one alone is enough."""

    root: Path
    kind: str = "photographs"
    in_place: bool = False
    inline_below: float = 0

    def listing(self) -> Listing:
        """List what waits, in a fixed order; nothing where nothing does."""
        images, skipped = images_below(self.root) if self.root.is_dir() else ([], [])
        entries = [Entry(names.of_file(f.path), None, None, f.handle, f.size) for f in images]
        return Listing(entries, "flat, unlabeled", tuple(skipped))

    def entries(self) -> list[Entry]:
        return self.listing().entries

    def read(self, entry: Entry) -> bytes:
        return read_image(self.root, entry.handle)

    def path_of(self, entry: Entry) -> None:
        return None

    def forget(self, listing: Listing) -> None:
        """Delete what was listed, whose originals the project has by now."""
        for entry in listing.entries:
            (self.root / names.page_of(entry.handle)[0]).unlink(missing_ok=True)
