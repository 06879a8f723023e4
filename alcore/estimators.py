"""Owns which of scikit-learn's estimators may learn, and by which names.

A dotted name is imported, which runs code. So those of the catalogue are all that a page offers;
others come from the command line, or from a list that whoever runs the app has written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alcore.errors import InvalidSettings


@dataclass(frozen=True)
class Estimator:
    """A classifier with scikit-learn's interface."""

    dotted: str
    sentence: str = ""
    """What it is good for."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    scaled: bool = False
    """It needs features of like size."""


ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        "random forest": Estimator(
            "sklearn.ensemble.RandomForestClassifier", "many trees that vote; hard to mislead"
        ),
        "extra trees": Estimator(
            "sklearn.ensemble.ExtraTreesClassifier", "the same with more chance in each tree"
        ),
        "logistic regression": Estimator(
            "sklearn.linear_model.LogisticRegression",
            "straight borders between classes; at its best on embeddings",
            {"max_iter": 300},
            scaled=True,
        ),
        "support vectors": Estimator(
            "alcore.learner.support_vectors.SupportVectors",
            "curved borders by the images nearest to them; its probabilities are calibrated",
        ),
        "k nearest": Estimator(
            "sklearn.neighbors.KNeighborsClassifier",
            "what the most similar labeled images are",
            {"weights": "distance"},
        ),
        "naive bayes": Estimator(
            "sklearn.naive_bayes.GaussianNB", "each feature on its own; the quickest"
        ),
        "gradient boosting": Estimator(
            "sklearn.ensemble.HistGradientBoostingClassifier",
            "trees that mend each other; wants hundreds of labels",
        ),
    }
)
"""The estimators that anybody may choose, by their short names."""


def find(name: str) -> Estimator:
    """Return the estimator of a short name, else the one that the name is the dotted name of."""
    return ESTIMATORS.get(name) or Estimator(name)


def allowed(path: Path) -> tuple[str, ...]:
    """Return the dotted names in a file, one a line; nothing where there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    names = (line.partition("#")[0].strip() for line in lines)
    return tuple(name for name in names if name)


def check_allowed(name: str, others: Collection[str]) -> None:
    """Raise InvalidSettings for an estimator outside the catalogue and the `others` allowed."""
    if name not in ESTIMATORS and name not in others:
        raise InvalidSettings(
            f"the estimator {name!r} is not one that may be used here; choose from "
            f"{', '.join((*ESTIMATORS, *others))}, or let whoever runs the app add its dotted "
            "name to estimators.txt in the workspace's folder"
        )
