// The oracle is the person: the question about one point, and the classes to press.

import { element, say } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { bytesOf } from "./regions.js";

const SIDE = 8; // pixels of a picture

export class Person {
  // onAnswer(c)
  constructor(part, colours, onAnswer) {
    Object.assign(this, { part, colours, onAnswer });
  }

  // The answers after class c was said at a step: what was said before of this batch stays, where
  // it is not complete.
  static after(settings, step, c) {
    const begin = step.query * settings.batch;
    const mine = settings.answers.slice(begin, begin + settings.batch);
    const kept = mine.length === settings.batch ? "" : mine;
    return settings.answers.slice(0, begin) + kept + String(c);
  }

  draw({ step, settings, scene, rounds }) {
    const on = settings.oracle === "me" && step.phase === "ask" && Boolean(scene);
    this.part.answer.hidden = !on;
    if (!on) return;
    const round = rounds.first[step.model];
    const place = settings.answers.length - step.query * settings.batch;
    const open = place < round.query.length ? place : round.query.length - 1;
    const values = { place: open + 1, n: round.query.length };
    let text = gettext("You have answered. Another answer changes everything after it.");
    if (place < round.query.length) {
      text = round.query.length > 1
        ? gettext("Which class has the point in the bold ring ({place} of {n})? Press it, or its key.",
          values)
        : gettext("Which class has the point in the bold ring? Press it, or its key.");
    }
    say(this.part.question, text);
    this.#drawChoices(scene.classes);
    this.#drawPicture(scene, round.query[open]);
  }

  #drawChoices(classes) {
    const version = classes.join();
    if (this.version === version) return;
    this.version = version;
    this.part.choices.replaceChildren(...classes.map((name, c) => {
      const button = element("button", { type: "button", textContent: name,
        onclick: () => this.onAnswer(c) });
      button.dataset.class = c;
      button.style.setProperty("--swatch", this.colours[c]);
      return button;
    }));
  }

  #drawPicture(scene, id) {
    const { glimpse } = this.part;
    glimpse.hidden = !scene.pictures;
    if (!scene.pictures) return;
    const pixels = bytesOf(scene.pictures).subarray(id * SIDE * SIDE, (id + 1) * SIDE * SIDE);
    const image = new ImageData(SIDE, SIDE);
    pixels.forEach((value, i) => image.data.set([255 - value, 255 - value, 255 - value, 255], 4 * i));
    glimpse.getContext("2d").putImageData(image, 0, 0);
  }
}
