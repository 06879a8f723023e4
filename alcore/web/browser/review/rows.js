// The items that are listed, and the one that is chosen.

import { Refused, request } from "../shared/requests.js";
import { sentence } from "../shared/text.js";
import { PAGE } from "./filters.js";
import { redrawTile, tileOf } from "./view.js";

const TRY_AGAIN = 3; // seconds
const AHEAD = 2; // pictures loaded before they are needed

export class Rows {
  // changed(loaded): another row is chosen, or, with loaded, another page of them is there.
  constructor(review, changed) {
    Object.assign(this, { review, changed });
    this.all = [];
    this.nodes = new Map(); // item -> its tile
    this.at = 0;
    this.total = 0;
    this.since = 0; // when the row was chosen, in milliseconds of the page
  }

  get chosen() {
    return this.all[this.at] ?? null;
  }

  of(item) {
    return this.all.find((row) => row.item === item);
  }

  placeOf(item) {
    return this.all.findIndex((row) => row.item === item);
  }

  // How many rows of this page have left the view, so that the next page begins earlier.
  get left() {
    return this.review.filters.shrinks ? this.all.filter((row) => row.resolved).length : 0;
  }

  get columns() {
    const tops = [...this.nodes.values()].map((node) => node.offsetTop);
    return Math.max(1, tops.filter((top) => top === tops[0]).length);
  }

  // Load the page that the filters name.
  async load() {
    const { review } = this;
    const { filters, stop } = review;
    const query = filters.query();
    this.query = query;
    let answer;
    try {
      answer = await request(review.link, "GET", `/review/items?${query}`);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (this.query !== query || stop.signal.aborted) return;
    if (!answer.rows.length && filters.offset > 0) {
      filters.turn(Math.floor((Math.max(0, answer.total - 1)) / PAGE) * PAGE);
      return;
    }
    Object.assign(this, { all: answer.rows, total: answer.total });
    this.nodes = new Map(this.all.map((row) => [row.item, tileOf(row, review)]));
    review.part.tiles.replaceChildren(...this.nodes.values());
    this.at = 0;
    this.choose(0, false);
    this.changed(true);
  }

  #failed(error) {
    const { toast, stop } = this.review;
    if (error instanceof Refused) toast.show(sentence(error.message));
    else {
      toast.show("The server does not answer. Trying again.");
      setTimeout(() => !stop.signal.aborted && this.load(), 1000 * TRY_AGAIN);
    }
  }

  // Choose a row; with focus, its tile takes the keyboard's.
  choose(at, focus = true) {
    const last = this.nodes.get(this.chosen?.item);
    last?.setAttribute("aria-selected", "false");
    if (last) last.tabIndex = -1;
    this.at = Math.max(0, Math.min(this.all.length - 1, at));
    this.since = performance.now();
    this.ahead = this.all.slice(this.at + 1, this.at + 1 + AHEAD)
      .map(({ src }) => Object.assign(new Image(), { src }));
    this.changed(false);
    const node = this.nodes.get(this.chosen?.item);
    if (!node) return;
    node.setAttribute("aria-selected", "true");
    node.tabIndex = 0;
    if (!focus) return;
    node.focus({ preventScroll: true });
    if (!this.review.narrow) node.scrollIntoView({ block: "nearest" });
  }

  redraw(row) {
    const node = this.nodes.get(row?.item);
    if (node) redrawTile(node, row, this.review);
  }

  focus() {
    this.nodes.get(this.chosen?.item)?.focus({ preventScroll: true });
  }
}
