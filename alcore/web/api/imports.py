"""Owns how programs bring images: an archive is sent, and a project made of it or added to."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from alcore.errors import InvalidSettings
from alcore.services import api_tokens, more_images, people, projects, setup
from alcore.web import state
from alcore.web.api.models import job_value
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.values import Added, Made, NewImages, NewProject, ProjectId, Uploaded

group = router("Images in")
MOST = 2_000_000
"""Bytes of a list of addresses."""
_UPLOAD = re.compile(r"[0-9a-f]{32}\.zip")


def _received(request: Request) -> Path:
    path: Path = request.state.file
    return path


@operation(group, "POST /uploads", "own", "own", status_code=201, takes_file=True)
def upload(caller: Caller, file: Annotated[Path, Depends(_received)]) -> Uploaded:
    """Send a zip archive of images: the body is the file, of 2 GB at most, with its length.

    It waits for a day, or until a project has its images.
    """
    size = file.stat().st_size
    try:
        spec = setup.keep_upload(state.store(), file, "archive.zip")
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
    return Uploaded(upload=Path(spec["path"]).name, size=size)


@operation(group, "POST /projects", "make projects", "own", status_code=201)
def make_project(new: NewProject, caller: Caller) -> Made:
    """Make a project from an archive that was sent, or from a bucket or a server.

    The token's person owns it, and gets a token for it. Images come in by a job; which servers may
    be named is for whoever runs the app to say.
    """
    store = state.store()
    spec = _source(store, new.upload, new.address, new.name)
    project_id = projects.create(store, new.name, spec, new.known_classes, class_names=new.classes)
    people.set_role(store, project_id, None, caller.annotator_id, "owner")
    _, text = api_tokens.create(store, project_id, caller.annotator_id, caller.name, "own")
    return Made(project_id=project_id, token=text)


@operation(group, "POST /projects/{project_id}/additions", "own", "own", most=MOST, status_code=202)
def add_images(project_id: ProjectId, new: NewImages, caller: Caller) -> Added:
    """Bring more images: of an archive that was sent, of a bucket or server, or of addresses.

    What is there already is known by its name or content. The body may have 2 MB.
    """
    store, who = state.store(), caller.annotator_id
    problems: list[str] = []
    if new.addresses:
        if new.upload or new.address:
            raise InvalidSettings("name one of upload, address and addresses")
        text = "\n".join(new.addresses).encode()
        wanted = more_images.add_addresses(store, project_id, text, who, state.folders())
        problems = [f"{one.name}: {one.reason}" for one in wanted.problems]
    else:
        spec = _source(store, new.upload, new.address, "upload")
        more_images.add(store, project_id, spec, who, state.folders())
    job = projects.import_job(store, project_id)
    return Added(job=None if job is None else job_value(job), problems=problems)


def _source(
    store: state.Store, upload: str | None, address: str | None, name: str
) -> dict[str, Any]:
    """Describe where images are. Raises InvalidSettings, NotAllowed."""
    if (upload is None) == (address is None):
        raise InvalidSettings("images come from an upload or from an address; name one of them")
    if address is not None:
        spec = {"kind": "remote", "path": address}
        setup.check(spec, state.folders(), store.workspace)
        return spec
    path = store.workspace.uploads / (upload or "")
    if not _UPLOAD.fullmatch(upload or "") or not path.is_file():
        raise InvalidSettings(f"there is no upload {upload!r} any more; send the archive again")
    return {"kind": "archive", "path": str(path), "name": name}
