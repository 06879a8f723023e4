// The last answers as thumbnails; pressing one shows its image again.

import { element, picture } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { kindText } from "./reasons.js";

const STRIP = 10; // thumbnails

// entries: oldest first; here: index of the one on screen, or -1.
export function drawStrip(strip, entries, here, classes, colours, choose) {
  const from = Math.max(0, entries.length - STRIP);
  const start = here >= 0 && here < from ? here : from;
  const shown = entries.slice(start, start + STRIP);
  const slots = shown.map((entry, i) => thumb(entry, start + i === here, classes, colours, choose));
  while (slots.length < STRIP) slots.unshift(element("li", { className: "slot" }));
  strip.replaceChildren(...slots);
}

function thumb(entry, here, classes, colours, choose) {
  const known = classes.get(entry.class);
  const what = entry.kind === "label" ? known?.name ?? "?" : kindText(entry.kind);
  // Kept, since a new element would be blank until it is decoded.
  const image = (entry.thumb ??= picture({ src: entry.src }));
  const mark = entry.saved ? "✓" : "…";
  const button = element("button", { type: "button", title: gettext("{what}: change", { what }) }, image,
    element("span", { className: "what" }, what),
    element("b", { textContent: mark, className: "mark" }));
  button.setAttribute("aria-label", entry.saved ? gettext("{what}, saved; change", { what })
    : gettext("{what}, being saved; change", { what }));
  if (here) button.setAttribute("aria-current", "true");
  button.style.setProperty("--swatch", known ? colours(known) : "transparent");
  button.disabled = !entry.saved;
  button.addEventListener("click", () => choose(entry));
  return element("li", { className: "slot" }, button);
}
