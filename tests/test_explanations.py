"""Why a model answers as it does: maps by every method for every learner, neighbours, the past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from made import BY_HAND, Tab

from alcore import heat_maps
from alcore.config import LearnerRule, Workspace
from alcore.errors import ExplanationImpossible
from alcore.explanations.answers import Desk
from alcore.services import features, projects, training
from alcore.store import Store, items

KINDS = ("network", "auto", "features", "naive bayes")


@dataclass
class Taught:
    """A project of 40 shapes of which 24 are labeled, and a desk that explains its model."""

    store: Store
    project_id: int
    desk: Desk
    tab: Tab
    unlabeled: int
    """An item without a label."""

    def ask(self, what: str, item_id: int | None = None, **more: object) -> dict:
        question = {"what": what, "project": self.project_id, "item": item_id or self.unlabeled}
        return self.desk.answer(question | more)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.open(Workspace(tmp_path_factory.mktemp("explained")))
    yield store
    store.close()


@pytest.fixture(scope="module")
def taught(store: Store) -> dict[str, Taught]:
    return {kind: teach(store, kind) for kind in KINDS}


def teach(store: Store, kind: str) -> Taught:
    settings = replace(BY_HAND, resolution=16, learner=LearnerRule(kind=kind))
    spec = {"kind": "shapes", "size": 40, "classes": 3}
    project_id = projects.create(store, kind, spec, "answer key", settings)
    projects.import_now(store, project_id, 1)
    if settings.learner.uses_extractor:
        features.compute_now(store, project_id, 1)
    tab = Tab(store, project_id)
    with store.read() as connection:
        true = {row.id: row.true_class for row in items.get_all(connection, project_id)}
    for _ in range(24):
        lease = tab.next()
        tab.answer(lease, tab.classes.index(true[lease.item_id]))
    training.train_now(store, project_id, 1)
    desk = Desk(store, 1)
    with store.read() as connection:
        unlabeled = int(items.unlabeled(connection, project_id)[0])
    return Taught(store, project_id, desk, tab, unlabeled)


@pytest.mark.parametrize("kind", KINDS)
def test_x(taught, kind):
    t = taught[kind]
    for m in heat_maps.METHODS:
        try:
            r = t.ask("heat map", method=m, about="difference")
            print(kind, m, r["side"], r["words"])
        except ExplanationImpossible as e:
            print(kind, m, e)
    for w in ("history", "influence"):
        try:
            print(w, t.ask(w))
        except ExplanationImpossible as e:
            print(kind, w, e)
