"""Owns the proof that the dashboard shows what is in the database, on a real database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import made
import pytest
import trained
from streamlit.testing.v1 import AppTest

from alcore.config import Workspace
from alcore.errors import UnknownItem
from alcore.metrics import macro_f1_interval, wilson
from alcore.records import Learner
from alcore.services import dashboard
from alcore.store import Store, items, jobs, labels, projects
from alcore.web import state

PAGE = Path(__file__).parent.parent / "pages" / "dashboard.py"
HOSTILE = "<b>=HYPERLINK(1)</b>"


@dataclass
class Case:
    """A project of 100 items, 40 of them holdout, and three classes."""

    store: Store
    id: int
    holdout: list[int]

    def round(self, labels: int, accuracy: float, **more: object) -> None:
        trained.give_labels(self.store, self.id, labels)
        trained.add_round(self.store, self.id, accuracy, holdout_ids=self.holdout, **more)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def case(store: Store) -> Case:
    settings = replace(made.BY_HAND, baseline=True)
    project_id = made.project(
        store,
        100,
        held=40,
        classes=("cat", "dog", HOSTILE),
        settings=settings,
        known_classes="answer key",
        name=HOSTILE,
    )
    with store.read() as connection:
        held = [i.id for i in items.get_all(connection, project_id) if i.split == "holdout"]
    return Case(store, project_id, held)


# -- the service -------------------------------------------------------------------------------


def test_the_curve_carries_the_interval_and_the_mean_of_random_trials(case: Case) -> None:
    case.round(6, 0.5, random=(0.4, 0.5, 0.6))
    case.round(4, 0.75, random=(0.7,))
    found = dashboard.curve(case.store, case.id, "accuracy")
    assert [row["labels"] for row in found.live] == [6, 10]
    assert [row["value"] for row in found.live] == [0.5, 0.75]
    assert (found.live[1]["low"], found.live[1]["high"]) == wilson(30, 40)
    first, second = found.random
    assert (first["value"], first["low"], first["high"]) == pytest.approx((0.5, 0.4, 0.6))
    assert (second["trials"], second["low"]) == (1, None)


def test_random_labels_are_given_the_minutes_that_live_ones_took(case: Case) -> None:
    case.round(6, 0.5, random=(0.4,))
    (live,), (random,) = (
        dashboard.curve(case.store, case.id, "accuracy").live,
        dashboard.curve(case.store, case.id, "accuracy").random,
    )
    assert live["minutes"] == pytest.approx(6 * 2.0 / 60)
    assert random["minutes"] == pytest.approx(live["minutes"])


def test_the_curve_of_macro_f1_has_an_interval_too(case: Case) -> None:
    case.round(6, 0.5)
    (row,) = dashboard.curve(case.store, case.id, "macro-F1").live
    (summary,) = dashboard.history(case.store, case.id)
    assert row["value"] == summary.evaluation.macro_f1
    assert row["low"] < row["value"] < row["high"]


def test_the_interval_of_macro_f1_shrinks_with_the_root_of_the_items() -> None:
    import numpy as np

    few = np.array([[8, 2], [3, 7]])
    low, high = macro_f1_interval(few)
    low_many, high_many = macro_f1_interval(100 * few)
    assert (high - low) / (high_many - low_many) == pytest.approx(10)
    assert macro_f1_interval(np.zeros((2, 2), int)) is None


def test_the_stop_mark_stands_where_stopping_was_first_advised_and_goes_with_the_advice(
    case: Case,
) -> None:
    for kappa in (0.5, 0.995, 0.995, 0.995):
        assert dashboard.curve(case.store, case.id, "accuracy").stop is None
        case.round(10, 0.5, kappa=kappa)
    case.round(10, 0.5, kappa=0.995)
    found, advice = (
        dashboard.curve(case.store, case.id, "accuracy"),
        dashboard.standing(case.store, case.id).advice,
    )
    assert (found.stop["labels"], found.stop["model"]) == (40, 4)
    assert advice.stop and found.stop["reason"] == advice.reason
    case.round(10, 0.75, kappa=0.5)
    assert not dashboard.standing(case.store, case.id).advice.stop
    assert dashboard.curve(case.store, case.id, "accuracy").stop is None


def test_curves_are_divided_where_the_learner_changed(case: Case) -> None:
    pretrained = Learner(weights="pretraining 1", transfer="finetune")
    case.round(6, 0.5, random=(0.4,))
    case.round(4, 0.5, random=(0.5,))
    case.round(0, 0.75, random=(0.7,), learner=pretrained)
    case.round(4, 0.8, random=(0.75,), learner=pretrained)
    found = dashboard.curve(case.store, case.id, "accuracy")
    assert [(r["segment"], r["labels"]) for r in found.live] == [(1, 6), (1, 10), (2, 10), (2, 14)]
    random = [(r["segment"], r["labels"], r["value"]) for r in found.random]
    assert random == [(1, 6, 0.4), (1, 10, 0.5), (2, 10, 0.7), (2, 14, 0.75)]
    (change,) = found.changes
    assert (change["labels"], change["model"], change["sign"]) == (10, 3, "from pretraining 1")


def test_the_confusion_opens_the_images_behind_a_cell(case: Case) -> None:
    case.round(6, 0.75)
    (summary,) = dashboard.history(case.store, case.id)
    with case.store.read() as connection:
        project = projects.get(connection, case.id)
    cells = {(r["t"], r["p"]): r["count"] for r in dashboard.confusion(project, summary)}
    assert sum(cells.values()) == 40
    cell = dashboard.behind_cell(case.store, case.id, 1, 0, 1)
    assert cell.count == cells[0, 1] == 4
    # The first ten items of the holdout are wrong; every third of them is a cat.
    assert {p.item_id for p, _ in cell.pictures} == {case.holdout[i] for i in (0, 3, 6, 9)}
    confidence = [sure for _, sure in cell.pictures]
    assert confidence == sorted(confidence, reverse=True)


def test_a_round_without_predictions_says_so(case: Case) -> None:
    case.round(6, 0.75, files=False)
    with pytest.raises(UnknownItem, match="model 1 has no predictions on disk"):
        dashboard.behind_cell(case.store, case.id, 1, 0, 1)


def test_of_many_classes_the_most_confused_are_shown_and_all_exported(store: Store) -> None:
    many = tuple(f"class {i}" for i in range(30))
    project_id = made.project(store, 90, held=60, classes=many, known_classes="answer key")
    with store.read() as connection:
        project = projects.get(connection, project_id)
        held = [i.id for i in items.get_all(connection, project_id) if i.split == "holdout"]
    trained.give_labels(store, project_id, 30)
    summary = trained.add_round(store, project_id, 0.8, holdout_ids=held)
    shown = {row["true"] for row in dashboard.confusion(project, summary)}
    assert len(shown) == 20
    assert {"class 0", "class 5", "class 11"} <= shown  # twelve mistakes, from class 0 on
    assert len(dashboard.confusion(project, summary, all_classes=True)) == 900


def test_the_weakest_class_comes_first(case: Case) -> None:
    case.round(6, 0.75)
    (summary,) = dashboard.history(case.store, case.id)
    with case.store.read() as connection:
        rows = dashboard.per_class(projects.get(connection, case.id), summary)
    assert [row["recall"] for row in rows] == sorted(row["recall"] for row in rows)
    assert sum(row["holdout"] for row in rows) == 40
    assert {row["labels"] for row in rows} == {2}


def test_undone_labels_are_nobodys(case: Case) -> None:
    tab = made.Tab(case.store, case.id, "Ben")
    first = tab.answer(tab.next(), 0)
    tab.answer(tab.next(), 1)
    tab.undo(first)
    (row,) = dashboard.annotators(case.store, case.id)
    assert (row["annotator"], row["labels"], row["undone"]) == ("Ben", 1, 1)
    assert row["labels per hour"] == pytest.approx(3600)
    assert sum(r["labels"] for r in dashboard.labels_over_time(case.store, case.id).rows) == 1
    assert sum(r["training"] for r in dashboard.labels_per_class(case.store, case.id)) == 1


def test_labels_are_counted_in_stretches_that_fit(case: Case) -> None:
    trained.give_labels(case.store, case.id, 5, at=1_000_000.0)
    trained.give_labels(case.store, case.id, 5, at=1_000_000.0 + 7200, annotator="Ben")
    found = dashboard.labels_over_time(case.store, case.id)
    assert found.stretch == "5 minutes"
    assert sum(row["labels"] for row in found.rows) == 10
    assert all(found.start <= row["from"] < row["to"] <= found.end for row in found.rows)


@pytest.mark.parametrize("seconds", [60 * 10.0 * 1.35**k for k in range(45)])
def test_marks_on_an_axis_of_time_are_few_and_never_named_alike(seconds: float) -> None:
    forms = {"clock": "%d %b %H:%M", "day": "%d %b", "month": "%b %Y"}
    for start in (1_790_000_000.0, 1_774_700_000.0, 1_761_430_123.0):  # two near a change of clocks
        marks, said = dashboard.time_marks(start, start + seconds)
        names = [time.strftime(forms[said], time.localtime(at)) for at in marks]
        assert 1 <= len(names) == len(set(names)) <= dashboard.MOST_MARKS + 1
        assert all(start <= at <= start + seconds for at in marks)
        if said == "clock":
            assert all(at % 60 == 0 for at in marks)


def test_the_pulse_changes_with_labels_and_rounds_and_with_nothing_else(case: Case) -> None:
    before = dashboard.activity(case.store, case.id).pulse
    assert dashboard.activity(case.store, case.id).pulse == before
    trained.give_labels(case.store, case.id, 1)
    after_label = dashboard.activity(case.store, case.id).pulse
    case.round(0, 0.5)
    assert len({before, after_label, dashboard.activity(case.store, case.id).pulse}) == 3


def test_the_standing_counts_what_is_left(case: Case) -> None:
    trained.give_labels(case.store, case.id, 7)
    found = dashboard.standing(case.store, case.id)
    assert (found.labels, found.unlabeled, found.model) == (7, 53, None)


# -- the page ----------------------------------------------------------------------------------


@pytest.fixture
def page(case: Case, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The page on the case's workspace; the web process's own store is opened afresh."""
    caches = (state.runtime, state.store, state.tickets)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setenv("ALCORE_WORKSPACE", str(case.store.workspace.root))
    monkeypatch.syspath_prepend(PAGE.parent.parent)
    yield AppTest.from_file(PAGE, default_timeout=60)
    state.store().close()
    for cached in caches:
        cached.cache_clear()


def texts(page: AppTest) -> str:
    return " ".join(str(e.proto.body) for e in page.get("html"))


def charts(page: AppTest) -> list[dict]:
    return [json.loads(e.proto.spec) for e in page.get("vega_lite_chart")]


def show(page: AppTest, section: str) -> None:
    if not page.get("button_group"):
        page.run()
    page.button_group(key="section").set_value(section).run()
    assert not page.exception


def test_an_empty_project_says_what_will_appear_and_what_to_do(page: AppTest) -> None:
    page.run()
    assert page.button(key="danger-stop").disabled
    shown = texts(page)
    for section in dashboard_sections():
        show(page, section)
        shown += texts(page)
    assert "Label some images, then press Train now" in shown
    assert "Labels over time appear with the first label" in shown
    assert "Each training adds a line here" in shown


def dashboard_sections() -> tuple[str, ...]:
    return ("curve", "classes", "calibration", "people", "rounds")


def test_a_trained_project_fills_every_chart(case: Case, page: AppTest) -> None:
    case.round(6, 0.5, random=(0.4, 0.5))
    case.round(6, 0.75, random=(0.6, 0.7))
    page.run()
    assert not page.exception
    assert "accuracy of model 2" in texts(page)
    drawn = {}
    for section in dashboard_sections():
        show(page, section)
        assert "75.0 %" in texts(page)
        assert "appears with" not in texts(page)
        drawn[section] = len(charts(page)), len(page.dataframe)
    assert drawn == {
        "curve": (2, 0),
        "classes": (3, 0),
        "calibration": (2, 0),
        "people": (1, 1),
        "rounds": (0, 1),
    }


def test_the_page_marks_where_the_learner_changed_and_says_how(case: Case, page: AppTest) -> None:
    pretrained = Learner(weights="pretraining 1", transfer="finetune")
    case.round(6, 0.5, random=(0.4,))
    case.round(6, 0.75, random=(0.7,), learner=pretrained)
    said = "models begin with pretraining 1 (before: nothing)"
    page.run()
    assert f"from model 2 on (12 labels) {said}" in texts(page)
    rows = rows_of(page)
    (mark,) = [row for row in rows if row["series"] == "change"]
    assert (mark["x"], mark["end"]) == (12, "from pretraining 1")
    assert {row["segment"] for row in rows if row["series"] == "random"} == {1, 2}
    show(page, "rounds")
    assert page.dataframe[0].value["learner changed"].tolist() == [said, ""]
    show(page, "calibration")
    assert "from pretraining 1" in str(rows_of(page))


def rows_of(page: AppTest) -> list[dict]:
    """Read the data of the first chart."""
    import pyarrow

    proto = page.get("vega_lite_chart")[0].proto
    return pyarrow.ipc.open_stream(proto.data.data).read_pandas().to_dict("records")


def test_words_that_need_it_explain_themselves(case: Case, page: AppTest) -> None:
    case.round(6, 0.5)
    page.run()
    assert '<abbr title="How far successive models agree' in texts(page)
    show(page, "rounds")
    columns = json.loads(page.dataframe[0].proto.columns)
    for word in ("macro-F1", "ECE", "NLL", "95 % interval"):
        assert columns[word]["help"], word


def test_what_was_taken_back_is_told_beside_the_model(case: Case, page: AppTest) -> None:
    tab = made.Tab(case.store, case.id, "Ben")
    keys = [tab.answer(tab.next(), i % 2) for i in range(6)]
    case.round(0, 0.5)
    tab.undo(keys[0])
    page.run()
    assert "Model 1 learned from 1 label that was taken back since." in texts(page)
    assert "Press Train now for one without" in texts(page)
    show(page, "classes")
    assert "Model 1 learned from 1 label that was taken back since" in texts(page)


def test_names_never_become_markup(case: Case, page: AppTest) -> None:
    case.round(6, 0.75)
    for section in dashboard_sections():
        show(page, section)
        assert HOSTILE not in texts(page)
        assert all("<b>" not in element.value for element in page.markdown)


def test_train_now_asks_for_one_training_and_stop_takes_it_back(case: Case, page: AppTest) -> None:
    trained.give_labels(case.store, case.id, 6)
    page.run()
    page.button(key="train").click().run()
    assert not page.exception
    with case.store.read() as connection:
        assert jobs.newest(connection, case.id, "train").state == "waiting"
    assert page.button(key="train").disabled
    page.button(key="danger-stop").click().run()
    with case.store.read() as connection:
        assert jobs.newest(connection, case.id, "train").state == "cancelled"


def test_train_now_without_labels_says_what_is_missing(page: AppTest) -> None:
    page.run()
    page.button(key="train").click().run()
    assert "a model needs labels of at least two classes" in texts(page)


def test_a_failed_training_shows_its_error(case: Case, page: AppTest) -> None:
    with case.store.write() as connection:
        jobs.request(connection, case.id, "train", time.time())
        job = jobs.take(connection, ["train"], "test", time.time())
        jobs.fail(connection, job.id, job.attempt, time.time(), "the disk is full <i>")
    page.run()
    assert "The last training failed: the disk is full &lt;i&gt;" in texts(page)


def test_a_link_restores_metric_axis_and_project(case: Case, page: AppTest) -> None:
    other = made.project(case.store, 20, name="other")
    case.round(6, 0.75)
    page.query_params["project"] = str(case.id)
    page.query_params["metric"] = "macro-F1"
    page.query_params["against"] = "minutes"
    page.run()
    assert page.selectbox(key="project-choice").value == str(case.id)
    assert "macro-F1 on the holdout" in str(charts(page)[0])
    assert "minutes of labeling" in str(charts(page)[0])
    page.selectbox(key="project-choice").select(str(other)).run()
    assert page.selectbox(key="project-choice").value == str(other)
    assert charts(page) == []


def test_a_class_that_is_younger_than_the_model_waits_for_the_next(
    case: Case, page: AppTest
) -> None:
    case.round(6, 0.75)
    with case.store.write() as connection:
        projects.add_classes(connection, case.id, ["fox"], time.time())
    page.run()
    assert not page.exception
    with case.store.read() as connection:
        assert 0 not in labels.per_class(connection, case.id).values()
