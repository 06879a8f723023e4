"""Owns the proof of the map: what it tells whom, where images lie, what becomes of a selection."""

from __future__ import annotations

import base64
import csv
import io
import json
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from made import BY_HAND, Tab, old_database, project, web_store
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore.config import ProjectSettings, RetrainRule, Runtime, TeamRule, Workspace
from alcore.errors import InvalidSettings, NotAllowed, TrainingImpossible, UnknownItem
from alcore.jobs import next_batches
from alcore.loop import maps
from alcore.records import NewEvent
from alcore.services import features, grid, map_table, people, projects, review, training
from alcore.services import map as mapping
from alcore.services.pool_predictions import PredictionCache
from alcore.services.review import Filter
from alcore.store import Store, gold, items, labels, rounds, selections
from alcore.store import projects as stored
from alcore.web import routes, state
from alcore.workers.answering import Answering


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def shapes(store: Store, n: int, name: str = "shapes") -> int:
    """Import generated shapes, whose pixels are there."""
    settings = replace(ProjectSettings(), retrain=RetrainRule(automatic=False), baseline=False)
    made = projects.create(
        store, name, {"kind": "shapes", "size": n}, "none", settings, ["circle", "square"]
    )
    projects.import_now(store, made, 1)
    return made


def say(store: Store, project_id: int, item_id: int, who: int, place: int = 0) -> None:
    with store.write() as connection:
        class_id = stored.classes(connection, project_id)[place].id
        event = NewEvent(
            project_id=project_id,
            item_id=item_id,
            annotator_id=who,
            kind="label",
            class_id=class_id,
            key=uuid.uuid4().hex,
            created_at=1e6,
        )
        labels.append(connection, event)


def ids_of(store: Store, project_id: int) -> list[int]:
    with store.read() as connection:
        return [int(i) for i in items.ids(connection, project_id)]


def bits(chosen: list[int], n: int) -> bytes:
    flags = np.zeros(n, np.uint8)
    flags[chosen] = 1
    return np.packbits(flags, bitorder="little").tobytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, int, int]]:
    """A project of 120 shapes with two models, and its annotator; not to be changed."""
    root = tmp_path_factory.mktemp("trained")
    with web_store(root) as store:
        project_id = shapes(store, 120)
        tab = Tab(store, project_id, "me")
        for _ in range(2):
            for n in range(12):
                tab.answer(tab.next(), n % 2)
            training.train_now(store, project_id, 1)
        yield store, project_id, tab.annotator.id


# -- where images lie --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 40])
def test_without_a_model_and_without_features_images_lie_by_their_pixels(
    store: Store, n: int
) -> None:
    project_id = shapes(store, n)
    me = people.annotator(store, "me").id
    shown = mapping.layout(store, project_id, me, "", "pca")
    assert shown.about["basis"] == "pixels"
    assert shown.arrays["steps"].size == 2 * n and "predicted" not in shown.arrays
    columns = mapping.columns(store, project_id, me)
    assert len(columns.arrays["ids"]) == n and set(columns.arrays["class"]) == {mapping.NO_CLASS}


def test_images_whose_pixels_are_not_there_have_no_place(store: Store) -> None:
    project_id = project(store, 1)
    me = people.annotator(store, "me").id
    assert mapping.layout(store, project_id, me, "", "pca").arrays["steps"].size == 0
    assert len(mapping.columns(store, project_id, me).arrays["ids"]) == 1


def test_each_model_leaves_a_layout_that_is_lined_up_with_the_one_before(
    trained: tuple[Store, int, int],
) -> None:
    store, project_id, me = trained
    status = mapping.status(store, project_id, me)
    assert status.basis == "0002" and status.stored["pca"] == ("0001", "0002")
    first, second = (mapping.layout(store, project_id, me, basis, "pca") for basis in ("0001", ""))
    assert second.about["basis"] == "0002"
    folder = store.workspace.project(project_id)
    before, after = (maps.read(folder, basis, "pca") for basis in ("0001", "0002"))
    assert before is not None and after is not None
    distance = ((before.points - after.points) ** 2).sum()
    for turn in (np.array([[-1, 0], [0, 1]]), np.array([[0, 1], [1, 0]]), -np.eye(2)):
        assert distance <= ((before.points - after.points @ turn) ** 2).sum()
    for shown in (first, second):
        assert set(shown.arrays["predicted"]) <= {0, 1}
        assert shown.arrays["unsure"].dtype == np.uint8


def test_a_layout_that_is_gone_is_made_again_and_the_oldest_are_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = shapes(store, 20)
    me = people.annotator(store, "me").id
    folder = store.workspace.project(project_id)
    before = mapping.layout(store, project_id, me, "", "pca")
    place = maps.path(folder, "pixels", "pca")
    for spoiled in (b"", b"no layout", b"PK\x03\x04"):
        place.write_bytes(spoiled)
        again = mapping.layout(store, project_id, me, "", "pca")
        assert np.array_equal(again.arrays["steps"], before.arrays["steps"])
    here = maps.read(folder, "pixels", "pca")
    assert here is not None
    monkeypatch.setattr(maps, "MOST_BYTES", 2 * place.stat().st_size + 10)
    for number in range(5):
        maps.put(folder, replace(here, basis=f"{number:04d}"))
    assert maps.bases(folder, "pca") == ["0003", "0004"]


def test_a_map_that_there_is_not_is_refused_with_those_there_are(store: Store) -> None:
    project_id = shapes(store, 5)
    me = people.annotator(store, "me").id
    with pytest.raises(InvalidSettings, match="pca, umap"):
        mapping.layout(store, project_id, me, "", "t-sne")
    with pytest.raises(UnknownItem, match="no such map"):
        mapping.layout(store, project_id, me, "", "umap")


def test_without_umap_the_page_says_what_adds_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = shapes(store, 5)
    me = people.annotator(store, "me").id
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(TrainingImpossible, match=r"pip install 'alcore\[map\]'"):
        mapping.compute(store, project_id, me)


# -- who is told what --------------------------------------------------------------------------


def test_who_may_still_be_asked_is_not_told_what_others_and_their_model_say(store: Store) -> None:
    """Answers of others, gold, the holdout and names of others are as secret as on Review."""
    settings = replace(BY_HAND, team=TeamRule(answers=2, overlap_share=1.0))
    project_id = project(store, 12, held=3, settings=settings)
    owner, ana, ben = (people.annotator(store, name).id for name in ("Olga", "Ana", "Ben"))
    people.set_role(store, project_id, None, owner, "owner")
    ids = ids_of(store, project_id)
    for item_id in ids[:4]:
        say(store, project_id, item_id, ben)
    say(store, project_id, ids[0], ana, 1)
    with store.write() as connection:
        first = stored.classes(connection, project_id)[0]
        gold.add(connection, project_id, {ids[5]: first.id}, 1e6)
    say(store, project_id, ids[5], ben)
    of_owner = mapping.columns(store, project_id, owner)
    of_ana = mapping.columns(store, project_id, ana)
    assert set(np.flatnonzero(of_owner.arrays["class"] >= 0)) == {0, 1, 2, 3, 5}
    assert set(np.flatnonzero(of_ana.arrays["class"] >= 0)) == {0}, "only what she answered too"
    for name in ("since", "agreement"):
        assert set(np.flatnonzero(of_ana.arrays[name])) == {0}
    assert of_owner.arrays["agreement"][0] == 2
    assert of_owner.arrays["holdout"].sum() == 3 and "holdout" not in of_ana.arrays
    assert "Ben" in of_owner.about["people"] and of_ana.about["people"] == ["you", "others"]
    folder = store.workspace.project(project_id)
    steps = np.zeros((12, 2), np.uint16)
    said = (np.ones(12, np.int16), np.full(12, 200, np.uint8))
    maps.put(folder, maps.Layout("pixels", "pca", steps, 1.0, *said))
    seen = mapping.layout(store, project_id, ana, "pixels", "pca").arrays
    assert set(np.flatnonzero(seen["predicted"] < 0)) >= {1, 2, 3, 5}
    assert not seen["unsure"][[1, 2, 3, 5]].any() and seen["predicted"][0] == 1
    assert (
        mapping.layout(store, project_id, owner, "pixels", "pca").arrays["predicted"] == 1
    ).all()


def test_the_answer_key_is_nowhere_on_the_map(store: Store) -> None:
    settings = replace(BY_HAND, baseline=False)
    project_id = projects.create(store, "digits", {"kind": "digits"}, "answer key", settings)
    projects.import_now(store, project_id, 1)
    owner, ana = (people.annotator(store, name).id for name in ("Olga", "Ana"))
    people.set_role(store, project_id, None, owner, "owner")
    for who in (owner, ana):
        columns = mapping.columns(store, project_id, who)
        assert set(columns.arrays["class"]) == {mapping.NO_CLASS}
    assert "folders" not in mapping.columns(store, project_id, ana).about
    (row,) = mapping.pictures(store, project_id, ana, ids_of(store, project_id)[:1])
    assert row[1] == f"image {row[0]}", "a name may tell the class"
    with pytest.raises(NotAllowed):
        mapping.compute(store, project_id, ana)
    with pytest.raises(NotAllowed):
        map_table.table(store, project_id, 1, ana)


# -- selections --------------------------------------------------------------------------------


def test_a_selection_goes_to_review_and_the_grid_and_no_further(store: Store) -> None:
    project_id = project(store, 30, held=5)
    me = people.annotator(store, "me").id
    ids = ids_of(store, project_id)
    for item_id in ids[:10]:
        say(store, project_id, item_id, me)
    chosen, size = mapping.select(store, project_id, me, bits([2, 4, 11, 12, 13, 28], 30))
    assert size == 6
    page = review.page(store, project_id, me, Filter(selection=chosen), 0, 50)
    assert {row.item_id for row in page.rows} == {ids[2], ids[4]}
    claim = grid.TileClaim(project_id, me, "tab", 30)
    tiles = grid.selected(store, PredictionCache(store), claim, chosen)
    leased = {lease.item_id for lease in tiles.leases}
    assert leased == {ids[11], ids[12], ids[13]}, "neither labeled images nor the holdout"
    assert tiles.class_id is None
    other = project(store, 5, name="other")
    assert review.page(store, other, me, Filter(selection=chosen), 0, 50).rows == ()
    nothing = grid.selected(store, PredictionCache(store), replace(claim, project_id=other), 99)
    assert nothing.leases == () and nothing.reason == grid.ALL_ANSWERED


@pytest.mark.parametrize(
    ("what", "why"),
    [(b"", "nothing"), (b"\0\0", "nothing"), (b"\0\0\0\xff", "reload")],
)
def test_a_selection_of_nothing_or_of_images_that_are_not_there_is_refused(
    store: Store, what: bytes, why: str
) -> None:
    project_id = project(store, 12)
    me = people.annotator(store, "me").id
    with pytest.raises(InvalidSettings, match=why):
        mapping.select(store, project_id, me, what)


def test_each_persons_newest_selections_are_kept(store: Store) -> None:
    project_id = project(store, 12)
    me, ben = (people.annotator(store, name).id for name in ("me", "Ben"))
    of_ben, _ = mapping.select(store, project_id, ben, bits([3], 12))
    made = [mapping.select(store, project_id, me, bits([1], 12))[0] for _ in range(25)]
    with store.read() as connection:
        there = [n for n in made if len(selections.ids(connection, project_id, n))]
        assert there == made[-selections.KEPT :]
        assert len(selections.ids(connection, project_id, of_ben)) == 1


def test_a_table_of_a_selection_names_its_images_with_label_and_prediction(
    trained: tuple[Store, int, int],
) -> None:
    store, project_id, me = trained
    chosen, _ = mapping.select(store, project_id, me, bits(list(range(0, 120, 3)), 120))
    name, blocks = map_table.table(store, project_id, chosen, me)
    rows = list(csv.DictReader(io.StringIO(b"".join(blocks).decode())))
    assert name.endswith("selection.csv") and len(rows) == 40
    known = {row["item"]: row["class"] for row in rows if row["class"]}
    with store.read() as connection:
        counting = labels.counting(connection, project_id)
    assert {int(i) for i in known} <= set(counting) and known
    assert {row["predicted class"] for row in rows} <= {"circle", "square"}
    assert all(0 <= float(row["uncertainty"]) <= 1 for row in rows)
    with pytest.raises(UnknownItem, match="gone"):
        map_table.table(store, project_id, 10_000, me)


# -- strategies --------------------------------------------------------------------------------


def test_every_strategy_that_is_offered_can_be_asked(trained: tuple[Store, int, int]) -> None:
    store, project_id, _ = trained
    with store.read() as connection:
        open_items = set(items.unlabeled(connection, project_id).tolist())
    offered = [one["name"] for one in mapping.comparable()]
    assert {"margin", "k-center", "random"} <= set(offered)
    for name in offered:
        question = {"project": project_id, "strategy": name, "count": 6}
        picks = next_batches.answer(store, question)
        assert len(set(picks["items"])) == 6 and set(picks["items"]) <= open_items, name
        assert len(picks["reasons"]) == 6 and picks["model"] == 2


def test_a_strategy_is_asked_beside_the_web_process_and_says_what_is_missing(
    workspace: Workspace, store: Store
) -> None:
    project_id = shapes(store, 10)
    asked = Answering("alcore.jobs.next_batches", Runtime(workspace, 1))
    try:
        with pytest.raises(TrainingImpossible, match="no model"):
            mapping.next_batch(asked, store, project_id, "margin")
        with pytest.raises(InvalidSettings, match="cannot be shown"):
            mapping.next_batch(asked, store, project_id, "bald")
    finally:
        asked.close()


# -- what travels ------------------------------------------------------------------------------


def test_columns_and_layouts_travel_as_bytes(trained: tuple[Store, int, int]) -> None:
    store, project_id, me = trained
    http = TestClient(Starlette(routes=routes.routes()))
    headers = {"X-Alcore-Ticket": state.tickets().issue(project_id, me)}
    for path, names in (("columns", {"ids", "class", "since"}), ("layout", {"steps", "predicted"})):
        answer = http.get(f"/board/{project_id}/map/{path}", headers=headers)
        assert answer.status_code == 200
        raw = answer.content
        length = int.from_bytes(raw[:4], "little")
        about = json.loads(raw[8 : 8 + length])
        assert names <= {name for name, _, _ in about["arrays"]}
        at = 8 + -(-length // 8) * 8
        for name, code, size in about["arrays"]:
            array = np.frombuffer(raw, f"<{code}", size, at)
            at += -(-array.nbytes // 8) * 8
            if name == "ids":
                assert array.tolist() == ids_of(store, project_id)
        assert at == len(raw)
    body = {"bits": base64.b64encode(bits([1, 2], 120)).decode()}
    chosen = http.post(f"/board/{project_id}/map/selection", headers=headers, json=body).json()
    assert chosen["size"] == 2
    table = http.get(f"/{chosen['file']}")
    assert table.status_code == 200 and len(table.text.splitlines()) == 3
    for wrong in ({"bits": "%%%"}, {"bits": 5}, {}):
        path = f"/board/{project_id}/map/selection"
        assert http.post(path, headers=headers, json=wrong).status_code == 422
    for wrong in ({"items": "1"}, {"items": [0]}, {"items": [True]}, {"items": [2**60]}, {}):
        path = f"/board/{project_id}/map/pictures"
        assert http.post(path, headers=headers, json=wrong).status_code == 422


def test_a_database_of_before_the_map_gets_selections(
    bare_workspace: Workspace,
) -> None:
    old_database(bare_workspace, "0017")
    store = Store.open(bare_workspace)
    project_id = project(store, 6)
    me = people.annotator(store, "me").id
    assert mapping.select(store, project_id, me, bits([0, 5], 6))[1] == 2
    store.close()


def test_an_estimator_leaves_no_embeddings_and_the_map_falls_back(store: Store) -> None:
    settings = replace(ProjectSettings(), retrain=RetrainRule(automatic=False), baseline=False)
    settings = replace(settings, learner=replace(settings.learner, kind="logistic regression"))
    project_id = projects.create(
        store, "plain", {"kind": "shapes", "size": 40}, "none", settings, ["circle", "square"]
    )
    projects.import_now(store, project_id, 1)
    tab = Tab(store, project_id, "me")
    for n in range(10):
        tab.answer(tab.next(), n % 2)
    training.train_now(store, project_id, 1)
    with store.read() as connection:
        assert rounds.latest(connection, project_id) is not None
    shown = mapping.layout(store, project_id, tab.annotator.id, "", "pca")
    assert shown.about["basis"] == "pixels" and "predicted" not in shown.arrays
    assert mapping.status(store, project_id, tab.annotator.id).models[0][1] > 0
    assert features.status(store, project_id).features is None


@pytest.mark.slow
def test_umap_keeps_neighbours_and_goes_on_where_it_was(store: Store) -> None:
    """With the extra; the job runs as the worker runs it."""
    pytest.importorskip("umap")
    project_id = shapes(store, 150)
    me = people.annotator(store, "me").id
    folder = store.workspace.project(project_id)
    mapping.map_now(store, project_id, 1)
    first = maps.newest(folder, "umap")
    assert first is not None and first.basis == "pixels" and len(first.steps) == 150
    mapping.map_now(store, project_id, 1)
    second = maps.newest(folder, "umap")
    assert second is not None
    moved = float(np.sqrt(((first.points - second.points) ** 2).sum(axis=1).mean()))
    print(f"UMAP again moves points by {moved:.2f} of their spread")
    assert moved < 0.6
    assert mapping.layout(store, project_id, me, "", "umap").about["method"] == "umap"
