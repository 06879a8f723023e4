// What is said of a step, in one sentence. Pure.

import { gettext, ngettext, said } from "../shared/language.js";
import { decimal, labels as labelsOf, percent } from "../shared/text.js";

// view: {step, settings, scene, rounds: {first: [], second: []}, last}
export function sentenceOf(view) {
  const { step, settings, scene } = view;
  const now = { first: view.rounds.first[step.model], second: view.rounds.second[step.model] };
  const labels = labelsOf(now.first?.labels ?? scene.start.length);
  const query = step.query === null ? 0 : now.first?.query.length ?? 0;
  switch (step.phase) {
    case "start":
      return gettext("{points} points to learn from, of which {labeled} have a label (squares), the same "
        + "on both sides; {held} more measure the models. Press Play, or → for one step.",
      { points: scene.places.length, labeled: scene.start.length, held: scene.held });
    case "train":
      return [gettext("A model learned from {labels}. Colours show what it would say everywhere, the "
        + "paler the less sure.", { labels }), measured(now, view)].join(" ");
    case "apply":
      return gettext("The model is applied to all unlabeled points: each takes the colour of its "
        + "likeliest class, the larger the less sure.");
    case "find":
      return choice(said(settings.first), said(settings.second), query);
    case "ask":
      return asked(view, now, query);
    case "retrain":
      return [gettext("New models learned from {labels} each.", { labels }), measured(now, view)].join(" ");
    default: {
      const advice = said(now.first.advice);
      return now.first.stop ? gettext("The stop criterion is met: {advice}", { advice })
        : gettext("Not yet: {advice} So the loop goes round again.", { advice });
    }
  }
}

const named = (name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

function choice(first, second, query) {
  return first === second
    ? ngettext("{first} chooses {n} point on each side: the ring.",
      "{first} chooses {n} points on each side: the rings.", query, { first: named(first) })
    : ngettext("{first} and {second} choose {n} point each: the rings.",
      "{first} and {second} choose {n} points each: the rings.", query, { first: named(first), second });
}

function asked({ settings, scene }, now, query) {
  const wrong = (round) => round.query.filter((id, j) => round.answers[j] !== scene.truth[id]).length;
  if (settings.oracle === "me") {
    return gettext("You answer for {name}; a simulated oracle for the right side.",
      { name: said(settings.first) });
  }
  const [left, right] = [wrong(now.first), wrong(now.second)];
  if (left + right === 0) {
    return ngettext("The oracle answers: {n} label more on each side.",
      "The oracle answers: {n} labels more on each side.", query);
  }
  return ngettext("The oracle answers and errs: {left} wrong on the left, {right} on the right (crossed "
    + "out).", "The oracle answers {n} questions on each side and errs: {left} wrong on the left, {right} "
    + "on the right (crossed out).", query, { left, right });
}

function measured({ first, second }, { scene, settings }) {
  if (!first || !second) return "";
  return gettext("On {n} holdout points, {first} is right about {share}, {second} about {other}.", {
    n: scene.held, first: said(settings.first), share: percent(first.accuracy),
    second: said(settings.second), other: percent(second.accuracy),
  });
}

// What twenty starts show. areas: [{first, second}] of mean accuracies.
export function comparison(areas, names) {
  const differences = areas.map(({ first, second }) => 100 * (first - second));
  const n = differences.length;
  const mean = differences.reduce((sum, d) => sum + d, 0) / n;
  const values = {
    first: said(names.first), second: said(names.second), points: decimal(Math.abs(mean), 1),
    better: differences.filter((d) => d > 0).length,
  };
  const text = mean >= 0
    ? ngettext("Over {n} start the area under {first}’s curve is {points} points larger than under "
      + "{second}’s; {first} is ahead in {better} of {n}", "Over {n} starts the area under {first}’s "
      + "curve is {points} points larger than under {second}’s; {first} is ahead in {better} of {n}",
    n, values)
    : ngettext("Over {n} start the area under {first}’s curve is {points} points smaller than under "
      + "{second}’s; {first} is ahead in {better} of {n}", "Over {n} starts the area under {first}’s "
      + "curve is {points} points smaller than under {second}’s; {first} is ahead in {better} of {n}",
    n, values);
  if (n < 2) return `${text}.`;
  const deviation = Math.sqrt(differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1));
  return gettext("{text} (standard error {error} points).",
    { text, error: decimal(deviation / Math.sqrt(n), 1) });
}
