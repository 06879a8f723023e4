"""Collects the texts of pages, and brings the languages' files up to date: `make texts`.

    python release/texts.py [--check]

A text is collected from calls of gettext and ngettext in Python and in the browser's modules, from
our HTML files, and, where it is said below the pages, from the string or f-string itself: an
f-string becomes a message with {places}. What is new in a file is empty and has to be written; what
nobody says any more is left out. --check writes nothing and tells what would change.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import job_kinds, languages, phrases, strategies  # noqa: E402
from alcore.playground import settings  # noqa: E402
from alcore.playground.examples import EXAMPLES  # noqa: E402
from alcore.playground.formulas import FORMULAS  # noqa: E402

KEYWORDS = {"gettext": None, "ngettext": (1, 2)}
UNTRANSLATED = ("map", "network", "review", "teach")
"""Folders of the browser's modules whose pages are in English."""
SAID_IN = (
    "alcore/heat_maps.py",
    "alcore/retraining.py",
    "alcore/stopping.py",
    "alcore/explanations/influence.py",
    "alcore/services/grid.py",
    "alcore/services/queue_refill.py",
    "alcore/web/invitations.py",
)
"""What these say reaches the pages that are translated."""
RAISED_IN = (
    "alcore/playground/settings.py",
    "alcore/services/guessing.py",
    "alcore/services/labeling.py",
    "alcore/services/lease_rules.py",
    "alcore/services/people.py",
    "alcore/services/rights.py",
    "alcore/services/sessions.py",
    "alcore/web/requests.py",
    "alcore/web/tickets.py",
)
"""Of these only the errors do."""
_WORDS = re.compile(r"[A-Za-z]{2,}[,;:]? \S|\S [a-z]{2,}")
_UNSAID = {"note", "_note", "info", "warning", "log", "text_in"}
"""Calls whose texts nobody on these pages reads."""


def collected() -> Catalog:
    """Collect all messages with the places they come from."""
    catalog = Catalog(project="alcore", copyright_holder="alcore", charset="utf-8")
    for path, message in sorted(_of_pages(), key=lambda pair: (pair[0], str(pair[1]))):
        catalog.add(message, locations=[(path, 1)])
    for path, message in sorted({*_below_pages(), *_of_data()}):
        catalog.add(message, locations=[(path, 1)])
    return catalog


def _of_pages() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for file in [ROOT / "app.py", *(ROOT / "pages").glob("*.py")]:
        yield from _called("python", file)
    browser = ROOT / "alcore/web/browser"
    for file in browser.rglob("*.js"):
        yield from _called("javascript", file)
    for file in browser.rglob("*.html"):
        if file.parent.name not in (*UNTRANSLATED, "why"):
            for text in languages.texts_of(file.read_text("utf-8")):
                yield file.relative_to(ROOT).as_posix(), text


def _called(kind: str, file: Path) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    options = {"parse_template_string": "true"} if kind == "javascript" else {}
    for _, message, _, _ in extract_from_file(kind, file, KEYWORDS, options=options):
        yield file.relative_to(ROOT).as_posix(), message


# -- what is said below the pages --------------------------------------------------------------


def _below_pages() -> Iterator[tuple[str, str]]:
    for name in SAID_IN:
        for text in _strings(ast.parse((ROOT / name).read_text("utf-8"))):
            if not _NOTATION.search(text):
                yield from _with_points(name, text)
    for name in RAISED_IN:
        for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
            for text in _strings(node) if isinstance(node, ast.Raise) else ():
                if not _NOTATION.search(text):
                    yield name, text
    for file in sorted((ROOT / "alcore/strategies").glob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        for text in _strings(ast.parse(file.read_text("utf-8"))):
            if file.stem not in _MACHINERY and ("{" in text or text in _REASONS):
                yield from _with_points(name, text)


_NOTATION = re.compile(r"--\w|SHORTEST_KEY|webhook|\{strerror\}|must be|got '|the right to|proxy")
"""In texts that only whoever runs the app sees, or a program of theirs."""
_MACHINERY = ("__init__", "contract", "plugins", "scikit_activeml", "wording")
"""Modules of strategies whose texts are errors of settings."""
_REASONS = {
    "first image", "first batch: unlike the others", "all covered: random", "cold start",
    "random: there is no holdout to compare with", "random share",
    "random: fewer different images than asked for", "ranked before the classes changed",
}  # fmt: skip
"""Reasons of strategies that are plain strings, as many others there are not shown here."""


def _with_points(path: str, text: str) -> Iterator[tuple[str, str]]:
    """Give a text, and as the Playground says it, of points."""
    yield path, text
    if path in ("alcore/stopping.py",) or path.startswith("alcore/strategies/"):
        yield path, text.replace("image", "point")


def _strings(node: ast.AST) -> Iterator[str]:
    """List the strings of a module that are sentences: no docstrings, nothing that is logged."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Call) and _name(child.func) in _UNSAID:
            continue
        if isinstance(child, ast.keyword) and child.arg in ("paper", "sentence", "about"):
            continue
        text = _template(child)
        if text is None:
            yield from _strings(child)
        elif _WORDS.search(re.sub(r"\{\w+\}", "1", text)):
            yield text.strip()


def _template(node: ast.AST) -> str | None:
    """Write a string, or an f-string with its values as {places}; None for all else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    pieces: list[str] = []
    for value in node.values:
        if isinstance(value, ast.FormattedValue):
            name = next(filter(None, map(_name, ast.walk(value.value))), "value").strip("_")
            taken = sum(re.fullmatch(rf"\{{{name}\d*\}}", piece) is not None for piece in pieces)
            quote = "'" if value.conversion == ord("r") else ""
            pieces += [quote, f"{{{name}{taken + 1 if taken else ''}}}", quote]
        elif isinstance(value, ast.Constant):
            pieces.append(str(value.value))
    return "".join(pieces)


def _name(node: ast.AST) -> str:
    return getattr(node, "id", "") or getattr(node, "attr", "")


# -- what data says ----------------------------------------------------------------------------


def _of_data() -> Iterator[tuple[str, str]]:
    """List names and sentences of what can be chosen in the Playground, and of jobs."""
    yield "alcore/services/sessions.py", "The class"
    yield "alcore/services/board_status.py", "drawn at random"
    yield "alcore/services/board_status.py", "drawn at random, to check the model"
    yield "alcore/services/board_status.py", "Model {number}"
    for row in ("top", "middle", "bottom"):
        for column in ("left", "centre", "right"):
            place = f"{row} {column}" if (row, column) != ("middle", "centre") else column
            yield "alcore/heat_maps.py", place
    yield "alcore/strategies/__init__.py", "after the batch: {reason}"
    for family, group in strategies.families().items():
        shown = [one.name for one in group if one.name in FORMULAS]
        if shown:
            yield "alcore/strategies/__init__.py", family
        for name in shown:
            yield "alcore/strategies/__init__.py", name
            yield "alcore/strategies/__init__.py", settings.sentence_of(name)
            yield "alcore/playground/formulas.py", FORMULAS[name]
    for table in (settings.DATA, settings.MODELS):
        for name, text in table.items():
            yield "alcore/playground/settings.py", name
            yield "alcore/playground/settings.py", text
    for example in EXAMPLES:
        yield "alcore/playground/examples.py", example.title
        yield "alcore/playground/examples.py", example.why
    for kind in job_kinds.KINDS:
        if kind.on_board:
            yield "alcore/job_kinds.py", kind.noun
            yield "alcore/job_kinds.py", kind.doing
            yield "alcore/job_kinds.py", kind.doing.format(model="A model")
    for phase in phrases.PHASES.values():
        yield "alcore/phrases.py", phase


# -- the files ---------------------------------------------------------------------------------


def updated(language: str, template: Catalog) -> Catalog:
    """Return a language's catalogue with just the messages that there are now."""
    path = languages.FOLDER / f"{language}.po"
    catalog = Catalog(locale=language, header_comment=f"# The words of alcore's pages: {language}.")
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file, locale=language)
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def write(catalog: Catalog, file: IO[bytes]) -> None:
    """Write a catalogue, the same on every day and machine."""
    head = (
        f"{catalog.header_comment.strip()}\n"
        'msgid ""\nmsgstr ""\n'
        f'"Language: {catalog.locale}\\n"\n'
        f'"Plural-Forms: {catalog.plural_forms}\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    )
    file.write(head.encode())
    write_po(file, catalog, width=98, omit_header=True, include_lineno=False)


def _forms(string: str | Sequence[str] | None) -> Sequence[str]:
    return [string or ""] if string is None or isinstance(string, str) else string


def main() -> int:
    """Bring all files up to date, or a new one that is named; say what has to be written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; tell what differs")
    parser.add_argument("--new", help="the code of a further language, such as fr")
    options = parser.parse_args()
    template = collected()
    codes = {file.stem for file in languages.FOLDER.glob("*.po")} | set(filter(None, [options.new]))
    changed = 0
    for code in sorted(codes):
        path = languages.FOLDER / f"{code}.po"
        catalog = updated(code, template)
        if options.check:
            known = {message.id for message in languages.catalogue(code) or ()}
            changed += len({message.id for message in catalog} ^ known)
        else:
            with path.open("wb") as file:
                write(catalog, file)
        empty = [m for m in catalog if m.id and not all(_forms(m.string))]
        print(f"{code}: {len(catalog)} messages, {len(empty)} of them still to be written")
    return int(changed > 0)


if __name__ == "__main__":
    sys.exit(main())
