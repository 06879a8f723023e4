// Ordered delivery of answers and undos: one at a time, resent until acknowledged, kept in
// localStorage so that a reload or a closed tab loses nothing.
//
// Each page load has its own rows, "alcore:op:<scope>:<instance>:<number>". Rows of a page that
// is gone are adopted; a page that lives holds a Web Lock, or, without a secure context, stamps
// the time.

const FIRST_WAIT = 0.3; // seconds
const LONGEST_WAIT = 5;
const PATIENCE = 10; // seconds until a request counts as lost
const BEAT = 5;
const ADOPT = 15;
const SILENCE = 150; // hidden tabs are woken once a minute only

class Refused extends Error {
  constructor(status, kind, message) {
    super(message);
    this.reason = message;
    this.status = status;
    this.kind = kind;
  }
}

const uuid = () => crypto.randomUUID?.()
  ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) => (
    +c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (+c / 4)))).toString(16));

// Fetch JSON. Throws Refused for an answer that is final, any other error for one worth a retry.
async function request(board, method, path, body, seconds = PATIENCE) {
  const response = await fetch(board.base + path, {
    method,
    headers: { "content-type": "application/json", "X-Alcore-Ticket": board.ticket },
    body: body === undefined ? undefined : JSON.stringify(body),
    // Sent to its end although the page is closed meanwhile.
    keepalive: method === "POST",
    cache: "no-store",
    signal: AbortSignal.timeout(1000 * seconds),
  });
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({}));
  const message = said.message || `The server answered ${response.status}.`;
  // Final is what alcore itself refuses: a proxy between may say anything. 421: the proxy is set
  // up wrongly, for which nobody's answer is dropped.
  if (!said.error || response.status >= 500 || [408, 421, 429].includes(response.status)) {
    throw Object.assign(new Error(message), { reason: said.message });
  }
  throw new Refused(response.status, said.error || "", message);
}

class Outbox {
  // board: {base, ticket}, read anew for each request, so that a fresh ticket is used at once.
  // hear(event, op, detail): "change", "done", "dropped", "locked" (the ticket works no more).
  constructor(scope, board, hear) {
    this.scope = scope;
    this.board = board;
    this.hear = hear;
    this.instance = uuid();
    this.ops = [];
    this.number = 0;
    this.wait = 0;
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
    try {
      const answer = await request(this.board, "POST", `/${op.kind}`, op.body);
      this.#finish(op);
      this.hear("done", op, answer);
    } catch (error) {
      if (!(error instanceof Refused)) this.#retry();
      else if (error.status === 401) this.#lock(op, error);
      else {
        this.#finish(op);
        this.hear("dropped", op, error);
      }
    } finally {
      this.sending = false;
    }
    this.send();
  }

  #finish(op) {
    this.wait = 0;
    this.ops.shift();
    try {
      localStorage.removeItem(op.row);
    } catch { /* storage is switched off */ }
  }

  #retry() {
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
