// The Playground: the loop of active learning on points in a plane, one step at a time. What is
// shown follows from the settings and the number of a step, which stand in the address.

import { drawOptions, element, partsOf, say } from "../shared/dom.js";
import { scopeOf } from "../shared/ids.js";
import { gettext, said } from "../shared/language.js";
import { mounting } from "../shared/mount.js";
import { Toast } from "../shared/toast.js";
import { Controls } from "./controls.js";
import { drawCurve } from "./curve.js";
import { Drawing } from "./drawing.js";
import { listen } from "./input.js";
import { readLink, writeLink } from "./link.js";
import { Panes } from "./panes.js";
import { Person } from "./person.js";
import { Rounds } from "./rounds.js";
import { PHASES, TITLES, lastStep, nextStepOf, stepAt, stepOfModel } from "./steps.js";
import { Tour } from "./tour.js";
import { Trials } from "./trials.js";
import { comparison, sentenceOf } from "./words.js";

const SPEEDS = [[0.5, "½×"], [1, "1×"], [3, "3×"], [10, "10×"], [30, "30×"]];
const TICK = 900; // milliseconds between two steps at speed 1
const SOON = 350; // milliseconds until the address follows, or a drawing is computed
const OWN = gettext("Your own settings");
const ABOUT = gettext("Choose an example: some show what active learning is good at, some where it "
  + "loses.");

class Playground {
  constructor(root, data) {
    Object.assign(this, { root, data, scope: scopeOf(data), part: partsOf(root) });
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.link = { base: data.base, ticket: data.ticket };
    this.toast = new Toast(this.part.toast);
    this.rounds = new Rounds(this.link, signal);
    this.trials = new Trials(this.link, signal);
    this.controls = new Controls(this.part.form, data, (name, value) => this.set({ [name]: value }),
      signal);
    this.panes = new Panes(this.part, data.strategies, data.colours);
    this.drawing = new Drawing(this.part, data, data.colours, (own) => this.#drawn(own), signal);
    this.person = new Person(this.part, data.colours, (c) => this.answer(c));
    this.#drawFixed();
    listen(this, signal);
    this.part.settings.open = this.root.clientWidth > 1000;
    const state = readLink(window.location.search, data.defaults);
    Object.assign(this, { settings: state.settings, step: state.step });
    this.speed = SPEEDS.some(([speed]) => speed === state.speed) ? state.speed : 1;
    this.part.truth.checked = state.key === 1;
    this.tour = new Tour(this, this.address() === "" && this.step === 0);
    this.show();
  }

  // New data from Streamlit after a rerun.
  update(data) {
    this.data = data;
    this.link.ticket = data.ticket;
  }

  destroy() {
    this.pause();
    clearTimeout(this.later);
    clearTimeout(this.soon);
    this.stop.abort();
  }

  // Other settings: from the start again, but for a person's further answer.
  set(changes) {
    this.pause();
    this.settings = { ...this.settings, ...changes };
    if (!("answers" in changes)) {
      this.settings.answers = "";
      this.step = 0;
    }
    this.show();
  }

  choose(example) {
    this.set({ ...this.data.defaults, ...example.settings });
  }

  // Show a step of an example.
  visit(example, step) {
    this.pause();
    this.settings = { ...this.data.defaults, ...example.settings };
    this.step = step;
    this.show();
  }

  // The same settings with other chance.
  reseed() {
    const [low, high] = this.data.limits.seed;
    const { seed } = this.settings;
    this.set({ seed: seed >= high ? low : seed + 1 });
  }

  answer(c) {
    const step = stepAt(this.step);
    if (this.settings.oracle !== "me" || step.phase !== "ask") return;
    const answers = Person.after(this.settings, step, c);
    this.set({ answers });
    if (answers.length >= (step.query + 1) * this.settings.batch) this.go(this.step + 1);
  }

  // The last step that can be shown: a person has to answer first.
  get last() {
    const { last } = this.rounds;
    if (last === null) return this.step;
    const models = this.rounds.reachable - 1;
    return lastStep(models) + (models < last ? 3 : 0);
  }

  go(step) {
    const known = this.rounds.last !== null; // else it is looked at once they are there
    this.step = Math.max(0, known ? Math.min(step, this.last) : step);
    return this.show();
  }

  toModel(model) {
    this.pause();
    this.go(stepOfModel(model));
  }

  toPhase(phase) {
    this.pause();
    this.go(nextStepOf(phase, this.step));
  }

  // -- playing --

  get playing() {
    return this.timer !== undefined;
  }

  play() {
    if (this.playing) return;
    if (this.step >= this.last && this.settings.oracle !== "me") this.step = 0;
    this.#tick();
    this.#drawBar();
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.#drawBar();
  }

  #tick() {
    this.timer = setTimeout(async () => {
      await this.go(this.step + 1);
      if (!this.playing) return;
      if (this.step >= this.last || this.#meetsCriterion()) this.pause();
      else this.#tick();
    }, TICK / this.speed);
  }

  // Whether the loop has just come to the stop criterion, on the left.
  #meetsCriterion() {
    const { phase, model } = stepAt(this.step);
    const { first } = this.rounds;
    return phase === "stop" && first[model]?.stop && !first[model - 1]?.stop;
  }

  // -- showing --

  // Draw the step as soon as its rounds are there.
  async show() {
    const { settings } = this;
    this.rounds.choose(settings);
    this.trials.choose(settings);
    this.#drawControls();
    if (settings.data === "own" && this.drawing.missing) {
      this.#drawOwn();
      return;
    }
    const wait = setTimeout(() => {
      this.root.dataset.busy = "";
      this.#say(gettext("Computing the models up to this step."));
    }, SOON);
    try {
      if (!await this.rounds.load(this.#model(), ({ message }) => this.#say(said(message)))) return;
      if (settings !== this.settings) return;
      this.step = Math.min(this.step, this.last);
      if (await this.rounds.load(this.#model())) this.draw();
    } catch (error) {
      if (this.stop.signal.aborted) return;
      this.pause();
      this.#say(said(error.message), true);
    } finally {
      clearTimeout(wait);
      delete this.root.dataset.busy;
    }
  }

  #model() {
    return stepAt(this.step).model ?? 0;
  }

  get view() {
    const { settings, rounds } = this;
    const { scene } = rounds;
    const own = settings.data === "own" && this.step === 0 ? this.drawing.points : null;
    return { step: stepAt(this.step), settings, scene, rounds, own, truth: this.part.truth.checked };
  }

  draw() {
    const { view } = this;
    if (!view.scene || this.rounds.known <= (view.step.model ?? -1)) return; // soon there
    this.root.dataset.step = this.step;
    this.panes.draw(view);
    this.person.draw(view);
    this.#say(sentenceOf(view));
    this.#drawBar();
    this.#drawCurve(view);
    this.#drawVerdict();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.#keep(), SOON);
  }

  address() {
    const key = Number(this.part.truth.checked);
    return writeLink(window.location.search, { ...this, key }, this.data.defaults);
  }

  #keep() {
    const address = this.address();
    if (address !== window.location.search) {
      window.history.replaceState(window.history.state, "", window.location.pathname + address);
    }
  }

  #say(text, wrong = false) {
    say(this.part.sentence, text);
    this.part.sentence.toggleAttribute("data-wrong", wrong);
  }

  #drawFixed() {
    drawOptions(this.part.speed, SPEEDS, "1");
    this.pills = PHASES.map((phase, i) => {
      const button = element("button", { type: "button" }, element("i", {}, String(i + 1)), TITLES[phase]);
      button.dataset.phase = phase;
      return button;
    });
    this.part.loop.replaceChildren(...this.pills.map((pill) => element("li", {}, pill)));
  }

  #drawControls() {
    const { settings, data, part } = this;
    this.controls.draw(settings);
    this.drawing.draw(settings);
    const same = data.examples.findIndex((example) => Object.entries(data.defaults).every(
      ([name, usual]) => name === "answers" || settings[name] === (example.settings[name] ?? usual)));
    const options = data.examples.map(({ title }, i) => [i, said(title)]);
    drawOptions(part.example, same < 0 ? [["", OWN], ...options] : options, same < 0 ? "" : String(same));
    say(part.why, said(data.examples[same]?.why) ?? ABOUT);
    part.speed.value = String(this.speed);
    part["first-canvas"].toggleAttribute("data-drawing", settings.data === "own" && this.step === 0);
  }

  #drawBar() {
    const { part, step } = this;
    const { phase } = stepAt(step);
    for (const pill of this.pills) {
      if (pill.dataset.phase === phase) pill.setAttribute("aria-current", "step");
      else pill.removeAttribute("aria-current");
    }
    say(part.play, this.playing ? gettext("Pause") : gettext("Play"));
    part.position.max = String(this.last);
    part.position.value = String(step);
    say(part.place, gettext("step {step} of {last}", { step, last: this.last }));
  }

  #drawCurve({ step, settings, rounds, scene }) {
    const until = step.model === null ? 0 : step.model + 1;
    const curves = ["second", "first"].map((side) => {
      const shown = rounds[side].slice(0, until);
      return { side, name: said(settings[side]), labels: shown.map((r) => r.labels),
        accuracies: shown.map((r) => r.accuracy), mean: this.trials.mean(side) };
    });
    const stop = rounds.first.slice(0, until).find((round) => round.stop);
    const from = scene.start.length;
    const range = [from, from + rounds.last * settings.batch];
    drawCurve(this.part.curve, curves, range, stop?.labels ?? null, (model) => this.toModel(model));
  }

  #drawVerdict() {
    const { areas } = this.trials;
    say(this.part.verdict, areas.length ? comparison(areas, this.settings) : "");
  }

  async runTrials() {
    this.part.trials.disabled = true;
    try {
      await this.trials.run(this.settings, () => this.draw());
    } catch (error) {
      if (!this.stop.signal.aborted) this.#say(said(error.message), true);
    } finally {
      this.part.trials.disabled = false;
    }
  }

  // -- one's own points --

  #drawn(own) {
    this.pause();
    this.settings = { ...this.settings, own, answers: "" };
    this.step = 0;
    this.#drawControls();
    this.#drawOwn();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.show(), SOON);
  }

  #drawOwn() {
    this.panes.draw({ ...this.view, scene: null, own: this.drawing.points });
    this.#say(this.drawing.missing || gettext("Computing the first model of these points."));
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.#keep(), SOON);
  }
}

export default mounting(".playground", (root, data) => new Playground(root, data));
