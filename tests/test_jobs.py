"""Owns the proof that jobs are done once, stop when asked and survive every kind of crash."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from locks import locked
from made import BY_HAND, Tab, labels_of, project
from sqlalchemy import select, update

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.errors import JobCancelled, TrainingImpossible, WorkspaceBusy, WorkspaceUnusable
from alcore.records import Job
from alcore.services import projects, training
from alcore.store import Store, engine, jobs, queue, rounds
from alcore.store import items as stored_items
from alcore.store import projects as stored_projects
from alcore.store.tables import job as job_table
from alcore.workers.attempts import PAUSE, Running, run
from alcore.workers.claims import LOOK, LOOKS

ROOT = Path(__file__).parent.parent
LONG = 600.0
"""Seconds that anything may take on a machine with much else to do; most take a few."""


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


# -- rows --------------------------------------------------------------------------------------


def ask(store: Store, project_id: int, kind: str = "train", now: float = 0.0) -> int:
    with store.write() as connection:
        return jobs.request(connection, project_id, kind, now)


def take(store: Store, now: float = 1.0, kinds: tuple[str, ...] = ("train",)) -> Job | None:
    with store.write() as connection:
        return jobs.take(connection, kinds, "me", now)


def read(store: Store, job_id: int) -> Job:
    with store.read() as connection:
        return jobs.get(connection, job_id)


def put_back(store: Store, job: Job, reason: str = "its process died", count: bool = True) -> None:
    with store.write() as connection:
        jobs.put_back(connection, job.id, job.attempt, 2.0, reason, count)


def test_requests_collapse_into_one_that_waits_beside_one_that_runs(store: Store) -> None:
    project_id = project(store)
    assert len({ask(store, project_id) for _ in range(3)}) == 1
    running = take(store)
    assert running.state == "running" and take(store) is None
    waiting = {ask(store, project_id) for _ in range(3)}
    assert len(waiting) == 1 and running.id not in waiting
    assert take(store) is None
    with store.write() as connection:
        jobs.finish(connection, running.id, running.attempt, 2.0)
    assert take(store).id in waiting


def test_a_clock_that_is_set_back_delays_no_waiting_job(store: Store) -> None:
    project_id = project(store)
    with store.write() as connection:
        jobs.request(connection, project_id, "train", 90_000.0, delay=5.0)
    assert take(store, 10.0, ("train",)) is not None


@pytest.mark.parametrize("postponed", [False, True])
def test_a_job_that_waits_again_is_not_delayed_by_a_clock_that_is_set_back(
    store: Store, postponed: bool
) -> None:
    project_id = project(store)
    with store.write() as connection:
        jobs.request(connection, project_id, "train", 100.0)
    taken = take(store, 90_000.0, ("train",))
    with store.write() as connection:
        which = (connection, taken.id, taken.attempt, 90_000.0)
        if postponed:
            jobs.postpone(*which, 30.0, "no room")
        else:
            jobs.put_back(*which, "its process died")
    assert postponed == (take(store, 90_001.0, ("train",)) is None)
    if postponed:
        assert take(store, 50_000.0, ("train",)) is not None


def test_a_further_request_brings_a_waiting_job_forward_and_never_puts_it_off(
    store: Store,
) -> None:
    project_id = project(store)
    for now, delay in ((0.0, 100.0), (1.0, 5.0), (2.0, 500.0)):
        with store.write() as connection:
            jobs.request(connection, project_id, "train", now, delay=delay)
    assert take(store, 5.5, ("train",)) is None
    assert take(store, 6.0, ("train",)) is not None


def test_projects_do_not_wait_for_each_other_in_the_rows(store: Store) -> None:
    first, second = project(store), project(store, name="plants")
    ask(store, first), ask(store, second)
    assert {take(store).project_id, take(store).project_id} == {first, second}


def test_a_job_starts_when_it_is_due_and_the_most_urgent_first(store: Store) -> None:
    project_id = project(store)
    with store.write() as connection:
        jobs.request(connection, project_id, "baseline", 0.0)
        jobs.request(connection, project_id, "train", 0.5, delay=10.0)
    kinds = ("train", "baseline")
    assert take(store, 5.0, ("train",)) is None
    with store.read() as connection:
        assert not jobs.due(connection, ["train"], 10.4)
        assert jobs.due(connection, ["train"], 10.5)
    assert take(store, 11.0, kinds).kind == "train"
    assert take(store, 11.0, kinds).kind == "baseline"


def test_a_stale_attempt_neither_beats_nor_publishes(store: Store) -> None:
    ask(store, project(store))
    stale = take(store)
    put_back(store, stale)
    fresh = take(store, 3.0)
    assert (fresh.id, fresh.attempt) == (stale.id, stale.attempt + 1)
    with pytest.raises(JobCancelled, match="taken over"), store.write() as connection:
        jobs.beat(connection, stale.id, stale.attempt, "train", 0.5, 4.0)
    with pytest.raises(JobCancelled, match="taken over"), store.write() as connection:
        jobs.finish(connection, stale.id, stale.attempt, 4.0)
    with store.write() as connection:
        jobs.fail(connection, stale.id, stale.attempt, 4.0, "whatever")
    assert read(store, fresh.id).state == "running"
    with store.write() as connection:
        jobs.finish(connection, fresh.id, fresh.attempt, 5.0)
    assert read(store, fresh.id).state == "done"


def test_a_job_that_is_put_back_waits_again_and_a_third_death_is_its_end(store: Store) -> None:
    job_id = ask(store, project(store))
    for attempt in (1, 2, 3):
        taken = take(store, 10.0 * attempt)
        assert taken.attempt == attempt
        put_back(store, taken)
    ended = read(store, job_id)
    assert (ended.state, ended.error) == ("failed", "its process died; given up after 3 attempts")


def test_a_job_that_gets_on_between_its_deaths_is_not_given_up(store: Store) -> None:
    job_id = ask(store, project(store), "import")
    for attempt in range(1, 8):
        job = take(store, 10.0 * attempt, ("import",))
        with store.write() as connection:
            Running(store, job, 1).advance(connection)
        put_back(store, job)
    assert read(store, job_id).state == "waiting"
    for attempt in (8, 9):  # with the seventh, three in a row
        put_back(store, take(store, 10.0 * attempt, ("import",)))
    assert read(store, job_id).state == "failed"


def test_making_room_is_not_held_against_a_job(store: Store) -> None:
    job_id = ask(store, project(store), "baseline")
    for now in range(1, 6):
        put_back(store, take(store, now + 2.0, ("baseline",)), "it made room", count=False)
    assert read(store, job_id).state == "waiting"


def test_a_job_that_is_put_back_leaves_its_place_to_a_newer_request(store: Store) -> None:
    project_id = project(store)
    ask(store, project_id)
    old = take(store)
    new = ask(store, project_id)
    put_back(store, old)
    assert read(store, old.id).state == "failed"
    assert take(store, 3.0).id == new


def test_a_cancelled_job_does_not_start_and_a_running_one_is_told(store: Store) -> None:
    project_id = project(store)
    ask(store, project_id)
    running, waiting = take(store), ask(store, project_id)
    training.stop(store, project_id)
    assert read(store, waiting).state == "cancelled" and take(store) is None
    with store.read() as connection:
        assert jobs.newest(connection, project_id, "train").id == running.id
        assert jobs.get(connection, running.id).cancel_requested
    with pytest.raises(JobCancelled, match="stopped by request"), store.write() as connection:
        jobs.beat(connection, running.id, running.attempt, "train", 0.5, 4.0)
    put_back(store, running)
    assert read(store, running.id).state == "cancelled"


def test_a_training_by_hand_needs_two_classes(store: Store) -> None:
    tab = Tab(store, project(store))
    tab.answer(tab.next())
    for act in (training.train, lambda *a: training.train_now(*a, 1)):
        with pytest.raises(TrainingImpossible, match="two classes"):
            act(store, tab.project_id)


def test_a_training_in_the_foreground_is_refused_without_a_trace_while_another_runs(
    store: Store,
) -> None:
    tab = Tab(store, project(store))
    for i in range(4):
        tab.answer(tab.next(), i % 2)
    ask(store, tab.project_id)
    with store.write() as connection:
        taken = jobs.take(connection, ["train"], "other", time.time())
    with Running(store, taken, 1), pytest.raises(TrainingImpossible, match="is running"):
        training.train_now(store, tab.project_id, 1)
    with store.read() as connection:
        assert connection.execute(select(job_table.c.id)).scalars().all() == [taken.id]


def test_a_job_that_finds_the_database_held_is_tried_again_however_often_that_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 0.2)
    hurried = Store.open(store.workspace)
    asked = ask(store, project(store))

    def work(running: Running) -> None:
        with locked(hurried.workspace), hurried.write() as connection:
            jobs.advance(connection, running.job.id, running.job.attempt)

    for attempt in range(1, jobs.ATTEMPTS + 2):
        job = take(store, time.time() + PAUSE)
        assert job is not None and (job.id, job.attempt) == (asked, attempt)
        assert isinstance(run(store, job, work, 1), WorkspaceBusy)
        job = read(store, asked)
        assert job.state == "waiting" and "in use by another program" in (job.error or "")
    hurried.close()


# -- processes ---------------------------------------------------------------------------------


class Lab:
    """A workspace with digits whose trainings are asked for by hand."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.store = Store.open(workspace)
        settings = replace(BY_HAND, baseline=False, resolution=8)
        self.project_id = self.digits("digits", settings)
        self.slow = self.digits("large digits", replace(settings, resolution=32))

    def digits(self, name: str, settings: ProjectSettings) -> int:
        made = projects.create(self.store, name, {"kind": "digits"}, "answer key", settings)
        projects.import_now(self.store, made, 1)
        self.label(made, 30)
        return made

    def label(self, project_id: int, n: int) -> None:
        tab = Tab(self.store, project_id)
        with self.store.read() as connection:
            everything = stored_items.get_all(connection, project_id)
        classes = {item.id: tab.classes.index(item.true_class) for item in everything}
        for _ in range(n):
            image = tab.next()
            tab.answer(image, classes[image.item_id])

    def newest(self, kind: str = "train", project_id: int | None = None) -> Job:
        with self.store.read() as connection:
            return jobs.newest(connection, project_id or self.project_id, kind)

    def rounds(self, project_id: int | None = None) -> list:
        with self.store.read() as connection:
            return rounds.all_rounds(connection, project_id or self.project_id)

    def queue(self, project_id: int | None = None) -> tuple[int, set[int]]:
        project_id = project_id or self.project_id
        with self.store.read() as connection:
            number, _ = stored_projects.ranking(connection, project_id)
            return number, queue.queued(connection, project_id)

    def train(self, project_id: int | None = None) -> Job:
        training.train(self.store, project_id or self.project_id)
        return self.newest("train", project_id)

    def files(self, project_id: int | None = None) -> set[str]:
        folder = self.workspace.project(project_id or self.project_id) / "rounds"
        return {path.name for path in folder.glob("*")} if folder.exists() else set()

    def check(self) -> None:
        """The pointer never names a missing file, and every checkpoint loads."""
        from alcore.learner import checkpoints

        for project_id in (self.project_id, self.slow):
            for done in self.rounds(project_id):
                folder = self.workspace.project(project_id)
                assert checkpoints.load(folder / done.checkpoint).class_names[0] == "0"
                assert (folder / f"rounds/{done.number:04d}.npz").is_file()


def wait_for(what: Callable[[], object], why: str) -> float:
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < LONG, f"not within {LONG} s: {why}"
        time.sleep(0.03)
    return time.monotonic() - started


def start_dispatcher(workspace: Workspace, **more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "alcore", "work", "--until-input-closes"],
        stdin=subprocess.PIPE,
        cwd=ROOT,
        env={
            **os.environ,
            "ALCORE_WORKSPACE": str(workspace.root),
            "ALCORE_THREADS": "1",
            **more,
        },
    )


def workers_of(pid: int) -> set[int]:
    """Find the spawned workers below a process, now or formerly its children."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()]
    return {int(row[0]) for row in rows if row[1] == str(pid) and "spawn_main" in row[2]}


def alive(pids: set[int]) -> set[int]:
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in listing.splitlines()]
    return pids & {int(row[0]) for row in rows if not row[1].startswith("Z")}


def in_training(lab: Lab) -> bool:
    job = lab.newest("train", lab.slow)
    return job.state == "running" and job.phase == "train"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(Workspace(tmp_path_factory.mktemp("lab")))
    yield made
    made.store.close()


@pytest.fixture
def dispatcher(lab: Lab) -> Iterator[subprocess.Popen[bytes]]:
    process = start_dispatcher(lab.workspace)
    yield process
    process.stdin.close()
    assert process.wait(timeout=LONG) == 0


def test_a_dispatcher_trains_and_survives_kills_and_stops(
    lab: Lab, dispatcher: subprocess.Popen[bytes]
) -> None:
    # An ordinary training, end to end.
    (ranking, _), _ = lab.queue(), lab.train()
    wait_for(lambda: lab.newest().state == "done", "the training is done")
    (done,) = lab.rounds()
    assert done.labels == 30 and done.evaluation.accuracy > 0.5
    number, queued = lab.queue()
    assert number == ranking + 1 and not queued & set(labels_of(lab.store, lab.project_id))
    assert lab.files() == {"0001.npz", "0001.safetensors", "0001.embeddings.npy"}
    lab.check()

    # Its process is killed in the middle: the next attempt does it, once.
    workers = workers_of(dispatcher.pid)
    assert workers
    asked = lab.train(lab.slow)
    wait_for(lambda: in_training(lab), "the training has begun")
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: lab.rounds(lab.slow), "the second attempt is done")
    done = lab.newest("train", lab.slow)
    assert (done.id, done.attempt, done.state) == (asked.id, 2, "done")
    lab.check()

    # It is stopped in the middle: the last good model and queue go on serving.
    before = lab.queue(lab.slow), lab.files(lab.slow)
    stopped = lab.train(lab.slow)
    wait_for(lambda: in_training(lab), "the training has begun")
    training.stop(lab.store, lab.slow)
    took = wait_for(lambda: lab.newest("train", lab.slow).state == "cancelled", "it stopped")
    print(f"\nstopped in {took:.1f} s")
    assert lab.newest("train", lab.slow).error == "stopped by request"
    assert lab.newest("train", lab.slow).id == stopped.id
    assert (lab.queue(lab.slow), lab.files(lab.slow)) == before
    lab.label(lab.slow, 1)

    # A baseline makes room for a training at once, and comes back after it.
    settings = ProjectSettings(resolution=8, retrain=RetrainRule(automatic=False))
    other = lab.digits("with a baseline", settings)
    training.train(lab.store, other)
    wait_for(
        lambda: (b := lab.newest("baseline", other)) and b.state == "running" and b.progress > 0,
        "the baseline has begun",
    )
    training.train(lab.store, other)
    took = wait_for(lambda: lab.newest("train", other).state == "running", "the baseline left")
    print(f"room made in {took:.1f} s")
    wait_for(lambda: len(lab.rounds(other)) == 2, "the training is done")
    wait_for(lambda: lab.newest("baseline", other).state == "running", "the baseline is back")
    training.stop(lab.store, other)


def test_a_training_is_not_lost_while_another_program_holds_the_database(
    lab: Lab, dispatcher: subprocess.Popen[bytes]
) -> None:
    before = len(lab.rounds(lab.slow))
    asked = lab.train(lab.slow)
    wait_for(lambda: in_training(lab), "the training has begun")
    with locked(lab.workspace):
        time.sleep(LOOK * LOOKS + 3)  # longer than silence is suffered
        silent = lab.newest("train", lab.slow)
        assert silent.state == "running"
        assert time.time() - silent.heartbeat_at > LOOK * LOOKS
    wait_for(lambda: lab.newest("train", lab.slow).state == "done", "it is published")
    done = lab.newest("train", lab.slow)
    assert (done.id, done.attempt) == (asked.id, 1)
    assert len(lab.rounds(lab.slow)) == before + 1
    lab.check()


def test_sigterm_ends_a_dispatcher_that_gives_back_its_job(lab: Lab) -> None:
    process = start_dispatcher(lab.workspace)
    asked = lab.train(lab.slow)
    wait_for(lambda: in_training(lab), "the training has begun")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=LONG) == 0
    process.stdin.close()
    row = lab.newest("train", lab.slow)
    assert (row.id, row.state, row.failures, row.worker) == (asked.id, "waiting", 0, None)
    training.stop(lab.store, lab.slow)


def test_sigterm_ends_a_training_at_the_command_line_and_leaves_no_claim(lab: Lab) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "alcore", "train", "large digits"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "ALCORE_WORKSPACE": str(lab.workspace.root), "ALCORE_THREADS": "1"},
    )  # fmt: skip
    wait_for(lambda: in_training(lab), "the training has begun")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 130 and "stopped" in errors and "Traceback" not in errors
    assert lab.newest("train", lab.slow).state == "cancelled"


def test_a_dispatcher_lets_go_of_idle_processes_until_somebody_writes(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    store = Store.open(workspace)
    tab = Tab(store, project(store))
    process = start_dispatcher(workspace, ALCORE_IDLE_MINUTES="0.02")
    try:
        wait_for(lambda: workers_of(process.pid), "torch is made ready")
        first = workers_of(process.pid)
        wait_for(lambda: not alive(first), "nobody writes")
        assert process.poll() is None
        tab.answer(tab.next())
        wait_for(lambda: workers_of(process.pid) - first, "somebody is at work again")
    finally:
        process.stdin.close()
        assert process.wait(timeout=LONG) == 0
        store.close()


def test_the_death_of_a_dispatcher_leaves_no_process_and_loses_no_job(lab: Lab) -> None:
    first = start_dispatcher(lab.workspace)
    before = len(lab.rounds(lab.slow))
    asked = lab.train(lab.slow)
    wait_for(lambda: in_training(lab), "the training has begun")
    workers = workers_of(first.pid)
    assert workers
    first.kill()
    first.wait()
    took = wait_for(lambda: not alive(workers), "the workers are gone")
    print(f"workers gone in {took:.1f} s")
    second = start_dispatcher(lab.workspace)
    wait_for(lambda: lab.newest("train", lab.slow).state == "done", "another finished it")
    done = lab.newest("train", lab.slow)
    assert (done.id, done.attempt) == (asked.id, 2)
    assert len(lab.rounds(lab.slow)) == before + 1
    lab.check()
    second.stdin.close()
    assert second.wait(timeout=LONG) == 0


# -- crashes at each step ----------------------------------------------------------------------


def _die_at(root: str, project_id: int, steps: list[int]) -> None:
    """Import torch once; for each step a fork trains and dies before its n-th look at a file."""
    import alcore.rounds  # noqa: F401

    for step in steps:
        pid = os.fork()
        if pid == 0:
            _die_before(step)
            training.train_now(Store.open(Workspace(Path(root))), project_id, 1)
            os._exit(7)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), f"there is no step {step}"
        forget_deaths(Workspace(Path(root)))


def _die_before(step: int) -> None:
    seen = 0

    def count(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event in ("open", "os.rename") and "rounds" in str(arguments[0]):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def forget_deaths(workspace: Workspace) -> None:
    """Let a job be tried once more, however often its process has died."""
    store = Store.open(workspace)
    with store.write() as connection:
        connection.execute(update(job_table).values(failures=0))
    store.close()


def test_a_crash_at_any_step_of_saving_leaves_the_old_model_and_queue(lab: Lab) -> None:
    before = lab.rounds(), lab.queue()
    spawn = multiprocessing.get_context("spawn")
    steps = [1, 3, 6, 7]
    process = spawn.Process(target=_die_at, args=(str(lab.workspace.root), lab.project_id, steps))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert (lab.rounds(), lab.queue()) == before
    lab.check()
    training.train_now(lab.store, lab.project_id, 1)
    assert len(lab.rounds()) == len(before[0]) + 1
    lab.check()
    assert not any(name.startswith("unpublished") for name in lab.files())


def _train_on_a_full_disk(root: str, project_id: int) -> None:
    """Train; files get no more than 10 kB from the opening of the checkpoint to its removal."""

    def fill_the_disk(event: str, arguments: tuple) -> None:
        if event in ("open", "os.remove") and "unpublished" in str(arguments[0]):
            room = 10_000 if event == "open" else resource.RLIM_INFINITY
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    sys.addaudithook(fill_the_disk)
    try:
        training.train_now(Store.open(Workspace(Path(root))), project_id, 1)
    except WorkspaceUnusable:
        sys.exit(3)


def test_a_full_disk_is_an_error_that_is_shown_and_the_old_model_stays(lab: Lab) -> None:
    if not lab.rounds():
        training.train_now(lab.store, lab.project_id, 1)
    before = lab.rounds(), lab.queue()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(
        target=_train_on_a_full_disk, args=(str(lab.workspace.root), lab.project_id)
    )
    process.start()
    process.join()
    assert process.exitcode == 3
    assert (lab.rounds(), lab.queue()) == before
    assert lab.newest().state == "failed" and "cannot write" in lab.newest().error
    lab.check()
    training.train_now(lab.store, lab.project_id, 1)
    lab.check()


def test_a_training_that_fails_says_why_and_is_not_tried_for_ever(store: Store) -> None:
    settings = ProjectSettings(resolution=8, retrain=RetrainRule(new_labels=2, minimum=4))
    tab = Tab(store, project(store, settings=settings))  # its pixels were never imported
    for i in range(4):
        tab.answer(tab.next(), i % 2)
    assert tab.status()["job"]["state"] == "waiting"
    with pytest.raises(TrainingImpossible, match="not fitted"):
        training.train_now(store, tab.project_id, 1)
    shown = tab.status()["job"]
    assert shown["state"] == "failed" and "not fitted" in shown["error"]
    tab.answer(tab.next(), 0)
    assert tab.status()["job"]["state"] == "failed"
    tab.answer(tab.next(), 1)
    assert tab.status()["job"]["state"] == "waiting"
