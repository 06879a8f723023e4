// Why an image is asked, and what the model says of it, in sentences. Pure.

import { gettext } from "../shared/language.js";
import { labels, modelName, sentence, wholePercent } from "../shared/text.js";

// What an answer that names no class is called.
export function kindText(kind) {
  return { skip: gettext("skip"), unsure: gettext("unsure") }[kind] ?? kind;
}

export function rankedBy(image, status) {
  if (!image) return "";
  if (image.visited) return image.answered;
  if (image.round == null && image.instant == null) {
    return gettext("There is no model yet that could rank: chosen for variety, or by chance.");
  }
  if (image.instant == null && status?.model === image.round && status.model_labels != null) {
    return gettext("Ranked by model {number}, trained on {labels}.",
      { number: image.round, labels: labels(status.model_labels) });
  }
  return gettext("Ranked by {model}.", { model: modelName(image.round, image.instant) });
}

export function whyText(why) {
  const reason = sentence(why.reason || why.origin);
  if (!["query", "relabel"].includes(why.origin)) return reason;
  const { strategy } = why;
  return why.model == null && why.instant == null
    ? gettext("{reason} Strategy {strategy}.", { reason, strategy })
    : gettext("{reason} Strategy {strategy}, {model}.",
      { reason, strategy, model: modelName(why.model, why.instant) });
}

export function suggestionText(suggestion, classes) {
  if (!suggestion?.length) return gettext("No suggestion for this image.");
  const [best] = suggestion;
  return gettext("The model says {name} ({share}). Enter accepts.",
    { name: classes.get(best.class)?.name ?? "?", share: wholePercent(best.p) });
}
