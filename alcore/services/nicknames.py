"""Owns which names students may give themselves, before a whole class reads them on a wall."""

from __future__ import annotations

import re
import unicodedata

from alcore import names
from alcore.errors import InvalidSettings

LONGEST = 20
_LETTERS_FOR = str.maketrans("013457@$!|+€", "oieastasiite")
_RUDE = re.compile(
    # Stems that are rude in whatever word they stand, in English and German.
    "fuck|shit|bitch|cunt|nigg|fagg|whore|slut|bastard|wank|penis|vagina|porn|hitler|nazi|"
    "fick|scheis|schlampe|hure(?!n?dle)|fotze|wichs|arschl|schwuchtel|neger|kanak|missgeburt|"
    "muschi|spast|hurensohn|siegheil"
    # Those that begin decent words too count only alone.
    "|^(?:ass|arsch|arse|dick|cock|cum|tit|tits|sex|sau|depp|idiot|loser|rape|hell|anal|anus)$"
)


def read(typed: str) -> str:
    """Return the name that was typed, cleaned. Raises InvalidSettings for none that may be shown.

    >>> read("  Ana   Maria ")
    'Ana Maria'
    """
    name = names.clean(typed)
    if not names.is_name(name, LONGEST) or not any(map(str.isalpha, name)):
        raise InvalidSettings(f"a name has 1 to {LONGEST} characters and a letter among them")
    if not all(c.isalnum() or c in " -'’._" or unicodedata.category(c)[0] == "M" for c in name):
        raise InvalidSettings("a name is made of letters, digits, spaces, and - ' . _")
    if _is_rude(name):
        raise InvalidSettings("this name cannot be shown to a class; choose another one")
    return name


def _is_rude(name: str) -> bool:
    """Look for rude words, however they are spelt: in parts, with digits, with letters doubled."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("ß", "ss"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    words = [re.sub(r"[^a-z]", "", w) for w in re.split(r"[\s._-]+", plain.translate(_LETTERS_FOR))]
    spellings = {*words, "".join(words)}
    spellings |= {re.sub(r"(.)\1+", r"\1", word) for word in spellings}
    return any(_RUDE.search(word) for word in spellings)


def free(name: str, others: list[str]) -> str:
    """Return the name, with a number behind it where somebody in the class has it.

    >>> free("Ana", ["ana", "Ben"])
    'Ana 2'
    """
    taken = {other.casefold() for other in others}
    numbered = (name, *(f"{name} {i}" for i in range(2, len(taken) + 3)))
    return next(one for one in numbered if one.casefold() not in taken)
