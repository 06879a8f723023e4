"""Owns the proof of stop advice: it speaks in numbers, and only stops for a reason."""

from __future__ import annotations

from alcore import stopping
from alcore.records import Evaluation, RoundSummary, StopSignals


def a_round(
    number: int,
    accuracy: float | None = None,
    kappa: float | None = None,
    entropy: float | None = None,
) -> RoundSummary:
    """A finished round with 10 labels per round."""
    return RoundSummary(
        id=number,
        project_id=1,
        number=number,
        created_at=0.0,
        labels=10 * number,
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
    )


def test_without_rounds_it_waits_for_the_first_model() -> None:
    advice = stopping.advise([], None)
    assert not advice.stop and "No model yet" in advice.reason


def test_it_says_what_is_missing() -> None:
    rounds = [a_round(n, accuracy=0.1 * n, kappa=0.97, entropy=0.3) for n in range(1, 9)]
    advice = stopping.advise(rounds, 100)
    assert not advice.stop
    assert "Stability 0.970, needs 0.99 for 3 models." in advice.reason
    assert "30.0% of the largest possible, needs below 5%" in advice.reason
    assert "20 labels of the budget of 100 are left" in advice.reason
    assert "+50.0 points in 5 rounds, so labels still help" in advice.reason


def test_three_stable_models_stop_but_two_do_not() -> None:
    rounds = [a_round(1), a_round(2, kappa=0.99), a_round(3, kappa=0.995)]
    advice = stopping.advise(rounds, None)
    assert not advice.stop and "2 of 3 rounds" in advice.reason
    advice = stopping.advise([*rounds, a_round(4, kappa=0.99)], None)
    assert advice.stop and advice.reason.startswith("Stability 0.991")


def test_almost_stable_does_not_read_as_stable() -> None:
    advice = stopping.advise([a_round(n, kappa=0.98999) for n in range(1, 5)], None)
    assert not advice.stop and "0.989, needs 0.99" in advice.reason


def test_a_certain_model_stops() -> None:
    assert stopping.advise([a_round(1, entropy=0.049)], None).stop
    assert not stopping.advise([a_round(1, entropy=0.05)], None).stop


def test_a_flat_curve_stops_after_five_rounds_without_a_gain() -> None:
    rising = [a_round(n, accuracy=0.5 + 0.01 * n) for n in range(1, 11)]
    assert not stopping.advise(rising, None).stop
    flat = [*rising, *(a_round(n, accuracy=0.601) for n in range(11, 16))]
    advice = stopping.advise(flat, None)
    assert advice.stop and "Accuracy changed by +0.1 points in 5 rounds" in advice.reason


def test_a_spent_budget_stops() -> None:
    advice = stopping.advise([a_round(5)], 50)
    assert advice.stop and advice.labels_left == 0
    assert advice.reason == "The budget of 50 labels is spent (50 labels)."
