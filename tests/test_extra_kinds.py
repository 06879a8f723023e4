"""Kinds of image that a library reads which not everybody has: as all others, or said how."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alcore.datasets.decoding import decode, decode_pixels
from alcore.datasets.ingest import ingest
from alcore.datasets.source_preview import preview_source
from alcore.errors import UnreadableImage

HEIC = Path(__file__).parent / "pictures" / "colour.heic"
"""64×48: red grows to the right, green downwards, blue the other way; a red square top left."""


def test_a_heic_photograph_is_read_in_its_colours() -> None:
    data = HEIC.read_bytes()
    pixels = np.asarray(decode(data)).astype(int)
    assert pixels.shape == (48, 64, 3)
    assert pixels[8, 8].tolist() == pytest.approx([255, 0, 0], abs=8)
    assert pixels[40, 60].tolist() == pytest.approx([240, 200, 55], abs=12)
    reduced = decode_pixels(data, 16)
    assert (reduced.width, reduced.height, reduced.grey) == (64, 48, False)


def test_a_damaged_heic_photograph_is_refused_and_raises_nothing_else() -> None:
    whole = np.frombuffer(HEIC.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(200):
        data = whole.copy()
        data[rng.integers(12, len(data), 3)] = rng.integers(0, 256, 3)
        cut = data[: rng.integers(12, len(data))] if rng.random() < 0.2 else data
        try:
            read += decode(cut.tobytes()).size == (64, 48)
        except UnreadableImage as error:
            assert str(error)
    assert 0 < read < 200
    with pytest.raises(UnreadableImage, match=r"cannot be decoded|truncated"):
        decode(HEIC.read_bytes()[:-60])


def test_photographs_of_telephones_come_in_beside_others(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "1.heic").write_bytes(HEIC.read_bytes())
    Image.open(HEIC.parent / "colour.png").save(root / "2.avif", quality=90)
    Image.new("RGB", (9, 9), "blue").save(root / "3.png")
    (chunk,) = ingest({"kind": "folder", "path": str(root), "copy": False}, tmp_path / "p", 16)
    assert [new.name for new in chunk.accepted] == ["1.heic", "2.avif", "3.png"]
    assert [(new.width, new.height) for new in chunk.accepted[:2]] == [(64, 48)] * 2


def test_what_lacks_its_library_is_told_which_command_adds_it(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['pi_heif'] = None\n"
        "from alcore.datasets.decoding import decode\n"
        "from alcore.errors import UnreadableImage\n"
        f"data = open({str(HEIC)!r}, 'rb').read()\n"
        "try:\n"
        "    decode(data)\n"
        "except UnreadableImage as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "a HEIC image, for which a library is missing; add it with: pip install 'alcore[heif]'"
    )


def test_a_preview_says_what_cannot_be_read_before_anything_is_imported(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "page.jpg").write_bytes(b"<!doctype html><title>Sign in</title>")
    notes = preview_source({"kind": "folder", "path": str(tmp_path)}).summary.notes
    assert any(
        note.startswith("1 of 4 files that were looked at cannot be read, such as page.jpg: a web")
        for note in notes
    )
