// The learning curves on the wall: the groups' as they grow, and what strategies would reach with
// as many answers of the key.

import { floorOf, node, ticks } from "../shared/axes.js";
import { gettext } from "../shared/language.js";
import { labels, percent, wholePercent } from "../shared/text.js";

const GAP = 1.25; // of the type's size, between two names

// curves: [{name, colour, points: [[labels, accuracy, low, high]]}], beside: [{name, points}].
export function drawCurves(svg, curves, beside) {
  const width = Math.max(320, svg.clientWidth);
  const height = Math.max(180, svg.clientHeight);
  const size = parseFloat(getComputedStyle(svg).fontSize);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const most = Math.max(100, ...curves.flatMap((c) => c.points.map(([n]) => 1.12 * n)));
  const all = [...curves, ...beside].flatMap((c) => c.points.filter(([n]) => n <= most));
  const low = floorOf(all.map(([, accuracy, from]) => from ?? accuracy));
  const frame = { left: 3.4 * size, right: width - 9.5 * size, top: size, bottom: height - 2.2 * size };
  const x = (n) => frame.left + (n / most) * (frame.right - frame.left);
  const y = (a) => frame.top + ((1 - a) / (1 - low)) * (frame.bottom - frame.top);
  const parts = axes(frame, size, { most, low, x, y });
  const ends = [];
  for (const { name, points } of beside) {
    const there = points.filter(([n]) => n <= most);
    if (!there.length) continue;
    parts.push(node("path", { d: path(there, x, y), class: "beside" }));
    ends.push({ name, y: y(there.at(-1)[1]), soft: true });
  }
  for (const { name, colour, points } of curves) {
    if (!points.length) continue;
    const [n, accuracy, from, to] = points.at(-1);
    if (from !== null) {
      parts.push(node("line", { x1: x(n), x2: x(n), y1: y(from), y2: y(to), stroke: colour, class: "range" }));
    }
    parts.push(node("path", { d: path(points, x, y), stroke: colour, class: "line" }),
      node("circle", { cx: x(n), cy: y(accuracy), r: 0.4 * size, fill: colour }));
    ends.push({ name, y: y(accuracy), colour });
  }
  parts.push(...names(ends, frame, size));
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", curves.filter((c) => c.points.length).map((c) => (
    gettext("{name}: {share} at {labels}", { name: c.name, share: percent(c.points.at(-1)[1]),
      labels: labels(c.points.at(-1)[0]) }))).join("; ") || gettext("no model yet"));
}

const path = (points, x, y) => points.map(([n, a], i) => `${i ? "L" : "M"}${x(n)} ${y(a)}`).join("");

function axes(frame, size, { most, low, x, y }) {
  const parts = [];
  for (const a of ticks(low, 1, 4)) {
    parts.push(node("line", { x1: frame.left, x2: frame.right, y1: y(a), y2: y(a), class: "grid" }),
      node("text", { x: frame.left - 0.5 * size, y: y(a) + 0.35 * size, "text-anchor": "end", class: "axis" }, wholePercent(a)));
  }
  for (const n of ticks(0, most, 6)) {
    parts.push(node("text", { x: x(n), y: frame.bottom + 1.4 * size, "text-anchor": "middle", class: "axis" }, String(Math.round(n))));
  }
  return parts;
}

// The names at the ends of the curves, moved apart where they would lie over each other.
function names(ends, frame, size) {
  const sorted = [...ends].sort((a, b) => a.y - b.y);
  sorted.forEach((end, i) => {
    if (i) end.y = Math.max(end.y, sorted[i - 1].y + GAP * size);
  });
  const over = (sorted.at(-1)?.y ?? 0) - frame.bottom;
  return sorted.map((end) => node("text", {
    x: frame.right + 0.7 * size,
    y: end.y - Math.max(0, over) + 0.35 * size,
    class: end.soft ? "name soft" : "name",
    ...(end.soft ? {} : { fill: end.colour }),
  }, end.name));
}
