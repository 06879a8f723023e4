// Everything that is drawn: functions from plain values to the parts of board.html. Text is set
// with textContent only, since class names and guidelines are somebody's input.

const STRIP = 10; // thumbnails

const number = (value) => (value ?? 0).toLocaleString("en");
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// Write only what changed: a running transition or a reader's selection survives.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fillBar(bar, share) {
  const value = Math.round(100 * Math.min(1, Math.max(0, share)));
  bar.firstElementChild.style.transform = `scaleX(${value / 100})`;
  bar.setAttribute("aria-valuenow", String(value));
}

// -- classes -----------------------------------------------------------------------------------

// keys: those of this class, the one to print first.
function classButton(chosen, colour, keys) {
  const button = element("button", { type: "button", className: "class" });
  button.dataset.class = chosen.id;
  button.style.setProperty("--swatch", colour);
  const name = element("span", { className: "name", title: chosen.name });
  const letters = [...chosen.name];
  if (keys.includes(letters[0].toLowerCase()) && letters.length > 1) {
    name.append(element("u", { textContent: letters[0] }), letters.slice(1).join(""));
  } else {
    name.textContent = chosen.name;
  }
  button.append(
    element("kbd", { textContent: keys.length ? printed(keys[0]) : "·" }), name,
    element("span", { className: "share" }), element("i", { className: "guess" }));
  const said = keys.map(spoken);
  button.setAttribute("aria-label",
    said.length ? `${chosen.name}, key ${said.join(" or ")}` : chosen.name);
  if (said.length) button.setAttribute("aria-keyshortcuts", said.join(" "));
  return button;
}

// Print on each action's button the key that it has now.
function drawActionKeys(root, actions) {
  for (const sign of root.querySelectorAll(".actions button kbd")) {
    const button = sign.closest("button");
    const [key] = actions[button.dataset.do] ?? [];
    say(sign, key ? printed(key) : "");
    sign.hidden = !key;
    if (key) button.setAttribute("aria-keyshortcuts", spoken(key));
    else button.removeAttribute("aria-keyshortcuts");
  }
}

// A short sign that a press arrived.
function flash(button) {
  if (!button || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  button.animate([{ opacity: 0.7 }, { opacity: 1 }], 120);
}

// Bars and shares of the model's suggestion on the class buttons; null takes them away. Only the
// buttons that change are touched, as there may be hundreds.
function drawGuesses(buttons, suggestion) {
  const shares = new Map((suggestion ?? []).map((s) => [s.class, s.p]));
  for (const [id, button] of buttons) {
    const share = shares.get(id);
    if (button.share === share) continue;
    button.share = share;
    button.querySelector(".guess").style.transform = `scaleX(${share ?? 0})`;
    say(button.querySelector(".share"), share === undefined ? "" : `${Math.round(100 * share)} %`);
  }
}

// Mark the class that an answered image has now; undefined marks none.
function drawCurrent(buttons, chosen) {
  for (const [id, button] of buttons) {
    const current = id === chosen;
    if (current !== button.hasAttribute("data-current")) {
      button.toggleAttribute("data-current", current);
    }
  }
}

// -- what is known about the image -------------------------------------------------------------

// "model 7", or "model 7 + instant, 143 labels" where the linear head on top had ranked.
function modelName(round, instant) {
  if (round == null) return "the model";
  return instant == null ? `model ${round}` : `model ${round} + instant, ${plural(instant, "label")}`;
}

function rankedBy(image, status) {
  if (!image) return "";
  if (image.visited) return image.answered;
  if (image.round == null) return "Chosen for variety; there is no model yet that could rank.";
  const labels = status?.model === image.round && status.model_labels != null
    ? `, trained on ${plural(status.model_labels, "label")}` : "";
  return image.instant == null ? `Ranked by model ${image.round}${labels}.`
    : `Ranked by ${modelName(image.round, image.instant)}.`;
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/\.?$/, ".");

function whyText(why) {
  const reason = sentence(why.reason || why.origin);
  if (!["query", "relabel"].includes(why.origin)) return reason;
  return `${reason} Strategy ${why.strategy}${why.model == null ? "" : `, ${modelName(why.model, why.instant)}`}.`;
}

function suggestionText(suggestion, classes) {
  if (!suggestion?.length) return "No suggestion for this image.";
  const [best] = suggestion;
  return `The model says ${classes.get(best.class)?.name ?? "?"} (${Math.round(100 * best.p)} %). `
    + "Enter accepts.";
}

// -- side column -------------------------------------------------------------------------------

function drawWho(part, { project, projects = [], annotator }) {
  part.name.value = annotator;
  part.projectfield.hidden = projects.length < 2;
  part.project.replaceChildren(...projects.map((p) => element("option", {
    value: String(p.id), textContent: p.name, selected: p.id === project,
  })));
}

// fresh: labels given here that the status does not count yet.
function drawStatus(part, status, fresh) {
  if (!status) return;
  say(part.mine, number(Math.max(0, status.mine_today + fresh)));
  say(part.team, number(Math.max(0, status.team_today + fresh)));
  say(part.labels, number(Math.max(0, status.labels + fresh)));
  say(part.unlabeled, number(Math.max(0, status.unlabeled - fresh)));
  drawUntil(part, status, fresh);
  drawModel(part, status);
  drawJob(part, status.job);
}

function drawUntil(part, status, fresh) {
  const training = status.job?.kind === "train" && status.job.state !== "failed";
  const coming = (training ? status.job.model ?? (status.model ?? 0) + 1 : status.model ?? 0) + 1;
  if (status.until_next == null) {
    say(part.until, "Automatic training is off");
    fillBar(part.untilbar, 0);
  } else {
    const left = Math.max(0, status.until_next - fresh);
    say(part.until, left > 0
      ? `${number(left)} more ${left === 1 ? "label" : "labels"} to model ${coming}`
      : `Enough labels for model ${coming}`);
    fillBar(part.untilbar, status.next_total ? 1 - left / status.next_total : 0);
  }
  say(part.blocked, status.blocked ?? "");
}

function drawModel(part, status) {
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

const JOB_NAMES = {
  train: (job) => (job.model ? `Model ${job.model} is training` : "A model is training"),
  baseline: () => "Random labeling is simulated",
  import: () => "Images are imported",
};

const PHASES = {
  train: "learning from the labels", evaluate: "measuring its accuracy",
  score: "looking at the other images", select: "choosing what to ask next",
};

function drawJob(part, job) {
  part.job.dataset.state = job?.state ?? "none";
  if (!job) {
    say(part.jobname, "Nothing runs now");
    say(part.jobphase, "");
    fillBar(part.jobbar, 0);
    return;
  }
  const named = (JOB_NAMES[job.kind] ?? (() => job.kind))(job);
  if (job.state === "failed") {
    say(part.jobname, job.kind === "train" ? "The training failed" : `${named}: failed`);
    say(part.jobphase, `${job.error ?? "No reason is known."} Labeling goes on.`);
    fillBar(part.jobbar, 0);
    return;
  }
  if (job.state === "waiting") {
    say(part.jobname, `${named} soon`);
    say(part.jobphase, "Waiting to start");
    fillBar(part.jobbar, 0);
    return;
  }
  say(part.jobname, named);
  const elapsed = `${Math.round(job.elapsed ?? 0)} s`;
  say(part.jobphase,
    [PHASES[job.phase] ?? job.phase, `${Math.round(100 * (job.progress ?? 0))} %`, elapsed].filter(Boolean).join(" · "));
  fillBar(part.jobbar, job.progress ?? 0);
}

// outbox: {ops, trouble, locked, kept}; saved: answers acknowledged on this page.
function drawSaving(part, outbox, saved) {
  const pending = outbox.ops.length;
  say(part.saved, saved ? `${number(saved)} saved` : "Ready");
  say(part.tick, outbox.trouble || outbox.locked ? "!" : "✓");
  part.tick.dataset.state = outbox.trouble || outbox.locked ? "trouble" : pending ? "busy" : "done";
  if (!pending || !(outbox.trouble || outbox.locked)) say(part.sending, "");
  else {
    const why = outbox.locked ? "reload this page" : "no connection";
    const kept = outbox.kept ? "kept in this browser" : "do not close this page";
    say(part.sending, `${number(pending)} to send: ${why}, ${kept}`);
  }
}

// -- history -----------------------------------------------------------------------------------

// entries: oldest first; here: index of the one on screen, or -1.
function drawStrip(strip, entries, here, classes, colours, choose) {
  const from = Math.max(0, entries.length - STRIP);
  const start = here >= 0 && here < from ? here : from;
  const shown = entries.slice(start, start + STRIP);
  const slots = shown.map((entry, i) => thumb(entry, start + i === here, classes, colours, choose));
  while (slots.length < STRIP) slots.unshift(element("li", { className: "slot" }));
  strip.replaceChildren(...slots);
}

function thumb(entry, here, classes, colours, choose) {
  const known = classes.get(entry.class);
  const what = entry.kind === "label" ? known?.name ?? "?" : entry.kind;
  // Kept, since a new element would be blank until it is decoded.
  const image = (entry.thumb ??= thumbImage(entry));
  const mark = entry.saved ? "✓" : "…";
  const button = element("button", { type: "button", title: `${what}: change` }, image,
    element("span", { className: "what" }, what),
    element("b", { textContent: mark, className: "mark" }));
  button.setAttribute("aria-label", `${what}, ${entry.saved ? "saved" : "being saved"}; change`);
  if (here) button.setAttribute("aria-current", "true");
  button.style.setProperty("--swatch", known ? colours(known) : "transparent");
  button.disabled = !entry.saved;
  button.addEventListener("click", () => choose(entry));
  return element("li", { className: "slot" }, button);
}

function thumbImage(entry) {
  const image = element("img", { src: entry.src, alt: "", draggable: false });
  image.onload = () => {
    image.classList.toggle("crisp", Math.max(image.naturalWidth, image.naturalHeight) < 128);
  };
  return image;
}
