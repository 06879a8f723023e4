"""Owns how times and messages are said to people, on pages and at the command line."""

from __future__ import annotations

PHASES = {
    "starting elsewhere": "starting on another computer",
    "train": "learning from the labels",
    "calibrate": "making its probabilities honest",
    "evaluate": "measuring its accuracy",
    "score": "looking at the other images",
    "select": "choosing what to ask next",
}
"""What a training does, by the names of its phases."""


def duration(seconds: float) -> str:
    """Say about how long something takes, in the largest unit that fits.

    >>> [duration(s) for s in (0.2, 45, 100, 3000, 7000)]
    ['1 s', '45 s', '2 min', '50 min', '1.9 h']
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def elapsed(seconds: float) -> str:
    """Say how long something has run, or has left, as a clock counts it.

    >>> [elapsed(s) for s in (0.2, 59, 60, 125)]
    ['0 s', '59 s', '1 min 0 s', '2 min 5 s']
    """
    whole = max(0, int(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop; names of files stay as they are.

    >>> [sentence(text) for text in ("no images", "a.png is damaged", "why?")]
    ['No images.', 'a.png is damaged.', 'Why?']
    """
    if text.split(" ")[0].rstrip(",:;?.").isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?")) else text + "."
