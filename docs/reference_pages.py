"""Owns what the site of the documentation has besides these pages: a reference made from the code.

MkDocs calls its functions `on_…`.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from alcore import config as project_config
from alcore import job_kinds, strategies
from alcore.__main__ import main
from alcore.web import routes
from alcore.web.api import application

ROOT = Path(__file__).parent.parent
ELSEWHERE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "data/README.md": "workspace.md",
}
"""Pages of the repository that lie outside of this folder, and their place in the site."""
RULES = {
    "ProjectSettings": "Project",
    "LearnerRule": "Learner",
    "RetrainRule": "When models train",
    "HoldoutRule": "Holdout",
    "TeamRule": "Team",
    "PixelRange": "Range of values",
}
RULES_AS_DEFAULT = {f"{rule}()" for rule in RULES}
"""Settings that are tables of their own."""
CHOICES: dict[str, Mapping[Any, str]] = {
    "augmentation": project_config.AUGMENTATIONS,
    "balance": project_config.BALANCES,
    "consensus": project_config.CONSENSUS,
    "features": project_config.FEATURES,
    "mode": project_config.MODES,
    "network": project_config.NETWORKS,
    "transfer": project_config.TRANSFERS,
    "unlabeled": project_config.UNLABELED,
    "weights": project_config.WEIGHTS,
}
CONVERTOR = re.compile(r":\w+(?=})")
LINK = re.compile(r"(\[[^]]*\]\()(?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path, place in ELSEWHERE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    for place, text in (
        ("reference/commands.md", commands()),
        ("reference/settings.md", settings()),
        ("reference/routes.md", addresses()),
        ("reference/api.md", operations()),
        ("reference/strategies.md", query_strategies()),
        ("reference/jobs.md", jobs()),
        ("reference/python.md", python()),
    ):
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where the files are in the site: GitHub knows them by other places."""
    source = {place: path for path, place in ELSEWHERE.items()}.get(page.file.src_uri)
    here = Path(source or f"docs/{page.file.src_uri}").parent

    def link(match: re.Match[str]) -> str:
        path = os.path.normpath(here / match[2])
        place = ELSEWHERE.get(path, path.removeprefix("docs/"))
        return match[1] + os.path.relpath(place, Path(page.file.src_uri).parent)

    return LINK.sub(link, markdown)


# -- the reference -----------------------------------------------------------------------------


def commands() -> str:
    """Say of every command what its --help says."""
    parts = ["# Command line", "`alcore --help`, and `--help` after each command, say the same."]
    for command, context in _commands(main, click.Context(main, info_name="alcore")):
        usage = "alcore" if command is main else context.command_path
        parts += [f"## {usage}", f"```text\n{command.get_help(context)}\n```"]
    return "\n\n".join(parts)


def _commands(
    command: click.Command, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    yield command, context
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _commands(inner, click.Context(inner, context, info_name=name))


def settings() -> str:
    """Tabulate the settings of a project, with what the code says of each."""
    parts = [
        "# Settings",
        "What the Set-up page sets of a project. How a process runs is read from the "
        "[environment](../start.md#settings).",
    ]
    module = griffe.load("alcore.config", search_paths=[ROOT])
    for name, title in RULES.items():
        rows = [
            (
                f"`{field.name}`",
                f"`{str(field.value).replace('field(default_factory=dict)', '{}')}`",
                _meaning(field),
            )
            for field in module[name].attributes.values()
            if field.annotation is not None and str(field.value) not in RULES_AS_DEFAULT
        ]
        parts += [f"## {title}", module[name].docstring.value]
        parts.append(_table(("setting", "default", "what it is"), rows))
    return "\n\n".join(parts)


def _default(field: griffe.Attribute) -> str:
    return str(field.value).replace("field(default_factory=dict)", "{}")


def _meaning(field: griffe.Attribute) -> str:
    """Say what a setting is, and what it may be where there is a choice."""
    said = " ".join(field.docstring.value.split()) if field.docstring else ""
    choices = CHOICES.get(field.name, {})
    lines = [said, *(f"`{value}`: {sentence}" for value, sentence in choices.items())]
    return "<br>".join(line for line in lines if line)


def addresses() -> str:
    """Tabulate the routes that the board and other elements of the pages use."""
    rows = [
        (
            f"`{'/'.join(sorted((r.methods or set()) - {'HEAD'}))}`",
            f"`{CONVERTOR.sub('', r.path)}`",
            getattr(r.endpoint, "right", "open"),
            inspect.getdoc(r.endpoint) or r.name.replace("_", " "),
        )
        for r in routes.routes()
    ]
    return (
        "# Routes\n\nWhat the elements in the browser ask the server, below the path that it serves"
        " the app at. Their paths are a promise: browsers keep answers that they have not sent yet."
        " A ticket in the header `x-alcore-ticket` says for whom they ask; what they need the"
        " right to do is in the third column.\n\n"
        + _table(("method", "path", "right", "what"), rows)
    )


def operations() -> str:
    """Tabulate the operations of the REST API."""
    rows = [
        (
            f"`{'/'.join(sorted(one.methods or ()))}`",
            f"`/api/v1{one.path}`",
            one.right,
            one.scope or "",
            one.summary,
        )
        for one in application.operations()
    ]
    return (
        "# REST API\n\nWhat programs may ask, by the right of the token's person and the scope of "
        "the token ([how to](../api.md)). The running app describes each with its values and an "
        "example at `/api/v1/docs`.\n\n"
        + _table(("method", "path", "right", "scope", "what"), rows)
    )


def query_strategies() -> str:
    """List the registry with options and what each strategy needs."""
    parts = [
        "# Query strategies",
        "All that can be named as a strategy. [In pictures](../strategies.md), "
        "[how to choose](../asking.md), [what they take](../speed.md).",
    ]
    for strategy in strategies.registered():
        needs = ", ".join(sorted(strategy.needs)).replace("_", " ") or "nothing of a model"
        parts += [f"## {strategy.name}", strategy.sentence, f"*{strategy.paper}.* Needs {needs}."]
        if strategy.options:
            rows = [
                (f"`{o.name}`", _values(o), f"`{o.default}`", o.sentence) for o in strategy.options
            ]
            parts.append(_table(("option", "values", "default", "what it is"), rows))
    return "\n\n".join(parts)


def _values(option: strategies.Option) -> str:
    if option.kind == "choice":
        return ", ".join(f"`{choice}`" for choice in option.choices)
    if option.kind == "strategy":
        return "a strategy with a score" if option.scored else "a strategy"
    return f"{option.low:g} to {option.high:g}"


def jobs() -> str:
    """List the kinds of background jobs."""
    rows = [
        (f"`{kind.name}`", kind.noun, kind.lane.name, f"{kind.grace:g} s", f"`{kind.function}`")
        for kind in job_kinds.KINDS
    ]
    return (
        "# Background jobs\n\nEvery kind is one entry; a lane is a process that does one job at a "
        "time. The grace is what a job gets to end by itself when it was asked to stop.\n\n"
        + _table(("kind", "on screen", "lane", "grace", "function"), rows)
    )


def python() -> str:
    """Show what own programs, strategies and learners are written against."""
    return _from_docstrings(
        "Python",
        "The client of a running alcore ([examples](../api.md#in-a-notebook)), its network as an "
        "estimator ([examples](../learning.md#in-your-own-programs)), and "
        "what a query strategy and a learner of one's own are written against.",
        "alcore.client.Client",
        "alcore.learner.estimator.ImageClassifier",
        "alcore.strategies.contract",
        "alcore.rounds.learners",
        "alcore.rounds.run.run_round",
    )


def _from_docstrings(title: str, about: str, *names: str) -> str:
    return "\n\n".join([f"# {title}", about, *(f"::: {name}" for name in names)])


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in lines)
