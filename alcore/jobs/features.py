"""Owns the features job: a network that knows photographs looks at each image once.

It runs before anybody labels, in the lane of pretraining, and rests three quarters of the time
while a training runs. What was computed is on the disk after each block, so that a kill costs
seconds. Times in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from alcore import disk
from alcore.feature_space import DIRECTIONS, FeatureSpace
from alcore.jobs.making_room import MakingRoom
from alcore.learner.costs import STAGES, features_side
from alcore.loop import features as files
from alcore.loop.image_reading import image_reader
from alcore.loop.queueing import cold_start_rows, swap_queue
from alcore.loop.randomness import rng
from alcore.records import Features, Item, Project, Selection
from alcore.store import items, jobs, projects, rounds
from alcore.strategies.cold_start import typical_start
from alcore.workers.attempts import Running

if TYPE_CHECKING:
    from alcore.learner.extractors import Extractor

BLOCK_PIXELS = 16 * 160 * 160
"""Of the images that the network sees at a time: their feature maps take 100 MB."""
KEEP = 5.0
"""Time after which what was computed is written, at most."""
COLD_START, SUBSET = 100, 10_000
"""Items in the first queue, and items among which they are chosen."""


def run_features(running: Running) -> None:
    """Compute the features that are missing; publish the points, and a first batch by them.

    Raises WeightsUnavailable and CheckpointMismatch for an extractor that cannot be had, NoRoom.
    """
    store, project_id = running.store, running.job.project_id
    folder = store.folder(project_id)
    running.report("loading the network", 0.0)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        rows = items.get_all(connection, project_id)
        spec, _ = projects.source(connection, project_id)
        pool = items.pool_rows(connection, project_id)
    had_tuned = files.status(folder, files.TUNED)
    file, about, goes_on = _compute(running, project, rows, spec)
    running.report("looking for what is alike", 1.0)
    features = file.array()
    space = FeatureSpace.of(features, pool)
    points = space.points(features)
    part = file.save(space, points, about)
    first = _first_batch(running, project, rows, points)
    with running.publish() as connection:
        files.put(part)
        latest = rounds.latest(connection, project_id)
        if latest is None and first is not None:
            swap_queue(connection, project, cold_start_rows(first), None, 0)
        rule = projects.get(connection, project_id).settings
        if had_tuned is not None and not goes_on:
            files.forget_tuned(folder)
        if had_tuned is not None and rule.learner.tunes and about.layers == STAGES:
            # Stages that were tuned are as good for new images; a training comes after it.
            known = {"weights": had_tuned.tuned, "labels": had_tuned.labels} if goes_on else {}
            jobs.request(connection, project_id, "tuning", time.time(), args=known)
        elif latest is not None and rule.learner.uses_extractor and rule.retrain.automatic:
            jobs.request(connection, project_id, "train", time.time())
    files.forget_others(folder)


def _compute(
    running: Running, project: Project, rows: Sequence[Item], spec: Mapping[str, Any]
) -> tuple[files.FeatureFile, Features, bool]:
    """Let the extractor look at the images that it has not seen.

    Return the file, what it is, and whether some of it was there.
    """
    from alcore.learner import device, extractors  # brings torch

    settings, rule = project.settings, project.settings.learner
    folder = running.store.folder(project.id)
    extractor = extractors.build(
        rule.extractor, rule.extractor_file, running.store.workspace.downloads
    )
    side = extractor.side or features_side([max(row.width, row.height) for row in rows])
    before = float(running.job.args.get("seconds", 0.0))
    with device.computing(settings.seed, running.threads, running.precision):
        about = Features(
            extractor=extractor.name,
            source=extractor.source,
            license=extractor.license,
            side=side,
            resolution=min(side, max(max(row.width, row.height) for row in rows)),
            images=len(rows),
            seconds=before,
            arithmetic=extractors.arithmetic(),
            created_at=time.time(),
            layers=extractor.layers,
        )
        file = files.FeatureFile(folder, key_of(about, extractor.digest, project), extractor.width)
        goes_on = file.begin() > 0
        read = image_reader(folder, settings, spec, about.resolution)
        filling = Filling(file, extractor, side, before)
        seconds = filling.fill(running, rows, read, lambda share: share)
    return file, replace(about, seconds=seconds), goes_on


@dataclass
class Filling:
    """What an extractor says of images, on its way to a file."""

    file: files.FeatureFile
    """Which has begun."""
    extractor: Extractor
    side: int
    seconds: float
    """Time spent computing so far, over all attempts."""
    waiting: list[np.ndarray] = field(default_factory=list)

    def fill(
        self,
        running: Running,
        rows: Sequence[Item],
        read: Callable[[Item], np.ndarray],
        share_of_all: Callable[[float], float],
    ) -> float:
        """Add the features of all images that the file lacks; return the time that all took.

        share_of_all: the job's progress at a share of the images. Call within `device.computing`.
        """
        from alcore.learner import extractors  # brings torch

        done, room = len(self.file), MakingRoom(running.store)
        points = 4 * DIRECTIONS * len(rows)
        disk.check_room(self.file.folder, 2 * self.file.width * (len(rows) - done) + points)
        running.note({"began_at": share_of_all(done / len(rows))})
        before, started = self.seconds, time.monotonic()
        written_at = started
        size = block_size(self.side)
        for images in blocks(rows[done:], read, size):
            share = (done + size * len(self.waiting)) / len(rows)
            running.report("computing features", share_of_all(share))
            self.waiting.append(extractors.extract(self.extractor, images, self.side))
            room.rest()
            self.seconds = before + time.monotonic() - started
            if time.monotonic() - written_at > KEEP:
                done += self._keep(running)
                written_at = time.monotonic()
        self._keep(running)
        return self.seconds

    def _keep(self, running: Running) -> int:
        """Write what was computed; return how many images that were."""
        if not self.waiting:
            return 0
        features = np.concatenate(self.waiting)
        self.waiting.clear()
        self.file.append(features)
        running.note({"seconds": self.seconds})
        with running.write() as connection:
            running.advance(connection)
        return len(features)


def block_size(side: int) -> int:
    """Return how many images of so many pixels a side an extractor sees at a time."""
    return min(64, max(4, BLOCK_PIXELS // side**2))


def key_of(about: Features, digest: str, project: Project) -> str:
    """Name all that features depend on besides the images."""
    scale = project.settings.pixel_range.scale
    words = [about.extractor, digest, str(about.side), about.arithmetic, str(scale)]
    return blake2b("/".join(words).encode(), digest_size=8).hexdigest()


def blocks(
    rows: Sequence[Item], read: Callable[[Item], np.ndarray], size: int
) -> Iterator[np.ndarray]:
    """Read images, so many at a time: (size, R, R, 3) uint8."""
    for start in range(0, len(rows), size):
        yield np.stack([read(row) for row in rows[start : start + size]])


def _first_batch(
    running: Running, project: Project, rows: Sequence[Item], points: np.ndarray
) -> Selection | None:
    """Choose what is asked before there is a model; None where there is nothing to ask."""
    with running.store.read() as connection:
        candidates = items.unlabeled(connection, project.id)
        labeled_ids, _ = items.labeled(connection, project.id)
    if not len(candidates):
        return None
    drawn = rng(project.settings, "first batch")
    some = np.sort(drawn.permutation(candidates)[:SUBSET])
    places = {row.id: row.position for row in rows}
    return typical_start(
        points[[places[int(i)] for i in some]],
        points[[places[int(i)] for i in labeled_ids]],
        some,
        min(COLD_START, len(some)),
        drawn,
    )
