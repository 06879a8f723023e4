"""Owns the proof that any estimator can be the learner, on pixels or on embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alcore import strategies
from alcore.config import Workspace
from alcore.errors import CheckpointMismatch, InvalidSettings
from alcore.experiments import chain, data, reading
from alcore.experiments.chain import Run
from alcore.experiments.data import DataSpec
from alcore.experiments.results import Arrays, Done
from alcore.rounds.estimators import GIVES
from alcore.services import experiments
from alcore.store import Store

DIGITS = {"source": "digits", "items": 400, "holdout": 300}
BAYES = {"kind": "estimator", "estimator": "naive bayes"}


def rounds(
    folder: Path, learner: Mapping[str, Any], strategy: Any = "margin", n: int = 3, **changes: Any
) -> list[Done]:
    """Run the first rounds of one cell."""
    design = reading.from_json(
        {
            "name": "x",
            "budget": 20 * n,
            "datasets": [DIGITS],
            "strategies": [strategy],
            "initial": [20],
            "batch_sizes": [20],
            "learners": [learner],
            **changes,
        }
    )
    found: list[Done] = []
    before: list[Arrays] = []
    for _ in range(n):
        found.append(chain.next_round(Run(design.cells[0], 0, 0, 20 * n), before, folder))
        before.append(found[-1].arrays)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def test_a_random_forest_on_pixels_learns_the_digits(folder: Path) -> None:
    found = rounds(folder, {"kind": "estimator"})
    assert [done.labels for done in found] == [20, 40, 60]
    assert found[-1].accuracy > found[0].accuracy + 0.1
    assert found[-1].accuracy > 0.7
    assert found[-1].summary["versions"]["sklearn"]
    asked = np.concatenate([done.arrays["asked_ids"] for done in found])
    assert len(set(asked.tolist())) == 60


def test_any_class_of_that_interface_serves_by_its_dotted_name(folder: Path) -> None:
    dotted = "sklearn.naive_bayes.MultinomialNB"
    learner = {"kind": "estimator", "estimator": dotted, "settings": {"alpha": 0.1}}
    assert rounds(folder, learner)[-1].accuracy > 0.6


FITTING = [s.name for s in strategies.registered() if strategies.needed(s.name, {}) <= GIVES]


@pytest.mark.parametrize("strategy", FITTING)
def test_every_strategy_that_an_estimator_can_serve_chooses(folder: Path, strategy: str) -> None:
    found = rounds(folder, BAYES, strategy, 2)
    chosen = found[0].arrays["selected_ids"]
    assert len(chosen) == len(set(chosen.tolist())) == 20
    assert found[1].labels == 40


def design_of(learner: Mapping[str, Any]) -> Any:
    return reading.from_json(
        {
            "name": "x",
            "budget": 40,
            "datasets": [DIGITS],
            "strategies": ["margin"],
            "initial": [20],
            "learners": [learner],
        }
    )


@pytest.mark.parametrize(
    ("estimator", "complaint"),
    [
        ("sklearn.svm.SVC", "no fit and predict_proba"),
        ("sklearn.linear_model.SGDClassifier", "no fit and predict_proba"),
        ("sklearn.svm.LinearSVC", "no fit and predict_proba"),
        ("sklearn.ensemble.RandomForrest", "there is no estimator"),
        ("nowhere.Model", "there is no estimator"),
        ("os.system", "no fit and predict_proba"),
    ],
)
def test_what_gives_no_probabilities_is_refused_by_the_check(
    workspace: Workspace, estimator: str, complaint: str
) -> None:
    design = design_of({"kind": "estimator", "estimator": estimator})
    with closing(Store.open(workspace)) as store, pytest.raises(InvalidSettings, match=complaint):
        experiments.checked(store, design)


def test_settings_that_an_estimator_does_not_take_are_refused_by_the_check(
    workspace: Workspace,
) -> None:
    design = design_of({**BAYES, "settings": {"trees": 3}})
    complaint = "does not take this"
    with closing(Store.open(workspace)) as store, pytest.raises(InvalidSettings, match=complaint):
        experiments.checked(store, design)


def test_a_page_takes_no_estimator_but_those_of_the_list(workspace: Workspace) -> None:
    text = """
        name = "x"
        budget = 40
        datasets = ["digits"]
        strategies = ["margin"]
        initial = [20]
        [[learners]]
        kind = "estimator"
        estimator = "sklearn.naive_bayes.MultinomialNB"
    """
    with closing(Store.open(workspace)) as store:
        for dotted in ("sklearn.naive_bayes.MultinomialNB", "subprocess.Popen"):
            typed = text.replace("sklearn.naive_bayes.MultinomialNB", dotted)
            with pytest.raises(InvalidSettings, match="is not one that may be used here"):
                experiments.parse(store, typed)
        workspace.estimators.write_text("sklearn.naive_bayes.MultinomialNB  # counts\n")
        assert experiments.parse(store, text).learners[0].tried is False
        listed = text.replace("sklearn.naive_bayes.MultinomialNB", "naive bayes")
        assert experiments.parse(store, listed).learners[0].tried


@pytest.mark.parametrize(
    ("source", "learner"),
    [
        ('"/etc"', 'kind = "network"'),
        ('"somebody\'s.zip"', 'kind = "network"'),
        ('{kind = "folder", path = "/etc"}', 'kind = "network"'),
        ('"digits"', 'kind = "network"\nweights_file = "/etc/passwd"'),
        ('"digits"', 'kind = "head"\nfeatures = "/var/cache/a.npy"'),
    ],
)
def test_a_page_names_no_file_or_folder_of_the_server(
    workspace: Workspace, source: str, learner: str
) -> None:
    text = f"""
name = "x"
budget = 40
strategies = ["margin"]
initial = [20]
[[datasets]]
source = {source}
[[learners]]
{learner}
"""
    with closing(Store.open(workspace)) as store:
        with pytest.raises(InvalidSettings, match="which a page may not; choose digits, shapes"):
            experiments.parse(store, text)
        assert reading.parse(text), "the command line may"


def test_a_head_learns_from_embeddings_in_a_file(folder: Path, tmp_path: Path) -> None:
    table = data.load(data.prepare(DataSpec({"kind": "digits"}), folder))
    drawn = np.random.default_rng(0)
    told = np.eye(10)[table.classes] + drawn.normal(0, 0.2, (len(table.classes), 10))
    np.save(tmp_path / "told.npy", told.astype(np.float32))
    head = {"kind": "head", "features": str(tmp_path / "told.npy")}
    assert rounds(folder, head, "k-center")[-1].accuracy > 0.95
    np.save(tmp_path / "short.npy", told[:50].astype(np.float32))
    with pytest.raises(InvalidSettings, match="it needs a row for each"):
        rounds(folder, {**head, "features": str(tmp_path / "short.npy")})
    noisy = [{**DIGITS, "noise": 5.0}]
    with pytest.raises(InvalidSettings, match="name a checkpoint instead"):
        rounds(folder, head, datasets=noisy)


def test_a_network_begins_with_pretrained_weights_and_a_head_with_a_networks_embeddings(
    folder: Path, tmp_path: Path
) -> None:
    from alcore.learner import device, training, transfer
    from alcore.learner.training import LabeledImages, LearnerSettings

    table = data.load(data.prepare(DataSpec({"kind": "digits"}), folder))
    with device.computing(0, 1):
        model = training.fit(
            LabeledImages(
                np.asarray(table.pixels[:600]), table.classes[:600], table.class_names, 1
            ),
            LearnerSettings(),
            0,
            lambda share: None,
        )
    model.save(tmp_path / "net.safetensors")
    head = {"kind": "head", "features": str(tmp_path / "net.safetensors")}
    found = rounds(folder, head)
    assert found[-1].accuracy > 0.9
    kept = list(folder.glob("embeddings-*.npy"))
    assert len(kept) == 1
    rounds(folder, head, datasets=[{**DIGITS, "duplicates": 0.3}])
    assert len(list(folder.glob("embeddings-*.npy"))) == 2, "copies have embeddings of their own"

    weights = transfer.extract(model.network, model.architecture, "600 digits")
    weights.save(tmp_path / "weights.safetensors")
    network = {"kind": "network", "weights_file": str(tmp_path / "weights.safetensors")}
    began = rounds(folder, network, n=1)[-1].accuracy
    assert began > rounds(folder, {"kind": "network"}, n=1)[-1].accuracy + 0.1
    with pytest.raises(CheckpointMismatch, match="are of small CNN with 1 channels"):
        rounds(folder, {**network, "network": "study A"}, n=1)


def test_features_are_computed_once_and_learned_from_alone_or_mixed_with_a_network(
    folder: Path,
) -> None:
    alone = rounds(folder, {"kind": "features"}, "DropQuery")
    assert alone[-1].accuracy > 0.7
    assert len(list(folder.glob("features-*.npy"))) == 1
    copies = [{**DIGITS, "duplicates": 0.3}]
    rounds(folder, {"kind": "features"}, n=1, datasets=copies)
    sizes = sorted(len(np.load(path)) for path in folder.glob("features-*.npy"))
    assert sizes == [120, 1797], "only what a trial made is looked at anew"

    mixed = rounds(folder, {"kind": "auto"})
    assert mixed[-1].accuracy > alone[0].accuracy
    assert len(list(folder.glob("features-*.npy"))) == 2
    found_out = [done.arrays["mixing"] for done in mixed if "mixing" in done.arrays]
    assert found_out and all(m[3:].sum() == pytest.approx(1) for m in found_out)


def test_a_mixture_goes_on_with_the_shares_that_earlier_rounds_found(folder: Path) -> None:
    shared = np.array([1.0, 40.0, 60.0, 0.9, 0.1])
    before = [done.arrays for done in rounds(folder, {"kind": "features"}, n=2)]
    kept = [before[0], {**before[1], "mixing": shared}]
    design = design_of({"kind": "auto"})
    cell = replace(design.cells[0], batch_size=20)
    result = chain.next_round(Run(cell, 0, 0, 60), kept, folder)
    anew = chain.next_round(Run(cell, 0, 0, 60), before, folder)
    assert result.labels == 60
    np.testing.assert_array_equal(result.arrays["mixing"], shared)
    assert anew.arrays["mixing"][3] != 0.9
    assert result.accuracy != anew.accuracy


def test_a_learner_of_features_says_what_it_cannot_do() -> None:
    with pytest.raises(InvalidSettings, match="needs history, which the learner 'features'"):
        reading.from_json(
            {
                "name": "x", "budget": 40, "datasets": [DIGITS], "initial": [20],
                "strategies": ["history forest"], "learners": [{"kind": "features"}],
            }
        )  # fmt: skip
    with pytest.raises(
        InvalidSettings, match="no setting of the learner 'features' called 'network'"
    ):
        design_of({"kind": "features", "network": "study A"})
