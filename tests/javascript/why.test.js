// Owns the proof of what the panel "Why?" says, and of the colours of a map.

import assert from "node:assert/strict";
import { test } from "node:test";

import { coloured, unpack } from "../../alcore/web/browser/why/heat.js";
import { carriersText, changeText, choices, entryText, historyText }
  from "../../alcore/web/browser/why/words.js";

const nameOf = (id) => ({ 1: "husky", 2: "wolf" })[id];

test("a map can be about the answer, the two best guesses, or any class", () => {
  const probabilities = [{ class: 2, p: 0.7 }, { class: 1, p: 0.3 }];
  assert.deepEqual(choices(probabilities, [{ id: 1, name: "husky" }, { id: 2, name: "wolf" }], nameOf), [
    ["answer", "its answer: wolf (70 %)"], ["difference", "wolf rather than husky (30 %)"],
    ["1", "husky"], ["2", "wolf"],
  ]);
  assert.deepEqual(choices(null, [], nameOf)[0], ["answer", "its answer"]);
});

test("signed bytes become colours: orange for, blue against, nothing where nothing counts", () => {
  const values = unpack(btoa(String.fromCharCode(127, 129, 0)));
  assert.deepEqual([...values], [127, -127, 0]);
  assert.deepEqual([...coloured(values)], [230, 159, 0, 215, 0, 114, 178, 215, 230, 159, 0, 0]);
});

test("a label that carries an answer says what would be without it", () => {
  assert.equal(changeText({ value: 0.1234, answer: 1 }, 1, nameOf), "without it 12.3 points less");
  assert.equal(changeText({ value: -0.02, answer: 1 }, 1, nameOf), "without it 2.0 points more");
  assert.equal(changeText({ value: 0.0001, answer: 1 }, 1, nameOf), "without it under 0.1 points less");
  assert.equal(changeText({ value: 0.3, answer: 2 }, 1, nameOf), "without it the answer is wolf");
});

test("it is said how many labels were tried, what was held and what is hidden", () => {
  const told = { answer: 1, p: 0.9, tried: 30, of: 30, held: "", hidden: 0 };
  assert.equal(carriersText(told, nameOf), "Of 30 labels, each was left out once, and the model was "
    + "fitted again without it. These change husky (90 %) most.");
  assert.equal(carriersText({ ...told, tried: 24, of: 900, held: "the network is left as it is", hidden: 1 }, nameOf),
    "Of 900 labels, the 24 that promised most were left out, one at a time, and the model was fitted "
    + "again without it. The network is left as it is. These change husky (90 %) most. You may still "
    + "be asked about 1 label among them.");
});

test("the past says who was right first, and why nothing can be said", () => {
  const models = [{ model: 1, labels: 20, class: 2, p: 0.6 }, { model: 2, labels: 30, class: 1, p: 0.8 }];
  const told = { models, of: 2, label: 1, first: 2, since: 2 };
  assert.equal(historyText(told, nameOf), "Model 2 was the first to say husky.");
  assert.equal(historyText({ ...told, since: null }, nameOf),
    "Model 2 was the first to say husky. The newest does not.");
  assert.equal(historyText({ ...told, first: 1 }, nameOf),
    "Model 1 was the first to say husky. All say so since model 2.");
  assert.equal(historyText({ ...told, first: null }, nameOf), "No model has said husky yet.");
  assert.match(historyText({ ...told, label: null }, nameOf), /no label, so nothing says which/);
  assert.match(historyText({ ...told, of: 90 }, nameOf), /2 of 90 models were asked/);
  const gone = { model: 1, labels: 1, none: "naive bayes: it was kept in no file" };
  assert.match(historyText({ ...told, models: [gone] }, nameOf), /^No model of this project is kept/);
  assert.equal(entryText(gone, nameOf), "model 1, 1 label: naive bayes: it was kept in no file");
  assert.equal(entryText(models[0], nameOf), "model 1, 20 labels: wolf, 60 %");
});
