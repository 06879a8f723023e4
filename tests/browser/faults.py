"""Owns people who label while things break: the server killed, the network cut, tabs closed.

Times in seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, Response
from sqlalchemy import text

from alcore.records import Project

from .conftest import Server

Fault = Literal["kill", "cut", "close", "gone"]
FRUITS = ["apple", "banana", "cherry"]
GONE = 60.0
"""How long the server is away after the fault "gone"."""

# What is on screen, and what was answered since the last look: [key, item, the image that was
# painted when the key was pressed].
LOOK = """(boards) => {
  const { pressed = [], painted = [] } = window.alcore ?? {};
  return [boards[0]?.dataset.item ?? "", pressed.splice(0).map(({ key, item, at }) => [key, item,
    painted.filter((p) => p.at <= at).at(-1)?.item])];
}"""
ACKNOWLEDGED = "() => (window.alcore?.acknowledged ?? []).splice(0).map((entry) => entry.key)"
WAITING = "() => Object.keys(localStorage).filter((row) => row.startsWith('alcore:op:')).length"


@dataclass(frozen=True)
class Outcome:
    """What became of the answers; `lost` to `unseen` must be 0."""

    given: int
    acknowledged: int
    refused: int
    """Answers to an image that somebody else had by the time they arrived, which they were told;
    the image has somebody's answer in the end."""
    lost: int
    """Acknowledged and not stored."""
    undelivered: int
    """Given, not refused, and not stored after recovery."""
    doubled: int
    """Keys stored twice, and images with two answers."""
    misattributed: int
    """Stored with another image, class or person than it was given with."""
    unseen: int
    """Given to an image that was not on screen."""
    faults: dict[str, int]
    seconds: float


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
    unseen: int = 0
    chosen: int = 0
    """Class of the last key that was pressed."""

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
        if self._see():
            place = int(rng.integers(len(FRUITS)))
            self.chosen = project.classes[place].id
            self.page.keyboard.press(str(place + 1))

    def _see(self) -> str:
        """Note what was answered, and name the image on screen."""
        assert self.page is not None
        on_screen, given = self.page.locator(".board").evaluate_all(LOOK)
        for key, item, seen in given:
            self.unseen += seen != item
            self.given[key] = (item, self.chosen)
        return on_screen

    def look(self) -> None:
        assert self.page is not None
        self._see()
        if self.page.evaluate("() => window.alcore !== undefined"):
            self.acknowledged |= set(self.page.evaluate(ACKNOWLEDGED))

    def waiting(self) -> int:
        """Count the answers that this browser still holds."""
        assert self.page is not None
        return self.page.evaluate(WAITING)

    def _heard(self, response: Response) -> None:
        if response.url.endswith("/answer") and response.status == 409:
            self.refused.add(response.request.post_data_json["key"])


def schedule(rng: np.random.Generator, labels: int, gone: bool) -> list[tuple[int, Fault]]:
    """Say after how many labels what breaks: each kind at least once, more of the small ones.

    gone: the server is away for a full minute once.
    """
    kinds: list[Fault] = ["kill", "cut", "close"]
    kinds += ["cut", "close"] * (labels // 50) + ["kill"] * (labels // 250)
    kinds += ["gone"] * gone
    return sorted((int(rng.integers(5, labels - 5)), kind) for kind in kinds)


class Trouble:
    """One trial: people label while things break, until all is delivered."""

    def __init__(
        self, server: Server, browser: Browser, seed: int, labels: int, browsers: int
    ) -> None:
        self.server, self.labels = server, labels
        self.store = server.store()
        self.rng = np.random.default_rng(seed)
        self.project = server.project(f"faults {seed}", FRUITS, labels + 20 * browsers)
        self.people = [
            Annotator(name, browser.new_context(), self._address(name))
            for name in (f"person {seed} {i}" for i in range(browsers))
        ]
        self.happened: dict[str, int] = {}
        self.away_until = 0.0

    def _address(self, name: str) -> str:
        return f"{self.server.url}/?project={self.project.id}&annotator={name}"

    def run(self, patience: float, gone: bool = False) -> Outcome:
        """Let everybody label and everything break; raises AssertionError after `patience`."""
        started = time.monotonic()
        until = started + patience
        faults = schedule(self.rng, self.labels, gone)
        while (given := sum(len(p.given) for p in self.people)) < self.labels:
            assert time.monotonic() < until, f"{given} labels after {self.happened}"
            while faults and faults[0][0] <= given:
                self._break(faults.pop(0)[1])
            self._mend()
            for person in self.people:
                if person.page is not None:
                    person.label(self.rng, self.project)
        self._recover(until)
        while self._left_open():
            assert time.monotonic() < until, f"nobody answered {self._left_open()}"
            for person in self.people:
                person.label(self.rng, self.project)
            self._deliver(until)
        for person in self.people:
            person.look()
            person.context.close()
        found = self._outcome(time.monotonic() - started)
        self.store.close()
        return found

    def _break(self, kind: Fault) -> None:
        self.happened[kind] = self.happened.get(kind, 0) + 1
        person = self.people[self.rng.integers(len(self.people))]
        if kind in ("kill", "gone"):
            self.server.kill()
            self.away_until = time.monotonic() + (GONE if kind == "gone" else 0.0)
        elif kind == "cut":
            person.context.set_offline(True)
            person.online = False
        elif person.page is not None:
            person.close()

    def _mend(self) -> None:
        """Bring back, now and then, what is broken."""
        if self._is_down() and time.monotonic() > self.away_until and self.rng.random() < 0.3:
            self.server.launch()
        for person in self.people:
            if not person.online and self.rng.random() < 0.1:
                person.context.set_offline(False)
                person.online = True
            closed = person.page is None and person.online
            if closed and self.rng.random() < 0.3 and self.server.answers():
                person.open()

    def _is_down(self) -> bool:
        assert self.server.process is not None
        return self.server.process.poll() is not None

    def _recover(self, until: float) -> None:
        """Mend everything, and wait until no browser holds an answer any more."""
        if self._is_down():
            self.server.launch()
        while not self.server.answers():
            assert time.monotonic() < until, "the server does not come back"
            time.sleep(0.1)
        for person in self.people:
            if not person.online:
                person.context.set_offline(False)
            if person.page is None:
                person.open()
        self._deliver(until)

    def _deliver(self, until: float) -> None:
        for person in self.people:
            while left := person.waiting():
                assert time.monotonic() < until, f"{left} answers of {person.name} never arrived"
                assert person.page is not None
                person.page.wait_for_timeout(100)

    def _left_open(self) -> set[int]:
        """Name the images of refused answers that have no answer yet: others have them."""
        refused = {p.given[key][0] for p in self.people for key in p.refused if key in p.given}
        return refused - {item for _, item, _, _ in self._stored()}

    def _stored(self) -> list[tuple[str, int, int, str]]:
        """Read the answers: key, item, class and annotator."""
        query = text(
            """
            SELECT label_event.key, item_id, class_id, annotator.name FROM label_event
            JOIN annotator ON annotator.id = annotator_id WHERE project_id = :project
            """
        )
        with self.store.read() as connection:
            rows = connection.execute(query, {"project": self.project.id})
            return [(row.key, row.item_id, row.class_id, row.name) for row in rows]

    def _outcome(self, seconds: float) -> Outcome:
        rows = self._stored()
        stored = {key: (item, chosen, name) for key, item, chosen, name in rows}
        items = [item for _, item, _, _ in rows]
        given = {
            key: (item, chosen, person.name)
            for person in self.people
            for key, (item, chosen) in person.given.items()
        }
        refused = {key for person in self.people for key in person.refused}
        acknowledged = {key for person in self.people for key in person.acknowledged}
        return Outcome(
            given=len(given),
            acknowledged=len(acknowledged),
            refused=len(refused),
            lost=len(acknowledged - stored.keys()),
            undelivered=len(given.keys() - refused - stored.keys()),
            doubled=len(rows) - len(stored) + len(items) - len(set(items)),
            misattributed=sum(given.get(key) != answer for key, answer in stored.items()),
            unseen=sum(person.unseen for person in self.people),
            faults=self.happened,
            seconds=seconds,
        )
