// Was it luck? The same loop from twenty starts, asked one by one; their mean curves.

import { ask } from "./rounds.js";

export const STARTS = 20;
const SEEDS = 1000;

const areaOf = ({ labels, accuracies }) => {
  if (labels.length === 1) return accuracies[0];
  let sum = 0;
  for (let i = 1; i < labels.length; i += 1) {
    sum += (labels[i] - labels[i - 1]) * (accuracies[i] + accuracies[i - 1]) / 2;
  }
  return sum / (labels.at(-1) - labels[0]);
};

// The mean of curves of the same labels, as long as the shortest.
export function meanCurve(curves) {
  const length = Math.min(...curves.map((c) => c.labels.length));
  const at = (i) => curves.reduce((sum, c) => sum + c.accuracies[i], 0) / curves.length;
  return { labels: curves[0].labels.slice(0, length), accuracies: Array.from({ length }, (_, i) => at(i)) };
}

export class Trials {
  constructor(link, signal) {
    this.link = link;
    this.signal = signal;
    this.runs = [];
  }

  // Forget what belongs to other settings.
  choose(settings) {
    const key = JSON.stringify({ ...settings, answers: "", oracle: "", seed: 0 });
    if (key === this.key) return;
    this.key = key;
    this.runs = [];
  }

  get areas() {
    return this.runs.map(({ first, second }) => ({ first: areaOf(first), second: areaOf(second) }));
  }

  mean(side) {
    return this.runs.length ? meanCurve(this.runs.map((run) => run[side])) : null;
  }

  // Run start after start; onRun() after each. Ends where other settings come.
  async run(settings, onRun) {
    const { key } = this;
    for (let i = this.runs.length; i < STARTS; i += 1) {
      const seed = (settings.seed + i) % SEEDS;
      const question = { what: "areas", settings: { ...settings, seed, oracle: "simulated", answers: "" } };
      const run = await ask(this.link, question, this.signal);
      if (key !== this.key || this.signal.aborted) return;
      this.runs.push(run);
      onRun();
    }
  }
}
