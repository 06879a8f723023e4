// How numbers and sentences are written for people. Pure.

export const number = (value) => (value ?? 0).toLocaleString("en");
export const percent = (share) => `${(100 * share).toFixed(1)} %`;
export const wholePercent = (share) => `${Math.round(100 * share)} %`;
export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  .replace(/\.?$/, ".");

// "model 7", or "model 7 + instant, 143 labels" where the linear head on top had ranked. Before
// there is a model that head stands on features.
export function modelName(round, instant) {
  if (round == null) {
    return instant == null ? "the model" : `a head on features, ${plural(instant, "label")}`;
  }
  return instant == null ? `model ${round}`
    : `model ${round} + instant, ${plural(instant, "label")}`;
}

// "just now", "5 min ago", "3 h ago", else the date.
export function ago(at, now = Date.now() / 1000) {
  const seconds = Math.max(0, now - at);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(1000 * at).toLocaleDateString("en", { dateStyle: "medium" });
}
