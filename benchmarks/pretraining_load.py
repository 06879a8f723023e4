"""Measures how much slower a round on digits is while a pretraining runs in another process.

    python benchmarks/pretraining_load.py [--json] [--rounds 10] [--threads 2]

Two processes with the priority of the app's workers, each with as many threads as cores: one does
rounds (60 labels, 1,437 candidates, 300 images kept aside), the other pretrains on the digits, or
nothing. Rounds alone and beside it take turns, after one that is not counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
from learner_images import digits

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.config import LearnerRule  # noqa: E402 - path first
from alcore.learner import device, pretraining  # noqa: E402
from alcore.learner.pretraining import PretrainSettings  # noqa: E402
from alcore.processes import NICENESS, become_worker  # noqa: E402
from alcore.rounds import Holdout, Images, Lesson, SelectionTask, learner_of, run_round  # noqa: E402

LABELS = 60


def pretrain(threads: int, wanted: Event, works: Event) -> None:
    """Pretrain while it is wanted, for ever."""
    become_worker(NICENESS)
    data = digits()

    def told(share: float) -> None:
        works.set()
        wanted.wait()

    wanted.wait()
    with device.computing(0, threads):
        while True:
            pretraining.pretrain(
                data.pixels, np.arange(data.pool), data.channels, PretrainSettings(), 0, told
            )


def a_round(number: int, threads: int) -> tuple[float, float]:
    """Do a round; return its wall and processor seconds."""
    data = digits()
    ids = np.arange(len(data.true))
    pool = np.random.default_rng(number).permutation(data.pool)
    labeled, rest = pool[:LABELS], pool[LABELS:]
    images = Images(data.pixels, ids, 1)
    learner = learner_of(LearnerRule(), "shift", images, data.class_names)
    lesson = Lesson(images, labeled, data.true[labeled], data.class_names, 0, number, threads)
    task = SelectionTask(rest, "margin", {}, 20, 200, stop_ids=np.sort(rest)[:1000], embeds=True)
    holdout = Holdout(ids[data.pool :], data.true[data.pool :])
    wall, worked = time.perf_counter(), time.process_time()
    run_round(learner, lesson, holdout, task, lambda phase, share: None)
    return time.perf_counter() - wall, time.process_time() - worked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--rounds", type=int, default=10, help="of each kind")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    wanted, works = spawn.Event(), spawn.Event()
    other = spawn.Process(target=pretrain, args=(chosen.threads, wanted, works), daemon=True)
    other.start()
    become_worker(NICENESS)
    found: dict[str, list[tuple[float, float]]] = {"alone": [], "beside": []}
    a_round(0, chosen.threads)
    for number in range(1, chosen.rounds + 1):
        wanted.clear()
        found["alone"].append(a_round(number, chosen.threads))
        works.clear()
        wanted.set()
        works.wait()
        found["beside"].append(a_round(number, chosen.threads))
    other.kill()
    medians = {
        kind: [statistics.median(took) for took in zip(*rows, strict=True)]
        for kind, rows in found.items()
    }
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {chosen.threads} threads"
    if chosen.json:
        print(json.dumps({"machine": machine, "rounds": found, "medians": medians}, indent=2))
        return
    print(machine)
    for kind, (wall, worked) in medians.items():
        print(f"{kind:6}  {wall:6.2f} s   processor {worked:6.2f} s")
    ratios = [medians["beside"][i] / medians["alone"][i] for i in range(2)]
    print(f"ratio   {ratios[0]:6.2f}     processor {ratios[1]:6.2f}")


if __name__ == "__main__":
    main()
