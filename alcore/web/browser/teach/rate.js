// How many answers come a second, over the last few of them. Pure.

const OVER = 3000; // milliseconds

export class Rate {
  #times = [];

  // Count an answer; now in milliseconds.
  add(now) {
    this.#times.push(now);
    this.#times = this.#times.filter((at) => now - at <= OVER);
  }

  // Answers a second, 0 before there are two.
  get perSecond() {
    const times = this.#times;
    const span = times.at(-1) - times[0];
    return times.length > 1 ? (1000 * (times.length - 1)) / span : 0;
  }

  clear() {
    this.#times = [];
  }
}
