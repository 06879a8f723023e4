"""Owns paired comparisons of strategies over trials: tests, corrections, penalties, ranks.

S strategies, R trials, T points of a curve. A larger value is better; p is two-sided, 0–1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

ALPHA = 0.05
_EXACT = 50
"""Pairs up to which the rank test counts all signs instead of taking the normal curve."""
_POWER = 2.8
"""1.96 + 0.84: a difference of this many standard errors is seen in four of five studies."""


@dataclass(frozen=True)
class PairedTest:
    """Two strategies compared on the same trials; `difference` is first less second."""

    first: str
    second: str
    trials: int
    difference: float
    low: float | None
    high: float | None
    """95 % interval of the mean difference, by Student's t; None for one trial."""
    wins: int
    """Trials in which the first had the larger value."""
    wilcoxon: float
    t: float
    holm: float
    """The Wilcoxon p corrected for all comparisons of the table, after Holm 1979."""


def wilcoxon(differences: np.ndarray) -> float:
    """Return the p of the signed-rank test of paired differences (R,); 1 where all are 0.

    Zeros are left out, ties share their mean rank, and up to 50 pairs all signs are counted, so
    that ties are exact too. Wilcoxon 1945.
    """
    values = np.asarray(differences, np.float64)
    values = values[values != 0]
    n = len(values)
    if n == 0:
        return 1.0
    doubled = np.rint(2 * ranks(np.abs(values))).astype(np.int64)  # whole numbers despite ties
    total, plus = int(doubled.sum()), int(doubled[values > 0].sum())
    lesser = min(plus, total - plus)
    if n <= _EXACT:
        ways = np.zeros(total + 1)
        ways[0] = 1.0
        for rank in doubled:
            ways[rank:] += ways[:-rank].copy()
        return float(min(1.0, 2 * ways[: lesser + 1].sum() / 2.0**n))
    spread = math.sqrt(float((doubled.astype(np.float64) ** 2).sum()) / 4)
    z = (total / 2 - lesser - 1) / spread  # half a rank of continuity; ranks are doubled
    return min(1.0, math.erfc(max(0.0, z) / math.sqrt(2)))


def paired_t(differences: np.ndarray) -> float:
    """Return the p of Student's paired t test of differences (R,); 1 for fewer than two."""
    values = np.asarray(differences, np.float64)
    if len(values) < 2:
        return 1.0
    error = values.std(ddof=1) / math.sqrt(len(values))
    if error == 0:
        return 1.0 if values[0] == 0 else 0.0
    return t_tail(abs(float(values.mean())) / error, len(values) - 1)


def t_tail(t: float, freedom: int) -> float:
    """Return the probability that |t| of Student's distribution is at least this."""
    from scipy import special

    return 2 * float(special.stdtr(freedom, -abs(t)))


def t_quantile(freedom: int, level: float = 1 - ALPHA) -> float:
    """Return the t that |t| stays below with this probability.

    >>> round(t_quantile(4), 3)
    2.776
    """
    from scipy import special

    return float(special.stdtrit(freedom, (1 + level) / 2))


def holm(values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, in the order given. Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(values)
    worst = 0.0
    for place, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        worst = max(worst, min(1.0, (len(values) - place) * values[index]))
        corrected[index] = worst
    return corrected


def compare(
    names: Sequence[str], values: np.ndarray, baseline: str | None = None
) -> list[PairedTest]:
    """Compare strategies by values (S, R), each with the baseline, or all with each other.

    Column r of every row is the same trial.
    """
    values = np.asarray(values, np.float64)
    if baseline is None:
        pairs = list(combinations(range(len(names)), 2))
    else:
        other = list(names).index(baseline)
        pairs = [(i, other) for i in range(len(names)) if i != other]
    trials = values.shape[1]
    gaps = [values[i] - values[j] for i, j in pairs]
    raw = [wilcoxon(gap) for gap in gaps]
    tests = []
    for (i, j), gap, p, corrected in zip(pairs, gaps, raw, holm(raw), strict=True):
        mean = float(gap.mean())
        low = high = None
        if trials > 1:
            half = t_quantile(trials - 1) * float(gap.std(ddof=1)) / math.sqrt(trials)
            low, high = mean - half, mean + half
        wins = int((gap > 0).sum())
        tests.append(
            PairedTest(
                names[i], names[j], trials, mean, low, high, wins, p, paired_t(gap), corrected
            )
        )
    return tests


def penalty_matrix(values: np.ndarray) -> np.ndarray:
    """Return (S, S) of curves (S, R, T): the share of points at which the row beats the column.

    At each point the row wins where the paired t test over trials says so at 5 %. A column
    gathers what its strategy lost, so the smaller its mean, the better. Ash et al. 2020
    (BADGE), appendix.
    """
    values = np.asarray(values, np.float64)
    strategies, _, points = values.shape
    matrix = np.zeros((strategies, strategies))
    for i, j in combinations(range(strategies), 2):
        for point in range(points):
            gap = values[i, :, point] - values[j, :, point]
            if paired_t(gap) < ALPHA:
                winner, loser = (i, j) if gap.mean() > 0 else (j, i)
                matrix[winner, loser] += 1 / points
    return matrix


def mean_rank(values: np.ndarray) -> np.ndarray:
    """Return the mean rank (S,) over trials of values (S, R); 1 is best, ties share.

    >>> mean_rank(np.array([[0.9, 0.8], [0.5, 0.8]])).tolist()
    [1.25, 1.75]
    """
    return np.mean([ranks(-column) for column in np.asarray(values, np.float64).T], axis=0)


def ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks (n,) from 1 for the smallest; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def smallest_visible(values: np.ndarray) -> float | None:
    """Return the mean difference that so many trials would show four times out of five.

    values (S, R); by the mean spread of all paired differences. None for fewer than two trials.
    """
    values = np.asarray(values, np.float64)
    strategies, trials = values.shape
    if trials < 2 or strategies < 2:
        return None
    spreads = [np.var(values[i] - values[j], ddof=1) for i, j in combinations(range(strategies), 2)]
    return _POWER * math.sqrt(float(np.mean(spreads)) / trials)


def power_warning(trials: int, comparisons: int) -> str:
    """Return a warning where so few trials cannot support a conclusion; else nothing.

    >>> power_warning(5, 1)[:50]
    '5 paired trials cannot show a difference at 5 %: t'
    >>> power_warning(10, 3)
    ''
    """
    comparisons = max(1, comparisons)
    least = min(1.0, 2.0 ** (1 - trials) * comparisons)
    if least <= ALPHA:
        return ""
    needed = math.ceil(1 + math.log2(comparisons / ALPHA))
    one = "trial" if trials == 1 else "trials"
    against = "one comparison" if comparisons == 1 else f"{comparisons} comparisons"
    return (
        f"{trials} paired {one} cannot show a difference at 5 %: the smallest p possible is "
        f"{least:.4g} with {against}. At least {needed} are needed; "
        "until then read the intervals, not the order."
    )
