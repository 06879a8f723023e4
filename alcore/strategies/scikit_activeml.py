"""Owns the adapter to scikit-activeml: any of its pool-based classification strategies by name.

scikit-activeml is installed by whoever wants it; it is imported inside functions only. X are
embeddings, labeled items first; `clf` answers with this round's own probabilities where the
strategy only asks, and is a classifier on the embeddings where the strategy fits or perturbs.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from alcore.errors import InvalidSettings, UnknownStrategy
from alcore.records import Selection
from alcore.strategies.contract import Context, Signals, Strategy, check_count, selection

PREFIX = "scikit-activeml:"
_POOL = 5_000
"""Candidates shown to it, by chance in a larger pool: many of its strategies compare all pairs."""
_ASK_ONLY = frozenset({"UncertaintySampling", "Badge", "Falcun", "ContrastiveAL", "Clue"})


def names() -> list[str]:
    """Return the strategies that the installed scikit-activeml has; none without it."""
    package = find_spec("skactiveml")
    if package is None or not package.submodule_search_locations:
        return []
    # Read, not imported: it would load scikit-learn and torch into the web process.
    source = Path(package.submodule_search_locations[0], "pool", "__init__.py").read_text("utf-8")
    return sorted(
        alias.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if alias.name[0].isupper() and not alias.name.endswith("Wrapper")
    )


def strategy(name: str) -> Strategy:
    """Return the strategy "scikit-activeml:ClassName"; UnknownStrategy says what is missing."""
    class_name = name.removeprefix(PREFIX)
    class_names = names()
    if not class_names:
        raise UnknownStrategy(
            f"{name!r} needs scikit-activeml, which is not installed; pip install scikit-activeml"
        )
    if class_name not in class_names:
        raise UnknownStrategy(
            f"scikit-activeml has no pool strategy {class_name!r}; "
            f"choose from {', '.join(class_names)}"
        )
    return Strategy(
        name=name,
        sentence=f"{class_name} of scikit-activeml, on embeddings.",
        paper="see the documentation of scikit-activeml",
        needs=frozenset({"probabilities", "embeddings"}),
        select=lambda *call: _select(class_name, *call),
        prefix=False,
        cost=lambda pool, labeled, classes, batch: 5 + 2e-5 * min(pool, _POOL) * batch,
    )


def _select(
    class_name: str,
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Let it pick k candidates of a random part of at most 5,000; scores are its utilities."""
    check_count(k, candidates)
    if k == 0:
        return selection(candidates, np.empty(0, np.int64), np.empty(0), [])
    from skactiveml import pool

    subset = np.sort(rng.permutation(len(candidates))[: max(_POOL, k)])
    labeled = signals.labeled_embeddings
    count = len(labeled)
    points = np.concatenate([labeled, signals.embeddings[subset]]).astype(np.float64)
    answers = np.full(len(points), np.nan)
    answers[:count] = context.labels[:count]
    classes = list(range(len(context.class_names)))
    chooser = getattr(pool, class_name)
    seed = int(rng.integers(2**31))
    arguments: dict[str, Any] = {
        "random_state": seed,
        "classes": classes,
        "n_classes": len(classes),
    }
    arguments = {
        key: arguments[key] for key in arguments if key in inspect.signature(chooser).parameters
    }
    asks = set(inspect.signature(chooser.query).parameters)
    try:
        models = _models(class_name, asks, points, answers, signals.probabilities[subset], seed)
        places, utilities = chooser(**arguments).query(
            X=points, y=answers, batch_size=k, return_utilities=True, **models
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidSettings(f"scikit-activeml's {class_name} refuses: {error}") from error
    places = np.asarray(places, np.int64)
    scores = np.nan_to_num(np.asarray(utilities, float)[np.arange(len(places)), places])
    reasons = [f"picked by {class_name} (utility {score:.3g})" for score in scores]
    return selection(candidates, subset[places - count], scores, reasons)


def _models(
    class_name: str,
    asks: set[str],
    points: np.ndarray,
    answers: np.ndarray,
    probabilities: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    """Return the models, and whether it shall fit them, that a query asks for."""
    from skactiveml.classifier import (
        MixtureModelClassifier,
        ParzenWindowClassifier,
        SklearnClassifier,
    )
    from sklearn.ensemble import BaggingClassifier
    from sklearn.linear_model import LogisticRegression

    if "reg" in asks:
        raise ValueError("it is for regression, not for classes")
    classes = list(range(probabilities.shape[1]))

    def heads(estimator: Any) -> Any:
        return SklearnClassifier(estimator, classes=classes, random_state=seed)

    if class_name in _ASK_ONLY:
        key = "clf" if "clf" in asks else "estimator"
        model = _answering(points, answers, probabilities)
        return {key: model, f"fit_{key}": False}
    if "ensemble" in asks:
        bag = BaggingClassifier(LogisticRegression(max_iter=200), random_state=seed)
        return {"ensemble": heads(bag)}
    if "discriminator" in asks:
        from skactiveml.utils import MISSING_LABEL

        two = SklearnClassifier(
            LogisticRegression(max_iter=200), classes=[0, 1], missing_label=MISSING_LABEL
        )
        return {"discriminator": two}
    if "clf" not in asks:
        return {}
    if class_name == "FourDs":
        return {"clf": MixtureModelClassifier(classes=classes, random_state=seed)}
    if class_name == "DropQuery":
        return {"clf": heads(LogisticRegression(max_iter=200))}
    return {"clf": ParzenWindowClassifier(classes=classes, random_state=seed)}


def _answering(points: np.ndarray, answers: np.ndarray, probabilities: np.ndarray) -> Any:
    """Return a classifier that knows the probabilities of these points and of no others."""
    from skactiveml.base import SkactivemlClassifier

    count = len(points) - len(probabilities)
    rows = {point.tobytes(): row for row, point in enumerate(points[count:])}
    certain = np.eye(probabilities.shape[1])

    class Answering(SkactivemlClassifier):
        """Looks points up; labeled ones answer their label."""

        def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> Answering:
            self._validate_data(X, y, sample_weight)
            return self

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            keys = [np.asarray(x, np.float64).tobytes() for x in X]
            places = [rows[key] for key in keys if key in rows]
            if len(places) == len(keys):
                return probabilities[places].astype(np.float64)
            of = {
                point.tobytes(): int(a) for point, a in zip(points, answers[:count], strict=False)
            }
            return np.stack(
                [probabilities[rows[key]] if key in rows else certain[of[key]] for key in keys]
            ).astype(np.float64)

    model = Answering(classes=list(range(probabilities.shape[1])))
    return model.fit(points, answers)
