"""Owns the proof that a label that was acknowledged survives a power cut."""

from __future__ import annotations

from pathlib import Path

import power
import pytest
from made import project

from alcore.config import Workspace
from alcore.store import Store

LABELS, CUTS = 40, 60


@pytest.mark.sqlite
@pytest.mark.skipif(not power.can_cut(), reason="strace is not here, or may not look at processes")
def test_no_power_cut_loses_a_label_that_was_acknowledged(
    workspace: Workspace, tmp_path: Path
) -> None:
    store = Store.open(workspace)
    project(store, 2 * LABELS)
    store.close()
    found = power.cut_again_and_again(workspace, tmp_path, LABELS, CUTS, seed=0)
    assert found == {"labels": LABELS, "cuts": CUTS, "lost": 0, "damaged": 0}
