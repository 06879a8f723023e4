"""Below a path that the server is told, every address of the app lies below that path."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from .conftest import Board, Server, started

pytestmark = pytest.mark.browser

PATH = "/label/al"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("below"), PATH) as running:
        yield running


def test_labeling_review_and_invitation_work_below_a_path(
    server: Server, context: BrowserContext
) -> None:
    project = server.project("fruits", ["apple", "banana"])
    page = context.new_page()
    requests: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on(
        "response",
        lambda response: (
            wrong.append(f"{response.status} {response.url}") if response.status >= 400 else None
        ),
    )
    # Both ways in: a person may leave out the last slash.
    for address in (server.url, f"{server.url}/"):
        page.goto(f"{address}?project={project.id}&annotator=path")
        Board(page).opened().press("1")
        Board(page).expect_saved(1)
    expect(page.locator(".strip img").first).to_have_js_property("complete", True)
    page.get_by_role("link", name="Review").first.click()
    tiles = page.locator(".review .tile img")
    expect(tiles).to_have_count(2)
    for i in range(2):
        assert tiles.nth(i).evaluate("async (image) => { await image.decode(); return true; }")
    page.get_by_role("link", name="Team").first.click()
    invitation = page.get_by_text("?join=").first
    expect(invitation).to_contain_text(f"{server.url}/?join=")
    page.get_by_role("link", name="Label").first.click()
    Board(page).opened().press("2")
    Board(page).expect_saved(1)
    outside = [u for u in requests if u.startswith("http") and not u.startswith(server.url)]
    assert (outside, wrong) == ([], [])
