"""Owns the one rule of who may be asked about which image; every query takes its parts from here.

The parts are conditions on a row of `item`, for the person and the instant that the parameters
`annotator` and `now` name. An image may be put to a person
- anew, while further answers are lacking and this person has neither answered nor holds it,
- again, where a ranking asks about an answered image: while nobody answered since or holds it,
- as gold, whatever others said of it: while this person has neither answered nor holds it;
and what somebody skipped too often goes to others only.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BindParameter, ColumnElement, Connection, Table, bindparam, func, select

from alcore.store.tables import (
    answer,
    completion,
    gold,
    item,
    label_event,
    lease,
    model_label,
    vote,
)

SKIPS_TO_OTHERS = 2
"""After this many skips an image goes to others only."""

_me: BindParameter[int] = bindparam("annotator")
_undo = label_event.alias("undo")
_voted = vote.c.item_id == item.c.id
_leased = (lease.c.item_id == item.c.id) & (lease.c.expires_at > bindparam("now"))
_skipped = (
    (label_event.c.item_id == item.c.id)
    & (label_event.c.kind == "skip")
    & (label_event.c.annotator_id == _me)
    & ~select(_undo.c.id).where(_undo.c.undoes == label_event.c.id).correlate(label_event).exists()
)


def _exists(of: Table, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(of).where(*conditions).correlate(item).exists()


def _count(of: Table, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    counted = select(func.count()).select_from(of).where(*conditions)
    return counted.correlate(item).scalar_subquery()


is_gold = _exists(gold, gold.c.item_id == item.c.id)
is_check = (
    select(model_label.c.item_id)
    .join(completion, completion.c.id == model_label.c.completion_id)
    .where(
        model_label.c.item_id == item.c.id,
        model_label.c.project_id == item.c.project_id,
        model_label.c.draw.is_not(None),
        completion.c.drawn_at.is_not(None),
        completion.c.written_at.is_(None),
        completion.c.withdrawn_at.is_(None),
    )
    .correlate(item)
    .exists()
)
"""The image is in a sample by which people check a model: to be asked without its answer."""
_final = _exists(answer, answer.c.item_id == item.c.id, answer.c.final)
_answered_by_me = _exists(vote, _voted, vote.c.annotator_id == _me)
_held_by_me = _exists(lease, _leased, lease.c.annotator_id == _me)
_held_by_others = _exists(lease, _leased, lease.c.annotator_id != _me)
_voter = vote.alias("voter")
_others = _count(vote, _voted, vote.c.annotator_id != _me) + _count(
    lease,
    _leased,
    lease.c.annotator_id != _me,
    ~select(_voter)
    .where(_voter.c.item_id == lease.c.item_id, _voter.c.annotator_id == lease.c.annotator_id)
    .correlate(lease)
    .exists(),
)
"""How many other people have answered or hold an image."""


def _lacking(answers: ColumnElement[int] | int = item.c.answers) -> ColumnElement[bool]:
    """Of so many answers, one by this person would be wanted: nobody had the last word."""
    return ~_final & (_others < answers)


def anew(answers: ColumnElement[int] | int = item.c.answers) -> ColumnElement[bool]:
    """The image may be put to the person as one that lacks answers.

    That most images of an old queue have the one answer that they shall get is looked at first: it
    takes a tenth of the time of all else.
    """
    done = _exists(answer, answer.c.item_id == item.c.id)
    enough = done & (item.c.answers == 1) if isinstance(answers, ColumnElement) else done
    return ~enough & ~_held_by_me & ~_answered_by_me & _lacking(answers)


waits_again = (
    ~_final & ~select(vote.c.item_id).where(_voted, vote.c.event_id > bindparam("known")).exists()
)
"""Nobody has answered since the event `known`, the newest that the ranking's model knew."""
again = ~_held_by_me & ~_held_by_others & waits_again
as_gold = is_gold & ~_held_by_me & ~_answered_by_me
skips = _count(label_event, _skipped)
skipped_lately = _exists(label_event, _skipped, label_event.c.id >= bindparam("recent"))
hidden = ((item.c.answers > 1) | is_gold) & ~_answered_by_me
"""What others said would bias the person, who may be asked for an answer of their own."""


@dataclass(frozen=True)
class Standing:
    """How an image stands for one person."""

    answered: bool
    """This person has answered it."""
    held: bool
    """Others hold it."""
    lacking: bool
    """An answer by this person is wanted, or would replace their own; of gold it always is."""


_STANDING = select(
    _answered_by_me.label("answered"),
    _held_by_others.label("held"),
    (_lacking() | is_gold).label("lacking"),
).where(item.c.id == bindparam("item"))


def standing(connection: Connection, item_id: int, annotator_id: int, now: float) -> Standing:
    """Read how an image stands for a person."""
    which = {"item": item_id, "annotator": annotator_id, "now": now}
    row = connection.execute(_STANDING, which).one()
    return Standing(bool(row.answered), bool(row.held), bool(row.lacking))
