// Which points are near a pixel or inside an outline, without looking at all of them. Pure.

import { place } from "./view.js";

// Points of a layout in square cells, so that few are looked at.
export class Cells {
  constructor(layout) {
    this.layout = layout;
    const n = layout.steps.length / 2;
    this.side = Math.min(512, Math.max(1, Math.ceil(Math.sqrt(n / 4))));
    const { side } = this;
    this.start = new Uint32Array(side * side + 1);
    this.points = new Uint32Array(n);
    const cell = new Uint32Array(n);
    for (let i = 0; i < n; i += 1) {
      cell[i] = this.#column(layout.steps[2 * i]) + side * this.#column(layout.steps[2 * i + 1]);
      this.start[cell[i] + 1] += 1;
    }
    for (let i = 0; i < side * side; i += 1) this.start[i + 1] += this.start[i];
    const next = this.start.slice(0, -1);
    for (let i = 0; i < n; i += 1) this.points[next[cell[i]]++] = i;
  }

  // Call with each point of the rectangle from (left, low) to (right, high), until it returns true.
  within(left, low, right, high, call) {
    const [a, b] = [this.#cell(left), this.#cell(right)];
    const [c, d] = [this.#cell(low), this.#cell(high)];
    for (let row = c; row <= d; row += 1) {
      const from = this.start[a + this.side * row];
      const to = this.start[b + this.side * row + 1];
      for (let at = from; at < to; at += 1) {
        const i = this.points[at];
        const x = place(this.layout, i, 0);
        const y = place(this.layout, i, 1);
        if (x >= left && x <= right && y >= low && y <= high && call(i, x, y)) return;
      }
    }
  }

  // The nearest point to (x, y) no farther than a distance that `shown` has; -1 for none.
  nearest(x, y, distance, shown) {
    let best = -1;
    let least = distance * distance;
    this.within(x - distance, y - distance, x + distance, y + distance, (i, px, py) => {
      const d = (px - x) ** 2 + (py - y) ** 2;
      if (d <= least && shown[i]) [best, least] = [i, d];
      return false;
    });
    return best;
  }

  // The points inside an outline [[x, y], …] that `shown` has.
  inside(outline, shown) {
    const xs = outline.map((p) => p[0]);
    const ys = outline.map((p) => p[1]);
    const points = [];
    this.within(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (i, x, y) => {
      if (shown[i] && contains(outline, x, y)) points.push(i);
      return false;
    });
    return points;
  }

  #column(step) {
    return Math.min(this.side - 1, Math.floor(step / 65536 * this.side));
  }

  #cell(value) {
    const share = (value / this.layout.span + 1) / 2;
    return Math.min(this.side - 1, Math.max(0, Math.floor(share * this.side)));
  }
}

// Whether a point lies inside an outline: a ray from it crosses an odd number of edges.
export function contains(outline, x, y) {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i, i += 1) {
    const [ax, ay] = outline[i];
    const [bx, by] = outline[j];
    if ((ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
