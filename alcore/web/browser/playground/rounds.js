// Rounds as the server computes them, kept by their settings; a little ahead of what is shown.

import { gettext } from "../shared/language.js";
import { request, Refused } from "../shared/requests.js";

const AHEAD = 2; // rounds that are asked for before they are shown
const MOST = 8; // rounds in one question
const PATIENCE = 70; // seconds, more than the server waits for what computes
const PAUSE = 700; // milliseconds until a question is asked again that had no answer
const TRIES = 6;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// Ask until there is an answer; throws Refused, or the last error.
export async function ask(link, question, signal, onWait = () => {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await request(link, "POST", "/rounds", question, PATIENCE);
    } catch (error) {
      if (error instanceof Refused || tries === TRIES || signal.aborted) throw error;
      onWait(error);
      await pause(PAUSE * tries * (0.7 + 0.6 * Math.random())); // thirty pages take turns
    }
  }
}

export class Rounds {
  // link: {base, ticket}
  constructor(link, signal) {
    this.link = link;
    this.signal = signal;
    this.#forget();
  }

  #forget() {
    this.scene = null;
    this.last = null;
    this.first = [];
    this.second = [];
  }

  // How many models of both sides are known.
  get known() {
    return Math.min(this.first.length, this.second.length);
  }

  // Rounds of these settings from now on; those that stay right are kept.
  choose(settings) {
    const { answers, ...rest } = settings;
    const key = JSON.stringify(rest);
    if (key !== this.key) this.#forget();
    else if (settings.oracle === "me") this.#keepAnswered(answers, settings.batch);
    this.key = key;
    this.settings = settings;
  }

  // Drop what came of other answers.
  #keepAnswered(answers, batch) {
    const before = this.settings.answers;
    let same = 0;
    while (same < before.length && before[same] === answers[same]) same += 1;
    if (same < before.length) this.first.length = Math.min(this.first.length, Math.floor(same / batch) + 1);
  }

  // How many models there can be for what a person has answered so far.
  get reachable() {
    if (this.last === null) return 1;
    const { oracle, answers, batch } = this.settings;
    const answered = oracle === "me" ? Math.floor(answers.length / batch) : this.last;
    return Math.min(this.last, answered) + 1;
  }

  // Get model number `model` of both sides; false where newer settings came. A few more are asked
  // for, without a wait.
  async load(model, onWait) {
    const { key, settings: { answers } } = this;
    while (!this.scene || this.known <= Math.min(model, this.reachable - 1)) {
      await this.#asking(model, onWait);
      if (key !== this.key || answers !== this.settings.answers) return false;
    }
    const ahead = Math.min(model + 1 + AHEAD, this.reachable);
    if (this.known < ahead) this.#asking(model, onWait).catch(() => {}); // who needs it asks again
    return true;
  }

  // One question at a time, whoever waits for its answer.
  #asking(model, onWait) {
    this.question ??= this.#ask(model, onWait).finally(() => { this.question = null; });
    return this.question;
  }

  async #ask(model, onWait) {
    const { key, settings } = this;
    const from = this.scene ? this.known : 0;
    const count = Math.min(MOST, Math.max(1, model + 1 + AHEAD - from));
    const answer = await ask(this.link, { settings, from, count }, this.signal, onWait);
    if (key !== this.key || settings.answers !== this.settings.answers) return;
    if (!answer.first.length) throw new Error(gettext("The server has no such round; choose the settings again."));
    this.#take(answer, from);
  }

  #take(answer, from) {
    this.scene = answer.scene ?? this.scene;
    this.last = answer.last;
    for (const side of ["first", "second"]) {
      answer[side].forEach((round, i) => { this[side][from + i] ??= round; });
    }
  }
}
