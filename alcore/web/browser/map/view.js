// Which part of the plane is on screen, and where a point of it is. Pure.

const SHARE = 0.002; // of the points at each end, which may lie outside at first
const MARGIN = 1.08;
const DEEPEST = 4000; // times the first scale

export class View {
  constructor() {
    Object.assign(this, { x: 0, y: 0, scale: 1, least: 1, width: 1, height: 1 });
  }

  // Show all points. layout: {steps, span}.
  fit(layout) {
    const [left, right] = ends(layout, 0);
    const [low, high] = ends(layout, 1);
    this.x = (left + right) / 2;
    this.y = (low + high) / 2;
    const least = layout.span / 500; // one image alone has no extent
    const wide = Math.max(right - left, least) * MARGIN;
    const tall = Math.max(high - low, least) * MARGIN;
    this.scale = Math.min(this.width / wide, this.height / tall);
    this.least = this.scale / 4;
  }

  resize(width, height) {
    const factor = Math.min(width / this.width, height / this.height);
    this.scale *= factor;
    this.least *= factor;
    Object.assign(this, { width, height });
  }

  // Move by pixels of the screen.
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  // Make everything larger by a factor around a pixel, which stays where it is.
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.at(px, py);
    this.scale = Math.min(Math.max(this.scale * factor, this.least), this.least * DEEPEST);
    this.x = x - (px - this.width / 2) / this.scale;
    this.y = y + (py - this.height / 2) / this.scale;
  }

  // The point of the plane at a pixel.
  at(px, py) {
    return [this.x + (px - this.width / 2) / this.scale, this.y - (py - this.height / 2) / this.scale];
  }

  // The pixel of a point.
  pixel(x, y) {
    return [this.width / 2 + (x - this.x) * this.scale, this.height / 2 - (y - this.y) * this.scale];
  }
}

export const place = (layout, i, axis) => (layout.steps[2 * i + axis] / 65535 * 2 - 1) * layout.span;

// Where the points begin and end along an axis, but for a few far ones.
function ends(layout, axis) {
  const n = layout.steps.length / 2;
  if (!n) return [-1, 1];
  const step = Math.max(1, Math.floor(n / 5000));
  const some = [];
  for (let i = 0; i < n; i += step) some.push(place(layout, i, axis));
  some.sort((a, b) => a - b);
  const cut = Math.floor(some.length * SHARE);
  return [some[cut], some[some.length - 1 - cut]];
}
