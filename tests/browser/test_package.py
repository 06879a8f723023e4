"""Owns the proof that the wheel works elsewhere: installed, started, and one image labeled."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from alcore.config import Workspace

from .conftest import ROOT, Board, Server

pytestmark = pytest.mark.browser


def output(*command: str | Path, folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own, and return the folder of its programs.

    What alcore needs is lent by the environment of the tests, which saves its six gigabytes.
    """
    home = tmp_path_factory.mktemp("elsewhere")
    wheels = home / "wheels"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    output(
        *pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, ROOT, folder=home
    )
    (wheel,) = wheels.iterdir()
    venv.create(home / "venv")
    paths = sysconfig.get_paths("venv", {"base": str(home / "venv")})
    python = next(Path(paths["scripts"]).glob("python*"))
    output(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, folder=home)
    (Path(paths["purelib"]) / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return Path(paths["scripts"])


def test_one_image_is_labeled_through_the_installed_wheel(
    programs: Path, tmp_path: Path, context: BrowserContext
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "XDG_DATA_HOME")}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)}
    where = "import platformdirs; print(platformdirs.user_data_dir('alcore', False))"
    data = Path(output(sys.executable, "-c", where, folder=home, environment=environment).strip())
    assert data.is_relative_to(home)
    data.parent.mkdir(parents=True)

    server = Server(
        Workspace(data),
        command=(str(programs / "alcore"), "run"),
        folder=home,
        environment=environment,
    )
    server.start()
    try:
        page = context.new_page()
        page.goto(f"{server.url}/setup")
        page.get_by_role("button", name="New project").wait_for()
        page.goto(f"{server.url}/?annotator=Ana")
        board = Board(page).opened()
        item = board.press("3")
        board.expect_saved(1)
    finally:
        server.stop()

    assert sorted(path.name for path in home.iterdir()) == [data.relative_to(home).parts[0]]
    text = output(programs / "alcore", "export", "digits", folder=home, environment=environment)
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["item"], row["class"], row["annotator"]) == (str(item), "3", "Ana")
