"""Owns the comparison with scikit-activeml, rule by rule, on the same inputs.

Where the two differ on purpose:
- k-means++, k-means, ratio, cluster-margin, representative, class-rare, outlier and the
  combinators: scikit-activeml has no such rule.
- Ties: ours by the generator everywhere; scikit-activeml's by its own generator.
- BADGE: both begin with the largest gradient and go on by chance. scikit-activeml keeps the
  squared norm of the first step as a distance, as if a gradient of 0 had been picked; ours goes by
  the distances to picks alone, as the authors' code does.
- TypiClust: scikit-activeml clusters into L + k without limit, looks at 5 neighbours and at
  small clusters too. Ours follows the authors' code: at most 500 clusters, 20 neighbours or half
  the cluster, clusters under 5 last. They agree where groups are large and k is set to 20.
- ProbCover: scikit-activeml tries radii of a list on an N×N table; ours takes the exact largest
  pure radius on at most 20,000 items, with balls of at most D items (16 where D is less).
  They agree for a radius.
- Core-set without labels: scikit-activeml and ours both begin at random.
- Vote entropy: ours, like theirs, is of the shares of votes in nats.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("skactiveml", reason="scikit-activeml is not installed")

from skactiveml import pool

from alcore import strategies
from alcore.errors import InvalidSettings, PoolExhausted, UnknownStrategy
from alcore.strategies import Context, Signals, scikit_activeml
from alcore.strategies.scikit_activeml import _answering

N, LABELED, CLASSES, WIDTH = 150, 20, 3, 8
NAMES = ("cat", "deer", "dog")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def given(seed: int = 0) -> Signals:
    generator = rng(seed)
    members = generator.dirichlet(np.ones(CLASSES), (N, 7)).astype(np.float32)
    return Signals(
        probabilities=generator.dirichlet(np.ones(CLASSES), N).astype(np.float32),
        embeddings=generator.normal(size=(N, WIDTH)).astype(np.float32),
        labeled_embeddings=generator.normal(size=(LABELED, WIDTH)).astype(np.float32),
        committee=members,
        dropout=members,
    )


def ours(name: str, k: int, signals: Signals, seed: int = 0, **options):
    context = Context(NAMES, np.arange(LABELED) % CLASSES, 1)
    return strategies.select(name, signals, np.arange(N), k, rng(seed), options, context)


def theirs(chooser, k: int, signals: Signals, **models):
    """Ask scikit-activeml; labeled items come first, as rows 0 to L − 1."""
    points = np.concatenate([signals.labeled_embeddings, signals.embeddings]).astype(np.float64)
    answers = np.full(len(points), np.nan)
    answers[:LABELED] = np.arange(LABELED) % CLASSES
    if models.pop("asks", False):
        models = {"clf": _answering(points, answers, signals.probabilities), "fit_clf": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows, utilities = chooser.query(
            X=points, y=answers, batch_size=k, return_utilities=True, **models
        )
    return np.asarray(rows) - LABELED, np.asarray(utilities)[:, LABELED:]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("margin", "margin_sampling"),
        ("least confidence", "least_confident"),
        ("entropy", "entropy"),
    ],
)
def test_uncertainties_agree_item_by_item(name: str, method: str) -> None:
    signals = given()
    chosen = ours(name, N, signals)
    rows, utilities = theirs(pool.UncertaintySampling(method=method), 40, signals, asks=True)
    np.testing.assert_allclose(chosen.scores, utilities[0][chosen.item_ids], atol=1e-6)
    assert chosen.item_ids[:40].tolist() == rows.tolist()


def test_core_set_agrees_pick_by_pick() -> None:
    signals = given()
    chosen = ours("k-center", 60, signals)
    rows, utilities = theirs(pool.CoreSet(), 60, signals)
    assert chosen.item_ids.tolist() == rows.tolist()
    np.testing.assert_allclose(chosen.scores, np.nanmax(utilities, axis=1), rtol=1e-5)


def test_badge_agrees_on_the_first_item_and_theirs_counts_zero_as_covered() -> None:
    signals = given()
    p, h = signals.probabilities.astype(np.float64), signals.embeddings.astype(np.float64)
    residuals = p - np.eye(CLASSES)[p.argmax(axis=1)]
    dense = (residuals[:, :, None] * h[:, None]).reshape(N, -1)
    rows, utilities = theirs(pool.Badge(random_state=0), 2, signals, asks=True)
    squares = ((dense - dense[rows[0]]) ** 2).sum(axis=1)
    capped = np.minimum(squares, (dense**2).sum(axis=1))
    np.testing.assert_allclose(np.nan_to_num(utilities[1]), capped / capped.sum(), atol=1e-9)
    seconds = np.zeros(N)
    trials = 4000
    for seed in range(trials):
        first, second = ours("BADGE", 2, signals, seed=seed).item_ids
        assert first == rows[0]
        seconds[second] += 1
    expected = trials * squares / squares.sum()
    assert np.all(np.abs(seconds - expected) < 5 * np.sqrt(expected) + 5)


def test_typiclust_agrees_where_groups_are_large() -> None:
    # Twenty labels in one place and three groups of fifty; four clusters would be 20 + k for both
    # only by chance, hence labels that coincide.
    middles = np.array([[0] * WIDTH, [60] * WIDTH, [0, 60] * (WIDTH // 2)], np.float32)
    points = np.repeat(middles, N // 3, axis=0) + rng(1).normal(size=(N, WIDTH)).astype(np.float32)
    signals = Signals(embeddings=points, labeled_embeddings=points[:0])
    context = Context(NAMES, np.empty(0, np.int64), 1)
    chosen = strategies.select("TypiClust", signals, np.arange(N), 3, rng(), {}, context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = pool.TypiClust(random_state=0, k=20).query(
            X=points.astype(np.float64), y=np.full(N, np.nan), batch_size=3
        )
    assert sorted(chosen.item_ids.tolist()) == sorted(np.asarray(rows).tolist())


def test_probcover_agrees_for_a_radius() -> None:
    signals, radius = given(), 1.9
    chosen = ours("ProbCover", 12, signals, radius=radius)
    _, utilities = theirs(pool.ProbCover(n_classes=CLASSES, deltas=[radius]), 12, signals)
    # Ties part their ways, so that the first cover is compared for all items, and the sums.
    assert np.nanmax(utilities[0]) == chosen.scores[0]
    assert utilities[0][chosen.item_ids[0]] == chosen.scores[0]
    assert abs(np.nanmax(utilities, axis=1).sum() - chosen.scores.sum()) <= 2


def test_committees_agree_item_by_item() -> None:
    signals = given()
    members = signals.committee.astype(np.float64)
    chosen = ours("vote entropy", N, signals)
    expected = pool.vote_entropy(members.argmax(axis=2), np.arange(CLASSES))
    np.testing.assert_allclose(chosen.scores, expected[chosen.item_ids], atol=1e-5)
    divergence = pool.average_kl_divergence(members.transpose(1, 0, 2).copy())
    for name in ("mean KL", "BALD"):  # the same quantity, of a committee and of dropout passes
        chosen = ours(name, N, signals)
        np.testing.assert_allclose(chosen.scores, divergence[chosen.item_ids], atol=1e-5)


# -- the adapter -------------------------------------------------------------------------------

REGRESSION = {
    "ExpectedModelChangeMaximization",
    "ExpectedModelOutputChange",
    "ExpectedModelVarianceReduction",
    "GreedySamplingTarget",
    "KLDivergenceMaximization",
    "RegressionTreeBasedAL",
}
REFUSED = REGRESSION | {"ExpectedErrorReduction", "EpistemicUncertaintySampling"}


@pytest.mark.parametrize("name", sorted(set(scikit_activeml.names()) - REFUSED))
def test_every_one_of_theirs_can_be_used_by_name(name: str) -> None:
    some = np.arange(40)
    signals = given().take(some)
    context = Context(NAMES, np.arange(LABELED) % CLASSES, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = strategies.select(
            f"scikit-activeml:{name}", signals, some + 500, 4, rng(), {}, context, 3
        )
    assert len(set(chosen.item_ids.tolist())) == 4
    assert set(chosen.item_ids.tolist()) <= set((some + 500).tolist())
    assert all(reason.startswith(f"picked by {name}") for reason in chosen.reasons[:3])
    assert chosen.reasons[3].startswith("after the batch: margin")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_those_that_cannot_work_say_so(name: str) -> None:
    with pytest.raises(InvalidSettings, match=f"scikit-activeml's {name} refuses: "):
        ours(f"scikit-activeml:{name}", 3, given())


def test_unknown_names_and_too_many_items_are_refused() -> None:
    with pytest.raises(UnknownStrategy, match="no pool strategy 'Bodge'; choose from Badge"):
        strategies.get("scikit-activeml:Bodge")
    with pytest.raises(PoolExhausted, match=f"asked for {N + 1} items but only {N}"):
        ours("scikit-activeml:Badge", N + 1, given())


def test_the_adapter_agrees_with_ours_where_the_rule_is_the_same() -> None:
    signals = given()
    direct, adapted = ours("k-center", 20, signals), ours("scikit-activeml:CoreSet", 20, signals)
    assert direct.item_ids.tolist() == adapted.item_ids.tolist()
