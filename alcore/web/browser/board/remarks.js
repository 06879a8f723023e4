// What people say in words: comments on the image on screen, and the note of an unsure answer.
// Written words are never lost: an image that leaves the screen takes them along as a comment.

import { element, say } from "../shared/dom.js";
import { uuid } from "../shared/ids.js";
import { gettext } from "../shared/language.js";
import { request } from "../shared/requests.js";
import { number } from "../shared/text.js";

export class Remarks {
  constructor(board, signal) {
    Object.assign(this, { board, image: null });
    const { remarks, remark } = board.part;
    Object.assign(this, { panel: remarks, field: remark });
    remarks.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(event.submitter?.value ?? this.mode, event.timeStamp);
    }, { signal });
    remark.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") this.close();
      else if (event.key === "Enter" && !event.repeat) this.#send(this.mode, event.timeStamp);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }, { signal });
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  // mode: "comment", or "doubt" where the words go with an unsure answer.
  open(mode) {
    const { image } = this.board.stage;
    if (!image || (mode === "doubt" && !image.token)) return;
    this.mode = mode;
    this.image = image;
    this.panel.hidden = false;
    this.panel.dataset.mode = mode;
    this.field.placeholder = mode === "doubt" ? gettext("Why is it unsure?")
      : gettext("A remark for everybody");
    this.#draw([]);
    this.field.focus();
    if (image.comments !== 0) this.#load(image);
  }

  close() {
    this.panel.hidden = true;
    this.field.value = "";
    this.field.blur();
  }

  // Another image is on screen now.
  left() {
    if (!this.isOpen) return;
    this.#comment(this.image);
    this.close();
  }

  count(n) {
    const [sign] = this.board.doButton("comment").children;
    say(sign, n ? gettext("Comments {n}", { n: number(n) }) : gettext("Comment"));
  }

  #send(mode, pressed) {
    if (mode === "comment") {
      this.#comment(this.image);
      this.close();
      return;
    }
    const note = this.field.value.trim();
    this.close();
    this.board.act({ do: "unsure", note }, pressed);
  }

  #comment(image) {
    const text = this.field.value.trim();
    if (!text) return;
    image.comments = (image.comments ?? 0) + 1;
    this.board.delivery.push("comment", { key: uuid(), item: image.item, text });
    if (image === this.board.stage.image) this.count(image.comments);
  }

  async #load(image) {
    const answer = await request(this.board.link, "GET", `/comments/${image.item}`)
      .catch(() => null);
    if (!answer || this.image !== image || !this.isOpen) return;
    image.comments = answer.comments.length;
    this.count(image.comments);
    this.#draw(answer.comments);
  }

  #draw(comments) {
    this.board.part.said.replaceChildren(...comments.map((c) => element("li", {},
      element("b", { textContent: c.who }), ` ${c.text}`)));
  }
}
