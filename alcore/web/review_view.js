// What the review page draws: tiles, the chosen image, its history. Functions from plain values
// to the parts of review.html; text is set with textContent only.

const VIEWS = [
  ["all", "All labels"], ["mine", "My history"], ["doubts", "Probably wrong"],
  ["unsure", "Unsure"], ["disagreements", "Disagreements"], ["comments", "Comments"],
];

const LEADS = {
  all: "Every answer, newest first. Press a class, or its key, to change a label.",
  mine: "What you answered, newest first.",
  unsure: "Images that somebody was unsure of. A label here resolves them.",
  disagreements: "Images that people labeled differently. A label here has the last word.",
  comments: "Images that people commented on, the newest comment first.",
};

const NOTHING = {
  all: "Labels appear here as soon as the first one is given.",
  mine: "What you answer on the Label page appears here.",
  doubts: "No label stands out as wrong.",
  unsure: "Nobody is unsure of anything. U on the Label page puts an image here.",
  disagreements: "Nobody disagrees with anybody.",
  comments: "There are no comments yet. Shift + C on the Label page writes one.",
};

const ORIGINS = {
  query: "asked by the model", random: "random question", "cold start": "before the first model",
  relabel: "changed", import: "imported", adjudicated: "last word", grid: "grid",
  similar: "more like this",
};

const originName = (origin) => ORIGINS[origin] ?? origin;

// "just now", "5 min ago", "3 h ago", else the date.
function ago(at, now = Date.now() / 1000) {
  const seconds = Math.max(0, now - at);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(1000 * at).toLocaleDateString("en", { dateStyle: "medium" });
}

const share = (p) => `${Math.round(100 * p)} %`;

const labelOf = (row, names) => (row.kind === "unsure" ? "unsure"
  : names.get(row.class) ?? "no label");

// What the model says of the label, in a few words.
function opinionOf(row, names) {
  if (!row.model) return "";
  const name = names.get(row.model.class) ?? "?";
  return row.model.class === row.class ? `model agrees, ${share(row.model.p)}`
    : `model: ${name}, ${share(row.model.p)}`;
}

function drawViews(tabs, view, counts, choose) {
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
    say(tab.lastChild, counts?.[tab.dataset.view] ? number(counts[tab.dataset.view]) : "");
  }
}

// options: [value, text] after the one for everything.
function drawOptions(select, everything, options, chosen) {
  const made = [["", everything], ...options].map(([value, textContent]) => (
    element("option", { value: String(value), textContent, selected: String(value) === chosen })));
  if (select.told === JSON.stringify([options, chosen])) return;
  select.told = JSON.stringify([options, chosen]);
  select.replaceChildren(...made);
}

function tile(row, names, colour) {
  const node = element("div", { className: "tile", tabIndex: -1, title: row.name });
  node.setAttribute("role", "option");
  node.dataset.item = row.item;
  const image = element("img", { src: row.small, alt: "", loading: "lazy", draggable: false });
  image.classList.toggle("crisp", Math.max(row.width, row.height) < 128);
  node.append(image, element("span", { className: "what" }), element("span", { className: "but" }));
  redrawTile(node, row, names, colour);
  return node;
}

function redrawTile(node, row, names, colour) {
  const [, what, but] = node.children;
  node.style.setProperty("--swatch", row.class === null ? "transparent" : colour(row.class));
  say(what, labelOf(row, names));
  const opinion = opinionOf(row, names) || row.note || "";
  say(but, row.model && row.model.class === row.class ? `model agrees · ${share(row.model.p)}`
    : row.model ? `model: ${names.get(row.model.class)} · ${share(row.model.p)}`
      : row.note ?? "");
  but.classList.toggle("differs", Boolean(row.model) && row.model.class !== row.class);
  node.querySelectorAll(".sign").forEach((sign) => sign.remove());
  node.toggleAttribute("data-resolved", Boolean(row.resolved));
  if (row.resolved) node.append(element("span", { className: "sign done", textContent: row.pending ? "…" : "✓" }));
  if (row.comments) node.append(element("span", { className: "sign", textContent: `“${row.comments}`, title: "Comments" }));
  node.setAttribute("aria-label", [row.name, labelOf(row, names), row.who && `by ${row.who}`,
    opinion, row.comments && plural(row.comments, "comment"), row.resolved && "resolved"]
    .filter(Boolean).join(", "));
}

function drawDetail(part, row, names) {
  part.picture.hidden = !row;
  if (!row) {
    for (const name of ["file", "now", "model"]) say(part[name], "\u00a0");
    part.note.hidden = true;
    return;
  }
  if (part.picture.getAttribute("src") !== row.src) part.picture.src = row.src;
  part.picture.alt = row.name;
  part.picture.classList.toggle("crisp", Math.max(row.width, row.height) < 128);
  say(part.file, row.name);
  part.file.title = row.name;
  say(part.now, row.event === null && !row.resolved ? "No label yet"
    : [labelOf(row, names), row.who, row.at && ago(row.at), row.origin && originName(row.origin)]
      .filter(Boolean).join(" · "));
  say(part.model, row.model ? `Models that have not seen this label say `
    + `${names.get(row.model.class)} (${share(row.model.p)})`
    + (row.model.class === row.class ? "."
      : `, not ${labelOf(row, names)} (${share(row.model.label)}).`)
    : "No model has looked at this label yet.");
  part.note.hidden = !row.note;
  say(part.note, row.note ?? "");
}

function drawLog(part, told, names) {
  part.talk.replaceChildren(...(told?.comments ?? []).map((c) => element("li", {},
    element("b", { textContent: c.who }), ` ${c.text} `,
    element("span", { className: "soft", textContent: ago(c.at) }))));
  part.log.replaceChildren(...[...(told?.log ?? [])].reverse()
    .filter((e) => e.kind !== "undo").map((e) => {
      const line = element("li", {}, e.kind === "label" || e.kind === "import"
        ? names.get(e.class) ?? "?" : e.kind,
      element("i", { textContent: ` · ${e.who} · ${ago(e.at)} · ${originName(e.origin)}` }));
      if (e.suggested !== null) {
        line.append(element("i", { textContent: ` · ${names.get(e.suggested)} was suggested` }));
      }
      if (e.note) line.append(element("i", { textContent: ` · “${e.note}”` }));
      line.toggleAttribute("data-undone", e.undone);
      if (e.undone) line.append(element("i", { textContent: " · taken back" }));
      return line;
    }));
}

// Why these, and when models looked at the labels last.
function leadText(view, overview) {
  if (view !== "doubts") return LEADS[view];
  if (!overview) return "";
  const { job } = overview;
  const active = job && (job.state === "running" || job.state === "waiting");
  if (active) {
    return `Models are looking at the labels now, each at those that it was not trained on: `
      + `${share(job.progress)}.`;
  }
  if (overview.looked_at === null) {
    return job?.state === "failed" ? `The last look failed: ${sentence(job.error ?? "")}`
      : "No model has looked at the labels yet. It happens by itself from 20 labels on.";
  }
  return `Labels that models which have not seen them contradict, most surely first. `
    + `${plural(overview.looked_labels, "label")} looked at ${ago(overview.looked_at)}.`;
}

function drawSaved(part, outbox, saved) {
  const waiting = outbox.ops.length;
  part.tick.dataset.state = waiting ? (outbox.trouble ? "trouble" : "busy") : "saved";
  say(part.tick, waiting && outbox.trouble ? "!" : "✓");
  say(part.saved, waiting ? (outbox.trouble ? "The server does not answer; kept here and sent again"
    : "Saving") : saved ? `${plural(saved, "change")} saved` : "Nothing to save");
}
