"""Owns the learner as an estimator of scikit-learn: images in, classes out.

X are n images, (n, H, W), (n, H, W, 1 or 3) or flat (n, H·W·channels), with values from 0 to
`white`; y any labels that can be sorted. C classes, D embedding width.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from alcore.config import Balance
from alcore.errors import InvalidSettings
from alcore.learner import calibration, device, inference, training, transfer
from alcore.learner.checkpoints import Model
from alcore.learner.predictions import Predictions
from alcore.learner.training import Extras, LabeledImages, LearnerSettings
from alcore.learner.transfer import Transfer


class ImageClassifier(ClassifierMixin, TransformerMixin, BaseEstimator):
    """Trains alcore's network; usable wherever a classifier of scikit-learn is.

    Parameters are kept as they are given and checked by `fit`, as scikit-learn wants it.
    """

    def __init__(
        self,
        network: str = "small CNN",
        augmentation: str = "shift",
        transfer: Transfer = "finetune",
        pretrained: str | None = None,
        balance: Balance = "none",
        calibrate: bool = False,
        shape: tuple[int, ...] | None = None,
        white: float = 255.0,
        threads: int = 1,
        random_state: int = 0,
    ) -> None:
        """Name the recipe.

        pretrained: file of weights that a pretraining has made. calibrate: find a temperature
        by cross-fitting, which takes three more
        trainings and at least 40 labels. shape: (H, W) or (H, W, channels)
        of flat images; square ones of one channel need none.
        """
        self.network = network
        self.augmentation = augmentation
        self.transfer = transfer
        self.pretrained = pretrained
        self.balance = balance
        self.calibrate = calibrate
        self.shape = shape
        self.white = white
        self.threads = threads
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Train a fresh network on images X (n, …) and labels y (n,).

        Raises InvalidSettings for images that are not square or do not fit `shape`,
        TrainingImpossible for fewer than two classes.
        """
        pixels = self._pixels(X)
        if len(y) != len(pixels):
            raise InvalidSettings(f"{len(pixels)} images and {len(y)} labels; must be as many")
        self.classes_, places = np.unique(np.asarray(y), return_inverse=True)
        self.n_features_in_ = int(np.prod(np.shape(X)[1:]))
        self.channels_ = 1 if _grey(pixels) else 3
        rng = np.random.default_rng(self.random_state)
        with device.computing(self.random_state, self.threads):
            self.model_ = self._train(pixels, places, self.random_state)
            if self.calibrate:
                self._calibrate(pixels, places, rng)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, C) float64 in the order of `classes_`."""
        shares = self._ask(X, False).probabilities.astype(np.float64)
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the likeliest class of each image, (n,)."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return embeddings (n, D) float32: what the last layer sees of each image."""
        return self._ask(X, True).embedded()

    def _ask(self, X: np.ndarray, embeddings: bool) -> Predictions:
        check_is_fitted(self, "model_")
        pixels = self._pixels(X)
        with device.computing(self.random_state, self.threads):
            return inference.predict(
                self.model_, pixels, np.arange(len(pixels)), embeddings, True, _ignore
            )

    def _train(self, pixels: np.ndarray, places: np.ndarray, seed: int) -> Model:
        return training.fit(
            LabeledImages(pixels, places, tuple(map(str, self.classes_)), self.channels_),
            LearnerSettings(
                network=self.network,
                augmentation=self.augmentation,
                transfer=self.transfer,
                balance=self.balance,
            ),
            seed,
            _ignore,
            extras=Extras(transfer.load(Path(self.pretrained)) if self.pretrained else None),
        )

    def _calibrate(self, pixels: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> None:
        fold = calibration.folds(places, rng)
        if not calibration.are_enough((fold >= 0).sum()):
            return
        probabilities = np.zeros((len(places), len(self.classes_)))
        for k in np.unique(fold[fold >= 0]).tolist():
            others, rows = fold != k, np.flatnonzero(fold == k)
            model = self._train(pixels[others], places[others], self.random_state + 1 + k)
            probabilities[rows] = inference.predict(
                model, pixels, rows, False, True, _ignore
            ).probabilities
        fitted = calibration.from_answers(probabilities, places, fold)
        if fitted is not None:
            self.model_ = replace(self.model_, temperature=fitted.temperature)

    def _pixels(self, X: Any) -> np.ndarray:
        """Return images as (n, H, W, 3) uint8."""
        images = np.asarray(X)
        if images.ndim == 2:
            images = images.reshape(len(images), *self._shape(images.shape[1]))
        if images.ndim == 3:
            images = images[..., None]
        if images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] not in (1, 3):
            raise InvalidSettings(
                f"images have shape {np.shape(X)}; must be (n, side, side), "
                "(n, side, side, 1 or 3), or flat with `shape` given"
            )
        if images.dtype != np.uint8 or self.white != 255:
            scaled = np.rint(images.astype(np.float64) * (255 / self.white))
            images = np.clip(scaled, 0, 255).astype(np.uint8)
        return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images

    def _shape(self, values: int) -> tuple[int, ...]:
        if self.shape is not None:
            if int(np.prod(self.shape)) != values:
                raise InvalidSettings(
                    f"images have {values} values; shape {tuple(self.shape)} needs "
                    f"{int(np.prod(self.shape))}"
                )
            return tuple(self.shape)
        side = round(values**0.5)
        if side * side != values:
            raise InvalidSettings(
                f"images have {values} values, which is no square; give `shape`, "
                "such as (32, 32, 3)"
            )
        return side, side


def _grey(pixels: np.ndarray) -> bool:
    return bool((pixels[..., :1] == pixels[..., 1:]).all())


def _ignore(share: float) -> None:
    """Listen to progress and do nothing."""
