// Owns the proof that a session's record says what was to be seen at an instant, and that what is
// read of it is true.

import assert from "node:assert/strict";
import { test } from "node:test";

import { accuracyAt, disputes, Record } from "../../alcore/web/browser/projector/record.js";
import { heading } from "../../alcore/web/browser/room/guess.js";
import { shownPlaces } from "../../alcore/web/browser/shared/shares.js";

const [ANA, BEN, CLEO] = [7, 8, 9];
const told = (events, more = {}) => ({
  session: { starts_at: 100, ends_at: 700, now: 400, phase: "running" },
  students: [ANA, BEN, CLEO].map((id) => ({ id, name: String(id), group: 0, removed: false })),
  groups: [{ name: "The class", strategy: "margin" }],
  models: [[130, 0, 1, 20, 0.5, 0.4, 0.6], [160, 0, 2, 40, 0.7, 0.6, 0.8]],
  guesses: [{ id: 1, position: 3, asked_at: 140, shown_at: 150, closed_at: 155 }],
  pictures: {},
  events,
  ...more,
});
// [id, time, student, group, position, kind, class, undoes]; kinds: 0 label, 1 unsure, 2 undo.
const EVENTS = [
  [1, 110, ANA, 0, 3, 0, 0, null],
  [2, 111, BEN, 0, 3, 0, 1, null],
  [3, 112, CLEO, 0, 4, 0, 1, null],
  [4, 120, BEN, 0, 3, 2, null, 2],
  [5, 125, BEN, 0, 3, 0, 0, null],
  [6, 126, CLEO, 0, 4, 1, null, null],
];

test("what is shown at an instant is what was there then", () => {
  const record = new Record();
  record.merge(told(EVENTS));
  const at = (now) => {
    const { labels, counts, models, disputes: open, guess } = record.at(now);
    return [labels, counts.get(BEN) ?? 0, models.length, open.length, guess?.id ?? null];
  };
  assert.deepEqual(at(99), [0, 0, 0, 0, null]);
  assert.deepEqual(at(115), [3, 1, 0, 1, null]); // Ana and Ben disagree
  assert.deepEqual(at(121), [2, 0, 0, 0, null]); // Ben took it back
  assert.deepEqual(at(131), [2, 1, 1, 0, null]); // and agrees; Cleo is unsure after all
  assert.deepEqual(at(141), [2, 1, 1, 0, 1]);
  assert.deepEqual(at(155), [2, 1, 1, 0, null]);
  assert.deepEqual(at(170), [2, 1, 2, 0, null]);
  assert.deepEqual(record.span(), [100, 400]);
});

test("what comes in parts is the same as what comes at once, and no event counts twice", () => {
  const whole = new Record();
  whole.merge(told(EVENTS));
  const parts = new Record();
  for (const event of EVENTS) parts.merge(told([event]));
  parts.merge(told(EVENTS.slice(3)));
  assert.deepEqual(parts.at(200), whole.at(200));
  assert.equal(parts.last, 6);
});

test("after a reset nothing is left of what was before", () => {
  const record = new Record();
  record.merge(told(EVENTS));
  record.merge(told([], { students: [], models: [], guesses: [] }));
  assert.deepEqual([record.at(200).labels, record.last], [0, 0]);
});

test("the image that most students disagree about comes first", () => {
  const votes = new Map([
    ["1 5", [0, 0]], ["2 5", [0, 1]],
    ["1 6", [0, 0]], ["2 6", [0, 1]], ["3 6", [0, 2]],
    ["1 7", [0, 0]], ["2 7", [0, 0]],
    ["1 8", [0, 0]], ["2 8", [1, 1]], // of two groups: nobody disagrees
  ]);
  assert.deepEqual(disputes(votes).map((d) => d.position), [6, 5]);
  assert.deepEqual(disputes(votes)[0].votes, [[0, 1], [1, 1], [2, 1]]);
});

test("a curve is read between its points and not beyond them", () => {
  const curve = [[20, 0.5], [40, 0.7]];
  assert.deepEqual([10, 20, 30, 40, 41].map((n) => accuracyAt(curve, n)), [null, 0.5, 0.6, 0.7, null]);
  assert.equal(accuracyAt([], 5), null);
});

test("a guess says what to do, and then who was right", () => {
  const classes = ["cat", "dog"];
  assert.match(heading({ shown: false, mine: null }, classes), /what is this/);
  assert.match(heading({ shown: false, mine: 1 }, classes), /You say dog/);
  assert.match(heading({ shown: true, mine: 1, bars: [0.2, 0.8] }, classes), /dog, as you do/);
  assert.match(heading({ shown: true, mine: 0, bars: [0.2, 0.8] }, classes), /dog; you say cat/);
  assert.match(heading({ shown: true, mine: null, bars: null }, classes), /no model yet/);
  assert.deepEqual(shownPlaces([0.1, 0.9, 0.001], [1, 0, 0]), [0, 1]);
  assert.deepEqual(shownPlaces(null, [0, 0, 3]), [2]);
});
