"""What the network sees: layers, units, images made for them, changes, and who may know what."""

from __future__ import annotations

import base64
import io
import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from made import BY_HAND, Tab
from made import project as small_project
from PIL import Image

from alcore.config import LearnerRule, TeamRule, Workspace
from alcore.errors import AlcoreError, ExplanationImpossible, InvalidSettings, UnknownItem
from alcore.explanations.answers import Desk
from alcore.learner import networks, units, visualisation
from alcore.learner.architecture import Architecture
from alcore.learner.units import CLASSES, Responses, Sight
from alcore.learner.visualisation import Colours
from alcore.services import features, network, people, pretraining, projects, training
from alcore.services.network import Looking, View
from alcore.store import Store, items, map_points

CLASS_COUNT = 3


@dataclass
class Here:
    """Stands where the process stands that has torch, and answers in this one."""

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
    """A project of shapes of which some are labeled."""

    store: Store
    project_id: int
    tab: Tab
    true: dict[int, int]
    here: Here

    def label(self, n: int) -> None:
        for _ in range(n):
            lease = self.tab.next()
            self.tab.answer(lease, self.tab.classes.index(self.true[lease.item_id]))

    def looking(self, name: str = "Ana") -> Looking:
        who = people.annotator(self.store, name).id
        return Looking(self.store, self.here, self.project_id, who)  # type: ignore[arg-type]


def make(store: Store, rule: LearnerRule, size: int = 40, resolution: int = 16) -> Taught:
    settings = replace(BY_HAND, resolution=resolution, learner=rule)
    spec = {"kind": "shapes", "size": size, "classes": CLASS_COUNT}
    made = projects.create(store, uuid.uuid4().hex, spec, "answer key", settings)
    projects.import_now(store, made, 1)
    with store.read() as connection:
        true = {row.id: row.true_class for row in items.get_all(connection, made)}
    return Taught(store, made, Tab(store, made), true, Here(Desk(store, 1)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store.open(Workspace(tmp_path_factory.mktemp("looked into")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALCORE_PRECISION", "float32")
        yield opened
    opened.close()


@pytest.fixture(scope="module")
def taught(store: Store) -> Taught:
    """A network with two models, the second of twice the labels."""
    project = make(store, LearnerRule(kind="network"))
    for _ in range(2):
        project.label(9)
        training.train_now(store, project.project_id, 1)
    return project


@pytest.fixture(scope="module")
def mixed(store: Store) -> Taught:
    """A mixture with EfficientNet-Lite0, and a model."""
    project = make(store, LearnerRule(kind="auto"), size=24)
    features.compute_now(store, project.project_id, 1)
    project.label(9)
    training.train_now(store, project.project_id, 1)
    return project


def opened(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def sight(name: str, channels: int, side: int) -> Sight:
    torch.manual_seed(0)
    built = networks.build(Architecture(name, channels, side, 4))
    return Sight.of(built, lambda images: images[:, :channels], side, lambda logits: logits, 4)


# -- layers and units ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "channels", "side"),
    [("small CNN", 1, 8), ("small CNN", 3, 32), ("study A", 3, 16), ("mobilenet_v3_small", 3, 32)],
)
def test_layers_of_every_network_go_from_those_that_see_little_to_the_classes(
    name: str, channels: int, side: int
) -> None:
    layers = sight(name, channels, side).layers
    assert 3 <= len(layers) <= units.MOST_LAYERS + 1
    assert layers[-1].key == CLASSES and (layers[-1].units, layers[-1].sees) == (4, 1.0)
    sees = [layer.sees for layer in layers]
    assert 0 < sees[0] < 0.6 and sees[0] == min(sees) and max(sees) <= 1
    assert len({layer.key for layer in layers}) == len(layers)


def test_a_network_without_convolutions_says_that_it_cannot_be_shown() -> None:
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 4))
    with pytest.raises(ExplanationImpossible, match="no layer of this network gives maps"):
        Sight.of(flat, lambda images: images, 8)


def test_a_place_of_the_first_layer_sees_as_much_as_its_kernel() -> None:
    convolution = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, padding=2))
    torch.manual_seed(0)
    (layer,) = Sight.of(convolution, lambda images: images, 20).layers
    assert (layer.units, layer.side) == (8, 20) and abs(layer.sees - 5 / 20) < 1 / 20


def test_a_unit_names_the_image_and_the_place_that_excite_it_most() -> None:
    """A unit that is the brightness of a pixel answers most where the brightest pixel is."""
    bright = torch.nn.Conv2d(3, 2, 1, bias=False)
    with torch.no_grad():
        bright.weight[0], bright.weight[1] = 1.0, -1.0
    looked = Sight.of(torch.nn.Sequential(bright), lambda images: images, 8)
    pixels = np.full((3, 8, 8, 3), 100, np.uint8)
    pixels[1, 2, 5] = 250
    pixels[2, 6, 1] = 3
    seen = units.respond(looked, lambda rows: pixels[rows], 3)["0"]
    assert seen.strongest(0, 1).tolist() == [1] and seen.places[1, 0] == 2 * 8 + 5
    assert seen.strongest(1, 1).tolist() == [2] and seen.places[2, 1] == 6 * 8 + 1


def test_units_that_tell_most_are_unlike_each_other_and_none_is_silent() -> None:
    random = np.random.default_rng(0)
    rare, other = np.zeros(60, np.float32), random.random(60).astype(np.float32)
    rare[:3] = 5
    values = np.stack([np.ones(60, np.float32), other, rare, rare * 2], axis=1)
    seen = Responses(values, np.zeros((60, 4), np.int32))
    assert sorted(seen.telling(2)) in ([1, 2], [1, 3])
    assert sorted(seen.telling(9)) == [1, 2, 3]
    likeness = units.alike(seen, seen)
    assert likeness[2, 3] == pytest.approx(1, abs=1e-4) and likeness[0].tolist() == [0, 0, 0, 0]


# -- images that are made --------------------------------------------------------------------------


def test_an_image_that_was_made_excites_its_unit_more_than_every_image_of_the_project(
    taught: Taught,
) -> None:
    desk = taught.here.desk
    view = View(2).question | {"project": taught.project_id}
    listed = desk.answer({"what": "network: layers", **view})["layers"]
    for layer in (listed[1], listed[-2]):
        told = desk.answer(
            {"what": "network: units", "layer": layer["key"], "units": None, "count": 3, **view}
        )
        chosen = [one["unit"] for one in told["units"]]
        made = desk.answer(
            {"what": "network: pictures", "layer": layer["key"], "units": chosen, **view}
        )
        pixels = np.stack([opened(text) for text in made["pictures"]])
        looked = desk._gallery._open.popitem()[1].sight  # type: ignore[union-attr]
        with torch.no_grad():
            own = looked.maps(units.as_images(pixels), layer["key"])
        for row, one in enumerate(told["units"]):
            best = float(own[row, one["unit"]].max())
            assert best > one["top"][0]["value"]


def test_the_same_question_makes_the_same_image_and_grey_images_give_grey_ones() -> None:
    looked = sight("small CNN", 1, 8)
    grey = np.repeat(np.random.default_rng(0).integers(0, 255, (20, 8, 8, 1), np.uint8), 3, axis=3)
    colours = Colours.of(grey)
    pair = []
    for _ in range(2):
        pair.append(visualisation.excite(looked, "stages.1.0", [0, 5], colours, 8, steps=8))
    assert np.array_equal(*pair) and pair[0].shape == (2, 8, 8, 3)
    assert np.ptp(pair[0].astype(int), axis=3).max() <= 1 and pair[0].std() > 5
    plain = Colours.of(np.full((1, 8, 8, 3), 77, np.uint8))
    assert visualisation.excite(looked, "stem", [0], plain, 8, steps=4).std() > 0


# -- what a page asks ------------------------------------------------------------------------------


def test_every_network_of_a_mixture_is_shown_with_units_filters_and_maps(mixed: Taught) -> None:
    looking = mixed.looking()
    offer = network.offered(looking)
    assert offer["models"][0]["parts"] == ["network", "features"] and offer["none"] == ""
    assert "tf_efficientnet_lite0" in offer["extractor"]
    for view in (View(1, "network"), View(1, "features"), View(None, "features")):
        told = network.layers(looking, view)
        keys = [one["key"] for one in told["layers"]]
        assert (keys[-1] == CLASSES) == (view.model is not None) and told["of"] == 24
        early = network.layer_units(looking, view, keys[0], None, 2)
        assert len(early["units"]) == 2 and len(early["units"][0]["images"]) == network.SHOWN
        for image in early["units"][0]["images"]:
            assert 0 < image["x"] < 1 and 0 < image["y"] < 1 and image["name"]
        drawn = network.filters(looking, view)
        shape = opened(drawn["filters"][0]).shape[:2]
        assert shape == (drawn["height"], drawn["width"]) and len(drawn["filters"]) == drawn["of"]
        maps = network.maps(looking, view, None)
        assert [one["key"] for one in maps["layers"]] == [k for k in keys if k != CLASSES]
        assert all(len(one["maps"]) == 8 for one in maps["layers"])
    made = network.pictures(looking, View(1, "features"), keys[0], [3, 4])
    assert len(made["pictures"]) == 2
    asked = len(mixed.here.questions)
    # What was made for the extractor serves the next model, and the time before the first.
    assert network.pictures(looking, View(None, "features"), keys[0], [3, 4])["pictures"]
    assert len(mixed.here.questions) == asked


def test_what_training_changes_has_a_number_and_what_was_left_alone_is_the_same(
    taught: Taught, mixed: Taught
) -> None:
    looking = taught.looking()
    told = network.compare(looking, View(2), View(2, state="random"))["layers"]
    by_key = {one["key"]: one for one in told}
    assert CLASSES not in by_key
    assert by_key["stem"]["moved"] < 0.01  # the whitening stem is no matter of training
    assert all(one["moved"] > 0.05 for key, one in by_key.items() if key != "stem")
    assert min(by_key["stem"]["same"]) > 0.99
    assert np.mean(by_key["stages.2.1"]["same"]) < np.mean(by_key["stem"]["same"])
    earlier = network.compare(looking, View(2), View(1))["layers"][-1]
    assert all(r >= same for r, same in zip(earlier["r"], earlier["same"], strict=True))
    pair = (View(1, "features"), View(1, "features", "random"))
    extractor = network.compare(mixed.looking(), *pair)
    assert all(one["moved"] > 0.3 for one in extractor["layers"])
    with pytest.raises(InvalidSettings, match="beside itself"):
        network.compare(looking, View(2), View(2))


def test_transfer_learning_shows_what_stays_of_the_pretrained_start(store: Store) -> None:
    project = make(store, LearnerRule(kind="network", weights="pool", transfer="freeze"), size=24)
    pretraining.pretrain_now(store, project.project_id, 1)
    project.label(9)
    training.train_now(store, project.project_id, 1)
    looking = project.looking()
    assert network.offered(looking)["models"][0]["start"] == "pretraining 1"
    layers = network.compare(looking, View(1), View(1, state="start"))["layers"]
    frozen = [one for one in layers if not one["key"].startswith("stages.2")]
    tuned = [one for one in layers if one["key"].startswith("stages.2")]
    assert all(one["moved"] < 1e-4 and min(one["same"]) > 0.999 for one in frozen)
    assert all(one["moved"] > 1e-3 for one in tuned)


# -- bad input -------------------------------------------------------------------------------------


def test_a_project_without_a_model_says_what_comes(store: Store) -> None:
    bare = make(store, LearnerRule(kind="network"), size=6)
    assert "One comes after the first labels" in network.offered(bare.looking())["none"]
    with pytest.raises(UnknownItem):
        network.layers(bare.looking(), View(1))
    with pytest.raises(ExplanationImpossible, match="there is no model yet"):
        network.layers(bare.looking(), View(None))
    with pytest.raises(ExplanationImpossible, match="no features"):
        network.layers(bare.looking(), View(None, "features"))


def test_an_estimator_is_no_network_and_the_page_says_so(store: Store) -> None:
    project = make(store, LearnerRule(kind="naive bayes"), size=12)
    project.label(6)
    training.train_now(store, project.project_id, 1)
    assert "naive bayes, an estimator of scikit-learn" in network.offered(project.looking())["none"]
    with pytest.raises(ExplanationImpossible, match="is no network and has no units"):
        network.layers(project.looking(), View(1))


def test_a_model_whose_file_is_gone_is_named_and_others_are_still_shown(store: Store) -> None:
    project = make(store, LearnerRule(kind="network"), size=24)
    for _ in range(2):
        project.label(6)
        training.train_now(store, project.project_id, 1)
    folder = store.workspace.project(project.project_id)
    (folder / "rounds/0001.safetensors").unlink()
    shutil.rmtree(store.workspace.explanations, ignore_errors=True)
    with pytest.raises(ExplanationImpossible, match=r"model 1 is gone \(rounds/0001.safetensors\)"):
        network.layers(project.looking(), View(1))
    assert network.layers(project.looking(), View(2))["layers"]
    with pytest.raises(ExplanationImpossible, match="model 1 is gone"):
        network.compare(project.looking(), View(2), View(1))


def test_a_project_of_few_grey_images_is_shown_and_says_what_cannot_be_compared() -> None:
    looked = sight("small CNN", 1, 8)
    one = np.random.default_rng(0).integers(0, 255, (1, 8, 8, 3), np.uint8)
    seen = units.respond(looked, lambda rows: one[rows], 1)
    for layer in looked.layers:
        assert seen[layer.key].strongest(0, 9).tolist() == [0]
        assert seen[layer.key].telling(4) == []  # nobody can say what a unit prefers


def test_questions_that_name_nothing_are_refused_in_words(taught: Taught) -> None:
    looking = taught.looking()
    with pytest.raises(ExplanationImpossible, match=r"has no layer 'stages\.9'; it has stem"):
        network.layer_units(looking, View(2), "stages.9", None)
    with pytest.raises(ExplanationImpossible, match="from 0 to 63"):
        network.pictures(looking, View(2), "stages.1.0", [64])
    with pytest.raises(InvalidSettings, match="1 to 24 units"):
        network.pictures(looking, View(2), "stem", list(range(25)))
    with pytest.raises(ExplanationImpossible, match="did not begin with pretrained weights"):
        network.layers(looking, View(2, state="start"))
    for bad in (("x", "network", "trained"), ("1", "head", "trained"), ("1", "network", "old")):
        with pytest.raises(InvalidSettings):
            network.view_of(*bad)


# -- who may know what -----------------------------------------------------------------------------


def test_what_a_model_says_of_an_image_stays_hidden_from_who_may_still_be_asked(
    store: Store,
) -> None:
    project = make(store, LearnerRule(kind="network"), size=18)
    now = projects.get(store, project.project_id)
    projects.edit(store, now, replace(now.settings, team=TeamRule(overlap_share=1.0)))
    project.label(6)
    training.train_now(store, project.project_id, 1)
    owner, other = project.looking("Ana"), project.looking("Ben")
    people.set_role(store, project.project_id, None, owner.annotator_id, "owner")
    people.set_role(store, project.project_id, None, other.annotator_id, "annotator")
    ben = Tab(store, project.project_id, "Ben")
    ben.answer(ben.next())
    with store.read() as connection:
        hidden = set(map_points.hidden(connection, project.project_id, other.annotator_id).tolist())
    assert hidden and hidden < set(project.true)
    shown = network.layer_units(owner, View(1), CLASSES, None)["units"]
    less = network.layer_units(other, View(1), CLASSES, None)["units"]
    assert {i["item"] for unit in shown for i in unit["images"]} & hidden
    assert {i["item"] for unit in less for i in unit["images"]} == set(project.true) - hidden
    for unit in network.layer_units(other, View(1), "stages.1.0", None)["units"]:
        for image in unit["images"]:
            assert (image["answer"] is None) == (image["item"] in hidden)


def test_a_project_without_images_says_so(store: Store) -> None:
    empty = small_project(store, 0)
    who = people.annotator(store, "Ana").id
    looking = Looking(store, Here(Desk(store, 1)), empty, who)  # type: ignore[arg-type]
    assert "no images yet" in network.offered(looking)["none"]
    with pytest.raises(ExplanationImpossible, match="no images yet"):
        network.maps(looking, View(None), None)
