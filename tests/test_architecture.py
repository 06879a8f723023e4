"""Owns the rules of who may import what, and names the culprit of a violation."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# The one table. A module of ours imports only from its own line and from lines above it; the
# other columns say which libraries it alone may import. A library that is not named is free.
LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("alcore.errors", ()),
    ("alcore.client", ("requests",)),
    ("alcore.estimators", ()),
    ("alcore.config", ()),
    ("alcore.outgoing", ()),
    ("alcore.records", ()),
    ("alcore.keymap", ()),
    ("alcore.logs", ()),
    ("alcore.names", ()),
    ("alcore.phrases", ()),
    ("alcore.languages", ("babel",)),
    ("alcore.processes", ()),
    ("alcore.disk", ()),
    ("alcore.filesystems", ("fsspec",)),
    ("alcore.object_store", ()),
    ("alcore.spreadsheets", ()),
    ("alcore.prediction_formats", ()),
    ("alcore.model_card", ()),
    ("alcore.job_kinds", ()),
    ("alcore.metrics", ()),
    ("alcore.agreement", ()),
    ("alcore.consensus", ()),
    ("alcore.label_errors", ()),
    ("alcore.segments", ()),
    ("alcore.stopping", ()),
    ("alcore.retraining", ()),
    ("alcore.acquisition", ()),
    ("alcore.linear_head", ()),
    ("alcore.heat_maps", ()),
    ("alcore.feature_space", ()),
    ("alcore.layouts", ()),
    ("alcore.pool", ("sklearn",)),
    ("alcore.class_changes", ()),
    ("alcore.folding", ()),
    ("alcore.metadata", ()),
    ("alcore.grouping", ()),
    ("alcore.near_duplicates", ()),
    ("alcore.slices", ()),
    ("alcore.completion", ()),
    ("alcore.strategies", ("sklearn",)),
    ("alcore.datasets", ("torchvision", "sklearn")),
    ("alcore.label_formats", ()),
    (
        "alcore.learner",
        ("torch", "torchvision", "timm", "captum", "safetensors", "scipy", "sklearn"),
    ),
    ("alcore.rounds", ()),
    ("alcore.experiments", ("scipy", "sklearn")),
    ("alcore.playground", ("sklearn",)),
    ("alcore.store", ("sqlalchemy", "alembic", "sqlite3", "pysqlite3", "psycopg")),
    ("alcore.loop", ()),
    ("alcore.workers", ("distributed", "dask")),
    ("alcore.jobs", ("umap",)),
    ("alcore.explanations", ()),
    ("alcore.teaching", ()),
    ("alcore.services", ("itsdangerous", "altair", "vl_convert")),
    ("alcore.web", ("starlette", "itsdangerous", "fastapi", "pydantic", "prometheus_client")),
    ("pages", ("streamlit", "altair")),
    ("alcore.terminal", ("click",)),
    ("alcore.experiment_commands", ("click",)),
    ("alcore.project_commands", ("click",)),
    ("alcore.exchange_commands", ("click",)),
    ("alcore.class_commands", ("click",)),
    ("alcore.metadata_commands", ("click",)),
    ("alcore.finish_command", ("click",)),
    ("alcore.watch_command", ("click",)),
    ("alcore.workspace_commands", ("click",)),
    ("alcore.__main__", ("click",)),
    ("app", ("streamlit", "starlette")),
)
ORDER = {layer: place for place, (layer, _) in enumerate(LAYERS)}
RESERVED = {library for _, libraries in LAYERS for library in libraries}

# Pages hold widgets: they ask services, and take colours and addresses from the web layer.
PAGES_MAY_IMPORT = {
    "alcore.languages",
    "alcore.errors",
    "alcore.config",
    "alcore.records",
    "alcore.phrases",
    "alcore.spreadsheets",
    "alcore.services",
    "alcore.web",
    "pages",
}
# What answers a request asks for background work, by a row or a process, and does not do it.
REQUESTS = {"alcore.services", "alcore.web", "pages", "app"}
BACKGROUND = "alcore.jobs"
# Never imported while these load: they make the web process slow and heavy.
HEAVY = {"torch", "torchvision", "timm", "captum", "sklearn", "scipy", "umap"}
WEB_PROCESS = ("alcore.services", "alcore.web", "pages", "alcore.__main__", "app")
NOWHERE = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc"}


def modules(root: Path) -> dict[str, Path]:
    """Every module of the app by its dotted name."""
    files = [root / "app.py", *root.glob("pages/**/*.py"), *root.glob("alcore/**/*.py")]
    return {
        ".".join(f.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): f
        for f in files
        if f.is_file()
    }


def layer_of(name: str) -> str | None:
    """The line of the table that a module stands in."""
    parts = name.split(".")
    for length in (2, 1):
        if (layer := ".".join(parts[:length])) in ORDER:
            return layer
    return None


def imports(tree: ast.AST, *, at_load: bool = False) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import; `at_load` leaves out those inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif not (at_load and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from imports(node, at_load=at_load)


def violations(root: Path) -> list[str]:
    """Every breach of the rules in the tree at `root`, one sentence each."""
    found = []
    files = modules(root)
    trees = {name: ast.parse(path.read_text()) for name, path in files.items()}
    for name, tree in trees.items():
        place = files[name].relative_to(root).as_posix()
        layer = layer_of(name)
        if name.split(".")[-1] in EMPTY_NAMES:
            found.append(f"{place} has a name that says nothing")
        if layer is None and name != "alcore":
            found.append(f"{place} stands in no layer; give it a line in LAYERS")
            continue
        for line, imported in imports(tree):
            why = forbidden(name, layer, imported)
            if why:
                found.append(f"{place}:{line} imports {imported.removesuffix('.*')}, {why}")
    loads = {
        name: [imported for _, imported in imports(tree, at_load=True)]
        for name, tree in trees.items()
    }
    for name in trees:
        if name.startswith(WEB_PROCESS):
            found += heavy_path(name, loads)
    return found


def forbidden(name: str, layer: str | None, imported: str) -> str | None:
    """Why this import breaks a rule, or None."""
    if imported.startswith("."):
        return "by a relative name; write it out"
    library = imported.split(".")[0]
    if library in NOWHERE:
        return "which can run code when it reads data; nobody may"
    if library in RESERVED and (layer is None or library not in dict(LAYERS)[layer]):
        allowed = ", ".join(above for above, libraries in LAYERS if library in libraries)
        return f"which only {allowed} may"
    other = layer_of(imported)
    if other is None or other == layer:
        return None
    if layer is None or ORDER[other] > ORDER[layer]:
        return f"which stands after {layer or name}"
    if layer in REQUESTS and other == BACKGROUND:
        return "which runs in the background; ask for a job, or hand work to alcore.workers"
    if layer == "pages" and other not in PAGES_MAY_IMPORT:
        return "which a page reaches through its service only"
    return None


def heavy_path(start: str, loads: dict[str, list[str]]) -> list[str]:
    """The chain of imports, if any, by which loading `start` loads a heavy library.

    loads: the dotted names that each module imports when it is loaded.
    """
    chains, seen = [(start,)], {start}
    while chains:
        chain = chains.pop()
        for imported in loads[chain[-1]]:
            if imported.split(".")[0] in HEAVY:
                path = " -> ".join((*chain, imported.split(".")[0]))
                return [f"the web process would load {path}; import it inside a function"]
            parts = imported.split(".")
            for length in range(1, len(parts) + 1):
                module = ".".join(parts[:length])
                if module in loads and module not in seen:
                    seen.add(module)
                    chains.append((*chain, module))
    return []


def test_every_module_imports_only_what_stands_before_it() -> None:
    assert violations(ROOT) == []


def test_every_module_says_what_it_owns() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in modules(ROOT).values()
        if path.stat().st_size and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("alcore/metrics.py", "from alcore.store import labels", "stands after alcore.metrics"),
        ("alcore/records.py", "def f():\n    import alcore.jobs", "stands after alcore.records"),
        ("alcore/services/label.py", "import torch", "only alcore.learner may"),
        ("alcore/jobs/train.py", "from sqlalchemy import select", "only alcore.store may"),
        ("alcore/services/team.py", "import streamlit as st", "only pages, app may"),
        ("alcore/services/plan.py", "from alcore.jobs import training", "ask for a job"),
        ("pages/label.py", "from alcore.store import labels", "through its service only"),
        ("alcore/store/blob.py", "import pickle", "nobody may"),
        ("alcore/store/items.py", "from . import labels", "relative name"),
        ("alcore/utils.py", "", "says nothing"),
        ("alcore/strange.py", "", "stands in no layer"),
        ("alcore/web/routes.py", "from alcore import strategies", "strategies -> sklearn"),
    ],
)
def test_a_violation_is_found_and_its_culprit_named(
    tmp_path: Path, path: str, source: str, complaint: str
) -> None:
    sound = {
        "alcore/__init__.py": "",
        "alcore/strategies/__init__.py": "import sklearn" if "routes" in path else "",
        "alcore/store/labels.py": "import sqlalchemy",
        "pages/__init__.py": "import streamlit",
    }
    for name, text in sound.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert violations(tmp_path) == []

    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(source)
    culprits = (path, path.removesuffix(".py").replace("/", "."))
    found = violations(tmp_path)
    assert any(complaint in text and any(name in text for name in culprits) for text in found)


def test_loading_the_services_loads_no_heavy_library() -> None:
    names = [name for name in modules(ROOT) if name.startswith(("alcore.services", "alcore.web"))]
    code = "\n".join(
        [
            "import sys, importlib",
            f"for name in {names!r}: importlib.import_module(name)",
            f"print(sorted({HEAVY!r} & set(sys.modules)))",
        ]
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout.strip() == "[]"
