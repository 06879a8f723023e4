// Enlarges the image within its frame; the point under the pointer stays in view.

export class Zoom {
  // enlarged(): the image is larger than its frame now.
  constructor(stage, canvas, button, enlarged, signal) {
    Object.assign(this, { stage, canvas, button, enlarged, factor: 1 });
    stage.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    stage.addEventListener("pointermove", (event) => {
      if (this.factor > 1) this.set(this.factor, ...this.#place(event));
    }, { signal });
  }

  set(factor, x = 50, y = 50) {
    if (factor > 1 && this.factor === 1) this.enlarged();
    this.factor = factor;
    this.canvas.style.transformOrigin = `${x}% ${y}%`;
    this.canvas.style.transform = factor === 1 ? "" : `scale(${factor})`;
    this.stage.toggleAttribute("data-zoomed", factor > 1);
    this.button.setAttribute("aria-pressed", String(factor > 1));
  }

  next() {
    this.set(this.factor >= 4 ? 1 : 2 * this.factor);
  }

  #wheel(event) {
    if (event.ctrlKey) return; // the browser's own zoom
    event.preventDefault();
    const factor = Math.min(8, Math.max(1, this.factor * Math.exp(-event.deltaY / 400)));
    this.set(factor < 1.02 ? 1 : factor, ...this.#place(event));
  }

  // Where the pointer is in the frame, in percent of its width and height.
  #place(event) {
    const box = this.stage.getBoundingClientRect();
    return [100 * (event.clientX - box.left) / box.width,
      100 * (event.clientY - box.top) / box.height];
  }
}
