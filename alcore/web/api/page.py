"""Owns the page that describes the REST API to people, drawn from its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi.responses import HTMLResponse

from alcore.services import api_tokens

Document = dict[str, Any]
SCOPES = {None: "open to everybody"} | {scope: f"scope {scope}" for scope in api_tokens.SCOPES}
RIGHTS = {"own": " · for owners"}
MOST_DEEP = 4
"""Levels of values within values that an example shows."""


def response(document: Document) -> HTMLResponse:
    """Answer with the page; it runs no script and loads nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return HTMLResponse(html(document), headers={"Content-Security-Policy": policy})


def html(document: Document) -> str:
    """Draw the page."""
    groups: dict[str, list[str]] = {}
    links: dict[str, list[str]] = {}
    for method, path, about in _operations(document):
        tag = about["tags"][0]
        groups.setdefault(tag, []).append(_operation(document, method, path, about))
        links.setdefault(tag, []).append(
            f'<li><a href="#{about["operationId"]}">{escape(about["summary"])}</a></li>'
        )
    contents = "".join(
        f"<section><h2>{escape(tag)}</h2><ul>{''.join(lines)}</ul></section>"
        for tag, lines in links.items()
    )
    parts = "".join(
        f"<h2>{escape(tag)}</h2>{''.join(articles)}" for tag, articles in groups.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>alcore API</title><style>{STYLE}</style></head><body><main>"
        f"<h1>alcore API <small>{escape(document['info']['version'])}</small></h1>{INTRODUCTION}"
        f'<nav aria-label="Operations">{contents}</nav>{parts}{_values(document)}'
        "</main></body></html>"
    )


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            yield method.upper(), path, about


def _operation(document: Document, method: str, path: str, about: Document) -> str:
    scope, right = about.get("x-alcore-scope"), about.get("x-alcore-right")
    needs = SCOPES[scope] + RIGHTS.get(right or "", "")
    said = about.get("description", "")
    more = f"<p>{escape(said)}</p>" if said else ""
    body = _body(document, about)
    fields = _parameters(about)
    if body is not None:
        fields += _fields(document, body, "body")
    table = _table(fields, about["summary"]) if fields else ""
    curl = _curl(document, method, path, about)
    return (
        f'<article id="{about["operationId"]}"><h3>{escape(about["summary"])}</h3>'
        f"<p><code><b>{method}</b> /api/v1{escape(path)}</code> <span>{needs}</span></p>{more}"
        f'{table}<pre tabindex="0"><code>{escape(curl)}</code></pre>'
        f"<p>Answers {_answers(about)}</p></article>"
    )


def _answers(about: Document) -> str:
    parts = []
    for code, what in about["responses"].items():
        if not code.startswith("2"):
            continue
        kinds = dict.fromkeys(_type(media["schema"]) for media in what["content"].values())
        parts.append(f"{code}: {', '.join(kinds)}")
    refusals = ", ".join(code for code in about["responses"] if not code.startswith("2"))
    return f"{'; '.join(parts)}. Refusals: {refusals}."


def _parameters(about: Document) -> list[tuple[str, str, str]]:
    return [
        (p["name"], _type(p["schema"]) + _bounds(p["schema"]), p.get("description", ""))
        for p in about.get("parameters", [])
    ]


def _body(document: Document, about: Document) -> Document | None:
    content = about.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return None if schema is None else _resolved(document, schema)


def _resolved(document: Document, schema: Document) -> Document:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _fields(document: Document, schema: Document, place: str) -> list[tuple[str, str, str]]:
    needed = schema.get("required", [])
    return [
        (
            name,
            _type(field) + _bounds(field) + ("" if name in needed else ", optional"),
            field.get("description", ""),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def _table(rows: list[tuple[str, str, str]], of: str) -> str:
    lines = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code></th><td>{kind}</td>"
        f"<td>{escape(said)}</td></tr>"
        for name, kind, said in rows
    )
    return (
        '<div class="wide" tabindex="0" role="region" '
        f'aria-label="Fields: {escape(of)}">'
        f"<table>{lines}</table></div>"
    )


def _type(schema: Document) -> str:
    """Say what a value is, as HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#value-{escape(name)}">{escape(_title(name))}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in values if value != "")
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return "numbers by name"
    if not schema:
        return "JSON"
    names = {"integer": "whole number", "string": "text", "boolean": "true or false"}
    if schema.get("format") == "date-time":
        return "time"
    if schema.get("format") == "binary":
        return "a file"
    kind = str(schema.get("type", "anything"))
    return names.get(kind, kind)


def _bounds(schema: Document) -> str:
    schema = next((s for s in schema.get("anyOf", []) if s.get("type") != "null"), schema)
    low, high = schema.get("minimum"), schema.get("maximum")
    said = "" if low is None or high is None or high > 10**6 else f", {low:g} to {high:g}"
    longest = schema.get("maxLength")
    return said + (f", at most {longest} characters" if longest else "")


def _title(name: str) -> str:
    """Write the name of a value: `Part_Label_` is a part of a list of labels."""
    outer, _, inner = name.rstrip("_").partition("_")
    return f"{outer} of {inner}" if inner else outer


def _values(document: Document) -> str:
    parts = []
    for name, schema in sorted(document["components"]["schemas"].items()):
        fields = _fields(document, schema, name)
        said = escape(schema.get("description", ""))
        parts.append(
            f'<article id="value-{escape(name)}"><h3>{escape(_title(name))}</h3>'
            f"<p>{said}</p>{_table(fields, _title(name))}</article>"
        )
    return f"<h2>Values</h2>{''.join(parts)}"


# -- examples ----------------------------------------------------------------------------------


def _curl(document: Document, method: str, path: str, about: Document) -> str:
    address = path.replace("{project_id}", "1").replace("{item_id}", "1")
    address = (
        address.replace("{completion_id}", "1")
        .replace("{number}", "1")
        .replace("{job_id}", "1")
        .replace("{webhook_id}", "1")
    )
    parts = ["curl"]
    if method != "GET":
        parts.append(f"-X {method}")
    parts += ['-H "Authorization: Bearer $ALCORE_TOKEN"', f"$ALCORE/api/v1{address}"]
    body = _body(document, about)
    if body is not None:
        example = json.dumps(_example(document, body, 0), ensure_ascii=False)
        parts += ["-H 'Content-Type: application/json'", f"-d '{example}'"]
    elif "requestBody" in about:
        (mime,) = about["requestBody"]["content"]
        parts += [f"-H 'Content-Type: {mime}'", "--data-binary @pictures.zip"]
    elif _is_file(about):
        parts.append("-OJ")
    return " \\\n  ".join(parts)


def _is_file(about: Document) -> bool:
    content = about["responses"].get("200", {}).get("content", {})
    return any(media["schema"].get("format") == "binary" for media in content.values())


def _example(document: Document, schema: Document, depth: int) -> Any:
    """Make up a value that a schema lets through; of an object the fields that must be there."""
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
    for known in ("default", "examples", "enum"):
        if known in schema:
            return schema[known] if known == "default" else schema[known][0]
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        names = [*schema.get("required", [])] or list(fields)[:1]
        names += [n for n in ("token", "proof", "class_id") if n in fields and n not in names]
        return (
            {
                n: "…" if n in ("token", "proof") else _example(document, fields[n], depth + 1)
                for n in names
            }
            if depth < MOST_DEEP
            else {}
        )
    if kind == "array":
        return [_example(document, schema.get("items", {}), depth + 1)]
    return {"integer": 1, "number": 1.5, "boolean": True}.get(str(kind), "my-key-1")


INTRODUCTION = """
<p>Make an API token on the Team page. It stands for you, in one project, within its scope, and goes
into the header <code>Authorization: Bearer alcore_…</code>. The examples below have it in
<code>$ALCORE_TOKEN</code>, and the address of the app in <code>$ALCORE</code>.</p>
<p>From Python: <code>from alcore.client import Client</code>. For tools:
<a href="openapi.json">openapi.json</a>.</p>
<p>Lists come in parts: ask again with <code>after</code> set to <code>next</code> until that is
null. Times are ISO 8601 in UTC, durations seconds, accuracies and probabilities 0 to 1. What goes
wrong is said as <code>application/problem+json</code>, with what would be right in
<code>detail</code>; after 429 and 503 the header <code>Retry-After</code> says when to ask
again.</p>
"""

STYLE = """
:root {color-scheme: light dark; --line: light-dark(#dcdfe8, #343846);
  --quiet: light-dark(#5b5f6e, #a7abba); --code: light-dark(#f4f5f9, #1e212b);
  --accent: light-dark(#3f4fbf, #8b9aff)}
body {margin: 0; font: 16px/1.5 "Source Sans 3", "Source Sans Pro", system-ui, sans-serif;
  color: light-dark(#1d2130, #e7e9f0); background: light-dark(#ffffff, #14161d)}
main {max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem}
h1 {font-size: 1.75rem; margin: 0 0 .8rem}
h1 small {font-size: .9rem; font-weight: 400; color: var(--quiet)}
h2 {font-size: 1.35rem; margin: 2.4rem 0 .6rem; padding-top: .8rem;
  border-top: 1px solid var(--line)}
h3 {font-size: 1.1rem; margin: 0 0 .2rem}
p {margin: .2rem 0 .6rem; overflow-wrap: anywhere}
a {color: var(--accent)}
nav {display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr));
  gap: 1rem; margin: 1.4rem 0}
nav h2 {font-size: 1rem; margin: 0; padding: 0; border: 0}
nav ul {list-style: none; margin: 0; padding: 0}
nav li {padding: .1rem 0}
article {margin: 1.2rem 0 1.8rem; scroll-margin-top: 1rem}
article span {color: var(--quiet); font-size: .9rem; margin-left: .4rem}
code {font: .88em/1.5 ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace}
pre {background: var(--code); border-radius: 6px; padding: .7rem .9rem; overflow-x: auto;
  margin: .4rem 0}
.wide {overflow-x: auto}
table {border-collapse: collapse; width: 100%; font-size: .92rem}
th, td {text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
  border-top: 1px solid var(--line); font-weight: 400}
th {width: 9rem}
td:nth-child(2) {width: 14rem}
@media (max-width: 640px) {
  tr, th, td {display: block; width: auto}
  tr {border-top: 1px solid var(--line); padding: .4rem 0}
  th, td, td:nth-child(2) {border: 0; padding: .05rem 0; width: auto}
  td:empty {display: none}
}
"""
