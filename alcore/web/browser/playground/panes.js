// Both sides of the picture: strategy, plane, figures, and why a point was chosen.

import { say } from "../shared/dom.js";
import { percent, plural, sentence } from "../shared/text.js";
import { drawStrategies } from "./controls.js";
import { labelsAt, Plot } from "./plot.js";

const SIDES = ["first", "second"];

export class Panes {
  constructor(part, strategies, colours) {
    Object.assign(this, { part, strategies, colours });
    this.plots = Object.fromEntries(SIDES.map((side) => [side, new Plot(part[`${side}-canvas`])]));
  }

  // view: as sentenceOf takes it, with truth, own (points that are being drawn, or null)
  draw(view) {
    for (const side of SIDES) {
      drawStrategies(this.part[`${side}-strategy`], this.strategies, view.settings[side]);
      if (view.scene) this.#drawSide(side, view);
      this.#drawText(side, view.settings[side]);
    }
    if (view.own) this.#drawOwn(view.own);
  }

  #drawSide(side, { step, settings, scene, rounds, truth }) {
    const person = side === "first" && settings.oracle === "me";
    const answers = person ? settings.answers : null;
    const round = step.model === null ? null : rounds[side][step.model];
    const open = person && step.phase === "ask"
      ? settings.answers.length - step.query * settings.batch : -1;
    const labels = labelsAt(scene, rounds[side], step, settings.batch, answers);
    const { colours } = this;
    this.plots[side].draw({ scene, round, step, labels, colours, truth, open });
    const count = labels.filter(Boolean).length;
    const accuracy = round ? ` · ${percent(round.accuracy)}` : "";
    say(this.part[`${side}-figures`], `${plural(count, "label")}${accuracy}`);
    this.part[`${side}-canvas`].setAttribute("aria-label",
      `${settings[side]}: ${plural(count, "label")} of ${scene.places.length} points${accuracy}`);
    const shows = step.query !== null && round?.reasons.length;
    say(this.part[`${side}-reason`], shows ? sentence(round.reasons[0]) : " ");
  }

  #drawText(side, name) {
    const text = this.part[`${side}-text`];
    if (text.dataset.name === name) return;
    text.dataset.name = name;
    const { sentence: what, formula, paper } = this.strategies.find((s) => s.name === name)
      ?? { sentence: "", formula: "", paper: "" };
    const [head, said, code, source] = ["h3", "p", "code", "p"].map((n) => document.createElement(n));
    head.textContent = name;
    said.textContent = what;
    code.textContent = formula;
    source.textContent = paper;
    source.className = "soft";
    text.replaceChildren(head, said, code, source);
  }

  #drawOwn(points) {
    const scene = { places: points.map(({ x, y }) => [1000 * x, 1000 * y]), classes: [],
      truth: points.map(({ c }) => c) };
    this.plots.first.draw({ scene, round: null, step: { query: null }, truth: true,
      labels: points.map(() => null), colours: this.colours });
    say(this.part["first-figures"], `${plural(points.length, "point")}`);
  }
}
