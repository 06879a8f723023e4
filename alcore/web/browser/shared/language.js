// Texts in the reader's language. Ids are the English texts, with {places} for values; they are
// collected from the calls of these functions.

import { LANGUAGE, SAID, WORDS, form } from "./catalogue.js";

const PLACE = /\{(\w+)\}/;
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

export function gettext(id, values = {}) {
  return filled(WORDS.get(id) ?? id, values);
}

// n: decides between the forms, and stands at {n}.
export function ngettext(one, many, n, values = {}) {
  const forms = WORDS.get(one) ?? [one, many];
  return filled(forms[form(n)], { n: n.toLocaleString(LANGUAGE), ...values });
}

let patterns = null;
const length = (id) => id.replace(/\{\w+\}/g, "").length;

// [pattern, names of places, text] of what the server says with values, those that say most first.
function compiled() {
  return SAID.filter((id) => PLACE.test(id)).sort((a, b) => length(b) - length(a))
    .map((id) => {
      const pieces = id.split(PLACE);
      const names = pieces.filter((_, i) => i % 2);
      const source = pieces.map((p, i) => (i % 2 ? "(.+?)" : p.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
      return [new RegExp(`^${source.join("")}$`, "s"), names, WORDS.get(id)];
    });
}

// A figure as the server writes it, as this language does.
const figure = (text) => (/^[+-]?\d[\d,]*\.\d+ ?%?$|^[+-]?\d{1,3}(,\d{3})+$/.test(text)
  ? text.replace(/[\d,.]+/, (digits) => Number(digits.replaceAll(",", "")).toLocaleString(LANGUAGE, {
    minimumFractionDigits: (digits.split(".")[1] ?? "").length, maximumFractionDigits: 6,
  })) : text);

// English sentences of the server's, by the messages that they were made of; what stands at
// {reason}, {what} or {start} is such a sentence itself. What no message says stays as it is.
export function said(text) {
  if (!WORDS.size || !text) return text;
  const known = WORDS.get(text);
  if (typeof known === "string") return known;
  patterns ??= compiled();
  for (const [pattern, names, translation] of patterns) {
    const match = pattern.exec(text);
    if (!match) continue;
    return filled(translation, Object.fromEntries(names.map((name, i) => (
      [name, /^(reason|what|start)/.test(name) ? said(match[i + 1]) : figure(match[i + 1])]))));
  }
  const sentences = text.split(/(?<=[.?]) (?=[A-Z])/);
  return sentences.length > 1 ? sentences.map(said).join(" ") : text;
}
