// The settings: what can be set, as fields; a change is told at once.

import { drawOptions, element, say } from "../shared/dom.js";
import { gettext, said } from "../shared/language.js";
import { wholePercent } from "../shared/text.js";

const times = (value) => (value === 1 ? gettext("even") : `${value} : 1`);
const FIELDS = [
  ["data", gettext("Data")], ["model", gettext("Model")],
  ["points", gettext("Points"), 20, String],
  ["spread", gettext("Overlap of classes"), 0.05, wholePercent],
  ["outliers", gettext("Outliers"), 0.01, wholePercent],
  ["balance", gettext("Class balance"), 1, times],
  ["noise", gettext("Noise of the oracle"), 0.05, wholePercent],
  ["batch", gettext("Batch size"), 1, String],
  ["initial", gettext("Labels to begin with"), 1, String],
  ["rounds", gettext("Batches to ask"), 1, String],
  ["oracle", gettext("Oracle")], ["seed", gettext("Seed"), 1],
];
const ORACLES = [["simulated", gettext("simulated: knows the classes")],
  ["me", gettext("me: I answer on the left")]];
const NOT_OWN = new Set(["points", "spread", "outliers", "balance"]);
const titles = (texts) => Object.entries(texts).map(([name, text]) => [name, `${said(name)}: ${said(text)}`]);

export class Controls {
  // choices: what the server offers; onChange(name, value)
  constructor(form, choices, onChange, signal) {
    this.form = form;
    this.choices = choices;
    this.fields = new Map(FIELDS.map((field) => [field[0], this.#field(...field)]));
    const other = element("button", { type: "button", textContent: gettext("Other points, other start") });
    other.dataset.do = "reseed";
    form.append(other);
    form.addEventListener("input", ({ target }) => {
      const { name, type, value } = target;
      if (target.tagName === "SELECT") onChange(name, value);
      else if (type === "range") this.#say(name, Number(value));
    }, { signal });
    // A slider computes once it is let go, a number once it is typed.
    form.addEventListener("change", ({ target }) => {
      if (target.tagName === "INPUT" && target.value !== "") onChange(target.name, Number(target.value));
    }, { signal });
    form.addEventListener("submit", (event) => event.preventDefault(), { signal });
  }

  #field(name, title, step, text) {
    const { limits } = this.choices;
    const value = element("output");
    const type = name === "seed" ? "number" : "range";
    const input = step === undefined ? element("select", { name })
      : element("input", { name, type, step, min: limits[name][0], max: limits[name][1] });
    const label = element("label", {}, element("span", {}, title, value), input);
    this.form.append(label);
    return { label, input, value, text };
  }

  #say(name, value) {
    const { value: output, text } = this.fields.get(name);
    say(output, text ? text(value) : "");
  }

  draw(settings) {
    const { data, models } = this.choices;
    const options = { data: titles(data), model: titles(models), oracle: ORACLES };
    for (const [name, { label, input }] of this.fields) {
      if (options[name]) drawOptions(input, options[name], settings[name]);
      if (input.value !== String(settings[name])) input.value = settings[name];
      this.#say(name, settings[name]);
      label.hidden = settings.data === "own" && NOT_OWN.has(name);
      if (settings.data === "digits" && (name === "spread" || name === "outliers")) label.hidden = true;
    }
  }
}

// The choice of a strategy, by what it looks for.
export function drawStrategies(select, strategies, name) {
  if (!select.options.length) {
    for (const family of new Set(strategies.map((s) => s.family))) {
      select.append(element("optgroup", { label: said(family) }, ...strategies
        .filter((s) => s.family === family)
        .map((s) => element("option", { value: s.name, textContent: said(s.name) }))));
    }
  }
  select.value = name;
}
