"""Owns the proof that what the app names on screen and in its records stands in the glossary."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest
from test_experiment_reports import invented

from alcore.job_kinds import KINDS
from alcore.records import Evaluation, Kind, KnownClasses, MemberRole, Origin
from alcore.services import glossary
from alcore.services.experiment_words import compared
from alcore.strategies.contract import Need

TEXT = (Path(__file__).parent.parent / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^- \*\*(.+?)\*\*: (.+?)(?=\n\n|\n- |\Z)", TEXT, re.DOTALL | re.MULTILINE)
TERMS = [term for term, _ in ENTRIES]


def test_every_term_stands_once_with_one_sentence() -> None:
    assert len(ENTRIES) == TEXT.count("\n- **") > 100
    assert sorted(set(TERMS)) == sorted(TERMS)
    for term, meaning in ENTRIES:
        sentence = " ".join(meaning.split())
        assert sentence.endswith("."), term
        assert not re.search(r"\. [A-Z]", sentence), f"{term} has more than one sentence"


@pytest.mark.parametrize(
    "names",
    [Need, Kind, KnownClasses, MemberRole, Origin],
    ids=["signals", "label events", "known classes", "roles", "origins"],
)
def test_every_word_of_a_record_has_an_entry(names: object) -> None:
    words = {name.replace("_", " ") for name in get_args(names)}
    missing = words - set(TERMS) - {"embeddings", "labels", "none"}
    assert not missing
    assert {"embedding", "label"} <= set(TERMS) and "(none)" in TEXT


def test_every_kind_of_job_has_an_entry() -> None:
    assert {kind.name.replace("_", " ") for kind in KINDS} <= set(TERMS)


def test_every_measure_of_a_model_has_an_entry() -> None:
    measures = {field.name.replace("_", "-") for field in dataclasses.fields(Evaluation)} - {"n"}
    entries = {term.lower() for term in TERMS}
    assert {"confusion matrix" if name == "confusion" else name for name in measures} <= entries


def test_every_column_of_a_comparison_has_an_entry() -> None:
    (setting,) = invented({"random": 0.0065, "margin": 0.0130})
    columns = [re.sub(r" \(95 %\)$", "", name) for name in compared(setting)[0]]
    named = {"strategy": "query strategy", "area over random": "difference"}
    named |= {name: "label saving" for name in columns if name.startswith("at ")}
    assert {named.get(name, name) for name in columns} <= set(TERMS)


def test_the_page_lists_every_term_and_finds_a_part_of_one() -> None:
    listed = [term for words in glossary.sections().values() for term in words]
    assert listed == TERMS
    (words,) = glossary.matching(" AULC ").values()
    assert list(words) == ["area"]
    assert glossary.matching("no such word") == {}
