"""Owns which of a person's questions check a model: those come first, as long as there are any.

Times are Unix seconds.
"""

from __future__ import annotations

import secrets

from alcore.records import Holder, Lease, Provenance
from alcore.store import Connection, completions, leasing


def claim(connection: Connection, holder: Holder, n: int, round_id: int | None) -> list[Lease]:
    """Lease up to n images of the sample that is being checked, whatever the queue says."""
    if n <= 0:
        return []
    project_id, annotator_id = holder.project_id, holder.annotator_id
    next_items = completions.next_checks(connection, project_id, annotator_id, holder.now, n)
    if not next_items:
        return []
    tokens = {item_id: secrets.token_hex(16) for item_id in next_items}
    leasing.hold(connection, holder, tokens, Provenance("check", round_id))
    return leasing.by_token(connection, project_id, list(tokens.values()))
