"""Owns the routes by which pages offer metadata as a filter, and how a filter is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from alcore.errors import InvalidSettings
from alcore.metadata import fault, parse, written
from alcore.services import metadata
from alcore.store.metadata_values import Condition
from alcore.web import state
from alcore.web.requests import Body, board_route
from alcore.web.tickets import Ticket

LONGEST = 500
"""Characters of a value that is looked for."""
_DAY = 86_400.0


def columns(request: Request, ticket: Ticket, body: Body) -> Body:
    """Name the columns of metadata."""
    names = metadata.columns(state.store(), ticket.project_id, ticket.annotator_id)
    return {"columns": [{"id": c.id, "name": c.name, "kind": c.kind} for c in names]}


def values(request: Request, ticket: Ticket, body: Body) -> Body:
    """Say what the values of one column are like."""
    who = (state.store(), ticket.project_id, request.path_params["column_id"])
    one = metadata.column(*who, ticket.annotator_id)
    kind, extent = one.column.kind, one.extent
    ends = [None if end is None else written(kind, end) for end in (extent.low, extent.high)]
    return {
        "values": [{"value": text, "images": n} for text, n in one.values],
        "distinct": extent.distinct,
        "low": ends[0],
        "high": ends[1],
    }


def condition(query: Mapping[str, Any]) -> Condition | None:
    """Read a filter by metadata: a column, and a text or two ends. Raises InvalidSettings."""
    column = str(query.get("meta") or "")
    if not column.isdecimal() or len(column) > 15:
        return None
    if query.get("absent") == "1":
        return Condition(int(column), absent=True)
    text = str(query.get("is") or "")[:LONGEST]
    low, high = _end(query.get("low")), _end(query.get("high"), to_the_end=True)
    return Condition(int(column), text or None, low, high)


def _end(value: Any, to_the_end: bool = False) -> float | None:
    """Read a number or a date; to_the_end: of a day without a time, its last second."""
    text = str(value or "").strip()
    if not text:
        return None
    number = parse("number", text)
    if number is not None:
        return float(number)
    moment = parse("date", text)
    if moment is None:
        raise InvalidSettings(f"{fault('number', text)}, and {fault('date', text)}")
    return float(moment) + (_DAY - 1 if to_the_end and len(text) <= 10 else 0)


def routes() -> list[Route]:
    """List the routes of metadata."""
    base = "/board/{project_id:id}/metadata"
    return [
        board_route(base, columns, "take part"),
        board_route(f"{base}/{{column_id:id}}", values, "take part"),
    ]
