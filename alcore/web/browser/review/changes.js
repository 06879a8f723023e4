// Labels that are changed here: drawn at once, delivered by the outbox, and taken back again.

import { say } from "../shared/dom.js";
import { uuid } from "../shared/ids.js";
import { labelOf } from "./view.js";

const LONGEST = 3600; // seconds that count as spent on one image

export class Changes {
  constructor(review) {
    this.review = review;
    this.made = []; // {key, item, before}: what undo takes back, oldest first
  }

  // Label a row with a class.
  make(row, id) {
    if (row.pending) {
      row.next = id;
      return;
    }
    const { review } = this;
    const { rows } = review;
    const before = { ...row };
    const seconds = Math.min(LONGEST, (performance.now() - rows.since) / 1000);
    const key = uuid();
    Object.assign(row, {
      kind: "label", class: id, who: review.data.annotator, at: Date.now() / 1000,
      origin: row.event === null ? null : "relabel", note: null, pending: true, resolved: true,
    });
    this.made.push({ key, item: row.item, before });
    review.outbox.push("review/mend", { key, item: row.item, class: id, seen: before.event,
      seconds: Math.round(1000 * seconds) / 1000 });
    review.redraw(row);
    review.buttons.flash(id);
    say(review.part.live, `${row.name} is ${review.nameOf(id)}.`);
    rows.choose(rows.at + 1);
  }

  undo() {
    const last = this.made.pop();
    if (!last) return;
    const { review } = this;
    const { rows } = review;
    review.outbox.push("review/undo", { key: uuid(), undoes: last.key, item: last.item });
    const row = rows.of(last.item);
    if (!row) {
      review.toast.show("Taken back.");
      return;
    }
    delete row.next;
    Object.assign(row, { resolved: false }, last.before, { pending: true });
    review.redraw(row);
    rows.choose(rows.placeOf(last.item));
    say(review.part.live, `${last.before.name} is ${labelOf(last.before, review)} again.`);
  }

  // The server has stored a change: `stored` is the row as it is now. More changes of the same
  // item may be on their way.
  delivered(row, stored, more) {
    const { review } = this;
    if (!more) Object.assign(row, stored, { pending: false });
    const { next } = row;
    delete row.next;
    review.redraw(row);
    if (next !== undefined && !more) this.#again(row, next);
    else if (row === review.rows.chosen) review.talk.load();
  }

  // The choice that was made while the one before was on its way.
  #again(row, id) {
    const { rows } = this.review;
    const { at } = rows;
    this.make(row, id);
    rows.choose(at);
  }

  refused(key) {
    this.made = this.made.filter((change) => change.key !== key);
  }
}
