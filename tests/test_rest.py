"""Owns the proof that whoever starts jobs rests while nobody writes, and wakes in time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from made import Tab, project
from sqlalchemy import Engine, event

from alcore.config import Runtime, Workspace
from alcore.errors import InvalidSettings
from alcore.jobs import dispatcher
from alcore.jobs.dispatcher import LONGEST, Rest
from alcore.store import Store, jobs


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def test_it_rests_until_somebody_writes(store: Store) -> None:
    rest, tab = Rest(store, 600.0), Tab(store, project(store))
    assert rest.is_over()
    rest.begin()
    assert not rest.is_over()
    tab.answer(tab.next())
    assert rest.is_over()


@pytest.mark.parametrize("running", [False, True])
def test_it_looks_when_a_job_is_due_and_every_second_while_one_runs(
    store: Store, running: bool
) -> None:
    made = project(store)
    with store.write() as connection:
        jobs.request(connection, made, "train", time.time(), delay=0.0 if running else 0.2)
        if running:
            assert jobs.take(connection, ["train"], "another", time.time())
    rest = Rest(store, 600.0)
    assert rest.is_over()
    start = time.monotonic()
    assert rest.begin() is False
    assert not rest.is_over()
    while not rest.is_over():
        assert time.monotonic() - start < 20
        time.sleep(0.01)
    assert time.monotonic() - start >= (0.9 * LONGEST if running else 0.1)


def test_it_rests_on_while_there_is_no_job(store: Store) -> None:
    rest = Rest(store, 600.0)
    assert rest.is_over()
    assert rest.begin() is True
    until = time.monotonic() + 1.2 * LONGEST
    while time.monotonic() < until:
        assert not rest.is_over()
        time.sleep(0.05)


@pytest.mark.skipif(os.name != "posix", reason="there it asks every second")
@pytest.mark.sqlite  # looks at a file; a server is asked which transactions have ended
def test_once_the_last_write_is_a_while_ago_it_asks_the_database_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "SETTLED", 0.05)
    monkeypatch.setattr(dispatcher, "LONGEST", 0.05)
    rest, tab = Rest(store, 600.0), Tab(store, project(store))
    assert rest.is_over()
    time.sleep(0.1)
    rest.begin()
    asked: list[str] = []
    event.listen(Engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        assert not rest.is_over()
    assert asked == []
    tab.claim()
    assert rest.is_over()


def test_nobody_works_any_more_some_time_after_the_last_write(store: Store) -> None:
    rest, tab = Rest(store, 0.2), Tab(store, project(store))
    rest.is_over()
    assert not rest.is_long
    until = time.monotonic() + 10
    while not rest.is_long:
        rest.is_over()
        assert time.monotonic() < until
        time.sleep(0.01)
    tab.claim()
    assert rest.is_over() and not rest.is_long


@pytest.mark.parametrize("minutes", ["x", "-1", "1e3", "ten"])
def test_minutes_that_are_no_number_are_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, minutes: str
) -> None:
    monkeypatch.setenv("ALCORE_IDLE_MINUTES", minutes)
    with pytest.raises(InvalidSettings, match="ALCORE_IDLE_MINUTES"):
        Runtime.from_environment()
    monkeypatch.setenv("ALCORE_IDLE_MINUTES", "0.5")
    assert Runtime.from_environment().idle == 30.0
