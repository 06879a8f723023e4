"""Measures labeling: key to next image, key to disk, and whether every label is right.

    python benchmarks/labeling.py [--json] [--labels 200] [--browsers 1 4 8] [--items 50000]

Scripted annotators label digits from the answer key in real Chromium tabs: one alone at a key each
0.2 s, several at one label per second each; with the machine idle, then while another project
trains. Typed ahead means a key each 0.2 s whatever the server says. Times in milliseconds: to the
next image painted, to the label committed on disk, to the tick that says so in the browser. Lost:
given and not in the database. Doubled: an image with two labels. Misattributed:
stored for another image or class than the one on screen and the key. Unheard: keys that came
before the image was painted, and so did nothing. With --items one row alone: the most browsers, on
a project of so many coloured shapes, while nothing trains and the queue runs out again and again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from driven import (
    PROBE,
    answers,
    app,
    chromium,
    kept_training,
    key_times,
    on_screen,
    report,
    truth_of,
    wait,
)
from playwright.sync_api import Browser, Page

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.records import Project
from alcore.services import classes as class_list
from alcore.services import keys, people, projects
from alcore.store import Store, labels

GIVEN = """() => window.alcore.pressed.map((p) => [p.item,
  window.alcore.painted.filter((image) => image.at <= p.at).at(-1)?.item])"""
ALONE = 0.2
"""Seconds between the keys of one annotator."""
TOGETHER = 1.0
"""The same, of each of several."""
MOST_KEPT = 500
"""Key presses that a tab remembers."""


@dataclass
class Annotator:
    """One tab in a browser profile of its own."""

    name: str
    page: Page
    pressed: int = 0
    given: list[tuple[int, int]] = field(default_factory=list)
    """Item that was answered, and item that was painted at that moment."""


def measure(
    browser: Browser,
    url: str,
    store: Store,
    many: int,
    pressed: int,
    wait_for_image: bool = True,
    project: Project | None = None,
) -> dict[str, float]:
    """Let annotators label a fresh project; return times and what went wrong."""
    project = project or fresh(store)
    key_of = {int(i): found[0] for i, found in keys.layout(project)["classes"].items() if found}
    truth = truth_of(store, project.id)
    annotators = [open_board(browser, url, project, f"annotator {i}") for i in range(many)]
    pace = (ALONE if many == 1 else TOGETHER) / many
    due = time.monotonic()
    for turn in range(pressed):
        person = annotators[turn % many]
        item = on_screen(person.page)
        if item is None and wait_for_image:
            item = wait(lambda page=person.page: on_screen(page), 60)
        if item is not None:
            person.page.keyboard.press(key_of[truth[int(item)]])
            person.pressed += 1
        due = max(due + pace, time.monotonic() - 1.0)
        person.page.wait_for_timeout(max(0.0, 1000 * (due - time.monotonic())))
    probes = [finish(person) for person in annotators]
    return {**key_times(probes), **verdict(store, project, annotators, truth), "keys": pressed}


def fresh(store: Store, classes: int = 10, items: int | None = None) -> Project:
    """Make a project of digits, or of so many shapes; further classes have no images."""
    settings = replace(
        ProjectSettings(), retrain=RetrainRule(automatic=False), baseline=False, resolution=8
    )
    spec = {"kind": "digits"} if items is None else {"kind": "shapes", "size": items}
    name = f"{spec['kind']} {time.monotonic_ns()}"
    made = projects.create(store, name, spec, "answer key", settings)
    wait(lambda: projects.get(store, made).state == "ready")
    known = len(projects.get(store, made).classes)
    return class_list.add(store, made, [f"other {i}" for i in range(known, classes)])


def open_board(browser: Browser, url: str, project: Project, name: str) -> Annotator:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{url}/?project={project.id}&annotator={name}")
    wait(lambda: on_screen(page), 60)
    page.wait_for_timeout(500)  # the images ahead are there
    return Annotator(name, page)


def finish(person: Annotator) -> dict[str, list[float]]:
    """Wait until all is delivered; return the times that the tab measured."""
    board = person.page.locator(".board")
    wait(lambda: board.get_attribute("data-pending") == "0", 60)
    person.given = [(item, seen) for item, seen in person.page.evaluate(GIVEN)]
    probe = person.page.evaluate(PROBE)
    person.page.context.close()
    return probe


def verdict(
    store: Store, project: Project, annotators: Sequence[Annotator], truth: dict[int, int]
) -> dict[str, float]:
    """Compare what was given with what is stored."""
    stored: Counter[int] = Counter()
    lost = misattributed = 0
    for person in annotators:
        who = people.annotator(store, person.name).id
        with store.read() as connection:
            events = labels.history(connection, project.id, who, 10**6)
        classes = {event.item_id: event.class_id for event, _ in events}
        stored.update(event.item_id for event, _ in events)
        lost += sum(item not in classes for item, _ in person.given)
        misattributed += sum(
            item != seen or classes.get(item, truth[item]) != truth[item]
            for item, seen in person.given
        )
    return {
        "labels": sum(len(person.given) for person in annotators),
        "lost": lost,
        "doubled": sum(count - 1 for count in stored.values()),
        "misattributed": misattributed,
        "unheard": sum(person.pressed - len(person.given) for person in annotators),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--labels", type=int, default=200, help="labels per row, at most 400")
    parser.add_argument("--browsers", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--items", type=int, help="measure one row, on so many images")
    chosen = parser.parse_args()
    pressed = min(chosen.labels, MOST_KEPT - 100)
    found: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        app(Path(folder)) as (url, _),
        chromium() as browser,
    ):
        wait(lambda: answers(url))
        store = Store.open(Workspace(Path(folder)))
        if chosen.items:
            row = f"{max(chosen.browsers)} browsers, {chosen.items:,} images"
            large = fresh(store, items=chosen.items)
            found[row] = measure(browser, url, store, max(chosen.browsers), pressed, project=large)
        for load in () if chosen.items else ("idle", "training"):
            with kept_training(store) if load == "training" else nullcontext():
                for many in chosen.browsers:
                    row = f"{many} browser{'s' * (many > 1)}, {load}"
                    found[row] = measure(browser, url, store, many, pressed)
                row = f"200 classes, {load}"
                many_classes = fresh(store, classes=200)
                found[row] = measure(browser, url, store, 1, pressed, project=many_classes)
                row = f"typed ahead, {load}"
                found[row] = measure(browser, url, store, 1, pressed, wait_for_image=False)
        store.close()
    report(found, chosen.json)


if __name__ == "__main__":
    main()
