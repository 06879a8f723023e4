"""Owns the proof that kept counts are what there is, and that a queue is filled without a wait."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from made import BY_HAND, Tab, old_database, project
from sqlalchemy import text

from alcore.config import TeamRule, Workspace
from alcore.services import board_status, dashboard, labeling, team, workspace_check
from alcore.store import Store, items, labels, reports, soundness

DAY = 86_400


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def miscounted(store: Store) -> list[str]:
    with store.read() as connection:
        return soundness.miscounted(connection)


def wrong_numbers(store: Store) -> list[workspace_check.Fault]:
    return [fault for fault in workspace_check.check(store) if "numbers" in fault.what]


def test_a_database_from_before_counts_were_kept_has_them_after(bare_workspace: Workspace) -> None:
    old_database(bare_workspace, "0014")
    said = [  # item, person, kind, class, undoes, time
        (1, 1, "label", 1, None, 100.0),
        (2, 1, "label", 2, None, 950.0),
        (2, 1, "undo", None, 2, 960.0),
        (3, 2, "skip", None, None, 970.0),
        (4, 2, "unsure", None, None, 980.0),
        (5, 2, "label", 1, None, 990.0),
        (6, 1, "import", 2, None, 991.0),
        (6, 2, "label", 2, None, DAY + 1.0),
    ]
    with sqlite3.connect(bare_workspace.database) as old:
        old.execute("PRAGMA recursive_triggers = ON")
        old.executescript(
            """
            INSERT INTO annotator (id, name, created_at) VALUES (1, 'Ana', 0), (2, 'Ben', 0);
            INSERT INTO project (id, name, settings, state, source, known_classes, created_at)
              VALUES (1, 'old', '{}', 'ready', '{}', 'none', 0);
            INSERT INTO project_class (id, project_id, name, position, created_at)
              VALUES (1, 1, 'cat', 0, 0), (2, 1, 'dog', 1, 0);
            """
        )
        old.executemany(
            "INSERT INTO item (id, project_id, position, name, content_hash, width, height, split) "
            "VALUES (?, 1, ?, ?, ?, 8, 8, ?)",
            [(i, i - 1, f"{i}.png", f"{i}", "holdout" if i > 4 else "pool") for i in range(1, 9)],
        )
        old.executemany(
            "INSERT INTO label_event (project_id, item_id, annotator_id, kind, class_id, undoes, "
            "created_at, key, origin, seconds) VALUES (1, ?, ?, ?, ?, ?, ?, ?, 'query', 2.0)",
            [(*event, f"key {n}") for n, event in enumerate(said)],
        )
    old.close()
    store = Store.open(bare_workspace)
    assert miscounted(store) == []
    with store.read() as connection:
        assert items.count(connection, 1) == {"pool": 4, "holdout": 4}
        assert items.count_open(connection, 1) == {"pool": 2, "holdout": 2}
        assert labels.per_class(connection, 1) == {1: 1}
        assert labels.kept_aside(connection, 1) == 2
        assert labels.counts_since(connection, 1, DAY) == {2: 1}
        assert reports.span(connection, 1) == (100.0, DAY + 1.0)
        rows = {w.annotator: w for w in reports.all_work(connection, 1)}
        ana, ben = rows["Ana"], rows["Ben"]
    assert (ana.labels, ana.undone, ana.last_at) == (1, 1, 950.0)
    assert (ben.labels, ben.skipped, ben.unsure, ben.undone) == (2, 1, 1, 0)
    store.close()


def test_what_is_kept_is_what_there_is_whatever_people_do(store: Store) -> None:
    settings = replace(BY_HAND, team=TeamRule(overlap_share=0.4))
    made = project(store, 40, held=8, settings=settings)
    ana, ben = Tab(store, made, "Ana"), Tab(store, made, "Ben")
    keys = []
    for turn in range(24):
        tab = (ana, ben)[turn % 2]
        kind = ("label", "skip", "unsure", "label")[turn % 4]
        keys.append((tab, tab.answer(tab.next(), turn % 2, kind=kind)))
    for tab, key in keys[::5]:
        tab.undo(key)
    with store.write() as connection:
        items.move_to_holdout(connection, [1, 2, 3])
    assert miscounted(store) == []
    status = board_status.status(store, made, ana.annotator.id)
    rows = dashboard.annotators(store, made)
    assert status["team_today"] == sum(row["labels"] for row in rows) > 0
    assert sum(row["undone"] for row in rows) == len(keys[::5])
    assert {q.name: q.labels for q in team.quality(store, made, ana.annotator.id)} == {
        row["annotator"]: row["labels"] for row in rows
    }


@pytest.mark.parametrize("table", ["item_count", "answer_count", "work", "work_time"])
def test_the_check_finds_wrong_counts_and_mends_them(store: Store, table: str) -> None:
    tab = Tab(store, project(store))
    tab.answer(tab.next())
    assert wrong_numbers(store) == []
    wrong = "labels" if table.startswith("work") else "total"
    with store.write() as connection:
        connection.execute(text(f"UPDATE {table} SET {wrong} = {wrong} + 1"))
    (fault,) = wrong_numbers(store)
    assert table in fault.what
    assert workspace_check.mended(fault) == "done"
    assert wrong_numbers(store) == []


def test_a_chart_over_time_is_the_same_from_quarters_and_from_the_log(store: Store) -> None:
    tab = Tab(store, project(store))
    start = 1_000_000 * 3600.0
    for minutes in (0, 1, 14, 15, 50, 61, 200):
        lease = tab.next()
        event = tab.event(lease, created_at=start + 60 * minutes)
        labeling.answer(store, event, handed=True)
    with store.read() as connection:
        kept = reports.labels_over_time(connection, tab.project_id, 3600, start)
        log = reports.labels_over_time(connection, tab.project_id, 60, start)
    by_hour = Counter((int(row.start) // 3600 * 3600, row.labels) for row in kept)
    hours = [int(start) + 3600 * hour for hour in (0, 1, 3)]
    assert by_hour == Counter(zip(hours, (5, 1, 1), strict=True))
    assert sum(row.labels for row in log) == 7


def test_random_items_are_open_different_and_as_likely_each(store: Store) -> None:
    made = project(store, 600, held=50, queued=20)
    tab = Tab(store, made)
    for lease in tab.claim(20).leases:
        tab.answer(lease)
    tally: Counter[int] = Counter()
    with store.read() as connection:
        still_open = set(items.unlabeled(connection, made).tolist())
        without = set(sorted(still_open)[:30])
        for seed in range(300):
            rng = np.random.default_rng(seed)
            drawn = items.some_unlabeled(connection, made, 20, rng, without)
            assert len(set(drawn)) == 20
            tally.update(drawn)
        few = items.some_unlabeled(connection, made, 10_000, np.random.default_rng(0), without)
    assert set(few) == still_open - without == set(tally)
    expected = 300 * 20 / len(tally)
    # Chi-squared with 499 degrees of freedom: above 620 in 2 of 10,000 runs, and this is one run.
    assert sum((n - expected) ** 2 / expected for n in tally.values()) < 620


def test_people_whose_queue_runs_out_together_get_different_images(store: Store) -> None:
    tabs = [Tab(store, project(store, 300, queued=1), f"person {i}") for i in range(1)]
    tabs += [Tab(store, tabs[0].project_id, f"person {i}") for i in range(1, 4)]
    together, claims = threading.Barrier(4), []

    def work(tab: Tab) -> None:
        together.wait()
        claims.append(tab.claim(5).leases)

    threads = [threading.Thread(target=work, args=(tab,)) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = [lease.item_id for leases in claims for lease in leases]
    assert len(held) == len(set(held)) == 20


@pytest.mark.sqlite
def test_an_imported_label_slows_no_claim_by_being_looked_through(store: Store) -> None:
    """The time that answers take is read from an index of answers that took time."""
    tab = Tab(store, project(store))
    tab.answer(tab.next())
    statement = (
        "EXPLAIN QUERY PLAN SELECT seconds FROM label_event WHERE project_id = 1 "
        "AND seconds IS NOT NULL ORDER BY id DESC LIMIT 50"
    )
    with store.read() as connection:
        (plan,) = connection.execute(text(statement))
        assert "ix_label_event_seconds" in plan.detail
        assert labels.recent_seconds(connection, tab.project_id) == [1.0]
