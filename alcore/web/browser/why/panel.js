// The panel "Why?": a heat map over an image, in colours and in words, the labeled images nearest
// to it, the labels that carry the answer, and what earlier models said. The Label page, Review and
// the confusion matrix have it.

import { drawOptions, element, picture, say } from "../shared/dom.js";
import { gettext, ngettext, said } from "../shared/language.js";
import { request } from "../shared/requests.js";
import { sentence } from "../shared/text.js";
import { drawn } from "./heat.js";
import { carriersText, changeText, choices, entryText, historyText, likeness } from "./words.js";

// Until somebody chooses, the server takes the one that suits the model: the first where it can
// look into it, else the second, which is for every model (docs/explanations.md).
export const METHODS = ["fine Grad-CAM", "occlusion", "integrated gradients", "Grad-CAM"];
const REST = 120; // milliseconds on an image before anything is asked
const PATIENCE = 70; // seconds; the first question of a day loads what computes it

export class WhyPanel {
  // host: where the panel is drawn. frame: where the map is put, over the picture that it holds.
  // link: {base, ticket}. names: nameOf(id), colour(id) and classes, as the page has them.
  // seen(item): a map, or what the model says, is on screen now.
  constructor({ host, frame, link, names, seen = () => {} }, signal) {
    Object.assign(this, { host, frame, link, names, seen, signal });
    this.nameOf = (id) => names.nameOf(id) ?? "?";
    this.item = null;
    this.turn = 0; // counts images, so that a late answer to another one is not drawn
    this.method = "";
    this.about = "answer";
    this.#build();
  }

  get isOpen() {
    return !this.host.hidden;
  }

  toggle(open = !this.isOpen) {
    this.host.hidden = !open;
    this.#begin();
  }

  // Say which item it is about; null for none.
  show(item = null) {
    if (item === this.item) return;
    this.item = item;
    this.#begin();
  }

  #build() {
    const { host } = this;
    host.classList.add("why");
    host.setAttribute("aria-label", gettext("Why?"));
    const select = (label, options, act) => {
      const node = element("select");
      node.setAttribute("aria-label", label);
      drawOptions(node, options, options[0][0]);
      node.addEventListener("change", () => act(node.value), { signal: this.signal });
      return node;
    };
    this.choice = select(gettext("What speaks for"), choices(null, [], this.nameOf), (value) => {
      this.about = value;
      this.#map();
    });
    this.methods = select(gettext("Method"), METHODS.map((m) => [m, said(m)]), (value) => {
      this.method = value;
      this.#map();
    });
    this.by = element("span", { className: "by" });
    this.words = element("p", { className: "whywords" });
    this.words.setAttribute("role", "status");
    this.words.setAttribute("aria-live", "polite");
    this.near = element("ul", { className: "whyrows" });
    this.nearWords = element("p", { className: "soft" });
    this.carry = element("ul", { className: "whyrows" });
    this.carryWords = element("p", { className: "soft" });
    this.find = element("button", { type: "button", textContent: gettext("Find them") });
    this.find.addEventListener("click", () => this.#carriers(), { signal: this.signal });
    this.past = element("ol", { className: "whypast" });
    this.pastWords = element("p", { className: "soft" });
    host.replaceChildren(
      element("h3", { textContent: gettext("Why?") }),
      element("div", { className: "whychoice" },
        element("label", {}, element("span", { textContent: gettext("What speaks for") }), this.choice),
        element("label", {}, element("span", { textContent: gettext("By") }), this.methods)),
      element("p", { className: "soft legend" },
        element("i", { className: "for" }), ` ${gettext("speaks for it")} `,
        element("i", { className: "against" }), ` ${gettext("against it")}`, this.by),
      this.words,
      element("h4", { textContent: gettext("Nearest labeled images") }), this.nearWords, this.near,
      element("h4", { textContent: gettext("Labels that carry the answer") }),
      this.carryWords, this.find, this.carry,
      element("h4", { textContent: gettext("From model to model") }), this.pastWords, this.past);
  }

  // Ask anew about the image that is on screen now.
  #begin() {
    clearTimeout(this.timer);
    this.turn += 1;
    this.#clear();
    if (!this.isOpen || !this.item) return;
    say(this.words, gettext("Asking the model. The first time it takes some seconds."));
    this.timer = setTimeout(async () => {
      await this.#map();
      this.#neighbours();
      this.#history();
    }, REST);
  }

  #clear() {
    this.#unmap();
    say(this.words, this.item ? "" : gettext("Choose an image."));
    for (const list of [this.near, this.carry, this.past]) list.replaceChildren();
    for (const text of [this.by, this.nearWords, this.carryWords, this.pastWords]) say(text, "");
    this.find.hidden = false;
    this.find.disabled = !this.item;
    this.host.removeAttribute("data-item");
  }

  #unmap() {
    this.frame.querySelectorAll(".heat").forEach((node) => node.remove());
  }

  // Fetch a part of the answer; undefined where another image is there by now, or it failed, which
  // `words` then says.
  async #ask(path, words) {
    const { turn, item } = this;
    try {
      const told = await request(this.link, "GET", `/why/${item}${path}`, undefined, PATIENCE);
      return turn === this.turn && !this.signal.aborted ? told : undefined;
    } catch (error) {
      if (turn === this.turn) say(words, sentence(error.message));
      return undefined;
    }
  }

  async #map() {
    if (!this.item) return;
    const { about, method, nameOf } = this;
    const query = new URLSearchParams({ method, about });
    const told = await this.#ask(`/map?${query}`, this.words);
    if (about !== this.about || method !== this.method) return; // chosen anew meanwhile
    this.#unmap();
    if (!told) return;
    drawOptions(this.choice, choices(told.probabilities, this.names.classes, nameOf),
      about);
    const shape = this.frame.querySelector("img");
    this.frame.append(drawn(told, shape?.naturalWidth || 1, shape?.naturalHeight || 1, told.words));
    this.methods.value = told.method;
    say(this.words, said(told.words));
    say(this.by, gettext(", says model {number}", { number: told.model }));
    this.host.dataset.item = String(this.item);
    this.seen(this.item);
  }

  async #neighbours() {
    const told = await this.#ask("/neighbours", this.nearWords);
    if (!told) return;
    say(this.nearWords, said(told.why_none));
    this.near.replaceChildren(...told.rows.map((row) => this.#row(row, likeness(row.value))));
  }

  async #carriers() {
    this.find.disabled = true;
    say(this.carryWords, gettext("Fitting again without each of the labels. It takes some seconds."));
    const told = await this.#ask("/labels", this.carryWords);
    if (!told) return;
    const { nameOf } = this;
    this.find.hidden = true;
    say(this.carryWords, carriersText(told, nameOf));
    this.carry.replaceChildren(...told.rows.map(
      (row) => this.#row(row, changeText(row, told.answer, nameOf))));
  }

  async #history() {
    const told = await this.#ask("/history", this.pastWords);
    if (!told) return;
    const { nameOf, names } = this;
    say(this.pastWords, historyText(told, nameOf));
    this.past.replaceChildren(...told.models.map((one) => {
      const line = element("li", {}, element("i", { className: "share" }),
        element("span", { textContent: entryText(one, nameOf) }));
      line.style.setProperty("--share", String(one.p ?? 0));
      line.style.setProperty("--swatch", one.class === undefined ? "transparent"
        : names.colour(one.class));
      if (one.right !== undefined) {
        line.append(element("b", { textContent: one.right ? ` ✓ ${gettext("right")}` : "" }));
      }
      return line;
    }));
    this.past.setAttribute("aria-label", ngettext("What {n} model said", "What {n} models said",
      told.models.length));
  }

  // A labeled image in a list.
  #row(row, what) {
    const line = element("li", { title: row.name },
      picture({ src: row.small, loading: "lazy", alt: row.name }),
      element("b", { textContent: this.nameOf(row.class) }),
      element("span", { className: "soft", textContent: [row.who, what].filter(Boolean).join(" · ") }));
    line.style.setProperty("--swatch", this.names.colour(row.class));
    return line;
  }
}
