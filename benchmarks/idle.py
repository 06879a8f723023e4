"""Measures what the app costs while nobody uses it, and what the first label after that waits for.

    python benchmarks/idle.py [--json] [--minutes 10] [--seconds 60]

Starts the app on a workspace of its own and opens one page in no browser. After so many minutes
without a request, processes that have nothing to do are let go (`ALCORE_IDLE_MINUTES`; --minutes
shortens it). Shares of one core and MB of all processes together, over so many seconds, before and
after. Memory is the proportional set size: pages that processes share count once. Then somebody
labels: seconds from the label that makes a training due to the new queue, beside those of a second
time, when the trainer is there. Linux alone. Ends with 1 above 0.5 % or 250 MB, and where the first
queue is a second later than the second.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from driven import answers, app, report, training_now, wait
from loop import processes_of, to_new_queue

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.services import labeling, people, projects
from alcore.store import Store

MOST_SHARE, MOST_MEMORY, LATEST = 0.5, 250.0, 1.0
Row = dict[str, float]


def processor(pids: list[int]) -> dict[int, float]:
    """Read the seconds of processor time that each process has used, if it is still there."""
    used = {}
    for pid in pids:
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def memory(pids: list[int]) -> float:
    """Read the proportional set size of processes together, in MB."""
    lines = [
        line
        for pid in pids
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    ]
    return sum(int(line.split()[1]) for line in lines) * 1024 / 1e6


def cost(pid: int, seconds: float) -> Row:
    """Watch an app for so long."""
    before = processor(processes_of(pid))
    time.sleep(seconds)
    pids = processes_of(pid)
    used = sum(s - before.get(p, 0.0) for p, s in processor(pids).items())
    sizes = {p: memory([p]) for p in pids}
    return {
        "processes": len(pids),
        "core %": 100 * used / seconds,
        "MB": memory(pids),
        "largest MB": max(sizes.values()),
        "web MB": sizes[pid],
    }


def measure(minutes: float, seconds: float) -> dict[str, Row]:
    os.environ["ALCORE_IDLE_MINUTES"] = str(minutes)
    os.environ["ALCORE_FEATURES"] = "no"
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as (url, process):
        wait(lambda: answers(url))
        store = Store.open(Workspace(Path(folder)))
        (digits,) = projects.list_projects(store)
        rule = RetrainRule(new_labels=10, minimum=20)
        settings = replace(digits.settings, retrain=rule, baseline=False, instant=False)
        assert isinstance(settings, ProjectSettings)
        projects.edit(store, digits, settings)
        time.sleep(15.0)  # the trainer has imported its libraries
        found = {"at rest, trainer ready": cost(process.pid, min(seconds, 20 * minutes))}
        time.sleep(60 * minutes + 5.0)
        found["at rest, let go"] = cost(process.pid, seconds)
        me = people.annotator(store, "benchmark").id
        labeling.claim(store, digits.id, me, "first look", 1)  # somebody opens the page
        time.sleep(10.0)  # and gives the first labels
        first = to_new_queue(store, digits.id, 20)["label to new queue s"]
        again = []
        for _ in range(3):
            wait(lambda: not training_now(store, digits.id))
            again.append(to_new_queue(store, digits.id, 10)["label to new queue s"])
        found["after it"] = {
            "first queue s": first,
            "next queues s": statistics.median(again),
            "later s": first - statistics.median(again),
        }
        store.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--minutes", type=float, default=10.0, help="until processes are let go")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement")
    chosen = parser.parse_args()
    found = measure(chosen.minutes, chosen.seconds)
    report(found, chosen.json)
    rest = found["at rest, let go"]
    late = found["after it"]["later s"]
    sys.exit(rest["core %"] > MOST_SHARE or rest["MB"] > MOST_MEMORY or late > LATEST)


if __name__ == "__main__":
    main()
