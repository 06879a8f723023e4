"""Owns the process that computes the Playground: a question per line of input, an answer each.

It ends when its input closes. Questions and answers are JSON; a refusal is an answer too.
"""

from __future__ import annotations

from alcore.playground import telling
from alcore.processes import NICENESS, answer_lines, become_worker


def main() -> None:
    """Answer until the input closes."""
    become_worker(NICENESS)
    answer_lines(telling.answer)


if __name__ == "__main__":
    main()
