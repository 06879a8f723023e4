"""Owns the process that explains: a question per line of input, an answer each.

It ends when its input closes. Questions and answers are JSON; a refusal is an answer too.
"""

from __future__ import annotations

from alcore.config import Runtime
from alcore.explanations.answers import Desk
from alcore.processes import NICENESS, answer_lines, become_worker


def main() -> None:
    """Answer until the input closes."""
    become_worker(NICENESS)
    answer_lines(Desk.open(Runtime.from_environment()).answer)


if __name__ == "__main__":
    main()
