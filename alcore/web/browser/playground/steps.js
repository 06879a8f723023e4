// The steps of the loop, as textbooks name them. Pure. A step has a number: 0 is the start, 1 the
// first training, then five for each batch: apply, find, ask, retrain, stop?

import { gettext } from "../shared/language.js";

export const PHASES = ["train", "apply", "find", "ask", "retrain", "stop"];
export const TITLES = {
  train: gettext("Train on the labeled points"), apply: gettext("Apply to the unlabeled"),
  find: gettext("Find the least confident"), ask: gettext("Ask the oracle"),
  retrain: gettext("Retrain"), stop: gettext("Repeat until the stop criterion"),
};
const CYCLE = ["apply", "find", "ask", "retrain", "stop"];

// -> {phase, model: the number of the model that is shown or null, asked: batches that were
// answered, query: the batch on show or null}
export function stepAt(number) {
  if (number <= 0) return { phase: "start", model: null, asked: 0, query: null };
  if (number === 1) return { phase: "train", model: 0, asked: 0, query: null };
  const batch = Math.floor((number - 2) / CYCLE.length);
  const phase = CYCLE[(number - 2) % CYCLE.length];
  const after = phase === "retrain" || phase === "stop";
  return {
    phase,
    model: after ? batch + 1 : batch,
    asked: after || phase === "ask" ? batch + 1 : batch,
    query: phase === "find" || phase === "ask" ? batch : null,
  };
}

// The last step of so many batches.
export const lastStep = (batches) => 1 + CYCLE.length * batches;

// The step at which a model is there.
export const stepOfModel = (model) => (model === 0 ? 1 : lastStep(model));

// The next step in which something of this phase happens.
export function nextStepOf(phase, number) {
  if (phase === "train") return 1;
  let next = number + 1;
  while (stepAt(next).phase !== phase) next += 1;
  return next;
}

// The answers that a person gave and that count at this step: going back and answering otherwise
// forgets what came later.
export function answersUntil(answers, step, batch) {
  return answers.slice(0, stepAt(step).asked * batch);
}
