"""Owns the proof of who may do what: every page and every route, asked by every kind of visitor."""

from __future__ import annotations

import ast
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from made import BY_HAND, join, web_store
from made import project as small_project
from sqlalchemy import delete
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from alcore.config import TeamRule, Workspace
from alcore.errors import NotAllowed
from alcore.experiments import reading
from alcore.services import (
    api_tokens,
    experiments,
    guidelines,
    people,
    projects,
    rights,
    sessions,
    whole_projects,
)
from alcore.store import Store, members
from alcore.store import experiments as stored_experiments
from alcore.store import projects as stored
from alcore.store import sessions as class_sessions
from alcore.store.tables import member
from alcore.web import pictures, routes, state, tickets
from alcore.web.api import application, mounting

ROOT = Path(__file__).parent.parent
APP = str(ROOT / "app.py")
VISITORS = (
    "stranger",
    "uninvited",
    "removed",
    "annotator",
    "owner",
    "administrator",
    "student",
)
STUDENT = "Zoë (session 1)"
"""What a student's annotator is called, which nobody may type."""
SCOPES = list(api_tokens.SCOPES)
MAY: dict[rights.Right, set[str]] = {
    "open": set(VISITORS),
    "come in": set(VISITORS) - {"stranger", "student"},
    "label": {"annotator", "owner", "administrator", "student"},
    "take part": {"annotator", "owner", "administrator"},
    "own": {"owner", "administrator"},
    "make projects": set(VISITORS) - {"stranger", "student"},
    "run experiments": {"owner", "administrator"},
}
PAGES: dict[str, rights.Right] = {
    "label": "take part",
    "review": "take part",
    "map": "take part",
    "network": "take part",
    "dashboard": "take part",
    "team": "take part",
    "exchange": "own",
    "predict": "take part",
    "experiments": "run experiments",
    "setup": "make projects",
    "playground": "come in",
    "teach": "come in",
    "session": "own",
    "glossary": "come in",
}
PLACE = "/srv/hidden-folder/birds"
SECRETS = ("hidden project", "hidden-class", "hidden guidelines", PLACE, "image 1.png")
"""What nobody may be told of who does not take part in the project."""


@dataclass(frozen=True)
class House:
    """A project for invited people, with an owner, an annotator, and others who are outside."""

    store: Store
    project_id: int
    ids: dict[str, int]
    """Annotators by what kind of visitor they are; a stranger is none."""


def house(store: Store) -> House:
    settings = replace(BY_HAND, guidelines=SECRETS[2], team=TeamRule(invited_only=True))
    name, classes = SECRETS[0], (SECRETS[1], "other")
    project_id = small_project(store, 12, name=name, classes=classes, settings=settings)
    with store.write() as connection:
        stored.set_source(connection, project_id, {"kind": "folder", "path": PLACE, "copy": False})
        classes = stored.classes(connection, project_id)
    ids = {who: people.annotator(store, who).id for who in VISITORS[1:-1]}
    for who in ("removed", "annotator", "owner"):
        people.set_role(store, project_id, None, ids[who], who)
    people.make_administrator(store, ids["administrator"])
    ids["student"] = student(store, project_id)
    guidelines.choose(store, project_id, ids["owner"], 1, classes[0].id)
    return House(store, project_id, ids)


def student(store: Store, project_id: int) -> int:
    """Let a student join a session that runs, in which the project is a group's."""
    now = time.time()
    with store.write() as connection:
        session = class_sessions.add(connection, project_id, None, "ABCDEFGH", 10, now)
        class_sessions.add_groups(connection, session, [(project_id, "The class", "margin")])
        class_sessions.set_times(connection, session, now, now + 3600)
    place = sessions.join(store, "ABCD EFGH", "k" * 32, "Zoë")
    assert place.student is not None
    return place.student.annotator_id


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The project in the store that pages and routes of this process open."""
    with web_store(tmp_path_factory.mktemp("house")) as opened:
        yield house(opened)


# -- routes ------------------------------------------------------------------------------------


def ask(there: House, route: Route, visitor: str) -> Any:
    """Ask a route as a visitor whose ticket and addresses are from better days."""
    who = there.ids.get(visitor)
    path = route.path
    for part in ("project_id", "item_id", "example_id", "column_id"):
        number = there.project_id if part == "project_id" else 1
        path = path.replace(f"{{{part}:id}}", str(number))
    headers, query = {}, {}
    if who is not None:
        within = there.project_id if "{project_id" in route.path else tickets.OUTSIDE
        headers["X-Alcore-Ticket"] = state.tickets().issue(within, who)
        query["t"] = state.tickets().show(who, path.lstrip("/"))
    http = TestClient(Starlette(routes=[route]), raise_server_exceptions=False)
    (method,) = route.methods - {"HEAD"}
    body = {"json": {}} if method == "POST" else {}
    return http.request(method, path, headers=headers, params=query, **body)


def undeclared(all_routes: list[Route]) -> list[str]:
    """The routes that name no right, or one that there is not."""
    return [r.path for r in all_routes if getattr(r.endpoint, "right", None) not in rights.RIGHTS]


@pytest.mark.parametrize("visitor", VISITORS)
def test_every_route_lets_in_whom_its_right_lets_in_and_nobody_else(
    there: House, visitor: str
) -> None:
    for route in routes.routes():
        answer = ask(there, route, visitor)
        right = route.endpoint.right
        refused = answer.status_code in (401, 403)
        assert refused == (visitor not in MAY[right]), (route.path, answer.status_code)
        assert answer.status_code < 500 or visitor in MAY[right], (route.path, answer.text)
        if refused:
            assert not [secret for secret in SECRETS if secret in answer.text], route.path
            assert answer.json()["message"]


@pytest.fixture(scope="module")
def texts(there: House) -> dict[str, dict[str, str]]:
    """Each visitor's API tokens by scope, from better days, when they owned the project."""
    with there.store.read() as connection:
        role = {who: members.role(connection, there.project_id, i) for who, i in there.ids.items()}
    made: dict[str, dict[str, str]] = {}
    for who, annotator_id in there.ids.items():
        if who == "student":
            with pytest.raises(NotAllowed):  # on no day
                api_tokens.create(there.store, there.project_id, annotator_id, who, "label")
            continue
        here = (there.store, there.project_id)
        people.set_role(*here, None, annotator_id, "owner")
        made[who] = {s: api_tokens.create(*here, annotator_id, who, s)[1] for s in SCOPES}
        if (before := role[who]) is not None:
            people.set_role(*here, None, annotator_id, before)
        else:
            with there.store.write() as connection:
                connection.execute(delete(member).where(member.c.annotator_id == annotator_id))
    return made


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("scope", SCOPES)
def test_every_operation_of_the_api_asks_for_its_right_and_its_scope(
    there: House, texts: dict[str, dict[str, str]], visitor: str, scope: str
) -> None:
    http = TestClient(Starlette(routes=mounting.mounts()), raise_server_exceptions=False)
    for one in application.operations():
        right, needs = one.right, one.scope
        path = one.path.replace("{project_id}", str(there.project_id))
        path = mounting.PATH + re.sub(r"{\w+}", "1", path)
        text = texts.get(visitor, {}).get(scope)
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        (method,) = one.methods
        body = {"json": {}} if method == "POST" else {}
        answer = http.request(method, path, headers=headers, **body)
        enough = needs is None or SCOPES.index(scope) >= SCOPES.index(needs)
        refused = answer.status_code in (401, 403)
        assert refused == (visitor not in MAY[right] or not enough), (path, answer.text)
        assert answer.status_code < 500, answer.text
        if refused:
            assert answer.status_code == (403 if text else 401)
            assert answer.headers["content-type"] == "application/problem+json"
            assert not [secret for secret in SECRETS if secret in answer.text], path


def test_every_operation_of_the_api_names_its_right_and_its_scope() -> None:
    operations = application.operations()
    assert undeclared(operations) == []
    assert len(operations) == sum(len(group.routes) for group in application.GROUPS)
    assert {one.scope for one in operations} == {*SCOPES, None}
    opened = {one.path for one in operations if one.scope is None}
    assert opened == {"/openapi.json", "/docs"}
    beside = [r for r in application.application().routes if hasattr(r, "endpoint")]
    assert beside == []  # all come from the groups that are walked over


def test_every_route_names_its_right_and_one_without_is_noticed() -> None:
    async def careless(request: Any) -> Any:
        """Forgets to name a right."""

    assert undeclared(routes.routes("label")) == []
    added = Route("/board/{project_id:id}/careless", careless)
    assert undeclared([*routes.routes(), added]) == [added.path]


def test_every_route_of_the_app_comes_from_the_list_that_is_walked_over() -> None:
    """Streamlit's own routes aside, the app has no others."""
    tree = ast.parse((ROOT / "app.py").read_text())
    (call,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.App"
    ]
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    assert given["routes"].startswith("routes.of_app(") and given["middleware"].startswith(
        "[Middleware(Shield"
    )

    listed = [r.path for r in (*routes.routes("label"), *mounting.mounts("label"))]
    assert [route.path for route in routes.of_app("label")] == listed


def test_one_pictures_signature_opens_no_other_picture(there: House) -> None:
    http = TestClient(Starlette(routes=routes.routes()))
    (example,) = guidelines.of_project(there.store, there.project_id)
    who = there.ids["annotator"]
    address = pictures.src(there.project_id, example.item_id, example.content_hash, who)
    signature = address.split("t=")[1]
    for path in ("pixels/2", "pixels/3", "examples/1"):
        answer = http.get(f"/board/{there.project_id}/{path}", params={"t": signature})
        assert answer.status_code == 401


# -- pages -------------------------------------------------------------------------------------


def open_page(name: str, visitor: str, project_id: int | None) -> AppTest:
    """Open a page, with the project named in its address or not."""
    test = AppTest.from_file(APP, default_timeout=120)
    if visitor == "stranger":
        test.secrets["auth"] = {"client_id": "alcore"}
    else:
        test.session_state["annotator"] = STUDENT if visitor == "student" else visitor
    test.run().switch_page(f"pages/{name}.py")
    test.query_params.clear()
    if project_id is not None:
        test.query_params["project"] = str(project_id)
    return test.run()


def sent(test: AppTest) -> str:
    """Everything that the browser is sent of a page, data of elements included."""
    blocks, protos = [test._tree], []
    while blocks:
        node = blocks.pop()
        blocks += getattr(node, "children", {}).values()
        if getattr(node, "proto", None) is not None:
            protos.append(node.proto.SerializeToString().decode("utf-8", "replace"))
    return "\n".join(protos)


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_shown_to_whom_its_right_lets_in_and_to_nobody_else(
    there: House, name: str, visitor: str
) -> None:
    for project_id in (None, there.project_id):
        test = open_page(name, visitor, project_id)
        assert not test.exception
        page = sent(test)
        refused = bool(test.error) or "Sign in" in page
        assert refused == (visitor not in MAY[PAGES[name]]), [e.value for e in test.error]
        if visitor not in MAY["take part"]:
            assert not [secret for secret in SECRETS if secret in page]
            assert f"board/{there.project_id}" not in page
        if visitor not in MAY["own"]:
            assert PLACE not in page


def test_what_is_secret_is_there_for_who_takes_part(there: House) -> None:
    """Else the tests above would look for what nobody is told."""
    label = sent(open_page("label", "annotator", there.project_id))
    assert all(word in label for word in (*SECRETS[:3], f"board/{there.project_id}/pixels/1"))
    assert PLACE in sent(open_page("setup", "owner", there.project_id))


def declared(source: str) -> rights.Right | None:
    """The right that a page names, where it draws nothing before it is checked."""
    drawn = [n.value for n in ast.parse(source).body if isinstance(n, ast.Expr)]
    calls = [value for value in drawn if isinstance(value, ast.Call)]
    if len(calls) != 1 or not ast.unparse(calls[0]).startswith("open_to("):
        return None
    right, page = calls[0].args
    return right.value if ast.unparse(page) == "page" else None


def test_every_page_names_its_right_and_one_without_is_noticed() -> None:
    files = sorted((ROOT / "pages").glob("[!_]*.py"))
    assert {file.stem: declared(file.read_text()) for file in files} == PAGES
    for careless in ("page()", 'st.write(1)\nopen_to("own", page)', 'open_to("own", page)\npage()'):
        assert declared(f'"""A page."""\n{careless}') is None


def unchecked(source: str) -> list[str]:
    """The functions that a page draws again by itself without looking at rights first."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef):
            continue
        again = [d for d in map(ast.unparse, node.decorator_list) if "run_every" in d]
        body = node.body[1:] if ast.get_docstring(node) else node.body
        if again and not ast.unparse(body[0]).startswith("check_still("):
            found.append(node.name)
    return found


def test_what_a_page_draws_again_by_itself_looks_at_rights_first() -> None:
    for path in sorted((ROOT / "pages").glob("*.py")):
        assert unchecked(path.read_text()) == [], path.name
    careless = "@st.fragment(run_every=1.0)\ndef live():\n    '''Live.'''\n    st.write(1)"
    assert unchecked(careless) == ["live"]


def test_who_is_removed_while_a_page_is_open_is_told_and_shown_no_more(there: House) -> None:
    name = uuid.uuid4().hex
    person = people.annotator(there.store, name)
    join(there.store, there.project_id, person.id)
    test = open_page("team", name, there.project_id)
    assert not test.error and "hidden project" in sent(test)
    people.set_role(there.store, there.project_id, None, person.id, "removed")
    test.run()
    assert "may not label here any more" in test.error[0].value
    assert "hidden project" not in sent(test)


# -- rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("visitor", VISITORS[1:])
@pytest.mark.parametrize("beyond", [False, True])
def test_rights_hold_by_who_somebody_is_and_whether_others_reach_the_app(
    there: House, visitor: str, beyond: bool
) -> None:
    may = MAY | ({"make projects": MAY["own"]} if beyond else {})
    without_owner = small_project(there.store, 3, name=uuid.uuid4().hex)
    rights.guard(beyond)
    try:
        for right in rights.RIGHTS:
            who = (there.store, right, there.ids[visitor])
            if visitor in may[right]:
                rights.check(*who, there.project_id)
            else:
                with pytest.raises(NotAllowed):
                    rights.check(*who, there.project_id)
        owns = rights.owns(there.store, without_owner, there.ids[visitor])
        assert owns == (visitor != "student" and (not beyond or visitor == "administrator"))
    finally:
        rights.guard(False)
        projects.archive(there.store, without_owner)


def test_one_person_alone_may_do_everything(workspace: Workspace) -> None:
    store = Store.open(workspace)
    me = people.annotator(store, "me").id
    mine = small_project(store, 5)
    for right in rights.RIGHTS:
        rights.check(store, right, me, mine)
    projects.edit(
        store,
        projects.get(store, mine),
        replace(BY_HAND, team=TeamRule(invited_only=True)),
        by=me,
    )
    for right in rights.RIGHTS:
        rights.check(store, right, me, mine)
    with pytest.raises(NotAllowed, match="invited"):
        rights.check(store, "own", people.annotator(store, "Ben").id, mine)


def test_an_experiment_is_shown_to_whom_all_of_its_data_belongs(workspace: Workspace) -> None:
    store = Store.open(workspace)
    ana, ben, head = (people.annotator(store, name).id for name in ("Ana", "Ben", "Head"))
    people.make_administrator(store, head)
    projects_of = {}
    for name, owner in (("Ana's", ana), ("Ben's", ben)):
        made = small_project(store, 5, name=name, known_classes="answer key")
        people.set_role(store, made, None, owner, "owner")
        projects_of[owner] = {"kind": "project", "name": name, "project": made, "items": 5}
    sources = {"digits": {"kind": "digits"}, "Ana's": projects_of[ana], "Ben's": projects_of[ben]}
    sources |= {"a folder's": {"kind": "folder", "path": PLACE}}
    grid = {"budget": 4, "strategies": ["random"], "initial": [2]}
    for name, source in sources.items():
        design = reading.from_json(grid | {"name": name, "datasets": [{"source": source}]})
        with store.write() as connection:
            stored_experiments.add(connection, name, design.to_json(), 1.0)
    with store.write() as connection:
        both = [{"source": source} for source in projects_of.values()]
        design = reading.from_json(grid | {"name": "both", "datasets": both})
        stored_experiments.add(connection, "both", design.to_json(), 1.0)

    def seen(by: int | None) -> set[str]:
        return {one.name for one in experiments.list_experiments(store, by)}

    everything = {*sources, "both"}
    assert seen(None) == seen(head) == everything
    assert seen(ana) == {"digits", "Ana's", "a folder's"}
    text = 'name = "Ana\'s"\nbudget = 4\nstrategies = ["random"]\ninitial = [2]\n'
    text += '[[datasets]]\nsource = "digits"\n'
    assert experiments.parse(store, text, ana)
    with pytest.raises(NotAllowed, match="taken"):
        experiments.parse(store, text, ben)
    rights.guard(True)
    try:
        assert (seen(ana), seen(ben)) == ({"digits", "Ana's"}, {"digits", "Ben's"})
        assert seen(None) == seen(head) == everything
        projects.archive(store, int(projects_of[ana]["project"]))
        assert "Ana's" in seen(ana)
        whole_projects.delete(store, int(projects_of[ana]["project"]), "Ana's")
        assert seen(ana) == {"digits"} and seen(head) == everything
    finally:
        rights.guard(False)
    store.close()


def test_the_answer_key_of_anothers_project_is_no_experiments_data(workspace: Workspace) -> None:
    store = Store.open(workspace)
    ana, ben = (people.annotator(store, name).id for name in ("Ana", "Ben"))
    for name, owner in (("Ana's", ana), ("Ben's", ben)):
        made = small_project(store, 5, name=name, known_classes="answer key")
        people.set_role(store, made, None, owner, "owner")
    grid = (
        'name = "x"\nbudget = 4\nstrategies = ["random"]\ninitial = [2]\n'
        '[[datasets]]\nsource = "project:{}"\n'
    )
    assert experiments.parse(store, grid.format("Ana's"), ana)
    with pytest.raises(NotAllowed, match="owner"):
        experiments.parse(store, grid.format("Ben's"), ana)
    assert not any("Ben" in source for source in experiments.data_sources(store, ana))
