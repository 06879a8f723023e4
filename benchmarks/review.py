"""Measures the review page's lists at many labels, and what the review job finds.

    python benchmarks/review.py [--json] [--labels 50000] [--repeats 20] [--keys 100]

The first table: milliseconds for one page of 48 items with its count, as the page asks for it, of
a made-up project; first page and last. The second: real digits with a share of labels made
wrong at random; how many of those the review job flags, and how many of the flagged are wrong.
The third: milliseconds from a class key to the next item's picture painted, in a real Chromium
that reviews 300 labels of digits, a key each 0.4 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from driven import answers, app, chromium, p95, wait

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.job_kinds import function_of
from alcore.records import NewEvent
from alcore.services import projects, review
from alcore.services.review import Filter
from alcore.store import Store, items, jobs, label_checks, labels
from alcore.store import projects as project_rows
from alcore.workers.attempts import run

PEOPLE = ("Ana", "Ben", "Cem")
CLASSES = tuple(f"kind {i}" for i in range(10))
AT_ONCE = 5_000
BY_HAND = replace(ProjectSettings(), retrain=RetrainRule(automatic=False), baseline=False)
PAUSE = 400
"""Milliseconds between two keys."""
# Before the page's own listener, which lets no other hear of the key.
PRESSED = """addEventListener("keydown", (event) => { window.pressed = event.timeStamp; }, true);"""
WATCH = """(root) => {
  const picture = root.querySelector("[data-part=picture]");
  window.shown = [];
  window.pressed = null;
  new MutationObserver(async () => {
    const at = window.pressed;
    window.pressed = null;
    if (at === null) return;
    await picture.decode().catch(() => {});
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.shown.push(performance.now() - at);
      channel.port2.postMessage(null);
    });
  }).observe(root, { attributes: true, attributeFilter: ["data-item"] });
}"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--labels", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--keys", type=int, default=100, help="at most 250")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        lists = _lists(Path(folder), chosen.labels, chosen.repeats)
        found = [_found(Path(folder), share) for share in (0.02, 0.05, 0.1)]
        painted = _painted(Path(folder) / "browser", min(chosen.keys, 250))
    told = {"labels": chosen.labels, "lists": lists, "found": found, "painted": painted}
    if chosen.json:
        print(json.dumps(told))
        return
    print(f"one page of {chosen.labels:,} labels, milliseconds: median / 95th percentile")
    for row in lists:
        print(f"{row['list']:28s} {row['median']:7.1f} / {row['p95']:7.1f}   of {row['items']:,}")
    print("\nwrong labels among 300 digits: made, flagged, of these wrong; seconds of the job")
    for row in found:
        print(f"{row['made']:4d} {row['flagged']:4d} {row['right']:4d} {row['seconds']:8.1f}")
    print(f"\nkey to next item painted, {painted['keys']} keys, ms: median / 95th percentile")
    print(f"{painted['median']:7.1f} / {painted['p95']:7.1f}")


def _lists(folder: Path, n: int, repeats: int) -> list[dict[str, object]]:
    store = Store.open(Workspace(folder / "many"))
    project_id, me = _many(store, n)
    first = projects.get(store, project_id).classes[0].id
    rows = []
    for name, wanted in (
        ("all", Filter()),
        ("all, last page", Filter()),
        ("my history", Filter("mine")),
        ("probably wrong", Filter("doubts")),
        ("unsure", Filter("unsure")),
        ("disagreements", Filter("disagreements")),
        ("one class", Filter(class_id=first)),
        ("one annotator", Filter(annotator_id=me)),
        ("one origin", Filter(origin="random")),
        ("model disagrees", Filter(disagrees=True)),
        ("part of the file name", Filter(name="999")),
    ):
        offset = n - 48 if "last" in name else 0
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            page = review.page(store, project_id, me, wanted, offset, 48)
            times.append(1000 * (time.perf_counter() - start))
        rows.append(
            {
                "list": name,
                "items": page.total,
                "median": statistics.median(times),
                "p95": float(np.percentile(times, 95)),
            }
        )
    store.close()
    return rows


def _many(store: Store, n: int) -> tuple[int, int]:
    """Make a project with n labels, every 25th item with a second, other one."""
    rng = np.random.default_rng(0)
    with store.write() as connection:
        project_id = project_rows.add(connection, "many", BY_HAND, {"kind": "digits"}, "none", 0.0)
        class_ids = [c.id for c in project_rows.add_classes(connection, project_id, CLASSES, 0.0)]
        project_rows.set_state(connection, project_id, "ready")
        who = [labels.annotator_named(connection, name, 0.0).id for name in PEOPLE]
        item = {"project_id": project_id, "width": 8, "height": 8, "split": "pool"}
        items.add(
            connection,
            [
                item | {"position": i, "name": f"image {i}.png", "content_hash": f"{i:032d}"}
                for i in range(n)
            ],
        )
        ids = items.ids(connection, project_id).tolist()
    said = [(i, who[i % 3], i) for i in ids] + [(i, who[(i + 1) % 3], i + 1) for i in ids[::25]]
    for start in range(0, len(said), AT_ONCE):
        with store.write() as connection:
            labels.append_all(
                connection,
                [
                    NewEvent(
                        project_id=project_id,
                        item_id=item_id,
                        annotator_id=annotator_id,
                        kind="label" if turn % 100 else "unsure",
                        class_id=class_ids[turn % 10] if turn % 100 else None,
                        key=uuid.uuid4().hex,
                        created_at=float(turn),
                        origin=("query", "random")[turn % 5 == 0],
                    )
                    for item_id, annotator_id, turn in said[start : start + AT_ONCE]
                ],
            )
    with store.read() as connection:
        judged = label_checks.to_judge(connection, project_id)
    rows = [
        {
            "item_id": item_id,
            "project_id": project_id,
            "event_id": event_id,
            "class_id": class_ids[int(rng.integers(10))],
            "p": 0.9,
            "p_label": 0.05,
            "error_score": float(rng.random()),
            "flagged": bool(rng.random() < 0.05),
            "created_at": 1.0,
        }
        for item_id, event_id in zip(
            judged.item_ids.tolist(), judged.event_ids.tolist(), strict=True
        )
    ]
    for start in range(0, len(rows), AT_ONCE):
        with store.write() as connection:
            label_checks.put(connection, rows[start : start + AT_ONCE])
    return project_id, who[0]


def _labeled(store: Store, share: float) -> tuple[int, int, set[int]]:
    """Label 300 digits, a share of them wrong; return project, annotator and wrong items."""
    settings = replace(BY_HAND, resolution=8)
    project_id = projects.create(store, "digits", {"kind": "digits"}, "answer key", settings)
    projects.import_now(store, project_id, 1)
    rng = np.random.default_rng(1)
    class_ids = [c.id for c in projects.get(store, project_id).classes]
    with store.write() as connection:
        ids, key = items.answer_key(connection, project_id)
        chosen = rng.permutation(len(ids))[:300]
        who = labels.annotator_named(connection, "Ana", 0.0).id
        wrong = set(ids[chosen[: round(share * 300)]].tolist())
        for item_id, true in zip(ids[chosen].tolist(), key[chosen].tolist(), strict=True):
            others = [c for c in class_ids if c != true]
            labels.append(
                connection,
                NewEvent(
                    project_id=project_id,
                    item_id=item_id,
                    annotator_id=who,
                    kind="label",
                    class_id=int(rng.choice(others)) if item_id in wrong else true,
                    key=uuid.uuid4().hex,
                    origin="query",
                    created_at=0.0,
                ),
            )
    return project_id, who, wrong


def _found(folder: Path, share: float) -> dict[str, object]:
    """Let the review job look at labels, a share of which is wrong."""
    store = Store.open(Workspace(folder / f"digits {share}"))
    project_id, who, wrong = _labeled(store, share)
    with store.write() as connection:
        jobs.request(connection, project_id, "label_check", 0.0)
        job = jobs.take(connection, ["label_check"], "benchmark", time.time(), project_id)
    start = time.perf_counter()
    error = run(store, job, function_of("label_check"), 2)
    assert error is None, error
    seconds = time.perf_counter() - start
    doubted = review.page(store, project_id, who, Filter("doubts"), 0, 200).rows
    store.close()
    return {
        "made": len(wrong),
        "flagged": len(doubted),
        "right": len(wrong & {row.item_id for row in doubted}),
        "seconds": seconds,
    }


def _painted(folder: Path, keys: int) -> dict[str, float]:
    """Review labels by key in a browser."""
    store = Store.open(Workspace(folder))
    project_id, _, _ = _labeled(store, 0.0)
    with app(folder) as (url, _), chromium() as browser:
        wait(lambda: answers(url))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(PRESSED)
        page.goto(f"{url}/review?project={project_id}&annotator=Eva")
        shown = page.locator(".review")
        wait(lambda: shown.count() and shown.get_attribute("data-item"), 60)
        page.wait_for_timeout(1000)
        shown.evaluate(WATCH)
        for turn in range(keys):
            page.keyboard.press(str(turn % 10))
            page.wait_for_timeout(PAUSE)
        times = page.evaluate("window.shown")
    store.close()
    return {"keys": len(times), "median": statistics.median(times), "p95": p95(times)}


if __name__ == "__main__":
    main()
