"""Cuts the power again and again while people label, and counts what was lost.

    python benchmarks/power_cut.py [--json] [--cuts 2000] [--labels 50] [--seed 0]

strace writes down every write and sync of a process that labels; `tests/power.py` makes of that
what a disk would hold after a cut at any instant: what was synced, and of the rest all, nothing, or
some sectors. There is another record for every hundred cuts. Lost are labels that were acknowledged
before the cut and are not in the database after it; damaged are databases of which SQLite says so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import power  # noqa: E402 - path first
from driven import report  # noqa: E402
from made import project  # noqa: E402

from alcore.config import Workspace  # noqa: E402
from alcore.store import Store  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cuts", type=int, default=2_000)
    parser.add_argument("--labels", type=int, default=50, help="of each record")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not power.can_cut():
        raise SystemExit("strace is not here, or may not look at processes")
    start = time.perf_counter()
    found: Counter[str] = Counter()
    for number in range(-(-options.cuts // power.AT_ONCE)):
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder) / "workspace")
            store = Store.open(workspace)
            project(store, 2 * options.labels)
            store.close()
            cuts = min(power.AT_ONCE, options.cuts - number * power.AT_ONCE)
            found.update(
                power.cut_again_and_again(
                    workspace, Path(folder), options.labels, cuts, options.seed + number
                )
            )
    seconds = time.perf_counter() - start
    report({"power": {**found, "seconds": seconds}}, options.json)
    if found["lost"] or found["damaged"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
