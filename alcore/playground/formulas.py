"""Owns the formulas of query strategies, in one line each, for whoever wants to see what is done.

p₁ ≥ p₂ are the model's largest probabilities of a point x, ŷ its predicted class, U the unlabeled
and L the labeled points, K a committee of models. A strategy that has a formula here can be chosen
in the Playground: its signals are those that any estimator gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FORMULAS: Mapping[str, str] = MappingProxyType(
    {
        "margin": "x* = argmax 1 − (p₁ − p₂)",
        "least confidence": "x* = argmax 1 − p₁",
        "ratio": "x* = argmax p₂ ∕ p₁",
        "entropy": "x* = argmax −Σ p ln p",
        "random": "x* uniform on U",
        "k-center": "x* = argmax over U of min over L of ‖x − z‖",
        "representative": "x* = argmax cos(x, mean of U) − cos(x, mean of L)",
        "k-means": "k clusters of U; in each, argmin ‖x − centre‖",
        "k-means++": "P(x) ∝ min over L of ‖x − z‖²",
        "TypiClust": "in the largest cluster without a label: argmin mean ‖x − its neighbours‖",
        "ProbCover": "x* = argmax number of points within r of x and of no label",
        "outlier": "x* = argmax 1 − mean over classes of rank(ln p in the holdout)",
        "discriminative": "x* = argmax P(x is in U) by a classifier of U against L",
        "BADGE": "k-means++ on g(x) = (p − onehot ŷ) ⊗ x, the largest ‖g‖ first",
        "cluster-margin": "the 10·k largest 1 − (p₁ − p₂), in turns over clusters",
        "diversified": "the 5·k largest 1 − (p₁ − p₂), of them k by k-means++",
        "class-balanced": "the predicted class with fewest labels; in it, argmax 1 − (p₁ − p₂)",
        "stochastic": "x* = argmax ln(1 − (p₁ − p₂)) + Gumbel noise",
        "class-rare": "x* = argmax 1 − share of ŷ among the labels",
        "vote entropy": "x* = argmax −Σ v ln v, v the share of K's votes for a class",
        "consensus entropy": "x* = argmax −Σ p̄ ln p̄, p̄ the mean over K",
        "mean KL": "x* = argmax mean over K of KL(pₖ ‖ p̄)",
        "uncertainty herding": "x* = argmax Σ (1 − (p₁ − p₂)) · max(0, k(x, ·) − max over L of k)",
        "default policy": "uncertainty herding, 10 % random",
    }
)
