"""The app works below a path and behind proxies, and says what is wrong where it cannot."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Response, expect

from alcore.client import Client
from alcore.config import Workspace
from alcore.records import Project
from alcore.services import api_tokens, people

from .conftest import Board, Server
from .proxy import proxy

pytestmark = pytest.mark.browser

FRUITS = ["apple", "banana", "cherry"]
PAGES = (
    "",
    "review",
    "team",
    "dashboard",
    "exchange",
    "experiments",
    "playground",
    "setup",
    "glossary",
)


@pytest.fixture(scope="module", params=["", "label/al"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    root = tmp_path_factory.mktemp("proxied") / "workspace"
    root.mkdir()
    options = ["--server.baseUrlPath", request.param] if request.param else []
    running = Server(Workspace(root), options=options)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def fruits(server: Server) -> Project:
    return server.project("fruits", FRUITS, images=40)


def lost(page: Page) -> list[str]:
    """Collect the addresses of ours that were refused or not found."""
    found: list[str] = []

    def look(response: Response) -> None:
        if response.status >= 400 and "/board/" in response.url:
            found.append(f"{response.status} {response.url}")

    page.on("response", look)
    return found


@pytest.fixture
def below(server: Server) -> Iterator[str]:
    """The app's address behind a proxy that changes Host, and strips a path that it has not."""
    path = "/label/al" if server.options else "/proxy/8501"
    with proxy(server.port, path, strip=not server.options) as port:
        yield f"http://127.0.0.1:{port}{path}"


def test_programs_label_below_a_path_behind_a_proxy_that_changes_the_host(
    server: Server, fruits: Project, below: str
) -> None:
    store = server.store()
    person = people.annotator(store, "program").id
    _, text = api_tokens.create(store, fruits.id, person, "program", "label")
    with Client(below, text) as client:
        (image,) = client.claim()
        assert client.picture(image)
        client.answer(image, "banana")
    assert len(server.events(fruits, "program")) == 1
    with urllib.request.urlopen(f"{below}/api/v1/docs") as page:
        assert b"alcore API" in page.read()


def test_labeling_works_below_a_path_behind_a_proxy_that_changes_the_host(
    server: Server, fruits: Project, below: str, context: BrowserContext
) -> None:
    page = context.new_page()
    missing = lost(page)
    page.goto(f"{below}/?project={fruits.id}&annotator=proxied")
    board = Board(page).opened()
    for key in "123":
        board.press(key)
    board.expect_saved(3)
    assert len(server.events(fruits, "proxied")) == 3
    thumbs = board.part("strip").locator("img")
    assert thumbs.evaluate_all("all => all.filter((i) => i.naturalWidth > 0).length") == 3
    assert missing == []


def test_every_page_finds_its_addresses_below_a_path(
    fruits: Project, below: str, context: BrowserContext
) -> None:
    page = context.new_page()
    missing = lost(page)
    for name in PAGES:
        page.goto(f"{below}/{name}?project={fruits.id}&annotator=proxied")
        expect(page.get_by_role("link", name="Dashboard", exact=True).first).to_be_visible()
        page.wait_for_load_state("networkidle")
    page.goto(f"{below}/team?project={fruits.id}&annotator=proxied")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_text(re.compile(r"/\?join="))
    expect(link).to_contain_text(f"{below.split(':', 2)[2].split('/', 1)[1]}/?join=")
    assert missing == []


def test_a_page_that_does_not_exist_shows_a_board_that_works(
    server: Server, fruits: Project, context: BrowserContext
) -> None:
    page = context.new_page()
    path = f"/{server.options[1]}" if server.options else ""
    page.goto(f"{server.url}{path}/nonsense?project={fruits.id}&annotator=lost")
    page.keyboard.press("Escape")
    board = Board(page).opened()
    assert re.search(r"/nonsense", page.url) is None
    expect(board.root).to_have_attribute("data-item", re.compile(r"\d+"))
