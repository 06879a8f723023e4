"""Owns the corner of the dashboard that says what is going on, with its controls."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import PHASES, elapsed, sentence
from alcore.records import Job, RoundSummary
from alcore.services import dashboard, training
from alcore.services.glossary import explained
from alcore.web import state
from pages._dashboard_parts import interval, percent, remember
from pages._who import check_still, owns, who

PATIENCE = 3.0
"""Seconds between two drawings that were caused by labels alone."""


@st.fragment(run_every=1.0)
def status(project_id: int) -> None:
    """Show what is going on, and have the charts drawn again when their data has changed."""
    check_still("take part", project_id)
    activity, standing = _now(project_id)
    job = activity.training
    active = job is not None and job.state in ("waiting", "running")
    st.html(
        _figures(standing)
        + _work_lines(standing, job, activity.baseline)
        + _background_line("Features", activity.features)
        + _background_line("Tuning of features", activity.tuning)
        + _pretraining_line(activity.pretraining)
    )
    owner = owns(project_id)
    others = None if owner else "Owners of this project start and stop trainings."
    left, right = st.columns(2)
    left.button(
        "Train now",
        key="train",
        type="primary",
        icon=":material/play_arrow:",
        disabled=active or not owner,
        help=others,
        width="stretch",
        on_click=_ask,
        args=(training.train, project_id),
    )
    right.button(
        "Stop",
        key="danger-stop",
        icon=":material/stop:",
        disabled=not active or not owner,
        help=others,
        width="stretch",
        on_click=_ask,
        args=(training.stop, project_id),
    )
    refused_for, why = st.session_state.get("refused", (None, ""))
    sentences = _refusal(why) if refused_for == project_id else _advice(standing)
    st.html(_withdrawn(standing) + _mixture(standing) + sentences)
    if standing.model is not None and standing.model.recipe.notes:
        st.html(_remarks(standing.model))


@st.fragment(run_every=1.0)
def summary(project_id: int) -> None:
    """Say in a line where the project stands; beside sections that need the whole width."""
    check_still("take part", project_id)
    activity, standing = _now(project_id)
    model = standing.model
    parts = ["No model yet" if model is None else f"Model {model.number}"]
    if model is not None and model.evaluation.accuracy is not None:
        parts.append(f"accuracy {percent(model.evaluation.accuracy)}")
    parts.append(f"{standing.labels:,} training labels")
    job = activity.training
    if job is not None and job.state == "running":
        parts.append(f"the next model trains: {100 * job.progress:.0f} %")
    parts += [_withdrawn_words(standing)] if standing.withdrawn else []
    st.html(f'<p class="al-summary">{escape(" · ".join(parts))}</p>')


def _now(project_id: int) -> tuple[dashboard.Activity, dashboard.Standing]:
    """Read where the project stands; draw the page again where its data has changed."""
    activity = dashboard.activity(state.store(), project_id, who().id)
    drawn_id, pulse, at = st.session_state["drawn"]
    if drawn_id == project_id and pulse != activity.pulse:
        same_models = (pulse.round_id, pulse.baseline_points, pulse.classes) == (
            activity.pulse.round_id,
            activity.pulse.baseline_points,
            activity.pulse.classes,
        )
        if not same_models or time.monotonic() - at > PATIENCE:
            st.rerun()
    job = activity.training
    standing = remember(
        "standing",
        (project_id, activity.pulse, job and (job.id, job.state, job.args.get("model"))),
        lambda: dashboard.standing(state.store(), project_id),
    )
    return activity, standing


def _ask(action: Callable[[Any, int, int], None], project_id: int) -> None:
    try:
        action(state.store(), project_id, who().id)
    except AlcoreError as error:
        st.session_state["refused"] = (project_id, sentence(str(error)))
    else:
        st.session_state.pop("refused", None)


def _refusal(why: str) -> str:
    return f'<div class="al-note al-bad"><p>{escape(why)}</p></div>'


def _figures(standing: dashboard.Standing) -> str:
    model = standing.model
    if model is None or model.evaluation.accuracy is None or model.evaluation.interval is None:
        accuracy, about = (
            "–",
            "accuracy, with the first model" if model is None else "no holdout yet",
        )
    else:
        accuracy = percent(model.evaluation.accuracy)
        about = (
            f"accuracy of model {model.number}<br>"
            f"{interval(*model.evaluation.interval)}, {model.evaluation.n:,} images"
        )
    left = f"{standing.unlabeled:,} images unlabeled"
    if standing.kept_aside:
        left = f"{standing.kept_aside:,} more kept aside<br>{left}"
    return (
        f'<div class="al-figures"><div><b>{accuracy}</b><span>{about}</span></div>'
        f"<div><b>{standing.labels:,}</b><span>training labels<br>{left}</span></div></div>"
    )


def _work_lines(standing: dashboard.Standing, job: Job | None, baseline: Job | None) -> str:
    number = (standing.model.number if standing.model else 0) + 1
    simulated = standing.project.has_key and standing.project.settings.baseline
    return "".join(
        (
            _due_line(standing, number),
            _training_line(number, job),
            _baseline_line(baseline, simulated),
        )
    )


def _due_line(standing: dashboard.Standing, number: int) -> str:
    due = standing.due
    missing = due.missing
    have = due.step - missing if missing is not None else 0
    if due.blocked:
        wait = sentence(due.blocked)
    elif missing is None:
        wait = "Models are trained when you ask for one"
    elif missing == 0:
        follows = ", which follows" if standing.next_model > number else ""
        wait = f"Enough labels for model {standing.next_model}{follows}"
    else:
        more = "label" if missing == 1 else "labels"
        wait = f"{missing} more {more} to model {standing.next_model}"
    return _line(wait, "", have / max(1, due.step), "al-count")


def _training_line(number: int, job: Job | None) -> str:
    share: float | None = None
    text, side, kind = "No model is training", "", ""
    if job is not None and job.state == "running":
        seconds = time.time() - (job.started_at or job.created_at)
        text = (
            "Stopping"
            if job.cancel_requested
            else f"Model {number}: {PHASES.get(job.phase, job.phase)}"
        )
        side, share = f"{100 * job.progress:.0f} % · {elapsed(seconds)}", job.progress
    elif job is not None and job.state == "waiting":
        text = f"Model {number} is about to start"
        if job.error:
            text, kind = f"Model {number} waits: {job.error}", "al-bad"
    elif job is not None and job.state == "failed":
        text, kind = f"The last training failed: {job.error}", "al-bad"
    elif job is not None and job.state == "cancelled":
        text = "The last training was stopped"
    return _line(text, side, share, kind)


def _baseline_line(baseline: Job | None, simulated: bool) -> str:
    share: float | None = 1.0
    text, side, kind = "Random labeling: up to date", "", ""
    if not simulated:
        text, share = "Random labeling: not simulated", None
    elif baseline is None:
        text, share = "Random labeling: simulated after the next model", None
    elif baseline.state == "running":
        text, share = "Random labeling: simulating", baseline.progress
        side = f"{100 * baseline.progress:.0f} %"
    elif baseline.state == "waiting":
        text, share = f"Random labeling: {baseline.error or 'waits for its turn'}", None
    elif baseline.state == "failed":
        text, share, kind = f"Random labeling failed: {baseline.error}", None, "al-bad"
    elif baseline.state == "cancelled":
        text, share = "Random labeling: stopped, goes on after the next model", None
    return _line(text, side, share, kind)


def _background_line(what: str, job: Job | None) -> str:
    if job is None or job.state == "done":
        return ""
    if job.state == "running":
        return _line(what, f"{100 * job.progress:.0f} %", job.progress, "")
    if job.state == "failed":
        return _line(f"{what} failed: {job.error}", "", None, "al-bad")
    text = f"{what}: waiting for a turn" if job.state == "waiting" else f"{what}: stopped"
    return _line(text, "", job.progress, "")


def _mixture(standing: dashboard.Standing) -> str:
    """Say what the newest model is mixed of, and which labels its features have learned from."""
    if standing.model is None:
        return ""
    recipe = standing.model.recipe
    words = [dashboard.mixture_words(recipe.mixture)] if recipe.mixture else []
    if recipe.tuned:
        words.append(f"Features tuned to {recipe.tuned:,} labels")
    if not words:
        return ""
    return f'<p class="al-note"><b>This model.</b> {escape(". ".join(words))}.</p>'


def _pretraining_line(job: Job | None) -> str:
    if job is None:
        return _line("Pretraining: not done; the Set-up page starts it", "", None, "")
    side = f"{100 * job.progress:.0f} %"
    if job.state == "running":
        text = "Pretraining: keeping its work" if job.cancel_requested else "Pretraining"
        return _line(text, side, job.progress, "")
    if job.state == "waiting":
        return _line(f"Pretraining: {job.error or 'waits for its turn'}", "", job.progress, "")
    if job.state == "failed":
        return _line(f"Pretraining failed: {job.error}", "", None, "al-bad")
    if job.state == "cancelled":
        return _line(f"Pretraining: {job.error}", side, job.progress, "")
    return _line("Pretraining: done", "", 1.0, "")


def _withdrawn(standing: dashboard.Standing) -> str:
    """Say that the newest model learned from labels that are no longer there, and what follows."""
    if not standing.withdrawn:
        return ""
    then = (
        "Press Train now for one without."
        if standing.due.missing is None
        else f"Model {standing.next_model} learns without."
    )
    return f'<p class="al-note"><b>{_withdrawn_words(standing)}.</b> {then}</p>'


def _withdrawn_words(standing: dashboard.Standing) -> str:
    count, model = standing.withdrawn, standing.model
    labels = "1 label that was" if count == 1 else f"{count:,} labels that were"
    return f"Model {model.number if model else 0} learned from {labels} taken back since"


def _remarks(model: RoundSummary) -> str:
    """Say what went otherwise than the settings say."""
    sentences = " ".join(escape(sentence(note)) for note in model.recipe.notes)
    return f'<p class="al-note"><b>Model {model.number}.</b> {sentences}</p>'


def _line(text: str, side: str, share: float | None, kind: str) -> str:
    """Say how far something is; a share of None has no bar, but keeps the room of one."""
    rest = " al-rest" if share is None else ""
    width = 100 * min(1.0, max(0.0, share or 0.0))
    return (
        f'<div class="al-line {kind}"><p title="{escape(text)}">{escape(text)}'
        f"<span>{escape(side)}</span></p>"
        f'<div class="al-bar{rest}"><i style="width:{width:.1f}%"></i></div></div>'
    )


def _advice(standing: dashboard.Standing) -> str:
    if standing.model is None:
        return '<p class="al-note">Advice on when to stop appears after a few models.</p>'
    head = "You can stop labeling" if standing.advice.stop else "Go on labeling"
    reason = explained(sentence(standing.advice.reason))
    return f'<p class="al-note"><b>{head}.</b> {reason}</p>'
