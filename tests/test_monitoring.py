"""Owns the proof of what machines are told of the server, and that nobody else is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made import Tab, project, web_store
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from alcore.config import Runtime
from alcore.errors import InvalidSettings
from alcore.services import projects
from alcore.store import Store, jobs
from alcore.web import monitoring, routes, state
from alcore.web.monitoring import Counting

TOKEN = "a-token-of-sixteen"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("ALCORE_METRICS", TOKEN)
    monitoring._requests.cache_clear()
    with web_store(tmp_path) as opened:
        yield opened


def client() -> TestClient:
    return TestClient(Starlette(routes=routes.of_app(), middleware=[Middleware(Counting)]))


def numbers(http: TestClient, token: str = TOKEN) -> dict[tuple[str, tuple[str, ...]], float]:
    """Read the metrics as Prometheus does: by name and the values of labels, in their order."""
    reply = http.get("/alcore/metrics", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 200, reply.text
    return {
        (sample.name, tuple(v for _, v in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def test_prometheus_reads_what_there_is_and_how_long_requests_took(store: Store) -> None:
    http, tab = client(), Tab(store, project(store, 9, name="secret name"), "Ana")
    away = project(store, 3, name="put away")
    projects.archive(store, away)
    tab.answer(tab.next())
    tab.answer(tab.next(), kind="unsure")
    tab.claim(2)
    with store.write() as connection:
        jobs.request(connection, tab.project_id, "train", time.time() - 100)
    ticket = state.tickets().issue(tab.project_id, tab.annotator.id)
    for _ in range(3):
        http.get(f"/board/{tab.project_id}/status", headers={"X-Alcore-Ticket": ticket})
    http.get(f"/board/{tab.project_id}/status")
    http.get("/no/such/page")
    told = numbers(http)
    assert told["alcore_projects", ("ready",)] == told["alcore_projects", ("archived",)] == 1
    assert (told["alcore_images", ()], told["alcore_labels", ()]) == (12, 1)
    assert (told["alcore_images_held", ()], told["alcore_people_labeling", ()]) == (2, 1)
    assert told["alcore_jobs", ("train", "waiting")] == 1
    assert 99 < told["alcore_job_waiting_seconds", ()] < 200
    assert told["alcore_disk_free_bytes", ()] > 0 and told["alcore_database_bytes", ()] > 0
    assert told["alcore_request_seconds_count", ("status", "2xx")] == 3
    assert told["alcore_request_seconds_count", ("status", "4xx")] == 1
    assert told["alcore_request_seconds_count", ("other", "4xx")] == 1
    text = http.get("/alcore/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert "secret" not in text and "Ana" not in text


@pytest.mark.parametrize("header", [None, "Bearer x", f"Basic {TOKEN}", TOKEN, "Bearer \u00e9"])
def test_nobody_reads_the_numbers_without_their_token(store: Store, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    reply = client().get("/alcore/metrics", headers=headers)  # type: ignore[arg-type]
    assert reply.status_code == 401 and "alcore_" not in reply.text


def test_without_a_token_there_are_no_numbers_and_nothing_is_counted(tmp_path: Path) -> None:
    monitoring._requests.cache_clear()
    with web_store(tmp_path):
        http = client()
        assert http.get("/alcore/live").json() == {"ok": True}
        for headers in ({}, {"Authorization": "Bearer "}):
            assert http.get("/alcore/metrics", headers=headers).status_code == 404
    assert monitoring._requests.cache_info().currsize == 0


def test_a_token_that_is_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCORE_METRICS", "short")
    with pytest.raises(InvalidSettings, match="at least 16"):
        Runtime.from_environment()


def test_what_lives_is_ready_once_its_database_can_be_used(tmp_path: Path) -> None:
    with web_store(tmp_path) as store:
        http = client()
        assert http.get("/alcore/ready").json() == {"ok": True}
        away = store.workspace.root / "secret"
        state.tickets.cache_clear()
        away.write_bytes(b"short")
        assert http.get("/alcore/live").status_code == 200
        reply = http.get("/alcore/ready")
        assert reply.status_code == 503 and "damaged" in reply.json()["message"]
