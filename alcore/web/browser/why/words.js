// What the panel "Why?" says, in sentences. Pure. nameOf(id) names a class.

import { plural, wholePercent } from "../shared/text.js";

// What a map can be about: [value, text], for a <select>.
export function choices(probabilities, classes, nameOf) {
  const [first, second] = probabilities ?? [];
  const answer = first ? `its answer: ${nameOf(first.class)} (${wholePercent(first.p)})` : "its answer";
  const difference = second
    ? `${nameOf(first.class)} rather than ${nameOf(second.class)} (${wholePercent(second.p)})`
    : "its best guess against its second";
  return [["answer", answer], ["difference", difference],
    ...classes.map((c) => [String(c.id), c.name])];
}

export function likeness(cosine) {
  return `likeness ${cosine.toFixed(2)}`;
}

// What would change without a label: {value: by how much, answer}.
export function changeText(row, answer, nameOf) {
  const points = Math.abs(100 * row.value);
  const by = points < 0.1 ? "under 0.1" : points.toFixed(1);
  const way = row.value >= 0 ? "less" : "more";
  return row.answer === answer ? `without it ${by} points ${way}`
    : `without it the answer is ${nameOf(row.answer)}`;
}

export function carriersText(told, nameOf) {
  const answer = `${nameOf(told.answer)} (${wholePercent(told.p)})`;
  const whole = told.tried >= told.of - 1;
  const of = whole ? `Of ${plural(told.of, "label")}, each was left out once`
    : `Of ${plural(told.of, "label")}, the ${told.tried} that promised most were left out, one at a time`;
  const held = told.held ? `; ${told.held}` : "";
  const hidden = told.hidden ? ` ${plural(told.hidden, "label")} among them you may still be asked about.` : "";
  return `${of}, and the model was fitted again without it${held}. These change ${answer} most.${hidden}`;
}

export function historyText(told, nameOf) {
  const asked = told.models.filter((one) => one.class !== undefined).length;
  const parts = [];
  if (!asked) parts.push("No model of this project is kept in a file that could be asked.");
  else if (told.label == null) parts.push("You have given this image no label, so nothing says which model was right.");
  else if (told.first == null) parts.push(`No model has said ${nameOf(told.label)} yet.`);
  else {
    parts.push(`Model ${told.first} was the first to say ${nameOf(told.label)}.`);
    if (told.since == null) parts.push("The newest does not.");
    else if (told.since !== told.first) parts.push(`All say so since model ${told.since}.`);
  }
  if (told.of > told.models.length) {
    parts.push(`${told.models.length} of ${plural(told.of, "model")} were asked.`);
  }
  return parts.join(" ");
}

export function entryText(one, nameOf) {
  const of = `model ${one.model}, ${plural(one.labels, "label")}`;
  return one.class === undefined ? `${of}: ${one.none}`
    : `${of}: ${nameOf(one.class)}, ${wholePercent(one.p)}`;
}
