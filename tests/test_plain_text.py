"""Owns the proof that what somebody typed, or a file is called, stays text in pages' Markdown."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from made import web_store
from streamlit.testing.v1 import AppTest

from alcore.config import Workspace
from pages._setup_text import plain

ROOT = Path(__file__).parent.parent
READ_AS_MARKDOWN = {
    *("button", "caption", "error", "expander", "exception", "info", "markdown", "page_link"),
    *("success", "tabs", "toast", "warning", "write"),
}
OWN_WORDS = {
    "head",
    "label",
    "len(over)",
    "len(rows)",
    "minutes",
    "page",
    "session.id",
    "store",
    "text",
    "type(error).__name__",
    "words",
    "state.owners_word()",
}
"""What stands in such a place and is never anybody else's words."""
HOSTILE = (
    "![x](http://evil.example/pixel.png)",
    "[click](javascript:alert(1))",
    "<img src=http://evil.example/p.png>",
    "https://evil.example www.evil.example",
    ":material/home: :red[text] :smile:",
    "**bold** _it_ `code` # heading | $x$ ~~s~~",
)


def unsafe(source: str) -> list[str]:
    """List what is read as Markdown and was neither made plain nor is ours."""
    found = []
    for node in ast.walk(ast.parse(source)):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if called and node.func.attr in READ_AS_MARKDOWN and node.args:
            found += _parts(node.args[0])
    return [part for part in found if part not in OWN_WORDS]


def _parts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant):
        return []
    if isinstance(node, ast.JoinedStr):
        values = [
            v.value
            for v in node.values
            # What has a format such as {n:,} is a number: a text would refuse it.
            if isinstance(v, ast.FormattedValue) and v.format_spec is None
        ]
        return [part for value in values for part in _parts(value)]
    if isinstance(node, ast.List | ast.Tuple):
        return [part for one in node.elts for part in _parts(one)]
    if isinstance(node, ast.IfExp):
        return _parts(node.body) + _parts(node.orelse)
    if isinstance(node, ast.BinOp):
        return _parts(node.left) + _parts(node.right)
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("plain", "escape", "duration"):
        return []
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("gettext", "ngettext"):
        return [part for value in node.keywords for part in _parts(value.value)]
    return [ast.unparse(node)]


def test_every_text_of_others_on_a_page_is_made_plain() -> None:
    for path in (ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))):
        assert unsafe(path.read_text()) == [], path.name
    assert unsafe("st.error(f'no {error}')") == ["error"]
    assert unsafe("st.write('# ' + gettext('no {why}', why=error))") == ["error"]
    assert unsafe("row.markdown(project.name)") == ["project.name"]


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_has_no_markdown(text: str) -> None:
    shown = plain(text)
    for place, character in enumerate(shown):
        if character in "![]()<>:*_`#|$~.":
            assert shown[place - 1] == "\\", (character, shown)
    assert "www.evil" not in shown.replace("\\", "")
    assert shown.replace("\\", "").replace("\u2060", "") == text


def test_a_name_in_a_notice_loads_no_picture(workspace: Workspace) -> None:
    with web_store(workspace.root):
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        test.query_params["join"] = HOSTILE[0]
        test.run()
        assert "This link does not work" in test.error[0].value
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        test.session_state["annotator"] = HOSTILE[0][:50] + "\x00"
        test.run()
        assert test.error and "](http" not in test.error[0].value
