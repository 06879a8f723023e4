// One's own points: drawn on the left plane, or pasted as a table.

import { element, say } from "../shared/dom.js";
import { gettext, ngettext } from "../shared/language.js";
import { decodePoints, encodePoints, readTable } from "./own.js";

const SPREAD = 0.035; // how far points of one stroke lie around the pointer
const DISTANCE = 0.03; // between two points of a stroke
const RUBBER = 0.07;

export class Drawing {
  // onChange(text): the points are others now
  constructor(part, choices, colours, onChange, signal) {
    Object.assign(this, { part, choices, colours, onChange });
    this.brush = 0;
    this.points = [];
    this.buttons = Array.from({ length: choices.classes }, (_, c) => {
      const button = element("button", { type: "button", textContent: "ABCDEF"[c] });
      button.dataset.class = c;
      button.style.setProperty("--swatch", colours[c]);
      button.addEventListener("click", () => this.#take(c), { signal });
      return button;
    });
    part.brushes.replaceChildren(...this.buttons);
    part.paste.addEventListener("submit", (event) => this.#paste(event), { signal });
    this.#take(0);
  }

  draw(settings) {
    const on = settings.data === "own";
    this.part.tools.hidden = !on;
    if (!on) return;
    if (settings.own !== this.text) {
      this.text = settings.own;
      this.points = decodePoints(settings.own);
    }
    say(this.part.count, this.missing || ngettext("{n} point", "{n} points", this.points.length));
  }

  // What is still missing before the loop can begin; empty where nothing is.
  get missing() {
    const n = this.points.length;
    const { classes, gap } = this.#classes();
    const { fewest } = this.choices;
    if (n >= fewest && classes >= 2 && !gap) return "";
    if (gap) return gettext("Class {name} has no points yet; use classes in order.", { name: gap });
    return gettext("{n} of at least {fewest} points, {classes} of at least 2 classes: press or drag on "
      + "the left plane.", { n, fewest, classes });
  }

  #classes() {
    const used = new Set(this.points.map(({ c }) => c));
    const most = Math.max(-1, ...used);
    const gap = Array.from({ length: most + 1 }, (_, c) => c).find((c) => !used.has(c));
    return { classes: used.size, gap: gap === undefined ? "" : "ABCDEF"[gap] };
  }

  // A pointer went down on the plane, or moved over it while it is down.
  press({ x, y }, first) {
    if (this.brush === null) {
      this.points = this.points.filter((p) => Math.hypot(p.x - x, p.y - y) > RUBBER);
    } else if (first || Math.hypot(this.at.x - x, this.at.y - y) > DISTANCE) {
      if (this.points.length >= this.choices.limits.points[1]) return;
      const shift = () => (first ? 0 : SPREAD * (2 * Math.random() - 1));
      this.points = [...this.points, { x: x + shift(), y: y + shift(), c: this.brush }];
    } else return;
    this.at = { x, y };
    this.#tell();
  }

  clear() {
    this.points = [];
    this.#tell();
  }

  erase() {
    this.#take(null);
  }

  openPaste() {
    this.part.paste.hidden = !this.part.paste.hidden;
    if (!this.part.paste.hidden) this.part.table.focus();
  }

  #take(brush) {
    this.brush = brush;
    this.buttons.forEach((b, c) => b.setAttribute("aria-pressed", String(c === brush)));
    this.part.eraser.setAttribute("aria-pressed", String(brush === null));
  }

  #paste(event) {
    event.preventDefault();
    const { limits, classes, fewest } = this.choices;
    try {
      this.points = readTable(this.part.table.value, limits.points[1], classes, fewest);
    } catch (error) {
      say(this.part.wrong, error.message);
      return;
    }
    say(this.part.wrong, "");
    this.part.paste.hidden = true;
    this.#tell();
  }

  #tell() {
    this.text = encodePoints(this.points);
    this.onChange(this.text);
  }
}
