"""Owns what changes to classes make of a project's list of classes. Pure.

A state lists every class that a project ever had: those that are offered first, in order, then
those that are gone, by id. Nothing is ever taken out of it, so that what refers to a class by its
id can always be told what counts in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class ClassState:
    """One class in a state."""

    id: int
    name: str
    description: str = ""
    gone: bool = False
    merged_into: int | None = None
    """Of a gone class, the id of the one that counts in its place: always one that is offered."""


State = tuple[ClassState, ...]


def offered(state: State) -> list[ClassState]:
    """List the classes that annotators may choose, in order."""
    return [one for one in state if not one.gone]


def to_json(state: State) -> list[dict[str, Any]]:
    return [asdict(one) for one in state]


def from_json(rows: Sequence[Mapping[str, Any]]) -> State:
    return tuple(ClassState(**row) for row in rows)


def rename(state: State, class_id: int, name: str) -> State:
    """Give a class another name."""
    return tuple(replace(one, name=name) if one.id == class_id else one for one in state)


def describe(state: State, class_id: int, description: str) -> State:
    """Say what belongs to a class."""
    return tuple(
        replace(one, description=description) if one.id == class_id else one for one in state
    )


def order(state: State, class_ids: Sequence[int]) -> State:
    """Put the offered classes in an order that names each once."""
    place = {class_id: i for i, class_id in enumerate(class_ids)}
    return _listed(
        (*sorted(offered(state), key=lambda one: place[one.id]), *(c for c in state if c.gone))
    )


def merge(state: State, class_ids: Sequence[int], into: int) -> State:
    """Let one class count in place of others, also of those that were merged into them."""
    merged = set(class_ids)
    return _listed(
        replace(one, gone=True, merged_into=into)
        if one.id in merged or (one.gone and one.merged_into in merged)
        else one
        for one in state
    )


def discard(state: State, class_id: int) -> State:
    """Delete a class whose labels shall count no more, nor those of what was merged into it."""
    return _listed(
        replace(one, gone=True, merged_into=None)
        if one.id == class_id or (one.gone and one.merged_into == class_id)
        else one
        for one in state
    )


def restore(before: State, after: State, now: State) -> State:
    """Undo a change, from the states before and after it.

    Classes that the change had added go; those that were added since stay, after the others.
    """
    known = {one.id for one in before}
    added = {one.id for one in after} - known
    later = [one for one in now if one.id not in known]
    return _listed(
        (
            *before,
            *(
                replace(one, gone=True, merged_into=None) if one.id in added else one
                for one in later
            ),
        )
    )


def _listed(state: Sequence[ClassState] | Any) -> State:
    """Put gone classes after the others, by id."""
    everything = list(state)
    gone = sorted((one for one in everything if one.gone), key=lambda one: one.id)
    return (*(one for one in everything if not one.gone), *gone)
