// Giving answers and taking them back: from the image on screen to the outbox.

import { say } from "../shared/dom.js";
import { uuid } from "../shared/ids.js";
import { gettext } from "../shared/language.js";
import { record } from "../shared/probe.js";
import { lotOf } from "./history.js";
import { kindText } from "./reasons.js";

export class Answers {
  constructor(board) {
    this.board = board;
  }

  // Answer the image on screen; pressed: when, in milliseconds of the page.
  give(kind, chosen, pressed, note = "") {
    const { board } = this;
    const { image } = board.stage;
    const broken = kind === "skip" && image?.broken;
    // What was pressed before the image was there is not meant for it, however late it arrives.
    const seen = broken || board.stage.age(pressed) >= 0;
    if (!image || board.delivery.locked || !seen) return;
    if (board.visits.pending(image, () => this.give(kind, chosen, pressed, note))) return;
    if (!image.token) return;
    board.stage.pause();
    const key = uuid();
    const body = {
      key, client: board.link.client, token: image.token, item: image.item, kind,
      proof: image.proof ?? "",
      class: chosen?.id ?? null, seconds: Math.round(image.seen) / 1000, at: Date.now() / 1000,
      ...board.about.shown(image), ...(note && { note }),
    };
    record("pressed", { key, item: image.item, at: pressed });
    board.history.add({
      key, item: image.item, src: image.src, kind, class: body.class, at: body.at, saved: false,
      image,
    });
    if (image === board.visits.image) board.visits.answered();
    board.feed.remove(image);
    board.delivery.push("answer", body, { kind });
    board.paint(pressed);
    // Others are claimed once this answer is on disk, which so never waits for them.
    if (board.feed.images.length < 2) board.feed.fill();
    if (chosen) board.buttons.flash(chosen.id);
    say(board.part.live, gettext("{what}. Next image.",
      { what: chosen ? chosen.name : kindText(kind) }));
    board.drawCounts();
  }

  // Take over the model's suggestion, where it is shown.
  accept(pressed) {
    const { board } = this;
    const [best] = board.about.suggestion(board.stage.image);
    if (best) this.give("label", board.byId.get(best.class), pressed);
  }

  // Take back the last answer, or lot of answers, and show its image again.
  undo() {
    const { board } = this;
    if (board.delivery.locked) return;
    if (board.visits.image) board.visits.end();
    const lot = lotOf(board.history.last?.key);
    if (lot) {
      board.grid.undo(lot);
      return;
    }
    const entry = board.history.pop();
    if (!entry) {
      board.toast.show(gettext("There is nothing to undo."));
      return;
    }
    const token = uuid();
    const again = { ranking: undefined, token, confirmed: false, seen: 0 };
    const image = entry.image?.ready
      ? { ...entry.image, ...again, visited: false }
      : board.feed.prepare({ item: entry.item, src: entry.src, round: null }, again);
    image.visited = true;
    image.answered = gettext("Undone: it was {answer}.", { answer: board.answerOf(entry) });
    board.feed.putFirst(image);
    board.paint(performance.now());
    board.delivery.push("undo",
      { key: uuid(), client: board.link.client, undoes: entry.key, token }, { kind: entry.kind });
    say(board.part.live, gettext("Undone: {answer}.", { answer: board.answerOf(entry) }));
    board.drawCounts();
  }
}
