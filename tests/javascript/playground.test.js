// Owns the proof of what the Playground's page computes by itself: steps, links, points, colours.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readLink, writeLink } from "../../alcore/web/browser/playground/link.js";
import { decodePoints, encodePoints, readTable } from "../../alcore/web/browser/playground/own.js";
import { Person } from "../../alcore/web/browser/playground/person.js";
import { labelsAt } from "../../alcore/web/browser/playground/plot.js";
import { likeliest, paintRegions, planesOf } from "../../alcore/web/browser/playground/regions.js";
import { lastStep, nextStepOf, PHASES, stepAt, stepOfModel } from "../../alcore/web/browser/playground/steps.js";
import { meanCurve } from "../../alcore/web/browser/playground/trials.js";
import { floorOf, ticks } from "../../alcore/web/browser/shared/axes.js";
import { comparison } from "../../alcore/web/browser/playground/words.js";

const defaults = { data: "moons", points: 300, noise: 0, oracle: "simulated", answers: "", own: "" };

test("the six steps come in the order of the textbook, then round and round", () => {
  const phases = Array.from({ length: 12 }, (_, n) => stepAt(n).phase);
  assert.deepEqual(phases.slice(1, 7), PHASES);
  assert.deepEqual(phases.slice(7), PHASES.slice(1));
  assert.deepEqual(stepAt(0), { phase: "start", model: null, asked: 0, query: null });
  assert.deepEqual(stepAt(4), { phase: "ask", model: 0, asked: 1, query: 0 });
  assert.deepEqual(stepAt(5), { phase: "retrain", model: 1, asked: 1, query: null });
  assert.equal(stepAt(lastStep(40)).phase, "stop");
  assert.equal(stepAt(lastStep(40)).model, 40);
  for (const model of [0, 1, 7]) assert.equal(stepAt(stepOfModel(model)).model, model);
  assert.equal(nextStepOf("ask", 4), 9);
  assert.equal(nextStepOf("train", 30), 1);
});

test("a link holds all that differs from the first visit, and is read as it was written", () => {
  const settings = { ...defaults, noise: 0.3, points: 1000 };
  const state = { settings, step: 17, speed: 3, key: 1 };
  const link = writeLink("?embed=true", state, defaults);
  assert.equal(link, "?embed=true&points=1000&noise=0.3&step=17&speed=3&key=1");
  assert.deepEqual(readLink(link, defaults), state);
  assert.equal(writeLink(link, { settings: defaults, step: 0, speed: 1, key: 0 }, defaults), "?embed=true");
});

test("a damaged number in a link is as if it were not there", () => {
  const { settings, step } = readLink("?points=many&step=-3", defaults);
  assert.deepEqual([settings.points, step], [300, 0]);
});

test("answers and own points stand in the link only where they count", () => {
  const settings = { ...defaults, answers: "011", own: "AAAA" };
  assert.equal(writeLink("", { settings, step: 0, speed: 1, key: 0 }, defaults), "");
});

test("points come out of the address as they went in", () => {
  const points = [{ x: -1, y: 1, c: 0 }, { x: 0.25, y: -0.75, c: 5 }];
  decodePoints(encodePoints(points)).forEach((p, i) => {
    assert.ok(Math.abs(p.x - points[i].x) < 3e-4 && Math.abs(p.y - points[i].y) < 3e-4);
    assert.equal(p.c, points[i].c);
  });
  assert.equal(encodePoints(points), "AA__AJ_yAAU"); // as the server writes them
  assert.deepEqual(decodePoints("%%%"), []);
});

const table = (n, line) => Array.from({ length: n }, (_, i) => line(i)).join("\n");

test("a table is read with or without a heading, in any usual separator", () => {
  for (const [head, line] of [
    ["x,y,class", (i) => `${i},${2 * i},${i % 2 ? "dog" : "cat"}`],
    ["", (i) => `${i};${i},5;${i % 2 ? "dog" : "cat"}`],
    ["x y c", (i) => `${i}e0 -${i} ${i % 2 ? "dog" : "cat"}`],
    ["\"x\"\t\"y\"\t\"c\"", (i) => `${i}\t${i}\t"${i % 2 ? "dog" : "cat"}"`],
  ]) {
    const points = readTable(`${head}\n${table(20, line)}\r\n`, 1000, 6, 20);
    assert.equal(points.length, 20);
    assert.deepEqual(points.slice(0, 2).map(({ c }) => c), [0, 1]);
    assert.ok(points.every(({ x, y }) => Math.abs(x) <= 0.93 && Math.abs(y) <= 0.93));
  }
});

const refused = (text, reason) => assert.throws(() => readTable(text, 30, 2, 20), reason);

test("a table that cannot be used says what is wrong and where", () => {
  const good = table(20, (i) => `${i}, ${i}, ${i % 2}`);
  refused("", /Paste lines/);
  refused(`${good}\nx, 3, 1`, /Line 21 is “x, 3, 1”; it needs two numbers/);
  refused(`${good}\n3, 4,`, /Line 21/);
  refused(table(5, (i) => `${i},${i},${i % 2}`), /5 points of 2 classes; at least 20/);
  refused(table(25, (i) => `${i},${i},a`), /25 points of 1 classes/);
  refused(table(25, (i) => `${i},${i},${i % 3}`), /3 classes; at most 2/);
  refused(table(31, (i) => `${i},${i},${i % 2}`), /31 points; at most 30/);
});

test("regions wear the colour of the likeliest class, the fainter the less sure", () => {
  const grid = 2;
  const left = btoa(String.fromCharCode(255, 128, 255, 128)); // class 0: sure on the left only
  const planes = planesOf(left, grid ** 2, 2);
  assert.deepEqual([...planes[1]], [0, 127, 0, 127]);
  assert.equal(likeliest(planes, 0).sure, 1);
  const pixels = paintRegions(planes, grid, 4, ["#ff0000", "#0000ff"]);
  assert.deepEqual(Array.from(pixels.slice(0, 3)), [255, 0, 0]);
  assert.ok(pixels[3] > pixels[4 * 3 + 3]);
});

test("labels at a step are those that were answered by then", () => {
  const scene = { places: [[0, 0], [1, 1], [2, 2], [3, 3]], truth: [0, 1, 0, 1], start: [0] };
  const rounds = [{ query: [1, 2], answers: [1, 1] }];
  const at = (step, answers = null) => labelsAt(scene, rounds, stepAt(step), 2, answers)
    .map((label) => label && label.c);
  assert.deepEqual(at(3), [0, null, null, null]);
  assert.deepEqual(at(4), [0, 1, 1, null]);
  assert.deepEqual(at(4, "0"), [0, 0, null, null]);
});

test("a person's further answer is added; one to a batch that was answered begins it anew", () => {
  const settings = { answers: "0", batch: 2 };
  assert.equal(Person.after(settings, stepAt(4), 1), "01");
  assert.equal(Person.after({ answers: "0110", batch: 2 }, stepAt(4), 1), "1");
  assert.equal(Person.after({ answers: "01", batch: 2 }, stepAt(9), 1), "011");
});

test("axes have round steps, and show all there is", () => {
  assert.deepEqual(ticks(6, 46, 8), [10, 15, 20, 25, 30, 35, 40, 45]);
  assert.equal(floorOf([0.62, 0.9]), 0.6);
  assert.equal(floorOf([]), 0.8);
});

test("what twenty starts say is their mean difference and how often the first is ahead", () => {
  const text = comparison([{ first: 0.9, second: 0.8 }, { first: 0.8, second: 0.82 }],
    { first: "margin", second: "random" });
  assert.match(text, /4\.0 points larger .* ahead in 1 of 2 \(standard error 6\.0 points\)/);
  const mean = meanCurve([{ labels: [1, 2], accuracies: [0, 1] }, { labels: [1], accuracies: [1] }]);
  assert.deepEqual(mean, { labels: [1], accuracies: [0.5] });
});
