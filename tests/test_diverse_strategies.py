"""Owns the proof of the strategies for diversity, representation and of the combinators.

Answers worked by hand, plain and slow versions of the same rule, and distributions.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alcore import acquisition, strategies
from alcore.records import Selection
from alcore.strategies import Context, Signals, plugins
from alcore.strategies.typiclust import _most_typical

NAMES = ("cat", "deer", "dog")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pick(name: str, k: int, signals: Signals, labels=(), seed: int = 0, **options) -> Selection:
    """Select rows: candidate r has the id r."""
    if hasattr(signals, "embeddings") and not hasattr(signals, "labeled_embeddings"):
        signals = signals.but(labeled_embeddings=signals.embeddings[:0])
    any_signal = next(iter(vars(signals).values()))
    context = Context(NAMES, np.array(labels, np.int64), 1)
    candidates = np.arange(len(any_signal))
    return strategies.select(name, signals, candidates, k, rng(seed), options, context)


def simplex(n: int, classes: int = 3, seed: int = 0) -> np.ndarray:
    return rng(seed).dirichlet(np.ones(classes), n).astype(np.float32)


def blobs(sizes: list[int], width: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Tight groups of these sizes, far from each other, and the group of each point."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    middles = 100 * np.eye(len(sizes), width) + 50 * np.arange(len(sizes))[:, None]
    return (middles[of] + rng(seed).normal(size=(len(of), width))).astype(np.float32), of


# -- scores ------------------------------------------------------------------------------------


def test_ratio_by_hand() -> None:
    p = np.array([[0.5, 0.25, 0.25], [0.4, 0.4, 0.2], [1, 0, 0]], np.float32)
    chosen = pick("ratio", 3, Signals(p))
    assert chosen.item_ids.tolist() == [1, 0, 2]
    np.testing.assert_allclose(chosen.scores, [1, 0.5, 0])
    assert chosen.reasons[1].endswith(" 50% as likely as cat")


def test_representative_by_hand() -> None:
    points = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    labeled = np.array([[0, 2]], np.float32)
    chosen = pick("representative", 3, Signals(embeddings=points, labeled_embeddings=labeled))
    assert set(chosen.item_ids[:2].tolist()) == {0, 1} and chosen.item_ids[2] == 2
    # The centre of the unlabeled is (2, 1) / 3.
    np.testing.assert_allclose(chosen.scores, [2 / 5**0.5, 2 / 5**0.5, 1 / 5**0.5 - 1], rtol=1e-6)


def test_class_rare_by_hand() -> None:
    p = np.eye(3, dtype=np.float32)
    chosen = pick("class-rare", 3, Signals(p), labels=[0, 0, 0, 1])
    assert chosen.item_ids.tolist() == [2, 1, 0]
    np.testing.assert_allclose(chosen.scores, [1, 0.75, 0.25])
    assert chosen.reasons[1] == "looks like deer: 1 of 4 labels so far"


# -- kernels -----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 700), st.integers(1, 4), st.integers(1, 150), st.integers(1, 3), st.integers(0)
)
def test_shared_passes_pick_what_one_pass_per_pick_does(n, width, k, grain, seed) -> None:
    # Whole coordinates make exact distances and many ties; any tie is a right answer.
    points = rng(seed % 2**32).integers(0, 10**grain, (n, width)).astype(np.float64)
    rows, radii = acquisition.k_center_greedy(points, points[:1] + 0.5, k, rng())
    assert len(set(rows.tolist())) == len(rows) == min(k, n)
    nearest = ((points - points[0] - 0.5) ** 2).sum(axis=1)
    for row, radius in zip(rows, radii, strict=True):
        assert nearest[row] == nearest.max() and radius == np.sqrt(max(nearest[row], 0))
        nearest = np.minimum(nearest, ((points - points[row]) ** 2).sum(axis=1))
        nearest[row] = -1
        nearest[rows[: rows.tolist().index(row)]] = -1


def test_shared_passes_draw_with_the_chances_of_one_pass_per_draw() -> None:
    points = np.array([[0.0], [1.0], [3.0], [7.0]])
    counts: dict[tuple[int, ...], int] = {}
    trials = 6000
    for seed in range(trials):
        rows, _ = acquisition.d2_sampling((points,), 3, rng(seed), first=0)
        counts[tuple(rows.tolist())] = counts.get(tuple(rows.tolist()), 0) + 1
    total = 0.0
    for second in (1, 2, 3):
        chance = points[second, 0] ** 2 / (1 + 9 + 49)
        nearest = np.minimum(points[:, 0] ** 2, (points[:, 0] - points[second, 0]) ** 2)
        for third in {1, 2, 3} - {second}:
            expected = chance * nearest[third] / nearest.sum()
            total += expected
            spread = 5 * np.sqrt(expected * trials) + 1
            assert abs(counts.get((0, second, third), 0) - expected * trials) < spread
    assert total == pytest.approx(1)


def test_k_means_of_a_large_pool_learns_from_a_part_and_assigns_all() -> None:
    points, of = blobs([30_000, 20_000, 10_000])
    _, owners = acquisition.k_means(points, 3, rng())
    assert len(np.unique(np.stack([of, owners]), axis=1).T) == 3


# -- BADGE -------------------------------------------------------------------------------------


def test_factorised_badge_equals_the_dense_form() -> None:
    p, h = simplex(300, 3), rng(1).normal(size=(300, 6)).astype(np.float32)
    chosen = pick("BADGE", 80, Signals(p, h))
    residuals = p - np.eye(3, dtype=np.float32)[p.argmax(axis=1)]
    dense = (residuals[:, :, None] * h[:, None, :]).reshape(300, -1).astype(np.float64)
    norms = np.linalg.norm(dense, axis=1)
    rows = chosen.item_ids
    assert rows[0] == norms.argmax() and chosen.scores[0] == pytest.approx(norms.max(), rel=1e-5)
    for j in range(1, 80):
        nearest = np.linalg.norm(dense[rows[:j]] - dense[rows[j]], axis=1).min()
        assert chosen.scores[j] == pytest.approx(nearest, abs=2e-3)
    # The same generator over the dense form draws the same items.
    first = int(norms.argmax())
    generator = rng()
    acquisition.top_k(norms.astype(np.float32) ** 2, 1, generator)
    plain, _ = acquisition.d2_sampling((dense,), 80, generator, first=first)
    assert plain.tolist() == rows.tolist()


def test_badge_takes_an_item_the_model_is_sure_of_last() -> None:
    p, h = simplex(30), rng(1).normal(size=(30, 4)).astype(np.float32)
    p[7] = p[8] = [1, 0, 0]
    # The two equal gradients of size zero: one may stand for both, the other comes last.
    assert pick("BADGE", 30, Signals(p, h)).item_ids[-1] in (7, 8)


# -- clusters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["k-means", "TypiClust", "k-center", "k-means++"])
def test_one_of_each_group_is_picked(name: str) -> None:
    points, of = blobs([200, 5, 40, 80])
    chosen = pick(name, 4, Signals(embeddings=points))
    assert sorted(of[chosen.item_ids].tolist()) == [0, 1, 2, 3]


def test_k_means_picks_the_nearest_to_each_centre_of_large_groups_first() -> None:
    points, of = blobs([20, 50, 30])
    rows = pick("k-means", 3, Signals(embeddings=points)).item_ids
    assert of[rows].tolist() == [1, 2, 0]
    for row in rows:
        inside = np.flatnonzero(of == of[row])
        away = np.linalg.norm(points[inside] - points[inside].mean(axis=0), axis=1)
        assert inside[away.argmin()] == row


def test_typiclust_goes_to_groups_without_labels_and_to_their_densest_part() -> None:
    points, of = blobs([60, 40, 20], width=3)
    labeled = points[of == 0][:1]
    chosen = pick("TypiClust", 2, Signals(embeddings=points, labeled_embeddings=labeled))
    assert of[chosen.item_ids].tolist() == [1, 2]
    assert chosen.reasons[0] == "typical of a group of 40 images with 0 labels"
    for row, score in zip(chosen.item_ids, chosen.scores, strict=True):
        inside = np.flatnonzero(of == of[row])
        count = min(20, len(inside) // 2)
        table = np.linalg.norm(points[inside, None] - points[None, inside], axis=2)
        typical = 1 / np.sort(table, axis=1)[:, 1 : count + 1].mean(axis=1)
        assert inside[typical.argmax()] == row and score == pytest.approx(typical.max(), rel=1e-3)


def test_typicality_by_hand() -> None:
    # Half of four points: two neighbours each; of three or two that are left, one.
    rows, typical = _most_typical(np.array([[0.0], [1.0], [3.0], [7.0]]), 4, rng())
    assert rows[0] == 1
    np.testing.assert_allclose(typical, [1 / 1.5, 1 / 3, 1 / 7, 1])


@pytest.mark.parametrize(("n", "count"), [(6, 6), (30, 12), (90, 90), (200, 25)])
def test_picks_from_one_table_are_those_of_a_fresh_one_per_pick(n: int, count: int) -> None:
    points = rng(n).normal(size=(n, 4))
    rows, typical = _most_typical(points, count, rng())
    left = np.arange(n)
    for row, score in zip(rows, typical, strict=True):
        table = np.linalg.norm(points[left, None] - points[None, left], axis=2)
        wanted = min(20, len(left) // 2)
        expected = np.ones(len(left))
        if wanted:
            expected = 1 / np.sort(table, axis=1)[:, 1 : wanted + 1].mean(axis=1)
        assert score == pytest.approx(expected.max(), rel=1e-6)
        assert expected[left == row] == pytest.approx(score, rel=1e-6)
        left = left[left != row]


def test_cluster_margin_takes_turns_over_small_groups_first() -> None:
    points, of = blobs([50, 30, 20])
    p = np.tile(np.array([0.9, 0.1, 0], np.float32), (100, 1))
    unsure = np.concatenate([np.arange(6), 50 + np.arange(3), [80]])  # 6, 3 and 1 of the groups
    p[unsure] = [0.5, 0.5, 0]
    given = Signals(p, points)
    chosen = pick("cluster-margin", 5, given, factor=2.0, clusters=3)
    assert of[chosen.item_ids].tolist() == [2, 1, 0, 1, 0]
    assert set(chosen.item_ids.tolist()) <= set(unsure.tolist())
    assert chosen.reasons[0] == "margin 0.00 between deer and cat; group of 1" or (
        chosen.reasons[0] == "margin 0.00 between cat and deer; group of 1"
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.floats(0.1, 2), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_probcover_equals_the_plain_greedy_cover(n, radius, known, seed) -> None:
    points = rng(seed).normal(size=(n, 8)).astype(np.float32)
    labeled = rng(seed + 1).normal(size=(known, 8)).astype(np.float32)
    given = Signals(embeddings=points, labeled_embeddings=labeled)
    chosen = pick("ProbCover", n, given, radius=radius)
    table = np.linalg.norm(points[:, None] - points[None], axis=2) <= radius
    np.fill_diagonal(table, True)
    covered = (np.linalg.norm(points[:, None] - labeled[None], axis=2) <= radius).any(axis=1)
    if np.any(table.sum(axis=1) > 16):
        return  # larger balls are capped
    for row, score in zip(chosen.item_ids, chosen.scores, strict=True):
        gains = (table & ~covered).sum(axis=1)
        assert gains[row] == gains.max() == score
        covered |= table[row]


def test_probcover_finds_a_radius_that_keeps_groups_apart() -> None:
    points, of = blobs([40, 30, 20], width=8)
    chosen = pick("ProbCover", 3, Signals(embeddings=points))
    assert sorted(of[chosen.item_ids].tolist()) == [0, 1, 2]


# -- combinators -------------------------------------------------------------------------------


def test_a_stochastic_batch_draws_with_chances_proportional_to_the_score() -> None:
    # Margins 0.2, 0.4 and 0.8: power at temperature 1 draws by 1 : 2 : 4.
    p = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.6, 0.4, 0]], np.float32)
    firsts = [pick("stochastic", 1, Signals(p), seed=s).item_ids[0] for s in range(2100)]
    counts = np.bincount(firsts, minlength=3)
    assert np.all(np.abs(counts - [300, 600, 1200]) < 110)  # about five standard deviations
    ranks = [
        pick("stochastic", 1, Signals(p), seed=s, kind="softrank").item_ids[0] for s in range(1100)
    ]
    assert np.all(np.abs(np.bincount(ranks, minlength=3) - [200, 300, 600]) < 80)


@pytest.mark.parametrize("kind", ["power", "softmax", "softrank"])
def test_a_cold_stochastic_batch_is_the_strategy_itself(kind: str) -> None:
    p = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.8, 0.2, 0]], np.float32)
    cold = pick("stochastic", 3, Signals(p), kind=kind, temperature=0.01)
    assert cold.item_ids.tolist() == [1, 2, 0]


@pytest.mark.parametrize("by", ["k-means++", "k-center"])
def test_a_diversified_batch_is_of_the_shortlist_and_spread_out(by: str) -> None:
    points, of = blobs([30, 30, 30, 30])
    p = simplex(120)
    given = Signals(p, points)
    shortlist = set(pick("margin", 40, given).item_ids.tolist())
    chosen = pick("diversified", 4, given, factor=10.0, by=by)
    assert set(chosen.item_ids.tolist()) <= shortlist
    assert len(set(of[chosen.item_ids].tolist())) == 4
    assert all("margin" in reason and "unlike" in reason for reason in chosen.reasons)


def test_a_class_balanced_batch_fills_up_the_rarest_by_score() -> None:
    p = np.array(
        [[0.9, 0.1, 0], [0.6, 0.4, 0], [0.1, 0.9, 0], [0.4, 0.6, 0], [0, 0.1, 0.9]], np.float32
    )
    chosen = pick("class-balanced", 5, Signals(p), labels=[0, 0, 0, 1])
    # dog has none, deer one, cat three labels; within a class the smaller margin first.
    assert chosen.item_ids.tolist() == [4, 3, 2, 1, 0]
    assert chosen.reasons[0].endswith("; dog has 0 labels")


def test_nearly_equal_images_are_passed_over_until_nothing_else_is_left() -> None:
    points = np.array([[0, 0], [0.1, 0], [50, 0], [50, 0.1], [0, 50]], np.float32)
    p = np.array([[m, 1 - m, 0] for m in (0.5, 0.52, 0.54, 0.56, 0.58)], np.float32)
    chosen = pick("no near-duplicates", 5, Signals(p, points))
    assert chosen.item_ids.tolist() == [0, 2, 4, 1, 3]
    assert [r.endswith("; like one before it") for r in chosen.reasons] == [False] * 3 + [True] * 2
    beside = Signals(p, points, labeled_embeddings=np.array([[0, 50.1]], np.float32))
    assert pick("no near-duplicates", 5, beside).item_ids.tolist() == [0, 2, 1, 3, 4]


@pytest.mark.parametrize("distance", [0.0, 0.1, 0.3])
def test_no_near_duplicates_equals_the_plain_rule_across_blocks(distance: float) -> None:
    points = rng(1).normal(size=(1500, 2)).astype(np.float32)
    given = Signals(simplex(1500), points)
    rows = pick("no near-duplicates", 1500, given, distance=distance).item_ids
    order = pick("margin", 1500, given).item_ids
    pairs = rng()
    pairs.random(1500)  # the lots that break ties
    some = pairs.integers(1500, size=(2, 1000))
    typical = np.median(np.linalg.norm(points[some[0]] - points[some[1]], axis=1))
    taken: list[int] = []
    for row in order.tolist():
        away = np.linalg.norm(points[taken] - points[row], axis=1)
        if not taken or away.min() > distance * typical:
            taken.append(row)
    assert rows[: len(taken)].tolist() == taken


def test_a_subsample_lets_the_strategy_see_a_part_only() -> None:
    given = Signals(simplex(2000))
    best = set(pick("margin", 10, given).item_ids.tolist())
    chosen = set(pick("subsample", 10, given, of="margin", size=200).item_ids.tolist())
    assert len(chosen & best) < 6
    same = pick("subsample", 10, given, of="margin", size=5000).item_ids
    assert set(same.tolist()) == best


def test_a_schedule_changes_with_the_number_of_labels() -> None:
    points, _ = blobs([40, 30, 20])
    given = Signals(simplex(90), points, points[:0])
    options = {"first": "k-center", "then": "margin", "until": 2}
    early = pick("schedule", 5, given, labels=[0, 1, 2, 0, 1], **options)
    late = pick("schedule", 5, given, labels=[0, 1, 2, 0, 1, 2], **options)
    assert early.item_ids.tolist() == pick("k-center", 5, given).item_ids.tolist()
    assert late.item_ids.tolist() == pick("margin", 5, given).item_ids.tolist()


def test_the_default_policy_herds_doubt_from_the_first_label_on_with_a_random_share() -> None:
    points, _ = blobs([40, 30, 20])
    given = Signals(simplex(90), points, points[:0])
    for labels in ([0], [0] * 29, [0] * 300):
        chosen = pick("default policy", 10, given, labels=labels)
        assert sum(origin == "random" for origin in chosen.origins) == 1
        herded = [i for i, o in zip(chosen.item_ids, chosen.origins, strict=True) if o == "query"]
        assert herded == pick("uncertainty herding", 9, given, labels=labels).item_ids.tolist()


def test_the_default_policy_goes_from_typical_to_hard_where_a_number_of_labels_says_so() -> None:
    points, _ = blobs([40, 30, 20])
    given = Signals(simplex(90), points, points[:0])
    early = pick("default policy", 10, given, labels=[0] * 29, until=10)
    assert all(reason.startswith("typical of a group") for reason in early.reasons)
    late = pick("default policy", 10, given, labels=[0] * 30, until=10)
    assert sum(origin == "random" for origin in late.origins) == 1
    asked = [r for r, o in zip(late.reasons, late.origins, strict=True) if o == "query"]
    assert all("margin" in reason and "unlike the others" in reason for reason in asked)


# -- strategies of others ----------------------------------------------------------------------


def test_a_strategy_of_another_package_is_listed_and_a_broken_one_named(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(
        "from dataclasses import replace\n"
        "from alcore.strategies.random_choice import RANDOM\n"
        "LAST = replace(RANDOM, name='their own')\n"
        "NUMBER = 3\n"
    )
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{plugins.GROUP}]\nlast = theirs:LAST\nnumber = theirs:NUMBER\ngone = nowhere:X\n"
    )
    code = (
        "from alcore import strategies\n"
        "from alcore.errors import UnknownStrategy\n"
        "print(strategies.registered()[-1].name, strategies.registered()[0].name)\n"
        "print(sorted(strategies.broken().items()))\n"
        "try: strategies.get('gone')\n"
        "except UnknownStrategy as error: print(error)\n"
    )
    root = str(Path(__file__).parent.parent)
    done = run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), root])},
        capture_output=True,
        text=True,
        check=True,
    )
    listed, broken, asked = done.stdout.splitlines()
    assert listed == "their own default policy"
    assert "nowhere:X fails to load: ModuleNotFoundError" in broken
    assert "theirs:NUMBER is int, not an alcore.strategies.Strategy" in broken
    assert asked.startswith("strategy 'gone' cannot be used: nowhere:X fails to load")


# -- DropQuery ---------------------------------------------------------------------------------


def falling(sizes: list[int], changed: list[int], passes: int = 4) -> Signals:
    """Groups of images, of whose answers (cat) so many passes say deer instead."""
    embeddings, of = blobs(sizes)
    dropout = np.zeros((len(of), passes, 3), np.float32)
    says_deer = np.arange(passes) < np.array(changed)[of][:, None]
    dropout[..., 0], dropout[..., 1] = ~says_deer, says_deer
    sure = np.tile(np.float32([0.9, 0.1, 0]), (len(of), 1))
    return Signals(probabilities=sure, embeddings=embeddings, dropout=dropout)


def test_drop_query_takes_one_of_each_group_whose_answers_fall_the_largest_first() -> None:
    signals = falling([30, 10, 20, 15], changed=[0, 3, 4, 2])
    chosen = pick("DropQuery", 2, signals)
    _, of = blobs([30, 10, 20, 15])
    assert of[chosen.item_ids].tolist() == [2, 1]  # half of the passes are not more than half
    np.testing.assert_allclose(chosen.scores, [1, 0.75])
    assert "75% of dropout passes say otherwise; group of 10" in chosen.reasons[1]
    stricter = pick("DropQuery", 3, signals, share=0.8)
    assert set(of[stricter.item_ids].tolist()) == {2}
    wider = pick("DropQuery", 3, signals, share=0.4)
    assert of[wider.item_ids].tolist() == [2, 3, 1]


def test_drop_query_fills_its_batch_with_those_that_most_passes_change() -> None:
    signals = falling([30, 3], changed=[1, 4])
    chosen = pick("DropQuery", 8, signals)
    assert {30, 31, 32} < set(chosen.item_ids.tolist()) and len(set(chosen.item_ids)) == 8
    equal = signals.but(embeddings=np.zeros_like(signals.embeddings))
    assert len(set(pick("DropQuery", 8, equal).item_ids.tolist())) == 8


# -- uncertainty herding -----------------------------------------------------------------------


def herded_slowly(
    points: np.ndarray, doubt: np.ndarray, labeled: np.ndarray, radius: float, k: int
) -> list[int]:
    """The same choice from the whole table of distances, without bounds."""

    def cover(others: np.ndarray) -> np.ndarray:
        away = np.linalg.norm(points[:, None] - others[None], axis=2)
        return np.exp(-((away / radius) ** 2))

    table, covered = cover(points), cover(labeled).max(axis=1, initial=0.0)
    rows: list[int] = []
    while len(rows) < k:
        gains = np.maximum(table - covered[:, None], 0).T @ doubt
        gains[rows] = -1
        rows.append(int(gains.argmax()))
        covered = np.maximum(covered, table[:, rows[-1]])
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_uncertainty_herding_picks_what_stands_for_most_doubt(seed: int) -> None:
    points = rng(seed).normal(size=(150, 4)).astype(np.float32)
    probabilities = simplex(140, seed=seed)
    given = Signals(probabilities, points[:140], points[140:])
    chosen = pick("uncertainty herding", 20, given, radius=1.0, balance=0.0)
    doubt = acquisition.margin(probabilities)
    assert chosen.item_ids.tolist() == herded_slowly(points[:140], doubt, points[140:], 1.0, 20)
    assert np.all(np.diff(chosen.scores) <= 1e-6)
    assert chosen.reasons[0].endswith(f"; stands for {chosen.scores[0]:.1f} doubtful images")


def test_uncertainty_herding_finds_the_radius_between_labels_that_differ() -> None:
    points, _ = blobs([40, 30, 20])
    labeled = np.array([[0, 0], [0, 0], [3, 4], [100, 0]], np.float32)
    given = Signals(simplex(90), points, labeled)
    told = pick("uncertainty herding", 8, given, radius=5.0)
    assert pick("uncertainty herding", 8, given).item_ids.tolist() == told.item_ids.tolist()


def test_uncertainty_herding_asks_more_about_rare_classes_the_more_they_weigh() -> None:
    points, _ = blobs([60, 20])
    probabilities = np.repeat([[0.6, 0.4, 0.0], [0.0, 0.4, 0.6]], [60, 20], axis=0)
    given = Signals(probabilities.astype(np.float32), points, points[:0])
    first = [
        pick("uncertainty herding", 1, given, radius=50.0, balance=balance).item_ids[0] < 60
        for balance in (0.0, 2.0)
    ]
    assert first == [True, False]


def test_uncertainty_herding_leaves_alone_what_labels_stand_for_and_what_is_sure() -> None:
    points, of = blobs([30, 30, 30])
    probabilities = np.tile(np.array([0.5, 0.5, 0.0], np.float32), (90, 1))
    probabilities[of == 2] = (0.0, 0.0, 1.0)
    given = Signals(probabilities, points, points[:1])
    chosen = pick("uncertainty herding", 1, given, radius=20.0, balance=0.0)
    assert of[chosen.item_ids].tolist() == [1]
