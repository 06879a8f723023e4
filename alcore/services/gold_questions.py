"""Owns which of a person's questions are gold: unmarked ones with a known answer.

One question in each block of `gold_every` is gold, at a place that the seed draws, as long as
there is gold that the person has not answered. Times are Unix seconds.
"""

from __future__ import annotations

from alcore.jobs.randomness import rng
from alcore.records import Lease, Project
from alcore.store import Connection, gold, leasing


def claim(
    connection: Connection,
    project: Project,
    annotator_id: int,
    client: str,
    n: int,
    round_id: int | None,
    now: float,
    expires_at: float,
) -> dict[int, Lease]:
    """Lease the gold that is due among a person's next n questions; by place 0 … n − 1."""
    every = project.settings.team.gold_every
    if every == 0:
        return {}
    free = gold.free(connection, project.id, annotator_id, now)
    first = gold.asked(connection, project.id, annotator_id, now)
    places = [p for p in range(n) if _is_gold(project, annotator_id, first + p)][: len(free)]
    if not places:
        return {}
    order = rng(project.settings, "gold", annotator_id).permutation(
        gold.ids(connection, project.id)
    )
    next_items = [i for i in order.tolist() if i in set(free)][: len(places)]
    tokens = gold.claim(
        connection, project.id, next_items, annotator_id, client, round_id, expires_at
    )
    leases = {lease.token: lease for lease in leasing.by_token(connection, project.id, tokens)}
    return {place: leases[token] for place, token in zip(places, tokens, strict=True)}


def _is_gold(project: Project, annotator_id: int, place: int) -> bool:
    """Tell whether a person's question at this place, from 0, is gold."""
    block, within = divmod(place, project.settings.team.gold_every)
    generator = rng(project.settings, "gold", annotator_id, block)
    return int(generator.integers(project.settings.team.gold_every)) == within
