"""Owns the proof of what a release says of its supply: licences, bill of materials, audit."""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "release"))
import supply  # noqa: E402 - path first

TODAY = datetime.date(2026, 11, 28)
HOLE = {"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.0"]}
REPORT = {
    "dependencies": [
        {"name": "a", "version": "1.0", "vulns": [HOLE]},
        {"name": "b", "version": "1.0", "vulns": []},
    ]
}
ENTRY = {"id": "CVE-2026-1", "package": "a", "reason": "x", "until": datetime.date(2027, 1, 1)}


def test_the_page_of_licences_has_every_package_that_alcore_needs_here() -> None:
    page = (ROOT / "docs" / "licenses.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", page, re.MULTILINE))
    here = re.findall(r"^\| ([\w.-]+) \|", supply.licence_page(supply.closure(supply.pins())), re.M)
    assert set(here) - {"package"} <= set(listed)
    for name, licence in listed.items():
        assert licence != "unknown" and not re.search(r"\bA?GPL", licence), name


def test_what_is_needed_is_found_through_what_needs_it_and_no_tool_of_the_tests_is() -> None:
    found = supply.closure(supply.pins())
    assert {"streamlit", "starlette", "torch", "sqlalchemy", "markupsafe"} <= set(found)
    assert not {"pytest", "mypy", "playwright", "ruff"} & set(found)


def test_a_hole_is_reported_unless_it_is_accepted_with_a_reason_that_is_still_young() -> None:
    assert supply.judge(REPORT, [], TODAY) == ["a 1.0: PYSEC-1; mended in 2.0"]
    assert supply.judge(REPORT, [ENTRY], TODAY) == []
    (again,) = supply.judge(REPORT, [ENTRY | {"until": TODAY}], TODAY)
    assert "look again" in again
    elsewhere = supply.judge(REPORT, [ENTRY | {"package": "b"}], TODAY)
    assert len(elsewhere) == 2 and "nobody reports it any more" in elsewhere[1]
    skipped = {"dependencies": [{"name": "c", "skip_reason": "not on PyPI"}]}
    assert supply.judge(skipped, [], TODAY) == ["c could not be audited: not on PyPI"]


def test_an_entry_without_a_reason_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert supply.accepted() == []
    path = tmp_path / "accepted.toml"
    path.write_text('[[vulnerability]]\nid = "CVE-1"\npackage = "a"\nuntil = 2027-01-01\n')
    monkeypatch.setattr(supply, "ACCEPTED", path)
    with pytest.raises(SystemExit, match="CVE-1 has no reason"):
        supply.accepted()


def test_a_bill_is_cut_to_what_alcore_needs() -> None:
    bill = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": [{"name": n, "bom-ref": f"{n}-ref"} for n in ("A", "b", "pytest")],
        "dependencies": [
            {"ref": "root", "dependsOn": ["A-ref", "pytest-ref"]},
            {"ref": "A-ref", "dependsOn": ["b-ref"]},
            {"ref": "pytest-ref", "dependsOn": ["b-ref"]},
        ],
    }
    cut = supply.cut(bill, ["a", "b"])
    assert [c["name"] for c in cut["components"]] == ["A", "b"]
    assert cut["dependencies"] == [
        {"ref": "root", "dependsOn": ["A-ref"]},
        {"ref": "A-ref", "dependsOn": ["b-ref"]},
    ]
