// Why an image is asked, and what the model says of it, in sentences. Pure.

import { modelName, plural, sentence, wholePercent } from "../shared/text.js";

export function rankedBy(image, status) {
  if (!image) return "";
  if (image.visited) return image.answered;
  if (image.round == null && image.instant != null) {
    return `Ranked by ${modelName(null, image.instant)}.`;
  }
  if (image.round == null) return "There is no model yet that could rank: chosen for variety, or by chance.";
  const labels = status?.model === image.round && status.model_labels != null
    ? `, trained on ${plural(status.model_labels, "label")}` : "";
  return image.instant == null ? `Ranked by model ${image.round}${labels}.`
    : `Ranked by ${modelName(image.round, image.instant)}.`;
}

export function whyText(why) {
  const reason = sentence(why.reason || why.origin);
  if (!["query", "relabel"].includes(why.origin)) return reason;
  const by = why.model == null && why.instant == null
    ? "" : `, ${modelName(why.model, why.instant)}`;
  return `${reason} Strategy ${why.strategy}${by}.`;
}

export function suggestionText(suggestion, classes) {
  if (!suggestion?.length) return "No suggestion for this image.";
  const [best] = suggestion;
  return `The model says ${classes.get(best.class)?.name ?? "?"} (${wholePercent(best.p)}). `
    + "Enter accepts.";
}
