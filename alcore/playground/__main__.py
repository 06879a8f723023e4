"""Owns the process that computes the Playground: a question per line of input, an answer each.

It ends when its input closes. Questions and answers are JSON; a refusal is an answer too.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from alcore.errors import AlcoreError
from alcore.playground import telling
from alcore.processes import NICENESS, become_worker


def main() -> None:
    """Answer until the input closes."""
    become_worker(NICENESS)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    try:
        return telling.answer(question)
    except AlcoreError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    main()
