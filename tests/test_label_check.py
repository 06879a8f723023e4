"""Owns the proof that wrong labels are found: by hand-worked numbers, and on real digits."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from made import BY_HAND

from alcore import label_errors
from alcore.config import Workspace
from alcore.job_kinds import function_of
from alcore.records import NewEvent
from alcore.services import projects
from alcore.store import Store, items, jobs, label_checks, labels
from alcore.workers.attempts import run


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def test_a_label_is_probably_wrong_where_another_class_is_likelier_than_usual() -> None:
    probabilities = np.array(
        [
            [0.9, 0.1],  # surely a, labeled a
            [0.2, 0.8],  # surely b, labeled a: wrong
            [0.45, 0.55],  # a little rather b, labeled a: b is usually surer than that
            [0.3, 0.7],  # b, labeled b
            [0.1, 0.9],  # b, labeled b
        ]
    )
    given = np.array([0, 0, 0, 1, 1])
    assert label_errors.probably_wrong(probabilities, given).tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert label_errors.error_score(probabilities, given).round(2).tolist() == [
        -0.8,
        0.6,
        0.1,
        -0.4,
        -0.8,
    ]


def test_a_class_without_labels_is_never_what_an_image_should_have_been() -> None:
    probabilities = np.array([[0.4, 0.1, 0.5], [0.1, 0.8, 0.1]])
    assert not label_errors.probably_wrong(probabilities, np.array([0, 1])).any()


def take_a_look(store: Store, project_id: int) -> None:
    with store.write() as connection:
        jobs.request(connection, project_id, "label_check", time.time())
        job = jobs.take(connection, ["label_check"], "test", time.time(), project_id)
    assert run(store, job, function_of("label_check"), 2) is None


@pytest.mark.parametrize(("precision", "hits"), [("float32", 17), ("bfloat16", 15)])
def test_mislabeled_digits_are_found_first(
    store: Store, precision: str, hits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALCORE_PRECISION", precision)
    settings = replace(BY_HAND, resolution=8)
    project_id = projects.create(store, "digits", {"kind": "digits"}, "answer key", settings)
    projects.import_now(store, project_id, 1)
    rng = np.random.default_rng(0)
    with store.write() as connection:
        ids, key = items.answer_key(connection, project_id)
        chosen = rng.permutation(len(ids))[:300]
        classes = [c.id for c in projects.get(store, project_id).classes]
        wrong = set(ids[chosen[:20]].tolist())
        who = labels.annotator_named(connection, "Ana", 0.0).id

        def label(item_id: int, class_id: int) -> None:
            labels.append(
                connection,
                NewEvent(
                    project_id=project_id,
                    item_id=item_id,
                    annotator_id=who,
                    kind="label",
                    class_id=class_id,
                    key=uuid.uuid4().hex,
                    origin="query",
                    created_at=time.time(),
                ),
            )

        for item_id, class_id in zip(ids[chosen].tolist(), key[chosen].tolist(), strict=True):
            other = classes[(classes.index(class_id) + 1) % 10]
            label(item_id, other if item_id in wrong else class_id)
    take_a_look(store, project_id)
    with store.read() as connection:
        assert label_checks.last_check(connection, project_id)[1] == 300
        rows = connection.exec_driver_sql(
            "SELECT item_id, class_id, flagged, event_id FROM label_check ORDER BY error_score DESC"
        ).all()
    first = {row.item_id for row in rows[:25]}
    print(f"{len(first & wrong)} of 20 wrong labels are among the first 25, needs {hits}")
    # This draw has 16 in bfloat16; two others had 18 and 16 in either arithmetic.
    assert len(first & wrong) >= hits
    assert sum(row.flagged for row in rows) <= 40
    true = dict(zip(ids.tolist(), key.tolist(), strict=True))
    right = [row.class_id == true[row.item_id] for row in rows if row.item_id in wrong]
    assert sum(right) >= 15
