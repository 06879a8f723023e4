// A short message over the image.

const SECONDS = 7;

export class Toast {
  constructor(node) {
    this.node = node;
  }

  // Seconds 0: it stays. more: nodes beside the text, as a button.
  show(text, seconds = SECONDS, ...more) {
    clearTimeout(this.timer);
    this.node.replaceChildren(text, ...more);
    this.node.hidden = false;
    if (seconds) this.timer = setTimeout(() => this.hide(), 1000 * seconds);
  }

  hide() {
    this.node.hidden = true;
  }
}
