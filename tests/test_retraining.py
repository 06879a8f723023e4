"""Owns the proof of the rule that says when the next model is due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alcore.config import RetrainRule
from alcore.retraining import next_training

RULE = RetrainRule(new_labels=10, minimum=20)


def test_the_first_model_comes_when_each_class_was_seen() -> None:
    assert next_training(RULE, [9, 0], 9, first=True).missing == 11
    assert next_training(RULE, [8, 1], 9, first=True).missing == 1
    assert next_training(RULE, [9, 1], 10, first=True).due


def test_the_first_model_comes_at_the_minimum_though_a_class_is_unseen() -> None:
    assert not next_training(RULE, [10, 9, 0], 19, first=True).due
    assert next_training(RULE, [10, 10, 0], 20, first=True).due


def test_labels_that_arrive_together_do_not_skip_the_next_model() -> None:
    for new in (10, 11, 12, 25):
        assert next_training(RULE, [50, 50], new, first=False).due


def test_one_class_alone_blocks_with_a_reason() -> None:
    found = next_training(RULE, [30, 0], 30, first=True)
    assert not found.due and found.missing == 0 and "two classes" in found.blocked


def test_without_classes_or_labels_nothing_is_due() -> None:
    found = next_training(RULE, [], 0, first=True)
    assert (found.due, found.missing, found.blocked) == (False, 20, None)


def test_trainings_by_hand_are_never_due() -> None:
    found = next_training(RetrainRule(automatic=False), [50, 50], 100, first=False)
    assert (found.due, found.missing) == (False, None)


def test_a_label_that_was_taken_back_asks_for_the_next_model_at_once() -> None:
    found = next_training(RULE, [40, 40], 2, first=False, withdrawn=1)
    assert (found.due, found.missing, found.withdrawn) == (True, 0, 1)
    alone = next_training(RULE, [40, 0], 0, first=False, withdrawn=40)
    assert not alone.due and "two classes" in alone.blocked
    by_hand = next_training(RetrainRule(automatic=False), [40, 40], 0, first=False, withdrawn=3)
    assert (by_hand.due, by_hand.withdrawn) == (False, 3)


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=5),
    st.integers(0, 200),
    st.booleans(),
    st.integers(1, 30),
    st.integers(2, 60),
)
def test_due_means_that_nothing_is_missing_or_in_the_way(
    per_class: list[int], since: int, first: bool, new_labels: int, minimum: int
) -> None:
    rule = RetrainRule(new_labels=new_labels, minimum=minimum)
    found = next_training(rule, per_class, since, first)
    assert 0 <= found.missing <= found.step
    assert found.due == (found.missing == 0 and found.blocked is None)
    if found.missing:
        more = [n + found.missing for n in per_class]
        assert not next_training(rule, more, since + found.missing, first).missing
