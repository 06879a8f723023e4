"""Owns Label Studio's JSON: a task per image, with choices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit

from alcore.errors import UnreadableLabels
from alcore.label_formats import documents
from alcore.label_formats.contract import Columns, ForeignLabel, Format, Header, LabelRow

FROM, TO = "class", "image"
"""Names of the controls in a labeling configuration that takes these tasks."""
_MOST_VOTES = 1_000
"""Of one image; so far apart are the ids of two tasks' annotations."""


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    out.write(b"[\n")
    written = 0
    for written in documents.write_list(out, (_task(header, row) for row in rows)):
        yield written
    out.write(b"\n]\n")
    yield written


def _task(header: Header, row: LabelRow) -> dict[str, Any]:
    known = header.named(row)
    annotations: list[dict[str, Any]] = [
        {
            "result": [_choice(header.classes[row.place])],
            "was_cancelled": False,
            "ground_truth": header.votes,
            "lead_time": known.get("seconds"),
        }
    ]
    annotations += [
        {
            "result": [_choice(vote.class_name)] if vote.class_name else [],
            "was_cancelled": vote.class_name is None,
            "ground_truth": False,
            "lead_time": vote.seconds,
        }
        for vote in (row.votes if header.votes else ())
    ]
    for number, annotation in enumerate(annotations):
        annotation["id"] = row.item * _MOST_VOTES + number
    task: dict[str, Any] = {
        "id": row.item,
        "data": {"image": row.file, "item": row.item, **known},
        "annotations": annotations,
    }
    if "predicted class" in known:
        task["predictions"] = [
            {
                "result": [_choice(known["predicted class"])],
                "score": known["probability"],
                "model_version": "alcore",
            }
        ]
    return task


def _choice(name: str) -> dict[str, Any]:
    return {"from_name": FROM, "to_name": TO, "type": "choices", "value": {"choices": [name]}}


def read(path: Path, _columns: Columns | None) -> Iterator[ForeignLabel]:
    """Read choices; of several annotations of a task a ground truth decides."""
    tasks = documents.load(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise UnreadableLabels(f"{path.name} is no export of Label Studio: it is no list of tasks")
    for number, task in enumerate(tasks, 1):
        file = _file(task)
        classes = _classes(task)
        for name in classes or [""]:
            yield ForeignLabel(number, file, name)


def _file(task: dict[str, Any]) -> str:
    """Return the image of a task: the one value of its data that looks like a file."""
    data = task.get("data", task)
    data = data if isinstance(data, dict) else {}
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    text = texts.get(TO) or next((v for v in texts.values() if "." in v or "/" in v), "")
    if "://" not in text and not text.startswith("/data/"):
        return text
    address = urlsplit(text)
    local = parse_qs(address.query).get("d")
    return local[0] if local else unquote(address.path).lstrip("/")


def _classes(task: dict[str, Any]) -> list[str]:
    if "choice" in task:  # the short form, JSON-MIN
        return [name for name in _texts(task["choice"])]
    annotations = [
        a
        for a in task.get("annotations") or task.get("completions") or []
        if isinstance(a, dict) and not a.get("was_cancelled")
    ]
    truths = [a for a in annotations if a.get("ground_truth")]
    names: list[str] = []
    for annotation in truths or annotations:
        for result in annotation.get("result") or []:
            if isinstance(result, dict) and isinstance(result.get("value"), dict):
                names += _texts(result["value"].get("choices"))
    return list(dict.fromkeys(names))


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [v for v in values if isinstance(v, str)]


FORMAT = Format(
    name="label-studio",
    title="Label Studio",
    sentence="JSON with a task per image and its class as a choice.",
    suffix=".json",
    mime="application/json",
    content="labels",
    write=write,
    read=read,
)
