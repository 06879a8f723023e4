"""Owns what the set-up page and the command line may ask of projects."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from alcore import estimators, keymap, names, strategies
from alcore.config import LEARNERS, ProjectSettings, computes_features, user_path
from alcore.datasets.addresses import AddressSource
from alcore.datasets.sources import SourceSummary, scan
from alcore.errors import DuplicateProject, InvalidSettings, UnknownProject
from alcore.job_kinds import INCOMING, KINDS, function_of
from alcore.loop.due import request_if_due
from alcore.loop.project_consensus import apply_consensus
from alcore.loop.queueing import choose_overlap, queue_size
from alcore.records import Job, KnownClasses, Project, SkippedFile
from alcore.services import audit
from alcore.services.classes import add, clean_classes
from alcore.services.rights import check_owner
from alcore.store import Store, items, jobs, members, projects, removal
from alcore.strategies import costs
from alcore.workers.attempts import put_back_silent, run
from alcore.workers.claims import BEAT, Watch, holder

DEMO = "digits"
LONGEST_NAME = 100
add_classes = add
"""Classes come with a project's other acts too; scripts know it by this name."""


def list_projects(store: Store, archived: bool = False) -> list[Project]:
    """List projects by age."""
    with store.read() as connection:
        return projects.all_projects(connection, archived)


def get(store: Store, project_id: int) -> Project:
    """Read a project. Raises UnknownProject."""
    with store.read() as connection:
        return projects.get(connection, project_id)


def named(store: Store, name: str) -> Project:
    """Find a project by its name, else by its id as text.

    Raises UnknownProject, naming the others.
    """
    everything = list_projects(store, archived=True)
    by_word = {str(p.id): p for p in everything} | {p.name: p for p in everything}
    if name in by_word:
        return by_word[name]
    names = ", ".join(repr(project.name) for project in everything) or "none yet"
    raise UnknownProject(f"there is no project called {name!r}; there are: {names}")


def look_at(spec: Mapping[str, Any]) -> SourceSummary:
    """Preview a source before its import. Raises ImportRefused, DatasetUnavailable."""
    return scan(spec)


def create(
    store: Store,
    name: str,
    spec: Mapping[str, Any],
    known_classes: KnownClasses = "answer key",
    settings: ProjectSettings | None = None,
    class_names: Sequence[str] = (),
) -> int:
    """Make a project and ask for its import; return its id.

    Raises DuplicateProject, InvalidClasses, InvalidSettings, UnknownStrategy.
    """
    settings = settings or ProjectSettings()
    classes = clean_classes(class_names)
    name = clean_name(name)
    check_learning(store, settings)
    now = time.time()
    if store.files.objects is not None and spec.get("kind") == "folder":
        spec = {**spec, "copy": True}  # other computers have no such folder
    upload = (Path(str(spec.get("path", ""))),)
    store.files.stage(None, (), upload)
    with store.write() as connection:
        project_id = projects.add(connection, name, settings, spec, known_classes, now)
        projects.add_classes(connection, project_id, classes, now)
        if spec.get("kind") == "addresses":  # the list is the project's own from now on
            folder = store.workspace.addresses(project_id)
            AddressSource(folder).keep(user_path(str(spec["path"])).read_bytes())
            projects.set_source(connection, project_id, {"kind": "addresses", "path": str(folder)})
        gone = store.files.record(connection, project_id, INCOMING, upload)
        jobs.request(connection, project_id, "import", now)
    store.files.settle(project_id, gone)
    return project_id


def check_learning(store: Store, settings: ProjectSettings) -> None:
    """Check what learns and what chooses, and that they fit.

    Raises InvalidSettings for an estimator that may not be used here, or that cannot tell what
    the strategy needs; UnknownStrategy.
    """
    # The app starts without what learns.
    from alcore.rounds import estimators as outside
    from alcore.rounds import feature_head
    from alcore.rounds.learners import check_signals

    strategies.complete_options(settings.strategy, settings.strategy_options)
    name = settings.learner.kind
    if name == "features":
        check_signals(name, feature_head.GIVES, settings.strategy, settings.strategy_options)
    elif name not in LEARNERS:
        estimators.check_allowed(name, estimators.allowed(store.workspace.estimators))
        check_signals(name, outside.GIVES, settings.strategy, settings.strategy_options)


def import_now(store: Store, project_id: int, threads: int) -> bool:
    """Run a waiting import in this process; return False where there is none any more.

    While another process runs it, its end is waited for; of one that died, its attempt is gone
    on with. Raises what the import raises; it can be asked for again and goes on where it was.
    """
    watch = Watch(store)
    while True:
        if watch.is_due:
            put_back_silent(store, watch)
        with store.write() as connection:
            job = jobs.take(connection, ["import"], holder(), time.time(), project_id)
            newest = jobs.newest(connection, project_id, "import")
        if job is not None:
            break
        if newest is None or newest.state not in ("running", "waiting"):
            return False
        time.sleep(BEAT)
    error = run(store, job, function_of("import"), threads)
    if error is not None:
        raise error
    return True


def resume_import(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask again for an import that failed, was stopped or was interrupted. Raises NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        if projects.get(connection, project_id).state == "failed":
            projects.set_state(connection, project_id, "importing")
        jobs.request(connection, project_id, "import", time.time())
        audit.note(connection, project_id, by, "import")


def stop_import(store: Store, project_id: int, by: int | None = None) -> None:
    """Stop a running import; what is in stays, and it can be resumed. Raises NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        jobs.cancel(connection, project_id, "import", time.time())
        audit.note(connection, project_id, by, "stop import")


def import_job(store: Store, project_id: int) -> Job | None:
    """Read how the project's import goes or went."""
    with store.read() as connection:
        return jobs.newest(connection, project_id, "import")


def skipped_files(store: Store, project_id: int) -> list[SkippedFile]:
    """List the files that the import left out, with reasons."""
    with store.read() as connection:
        return items.skipped(connection, project_id)


def item_counts(store: Store, project_id: int) -> dict[str, int]:
    """Count a project's items by split."""
    with store.read() as connection:
        return items.count(connection, project_id)


def _check_keys(project: Project, settings: ProjectSettings) -> None:
    """Raise InvalidSettings for keys that cannot be; those of gone classes wait for them."""
    gone = {keymap.target_of(c.id) for c in project.former}
    own = {target: key for target, key in settings.keys.items() if target not in gone}
    keymap.check(project.classes, own)


def edit(
    store: Store,
    project: Project,
    settings: ProjectSettings,
    name: str | None = None,
    by: int | None = None,
) -> None:
    """Save settings that were edited from `project`, and start what they ask for.

    by: the annotator who asks, None for the command line. The holdout and the seed are fixed
    with the first import. Raises StaleSettings where somebody saved in between, NotAllowed,
    InvalidSettings, DuplicateProject.
    """
    check_learning(store, settings)
    old = project.settings
    fixed = (settings.seed, settings.holdout) != (old.seed, old.holdout)
    now = time.time()
    with store.write() as connection:
        check_owner(connection, project.id, by)
        if settings.keys != old.keys:
            _check_keys(projects.get(connection, project.id), settings)
        projects.save_settings(connection, project.id, settings, project.version)
        now_there = projects.get(connection, project.id)
        if now_there.state == "ready" and fixed:
            raise InvalidSettings(
                "seed and holdout are fixed once the images are in: figures before and after "
                "could not be compared; make a new project for others"
            )
        refit = (settings.resolution, settings.pixel_range) != (old.resolution, old.pixel_range)
        if now_there.state != "ready" and refit:
            raise InvalidSettings(
                "resolution and range of values can be changed once the import is finished"
            )
        after = project.name if name is None else clean_name(name)
        if after != project.name:
            projects.rename(connection, project.id, after)
            audit.note(connection, project.id, by, "name", before=project.name, after=after)
        if refit:
            jobs.request(connection, project.id, "import", now)
        if now_there.state == "ready" and settings.team != old.team:
            choose_overlap(connection, now_there)
            apply_consensus(connection, now_there)
        if by is not None and settings.team.invited_only:
            members.seen(connection, project.id, by, now)  # who shuts the door stays inside
        if now_there.state == "ready" and computes_features() and _sees_anew(old, settings):
            jobs.request(connection, project.id, "features", now)
        if settings.retrain != old.retrain:
            request_if_due(connection, now_there, now)
        if changes := audit.changes(old.to_json(), settings.to_json()):
            audit.note(connection, project.id, by, "settings", changes=changes)


def _sees_anew(old: ProjectSettings, new: ProjectSettings) -> bool:
    """Tell whether changed settings need features that the old ones did not."""

    def needs(settings: ProjectSettings) -> tuple[object, ...] | None:
        rule = settings.learner
        asked = (rule.extractor, rule.extractor_file, settings.pixel_range)
        return asked if rule.uses_extractor else None

    return needs(new) is not None and needs(new) != needs(old)


def archive(store: Store, project_id: int, away: bool = True, by: int | None = None) -> None:
    """Put a project away with all that it holds, or take it back; stop what runs for it."""
    now = time.time()
    with store.write() as connection:
        check_owner(connection, project_id, by)
        projects.get(connection, project_id)
        projects.archive(connection, project_id, now if away else None)
        if away:
            for kind in KINDS:
                jobs.cancel(connection, project_id, kind.name, now)
        audit.note(connection, project_id, by, "archive" if away else "take back")


def ensure_demo(store: Store, threads: int) -> None:
    """Make the handwritten digits ready to label in a workspace without projects."""
    with store.read() as connection:
        if removal.any_ever(connection):
            return  # also where somebody has deleted it
    settings = replace(ProjectSettings(), resolution=8, augmentation="shift")
    with suppress(DuplicateProject):  # another process starts in the same workspace
        project_id = create(store, DEMO, {"kind": "digits"}, "answer key", settings)
        import_now(store, project_id, threads)


def strategy_table(images: int, classes: int, settings: ProjectSettings) -> list[dict[str, Any]]:
    """List every strategy: what it picks, its needs and paper, and what a round with it costs.

    Seconds are for scoring and selecting from that many images on two cores, training not counted.
    """
    picks = min(queue_size(settings.batch_size), images)
    size = costs.RoundSize(images, 2 * picks, max(classes, 2), picks, settings.resolution)
    return [
        {
            "name": strategy.name,
            "what it picks": strategy.sentence,
            "needs": ", ".join(sorted(strategies.needed(strategy.name, {}))) or "nothing",
            "paper": strategy.paper,
            "seconds": round(costs.seconds(strategy.name, {}, size), 2),
        }
        for strategy in strategies.registered()
    ]


def clean_name(name: str) -> str:
    """Normalise a project's name. Raises InvalidSettings for an empty or overlong one."""
    clean = names.clean(name)
    if not names.is_name(clean, LONGEST_NAME):
        raise InvalidSettings(
            f"a project's name has 1 to {LONGEST_NAME} visible characters; got {name!r}"
        )
    return clean
