// A card for each class: hold to take pictures, choose or drop files, take a picture back.

import { element, say } from "../shared/dom.js";
import { addressOf } from "./frames.js";
import { countText } from "./words.js";

const EVERY = 160; // milliseconds between two pictures of a burst
const MOST = 80; // pictures of one press
const SHOWN = 24; // pictures of a card, the newest

export class Cards {
  // hear(event, classId, detail): "take", "files" (files), "drop" (transfer), "undo" (key).
  constructor(node, hear, signal) {
    Object.assign(this, { node, hear, signal });
    this.cards = new Map(); // class id -> its nodes
    this.holding = null;
    for (const name of ["pointerup", "pointercancel", "blur"]) {
      window.addEventListener(name, () => this.#let(), { signal });
    }
  }

  // classes: [{id, name, colour}]; may: whether pictures can be taken here.
  set(classes, may) {
    const version = JSON.stringify([classes, may]);
    if (version === this.version) return;
    this.version = version;
    this.cards = new Map(classes.map((c) => [c.id, this.#card(c, may)]));
    this.node.replaceChildren(...[...this.cards.values()].map((card) => card.node));
  }

  // pictures: [{key, src, mine, kept, coming}], the newest first.
  draw(classId, there, coming, pictures) {
    const card = this.cards.get(classId);
    if (!card) return;
    say(card.count, countText(there, coming));
    const version = JSON.stringify(pictures.map((p) => [p.key, p.src.length, p.mine, p.kept, p.coming]));
    if (card.version === version) return;
    card.version = version;
    card.strip.replaceChildren(...pictures.slice(0, SHOWN).map((p) => this.#thumb(classId, card.name, p)));
  }

  #card(choice, may) {
    const name = element("h3", { textContent: choice.name });
    const count = element("span", { className: "soft" });
    const hold = element("button", { type: "button", className: "hold", textContent: "Hold to take pictures" });
    hold.setAttribute("aria-label", `Hold to take pictures of ${choice.name}`);
    const input = element("input", { type: "file", accept: "image/*", multiple: true });
    const files = element("label", { className: "files" }, "Upload", input);
    input.setAttribute("aria-label", `Upload pictures of ${choice.name}`);
    const strip = element("ul", { className: "strip" });
    const node = element("li", { className: "card" }, element("div", { className: "head" }, name, count),
      ...(may ? [element("div", { className: "row" }, hold, files)] : []), strip);
    node.dataset.class = choice.id;
    node.style.setProperty("--swatch", choice.colour);
    const on = (target, event, work) => target.addEventListener(event, work, { signal: this.signal });
    if (may) {
      on(hold, "pointerdown", (event) => {
        if (event.button === 0) this.#hold(choice.id, hold);
      });
      on(hold, "contextmenu", (event) => event.preventDefault()); // a long press opens it on phones
      on(hold, "keydown", (event) => {
        if (event.key !== " " && event.key !== "Enter") return;
        event.preventDefault();
        if (!event.repeat) this.#hold(choice.id, hold);
      });
      on(hold, "keyup", () => this.#let());
      on(input, "change", () => {
        this.hear("files", choice.id, [...input.files]);
        input.value = "";
      });
      on(node, "dragover", (event) => {
        event.preventDefault();
        node.toggleAttribute("data-over", true);
      });
      on(node, "dragleave", () => node.removeAttribute("data-over"));
      on(node, "drop", (event) => {
        event.preventDefault();
        node.removeAttribute("data-over");
        this.hear("drop", choice.id, event.dataTransfer);
      });
    }
    return { node, count, strip, name: choice.name };
  }

  #thumb(classId, name, shown) {
    const image = element("img", { alt: shown.kept ? "kept aside to measure the model" : "",
      src: shown.src, draggable: false, loading: "lazy" });
    const item = element("li", {}, image);
    item.toggleAttribute("data-coming", Boolean(shown.coming));
    item.toggleAttribute("data-kept", Boolean(shown.kept));
    if (shown.kept) item.title = "Kept aside: it measures the model, which does not learn from it";
    if (shown.mine) {
      const away = element("button", { type: "button", textContent: "×", title: "Take this picture back" });
      away.setAttribute("aria-label", `Take a picture of ${name} back`);
      away.addEventListener("click", () => this.hear("undo", classId, shown.key), { signal: this.signal });
      item.append(away);
    }
    return item;
  }

  #hold(classId, button) {
    this.#let();
    button.toggleAttribute("data-held", true);
    let taken = 1;
    this.hear("take", classId);
    const timer = setInterval(() => {
      taken += 1;
      if (taken > MOST || document.hidden) this.#let();
      else this.hear("take", classId);
    }, EVERY);
    this.holding = { timer, button };
  }

  #let() {
    if (!this.holding) return;
    clearInterval(this.holding.timer);
    this.holding.button.removeAttribute("data-held");
    this.holding = null;
  }
}

export const thumbOf = (picture) => addressOf(picture.data);
