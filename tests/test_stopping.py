"""Owns the proof of stop advice: it speaks in numbers, follows labels, and stops for a reason."""

from __future__ import annotations

from dataclasses import replace

from alcore import stopping
from alcore.records import Evaluation, Learner, RoundSummary, StopSignals

USUAL = Learner()


def a_round(
    number: int,
    accuracy: float | None = None,
    kappa: float | None = None,
    entropy: float | None = None,
    labels: int | None = None,
    learner: Learner = USUAL,
) -> RoundSummary:
    """A finished round; ten labels per round where nothing else is said."""
    return RoundSummary(
        id=number,
        project_id=1,
        number=number,
        created_at=0.0,
        labels=10 * number if labels is None else labels,
        label_minutes=1.0,
        strategy="margin",
        strategy_options={},
        mode="fresh",
        evaluation=Evaluation(n=0 if accuracy is None else 100, accuracy=accuracy),
        stop=StopSignals(kappa=kappa, mean_entropy=entropy),
        uncertainty=(),
        labels_per_class=(),
        batch_per_class=(),
        seconds={},
        seed=0,
        checkpoint=None,
        learner=learner,
    )


def test_without_rounds_it_waits_for_the_first_model() -> None:
    advice = stopping.advise([], None)
    assert not advice.stop and "No model yet" in advice.reason


def test_it_says_what_is_missing() -> None:
    rounds = [a_round(n, accuracy=0.1 * n, kappa=0.97, entropy=0.3) for n in range(1, 9)]
    advice = stopping.advise(rounds, 100)
    assert not advice.stop
    assert "Stability 0.970 over the last 30 labels, needs 0.99." in advice.reason
    assert "30.0% of the largest possible, needs below 5%" in advice.reason
    assert "20 labels of the budget of 100 are left" in advice.reason
    assert "+50.0 points over the last 50 labels, so labels still help" in advice.reason


def test_one_model_alone_says_how_many_labels_will_tell() -> None:
    advice = stopping.advise([a_round(1, accuracy=0.5)], None)
    assert "Stability is known after 30 more labels" in advice.reason
    assert "Progress is known after 50 more labels" in advice.reason


def test_thirty_stable_labels_stop_but_twenty_do_not() -> None:
    rounds = [a_round(1), a_round(2, kappa=0.99), a_round(3, kappa=0.995)]
    advice = stopping.advise(rounds, None)
    assert not advice.stop and "over 20 labels; 10 more are needed" in advice.reason
    advice = stopping.advise([*rounds, a_round(4, kappa=0.99)], None)
    assert advice.stop and advice.stable and advice.reason.startswith("Stability 0.991")


def test_almost_stable_does_not_read_as_stable() -> None:
    advice = stopping.advise([a_round(n, kappa=0.98999) for n in range(1, 5)], None)
    assert not advice.stop and "0.989 over the last 30 labels, needs 0.99" in advice.reason


def test_a_certain_model_stops() -> None:
    assert stopping.advise([a_round(1, entropy=0.049)], None).stop
    assert not stopping.advise([a_round(1, entropy=0.05)], None).stop


def test_a_flat_curve_stops_after_fifty_labels_without_a_gain() -> None:
    rising = [a_round(n, accuracy=0.5 + 0.01 * n) for n in range(1, 11)]
    assert not stopping.advise(rising, None).stop
    flat = [*rising, *(a_round(n, accuracy=0.601) for n in range(11, 16))]
    advice = stopping.advise(flat, None)
    assert advice.stop
    assert "Accuracy changed by +0.1 points over the last 50 labels" in advice.reason


def test_a_spent_budget_stops() -> None:
    advice = stopping.advise([a_round(5)], 50)
    assert advice.stop and advice.labels_left == 0
    assert advice.reason == "The budget of 50 labels is spent (50 labels)."


def test_the_budget_counts_the_labels_of_now() -> None:
    advice = stopping.advise([a_round(5)], 60, labels=57)
    assert advice.labels_left == 3 and "3 labels of the budget of 60 are left" in advice.reason
    assert not stopping.advise([a_round(5)], 50, labels=20).stop  # thirty were taken back


def test_models_of_the_same_labels_are_no_progress_and_no_plateau() -> None:
    rising = [a_round(n, accuracy=0.5 + 0.05 * n, kappa=0.9) for n in range(1, 7)]
    again = [a_round(n, accuracy=0.8, kappa=1.0, labels=60) for n in range(7, 13)]
    advice = stopping.advise([*rising, *again], None)
    assert not advice.stop
    assert "Stability 0.900 over the last 30 labels" in advice.reason
    assert "+25.0 points over the last 50 labels" in advice.reason


def test_a_model_after_each_label_is_judged_by_ten_of_them() -> None:
    """Next to no change after a single label is no sign that labels no longer help."""
    rounds = [
        a_round(n, accuracy=0.5 + 0.002 * n, kappa=0.995, labels=20 + n) for n in range(1, 70)
    ]
    advice = stopping.advise(rounds, None)
    assert not advice.stop
    assert "Stability 0.950 over the last 30 labels" in advice.reason  # ten times 0.005 lost
    assert "+10.0 points over the last 50 labels" in advice.reason


def test_steps_count_from_label_to_label_whatever_the_rounds() -> None:
    every = [a_round(n, accuracy=0.6, kappa=0.999, labels=5 * n) for n in range(4, 20)]
    thick = [a_round(n, accuracy=0.6, kappa=0.998, labels=10 * n) for n in range(2, 10)]
    advice, same = stopping.advise(every, None), stopping.advise(thick, None)
    assert (advice.stop, advice.gain) == (same.stop, same.gain) == (True, 0.0)
    assert abs(advice.kappa - same.kappa) < 1e-9


def test_another_learner_begins_anew() -> None:
    before = [a_round(n, accuracy=0.9, kappa=0.999) for n in range(1, 9)]
    assert stopping.advise(before, None).stop
    pretrained = replace(Learner(), weights="pretraining 1", transfer="finetune")
    after = [*before, a_round(9, accuracy=0.9, kappa=0.999, labels=80, learner=pretrained)]
    advice = stopping.advise(after, None)
    assert not advice.stop and advice.kappa is None and advice.gain is None


def test_advice_that_no_longer_holds_leaves_no_mark() -> None:
    stable = [a_round(n, kappa=0.995) for n in range(1, 7)]
    assert stopping.advised_since(stable, None).number == 4
    shaken = [*stable, a_round(7, kappa=0.9)]
    assert stopping.advised_since(shaken, None) is None
    calm = [*shaken, *(a_round(n, kappa=0.999) for n in range(8, 12))]
    assert stopping.advised_since(calm, None).number == 10
    assert stopping.advised_since([a_round(5)], 50).number == 5
    assert stopping.advised_since([a_round(5)], 80) is None  # the budget was raised
