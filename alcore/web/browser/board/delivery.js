// What becomes of answers once they are given: acknowledged, refused, or waiting for a fresh
// ticket.

import { openChannel } from "../shared/channel.js";
import { element } from "../shared/dom.js";
import { gettext } from "../shared/language.js";
import { record } from "../shared/probe.js";
import { sentence } from "../shared/text.js";
import { drawSaving } from "./side.js";

export class Delivery {
  // board: whose answers these are.
  constructor(board, scope, link) {
    this.board = board;
    this.saved = 0; // answers acknowledged on this page
    this.labels = 0; // those of them that are labels and were not taken back here
    this.counted = 0; // labels acknowledged and not undone since the last status
    this.locked = false; // the ticket works no more
    this.told = false; // that another program holds the database
    this.listener = (event, op, detail) => this.#heard(event, op, detail);
    this.channel = openChannel(scope, link, this.listener);
    this.link = this.channel.link;
    this.outbox = this.channel.outbox;
  }

  get ops() {
    return this.outbox.ops;
  }

  push(kind, body, shown) {
    return this.outbox.push(kind, body, shown);
  }

  // Labels that the last status cannot know of.
  fresh() {
    return this.ops.reduce((sum, op) => sum + labelsIn(op), this.counted);
  }

  #heard(event, op, detail) {
    if (event === "done") this.#delivered(op, detail);
    if (event === "dropped") this.board.refused(op, detail);
    if (event === "locked") this.lock(detail);
    this.#draw();
  }

  #draw() {
    drawSaving(this.board.part, this.outbox, this.labels);
    this.board.root.dataset.pending = String(this.ops.length);
    this.#tellBusy();
  }

  // Say over the image why answers wait, for as long as they do.
  #tellBusy() {
    const { busy } = this.outbox;
    if (busy === this.told) return;
    this.told = busy;
    if (busy) {
      this.board.toast.show(gettext("{reason} Trying again; your answers are kept.",
        { reason: sentence(this.outbox.cause) }), 0);
    } else this.board.toast.hide();
  }

  #delivered(op, answer) {
    if (op.kind === "answer" || op.kind === "lot") {
      this.saved += op.kind === "lot" ? answer.items.length : 1;
      this.board.root.dataset.saved = String(this.saved);
    }
    if (op.kind === "answer") {
      record("acknowledged", {
        key: op.body.key, item: op.body.item, at: performance.now(),
        committed: 1000 * answer.committed,
      });
    }
    this.labels += op.kind === "lot" ? answer.items.length : labelsIn(op);
    if (!(op.kind === "answer" && op.adopted)) this.counted += labelsIn(op);
    this.board.delivered(op, answer);
  }

  // The server takes this page's ticket no more; error says why.
  lock(error) {
    if (this.locked) return;
    this.locked = true;
    const reload = element("button", { type: "button", textContent: gettext("Reload") });
    reload.addEventListener("click", () => location.reload());
    this.board.toast.show(gettext("{reason} Your answers are kept.",
      { reason: sentence(error.message) }), 0, reload);
    this.board.root.dataset.locked = "true";
  }

  freshTicket(ticket) {
    if (!ticket || ticket === this.link.ticket) return;
    this.link.ticket = ticket;
    if (!this.locked) return;
    this.locked = false;
    delete this.board.root.dataset.locked;
    this.board.toast.hide();
    this.outbox.wake();
    this.board.feed.fill(true);
  }

  leave() {
    this.channel.leave(this.listener);
  }
}

// How many labels an operation adds: those of a lot, 1, 0, or less where it takes them back.
function labelsIn(op) {
  if (op.shown.kind !== "label") return 0;
  return (op.shown.count ?? 1) * (op.kind === "undo" || op.kind === "unlot" ? -1 : 1);
}
