"""Owns what a notebook or script asks a running alcore: label, train, read the learning curve.

    from alcore.client import Client

    alcore = Client("http://127.0.0.1:8501", token="alcore_…")
    for image in alcore.images():
        alcore.answer(image, "cat")
    alcore.train(wait=True)
    alcore.curve()

It needs requests alone; pandas only where a table is asked for. Whatever was sent and got no reply
is sent again with the same key, so that an answer counts once. Times in seconds.
"""

from __future__ import annotations

import base64
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import requests

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # it says nothing of its types

TRIES = 6
PATIENCE = 30.0
"""Seconds until a reply is given up and the request is sent again."""
UPLOAD_PATIENCE = 300.0
"""The same once a file was sent, which is stored then."""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
POLL = 0.5
_LATER = (429, 502, 503, 504)
_BLOCK = 1_000_000
MOST_CORRECTIONS = 200
"""Labels that one request brings."""
Values = dict[str, Any]


class ClientError(Exception):
    """Root of what goes wrong between a program and alcore."""


class Refused(ClientError):
    """alcore has refused a request; the message says what was wrong, and what would be right."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(f"{detail} ({status})")
        self.status = status
        self.kind = kind
        """The same for all of a kind, such as "lease-expired"."""


class Unreachable(ClientError):
    """No reply came, however often it was tried."""


class NothingToLabel(ClientError):
    """There is nothing to label now; the message says why."""


@dataclass(frozen=True)
class Image:
    """An image that is yours to answer until its lease ends."""

    id: int
    token: str
    proof: str
    picture: str
    """Address of its pixels."""
    width: int
    height: int


@dataclass(frozen=True)
class Answer:
    """An answer that alcore has on disk."""

    key: str
    """Takes it back, see `Client.undo`."""
    event: int


class Client:
    """One person's access to one project, by an API token.

    name: which of your programs asks, where several label at once with one token.
    """

    def __init__(self, address: str, token: str | None = None, name: str = "client") -> None:
        """address: that of the app; token: else that of the environment, ALCORE_TOKEN.

        Raises Refused for a token that does not work, Unreachable.
        """
        self._app = address.rstrip("/")
        self._name = name
        self._session = requests.Session()
        text = (token or os.environ.get("ALCORE_TOKEN", "")).strip()
        if not (text.isascii() and text.isprintable()):
            raise Refused(401, "invalid-ticket", "this is no API token; copy it from the Team page")
        self.token = text
        self._session.headers["Authorization"] = f"Bearer {text}"
        self.project_id = int(self._call("GET", "token")["project_id"])
        self._class_ids: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    # -- the project ---------------------------------------------------------------------------

    def project(self) -> Values:
        """Read the project with its classes."""
        return self._call("GET", self._path())

    def status(self) -> Values:
        """Say how many labels there are, what the model does, and whether to stop."""
        return self._call("GET", self._path("status"))

    def classes(self) -> dict[str, int]:
        """Read the ids of the classes by their names."""
        self._class_ids = {c["name"]: c["id"] for c in self.project()["classes"]}
        return dict(self._class_ids)

    def add_classes(self, *names: str) -> dict[str, int]:
        """Add classes, as an owner; return the ids of all."""
        self._call("POST", self._path("classes"), {"names": list(names)})
        return self.classes()

    # -- images in -----------------------------------------------------------------------------

    def create(
        self,
        name: str,
        source: Path | str,
        known_classes: Literal["answer key", "labels", "none"] = "answer key",
        classes: Sequence[str] = (),
    ) -> Client:
        """Make another project, whose images come in by a job; return a client of it.

        source: a zip archive, which is sent, or an address such as s3://bucket/folder. Keep the
        new client's `token`: it is said nowhere else.
        """
        body = {"name": name, "known_classes": known_classes, "classes": list(classes)}
        made = self._call("POST", "projects", body | self._source(source))
        return Client(self._app, made["token"], self._name)

    def add_images(
        self, source: Path | str | Sequence[str], wait: bool = False, patience: float = 3600.0
    ) -> Values | None:
        """Bring what is new of an archive, an address or a list of addresses of single images.

        Returns the job, where `wait` once it has ended. Raises Refused, Unreachable.
        """
        if isinstance(source, str | Path):
            body = self._source(source)
        else:
            body = {"addresses": list(source)}
        job = self._call("POST", self._path("additions"), body)["job"]
        return self._ended(job, patience) if wait else job

    def add_metadata(
        self, rows: pd.DataFrame | Sequence[Values] | Path | str, preview: bool = False
    ) -> Values:
        """Bring what is known of images: a table, rows, or a CSV file; return what it brought.

        One column names the image, such as “file”. preview: change nothing.
        """
        body: Values = {"preview": preview}
        if isinstance(rows, str | Path):
            body["csv"] = Path(rows).read_text(encoding="utf-8-sig")
        elif isinstance(rows, Sequence):
            body["rows"] = list(rows)
        else:
            body["csv"] = rows.to_csv(index=False)
        return self._call("POST", self._path("metadata"), body)

    def _source(self, source: Path | str) -> Values:
        if "://" in str(source):
            return {"address": str(source)}
        return {"upload": self._call("POST", "uploads", file=Path(source))["upload"]}

    # -- labeling ------------------------------------------------------------------------------

    def claim(self, count: int = 1) -> list[Image]:
        """Lease the next images, at most 60. Raises NothingToLabel where there are none."""
        reply = self._call(
            "POST", self._path("queue/claim"), {"count": count, "client": self._name}
        )
        if reply["waiting"]:
            raise NothingToLabel(reply["waiting"])
        return [self._image(one) for one in reply["images"]]

    def images(self, most: int | None = None, at_once: int = 10) -> Iterator[Image]:
        """Yield images to answer, most useful first, until there are none now.

        What was leased and is not looked at, as the loop was left, is given back.
        """
        left, waiting = most, list[Image]()
        try:
            while left is None or left > 0:
                if not waiting:
                    try:
                        waiting = self.claim(at_once if left is None else min(at_once, left))
                    except NothingToLabel:
                        return
                    if not waiting:
                        return
                left = None if left is None else left - 1
                yield waiting.pop(0)
        finally:
            if waiting:
                self.release(waiting)

    def answer(
        self,
        image: Image,
        label: str | int,
        *,
        seconds: float | None = None,
        note: str = "",
        key: str | None = None,
    ) -> Answer:
        """Label an image, by the name of a class or its id; it is on disk when this returns.

        Raises Refused, such as where somebody else has the image by now; KeyError for a class
        that the project does not have.
        """
        more: Values = {"class_id": self._class_id(label), "note": note}
        if seconds is not None:
            more["seconds"] = seconds
        return self._answer(image, "label", key, more)

    def skip(self, image: Image, key: str | None = None) -> Answer:
        """Leave an image to others."""
        return self._answer(image, "skip", key, {})

    def unsure(self, image: Image, note: str = "", key: str | None = None) -> Answer:
        """Say that you do not know."""
        return self._answer(image, "unsure", key, {"note": note})

    def undo(self, answer: Answer, key: str | None = None) -> Image:
        """Take an answer back; its image is yours once more."""
        body = {"undoes": answer.key, "key": key or uuid.uuid4().hex, "client": self._name}
        return self._image(self._call("POST", self._path("queue/undo"), body)["image"])

    def release(self, images: Sequence[Image]) -> None:
        """Give images back that you will not answer."""
        body = {"tokens": [image.token for image in images], "client": self._name}
        self._call("POST", self._path("queue/release"), body)

    def picture(self, image: Image) -> bytes:
        """Get the pixels of an image, as PNG, JPEG or WebP."""
        return self._send("GET", image.picture).content

    # -- labels and models ---------------------------------------------------------------------

    def labels(self, after: int = 0) -> pd.DataFrame:
        """Read the labels that count, those newer than the event `after`."""
        return _table(self._rows("labels", after))

    def correct(self, labels: Mapping[int, str | int]) -> dict[int, str]:
        """Label images that have no answer, by their ids; return what was refused, and why.

        Of images whose label is to be changed, see the Review page.
        """
        refused: dict[int, str] = {}
        wanted = [
            {"image": image, "class_id": self._class_id(label), "key": uuid.uuid4().hex}
            for image, label in labels.items()
        ]
        for start in range(0, len(wanted), MOST_CORRECTIONS):
            part = {"labels": wanted[start : start + MOST_CORRECTIONS]}
            for row in self._call("POST", self._path("labels/bulk"), part)["rows"]:
                if row["problem"] is not None:
                    refused[row["image"]] = row["problem"]
        return refused

    def copy(self, name: str, labels: bool = False) -> int:
        """Copy the project, as an owner; return the id of the copy, which needs its own token."""
        body = {"name": name, "labels": labels}
        return int(self._call("POST", self._path("copies"), body)["project_id"])

    def archive(self, archived: bool = True) -> None:
        """Put the project away, as an owner, or take it back."""
        self._call("POST", self._path("archive"), {"archived": archived})

    def rounds(self) -> pd.DataFrame:
        """Read the models with their measures, a row each."""
        rows = [one | one["measures"] for one in self._rows("rounds")]
        return _table(rows).drop(columns="measures", errors="ignore")

    def curve(self, metric: Literal["accuracy", "macro-F1"] = "accuracy") -> pd.DataFrame:
        """Read the learning curve, and that of as many random labels, a row per point."""
        reply = self._call("GET", self._path("curve"), query={"metric": metric})
        return _table(reply["points"])

    def jobs(self, kind: str = "") -> list[Values]:
        """Read the jobs, of one kind or all."""
        return list(self._rows("jobs", kind=kind))

    def train(self, wait: bool = False, patience: float = 3600.0) -> Values | None:
        """Train now, as an owner; return the job, where `wait` once it has ended.

        Raises Refused where nothing can be learned yet, or the training that was waited for failed;
        Unreachable after `patience`.
        """
        job: Values | None = self._call("POST", self._path("trainings"))["job"]
        return self._ended(job, patience) if wait else job

    def wait(self, kind: str = "import", patience: float = 3600.0) -> Values | None:
        """Wait until the newest job of a kind has ended, and return it.

        Raises Refused where it failed, Unreachable after `patience`.
        """
        jobs = self.jobs(kind)
        return self._ended(max(jobs, key=lambda job: job["id"]) if jobs else None, patience)

    def stop(self) -> None:
        """Stop the training, as an owner."""
        self._call("DELETE", self._path("trainings"))

    def predict(self, picture: Path | str | bytes, neighbours: bool = False) -> Values:
        """Ask the newest model about a picture: a file, or its bytes, in no project.

        Raises Refused for what is no picture, and where there is no model yet.
        """
        data = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
        body = {"picture": base64.b64encode(data).decode(), "neighbours": neighbours}
        return self._call("POST", self._path("predict"), body)

    # -- finish the job ------------------------------------------------------------------------

    def outlook(self, precision: float = 0.99) -> Values:
        """Say how many unlabeled images the newest model could label at a precision."""
        return self._call("GET", self._path("outlook"), query={"precision": precision})

    def draw(self, precision: float = 0.99, sample: int = 100) -> Values:
        """Fix the images that the model would label; a sample of them is asked first."""
        body = {"precision": precision, "sample": sample}
        return self._call("POST", self._path("completions"), body)

    def completions(self) -> list[Values]:
        """List what is being checked and what was written, newest first."""
        return list(self._call("GET", self._path("completions"))["rows"])

    def write(self, completion: int) -> Values:
        """Write the model's labels, once all of the sample is answered."""
        return self._call("POST", self._path(f"completions/{completion}/labels"))

    def withdraw(self, completion: int) -> None:
        """Take the labels of one writing back, or discard what was not written."""
        self._call("DELETE", self._path(f"completions/{completion}"))

    # -- files ---------------------------------------------------------------------------------

    def export_labels(self, to: Path | str, form: str = "csv", parts: Sequence[str] = ()) -> Path:
        """Write the labels into a file, as an owner; parts: what stands beside image and class."""
        query: Values = {"format": form} | ({"part": list(parts)} if parts else {})
        return self._save("files/labels", to, query)

    def export_predictions(
        self, to: Path | str, form: str = "csv", which: Literal["unlabeled", "all"] = "unlabeled"
    ) -> Path:
        """Write what the newest model says of the project's images into a file, as an owner."""
        return self._save("files/predictions", to, {"format": form, "which": which})

    # -- how -----------------------------------------------------------------------------------

    def _answer(self, image: Image, kind: str, key: str | None, more: Values) -> Answer:
        body = {
            "image": image.id,
            "token": image.token,
            "proof": image.proof,
            "key": key or uuid.uuid4().hex,
            "kind": kind,
            **more,
        }
        reply = self._call("POST", self._path("queue/answers"), body)
        return Answer(body["key"], reply["event"])

    def _ended(self, job: Values | None, patience: float) -> Values | None:
        """Wait until a job has ended, and return it as it is then."""
        until = time.monotonic() + patience
        while job is not None and job["state"] in ("waiting", "running"):
            if time.monotonic() > until:
                raise Unreachable(f"the {job['kind']} has not ended in {patience:g} s; it goes on")
            time.sleep(POLL)
            job = self._call("GET", self._path(f"jobs/{job['id']}"))
        if job is not None and job["state"] == "failed":
            raise Refused(409, f"{job['kind']}-failed", str(job["error"]))
        return job

    def _class_id(self, label: str | int) -> int:
        if isinstance(label, int):
            return label
        known = self._class_ids if label in self._class_ids else self.classes()
        if label not in known:
            raise KeyError(f"no class called {label!r}; there are {', '.join(known)}")
        return known[label]

    def _image(self, one: Values) -> Image:
        return Image(
            id=one["image"],
            token=one["token"],
            proof=one["proof"],
            picture=f"{self._app}/{one['picture']}",
            width=one["width"],
            height=one["height"],
        )

    def _path(self, rest: str = "") -> str:
        return f"projects/{self.project_id}" + (f"/{rest}" if rest else "")

    def _rows(self, what: str, after: int = 0, **query: Any) -> Iterator[Values]:
        following: int | None = after
        while following is not None:
            part = self._call(
                "GET", self._path(what), query={**query, "after": following, "limit": 1000}
            )
            yield from part["rows"]
            following = part["next"]

    def _save(self, what: str, to: Path | str, query: Values) -> Path:
        path = Path(to)
        reply = self._send("GET", self._address(self._path(what)), query=query, stream=True)
        beside = path.with_name(f"{path.name}.part")
        with reply, beside.open("wb") as file:
            for block in reply.iter_content(_BLOCK):
                file.write(block)
        beside.replace(path)
        return path

    def _call(
        self,
        method: str,
        path: str,
        body: Values | None = None,
        query: Values | None = None,
        file: Path | None = None,
    ) -> Values:
        address = self._address(path)
        if file is None:
            reply: Values = self._send(method, address, body, query).json()
            return reply
        sent: Values = self._send_file(method, address, file).json()
        return sent

    def _address(self, path: str) -> str:
        return f"{self._app}/api/v1/{path}"

    def _send(
        self,
        method: str,
        address: str,
        body: Values | None = None,
        query: Mapping[str, Any] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request until a reply comes. Raises Refused, Unreachable."""

        def ask() -> requests.Response:
            return self._session.request(
                method, address, json=body, params=query, timeout=PATIENCE, stream=stream
            )

        return self._until_reply(ask)

    def _send_file(self, method: str, address: str, path: Path) -> requests.Response:
        """Send a file, which is read while it goes. Raises Refused, Unreachable."""

        def ask() -> requests.Response:
            with path.open("rb") as file:
                headers = {"Content-Type": "application/octet-stream"}
                return self._session.request(
                    method, address, data=file, headers=headers, timeout=UPLOAD_PATIENCE
                )

        return self._until_reply(ask)

    def _until_reply(self, ask: Callable[[], requests.Response]) -> requests.Response:
        """Ask until a reply comes. Raises Refused, Unreachable."""
        pause, reason = FIRST_PAUSE, ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(min(pause, LONGEST_PAUSE))
                pause *= 2
            try:
                reply = ask()
            except (requests.ConnectionError, requests.Timeout) as error:
                reason = f"no reply from {self._app} ({type(error).__name__})"
                continue
            if reply.ok:
                return reply
            refused = _refused(reply)
            if reply.status_code not in _LATER:
                raise refused
            reason = str(refused)
            pause = max(pause, _wanted_pause(reply))
        raise Unreachable(f"{reason}; tried {TRIES} times")


def _wanted_pause(reply: requests.Response) -> float:
    text = reply.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def _refused(reply: requests.Response) -> Refused:
    try:
        problem = reply.json()
    except requests.JSONDecodeError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    detail = str(problem.get("detail") or problem.get("message") or reply.reason)
    kind = str(problem.get("type", "")).rpartition(":")[2]
    return Refused(reply.status_code, kind, detail)


def _table(rows: Iterator[Values] | list[Values]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(list(rows))
    if "created_at" in table:
        table["created_at"] = pd.to_datetime(table["created_at"], format="ISO8601", utc=True)
    return table
