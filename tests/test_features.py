"""Owns the proof that features are computed before any label, and how models are mixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_rounds import CLASSES, IDS, IMAGES, PIXELS, POOL, TRUE, a_case
from trained import give_labels

from alcore import linear_head, rounds
from alcore.config import (
    PACKAGED_EXTRACTOR,
    LearnerRule,
    ProjectSettings,
    Workspace,
    computes_features,
)
from alcore.datasets.pixels import PixelCache
from alcore.errors import (
    AlcoreError,
    CheckpointMismatch,
    InvalidSettings,
    NotAllowed,
    TrainingImpossible,
    WeightsUnavailable,
)
from alcore.feature_space import FeaturePoints, FeatureSpace
from alcore.learner import (
    calibration,
    checkpoints,
    device,
    extractors,
    feature_heads,
    mixtures,
    onnx_export,
)
from alcore.learner.extractors import Extractor, Resize
from alcore.loop import embeddings
from alcore.loop import features as files
from alcore.loop.round_files import head_of
from alcore.records import Features
from alcore.rounds import Lesson, TrainingInputs, temperatures
from alcore.rounds.mixture import MixtureModel
from alcore.rounds.stored_models import ModelOfFile
from alcore.services import features, folders, projects, training
from alcore.store import Store, jobs, queue
from alcore.store import rounds as stored

EQUAL = (0.5, 0.5)
ABOUT = Features("fake", "ImageNet", "Apache-2.0", 64, 8, len(IDS), 1.0, "float32", 1.0)


# -- the extractor -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return extractors.build(PACKAGED_EXTRACTOR)


def test_the_packaged_weights_fit_and_say_whose_they_are(extractor: Extractor) -> None:
    assert (extractor.source, extractor.license) == ("ImageNet", "Apache-2.0")
    assert extractor.width == 624


def test_an_extractor_is_asked_for_what_a_model_of_an_older_version_knows(
    extractor: Extractor,
) -> None:
    older = extractors.build(PACKAGED_EXTRACTOR, layers="")
    with device.computing(0, 1, "float32"):
        assert extractors.extract(older, PIXELS[:1], 64).shape == (1, 1280)
    assert older.digest != extractor.digest  # so that neither goes on with the other's file


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (32, 3)])
def test_small_and_grey_images_have_features(
    extractor: Extractor, side: int, channels: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, side, side, channels), np.uint8)
    images = np.repeat(images, 3 // channels, axis=-1)
    with device.computing(0, 1, "float32"):
        found = extractors.extract(extractor, images, 64)
        alone = extractors.extract(extractor, images[1:2], 64)
    assert found.shape == (3, 624) and found.dtype == np.float32
    np.testing.assert_allclose(found[1:2], alone, atol=1e-3)
    assert np.ptp(found, axis=0).max() > 0.1


def test_bfloat16_changes_features_by_little(extractor: Extractor) -> None:
    images = PIXELS[:4]
    found = []
    for precision in ("float32", "bfloat16"):
        with device.computing(0, 1, precision):  # type: ignore[arg-type]
            found.append(extractors.extract(extractor, images, 64))
    cosine = (found[0] * found[1]).sum(axis=1) / np.prod(
        [np.linalg.norm(f, axis=1) for f in found], axis=0
    )
    assert cosine.min() > 0.98


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    with pytest.raises(CheckpointMismatch, match=r"SHA-256 differs.*install the package"):
        extractors.packaged_weights(path)


def test_the_nearest_names_are_offered_for_one_that_there_is_not() -> None:
    with pytest.raises(
        WeightsUnavailable, match=r"no network called 'tf_efficentnet_lite0'.*lite0"
    ):
        extractors.build("tf_efficentnet_lite0")


def test_without_a_network_a_name_from_the_hub_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailable, match=r"cannot be had from timm's hub.*name the file"):
        extractors.build("test_byobnet.r160_in1k", "", tmp_path)


def test_weights_from_a_file_fit_or_it_is_said_what_does_not(tmp_path: Path) -> None:
    import timm

    network = timm.create_model("test_byobnet", pretrained=False)
    right, wrong = tmp_path / "right.pth", tmp_path / "wrong.pth"
    torch.save(network.state_dict(), right)
    torch.save({"stem.weight": torch.zeros(1)}, wrong)
    built = extractors.build("test_byobnet", str(right))
    assert built.source == "right.pth" and "author" in built.license
    with device.computing(0, 1):
        assert extractors.extract(built, PIXELS[:2], 64).shape == (2, built.width)
    with pytest.raises(CheckpointMismatch, match=r"wrong.pth, which shall be for test_byobnet"):
        extractors.build("test_byobnet", str(wrong))
    with pytest.raises(WeightsUnavailable, match="no file"):
        extractors.build("test_byobnet", str(tmp_path / "absent.pth"))


# -- points, heads and mixtures ------------------------------------------------------------------


def fake_features(quality: float = 1.0, seed: int = 0) -> FeaturePoints:
    """Features of digits that tell classes apart as well as `quality` says, with much noise."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(10, 64))
    raw = (quality * centres[TRUE] + rng.normal(size=(len(TRUE), 64))).astype(np.float16)
    space = FeatureSpace.of(raw, POOL)
    return FeaturePoints(ABOUT, space.points(raw), space)


def test_points_keep_what_is_alike_and_survive_features_that_never_move() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(50, 300)).astype(np.float16)
    raw[:, 7] = 3
    space = FeatureSpace.of(raw, np.arange(40))
    points = space.points(raw)
    assert points.shape == (50, 40) and np.isfinite(points).all()
    assert np.linalg.norm(points, axis=1).max() <= 1 + 1e-5
    np.testing.assert_allclose(space.points(raw[3:4]), points[3:4], atol=1e-6)


def test_a_head_knows_two_classes_and_one_that_has_no_labels() -> None:
    points = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)
    head = feature_heads.fit(points, np.array([0, 0, 2, 2]), 3)
    said = linear_head.probabilities(points, head)
    assert said.argmax(axis=1).tolist() == [0, 0, 2, 2]
    assert 0 < said[:, 1].max() < 0.2


def right(head: np.ndarray, points: np.ndarray, true: np.ndarray) -> float:
    """Share of points whose class a head names, the mean over classes."""
    said = linear_head.probabilities(points, head).argmax(axis=1)
    return float(np.mean([(said[true == c] == c).mean() for c in range(3)]))


def clouds(counts: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of three classes that overlap, and their classes; of each as many as is said."""
    rng = np.random.default_rng(seed)
    true = np.repeat(np.arange(3), counts)
    points = 3 * np.eye(3, 40)[true] + rng.normal(size=(len(true), 40))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), true


@pytest.mark.parametrize(
    ("counts", "gain", "loss"), [((1000, 1000, 1000), 0.08, 0.0), ((1800, 150, 50), 0.0, 0.02)]
)
def test_images_without_labels_teach_a_head_and_rare_classes_stay(
    counts: tuple[int, ...], gain: float, loss: float
) -> None:
    gains = []
    for seed in range(8):
        points, true = clouds(counts, seed)
        few = np.concatenate([np.flatnonzero(true == c)[:3] for c in range(3)])
        rest = np.setdiff1d(np.arange(len(true)), few)
        heads = [
            feature_heads.fit(points[few], true[few], 3, free) for free in (None, points[rest])
        ]
        gains.append(np.diff([right(head, points[rest], true[rest]) for head in heads])[0])
    assert np.mean(gains) > gain and min(gains) > -loss


def test_a_head_that_nothing_unlabeled_teaches_is_that_of_its_labels() -> None:
    points, true = clouds((5, 5, 5), 0)
    alone = feature_heads.fit(points, true, 3)
    assert (feature_heads.fit(points, true, 3, points[:0]) == alone).all()
    same = [feature_heads.fit(points[::2], true[::2], 3, points[1::2]) for _ in range(2)]
    assert (same[0] == same[1]).all() and not (same[0] == alone).all()


def test_a_few_last_images_without_labels_weigh_no_more_than_labels() -> None:
    for seed in range(3):
        points, true = clouds((300, 300, 300), seed)
        others, classes = clouds((300, 300, 300), 100 + seed)
        alone = linear_head.probabilities(others, feature_heads.fit(points, true, 3))
        misread = np.flatnonzero(alone.argmax(axis=1) != classes)[:8]
        head = feature_heads.fit(points, true, 3, others[misread])
        assert np.abs(linear_head.probabilities(others, head) - alone).max() < 0.25


def test_few_of_very_many_images_without_labels_teach_a_head() -> None:
    most = feature_heads.UNLABELED
    for count in (0, 1, most, most + 1, 10 * most + 7):
        some = feature_heads.some(np.arange(count))
        assert min(count, most // 2) <= len(some) <= most
        assert len(np.unique(np.diff(some))) <= 1


def candidates(good: float, bad: float, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Answers (2, n, 5) of two candidates of different skill, and the truth."""
    rng = np.random.default_rng(0)
    true = rng.integers(5, size=n)
    logits = rng.normal(size=(2, n, 5))
    logits[:, np.arange(n), true] += np.array([[good], [bad]])
    return np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True), true


def test_the_better_candidate_gets_the_larger_share_and_equal_ones_about_half() -> None:
    (better, worse), _ = calibration.mixture_of(*candidates(2.0, 0.5), EQUAL)
    assert better > 0.6 and better + worse == pytest.approx(1, abs=1e-3)
    (one, _), _ = calibration.mixture_of(*candidates(1.0, 1.0), EQUAL)
    assert one == pytest.approx(0.5, abs=0.1)
    (useful, useless), _ = calibration.mixture_of(*candidates(2.0, 0.0, 4000), EQUAL)
    assert useful > 0.9 and useless < 0.1


def test_few_labels_hardly_change_the_shares_that_are_expected() -> None:
    shares = [
        calibration.mixture_of(*candidates(1.0, 1.0, n), (0.75, 0.25))[0][0] for n in (3, 4000)
    ]
    assert shares == pytest.approx([0.75, 0.5], abs=0.1)
    assert calibration.mixture_of(*candidates(0.5, 2.0, 400), (0.75, 0.25))[0][0] < 0.4


def test_a_mixture_says_no_less_than_its_best_candidate() -> None:
    answers, true = candidates(1.5, 1.0)
    shares, temperature = calibration.mixture_of(answers[:, :200], true[:200], EQUAL)
    mixed = calibration.temper(calibration.mix(answers, shares), temperature)[200:]
    rows = np.arange(200)
    losses = [-np.log(said[rows, true[200:]]).mean() for said in (*answers[:, 200:], mixed)]
    assert losses[2] < min(losses[:2])


def mixed_case(quality: float = 1.0, count: int = 60, **changes: object) -> object:
    """A round of the learner "auto" on digits with made-up features."""
    given = a_case(count, **changes)  # type: ignore[arg-type]
    learner = rounds.learner_of(
        LearnerRule(), "shift", IMAGES, CLASSES, TrainingInputs(features=fake_features(quality))
    )
    return replace(given, learner=learner)


@pytest.fixture(scope="module")
def mixed() -> rounds.RoundResult:
    """A round of "auto" that finds its shares."""
    return mixed_case(calibrates=True).run()  # type: ignore[attr-defined]


def test_auto_is_the_default_and_is_the_network_alone_until_there_are_features() -> None:
    assert LearnerRule().kind == ProjectSettings().learner.kind == "auto"
    alone = rounds.learner_of(LearnerRule(), "shift", IMAGES, CLASSES)
    network = rounds.learner_of(LearnerRule(kind="network"), "shift", IMAGES, CLASSES)
    assert alone == network


def test_auto_says_what_it_is_mixed_of(mixed: rounds.RoundResult) -> None:
    assert set(mixed.model.recipe.mixture) == {"ImageNet features", "the project's network"}
    assert sum(mixed.model.recipe.mixture.values()) == pytest.approx(1, abs=1e-3)
    assert mixed.model.recipe.unlabeled == "self-training"
    found = mixed.calibration
    assert found is not None and found.shares == tuple(mixed.model.recipe.mixture.values())
    assert mixed.evaluation.accuracy is not None and mixed.evaluation.accuracy > 0.8


def test_embeddings_and_head_of_a_mixture_say_what_the_mixture_says(
    mixed: rounds.RoundResult,
) -> None:
    assert mixed.embeddings is not None and mixed.model.head is not None
    said = linear_head.probabilities(mixed.embeddings, mixed.model.head)
    own = mixed.model.predict(IMAGES.item_ids, lambda share: None).probabilities
    np.testing.assert_allclose(said, own, atol=2e-3)


def test_a_mixtures_file_has_all_of_it_and_is_a_checkpoint_of_its_network(
    mixed: rounds.RoundResult, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    assert isinstance(mixed.model, MixtureModel) and mixed.model.save(path)
    read, table = mixtures.load(path), mixed.model.learner.on_features.table
    assert isinstance(read, mixtures.Stored) and read.network is not None
    assert (read.features, read.shares) == (table.features, mixed.model.shares)
    assert (read.class_names, read.temperature) == (CLASSES, mixed.model.temperature)
    np.testing.assert_array_equal(read.head, mixed.model.on_features.weights)
    np.testing.assert_array_equal(read.space.directions, table.space.directions)
    # What reads checkpoints finds the network in it, to go on from.
    network = checkpoints.load(path)
    assert network.class_names == CLASSES and network.temperature == 1


def test_useless_features_get_a_small_share_and_good_ones_a_large_one() -> None:
    shares = []
    for quality in (0.0, 3.0):
        given = mixed_case(quality, 80, calibrates=True)
        learner, lesson = given.learner, given.lesson  # type: ignore[attr-defined]
        with learner.computing(lesson, "weights"):
            shares.append(temperatures.find(learner, lesson, 1, lambda share: None).shares[0])
    assert shares[0] < 0.3 < 0.6 < shares[1]


def test_known_shares_are_used_and_not_found_again(mixed: rounds.RoundResult) -> None:
    assert mixed.calibration is not None
    known = replace(mixed.calibration, shares=(0.8, 0.2), of_labels=60)
    given = mixed_case(calibrates=True, calibrations=(known,))
    assert not temperatures.folds_to_ask(given.learner, given.lesson)  # type: ignore[attr-defined]
    result = given.run()  # type: ignore[attr-defined]
    assert tuple(result.model.recipe.mixture.values()) == (0.8, 0.2)


@pytest.mark.parametrize("strategy", ["default policy", "BALD", "label dispersion", "outlier"])
def test_strategies_rank_by_a_mixture(strategy: str) -> None:
    given = mixed_case(count=40, strategy=strategy)
    result = given.run()  # type: ignore[attr-defined]
    assert len(set(result.selection.item_ids.tolist())) == 30


def test_a_head_on_features_learns_alone_and_has_embeddings(tmp_path: Path) -> None:
    table = fake_features()
    learner = rounds.learner_of(
        LearnerRule(kind="features"), "shift", IMAGES, CLASSES, TrainingInputs(features=table)
    )
    given = replace(a_case(60, strategy="BALD", calibrates=True), learner=learner)
    result = given.run()
    assert result.evaluation.accuracy is not None and result.evaluation.accuracy > 0.5
    assert result.embeddings is not None and result.model.head is not None
    said = linear_head.probabilities(result.embeddings, result.model.head)
    own = result.model.predict(IMAGES.item_ids, lambda share: None).probabilities
    np.testing.assert_allclose(said, own, atol=1e-4)
    path = tmp_path / "head.safetensors"
    assert result.model.save(path)
    read = mixtures.load(path)
    assert isinstance(read, mixtures.Stored) and read.network is None
    assert read.temperature == result.model.temperature
    with pytest.raises(CheckpointMismatch):
        checkpoints.load(path)


@pytest.mark.parametrize("kind", ["auto", "features"])
def test_labels_of_one_class_are_refused(kind: str) -> None:
    learner = rounds.learner_of(
        LearnerRule(kind=kind), "shift", IMAGES, CLASSES, TrainingInputs(features=fake_features())
    )
    lesson = Lesson(IMAGES, IDS[:4], np.zeros(4, np.int64), CLASSES, 0, 1, 1)
    with pytest.raises(TrainingImpossible, match="all 4 labels say '0'"):
        learner.fit(lesson, 0, lambda share: None)


def test_a_strategy_that_looks_into_a_network_is_refused_for_a_head_on_features(
    workspace: Workspace,
) -> None:
    store = Store.open(workspace)
    settings = ProjectSettings(strategy="learning loss", learner=LearnerRule(kind="features"))
    with pytest.raises(InvalidSettings, match="predicted_loss"):
        projects.create(store, "a", {"kind": "digits"}, settings=settings)
    store.close()


# -- the job -----------------------------------------------------------------------------------

IMAGES_MADE = 24


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, int]]:
    """A project of a few generated shapes with features, and a label or two."""
    store = Store.open(Workspace(tmp_path_factory.mktemp("workspace")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALCORE_FEATURES", "yes")
        project_id = a_project(store, "shapes")
        patch.setenv("ALCORE_PRECISION", "float32")  # what is read from files is asked in
        features.compute_now(store, project_id, 1)
    yield store, project_id
    store.close()


def a_project(store: Store, name: str, learner: LearnerRule = LearnerRule()) -> int:  # noqa: B008
    """Import a few generated shapes."""
    spec = {"kind": "shapes", "size": IMAGES_MADE, "classes": 3}
    settings = ProjectSettings(learner=learner)
    project_id = projects.create(store, name, spec, "answer key", settings)
    projects.import_now(store, project_id, 1)
    return project_id


def waiting(store: Store, project_id: int) -> bool:
    with store.read() as connection:
        job = jobs.newest(connection, project_id, "features")
    return job is not None and job.state == "waiting"


def test_an_import_asks_for_features_where_the_learner_uses_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(workspace)
    monkeypatch.setenv("ALCORE_FEATURES", "yes")
    assert waiting(store, a_project(store, "auto"))
    other = a_project(store, "network", LearnerRule(kind="network"))
    assert not waiting(store, other)
    # A project that changes to a learner with features gets them then.
    project = projects.get(store, other)
    changed = replace(project.settings, learner=LearnerRule(kind="features"))
    projects.edit(store, project, changed)
    assert waiting(store, other)
    monkeypatch.setenv("ALCORE_FEATURES", "no")
    assert not waiting(store, a_project(store, "without"))
    store.close()


def test_features_are_there_before_any_label_and_choose_the_first_questions(
    made: tuple[Store, int],
) -> None:
    store, project_id = made
    status = features.status(store, project_id)
    assert status.features is not None and status.misfit is None
    assert (status.features.images, status.features.license) == (IMAGES_MADE, "Apache-2.0")
    table = files.current(store.workspace.project(project_id), IMAGES_MADE)
    assert table is not None and len(table.points) == IMAGES_MADE
    (raw,) = (store.workspace.project(project_id) / "features").glob("*.f16")
    assert raw.stat().st_size == 2 * 624 * IMAGES_MADE
    with store.read() as connection:
        first = [
            queue.entry(connection, project_id, item_id)
            for item_id in queue.queued(connection, project_id)
        ]
        assert stored.latest(connection, project_id) is None
    assert all(entry and entry["origin"] == "cold start" for entry in first)
    assert any("typical of a group" in entry["reason"] for entry in first if entry)


def test_a_model_of_a_new_project_is_mixed_and_says_so(made: tuple[Store, int]) -> None:
    store, project_id = made
    give_labels(store, project_id, 9)
    summary = training.train_now(store, project_id, 1)
    assert (summary.learner.kind, summary.recipe.mixture.keys()) == (
        "auto",
        {"ImageNet features", "the project's network"},
    )
    by = "tf_efficientnet_lite0 (ImageNet, last three stages)"
    assert summary.learner.extractor == f"{by}, 160 pixels, self-trained"
    with store.read() as connection:
        kept = stored.latest(connection, project_id)
    assert kept == summary and summary.checkpoint is not None
    # Read back from its file and asked by pixels, it says what it said in its round.
    folder = store.workspace.project(project_id)
    model = ModelOfFile.load(folder / summary.checkpoint)
    assert model.resolution == 32
    pixels = PixelCache.of(folder, ProjectSettings()).array()
    predictions = model.predict(pixels)
    head, embedded = head_of(folder, summary.number), embeddings.mapped(folder, summary.number)
    assert head is not None and embedded is not None
    said = linear_head.probabilities(embedded, head)
    np.testing.assert_allclose(predictions.probabilities, said, atol=0.02)
    cosine = (predictions.embedded() * embedded).sum(axis=1) / (
        np.linalg.norm(predictions.embedded(), axis=1) * np.linalg.norm(embedded, axis=1)
    )
    assert cosine.min() > 0.99


def test_a_mixture_as_onnx_says_the_same(made: tuple[Store, int], tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    store, project_id = made
    folder = store.workspace.project(project_id)
    with store.read() as connection:
        latest = stored.latest(connection, project_id)
    assert latest is not None and latest.recipe.mixture and latest.checkpoint is not None
    model = ModelOfFile.load(folder / latest.checkpoint)
    path = tmp_path / "model.onnx"
    onnx_export.write(model.graph, model.resolution, path)
    pixels = np.asarray(PixelCache.of(folder, ProjectSettings()).array()[:5])
    probabilities, _ = onnx_export.predict(path, pixels)
    np.testing.assert_allclose(probabilities, model.predict(pixels).probabilities, atol=1e-4)


def test_images_are_scaled_as_pillow_and_torch_do_it() -> None:
    images = torch.rand(1, 3, 12, 12) * 255
    grown = torch.nn.functional.interpolate(images, (20, 20), mode="bicubic", antialias=True)
    torch.testing.assert_close(Resize(12, 20)(images), grown.clamp(0, 255), atol=1e-3, rtol=0)
    means = torch.nn.functional.avg_pool2d(images, 3)
    torch.testing.assert_close(Resize(12, 4)(images), means, atol=1e-3, rtol=0)
    assert Resize(12, 12)(images) is images


def test_computing_goes_on_where_it_was_ended(workspace: Workspace) -> None:
    store = Store.open(workspace)
    project_id = a_project(store, "ended")
    features.compute_now(store, project_id, 1)
    folder = workspace.project(project_id) / "features"
    (raw,) = folder.glob("*.f16")
    whole = raw.read_bytes()
    before = files.current(workspace.project(project_id), IMAGES_MADE)
    assert before is not None
    # A kill in the middle of a write: ten rows are whole, the eleventh is not.
    raw.write_bytes(whole[: 2 * 624 * 10 + 100])
    (folder / "about.json").unlink()
    assert files.current(workspace.project(project_id), IMAGES_MADE) is None
    features.compute_now(store, project_id, 1)
    assert raw.read_bytes()[: 2 * 624 * 10] == whole[: 2 * 624 * 10]
    assert len(raw.read_bytes()) == len(whole)
    after = files.current(workspace.project(project_id), IMAGES_MADE)
    assert after is not None
    alike = [table.points @ table.points.T for table in (before, after)]
    np.testing.assert_allclose(*alike, atol=0.02)
    assert len(list(folder.glob("points-*"))) == 2
    store.close()


def test_features_of_an_older_set_of_images_are_not_used(made: tuple[Store, int]) -> None:
    store, project_id = made
    folder = store.workspace.project(project_id)
    assert files.current(folder, IMAGES_MADE) is not None
    assert files.current(folder, IMAGES_MADE + 1) is None
    about = folder / "features" / "about.json"
    content = json.loads(about.read_bytes())
    about.write_text(json.dumps({**content, "images": IMAGES_MADE - 4}))
    status = features.status(store, project_id)
    assert status.misfit is not None and "of 20 images, and there are 24 now" in status.misfit
    give_labels(store, project_id, 3, at=2_000_000.0)
    summary = training.train_now(store, project_id, 1)
    assert (summary.learner.kind, summary.learner.extractor) == ("network", "none")
    features.compute_now(store, project_id, 1)
    assert features.status(store, project_id).misfit is None


def test_an_extractor_that_is_not_there_fails_with_its_nearest_names(
    workspace: Workspace,
) -> None:
    store = Store.open(workspace)
    project_id = a_project(store, "unknown", LearnerRule(extractor="resnett18"))
    with pytest.raises(
        AlcoreError, match="no network called 'resnett18'; the nearest are resnet18"
    ):
        features.compute_now(store, project_id, 1)
    job = features.status(store, project_id).job
    assert job is not None and job.state == "failed" and "resnet18" in (job.error or "")
    store.close()


@pytest.mark.parametrize("name", ["", "../weights", "Resnet18", "a b"])
def test_a_name_that_cannot_be_one_of_timms_is_refused(name: str) -> None:
    with pytest.raises(InvalidSettings, match="has a name of timm's"):
        LearnerRule(extractor=name)


def test_a_page_may_not_name_weights_outside_the_folders_that_are_allowed(tmp_path: Path) -> None:
    settings = ProjectSettings(learner=LearnerRule(extractor_file="/etc/passwd"))
    with pytest.raises(NotAllowed):
        folders.check_settings(folders.Folders((tmp_path,)), settings)


def test_whether_features_are_computed_is_said_by_yes_or_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALCORE_FEATURES", "maybe")
    with pytest.raises(InvalidSettings, match="say yes or no"):
        computes_features()


def test_features_of_an_older_version_are_used_as_they_are_until_all_are_made_again(
    made: tuple[Store, int],
) -> None:
    store, project_id = made
    folder = store.workspace.project(project_id) / "features"
    (raw,) = folder.glob("*.f16")
    older = raw.with_name("older.f16")
    older.write_bytes(bytes(2 * 1280 * (IMAGES_MADE - 4)))
    raw.unlink()
    content = json.loads((folder / "about.json").read_bytes())
    assert content.pop("layers")
    (folder / "about.json").write_text(json.dumps(content))
    status = features.status(store, project_id)
    assert status.older and status.misfit is None
    features.compute_now(store, project_id, 1)
    assert not features.status(store, project_id).older
    (raw,) = folder.glob("*.f16")
    assert raw.stat().st_size == 2 * 624 * IMAGES_MADE
