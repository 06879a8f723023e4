// The images at hand: claimed ahead, loaded and decoded before they are needed, renewed while
// they wait, given back when they are not needed.

import { signAgain } from "../shared/addresses.js";
import { gettext } from "../shared/language.js";
import { request, sendLast } from "../shared/requests.js";

const AHEAD = 5; // images beyond the current one
const LOW_WATER = 4; // claim when fewer images than this are at hand
const RENEW = 20; // seconds
const LOAD_AGAIN = [0.5, 2, 5];
const MEND = 5;

export class Feed {
  // link: {base, ticket, client}. hear(event, detail): "images", "lost" (image), "mended" (image),
  // "failed" (error).
  constructor(link, hear) {
    this.link = link;
    this.hear = hear;
    this.images = [];
    this.waiting = null;
    this.ranking = null;
    this.held = new Set(); // further tokens to renew: images looked at again
    this.blocked = () => false; // items answered here that the server may not know of yet
    this.claimed = -Infinity;
    this.failures = 0;
    this.busy = false;
    this.ended = false;
  }

  get first() {
    return this.images[0] ?? null;
  }

  // Make an image object of the server's, and start to load it.
  prepare(raw, more = {}) {
    const image = {
      ...raw, element: null, ready: false, broken: false, seen: 0, confirmed: true, ...more,
    };
    image.loaded ??= load(image, this.link);
    return image;
  }

  putFirst(image) {
    this.images.unshift(image);
  }

  remove(image) {
    const at = this.images.indexOf(image);
    if (at >= 0) this.images.splice(at, 1);
  }

  tick(now) {
    const due = this.waiting || this.failures ? this.retryAt : this.claimed + 1000 * RENEW;
    if (now >= due) this.fill(true);
    this.#mend(now);
  }

  // Load the image in front again: what was missing may be back.
  async #mend(now) {
    const { first } = this;
    if (!first?.broken || now < (first.mending ?? 0)) return;
    first.mending = Infinity;
    await load(first, this.link);
    first.mending = performance.now() + 1000 * MEND;
    this.hear("mended", first);
  }

  // Claim what is lacking; force also renews what is held.
  async fill(force = false) {
    if (this.busy) this.again ||= force;
    if (this.busy || this.ended || document.hidden) return;
    const patient = this.failures || (this.waiting && (this.images.length || this.waiting.reason));
    if (!force && (this.images.length >= LOW_WATER || patient)) return;
    this.busy = true;
    const count = Math.max(0, AHEAD + 1 - this.images.length);
    const hold = [
      ...this.images.filter((i) => i.confirmed).map((i) => i.token), ...this.held];
    this.claimed = performance.now();
    try {
      const answer = await request(this.link, "POST", "/claim", {
        client: this.link.client, count, hold,
      });
      this.failures = 0;
      if (this.ended) this.release(answer.images.map((i) => i.token));
      else this.#receive(answer, hold, count);
    } catch (error) {
      this.failures += 1;
      this.reason = error.reason;
      this.retryAt = performance.now() + 1000 * Math.min(5, 0.3 * 2 ** this.failures);
      this.hear("failed", error);
    } finally {
      this.busy = false;
    }
    if (this.again) {
      this.again = false;
      this.fill(true);
    } else if (!this.failures && !this.waiting) this.fill();
  }

  #receive(answer, hold, count) {
    const kept = new Set(answer.held);
    const gone = new Set(hold.filter((token) => !kept.has(token)));
    const lost = this.images.filter((i) => gone.has(i.token));
    this.images = this.images.filter((i) => !gone.has(i.token));
    for (const token of gone) this.held.delete(token);

    const needless = [];
    for (const raw of answer.images) {
      const twin = this.images.find((i) => i.item === raw.item);
      if (twin?.confirmed) Object.assign(twin, raw, { ranking: answer.ranking });
      else if (twin || this.blocked(raw.item)) needless.push(raw.token);
      else this.images.push(this.prepare(raw, { ranking: answer.ranking }));
    }
    this.release(needless);
    // Fewer than asked: nearly all are taken. The reason comes once there are none at all.
    const scarce = answer.images.length < count ? { reason: "", retry_in: 3 } : null;
    this.waiting = answer.waiting ?? scarce;
    if (this.waiting) {
      const pause = Math.max(0.5, this.waiting.retry_in || 2);
      this.retryAt = performance.now() + 1000 * Math.min(pause, RENEW);
    }
    this.ranked(answer.ranking);
    for (const image of lost) this.hear("lost", image);
    this.hear("images");
  }

  // A new ranking is there: keep the image on screen and the next, and fetch the others anew.
  ranked(ranking) {
    this.ranking = ranking;
    const old = this.images.slice(2).filter((i) => i.confirmed && i.ranking !== undefined
      && i.ranking !== ranking);
    if (!old.length) return;
    this.images = this.images.filter((i) => !old.includes(i));
    this.release(old.map((i) => i.token));
    this.waiting = null;
    this.fill();
  }

  // Everything at hand was given back before.
  restart() {
    this.images = [];
    this.held.clear();
    this.waiting = null;
    this.fill(true);
  }

  async release(tokens) {
    if (!tokens.length) return;
    const body = { client: this.link.client, tokens };
    // What cannot be given back runs out by itself.
    await request(this.link, "POST", "/release", body).catch(() => {});
  }

  // The page goes away: give everything back without waiting for an answer.
  leave() {
    const tokens = [
      ...this.images.filter((i) => i.confirmed).map((i) => i.token), ...this.held];
    if (!tokens.length) return;
    sendLast(this.link, "/release", { client: this.link.client, tokens });
  }
}

// Load and decode; never throws. A failed load is tried again, unless it would fail in the same
// way; then the image counts as broken, and says why where the server does.
async function load(image, link) {
  for (const pause of [0, ...LOAD_AGAIN]) {
    if (pause) await new Promise((done) => setTimeout(done, 1000 * pause));
    if (image.broken) image.src = await signAgain(link, image.src) ?? image.src;
    const element = new Image();
    // The swap and its pixels come in the same frame.
    element.decoding = "sync";
    element.draggable = false;
    element.alt = gettext("Image {number}", { number: image.item });
    element.src = image.src;
    try {
      await element.decode();
      element.className = "picture";
      image.element = element;
      image.ready = true;
      image.broken = false;
      return;
    } catch {
      image.broken = true;
      const refusal = await whyNot(image.src);
      image.reason = refusal?.message;
      if (refusal?.error === "UnreadableImage") return;
    }
  }
}

// Ask for the reason, which an image element does not tell.
async function whyNot(src) {
  const response = await fetch(src).catch(() => null);
  return response && !response.ok ? response.json().catch(() => null) : null;
}
