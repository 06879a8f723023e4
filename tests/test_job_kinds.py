"""Owns the proof that a kind of job is whole by its one entry, and that no other kind is taken."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator

import pytest
from made import Tab, project

from alcore.config import Workspace
from alcore.errors import UnknownJobKind
from alcore.job_kinds import KINDS, JobKind, function_of, in_lane, named
from alcore.store import Connection, Store, jobs
from alcore.workers.attempts import Running

EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@EVERY
def test_a_kind_names_a_function_that_takes_an_attempt(kind: JobKind) -> None:
    function = function_of(kind.name)
    assert inspect.getdoc(function)
    (parameter,) = inspect.signature(function).parameters
    assert typing.get_type_hints(function)[parameter] is Running


@EVERY
def test_a_kind_has_a_lane_where_not_all_make_room_for_others(kind: JobKind) -> None:
    assert kind in in_lane(kind.lane)
    assert not all(other.makes_room for other in in_lane(kind.lane))
    assert kind.grace > 0


@EVERY
def test_a_kind_has_words_for_people(kind: JobKind) -> None:
    assert re.fullmatch(r"[a-z][a-z ]+", kind.noun)
    assert re.fullmatch(r"[A-Z][A-Za-z0-9 ]+", kind.doing.format(model="Model 7"))


def test_no_two_kinds_share_a_name_and_no_two_lanes_do() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    lanes = {kind.lane for kind in KINDS}
    assert len({lane.name for lane in lanes}) == len(lanes)


@EVERY
def test_a_kind_is_asked_for_taken_and_stopped_by_its_name(store: Store, kind: JobKind) -> None:
    project_id = project(store)
    lane = [other.name for other in in_lane(kind.lane)]
    with store.write() as connection:
        job_id = jobs.request(connection, project_id, kind.name, 0.0)
        assert jobs.due(connection, lane, 1.0)
        assert jobs.take(connection, lane, "me", 1.0).id == job_id
        jobs.cancel(connection, project_id, kind.name, 2.0)
        assert jobs.newest(connection, project_id, kind.name).cancel_requested


def test_jobs_are_taken_in_the_order_of_the_entries(store: Store) -> None:
    project_id, names = project(store), [kind.name for kind in KINDS]
    with store.write() as connection:
        for place, name in enumerate(reversed(names)):
            jobs.request(connection, project_id, name, float(place))
        order = [jobs.take(connection, names, "me", 100.0).kind for _ in names]
    assert order == names


@pytest.mark.parametrize(
    "act",
    [
        lambda connection, project_id: jobs.request(connection, project_id, "trian", 0.0),
        lambda connection, _: jobs.take(connection, ["train", "trian"], "me", 0.0),
        lambda connection, _: jobs.due(connection, ["train", "trian"], 0.0),
        lambda connection, project_id: jobs.cancel(connection, project_id, "trian", 0.0),
        lambda connection, project_id: jobs.newest(connection, project_id, "trian"),
    ],
    ids=["request", "take", "due", "cancel", "newest"],
)
def test_the_store_refuses_a_kind_that_there_is_not(
    store: Store, act: Callable[[Connection, int], object]
) -> None:
    project_id = project(store)
    with (
        pytest.raises(UnknownJobKind, match="called 'trian'; there are import, metadata, train, "),
        store.write() as connection,
    ):
        act(connection, project_id)


@EVERY
def test_the_board_says_what_the_entry_says(store: Store, kind: JobKind) -> None:
    tab = Tab(store, project(store))
    with store.write() as connection:
        jobs.request(connection, tab.project_id, kind.name, 0.0)
        job = jobs.take(connection, [kind.name], "me", 1.0)
    shown = tab.status()["job"]
    if not kind.on_board:
        assert shown is None
        return
    assert (shown["state"], shown["noun"]) == ("running", kind.noun)
    assert shown["doing"] == kind.doing.format(model="A model")
    with store.write() as connection:
        jobs.note(connection, job.id, {"model": 7})
    assert tab.status()["job"]["doing"] == kind.doing.format(model="Model 7")
    assert kind is not named("train") or "Model 7" in tab.status()["job"]["doing"]
