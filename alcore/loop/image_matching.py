"""Owns the search for the image that a file means, whatever tool wrote it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import numpy as np

from alcore import names
from alcore.store.label_imports import Standing

_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of an upload."""
UNKNOWN = "no image is called so"
NAMELESS = "the line names no image"


class Images:
    """A project's images, by content and by name."""

    def __init__(self, standings: Mapping[int, Standing]) -> None:
        self.ids = np.sort(np.fromiter(standings, np.int64, len(standings)))
        """Of all of them, (N,) int64, ascending."""
        self._by_hash = {one.content_hash: number for number, one in standings.items()}
        self._by_name = {one.name: number for number, one in standings.items()}
        self._by_end: dict[str, list[tuple[tuple[str, ...], int]]] | None = None

    def find(self, file: str, content_hash: str | None = None) -> int | str:
        """Return the id of the image that is meant, or why there is none.

        By its content where that is known, else by its whole name, else by as many folders and
        the name as agree, with the ending or without, if that is one image only. A page of a
        file may have the ending that exports give it.
        """
        file = names.without_ending(file)
        if content_hash is not None and content_hash in self._by_hash:
            return self._by_hash[content_hash]
        known = self._by_name.get(file)
        if known is not None:
            return known
        if not file.strip():
            return NAMELESS
        reason = UNKNOWN
        for text in dict.fromkeys((file, names.path_of(file), file.replace("\\", "/"))):
            answer = self._by_path(text)
            if isinstance(answer, int):
                return answer
            reason = answer if answer != UNKNOWN else reason
        return reason

    def _by_path(self, text: str) -> int | str:
        parts = [p for p in _plain(text).split("/") if p not in ("", ".")]
        if not parts:
            return UNKNOWN
        for last in dict.fromkeys((parts[-1], _UPLOADED.sub("", parts[-1]))):
            for key in (last, _stem(last)):
                candidates = self._ends().get(key, [])
                if key != last:  # an image without its ending, or with another one
                    candidates = candidates if "." not in last else []
                if candidates:
                    return _closest(candidates, (*parts[:-1], last))
        return UNKNOWN

    def _ends(self) -> dict[str, list[tuple[tuple[str, ...], int]]]:
        """Index the images by the last part of their names; made when it is first needed."""
        if self._by_end is None:
            self._by_end = {}
            for name, number in self._by_name.items():
                parts = tuple(_plain(names.path_of(name)).split("/"))
                whole = names.page_of(parts[-1])[0]
                for key in dict.fromkeys((parts[-1], whole, _stem(whole))):
                    self._by_end.setdefault(key, []).append((parts, number))
        return self._by_end


def _closest(candidates: list[tuple[tuple[str, ...], int]], parts: tuple[str, ...]) -> int | str:
    """Return the one image whose folders agree the farthest, or that there are several."""
    scored = [(_agreement(known[:-1], parts[:-1]), number) for known, number in candidates]
    most = max(score for score, _ in scored)
    best = [number for score, number in scored if score == most]
    if len(best) > 1:
        return f"{len(best):,} images are called so, and the folders do not tell them apart"
    return best[0]


def _agreement(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    agreeing = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        agreeing += 1
    return agreeing


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
