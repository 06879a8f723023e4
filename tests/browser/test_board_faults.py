"""Answers survive what goes wrong at any moment: a killed server, a cut network, a closed tab.

ALCORE_TEST_SCALE=20 runs it in full: 1,000 labels from 4 browsers, 20 times.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response
from sqlalchemy import text

from alcore.records import Project

from .conftest import Server

pytestmark = pytest.mark.browser

SCALE = int(os.environ.get("ALCORE_TEST_SCALE", "1"))
BROWSERS = 4
LABELS = 50 * SCALE
FRUITS = ["apple", "banana", "cherry"]
PATIENCE = 180.0 + 3 * LABELS
"""Seconds in which all labels are given and delivered, on a busy machine too."""

# What was answered since the last look: [key, item, the image painted when the key was pressed].
GIVEN = """() => {
  const { pressed, painted } = window.alcore;
  return pressed.splice(0).map(({ key, item, at }) => [key, item,
    painted.filter((p) => p.at <= at).at(-1)?.item]);
}"""
ACKNOWLEDGED = "() => window.alcore.acknowledged.splice(0).map((entry) => entry.key)"
WAITING = "() => Object.keys(localStorage).filter((row) => row.startsWith('alcore:op:')).length"


@dataclass
class Annotator:
    """One browser and the person before it; `page` is None while the tab is closed."""

    name: str
    context: BrowserContext
    url: str
    page: Page | None = None
    online: bool = True
    given: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Item and class by key."""
    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def open(self) -> None:
        self.page = self.context.new_page()
        self.page.on("response", self._heard)
        self.page.goto(self.url)

    def close(self) -> None:
        assert self.page is not None
        self.look()
        self.page.close()
        self.page = None

    def label(self, rng: np.random.Generator, project: Project) -> None:
        """Answer the image on screen, if there is one."""
        assert self.page is not None
        board = self.page.locator(".board")
        if board.count() and board.get_attribute("data-item"):
            chosen = int(rng.integers(len(FRUITS)))
            self.page.keyboard.press(str(chosen + 1))
            for key, item, seen in self.page.evaluate(GIVEN):
                assert seen == item, "an image was answered that was not on screen"
                self.given[key] = (item, project.classes[chosen].id)

    def look(self) -> None:
        assert self.page is not None
        if self.page.evaluate("() => window.alcore !== undefined"):
            self.acknowledged |= set(self.page.evaluate(ACKNOWLEDGED))

    def waiting(self) -> int:
        """Count the answers that this browser still holds."""
        assert self.page is not None
        return self.page.evaluate(WAITING)

    def _heard(self, response: Response) -> None:
        if response.url.endswith("/answer") and response.status == 409:
            self.refused.add(response.request.post_data_json["key"])


@pytest.mark.parametrize("seed", range(SCALE))
def test_every_acknowledged_answer_is_there_once_and_every_pending_one_arrives(
    server: Server, browser: Browser, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    project = server.project(f"faults {seed}", FRUITS, LABELS + 20 * BROWSERS)
    people = [
        Annotator(
            name, browser.new_context(), f"{server.url}/?project={project.id}&annotator={name}"
        )
        for name in (f"person {seed} {i}" for i in range(BROWSERS))
    ]
    faults = _schedule(rng)
    until = time.monotonic() + PATIENCE
    happened: list[str] = []
    while (given := sum(len(p.given) for p in people)) < LABELS:
        assert time.monotonic() < until, f"{given} of {LABELS} labels after {happened}"
        while faults and faults[0][0] <= given:
            happened.append(_break(server, people, faults.pop(0)[1], rng))
        _mend(server, people, rng)
        for person in people:
            if person.page is not None:
                person.label(rng, project)
    _recover(server, people, until)
    for person in people:
        person.look()
        person.context.close()
    assert {"kill", "cut", "close"} <= set(happened)
    _check(server, project, people)


def _schedule(rng: np.random.Generator) -> list[tuple[int, str]]:
    """Say after how many labels what breaks: each kind at least once, more of the small ones."""
    kinds = ["kill", "cut", "close"] + ["cut", "close"] * (LABELS // 50)
    kinds += ["kill"] * (LABELS // 250)
    return sorted((int(rng.integers(5, LABELS - 5)), kind) for kind in kinds)


def _break(server: Server, people: list[Annotator], kind: str, rng: np.random.Generator) -> str:
    person = people[rng.integers(len(people))]
    if kind == "kill":
        server.kill()
    elif kind == "cut":
        person.context.set_offline(True)
        person.online = False
    elif person.page is not None:
        person.close()
    return kind


def _mend(server: Server, people: list[Annotator], rng: np.random.Generator) -> None:
    """Bring back, now and then, what is broken."""
    assert server.process is not None
    if server.process.poll() is not None and rng.random() < 0.3:
        server.launch()
    for person in people:
        if not person.online and rng.random() < 0.1:
            person.context.set_offline(False)
            person.online = True
        if person.page is None and person.online and rng.random() < 0.3 and server.answers():
            person.open()


def _recover(server: Server, people: list[Annotator], until: float) -> None:
    """Mend everything, and wait until no browser holds an answer any more."""
    assert server.process is not None
    if server.process.poll() is not None:
        server.launch()
    while not server.answers():
        assert time.monotonic() < until, "the server does not come back"
        time.sleep(0.1)
    for person in people:
        if not person.online:
            person.context.set_offline(False)
        if person.page is None:
            person.open()
    for person in people:
        while left := person.waiting():
            assert time.monotonic() < until, f"{left} answers of {person.name} never arrived"
            assert person.page is not None
            person.page.wait_for_timeout(100)


def _check(server: Server, project: Project, people: list[Annotator]) -> None:
    query = text(
        """
        SELECT label_event.key, item_id, class_id, annotator.name FROM label_event
        JOIN annotator ON annotator.id = annotator_id WHERE project_id = :project
        """
    )
    with server.store().read() as connection:
        rows = [tuple(row) for row in connection.execute(query, {"project": project.id})]
    stored = {key: (item, chosen, name) for key, item, chosen, name in rows}
    assert len(stored) == len(rows), "an answer is there twice"
    items = [item for _, item, _, _ in rows]
    assert len(items) == len(set(items)), "an image has two answers"
    given = {key: (item, chosen, p.name) for p in people for key, (item, chosen) in p.given.items()}
    refused = {key for p in people for key in p.refused}
    acknowledged = {key for p in people for key in p.acknowledged}
    assert not acknowledged - set(stored), "an acknowledged answer is missing"
    assert stored == {key: answer for key, answer in given.items() if key not in refused}
    # Refused is only what somebody else had answered by the time the network was back.
    assert {given[key][0] for key in refused} <= set(items)
    assert len(given) >= LABELS
