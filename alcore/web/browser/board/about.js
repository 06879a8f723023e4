// What is said about the image on screen: why it is asked, and, once asked for, what the model
// suggests.

import { say } from "../shared/dom.js";
import { request } from "../shared/requests.js";
import { rankedBy, suggestionText, whyText } from "./reasons.js";

export class About {
  constructor(board) {
    this.board = board;
    this.known = new Map(); // item -> what the server said of it
    this.explained = new Set(); // items of which a heat map was on screen
    this.show = { why: false, suggestion: false };
  }

  toggle(what) {
    this.show[what] = !this.show[what];
    this.board.doButton(what).setAttribute("aria-pressed", String(this.show[what]));
    this.draw();
  }

  // The classes that the model thinks of, most likely first, while they are on screen.
  suggestion(image) {
    return (this.show.suggestion && this.known.get(image?.item)?.suggestion) || [];
  }

  // What an answer to this image tells of the suggestion that was on screen.
  shown(image) {
    const explanation_shown = this.explained.has(image.item);
    const [best] = this.suggestion(image);
    if (!best) return { suggestion_shown: false, explanation_shown };
    const { model } = this.known.get(image.item);
    return { suggestion_shown: true, suggested: best.class, suggested_by: model ?? null,
      explanation_shown };
  }

  draw(fetchToo = true) {
    const { board } = this;
    const { image } = board.stage;
    const about = image && this.known.get(image.item);
    const ready = about && !about.pending;
    if (image && fetchToo && (this.show.why || this.show.suggestion)) {
      this.#fetch(image);
      const next = board.feed.images[1];
      if (next && next !== image) this.#fetch(next);
    }
    board.buttons.drawGuesses(ready && this.show.suggestion ? about.suggestion : null);
    const lines = [this.show.why && ready ? whyText(about) : rankedBy(image, board.status)];
    if (this.show.suggestion && ready) lines.push(suggestionText(about.suggestion, board.byId));
    say(board.part.note, lines.join(" "));
    board.remarks.count(image?.comments ?? 0);
    board.part.note.title = board.part.note.textContent;
    board.buttons.mark(image?.visited ? image.current ?? image.entry?.class : undefined);
  }

  async #fetch(image) {
    const { feed, link } = this.board;
    const known = this.known.get(image.item);
    if (known && known.asked === feed.ranking) return;
    this.known.set(image.item, { pending: true, asked: feed.ranking });
    try {
      const why = await request(link, "GET", `/why/${image.item}`);
      this.known.set(image.item, { ...why, asked: feed.ranking });
    } catch {
      this.known.delete(image.item);
    }
    if (this.board.stage.image?.item === image.item) this.draw(false);
  }
}
