"""torchvision's data sets, from small files in their real formats."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import pickle
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alcore.datasets.decoding import decode
from alcore.datasets.ingest import ingest
from alcore.datasets.sources import TORCHVISION_NAMES, open_source, scan
from alcore.errors import DatasetUnavailable

RNG = np.random.default_rng(0)
TRAIN, TEST = 20, 10


def idx(path: Path, values: np.ndarray) -> None:
    """Write unsigned bytes in the format of MNIST."""
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.tobytes())


def write_mnist(root: Path, folder: str, train: str, test: str, classes: int = 10) -> np.ndarray:
    """Write both splits; gives the training images."""
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    first = None
    for name, n in ((train, TRAIN), (test, TEST)):
        images = RNG.integers(0, 256, (n, 28, 28), np.uint8)
        first = images if first is None else first
        idx(raw / f"{name}-images-idx3-ubyte", images)
        idx(raw / f"{name}-labels-idx1-ubyte", (np.arange(n) % classes).astype(np.uint8))
    return first


def check(spec: dict, names: list[str]) -> None:
    """Both splits come, with the class names in turn."""
    entries = open_source(spec).entries()
    assert [e.given_split for e in entries] == ["train"] * TRAIN + ["test"] * TEST
    assert [e.class_name for e in entries[: len(names)]] == names


@pytest.mark.parametrize(
    ("name", "folder", "names"),
    [
        ("mnist", "MNIST", ["0", "1", "2"]),
        ("fashionmnist", "FashionMNIST", ["T-shirt/top", "Trouser", "Pullover"]),
        ("kmnist", "KMNIST", ["o", "ki", "su"]),
    ],
)
def test_the_mnist_family_is_read(tmp_path: Path, name: str, folder: str, names: list[str]):
    images = write_mnist(tmp_path, folder, "train", "t10k")
    spec = {"kind": "torchvision", "name": name, "root": str(tmp_path)}
    check(spec, names)
    source = open_source(spec)
    image = decode(source.read(source.entries()[3]))
    assert image.mode == "L"
    assert (np.asarray(image) == images[3]).all()


def test_emnist_is_read_and_set_upright(tmp_path: Path):
    images = write_mnist(tmp_path, "EMNIST", "emnist-balanced-train", "emnist-balanced-test")
    spec = {"kind": "torchvision", "name": "emnist", "root": str(tmp_path)}
    check(spec, ["0", "1", "2"])
    source = open_source(spec)
    assert (np.asarray(decode(source.read(source.entries()[0]))) == images[0].T).all()


def digest(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    from torchvision import datasets

    cls = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    base = tmp_path / cls.base_folder
    base.mkdir()
    key = "labels" if name == "cifar10" else "fine_labels"
    images = RNG.integers(0, 256, (TRAIN, 3, 32, 32), np.uint8)

    def batch(file: str, pixels: np.ndarray) -> list[str]:
        content = {"data": pixels.reshape(len(pixels), -1), key: list(range(len(pixels)))}
        (base / file).write_bytes(pickle.dumps(content))
        return [file, digest(base / file)]

    # torchvision checks the files against known digests; these files have their own.
    monkeypatch.setattr(cls, "train_list", [batch("data_batch_1", images)])
    monkeypatch.setattr(cls, "test_list", [batch("test_batch", images[:TEST])])
    names = [f"kind {n}" for n in range(TRAIN)]
    (base / "meta").write_bytes(pickle.dumps({"names": names}))
    meta = {"filename": "meta", "key": "names", "md5": digest(base / "meta")}
    monkeypatch.setattr(cls, "meta", meta)
    spec = {"kind": "torchvision", "name": name, "root": str(tmp_path)}
    check(spec, names)
    source = open_source(spec)
    pixels = np.asarray(decode(source.read(source.entries()[7])))
    assert (pixels == images[7].transpose(1, 2, 0)).all()


def test_svhn_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from scipy.io import savemat
    from torchvision import datasets

    images = RNG.integers(0, 256, (32, 32, 3, TRAIN), np.uint8)
    known = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        file = tmp_path / f"{split}_32x32.mat"
        savemat(file, {"X": images[..., :n], "y": np.arange(1, n + 1)[:, None] % 10 + 1})
        known[split] = ["", file.name, digest(file)]
    monkeypatch.setattr(datasets.SVHN, "split_list", known)
    spec = {"kind": "torchvision", "name": "svhn", "root": str(tmp_path)}
    check(spec, ["2", "3", "4", "5", "6", "7", "8", "9", "0", "1"])
    source = open_source(spec)
    pixels = np.asarray(decode(source.read(source.entries()[4])))
    assert (pixels == images[..., 4]).all()


def test_stl10_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from torchvision import datasets

    base = tmp_path / "stl10_binary"
    base.mkdir()
    images = RNG.integers(0, 256, (TRAIN, 96, 96, 3), np.uint8)
    known = []
    for split, n in (("train", TRAIN), ("test", TEST)):
        # Columns first, as the format has it.
        images[:n].transpose(0, 3, 2, 1).tofile(base / f"{split}_X.bin")
        (np.arange(n, dtype=np.uint8) % 10 + 1).tofile(base / f"{split}_y.bin")
        known.append([[f"{split}_{x}.bin", digest(base / f"{split}_{x}.bin")] for x in "Xy"])
    (base / "class_names.txt").write_text(
        "airplane\nbird\ncar\ncat\ndeer\ndog\nhorse\nmonkey\nship\ntruck\n"
    )
    monkeypatch.setattr(datasets.STL10, "train_list", known[0])
    monkeypatch.setattr(datasets.STL10, "test_list", known[1])
    spec = {"kind": "torchvision", "name": "stl10", "root": str(tmp_path)}
    check(spec, ["airplane", "bird", "car"])
    source = open_source(spec)
    assert (np.asarray(decode(source.read(source.entries()[4]))) == images[4]).all()


@pytest.mark.parametrize("name", TORCHVISION_NAMES)
def test_a_missing_copy_says_where_to_put_what(tmp_path: Path, name: str):
    source = open_source({"kind": "torchvision", "name": name, "root": str(tmp_path)})
    with pytest.raises(DatasetUnavailable) as caught:
        source.entries()
    said = str(caught.value)
    assert str(tmp_path) in said
    assert " there, or allow the download (needs a network)" in said


def served(folder: Path) -> Iterator[str]:
    """The address of a web server of this folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def packed_mnist(tmp_path: Path) -> Path:
    """A folder with the four .gz files of a small MNIST."""
    write_mnist(tmp_path / "made", "MNIST", "train", "t10k")
    raw = tmp_path / "made" / "MNIST" / "raw"
    for file in list(raw.iterdir()):
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return raw


def test_packed_files_of_mnist_are_read(packed_mnist: Path):
    root = packed_mnist.parent.parent
    check({"kind": "torchvision", "name": "mnist", "root": str(root)}, ["0", "1"])


def test_a_damaged_packed_file_is_unavailable(packed_mnist: Path):
    file = packed_mnist / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-100])
    root = packed_mnist.parent.parent
    with pytest.raises(DatasetUnavailable, match="cannot be unpacked"):
        open_source({"kind": "torchvision", "name": "mnist", "root": str(root)}).entries()
    assert not list(packed_mnist.glob("*.tmp"))


def test_a_data_set_is_downloaded_only_when_allowed(
    packed_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from torchvision import datasets

    resources = [(file.name, digest(file)) for file in sorted(packed_mnist.iterdir())]
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    spec = {"kind": "torchvision", "name": "mnist", "root": str(tmp_path / "root")}
    for address in served(packed_mnist):
        monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
        with pytest.raises(DatasetUnavailable, match="or allow the download"):
            open_source(spec).entries()
        check({**spec, "download": True}, ["0", "1"])


def test_without_a_network_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from torchvision import datasets

    # Nothing answers at this port.
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    spec = {"kind": "torchvision", "name": "mnist", "root": str(tmp_path), "download": True}
    with pytest.raises(DatasetUnavailable, match=r"(?s)could not be downloaded .* put train"):
        open_source(spec).entries()


def test_damaged_files_are_unavailable_too(tmp_path: Path):
    write_mnist(tmp_path, "MNIST", "train", "t10k")
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
    with pytest.raises(DatasetUnavailable, match="no usable copy of MNIST"):
        open_source({"kind": "torchvision", "name": "mnist", "root": str(tmp_path)}).entries()


def test_a_look_at_a_data_set_and_its_import_agree(tmp_path: Path):
    write_mnist(tmp_path, "MNIST", "train", "t10k")
    spec = {"kind": "torchvision", "name": "mnist", "root": str(tmp_path)}
    summary = scan(spec)
    assert (summary.total, summary.has_test) == (30, True)
    assert summary.classes["0"] == 3
    items = [item for chunk in ingest(spec, tmp_path / "p", 32) for item in chunk.accepted]
    assert len(items) == 30
    assert items[-1].name == "mnist/test/00010.png"
    assert all(item.grey for item in items)
