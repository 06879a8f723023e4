"""Owns how an estimator with scikit-learn's interface is made from its name.

Importing a class by its name runs code: whoever calls `build` has checked the name.
"""

from __future__ import annotations

import importlib
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from alcore import estimators
from alcore.errors import InvalidSettings


def build(name: str, settings: Mapping[str, Any], seed: int) -> Any:
    """Return a fresh estimator; raises InvalidSettings for one that cannot be had or used."""
    known = estimators.find(name)
    module, _, attribute = known.dotted.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidSettings(f"there is no estimator {known.dotted!r}: {error}") from error
    if not isinstance(kind, type) or not hasattr(kind, "fit"):
        raise InvalidSettings(f"{known.dotted!r} {_NO_CLASSIFIER}")
    try:
        estimator = kind(**{**known.settings, **settings})
    except TypeError as error:
        raise InvalidSettings(f"the estimator {name!r} does not take this: {error}") from error
    # Of the made one: whether there are probabilities may depend on the settings.
    if not hasattr(estimator, "predict_proba"):
        raise InvalidSettings(f"{known.dotted!r} {_NO_CLASSIFIER}")
    taken = estimator.get_params() if hasattr(estimator, "get_params") else {}
    if "random_state" in taken and "random_state" not in settings:
        estimator.set_params(random_state=seed)
    if known.scaled:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), estimator)
    return estimator


def computing(threads: int) -> AbstractContextManager[object]:
    """Run a block on a number of CPU threads."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(threads)


def versions() -> dict[str, str]:
    """Return what computes here, for the record of a round."""
    import sklearn

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "sklearn": sklearn.__version__,
        "device": "cpu",
    }


_NO_CLASSIFIER = (
    "has no fit and predict_proba; name a classifier with scikit-learn's interface that gives "
    "probabilities"
)
