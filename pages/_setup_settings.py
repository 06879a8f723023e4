"""Owns the fields in which a project's settings are typed, for a new project and for one there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st

from alcore.config import HoldoutRule, LearnerRule, PixelRange, ProjectSettings, RetrainRule
from alcore.phrases import duration, sentence
from alcore.services import projects, setup
from pages._setup_learner import augmentation_field, augmentation_preview, learner_fields
from pages._setup_team import team_fields
from pages._setup_text import note

Fixed = Literal["share", "questions", "given"]


@dataclass(frozen=True)
class Case:
    """What the fields depend on besides the settings themselves."""

    prefix: str
    """Keys of the widgets begin with it."""
    holdout: Fixed
    """A share of the known classes, some of the questions, or a test folder that is given."""
    has_key: bool
    resolutions: Sequence[int]
    images: int
    """Images that may be asked."""
    classes: int
    images_at: Callable[[int], np.ndarray]
    """Some of the images at a resolution, (n, H, W, 3) uint8."""
    estimators: Mapping[str, str]
    """What may learn in place of the network, each with a sentence."""
    imported: int | None = None
    """Images in the holdout once all are in: what figures depend on is fixed then."""


def settings_fields(case: Case, start: ProjectSettings) -> ProjectSettings:
    """Draw all fields; return what they say. Raises InvalidSettings."""
    strategy, options, batch = _asking(case, start)
    instant = st.toggle(
        "Instant mode: the queue follows each answer",
        start.instant,
        key=f"{case.prefix}instant",
        persist_state="session",
        help="After every label a small part of the newest model is fitted again, and all images "
        "are ranked anew, within a second; the whole model is retrained behind it as usual. "
        "Strategies that need more than probabilities are stood in for by margin meanwhile; "
        "label or relabel keeps its own queue.",
    )
    retrain, resolution, augmentation = _training(case, start)
    pixel_range = _range(case, start.pixel_range)
    learner = learner_fields(
        case.prefix,
        start.learner,
        case.imported is None,
        _cost(case, start.learner, resolution),
        case.estimators,
    )
    holdout, baseline, seed = _measuring(case, start)
    budget, guidelines, answer_alike = _labeling(case, start)
    team = team_fields(case.prefix, start.team)
    return ProjectSettings(
        strategy=strategy,
        strategy_options=options,
        batch_size=batch,
        retrain=retrain,
        resolution=resolution,
        pixel_range=pixel_range,
        augmentation=augmentation,
        learner=learner,
        instant=instant,
        holdout=holdout,
        baseline=baseline,
        budget=budget,
        seed=seed,
        guidelines=guidelines,
        team=team,
        answer_alike=answer_alike,
        keys=start.keys,
    )


def _asking(case: Case, start: ProjectSettings) -> tuple[str, dict[str, Any], int]:
    st.markdown("#### What is asked next")
    families = setup.strategy_families(start.strategy)
    left, middle, right = st.columns([2, 2, 1])
    now = next(f for f, group in families.items() if any(s.name == start.strategy for s in group))
    family = left.selectbox(
        "What to look for",
        list(families),
        list(families).index(now),
        format_func=lambda family: sentence(family).removesuffix("."),
        key=f"{case.prefix}family",
        persist_state="session",
    )
    by_name = {strategy.name: strategy for strategy in families[family]}
    names = list(by_name)
    name = middle.selectbox(
        "Query strategy",
        names,
        names.index(start.strategy) if start.strategy in by_name else 0,
        key=f"{case.prefix}strategy-{family}",
        persist_state="session",
    )
    batch = right.number_input(
        "Batch size",
        1,
        1000,
        start.batch_size,
        key=f"{case.prefix}batch",
        persist_state="session",
        help="Images that one model picks at once",
    )
    strategy = by_name[name]
    table = projects.strategy_table(case.images, case.classes, start)
    seconds = next((row["seconds"] for row in table if row["name"] == name), 0.0)
    note(
        f"{strategy.sentence} {sentence(strategy.paper)} For these images it takes about "
        f"{_about(seconds)} a round on two cores, besides training."
    )
    with st.expander("Compare all strategies"):
        st.dataframe(table, hide_index=True, height=320, key=f"{case.prefix}strategies")
    return name, _options(case, start, name, strategy.options), int(batch)


def _options(
    case: Case, start: ProjectSettings, name: str, offered: Sequence[setup.Option]
) -> dict[str, Any]:
    """Ask for the options of a strategy, two beside each other."""
    options: dict[str, Any] = {}
    stored = start.strategy_options if start.strategy == name else {}
    for first in range(0, len(offered), 2):
        pair = offered[first : first + 2]
        for option, column in zip(pair, st.columns(2), strict=False):
            value = stored.get(option.name, option.default)
            with column:
                options[option.name] = _option(option, value, f"{case.prefix}{name}-{option.name}")
    if name == start.strategy and options == {
        o.name: stored.get(o.name, o.default) for o in offered
    }:
        options = dict(stored)  # nothing was changed: what goes without saying stays so
    return options


def _about(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _option(option: setup.Option, value: Any, key: str) -> Any:
    """Draw the field of one thing that can be set about a strategy; return what it says."""
    label, about = option.label or option.name.capitalize(), sentence(option.sentence)
    if option.kind in ("strategy", "choice"):
        names = setup.choices(option)
        return st.selectbox(
            label,
            names,
            names.index(value) if value in names else 0,
            key=key,
            persist_state="session",
            help=about,
        )
    if option.kind == "share":
        return st.slider(
            label,
            option.low,
            option.high,
            float(value),
            0.05,
            format="percent",
            key=key,
            persist_state="session",
            help=about,
        )
    kind = int if option.kind == "count" else float
    return st.number_input(
        label,
        kind(option.low),
        kind(option.high),
        kind(value),
        key=key,
        persist_state="session",
        help=about,
    )


def _training(case: Case, start: ProjectSettings) -> tuple[RetrainRule, int, str]:
    st.markdown("#### Training")
    rule = _retraining(case, start.retrain)
    a, b = st.columns([1, 2])
    sizes = list(case.resolutions)
    resolution = a.selectbox(
        "Resolution",
        sizes,
        sizes.index(start.resolution) if start.resolution in sizes else 0,
        format_func=lambda side: f"{side} × {side} pixels",
        key=f"{case.prefix}resolution-{start.resolution}",
        persist_state="session",
        help="What the model sees. Twice the side takes four times as long; "
        "annotators always see the original.",
    )
    augmentation = augmentation_field(b, case.prefix, start.augmentation)
    augmentation_preview(case.images_at(resolution), augmentation)
    return rule, resolution, augmentation


def _retraining(case: Case, rule: RetrainRule) -> RetrainRule:
    """Ask when the next model is trained."""
    automatic = st.toggle(
        "Train the next model without being asked",
        rule.automatic,
        key=f"{case.prefix}automatic",
        persist_state="session",
    )
    a, b, c = st.columns(3)
    new = a.number_input(
        "After new labels",
        1,
        100_000,
        rule.new_labels,
        key=f"{case.prefix}new",
        persist_state="session",
        disabled=not automatic,
        help="Labels since the last model that start the next one",
    )
    minimum = b.number_input(
        "First model at the latest with",
        2,
        100_000,
        rule.minimum,
        key=f"{case.prefix}minimum",
        persist_state="session",
        disabled=not automatic,
        help="It comes earlier once each class was seen",
    )
    wait = c.number_input(
        "Pause before it starts, in seconds",
        0.0,
        60.0,
        float(rule.debounce),
        0.1,
        key=f"{case.prefix}debounce",
        persist_state="session",
        disabled=not automatic,
        help="Labels given in this time are still taken along",
    )
    return RetrainRule(automatic, int(new), int(minimum), float(wait))


def _range(case: Case, known: PixelRange) -> PixelRange:
    """Ask for the range of values where the import has found deep images."""
    if known.scale is None:
        return known
    a, b = st.columns(2)
    black, white = (
        column.number_input(
            f"{name}: values of images of more than 8 bits",
            value=float(end),
            key=f"{case.prefix}range-{name}-{end}",
            persist_state="session",
            help="The import found what the images hold. The network and the people see the same.",
        )
        for column, name, end in zip((a, b), ("Black", "White"), known.scale[:2], strict=True)
    )
    bands = ", ".join(map(str, known.bands))
    text = st.text_input(
        "Bands that are shown, of images with many",
        bands,
        key=f"{case.prefix}bands-{bands}",
        placeholder="the first three",
        help="One number, or three for red, green and blue, counted from 1, such as 4, 3, 2",
    )
    return PixelRange(float(black), float(white), setup.bands(text))


def _cost(case: Case, learner: LearnerRule, resolution: int) -> str | None:
    if not case.images:
        return None
    seconds = setup.pretraining_seconds(case.images, learner.network, resolution)
    return f"For {case.images:,} images it takes about {duration(seconds)} on two cores."


def _measuring(case: Case, start: ProjectSettings) -> tuple[HoldoutRule, bool, int]:
    st.markdown("#### Measuring")
    rule, seed = start.holdout, start.seed
    if case.imported is not None:
        note(
            f"{_holdout_words(case, rule)} Seed {seed}. Both were fixed when the images came "
            "in: figures before and after a change could not be compared. A new project can "
            "have others."
        )
    else:
        rule, seed = _holdout_fields(case, rule, seed)
    baseline = st.toggle(
        "Simulate random labeling beside the live curve",
        start.baseline and case.has_key,
        key=f"{case.prefix}baseline-{case.has_key}",
        persist_state="session",
        disabled=not case.has_key,
        help="Shows what the strategy gains. It needs an answer key, and runs when nothing else "
        "does.",
    )
    # What cannot be switched is kept as it was.
    return rule, baseline if case.has_key else start.baseline, seed


def _holdout_fields(case: Case, rule: HoldoutRule, seed: int) -> tuple[HoldoutRule, int]:
    left, middle, right = st.columns(3)
    share, questions, every = rule.share, rule.questions, rule.every
    if case.holdout == "questions":
        questions = left.number_input(
            "Questions for the holdout",
            0,
            10_000,
            questions,
            key=f"{case.prefix}questions",
            persist_state="session",
            help="So many random images are asked to measure the model. "
            "They are never trained on, and look like all others.",
        )
        every = middle.number_input(
            "One question in",
            2,
            100,
            every,
            key=f"{case.prefix}every",
            persist_state="session",
            help="How often such a question comes",
        )
    elif case.holdout == "share":
        with left:
            share = st.slider(
                "Holdout",
                0.05,
                0.5,
                min(max(share, 0.05), 0.5),
                0.05,
                format="percent",
                key=f"{case.prefix}share",
                persist_state="session",
                help=f"Share of the images that measures the model, at most {rule.most:,}. "
                "Never asked, never trained on.",
            )
    else:
        with left:
            note("The holdout is the test folder: never asked, never trained on.")
    seed = right.number_input(
        "Seed",
        0,
        2**31,
        seed,
        key=f"{case.prefix}seed",
        persist_state="session",
        help="The same seed draws the same holdout and trains the same models",
    )
    return HoldoutRule(share, rule.most, int(questions), int(every)), int(seed)


def _holdout_words(case: Case, rule: HoldoutRule) -> str:
    if case.holdout == "questions":
        return f"Holdout: one question in {rule.every}, until {rule.questions:,} have answers."
    return f"Holdout: {case.imported:,} images."


def _labeling(case: Case, start: ProjectSettings) -> tuple[int | None, str, bool]:
    st.markdown("#### Labeling")
    left, right = st.columns([1, 2])
    budget = left.number_input(
        "Budget, in labels",
        1,
        10_000_000,
        start.budget,
        step=50,
        placeholder="no limit",
        key=f"{case.prefix}budget",
        persist_state="session",
        help="Stopping is advised once it is used up",
    )
    guidelines = right.text_area(
        "Guidelines for annotators",
        start.guidelines,
        key=f"{case.prefix}guidelines",
        persist_state="session",
        height=110,
        max_chars=10_000,
        placeholder="What belongs to which class; what to do in doubt",
    )
    answer_alike = st.toggle(
        "One answer holds for all near-duplicates of an image",
        start.answer_alike,
        key=f"{case.prefix}answer-alike",
        persist_state="session",
        help="Only one of them is asked about; the others in the pool get its label, and are taken "
        "back with it. Look at the groups first: they are under Images.",
    )
    return None if budget is None else int(budget), guidelines, answer_alike
