// What the review page draws: tiles, the chosen image, its history. Functions from plain values
// to the parts of review.html; text is set with textContent only.

import { element, picture, say } from "../shared/dom.js";
import { ago, number, plural, sentence, wholePercent } from "../shared/text.js";

export const VIEWS = [
  ["all", "All labels"], ["mine", "My history"], ["doubts", "Probably wrong"],
  ["unsure", "Unsure"], ["disagreements", "Disagreements"], ["comments", "Comments"],
  ["predictions", "Predictions"],
];
const WHERE_THERE_ARE = "predictions"; // the view that is offered only then

const LEADS = {
  all: "Every answer, {order}. Press a class, or its key, to change a label.",
  mine: "What you answered, {order}.",
  unsure: "Images that somebody was unsure of. A label here resolves them.",
  disagreements: "Images that people labeled differently. A label here has the last word.",
  comments: "Images that people commented on, {order}.",
  predictions: "What a file predicts: against a label first, then against the model, then the "
    + "rest that nobody has checked. Confirm keeps the label, or takes the prediction without one.",
};

export const NOTHING = {
  all: "Labels appear here as soon as the first one is given.",
  mine: "What you answer on the Label page appears here.",
  doubts: "No label stands out as wrong.",
  unsure: "Nobody is unsure of anything. U on the Label page puts an image here.",
  disagreements: "Nobody disagrees with anybody.",
  comments: "There are no comments yet. Shift + C on the Label page writes one.",
  predictions: "No predictions of a file are left to look at.",
};

const ORIGINS = {
  query: "asked by the model", random: "random question", "cold start": "before the first model",
  relabel: "changed", import: "imported", adjudicated: "last word", grid: "grid",
  similar: "more like this", check: "check of the model",
  contribution: "brought along", "near-duplicate": "like another image",
};

export const originName = (origin) => ORIGINS[origin] ?? origin;

// In all that follows `names` is what names and colours classes: nameOf(id), colour(id).

// What a file predicts of it, where that is not its label.
const predictionOf = (row, names) => (row.predicted && row.predicted.class !== row.class
  ? `predicted: ${names.nameOf(row.predicted.class) ?? "?"}` : "");

// The class that confirming a row gives it: its label, else what a file predicts; null for neither.
export const rightClass = (row) => row.class ?? row.predicted?.class ?? null;

export const labelOf = (row, names) => (row.kind === "unsure" ? "unsure"
  : names.nameOf(row.class) ?? (predictionOf(row, names) || "no label"));

// What the model says of the label, in a few words.
function opinionOf(row, names) {
  if (!row.model) return "";
  const name = names.nameOf(row.model.class) ?? "?";
  return row.model.class === rightClass(row) ? `model agrees, ${wholePercent(row.model.p)}`
    : `model: ${name}, ${wholePercent(row.model.p)}`;
}

export function drawViews(tabs, view, counts, choose) {
  if (!tabs.children.length) {
    tabs.append(...VIEWS.map(([id, name]) => {
      const tab = element("button", { type: "button" },
        name, element("span", { className: "n" }));
      tab.dataset.view = id;
      tab.setAttribute("role", "tab");
      tab.addEventListener("click", () => choose(id));
      return tab;
    }));
  }
  for (const tab of tabs.children) {
    const chosen = tab.dataset.view === view;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    tab.hidden = tab.dataset.view === WHERE_THERE_ARE && !chosen && !counts?.[WHERE_THERE_ARE];
    say(tab.lastChild, counts?.[tab.dataset.view] ? number(counts[tab.dataset.view]) : "");
  }
}

export function tileOf(row, names) {
  const node = element("div", { className: "tile", tabIndex: -1, title: row.name });
  node.setAttribute("role", "option");
  node.dataset.item = row.item;
  node.append(picture({ src: row.small, loading: "lazy" }), element("span", { className: "what" }), element("span", { className: "but" }));
  redrawTile(node, row, names);
  return node;
}

export function redrawTile(node, row, names) {
  const [, what, but] = node.children;
  node.style.setProperty("--swatch", row.class === null ? "transparent" : names.colour(row.class));
  say(what, labelOf(row, names));
  const contradicted = row.class !== null && row.predicted && row.predicted.class !== row.class;
  const differs = Boolean(row.model) && row.model.class !== rightClass(row);
  const opinion = [contradicted && predictionOf(row, names), opinionOf(row, names) || row.note]
    .filter(Boolean).join(", ");
  say(but, contradicted ? predictionOf(row, names)
    : differs ? `model: ${names.nameOf(row.model.class)} · ${wholePercent(row.model.p)}`
      : row.model ? `model agrees · ${wholePercent(row.model.p)}` : row.note ?? "");
  but.classList.toggle("differs", Boolean(contradicted) || differs);
  node.querySelectorAll(".sign").forEach((sign) => sign.remove());
  node.toggleAttribute("data-resolved", Boolean(row.resolved));
  if (row.resolved) node.append(element("span", { className: "sign done", textContent: row.pending ? "…" : "✓" }));
  if (row.comments) node.append(element("span", { className: "sign", textContent: `“${row.comments}`, title: "Comments" }));
  node.setAttribute("aria-label", [row.name, labelOf(row, names), row.who && `by ${row.who}`,
    opinion, row.comments && plural(row.comments, "comment"), row.resolved && "resolved"]
    .filter(Boolean).join(", "));
}

export function drawDetail(part, row, names) {
  part.picture.hidden = !row;
  if (!row) {
    for (const name of ["file", "now", "model"]) say(part[name], "\u00a0");
    part.note.hidden = true;
    part.predicted.hidden = true;
    return;
  }
  if (part.picture.getAttribute("src") !== row.src) part.picture.src = row.src;
  part.picture.alt = row.name;
  say(part.file, row.name);
  part.file.title = row.name;
  say(part.now, row.event === null && !row.resolved ? "No label yet"
    : [labelOf(row, names), row.who, row.at && ago(row.at), row.origin && originName(row.origin)]
      .filter(Boolean).join(" · "));
  say(part.predicted, row.predicted ? `${row.predicted.by} predicts `
    + `${names.nameOf(row.predicted.class) ?? "?"}.` : "");
  part.predicted.hidden = !row.predicted;
  say(part.model, row.model && row.event === null
    ? `The model says ${names.nameOf(row.model.class)} (${wholePercent(row.model.p)}).`
    : row.model ? `Models that have not seen this label say `
    + `${names.nameOf(row.model.class)} (${wholePercent(row.model.p)})`
    + (row.model.class === row.class ? "."
      : `, not ${labelOf(row, names)} (${wholePercent(row.model.label)}).`)
    : "No model has looked at this label yet.");
  part.note.hidden = !row.note;
  say(part.note, row.note ?? "");
}

// known: {column: value} of the chosen image.
export function drawKnown(node, known = {}) {
  const text = Object.entries(known).map(([name, value]) => `${name}: ${value}`).join(" · ");
  node.hidden = !text;
  say(node, text);
}

export function drawLog(part, entries, names) {
  drawKnown(part.known, entries?.known);
  part.talk.replaceChildren(...(entries?.comments ?? []).map((c) => element("li", {},
    element("b", { textContent: c.who }), ` ${c.text} `,
    element("span", { className: "soft", textContent: ago(c.at) }))));
  part.log.replaceChildren(...[...(entries?.log ?? [])].reverse()
    .filter((e) => e.kind !== "undo").map((e) => {
      const line = element("li", {}, e.kind === "label" || e.kind === "import"
        ? names.nameOf(e.class) ?? "?" : e.kind,
      element("i", { textContent: ` · ${e.who} · ${ago(e.at)} · ${originName(e.origin)}` }));
      if (e.suggested !== null) {
        line.append(element("i", { textContent: ` · ${names.nameOf(e.suggested)} was suggested` }));
      }
      if (e.note) line.append(element("i", { textContent: ` · “${e.note}”` }));
      line.toggleAttribute("data-undone", e.undone);
      if (e.undone) line.append(element("i", { textContent: " · taken back" }));
      return line;
    }));
}

// Why these, and when models looked at the labels last.
// sorted: the column of metadata by which they are, empty for the view's own order.
export function leadText(view, overview, sorted = "") {
  if (view !== "doubts") {
    return LEADS[view].replace("{order}", () => (sorted ? `sorted by ${sorted}` : "newest first"));
  }
  if (!overview) return "";
  const { job } = overview;
  const active = job && (job.state === "running" || job.state === "waiting");
  if (active) {
    return `Models are looking at the labels now, each at those that it was not trained on: `
      + `${wholePercent(job.progress)}.`;
  }
  if (overview.looked_at === null) {
    return job?.state === "failed" ? `The last look failed: ${sentence(job.error ?? "")}`
      : "No model has looked at the labels yet. It happens by itself from 20 labels on.";
  }
  return `Labels that models which have not seen them contradict, most surely first. `
    + `${plural(overview.looked_labels, "label")} looked at ${ago(overview.looked_at)}.`;
}

export function drawSaved(part, outbox, saved) {
  const waiting = outbox.ops.length;
  part.tick.dataset.state = waiting ? (outbox.trouble ? "trouble" : "busy") : "saved";
  say(part.tick, waiting && outbox.trouble ? "!" : "✓");
  say(part.saved, waiting ? (outbox.trouble ? `${sentence(outbox.cause)} Kept here and sent again`
    : "Saving") : saved ? `${plural(saved, "change")} saved` : "Nothing to save");
}
