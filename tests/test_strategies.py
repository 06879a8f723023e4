"""Owns the contract that every strategy keeps, and what is special about each."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from dataclasses import fields, replace
from pathlib import Path
from subprocess import run

import numpy as np
import pytest

from alcore import strategies
from alcore.errors import InvalidSettings, PoolExhausted, UnknownStrategy
from alcore.records import Selection
from alcore.strategies import Context, Signals, contract, label_or_relabel

N, CLASSES, WIDTH, LABELED = 200, 4, 8, 12
NAMES = ("cat", "deer", "dog", "frog")
IDS = np.random.default_rng(9).permutation(10_000)[:N].astype(np.int64)
EVERY = [strategy.name for strategy in strategies.registered()]
SCORED = [strategy.name for strategy in strategies.registered() if strategy.score]
MADE_OF_OTHERS = [
    s.name for s in strategies.registered() if any(o.kind == "strategy" for o in s.options)
]
COMBINED = [
    (name, option.name, choice)
    for name in MADE_OF_OTHERS
    for option in strategies.get(name).options
    if option.kind == "strategy"
    for choice in strategies.choices(option)
]


def test_every_strategy_belongs_to_one_family_and_one_strategy_is_recommended() -> None:
    modules = [m.name for m in pkgutil.iter_modules(strategies.__path__, "alcore.strategies.")]
    written = {
        value.name
        for module in map(importlib.import_module, modules)
        for value in vars(module).values()
        if isinstance(value, contract.Strategy)
    }
    listed = [s.name for group in strategies.families().values() for s in group]
    written.discard("margin, diversified")  # a part of the default policy
    assert set(listed) == written and len(set(listed)) == len(listed)
    assert [s.name for s in strategies.families()["recommended"]] == ["default policy"]


def signals(n: int = N, seed: int = 0, labeled: int = LABELED) -> Signals:
    """Every signal that there is, from one model that nobody trained."""
    rng = np.random.default_rng(seed)
    members = rng.dirichlet(np.ones(CLASSES), (n, 5)).astype(np.float32)
    return Signals(
        probabilities=rng.dirichlet(np.ones(CLASSES), n).astype(np.float32),
        embeddings=rng.normal(size=(n, WIDTH)).astype(np.float32),
        labeled_embeddings=rng.normal(size=(labeled, WIDTH)).astype(np.float32),
        labeled_ids=np.arange(20_000, 20_000 + labeled),
        labeled_probabilities=rng.dirichlet(np.ones(CLASSES), labeled).astype(np.float32),
        logits=rng.normal(size=(n, CLASSES)).astype(np.float32),
        dropout=members,
        committee=members[:, ::-1],
        history=members,
        labeled_history=rng.dirichlet(np.ones(CLASSES), (labeled, 5)).astype(np.float32),
        inner_history=rng.normal(size=(n, 5, 3)).astype(np.float32),
        labeled_inner_history=rng.normal(size=(labeled, 5, 3)).astype(np.float32),
        augmented=members,
        predicted_loss=rng.normal(size=n).astype(np.float32),
        reconstruction_loss=rng.random(n).astype(np.float32),
        flip_distance=np.where(np.arange(n) % 3, rng.random(n), np.nan).astype(np.float32),
        holdout_logits=rng.normal(size=(30, CLASSES)).astype(np.float32),
        crossfit=members[:, 2],
        labeled_crossfit=rng.dirichlet(np.ones(CLASSES), labeled).astype(np.float32),
    )


def pick(
    name: str,
    k: int,
    seed: int = 0,
    given: Signals | None = None,
    ids: np.ndarray = IDS,
    batch: int | None = None,
    labels: int = LABELED,
    **options,
) -> Selection:
    """Select with only those signals that the strategy declares."""
    given = signals() if given is None else given
    needs = strategies.needed(name, options)
    brought = {"labeled_" + need for need in needs} | {"labeled_ids"}
    declared = Signals(
        **{name: array for name, array in vars(given).items() if name in needs | brought}
    )
    count = len(given.probabilities)
    context = Context(NAMES, np.arange(labels) % CLASSES, 1)
    rng = np.random.default_rng(seed)
    return strategies.select(name, declared, ids[:count], k, rng, options, context, batch)


def allowed(name: str, ids: np.ndarray = IDS) -> set[int]:
    """Ids that a strategy may pick."""
    again = strategies.get(name).asks_again
    return set(ids.tolist()) | (set(signals().labeled_ids.tolist()) if again else set())


@pytest.mark.parametrize("name", EVERY)
def test_every_strategy_describes_itself(name: str) -> None:
    strategy = strategies.get(name)
    assert strategy.name == name and strategy.sentence.endswith(".") and strategy.paper
    assert strategies.complete_options(name, {}) == dict(strategy.defaults)


@pytest.mark.parametrize("name", EVERY)
def test_every_strategy_returns_ordered_unique_candidates_with_reasons(name: str) -> None:
    chosen = pick(name, 25)
    assert chosen.item_ids.dtype == np.int64 and len(chosen.item_ids) == 25
    assert len(set(chosen.item_ids.tolist())) == 25
    assert set(chosen.item_ids.tolist()) <= allowed(name)
    assert chosen.scores.dtype == np.float64 and np.all(np.isfinite(chosen.scores))
    assert len(chosen.scores) == len(chosen.reasons) == len(chosen.origins) == 25
    assert all(reason and len(reason) < 80 for reason in chosen.reasons)
    for item, origin in zip(chosen.item_ids.tolist(), chosen.origins, strict=True):
        assert origin in (("query", "random") if item in IDS else ("relabel",))


@pytest.mark.parametrize("name", EVERY)
def test_every_strategy_repeats_itself_for_a_seed(name: str) -> None:
    first, again = pick(name, 25, seed=3), pick(name, 25, seed=3)
    assert first.item_ids.tolist() == again.item_ids.tolist()
    assert first.reasons == again.reasons


@pytest.mark.parametrize("name", SCORED)
def test_a_score_falls_along_the_batch(name: str) -> None:
    assert np.all(np.diff(pick(name, 60).scores) <= 1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_every_strategy_goes_on_where_a_shorter_queue_ended(name: str) -> None:
    batch = None if strategies.get(name).prefix and name != "schedule" else 20
    long = pick(name, 60, seed=5, batch=batch)
    assert len(set(long.item_ids.tolist())) == 60
    for k in (0, 1, 7, 20, 33) if batch is None else (20, 33):
        chosen = pick(name, k, seed=5, batch=batch).item_ids.tolist()
        assert chosen == long.item_ids[:k].tolist()
    if batch is not None:
        assert all(reason.startswith("after the batch: ") for reason in long.reasons[20:])
        assert not any(reason.startswith("after the batch: ") for reason in long.reasons[:20])


@pytest.mark.parametrize("name", [name for name in SCORED if not name.endswith("forest")])
def test_the_order_of_items_does_not_matter_to_a_score(name: str) -> None:
    given, order = signals(), np.random.default_rng(1).permutation(N)
    straight = pick(name, N, given=given)
    shuffled = pick(name, N, given=given.take(order), ids=IDS[order])
    np.testing.assert_allclose(straight.scores, shuffled.scores, atol=1e-5)
    a = dict(zip(straight.item_ids.tolist(), straight.scores, strict=True))
    b = dict(zip(shuffled.item_ids.tolist(), shuffled.scores, strict=True))
    assert all(abs(a[item] - b[item]) < 1e-5 for item in a)


def test_the_order_of_items_does_not_matter_to_k_center() -> None:
    given, order = signals(), np.random.default_rng(1).permutation(N)
    straight = pick("k-center", 50, given=given)
    shuffled = pick("k-center", 50, given=given.take(order), ids=IDS[order])
    assert straight.item_ids.tolist() == shuffled.item_ids.tolist()


@pytest.mark.parametrize(("name", "option", "choice"), COMBINED)
def test_every_combination_keeps_the_contract(name: str, option: str, choice: str) -> None:
    chosen = pick(name, 30, batch=20, seed=2, **{option: choice})
    assert len(set(chosen.item_ids.tolist())) == 30
    assert set(chosen.item_ids.tolist()) <= set(IDS.tolist())
    assert np.all(np.isfinite(chosen.scores)) and all(chosen.reasons)
    again = pick(name, 30, batch=20, seed=2, **{option: choice})
    assert again.item_ids.tolist() == chosen.item_ids.tolist()


@pytest.mark.parametrize("name", EVERY)
def test_every_strategy_estimates_its_seconds(name: str) -> None:
    cost = strategies.get(name).cost
    assert 0 < cost(1, 0, 2, 1) <= cost(50_000, 1_000, 10, 1_000) < 120


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"random"}))
def test_before_there_is_a_model_a_start_is_made_openly(name: str) -> None:
    rng = np.random.default_rng(0)
    chosen = strategies.select(name, Signals(), IDS, 9, rng, {}, Context(NAMES, IDS[:0], 1))
    assert len(set(chosen.item_ids.tolist())) == 9
    assert set(chosen.origins) == {"cold start"}
    assert set(chosen.reasons) == {"no model yet: random"}


def test_a_signal_that_was_forgotten_is_named() -> None:
    given = Signals(probabilities=signals().probabilities)
    with pytest.raises(InvalidSettings, match="'BADGE' needs embeddings, which this round has not"):
        rng = np.random.default_rng(0)
        strategies.select("BADGE", given, IDS, 9, rng, {}, Context(NAMES, IDS[:0], 1))


@pytest.mark.parametrize("name", EVERY)
def test_every_strategy_can_take_the_whole_pool_but_not_more(name: str) -> None:
    whole = set(pick(name, N).item_ids.tolist())
    assert len(whole) == N and whole <= allowed(name)
    with pytest.raises(PoolExhausted, match=f"asked for {N + 1} items but only {N}"):
        pick(name, N + 1)


@pytest.mark.parametrize("name", EVERY)
def test_every_strategy_takes_an_empty_pool_and_a_single_item(name: str) -> None:
    assert len(pick(name, 0, given=signals(0)).item_ids) == 0
    (only,) = pick(name, 1, given=signals(1)).item_ids.tolist()
    assert only in allowed(name, IDS[:1])


@pytest.mark.parametrize("name", EVERY)
def test_every_strategy_works_with_nothing_labeled_and_equal_signals(name: str) -> None:
    given = signals(labeled=0)
    flat = replace(
        given,
        **{
            f.name: np.full_like(getattr(given, f.name), 1 / CLASSES)
            for f in fields(given)
            if not f.name.startswith("labeled_")
        },
    )
    chosen = pick(name, 20, given=flat, labels=0)
    assert len(set(chosen.item_ids.tolist())) == 20 and np.all(np.isfinite(chosen.scores))
    # Ties go by chance: the first twenty rows are not what comes out.
    assert chosen.item_ids.tolist() != IDS[:20].tolist()
    assert (
        pick(name, 20, seed=1, given=flat, labels=0).item_ids.tolist() != chosen.item_ids.tolist()
    )


@pytest.mark.parametrize("name", ["margin", "least confidence", "entropy"])
def test_an_uncertainty_strategy_never_prefers_a_certain_item(name: str) -> None:
    given = signals()
    given.probabilities[17] = [1, 0, 0, 0]
    assert pick(name, N, given=given).item_ids[-1] == IDS[17]


def test_margin_says_between_which_classes() -> None:
    given = Signals(np.array([[0.40, 0.37, 0.13, 0.10]], np.float32))
    assert pick("margin", 1, given=given).reasons == ("margin 0.03 between cat and deer",)


def test_k_center_says_how_far() -> None:
    given = Signals(
        np.full((2, 4), 0.25, np.float32),
        np.array([[0, 0], [4.2, 0]], np.float32),
        np.array([[0, 0]], np.float32),
    )
    chosen = pick("k-center", 1, given=given)
    assert chosen.item_ids.tolist() == [IDS[1]]
    assert chosen.reasons == ("far from labeled images (distance 4.2)",)


@pytest.mark.parametrize("share", [0.0, 0.29, 0.5, 0.8, 1.0])
def test_mixed_holds_exactly_the_share_in_every_first_part(share: float) -> None:
    origins = pick("mixed", 100, of="margin", share=share).origins
    queried = np.cumsum([origin == "query" for origin in origins])
    assert queried.tolist() == np.floor(share * np.arange(1, 101) + 1e-9).astype(int).tolist()


def test_mixed_of_everything_is_the_strategy_itself_up_to_ties() -> None:
    alone, mixed = pick("margin", 30), pick("mixed", 30, of="margin", share=1.0)
    assert alone.item_ids.tolist() == mixed.item_ids.tolist()


def test_mixed_needs_what_its_strategy_needs() -> None:
    assert strategies.needed("mixed", {"of": "k-center"}) == {"embeddings"}
    assert strategies.needed("mixed", {}) == {"probabilities"}
    assert strategies.needed("random", {}) == frozenset()


def test_random_is_uniform() -> None:
    counts = np.zeros(10)
    for seed in range(1000):
        for item in pick("random", 3, seed=seed, given=signals(10)).item_ids:
            counts[IDS[:10].tolist().index(item)] += 1
    assert np.all(np.abs(counts - 300) < 75)  # about five standard deviations


def test_an_unknown_name_offers_those_there_are() -> None:
    with pytest.raises(UnknownStrategy, match=r"'margins'; did you mean 'margin'\? choose from"):
        strategies.get("margins")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"share": 1.5}, "share is 1.5; must be a number from 0 to 1"),
        ({"share": "much"}, "share is 'much'"),
        ({"of": "mixed"}, "itself is made of strategies"),
        ({"size": 3}, "has no option size; it has of, share"),
    ],
)
def test_impossible_options_are_refused(options: dict, words: str) -> None:
    with pytest.raises(InvalidSettings, match=words):
        strategies.complete_options("mixed", options)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("stochastic", {"of": "BADGE"}, "has no score of its own"),
        ("stochastic", {"kind": "cubic"}, "must be one of power, softmax, softrank"),
        ("stochastic", {"temperature": 0}, "must be a number from 0.01 to 100"),
        ("TypiClust", {"most": 2.5}, "must be a whole number from 2 to 2000"),
    ],
)
def test_impossible_options_of_others_are_refused(name: str, options: dict, words: str) -> None:
    with pytest.raises(InvalidSettings, match=words):
        strategies.complete_options(name, options)


def test_importing_strategies_stays_light() -> None:
    code = "import sys, alcore.strategies; print(*{'torch', 'sklearn', 'scipy'} & set(sys.modules))"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# -- cold start --------------------------------------------------------------------------------


def clusters(each: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images around six colours, the first of which has ten times as many."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (6, 3))
    of = np.repeat(np.arange(6), [10 * each] + [each] * 5)
    noise = rng.integers(-8, 9, (len(of), 16, 16, 3))
    return np.clip(colours[of][:, None, None] + noise, 0, 255).astype(np.uint8), of


def test_a_cold_start_finds_small_groups_that_chance_would_miss() -> None:
    pixels, of = clusters(20)
    ids = np.arange(len(of)) + 500
    chosen = strategies.cold_start(pixels, ids, 6, np.random.default_rng(0))
    assert set(of[chosen.item_ids - 500].tolist()) == set(range(6))
    assert chosen.origins == ("cold start",) * 6 and len(chosen.reasons) == 6
    again = strategies.cold_start(pixels, ids, 6, np.random.default_rng(0))
    assert again.item_ids.tolist() == chosen.item_ids.tolist()


def test_a_cold_start_takes_all_equal_images_and_whole_pools() -> None:
    pixels = np.full((9, 8, 8, 3), 7, np.uint8)
    chosen = strategies.cold_start(pixels, np.arange(9), 9, np.random.default_rng(0))
    assert sorted(chosen.item_ids.tolist()) == list(range(9))
    with pytest.raises(PoolExhausted, match="asked for 10 items but only 9"):
        strategies.cold_start(pixels, np.arange(9), 10, np.random.default_rng(0))
    assert (
        len(strategies.cold_start(pixels[:0], np.arange(0), 0, np.random.default_rng(0)).item_ids)
        == 0
    )


def test_a_cold_start_over_50_000_mapped_images_picks_each_once(tmp_path: Path) -> None:
    path = tmp_path / "pixels.npy"
    pixels = np.lib.format.open_memmap(path, "w+", np.uint8, (50_000, 32, 32, 3))
    pixels[::50] = np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3), np.uint8)
    mapped = np.load(path, mmap_mode="r")
    chosen = strategies.cold_start(mapped, np.arange(50_000), 100, np.random.default_rng(0))
    assert len(set(chosen.item_ids.tolist())) == 100


def test_the_quality_of_labels_and_of_new_images_is_on_one_scale() -> None:
    model = np.array([[0.1, 0.9], [0.7, 0.3]])
    alone = np.array([[0], [0]])
    fresh = label_or_relabel.trust(alone, alone[:, 0], model.argmax(axis=1))
    # Weights are 1: (0.9 + 1/2) / 2 when new; (2 · 0.1 + 1/2) / 3 when it is labeled.
    np.testing.assert_allclose(label_or_relabel.unlabeled_quality(model, fresh), [0.7, 0.6])
    found = label_or_relabel.labeled_quality(model, alone[:, 0], alone, fresh)
    np.testing.assert_allclose(found, [0.7 / 3, 1.9 / 3])
    # Known weights, Q = 0.8, the second annotator against it: mean weight 0.6.
    known = label_or_relabel.Trust(2.0, np.array([0.8, 0.4]), 0.8)
    found = label_or_relabel.labeled_quality(model[:1], np.array([0]), np.array([[0, 1]]), known)
    np.testing.assert_allclose(found, (0.2 + 0.3 + 0.64 + 0.08) / (2 + 0.6 + 1.2))


def test_annotators_are_trusted_as_far_as_they_agree() -> None:
    labels = np.arange(40) % 2
    votes = np.stack([labels, labels, labels], axis=1)
    votes[:10, 2] = 1 - votes[:10, 2]
    found = label_or_relabel.trust(votes, labels, np.where(np.arange(40) < 5, 1 - labels, labels))
    # The usual error is 1/2. The third errs in 20 of 80 comparisons, the others in 10 of 80.
    np.testing.assert_allclose(found.annotators, [0.75, 0.75, 0.5])
    assert found.model == pytest.approx(0.75 * 3**0.5)
    assert found.agreement == pytest.approx((30 + 10 * 2 / 3) / 40)


def test_a_wrong_label_is_asked_before_a_hard_image_and_its_reason_says_why() -> None:
    given = replace(
        signals(2),
        crossfit=np.array([[0.97, 0.01, 0.01, 0.01], [0.4, 0.3, 0.2, 0.1]], np.float32),
        labeled_crossfit=np.full((12, 4), [0.03, 0.03, 0.91, 0.03], np.float32),
    )
    given.labeled_crossfit[1:] = np.eye(4)[np.arange(1, 12) % 4]
    chosen = pick("label or relabel", 2, given=given)
    assert chosen.item_ids.tolist() == [20_000, IDS[1]]
    assert chosen.origins == ("relabel", "query")
    assert chosen.reasons[0] == "labeled cat, but the model says dog (0.91)"


def test_the_only_label_of_a_class_is_not_doubted() -> None:
    given = replace(signals(4, labeled=2), labeled_crossfit=np.full((2, 4), 0.25, np.float32))
    assert set(pick("label or relabel", 4, given=given, labels=2).origins) == {"query"}
