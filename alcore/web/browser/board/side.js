// The column beside the image: who labels what, how much there is, what the model can, what runs.

import { fillBar, say } from "../shared/dom.js";
import { gettext, ngettext, said } from "../shared/language.js";
import { labels, number, percent, sentence } from "../shared/text.js";

export function drawWho(part, { name, annotator, guidelines }) {
  say(part.projectname, name);
  say(part.question, questionIn(guidelines.text));
  part.name.value = annotator;
}

// The question that the guidelines begin with, else the one that every project asks. Pure.
export function questionIn(guidelines) {
  const [, question] = /^\s*([^?\n]{3,140}\?)/.exec(guidelines) ?? [];
  return question ?? gettext("Which class is this?");
}

// fresh: labels given here that the status does not count yet.
export function drawStatus(part, status, fresh) {
  if (!status) return;
  say(part.mine, number(Math.max(0, status.mine_today + fresh)));
  say(part.team, number(Math.max(0, status.team_today + fresh)));
  say(part.labels, number(Math.max(0, status.labels + fresh)));
  say(part.aside, number(status.kept_aside));
  part.asidefield.hidden = !status.kept_aside;
  say(part.unlabeled, number(Math.max(0, status.unlabeled - fresh)));
  drawUntil(part, status, fresh);
  drawModel(part, status);
  drawJob(part, status.job);
}

// Whether a model is in training that the next one waits for.
const follows = ({ job, model, next_model: next }) => job?.state === "running" && next > (model ?? 0) + 1;

function drawUntil(part, status, fresh) {
  if (status.until_next == null) {
    say(part.until, gettext("Automatic training is off"));
    fillBar(part.untilbar, 0);
  } else {
    const left = Math.max(0, status.until_next - fresh);
    say(part.until, untilText(left, status));
    fillBar(part.untilbar, status.next_total ? 1 - left / status.next_total : 0);
  }
  say(part.blocked, said(status.blocked ?? ""));
}

function untilText(left, status) {
  const values = { model: status.next_model };
  if (left > 0) {
    return ngettext("{n} more label to model {model}", "{n} more labels to model {model}", left, values);
  }
  return follows(status) ? gettext("Enough labels for model {model}, which follows", values)
    : gettext("Enough labels for model {model}", values);
}

// What the model learned and nobody says any more.
function withdrawnText(status) {
  if (!status.withdrawn) return "";
  const model = status.until_next == null ? gettext("The next model")
    : gettext("Model {number}", { number: status.next_model });
  return ngettext("{n} of them was taken back since. {model} learns without.",
    "{n} of them were taken back since. {model} learns without.", status.withdrawn, { model });
}

function drawModel(part, status) {
  say(part.withdrawn, withdrawnText(status));
  if (status.model == null) {
    say(part.model, gettext("No model yet"));
    say(part.accuracy, "–");
    say(part.interval, "");
    say(part.holdout, gettext("The first one trains by itself."));
    return;
  }
  say(part.model, gettext("Model {number} · {labels}",
    { number: status.model, labels: labels(status.model_labels) }));
  if (status.accuracy == null) {
    say(part.accuracy, "–");
    say(part.interval, "");
    say(part.holdout, gettext("Accuracy is not measured yet."));
    return;
  }
  say(part.accuracy, percent(status.accuracy));
  say(part.interval, status.interval
    ? `(${status.interval.map((v) => Math.round(100 * v)).join("–")})` : "");
  say(part.holdout, ngettext("right on {n} image kept aside", "right on {n} images kept aside",
    status.holdout_n));
}

function drawJob(part, job) {
  part.job.dataset.state = job?.state ?? "none";
  if (!job) {
    say(part.jobname, gettext("Nothing runs now"));
    say(part.jobphase, "");
    fillBar(part.jobbar, 0);
    return;
  }
  if (job.state === "failed") {
    say(part.jobname, gettext("The {what} failed", { what: said(job.noun) }));
    const reason = job.error ?? gettext("No reason is known.");
    say(part.jobphase, gettext("{reason} Labeling goes on.", { reason: sentence(reason) }));
    fillBar(part.jobbar, 0);
    return;
  }
  if (job.state === "waiting") {
    say(part.jobname, gettext("{what} soon", { what: said(job.doing) }));
    say(part.jobphase, gettext("Waiting to start"));
    fillBar(part.jobbar, 0);
    return;
  }
  say(part.jobname, said(job.doing));
  const elapsed = gettext("{n} s so far", { n: Math.round(job.elapsed ?? 0) });
  say(part.jobphase,
    [said(job.phase), `${Math.round(100 * (job.progress ?? 0))} %`, elapsed].filter(Boolean).join(" · "));
  fillBar(part.jobbar, job.progress ?? 0);
}

// outbox: {ops, trouble, cause, locked, kept}; saved: how many labels were acknowledged on this page.
export function drawSaving(part, outbox, saved) {
  const pending = outbox.ops.length;
  say(part.saved, saved > 0 ? ngettext("{n} label saved", "{n} labels saved", saved) : gettext("Ready"));
  say(part.tick, outbox.trouble || outbox.locked ? "!" : "✓");
  part.tick.dataset.state = outbox.trouble || outbox.locked ? "trouble" : pending ? "busy" : "done";
  if (!pending || !(outbox.trouble || outbox.locked)) say(part.sending, "");
  else {
    const why = outbox.locked ? gettext("reload this page") : outbox.cause;
    const kept = outbox.kept ? gettext("kept in this browser") : gettext("do not close this page");
    say(part.sending, gettext("{n} to send: {why}, {kept}", { n: number(pending), why, kept }));
  }
}
