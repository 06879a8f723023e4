"""Sources: the layouts that people have, and what is refused in words that they understand."""

from __future__ import annotations

import colorsys
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alcore.datasets.decoding import decode, decode_pixels
from alcore.datasets.shapes import SHAPES, ShapesSource
from alcore.datasets.sources import open_source, scan
from alcore.errors import ImportRefused, InvalidSettings, UnreadableImage

Make = Callable[[Iterable[str]], dict]


def picture(number: int) -> bytes:
    """A PNG that differs from those of other numbers."""
    out = io.BytesIO()
    Image.new("RGB", (6, 5), (number % 256, number // 256, 7)).save(out, "PNG")
    return out.getvalue()


def zipped(path: Path, files: Iterable[tuple[str, bytes]], method: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


@pytest.fixture(params=["folder", "archive"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Writes files of these names into a folder or an archive and gives its description."""

    def write(names: Iterable[str]) -> dict:
        files = [(name, picture(number)) for number, name in enumerate(names)]
        if request.param == "archive":
            return {"kind": "archive", "path": str(zipped(tmp_path / "my.zip", files))}
        root = tmp_path / "my"
        root.mkdir()
        for name, data in files:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        return {"kind": "folder", "path": str(root), "copy": True}

    return write


def found(spec: dict) -> dict[str, tuple[str | None, str | None]]:
    return {e.name: (e.class_name, e.given_split) for e in open_source(spec).entries()}


# -- layouts -----------------------------------------------------------------------------------


def test_class_folders_are_classes(make: Make):
    spec = make(["cat/1.jpg", "cat/2.PNG", "dog/a/b/3.webp"])
    assert found(spec) == {
        "cat/1.jpg": ("cat", None),
        "cat/2.PNG": ("cat", None),
        "dog/a/b/3.webp": ("dog", None),
    }
    summary = scan(spec)
    assert summary.classes == {"cat": 2, "dog": 1}
    assert (summary.total, summary.layout, summary.has_test) == (3, "class folders", False)


@pytest.mark.parametrize("test", ["test", "val", "valid", "Validation"])
def test_train_and_test_folders_are_splits(make: Make, test: str):
    spec = make(["train/cat/1.jpg", "train/dog/2.jpg", f"{test}/cat/1.jpg"])
    assert found(spec) == {
        "train/cat/1.jpg": ("cat", "train"),
        "train/dog/2.jpg": ("dog", "train"),
        f"{test}/cat/1.jpg": ("cat", "test"),
    }
    assert scan(spec).has_test


def test_beside_a_test_folder_the_validation_images_are_to_learn_from(make: Make):
    spec = make(["train/cat/1.jpg", "val/cat/1.jpg", "test/cat/1.jpg"])
    assert Counter(split for _, split in found(spec).values()) == {"train": 2, "test": 1}
    assert any("validation" in note for note in scan(spec).notes)


def test_splits_may_have_no_classes(make: Make):
    spec = make(["train/1.jpg", "train/2.jpg", "test/1.jpg"])
    assert found(spec)["test/1.jpg"] == (None, "test")
    assert scan(spec).layout == "train/test, unlabeled"


def test_a_flat_folder_is_unlabeled(make: Make):
    spec = make(["1.jpg", "2.jpg"])
    assert found(spec) == {"1.jpg": (None, None), "2.jpg": (None, None)}
    summary = scan(spec)
    assert (summary.layout, summary.classes, summary.unlabeled) == ("flat, unlabeled", {}, 2)


def test_a_wrapping_folder_is_looked_through(make: Make):
    spec = make(["a/cifar10/train/cat/1.jpg", "a/cifar10/test/dog/1.jpg", "a/README.md"])
    assert found(spec) == {
        "a/cifar10/test/dog/1.jpg": ("dog", "test"),
        "a/cifar10/train/cat/1.jpg": ("cat", "train"),
    }


def test_the_folder_that_a_zip_is_named_after_is_no_class(tmp_path: Path):
    path = zipped(tmp_path / "x.zip", [("photos/1.jpg", b"1"), ("photos/2.jpg", b"2")])
    spec = {"kind": "archive", "path": str(path), "name": "photos.zip"}
    assert scan(spec).layout == "flat, unlabeled"
    assert scan({**spec, "name": "other.zip"}).classes == {"photos": 2}


def test_a_class_may_be_called_test(make: Make):
    assert scan(make(["test/1.jpg", "control/2.jpg"])).classes == {"control": 1, "test": 1}


def test_one_class_is_noted(make: Make):
    summary = scan(make(["cat/1.jpg", "cat/2.jpg"]))
    assert summary.classes == {"cat": 2}
    assert summary.notes == ("there is only one class: cat",)


def test_images_beside_class_folders_are_noted(make: Make):
    summary = scan(make(["1.jpg", "cat/2.jpg", "dog/3.jpg"]))
    assert (summary.unlabeled, summary.classes) == (1, {"cat": 1, "dog": 1})
    assert "1 image outside the class folders: without a class" in summary.notes


def test_system_files_are_ignored_and_others_counted(make: Make):
    system = ["a/.DS_Store", ".git/x.jpg", "__MACOSX/a/._1.jpg", "a/Thumbs.db"]
    spec = make(["a/1.jpg", "b/2.jpg", *system, "labels.csv", "notes.txt"])
    assert set(found(spec)) == {"a/1.jpg", "b/2.jpg"}
    assert scan(spec).notes == ("2 files ignored: not images by their names",)


@pytest.mark.parametrize("name", ["<b>bold</b>", 'say "hi"', "a'b;--", "猫", "$x$ :red[y]"])
def test_class_names_with_markup_or_quotes_are_kept(make: Make, name: str):
    folder = name.replace("/", "\u2044")
    assert folder in scan(make([f"{folder}/1.jpg", "dog/2.jpg"])).classes


def test_class_names_are_normalised_and_stripped(make: Make):
    spec = make(["cafe\u0301 /1.jpg", "caf\u00e9/2.jpg", "x\u202ey\x07/3.jpg"])
    assert scan(spec).classes == {"caf\u00e9": 2, "x\ufffdy\ufffd": 1}


def test_file_names_are_kept_as_they_are_composed_or_not(make: Make):
    files = ["cafe\u0301.jpg", "caf\u00e9.jpg"]
    assert set(found(make(files))) == set(files)


def test_what_is_read_is_what_was_written(make: Make):
    source = open_source(make(["a/1.jpg", "b/2.jpg"]))
    assert [source.read(entry) for entry in source.entries()] == [picture(0), picture(1)]


# -- refused -----------------------------------------------------------------------------------


def refusal(spec: dict) -> str:
    with pytest.raises(ImportRefused) as caught:
        scan(spec)
    return str(caught.value)


def test_one_image_is_too_few(make: Make):
    assert "one image only; at least 2" in refusal(make(["a/1.jpg", "b.txt"]))


def test_no_images_is_refused_with_what_is_there(make: Make):
    assert "has no images, only 2 other files" in refusal(make(["a.txt", "b.csv"]))


def test_an_empty_folder_is_refused(tmp_path: Path):
    assert "is an empty folder" in refusal({"kind": "folder", "path": str(tmp_path)})


def test_an_empty_archive_is_refused(tmp_path: Path):
    path = zipped(tmp_path / "a.zip", [])
    assert "has no images" in refusal({"kind": "archive", "path": str(path)})


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_missing_path_is_refused(tmp_path: Path, kind: str):
    assert "does not exist" in refusal({"kind": kind, "path": str(tmp_path / "none")})


def test_a_file_is_no_folder_and_a_folder_no_archive(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"x")
    assert "not a folder" in refusal({"kind": "folder", "path": str(tmp_path / "x")})
    assert "not a file" in refusal({"kind": "archive", "path": str(tmp_path)})


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"kind": "web"},
            "choose from digits, shapes, folder, archive, photographs, remote, torchvision",
        ),
        ({"kind": "digits", "size": 3}, "unknown setting size"),
        ({"kind": "folder", "path": " "}, "name a folder"),
        ({"kind": "shapes", "classes": 13}, "classes is 13; must be a whole number from 2 to 12"),
        ({"kind": "shapes", "size": "many"}, "size is 'many'"),
        ({"kind": "shapes", "size": 3, "classes": 4}, "at least one image for each"),
        ({"kind": "archive", "path": "x", "limit_mb": 0}, "limit_mb is 0"),
        ({"kind": "torchvision", "name": "imagenet", "root": "x"}, "choose from mnist"),
    ],
)
def test_descriptions_that_cannot_work_are_refused(spec: dict, words: str):
    with pytest.raises(InvalidSettings, match=words):
        open_source(spec)


# -- links and odd files in folders ------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(2):
        (root / f"{number}.png").write_bytes(picture(number))
    return root


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path, folder: Path):
    (tmp_path / "secret.png").write_bytes(picture(9))
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "gone.png").symlink_to(folder / "nothing")
    (folder / "round").symlink_to(folder)
    listing = open_source({"kind": "folder", "path": str(folder)}).listing()
    assert [e.name for e in listing.entries] == ["0.png", "1.png"]
    assert {s.name: s.reason for s in listing.skipped} == {
        "gone.png": "a link that leads nowhere",
        "out.png": "a link that leads out of the folder",
        "up": "a link that leads out of the folder",
    }


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_file_swapped_for_a_link_after_the_listing_is_not_read(tmp_path: Path, folder: Path):
    source = open_source({"kind": "folder", "path": str(folder)})
    entry = source.entries()[0]
    (tmp_path / "secret.png").write_bytes(picture(9))
    (folder / "0.png").unlink()
    (folder / "0.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UnreadableImage, match="outside the folder"):
        source.read(entry)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no named pipes in folders")
def test_a_pipe_named_like_an_image_is_skipped(folder: Path):
    os.mkfifo(folder / "pipe.png")
    listing = open_source({"kind": "folder", "path": str(folder)}).listing()
    assert [s.reason for s in listing.skipped] == ["not a regular file"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_unicode_are_copied_under_a_name_that_tells_their_bytes(folder: Path):
    with open(os.fsencode(folder) + b"/caf\xe9.png", "wb") as file:
        file.write(picture(2))
    copied = open_source({"kind": "folder", "path": str(folder), "copy": True})
    entry = copied.entries()[-1]
    assert entry.name == "caf\\xe9.png"
    assert copied.read(entry) == picture(2)
    stays = open_source({"kind": "folder", "path": str(folder), "copy": False}).listing()
    assert "not valid Unicode" in stays.skipped[0].reason


def test_paths_are_kept_only_for_folders_that_stay(folder: Path):
    for copy, path in ((True, None), (False, "0.png")):
        source = open_source({"kind": "folder", "path": str(folder), "copy": copy})
        assert source.path_of(source.entries()[0]) == path
        assert source.in_place is not copy


# -- digits and shapes -------------------------------------------------------------------------


def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    source = open_source({"kind": "digits"})
    entries = source.entries()
    theirs = load_digits()
    assert [int(e.class_name) for e in entries] == theirs.target.tolist()
    assert entries[0].name == "digits/0001.png"
    image = decode(source.read(entries[5]))
    assert image.mode == "L"
    assert (np.asarray(image) == np.rint(theirs.images[5] * 255 / 16)).all()


def test_sources_are_opened_without_scikit_learn_and_torch():
    code = (
        "import sys; from alcore.datasets import ingest, sources;"
        "sources.open_source({'kind': 'digits'}).read("
        "sources.open_source({'kind': 'digits'}).entries()[0]);"
        "heavy = {'sklearn', 'torch', 'torchvision', 'sqlalchemy', 'streamlit', 'scipy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_shapes_are_the_same_for_the_same_settings():
    spec = {"kind": "shapes", "size": 20, "classes": 12, "seed": 3}
    first, second = open_source(spec), open_source(spec)
    entries = first.entries()
    assert entries == second.entries()
    # In any order.
    assert [first.read(e) for e in entries] == [second.read(e) for e in entries[::-1]][::-1]
    other = open_source({**spec, "seed": 4})
    assert other.read(other.entries()[0]) != first.read(entries[0])
    image = decode(first.read(entries[0]))
    assert (image.mode, image.size) == ("RGB", (32, 32))


@pytest.mark.parametrize("imbalance", [1, 4, 100])
def test_shapes_are_as_imbalanced_as_asked(imbalance: float):
    spec = {"kind": "shapes", "size": 5000, "classes": 5, "imbalance": imbalance}
    counts = sorted(scan(spec).classes.values())
    assert sum(counts) == 5000
    assert counts[-1] / counts[0] == pytest.approx(imbalance, rel=0.1)


def test_shapes_repeat_the_share_asked_for_with_small_changes():
    source = open_source({"kind": "shapes", "size": 400, "duplicates": 0.5, "seed": 1})
    entries = source.entries()
    _, repeats, _ = source._plan
    copies = np.flatnonzero(repeats >= 0)
    assert 150 < len(copies) < 250
    assert len({source.read(e) for e in entries}) == 400
    at = int(copies[0])
    assert entries[at].class_name == entries[repeats[at]].class_name
    pair = [
        np.asarray(decode(source.read(entries[i]))).astype(float).mean((0, 1))
        for i in (at, int(repeats[at]))
    ]
    assert np.abs(pair[0] - pair[1]).max() < 3


def test_ambiguous_shapes_differ_from_plain_ones():
    plain = open_source({"kind": "shapes", "size": 50})
    mixed = open_source({"kind": "shapes", "size": 50, "ambiguity": 1.0})
    entries = plain.entries()
    assert entries == mixed.entries()
    assert all(plain.read(e) != mixed.read(e) for e in entries)


def drawn(source: ShapesSource) -> np.ndarray:
    """Read all images: (n, 32, 32, 3) uint8."""
    return np.stack([decode_pixels(source.read(e), 32).pixels for e in source.entries()])


def test_a_shortcut_is_a_background_that_goes_with_the_class_and_swapped_ones_never_do() -> None:
    names = [name for name, _ in SHAPES]
    colours = 255 * np.array([colorsys.hsv_to_rgb(k / 4, 0.65, 0.65) for k in range(4)])

    def own(source: ShapesSource) -> np.ndarray:
        """Tell of each image whether its upper edge has the colour of its class."""
        edge = np.median(drawn(source)[:, :3].reshape(source.size, -1, 3), axis=1)
        nearest = np.abs(edge[:, None] - colours).sum(axis=2).argmin(axis=1)
        return nearest == np.array([names.index(e.class_name) for e in source.entries()])

    assert own(ShapesSource(80, 4, shortcut=1.0)).mean() > 0.9
    assert 0.45 < own(ShapesSource(80, 4, shortcut=0.5)).mean() < 0.85  # a quarter of the rest too
    assert own(ShapesSource(80, 4, swapped=True)).mean() < 0.1
    with pytest.raises(InvalidSettings, match="not both"):
        ShapesSource(80, 4, shortcut=0.5, swapped=True)
    with pytest.raises(InvalidSettings, match=r"shortcut is 1\.5; must be a number from 0 to 1"):
        ShapesSource(80, 4, shortcut=1.5)


def test_a_mask_says_where_the_shape_is() -> None:
    for source in (ShapesSource(12, 4), ShapesSource(12, 4, shortcut=1.0)):
        for entry, image in zip(source.entries(), drawn(source), strict=True):
            mask = source.mask(entry)
            assert mask.shape == (32, 32) and 0.03 < mask.mean() < 0.5
            assert image[mask == 1].astype(float).std(axis=0).max() < 20  # one colour, and noise


def test_shapes_without_a_shortcut_are_those_of_earlier_versions() -> None:
    source = ShapesSource(6, 3, duplicates=0.3, ambiguity=0.3)
    assert hashlib.sha256(drawn(source).tobytes()).hexdigest()[:16] == "60bc8b61aa0ad0d1"
