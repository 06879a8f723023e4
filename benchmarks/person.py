"""Measures labels per minute one by one and in the grid, with a scripted annotator in a browser.

    python benchmarks/person.py [--json] [--labels 300] [--speed 1] [--seed 0] [--ways WAY ...]

The ways: "one by one", "grid" (the images that the model is most certain of first), "doubtful"
(the grid with the most doubtful first), "half" (half of the labels one by one, then the grid).

The demo digits in a fresh workspace, the default learner and strategy, a real Chromium. The
annotator is right always and takes the time that a person takes, drawn from log-normal
distributions (standard deviation of the logarithm 0.35) with these medians:

    one image: look, decide, press the key           1.00 s
    grid: read the class above the tiles             0.80 s
    grid: look at one tile                           0.25 s
    grid: move the pointer to a tile and press       0.70 s
    grid: look over the lot once more, press Enter   0.60 s

Those times are assumptions, not measurements. The grid needs a model: its first 20 labels are
given one by one, and count. `--speed 5` lets the annotator think five times as fast; minutes are
then simulated: the time that the person would have thought, plus the time that they really waited
for the app. As trainings are not sped up, models come late then, which does the grid no favour.
Accuracy is on the holdout, of a model trained on all the labels at the end.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from driven import answers, app, chromium, on_screen, report, training_now, truth_of, wait
from playwright.sync_api import Locator, Page

from alcore.config import Workspace
from alcore.services import projects, training
from alcore.store import Store, exports

ONE, READ, TILE, PRESS, SURE = 1.0, 0.8, 0.25, 0.7, 0.6
SPREAD = 0.35
WAYS = ("one by one", "grid", "doubtful", "half")
FIRST = 20
"""Labels that the first model needs."""


@dataclass
class Person:
    """Somebody at a screen, whose thinking is sped up and whose waiting is not."""

    page: Page
    truth: dict[int, str]
    chance: random.Random
    speed: float
    thought: float = 0.0
    waited: float = 0.0

    def think(self, median: float) -> None:
        seconds = median * math.exp(SPREAD * self.chance.gauss(0, 1))
        self.thought += seconds
        time.sleep(seconds / self.speed)

    def wait(self, ready):
        """Wait for the app."""
        started = time.monotonic()
        found = wait(ready)
        self.waited += time.monotonic() - started
        return found

    @property
    def minutes(self) -> float:
        return (self.thought + self.waited) / 60

    def saved(self) -> int:
        return int(self.page.locator(".board").get_attribute("data-saved") or 0)

    def one_by_one(self, n: int) -> None:
        for _ in range(n):
            item = int(self.wait(lambda: on_screen(self.page)))
            self.think(ONE)
            self.page.keyboard.press(self.truth[item])

    def lots(self, n: int, first: str) -> tuple[int, int]:
        """Label in the grid until n labels are saved; return lots and exclusions.

        first: "sure" or "doubtful", as the grid's own choice says.
        """
        board = self.page.locator(".board")
        tiles = self.page.locator(".tile")
        lots = exclusions = 0
        self.page.keyboard.press("g")
        self.wait(tiles.count)
        if first != "sure":
            self.page.get_by_label("First").select_option(first)  # which clears the tiles
            self.wait(tiles.count)
        while self.saved() < n:
            lots += 1
            self.wait(lambda: int(board.get_attribute("data-tiles") or 0) > 0)
            shown = [_item(tile) for tile in tiles.all()]
            class_id = int(self.page.locator(".grid").get_attribute("data-class") or 0)
            wanted = self.page.locator(f".class[data-class='{class_id}'] .name").inner_text()
            self.think(READ)
            for place, item in enumerate(shown):
                self.think(TILE)
                if self.truth[item] != wanted:
                    self.think(PRESS)
                    tiles.nth(place).click()
                    exclusions += 1
            self.think(SURE)
            before = self.saved()
            right = sum(self.truth[item] == wanted for item in shown)
            if right:
                self.page.keyboard.press("Enter")
                self.wait(lambda before=before, right=right: self.saved() >= before + right)
            else:
                self.page.get_by_role("button", name="Others").click()
            first = shown[0]
            self.wait(lambda first=first: tiles.count() and _item(tiles.first) != first)
        return lots, exclusions


def _item(tile: Locator) -> int:
    return int((tile.get_attribute("aria-label") or "").split(",")[0].removeprefix("Image "))


def trial(way: str, labels: int, speed: float, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as (url, _), chromium() as b:
        wait(lambda: answers(url))
        store = Store.open(Workspace(Path(folder)))
        (digits,) = wait(lambda: projects.list_projects(store))
        wait(lambda: projects.get(store, digits.id).state == "ready")
        names = {c.id: c.name for c in digits.classes}
        truth = {i: names[c] for i, c in truth_of(store, digits.id).items()}
        page = b.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        wait(lambda: on_screen(page))
        person = Person(page, truth, random.Random(seed), speed)
        more: dict[str, float] = {}
        if way == "one by one":
            person.one_by_one(labels)
        else:
            person.one_by_one(labels // 2 if way == "half" else FIRST)
            person.wait(lambda: training.status(store, digits.id).latest)
            first = "doubtful" if way == "doubtful" else "sure"
            lots, exclusions = person.lots(labels, first)
            more = {"lots": lots, "exclusions": exclusions}
        wait(lambda: person.saved() >= labels)
        with store.read() as connection:
            given = exports.count(connection, digits.id)
        wait(lambda: not training_now(store, digits.id))
        training.train(store, digits.id)
        wait(lambda: (m := training.status(store, digits.id).latest) and m.labels >= given)
        latest = training.status(store, digits.id).latest
        assert latest is not None and latest.evaluation.accuracy is not None
        store.close()
    return {
        "labels": given,
        "simulated minutes": person.minutes,
        "of it waiting for the app": person.waited / 60,
        "labels per minute": given / person.minutes,
        "accuracy": latest.evaluation.accuracy,
        **more,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--labels", type=int, default=300)
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster thinking goes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    chosen = parser.parse_args()
    found = {way: trial(way, chosen.labels, chosen.speed, chosen.seed) for way in chosen.ways}
    report({f"{way}, speed {chosen.speed:g}": rows for way, rows in found.items()}, chosen.json)


if __name__ == "__main__":
    main()
