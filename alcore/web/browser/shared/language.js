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

const PLACES = /\{\w+\}/g;
const INNER = /^(model|reason|start|strongest|what|who)/; // places of sentences, or of parts of them
const sentences = (text) => text.split(/(?<=[.?]) (?=[A-Z\d])/);
const length = (id) => id.replace(PLACES, "").length;
const isComposed = (id) => INNER.test(PLACE.exec(id)[1]) && id.startsWith("{");
let patterns = null;

// {pattern, names of places, text, size in sentences} of what the server says with values: what is
// made of another sentence first, then what says most.
function compiled() {
  return SAID.filter((id) => PLACE.test(id))
    .sort((a, b) => isComposed(b) - isComposed(a) || length(b) - length(a))
    .map((id) => {
      const pieces = id.split(PLACE);
      const names = pieces.filter((_, i) => i % 2);
      const source = pieces.map((p, i) => (i % 2 ? "(.+?)" : p.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
      const size = sentences(id.replace(PLACES, "1")).length;
      return { pattern: new RegExp(`^${source.join("")}$`, "s"), names, text: WORDS.get(id), size };
    });
}

// A figure as the server writes it, as this language does.
const figure = (text) => (/^[+-]?\d[\d,]*\.\d+ ?%?$|^[+-]?\d{1,3}(,\d{3})+$/.test(text)
  ? text.replace(/[\d,.]+/, (digits) => Number(digits.replaceAll(",", "")).toLocaleString(LANGUAGE, {
    minimumFractionDigits: (digits.split(".")[1] ?? "").length, maximumFractionDigits: 6,
  })) : text);

// English sentences of the server's, by the messages that they were made of. What no message says
// stays as it is.
export function said(text) {
  if (!WORDS.size || !text) return text;
  const known = WORDS.get(text);
  if (typeof known === "string") return known;
  const parts = sentences(text);
  patterns ??= compiled();
  for (const { pattern, names, text: translation, size } of patterns) {
    const match = size === parts.length && pattern.exec(text);
    if (!match) continue;
    return filled(translation, Object.fromEntries(names.map((name, i) => (
      [name, INNER.test(name) ? said(match[i + 1]) : figure(match[i + 1])]))));
  }
  return parts.length > 1 ? parts.map(said).join(" ") : text;
}
