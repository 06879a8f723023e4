// What the page says of layers, units and changes. Pure.

import { number, plural, wholePercent } from "../shared/text.js";

export const CLASSES = "classes";
const mean = (values) => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
const STATES = { random: "random weights", start: "its pretrained start" };

// The models and, before there is one, the extractor alone: [value, text].
export function modelOptions(offer) {
  const models = offer.models.map((one) => [String(one.model),
    `model ${one.model}, ${plural(one.labels, "label")}`]);
  return models.length ? models : [["", "no model yet"]];
}

export function partOptions(offer, model) {
  const parts = model ? model.parts : offer.extractor ? ["features"] : [];
  const names = { network: `its own: ${model?.network ?? ""}`, features: `extractor: ${offer.extractor}` };
  return parts.map((part) => [part, names[part]]);
}

// What can be set beside a network: its start, random weights, other models that have this part.
export function besideOptions(offer, model, part) {
  const start = part === "network" && model?.start ? [["start", `${STATES.start} (${model.start})`]] : [];
  const others = offer.models.filter((one) => model && one.model !== model.model
    && one.parts.includes(part) && (part === "features" || one.network === model.network));
  return [["", "nothing"], ...start, ["random", STATES.random],
    ...others.map((one) => [String(one.model), `model ${one.model}, ${plural(one.labels, "label")}`])];
}

export function besideName(value) {
  return STATES[value] ?? `model ${value}`;
}

export function layerTitle(layer, place, count) {
  if (layer.key === CLASSES) return "The classes";
  const where = place === 0 ? ", the first" : place === count - 1 ? ", the last" : "";
  return `Layer ${place + 1} of ${count}${where}`;
}

// side: pixels a side of what the network sees.
export function layerText(layer, side) {
  const units = plural(layer.units, "unit");
  if (layer.key === CLASSES) return `${units}, one for each class. Each sees the whole image.`;
  const pixels = Math.max(1, Math.round(layer.sees * side));
  const sees = layer.sees > 0.9 ? "sees about the whole image"
    : `sees ${pixels} × ${pixels} of ${side} × ${side} pixels`;
  return `${units}, each in ${layer.side} × ${layer.side} places. A place ${sees}.`;
}

// How far units go with one class: a mean over those shown, or nothing.
export function concreteText(units) {
  const shares = units.map((unit) => unit.share).filter((share) => share != null);
  if (!shares.length) return "";
  return `Of the images that excite a unit most, the model says one class of ${wholePercent(mean(shares))}.`;
}

// one: {same, r, moved} of a layer.
export function changeText(one, beside) {
  if (!one) return "";
  const moved = one.moved == null ? "" : ` Its weights moved by ${wholePercent(one.moved)}.`;
  return `Against ${besideName(beside)}: unit for unit r = ${mean(one.same).toFixed(2)}, `
    + `with the most alike r = ${mean(one.r).toFixed(2)}.${moved}`;
}

export function unitText(unit, nameOf) {
  if (unit.quiet) return "silent";
  if (unit.most == null) return "";
  const n = unit.images.filter((image) => image.answer != null).length;
  return `${Math.round(unit.share * n)} of ${n}: ${nameOf(unit.most)}`;
}

export function unitName(unit, layer, nameOf) {
  return layer.key === CLASSES ? nameOf(unit.class) : `unit ${unit.unit}`;
}

export function aboutText(told, model) {
  const of = told.of > told.images ? `${number(told.images)} of ${number(told.of)} images, drawn by chance`
    : plural(told.of, "image");
  const from = model ? `Model ${model.model}: ${told.name}` : told.name;
  return `${from}, from early layers to late ones, looked at through ${of}.`;
}

// layers: how many are drawn, of how many; seconds that these took.
export function restText(drawn, count, seconds) {
  if (drawn >= count) return "";
  const left = drawn ? ` about ${Math.max(1, Math.round(seconds / drawn * (count - drawn)))} s more` : " the first takes longest";
  return `Computing layer ${drawn + 1} of ${count},${left}.`;
}

// Where the square lies that a place sees, as shares of the image: {left, top, side}.
export function square(x, y, sees) {
  const inside = (value) => Math.min(Math.max(value - sees / 2, 0), 1 - sees);
  return { left: inside(x), top: inside(y), side: sees };
}
