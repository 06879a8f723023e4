"""Measures labels out and in: seconds and memory for 100,000 labels in every format.

    python benchmarks/exchange.py [--json] [--labels 100000] [--images 10000] [--classes 100]
        [--formats csv coco …] [--large 3000]

A project of as many images with a label each is made in a workspace of its own. Formats that hold
labels alone write and read all of them; formats that hold the images write the first 10,000, of
32×32 pixels. Each is written and read in a process of its own, so that its peak of memory, in MB
beyond what the process had before, is its own. Seconds of a processor are those that are left
when nothing else runs. Read: the preview, and then the import into a second project of the same
images that has no labels, until it is on disk.

--large measures the preview of a CSV of so many MB alone, which names each image again and again,
and as many that the project does not have: neither its size nor its faults may fill the memory.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
from driven import report
from PIL import Image

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.services import exporting, label_import
from alcore.services.exporting import FORMATS, Wish
from alcore.services.label_import import LabelFile
from alcore.store import Store, items, projects


def make(store: Store, name: str, images: int, classes: int, pictures: bool) -> int:
    """Make a project of images that are labeled nowhere yet."""
    settings = ProjectSettings(retrain=RetrainRule(automatic=False))
    rng = np.random.default_rng(0)
    with store.write() as connection:
        spec = {"kind": "shapes", "size": images}
        project_id = projects.add(connection, name, settings, spec, "none", time.time())
        folder = store.workspace.project(project_id)
        folder.mkdir(parents=True)
        offset, rows = 0, []
        with (folder / "originals.pack").open("wb") as pack:
            for i in range(images):
                data = f"{i}".encode()
                if pictures:
                    out = io.BytesIO()
                    noise = rng.integers(0, 256, (32, 32, 3), np.uint8)
                    Image.fromarray(noise).save(out, "JPEG")
                    data = out.getvalue()
                pack.write(data)
                rows.append(
                    {
                        "project_id": project_id,
                        "position": i,
                        "name": f"folder {i % 50}/image {i:06}.jpg",
                        "content_hash": hashlib.blake2b(data, digest_size=16).hexdigest(),
                        "width": 32,
                        "height": 32,
                        "split": "holdout" if i % 10 == 0 else "pool",
                        "true_class": None,
                        "offset": offset,
                        "length": len(data),
                        "path": None,
                    }
                )
                offset += len(data)
        items.add(connection, rows)
        projects.add_classes(
            connection, project_id, [f"class {n}" for n in range(classes)], time.time()
        )
        projects.set_state(connection, project_id, "ready")
    return project_id


def label(store: Store, project_id: int, path: Path, images: int, classes: int) -> None:
    lines = [f"folder {i % 50}/image {i:06}.jpg,class {i % classes}" for i in range(images)]
    path.write_text("\n".join(["file,class", *lines]))
    label_import.bring(store, project_id, LabelFile(path))


def _megabytes() -> float:
    """The peak of this process; getrusage would tell that of its parent, were it higher."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def write(root: str, project_id: int, form: str, path: str, pipe: object) -> None:
    """Export in this process; report seconds and megabytes."""
    store = Store.open(Workspace(Path(root)))
    before, start, work = _megabytes(), time.perf_counter(), time.process_time()
    exporting.prepare(store, project_id, Wish(form)).save(Path(path))
    wall, work = time.perf_counter() - start, time.process_time() - work
    pipe.send((wall, work, _megabytes() - before))


def read(root: str, project_id: int, form: str, path: str, pipe: object) -> None:
    """Import in this process; report seconds of preview and all, and megabytes."""
    store = Store.open(Workspace(Path(root)))
    before, start = _megabytes(), time.perf_counter()
    label_import.preview(store, project_id, LabelFile(Path(path)))
    looked = time.perf_counter() - start
    start, work = time.perf_counter(), time.process_time()
    plan = label_import.bring(store, project_id, LabelFile(Path(path)))
    assert plan.class_of and not plan.problems, plan.reasons
    wall, work = time.perf_counter() - start, time.process_time() - work
    pipe.send((looked, wall, work, _megabytes() - before))


def look(root: str, project_id: int, path: str, pipe: object) -> None:
    """Preview in this process; report lines, seconds and megabytes."""
    store = Store.open(Workspace(Path(root)))
    before, start, work = _megabytes(), time.perf_counter(), time.process_time()
    plan = label_import.preview(store, project_id, LabelFile(Path(path)))
    wall, work = time.perf_counter() - start, time.process_time() - work
    pipe.send((plan.lines, len(plan.class_of), wall, work, _megabytes() - before))


def measure_large(megabytes: int, images: int, classes: int) -> dict[str, float]:
    """Preview a CSV of so many MB."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Workspace(Path(folder) / "workspace"))
        project_id = make(store, "large", images, classes, False)
        root = str(store.workspace.root)
        store.close()
        known = [f"folder {i % 50}/image {i:06}.jpg,class {i % classes}" for i in range(images)]
        block = "\n".join([*known, *(f"gone/{line}" for line in known), ""]).encode()
        path = Path(folder) / "large.csv"
        with path.open("wb") as file:
            file.write(b"file,class\n")
            while file.tell() < megabytes * 1e6:
                file.write(block)
        names = ("lines", "labels", "preview, s", "preview, s of a processor", "MB of memory")
        return dict(zip(names, alone(look, root, project_id, str(path)), strict=True))


def alone(work: object, *arguments: object) -> tuple[float, ...]:
    """Run work in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=work, args=(*arguments, theirs))
    process.start()
    process.join()
    assert process.exitcode == 0
    return ours.recv()


def measure(labels: int, images: int, classes: int, formats: list[str]) -> list[dict[str, object]]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Workspace(Path(folder) / "workspace"))
        sizes = {"labels": labels, "images": images}
        sources = {}
        for content, n in sizes.items():
            sources[content] = make(store, content, n, classes, content == "images")
            label(store, sources[content], Path(folder) / "labels.csv", n, classes)
        root = str(store.workspace.root)
        for form in formats:
            known = FORMATS[form]
            path = Path(folder) / f"out{known.suffix}"
            out = alone(write, root, sources[known.content], form, str(path))
            n = sizes[known.content]
            target = make(store, form, n, classes, known.content == "images")
            looked, into, work, memory = alone(read, root, target, form, str(path))
            found.append(
                {
                    "format": form,
                    "labels": n,
                    "MB": path.stat().st_size / 1e6,
                    "out, s": out[0],
                    "out, s of a processor": out[1],
                    "out, MB of memory": out[2],
                    "preview, s": looked,
                    "in, s": into,
                    "in, s of a processor": work,
                    "in, MB of memory": memory,
                }
            )
            path.unlink()
        store.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    parser.add_argument("--large", type=int, metavar="MB", help="measure a CSV of this size alone")
    chosen = parser.parse_args()
    if chosen.large:
        row = measure_large(chosen.large, chosen.images, chosen.classes)
        report({f"CSV of {chosen.large} MB": row}, chosen.json)
        return
    rows = measure(chosen.labels, chosen.images, chosen.classes, chosen.formats)
    report({row.pop("format"): row for row in rows}, chosen.json)


if __name__ == "__main__":
    main()
