// Going back: an answered image on screen again, leased once one rests on it.

import { gettext } from "../shared/language.js";
import { Refused, request } from "../shared/requests.js";
import { sentence } from "../shared/text.js";

const REVISIT_AFTER = 120; // milliseconds: stepping through the history leases nothing on the way

export class Visits {
  constructor(board) {
    this.board = board;
    this.image = null;
    this.wish = null; // what to do once the image is leased
  }

  // Whether the image on screen waits for its lease; then `wish` is called once it is there.
  pending(image, wish) {
    if (image !== this.image || !image || image.token) return false;
    this.wish = wish;
    return true;
  }

  step(by) {
    const to = this.board.history.step(this.image?.entry, by);
    if (to === null && this.image) this.end();
    else if (to?.saved) this.go(to);
  }

  go(entry) {
    this.#leave();
    const image = this.board.feed.prepare({
      item: entry.item, src: entry.src, token: null, round: null,
    }, {
      visited: true, entry, answered: gettext("Answered: {answer}. Esc goes back.",
        { answer: this.board.answerOf(entry) }),
    });
    this.image = image;
    this.board.paint(performance.now());
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#lease(image), REVISIT_AFTER);
    this.board.drawStrip();
  }

  async #lease(image) {
    const { link, feed } = this.board;
    let answer;
    try {
      answer = await request(link, "POST", "/revisit", { client: link.client, item: image.item });
    } catch (error) {
      if (this.image !== image) return;
      this.end();
      this.board.toast.show(error instanceof Refused ? sentence(error.message)
        : gettext("No connection: this answer cannot be changed now."));
      return;
    }
    if (this.image !== image) {
      feed.release([answer.image.token]);
      return;
    }
    Object.assign(image, { token: answer.image.token, proof: answer.image.proof, current: answer.current });
    feed.held.add(image.token);
    this.board.about.draw();
    this.wish?.();
  }

  // It was answered: its lease goes with the answer.
  answered() {
    this.board.feed.held.delete(this.image.token);
    this.image = null;
    this.wish = null;
  }

  end() {
    this.#leave();
    this.board.paint(performance.now());
    this.board.drawStrip();
  }

  stop() {
    clearTimeout(this.timer);
  }

  #leave() {
    const token = this.image?.token;
    clearTimeout(this.timer);
    this.image = null;
    this.wish = null;
    if (!token) return;
    this.board.feed.held.delete(token);
    this.board.feed.release([token]);
  }
}
