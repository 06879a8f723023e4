"""Owns what tests share: a fresh workspace, the CIFAR-10 archive, a real browser."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import postgres
import pytest

from alcore.config import Precision, Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType

os.environ.setdefault("ALCORE_FEATURES", "no")  # only the tests of features wait for them
# Workers and what they start share the cores: with a second thread torch takes half as much again
# of the processor. One thread also adds up in the same order on every machine.
for limit in ("OMP_NUM_THREADS", "ALCORE_THREADS"):
    os.environ.setdefault(limit, "1")
ROOT = Path(__file__).parent.parent
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""Commands, the one that costs least first: a window that nobody sees takes as much as the page."""


LONG = (
    "browser/test_loop.py",
    "browser/test_setup.py",
    "test_default_policy.py",
    "test_jobs.py",
    "browser/test_accessibility.py",
    "test_pretraining.py",
    "test_rounds.py",
    "test_signals.py",
    "browser/test_team.py",
    "test_explanations.py",
    "test_remote.py",
    "test_map.py",
    "test_predictions.py",
    "test_experiment_reports.py",
    "test_experiment_estimators.py",
    "browser/test_board_delivery.py",
    "test_learner.py",
    "browser/test_experiments.py",
    "test_command_line.py",
    "test_odd_surroundings.py",
    "test_playground.py",
    "test_rights.py",
    "test_strange_input.py",
    "test_strategies.py",
)
"""Modules of half a minute or more, the longest first: begun last, they keep one core alone."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run twice as many processes as there are cores, up to four: many tests mostly wait."""
    return min(4, 2 * (os.cpu_count() or 1))


def pytest_addoption(parser: pytest.Parser) -> None:
    """--database postgres: on a server of that kind, which is started for it."""
    parser.addoption("--database", choices=("sqlite", "postgres"), default="sqlite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest; with --no-loadscope-reorder workers take modules in order."""
    if config.getoption("--database") != "sqlite":
        about_files = pytest.mark.skip(reason="is about the file that SQLite keeps")
        for item in items:
            if item.get_closest_marker("sqlite"):
                item.add_marker(about_files)
    place = {ROOT / "tests" / name: n for n, name in enumerate(LONG)}
    items.sort(key=lambda item: (place.get(item.path, len(LONG)), "browser" not in item.keywords))


def pytest_collection_finish() -> None:
    """Keep what all modules import out of every later look for garbage: it lives as long as they.

    Streamlit looks after each run of a page.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a row: to copy it costs a fiftieth of making the schema anew."""
    from alcore.store import Store

    workspace = Workspace(tmp_path_factory.mktemp("fresh"))
    Store.open(workspace).close()
    return workspace.database


@pytest.fixture
def bare_workspace(tmp_path: Path) -> Workspace:
    """A workspace of its own for one test, of nothing but a folder."""
    made = Workspace(tmp_path / "workspace")
    made.root.mkdir()
    return made


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """Address of a bucket service that speaks S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server for the tests of this process; skipped where none is installed."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def workspace(
    bare_workspace: Workspace, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """A workspace of its own for one test, whose database has no row yet."""
    if request.config.getoption("--database") == "sqlite":
        shutil.copy(request.getfixturevalue("fresh_database"), bare_workspace.database)
        yield bare_workspace
        return
    server = request.getfixturevalue("postgres_server")
    url = server.fresh()
    monkeypatch.setenv("ALCORE_DATABASE", url)  # for the processes that a test starts
    yield Workspace(bare_workspace.root, url)
    server.drop(url)


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def arithmetic(request: pytest.FixtureRequest) -> Iterator[Precision]:
    """What trainings compute in while the test runs; bfloat16 is emulated where it must be."""
    from alcore.learner import device

    with device.precision_of_trainings(request.param):
        yield request.param


@pytest.fixture(scope="session")
def cifar10_zip() -> Path:
    """The CIFAR-10 archive of 60,000 files; the test is skipped where it is absent."""
    named = os.environ.get("ALCORE_CIFAR10_ZIP")
    path = Path(named) if named else ROOT.parent / "shared" / "data" / "cifar10.zip"
    if not path.is_file():
        pytest.skip(f"{path} is absent; set ALCORE_CIFAR10_ZIP to a zip of CIFAR-10")
    return path.resolve()


def chromium_of(kind: BrowserType, *more: str) -> Browser:
    """Start a headless Chromium: the one on this machine, else Playwright's own."""
    installed = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    return kind.launch(
        executable_path=os.environ.get("ALCORE_CHROMIUM") or installed,
        args=[
            "--no-sandbox",  # CI machines run as root
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            *more,
        ],
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium with a camera that shows a moving pattern."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = chromium_of(
            playwright.chromium,
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
        )
        yield chromium
        chromium.close()


@pytest.fixture
def browser_without_camera(browser: Browser) -> Iterator[Browser]:
    """One that lets no page use its camera."""
    chromium = chromium_of(
        browser.browser_type,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream=deny",
    )
    yield chromium
    chromium.close()
