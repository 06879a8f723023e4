// The list of keys, and the hint of the first visit.

import { element } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { printed } from "../shared/keys.js";

const HELP = {
  search: gettext("find a class by its name"),
  skip: gettext("skip: it comes back later"),
  unsure: gettext("unsure: goes to review, is not trained on"),
  doubt: gettext("unsure, with a note why"),
  undo: gettext("undo the last answer and show its image again; repeatable; Ctrl+Z too"),
  older: gettext("back through the last answers; press a class to change one"),
  newer: gettext("forward again"),
  suggestion: gettext("show or hide what the model suggests"),
  accept: gettext("accept the suggestion while it is shown"),
  grid: gettext("grid: many images of one predicted class, labeled at once; arrows and Space exclude"),
  similar: gettext("more like this: the nearest unlabeled images, in the grid"),
  why: gettext("why this image is asked about"),
  zoom: gettext("zoom; the mouse wheel does too"),
  light: gettext("brightness and contrast"),
  pixels: gettext("smooth images, or their pixels"),
  explain: gettext("explain the model's answer: heat map, nearest labels, its past"),
  comment: gettext("comment on this image"),
  help: gettext("this list"),
};

const row = (keys, text) => element("tr", {},
  element("th", { scope: "row" }, ...keys.map((k) => element("kbd", { textContent: printed(k) }))),
  element("td", { textContent: text }));

// layout: as in keys.js; classes: sorted by position.
export function drawKeys(table, classes, layout) {
  const actions = Object.keys(HELP).filter((action) => layout.actions[action]?.length)
    .map((action) => row(layout.actions[action], HELP[action]));
  const labels = classes.filter((c) => layout.classes[c.id]?.length)
    .map((c) => element("span", {},
      ...layout.classes[c.id].map((k) => element("kbd", { textContent: printed(k) })), ` ${c.name}`));
  table.replaceChildren(element("tbody", {}, ...actions, row(["Escape"], gettext("close, or go back")),
    element("tr", {}, element("td", { colSpan: 2, className: "classkeys" }, ...labels))));
}

export function openKeys(panel, open) {
  panel.hidden = !open;
  if (open) panel.querySelector("button").focus({ preventScroll: true });
}

const HINTED = 10; // labels; whoever gave so many needs no hint any more

// The hint goes by itself after the first labels. labels: mine today.
export function outgrowHint(panel, labels) {
  if (!panel.hidden && labels >= HINTED) closeHint(panel);
}

// The hint of the first visit; once closed it is closed for ever.
export function showHint(panel) {
  try {
    panel.hidden = localStorage.getItem("alcore:hint") === "closed";
  } catch {
    panel.hidden = true;
  }
}

export function closeHint(panel) {
  panel.hidden = true;
  try {
    localStorage.setItem("alcore:hint", "closed");
  } catch { /* storage is switched off: it comes again next time */ }
}
