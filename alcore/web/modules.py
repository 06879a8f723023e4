"""Owns how the JavaScript modules of an element become the one script that Streamlit takes.

Streamlit takes an element's script as one text, which it runs from an address that no relative
import can start from; and the first image waits for every file that a browser fetches before it.
So the modules that the entry imports, and those that they import, are joined on the server: each
becomes a function that returns what it exports, behind those that it imports from.

The modules keep to the forms that are read here: `import { a, b as c } from "./other.js";`, and
`export` before a function, a class or a const, and `export default` before an expression of the
entry's last statement.
"""

from __future__ import annotations

import functools
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from alcore import languages

FOLDER = Path(__file__).parent / "browser"
CATALOGUE = "shared/catalogue.js"
"""The module in whose place the words of a language are put."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]*)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", re.MULTILINE)
_COMMENT = re.compile(r"<!-- (\w+) -->")
_FILE = re.compile(r"[a-z]+/[a-z]+\.html")
_OTHER = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)


class Element(TypedDict):
    """What Streamlit makes an element of."""

    html: str
    css: str
    js: str


@functools.cache
def element(
    html: str, styles: Sequence[str], entry: str, language: str = languages.ENGLISH
) -> Element:
    """Give Streamlit what an element is made of.

    html, styles: files of FOLDER; entry: the module whose default export Streamlit calls.
    """
    text = languages.in_html((FOLDER / html).read_text("utf-8"), language)
    return {
        "html": text.replace("<div ", f'<div lang="{language}" ', 1),
        "css": "\n".join((FOLDER / name).read_text("utf-8") for name in styles),
        "js": joined(FOLDER, entry, language),
    }


@functools.cache
def script(language: str = languages.ENGLISH) -> str:
    """Give what every page runs, as HTML."""
    source = joined(FOLDER, "page/page.js", language)
    return f'<script type="module">\n{source}</script>'


def page(
    html: str,
    styles: Sequence[str],
    entry: str,
    parts: Mapping[str, str],
    language: str = languages.ENGLISH,
) -> str:
    """Write a page that stands alone: its styles, its script and what else it is made of.

    html: a file of FOLDER with a comment for each of styles, script and parts, such as
    `<!-- script -->`; parts: files of FOLDER, or HTML, by the names of their comments.
    """
    text = languages.in_html((FOLDER / html).read_text("utf-8"), language)
    text = text.replace('<html lang="en"', f'<html lang="{language}"')
    css = "\n".join((FOLDER / name).read_text("utf-8") for name in styles)
    script = joined(FOLDER, entry, language).replace("</script", "<\\/script")
    pieces = {
        "styles": f"<style>\n{css}</style>",
        "script": f'<script type="module">\n{script}</script>',
        **parts,
    }
    return _COMMENT.sub(lambda match: _piece(pieces[match[1]], language), text)


def _piece(part: str, language: str) -> str:
    if not _FILE.fullmatch(part):
        return part
    return languages.in_html((FOLDER / part).read_text("utf-8"), language)


def as_json(value: Any) -> str:
    """Write a value as JSON that may stand within HTML."""
    return json.dumps(value).replace("<", "\\u003c")


def joined(folder: Path, entry: str, language: str = languages.ENGLISH) -> str:
    """Join a module of a folder and all that it imports into one module, in a language.

    It has the entry's default export, if there is one.

    Raises ValueError where a module imports in a circle, or in a form that is not read here.
    """
    order: list[str] = []
    _visit(folder, entry, order, ())
    parts = [_wrapped(_source(folder, name, language), name, order) for name in order]
    exported = f"export default module{order.index(entry)}.default;\n"
    return "\n".join([*parts, exported if "default: main" in parts[-1] else ""])


def imports(folder: Path, name: str) -> list[str]:
    """Name the modules that a module imports from, by their paths in the folder."""
    statements = _IMPORT.findall((folder / name).read_text("utf-8"))
    return [_beside(name, address) for _, address in statements]


def _beside(name: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))


def _visit(folder: Path, name: str, order: list[str], above: tuple[str, ...]) -> None:
    """Put a module into the order, behind those that it imports from."""
    if name in above:
        raise ValueError(f"modules import in a circle: {' -> '.join([*above, name])}")
    if name in order:
        return
    for other in imports(folder, name):
        _visit(folder, other, order, (*above, name))
    order.append(name)


def _source(folder: Path, name: str, language: str) -> str:
    return languages.module(language) if name == CATALOGUE else (folder / name).read_text("utf-8")


def _wrapped(source: str, name: str, order: list[str]) -> str:
    """Write a module as a constant that holds what it exports."""

    def taken(match: re.Match[str]) -> str:
        names = match[1].replace(" as ", ": ")
        return f"const {{{names}}} = module{order.index(_beside(name, match[2]))};"

    source = _IMPORT.sub(taken, source)
    exports = _EXPORT.findall(source)
    source = _EXPORT.sub("", source)
    if _DEFAULT.search(source):
        exports.append("default: main")
        source = _DEFAULT.sub("const main = ", source)
    other = _OTHER.search(source)
    if other:
        raise ValueError(f"{name}: {other[0]!r} is written in a form that is not read here")
    return (
        f"const module{order.index(name)} = (() => {{ // {name}\n{source}"
        f"return {{ {', '.join(exports)} }};\n}})();\n"
    )
