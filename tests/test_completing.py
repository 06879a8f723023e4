"""Owns the proof that a model labels what people have checked, and that its labels stay its own."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made import Tab, exported, labels_of, project
from seen import look

from alcore.__main__ import main
from alcore.completion import precision_of_rest, surest
from alcore.config import Workspace
from alcore.errors import (
    CompletionUnready,
    InvalidClasses,
    InvalidSettings,
    NotAllowed,
    ProjectArchived,
    TrainingImpossible,
    UnknownItem,
)
from alcore.loop.round_files import round_arrays
from alcore.records import NewEvent, NewUndo
from alcore.services import (
    audit,
    board_status,
    classes,
    completing,
    dashboard,
    exporting,
    foreign_predictions,
    label_import,
    people,
    projects,
    review,
    snapshots,
    team,
)
from alcore.services.completing import Standing
from alcore.services.exporting import Wish
from alcore.services.label_import import LabelFile, words
from alcore.services.pool_predictions import PredictionCache
from alcore.store import Store, completions, items

CLASSES = ("cat", "dog", "owl")
PRECISION = 0.5


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def made(store: Store) -> tuple[int, Tab, dict[int, int]]:
    """Sixty images, a model of three groups, and the group that each image really is of."""
    project_id = project(store, 60, classes=CLASSES)
    tab = Tab(store, project_id)
    for place, lease in enumerate(tab.claim(3).leases):
        tab.answer(lease, place)
    groups = look(store, project_id)
    path = round_arrays(store.workspace.project(project_id), 1)
    with np.load(path) as arrays:
        np.savez(path, head=10 * arrays["head"])  # surer of itself
    with store.read() as connection:
        truth = dict(zip(items.ids(connection, project_id).tolist(), groups.tolist(), strict=True))
    return project_id, tab, truth


def drawn(
    store: Store, project_id: int, sample: int = 10, precision: float = PRECISION
) -> Standing:
    return completing.draw(store, PredictionCache(store), project_id, precision, sample)


def check(tab: Tab, truth: dict[int, int], n: int, wrong: int = 0) -> None:
    """Answer the next n images, all of them checks, the first `wrong` otherwise than the model."""
    for number in range(n):
        lease = tab.next()
        assert lease.origin == "check"
        tab.answer(lease, (truth[lease.item_id] + (number < wrong)) % 3)


def finished(store: Store, made: tuple[int, Tab, dict[int, int]], wrong: int = 0) -> Standing:
    project_id, tab, truth = made
    standing = drawn(store, project_id)
    check(tab, truth, 10, wrong)
    return completing.write(store, project_id, standing.completion.id)


def test_an_interval_holds_the_truth_in_95_of_100_samples_of_any_set() -> None:
    rng = np.random.default_rng(0)
    for images, sample, wrong in ((60, 20, 3), (400, 100, 0), (400, 100, 8), (2000, 50, 300)):
        bad = np.arange(images) < wrong
        held = 0
        for _ in range(400):
            picked = rng.permutation(images)[:sample]
            hit = int(bad[picked].sum())
            said = precision_of_rest(sample - hit, sample, images)
            true = 1 - (wrong - hit) / (images - sample)
            held += said.low - 1e-9 <= true <= said.high + 1e-9
        assert held >= 370, (images, sample, wrong, held)  # 380 expected at least, 4.4 deviation


def test_what_was_checked_whole_leaves_nothing_unknown_and_nonsense_is_refused() -> None:
    everything = precision_of_rest(7, 10, 10)
    assert (everything.rest, everything.low, everything.high) == (0, 1.0, 1.0)
    nothing = precision_of_rest(0, 0, 10)
    assert (nothing.estimate, nothing.low, nothing.high) == (None, 0.0, 1.0)
    with pytest.raises(ValueError, match="5 right of 4 checked"):
        precision_of_rest(5, 4, 10)


def test_the_surest_images_are_as_many_as_have_the_precision_on_average() -> None:
    confidence = np.array([0.6, 0.99, 0.9, 0.3, 0.96])
    assert surest(confidence, 0.95).tolist() == [1, 4, 2]
    assert surest(confidence, 0.995).tolist() == []
    assert len(surest(confidence, 0.5)) == 5 and surest(confidence[:0], 0.9).tolist() == []


def test_a_sample_is_asked_first_without_what_the_model_says_and_then_the_rest_is_written(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, tab, truth = made
    standing = drawn(store, project_id)
    assert standing.completion.images == 57 and standing.counts.sample == 10
    with store.write() as connection:  # a suggestion lies ready in the queue
        connection.exec_driver_sql("UPDATE queue_item SET suggestion = '[0.9, 0.05, 0.05]'")
    lease = tab.next()
    why = board_status.why(store, project_id, None, lease.item_id, PredictionCache(store))
    assert (why["origin"], why["suggestion"]) == ("check", None) and "check" in why["reason"]
    tab.answer(lease, truth[lease.item_id])
    with pytest.raises(CompletionUnready, match="9 of the 10 images to check have no answer"):
        completing.write(store, project_id, standing.completion.id)
    check(tab, truth, 9, wrong=1)
    assert tab.next().origin != "check"
    written = completing.write(store, project_id, standing.completion.id)
    assert (written.completion.right, written.counts.rest) == (9, 47)
    assert written.precision == precision_of_rest(9, 10, 57)
    assert completing.write(store, project_id, standing.completion.id) == written


def test_model_labels_are_neither_trained_on_nor_in_any_figure(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, _, _ = made
    finished(store, made)
    assert len(labels_of(store, project_id)) == 13
    standing = dashboard.standing(store, project_id)
    assert (standing.labels, standing.unlabeled) == (13, 47)
    assert exporting.outlook(store, project_id)[0] == 13
    assert snapshots.make(store, project_id, "now").labels == 13
    assert [one.name for one in team.presence(store, project_id, None)] == ["Ana"]


def test_exports_mark_them_and_leave_them_out_unless_asked(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, _, truth = made
    finished(store, made)
    table = list(csv.DictReader(io.StringIO(exported(store, project_id, "csv").decode())))
    of_model = [row for row in table if row["model label"] == "yes"]
    assert len(of_model) == 47 and len(table) == 60
    for row in of_model:
        assert (row["annotator"], row["source"], row["model"]) == ("model 1", "model", "1")
        assert row["class"] == CLASSES[truth[int(row["item"])]]
        assert 0.5 < float(row["model label probability"]) <= 1
    plain = exporting.prepare(store, project_id, Wish("csv"))
    assert b"model 1" not in b"".join(plain.blocks()) and plain.total == 13
    with pytest.raises(InvalidSettings, match="cannot say which labels are the model's"):
        exporting.prepare(store, project_id, Wish("yolo", ("model labels",)))


def test_a_persons_answer_replaces_a_model_label_also_an_unsure_one(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, tab, _ = made
    finished(store, made)
    key = tab.answer(tab.next(), 1)
    tab.answer(tab.next(), kind="unsure")
    with store.read() as connection:
        assert completions.count(connection, project_id) == 45
    tab.undo(key)
    with store.read() as connection:
        assert completions.count(connection, project_id) == 46


def test_all_labels_of_a_completion_are_taken_back_as_one(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, tab, _ = made
    written = finished(store, made)
    tab.answer(tab.next(), 1)
    completing.withdraw(store, project_id, written.completion.id)
    assert completing.standings(store, project_id) == []
    with store.read() as connection:
        assert completions.count(connection, project_id) == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM model_label").scalar() == 0
    assert len(labels_of(store, project_id)) == 14
    said = [row["what"] for row in audit.rows(store, project_id, None)]
    assert any("took the labels of model 1" in line for line in said)
    with pytest.raises(UnknownItem):
        completing.withdraw(store, project_id, written.completion.id)


def test_a_second_completion_takes_what_the_first_left(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, _, _ = made
    cached = PredictionCache(store)
    before = completing.outlook(store, cached, project_id, PRECISION)
    finished(store, made)
    after = completing.outlook(store, cached, project_id, PRECISION)
    assert (before.unlabeled, after.unlabeled) == (57, 0)
    with pytest.raises(CompletionUnready, match="sure enough of 0 images"):
        drawn(store, project_id)


def test_one_at_a_time_is_drawn_and_a_discarded_one_makes_room(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, tab, _ = made
    first = drawn(store, project_id)
    with pytest.raises(CompletionUnready, match="drawn already"):
        drawn(store, project_id)
    completing.withdraw(store, project_id, first.completion.id)
    assert tab.next().origin != "check"
    assert drawn(store, project_id, 5).counts.sample == 5


def test_what_was_killed_half_drawn_is_no_completion_and_in_nobodys_way(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, tab, _ = made
    drawn(store, project_id)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE completion SET drawn_at = NULL")
    assert completing.standings(store, project_id) == [] and tab.next().origin != "check"
    assert drawn(store, project_id).counts.sample == 10


def test_merged_classes_follow_and_a_deleted_one_has_no_model_labels(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, tab, truth = made
    finished(store, made)
    classes.merge(store, project_id, [tab.classes[1]], tab.classes[0])
    table = list(csv.DictReader(io.StringIO(exported(store, project_id, "csv").decode())))
    kept = {int(row["item"]): row["class"] for row in table if row["model label"] == "yes"}
    assert len(kept) == 47
    assert all(name == ("owl" if truth[i] == 2 else "cat") for i, name in kept.items())
    classes.delete(store, project_id, tab.classes[2], take_back=True)
    with store.read() as connection:
        left = completions.count(connection, project_id)
    assert left == sum(name == "cat" for name in kept.values())


def test_a_skipped_check_comes_back_to_who_is_alone(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, tab, truth = made
    standing = drawn(store, project_id, 2)
    for _ in range(6):
        lease = tab.next()
        assert lease.origin == "check"
        tab.answer(lease, kind="skip")
    check(tab, truth, 2)
    assert completing.write(store, project_id, standing.completion.id).precision.right == 2


def test_two_people_share_a_check_and_nobody_sees_the_others_image(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    project_id, ana, truth = made
    drawn(store, project_id, 6)
    ben = Tab(store, project_id, "Ben")
    mine, theirs = ana.claim(3).leases, ben.claim(4).leases
    assert {one.item_id for one in mine}.isdisjoint(one.item_id for one in theirs)
    assert [one.origin for one in theirs].count("check") == 3
    for lease in mine:
        ana.answer(lease, truth[lease.item_id])
    assert completing.standings(store, project_id)[0].counts.answered == 3


def test_the_command_draws_writes_and_takes_back(
    store: Store,
    made: tuple[int, Tab, dict[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, tab, truth = made
    monkeypatch.setenv("ALCORE_WORKSPACE", str(store.workspace.root))

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main(["finish", "animals", "--precision", str(PRECISION), *words])
        out, err = capsys.readouterr()
        return end.value.code, out + err

    code, said = run("--json")
    assert code == 0 and json.loads(said)["images"] == 57
    assert run("--write") == (
        1,
        "alcore: nothing was drawn for the model to label; draw some first\n",
    )
    assert run("--draw", "--sample", "5")[0] == 0
    check(tab, truth, 5)
    (row,) = json.loads(run("--write", "--json")[1])
    assert (row["images"], row["checked"], row["right"]) == (52, "5 of 5", 5)
    code, said = run("--take-back", "--json")
    assert code == 0 and json.loads(said)["images"] == 52


@pytest.mark.parametrize(
    ("precision", "sample", "error"),
    [
        (1.0, 10, InvalidSettings),
        (0.2, 10, InvalidSettings),
        (float("nan"), 10, InvalidSettings),
        (0.9, 0, InvalidSettings),
        (0.9, 10**6, InvalidSettings),
        (0.9999, 10, CompletionUnready),
        (PRECISION, 57, CompletionUnready),
    ],
)
def test_what_cannot_be_drawn_is_said(
    store: Store,
    made: tuple[int, Tab, dict[int, int]],
    precision: float,
    sample: int,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        drawn(store, made[0], sample, precision)
    assert completing.standings(store, made[0]) == []


def test_without_a_model_an_owner_or_in_the_archive_nothing_is_drawn(
    store: Store, made: tuple[int, Tab, dict[int, int]]
) -> None:
    empty = project(store, 10, name="empty")
    with pytest.raises(TrainingImpossible, match="There is no model yet"):
        drawn(store, empty)
    project_id, tab, _ = made
    owner = people.annotator(store, "Owner")
    people.set_role(store, project_id, None, owner.id, "owner")
    cached = PredictionCache(store)
    with pytest.raises(NotAllowed):
        completing.draw(store, cached, project_id, PRECISION, 5, tab.annotator.id)
    projects.archive(store, project_id)
    with pytest.raises(ProjectArchived):
        drawn(store, project_id)


def test_somebodys_predictions_are_checked_before_any_of_them_counts(
    store: Store, made: tuple[int, Tab, dict[int, int]], tmp_path: Path
) -> None:
    project_id, tab, truth = made
    file = tmp_path / "model of a colleague.csv"
    lines = [f"image {i - 1}.png,{CLASSES[group]}" for i, group in truth.items()]
    file.write_text("\n".join(["file,class", *lines[:40], "image 45.png,fox", "none.png,cat"]))
    source = LabelFile(file)
    plan = label_import.preview(store, project_id, source, "predictions")
    assert (len(plan.class_of), plan.agreed, plan.disagreed) == (38, 3, 0)
    assert any("of 3 images that have a label, 3 are predicted so" in w for w in words(plan))
    with pytest.raises(InvalidClasses, match="fox"):
        label_import.bring(store, project_id, source, "predictions")
    label_import.bring(store, project_id, source, "predictions", new_classes="leave out")
    standing = completing.newest(store, project_id)
    assert (standing.completion.author, standing.completion.images) == (file.name, 37)
    assert (standing.completion.model, standing.counts.sample) == (None, 18)
    assert len(labels_of(store, project_id)) == 3
    with pytest.raises(CompletionUnready, match="drawn already"):
        label_import.bring(store, project_id, source, "predictions", new_classes="add")
    assert len(projects.get(store, project_id).classes) == 3
    check(tab, truth, 18, wrong=2)
    written = completing.write(store, project_id, standing.completion.id)
    assert written.precision == precision_of_rest(16, 18, 37)
    table = list(csv.DictReader(io.StringIO(exported(store, project_id, "csv").decode())))
    theirs = [row for row in table if row["model label"] == "yes"]
    assert len(theirs) == 19 and {row["annotator"] for row in theirs} == {file.name}
    assert {(row["source"], row["model label probability"]) for row in theirs} == {("model", "")}
    assert len(labels_of(store, project_id)) == 21


def test_predictions_against_a_label_or_the_model_come_first_in_review_and_are_settled_there(
    store: Store, made: tuple[int, Tab, dict[int, int]], tmp_path: Path
) -> None:
    project_id, tab, truth = made
    (labeled, *_), odd = labels_of(store, project_id), set(list(truth)[20:30])
    file = tmp_path / "said.csv"
    names = {i: CLASSES[(group + (i == labeled or i in odd)) % 3] for i, group in truth.items()}
    lines = [f"image {i - 1}.png,{name}" for i, name in names.items()]
    file.write_text("\n".join(["file,class", *lines]))
    label_import.bring(store, project_id, LabelFile(file), "predictions")
    standing = completing.newest(store, project_id)
    assert (standing.completion.images, standing.counts.rest) == (57, 57 - 28)
    cached, me = PredictionCache(store), tab.annotator.id
    with store.read() as connection:
        blind = set(completions.next_checks(connection, project_id, me, 0.0, 100))

    def listed(**only: object) -> list[review.Reviewed]:
        wanted = review.Filter(foreign_predictions.VIEW, **only)
        return list(foreign_predictions.page(cached, project_id, me, wanted, 0, 100).rows)

    rows = listed()
    assert [rows[0].item_id, rows[0].predicted_by] == [labeled, "said.csv"]
    against = odd - blind
    assert {row.item_id for row in rows[1 : 1 + len(against)]} == against
    assert {row.item_id for row in rows[1 + len(against) :]} == set(truth) - odd - blind - set(
        labels_of(store, project_id)
    )
    assert all(row.model_class != row.predicted for row in rows[1 : 1 + len(against)])
    assert {row.item_id for row in listed(disagrees=True)} - {labeled} == against
    assert {r.predicted for r in listed(class_id=tab.classes[0])} == {tab.classes[0]}

    def settle(row: review.Reviewed, class_id: int, key: str) -> None:
        event = NewEvent(project_id, row.item_id, me, "label", key, time.time(), class_id)
        review.mend(store, event, row.event_id)

    settle(rows[0], rows[0].class_id, "confirmed")
    settle(rows[1], rows[1].model_class, "mended")
    settle(rows[2], rows[2].predicted, "taken")
    assert [row.item_id for row in listed()] == [row.item_id for row in rows[3:]]
    assert review.overview(store, project_id, me).predictions == len(rows) - 3
    review.undo(store, NewUndo(project_id, me, "back", "taken", time.time()))
    assert [row.item_id for row in listed()] == [row.item_id for row in rows[2:]]
    check(tab, truth, 28)
    assert {row.item_id for row in listed()} >= odd & blind, "people have contradicted them"
    completing.withdraw(store, project_id, standing.completion.id)
    assert listed() == []
