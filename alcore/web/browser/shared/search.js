// The search for a class: a list that typing narrows.

import { element } from "./dom.js";
import { gettext } from "./language.js";

const MOST = 50; // classes listed

// take(class, time) is called with the choice.
export class ClassSearch {
  constructor({ search, query, found }, take, signal) {
    Object.assign(this, { panel: search, query, list: found, take, classes: [], found: [], at: 0 });
    query.addEventListener("input", () => this.#find(), { signal });
    query.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  open(classes) {
    this.classes = classes;
    this.panel.hidden = false;
    this.query.value = "";
    this.#find();
    this.query.focus();
  }

  close() {
    this.panel.hidden = true;
    this.query.blur();
  }

  #find() {
    const sought = this.query.value.trim().toLowerCase();
    const rank = (c) => (c.name.toLowerCase().startsWith(sought) ? 0 : 1);
    this.found = this.classes.filter((c) => c.name.toLowerCase().includes(sought))
      .sort((a, b) => rank(a) - rank(b)).slice(0, MOST);
    this.#mark(0);
  }

  #mark(at) {
    this.at = Math.max(0, Math.min(this.found.length - 1, at));
    this.list.replaceChildren(...this.found.map((c, i) => {
      const row = element("li", { textContent: c.name, id: `found-${i}` });
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(i === this.at));
      row.addEventListener("click", (event) => this.#choose(c, event));
      return row;
    }));
    if (!this.found.length) {
      this.list.append(element("li", { textContent: gettext("No class has such a name.") }));
    }
    this.query.setAttribute("aria-activedescendant", `found-${this.at}`);
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    if (event.key === "ArrowDown") this.#mark(this.at + 1);
    else if (event.key === "ArrowUp") this.#mark(this.at - 1);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && !event.repeat && this.found[this.at]) {
      this.#choose(this.found[this.at], event);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #choose(chosen, event) {
    this.close();
    this.take(chosen, event.timeStamp);
  }
}
