// What is on the map: columns, layouts, who is shown, who is selected. No page is touched.

import { PALE, WAYS, ofMetadata, paint } from "./colours.js";
import { Cells } from "./near.js";
import { place } from "./view.js";

const FAINT = 42; // alpha of points beside a selection
const MIDDLE = 32768;

export class Scene {
  // known: {classes, people, folders, models, palette}, which names and colours what columns say.
  constructor(known) {
    this.known = known;
    this.n = 0;
    this.off = new Set(); // categories that the legend has switched off
    this.only = null; // mask of points beside which others are hidden
    this.way = "class";
    this.at = 0; // up to which model labels are shown; more than there are: all
    this.larger = false;
    this.values = new Map(); // columns of metadata that were asked for, by way
    this.dark = false;
  }

  // New columns; what was selected stays where it was.
  setColumns({ about, arrays }) {
    this.columns = arrays;
    this.batch = about.batch;
    Object.assign(this.known, { people: about.people, folders: about.folders,
      metadata: about.metadata });
    const { ids } = arrays;
    if (this.n !== ids.length) this.values.clear();
    const old = this.picked;
    this.n = ids.length;
    this.picked = new Uint8Array(this.n);
    if (old) this.picked.set(old.subarray(0, this.n));
    if (this.only) this.only = grown(this.only, this.n);
    this.category = new Uint8Array(this.n);
    this.colour = new Uint8Array(4 * this.n);
    this.size = new Uint8Array(this.n);
    this.shown = new Uint8Array(this.n);
    let [least, most] = [65535, 1];
    for (const side of arrays.longest) {
      if (side < least) least = side;
      if (side > most) most = side;
    }
    this.sizes = [Math.max(1, Math.min(least, most)), most];
  }

  // A layout as it came: {about, arrays}. Images that came after it have no place.
  setLayout({ about, arrays }) {
    const there = arrays.steps.length / 2;
    const steps = new Uint16Array(2 * this.n).fill(MIDDLE);
    steps.set(arrays.steps.subarray(0, 2 * this.n));
    this.layout = { basis: about.basis, method: about.method, span: about.span, steps, there,
      predicted: arrays.predicted, unsure: arrays.unsure };
    this.cells = new Cells({ steps: steps.subarray(0, 2 * Math.min(there, this.n)), span: about.span });
    return this.layout;
  }

  get missing() {
    return Math.max(0, this.n - this.layout.there);
  }

  // The class of a point's label as of the model that is looked at: −1 none, −2 unsure.
  label(i) {
    return this.columns.since[i] && this.columns.since[i] <= this.at ? this.columns.class[i] : -1;
  }

  // The ways of colouring that there is something for: [[name, title], …].
  ways() {
    return [...Object.entries(WAYS).filter(([, [, make]]) => make(this)).map(([name, [title]]) => [name, title]),
      ...this.known.metadata.map(({ id, name }) => [`meta-${id}`, name])];
  }

  // Work colours, sizes and who is shown out anew.
  look() {
    const values = this.values.get(this.way);
    const make = (WAYS[this.way] ?? WAYS.class)[1];
    this.legend = values ? ofMetadata(values, this.known.palette) : make(this) || WAYS.class[1](this);
    this.counts = paint(this.legend, this.category, this.colour, { dark: this.dark });
    const { columns, category, picked, only, layout } = this;
    const picking = this.count > 0;
    const there = Math.min(layout.there, this.n);
    for (let i = 0; i < this.n; i += 1) {
      const shown = i < there && !this.off.has(category[i]) && (!only || only[i]);
      this.shown[i] = Number(shown);
      const rank = this.larger ? columns.rank[i] : 0;
      const solid = category[i] !== PALE || rank > 0;
      this.colour[4 * i + 3] = !shown ? 0 : picking && !picked[i] ? FAINT : solid ? 235 : this.dark ? 215 : 150;
      this.size[i] = rank && rank <= this.batch ? 84 : rank ? 52 : category[i] === PALE ? 28 : 36;
    }
  }

  // The order in which points are drawn: those without a value below the others.
  order() {
    const order = new Uint32Array(this.n);
    let at = 0;
    for (let turn = 0; turn < 2; turn += 1) {
      for (let i = 0; i < this.n; i += 1) {
        const last = this.category[i] !== PALE || (this.larger && this.columns.rank[i] > 0);
        if (Number(last) === turn) order[at++] = i;
      }
    }
    return order;
  }

  at2d(i) {
    return [place(this.layout, i, 0), place(this.layout, i, 1)];
  }

  // -- the selection ---------------------------------------------------------------------------

  get count() {
    let count = 0;
    for (const flag of this.picked) count += flag;
    return count;
  }

  // how: "new", "more" or "less".
  pick(points, how = "new") {
    if (how === "new") this.picked.fill(0);
    for (const i of points) this.picked[i] = Number(how !== "less");
  }

  pickCategory(value, how) {
    const points = [];
    for (let i = 0; i < this.n; i += 1) if (this.category[i] === value && this.shown[i]) points.push(i);
    this.pick(points, how);
  }

  // The points that are selected.
  selection() {
    const points = [];
    for (let i = 0; i < this.n; i += 1) if (this.picked[i]) points.push(i);
    return points;
  }

  // What is said of a point, in a few words.
  words(i) {
    const { classes } = this.known;
    const label = this.label(i);
    const guess = this.layout.predicted?.[i] ?? -1;
    return [label >= 0 ? classes[label] : label === -2 ? "unsure" : "no label",
      guess >= 0 ? `model: ${classes[guess] ?? "?"}` : ""].filter(Boolean);
  }
}

function grown(mask, n) {
  const larger = new Uint8Array(n);
  larger.set(mask.subarray(0, n));
  return larger;
}
