// The learning curves of both sides, growing: accuracy on the holdout over labels.

import { floorOf, node, ticks } from "../shared/axes.js";
import { gettext } from "../shared/language.js";
import { labels as labelsOf, percent } from "../shared/text.js";

const HEIGHT = 190;
const LEFT = 46;
const NARROW = 520; // pixels, below which curves end in figures alone
const TOP = 12;
const BOTTOM = 34;

// curves: [{name, side, labels: [], accuracies: [], mean: {labels, accuracies} or null}]
// range: [first, last] of labels; onChoose(index): a model on a curve was pressed.
export function drawCurve(svg, curves, range, stop, onChoose) {
  const width = Math.max(280, svg.clientWidth || 600);
  const right = width < NARROW ? 58 : 168;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const all = curves.flatMap((c) => [...c.accuracies, ...(c.mean?.accuracies ?? [])]);
  const low = floorOf(all);
  const [from, to] = [range[0], Math.max(range[0] + 1, range[1])];
  const x = (v) => LEFT + ((v - from) / (to - from)) * (width - LEFT - right);
  const y = (v) => TOP + (1 - (v - low) / (1 - low)) * (HEIGHT - TOP - BOTTOM);
  const parts = axes(width - right, low, from, to, x, y);
  if (stop !== null) {
    parts.push(node("line", { x1: x(stop), x2: x(stop), y1: TOP, y2: HEIGHT - BOTTOM, class: "stop" }),
      node("text", { x: x(stop) + 4, y: HEIGHT - BOTTOM - 6, class: "note" }, gettext("stop criterion met")));
  }
  for (const curve of curves) parts.push(...lines(curve, x, y, onChoose));
  parts.push(...names(curves, x, y, width < NARROW));
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", spoken(curves));
}

// The same for who does not see it.
function spoken(curves) {
  const ends = curves.filter((c) => c.labels.length).map((c) => (
    gettext("{name} {share} after {labels}",
      { name: c.name, share: percent(c.accuracies.at(-1)), labels: labelsOf(c.labels.at(-1)) })));
  const none = gettext("no model yet");
  return gettext("Learning curves: {curves}", { curves: ends.join(", ") || none });
}

function axes(end, low, from, to, x, y) {
  const parts = [];
  for (const value of ticks(low, 1, 5)) {
    parts.push(node("line", { x1: LEFT, x2: end, y1: y(value), y2: y(value), class: "rule" }),
      node("text", { x: LEFT - 6, y: y(value) + 4, class: "left" }, `${Math.round(100 * value)} %`));
  }
  for (const value of ticks(from, to, 8)) {
    if (value !== Math.round(value)) continue;
    parts.push(node("text", { x: x(value), y: HEIGHT - BOTTOM + 16, class: "middle" }, value));
  }
  parts.push(node("text", { x: end, y: HEIGHT - 3, class: "right" }, gettext("labels")));
  return parts;
}

const path = (labels, accuracies, x, y) => labels.map(
  (n, i) => `${i ? "L" : "M"}${x(n).toFixed(1)} ${y(accuracies[i]).toFixed(1)}`).join("");

function lines({ side, labels, accuracies, mean }, x, y, onChoose) {
  const parts = [];
  if (mean) {
    parts.push(node("path", { d: path(mean.labels, mean.accuracies, x, y), class: `mean ${side}` }));
  }
  parts.push(node("path", { d: path(labels, accuracies, x, y), class: `line ${side}` }));
  labels.forEach((n, i) => {
    const last = i === labels.length - 1;
    const dot = node("circle", { cx: x(n), cy: y(accuracies[i]), r: last ? 4.5 : 2, class: side });
    const reach = node("circle", { cx: x(n), cy: y(accuracies[i]), r: 9, class: "reach" });
    reach.append(node("title", {}, `${labelsOf(n)}: ${percent(accuracies[i])}`));
    reach.addEventListener("click", () => onChoose(i));
    parts.push(dot, reach);
  });
  return parts;
}

// A name at the end of each curve, moved apart where they would lie on each other.
function names(curves, x, y, bare) {
  const ends = curves.filter((c) => c.labels.length).map((c) => ({
    ...c, at: x(c.labels.at(-1)) + 9, height: y(c.accuracies.at(-1)) + 4,
  }));
  if (ends.length === 2 && Math.abs(ends[0].height - ends[1].height) < 17) {
    const [upper, lower] = ends[0].height <= ends[1].height ? ends : [ends[1], ends[0]];
    const middle = Math.min(HEIGHT - BOTTOM - 9, Math.max(TOP + 9, (upper.height + lower.height) / 2));
    [upper.height, lower.height] = [middle - 8.5, middle + 8.5];
  }
  return ends.map((end) => node("text", { x: end.at, y: end.height, class: `name ${end.side}` },
    `${bare ? "" : `${end.name} `}${percent(end.accuracies.at(-1))}`));
}
