// One side of the picture: what a model says of the plane, the points, the query; on a canvas.

import { likeliest, paintRegions, planesOf } from "./regions.js";

const SHARPNESS = 180; // pixels of the painted regions along a side
const EDGE = 1.02; // the plane shows a little more than −1 … 1
const TURN = 2 * Math.PI;

const along = (value, start, length) => (((value - start) / length) * 2 - 1) * EDGE;

// What there is to draw at a step: for each point of the pool its label, or null. answers: a
// person's, or null where the oracle is simulated.
export function labelsAt(scene, rounds, step, batch, answers) {
  const labels = Array.from({ length: scene.places.length }, () => null);
  for (const id of scene.start) labels[id] = { c: scene.truth[id], start: true };
  for (let k = 0; k < step.asked && k < rounds.length; k += 1) {
    rounds[k].query.forEach((id, j) => {
      const said = answers === null ? rounds[k].answers[j] : answers[k * batch + j];
      if (said !== undefined) labels[id] = { c: Number(said), start: false };
    });
  }
  return labels;
}

export class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.regions = document.createElement("canvas");
    this.regions.width = SHARPNESS;
    this.regions.height = SHARPNESS;
  }

  // The place in the plane of a pointer's event.
  placeOf({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return { x: along(clientX, box.left, box.width), y: -along(clientY, box.top, box.height) };
  }

  // view: {scene, round or null, step, labels, colours, truth: whether the answer key is shown}
  draw(view) {
    const side = this.canvas.clientWidth;
    if (!side) return;
    const ratio = window.devicePixelRatio || 1;
    const pixels = Math.round(side * ratio);
    if (this.canvas.width !== pixels) {
      this.canvas.width = pixels;
      this.canvas.height = pixels;
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, side, side);
    const look = getComputedStyle(this.canvas);
    const style = { ink: look.color, page: look.backgroundColor, accent: look.accentColor };
    const planes = view.round && planesOf(view.round.pool, view.scene.places.length,
      view.scene.classes.length);
    if (view.round) this.#drawRegions(pen, side, view);
    const at = ([x, y]) => [(x / 1000 / EDGE + 1) * (side / 2), (1 - y / 1000 / EDGE) * (side / 2)];
    style.scale = Math.min(1, Math.max(0.62, side / 460)); // of marks, on a phone
    this.#drawUnlabeled(pen, at, view, planes, style);
    this.#drawLabeled(pen, at, view, style);
    if (view.step.query !== null && view.round) this.#drawQuery(pen, at, view, style);
  }

  #drawRegions(pen, side, { round, scene, colours }) {
    if (this.painted !== round) {
      const planes = planesOf(round.grid, scene.grid ** 2, scene.classes.length);
      const image = new ImageData(SHARPNESS, SHARPNESS);
      paintRegions(planes, scene.grid, SHARPNESS, colours, image.data);
      this.regions.getContext("2d").putImageData(image, 0, 0);
      this.painted = round;
    }
    const margin = (side / 2) * (1 - 1 / EDGE);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(this.regions, margin, margin, side - 2 * margin, side - 2 * margin);
  }

  #drawUnlabeled(pen, at, { scene, labels, step, colours, truth }, planes, style) {
    const shows = planes && (step.phase === "apply" || step.phase === "find");
    scene.places.forEach((place, i) => {
      if (labels[i]) return;
      const [x, y] = at(place);
      const said = shows ? likeliest(planes, i) : null;
      pen.beginPath();
      pen.arc(x, y, (said ? 2 + 3.2 * (1 - said.sure) : 2.6) * style.scale, 0, TURN);
      pen.globalAlpha = said || truth ? 0.9 : 0.42;
      pen.fillStyle = truth ? colours[scene.truth[i]] : said ? colours[said.c] : style.ink;
      pen.fill();
      if (said || truth) {
        pen.globalAlpha = 0.55;
        pen.lineWidth = 0.8;
        pen.strokeStyle = style.ink;
        pen.stroke();
      }
    });
    pen.globalAlpha = 1;
  }

  #drawLabeled(pen, at, { scene, labels, colours }, style) {
    labels.forEach((label, i) => {
      if (!label) return;
      const [x, y] = at(scene.places[i]);
      pen.beginPath();
      const reach = 5.4 * style.scale;
      if (label.start) pen.rect(x - reach, y - reach, 2 * reach, 2 * reach);
      else pen.arc(x, y, reach, 0, TURN);
      pen.fillStyle = colours[label.c];
      pen.fill();
      pen.lineWidth = 1.8;
      pen.strokeStyle = style.ink;
      pen.stroke();
      if (label.c === scene.truth[i]) return;
      pen.beginPath(); // a wrong label
      for (const d of [-1, 1]) {
        pen.moveTo(x - 1.5 * reach, y - 1.5 * reach * d);
        pen.lineTo(x + 1.5 * reach, y + 1.5 * reach * d);
      }
      pen.lineWidth = 2;
      pen.stroke();
    });
  }

  #drawQuery(pen, at, { scene, round, step, open }, style) {
    round.query.forEach((id, j) => {
      const [x, y] = at(scene.places[id]);
      const now = step.phase === "find" || j === open;
      for (const [width, colour] of [[6, style.page], [now ? 3 : 1.6, style.accent]]) {
        pen.beginPath();
        pen.arc(x, y, 11 * style.scale, 0, TURN);
        pen.lineWidth = width;
        pen.strokeStyle = colour;
        pen.stroke();
      }
    });
  }
}
