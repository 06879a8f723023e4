// The column beside the image: who labels what, how much there is, what the model can, what runs.

import { fillBar, say } from "../shared/dom.js";
import { number, percent, plural } from "../shared/text.js";

export function drawWho(part, { name, annotator, guidelines }) {
  say(part.projectname, name);
  say(part.question, questionIn(guidelines.text));
  part.name.value = annotator;
}

// The question that the guidelines begin with, else the one that every project asks. Pure.
export function questionIn(guidelines) {
  const [, question] = /^\s*([^?\n]{3,140}\?)/.exec(guidelines) ?? [];
  return question ?? "Which class is this?";
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
    say(part.until, "Automatic training is off");
    fillBar(part.untilbar, 0);
  } else {
    const left = Math.max(0, status.until_next - fresh);
    say(part.until, left > 0
      ? `${number(left)} more ${left === 1 ? "label" : "labels"} to model ${status.next_model}`
      : `Enough labels for model ${status.next_model}${follows(status) ? ", which follows" : ""}`);
    fillBar(part.untilbar, status.next_total ? 1 - left / status.next_total : 0);
  }
  say(part.blocked, status.blocked ?? "");
}

// What the model learned and nobody says any more.
function withdrawnText(status) {
  if (!status.withdrawn) return "";
  const back = status.withdrawn === 1 ? "1 of them was taken back"
    : `${number(status.withdrawn)} of them were taken back`;
  return status.until_next == null
    ? `${back} since. The next model learns without.`
    : `${back} since. Model ${status.next_model} learns without.`;
}

function drawModel(part, status) {
  say(part.withdrawn, withdrawnText(status));
  if (status.model == null) {
    say(part.model, "No model yet");
    say(part.accuracy, "–");
    say(part.interval, "");
    say(part.holdout, "The first one trains by itself.");
    return;
  }
  say(part.model, `Model ${status.model} · ${plural(status.model_labels, "label")}`);
  if (status.accuracy == null) {
    say(part.accuracy, "–");
    say(part.interval, "");
    say(part.holdout, "Accuracy is not measured yet.");
    return;
  }
  say(part.accuracy, percent(status.accuracy));
  say(part.interval, status.interval
    ? `(${status.interval.map((v) => Math.round(100 * v)).join("–")})` : "");
  say(part.holdout, `right on ${plural(status.holdout_n, "image")} kept aside`);
}

function drawJob(part, job) {
  part.job.dataset.state = job?.state ?? "none";
  if (!job) {
    say(part.jobname, "Nothing runs now");
    say(part.jobphase, "");
    fillBar(part.jobbar, 0);
    return;
  }
  if (job.state === "failed") {
    say(part.jobname, `The ${job.noun} failed`);
    say(part.jobphase, `${job.error ?? "No reason is known."} Labeling goes on.`);
    fillBar(part.jobbar, 0);
    return;
  }
  if (job.state === "waiting") {
    say(part.jobname, `${job.doing} soon`);
    say(part.jobphase, "Waiting to start");
    fillBar(part.jobbar, 0);
    return;
  }
  say(part.jobname, job.doing);
  const elapsed = `${Math.round(job.elapsed ?? 0)} s so far`;
  say(part.jobphase,
    [job.phase, `${Math.round(100 * (job.progress ?? 0))} %`, elapsed].filter(Boolean).join(" · "));
  fillBar(part.jobbar, job.progress ?? 0);
}

// outbox: {ops, trouble, cause, locked, kept}; labels: how many were acknowledged on this page.
export function drawSaving(part, outbox, labels) {
  const pending = outbox.ops.length;
  say(part.saved, labels > 0 ? `${plural(labels, "label")} saved` : "Ready");
  say(part.tick, outbox.trouble || outbox.locked ? "!" : "✓");
  part.tick.dataset.state = outbox.trouble || outbox.locked ? "trouble" : pending ? "busy" : "done";
  if (!pending || !(outbox.trouble || outbox.locked)) say(part.sending, "");
  else {
    const why = outbox.locked ? "reload this page" : outbox.cause;
    const kept = outbox.kept ? "kept in this browser" : "do not close this page";
    say(part.sending, `${number(pending)} to send: ${why}, ${kept}`);
  }
}
