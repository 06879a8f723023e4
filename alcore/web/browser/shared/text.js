// How numbers and sentences are written for people. Pure.

import { LANGUAGE } from "./catalogue.js";
import { gettext, ngettext, said } from "./language.js";

export const number = (value) => (value ?? 0).toLocaleString(LANGUAGE);
export const decimal = (value, digits) => value.toLocaleString(LANGUAGE,
  { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const percent = (share) => `${decimal(100 * share, 1)} %`;
export const wholePercent = (share) => `${Math.round(100 * share)} %`;
export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
const finished = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/\.?$/, ".");
export const sentence = (text) => finished(said(text));
export const labels = (n) => ngettext("{n} label", "{n} labels", n);

// "model 7", or "model 7 + instant, 143 labels" where the linear head on top had ranked. Before
// there is a model that head stands on features.
export function modelName(round, instant) {
  if (round == null) {
    return instant == null ? gettext("the model")
      : gettext("a head on features, {labels}", { labels: labels(instant) });
  }
  return instant == null ? gettext("model {number}", { number: round })
    : gettext("model {number} + instant, {labels}", { number: round, labels: labels(instant) });
}

// "just now", "5 min ago", "3 h ago", else the date.
export function ago(at, now = Date.now() / 1000) {
  const seconds = Math.max(0, now - at);
  if (seconds < 60) return gettext("just now");
  if (seconds < 3600) return gettext("{n} min ago", { n: Math.floor(seconds / 60) });
  if (seconds < 86400) return gettext("{n} h ago", { n: Math.floor(seconds / 3600) });
  return new Date(1000 * at).toLocaleDateString(LANGUAGE, { dateStyle: "medium" });
}
