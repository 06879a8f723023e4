"""Repeats the fault test at full size and counts what was lost, doubled or misattributed.

    python benchmarks/faults.py [--times 20] [--labels 1000] [--browsers 4] [--first 0]
                                [--results faults.json]

Each time real Chromium tabs label as fast as they can while, at random moments, the server is
stopped with SIGKILL, the network of a browser is cut and tabs are closed; in every tenth time the
server is also away for a full minute. Then everything is mended, and what is stored is compared
with what was given and acknowledged. What is finished is kept in the results file: started again
it goes on with the next time. Times in seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from driven import chromium, machine  # noqa: E402 - path first

from alcore.config import Workspace  # noqa: E402
from tests.browser.conftest import Server  # noqa: E402
from tests.browser.faults import Trouble  # noqa: E402

COUNTS = (
    "given",
    "acknowledged",
    "refused",
    "lost",
    "undelivered",
    "doubled",
    "misattributed",
    "unseen",
)
MINUTE_EVERY = 10
PATIENCE = 5.0
"""Seconds that a label may take on a busy machine, faults and all."""


def once(seed: int, labels: int, browsers: int) -> dict[str, object]:
    """Run one trial on a workspace of its own."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        root = Path(folder) / "workspace"
        root.mkdir()
        server = Server(Workspace(root))
        server.start()
        try:
            found = Trouble(server, browser, seed, labels, browsers).run(
                300.0 + PATIENCE * labels, gone=seed % MINUTE_EVERY == 0
            )
        finally:
            server.stop()
    return asdict(found)


def table(found: dict[str, dict]) -> str:
    """Write one line for each time, and their sum."""
    heads = ("time", *COUNTS, "faults", "seconds")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    total: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for seed, row in sorted(found.items(), key=lambda pair: int(pair[0])):
        total.update({name: row[name] for name in COUNTS} | {"seconds": row["seconds"]})
        broken.update(row["faults"])
        lines.append(_line(seed, row, row["faults"]))
    lines.append(_line("all", total, broken))
    return "\n".join(lines)


def _line(name: str, row: dict, faults: dict[str, int]) -> str:
    said = ", ".join(f"{n} {kind}" for kind, n in sorted(faults.items()))
    cells = [name, *(f"{row[count]:,}" for count in COUNTS), said, f"{row['seconds']:.0f}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--browsers", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="seed of the first time")
    parser.add_argument("--results", type=Path, default=Path("faults.json"))
    chosen = parser.parse_args()
    found = json.loads(chosen.results.read_text()) if chosen.results.exists() else {}
    for seed in range(chosen.first, chosen.first + chosen.times):
        if str(seed) not in found:
            found[str(seed)] = once(seed, chosen.labels, chosen.browsers)
            chosen.results.write_text(json.dumps(found, indent=2))
            print(table({str(seed): found[str(seed)]}).splitlines()[2], flush=True)
    print(machine())
    print(table(found))


if __name__ == "__main__":
    main()
