"""Owns the routes of sessions: the students' room, the projector, and what the teacher does there.

Room and projector are pages of their own beside Streamlit's: a phone loads one small file, needs
no lasting connection, and goes on by itself after the server was started anew.
"""

from __future__ import annotations

import base64
import functools
import time
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from alcore import languages
from alcore.errors import InvalidSettings, NotAllowed
from alcore.services import board_status, guessing, images, keys, projects, session_record, sessions
from alcore.services.sessions import Place
from alcore.web import invitations, modules, pictures, remarks, state
from alcore.web.palette import class_colours
from alcore.web.requests import Body, board_route, declared, id_in, number_in, open_route, text_in
from alcore.web.tickets import Ticket

MOST_PIXELS = 160
"""Longest side of the pictures in an exported session."""
WORDS = "shared/words.html"
"""The few words of the field that a class needs."""
HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'",
}


# -- the room ----------------------------------------------------------------------------------


async def room(request: Request) -> Response:
    """Show the page by which students join and label."""
    return HTMLResponse(_room(_language(request)), headers=HEADERS)


def _language(request: Request) -> str:
    choice = request.cookies.get(languages.COOKIE, "")
    return languages.preferred(choice, request.headers.get("accept-language", ""))


@functools.cache
def _room(language: str) -> str:
    return modules.page(
        "room/room.html",
        ("room/theme.css", "board/board.css", "grid/grid.css", "why/why.css", "room/room.css"),
        "room/room.js",
        {"board": "board/board.html", "words": WORDS},
        language,
    )


def join(request: Request, body: Body) -> Body:
    """Join a session by its code, or come back to it."""
    code, key = text_in(body, "code", longest=40), text_in(body, "key", longest=100)
    place = sessions.join(state.store(), code, key, text_in(body, "name", longest=200))
    return _place(place, body)


def room_state(request: Request, body: Body) -> Body:
    """Say where the session stands for whoever asks."""
    return _place(_asked(body), body)


def guess(request: Request, body: Body) -> Body:
    """Keep what a student guesses."""
    place = _asked(body)
    if place.student is None or place.student.removed_at is not None:
        raise NotAllowed("you are not in this session; join it first")
    place_of_class = int(number_in(body, "class", 0, 10_000))
    guessing.answer(state.store(), place, id_in(body, "guess"), place_of_class)
    return _place(place, body)


def _asked(body: Body) -> Place:
    code, key = text_in(body, "code", longest=40), text_in(body, "key", longest=100)
    return sessions.place_of(state.store(), code, key)


def _place(place: Place, body: Body) -> Body:
    """Say where a student stands, and give what the board starts with where it is asked for."""
    student, session, now = place.student, place.session, time.time()
    record: Body = {
        "session": session.id,
        "phase": session.phase(now),
        "now": now,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "students": place.students,
        "name": student.name if student else None,
    }
    if student is None:
        return record
    if student.removed_at is not None:
        return record | {"phase": "removed"}
    state.present().note(student.annotator_id)
    record["group"] = place.group.name if place.group else None
    record["ticket"] = state.tickets().issue(student.project_id, student.annotator_id)
    if record["phase"] == "running":
        record["guess"] = _guess(place)
        if body.get("board") is True:
            record["board"] = _board(place)
    return record


def _guess(place: Place) -> Body | None:
    assert place.student is not None
    said = guessing.of_student(state.store(), place.session, place)
    if said is None:
        return None
    item, hashed = said.pop("item"), said.pop("hash")
    student = place.student
    return said | {"src": pictures.src(student.project_id, item, hashed, student.annotator_id)}


def _board(place: Place) -> Body:
    """Gather what a student's board starts with."""
    student = place.student
    assert student is not None
    project = projects.get(state.store(), student.project_id)
    return {
        "project": project.id,
        "name": place.group.name if place.group else "",
        "base": f"board/{project.id}",
        "ticket": state.tickets().issue(project.id, student.annotator_id),
        "annotator": f"session {student.annotator_id}",
        "remember": False,
        "classes": board_status.classes_shown(project),
        "keys": keys.layout(project),
        "adds": False,
        "plain": True,
        "colours": class_colours(len(project.classes)),
        "guidelines": {
            "text": project.settings.guidelines,
            "examples": remarks.examples(project.id, student.annotator_id),
        },
    }


# -- the projector -----------------------------------------------------------------------------


async def projector(request: Request) -> Response:
    """Show the page that a class sees on the wall."""
    return HTMLResponse(_projector(_language(request)), headers=HEADERS)


@functools.cache
def _projector(language: str) -> str:
    return modules.page(
        "projector/projector.html",
        ("room/theme.css", "projector/projector.css"),
        "projector/projector.js",
        {"record": "null", "words": WORDS},
        language,
    )


def record(request: Request, ticket: Ticket, body: Body) -> Body:
    """Tell a session's record, what has happened since, and the pictures that are asked for."""
    session_id = id_in(body, "session")
    after = int(number_in(body, "after", 0, 2**53))
    who = (state.store(), ticket.project_id, session_id, ticket.annotator_id)
    told = session_record.record(*who, after)
    here = state.present().here(one["id"] for one in told["students"])
    for one in told["students"]:
        one["here"] = one["id"] in here
    wanted = body.get("positions", [])
    told["pictures"] = _addresses(session_id, ticket.annotator_id, _positions(wanted))
    told["colours"] = class_colours(len(told["classes"]))
    told["ticket"] = state.tickets().renewed(ticket)
    if body.get("opened") is not None:
        told["link"] = _link(text_in(body, "opened"), told["session"]["code"])
    return told


def _positions(wanted: Any) -> list[int]:
    if not isinstance(wanted, list) or not all(type(i) is int and 0 <= i < 2**31 for i in wanted):
        raise InvalidSettings("positions must be a list of whole numbers")
    return wanted[: session_record.MOST_PICTURES]


def _addresses(session_id: int, who: int, positions: Iterable[int]) -> dict[int, str]:
    there = session_record.pictures(state.store(), session_id, positions)
    return {p: pictures.src(group, item, h, who) for p, (group, item, h) in there.items()}


def _link(opened: str, code: str) -> Body:
    """Say how students come in: the address, its QR code, and what keeps them out."""
    listens_on, hosts = state.listens_on()
    own = invitations.own_address()
    link = invitations.link(opened, f"room?c={code}", listens_on, hosts, own)
    return {
        "address": link.address,
        "qr": invitations.qr(link.address),
        "warning": link.warning,
        "remedy": link.remedy,
    }


_ACTS: dict[str, Callable[[Any, int, int, int | None], None]] = {
    "start": sessions.start,
    "end": sessions.end,
    "reset": sessions.reset,
    "lock": functools.partial(sessions.lock, locked=True),
    "unlock": functools.partial(sessions.lock, locked=False),
    "longer": functools.partial(sessions.add_minutes, more=2),
    "close": guessing.close,
}


def act(request: Request, ticket: Ticket, body: Body) -> Body:
    """Do what the teacher asks for on the projector."""
    name = text_in(body, "do", longest=20)
    who = (ticket.project_id, id_in(body, "session"), ticket.annotator_id)
    if name == "remove":
        sessions.remove(state.store(), *who, id_in(body, "student"))
    elif name == "ask":
        guessing.ask(state.store(), state.prediction_cache(), *who)
    elif name == "show":
        guessing.show(state.store(), state.prediction_cache(), *who)
    elif name in _ACTS:
        _ACTS[name](state.store(), *who)
    else:
        raise InvalidSettings(f"a session is not told to {name!r}; choose from {', '.join(_ACTS)}")
    return {"ok": True}


def exported(request: Request, ticket: Ticket, body: Body) -> Response:
    """Write a session as one HTML file that needs no server."""
    session_id = id_in(body, "session")
    who = (state.store(), ticket.project_id, session_id, ticket.annotator_id)
    told = session_record.record(*who)
    while told["more"]:
        further = session_record.record(*who, told["events"][-1][0])
        told = further | {"events": [*told["events"], *further["events"]]}
    positions = [guess["position"] for guess in told["guesses"]]
    positions += session_record.disputed(told["events"])
    told["pictures"] = _embedded(session_id, dict.fromkeys(positions))
    told["colours"] = class_colours(len(told["classes"]))
    del told["session"]["code"]  # whoever gets the file is not let in by it
    html = modules.page(
        "projector/projector.html",
        ("room/theme.css", "projector/projector.css"),
        "projector/projector.js",
        {"record": modules.as_json(told), "words": WORDS},
        _language(request),
    )
    name = f"session-{session_id}.html"
    return HTMLResponse(html, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _embedded(session_id: int, positions: Iterable[int]) -> dict[int, str]:
    """Return small pictures as data addresses."""
    there = session_record.pictures(state.store(), session_id, positions)
    return {
        position: _data_address(project_id, item_id)
        for position, (project_id, item_id, _) in there.items()
    }


def _data_address(project_id: int, item_id: int) -> str:
    shown = images.shown(state.store(), project_id, item_id, MOST_PIXELS)
    rendition = shown if isinstance(shown, images.Rendition) else shown()
    return f"data:{rendition.mime};base64,{base64.b64encode(rendition.read()).decode()}"


def routes() -> list[Route]:
    """List the routes of sessions."""
    here = "/board/{project_id:id}/session"
    return [
        declared("/room", room, "open"),
        open_route("/room/join", join),
        open_route("/room/state", room_state),
        open_route("/room/guess", guess),
        declared("/projector", projector, "open"),
        board_route(f"{here}/record", record, "own", "POST"),
        board_route(f"{here}/act", act, "own", "POST"),
        board_route(f"{here}/page", exported, "own", "POST"),
    ]
