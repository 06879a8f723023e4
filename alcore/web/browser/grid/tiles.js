// The tiles of the grid: which are on screen, which are excluded, and which one is in hand. Keys,
// clicks and long presses move among them.

import { element, picture } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { wholePercent } from "../shared/text.js";

const LONG_PRESS = 450; // milliseconds of a finger that means Shift
const NARROW = 760; // pixels
const PHONE_COLUMNS = 4;
const FEWEST_COLUMNS = 4;
const MOST_COLUMNS = 14;
const LEAST_HEIGHT = 240; // pixels for all tiles

export class Tiles {
  // changed(): other tiles are there, or other ones are excluded.
  constructor(keyboard, changed, signal) {
    Object.assign(this, { keyboard, changed });
    this.all = []; // {item, token, src, share, node, out, fresh}
    this.at = 0;
    this.anchor = null;
    this.columns = FEWEST_COLUMNS;
    this.list = element("div", { className: "tiles" });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-multiselectable", "true");
    this.list.setAttribute("aria-label", gettext("Images of this lot; the selected ones are labeled"));
    this.#listen(signal);
  }

  get inside() {
    return this.all.filter((t) => !t.out);
  }

  get outside() {
    return this.all.filter((t) => t.out);
  }

  get inHand() {
    return this.all[this.at];
  }

  // Tokens of leases that the server knows of.
  get tokens() {
    return this.all.filter((t) => !t.fresh).map((t) => t.token);
  }

  // raw: what the server says of each; withShare: print how sure the model is of it.
  show(raw, withShare) {
    this.all = raw.map((one) => ({ ...one, out: false }));
    this.all.forEach((tile, i) => { tile.node = tileNode(tile, i, withShare); });
    this.list.replaceChildren(...this.all.map((t) => t.node));
    this.at = 0;
    this.anchor = null;
    if (this.all.length) this.all[0].node.focus({ preventScroll: true });
  }

  // Forget all; return the tokens to give back.
  clear() {
    const tokens = this.all.map((t) => t.token);
    this.all = [];
    this.list.replaceChildren();
    return tokens;
  }

  drop(gone) {
    this.all = this.all.filter((t) => !gone.includes(t));
    for (const tile of gone) tile.node.remove();
    this.at = Math.max(0, Math.min(this.at, this.all.length - 1));
    this.anchor = null;
  }

  // Exclude all, or include all where all are excluded.
  flipAll() {
    const out = this.inside.length > 0;
    for (const tile of this.all) put(tile, out);
    this.changed();
  }

  // Take a key that moves or marks; return whether the event was one.
  key(event) {
    const target = event.composedPath()[0];
    const elsewhere = target.closest?.("button, a[href], select, input, textarea");
    if (elsewhere || event.altKey || !this.all.length) return false;
    if (event.ctrlKey || event.metaKey) {
      if (this.keyboard.letter(event) !== "a") return false;
      this.flipAll();
      return true;
    }
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      Home: -this.all.length, End: this.all.length }[event.key];
    if (step) {
      this.#move(this.at + step);
      if (event.shiftKey) this.#range(this.at);
      return true;
    }
    if (event.key !== " ") return false;
    if (event.repeat) return true;
    if (event.shiftKey) this.#range(this.at);
    else this.#flip(this.at);
    return true;
  }

  // As many columns as let all tiles be seen at once, on a wide screen. width: the board's;
  // below: pixels that must stay free below the tiles.
  fit(width, below) {
    if (width < NARROW) this.columns = PHONE_COLUMNS;
    else {
      const count = Math.max(1, this.all.length);
      const height = Math.max(LEAST_HEIGHT,
        innerHeight - this.list.getBoundingClientRect().top - scrollY - below);
      this.columns = FEWEST_COLUMNS;
      while (this.columns < MOST_COLUMNS
        && Math.ceil(count / this.columns) * (this.list.clientWidth / this.columns) > height) {
        this.columns += 1;
      }
    }
    this.list.style.setProperty("--columns", String(this.columns));
  }

  #move(to) {
    this.at = Math.max(0, Math.min(this.all.length - 1, to));
    this.inHand.node.focus();
  }

  #flip(at) {
    this.at = this.anchor = at;
    put(this.inHand, !this.inHand.out);
    this.changed();
  }

  // All from the tile that was pressed last to this one become like that.
  #range(to) {
    const from = this.anchor ?? to;
    const out = this.anchor === null ? true : this.all[from].out;
    const [low, high] = from < to ? [from, to] : [to, from];
    for (let i = low; i <= high; i += 1) put(this.all[i], out);
    this.at = to;
    this.anchor ??= to;
    this.changed();
  }

  // -- clicks and fingers ----------------------------------------------------------------------

  #listen(signal) {
    this.list.addEventListener("click", (event) => {
      const at = this.#place(event);
      if (at < 0) return;
      if (this.long) this.long = false;
      else if (event.shiftKey) this.#range(at);
      else this.#flip(at);
    }, { signal });
    this.list.addEventListener("focusin", (event) => {
      const at = this.#place(event);
      if (at < 0) return;
      for (const tile of this.all) tile.node.tabIndex = -1;
      this.all[at].node.tabIndex = 0;
      this.at = at;
    }, { signal });
    this.list.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    this.list.addEventListener("contextmenu", (event) => {
      if (this.finger) event.preventDefault();
    }, { signal });
    for (const end of ["pointerup", "pointercancel", "pointermove"]) {
      this.list.addEventListener(end, (event) => {
        if (end !== "pointermove" || Math.hypot(event.movementX, event.movementY) > 4) {
          clearTimeout(this.pressing);
        }
      }, { signal });
    }
  }

  #place(event) {
    const node = event.target.closest?.(".tile");
    return this.all.findIndex((t) => t.node === node);
  }

  #press(event) {
    this.long = false;
    this.finger = event.pointerType === "touch";
    const at = this.#place(event);
    if (!this.finger || at < 0) return;
    clearTimeout(this.pressing);
    this.pressing = setTimeout(() => {
      this.long = true;
      this.#range(at);
    }, LONG_PRESS);
  }
}

function put(tile, out) {
  tile.out = out;
  tile.node.setAttribute("aria-selected", String(!out));
}

function tileNode(tile, i, withShare) {
  const share = tile.share === undefined ? "" : wholePercent(tile.share);
  const node = element("div", { className: "tile", tabIndex: i ? -1 : 0 },
    picture({ src: tile.src, decoding: "async" }),
    element("span", { className: "sure", textContent: withShare ? share : "" }));
  node.setAttribute("role", "option");
  node.setAttribute("aria-selected", "true");
  node.setAttribute("aria-label", [gettext("Image {number}", { number: tile.item }), share]
    .filter(Boolean).join(", "));
  return node;
}
