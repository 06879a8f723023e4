"""Owns the audit log: who did what in a project that only owners and administrators may do.

What was done and its entry are one transaction: neither is there without the other. Labels, last
words included, have a log of their own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from alcore.records import AuditEvent
from alcore.services import rights
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, audit

ACTS: Mapping[str, str] = MappingProxyType(
    {
        "project": "made the project",
        "role": "made {person} an {role}",
        "remove": "removed {person}",
        "free": "freed the {images} images that {person} held",
        "settings": "changed settings: {changes}",
        "name": "renamed the project from {before} to {after}",
        "classes": "added the classes {names}",
        "class": "renamed the class {before} to {after}",
        "describe class": "described the class {name}: {text}",
        "order classes": "put the classes in the order {names}",
        "merge classes": "merged the classes {names} into {into}",
        "delete class": "deleted the class {name}; of its {labels} labels: {fate}",
        "undo classes": "undid this change of classes: {what}",
        "archive": "archived the project",
        "delete project": "deleted the project {name}: {images} images, {labels} labels, {size}",
        "copy project": "copied the project from {name}",
        "snapshot": "made the snapshot {name} of {labels} labels",
        "remove snapshot": "deleted the snapshot {name}",
        "take back": "took the project back from the archive",
        "train": "asked for a training",
        "stop training": "stopped the training",
        "pretrain": "asked for a pretraining",
        "pause pretraining": "paused the pretraining",
        "stop pretraining": "stopped the pretraining",
        "features": "asked for features",
        "stop features": "stopped the computing of features",
        "tuning": "asked for features that are tuned to the labels",
        "stop tuning": "stopped the tuning of features",
        "map": "asked for a map",
        "stop map": "stopped the making of a map",
        "import": "resumed the import",
        "stop import": "stopped the import",
        "model export": "asked for the model as files",
        "stop model export": "stopped the model export",
        "more images": "asked for more images from {source}",
        "watch": "let the folder {place} be watched, every {minutes} minutes",
        "look into watch": "asked for a look into the folder {place}",
        "stop watch": "let the folder {place} be watched no more",
        "labels": "brought in {labels} labels of {file} as {use}",
        "metadata": "brought in {values} values of {names} from {source}",
        "stop metadata": "stopped the reading of metadata",
        "group": "kept images of one {name} together; {to_holdout} moved to the holdout and "
        "{to_pool} to the pool",
        "near-duplicates": "brought near-duplicates together; {to_holdout} moved to the holdout "
        "and {to_pool} to the pool",
        "look for near-duplicates": "asked for a search for near-duplicates",
        "stop near-duplicates": "stopped the search for near-duplicates",
        "ungroup": "kept images together no more",
        "remove metadata": "removed the metadata {name}",
        "originals": "named {place} as the place of the originals",
        "example": "added {name} as an example of {class_name}",
        "remove example": "took the example {name} away",
        "draw completion": "let {sample} of {images} images be checked that {author} shall label",
        "write completion": "let {author} label {images} images; precision: {precision}",
        "discard completion": "discarded the {images} images that {author} was to label",
        "withdraw completion": "took the labels of {author} on {images} images back",
        "gold": "made {images} images gold",
        "remove gold": "made {images} images gold no more",
        "invite": "made an invitation{purpose}, for {days} days",
        "revoke": "revoked the invitation{purpose}",
        "token": "made the API token {name} of {person} with the scope {scope}",
        "webhook": "made a webhook to {address}",
        "test webhook": "sent a test to the webhook {address}",
        "remove webhook": "removed the webhook to {address}",
        "session": "opened session {number} for a class: {groups}",
        "session act": "session {number}: {what}",
        "revoke token": "revoked the API token {name} of {person}",
    }
)
"""What can be done, and how it is said."""
_POSSIBLE_ARCHIVED = {"archive", "take back", "delete project", "copy project"}
COLUMNS = ("time", "who", "act", "what", "details")
LONGEST = 60
"""Characters of a value that are shown."""


def note(connection: Connection, project_id: int, by: int | None, act: str, **details: Any) -> None:
    """Add to the log, in the transaction that does it. by: None for the command line.

    Raises ProjectArchived, which takes the transaction back: an archived project is read only.
    """
    ACTS[act].format_map(_Shown(details))  # nothing is kept that could not be said
    if act not in _POSSIBLE_ARCHIVED:
        rights.check_not_archived(connection, project_id)
    audit.add(connection, project_id, by, time.time(), act, details)


def of_project(
    store: Store, project_id: int, by: int | None, most: int | None = None
) -> list[AuditEvent]:
    """List what was done in a project, newest first. Raises NotAllowed for who is no owner."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return audit.of_project(connection, project_id, most)


def words(event: AuditEvent) -> str:
    """Say what was done."""
    return say(event.act, event.details)


def say(act: str, details: Mapping[str, Any]) -> str:
    """Say an act of ACTS with its details."""
    form = ACTS.get(act)
    return act if form is None else form.format_map(_Shown(details))


def rows(store: Store, project_id: int, by: int | None) -> list[dict[str, Any]]:
    """Read the whole log as rows of COLUMNS, oldest first; times in ISO 8601, UTC."""
    return [
        {
            "time": datetime.fromtimestamp(event.created_at, UTC).isoformat(timespec="seconds"),
            "who": event.who or "command line",
            "act": event.act,
            "what": words(event),
            "details": json.dumps(event.details, ensure_ascii=False, sort_keys=True),
        }
        for event in reversed(of_project(store, project_id, by))
    ]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """List what differs between two settings: name of each value to what it was and is.

    >>> changes({"a": 1, "team": {"b": 2, "c": 3}}, {"a": 1, "team": {"b": 4, "c": 3}})
    {'team.b': [2, 4]}
    """
    return dict(_changes(before, after, ""))


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], above: str
) -> Iterator[tuple[str, list[Any]]]:
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{above}{name}.")
        elif old != new:
            yield f"{above}{name}", [old, new]


class _Shown(dict[str, Any]):
    """Details as people read them."""

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name)
        if name == "changes":
            return ", ".join(
                f"{key} from {_short(old)} to {_short(new)}" for key, (old, new) in value.items()
            )
        if name == "names":
            return ", ".join(map(_short, value))
        return f" for {_short(value)}" if name == "purpose" and value else _short(value)


def _short(value: Any) -> str:
    text = {None: "nothing", True: "yes", False: "no"}.get(value) if _is_plain(value) else None
    text = text or (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool)
