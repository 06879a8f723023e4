"""Measures how long the page "Network" waits: all layers, what is kept, another network beside it.

    python benchmarks/network.py                     some minutes on two cores
    python benchmarks/network.py --parts network --json figures.json

A project of generated shapes (32 pixels; features at 160), 190 images, 40 labels, the learner
`auto`: its own network, and the extractor. Each request goes through the route that the page asks,
with its ticket, rights and the process that has torch. *Layers* starts that process and opens the
network; *units* is the first question for units, which shows all images to the network; *overview*
is everything that the page shows at first: of each layer eight units and the images made for them.
*Kept* is the same overview again. *Beside* sets random weights beside it. Wall time; the load of
the machine is printed, since other work counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from explanations import seconds, teach  # noqa: E402 - the folders must be on the path first
from made import Tab  # noqa: E402

from alcore.services import network  # noqa: E402
from alcore.web import routes, state  # noqa: E402

PARTS = ("network", "features")
IMAGES = 55
"""Images of the project less the labels and the holdout, halved."""


class Page:
    """Asks as the page does."""

    def __init__(self, http: TestClient, project_id: int, part: str) -> None:
        who = Tab(state.store(), project_id).annotator.id
        self.http, self.project_id = http, project_id
        self.headers = {"X-Alcore-Ticket": state.tickets().issue(project_id, who)}
        self.view = {"model": "1", "part": part}

    def ask(self, what: str, **query: str) -> dict[str, Any]:
        place = f"/board/{self.project_id}/network/{what}"
        answer = self.http.get(place, params=self.view | query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def overview(self) -> None:
        for layer in self.ask("layers")["layers"]:
            units = self.ask("units", layer=layer["key"], count=str(network.FEW))["units"]
            numbers = ",".join(str(unit["unit"]) for unit in units)
            if numbers:
                self.ask("pictures", layer=layer["key"], units=numbers)


def measured(page: Page) -> dict[str, float]:
    figures = {"layers": seconds(lambda: page.ask("layers"))}
    first = page.ask("layers")["layers"][0]["key"]
    figures["units"] = seconds(lambda: page.ask("units", layer=first))
    figures["overview"] = figures["layers"] + figures["units"] + seconds(page.overview)
    figures["kept"] = seconds(page.overview)
    figures["one image"] = seconds(lambda: page.ask("maps"))
    other = {"with": "1", "with_state": "random"}
    figures["beside"] = seconds(lambda: page.ask("compare", **other))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ALCORE_WORKSPACE"] = folder
        store, http = state.store(), TestClient(Starlette(routes=routes.routes()))
        project_id, _ = teach(store, "auto", IMAGES)
        print(f"load before: {os.getloadavg()[0]:.1f}")
        results = {}
        for part in arguments.parts.split(","):
            results[part] = measured(Page(http, project_id, part))
            for name, value in results[part].items():
                print(f"{part:10}{name:12}{value:9.2f} s", flush=True)
        print(f"load after: {os.getloadavg()[0]:.1f}")
        state.looking().close()
        store.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
