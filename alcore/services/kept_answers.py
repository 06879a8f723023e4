"""Owns what the process that has torch has said, kept on disk up to a number of bytes.

An answer is named by all that it was made of, so that none is ever wrong; all may be deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from alcore.config import Workspace
from alcore.datasets.renditions import Renditions
from alcore.errors import ExplanationImpossible
from alcore.store import Store
from alcore.workers.answering import Answering

MOST_KEPT = 200_000_000
"""Bytes of explanations that a workspace keeps."""


def ask(
    store: Store,
    answering: Answering,
    project_id: int,
    question: Mapping[str, Any],
    made_of: Sequence[Any],
) -> dict[str, Any]:
    """Ask about a project, unless the answer is on disk.

    made_of: all besides the question that decides the answer. Raises ExplanationImpossible with
    the reason that the process gives.
    """
    kept = _kept(store.workspace)
    text = json.dumps([*made_of, question], sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    name = kept.folder / str(project_id) / digest
    known = kept.find(name)
    if known is not None:
        stored: dict[str, Any] = json.loads(known.read())
        return stored
    reply: dict[str, Any] = answering.ask({**question, "project": project_id})
    if "error" in reply:
        raise ExplanationImpossible(reply["error"])
    kept.keep(name, json.dumps(reply).encode(), "application/json")
    return reply


@cache
def _kept(workspace: Workspace) -> Renditions:
    return Renditions(workspace.explanations, MOST_KEPT)
