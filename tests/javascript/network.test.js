// Owns the proof of what the page "Network" says of layers, units and changes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { aboutText, besideOptions, changeText, concreteText, layerText, layerTitle, modelOptions,
  partOptions, restText, square, unitText } from "../../alcore/web/browser/network/words.js";

const offer = { extractor: "EfficientNet", none: "", models: [
  { model: 3, labels: 60, network: "small CNN", parts: ["network", "features"], start: "" },
  { model: 2, labels: 40, network: "small CNN", parts: ["network"], start: "pretraining 1" },
  { model: 1, labels: 20, network: "study A", parts: ["network"], start: "" },
] };
const nameOf = (id) => ({ 7: "husky" })[id];

test("before the first model the extractor is offered alone", () => {
  assert.deepEqual(modelOptions({ models: [] }), [["", "no model yet"]]);
  assert.deepEqual(partOptions({ models: [], extractor: "EfficientNet" }, undefined),
    [["features", "extractor: EfficientNet"]]);
  assert.deepEqual(partOptions({ models: [], extractor: "" }, undefined), []);
});

test("beside a network stand its start, random weights and models of the same network", () => {
  const values = (model, part) => besideOptions(offer, model, part).map(([value]) => value);
  assert.deepEqual(values(offer.models[0], "network"), ["", "random", "2"]);
  assert.deepEqual(values(offer.models[1], "network"), ["", "start", "random", "3"]);
  assert.deepEqual(values(offer.models[2], "network"), ["", "random"]);
  assert.deepEqual(values(offer.models[0], "features"), ["", "random"]);
  assert.deepEqual(values(undefined, "features"), ["", "random"]);
});

test("layers say where they stand and how much of the image a place sees", () => {
  assert.equal(layerTitle({ key: "stem" }, 0, 7), "Layer 1 of 7, the first");
  assert.equal(layerTitle({ key: "stages.2" }, 6, 7), "Layer 7 of 7, the last");
  assert.equal(layerTitle({ key: "classes" }, 7, 7), "The classes");
  assert.equal(layerText({ key: "stem", units: 64, side: 15, sees: 0.125 }, 32),
    "64 units, each in 15 × 15 places. A place sees 4 × 4 of 32 × 32 pixels.");
  assert.match(layerText({ key: "late", units: 128, side: 3, sees: 0.95 }, 32), /about the whole image/);
  assert.equal(layerText({ key: "classes", units: 2, side: 1, sees: 1 }, 32),
    "2 units, one for each class. Each sees the whole image.");
});

test("how concrete a layer is, is a mean over its units, and nothing where no class is known", () => {
  assert.match(concreteText([{ share: 1 }, { share: 0.5 }, { share: null }]), /one class of 75 %/);
  assert.equal(concreteText([{ share: null }]), "");
  const images = [{ answer: 7 }, { answer: 7 }, { answer: 1 }, { answer: null }];
  assert.equal(unitText({ share: 0.667, most: 7, images }, nameOf), "2 of 3: husky");
  assert.equal(unitText({ most: null, images }, nameOf), "");
  assert.equal(unitText({ quiet: true }, nameOf), "silent");
});

test("what changed has numbers, and weights that nobody can compare have none", () => {
  const one = { same: [1, 0.5], r: [1, 0.7], moved: 0.02 };
  assert.equal(changeText(one, "start"), "Against its pretrained start: unit for unit r = 0.75, "
    + "with the most alike r = 0.85. Its weights moved by 2 %.");
  assert.equal(changeText({ ...one, moved: null }, "2").includes("weights"), false);
  assert.equal(changeText(undefined, "random"), "");
});

test("while it computes it says how far it is and how long the rest takes", () => {
  assert.equal(restText(0, 8, 0), "Computing layer 1 of 8, the first takes longest.");
  assert.equal(restText(2, 8, 4), "Computing layer 3 of 8, about 12 s more.");
  assert.equal(restText(8, 8, 20), "");
  assert.equal(aboutText({ name: "small CNN", images: 600, of: 50000 }, { model: 3 }),
    "Model 3: small CNN, from early layers to late ones, looked at through 600 of 50,000 images, drawn by chance.");
});

test("the square that a place sees stays inside the image", () => {
  assert.deepEqual(square(0.5, 0.5, 0.5), { left: 0.25, top: 0.25, side: 0.5 });
  assert.deepEqual(square(0.01, 0.99, 0.25), { left: 0, top: 0.75, side: 0.25 });
  assert.deepEqual(square(0.3, 0.8, 1), { left: 0, top: 0, side: 1 });
});
