"""Owns what the words on screen mean, in a sentence each: shown where a pointer rests on one.

All words of the field, which a page of its own lists, are in docs/glossary.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from alcore.config import glossary_file

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "95 % interval": "The range that holds the true value in 95 of 100 cases.",
        "holdout": "Images drawn at random first: they measure the model, which never learns "
        "from them.",
        "macro-F1": "The mean over classes of the harmonic mean of precision and recall, so that "
        "rare classes count as much as common ones.",
        "precision": "Of the images that the model takes for a class, the share that is of it.",
        "recall": "Of the images of a class, the share that the model finds.",
        "ECE": "Expected calibration error: how far the model's confidence is from how often it "
        "is right, on average. 0 is perfect.",
        "NLL": "Negative log-likelihood, in nats: how surprised the model is by the true class, "
        "on average. The lower the better.",
        "temperature": "What probabilities are softened by so that they mean what they say: above "
        "1 takes confidence away.",
        "uncertainty": "1 less the gap between the two likeliest classes: 0 is sure, 1 undecided.",
        "stability": "How far successive models agree on the same images beyond chance (Cohen's "
        "kappa): 1 is full agreement.",
        "learner": "All by which models are made besides the labels: network, images' size, "
        "weights to begin with, augmentation and the like.",
        "mode": "Whether each model begins anew (fresh) or goes on from the one before.",
        "human minutes": "The time that people spent on answers until then.",
        "learner changed": "How the learner of this model differs from the one before: only "
        "models of one learner can be compared.",
        "remarks": "What went otherwise than the settings say.",
        "per hour": "Labels in an hour at the pace of the last 200 answers.",
        "median s": "The time that half of the last 200 answers took at most, in seconds.",
        "holds": "Images that are shown to this person now, so that nobody else is asked.",
        "on gold": "The share of right answers to images whose class was known.",
        "agrees": "The share of other people's answers to the same images that say the same.",
        "Cohen’s κ": "How far two people agree beyond chance: 1 is full agreement, 0 is chance.",
        "Fleiss’ κ": "How far all agree beyond chance: 1 is full agreement, 0 is chance.",
        "Krippendorff’s α": "How far all agree beyond chance, also where not everybody answered "
        "everything: 1 is full agreement, 0 is chance.",
        "area": "The mean accuracy over the whole curve.",
        "log area": "The mean accuracy over the logarithm of labels, so that early labels count "
        "more.",
        "on log labels": "The mean accuracy over the logarithm of labels, so that early labels "
        "count more.",
        "label saving": "How many times fewer labels than the baseline, for what the baseline has "
        "at the end: 2 means half the labels.",
        "p (Holm)": "How likely a difference as large would be by chance alone (Wilcoxon's test "
        "over trials), corrected for the number of strategies after Holm.",
        "mean rank": "The mean place among the strategies over trials: 1 is best.",
        "penalty": "The share of comparisons along the curve that a strategy lost to others: 0 is "
        "best.",
    }
)

_PLAIN = frozenset(
    {"learner changed", "mode", "human minutes", "per hour", "median s", "holds", "remarks"}
)
"""Everyday words, which explain themselves in a sentence but not at the head of a column."""


def sections() -> dict[str, dict[str, str]]:
    """Read the whole glossary: what each word means, by section and word."""
    _, *parts = glossary_file().read_text("utf-8").split("\n## ")
    return {
        title: {term: " ".join(said.split()) for term, said in _ENTRY.findall(text)}
        for title, _, text in (part.partition("\n") for part in parts)
    }


def matching(query: str) -> dict[str, dict[str, str]]:
    """Return the sections with the words that hold a text, or whose meaning does."""
    wanted = query.strip().lower()
    matches = {
        title: {term: said for term, said in words.items() if wanted in f"{term} {said}".lower()}
        for title, words in sections().items()
    }
    return {title: words for title, words in matches.items() if words}


def meaning(term: str) -> str | None:
    """Return what a word means, None for one that explains itself."""
    return MEANINGS.get(term)


def explained(text: str) -> str:
    """Return text as HTML in which the first of each word that needs it explains itself.

    >>> explained("a penalty < 1 %").endswith(">penalty</abbr> &lt; 1 %")
    True
    """
    parts, end, seen = [], 0, set()
    for word in _WORDS.finditer(text):
        term = _SPELLING[word.group().lower()]
        if term in seen:
            continue
        seen.add(term)
        parts += [escape(text[end : word.start()]), term_html(word.group(), term)]
        end = word.end()
    return "".join(parts) + escape(text[end:])


def term_html(text: str, term: str | None = None) -> str:
    """Return a word as HTML that says on hover what it, or the term it stands for, means."""
    explanation = meaning(term or text)
    if explanation is None:
        return escape(text)
    return f'<abbr title="{escape(explanation)}">{escape(text)}</abbr>'


_ENTRY = re.compile(r"^- \*\*(.+?)\*\*: (.+?)(?=\n\n|\n- |\Z)", re.DOTALL | re.MULTILINE)
_SPELLING = {term.lower(): term for term in MEANINGS if term not in _PLAIN}
_WORDS = re.compile(
    rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(_SPELLING, key=len, reverse=True)))})(?!\w)",
    re.IGNORECASE,
)
