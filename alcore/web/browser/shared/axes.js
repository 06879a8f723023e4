// Axes of charts that are drawn as SVG.

const NAME = "http://www.w3.org/2000/svg";

export function node(name, properties, text) {
  const made = document.createElementNS(NAME, name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

// Round steps of an axis: at least two, at most six.
export function ticks(low, high, most = 6) {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9; k += 1) found.push(k * step);
  return found;
}

// The lowest accuracy that the axis shows: a tenth below all that is there.
export function floorOf(accuracies) {
  const low = Math.min(...accuracies, 0.9);
  return Math.max(0, Math.floor(low * 10 - 1e-9) / 10);
}
