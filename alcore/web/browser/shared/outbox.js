// Ordered delivery of answers and undos: one at a time, resent until acknowledged, kept in
// localStorage so that a reload or a closed tab loses nothing.
//
// Each page load has its own rows, "alcore:op:<scope>:<instance>:<number>". Rows of a page that
// is gone are adopted; a page that lives holds a Web Lock, or, without a secure context, stamps
// the time.

import { uuid } from "./ids.js";
import { gettext } from "./language.js";
import { Refused, request } from "./requests.js";

const FIRST_WAIT = 0.3; // seconds
const LONGEST_WAIT = 5;
const BEAT = 5;
const ADOPT = 15;
const SILENCE = 150; // hidden tabs are woken once a minute only

export class Outbox {
  // link: {base, ticket}, read anew for each request, so that a fresh ticket is used at once.
  // hear(event, op, detail): "change", "done", "dropped", "locked" (the ticket works no more).
  constructor(scope, link, hear) {
    this.scope = scope;
    this.link = link;
    this.hear = hear;
    this.instance = uuid();
    this.ops = [];
    this.number = 0;
    this.wait = 0;
    this.busy = false; // another program holds the database
    this.sending = false;
    this.locked = false;
    this.kept = true;
    this.#live();
    this.#adopt();
  }

  // Append {kind: "answer" | "undo", body: {key, …}}.
  push(kind, body, shown = {}) {
    const op = { kind, body, shown, row: this.#row(this.number++) };
    this.ops.push(op);
    this.#keep(op);
    this.hear("change", op);
    this.send();
    return op;
  }

  get trouble() {
    return this.wait > 0;
  }

  // Why answers wait.
  get cause() {
    return this.busy ? gettext("the database is in use by another program")
      : gettext("no connection");
  }

  // Try again at once: the network is back, or the ticket is new.
  wake() {
    this.locked = false;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.send();
  }

  async send() {
    if (this.sending || this.locked || this.timer || !this.ops.length) return;
    this.sending = true;
    const op = this.ops[0];
    const [event, detail] = await this.#deliver(op);
    this.sending = false;
    if (event === "again") this.#retry(detail);
    else if (event === "locked") this.#lock(op, detail);
    else {
      this.#finish(op);
      try {
        this.hear(event, op, detail);
      } catch (error) {
        console.error(error); // what is acknowledged is over, whatever its listener makes of it
      }
      this.send();
    }
  }

  // Send one operation; return what becomes of it, and the answer or the refusal.
  async #deliver(op) {
    try {
      return ["done", await request(this.link, "POST", `/${op.kind}`, op.body)];
    } catch (error) {
      if (!(error instanceof Refused)) return ["again", error];
      return [error.status === 401 ? "locked" : "dropped", error];
    }
  }

  #finish(op) {
    this.wait = 0;
    this.busy = false;
    this.ops.shift();
    try {
      localStorage.removeItem(op.row);
    } catch { /* storage is switched off */ }
  }

  #retry(error) {
    this.busy = error.kind === "WorkspaceBusy";
    this.wait = Math.min(LONGEST_WAIT, this.wait ? 2 * this.wait : FIRST_WAIT);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.send();
    }, 1000 * this.wait);
    this.hear("change");
  }

  #lock(op, error) {
    this.locked = true;
    this.hear("locked", op, error);
  }

  #row(number) {
    return `alcore:op:${this.scope}:${this.instance}:${String(number).padStart(8, "0")}`;
  }

  #keep(op) {
    try {
      const { kind, body, shown } = op;
      localStorage.setItem(op.row, JSON.stringify({ kind, body, shown }));
    } catch {
      this.kept = false;
    }
  }

  #live() {
    navigator.locks?.request(`alcore:page:${this.instance}`, () => new Promise(() => {}));
    const beat = (at) => {
      try {
        if (this.ops.length) localStorage.setItem(`alcore:beat:${this.instance}`, String(at));
        else localStorage.removeItem(`alcore:beat:${this.instance}`);
      } catch { /* storage is switched off */ }
    };
    setInterval(() => beat(Date.now()), 1000 * BEAT);
    setInterval(() => { this.#adopt(); }, 1000 * ADOPT);
    addEventListener("pagehide", () => beat(0));
    addEventListener("pageshow", () => beat(Date.now()));
    addEventListener("online", () => this.wake());
  }

  async #adopt() {
    const prefix = `alcore:op:${this.scope}:`;
    const rows = this.#stored(prefix);
    const instances = new Set(rows.map((row) => row.slice(prefix.length).split(":")[0]));
    const adopted = [];
    for (const instance of instances) {
      if (instance === this.instance || await this.#alive(instance)) continue;
      for (const row of this.#stored(`${prefix}${instance}:`).sort()) {
        const op = JSON.parse(localStorage.getItem(row) ?? "null");
        if (!op) continue;
        const mine = { ...op, row: this.#row(this.number++), adopted: true };
        this.#keep(mine);
        localStorage.removeItem(row);
        adopted.push(mine);
      }
      localStorage.removeItem(`alcore:beat:${instance}`);
    }
    if (!adopted.length) return;
    // What was waiting goes first. An operation under way stays at the head: it leaves by shift().
    this.ops.splice(this.sending ? 1 : 0, 0, ...adopted);
    this.hear("change");
    this.send();
  }

  #stored(prefix) {
    try {
      return Object.keys(localStorage).filter((row) => row.startsWith(prefix));
    } catch {
      return [];
    }
  }

  async #alive(instance) {
    if (navigator.locks) {
      const { held } = await navigator.locks.query();
      return held.some((lock) => lock.name === `alcore:page:${instance}`);
    }
    const beat = localStorage.getItem(`alcore:beat:${instance}`);
    return beat !== null && Math.abs(Date.now() - Number(beat)) < 1000 * SILENCE;
  }
}
