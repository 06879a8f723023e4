// What is said of a step, in one sentence. Pure.

import { percent, plural, sentence } from "../shared/text.js";

const both = ({ first, second }) => (first === second ? first : `${first} and ${second}`);

// view: {step, settings, scene, rounds: {first: [], second: []}, last}
export function sentenceOf(view) {
  const { step, settings, scene } = view;
  const now = { first: view.rounds.first[step.model], second: view.rounds.second[step.model] };
  const labels = now.first?.labels ?? scene.start.length;
  const query = step.query === null ? 0 : now.first?.query.length ?? 0;
  switch (step.phase) {
    case "start":
      return `${plural(scene.places.length, "point")} to learn from, of which ${scene.start.length} have a `
        + `label (squares), the same on both sides; ${scene.held} more measure the models. Press Play, or → `
        + "for one step.";
    case "train":
      return `A model learned from the ${plural(labels, "labeled point")}. Colours show what it would `
        + `say everywhere, the paler the less sure. ${measured(now, view)}`;
    case "apply":
      return "The model is applied to all unlabeled points: each takes the colour of its likeliest "
        + "class, the larger the less sure.";
    case "find":
      return sentence(`${both(settings)} ${settings.first === settings.second ? "chooses" : "choose"} `
        + `${plural(query, "point")} each: the rings`);
    case "ask":
      return asked(view, now, query);
    case "retrain":
      return `New models learned from ${plural(labels, "label")} each. ${measured(now, view)}`;
    default:
      return now.first.stop ? `The stop criterion is met: ${now.first.advice}`
        : `Not yet: ${now.first.advice} So the loop goes round again.`;
  }
}

function asked({ settings, scene }, now, query) {
  const wrong = (round) => round.query.filter((id, j) => round.answers[j] !== scene.truth[id]).length;
  const many = plural(query, "label");
  if (settings.oracle === "me") return `You answer for ${settings.first}; a simulated oracle for the right side.`;
  const errors = [wrong(now.first), wrong(now.second)];
  return errors[0] + errors[1] === 0 ? `The oracle answers: ${many} more on each side.`
    : `The oracle answers ${query === 1 ? "" : `${query} questions on each side `}and errs: `
      + `${errors[0]} wrong on the left, ${errors[1]} on the right (crossed out).`;
}

function measured({ first, second }, { scene, settings }) {
  if (!first || !second) return "";
  return `On ${plural(scene.held, "holdout point")}, ${settings.first} is right about `
    + `${percent(first.accuracy)}, ${settings.second} about ${percent(second.accuracy)}.`;
}

// What twenty starts show. areas: [{first, second}] of mean accuracies.
export function comparison(areas, names) {
  const differences = areas.map(({ first, second }) => 100 * (first - second));
  const n = differences.length;
  const mean = differences.reduce((sum, d) => sum + d, 0) / n;
  const better = differences.filter((d) => d > 0).length;
  const text = `Over ${plural(n, "start")} the area under ${names.first}’s curve is `
    + `${Math.abs(mean).toFixed(1)} points ${mean >= 0 ? "larger" : "smaller"} than under `
    + `${names.second}’s; ${names.first} is ahead in ${better} of ${n}`;
  if (n < 2) return `${text}.`;
  const deviation = Math.sqrt(differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1));
  return `${text} (standard error ${(deviation / Math.sqrt(n)).toFixed(1)} points).`;
}
