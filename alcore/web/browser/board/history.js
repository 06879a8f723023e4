// My last answers, oldest first: what the history shows and what undo takes back.

const MOST_ENTRIES = 60;

// The lot that a label was given in: its key stands before the slash.
export const lotOf = (key) => (key?.includes("/") ? key.split("/")[0] : null);

export class History {
  constructor() {
    this.entries = []; // {key, item, src, kind, class, at, saved, image}
    this.changedAt = -1; // when the server last stored what is more than one new answer
  }

  // A new answer to an item takes the place of the one before.
  add(entry) {
    this.entries = this.entries.filter((e) => e.item !== entry.item);
    this.entries.push(entry);
    if (this.entries.length > MOST_ENTRIES) this.entries.shift();
  }

  get last() {
    return this.entries.at(-1);
  }

  // Take the labels of a lot out, and return them.
  dropLot(lot) {
    const found = this.entries.filter((e) => lotOf(e.key) === lot);
    this.entries = this.entries.filter((e) => !found.includes(e));
    return found;
  }

  pop() {
    return this.entries.pop();
  }

  saved(key) {
    const entry = this.entries.find((e) => e.key === key);
    if (entry) Object.assign(entry, { saved: true, savedAt: performance.now() });
  }

  drop(key) {
    this.entries = this.entries.filter((e) => e.key !== key);
  }

  // The server stored an undo, or a lot: what was asked for earlier may not know of it.
  changed() {
    this.changedAt = performance.now();
  }

  // Put the server's events (newest first, asked for at `asked`) in; ops are still to be sent.
  // Returns false where the events are older than such a change, and does nothing.
  merge(events, asked, ops) {
    if (asked < this.changedAt) return false;
    const undone = new Set(ops.filter((op) => op.kind === "undo").map((op) => op.body.undoes));
    const lots = new Set(ops.filter((op) => op.kind === "unlot").map((op) => op.body.undoes));
    const pending = new Set(ops.flatMap((op) => (op.kind === "lot"
      ? op.body.tiles.map((tile) => `${op.body.key}/${tile.item}`) : [op.body.key])));
    const known = new Map(this.entries.map((e) => [e.key, e]));
    const stored = events.filter((e) => !undone.has(e.key) && !lots.has(lotOf(e.key))).reverse()
      .map((e) => Object.assign(known.get(e.key) ?? {}, e, { saved: true }));
    const keys = new Set(stored.map((e) => e.key));
    const rest = this.entries.filter((e) => !keys.has(e.key));
    // By order of events, not by clock: the server's may differ from ours.
    const isNew = (e) => pending.has(e.key) || e.savedAt > asked;
    const all = [...rest.filter((e) => e.image && !isNew(e)), ...stored, ...rest.filter(isNew)];
    const latest = new Map(all.map((e) => [e.item, e]));
    this.entries = all.filter((e) => latest.get(e.item) === e);
    return true;
  }

  // The entry `by` steps from this one (null: from the queue); undefined where there is none,
  // null for the queue.
  step(entry, by) {
    const last = this.entries.length;
    const at = entry ? this.entries.indexOf(entry) : last;
    const to = at + by;
    return to === last ? null : this.entries[to];
  }
}
