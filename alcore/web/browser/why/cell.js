// The images behind a cell of the confusion matrix; one that is pressed is explained below.

import { renewPictures } from "../shared/addresses.js";
import { byPosition } from "../shared/classes.js";
import { element, partsOf, picture, say } from "../shared/dom.js";
import { scopeOf } from "../shared/ids.js";
import { mounting } from "../shared/mount.js";
import { wholePercent } from "../shared/text.js";
import { WhyPanel } from "./panel.js";

class Cell {
  constructor(root, data) {
    this.root = root;
    this.part = partsOf(root);
    this.scope = scopeOf(data);
    this.stop = new AbortController();
    this.link = { base: data.base, ticket: data.ticket };
    this.why = new WhyPanel({ host: this.part.explanation, frame: this.part.picture.parentElement,
      link: this.link, names: this }, this.stop.signal);
    renewPictures(root, this.link, this.stop.signal);
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.part.detail.hidden) this.#choose(null);
    }, { signal: this.stop.signal });
    this.update(data);
  }

  update(data) {
    this.data = data;
    this.link.ticket = data.ticket;
    this.classes = byPosition(data.classes);
    this.byId = new Map(this.classes.map((c) => [c.id, c]));
    const version = JSON.stringify([data.title, data.pictures.map((one) => one.item)]);
    if (version === this.version) return;
    this.version = version;
    say(this.part.title, data.title);
    this.buttons = new Map(data.pictures.map((one) => [one.item, this.#button(one)]));
    this.part.pictures.replaceChildren(...this.buttons.values());
    this.#choose(null);
  }

  destroy() {
    this.stop.abort();
  }

  nameOf(id) {
    return this.byId.get(id)?.name;
  }

  colour(id) {
    return this.data.colours[this.byId.get(id)?.position ?? 0];
  }

  #button(one) {
    const button = element("button", { type: "button", title: `${one.name}: why?` },
      picture({ src: one.src, loading: "lazy", alt: one.name }),
      element("span", { textContent: wholePercent(one.p) }));
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => (
      this.#choose(this.root.dataset.item === String(one.item) ? null : one)));
    return button;
  }

  #choose(one) {
    const { part } = this;
    this.root.dataset.item = one?.item ?? "";
    for (const [item, button] of this.buttons) {
      button.setAttribute("aria-pressed", String(item === one?.item));
    }
    part.detail.hidden = !one;
    if (one) {
      part.picture.src = one.src;
      part.picture.alt = one.name;
    }
    this.why.show(one?.item);
    this.why.toggle(Boolean(one));
  }
}

export default mounting(".cell", (root, data) => new Cell(root, data));
