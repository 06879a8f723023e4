// Pictures on their way: kept until the server has them on its disk, a few in a request, in order.

import { Refused } from "../shared/requests.js";

const MOST = 6; // pictures of a request
const MOST_LETTERS = 2_500_000; // of a request, in base64
const [FIRST_WAIT, LONGEST_WAIT] = [0.3, 5]; // seconds

export class Sending {
  // ask(pictures): sends them; rejects with Refused where that is final. hear(event, detail):
  // "change", "kept" (pictures), "refused" (pictures, error).
  constructor(ask, hear) {
    Object.assign(this, { ask, hear });
    this.pictures = []; // [{key, name, data, class}]
    this.busy = false;
    this.wait = 0;
  }

  // Pictures of a class that are on their way.
  of(classId) {
    return this.pictures.filter((one) => one.class === classId);
  }

  add(...pictures) {
    this.pictures.push(...pictures);
    this.hear("change");
    this.send();
  }

  // Leave out a picture that was not sent yet; return whether there was one.
  drop(key) {
    const at = this.pictures.findIndex((one) => one.key === key);
    if (at < (this.busy ? this.under : 0)) return false;
    this.pictures.splice(at, 1);
    this.hear("change");
    return true;
  }

  async send() {
    if (this.busy || this.timer || !this.pictures.length) return;
    this.busy = true;
    const some = fitting(this.pictures);
    this.under = some.length;
    try {
      await this.ask(some);
      this.#finish(some, "kept");
    } catch (error) {
      // One of them may be at fault: each is sent alone before it is given up.
      if (error instanceof Refused && (some.length === 1 || error.status === 401)) this.#finish(some, "refused", error);
      else if (error instanceof Refused) this.#alone(some.length);
      else this.#retry(error);
    }
    this.busy = false;
    this.send();
  }

  #finish(some, event, error) {
    this.pictures.splice(0, some.length);
    this.wait = 0;
    this.hear(event, some, error);
    this.hear("change");
  }

  #alone(n) {
    for (const one of this.pictures.slice(0, n)) one.alone = true;
  }

  #retry(error) {
    this.wait = Math.min(LONGEST_WAIT, this.wait ? 2 * this.wait : FIRST_WAIT);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.send();
    }, 1000 * this.wait);
    this.hear("waits", [], error);
  }
}

// The first pictures that go into one request.
export function fitting(pictures) {
  const some = [];
  let letters = 0;
  for (const one of pictures.slice(0, MOST)) {
    letters += one.data.length;
    if (some.length && (letters > MOST_LETTERS || one.alone || some[0].alone)) break;
    some.push(one);
  }
  return some;
}
