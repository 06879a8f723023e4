// What the panel "Why?" says, in sentences. Pure. nameOf(id) names a class.

import { gettext, ngettext, said } from "../shared/language.js";
import { decimal, labels, sentence, wholePercent } from "../shared/text.js";

// What a map can be about: [value, text], for a <select>.
export function choices(probabilities, classes, nameOf) {
  const [first, second] = probabilities ?? [];
  const answer = first ? gettext("its answer: {name} ({share})",
    { name: nameOf(first.class), share: wholePercent(first.p) }) : gettext("its answer");
  const difference = second
    ? gettext("{name} rather than {other} ({share})", { name: nameOf(first.class),
      other: nameOf(second.class), share: wholePercent(second.p) })
    : gettext("its best guess against its second");
  return [["answer", answer], ["difference", difference],
    ...classes.map((c) => [String(c.id), c.name])];
}

export function likeness(cosine) {
  return gettext("likeness {value}", { value: decimal(cosine, 2) });
}

// What would change without a label: {value: by how much, answer}.
export function changeText(row, answer, nameOf) {
  const points = Math.abs(100 * row.value);
  const values = { points: points < 0.1 ? gettext("under {value}", { value: decimal(0.1, 1) })
    : decimal(points, 1) };
  if (row.answer !== answer) {
    return gettext("without it the answer is {name}", { name: nameOf(row.answer) });
  }
  return row.value >= 0 ? gettext("without it {points} points less", values)
    : gettext("without it {points} points more", values);
}

export function carriersText(told, nameOf) {
  const answer = `${nameOf(told.answer)} (${wholePercent(told.p)})`;
  const whole = told.tried >= told.of - 1;
  const values = { labels: labels(told.of), tried: told.tried };
  const parts = [whole
    ? gettext("Of {labels}, each was left out once, and the model was fitted again without it.", values)
    : gettext("Of {labels}, the {tried} that promised most were left out, one at a time, and the model "
      + "was fitted again without it.", values)];
  if (told.held) parts.push(sentence(told.held));
  parts.push(gettext("These change {answer} most.", { answer }));
  if (told.hidden) {
    parts.push(ngettext("You may still be asked about {n} label among them.",
      "You may still be asked about {n} labels among them.", told.hidden));
  }
  return parts.join(" ");
}

export function historyText(told, nameOf) {
  const asked = told.models.filter((one) => one.class !== undefined).length;
  const parts = [];
  if (!asked) parts.push(gettext("No model of this project is kept in a file that could be asked."));
  else if (told.label == null) {
    parts.push(gettext("You have given this image no label, so nothing says which model was right."));
  }
  else if (told.first == null) parts.push(gettext("No model has said {name} yet.", { name: nameOf(told.label) }));
  else {
    parts.push(gettext("Model {number} was the first to say {name}.",
      { number: told.first, name: nameOf(told.label) }));
    if (told.since == null) parts.push(gettext("The newest does not."));
    else if (told.since !== told.first) {
      parts.push(gettext("All say so since model {number}.", { number: told.since }));
    }
  }
  if (told.of > told.models.length) {
    parts.push(ngettext("{asked} of {n} model was asked.", "{asked} of {n} models were asked.", told.of,
      { asked: told.models.length }));
  }
  return parts.join(" ");
}

export function entryText(one, nameOf) {
  const of = gettext("model {number}, {labels}", { number: one.model, labels: labels(one.labels) });
  return one.class === undefined ? `${of}: ${said(one.none)}`
    : `${of}: ${nameOf(one.class)}, ${wholePercent(one.p)}`;
}
