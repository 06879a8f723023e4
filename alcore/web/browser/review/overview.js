// How much there is to review, asked again and again: counts, people, and what models look at.

import { request } from "../shared/requests.js";

const SOON = 600; // milliseconds after a change
const BUSY = 1500; // while models look at the labels
const REST = 15000;
const ACTIVE = new Set(["running", "waiting"]);

export class Overview {
  // changed(over): counts are new; over: models have just finished looking.
  constructor(review, changed) {
    Object.assign(this, { review, changed });
    this.answer = null;
    this.outdated = false;
  }

  get isActive() {
    return ACTIVE.has(this.answer?.job?.state);
  }

  async load() {
    clearTimeout(this.timer);
    const { review } = this;
    if (review.stop.signal.aborted) return;
    this.outdated = false;
    if (!document.hidden) {
      const active = this.isActive;
      const answer = await request(review.link, "GET", "/review/overview").catch(() => null);
      if (review.stop.signal.aborted) return;
      if (answer) {
        this.answer = answer;
        if (answer.ticket) review.link.ticket = answer.ticket;
        this.changed(active && answer.job && !this.isActive);
      }
    }
    this.#loadAfter(this.outdated ? SOON : this.isActive ? BUSY : REST);
  }

  // Something was changed here.
  stale() {
    this.outdated = true; // also for an answer that is on its way
    this.#loadAfter(SOON);
  }

  end() {
    clearTimeout(this.timer);
  }

  #loadAfter(pause) {
    clearTimeout(this.timer);
    if (!this.review.stop.signal.aborted) this.timer = setTimeout(() => this.load(), pause);
  }
}
