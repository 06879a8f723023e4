"""Owns what the newest model says of images, for those who take it along: the pool, or files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

import numpy as np

from alcore import linear_head, prediction_formats
from alcore.datasets.depth import Scale
from alcore.errors import TrainingImpossible
from alcore.folding import fold_of
from alcore.loop import embeddings
from alcore.loop.round_files import head_of
from alcore.prediction_formats import FORMATS, PredictedBlock, PredictionFormat
from alcore.records import Project, RoundSummary
from alcore.services.exporting import Sink, file_name
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, items, projects, rounds

__all__ = ["FORMATS"]

Which = Literal["unlabeled", "all"]
_AT_ONCE = 1_000
_MOST_NAMED = 20


@dataclass(frozen=True)
class NewestModel:
    """A project's newest model, as far as predictions go."""

    project: Project
    summary: RoundSummary
    classes: tuple[str, ...]
    """Names by position, of the classes of today that it knows something of."""
    fold: Callable[[np.ndarray], np.ndarray]
    """Turns its probabilities into those of `classes`."""
    checkpoint: Path | None
    """None for a learner that is kept in no file."""
    scale: Scale | None


@dataclass
class PredictionFile:
    """Predictions that are ready to be written, once."""

    model: NewestModel
    format: PredictionFormat
    predicted: Iterable[PredictedBlock] = field(repr=False)
    total: int | None = None
    """Images that there are, where that is known before."""
    written: int = 0
    unread: int = 0
    """Files among them that could not be read."""
    examples: list[tuple[str, str]] = field(default_factory=list)
    """Some of these, with reasons."""

    @property
    def name(self) -> str:
        return file_name(self.model.project, f" predictions{self.format.suffix}")

    def blocks(self) -> Iterator[bytes]:
        """Yield the file in blocks as it is made."""
        sink = Sink()
        out = cast(IO[bytes], sink)
        for _ in self.format.write(out, self.model.classes, self._counted()):
            yield sink.take()
        yield sink.take()

    def _counted(self) -> Iterator[PredictedBlock]:
        for block in self.predicted:
            self.written += len(block)
            self.unread += len(block.problems)
            self.examples += block.problems[: _MOST_NAMED - len(self.examples)]
            yield block


def newest_model(connection: Connection, store: Store, project_id: int) -> NewestModel:
    """Find a project's newest model. Raises TrainingImpossible where there is none."""
    project = projects.get(connection, project_id)
    latest = rounds.latest(connection, project_id)
    if latest is None:
        raise TrainingImpossible(
            f"{project.name!r} has no model yet; one comes by itself after the first labels, or "
            "now by a training"
        )
    folder = store.folder(project_id)
    today = fold_of(project, latest)
    return NewestModel(
        project,
        latest,
        tuple(project.classes[place].name for place in today.known),
        today.only_known().fold,
        None if latest.checkpoint is None else folder / latest.checkpoint,
        project.settings.pixel_range.scale,
    )


def with_file(store: Store, project_id: int, by: int | None = None) -> tuple[NewestModel, Path]:
    """Find a project's newest model and the file that it lies in.

    Raises NotAllowed, and TrainingImpossible where there is none, or none in a file.
    """
    with store.read() as connection:
        check_owner(connection, project_id, by)
        model = newest_model(connection, store, project_id)
    if model.checkpoint is None or not model.checkpoint.exists():
        raise TrainingImpossible(
            f"the newest model is {model.summary.recipe.network}, which is kept in no file; let "
            "the network learn instead"
        )
    return model, model.checkpoint


def pool(
    store: Store,
    project_id: int,
    form: str,
    which: Which = "unlabeled",
    with_embeddings: bool = False,
    by: int | None = None,
) -> PredictionFile:
    """Get the predictions of a project's images ready to be written, without torch.

    which: those of the pool that nobody labeled, or all. Raises NotAllowed, UnknownFormat,
    TrainingImpossible where the newest model has left no embeddings.
    """
    chosen = prediction_formats.get(form)
    with store.read() as connection:
        check_owner(connection, project_id, by)
        model = newest_model(connection, store, project_id)
        asked = _asked(connection, project_id, which)
    folder = store.folder(project_id)
    head = head_of(folder, model.summary.number)
    embedded = embeddings.mapped(folder, model.summary.number)
    if head is None or embedded is None:
        raise TrainingImpossible(
            f"the newest model, {model.summary.recipe.network}, has left no embeddings to predict "
            "by; the next one of the network brings them"
        )

    def blocks() -> Iterator[PredictedBlock]:
        with store.read() as connection:
            rows = items.get_all(connection, project_id)
        wanted = set(asked.tolist())
        known = [(row.position, row.name) for row in rows if row.id in wanted]
        for start in range(0, len(known), _AT_ONCE):
            block = [one for one in known[start : start + _AT_ONCE] if one[0] < len(embedded)]
            places = np.asarray(embedded[[position for position, _ in block]])
            yield PredictedBlock(
                tuple(name for _, name in block),
                model.fold(linear_head.probabilities(places, head)),
                places if with_embeddings else None,
            )

    return PredictionFile(model, chosen, blocks(), len(asked))


def _asked(connection: Connection, project_id: int, which: Which) -> np.ndarray:
    """Read the ids of the images to predict."""
    if which == "all":
        return items.ids(connection, project_id)
    return items.unlabeled(connection, project_id)
