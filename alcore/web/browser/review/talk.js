// What was said of the chosen image: its log and its comments, and the field for a new one.

import { uuid } from "../shared/ids.js";
import { request } from "../shared/requests.js";
import { drawLog } from "./view.js";

const REST = 120; // milliseconds on an image before its log is asked for

export class Talk {
  constructor(review) {
    this.review = review;
    this.entries = null; // {log, comments} of the chosen image
    this.written = 0; // comments written here
  }

  // Another image is chosen.
  left() {
    this.entries = null;
    this.load();
  }

  load() {
    clearTimeout(this.timer);
    const { review } = this;
    const row = review.rows.chosen;
    if (!row) return;
    this.timer = setTimeout(async () => {
      const { written } = this;
      const answer = await request(review.link, "GET", `/review/items/${row.item}`)
        .catch(() => null);
      if (!answer || review.rows.chosen !== row || review.stop.signal.aborted) return;
      if (this.written !== written) return; // older than a comment: asked again once that is there
      this.entries = answer;
      row.comments = answer.comments.length;
      review.redraw(row);
    }, REST);
  }

  open(open) {
    const { part, rows } = this.review;
    part.say.hidden = !open;
    if (open) part.remark.focus();
    else {
      part.remark.value = "";
      rows.focus();
    }
  }

  send() {
    const { review } = this;
    const text = review.part.remark.value.trim();
    const row = review.rows.chosen;
    if (text && row) {
      this.written += 1;
      review.outbox.push("comment", { key: uuid(), item: row.item, text });
      const mine = { who: review.data.annotator, text, at: Date.now() / 1000 };
      this.entries = { ...this.entries, log: this.entries?.log ?? [],
        comments: [...(this.entries?.comments ?? []), mine] };
      row.comments = this.entries.comments.length;
      review.redraw(row);
    }
    this.open(false);
  }

  draw() {
    drawLog(this.review.part, this.entries, this.review);
  }

  end() {
    clearTimeout(this.timer);
  }
}
