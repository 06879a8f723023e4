"""Owns what machines ask about the server: whether it lives, whether it can work, its numbers.

The numbers are for Prometheus, and for whoever has the token of ALCORE_METRICS; without one there
are none, and nothing is counted. Times in seconds.
"""

from __future__ import annotations

import functools
import hmac
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alcore.errors import AlcoreError, InvalidTicket, UnknownItem
from alcore.services import gauges, projects
from alcore.web import state
from alcore.web.requests import declared, refusal

if TYPE_CHECKING:
    from prometheus_client.core import Metric

UP_TO = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Edges of the bins of how long requests take."""


async def live(request: Request) -> Response:
    """Say that the server answers; whoever watches it starts it anew where this does not come."""
    return JSONResponse({"ok": True})


async def health(request: Request) -> Response:
    """Say that the server answers and that its database and secret can be used; else what not."""

    def look() -> None:
        state.store().check()
        projects.list_projects(state.store())
        state.tickets()

    try:
        await run_in_threadpool(look)
    except AlcoreError as error:
        return refusal(error, request)
    return JSONResponse({"ok": True})


async def metrics(request: Request) -> Response:
    """Write the numbers as Prometheus reads them, for who has the token."""
    token = state.runtime().metrics_token
    try:
        if not token:
            raise UnknownItem("there are no metrics; ALCORE_METRICS names the token for them")
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.casefold() != "bearer" or not hmac.compare_digest(
            text.strip().encode(), token.encode()
        ):
            raise InvalidTicket("the metrics need the token of ALCORE_METRICS as a bearer token")
        text = await run_in_threadpool(_written)
    except AlcoreError as error:
        return refusal(error, request)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _written() -> str:
    from prometheus_client import generate_latest

    return generate_latest(_requests().registry).decode()


class Requests:
    """How many requests there were, and how long each took."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Histogram
        from prometheus_client.process_collector import ProcessCollector

        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self.registry.register(_Gauges())
        self._took = Histogram(
            "alcore_request_seconds",
            "Requests by route and class of status, and how long they took",
            ("route", "status"),
            buckets=UP_TO,
            registry=self.registry,
        )

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request. Only routes of ours have names: an address is not a label."""
        endpoint = scope.get("endpoint")
        route = str(getattr(endpoint, "__name__", "")) if hasattr(endpoint, "right") else "other"
        self._took.labels(route, f"{status // 100}xx").observe(seconds)


class _Gauges:
    """What is read when it is asked for."""

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        for gauge in gauges.read(state.store()):
            family = GaugeMetricFamily(gauge.name, gauge.says, labels=gauge.labels)
            for values, number in gauge.values.items():
                family.add_metric(values, number)
            yield family


@functools.cache
def _requests() -> Requests:
    return Requests()


class Counting:
    """A middleware that counts requests where somebody reads the numbers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and note what became of it."""
        if scope["type"] != "http" or not state.runtime().metrics_token:
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            _requests().note(scope, status, time.perf_counter() - start)


def routes() -> list[Route]:
    """List the routes that machines ask; `/alcore/health` is the older name of `ready`."""
    return [
        declared("/alcore/live", live, "open"),
        declared("/alcore/ready", health, "open"),
        declared("/alcore/health", health, "open"),
        declared("/alcore/metrics", metrics, "open"),
    ]
