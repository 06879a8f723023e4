// What is drawn over the points: the outline of a lasso, marks of strategies, a ring around one point.

const RING = 8; // pixels
const SHAPES = ["#0072B2", "#D55E00"];

export class Over {
  constructor(canvas) {
    this.canvas = canvas;
    this.outline = []; // pixels
    this.marks = [[], []]; // points that two strategies would ask about
    this.ring = -1;
  }

  draw(view, scene) {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const style = getComputedStyle(this.canvas);
    this.marks.forEach((points, side) => {
      for (const i of points) this.#mark(context, view.pixel(...scene.at2d(i)), side, style);
    });
    context.strokeStyle = style.color;
    context.lineWidth = 2;
    if (this.ring >= 0) {
      context.beginPath();
      context.arc(...view.pixel(...scene.at2d(this.ring)), RING, 0, 7);
      context.stroke();
    }
    if (this.outline.length > 1) {
      context.setLineDash([6, 4]);
      context.beginPath();
      for (const [x, y] of this.outline) context.lineTo(x, y);
      context.closePath();
      context.stroke();
      context.setLineDash([]);
    }
  }

  // ○ for the first strategy, ◇ for the second, with a rim that stands out from any point.
  #mark(context, [x, y], side, style) {
    context.beginPath();
    if (side === 0) context.arc(x, y, RING, 0, 7);
    else {
      for (const [dx, dy] of [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]]) {
        context.lineTo(x + RING * dx, y + RING * dy);
      }
      context.closePath();
    }
    context.lineWidth = 5;
    context.strokeStyle = style.backgroundColor === "rgba(0, 0, 0, 0)" ? "#fff" : style.backgroundColor;
    context.stroke();
    context.lineWidth = 2.5;
    context.strokeStyle = SHAPES[side];
    context.stroke();
  }
}
