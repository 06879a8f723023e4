"""Owns which of a person's questions are gold: unmarked ones with a known answer.

One question in each block of `gold_every` is gold, at a place that the seed draws, as long as
there is gold that the person has not answered. Times are Unix seconds.
"""

from __future__ import annotations

import secrets

from alcore.loop.randomness import rng
from alcore.records import Holder, Lease, Project, Provenance
from alcore.store import Connection, gold, leasing


def claim(
    connection: Connection,
    project: Project,
    holder: Holder,
    n: int,
    round_id: int | None,
) -> dict[int, Lease]:
    """Lease the gold that is due among a person's next n questions; by place 0 … n − 1."""
    every = project.settings.team.gold_every
    if every == 0:
        return {}
    annotator_id = holder.annotator_id
    free = gold.free(connection, project.id, annotator_id, holder.now)
    first = gold.asked(connection, project.id, annotator_id, holder.now)
    places = [p for p in range(n) if _is_gold(project, annotator_id, first + p)][: len(free)]
    if not places:
        return {}
    order = rng(project.settings, "gold", annotator_id).permutation(
        gold.ids(connection, project.id)
    )
    next_items = [i for i in order.tolist() if i in set(free)][: len(places)]
    tokens = {item_id: secrets.token_hex(16) for item_id in next_items}
    leasing.hold(connection, holder, tokens, Provenance("gold", round_id))
    rows = leasing.by_token(connection, project.id, list(tokens.values()))
    leases = {lease.item_id: lease for lease in rows}
    return {place: leases[item_id] for place, item_id in zip(places, next_items, strict=True)}


def _is_gold(project: Project, annotator_id: int, place: int) -> bool:
    """Tell whether a person's question at this place, from 0, is gold."""
    block, within = divmod(place, project.settings.team.gold_every)
    generator = rng(project.settings, "gold", annotator_id, block)
    return int(generator.integers(project.settings.team.gold_every)) == within
