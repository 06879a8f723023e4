"""Why a model answers as it does: maps by every method for every learner, labels, rights."""

from __future__ import annotations

import json
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made import BY_HAND, Tab, label_rows, old_database
from made import project as small_project
from PIL import Image
from scipy.stats import spearmanr

from alcore import heat_maps
from alcore.config import LearnerRule, TeamRule, Workspace
from alcore.errors import AlcoreError, ExplanationImpossible, InvalidSettings, NotAllowed
from alcore.explanations.answers import Desk
from alcore.explanations.models import Subject
from alcore.learner import attribution, feature_heads
from alcore.learner.attribution import Explainable, Target
from alcore.learner.onnx_export import NetworkGraph
from alcore.loop import features as feature_files
from alcore.loop.round_files import lesson_of, round_arrays
from alcore.rounds.stored_models import ModelOfFile
from alcore.services import classes, features, labeling, people, projects, training, why
from alcore.services.pool_predictions import PredictionCache
from alcore.services.why import Asking
from alcore.store import Store, gold, items, rounds

METHODS = tuple(heat_maps.METHODS)
KINDS = ("network", "auto", "features", "naive bayes")
CLASSES = 3


@dataclass
class Here:
    """Stands where the explaining process does, and answers in this one."""

    desk: Desk
    questions: list[dict] = field(default_factory=list)

    def ask(self, question: dict) -> dict:
        self.questions.append(dict(question))
        try:
            told: dict = json.loads(json.dumps(self.desk.answer(question)))
        except AlcoreError as error:
            return {"error": str(error)}
        return told


@dataclass
class Taught:
    """A project of shapes of which some are labeled, and what explains its newest model."""

    store: Store
    project_id: int
    tab: Tab
    true: dict[int, int]

    @property
    def here(self) -> Here:
        return Here(Desk(self.store, 1))

    @property
    def classes(self) -> list[int]:
        return self.tab.classes

    def free(self) -> int:
        """Name an image of the pool without a label."""
        with self.store.read() as connection:
            return int(items.unlabeled(connection, self.project_id)[0])

    def held(self) -> int:
        with self.store.read() as connection:
            return int(items.holdout(connection, self.project_id)[0][0])

    def label(self, n: int) -> None:
        for _ in range(n):
            lease = self.tab.next()
            self.tab.answer(lease, self.classes.index(self.true[lease.item_id]))

    def question(self, what: str, **more: object) -> dict:
        return {"what": what, "project": self.project_id, "item": self.free()} | more

    def asking(self, item_id: int | None = None, name: str = "Ana") -> Asking:
        who = people.annotator(self.store, name).id
        return Asking(self.store, self.project_id, who, item_id or self.free())


def teach(store: Store, kind: str, labels: int = 18, size: int = 36) -> Taught:
    settings = replace(BY_HAND, resolution=16, learner=LearnerRule(kind=kind))
    spec = {"kind": "shapes", "size": size, "classes": CLASSES}
    name = f"{kind} {uuid.uuid4().hex}"
    project_id = projects.create(store, name, spec, "answer key", settings)
    projects.import_now(store, project_id, 1)
    if settings.learner.uses_extractor:
        features.compute_now(store, project_id, 1)
    with store.read() as connection:
        true = {row.id: row.true_class for row in items.get_all(connection, project_id)}
    taught = Taught(store, project_id, Tab(store, project_id), true)
    taught.label(labels)
    training.train_now(store, project_id, 1)
    return taught


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store.open(Workspace(tmp_path_factory.mktemp("explained")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALCORE_PRECISION", "float32")  # files are asked in it
        yield opened
    opened.close()


@pytest.fixture(scope="module")
def taught(store: Store) -> dict[str, Taught]:
    return {kind: teach(store, kind) for kind in KINDS}


# -- methods, on models whose reasons are known ---------------------------------------------------


def corner(side: int = 16) -> Explainable:
    """A model whose class 0 is the brightness of the top left quarter, class 1 of the opposite."""
    ends = torch.zeros(1, 2, side, side)
    ends[0, 0, : side // 2, : side // 2] = ends[0, 1, side // 2 :, side // 2 :] = 1
    places = torch.nn.Identity()

    def scores(images: torch.Tensor) -> torch.Tensor:
        means: torch.Tensor = places(images.mean(dim=1, keepdim=True) / 255 * ends)
        return means.mean(dim=(2, 3))

    return Explainable(scores, side, (places,))


@pytest.mark.parametrize("method", METHODS)
def test_a_map_lies_where_the_reason_is(method: str) -> None:
    image = np.full((16, 16, 3), 40, np.uint8)
    image[:8, :8] = image[8:, 8:] = 220
    for wanted, name in ((0, "top left"), (1, "bottom right")):
        values = attribution.explain(corner(), image, method, Target(wanted))
        quarter = np.zeros((16, 16))
        quarter[(slice(0, 8), slice(8, 16))[wanted],] = 1
        quarter[:, (slice(8, 16), slice(0, 8))[wanted]] = 0
        reading = heat_maps.read(values)
        assert reading is not None and reading.strongest == name
        assert heat_maps.hits(values, quarter) and heat_maps.share_inside(values, quarter) > 0.6
        # What speaks for one class rather than the other is what speaks against it the other way.
        pair = [attribution.explain(corner(), image, method, Target(*t)) for t in ((0, 1), (1, 0))]
        np.testing.assert_allclose(pair[0], -pair[1], atol=1e-6)


def test_integrated_gradients_add_up_to_what_the_image_changes(taught: dict[str, Taught]) -> None:
    project = taught["network"]
    subject = Subject.read(project.store, project.project_id, project.free())
    path = subject.file_of(subject.newest)
    assert path is not None
    model = ModelOfFile.load(path).explainable
    image, target = subject.pixels(model.side), Target(0, 1)
    values = attribution.explain(model, image, "integrated gradients", target)
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    plain = torch.full_like(x, 127.5)
    with torch.no_grad():
        change = float((target.of(model.scores(x)) - target.of(model.scores(plain)))[0])
    assert abs(values.sum() - change) < 0.05 * abs(change) + 0.02


@pytest.mark.parametrize("method", METHODS)
def test_a_map_changes_with_the_weights_of_the_model(
    taught: dict[str, Taught], method: str
) -> None:
    """Adebayo et al. 2018: Spearman's rank correlation with the map of random weights, as shown
    (with its signs), mean of eight images and two draws; 1 is the same map, 0 another one."""
    project = taught["network"]
    with project.store.read() as connection:
        some = items.unlabeled(connection, project.project_id)[:8].tolist()
    subject = Subject.read(project.store, project.project_id, some[0])
    path = subject.file_of(subject.newest)
    assert path is not None
    models, same = [], ModelOfFile.load(path)
    assert isinstance(same.graph, NetworkGraph)
    for seed in (None, 0, 1):
        one = ModelOfFile.load(path)
        assert isinstance(one.graph, NetworkGraph)
        if seed is not None:
            one.graph.network = attribution.randomised(one.graph.network, seed)
        models.append(one.explainable)
    alike, repeated = [], []
    for item_id in some:
        image = Subject.read(project.store, project.project_id, item_id).pixels(16)
        maps = [
            attribution.explain(one, image, method, Target(0)).ravel()
            for one in (*models, same.explainable)
        ]
        alike += [spearmanr(maps[0], other).statistic for other in maps[1:3]]
        repeated.append(np.array_equal(maps[0], maps[3]))
    assert all(repeated)  # the same weights give the same map, to the last bit
    assert abs(np.mean(alike)) < 0.4


# -- every learner --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_every_learner_is_explained_or_says_what_would_work(
    taught: dict[str, Taught], kind: str, method: str
) -> None:
    project = taught[kind]
    told = project.here.ask(project.question("heat map", method=method, about="difference"))
    if kind == "naive bayes" and method != "occlusion":
        assert "naive bayes" in told["error"] and "choose occlusion" in told["error"]
        return
    values = heat_maps.unpack(told["map"])
    # Naive Bayes may be so sure that no covered part changes anything.
    strongest = int(np.abs(values).max())
    assert strongest == 127 or (kind == "naive bayes" and strongest == 0)
    assert values.shape == (told["side"],) * 2
    probabilities = told["probabilities"]
    assert abs(sum(probabilities.values()) - 1) < 1e-3 and told["model"] == 1
    best, second = sorted(probabilities, key=lambda c: -probabilities[c])[:2]
    assert (told["wanted"], told["against"]) == (int(best), int(second))
    names = {str(c.id): c.name for c in projects.get(project.store, project.project_id).classes}
    assert f"{names[best]} rather than {names[second]}" in told["words"]


def test_who_names_no_method_gets_the_one_that_suits_the_model(taught: dict[str, Taught]) -> None:
    for kind, project in taught.items():
        told = why.heat_map(project.asking(), project.here, "", "answer")
        assert told["method"] == ("occlusion" if kind == "naive bayes" else "fine Grad-CAM")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_explained_is_the_model_that_was_measured(
    taught: dict[str, Taught], kind: str
) -> None:
    project = taught[kind]
    path = round_arrays(project.store.workspace.project(project.project_id), 1)
    with np.load(path) as arrays:
        held, best, sure = (
            arrays[f"holdout_{name}"] for name in ("ids", "predicted", "confidence")
        )
    desk = Desk(project.store, 1)
    for item_id, position, p in list(zip(held.tolist(), best, sure, strict=True))[:3]:
        question = project.question("heat map", method="occlusion", about="answer")
        told = desk.answer(question | {"item": item_id})
        # A mixture's file looks at images of one size; its round had each in its own.
        said = told["probabilities"][project.classes[position]]
        assert abs(said - p) < (0.1 if kind == "auto" else 2e-3)
        past = desk.answer(project.question("history") | {"item": item_id})["models"][0]
        if kind == "naive bayes":
            assert past["none"] == "naive bayes: it was kept in no file"
        else:
            assert abs(past["probabilities"][position] - p) < 0.02  # features are kept in float16


def test_a_network_without_convolutions_is_explained_by_the_other_methods() -> None:
    import timm

    network = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=3).eval()
    assert attribution.last_places(network, torch.zeros(1, 3, 224, 224)) is None
    model = Explainable(network, 224, name="vit_tiny", is_slow=True)
    with pytest.raises(ExplanationImpossible, match="vit_tiny ends in none; choose integrated"):
        attribution.explain(model, np.zeros((224, 224, 3), np.uint8), "Grad-CAM", Target(0))
    convolutions = timm.create_model("mobilenetv3_small_050", pretrained=False, num_classes=0)
    assert attribution.last_places(convolutions.eval(), torch.zeros(1, 3, 64, 64)) is not None


def test_labels_that_carry_an_answer_are_those_without_which_it_changes(
    taught: dict[str, Taught],
) -> None:
    project = taught["features"]
    folder = project.store.workspace.project(project.project_id)
    item_id = project.free()
    told = project.here.ask(project.question("influence"))
    lesson = lesson_of(folder, 1) or pytest.fail("no list of labels")
    ids, labels = lesson.item_ids, lesson.labels
    subject = Subject.read(project.store, project.project_id, item_id)
    stored = ModelOfFile.load(subject.folder / "rounds/0001.safetensors").stored
    table = feature_files.current(folder, len(subject.item_ids))
    assert table is not None and told["tried"] == told["of"] == 18
    rows = np.searchsorted(subject.item_ids, ids)
    free = np.searchsorted(subject.item_ids, feature_heads.some(lesson.unlabeled_ids))
    assert len(free) and not np.isin(lesson.unlabeled_ids, ids).any()

    def answer(kept: np.ndarray) -> float:
        points = table.points[rows[kept]]
        head = feature_heads.fit(points, labels[kept], CLASSES, table.points[free])
        logits = (table.points[subject.item.position] @ head[:-1] + head[-1]) / stored.temperature
        shares = np.exp(logits - logits.max())
        return float(shares[project.classes.index(told["answer"])] / shares.sum())

    changes = [answer(ids > 0) - answer(ids != other) for other in ids]
    largest = np.argsort(-np.abs(changes))[:5]
    assert [one["item"] for one in told["labels"]] == ids[largest].tolist()
    np.testing.assert_allclose(
        [one["change"] for one in told["labels"]], np.array(changes)[largest], atol=1e-4
    )


def test_of_a_network_nobody_says_what_it_would_be_without_a_label(
    taught: dict[str, Taught],
) -> None:
    project = taught["network"]
    with pytest.raises(ExplanationImpossible, match="only another training could tell"):
        why.carriers(project.asking(), project.here)
    assert len(why.carriers(taught["naive bayes"].asking(), taught["naive bayes"].here).rows) == 5


# -- what a page asks -----------------------------------------------------------------------------


def test_the_nearest_labels_are_of_labeled_images_of_the_pool(taught: dict[str, Taught]) -> None:
    project = taught["auto"]
    cache = PredictionCache(project.store)
    nearest = why.neighbours(project.asking(), cache)
    likeness = [one.value for one in nearest.rows]
    assert (nearest.model, len(nearest.rows), nearest.why_none) == (1, why.NEIGHBOURS, "")
    assert likeness == sorted(likeness, reverse=True) and all(-1 <= c <= 1 for c in likeness)
    assert all(one.row.class_id == project.true[one.row.item_id] for one in nearest.rows)
    assert {one.row.annotator for one in nearest.rows} == {"Ana"}
    labeled = nearest.rows[0].row.item_id
    again = why.neighbours(project.asking(labeled), cache)
    assert labeled not in [one.row.item_id for one in again.rows]
    trees = taught["naive bayes"]
    none = why.neighbours(trees.asking(), PredictionCache(trees.store))
    assert none.rows == () and "leaves no embeddings" in none.why_none


def test_an_answer_is_kept_until_the_next_model(store: Store) -> None:
    project = teach(store, "naive bayes", labels=6, size=12)
    here = project.here
    first = why.heat_map(project.asking(), here, "occlusion", "answer")
    assert why.heat_map(project.asking(), here, "occlusion", "answer") == first
    assert len(here.questions) == 1
    why.heat_map(project.asking(), here, "occlusion", str(project.classes[1]))
    assert len(here.questions) == 2
    training.train_now(store, project.project_id, 1)
    assert why.heat_map(project.asking(), here, "occlusion", "answer")["model"] == 2
    assert len(here.questions) == 3


@dataclass
class Said:
    """Stands where the explaining process does, with a past that is made up."""

    best: list[int | None]
    """The answer of each model, by position; None for one that is gone."""

    def ask(self, question: dict) -> dict:
        models = []
        for number, best in enumerate(self.best, 1):
            probabilities = [0.8 if place == best else 0.1 for place in range(CLASSES)]
            told = {"none": "gone"} if best is None else {"probabilities": probabilities}
            models.append({"model": number, "labels": 10 * number} | told)
        return {"of": len(models), "models": models}


def test_the_past_says_which_model_was_right_first_and_since_when_all_are(
    taught: dict[str, Taught],
) -> None:
    project = taught["naive bayes"]
    held = project.held()
    right = project.classes.index(project.true[held])
    wrong = (right + 1) % CLASSES
    for best, first, since in (
        ([wrong, right, right], 2, 2),
        ([right, None, wrong, right], 1, 4),
        ([wrong, right, wrong], 2, None),
        ([wrong, None], None, None),
    ):
        forget(project.store)
        past = why.history(project.asking(held), Said(best))
        assert (past["label"], past["first"], past["since"]) == (project.true[held], first, since)
        assert [one.get("right") for one in past["models"]] == [
            None if one is None else one == right for one in best
        ]
    forget(project.store)
    past = why.history(project.asking(), Said([right]))
    assert past["label"] is None and "right" not in past["models"][0]
    forget(project.store)


def forget(store: Store) -> None:
    """Delete what is kept of explanations, as anybody may at any time."""
    shutil.rmtree(store.workspace.explanations, ignore_errors=True)


@pytest.mark.parametrize(
    ("method", "about", "message"),
    [
        ("guessing", "answer", "no method called 'guessing'; choose from fine Grad-CAM"),
        ("Grad-CAM", "everything", "the answer, the difference or a class's id"),
        ("Grad-CAM", "99999", "the answer, the difference or a class's id"),
    ],
)
def test_a_question_that_cannot_be_is_refused(
    taught: dict[str, Taught], method: str, about: str, message: str
) -> None:
    here = taught["network"].here
    with pytest.raises(InvalidSettings, match=message):
        why.heat_map(taught["network"].asking(), here, method, about)
    assert not here.questions


def test_before_a_model_there_is_nothing_to_explain_and_it_says_so(store: Store) -> None:
    project_id = small_project(store, 1, name="one image")
    tab = Tab(store, project_id)
    asking = Asking(store, project_id, tab.annotator.id, tab.next().item_id)
    for ask in (
        lambda: why.heat_map(asking, Here(Desk(store, 1)), "Grad-CAM", "answer"),
        lambda: why.history(asking, Here(Desk(store, 1))),
        lambda: why.carriers(asking, Here(Desk(store, 1))),
    ):
        with pytest.raises(ExplanationImpossible, match="no model yet"):
            ask()
    assert "no model yet" in why.neighbours(asking, PredictionCache(store)).why_none


def test_a_class_that_the_model_never_saw_is_not_explained(store: Store) -> None:
    project = teach(store, "naive bayes", labels=6, size=10)
    added = str(classes.add(store, project.project_id, ["octagon"], None).classes[-1].id)
    for number in (1, 2):
        with pytest.raises(ExplanationImpossible, match=f"model {number} has seen no label of 'oc"):
            why.heat_map(project.asking(), project.here, "occlusion", added)
        training.train_now(store, project.project_id, 1)  # knows the class, without a label
    assert why.heat_map(project.asking(), project.here, "occlusion", "answer")["model"] == 3


def test_answers_are_of_the_classes_of_today_or_wait_for_the_next_model(store: Store) -> None:
    project = teach(store, "naive bayes", labels=9, size=15)
    first, *others = project.classes
    asking = project.asking()
    before = why.heat_map(asking, project.here, "occlusion", "answer")
    classes.order(store, project.project_id, [*others, first])
    for about in ("answer", str(before["wanted"])):
        after = why.heat_map(asking, project.here, "occlusion", about)
        assert after == before
    classes.rename(store, project.project_id, before["wanted"], "another name")
    assert "another name" in why.heat_map(asking, project.here, "occlusion", "answer")["words"]
    classes.merge(store, project.project_id, [others[0]], first)
    for ask in (
        lambda: why.heat_map(asking, project.here, "occlusion", "answer"),
        lambda: why.carriers(asking, project.here),
    ):
        with pytest.raises(ExplanationImpossible, match="merged or deleted since model 1; the nex"):
            ask()
    training.train_now(store, project.project_id, 1)
    now = why.heat_map(asking, project.here, "occlusion", "answer")
    assert {p["class"] for p in now["probabilities"]} == {first, others[1]}


def test_the_past_is_told_in_the_classes_of_today(store: Store) -> None:
    project = teach(store, "network", labels=12, size=20)
    first, *others = project.classes
    asking = project.asking()
    before = Desk(store, 1).answer(project.question("history"))["models"][0]["probabilities"]
    classes.merge(store, project.project_id, [others[0]], first)
    past = why.history(asking, project.here)["models"][0]
    together = before[0] + before[1]
    assert past["p"] == pytest.approx(max(together, before[2]), abs=2e-4)
    assert past["class"] == (first if together > before[2] else others[1])


def test_without_its_file_or_its_labels_a_model_cannot_be_asked(taught: dict[str, Taught]) -> None:
    for kind, gone, message in (
        ("network", "0001.safetensors", "the file of model 1 is gone"),
        ("naive bayes", "0001.npz", "was kept in no file, and what it learned from is not there"),
    ):
        project = taught[kind]
        path = project.store.workspace.project(project.project_id) / "rounds" / gone
        path.rename(path.with_suffix(".away"))
        told = project.here.ask(project.question("heat map", method="occlusion", about="answer"))
        past = project.here.ask(project.question("history"))["models"][0]
        path.with_suffix(".away").rename(path)
        assert message in told["error"] and "next model" in told["error"]
        assert past["none"] in (
            "small CNN: its file is gone",
            "naive bayes: it was kept in no file",
        )


def test_a_deleted_original_is_explained_by_its_small_copy(store: Store, tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    for n in range(10):
        folder = tmp_path / ("dark", "light")[n % 2]
        folder.mkdir(exist_ok=True)
        pixels = drawn.integers(0, 100, (40, 40, 3)) + 150 * (n % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{n}.png")
    settings = replace(BY_HAND, resolution=16, learner=LearnerRule(kind="features"))
    spec = {"kind": "folder", "path": str(tmp_path), "copy": False}
    project_id = projects.create(store, "in place", spec, "answer key", settings)
    projects.import_now(store, project_id, 1)
    features.compute_now(store, project_id, 1)
    with store.read() as connection:
        true = {row.id: row.true_class for row in items.get_all(connection, project_id)}
    project = Taught(store, project_id, Tab(store, project_id), true)
    project.label(6)
    training.train_now(store, project_id, 1)
    before = project.here.ask(project.question("heat map", method="occlusion", about="answer"))
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    after = project.here.ask(project.question("heat map", method="occlusion", about="answer"))
    assert before["side"] == after["side"] and "error" not in after


# -- rights ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crew(store: Store) -> Taught:
    """A project that Olga owns, where Ana has labeled."""
    project = teach(store, "network", labels=9, size=30)
    owner = people.annotator(store, "Olga").id
    people.set_role(store, project.project_id, None, owner, "owner")
    return project


def test_whoever_may_not_see_the_models_answer_learns_nothing_of_it(
    store: Store, crew: Taught
) -> None:
    project = crew
    here, cache = project.here, PredictionCache(store)

    def everything(asking: Asking) -> None:
        why.heat_map(asking, here, "Grad-CAM", "answer")
        why.history(asking, here)
        why.neighbours(asking, cache)

    stranger = project.asking(name="Ben")
    for ask in (
        lambda: why.heat_map(stranger, here, "Grad-CAM", "answer"),
        lambda: why.history(stranger, here),
        lambda: why.carriers(stranger, here),
        lambda: why.neighbours(stranger, cache),
        lambda: everything(project.asking(project.held(), "Ben")),
    ):
        with pytest.raises(ExplanationImpossible, match="nobody has answered this image yet"):
            ask()
    assert not here.questions  # nothing was gathered before the right was looked at
    everything(project.asking(name="Olga"))
    everything(project.asking(project.held(), "Olga"))
    lease = Tab(store, project.project_id, "Ben").next()
    everything(project.asking(lease.item_id, "Ben"))  # as its suggestion, while it is asked
    assert why.history(project.asking(lease.item_id, "Ben"), here)["label"] is None


def test_what_others_shall_answer_unbiased_is_not_given_away(store: Store, crew: Taught) -> None:
    """Every image is answered by two from now on; one of Ana's is gold besides."""
    project = crew
    with store.read() as connection:
        labeled, _ = items.labeled(connection, project.project_id)
    cache, here = PredictionCache(store), project.here
    everybody = why.neighbours(project.asking(name="Olga"), cache)
    assert len(everybody.rows) == why.NEIGHBOURS
    now = projects.get(store, project.project_id)
    projects.edit(store, now, replace(now.settings, team=TeamRule(1.0, 2)))
    known = everybody.rows[0].row.item_id
    with store.write() as connection:
        gold.add(connection, project.project_id, {known: project.true[known]}, 1.0)
    lease = Tab(store, project.project_id, "Ben").next()
    asking = project.asking(lease.item_id, "Ben")
    shown = {one.row.item_id for one in why.neighbours(asking, cache).rows}
    assert known not in shown
    for item_id in labeled.tolist():
        if item_id == lease.item_id:
            continue
        try:
            why.history(project.asking(item_id, "Ben"), here)
        except NotAllowed:
            assert item_id not in shown  # what I may be asked about shows its label nowhere


def test_an_answer_says_whether_an_explanation_was_shown(store: Store) -> None:
    project_id = small_project(store, 3, name=uuid.uuid4().hex)
    tab = Tab(store, project_id)
    for shown in (True, False):
        event = tab.event(tab.next(), explanation_shown=shown)
        labeling.answer(store, event, handed=True)
    assert [row["explanation shown"] for row in label_rows(store, project_id)] == [True, False]


def test_labels_of_an_older_alcore_say_that_none_was_shown(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    old_database(workspace, "0014")
    with sqlite3.connect(workspace.database) as old:
        for row in (
            "annotator (id, name, created_at) VALUES (1, 'Ana', 0)",
            "project (id, name, settings, state, source, known_classes, created_at)"
            " VALUES (1, 'old', '{}', 'ready', '{}', 'none', 0)",
            "project_class (id, project_id, name, position, created_at) VALUES (1, 1, 'cat', 0, 0)",
            "item (id, project_id, position, name, content_hash, width, height, split)"
            " VALUES (1, 1, 0, 'a.png', 'h', 8, 8, 'pool')",
            "label_event (project_id, item_id, annotator_id, kind, class_id, key, created_at,"
            " origin) VALUES (1, 1, 1, 'label', 1, 'k', 5, 'query')",
        ):
            old.execute(f"INSERT INTO {row}")
    old.close()
    opened = Store.open(workspace)
    assert [row["explanation shown"] for row in label_rows(opened, 1)] == [False]
    opened.close()


def test_rounds_leave_a_list_of_what_they_learned_from(taught: dict[str, Taught]) -> None:
    for project in taught.values():
        folder = project.store.workspace.project(project.project_id)
        with project.store.read() as connection:
            ids, _ = items.labeled(connection, project.project_id)
            assert rounds.latest(connection, project.project_id).labels == len(ids)
        lesson = lesson_of(folder, 1) or pytest.fail("no list")
        assert sorted(lesson.item_ids.tolist()) == sorted(ids.tolist())
        assert lesson.labels.max() < CLASSES
