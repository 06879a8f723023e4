"""Owns the dashboard page: widgets only; what they show comes from the dashboard service.

Charts are drawn again only when the counters of the project's data change; the status asks for
them every second, and nothing else on the page moves meanwhile.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Job, Project, RoundSummary
from alcore.services import dashboard, projects, training
from alcore.services.exporting import write_csv
from alcore.store import Store
from alcore.web import routes, state
from alcore.web.palette import class_colours
from pages import _dashboard_charts as charts
from pages._shell import choose_project, empty

TALL = 340
"""Height of the charts side by side, in pixels."""
PATIENCE = 3.0
"""Seconds between two drawings that were caused by labels alone."""
MOST_CLASSES = 100
METRICS = ("accuracy", "macro-F1")
AXES = {"labels": "labels", "minutes": "minutes of labeling"}


def page() -> None:
    store = state.store()
    ready = [p for p in projects.list_projects(store) if p.state == "ready"]
    if not ready:
        empty(
            "The dashboard appears with the first project whose images are in. "
            "Make one on the Set-up page.",
            TALL,
        )
        return
    project = choose_project(ready)
    st.html(STYLE)
    seen = dashboard.activity(store, project.id)
    st.session_state["drawn"] = (project.id, seen.pulse, time.monotonic())
    done = _kept("history", (project.id, seen.pulse), lambda: dashboard.history(store, project.id))
    colours = charts.DARK if st.context.theme.type == "dark" else charts.LIGHT

    left, right = st.columns([2.4, 1], gap="large")
    with left:
        _curve(store, project, seen.pulse, colours)
    with right:
        _status(store, project.id)
    _classes(store, project, done, colours)
    left, right = st.columns(2, gap="large")
    with left:
        _uncertainty(done, colours)
    with right:
        _labels_per_class(store, project, colours)
    _people(store, project.id, colours)
    _rounds(project, done)


# -- learning curve ----------------------------------------------------------------------------


def _curve(store: Store, project: Project, pulse: Any, colours: charts.Colours) -> None:
    with _heading("Learning curve"):
        metric = st.segmented_control(
            "Metric",
            METRICS,
            default="accuracy",
            required=True,
            key="metric",
            bind="query-params",
            label_visibility="collapsed",
        )
        axis = st.segmented_control(
            "Against",
            list(AXES),
            default="labels",
            required=True,
            key="against",
            bind="query-params",
            label_visibility="collapsed",
        )
        found = _kept(
            f"curve {metric}",
            (project.id, pulse),
            lambda: dashboard.curve(store, project.id, metric),
        )
        _download("learning-curve", found.rows)
    if not found.live:
        empty(_why_no_curve(project, dashboard.standing(store, project.id)), TALL + 40)
        return
    st.vega_lite_chart(
        charts.learning_curve(
            _curve_rows(found, axis),
            colours,
            metric=metric,
            axis=AXES[axis],
            floor=dashboard.floor(found),
            height=TALL,
        ),
        key=f"curve-{metric}-{axis}",
    )
    spread = "the range of its trainings" if any(r["low"] is not None for r in found.random) else ""
    st.caption(
        "Band: 95 % interval on the holdout. "
        + (
            "Dashed: as many labels drawn at random, simulated from the answer key"
            + (f", with {spread}." if spread else ".")
            if found.random
            else "No curve of random labeling: " + _why_no_random(project)
        )
    )


def _curve_rows(found: dashboard.Curve, axis: str) -> list[charts.Row]:
    """Name the ends of the curves, the higher one above its line."""
    rows = []
    last = {"live": found.live[-1], "random": found.random[-1] if found.random else None}
    live_above = last["random"] is None or last["live"]["value"] >= last["random"]["value"]
    for row in found.rows:
        live = row["series"] == "live"
        name = row["strategy"] if live else "random"
        end = f"{name} {_percent(row['value'])}" if row is last[row["series"]] else None
        rows.append(
            {
                **{k: row[k] for k in ("series", "labels", "minutes", "value", "low", "high")},
                "x": row[axis],
                "alone": len(found.live if live else found.random) == 1,
                "trials": row["trials"],
                "what": f"model {row['model']}, {name}" if live else "random labeling",
                "end": end,
                "above": live == live_above,
            }
        )
    if found.stop:
        mark = dict.fromkeys(rows[0]) | {
            "series": "stop",
            "x": found.stop[axis],
            "alone": False,
            "end": "stop advised",
            "above": True,
        }
        rows.append(mark)
    return rows


def _why_no_curve(project: Project, standing: dashboard.Standing) -> str:
    if standing.model is not None:
        return (
            "The curve appears once the holdout has answers: some of the questions on the Label "
            "page go there, unmarked."
        )
    missing = standing.due.missing
    if missing is None:
        return "The curve starts with the first model. Label some images, then press Train now."
    if missing:
        return (
            f"The curve starts with the first model, after {missing} more "
            f"{'label' if missing == 1 else 'labels'} on the Label page."
        )
    return "The curve starts with the first model, which is on its way."


def _why_no_random(project: Project) -> str:
    if not project.has_key:
        return "it is simulated where the true classes are known, and here they are not."
    if not project.settings.baseline:
        return "it is switched off on the Set-up page."
    return "it is simulated in the background after each model."


# -- status and controls -----------------------------------------------------------------------


@st.fragment(run_every=1.0)
def _status(store: Store, project_id: int) -> None:
    """Show what is going on, and have the charts drawn again when their data has changed."""
    seen = dashboard.activity(store, project_id)
    drawn_id, drawn, at = st.session_state["drawn"]
    if drawn_id == project_id and drawn != seen.pulse:
        same_models = (drawn.round_id, drawn.baseline_points, drawn.classes) == (
            seen.pulse.round_id,
            seen.pulse.baseline_points,
            seen.pulse.classes,
        )
        if not same_models or time.monotonic() - at > PATIENCE:
            st.rerun()
    job = seen.training
    standing = _kept(
        "standing",
        (project_id, seen.pulse, job and (job.id, job.state)),
        lambda: dashboard.standing(store, project_id),
    )
    active = job is not None and job.state in ("waiting", "running")
    st.html(_figures(standing) + _work_lines(standing, job, seen.baseline))
    left, right = st.columns(2)
    left.button(
        "Train now",
        key="train",
        type="primary",
        icon=":material/play_arrow:",
        disabled=active,
        width="stretch",
        on_click=_ask,
        args=(training.train, store, project_id),
    )
    right.button(
        "Stop",
        key="stop",
        icon=":material/stop:",
        disabled=not active,
        width="stretch",
        on_click=_ask,
        args=(training.stop, store, project_id),
    )
    refused = st.session_state.get("refused", "")
    st.html(
        _advice(standing) if not refused else f'<p class="al-note al-bad">{escape(refused)}</p>'
    )


def _ask(action: Callable[[Store, int], None], store: Store, project_id: int) -> None:
    try:
        action(store, project_id)
    except AlcoreError as error:
        st.session_state["refused"] = _sentence(str(error))
    else:
        st.session_state["refused"] = ""


def _figures(standing: dashboard.Standing) -> str:
    model = standing.model
    if model is None or model.evaluation.accuracy is None:
        accuracy, about = (
            "–",
            "accuracy, with the first model" if model is None else "no holdout yet",
        )
    else:
        accuracy = _percent(model.evaluation.accuracy)
        about = (
            f"accuracy of model {model.number}<br>"
            f"{_interval(*model.evaluation.interval)}, {model.evaluation.n:,} images"
        )
    left = f"{standing.unlabeled:,} images unlabeled"
    return (
        f'<div class="al-figures"><div><b>{accuracy}</b><span>{about}</span></div>'
        f"<div><b>{standing.labels:,}</b><span>training labels<br>{left}</span></div></div>"
    )


def _work_lines(standing: dashboard.Standing, job: Job | None, baseline: Job | None) -> str:
    number = standing.model.number + 1 if standing.model else 1
    due = standing.due
    missing = due.missing
    have = due.step - missing if missing is not None else 0
    if due.blocked:
        wait = _sentence(due.blocked)
    elif missing is None:
        wait = "Models are trained when you ask for one"
    elif missing == 0:
        wait = f"Enough labels for model {number}"
    else:
        wait = f"{missing} more {'label' if missing == 1 else 'labels'} to model {number}"
    lines = [_line(wait, "", have / max(1, due.step), "al-count")]

    text, side, share, kind = "No model is training", "", 0.0, ""
    if job is not None and job.state == "running":
        elapsed = time.time() - (job.started_at or job.created_at)
        text = "Stopping" if job.cancel_requested else f"Model {number}: {job.phase}"
        side, share = f"{100 * job.progress:.0f} % · {_duration(elapsed)}", job.progress
    elif job is not None and job.state == "waiting":
        text = f"Model {number} is about to start"
    elif job is not None and job.state == "failed":
        text, kind = f"The last training failed: {job.error}", "al-bad"
    elif job is not None and job.state == "cancelled":
        text = "The last training was stopped"
    lines.append(_line(text, side, share, kind))

    text, side, share, kind = "Random labeling: up to date", "", 1.0, ""
    if not standing.project.has_key or not standing.project.settings.baseline:
        text, share = "Random labeling: not simulated", 0.0
    elif baseline is None:
        text, share = "Random labeling: simulated after the next model", 0.0
    elif baseline.state == "running":
        text, share = "Random labeling: simulating", baseline.progress
        side = f"{100 * share:.0f} %"
    elif baseline.state == "waiting":
        text, share = "Random labeling: waits for its turn", 0.0
    elif baseline.state == "failed":
        text, share, kind = f"Random labeling failed: {baseline.error}", 0.0, "al-bad"
    elif baseline.state == "cancelled":
        text, share = "Random labeling: stopped, goes on after the next model", 0.0
    lines.append(_line(text, side, share, kind))
    return "".join(lines)


def _line(text: str, side: str, share: float, kind: str) -> str:
    width = 100 * min(1.0, max(0.0, share))
    return (
        f'<div class="al-line {kind}"><p title="{escape(text)}">{escape(text)}'
        f"<span>{escape(side)}</span></p>"
        f'<div class="al-bar"><i style="width:{width:.1f}%"></i></div></div>'
    )


def _advice(standing: dashboard.Standing) -> str:
    if standing.model is None:
        return '<p class="al-note">Advice on when to stop appears after a few models.</p>'
    head = "You can stop labeling" if standing.advice.stop else "Go on labeling"
    return f'<p class="al-note"><b>{head}.</b> {escape(_sentence(standing.advice.reason))}</p>'


# -- one model ---------------------------------------------------------------------------------


@st.fragment
def _classes(
    store: Store, project: Project, done: Sequence[RoundSummary], colours: charts.Colours
) -> None:
    """Draw the charts of one model; a click on a cell moves nothing but its images."""
    measured = {str(r.number): r for r in reversed(done) if r.evaluation.n}
    with _heading("Classes"):
        choice = st.selectbox(
            "Model",
            ["newest", *measured],
            key="model",
            bind="query-params",
            format_func=lambda n: "newest model" if n == "newest" else f"model {n}",
            label_visibility="collapsed",
            width=180,
            disabled=not measured,
        )
    model = measured.get(choice) or next(iter(measured.values()), None)
    height = min(max(charts.rows_height(len(project.classes)) + 16, 260), TALL + 60)
    left, right = st.columns(2, gap="large")
    with left:
        _per_class(project, model, colours, height)
    with right:
        chosen = _confusion(project, model, colours, height)
    with st.container(height=136, border=False):
        if model and chosen:
            _behind(store, project.id, model.number, chosen)
        else:
            empty("The images behind a cell of the confusion matrix appear here: click one.", 112)


def _per_class(
    project: Project, model: RoundSummary | None, colours: charts.Colours, height: int
) -> None:
    rows = dashboard.per_class(project, model) if model else []
    with _heading("Precision and recall", small=True):
        _download("per-class", rows)
    with st.container(height=height, border=False):
        if not rows:
            empty("Precision and recall of each class appear with the first model.", height - 16)
        else:
            shown = rows[:MOST_CLASSES]
            by_position = class_colours(len(project.classes))
            st.vega_lite_chart(
                charts.per_class(
                    [row | {"colour": by_position[row["position"]]} for row in shown],
                    colours,
                    _names(shown),
                ),
                key="per-class",
            )
    st.caption(
        "Filled: recall, the share of a class that was found. Ring: precision, the share of the "
        "answers that were right. Weakest recall first"
        + (f"; {MOST_CLASSES} of {len(rows)} classes." if len(rows) > MOST_CLASSES else ".")
    )


def _confusion(
    project: Project, model: RoundSummary | None, colours: charts.Colours, height: int
) -> dict[str, Any] | None:
    """Draw the matrix; return the fields t and p of the cell that was clicked."""
    rows = dashboard.confusion(project, model) if model else []
    with _heading("Confusion", small=True):
        whole = dashboard.confusion(project, model, all_classes=True) if model else []
        _download("confusion", whole)
    with st.container(height=height, border=False):
        if model is None:
            empty("Which classes are taken for which appears with the first model.", height - 16)
            chosen = []
        else:
            names = list(dict.fromkeys(row["true"] for row in rows))
            event = st.vega_lite_chart(
                charts.confusion(rows, colours, names, height - 16),
                key=f"confusion-{project.id}",
                on_select="rerun",
            )
            chosen = event.selection.get("cell") or []
    left_out = len(model.evaluation.confusion) - len(names) if model else 0
    st.caption(
        "Images of the holdout. Grey: right. Blue: wrong, the stronger the larger its share."
        + (f" {left_out} classes with fewer mistakes are left out." if left_out else "")
    )
    return chosen[0] if chosen else None


def _behind(store: Store, project_id: int, number: int, chosen: dict[str, Any]) -> None:
    try:
        cell = dashboard.behind_cell(store, project_id, number, int(chosen["t"]), int(chosen["p"]))
    except AlcoreError as error:
        empty(_sentence(str(error)), 112)
        return
    if cell.true == cell.predicted:
        what = f"{cell.true}, recognised: {cell.count:,}"
    else:
        what = f"{cell.true} taken for {cell.predicted}: {cell.count:,}"
    if not cell.count:
        empty(f"No image of {cell.true} was taken for {cell.predicted}.", 112)
        return
    figures = "".join(
        f'<figure title="{escape(p.name)}"><img src="{escape(_src(project_id, p))}" alt="'
        f'{escape(p.name)}" loading="lazy" class="{"al-crisp" if p.width < 128 else ""}">'
        f"<figcaption>{100 * confidence:.0f} %</figcaption></figure>"
        for p, confidence in cell.pictures
    )
    shown = len(cell.pictures)
    rest = f", {shown} shown" if shown < cell.count else ""
    st.html(
        f'<p class="al-cell">{escape(what)}{rest}; with the confidence of model {number}</p>'
        f'<div class="al-images">{figures}</div>'
    )


def _src(project_id: int, picture: Any) -> str:
    return routes.src(project_id, picture.item_id, picture.content_hash)


# -- pool and labels ---------------------------------------------------------------------------


def _uncertainty(done: Sequence[RoundSummary], colours: charts.Colours) -> None:
    rows = dashboard.uncertainty(done)
    with _heading("Uncertainty of the unlabeled images"):
        _download("uncertainty", rows)
    if not rows:
        empty(
            "How unsure each model was about the unlabeled images appears with the first one.", TALL
        )
    else:
        st.vega_lite_chart(charts.uncertainty(rows, colours, TALL), key="uncertainty")
    st.caption("One column per model; the stronger the shade, the more of its images lie there.")


def _labels_per_class(store: Store, project: Project, colours: charts.Colours) -> None:
    rows = dashboard.labels_per_class(store, project.id)
    height = min(max(charts.rows_height(len(project.classes)) + 16, 260), TALL + 16)
    with _heading("Labels per class"):
        _download("labels-per-class", rows)
    with st.container(height=height, border=False):
        if not any(row["training"] + row["holdout"] for row in rows):
            empty("Labels per class appear with the first label.", height - 16)
        else:
            shown = sorted(rows, key=lambda row: row["training"])[:MOST_CLASSES]
            shown.sort(key=lambda row: row["position"])
            st.vega_lite_chart(
                charts.labels_per_class(_bars(shown, len(rows)), colours, _names(shown)),
                key="labels-per-class",
            )
    held = any(row["holdout"] for row in rows)
    st.caption("Full: for training. Pale: for the holdout." if held else "Labels for training.")


def _bars(rows: Sequence[charts.Row], n_classes: int) -> list[charts.Row]:
    colours = class_colours(n_classes)
    return [
        {
            "class": row["class"],
            "kind": kind,
            "labels": row[kind],
            "total": row["training"] + row["holdout"] if kind == "training" else None,
            "colour": colours[row["position"]],
        }
        for row in rows
        for kind in ("training", "holdout")
    ]


def _names(rows: Sequence[charts.Row]) -> list[str]:
    return [row["class"] for row in rows]


def _people(store: Store, project_id: int, colours: charts.Colours) -> None:
    over_time = dashboard.labels_over_time(store, project_id)
    rows = over_time.rows
    team = dashboard.annotators(store, project_id)
    left, right = st.columns(2, gap="large")
    with left:
        with _heading("Labels over time"):
            _download("labels-over-time", rows)
        if not rows:
            empty("Labels over time appear with the first label.", 240)
        else:
            names = [w["annotator"] for w in team if w["labels"]]
            bars = [row | {"from": 1000 * row["from"], "to": 1000 * row["to"]} for row in rows]
            st.vega_lite_chart(
                charts.labels_over_time(
                    bars,
                    colours,
                    names,
                    stretch=over_time.stretch,
                    span=(1000 * over_time.start, 1000 * over_time.end),
                    height=240,
                ),
                key="over-time",
            )
    with right:
        with _heading("Annotators"):
            _download("annotators", team)
        if not team:
            empty("Who labeled how much, and how fast, appears with the first label.", 240)
        else:
            st.dataframe(
                [row | {"last label": _instant(row["last label"])} for row in team],
                height=240,
                hide_index=True,
                column_order=(
                    "annotator",
                    "labels",
                    "labels per hour",
                    "median seconds",
                    "skipped",
                    "unsure",
                    "last label",
                ),
                column_config={
                    "labels per hour": st.column_config.NumberColumn("per hour", format="%.0f"),
                    "median seconds": st.column_config.NumberColumn("median s", format="%.1f"),
                },
                key="annotators",
            )


def _rounds(project: Project, done: Sequence[RoundSummary]) -> None:
    rows = dashboard.round_table(done)
    with _heading("Rounds"):
        _download("rounds", rows)
    if not rows:
        empty("Each training adds a line here: labels, accuracy, times, checkpoint.", 200)
        return
    seconds = st.column_config.NumberColumn(format="%.2f")
    share = st.column_config.NumberColumn(format="%.1f %%")
    st.dataframe(
        [
            row
            | {
                "finished": _instant(row["finished"]),
                "accuracy": _hundred(row["accuracy"]),
                "macro-F1": _hundred(row["macro-F1"]),
                "95 % interval": _interval(row["low"], row["high"]),
            }
            for row in rows
        ],
        height=320,
        hide_index=True,
        column_order=(
            "model",
            "labels",
            "accuracy",
            "95 % interval",
            "macro-F1",
            "strategy",
            *(f"{phase} s" for phase in ("train", "evaluate", "score", "select")),
            "minutes",
            "finished",
            "checkpoint",
        ),
        column_config={
            **{f"{phase} s": seconds for phase in ("train", "evaluate", "score", "select")},
            "accuracy": share,
            "macro-F1": share,
            "minutes": st.column_config.NumberColumn("human minutes", format="%.1f"),
        },
        key="rounds",
    )


# -- shared pieces -----------------------------------------------------------------------------


def _kept(name: str, key: Any, compute: Callable[[], Any]) -> Any:
    """Compute a value again only when its key has changed."""
    kept = st.session_state.get(f"kept {name}")
    if kept is None or kept[0] != key:
        kept = (key, compute())
        st.session_state[f"kept {name}"] = kept
    return kept[1]


def _heading(text: str, small: bool = False) -> Any:
    """Draw a title, and give the row to its right for controls."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    row.markdown(f"{'####' if small else '###'} {text}", width="stretch")
    return row


def _download(name: str, rows: Sequence[dict[str, Any]]) -> None:
    def text() -> str:
        out = io.StringIO()
        write_csv(out, list(rows[0]) if rows else (), rows)
        return out.getvalue()

    st.download_button(
        "CSV",
        text,
        f"{name}.csv",
        "text/csv",
        key=f"download-{name}",
        icon=":material/download:",
        type="tertiary",
        disabled=not rows,
        on_click="ignore",
        help="Download the data of this chart",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _hundred(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{100 * low:.1f}–{_percent(high)}"


def _duration(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def _instant(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?")) else text + "."


STYLE = """<style>
.al-figures {display:flex; gap:2rem; font-variant-numeric:tabular-nums; min-height:104px}
.al-figures b {display:block; font-size:1.9rem; font-weight:600; line-height:1.25}
.al-figures span {font-size:.82rem; opacity:.72; line-height:1.35; display:block}
.al-line {margin:.35rem 0 .6rem; font-variant-numeric:tabular-nums}
.al-line p {margin:0 0 .25rem; font-size:.9rem; display:flex; justify-content:space-between;
  gap:1rem; min-height:1.4rem; overflow-wrap:anywhere}
.al-line p span {white-space:nowrap; opacity:.72}
.al-bar {height:6px; border-radius:3px; background:rgba(128,132,150,.22); overflow:hidden}
.al-bar i {display:block; height:100%; border-radius:3px; background:rgb(110,124,205);
  transition:width .4s}
.al-bad p {color:#c4442e}
.al-note {font-size:.88rem; line-height:1.4; min-height:3.9rem; margin:.2rem 0 0}
.al-cell {font-size:.88rem; margin:0 0 .4rem}
.al-images {display:flex; flex-wrap:wrap; gap:8px}
.al-images figure {margin:0; width:64px}
.al-images img {width:64px; height:64px; object-fit:contain; border-radius:4px;
  background:rgba(128,132,150,.16)}
.al-images .al-crisp {image-rendering:pixelated}
.al-images figcaption {font-size:.72rem; opacity:.72; text-align:center;
  font-variant-numeric:tabular-nums}
</style>"""


page()
