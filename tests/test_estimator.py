"""Owns the proof that the learner is an estimator that other libraries accept."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alcore.errors import InvalidSettings
from alcore.learner.estimator import ImageClassifier

BUNCH = load_digits()
CHOSEN = np.random.default_rng(0).permutation(len(BUNCH.target))
FLAT, IMAGES, TRUE = BUNCH.data[CHOSEN], BUNCH.images[CHOSEN], BUNCH.target[CHOSEN]
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])[
    TRUE
]


@pytest.fixture(scope="module")
def fitted() -> ImageClassifier:
    return ImageClassifier(white=16).fit(FLAT[:100], NAMES[:100])


def test_calibrated_it_chooses_the_same_classes_with_another_sureness(
    fitted: ImageClassifier,
) -> None:
    calibrated = ImageClassifier(white=16, calibrate=True).fit(FLAT[:100], NAMES[:100])
    warm, plain = (e.predict_proba(FLAT[100:400]) for e in (calibrated, fitted))
    assert (warm.argmax(axis=1) == plain.argmax(axis=1)).all()
    right = np.searchsorted(fitted.classes_, NAMES[100:400])
    rows = np.arange(300)
    assert -np.log(warm[rows, right]).mean() < -np.log(plain[rows, right]).mean()


def test_it_learns_names_from_flat_images_and_gives_embeddings(fitted: ImageClassifier) -> None:
    assert fitted.score(FLAT[100:500], NAMES[100:500]) > 0.75
    shares = fitted.predict_proba(FLAT[100:110])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert list(fitted.classes_) == sorted(set(NAMES[:100]))
    assert (fitted.predict(FLAT[100:110]) == fitted.classes_[shares.argmax(axis=1)]).all()
    found = fitted.transform(FLAT[100:110])
    assert found.shape == (10, fitted.model_.network.head.in_features)


def test_flat_and_square_images_are_the_same_to_it(fitted: ImageClassifier) -> None:
    shares = fitted.predict_proba(FLAT[:5])
    for other in (IMAGES[:5], IMAGES[:5, :, :, None], np.repeat(IMAGES[:5, :, :, None], 3, 3)):
        assert np.array_equal(fitted.predict_proba(other), shares)


def test_clones_forget_what_was_learned_and_learn_the_same_again(fitted: ImageClassifier) -> None:
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copied.predict(FLAT[:2])
    copied.fit(FLAT[:100], NAMES[:100])
    assert np.array_equal(copied.predict_proba(FLAT[:9]), fitted.predict_proba(FLAT[:9]))
    other = clone(fitted).set_params(random_state=1).fit(FLAT[:100], NAMES[:100])
    assert not np.array_equal(other.predict_proba(FLAT[:9]), fitted.predict_proba(FLAT[:9]))


def test_it_is_validated_and_chained_by_scikit_learn() -> None:
    classifier = ImageClassifier(white=16)
    scores = cross_val_score(classifier, FLAT[:90], TRUE[:90], cv=StratifiedKFold(2))
    assert scores.shape == (2,) and scores.mean() > 0.4
    chain = make_pipeline(classifier, StandardScaler(), LogisticRegression(max_iter=500))
    assert chain.fit(FLAT[:60], TRUE[:60]).score(FLAT[60:200], TRUE[60:200]) > 0.4


def test_what_it_cannot_use_is_named() -> None:
    with pytest.raises(InvalidSettings, match="no square; give `shape`"):
        ImageClassifier().fit(np.zeros((4, 10)), [0, 1, 0, 1])
    with pytest.raises(InvalidSettings, match=r"64 values; shape \(4, 4\) needs 16"):
        ImageClassifier(shape=(4, 4)).fit(FLAT[:4], [0, 1, 0, 1])
    with pytest.raises(InvalidSettings, match="must be as many"):
        ImageClassifier().fit(FLAT[:4], [0, 1])


def test_cleanlab_gets_what_it_asks_for() -> None:
    # It cross-validates with `fit` and `predict_proba`, then compares with the labels.
    given = TRUE[:90].copy()
    given[:3] = (given[:3] + 5) % 10
    shares = cross_val_predict(
        ImageClassifier(white=16), FLAT[:90], given, cv=StratifiedKFold(2), method="predict_proba"
    )
    assert shares.shape == (90, 10)
    own = shares[np.arange(90), given]
    assert own[:3].mean() < own[3:].mean()


def test_modal_gets_what_it_asks_for(fitted: ImageClassifier) -> None:
    # Its learner fits again on all labels so far, and ranks the pool by predict_proba.
    pool = np.arange(100, 300)
    learner = clone(fitted).fit(FLAT[:40], TRUE[:40])
    top = np.sort(learner.predict_proba(FLAT[pool]), axis=1)
    asked = pool[(top[:, -1] - top[:, -2]).argsort()[:20]]
    taught = np.concatenate([np.arange(40), asked])
    before = learner.score(FLAT[300:700], TRUE[300:700])
    after = learner.fit(FLAT[taught], TRUE[taught]).score(FLAT[300:700], TRUE[300:700])
    assert after > before - 0.05


def test_scikit_activeml_queries_with_it() -> None:
    pytest.importorskip("skactiveml", reason="scikit-activeml is not installed")
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import UncertaintySampling
    from skactiveml.utils import MISSING_LABEL

    answers = np.full(200, MISSING_LABEL)
    answers[:40] = TRUE[:40]
    model = SklearnClassifier(ImageClassifier(white=16), classes=range(10), random_state=0)
    strategy = UncertaintySampling(method="margin_sampling", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asked = strategy.query(X=FLAT[:200], y=answers, clf=model, batch_size=5)
        model.fit(FLAT[:200], answers)
    assert len(set(asked.tolist())) == 5 and min(asked) >= 40
    ours = ImageClassifier(white=16).fit(FLAT[:40], TRUE[:40])
    np.testing.assert_allclose(
        model.predict_proba(FLAT[200:210]), ours.predict_proba(FLAT[200:210]), atol=1e-6
    )
