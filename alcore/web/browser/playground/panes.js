// Both sides of the picture: strategy, plane, figures, and why a point was chosen.

import { say } from "../shared/dom.js";
import { gettext, ngettext, said } from "../shared/language.js";
import { labels as labelsOf, percent, sentence } from "../shared/text.js";
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
    say(this.part[`${side}-figures`], `${labelsOf(count)}${accuracy}`);
    this.part[`${side}-canvas`].setAttribute("aria-label",
      gettext("{name}: {labels} of {n} points",
      { name: said(settings[side]), labels: labelsOf(count), n: scene.places.length }) + accuracy);
    const shows = step.query !== null && round?.reasons.length;
    say(this.part[`${side}-reason`], shows ? sentence(round.reasons[0]) : " ");
  }

  #drawText(side, name) {
    const text = this.part[`${side}-text`];
    if (text.dataset.name === name) return;
    text.dataset.name = name;
    const { sentence: what, formula, paper } = this.strategies.find((s) => s.name === name)
      ?? { sentence: "", formula: "", paper: "" };
    const [head, words, code, source] = ["h3", "p", "code", "p"].map((n) => document.createElement(n));
    head.textContent = said(name);
    words.textContent = said(what);
    code.textContent = said(formula);
    source.textContent = paper;
    source.className = "soft";
    text.replaceChildren(head, words, code, source);
  }

  #drawOwn(points) {
    const scene = { places: points.map(({ x, y }) => [1000 * x, 1000 * y]), classes: [],
      truth: points.map(({ c }) => c) };
    this.plots.first.draw({ scene, round: null, step: { query: null }, truth: true,
      labels: points.map(() => null), colours: this.colours });
    say(this.part["first-figures"], ngettext("{n} point", "{n} points", points.length));
  }
}
