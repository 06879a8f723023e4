// Adding classes by typing them, for who may: at the start, and as they turn up.

import { element } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { Refused, request } from "../shared/requests.js";
import { sentence } from "../shared/text.js";

const HOW = gettext("This project has no classes yet. Type the first one, press Enter, and go on with the "
  + "next.");
const WHO = gettext("This project has no classes yet. Its owner adds them on the Set-up page, under "
  + "Classes.");

export class NewClass {
  constructor(board, signal) {
    const { newclass: form, newname: field, newdone: done, addclass: button } = board.part;
    Object.assign(this, { board, form, field, done, button });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    }, { signal });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    }, { signal });
  }

  get isOpen() {
    return !this.form.hidden;
  }

  // Draw what suits the classes there are and the person at the browser; may: they may add some.
  draw(may) {
    const none = !this.board.classes.length;
    this.button.hidden = !may || none;
    if (none) {
      this.form.hidden = !may;
      this.board.part.classes.append(element("p", { className: "none",
        textContent: may ? HOW : WHO }));
    }
    this.done.hidden = none;
  }

  toggle() {
    if (this.isOpen) this.close();
    else {
      this.form.hidden = false;
      this.field.focus();
    }
  }

  close() {
    this.field.value = "";
    this.field.blur();
    if (this.board.classes.length) this.form.hidden = true;
  }

  async #add() {
    const name = this.field.value.trim();
    const { board } = this;
    if (!name) {
      this.close();
      return;
    }
    try {
      const answer = await request(board.link, "POST", "/class", { name });
      this.field.value = "";
      board.added(answer);
    } catch (error) {
      board.toast.show(error instanceof Refused ? sentence(error.message)
        : gettext("No connection: the class was not added. Try again."));
    }
    this.field.focus();
  }
}
