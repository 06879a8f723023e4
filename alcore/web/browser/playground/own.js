// One's own points: read from a table, written into the address. Pure. A point is {x, y, c} in
// −1 … 1 with the position of its class. The server reads the same text.

import { gettext } from "../shared/language.js";

const SCALE = 4095;

export function encodePoints(points) {
  const bytes = new Uint8Array(4 * points.length);
  points.forEach(({ x, y, c }, i) => {
    const [a, b] = [x, y].map((v) => Math.round(((Math.min(1, Math.max(-1, v)) + 1) / 2) * SCALE));
    bytes.set([a >> 4, ((a & 15) << 4) | (b >> 8), b & 255, c], 4 * i);
  });
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function decodePoints(text) {
  let raw;
  try {
    raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return [];
  }
  const points = [];
  for (let i = 0; i + 3 < raw.length; i += 4) {
    const [a, b, d, c] = [0, 1, 2, 3].map((j) => raw.charCodeAt(i + j));
    const x = (a << 4) | (b >> 4);
    const y = ((b & 15) << 8) | d;
    points.push({ x: (x / SCALE) * 2 - 1, y: (y / SCALE) * 2 - 1, c });
  }
  return points;
}

const number = (text) => (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN);

function separatorOf(line) {
  return ["\t", ";", ","].find((sign) => line.split(sign).length >= 3) ?? /\s+/;
}

// A decimal comma is read where something else separates the columns.
function cellsOf(line, separator) {
  const cells = line.trim().split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
  return separator === "," ? cells : [...cells.slice(0, 2).map((c) => c.replace(",", ".")),
    ...cells.slice(2)];
}

// Read x, y and class from lines; the first line may be a heading. The points fill the plane, both
// axes on the same scale. Throws an Error that says what is wrong where.
export function readTable(text, mostPoints, mostClasses, fewest) {
  const lines = text.split(/\r?\n/).map((line, i) => [line, i + 1]).filter(([l]) => l.trim());
  if (!lines.length) throw new Error(gettext("Paste lines with x, y and a class, such as 0.5, 1.2, cat."));
  const separator = separatorOf(lines[0][0]);
  const rows = [];
  lines.forEach(([line, place], i) => {
    const cells = cellsOf(line, separator);
    const [x, y] = cells.slice(0, 2).map(number);
    if (i === 0 && Number.isNaN(x) && Number.isNaN(y)) return; // a heading
    if (cells.length < 3 || cells[2] === "" || !Number.isFinite(x) || !Number.isFinite(y)) {
      throw new Error(gettext("Line {place} is “{line}”; it needs two numbers and a class, such as "
        + "0.5, 1.2, cat.", { place, line: line.trim().slice(0, 40) }));
    }
    rows.push({ x, y, name: cells[2] });
  });
  const names = [...new Set(rows.map(({ name }) => name))].sort();
  if (rows.length > mostPoints) {
    throw new Error(gettext("{n} points; at most {most} can be used.",
      { n: rows.length, most: mostPoints }));
  }
  if (rows.length < fewest || names.length < 2) {
    throw new Error(gettext("{n} points of {classes} classes; at least {fewest} points of two classes are "
      + "needed.", { n: rows.length, classes: names.length, fewest }));
  }
  if (names.length > mostClasses) {
    throw new Error(gettext("{n} classes; at most {most} can be used. The third column holds the class.",
      { n: names.length, most: mostClasses }));
  }
  return fitted(rows).map(({ x, y, name }) => ({ x, y, c: names.indexOf(name) }));
}

const range = (values) => [Math.min(...values), Math.max(...values)];

function fitted(rows) {
  const [[x0, x1], [y0, y1]] = [range(rows.map((r) => r.x)), range(rows.map((r) => r.y))];
  const half = Math.max(x1 - x0, y1 - y0) / 2 || 1;
  return rows.map((row) => ({
    ...row,
    x: (0.92 * (row.x - (x0 + x1) / 2)) / half,
    y: (0.92 * (row.y - (y0 + y1) / 2)) / half,
  }));
}
