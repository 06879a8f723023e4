"""Owns the proof that the documentation is true: examples run, links lead, commands exist."""

from __future__ import annotations

import doctest
import html
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from alcore.__main__ import main
from alcore.experiments.reading import parse
from alcore.strategies import registered

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("docs/**/*.md")],
    key=lambda page: page.relative_to(ROOT).parts,
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"(?<![\w./-])(?:(?:alcore|benchmarks|docs|pages|tests)/[\w./-]+|test_\w+)\.\w+")
EXAMPLES = [
    file
    for folder in ("alcore", "pages")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if ">>>" in file.read_text("utf-8")
]
"""Modules with examples in their docstrings."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text("utf-8"))


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind in languages]


def anchors(page: Path) -> set[str]:
    """Name the headings of a page as GitHub does."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words after `alcore` of each command on a page."""
    lines = "".join(blocks(page, "sh", "bat")).replace("\\\n", " ").splitlines()
    for line in [*lines, *(" ".join(span.split()) for span in SPAN.findall(prose(page)))]:
        command = re.match(r"(?:\S*python -m )?alcore (.+)", line)
        if command:
            yield shlex.split(command[1], comments=True)


def understand(words: list[str]) -> None:
    """Raise click.UsageError for a command that does not exist, or has no such option."""
    command: click.Command = main
    while True:
        context = click.Context(command, **command.context_settings)
        _, rest, _ = command.make_parser(context).parse_args(list(words))
        if not isinstance(command, click.Group) or not rest or rest == ["…"]:
            return
        _, command, words = command.resolve_command(context, rest)


def test_a_newcomer_reads_the_readme_in_two_minutes() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_of_ours_that_a_page_names_exists(page: Path) -> None:
    for file in FILE.findall(page.read_text("utf-8")):
        path = ROOT / (file if "/" in file else f"tests/{file}")
        assert path.exists(), f"there is no {file}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    for words in commands(page):
        understand(words)


@pytest.mark.parametrize(
    "words",
    ["experiment replace digits", "import pictures/ --move", "--log-colour red status birds"],
)
def test_a_command_or_an_option_that_does_not_exist_is_noticed(words: str) -> None:
    with pytest.raises(click.UsageError, match="No such"):
        understand(words.split())


def test_every_command_is_in_the_documentation() -> None:
    words = {words[0] for page in PAGES for words in commands(page) if words}
    assert set(main.commands) <= words


def test_every_variable_of_the_environment_is_in_the_documentation() -> None:
    code = (ROOT / "alcore" / "config.py").read_text("utf-8")
    table = (ROOT / "docs" / "start.md").read_text("utf-8")
    read = set(re.findall(r'environ\.get\("(ALCORE_\w+)"\)', code))
    assert read and read == set(re.findall(r"^\| `(ALCORE_\w+)`", table, re.MULTILINE))


@pytest.mark.parametrize(
    "text",
    [pytest.param(text, id=name(page)) for page in PAGES for text in blocks(page, "python")],
)
def test_the_python_on_a_page_runs(text: str) -> None:
    exec(compile(text, "<documentation>", "exec"), {"__name__": "documentation"})


@pytest.mark.parametrize(
    "text",
    [pytest.param(t, id=name(page)) for page in PAGES for t in blocks(page, "toml") if "name" in t],
)
def test_the_grid_on_a_page_is_a_design(text: str) -> None:
    assert parse(text).trainings > 0


@pytest.mark.parametrize("file", EXAMPLES, ids=name)
def test_the_examples_in_a_module_are_true(file: Path) -> None:
    parts = file.relative_to(ROOT).with_suffix("").parts
    examples = doctest.testmod(importlib.import_module(".".join(parts).removesuffix(".__init__")))
    assert examples.attempted > 0 and examples.failed == 0


def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    pages = {page.relative_to(tmp_path).as_posix(): page for page in tmp_path.rglob("*.html")}
    assert {"index.html", "architecture.html", "contributing.html"} <= set(pages)
    for page in pages.values():
        fetched = re.findall(
            r'<(?:script|img|link)\b[^>]*(?:src|href)="(\w+:[^"]*)"', page.read_text("utf-8")
        )
        assert not [address for address in fetched if not address.startswith("data:")]
    commands_page = pages["reference/commands.html"].read_text("utf-8")
    assert all(f"alcore {name}" in commands_page for name in main.commands)
    strategies_page = pages["reference/strategies.html"].read_text("utf-8")
    assert all(strategy.sentence in html.unescape(strategies_page) for strategy in registered())
    assert "Labels since the last model" in pages["reference/settings.html"].read_text("utf-8")
    assert "/board/{project_id}/answer" in pages["reference/routes.html"].read_text("utf-8")
