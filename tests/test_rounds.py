"""Owns the proof that one round is right: the same in, the same out, and never a labeled item."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from alcore import rounds, strategies
from alcore.config import Precision
from alcore.errors import JobCancelled, TrainingImpossible, UnknownItem, UnknownStrategy
from alcore.records import Calibration
from alcore.rounds import RoundInput, recipes
from alcore.rounds.values import Rows

CLASSES = tuple(str(d) for d in range(10))


def quiet(phase: str, share: float) -> None:
    """Listen to progress and do nothing."""


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Digits as the pixel cache holds them: (1797, 8, 8, 3) uint8 and positions."""
    bunch = load_digits()
    grey = (bunch.images * 255 / 16).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1), bunch.target.astype(np.int64)


PIXELS, TRUE = digits()
IDS = np.arange(len(TRUE), dtype=np.int64) * 3 + 1000
ORDER = np.random.default_rng(0).permutation(len(TRUE))
HOLDOUT, POOL = ORDER[:300], ORDER[300:]


def an_input(count: int = 60, **changes: object) -> RoundInput:
    """A round on digits with so many random labels."""
    labeled, rest = POOL[:count], POOL[count:]
    values = {
        "pixels": PIXELS,
        "item_ids": IDS,
        "labeled_ids": IDS[labeled],
        "labels": TRUE[labeled],
        "holdout_ids": IDS[HOLDOUT],
        "holdout_labels": TRUE[HOLDOUT],
        "candidate_ids": IDS[rest],
        "class_names": CLASSES,
        "channels": 1,
        "strategy": "margin",
        "strategy_options": {},
        "batch_size": 10,
        "queue_size": 30,
        "augmentation": "shift",
        "seed": 0,
        "round_number": 1,
        "stop_ids": IDS[rest[:200]],
        "previous_stop": None,
        "threads": 1,
    }
    return RoundInput(**{**values, **changes})


def test_a_round_measures_scores_and_selects(arithmetic: Precision) -> None:
    given = an_input(precision=arithmetic)
    seen: list[tuple[str, float]] = []
    result = rounds.run_round(given, lambda phase, share: seen.append((phase, share)))
    assert result.evaluation.n == 300
    assert result.evaluation.accuracy > 0.75
    assert len(result.selection.item_ids) == 30
    assert set(result.selection.item_ids) <= set(given.candidate_ids)
    assert sum(result.uncertainty) == len(given.candidate_ids) == len(result.scores)
    assert sum(result.batch_per_class) == 10
    assert result.suggestions.shape == (30, 10)
    np.testing.assert_allclose(result.suggestions.sum(axis=1), 1, atol=1e-5)
    assert result.holdout_predicted.shape == result.holdout_confidence.shape == (300,)
    assert set(result.seconds) == {"train", "evaluate", "score", "select"}
    shares = [share for _, share in seen]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    phases = list(dict.fromkeys(phase for phase, _ in seen))
    assert phases == list(result.seconds)


def same(first: rounds.RoundResult, second: rounds.RoundResult) -> bool:
    return (
        first.evaluation == second.evaluation
        and np.array_equal(first.scores, second.scores)
        and np.array_equal(first.suggestions, second.suggestions)
        and np.array_equal(first.selection.item_ids, second.selection.item_ids)
        and first.selection.reasons == second.selection.reasons
    )


@pytest.fixture(scope="module")
def first(arithmetic: Precision) -> rounds.RoundResult:
    """The round on an_input() as it is."""
    return rounds.run_round(an_input(precision=arithmetic), quiet)


def test_the_same_seed_gives_the_same_round_to_the_last_bit(
    first: rounds.RoundResult, arithmetic: Precision
) -> None:
    again = rounds.run_round(an_input(embeds=False, precision=arithmetic), quiet)
    assert same(first, again), "without the embeddings of all images too"
    other = "float32" if arithmetic == "bfloat16" else "bfloat16"
    elsewhere = rounds.run_round(an_input(precision=other), quiet)
    assert not same(first, elsewhere)
    assert (first.versions["arithmetic"], elsewhere.versions["arithmetic"]) == (arithmetic, other)
    assert len(first.embeddings) == len(IDS) and len(again.embeddings) == 0
    assert not same(first, rounds.run_round(an_input(seed=1), quiet))
    assert not same(first, rounds.run_round(an_input(round_number=2), quiet))


@pytest.mark.parametrize("name", [strategy.name for strategy in strategies.registered()])
def test_every_strategy_runs_live_and_never_selects_labeled_or_holdout_items(name: str) -> None:
    given = an_input(30, strategy=name)
    pool = given.candidate_ids[:200]
    # Offered by mistake: items that are labeled or in the holdout meanwhile.
    offered = np.concatenate([given.labeled_ids[:9], pool, given.holdout_ids[:9]])
    given = dataclasses.replace(given, candidate_ids=offered, queue_size=len(offered))
    result = rounds.run_round(given, quiet)
    chosen = result.selection.item_ids.tolist()
    free, known = set(pool.tolist()), set(given.labeled_ids.tolist())
    assert len(set(chosen)) == len(chosen) == len(free)
    assert set(chosen) <= (free | known if strategies.get(name).asks_again else free)
    for item, origin in zip(chosen, result.selection.origins, strict=True):
        assert (origin == "relabel") == (item in known)
    assert result.candidate_ids.tolist() == pool.tolist()


def test_scores_and_suggestions_belong_to_their_items() -> None:
    result = rounds.run_round(an_input(batch_size=5, queue_size=5), quiet)
    places = [result.candidate_ids.tolist().index(i) for i in result.selection.item_ids]
    top = np.sort(result.suggestions, axis=1)[:, ::-1]
    np.testing.assert_allclose(result.scores[places], 1 - (top[:, 0] - top[:, 1]), atol=1e-6)
    assert result.candidate_predicted[places].tolist() == result.suggestions.argmax(1).tolist()
    assert result.selection.item_ids[0] == result.candidate_ids[result.scores.argmax()]


def test_models_are_compared_on_the_stop_set(first: rounds.RoundResult) -> None:
    given = an_input()
    assert first.stop.kappa is None and first.stop.changed is None
    assert 0 < first.stop.mean_entropy < 1
    compared = dataclasses.replace(given, previous_stop=first.stop_predicted)
    again = rounds.run_round(compared, quiet)
    assert again.stop.kappa == 1 and again.stop.changed == 0
    other = rounds.run_round(dataclasses.replace(compared, round_number=2), quiet)
    assert 0 < other.stop.changed < 1 and other.stop.kappa < 1


def test_stop_items_that_were_labeled_since_are_still_compared() -> None:
    given = an_input(stop_ids=IDS[POOL[:100]])
    assert rounds.run_round(given, quiet).stop_predicted.shape == (100,)


def test_a_round_uses_the_temperature_that_is_known_for_its_recipe(
    first: rounds.RoundResult,
) -> None:
    given = an_input()
    assert first.calibration is None and first.model.temperature == 1
    name = recipes.make(given, Rows(IDS)).name
    known = (Calibration(2.0, 60, name, 7.0), Calibration(3.0, 60, "another recipe", 8.0))
    result = rounds.run_round(dataclasses.replace(given, calibrations=known), quiet)
    assert result.model.temperature == result.calibration.temperature == 2
    assert result.calibration.created_at == 7
    # What people and strategies see is calibrated; the record says what it was before.
    was = (result.calibration.ece, result.calibration.nll)
    assert was == pytest.approx((first.evaluation.ece, first.evaluation.nll))
    assert result.evaluation.nll != pytest.approx(first.evaluation.nll)
    assert result.evaluation.confusion == first.evaluation.confusion
    assert not np.allclose(result.scores, first.scores)
    np.testing.assert_allclose(result.head * 2, first.head, rtol=1e-5)
    other = recipes.make(an_input(augmentation="none"), Rows(IDS))
    assert recipes.calibration(dataclasses.replace(given, calibrations=known), other) is None


def test_a_second_look_gives_a_temperature_without_the_holdout() -> None:
    given = an_input()
    found = rounds.cross_validate(given, quiet).calibration
    assert (found.labels, found.recipe) == (60, recipes.make(given, Rows(IDS)).name)
    assert found.temperature != 1 and time.time() - found.created_at < 600
    none = np.empty(0, np.int64)
    blind = dataclasses.replace(given, holdout_ids=none, holdout_labels=none)
    assert rounds.cross_validate(blind, quiet).calibration.temperature == found.temperature
    few = rounds.cross_validate(an_input(39), quiet)
    assert few.calibration is None and few.probabilities.shape == (39, 10)


def test_an_empty_pool_gives_an_empty_selection() -> None:
    none = np.empty(0, np.int64)
    result = rounds.run_round(an_input(candidate_ids=none, stop_ids=none), quiet)
    assert len(result.selection.item_ids) == len(result.scores) == sum(result.uncertainty) == 0
    assert result.suggestions.shape == (0, 10)
    assert result.stop.mean_entropy is None and result.evaluation.n == 300


def test_no_holdout_gives_an_evaluation_that_says_so() -> None:
    none = np.empty(0, np.int64)
    result = rounds.run_round(an_input(holdout_ids=none, holdout_labels=none), quiet)
    assert result.evaluation.n == 0 and result.evaluation.accuracy is None
    assert len(result.holdout_predicted) == len(result.holdout_confidence) == 0


def test_mapped_pixels_give_the_same_round_as_pixels_in_memory(
    first: rounds.RoundResult, tmp_path: Path
) -> None:
    path = tmp_path / "pixels.npy"
    np.save(path, PIXELS)
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    assert same(first, rounds.run_round(an_input(pixels=mapped), quiet))


def test_measuring_alone_gives_the_evaluation_of_the_round(first: rounds.RoundResult) -> None:
    seen: list[float] = []
    found = rounds.measure(an_input(), lambda _, share: seen.append(share))
    assert (found.accuracy, found.confusion) == (
        first.evaluation.accuracy,
        first.evaluation.confusion,
    )
    assert seen[-1] == 1


@pytest.mark.parametrize("at", ["train", "evaluate", "score", "select"])
def test_a_round_stops_at_once_when_asked_to(at: str) -> None:
    def cancel(phase: str, share: float) -> None:
        if phase == at:
            raise JobCancelled("stopped by a person")

    with pytest.raises(JobCancelled):
        rounds.run_round(an_input(), cancel)


def test_one_class_only_cannot_be_trained() -> None:
    given = an_input()
    given = dataclasses.replace(given, labels=np.full(len(given.labels), 7))
    with pytest.raises(TrainingImpossible, match="all 60 labels say '7'; a model needs"):
        rounds.run_round(given, quiet)


def test_an_unknown_strategy_is_refused_before_training() -> None:
    with pytest.raises(UnknownStrategy):
        rounds.run_round(an_input(strategy="best"), lambda *_: pytest.fail("training began"))


def test_an_item_without_pixels_is_named() -> None:
    with pytest.raises(UnknownItem, match="1 items have no pixels, among them 5"):
        rounds.run_round(an_input(stop_ids=np.array([5])), quiet)


def learn(strategy: str, labels: int, seed: int) -> float:
    """Accuracy on 300 digits after rounds of 10 labels from a cold start of 20."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(TRUE))
    holdout, pool = order[:300], order[300:]
    place = {int(item): row for row, item in enumerate(IDS)}
    labeled = strategies.cold_start(PIXELS[pool], IDS[pool], 20, rng).item_ids
    for number in range(1, 100):
        given = an_input(
            labeled_ids=labeled,
            labels=TRUE[[place[int(i)] for i in labeled]],
            holdout_ids=IDS[holdout],
            holdout_labels=TRUE[holdout],
            candidate_ids=np.setdiff1d(IDS[pool], labeled),
            stop_ids=IDS[:0],
            strategy=strategy,
            queue_size=10,
            seed=seed,
            round_number=number,
        )
        if len(labeled) >= labels:
            return rounds.measure(given, quiet).accuracy
        labeled = np.concatenate([labeled, rounds.run_round(given, quiet).selection.item_ids])
    raise AssertionError("rounds without labels")


@pytest.mark.slow
def test_eighty_labels_by_margin_teach_digits_above_90_percent() -> None:
    margin = [learn("margin", 80, seed) for seed in range(2)]
    print(f"digits, 80 labels by margin: {np.mean(margin):.3f} (2 trials), needs above 0.90")
    assert np.mean(margin) > 0.90
