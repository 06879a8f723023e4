"""Owns the way from a TOML file, or stored JSON, to a design; what is wrong in it is named.

Short forms are read too: "digits" for a data source, 20 for an initial set of 20, "margin" for a
strategy, and options beside the name instead of under "options".
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alcore.config import user_path
from alcore.errors import InvalidSettings
from alcore.experiments.data import PROJECT, DataSpec
from alcore.experiments.design import Design, InitialSpec, OracleSpec, StrategySpec
from alcore.experiments.learners import LearnerSpec
from alcore.experiments.options import unknown, with_defaults


def read(path: Path) -> Design:
    """Read a design from a TOML file; raises InvalidSettings naming what is wrong in it."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InvalidSettings(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidSettings(f"{path} is not text: {error}") from error


def parse(text: str, what: str = "the grid") -> Design:
    """Read a design from TOML text; raises InvalidSettings naming what is wrong in it."""
    try:
        return from_json(tomllib.loads(text.removeprefix("\ufeff")))  # Windows marks the start
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"{what} is not TOML: {error}") from error


def from_json(raw: Mapping[str, Any]) -> Design:
    """Read a design; words that this version does not know are an error with the nearest one."""
    defaults = {
        "name": "", "budget": 0, "trials": 5, "seed": 0, "baseline": "", "datasets": None,
        "strategies": None, "initial": None, "batch_sizes": [10], "learners": None,
        "oracles": None, "precision": "",
    }  # fmt: skip
    values = with_defaults("the grid", raw, defaults)
    for needed in ("name", "budget", "datasets", "strategies", "initial"):
        if not values[needed]:
            raise InvalidSettings(f"the grid says nothing of {needed!r}; see the examples")
    return Design(
        name=values["name"],
        budget=values["budget"],
        trials=values["trials"],
        seed=values["seed"],
        baseline=values["baseline"],
        precision=values["precision"],
        datasets=_each("datasets", values["datasets"], _data),
        strategies=_each("strategies", values["strategies"], _strategy),
        initial=_each("initial", values["initial"], _initial),
        batch_sizes=_each("batch_sizes", values["batch_sizes"], _whole),
        learners=_each("learners", values["learners"] or ["network"], _learner),
        oracles=_each("oracles", values["oracles"] or ["perfect"], _oracle),
    )


def _each(what: str, values: Any, make: Callable[[Any], Any]) -> tuple[Any, ...]:
    if not isinstance(values, list):
        raise InvalidSettings(f"{what} is {values!r}; must be a list, such as [{values!r}]")
    return tuple(make(value) for value in values)


def _data(raw: Any) -> DataSpec:
    entry = {"source": raw} if isinstance(raw, str) else dict(raw)
    known = {f: None for f in DataSpec.__dataclass_fields__}
    for key in entry:
        if key not in known:
            raise unknown("setting of a data set", key, known)
    source = entry.get("source")
    if isinstance(source, str):
        entry["source"] = _source(source)
    elif not isinstance(source, Mapping):
        raise InvalidSettings(f"a data set has the source {source!r}; name one, such as 'digits'")
    for key in ("holdout", "long_tail", "duplicates", "noise"):
        if isinstance(entry.get(key), int):
            entry[key] = float(entry[key])
    try:
        return DataSpec(**entry)
    except TypeError as error:
        raise InvalidSettings(f"a data set has a setting of the wrong kind: {error}") from error


def _source(text: str) -> dict[str, Any]:
    """Read the short form: a generated set, project:NAME, a .zip or a folder."""
    kind, _, name = text.partition(":")
    if kind == PROJECT and name:
        return {"kind": PROJECT, "name": name}
    if text.endswith(".zip"):
        return {"kind": "archive", "path": str(user_path(text).resolve())}
    if "/" in text or Path(text).is_dir():
        return {"kind": "folder", "path": str(user_path(text).resolve()), "copy": False}
    return {"kind": text}


def _strategy(raw: Any) -> StrategySpec:
    entry = _named(raw, "name", "strategy")
    if "options" in entry:
        return StrategySpec(**entry)
    return StrategySpec(entry.pop("name"), entry)


def _initial(raw: Any) -> InitialSpec:
    entry = raw if isinstance(raw, Mapping) else {"size": raw}
    return InitialSpec(**with_defaults("an initial set", entry, {"size": 0, "how": "random"}))


def _whole(raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise InvalidSettings(f"a batch size is {raw!r}; must be a whole number")
    return raw


def _learner(raw: Any) -> LearnerSpec:
    entry = _named(raw, "kind", "learner")
    kind, name = entry.pop("kind"), entry.pop("name", "")
    return LearnerSpec(kind, name, entry.get("options", entry))


def _oracle(raw: Any) -> OracleSpec:
    entry = _named(raw, "kind", "oracle")
    kind, name = entry.pop("kind"), entry.pop("name", "")
    return OracleSpec(kind, name, entry.get("options", entry))


def _named(raw: Any, key: str, what: str) -> dict[str, Any]:
    if isinstance(raw, str):
        return {key: raw}
    if not isinstance(raw, Mapping) or not isinstance(raw.get(key), str):
        raise InvalidSettings(f"a {what} is {raw!r}; name it, such as {{{key} = …}}")
    return dict(raw)
