"""Owns which key of the labeling board means what: the standard keys and a project's own ones.

A key is written as one text: "3", "q", "⇧3" and "⇧u" with Shift, or one of NAMED. A target, what
a key is for, is an action ("skip") or a class ("class 12", by id). Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from alcore.errors import InvalidSettings
from alcore.records import Class

ACTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "skip": ("Space", "Skip"),
        "unsure": ("u", "Unsure"),
        "doubt": ("⇧u", "Unsure, with a note"),
        "undo": ("Backspace", "Undo"),
        "suggestion": ("m", "Show or hide the suggestion"),
        "accept": ("Enter", "Accept the suggestion"),
        "grid": ("g", "Grid"),
        "similar": ("l", "More like this"),
        "older": ("ArrowLeft", "Older answer"),
        "newer": ("ArrowRight", "Newer answer"),
        "why": ("w", "Why this image is asked about"),
        "explain": ("⇧w", "Explain the model's answer"),
        "comment": ("⇧c", "Comment on the image"),
        "zoom": ("z", "Zoom"),
        "light": ("⇧b", "Brightness and contrast"),
        "pixels": ("⇧p", "Smooth images, or their pixels"),
        "search": ("f", "Find a class"),
        "help": ("h", "All keys"),
    }
)
"""Each action's standard key and its name on the set-up page."""
_OF_CLASS = "class "
SEARCH_FROM = 11
"""Classes; below that every class has its own digit, and F may be one's first letter."""
WITH_DIGITS = 20
NAMED = ("Space", "Backspace", "Delete", "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")
_TYPED = {name.lower(): name for name in NAMED} | {
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "del": "Delete",
    "return": "Enter",
}


def target_of(class_id: int) -> str:
    """Name a class as the target of a key."""
    return f"{_OF_CLASS}{class_id}"


def read_key(typed: str) -> str:
    """Read a key as people write it. Raises InvalidSettings.

    >>> [read_key(text) for text in ("Q", "shift + 3", "space", "⇧U", ",")]
    ['q', '⇧3', 'Space', '⇧u', ',']
    >>> read_key("۳")
    '3'
    """
    text = "".join(_digit(c) or c for c in typed.strip().lower())
    plain = re.sub(r"^(shift\s*\+\s*|⇧\s*)", "", text)
    if text in _TYPED:
        return _TYPED[text]
    shifted = plain != text
    if len(plain) == 1 and plain.isprintable() and not (shifted and not plain.isalnum()):
        return f"⇧{plain}" if shifted else plain
    raise InvalidSettings(
        f"{typed!r} is no key; write one letter, digit or sign, Shift+ one of the first two, or "
        f"one of {', '.join(NAMED)}"
    )


def layout(classes: Sequence[Class], own: Mapping[str, str]) -> dict[str, Any]:
    """Give every class (by position) and every action its keys, as the board reads them.

    {"classes": {"12": ["3", "s"]}, "actions": {"skip": ["Space"]}}; the first key of a target is
    the one to print. An own key stands in place of the standard ones of its target, and nothing
    else has it.
    """
    own = _of_these(classes, own)
    digits, letters = _digits(classes), _letters(classes)
    own_keys = set(own.values())
    # A class called "U" is meant by the key U; the action then has only its button.
    meant = {letters.get(c.id) for c in classes if len(c.name.strip()) == 1}
    actions = {
        name: own.get(name, key)
        for name, key in _actions(classes, own).items()
        if name in own or key not in own_keys | meant
    }
    used_keys = own_keys | set(actions.values())
    class_keys = {}
    for c in classes:
        standard = [keys[c.id] for keys in (digits, letters) if c.id in keys]
        key = own.get(target_of(c.id))
        class_keys[str(c.id)] = (
            [k for k in standard if k not in used_keys] if key is None else [key]
        )
    return {"classes": class_keys, "actions": {name: [key] for name, key in actions.items()}}


def check(classes: Sequence[Class], own: Mapping[str, str]) -> None:
    """Raise InvalidSettings where own keys are no keys, or in each other's or others' way."""
    names = {name: title for name, (_, title) in ACTIONS.items()}
    names |= {target_of(c.id): c.name for c in classes}
    for target, key in own.items():
        if target not in names:
            raise InvalidSettings(f"there is nothing called {target!r} that a key could be for")
        if read_key(key) != key:
            raise InvalidSettings(f"{key!r} is not how a key is written; {read_key(key)!r} is")
    standard = {target_of(i): key for i, key in _digits(classes).items()}
    holders: dict[str, str] = {}
    for target, key in {**standard, **_actions(classes, own), **own}.items():
        other = holders.setdefault(key, target)
        if other != target and (target in own or other in own):
            new, old = (target, other) if target in own else (other, target)
            raise InvalidSettings(
                f"{shown(key)} is the key of “{names[old]}”; choose another one for "
                f"“{names[new]}”, or give “{names[old]}” another key first"
            )


def _of_these(classes: Sequence[Class], own: Mapping[str, str]) -> dict[str, str]:
    """Leave the keys of classes out that are gone; should one come back, it has its key again."""
    there = {target_of(c.id) for c in classes}
    return {t: key for t, key in own.items() if t in there or not t.startswith(_OF_CLASS)}


def shown(key: str) -> str:
    """Write a key as it is printed."""
    signs = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"}
    return signs.get(key) or (key if key in NAMED else key.upper())


def _actions(classes: Sequence[Class], own: Mapping[str, str]) -> dict[str, str]:
    """The standard keys of the actions that there are."""
    few = len(classes) < SEARCH_FROM and "search" not in own
    return {name: key for name, (key, _) in ACTIONS.items() if not (few and name == "search")}


def _digits(classes: Sequence[Class]) -> dict[int, str]:
    """The digit of each class: its own name where all are digits, else its place."""
    own = {c.id: _digit(c.name.strip()) for c in classes}
    if all(own.values()) and len(set(own.values())) == len(own):
        return {class_id: digit for class_id, digit in own.items() if digit}
    return {
        c.id: f"{'⇧' if place >= 10 else ''}{(place + 1) % 10}"
        for place, c in enumerate(classes[:WITH_DIGITS])
    }


def _digit(text: str) -> str | None:
    """Read one digit of any script; None for anything else."""
    value = unicodedata.decimal(text, None) if len(text) == 1 else None
    return None if value is None else str(value)


def _letters(classes: Sequence[Class]) -> dict[int, str]:
    """The first letter of each class that no other one shares."""
    first = {c.id: c.name.strip()[:1].lower() for c in classes}
    count = Counter(first.values())
    return {i: letter for i, letter in first.items() if letter.isalpha() and count[letter] == 1}
