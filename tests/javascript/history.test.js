// Owns the proof that the last answers are in order, whoever says what when.

import assert from "node:assert/strict";
import { test } from "node:test";

import { History, lotOf } from "../../alcore/web/browser/board/history.js";

// An answer that was given here; an event that the server tells of.
const mine = (key, item, more = {}) => ({ key, item, kind: "label", saved: false, image: {}, ...more });
const event = (key, item) => ({ key, item, kind: "label" });
const keys = (history) => history.entries.map((e) => e.key);
const of = (...entries) => {
  const history = new History();
  for (const entry of entries) history.add(entry);
  return history;
};

test("a new answer to an item takes the place of the one before", () => {
  const history = of(mine("a", 1), mine("b", 2), mine("c", 1));
  assert.deepEqual(keys(history), ["b", "c"]);
  assert.equal(history.last.key, "c");
});

test("the oldest answers are forgotten", () => {
  const history = of(...Array.from({ length: 70 }, (_, i) => mine(`k${i}`, i)));
  assert.equal(history.entries.length, 60);
  assert.equal(history.entries[0].key, "k10");
});

test("the labels of a lot are taken out together", () => {
  const history = of(mine("a", 1), mine("lot/2", 2), mine("lot/3", 3));
  assert.deepEqual(history.dropLot("lot").map((e) => e.item), [2, 3]);
  assert.deepEqual(keys(history), ["a"]);
  assert.equal(lotOf("lot/2"), "lot");
  assert.equal(lotOf("a"), null);
  assert.equal(lotOf(undefined), null);
});

test("what the server tells is older than what is still to be sent", () => {
  const history = of(mine("new", 9));
  history.merge([event("b", 2), event("a", 1)], 100, [
    { kind: "answer", body: { key: "new" } },
  ]);
  assert.deepEqual(keys(history), ["a", "b", "new"]);
  assert.deepEqual(history.entries.map((e) => e.saved), [true, true, false]);
});

test("an answer that was saved after the question stays the newest", () => {
  const history = of(mine("new", 9, { saved: true, savedAt: 200 }));
  history.merge([event("a", 1)], 100, []);
  assert.deepEqual(keys(history), ["a", "new"]);
});

test("what is being taken back does not return with the server's answer", () => {
  const history = of();
  history.merge([event("lot/4", 4), event("lot/3", 3), event("b", 2), event("a", 1)], 100, [
    { kind: "undo", body: { key: "u", undoes: "b" } },
    { kind: "unlot", body: { key: "v", undoes: "lot" } },
  ]);
  assert.deepEqual(keys(history), ["a"]);
});

test("labels of a lot that is still to be sent stay the newest", () => {
  const history = of(mine("lot/3", 3), mine("lot/4", 4));
  history.merge([event("a", 1)], 100, [
    { kind: "lot", body: { key: "lot", tiles: [{ item: 3 }, { item: 4 }] } },
  ]);
  assert.deepEqual(keys(history), ["a", "lot/3", "lot/4"]);
});

test("an entry keeps its picture when the server tells of it", () => {
  const entry = mine("a", 1, { image: { element: "picture" } });
  const history = of(entry);
  history.merge([event("a", 1)], 100, []);
  assert.equal(history.entries[0], entry);
  assert.equal(entry.saved, true);
});

test("steps lead from the queue to older answers and back to the queue", () => {
  const history = of(mine("a", 1), mine("b", 2));
  const [a, b] = history.entries;
  assert.equal(history.step(null, -1), b);
  assert.equal(history.step(b, -1), a);
  assert.equal(history.step(a, -1), undefined);
  assert.equal(history.step(b, 1), null);
});

test("what was asked for before an undo was stored does not bring the answer back", () => {
  const history = of();
  const asked = performance.now() - 1;
  history.changed();
  assert.equal(history.merge([event("b", 2), event("a", 1)], asked, []), false);
  assert.deepEqual(keys(history), []);
  assert.equal(history.merge([event("a", 1)], performance.now(), []), true);
  assert.deepEqual(keys(history), ["a"]);
});
