"""Owns the process that explains: a question per line of input, an answer each.

It ends when its input closes. Questions and answers are JSON; a refusal is an answer too.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from alcore.config import Runtime
from alcore.errors import AlcoreError
from alcore.explanations.answers import Desk
from alcore.processes import NICENESS, become_worker


def main() -> None:
    """Answer until the input closes."""
    become_worker(NICENESS)
    desk = Desk.open(Runtime.from_environment())
    for line in sys.stdin:
        print(json.dumps(_answer(desk, json.loads(line))), flush=True)


def _answer(desk: Desk, question: dict[str, Any]) -> dict[str, Any]:
    try:
        return desk.answer(question)
    except AlcoreError as error:
        return {"error": str(error), "kind": type(error).__name__}


if __name__ == "__main__":
    main()
