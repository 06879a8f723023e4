"""Measures the map: first paint, frames per second while it is moved and zoomed, PCA and UMAP.

    python benchmarks/map.py [--images 50000 500000] [--umap] [--hardware] [--json out.json]

A project of so many images that have features but no pictures, in clusters, a tenth of them
labeled, in a workspace of its own; the app as a person starts it; a headless Chromium that draws
without a graphics card (SwiftShader), unless --hardware lets it use one. First paint is from the
start of the page until the points are drawn, with the app warm. UMAP begins from PCA.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from driven import installed_chromium

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.config import ProjectSettings, RetrainRule, Workspace  # noqa: E402 - path first
from alcore.feature_space import FeatureSpace  # noqa: E402
from alcore.loop import features as files  # noqa: E402
from alcore.loop import maps  # noqa: E402
from alcore.records import Features, NewEvent  # noqa: E402
from alcore.services import map as mapping  # noqa: E402
from alcore.services import people  # noqa: E402
from alcore.store import Store, items, labels, projects  # noqa: E402

WIDTH, CLASSES = 64, 10
SECONDS = 4.0
FRAMES = """(plot, [what, seconds]) => new Promise((done) => {
  const root = plot.closest(".map");
  const before = Number(root.dataset.frames);
  const start = performance.now();
  let n = 0;
  const step = () => {
    n += 1;
    if (what === "zoom") {
      plot.dispatchEvent(new WheelEvent("wheel", { bubbles: true, cancelable: true, clientX: 500,
        clientY: 500, deltaY: n % 40 < 20 ? -30 : 30 }));
    } else {
      const key = n % 40 < 20 ? "ArrowLeft" : "ArrowRight";
      plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    }
    const passed = (performance.now() - start) / 1000;
    if (passed < seconds) requestAnimationFrame(step);
    else done((Number(root.dataset.frames) - before) / passed);
  };
  requestAnimationFrame(step);
})"""


def prepare(root: Path, images: int) -> int:
    """Make the project; return its id."""
    store = Store.open(Workspace(root))
    drawn = np.random.default_rng(0)
    now = time.time()
    with store.write() as connection:
        settings = ProjectSettings(retrain=RetrainRule(automatic=False))
        project_id = projects.add(
            connection, f"{images}", settings, {"kind": "digits"}, "none", now
        )
        projects.add_classes(connection, project_id, [f"class {i}" for i in range(CLASSES)], now)
        for start in range(0, images, 50_000):
            items.add(
                connection, [row(project_id, i) for i in range(start, min(images, start + 50_000))]
            )
        projects.set_state(connection, project_id, "ready")
    me = people.annotator(store, "me").id
    with store.write() as connection:
        ids = items.ids(connection, project_id)
        class_ids = [c.id for c in projects.classes(connection, project_id)]
        events = [
            NewEvent(project_id, int(i), me, "label", f"{images}-{i}", now, class_ids[n % CLASSES])
            for n, i in enumerate(ids[::10])
        ]
        labels.append_all(connection, events)
    folder = store.workspace.project(project_id)
    folder.mkdir(parents=True, exist_ok=True)
    centres = drawn.normal(size=(CLASSES, WIDTH)) * 3
    points = centres[drawn.integers(0, CLASSES, images)] + drawn.normal(size=(images, WIDTH))
    points = points.astype(np.float32)
    about = Features("drawn", "nothing", "none", 8, 8, images, 0.0, "float32", now)
    space = FeatureSpace.of(points, np.arange(images))
    file = files.FeatureFile(folder, "drawn", WIDTH)
    file.begin()
    files.put(file.save(space, points, about))
    store.close()
    return project_id


def row(project_id: int, i: int) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "position": i,
        "name": f"image {i}.png",
        "content_hash": f"{project_id:04d}{i:028d}",
        "width": 8,
        "height": 8,
        "split": "pool",
        "true_class": None,
        "offset": None,
        "length": None,
        "path": None,
    }


def serve(root: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    environment = {**os.environ, "ALCORE_WORKSPACE": str(root), "ALCORE_FEATURES": "no"}
    process = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/alcore/health", timeout=2):
                return process
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the app did not start")


def look(port: int, project_id: int, hardware: bool) -> dict[str, float]:
    """Open the map three times, the first to warm the app; measure the last two."""
    from playwright.sync_api import sync_playwright

    program = installed_chromium()
    flags = [] if hardware else ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *flags])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        paints = []
        for _ in range(3):
            start = time.monotonic()
            page.goto(f"http://127.0.0.1:{port}/map?project={project_id}")
            page.locator(".map[data-ready='1'][data-frames]").wait_for(timeout=120_000)
            paints.append(time.monotonic() - start)
        plot = page.locator(".map [data-part=plot]")
        found = {"first paint": float(np.median(paints[1:]))}
        for what in ("move", "zoom"):
            found[f"frames per second, {what}"] = plot.evaluate(FRAMES, [what, SECONDS])
        browser.close()
    return found


def measure(images: int, arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        root.mkdir()
        project_id = prepare(root, images)
        store = Store.open(Workspace(root))
        with store.read() as connection:
            project = projects.get(connection, project_id)
        start = time.monotonic()
        layout = maps.lay_out(store.workspace.project(project_id), project, "features", images)
        assert layout is not None and len(layout.steps) == images
        found: dict[str, Any] = {"images": images, "PCA": time.monotonic() - start}
        if arguments.umap:
            start = time.monotonic()
            mapping.map_now(store, project_id, os.cpu_count() or 1)
            found["UMAP"] = time.monotonic() - start
            start = time.monotonic()
            mapping.map_now(store, project_id, os.cpu_count() or 1)
            found["UMAP again"] = time.monotonic() - start
        store.close()
        if not arguments.no_browser:
            process = serve(root, arguments.port)
            try:
                found |= look(arguments.port, project_id, arguments.hardware)
            finally:
                process.terminate()
                process.wait(30)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[50_000, 500_000])
    parser.add_argument("--umap", action="store_true", help="time UMAP too, where it is installed")
    parser.add_argument(
        "--hardware", action="store_true", help="let the browser use a graphics card"
    )
    parser.add_argument("--no-browser", action="store_true", help="time the layouts only")
    parser.add_argument("--port", type=int, default=8728)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = [measure(images, arguments) for images in arguments.images]
    for found in results:
        for name, value in found.items():
            print(f"{name:32} {value:>12,.2f}" if name != "images" else f"\n{name:32} {value:>12,}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
