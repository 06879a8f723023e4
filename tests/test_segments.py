"""Owns the proof that a history is divided where its learner changed, and says what changed."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from test_stopping import a_round

from alcore import segments
from alcore.records import Learner

LATER = Learner(weights="pretraining 1", transfer="finetune")


def test_a_new_segment_begins_with_each_change_of_the_learner() -> None:
    learners = [Learner(), Learner(), LATER, LATER, Learner()]
    rounds = [a_round(i + 1, learner=learner) for i, learner in enumerate(learners)]
    found = segments.segments(rounds)
    assert [[r.number for r in s.rounds] for s in found] == [[1, 2], [3, 4], [5]]
    assert [s.sign for s in found] == ["", "from pretraining 1", "from nothing"]
    assert found[1].change == "models begin with pretraining 1 (before: nothing)"
    assert [r.number for r in segments.newest(rounds)] == [5]


def test_without_rounds_there_is_no_segment() -> None:
    assert segments.segments([]) == [] and segments.newest([]) == ()


@pytest.mark.parametrize("field", [f.name for f in fields(Learner)])
def test_whatever_changes_is_said(field: str) -> None:
    before = replace(LATER, **{field: 64 if field == "resolution" else "before"})
    after = replace(LATER, **{field: 96 if field == "resolution" else "after"})
    said = segments.change(before, after)
    assert str(getattr(after, field)) in said and str(getattr(before, field)) in said
    assert str(getattr(after, field)) in segments.sign(before, after)
