"""What people really have: odd folder names, closed pipes, old code pages, locked databases."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from test_start import free_port

from alcore.__main__ import main
from alcore.config import Workspace
from alcore.datasets.source_preview import preview_source
from alcore.errors import InvalidSettings, WorkspaceBusy
from alcore.experiments import reading
from alcore.experiments.data import DataSpec
from alcore.services import projects, setup
from alcore.store import Store, engine, labels, sqlite
from alcore.web.tickets import TicketOffice

ROOT = Path(__file__).parent.parent
ODD = "50% off? #1 & 'more' 動物"
HOLD = """
import importlib, sys
db = importlib.import_module(sys.argv[1]).connect(sys.argv[2], isolation_level=None)
for statement in sys.argv[3:]: db.execute(statement)
print("held", flush=True)
sys.stdin.read()
"""
EACH = """
import sys
from alcore.__main__ import main
for line in sys.argv[1:]:
    try:
        main(line.split())
    except SystemExit as end:
        assert end.code == 0, (line, end.code)
"""
"""One command after another, in one process."""


def folder(root: Path, classes: tuple[str, ...] = ("a", "b"), each: int = 6) -> Path:
    for place, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for n in range(each):
            Image.new("RGB", (8, 8), (40 * place, 30 * n, 7)).save(root / name / f"{n}.png")
    return root


def python(
    workspace: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Start Python, with nothing but the environment to say how it speaks."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "ALCORE_WORKSPACE": str(workspace), **environment},
        capture_output=True,
        timeout=180,
    )


def alcore(
    workspace: Path, *arguments: object, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return python(workspace, "-m", "alcore", *map(str, arguments), **environment)


def command(workspace: Path | str, *arguments: object, at: Path = ROOT) -> Result:
    """Run a command in this process: a second is saved where a process of its own says no more."""
    named = {"ALCORE_WORKSPACE": str(workspace)}
    with chdir(at):
        return CliRunner().invoke(main, [*map(str, arguments)], env=named)


def test_two_workspaces_with_odd_names_are_two(tmp_path: Path) -> None:
    one, two = tmp_path / ODD / "one", tmp_path / ODD / "two"
    done = alcore(one, "import", folder(tmp_path / "#pictures?"), "--name", "x")
    assert done.returncode == 0, done.stderr
    assert (one / "alcore.db").is_file()
    assert command(two, "projects").stdout == "nothing yet\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([ODD, "#pictures?"])


def test_the_app_runs_in_a_checkout_with_an_odd_name(tmp_path: Path) -> None:
    checkout = tmp_path / ODD
    for name in ("alcore", "pages", ".streamlit"):
        shutil.copytree(ROOT / name, checkout / name)
    shutil.copy(ROOT / "app.py", checkout)
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if k != "ALCORE_WORKSPACE"}
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true",
         "--server.port", str(port)],
        cwd=checkout,
        env=environment,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/alcore/health") as reply:
                    assert reply.status == 200
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(30)
    assert (checkout / "data" / "alcore.db").is_file()


def test_the_home_of_nobody_is_refused_in_one_sentence(tmp_path: Path) -> None:
    nobody = "~nosuchuser/pictures"
    for done in (
        command(tmp_path / "w", "import", nobody),
        command(tmp_path / "w", "import", "CIFAR10", "--root", nobody),
        command(nobody, "projects"),
    ):
        assert done.exit_code == 1
        assert done.stderr.startswith("alcore: the path '~nosuchuser/pictures' names the home")
        assert done.stderr.count("\n") == 1
    assert not (ROOT / "~nosuchuser").exists()
    assert setup.local_path(nobody) == nobody
    for spec in ({"kind": "folder", "path": nobody}, {"kind": "archive", "path": nobody}):
        with pytest.raises(InvalidSettings, match="names the home"):
            preview_source(spec)


def test_a_project_is_named_after_its_folder(tmp_path: Path) -> None:
    here = folder(tmp_path / "here")
    workspace = Workspace(tmp_path / "w")
    assert command(workspace.root, "import", ".", at=here).exit_code == 0
    for year in ("birds.2023", "birds.2024"):
        assert command(workspace.root, "import", folder(tmp_path / year)).exit_code == 0
    store = Store.open(workspace)
    names = [project.name for project in projects.list_projects(store)]
    store.close()
    assert names == ["here", "birds.2023", "birds.2024"]
    titles = [
        DataSpec({"kind": "folder", "path": str(tmp_path / year), "copy": False}).title
        for year in names[1:]
    ]
    assert titles == names[1:]


def test_a_name_that_is_a_number_goes_before_a_number(tmp_path: Path) -> None:
    command(tmp_path, "import", folder(tmp_path / "p", ("cat", "dog")), "--role", "labels")
    other = folder(tmp_path / "q", ("sun", "moon"))
    command(tmp_path, "import", other, "--name", "1", "--role", "labels")
    table = csv.DictReader(io.StringIO(command(tmp_path, "export", "1").stdout))
    assert {row["class"] for row in table} == {"sun", "moon"}
    table = csv.DictReader(io.StringIO(command(tmp_path, "export", "2").stdout))
    assert {row["class"] for row in table} == {"sun", "moon"}


def test_a_secret_is_made_where_there_are_no_hard_links(
    bare_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    ticket = TicketOffice.of(bare_workspace).issue(1, 2)
    assert TicketOffice.of(bare_workspace).read(ticket).annotator_id == 2
    assert [path.name for path in bare_workspace.root.iterdir()] == ["secret"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    ["--help", "projects", "status x", "export x", "strategies", "pretrain x --cost --json"],
)
def test_a_pipe_that_nobody_reads_ends_a_command_quietly(
    command: str, unbuffered: str, filled: Path
) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "alcore", *command.split()],
        cwd=ROOT,
        env={**os.environ, "ALCORE_WORKSPACE": str(filled), "PYTHONUNBUFFERED": unbuffered},
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=180,
    )
    os.close(write)
    for word in (b"Traceback", b"Exception ignored", b"BrokenPipe"):
        assert word not in done.stderr


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a project of labels, whose names no Western code page has."""
    root = tmp_path_factory.mktemp("filled")
    source = folder(root / "動物", ("猫", "犬"), 20)
    done = alcore(root / "w", "import", source, "--name", "x", "--role", "labels")
    assert done.returncode == 0, done.stderr
    done = alcore(root / "w", "import", source, "--role", "labels")
    assert done.returncode == 0, done.stderr
    alcore(root / "w", "role", "動物", "小林", "owner")
    return root / "w"


@pytest.mark.parametrize("page", ["cp1252", "cp437", "ascii"])
def test_an_old_code_page_neither_stops_a_command_nor_spoils_a_file(
    page: str, filled: Path
) -> None:
    lines = ("projects", "status 動物", "status 動物 --json", "role 動物", "strategies")
    done = python(filled, "-c", EACH, *lines, PYTHONIOENCODING=page)
    assert done.returncode == 0, done.stderr
    done = alcore(filled, "export", "動物", PYTHONIOENCODING=page)
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8"))))
    assert {row["class"] for row in rows} == {"猫", "犬"}
    assert alcore(filled, "status", "鳥", PYTHONIOENCODING=page).returncode == 1


def test_a_grid_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    text = (
        'name = "g"\nbudget = 20\ntrials = 1\ninitial = [10]\nbatch_sizes = [10]\n'
        'strategies = ["random"]\n[[datasets]]\nsource = "digits"\n'
    )
    (tmp_path / "g.toml").write_text(text, encoding="utf-8-sig")
    assert reading.read(tmp_path / "g.toml") == reading.parse(text)


@contextmanager
def held(workspace: Workspace, *statements: str) -> Iterator[None]:
    """Let another program hold the database."""
    module = sqlite.driver()[0].__name__
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, module, str(workspace.database), *statements],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None and other.stdout.readline() == b"held\n"
    yield
    other.communicate()


EXCLUSIVE = ("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "COMMIT")


@pytest.mark.sqlite
@pytest.mark.parametrize("statements", [("BEGIN IMMEDIATE",), ("BEGIN EXCLUSIVE",), EXCLUSIVE])
def test_a_database_that_is_held_is_said_to_be_in_use(
    workspace: Workspace, statements: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 0.3)
    store = Store.open(workspace)
    if statements is EXCLUSIVE:
        store.close()
    with held(workspace, *statements):
        with pytest.raises(WorkspaceBusy, match=r"in use by another program.*try again"):
            if statements is EXCLUSIVE:
                store = Store.open(workspace)
            with store.write() as connection:
                labels.annotator_named(connection, "ana", 0.0)
        if statements == ("BEGIN IMMEDIATE",):
            Store.open(workspace).close()  # who only reads is let in
    store.close()
    store = Store.open(workspace)
    with store.write() as connection:
        assert labels.annotator_named(connection, "ana", 0.0).id == 1
    store.close()
