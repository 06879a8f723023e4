"""Owns the process that is taught: a question per line of input, an answer each.

It ends when its input closes. Questions and answers are JSON; a refusal is an answer too.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from alcore.config import Runtime
from alcore.errors import AlcoreError
from alcore.processes import become_worker
from alcore.store import Store
from alcore.teaching.desk import Desk


def main() -> None:
    """Answer until the input closes."""
    become_worker(0)  # somebody watches what it says of a camera's picture
    desk = Desk(Store.open(Runtime.from_environment().workspace))
    for line in sys.stdin:
        print(json.dumps(answer(desk, json.loads(line))), flush=True)


def answer(desk: Desk, question: dict[str, Any]) -> dict[str, Any]:
    """Answer a question, or say why not."""
    try:
        return desk.answer(question)
    except AlcoreError as error:
        return {"error": str(error), "kind": type(error).__name__}


if __name__ == "__main__":
    main()
