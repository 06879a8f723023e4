"""Owns the running app and the labeling board as browser tests see them."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect

from alcore.config import LearnerRule, ProjectSettings, RetrainRule, Workspace
from alcore.records import LabelEvent, NewEvent, Project
from alcore.services import labeling, people, projects, training
from alcore.store import Store, items

if TYPE_CHECKING:
    import postgres

ROOT = Path(__file__).parent.parent.parent
START = 180.0
"""Seconds that a start may take on a busy machine."""
T = TypeVar("T")
COMMON = {
    "test_board_keys",
    "test_board_pointers",
    "test_classes",
    "test_dashboard",
    "test_exchange",
    "test_grid",
    "test_languages",
    "test_map",
    "test_navigation",
    "test_network",
    "test_playground",
    "test_review",
    "test_session",
    "test_shield",
    "test_teach",
    "test_why",
}
"""Modules whose tests make projects of their own and leave the server as it is."""
expect.set_options(timeout=45_000)


SECTIONS = {
    "More": (
        "Map",
        "Network",
        "Try it",
        "Teach your own",
        "In and out",
        "Experiments",
        "Playground",
        "Session",
        "Glossary",
    )
}
"""Of the menu, with the pages behind each; the others stand in it themselves."""


def go_to(page: Page, name: str) -> None:
    """Go to a page by the menu, as a person does."""
    for section, names in SECTIONS.items():
        if name in names:
            page.get_by_role("button", name=section, exact=True).click()
            page.get_by_role("menuitem", name=name, exact=True).click()
            return
    page.get_by_role("link", name=name, exact=True).first.click()


def at_rest(page: Page) -> None:
    """Wait until Streamlit has drawn the page whole.

    Before that a click on a tab is lost, and what stood on the page before may be there twice.
    """
    expect(page.locator(".stApp")).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=1000 * START
    )
    expect(page.locator("[data-stale=true]")).to_have_count(0)  # drawn faded until it comes again


def expect_soon(read: Callable[[], T], value: T) -> None:
    """Check what Playwright cannot wait for itself, such as a place: it is so once all is drawn."""
    until = time.monotonic() + START
    while read() != value and time.monotonic() < until:
        time.sleep(0.1)
    assert read() == value


def choose_tab(page: Page, name: str) -> None:
    """Choose a tab; press again where a press was lost, as one that comes while a page is drawn."""
    tab = page.get_by_role("tab", name=name, exact=True)
    expect(tab).to_be_visible(timeout=1000 * START)
    at_rest(page)
    until = time.monotonic() + START
    while tab.get_attribute("aria-selected") != "true":
        assert time.monotonic() < until, f"the tab {name} is not to be chosen"
        tab.click()
        page.wait_for_timeout(500)
        at_rest(page)


def choose_option(page: Page, box: Locator, name: str) -> None:
    """Choose from a list that opens; open it again where scrolling to it has closed it.

    The name is typed, because of a long list only the part in view is there.
    """
    option = page.get_by_role("option", name=name, exact=True)
    expect(box).to_be_visible(timeout=1000 * START)
    at_rest(page)
    box.scroll_into_view_if_needed()
    until = time.monotonic() + START
    while not option.is_visible():
        assert time.monotonic() < until, f"the choice {name} is not offered"
        box.click()
        page.wait_for_timeout(500)
        if box.get_attribute("aria-expanded") == "true":
            box.fill(name)
            page.wait_for_timeout(500)
    option.click()


def paste(page: Page, *pictures: Path) -> None:
    """Paste PNG files, as a browser does."""
    data = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in pictures]
    page.evaluate(
        """(pictures) => {
          const clipboardData = new DataTransfer();
          for (const [name, data] of pictures) {
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            clipboardData.items.add(new File([bytes], name, { type: "image/png" }));
          }
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, cancelable: true }));
        }""",
        data,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """The app, started the way a person starts it, on a workspace of its own."""

    workspace: Workspace
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    options: list[str] = field(default_factory=list)
    command: Sequence[str] = (sys.executable, "-m", "streamlit", "run", "app.py")
    folder: Path = ROOT
    environment: dict[str, str] | None = None
    """Of the app; by default that of the tests, with the workspace named."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def surroundings(self) -> dict[str, str]:
        """Return the environment of a command that shall work where the app does."""
        names = {"ALCORE_WORKSPACE": self.workspace.root, "ALCORE_DATABASE": self.workspace.url}
        return {**os.environ, **{name: str(value) for name, value in names.items()}}

    def launch(self) -> None:
        """Start without waiting for the first answer."""
        options = ["--server.headless", "true", "--server.port", str(self.port), *self.options]
        with (self.workspace.root.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *options],
                cwd=self.folder,
                env=self.environment or self.surroundings(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        self.launch()
        assert self.process is not None
        until = time.monotonic() + START
        while not self.answers():
            assert self.process.poll() is None, "the server ended while it started"
            assert time.monotonic() < until, f"no answer within {START} s"
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/alcore/health", timeout=2) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End the web process at once, as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def store(self) -> Store:
        return Store.open(self.workspace)

    def project(self, name: str, class_names: list[str], images: int = 150) -> Project:
        """Make a project of generated shapes with these classes that never trains by itself."""
        settings = replace(ProjectSettings(), retrain=RetrainRule(automatic=False))
        store = self.store()
        made = projects.create(
            store, name, {"kind": "shapes", "size": images}, "none", settings, class_names
        )
        projects.import_now(store, made, 1)
        until = time.monotonic() + START
        while projects.get(store, made).state != "ready":
            assert time.monotonic() < until, "the import did not end"
            time.sleep(0.05)
        return projects.get(store, made)

    def taught(self, name: str, n: int) -> Project:
        """Make a project of forty shapes of 16 pixels, with a model of n labels of its key."""
        store = self.store()
        settings = replace(
            ProjectSettings(resolution=16, learner=LearnerRule(kind="network")),
            retrain=RetrainRule(automatic=False),
        )
        spec = {"kind": "shapes", "size": 40, "classes": 3}
        made = projects.create(store, name, spec, "answer key", settings)
        projects.import_now(store, made, 1)
        who = people.annotator(store, "Teacher").id
        with store.read() as connection:
            true = {row.id: row.true_class for row in items.get_all(connection, made)}
        for lease in labeling.claim(store, made, who, "a tab", n, ()).leases:
            event = NewEvent(
                project_id=made,
                item_id=lease.item_id,
                annotator_id=who,
                kind="label",
                class_id=true[lease.item_id],
                key=f"taught {lease.item_id}",
                created_at=1_000_000.0,
                token=lease.token,
            )
            labeling.answer(store, event, handed=True)
        training.train_now(store, made, 1)
        return projects.get(store, made)

    def events(self, project: Project, name: str) -> list[LabelEvent]:
        """Read somebody's answers that count, oldest first."""
        store = self.store()
        who = people.annotator(store, name)
        return [e for e, _ in labeling.history(store, project.id, who.id, 100)][::-1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell with a failure what the pages that are still open show."""
    report = yield
    browser: Browser | None = getattr(item, "funcargs", {}).get("browser")
    if call.when == "call" and report.failed and browser is not None:
        for page in (page for context in browser.contexts for page in context.pages):
            try:
                report.sections.append((f"Page {page.url}", page.locator("body").aria_snapshot()))
            except Error as error:  # such as a page that is no longer there
                report.sections.append((f"Page {page.url}", str(error)))
    return report


@contextmanager
def started(folder: Path, url: str) -> Iterator[Server]:
    root = folder / "workspace"
    root.mkdir()
    running = Server(Workspace(root, url))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def new_url(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Names a database of its own for each app; no URL where that is a file."""
    if request.config.getoption("--database") == "sqlite":
        return str
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.fresh


@pytest.fixture(scope="session")
def common_server(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str]
) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("common"), new_url()) as running:
        yield running


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The app: one of the module's own, or the one that COMMON modules share to save starts."""
    if request.module.__name__.rpartition(".")[2] in COMMON:
        yield request.getfixturevalue("common_server")
        return
    url = request.getfixturevalue("new_url")()
    with started(tmp_path_factory.mktemp("app"), url) as running:
        yield running


@dataclass
class Board:
    """The labeling board in one tab."""

    page: Page

    @property
    def root(self) -> Locator:
        return self.page.locator(".board")

    def part(self, name: str) -> Locator:
        return self.root.locator(f"[data-part={name}]")

    def button(self, name: str) -> Locator:
        return self.root.locator(f".actions [data-do={name}]")

    def opened(self) -> Board:
        """Wait for the first image, which takes long on a busy machine."""
        expect(self.root).to_have_attribute("data-item", re.compile(r"\d+"), timeout=1000 * START)
        return self

    def item(self) -> int:
        """Wait until an image is painted, and name it."""
        expect(self.root).not_to_have_attribute("data-item", "")
        return int(self.root.get_attribute("data-item") or "0")

    def press(self, key: str) -> int:
        """Press a key for the image on screen and name that image."""
        item = self.item()
        self.page.keyboard.press(key)
        return item

    def dispatch(self, **event: object) -> None:
        """Send a key event that a keyboard can make and Playwright cannot name."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Input.dispatchKeyEvent", event)
        session.detach()

    def drag(self, points: Sequence[dict[str, float]]) -> None:
        """Draw a finger over the page, or the mouse where there is no finger."""
        if not self.page.evaluate("navigator.maxTouchPoints"):
            for point in points:
                self.page.mouse.move(point["x"], point["y"])
            return
        session = self.page.context.new_cdp_session(self.page)
        kinds = ["touchStart", *["touchMove"] * (len(points) - 1)]
        for kind, point in zip(kinds, points, strict=True):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        self.page.wait_for_timeout(200)  # a finger that rests before it leaves throws nothing
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.detach()

    def double_press(self, x: float, y: float) -> None:
        """Click or tap twice, as fast as a shaking hand."""
        if not self.page.evaluate("navigator.maxTouchPoints"):
            self.page.mouse.dblclick(x, y)
            return
        session = self.page.context.new_cdp_session(self.page)
        start = time.time()
        for kind, after in (("Start", 0.0), ("End", 0.02), ("Start", 0.1), ("End", 0.12)):
            points = [{"x": x, "y": y}] if kind == "Start" else []
            # With times of its own, a busy machine does not draw the two apart.
            event = {"type": f"touch{kind}", "touchPoints": points, "timestamp": start + after}
            session.send("Input.dispatchTouchEvent", event)
        session.detach()

    def rest(self) -> int:
        """Look at the image as long as a person does at least, and name it."""
        item = self.item()
        seen = "performance.now() - window.alcore.painted.at(-1).at > 300"
        self.page.wait_for_function(seen)
        return item

    def expect_saved(self, n: int) -> None:
        expect(self.root).to_have_attribute("data-saved", str(n))

    def expect_pending(self, n: int) -> None:
        expect(self.root).to_have_attribute("data-pending", str(n))

    def expect_item(self, item: int) -> None:
        expect(self.root).to_have_attribute("data-item", str(item))

    def expect_no_effect(self) -> None:
        """Check that nothing was answered and that the same image stays."""
        before = self.item()
        self.page.wait_for_timeout(150)
        assert self.item() == before
        assert self.root.get_attribute("data-pending") == "0"


OpenBoard = Callable[..., Board]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    fresh = browser.new_context(viewport={"width": 1440, "height": 900})
    fresh.set_default_timeout(120_000)
    yield fresh
    fresh.close()


@pytest.fixture
def open_board(server: Server, context: BrowserContext) -> OpenBoard:
    """Open the labeling page of a project under a name, in a tab of the test's browser."""

    def opened(project: Project, name: str, within: BrowserContext | None = None) -> Board:
        page = (within or context).new_page()
        page.goto(f"{server.url}/?project={project.id}&annotator={name}")
        return Board(page).opened()

    return opened
