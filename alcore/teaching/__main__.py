"""Owns the process that is taught: a question per line of input, an answer each.

It ends when its input closes. Questions and answers are JSON; a refusal is an answer too.
"""

from __future__ import annotations

from alcore.config import Runtime
from alcore.processes import answer_lines, become_worker
from alcore.store import Store
from alcore.teaching.desk import Desk


def main() -> None:
    """Answer until the input closes."""
    become_worker(0)  # somebody watches what it says of a camera's picture
    answer_lines(Desk(Store.open(Runtime.from_environment().workspace)).answer)


if __name__ == "__main__":
    main()
