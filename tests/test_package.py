"""Owns the promise of the package: the pinned set lies in the ranges, one for each dependency."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
RANGES = [
    Requirement(text)
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
]


def pins() -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").open()]
    return [Requirement(line) for line in lines if line]


def key(requirement: Requirement) -> tuple[str, str]:
    return requirement.name, str(requirement.marker)


def test_every_dependency_is_pinned_and_no_other() -> None:
    assert sorted(map(key, pins())) == sorted(map(key, RANGES))


@pytest.mark.parametrize("pin", pins(), ids=str)
def test_the_tested_version_lies_in_the_range(pin: Requirement) -> None:
    (allowed,) = [one for one in RANGES if key(one) == key(pin)]
    (exact,) = pin.specifier
    assert exact.operator == "==" and allowed.specifier.contains(exact.version)
    assert not allowed.specifier.contains("0.0.1"), "an open range promises what nobody tried"
