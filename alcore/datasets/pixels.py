"""Owns the pixel cache of a project: all images at one resolution, and the original bytes.

Two append-only files: rows of (H, W, 3) uint8 by position, and originals end to end.
Positions count rows from 0; offsets and lengths are bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from alcore import disk
from alcore.config import ProjectSettings
from alcore.datasets.decoding import decode_pixels, to_pixels
from alcore.datasets.depth import Scale
from alcore.errors import UnreadableImage, WorkspaceUnusable
from alcore.records import Item


class PixelCache:
    """Pixels and originals of one project; one process writes, any number read."""

    def __init__(self, folder: Path, resolution: int, scale: Scale | None = None) -> None:
        self.folder = Path(folder)
        self.resolution = resolution
        self.scale = scale
        name = f"pixels-{resolution}"
        if scale is not None:
            name += "".join(f"-{number:.9g}" for number in scale)
        self.pixels_path = self.folder / f"{name}.u8"
        self.originals_path = self.folder / "originals.pack"
        self._files: tuple[FileIO, FileIO] | None = None

    @classmethod
    def of(cls, folder: Path, settings: ProjectSettings) -> Self:
        """Return the cache that a project with these settings uses."""
        return cls(folder, settings.resolution, settings.pixel_range.scale)

    @property
    def row_bytes(self) -> int:
        return self.resolution * self.resolution * 3

    def __len__(self) -> int:
        """Count the complete rows on disk."""
        size = self.pixels_path.stat().st_size if self.pixels_path.exists() else 0
        return size // self.row_bytes

    def array(self) -> np.ndarray:
        """Map all rows: (N, H, W, 3) uint8, read-only, as many as there are now."""
        shape = (len(self), self.resolution, self.resolution, 3)
        if not shape[0]:
            return np.zeros(shape, np.uint8)
        return np.memmap(self.pixels_path, np.uint8, "r", shape=shape)

    def blocks(self, n: int, at_once: int = 1_000, first: int = 0) -> Iterator[np.ndarray]:
        """Read rows from `first` to n a few at a time: (≤ at_once, H, W, 3) uint8, none kept.

        Mapped, all of them would count as this process's memory after one look at each.
        """
        if first >= n:
            return
        with self.pixels_path.open("rb") as file:
            file.seek(first * self.row_bytes)
            for start in range(first, n, at_once):
                size = min(at_once, n - start) * self.row_bytes
                block = np.fromfile(file, np.uint8, size)
                yield block.reshape(-1, self.resolution, self.resolution, 3)

    def original(self, offset: int, length: int) -> bytes:
        """Read the original bytes of one item; raises UnreadableImage when they are gone."""
        try:
            with self.originals_path.open("rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise UnreadableImage(
                f"{self.originals_path} cannot be read: {error.strerror}"
            ) from error
        if len(data) != length:
            raise UnreadableImage(
                f"{self.originals_path} ends before byte {offset + length:,}; "
                "restore it from a backup or import again"
            )
        return data

    def truncate(self, n_rows: int, n_bytes: int) -> None:
        """Cut both files to what is known to be good.

        Raises WorkspaceUnusable when less than that is there.
        """
        for file, size in zip(self._open(), (n_rows * self.row_bytes, n_bytes), strict=True):
            have = os.fstat(file.fileno()).st_size
            if have < size:
                raise WorkspaceUnusable(
                    f"{file.name} has {have:,} bytes, but {size:,} were written; "
                    "restore it from a backup, or delete the project and import again"
                )
            file.truncate(size)
            file.seek(0, os.SEEK_END)

    def append(
        self, rows: Sequence[np.ndarray], originals: Sequence[bytes | None]
    ) -> list[tuple[int, int] | None]:
        """Append rows (H, W, 3) uint8 and, where given, original bytes.

        Returns (offset, length) of each original. Durable after `flush`.
        Raises WorkspaceUnusable when the disk is full or read-only.
        """
        pixels, pack = self._open()
        places: list[tuple[int, int] | None] = []
        offset = pack.tell()
        for data in originals:
            places.append(None if data is None else (offset, len(data)))
            offset += len(data or b"")
        self._write(pixels, b"".join(row.tobytes() for row in rows))
        self._write(pack, b"".join(data for data in originals if data is not None))
        return places

    def flush(self) -> None:
        """Make everything appended survive a power cut."""
        for file in self._open():
            try:
                disk.sync(file)
            except OSError as error:
                raise disk.unusable(file.name, error) from error

    def close(self) -> None:
        if self._files is not None:
            for file in self._files:
                file.close()
            self._files = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rebuild(
        self,
        items: Iterable[Item],
        read: Callable[[Item], bytes],
        progress: Callable[[int], None] | None = None,
    ) -> list[str]:
        """Make the pixel file from the originals, in order of position.

        An image whose original cannot be read is taken from the finest pixel file there is. The
        file is written under a temporary name and renamed when complete; others stay for those
        who read them (see `forget_others`).
        `progress` is told the number of rows done. Returns why originals could not be read.
        Raises UnreadableImage, naming the item, when nothing is left of an image.
        """
        before = self._finest()
        temporary = self.pixels_path.with_name(f"{self.pixels_path.name}.tmp")
        missing = []
        try:
            with temporary.open("wb", buffering=0) as file:
                for row, item in enumerate(sorted(items, key=lambda item: item.position)):
                    if item.position != row:
                        raise WorkspaceUnusable(
                            f"no item has position {row}; the next is {item.position}"
                        )
                    try:
                        pixels = decode_pixels(read(item), self.resolution, self.scale).pixels
                    except UnreadableImage as error:
                        missing.append(f"{item.name}: {error}")
                        if row >= len(before):
                            raise UnreadableImage(missing[-1]) from error
                        pixels = to_pixels(Image.fromarray(before[row]), self.resolution)
                    self._write(file, pixels.tobytes())
                    if progress is not None:
                        progress(row + 1)
                disk.sync(file)
            os.replace(temporary, self.pixels_path)
            disk.sync_names(self.folder)
        except OSError as error:
            raise disk.unusable(temporary, error) from error
        finally:
            temporary.unlink(missing_ok=True)
        return missing

    def _finest(self) -> np.ndarray:
        """Map the rows of the pixel file with the most pixels; there may be none."""
        files = {int(path.stem.split("-")[1]): path for path in self.folder.glob("pixels-*.u8")}
        side = max(files, default=1)
        rows = files[side].stat().st_size // (side * side * 3) if files else 0
        if not rows:
            return np.zeros((0, 1, 1, 3), np.uint8)
        return np.memmap(files[side], np.uint8, "r", shape=(rows, side, side, 3))

    def forget_others(self) -> None:
        """Delete the pixel files of resolutions and scales that are no longer used."""
        for path in self.folder.glob("pixels-*.u8"):
            if path != self.pixels_path:
                path.unlink(missing_ok=True)

    def _open(self) -> tuple[FileIO, FileIO]:
        if self._files is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._files = (
                    self.pixels_path.open("ab", buffering=0),
                    self.originals_path.open("ab", buffering=0),
                )
                disk.sync_names(self.folder)
            except OSError as error:
                raise disk.unusable(self.folder, error) from error
        return self._files

    @staticmethod
    def _write(file: FileIO, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                # An unbuffered write may take only a part, as on a disk that runs full.
                view = view[file.write(view) :]
        except OSError as error:
            raise disk.unusable(file.name, error) from error
