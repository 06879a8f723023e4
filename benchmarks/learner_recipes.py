"""Owns the recipes that the learner is measured with, and networks that leave something out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from torch import Generator, Tensor

sys.path.insert(0, str(Path(__file__).parent.parent))

from alcore.learner.architecture import Architecture, Normalised
from alcore.learner.small_cnns import SmallCNN
from alcore.learner.training import LearnerSettings

PLAIN = "small CNN, plain stem"


@dataclass(frozen=True)
class Recipe:
    """A way of training, as a row of the table."""

    name: str
    settings: LearnerSettings
    pretrained: bool = False
    pool: bool = False
    mirror: bool = True
    fitted: bool = True
    """Whether training from pretrained weights begins with a head that fits them."""


STUDY_A = Recipe("study A", LearnerSettings(network="study A"))
SCRATCH = Recipe("scratch", LearnerSettings())
FINETUNE = Recipe("pretrained", LearnerSettings(), pretrained=True)
FREEZE = Recipe("pretrained, frozen", LearnerSettings(transfer="freeze"), pretrained=True)
LINEAR = Recipe("pretrained, linear", LearnerSettings(transfer="linear"), pretrained=True)
UNLABELED = Recipe(
    "pretrained, unlabeled",
    LearnerSettings(unlabeled="pseudo-labels"),
    pretrained=True,
    pool=True,
)
RECIPES = (STUDY_A, SCRATCH, FINETUNE, FREEZE, LINEAR, UNLABELED)
IMBALANCED = (
    *RECIPES,
    Recipe("scratch, balanced", LearnerSettings(balance="sampling")),
    Recipe("scratch, weights", LearnerSettings(balance="weights")),
    Recipe("pretrained, balanced", LearnerSettings(balance="sampling"), pretrained=True),
    Recipe("pretrained, weights", LearnerSettings(balance="weights"), pretrained=True),
)
COMPARED = (SCRATCH, FINETUNE, UNLABELED)
"""What the parts are left out of."""
PARTS = (
    Recipe("scratch, no augmentation", LearnerSettings(augmentation="none"), mirror=False),
    Recipe("scratch, no whitening stem", LearnerSettings(network=PLAIN)),
    Recipe("scratch, no label smoothing", LearnerSettings(smoothing=0.0)),
    Recipe("scratch, no flip averaging", LearnerSettings(), mirror=False),
    Recipe("scratch, unlabeled", LearnerSettings(unlabeled="pseudo-labels"), pool=True),
    Recipe(
        "pretrained, no augmentation",
        LearnerSettings(augmentation="none"),
        pretrained=True,
        mirror=False,
    ),
    Recipe("pretrained, no label smoothing", LearnerSettings(smoothing=0.0), pretrained=True),
    Recipe("pretrained, no flip averaging", LearnerSettings(), pretrained=True, mirror=False),
    Recipe("pretrained, no fitted head", LearnerSettings(), pretrained=True, fitted=False),
)


class PlainStem(SmallCNN):
    """The small CNN with a stem that is trained like the rest, from random weights."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.stem.weight.requires_grad_(True)

    def prepare(self, images: Tensor, generator: Generator) -> None:
        """Fit the normalisation only."""
        Normalised.prepare(self, images, generator)


MADE_HERE = {PLAIN: PlainStem}
