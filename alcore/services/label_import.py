"""Owns labels on their way in: what a file would bring, and bringing it, whole or not at all.

Labels that people gave stay; what an earlier import said is said anew where it differs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from alcore import label_formats, names
from alcore.config import MOST_CLASSES
from alcore.errors import AlcoreError, InvalidClasses, NotAllowed, UnreadableLabels
from alcore.folding import ids_by_name
from alcore.label_formats import DAMAGE, FORMATS, Columns, ForeignLabel, Format, Table
from alcore.loop import incoming_labels
from alcore.loop.image_matching import Images
from alcore.records import Project
from alcore.services import audit, completing
from alcore.services.classes import add_within, clean_classes
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, label_imports, projects
from alcore.store.label_imports import Standing

__all__ = ["FORMATS", "Columns", "Table"]

Use = Literal["labels", "answer key", "predictions"]
"""What labels of a file are; predictions are somebody's, which people check before any counts."""
NewClasses = Literal["refuse", "add", "leave out"]
"""What becomes of lines whose class the project does not have."""
MOST_PROBLEMS = 1_000
"""Lines that are named with what is wrong with them; the others are counted."""
LONGEST_CLASS = 255
"""Characters, as class folders may have."""
NO_CLASS = "the line names no class"
LONGEST_SOURCE = 80
"""Characters of a file's name, where its predictions are called by it."""
STAGED_AT_ONCE = 2_000
"""Labels that are staged in one transaction, in which others wait."""


@dataclass(frozen=True)
class LabelFile:
    """A file of labels, and how to read it."""

    path: Path
    format: str = ""
    """Empty: told from the file."""
    columns: Columns | None = None
    """Which columns to read of a table; None for those with usual names."""
    name: str = ""
    """What the file is called where it comes from."""

    @cached_property
    def form(self) -> Format:
        """Told once. Raises UnknownFormat, UnreadableLabels."""
        with self._in_words():
            known = bool(self.format)
            form = label_formats.get(self.format) if known else label_formats.detect(self.path)
        if form.read is None:
            raise UnreadableLabels(f"{form.title} is written, but not read")
        return form

    def table(self) -> Table | None:
        """Name the columns of a table; None where the file is none. Raises UnreadableLabels."""
        columns = self.form.columns
        with self._in_words():
            return None if columns is None else columns(self.path)

    def labels(self) -> Iterator[ForeignLabel]:
        """Read the labels. Raises UnreadableLabels, which names the file as people know it."""
        read = self.form.read
        assert read is not None
        with self._in_words():
            yield from read(self.path, self.columns)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say what keeps the file from being read, whatever a library calls that."""
        name = self.name or self.path.name
        try:
            yield
        except (UnreadableLabels, OSError) as error:
            raise UnreadableLabels(str(error).replace(self.path.name, name)) from error
        except DAMAGE as error:
            raise UnreadableLabels(f"{name} is damaged: {error}") from error


@dataclass(frozen=True)
class Problem:
    """A line that brings nothing, and why."""

    line: int
    file: str
    reason: str


@dataclass
class Plan:
    """What a file would change in a project."""

    format: str
    lines: int = 0
    wanted: dict[int, str] = field(default_factory=dict)
    """Class by item id, of the images that the file names and the project has."""
    class_of: dict[int, str] = field(default_factory=dict)
    """Those of them that would be new."""
    unchanged: int = 0
    """Images that have just this already."""
    kept: int = 0
    """Images that people labeled otherwise; theirs stays."""
    agreed: int = 0
    """Of predictions: labeled images of which they say the same."""
    disagreed: int = 0
    """Of predictions: labeled images of which they say something else."""
    disputed: dict[int, str] = field(default_factory=dict)
    """Those of them that are in the pool, by what is predicted: they are listed for review."""
    new_classes: list[str] = field(default_factory=list)
    same_but_case: dict[str, str] = field(default_factory=dict)
    """Classes that differ from one that is there in upper and lower case only, and that one."""
    merged: dict[str, str] = field(default_factory=dict)
    """Classes that were merged into another one, and that one."""
    reasons: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def leave_out_new(self) -> None:
        """Bring nothing of classes that the project does not have."""
        new = set(self.new_classes)
        lines = sum(name in new for name in self.wanted.values())
        self.wanted = {i: name for i, name in self.wanted.items() if name not in new}
        self.class_of = {i: name for i, name in self.class_of.items() if name not in new}
        self.new_classes = []
        if lines:
            self.reasons["the project has no such class"] += lines

    def refuse(self, label: ForeignLabel, reason: str) -> None:
        self.reasons[reason] += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(label.line, label.file, reason))


def preview(
    store: Store, project_id: int, file: LabelFile, use: Use = "labels", by: int | None = None
) -> Plan:
    """Say what a file would bring; nothing is changed.

    Raises NotAllowed, UnreadableLabels, UnknownFormat, InvalidClasses.
    """
    with store.read() as connection:
        check_owner(connection, project_id, by)
        project = projects.get(connection, project_id)
        standings = label_imports.standings(connection, project_id)
    return _plan(project, standings, file, use)


def bring(
    store: Store,
    project_id: int,
    file: LabelFile,
    use: Use = "labels",
    by: int | None = None,
    new_classes: NewClasses = "refuse",
) -> Plan:
    """Take over what a file says, all of it or nothing, and return what that was.

    The labels are staged first, which nobody sees, and accepted in one step. From then on they
    come in whatever is killed, a few at a time, so that nobody waits for them; images that people
    label meanwhile keep what they said. Raises as `preview`, and InvalidClasses where it brings
    classes that nobody has asked for.
    """
    plan = preview(store, project_id, file, use, by)
    if plan.new_classes and new_classes == "refuse":
        raise InvalidClasses(
            f"the file has classes that the project does not have: {_some(plan.new_classes)}; say "
            "that they shall be added, or that their lines are left out"
        )
    if new_classes == "leave out":
        plan.leave_out_new()
    with store.read() as connection:
        _check_ready(projects.get(connection, project_id))
    if not plan.class_of:
        return plan
    if use == "predictions":
        _draw(store, project_id, plan, file, by)
        return plan
    import_id, class_names = _stage(store, project_id, plan, use)
    try:
        with store.write() as connection:
            check_owner(connection, project_id, by)
            ids = _with_new(connection, project_id, plan, by)
            _accept(connection, import_id, class_names, ids)
            said = {"labels": len(plan.class_of), "file": file.name or file.path.name, "use": use}
            audit.note(connection, project_id, by, "labels", **said)
    except AlcoreError:
        with store.write() as connection:
            label_imports.forget(connection, import_id)
        raise
    incoming_labels.finish(store, project_id)
    with store.write() as connection:
        kept = label_imports.kept(connection, import_id)
        label_imports.forget(connection, import_id)
    plan.kept += len(kept)
    plan.class_of = {i: name for i, name in plan.class_of.items() if i not in kept}
    return plan


def _accept(
    connection: Connection, import_id: int, class_names: Sequence[str], ids: Mapping[str, int]
) -> None:
    """Let staged labels come in. Raises InvalidClasses for a class that is gone since."""
    gone = [name for name in class_names if name not in ids]
    if gone:
        raise InvalidClasses(
            f"somebody renamed or deleted the class {gone[0]!r} meanwhile; look again"
        )
    label_imports.accept(connection, import_id, [ids[n] for n in class_names], time.time())


def _with_new(
    connection: Connection, project_id: int, plan: Plan, by: int | None
) -> dict[str, int]:
    """Add the classes that a plan brings; return all ids by name."""
    project = projects.get(connection, project_id)
    _check_ready(project)
    missing = [name for name in plan.new_classes if name not in _names(project)]
    if missing:
        add_within(connection, project_id, missing, by)
        audit.note(connection, project_id, by, "classes", names=missing)
    return ids_by_name(projects.get(connection, project_id))


def _draw(store: Store, project_id: int, plan: Plan, file: LabelFile, by: int | None) -> None:
    """Let people check a sample of somebody's predictions. Raises as `draw_predictions`."""
    completing.check_free(store, project_id)
    with store.write() as connection:
        check_owner(connection, project_id, by)
        ids = _with_new(connection, project_id, plan, by)
        details = {"labels": len(plan.class_of), "file": file.name or file.path.name}
        audit.note(connection, project_id, by, "labels", use="predictions", **details)
    class_of, disputed = (
        {item_id: ids[name] for item_id, name in some.items() if name in ids}
        for some in (plan.class_of, plan.disputed)
    )
    sample = max(1, min(completing.USUAL[1], len(class_of) // 2))
    source = names.shown(file.name or file.path.name)[:LONGEST_SOURCE]
    predictions = completing.Predictions(source, class_of, disputed)
    completing.draw_predictions(store, project_id, predictions, sample, by)


def _check_ready(project: Project) -> None:
    if project.state != "ready":
        raise NotAllowed("labels can come in once the images are in")


def _stage(store: Store, project_id: int, plan: Plan, use: Use) -> tuple[int, list[str]]:
    """Keep the labels of a plan that do not count yet; return the import and its classes."""
    class_names = sorted(set(plan.class_of.values()))
    place = {name: i for i, name in enumerate(class_names)}
    rows = [(item_id, place[name]) for item_id, name in plan.class_of.items()]
    with store.write() as connection:
        import_id = label_imports.begin(connection, project_id, use, time.time())
    for start in range(0, len(rows), STAGED_AT_ONCE):
        with store.write(lasting=False) as connection:
            label_imports.stage(connection, import_id, rows[start : start + STAGED_AT_ONCE])
        time.sleep(incoming_labels.PAUSE)
    return import_id, class_names


# -- what a file would change ------------------------------------------------------------------


def _plan(project: Project, standings: Mapping[int, Standing], file: LabelFile, use: Use) -> Plan:
    plan = Plan(file.form.name)
    images = Images(standings)
    classes = _Classes(project, plan)
    first: dict[int, tuple[ForeignLabel, str]] = {}
    doubled: set[int] = set()
    for label in file.labels():
        plan.lines += 1
        found = images.find(label.file, label.content_hash)
        if isinstance(found, str):
            plan.refuse(label, found)
            continue
        name = names.shown(label.class_name)
        if not name:
            plan.refuse(label, NO_CLASS)
            continue
        name = classes.named(name)
        before = first.setdefault(found, (label, name))
        if before[1] != name:
            if found not in doubled:
                plan.refuse(before[0], "two answers for one image")
            plan.refuse(label, "two answers for one image")
            doubled.add(found)
    plan.wanted = {number: name for number, (_, name) in first.items() if number not in doubled}
    classes.finish(set(plan.wanted.values()))
    _settle(plan, project, standings, use)
    return plan


def _settle(plan: Plan, project: Project, standings: Mapping[int, Standing], use: Use) -> None:
    """Note what would be new, and what is there already or is kept as people have it."""
    ids = {c.name: c.id for c in project.classes}
    plan.class_of, plan.unchanged, plan.kept, plan.agreed, plan.disagreed = {}, 0, 0, 0, 0
    for item_id, name in plan.wanted.items():
        standing, class_id = standings[item_id], ids.get(name)
        if use == "predictions":
            kept, new = False, standing.is_open
            if standing.class_id is not None:
                plan.agreed += standing.class_id == class_id
                plan.disagreed += standing.class_id != class_id
                if standing.class_id != class_id and standing.split == "pool":
                    plan.disputed[item_id] = name
        elif use == "answer key":
            kept, new = False, class_id is None or standing.true_class != class_id
        else:
            kept, new = standing.is_kept_from(class_id), standing.has_not(class_id)
        if new:
            plan.class_of[item_id] = name
        elif kept:
            plan.kept += 1
        else:
            plan.unchanged += 1
    used = set(plan.class_of.values())
    plan.new_classes = [name for name in plan.new_classes if name in used]


class _Classes:
    """Which class of the project, or which new one, a name means."""

    def __init__(self, project: Project, plan: Plan) -> None:
        self._known = _names(project)
        self._by_case: dict[str, str] = {}
        for name in self._known:
            self._by_case.setdefault(name.casefold(), name)
        self._new: dict[str, None] = {}
        self._plan = plan
        today = {c.id: c.name for c in project.classes}
        self._merged = {
            c.name: today[c.merged_into] for c in project.former if c.merged_into in today
        }

    def named(self, name: str) -> str:
        """Return the class that is meant; one that differs in case only is the known one."""
        if name in self._known or name in self._new:
            return name
        if name in self._merged:
            self._plan.merged[name] = self._merged[name]
            return self._merged[name]
        alike = self._by_case.setdefault(name.casefold(), name)
        if alike != name:
            self._plan.same_but_case[name] = alike
        else:
            self._new[name] = None
        return alike

    def finish(self, used: set[str]) -> None:
        """Note the new classes that images will have. Raises InvalidClasses."""
        new = [name for name in self._new if name in used]
        if len(self._known) + len(new) > MOST_CLASSES:
            raise InvalidClasses(
                f"the file names {len(new):,} classes that the project does not have; at most "
                f"{MOST_CLASSES:,} are possible. Is another column meant?"
            )
        self._plan.new_classes = clean_classes(new, LONGEST_CLASS)


def _names(project: Project) -> set[str]:
    return {c.name for c in project.classes}


# -- in words ----------------------------------------------------------------------------------


def words(plan: Plan) -> list[str]:
    """Say what somebody should know of a plan besides how many labels come in."""
    notes = []
    if plan.reasons:
        count = sum(plan.reasons.values())
        reasons = "; ".join(f"{n:,}: {reason}" for reason, n in plan.reasons.most_common())
        notes.append(f"{count:,} of {plan.lines:,} lines bring nothing ({reasons})")
    if plan.kept:
        notes.append(f"{plan.kept:,} images have another label that people gave, which stays")
    if plan.agreed or plan.disagreed:
        total = plan.agreed + plan.disagreed
        notes.append(
            f"of {total:,} images that have a label, {plan.agreed:,} are predicted so "
            f"({plan.agreed / total:.1%})"
        )
    if plan.new_classes:
        notes.append(f"new classes: {_some(plan.new_classes)}")
    for name, into in list(plan.merged.items())[:10]:
        notes.append(f"{name!r} counts as {into!r}, into which it was merged")
    for name, known in list(plan.same_but_case.items())[:10]:
        notes.append(f"{name!r} is taken for {known!r}, from which only capitals tell it apart")
    return notes


def _some(class_names: Sequence[str]) -> str:
    more = f" and {len(class_names) - 10:,} more" if len(class_names) > 10 else ""
    return ", ".join(class_names[:10]) + more


def summary(plan: Plan) -> dict[str, object]:
    """Write a plan as plain values."""
    return {
        "format": plan.format,
        "lines": plan.lines,
        "images": len(plan.wanted),
        "new": len(plan.class_of),
        "unchanged": plan.unchanged,
        "kept": plan.kept,
        "agreed": plan.agreed,
        "disagreed": plan.disagreed,
        "new classes": plan.new_classes,
        "taken for": {**plan.same_but_case, **plan.merged},
        "lines left out": dict(plan.reasons),
        "problems": [{"line": p.line, "file": p.file, "reason": p.reason} for p in plan.problems],
    }
