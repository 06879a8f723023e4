// Owns the proof of what the map computes by itself: bytes, places, outlines, colours, selections.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bitsOf, readColumns } from "../../alcore/web/browser/map/bytes.js";
import { PALE, shade } from "../../alcore/web/browser/map/colours.js";
import { Cells, contains } from "../../alcore/web/browser/map/near.js";
import { Scene } from "../../alcore/web/browser/map/scene.js";
import { View, place } from "../../alcore/web/browser/map/view.js";
import { basisText, modelText, umapText } from "../../alcore/web/browser/map/words.js";

// Points of the plane as a layout has them.
function layoutOf(points, span = 2) {
  const steps = new Uint16Array(points.flat().map((v) => Math.round((v / span + 1) / 2 * 65535)));
  return { steps, span };
}

const up = (n) => Math.ceil(n / 8) * 8;
const names = (scene) => scene.ways().map(([name]) => name);
const light = ([r, g, b]) => 0.21 * r + 0.72 * g + 0.07 * b;

// The bytes that the server sends for {name: [code, values]}.
function sent(about, arrays) {
  const TYPES = { u1: Uint8Array, u2: Uint16Array, i2: Int16Array, u4: Uint32Array };
  const listed = Object.entries(arrays).map(([name, [code, values]]) => [name, code, values.length]);
  const header = new TextEncoder().encode(JSON.stringify({ ...about, arrays: listed }));
  const blocks = [new Uint8Array(new Uint32Array([header.length, 0]).buffer), header,
    ...Object.values(arrays).map(([code, values]) => new Uint8Array(new TYPES[code](values).buffer))];
  const all = new Uint8Array(blocks.reduce((sum, b) => sum + up(b.length), 0));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += up(block.length);
  }
  return all.buffer;
}

const layoutSent = (points, more = {}) => ({
  about: { basis: "0001", method: "pca", span: 2 },
  arrays: { steps: layoutOf(points).steps, ...more } });

function sceneOf(points, columns = {}, layout = {}) {
  const n = points.length;
  const scene = new Scene({ classes: ["cat", "dog"], palette: ["#E69F00", "#56B4E9", "#009E73", "#F0E442",
    "#0072B2", "#D55E00"], people: [], models: [[1, 2], [2, 4]] });
  scene.setColumns({ about: { people: ["Ana"], metadata: [], batch: 2 }, arrays: {
    ids: Uint32Array.from({ length: n }, (_, i) => 10 + i), class: new Int16Array(n).fill(-1),
    since: new Uint16Array(n), who: new Uint8Array(n).fill(255), agreement: new Uint8Array(n),
    rank: new Uint16Array(n), longest: new Uint16Array(n).fill(32), ...columns } });
  scene.setLayout(layoutSent(points, layout));
  scene.at = 3;
  scene.look();
  return scene;
}

const CROSS = [[-1, 0], [1, 0], [0, -1], [0, 1], [0, 0]];

test("columns come back as they were sent, whatever their lengths", () => {
  const buffer = sent({ events: 7, names: "Zoë" }, { ids: ["u4", [5, 6, 7]], class: ["i2", [-1, 0, -2]], who: ["u1", [255]] });
  const { about, arrays } = readColumns(buffer);
  assert.equal(about.events, 7);
  assert.equal(about.names, "Zoë");
  assert.deepEqual([...arrays.ids], [5, 6, 7]);
  assert.deepEqual([...arrays.class], [-1, 0, -2]);
  assert.deepEqual([...arrays.who], [255]);
});

test("a selection is a bit per image, the first in the lowest", () => {
  assert.equal(atob(bitsOf(Uint8Array.from([1, 0, 1, 0, 0, 0, 0, 0, 1]))), "\u0005\u0001");
  assert.equal(atob(bitsOf(new Uint8Array(70000).fill(1))).length, 8750);
});

test("a pixel and its point lead to each other, and zooming keeps the point at the pointer", () => {
  const view = new View();
  view.resize(800, 600);
  view.fit(layoutOf(CROSS));
  const there = view.at(200, 450);
  view.zoom(3, 200, 450);
  assert.ok(Math.hypot(view.at(200, 450)[0] - there[0], view.at(200, 450)[1] - there[1]) < 1e-9);
  const [x, y] = view.pixel(...view.at(13, 570));
  assert.ok(Math.abs(x - 13) < 1e-9 && Math.abs(y - 570) < 1e-9);
  view.pan(50, -20);
  assert.ok(Math.abs(view.pixel(...there)[0] - 250) < 1e-9);
});

test("all points are in view at first, and one alone has a place too", () => {
  for (const points of [CROSS, [[0.5, 0.5]], []]) {
    const view = new View();
    view.resize(300, 300);
    view.fit(layoutOf(points));
    assert.ok(Number.isFinite(view.scale) && view.scale > 0);
    for (const point of points) {
      const [x, y] = view.pixel(...point);
      assert.ok(x >= 0 && x <= 300 && y >= 0 && y <= 300, `${point} at ${x}, ${y}`);
    }
  }
});

test("cells find the nearest point and those inside an outline as a look at all would", () => {
  let seed = 1;
  const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
  const points = Array.from({ length: 3000 }, () => [4 * random() - 2, 4 * random() - 2]);
  const layout = layoutOf(points);
  const cells = new Cells(layout);
  const shown = new Uint8Array(3000).fill(1);
  const outline = [[-1.5, -1], [0.5, -1.7], [1.2, 0.3], [-0.2, 0.1], [-1, 1.4]];
  const at = (i) => [place(layout, i, 0), place(layout, i, 1)];
  const all = points.map((_, i) => i);
  assert.deepEqual(cells.inside(outline, shown).sort((a, b) => a - b),
    all.filter((i) => contains(outline, ...at(i))));
  for (let turn = 0; turn < 50; turn += 1) {
    const [x, y] = [4 * random() - 2, 4 * random() - 2];
    const distance = (i) => Math.hypot(at(i)[0] - x, at(i)[1] - y);
    const best = all.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    assert.equal(cells.nearest(x, y, 1, shown), best);
  }
  shown.fill(0);
  assert.equal(cells.nearest(0, 0, 1, shown), -1);
  assert.deepEqual(cells.inside(outline, shown), []);
});

test("labels appear with the model that first knew them", () => {
  const scene = sceneOf(CROSS, { class: Int16Array.from([0, 1, -2, 0, -1]), since: Uint16Array.from([1, 2, 3, 3, 0]) });
  const labels = () => CROSS.map((_, i) => scene.label(i));
  assert.deepEqual(labels(), [0, 1, -2, 0, -1]);
  scene.at = 1;
  assert.deepEqual(labels(), [0, -1, -1, -1, -1]);
  scene.at = 0;
  assert.deepEqual(labels(), [-1, -1, -1, -1, -1]);
});

test("colours are offered only for what is known", () => {
  assert.deepEqual(names(sceneOf(CROSS)), ["class", "who", "round", "agreement"]);
  const more = sceneOf(CROSS, { holdout: new Uint8Array(5), longest: Uint16Array.from([8, 9, 8, 8, 8]) },
    { predicted: new Int16Array(5), unsure: new Uint8Array(5) });
  assert.deepEqual(names(more), ["class", "predicted", "unsure", "who", "round", "agreement", "split", "size"]);
});

test("an image that came after the layout has no place and is not shown", () => {
  const scene = sceneOf(CROSS);
  scene.setLayout(layoutSent(CROSS.slice(0, 3)));
  scene.look();
  assert.equal(scene.missing, 2);
  assert.deepEqual([...scene.shown], [1, 1, 1, 0, 0]);
  assert.equal(scene.colour[4 * 4 + 3], 0);
});

test("what the legend switches off cannot be selected, and what is picked out alone is shown", () => {
  const scene = sceneOf(CROSS, { class: Int16Array.from([0, 0, 1, -2, -1]), since: new Uint16Array(5).fill(1) });
  assert.deepEqual([...scene.category], [0, 0, 1, 2, PALE]);
  scene.off.add(0);
  scene.look();
  const all = [[-2, -2], [2, -2], [2, 2], [-2, 2]];
  assert.deepEqual(scene.cells.inside(all, scene.shown).sort(), [2, 3, 4]);
  scene.pick([2, 3]);
  scene.pick([4], "more");
  scene.pick([3], "less");
  assert.deepEqual(scene.selection(), [2, 4]);
  scene.only = scene.picked.slice();
  scene.look();
  assert.deepEqual([...scene.shown], [0, 0, 1, 0, 1]);
});

test("models and people disagree, each in a colour of its own", () => {
  const scene = sceneOf(CROSS, { class: Int16Array.from([0, 0, 0, -1, 1]), since: new Uint16Array(5).fill(1),
    agreement: Uint8Array.from([1, 1, 2, 0, 1]) }, { predicted: Int16Array.from([0, 1, 0, 0, -1]), unsure: new Uint8Array(5) });
  scene.way = "agreement";
  scene.look();
  assert.deepEqual([...scene.category], [0, 1, 2, PALE, PALE]);
});

test("a ramp goes from dark to light without a step back", () => {
  const steps = Array.from({ length: 30 }, (_, i) => light(shade(i / 29)));
  assert.ok(steps.every((value, i) => i === 0 || value > steps[i - 1]));
  assert.deepEqual(shade(-1), shade(0));
  assert.deepEqual(shade(2), shade(1));
});

test("what is said names the model, the labels, and what adds UMAP", () => {
  assert.match(basisText({ basis: "0012", method: "pca" }), /model 12/);
  assert.match(basisText({ basis: "pixels", method: "pca" }), /pixels/);
  assert.equal(modelText([[3, 1]], 1), "model 3, 1 label");
  assert.equal(modelText([[3, 1]], 2), "now, all labels");
  const status = { basis: "0001", seconds: 115, installed: false, command: "pip install 'alcore[map]'", job: null };
  assert.equal(umapText(status, "pca", null), "");
  assert.match(umapText(status, "umap", null), /pip install 'alcore\[map\]'/);
  assert.match(umapText({ ...status, installed: true, owns: true }, "umap", null), /2 min/);
  assert.equal(umapText(status, "umap", { method: "umap", basis: "0001" }), "");
  const there = { ...status, installed: true, owns: true };
  assert.match(umapText(there, "umap", { method: "umap", basis: "0001" }, 3), /newest images/);
  assert.match(umapText({ ...there, basis: "0002" }, "umap", { method: "umap", basis: "0001" }), /newest model/);
});
