"""Owns the proof that computers with a database and an object store in common share projects."""

from __future__ import annotations

import ast
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import numpy as np
import postgres
import pytest
from made import BY_HAND, Tab, labels_of
from test_more_images import fill, picture
from trained import give_labels

from alcore import job_kinds
from alcore.config import Runtime, Workspace, files_address
from alcore.datasets.ingest import read_original
from alcore.datasets.pixels import PixelCache
from alcore.errors import FilesUnreachable, InvalidSettings, ObjectMissing
from alcore.loop import features as feature_files
from alcore.object_store import ObjectStore
from alcore.services import (
    features,
    images,
    more_images,
    projects,
    restoring,
    setup,
    training,
    whole_projects,
    workspace_check,
)
from alcore.store import Store, backups, items, jobs, rounds, shared_files, stored_files
from alcore.store import projects as stored
from alcore.web.tickets import TicketOffice
from alcore.workers.attempts import Running, run

SMALL = replace(BY_HAND, resolution=8)
ROOT = Path(__file__).parent.parent
HERE_ALONE = ("fingerprints.u8", "label check.npz")
"""Files of a project that a computer makes anew."""
Computers = Callable[[str], Store]


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def computers(workspace: Workspace, bucket: Path, tmp_path: Path) -> Iterator[Computers]:
    """Opens computers by name, each with a folder of its own; they share database and files."""
    there: dict[str, Store] = {}

    def computer(name: str, files: str = f"file://{bucket}") -> Store:
        if name not in there:
            root = tmp_path / name
            root.mkdir(exist_ok=True)
            if not workspace.url and not (root / "alcore.db").exists():
                (root / "alcore.db").symlink_to(workspace.database)
            there[name] = Store.open(Workspace(root, workspace.url, files))
        return there[name]

    yield computer
    for store in there.values():
        store.close()


def made(store: Store, root: Path, n: int = 12) -> int:
    spec = {"kind": "folder", "path": str(fill(root, range(n))), "copy": False}
    project_id = projects.create(store, root.name, spec, "answer key", SMALL)
    projects.import_now(store, project_id, 1)
    return project_id


def content(store: Store, project_id: int) -> dict[str, bytes]:
    """What a computer's copy of a project has, but for what each makes anew."""
    folder = store.folder(project_id)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in HERE_ALONE
    }


def objects_in(bucket: Path) -> list[Path]:
    return [path for path in bucket.rglob("*") if path.is_file()]


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    get = ObjectStore.get

    def counted(self: ObjectStore, name: str) -> bytes:
        read.append(name)
        return get(self, name)

    monkeypatch.setattr(ObjectStore, "get", counted)
    return read


def shown(store: Store, project_id: int) -> bytes:
    with store.read() as connection:
        item_id = int(items.ids(connection, project_id)[0])
    picture = images.shown(store, project_id, item_id)
    return (picture() if callable(picture) else picture).read()


# -- the loop over three computers -------------------------------------------------------------


def test_imported_on_one_labeled_on_another_trained_on_a_third(
    computers: Computers, tmp_path: Path, bucket: Path
) -> None:
    one, two, three = computers("one"), computers("two"), computers("three")
    project_id = made(one, tmp_path / "birds", 24)
    assert shown(two, project_id) == shown(one, project_id)
    tab = Tab(two, project_id)
    tab.answer(tab.next(), 0)
    give_labels(two, project_id, 10)
    summary = training.train_now(three, project_id, 1)
    assert summary.labels == 11 and labels_of(one, project_id) == labels_of(three, project_id)
    with two.read() as connection:
        checkpoint = rounds.latest(connection, project_id).checkpoint  # type: ignore[union-attr]
    assert (two.folder(project_id) / str(checkpoint)).is_file()
    assert content(one, project_id) == content(two, project_id) == content(three, project_id)
    again = training.train_now(one, project_id, 1)  # from the third one's checkpoint
    assert again.number == 2
    assert content(three, project_id) == content(one, project_id)
    assert not (three.folder(project_id) / "rounds" / "0001.embeddings.npy").exists()


def test_features_that_one_computes_another_maps(
    computers: Computers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALCORE_FEATURES", "yes")
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds", 6)
    features.compute_now(two, project_id, 1)
    here, there = (feature_files.current(store.folder(project_id), 6) for store in (one, two))
    assert here is not None and there is not None
    assert np.array_equal(here.points, there.points) and here.features == there.features


@pytest.mark.parametrize(
    "kind", [kind for kind in job_kinds.KINDS if kind.files], ids=lambda k: k.name
)
def test_all_that_a_job_writes_is_recorded_or_known_to_be_made_anew(
    computers: Computers, tmp_path: Path, kind: job_kinds.JobKind
) -> None:
    if kind.name == "map":
        pytest.importorskip("umap", reason="the extra that lays out neighbours is not installed")
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds", 12)
    if kind.name == "model_export":
        give_labels(one, project_id, 8)
        training.train_now(one, project_id, 1)
    if kind.name == "tuning":
        features.compute_now(one, project_id, 1)
        give_labels(one, project_id, 8)
    with one.write() as connection:
        jobs.request(connection, project_id, kind.name, 0.0)
        job = jobs.take(connection, [kind.name], "me", 1e10, project_id)
    assert job is not None
    if kind.name == "train":
        give_labels(one, project_id, 8)
    assert run(one, job, job_kinds.function_of(kind.name), 1) is None
    with one.read() as connection:
        recorded = stored_files.of_project(connection, project_id)
    there = {f"projects/{project_id}/{name}" for name in content(one, project_id)}
    assert there == set(recorded), "what a job writes is in no pattern of its kind"
    for pattern in kind.files:
        if not pattern.startswith(("addresses", "photographs", "waiting")):
            assert any(Path(name).match(pattern) for name in there), f"no {pattern} was written"
    assert content(two, project_id) == content(one, project_id)
    assert not list(workspace_check.check(one)) and not list(workspace_check.check(two))


@pytest.mark.parametrize("kind", ["label_check", "near-duplicates", "metadata", "baseline"])
def test_other_jobs_write_nothing_that_others_need(
    computers: Computers, tmp_path: Path, kind: str
) -> None:
    one = computers("one")
    project_id = made(one, tmp_path / "birds", 12)
    before = content(one, project_id)
    give_labels(one, project_id, 8)
    with one.write() as connection:
        jobs.request(connection, project_id, kind, 0.0)
        job = jobs.take(connection, [kind], "me", 1e10, project_id)
    assert job is not None and run(one, job, job_kinds.function_of(kind), 1) is None
    assert content(one, project_id) == before


def test_who_reads_a_projects_files_asks_for_its_folder() -> None:
    """`workspace.project` names a folder without looking whether all is there."""
    may = {
        *("alcore/store/shared_files.py", "alcore/config.py"),
        "alcore/services/whole_projects.py",  # which moves and deletes the folder itself
    }
    culprits = []
    for path in sorted((ROOT / "alcore").rglob("*.py")) + sorted((ROOT / "pages").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = path.relative_to(ROOT).as_posix()
            if not (isinstance(node, ast.Attribute) and node.attr == "project"):
                continue
            if ast.unparse(node.value).endswith("workspace") and name not in may:
                culprits.append(f"{name}:{node.lineno}")
    assert not culprits, f"use store.folder(project_id) in {', '.join(culprits)}"


def test_an_upload_on_one_is_imported_by_another(computers: Computers, tmp_path: Path) -> None:
    one, two = computers("one"), computers("two")
    sent = tmp_path / "one" / "sent.zip"
    with zipfile.ZipFile(sent, "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", picture(number))
    spec = setup.keep_upload(one, sent, "birds.zip")
    project_id = projects.create(one, "birds", spec, "none", SMALL, ["cat", "dog"])
    assert projects.import_now(two, project_id, 1)
    assert shown(one, project_id) == shown(two, project_id)
    with one.read() as connection:
        names = set(stored_files.of_project(connection, project_id))
    assert any(name.startswith("uploads/") for name in names)
    setup.keep_file(one, _file(tmp_path / "one" / "x", b"other"), ".zip")
    with one.read() as connection:
        names = set(stored_files.of_project(connection, project_id))
    assert not any(name.startswith("uploads") for name in names)  # no import needs it any more


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_photographs_that_wait_on_one_come_in_on_another(
    computers: Computers, tmp_path: Path
) -> None:
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds")
    for number in (90, 91):
        path = _file(tmp_path / "one" / f"{number}.png", picture(number))
        more_images.keep_photograph(one, project_id, path, path.name)
    more_images.add_photographs(one, project_id)
    projects.import_now(two, project_id, 1)
    with one.read() as connection:
        assert sum(items.count(connection, project_id).values()) == 14
    assert not list((one.folder(project_id) / "photographs").iterdir())


# -- growth, and many at once ------------------------------------------------------------------


def test_what_is_appended_is_fetched_and_nothing_else(
    computers: Computers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds")
    before = np.array(PixelCache(two.folder(project_id), 8).array())
    mapped = PixelCache(two.folder(project_id), 8).array()
    read = count_reads(monkeypatch)
    spec = {"kind": "folder", "path": str(fill(tmp_path / "more", range(50, 56)))}
    more_images.add(one, project_id, spec)
    projects.import_now(one, project_id, 1)
    after = PixelCache(two.folder(project_id), 8).array()
    assert len(after) == 18 and np.array_equal(after[:12], before)
    assert len(read) == 2  # what came to the pixels, and to the originals
    assert np.array_equal(mapped, before)  # who has mapped the file keeps it
    assert content(one, project_id) == content(two, project_id)
    with two.read() as connection:
        newest = items.get_all(connection, project_id)[-1]
        spec, _ = stored.source(connection, project_id)
    assert read_original(two.folder(project_id), newest, spec)


def test_several_that_ask_at_once_fetch_once(
    computers: Computers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = made(computers("one"), tmp_path / "birds")
    two = computers("two")
    processes = [Store.open(two.workspace) for _ in range(4)]
    read = count_reads(monkeypatch)
    lengths: list[int] = []

    def look(store: Store) -> None:
        lengths.append(len(PixelCache(store.folder(project_id), 8)))

    threads = [threading.Thread(target=look, args=(store,)) for store in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in processes:
        store.close()
    assert lengths == [12] * 4
    assert sorted(read) == sorted(set(read)) and read


def test_an_attempt_that_was_overtaken_leaves_nothing_to_others(
    computers: Computers, tmp_path: Path
) -> None:
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds")
    with one.write() as connection:
        jobs.request(connection, project_id, "import", 0.0)
        job = jobs.take(connection, ["import"], "one", 1.0, project_id)
    assert job is not None
    with PixelCache(one.folder(project_id), 8) as cache:
        cache.append([np.full((8, 8, 3), 7, np.uint8)], [b"stale"])
    with one.write() as connection:
        jobs.put_back(connection, job.id, job.attempt, 2.0, "its process went silent")
    with pytest.raises(Exception, match=r".") as caught, Running(one, job, 1).publish():
        raise AssertionError("a stale attempt publishes")
    assert "stale" not in str(caught.value)
    assert len(PixelCache(two.folder(project_id), 8)) == 12
    spec = {"kind": "folder", "path": str(fill(tmp_path / "more", range(50, 53)))}
    more_images.add(two, project_id, spec)
    projects.import_now(two, project_id, 1)
    assert content(one, project_id) == content(two, project_id)  # the stale row was cut off


def test_a_copy_that_was_lost_is_fetched_again(computers: Computers, tmp_path: Path) -> None:
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds")
    before = content(two, project_id)
    shutil.rmtree(two.workspace.project(project_id))
    again = Store.open(two.workspace)  # as after a restart
    assert content(again, project_id) == before
    shutil.rmtree(two.workspace.root / "stored")
    another = Store.open(two.workspace)
    assert content(another, project_id) == before
    again.close()
    another.close()


# -- the store away, or damaged ----------------------------------------------------------------


def test_while_the_store_is_away_labeling_goes_on_and_jobs_wait(
    computers: Computers, tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alcore.object_store.PAUSE", 0.0)
    monkeypatch.setattr(shared_files, "REST", 0.0)
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds", 24)
    before = shown(two, project_id)
    aside = bucket.rename(tmp_path / "aside")
    bucket.write_text("no folder")
    give_labels(two, project_id, 10)
    assert shown(two, project_id) == before
    with pytest.raises(FilesUnreachable, match=r"cannot be written .* tried again"):
        training.train_now(two, project_id, 1)
    with two.read() as connection:
        job = jobs.newest(connection, project_id, "train")
        assert rounds.latest(connection, project_id) is None
    assert job is not None and job.state == "waiting" and "tried again" in str(job.error)
    with pytest.raises(FilesUnreachable):
        made(two, tmp_path / "flowers")
    bucket.unlink()
    aside.rename(bucket)
    with two.write() as connection:
        job = jobs.take(connection, ["train"], "two", 1e10, project_id)
    assert job is not None and run(two, job, job_kinds.function_of("train"), 1) is None
    with two.read() as connection:
        latest = rounds.latest(connection, project_id)
    assert latest is not None and latest.labels == 10
    assert (one.folder(project_id) / str(latest.checkpoint)).is_file()


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_lost_object_is_told_and_put_back_by_who_has_the_file(
    computers: Computers, tmp_path: Path, bucket: Path, harm: str
) -> None:
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds")
    assert not list(workspace_check.check(one))
    with one.read() as connection:
        files = stored_files.of_project(connection, project_id)
    (part,) = files[f"projects/{project_id}/originals.pack"]
    path = bucket / part.object[:2] / part.object
    if harm == "missing":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(ObjectMissing, match="alcore check --mend"), two.files.insisting(project_id):
        pass
    assert len(PixelCache(two.folder(project_id), 8)) == 12  # the rest came
    (elsewhere,) = [f for f in workspace_check.check(two) if "missing or damaged" in f.what]
    assert "no sound copy" in workspace_check.mended(elsewhere)
    (fault,) = [f for f in workspace_check.check(one) if "missing or damaged" in f.what]
    assert "originals.pack" in fault.what and workspace_check.mended(fault) == "done"
    assert not list(workspace_check.check(one))
    again = Store.open(two.workspace)
    assert content(again, project_id) == content(one, project_id)
    again.close()


# -- whole projects and workspaces -------------------------------------------------------------


def test_a_deleted_project_has_no_objects_and_a_copied_one_has_its_own(
    computers: Computers, tmp_path: Path, bucket: Path
) -> None:
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds")
    copy_id = whole_projects.copy(two, project_id, "more birds")
    pictures = shown(one, copy_id), shown(one, project_id)
    assert pictures[0] == pictures[1]
    whole_projects.delete(one, project_id, "birds")
    assert shown(two, copy_id) == pictures[0]
    whole_projects.delete(one, copy_id, "more birds")
    assert objects_in(bucket) == []
    assert not list(workspace_check.check(one))


def test_a_backup_has_files_that_another_computer_made_and_comes_back_into_a_store(
    computers: Computers, tmp_path: Path
) -> None:
    one, two = computers("one"), computers("two")
    project_id = made(one, tmp_path / "birds")
    backup = backups.make(two, tmp_path / "backups")
    assert f"projects/{project_id}/originals.pack" in backup.files
    alone = Workspace(tmp_path / "alone", "", "")
    restoring.restore(backup.folder, alone)
    store = Store.open(alone)
    assert content(store, project_id) == content(one, project_id)
    store.close()
    # Whoever gives it an object store later puts its files there.
    later = Store.open(replace(alone, files=f"file://{tmp_path / 'another'}"))
    (fault,) = list(workspace_check.check(later))
    assert "not in the object store" in fault.what and workspace_check.mended(fault) == "done"
    assert not list(workspace_check.check(later)) and objects_in(tmp_path / "another")
    later.close()


def test_a_restore_on_a_server_fills_the_object_store_of_the_day(
    computers: Computers, tmp_path: Path, postgres_server: postgres.Server
) -> None:
    project_id = made(computers("one"), tmp_path / "birds")
    backup = backups.make(computers("two"), tmp_path / "backups")
    url, files = postgres_server.empty(), f"file://{tmp_path / 'another'}"
    restoring.restore(backup.folder, Workspace(tmp_path / "there", url, files))
    for name in ("there", "elsewhere"):
        store = Store.open(Workspace(tmp_path / name, url, files))
        assert content(store, project_id) == content(computers("one"), project_id)
        assert not list(workspace_check.check(store))
        store.close()
    postgres_server.drop(url)


def test_all_computers_sign_with_one_secret(computers: Computers) -> None:
    offices = []
    for store in (computers("one"), computers("two")):
        office = TicketOffice.of(store.workspace)
        path = store.workspace.root / "secret"
        offices.append(TicketOffice.of(store.workspace) if store.share(path) else office)
        assert path.stat().st_mode & 0o077 == 0
    assert offices[1].read(offices[0].issue(1, 2)).project_id == 1
    assert not computers("two").share(computers("two").workspace.root / "secret")


# -- S3, and what is no address ----------------------------------------------------------------


def test_a_bucket_of_s3_serves(
    computers: Computers, tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": storage,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(shared_files, "PART", 500)  # so that files have several parts
    boto3.client("s3", endpoint_url=storage).create_bucket(Bucket="alcore")
    one, two = (computers(name, "s3://alcore/school") for name in ("one", "two"))
    project_id = made(one, tmp_path / "birds")
    assert content(two, project_id) == content(one, project_id)
    assert not list(workspace_check.check(two))
    whole_projects.delete(one, project_id, "birds")
    assert not one.files.objects.listed()  # type: ignore[union-attr]
    nowhere = ObjectStore("s3://not-there/school")
    with pytest.raises(FilesUnreachable, match="no place s3://not-there/school"):
        nowhere.put("0a", b"1")
    monkeypatch.setattr("alcore.object_store.PAUSE", 0.0)


def test_a_refusal_says_which_rights_are_missing(
    bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = ObjectStore(f"file://{bucket}")

    def refuse(*_: object) -> None:
        raise PermissionError("Forbidden")

    monkeypatch.setattr(objects._service, "pipe_file", refuse)
    with pytest.raises(FilesUnreachable, match="may not be written with these credentials"):
        objects.put("0a", b"1")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("bucket/prefix", "no address of an object store"),
        ("s3://key:secret@bucket", "no address of an object store"),
        ("s3://", "no address of an object store"),
        ("s3://bucket/../other", "no address of an object store"),
        ("memory://files", "each process has for itself"),
    ],
)
def test_what_is_no_address_is_refused_without_a_secret(
    address: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALCORE_DATABASE", "postgresql://alcore@db/alcore")
    monkeypatch.setenv("ALCORE_FILES", address)
    with pytest.raises(InvalidSettings, match=sentence) as refusal:
        files_address()
    assert "secret" not in str(refusal.value)


def test_an_object_store_takes_a_database_that_all_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCORE_FILES", "s3://alcore/school/")
    monkeypatch.delenv("ALCORE_DATABASE", raising=False)
    with pytest.raises(InvalidSettings, match="ALCORE_DATABASE"):
        files_address()
    monkeypatch.setenv("ALCORE_DATABASE", "postgresql://alcore@db/alcore")
    runtime = Runtime.from_environment()
    assert runtime.workspace.files == "s3://alcore/school"
    assert runtime.to_environment()["ALCORE_FILES"] == "s3://alcore/school"
