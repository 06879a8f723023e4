"""Owns the fields about the network: which one, what it begins with, what it learns from."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from alcore.config import (
    AUGMENTATIONS,
    BACKBONES,
    BALANCES,
    FEATURES,
    LEARNERS,
    MODES,
    NETWORKS,
    PACKAGED_EXTRACTOR,
    TRANSFERS,
    UNLABELED,
    WEIGHTS,
    LearnerRule,
    Transfer,
)
from alcore.phrases import sentence
from alcore.services import previews
from pages._setup_text import note

Choice = TypeVar("Choice", bound=str)

_NAMES = {
    "auto": "Both, weighed (auto)",
    "features": "A head on features",
    "network": "The project's network",
    "study A": "Study A's network",
    "pool": "Pretraining on the pool",
    "file": "A file",
    "torchvision": "torchvision",
    "finetune": "Fine-tune all",
    "freeze": "Freeze the early layers",
    "linear": "Freeze all but the last",
    "shrink_perturb": "Shrink and perturb",
    "crop and colour": "Crop and colour",
}


def learner_fields(
    prefix: str,
    start: LearnerRule,
    new: bool,
    cost: str | None,
    estimators: Mapping[str, str],
) -> LearnerRule:
    """Draw the fields; return what they say. Raises InvalidSettings.

    `cost` says how long pretraining would take; a `new` project may begin with one. `estimators`
    may learn in place of the network.
    """
    with st.expander("Advanced learner", icon=":material/neurology:"):
        note("What is chosen here suits most projects. A change counts from the next model on.")
        kind, features = _kind(prefix, start, estimators)
        extractor, extractor_file, tunes = _extractor(prefix, start, kind)
        left, right = st.columns(2, gap="medium")
        with left:
            network = _choice(prefix, "Network", NETWORKS, start.network)
        with right:
            mode = _choice(prefix, "Between models", MODES, start.mode)
        transfer, weights, file = _weights(prefix, start, network)
        left, right = st.columns(2, gap="medium")
        with left:
            balance = _choice(prefix, "Rare classes", BALANCES, start.balance)
        with right:
            unlabeled = _choice(prefix, "Unlabeled images", UNLABELED, start.unlabeled)
        pretrain = start.pretrain
        if new and transfer != "none" and weights == "pool":
            pretrain = _pretrain(prefix, start, cost)
    return LearnerRule(
        kind=kind,
        features=features,
        network=network,
        weights=weights,
        weights_file=file,
        transfer=transfer,
        mode=mode,
        unlabeled=unlabeled,
        balance=balance,
        pretrain=pretrain,
        extractor=extractor,
        extractor_file=extractor_file,
        tunes=tunes,
    )


def _pretrain(prefix: str, start: LearnerRule, cost: str | None) -> bool:
    """Ask whether a new project begins with a pretraining, and say what that costs."""
    pretrain = st.toggle(
        "Pretrain on the images once they are in",
        start.pretrain,
        key=f"{prefix}pretrain",
        persist_state="session",
        help="In the background; labeling and trainings go on meanwhile",
    )
    if cost:
        note(cost)
    return pretrain


def _weights(prefix: str, start: LearnerRule, network: str) -> tuple[Transfer, str, str]:
    """Ask what pretrained weights are used for, where they come from, and for their file."""
    left, right = st.columns(2, gap="medium")
    with left:
        transfer = _choice(prefix, "Pretrained weights", TRANSFERS, start.transfer)
    weights, file = start.weights, start.weights_file
    with right:
        if transfer != "none":
            offered = [w for w in WEIGHTS if w != "torchvision" or network in BACKBONES]
            weights = _choice(prefix, "Where they come from", WEIGHTS, weights, offered)
        elif weights == "torchvision" and network not in BACKBONES:
            weights = "pool"
    if transfer != "none" and weights == "file":
        file = st.text_input(
            "Path of the weights",
            file,
            key=f"{prefix}weights-file",
            persist_state="session",
            placeholder="/home/me/resnet18.pth",
            help="A state dict of torchvision (.pth, .pt, .safetensors) for its networks, or "
            "weights that alcore has pretrained",
        )
    return transfer, weights, file.strip()


def _kind(prefix: str, start: LearnerRule, estimators: Mapping[str, str]) -> tuple[str, str]:
    """Draw what learns, and from what where that is no network."""
    known = {**LEARNERS, **estimators}
    left, right = st.columns(2, gap="medium")
    with left:
        kind = _choice(prefix, "What learns", known, start.kind)
    features = start.features
    with right:
        if kind not in LEARNERS:
            features = _choice(prefix, "What it learns from", FEATURES, start.features)
    if kind not in LEARNERS:
        note(
            "It learns in a moment, but has no instant mode, no grid by predicted class and no "
            "search for images alike. The network below makes the embeddings, where there are "
            "weights for it."
        )
    return kind, features


def _extractor(prefix: str, start: LearnerRule, kind: str) -> tuple[str, str, bool]:
    """Draw whose features a learner uses, and whether they are tuned."""
    if kind not in ("auto", "features"):
        return start.extractor, start.extractor_file, start.tunes
    left, right = st.columns(2, gap="medium")
    with left:
        name = st.text_input(
            "Network that gives features",
            start.extractor,
            key=f"{prefix}extractor",
            persist_state="session",
            help=f"{PACKAGED_EXTRACTOR} comes with alcore. Any other of timm's networks may stand "
            "here, such as vit_small_patch14_dinov2.lvd142m; its weights come from timm's hub, "
            "where there is a network, and have licences of their own",
        )
    with right:
        file = st.text_input(
            "Path of its weights",
            start.extractor_file,
            key=f"{prefix}extractor-file",
            persist_state="session",
            placeholder="those that come with it",
            help="A state dict of timm (.pth, .pt, .safetensors) on this computer",
        )
    tunes = st.toggle(
        "Tune features to the labels",
        start.tunes,
        key=f"{prefix}tunes",
        persist_state="session",
        help=f"The last stages of {PACKAGED_EXTRACTOR} learn from the labels in the background, "
        "as these grow. Off: features stay as they were before the first label",
    )
    return name.strip(), file.strip(), tunes


def augmentation_field(place: Any, prefix: str, start: str) -> str:
    """Draw the choice of augmentation."""
    kinds = list(AUGMENTATIONS)
    return place.selectbox(
        "Augmentation",
        kinds,
        kinds.index(start),
        format_func=lambda kind: sentence(AUGMENTATIONS[kind]),
        key=f"{prefix}augmentation-{start}",
        persist_state="session",
        help="Mirroring helps with photographs of things. It harms where left and right "
        "mean something: digits, text, signs.",
    )


def augmentation_preview(images: np.ndarray | None, augmentation: str) -> None:
    """Show images, and below each how a training may see it."""
    if images is None or not len(images):
        note("What training sees of your images appears here once some are in.")
        return
    encoded = base64.b64encode(previews.sheet(images, augmentation)).decode()
    changed = "as they are" if augmentation == "none" else "changed a little each time"
    st.html(
        f'<div class="su-sheet"><img src="data:image/png;base64,{encoded}" '
        f'alt="Images of the project, and what training sees of them"></div>'
        f'<p class="su-note">First row: the images. Below: what training sees, {changed}.</p>'
    )


def _choice(
    prefix: str,
    label: str,
    sentences: Mapping[Choice, str],
    value: Choice,
    offered: Sequence[Choice] | None = None,
) -> Choice:
    """Draw a choice with one line about what is chosen."""
    names = list(offered or sentences)
    choice = st.selectbox(
        label,
        names,
        names.index(value) if value in names else 0,
        format_func=_name,
        key=f"{prefix}{label}-{'-'.join(map(str, map(len, names)))}",
        persist_state="session",
    )
    note(sentence(sentences[choice]))
    return choice


def _name(value: str) -> str:
    as_it_is = value in NETWORKS or "." in value
    return _NAMES.get(value) or (value if as_it_is else value.capitalize())
