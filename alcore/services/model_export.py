"""Owns what may be asked of the newest model as files: pack it, how far that is, take it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alcore.errors import TrainingImpossible
from alcore.loop.model_files import package
from alcore.records import Job, RoundSummary
from alcore.services import audit, predicting
from alcore.services.exporting import file_name
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, jobs, projects, rounds
from alcore.workers.foreground import run_here

_BLOCK = 1_000_000


@dataclass(frozen=True)
class ModelExport:
    """Where the newest model stands as files."""

    latest: RoundSummary | None
    job: Job | None
    """The export that runs or waits, else the last that ended."""
    path: Path | None
    """The package of the newest model, if it is there."""
    name: str
    """For the file that a browser gets."""


def status(store: Store, project_id: int) -> ModelExport:
    """Read where the newest model stands as files."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        latest = rounds.latest(connection, project_id)
        job = jobs.newest(connection, project_id, "model_export")
    number = latest.number if latest else 0
    path = package(store.folder(project_id), number, project.class_change)
    return ModelExport(
        latest, job, path if path.exists() else None, file_name(project, f" model {number}.zip")
    )


def request(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask for the newest model as files. Raises TrainingImpossible, NotAllowed."""
    predicting.with_file(store, project_id, by)
    with store.write() as connection:
        check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "model export")
        jobs.request(connection, project_id, "model_export", time.time())


def stop(store: Store, project_id: int, by: int | None = None) -> None:
    """Stop the export. Raises NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "stop model export")
        jobs.cancel(connection, project_id, "model_export", time.time())


def export_now(store: Store, project_id: int, threads: int) -> ModelExport:
    """Pack the newest model in this process. Raises what the job raises."""
    predicting.with_file(store, project_id)

    def ask(connection: Connection) -> None:
        jobs.request(connection, project_id, "model_export", time.time())

    busy = "this project's model is being packed; wait for it"
    run_here(store, project_id, "model_export", threads, ask, busy)
    return status(store, project_id)


def blocks(store: Store, project_id: int, by: int | None = None) -> tuple[str, Iterator[bytes]]:
    """Return the name and the content of the newest model's package.

    Raises NotAllowed, TrainingImpossible where there is none.
    """
    with store.read() as connection:
        check_owner(connection, project_id, by)
    state = status(store, project_id)
    if state.path is None:
        raise TrainingImpossible("the newest model was not packed yet; ask for that first")
    return state.name, _read(state.path)


def words(state: ModelExport) -> str:
    """Say what the export has found of a model that is packed."""
    known = state.job.args if state.job else {}
    if state.path is None or "program_difference" not in known:
        return ""
    accuracy = known["accuracy"]
    measured = "" if accuracy is None else f"; accuracy {accuracy:.1%}"
    return (
        f"checked against the original on {known['images']:,} real images: largest difference of a "
        f"probability {known['difference']:.1e} as ONNX, {known['program_difference']:.1e} as "
        f"PyTorch's exported program{measured}"
    )


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
