// What is said about the map: by what images lie where they lie, which model is looked at. Pure.

import { plural, wholePercent } from "../shared/text.js";

// layout: {basis, method}.
export function basisText({ basis, method }) {
  const by = basis === "pixels" ? "laid out by their pixels, since there are neither features nor a model yet"
    : basis === "features" ? "laid out by the features of a network that knows photographs"
      : `laid out by what model ${Number(basis)} has learned`;
  return `${by}, ${method === "umap" ? "neighbours beside each other" : "along the two main directions"}`;
}

// models: [[number, labels], …]; at: 0 before the first, beyond the last now.
export function modelText(models, at) {
  if (at > models.length) return "now, all labels";
  if (at < 1) return "before the first model";
  const [number, labels] = models[at - 1];
  return `model ${number}, ${plural(labels, "label")}`;
}

// About how long something takes, in seconds, as people say it.
export const duration = (seconds) => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} s`
  : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`);

// What is said about UMAP where it was asked for; empty where the layout is there and up to date.
// missing: images that came after the layout.
export function umapText(status, wish, layout, missing = 0) {
  if (wish !== "umap") return "";
  const { job } = status;
  if (job?.state === "running") {
    return `UMAP: ${job.phase || "starting"}, ${wholePercent(job.progress)}. It takes about ${duration(status.seconds)} `
      + "and goes on when this page is closed.";
  }
  if (job?.state === "waiting") return "UMAP waits for other work to end.";
  const there = layout?.method === "umap";
  if (there && layout.basis === status.basis && !missing) return "";
  if (!status.installed) {
    return `UMAP is not installed: “${status.command}” adds it, then restart the app. Until then the main `
      + "directions are shown.";
  }
  if (job?.state === "failed") return `The map failed: ${job.error ?? "the project's owners see why"}.`;
  const cost = `About ${duration(status.seconds)} on two cores, in the background.`;
  if (there) return `This layout is older than the ${missing ? "newest images" : "newest model"}. ${cost}`;
  return status.owns ? `Neighbours are not laid out yet. ${cost}`
    : "Neighbours are not laid out yet; the project's owners can do that.";
}
