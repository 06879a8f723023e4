"""Reads what alcore exports with other tools' own readers, and compares every label.

    python benchmarks/readers.py [--json] [--environment FOLDER] [--tools NAME …]

The tools are heavy, so they live in an environment of their own: FOLDER, made with pip where it is
not there yet. Handwritten digits with a label each, a holdout among them, are exported in each
format; the tool reads the file in its environment and says which class each image has. FiftyOne is
left out: it starts a database server. Label Studio's reader is the converter of its SDK.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

from driven import report

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.services import exporting, projects
from alcore.services.exporting import FORMATS, Wish
from alcore.store import Store, items

PACKAGES = ("pycocotools", "datasets[vision]", "label-studio-sdk", "datumaro")
COCO = """
from pycocotools.coco import COCO
coco = COCO(where)
names = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
for image in coco.loadImgs(coco.getImgIds()):
    (one,) = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
    said[image["file_name"]] = names[one["category_id"]]
"""
DATASETS = """
from datasets import load_dataset
for rows in load_dataset(*source).values():
    label = rows.features["label"]
    for row in rows:
        value = row["label"]
        said[row["file"]] = value if isinstance(value, str) else label.int2str(value)
        assert row["image"].size == (8, 8)
"""
FOLDER = f"source = ('imagefolder', None, where){DATASETS}"
PARQUET = f"source = ('parquet', None, None, where){DATASETS}"
DATUMARO = """
from datumaro.components.dataset import Dataset
found = Dataset.import_from(where, form)
names = [label.name for label in found.categories()[next(iter(found.categories()))].items]
for item in found:
    (one,) = item.annotations
    said[item.id] = names[one.label]
"""
STUDIO = """
import csv, tempfile
from label_studio_sdk.converter import Converter
config = '<View><Image name="image" value="$image"/><Choices name="class" toName="image">'
config += "".join(f'<Choice value="{n}"/>' for n in range(10)) + "</Choices></View>"
with tempfile.TemporaryDirectory() as out:
    Converter(config, None).convert(where, out, "CSV", is_dir=False)
    with open(f"{out}/result.csv") as file:
        for row in csv.DictReader(file):
            said[row["image"]] = row["class"]
"""
READERS = {
    "pycocotools": ("coco", COCO, ""),
    "datasets, imagefolder": ("huggingface", FOLDER, ""),
    "datasets, parquet": ("huggingface-parquet", PARQUET, ""),
    "label-studio-sdk": ("label-studio", STUDIO, ""),
    "datumaro": ("datumaro", DATUMARO, "datumaro"),
    "datumaro, cvat": ("cvat", DATUMARO, "cvat"),
}


def environment(folder: Path) -> Path:
    """Return the interpreter of an environment that has the tools, made first if need be."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def made(store: Store) -> tuple[int, dict[str, str]]:
    """Make a project of digits that are all labeled; return it, and the classes by file."""
    settings = ProjectSettings(retrain=RetrainRule(automatic=False))
    project_id = projects.create(store, "digits", {"kind": "digits"}, "labels", settings)
    projects.import_now(store, project_id, 1)
    names = {c.id: c.name for c in projects.get(store, project_id).classes}
    with store.read() as connection:
        rows = items.get_all(connection, project_id)
    return project_id, {row.name: names[row.true_class or 0] for row in rows}


def read(python: Path, code: str, where: Path, form: str) -> dict[str, str]:
    """Let a tool read a file in its own environment; return the class by file."""
    before = f"import json\nwhere, form, said = {str(where)!r}, {form!r}, {{}}\n"
    after = "\nprint('\\n' + json.dumps(said))"
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        [python, "-c", before + code + after], capture_output=True, text=True, env=offline
    )
    if done.returncode:
        sys.exit(done.stderr[-2_000:])
    return json.loads(done.stdout.splitlines()[-1])


def whole(path: Path, form: str, folder: Path, files: Iterable[str]) -> Path:
    """Return what a tool is given: the file itself, or the folder that a zip or CVAT file is.

    Datumaro's reader of CVAT wants images beside the file; it looks at their names alone.
    """
    if form == "cvat":
        folder.mkdir()
        path.rename(folder / "annotations.xml")
        for file in files:
            image = folder / "images" / file
            image.parent.mkdir(parents=True, exist_ok=True)
            image.touch()
        return folder
    if path.suffix != ".zip":
        return path
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--environment", type=Path, default=Path.home() / ".cache/alcore-readers")
    parser.add_argument("--tools", nargs="+", choices=list(READERS), default=list(READERS))
    wanted = parser.parse_args()
    python = environment(wanted.environment)
    rows = {}
    with tempfile.TemporaryDirectory() as temporary:
        store = Store.open(Workspace(Path(temporary) / "workspace"))
        project_id, truth = made(store)
        stems = {file.rpartition(".")[0] or file: name for file, name in truth.items()}
        for tool in wanted.tools:
            form, code, name = READERS[tool]
            path = Path(temporary) / f"out{FORMATS[form].suffix}"
            exporting.prepare(store, project_id, Wish(form)).save(path)
            where = whole(path, form, Path(temporary) / tool, truth)
            said = read(python, code, where, name)
            known = {file: truth.get(file, stems.get(file)) for file in said}
            right = sum(said[file] == known[file] for file in said)
            rows[f"{form} by {tool}"] = {
                "labels": len(truth),
                "read": len(said),
                "equal": right,
            }
            path.unlink(missing_ok=True)
        store.close()
    report(rows, wanted.json)
    if any(row["equal"] < row["labels"] for row in rows.values()):
        sys.exit("not every label was read as it was exported")


if __name__ == "__main__":
    main()
