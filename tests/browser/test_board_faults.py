"""Answers survive what goes wrong at any moment: a killed server, a cut network, a closed tab.

ALCORE_TEST_SCALE=20 runs it with 1,000 labels; `benchmarks/faults.py` repeats that and counts.
"""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Browser

from .conftest import Server
from .faults import Trouble

pytestmark = pytest.mark.browser

LABELS = 50 * int(os.environ.get("ALCORE_TEST_SCALE", "1"))
BROWSERS = 4


def test_every_acknowledged_answer_is_there_once_and_every_pending_one_arrives(
    server: Server, browser: Browser
) -> None:
    found = Trouble(server, browser, 0, LABELS, BROWSERS).run(patience=180.0 + 3 * LABELS)
    assert {"kill", "cut", "close"} <= set(found.faults)
    assert found.given >= LABELS
    assert (found.lost, found.undelivered, found.doubled) == (0, 0, 0)
    assert (found.misattributed, found.unseen) == (0, 0)
