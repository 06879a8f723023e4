"""Owns mixed selection: a share of a strategy, the rest random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from alcore.records import Origin, Selection
from alcore.strategies.contract import Context, Option, Signals, Strategy, check_count, of_strategy

_Entry = tuple[int, float, str, Origin]
"""Item id, score, reason, origin."""


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick ⌊share·k⌋ candidates by the strategy `of` and the rest uniformly.

    The two kinds take turns, so that the first j picks hold ⌊share·j⌋ of the strategy's for any
    j. Random picks score 0.
    """
    check_count(k, candidates)
    # ⌊share·j⌋ goes up by one at each turn of the strategy; the small term mends 0.29·100 = 28.99…
    quota = np.floor(options["share"] * np.arange(k + 1) + 1e-9)
    # Two generators, so that a longer queue starts with the same picks as a shorter one.
    first, second = rng.spawn(2)
    of = options["of"]
    # Where the first picks of a larger batch are not its picks, it is asked for its share only.
    count = k if of.prefix else int(quota[-1])
    own = of.select(signals, candidates, count, first, of.defaults, context)
    free = candidates if of.prefix else candidates[~np.isin(candidates, own.item_ids)]
    queries: Iterator[_Entry] = zip(
        own.item_ids.tolist(), own.scores.tolist(), own.reasons, own.origins, strict=True
    )
    drawn = free[second.permutation(len(free))].tolist()
    chance: Iterator[_Entry] = ((item, 0.0, "random share", "random") for item in drawn)
    entries: dict[int, _Entry] = {}
    for turn in np.diff(quota) > 0:
        entry = next(e for e in (queries if turn else chance) if e[0] not in entries)
        entries[entry[0]] = entry
    ids, scores, reasons, origins = zip(*entries.values(), strict=True) if entries else ((),) * 4
    return Selection(np.array(ids, np.int64), np.array(scores, np.float64), reasons, origins)


MIXED = Strategy(
    name="mixed",
    sentence="A share of another strategy and the rest random, against its blind spots.",
    paper="a share of uncertainty; the protocol of pool-based studies since Settles 2009",
    needs=frozenset(),
    select=select,
    options=(
        of_strategy("margin", "the strategy that picks its share"),
        Option("share", "share", 0.8, "share of the batch that it picks; the rest is random"),
    ),
)
