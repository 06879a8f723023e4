// Ten pictures of the queue at once: an answer for each is an answer as on the Label page.

import { element, picture, say } from "../shared/dom.js";
import { clientId, uuid } from "../shared/ids.js";
import { request, sendLast } from "../shared/requests.js";
import { tenText } from "./words.js";

const COUNT = 10;
const RENEW = 20_000; // milliseconds

export class Ten {
  // part: nodes; link; outbox(): where answers go. hear(): one was answered.
  constructor(part, link, push, hear) {
    Object.assign(this, { part, link, push, hear });
    this.client = clientId();
    this.images = [];
    this.classes = [];
    this.timer = setInterval(() => this.#renew(), RENEW);
  }

  set(classes) {
    this.classes = classes;
    this.#draw();
  }

  async ask() {
    this.part.ask.disabled = true;
    try {
      const answer = await request(this.link, "POST", "/claim", {
        client: this.client, count: COUNT - this.images.length, hold: this.images.map((one) => one.token),
      });
      const kept = new Set(answer.held);
      this.images = [...this.images.filter((one) => kept.has(one.token)), ...answer.images];
      const [first] = this.images;
      say(this.part.why, first ? tenText(first)
        : answer.waiting?.reason || "There is nothing to ask: add pictures without a class.");
      this.seen = performance.now();
    } catch (error) {
      say(this.part.why, error.message);
    }
    this.part.ask.disabled = false;
    this.#draw();
  }

  end() {
    clearInterval(this.timer);
    if (this.images.length) {
      sendLast(this.link, "/release", { client: this.client, tokens: this.images.map((one) => one.token) });
    }
  }

  async #renew() {
    if (!this.images.length || document.hidden) return;
    const hold = this.images.map((one) => one.token);
    await request(this.link, "POST", "/claim", { client: this.client, count: 0, hold }).catch(() => {});
  }

  #draw() {
    const version = JSON.stringify([this.classes, this.images.map((one) => one.item)]);
    if (version === this.version) return;
    this.version = version;
    this.part.ten.replaceChildren(...this.images.map((image) => this.#tile(image)));
  }

  #tile(image) {
    const choices = this.classes.map((c) => {
      const button = element("button", { type: "button", textContent: c.name });
      button.style.setProperty("--swatch", c.colour);
      button.addEventListener("click", () => this.#answer(image, "label", c.id));
      return button;
    });
    const skip = element("button", { type: "button", className: "soft", textContent: "Skip" });
    skip.addEventListener("click", () => this.#answer(image, "skip", null));
    const tile = element("li", {}, picture({ src: image.src, alt: "a picture without a class" }),
      element("div", { className: "choices" }, ...choices, skip));
    tile.dataset.item = image.item;
    return tile;
  }

  #answer(image, kind, classId) {
    this.images = this.images.filter((one) => one !== image);
    this.push("answer", {
      key: uuid(), client: this.client, token: image.token, item: image.item, kind, proof: image.proof ?? "",
      class: classId, seconds: Math.min(600, Math.round(performance.now() - this.seen) / 1000), at: Date.now() / 1000,
    });
    this.seen = performance.now();
    this.#draw();
    if (!this.images.length) say(this.part.why, "Thank you. The model learns from your answers; ask again.");
    this.hear();
  }
}
