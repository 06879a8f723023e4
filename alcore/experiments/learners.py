"""Owns which learners an experiment may use: those of projects, or any of scikit-learn's interface.

Here stands what is declared; what is computed stands in `alcore.rounds`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alcore.config import (
    AUGMENTATIONS,
    LEARNERS,
    NETWORKS,
    PACKAGED_EXTRACTOR,
    LearnerRule,
    user_path,
)
from alcore.errors import InvalidSettings
from alcore.estimators import ESTIMATORS, check_allowed
from alcore.experiments.options import unknown, with_defaults
from alcore.rounds import feature_head
from alcore.rounds.estimators import GIVES
from alcore.rounds.learners import check_signals

PIXELS = "pixels"
_NETWORK: Mapping[str, Any] = MappingProxyType(
    {
        "network": "small CNN",
        "augmentation": "shift",
        "weights": "",
        "weights_file": "",
        "transfer": "finetune",
        "unlabeled": "none",
        "balance": "none",
    }
)
"""Every round begins anew: what a model took over from the one before would not be in the rows."""
_FEATURES: Mapping[str, Any] = MappingProxyType(
    {"extractor": PACKAGED_EXTRACTOR, "extractor_file": ""}
)
_AUTO: Mapping[str, Any] = MappingProxyType({**_NETWORK, **_FEATURES})
_ESTIMATOR: Mapping[str, Any] = MappingProxyType(
    {"estimator": "random forest", "features": PIXELS, "settings": {}}
)
_HEAD: Mapping[str, Any] = MappingProxyType(
    {"estimator": "logistic regression", "features": "", "settings": {}}
)
_KINDS = MappingProxyType(
    {
        "network": _NETWORK,
        "features": _FEATURES,
        "auto": _AUTO,
        "estimator": _ESTIMATOR,
        "head": _HEAD,
    }
)
KINDS = tuple(_KINDS)


@dataclass(frozen=True)
class LearnerSpec:
    """A learner: one of alcore's own, an estimator, or a head on embeddings that stay as they are.

    alcore's own are the network, a head on an extractor's features, and both mixed ("auto").

    A head's `features` are a checkpoint (.safetensors) whose network embeds the images once, or
    an array of embeddings (.npy), a row per image of the data set.
    """

    kind: str = "network"
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise unknown("learner", self.kind, KINDS)
        options = self.all_options
        if self.own:
            for what, known in (("augmentation", AUGMENTATIONS), ("network", NETWORKS)):
                if what in options and options[what] not in known:
                    raise unknown(what, options[what], known)
            self.rule()
            return
        estimator = options["estimator"]
        if estimator not in ESTIMATORS and "." not in estimator:
            raise unknown("estimator", estimator, ESTIMATORS)
        if options["features"] == PIXELS:
            return
        if Path(options["features"]).suffix not in (".npy", ".safetensors"):
            raise InvalidSettings(
                f"the learner {self.title!r} takes its features from {options['features']!r}; "
                "name a checkpoint (.safetensors) or an array of embeddings (.npy)"
            )

    @property
    def own(self) -> bool:
        """Whether it is one of those that projects choose from, rather than an estimator."""
        return self.kind in LEARNERS

    @property
    def all_options(self) -> dict[str, Any]:
        """All options, with defaults for those not given."""
        what = f"the learner {self.kind!r}"
        return with_defaults(what, self.options, _KINDS[self.kind])

    @property
    def title(self) -> str:
        """How the learner is called in tables and figures."""
        if self.name:
            return self.name
        if self.own:
            of_network = {"network": "small CNN"} if self.kind == "network" else {}
            options = {**of_network, **self.options}
            rest = [f"{k}={v}" for k, v in sorted(options.items()) if k not in of_network]
            return " ".join([*(str(options[k]) for k in of_network or ()), *rest]) or self.kind
        options = self.all_options
        name = str(options["estimator"]).rpartition(".")[2]
        on = "pixels" if options["features"] == PIXELS else Path(options["features"]).stem
        return f"{name} on {on}"

    def rule(self) -> LearnerRule:
        """Return the settings of a learner of our own as projects have them.

        Raises InvalidSettings.
        """
        options = self.all_options
        options.pop("augmentation", None)
        if not options.get("weights", "file"):
            options["weights"] = "file" if options["weights_file"] else "pool"
        return LearnerRule(kind=self.kind, **options)

    def features_file(self) -> Path | None:
        """Where the features of an estimator are, None for pixels; raises InvalidSettings.

        A finished experiment can be read without it, so that it is looked for only when used.
        """
        features = self.all_options.get("features", PIXELS)
        if features == PIXELS:
            return None
        path = user_path(features)
        if not path.is_file():
            raise InvalidSettings(f"the learner {self.title!r}: there is no file {path}")
        return path

    @property
    def names_file(self) -> bool:
        """Whether it takes weights or features from a file."""
        options = self.all_options
        files = (options.get("weights_file"), options.get("extractor_file"))
        return any(files) or options.get("features", PIXELS) != PIXELS

    def check_allowed(self, others: Collection[str]) -> None:
        """Raise InvalidSettings for an estimator outside the catalogue and the `others` allowed."""
        if not self.own:
            check_allowed(self.all_options["estimator"], others)

    def check_files(self) -> None:
        """Raise InvalidSettings for features, or weights to begin with, that are not there."""
        self.features_file()
        for option in ("weights_file", "extractor_file"):
            path = self.all_options.get(option)
            if path and not Path(path).is_file():
                raise InvalidSettings(f"the learner {self.title!r}: there is no file {path}")

    @property
    def tried(self) -> bool:
        """Whether it is known to be usable: from alcore's own choice, as it stands there."""
        options = self.all_options
        return self.own or (options["estimator"] in ESTIMATORS and not options["settings"])

    def check_estimator(self) -> None:
        """Raise InvalidSettings for an estimator that cannot be made or gives no probabilities."""
        from alcore.learner import estimators  # brings scikit-learn

        if not self.own:
            estimators.build(self.all_options["estimator"], self.all_options["settings"], 0)

    def check(self, strategy: str, options: Mapping[str, Any]) -> None:
        """Raise InvalidSettings where a strategy needs what this learner cannot tell."""
        if self.kind == "features":
            check_signals(self.title, feature_head.GIVES, strategy, options)
        elif not self.own:
            check_signals(self.title, GIVES, strategy, options)


def check_estimator(spec: Mapping[str, Any]) -> None:
    """Raise InvalidSettings for an estimator that no round could use; loads scikit-learn."""
    LearnerSpec(**spec).check_estimator()
