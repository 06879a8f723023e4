"""Owns the pretraining job: a project's images teach a network before anybody labels them.

It runs in a process of its own, beside trainings, and neither waits for the other's end: while
somebody waits for a training, it rests three quarters of the time. What was computed is kept
every half minute, or twentieth; a kill costs no more than that. Times in seconds.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from alcore.errors import CheckpointMismatch, JobCancelled
from alcore.jobs.making_room import MakingRoom
from alcore.loop.round_files import pixels_of
from alcore.records import Pretrained
from alcore.store import items, jobs, pretrained, projects, rounds
from alcore.workers.attempts import Running

if TYPE_CHECKING:
    from alcore.learner.pretraining import State

KEEP = 30.0
"""Time between two savings of what was computed, at most."""
KEEP_SHARE = 0.05
"""Share of the work between two savings, at most."""


def half_done(folder: Path) -> Path:
    """Name the file of a pretraining that is on its way."""
    return folder / "pretrained" / "half-done.safetensors"


def run_pretraining(running: Running) -> None:
    """Pretrain on the pool, from where an earlier attempt was; publish the weights at the end.

    A first attempt begins anew unless it was asked to resume. The holdout plays no part.
    """
    from alcore.learner import device, pretraining  # brings torch
    from alcore.learner.contrast import PretrainSettings

    store, job = running.store, running.job
    folder = store.folder(job.project_id)
    with store.read() as connection:
        project = projects.get(connection, job.project_id)
        n = len(items.ids(connection, project.id))
        rows = items.pool_rows(connection, project.id)
        number = pretrained.next_number(connection, project.id)
    settings = project.settings
    path = half_done(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in (*path.parent.glob("unpublished-*"), *path.parent.glob("*.part")):
        left.unlink(missing_ok=True)  # of attempts that died
    if job.attempt == 1 and not job.args.get("resume"):
        path.unlink(missing_ok=True)
    work = _Work(running, path)
    recipe = PretrainSettings(network=settings.learner.network, augmentation=settings.augmentation)
    pixels = pixels_of(folder, settings, n)
    state = work.kept()
    while state is None or not state.done:
        with device.computing(settings.seed, running.threads, running.precision):
            try:
                state = pretraining.pretrain(
                    pixels,
                    rows,
                    project.channels,
                    recipe,
                    settings.seed,
                    work.told,
                    work.should_stop,
                    state,
                )
            except CheckpointMismatch:
                state = None  # of other images or settings: begin anew
                continue
        work.keep(state)
    weights = f"pretrained/{number:04d}.safetensors"
    unpublished = path.with_name(f"unpublished-{job.id}-{job.attempt}.safetensors")
    state.pretrained().save(unpublished)
    with running.publish() as connection:
        unpublished.replace(folder / weights)
        record = Pretrained(
            id=0,
            project_id=project.id,
            number=number,
            created_at=time.time(),
            network=recipe.network,
            channels=project.channels,
            resolution=settings.resolution,
            images=len(rows),
            epochs=state.steps * min(recipe.minibatch, len(rows)) / len(rows),
            seconds=work.seconds,
            loss=state.loss,
            checkpoint=weights,
        )
        pretrained.add(connection, record)
        now_there = projects.get(connection, project.id).settings
        rule, trains = now_there.learner, now_there.retrain.automatic
        begins_with_it = rule.weights == "pool" and rule.transfer != "none"
        if begins_with_it and trains and rounds.latest(connection, project.id):
            jobs.request(connection, project.id, "train", time.time())
    path.unlink(missing_ok=True)


class _Work:
    """Divides a pretraining into stretches, so that none is lost when it has to end."""

    def __init__(self, running: Running, path: Path) -> None:
        self._running = running
        self._path = path
        self._before = float(running.job.args.get("seconds", 0.0))
        self._started = self._kept = time.monotonic()
        self._room = MakingRoom(running.store)
        self._share = self._kept_share = 0.0
        self._stop: JobCancelled | None = None
        self._noted = False

    @property
    def seconds(self) -> float:
        """Time spent computing, over all attempts."""
        return self._before + time.monotonic() - self._started

    def kept(self) -> State | None:
        """Return what an earlier attempt has kept, or None."""
        from alcore.learner import pretraining

        try:
            return pretraining.load_state(self._path)
        except CheckpointMismatch:
            return None

    def told(self, share: float) -> None:
        """Pass the share done on; a wish to stop is remembered until the work is kept."""
        if not self._noted:
            # With the share it began at and the time since, a page can tell the time left.
            self._running.note({"began_at": share})
            self._noted, self._kept_share = True, share
        self._share = share
        try:
            self._running.report("pretraining", share)
        except JobCancelled as stop:
            self._stop = stop
        self._room.rest(self._stop is None)

    def should_stop(self) -> bool:
        return (
            self._stop is not None
            or time.monotonic() - self._kept > KEEP
            or self._share - self._kept_share >= KEEP_SHARE
        )

    def keep(self, state: State) -> None:
        """Save the work; raises JobCancelled where it was asked to stop."""
        state.save(self._path)
        self._kept, self._kept_share = time.monotonic(), self._share
        self._running.note({"seconds": self.seconds})
        with self._running.write() as connection:
            self._running.advance(connection)
        if self._stop is not None:
            raise self._stop
