// The image on screen: when it was painted, how long it was looked at, how large it may be.

import { picture, say } from "../shared/dom.js";
import { gettext, said } from "../shared/language.js";
import { record } from "../shared/probe.js";

const LARGEST_COPY = 1024; // pixels a side: what is smaller is no copy

export class Stage {
  // emptyText: says why there is nothing to show.
  constructor(root, part, emptyText) {
    Object.assign(this, { root, part, emptyText });
    this.image = null;
    this.painted = false;
    this.paintedAt = null;
    this.since = null; // when somebody began to look at it
    this.width = innerWidth;
  }

  // Put an image on screen, null for none; pressed is when the key was pressed that asked for it.
  // Returns whether it is another one than before.
  show(image, pressed) {
    if (image === this.image && (image || this.part.empty.hidden === false)) {
      if (!image) this.drawEmpty();
      return false;
    }
    this.pause();
    this.image = image;
    this.painted = false;
    this.root.dataset.item = "";
    if (!image) {
      this.part.canvas.replaceChildren();
      this.drawEmpty();
    } else if (image.ready) {
      this.#swap(image, pressed);
    } else {
      this.part.canvas.replaceChildren();
      this.part.empty.hidden = true;
      image.loaded.then(() => {
        if (this.image !== image) return;
        if (image.ready) this.#swap(image, pressed);
        else this.drawEmpty();
      });
    }
    return true;
  }

  #swap(image, pressed) {
    this.part.empty.hidden = true;
    this.part.canvas.replaceChildren(image.element);
    requestAnimationFrame(() => {
      // The frame that this callback belongs to is on its way once the next task runs.
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        channel.port1.close();
        if (this.image !== image) return;
        this.painted = true;
        this.since = this.paintedAt = performance.now();
        this.root.dataset.item = String(image.item);
        record("painted", { item: image.item, at: this.since, pressed });
      };
      channel.port2.postMessage(null);
    });
  }

  // An image that could not be shown was loaded again.
  mended(image) {
    if (this.image !== image || this.painted) return;
    if (image.ready) this.#swap(image, null);
    else this.drawEmpty();
  }

  // Load the original in place of a copy that is smaller, for a zoom.
  async showWhole() {
    const { image } = this;
    const copy = image?.element;
    if (!copy || Math.max(copy.naturalWidth, copy.naturalHeight) < LARGEST_COPY) return;
    const whole = picture({ className: copy.className, alt: copy.alt, src: `${image.src}&whole=1` });
    try {
      await whole.decode();
    } catch {
      return; // the copy serves
    }
    if (this.image === image && copy.isConnected) copy.replaceWith(whole);
  }

  // Nobody looks now: add up how long somebody did.
  pause() {
    if (this.image && this.painted && this.since !== null) {
      this.image.seen += performance.now() - this.since;
    }
    this.since = null;
  }

  resume() {
    if (this.painted && this.image) this.since = performance.now();
  }

  // How long the image was on screen at a time; below 0 where it came later than that.
  age(time) {
    return this.painted ? time - this.paintedAt : -Infinity;
  }

  drawEmpty() {
    say(this.part.empty, this.image?.broken ? unshownText(this.image.reason) : this.emptyText());
    this.part.empty.hidden = false;
  }

  get narrow() {
    return this.root.clientWidth < 760;
  }

  resized() {
    // A phone's address bar changes the height while scrolling: the image stays as it is.
    if (this.narrow && innerWidth === this.width) return;
    this.width = innerWidth;
    this.fit();
  }

  // Give the image the height that the rest leaves; nothing but the window changes it again.
  fit() {
    const top = this.root.getBoundingClientRect().top + scrollY;
    const rest = this.root.firstElementChild.offsetHeight - this.part.stage.offsetHeight;
    const page = this.root.getRootNode().host?.closest(".stMainBlockContainer");
    // The board reaches into the padding below it (board.css).
    const below = page ? parseFloat(getComputedStyle(page).paddingBottom) - 32 : 20;
    const height = this.narrow
      ? Math.min(this.root.clientWidth, 0.4 * innerHeight)
      : Math.min(760, Math.max(260, innerHeight - top - rest - below - 2));
    this.root.style.setProperty("--stage", `${Math.round(height)}px`);
  }
}

// What is said in place of an image that cannot be shown; reason: what the server says. Pure.
export function unshownText(reason) {
  const parts = [reason
    ? gettext("This picture cannot be shown: {reason}", { reason: said(reason).replace(/\.?$/, ".") })
    : gettext("This picture cannot be shown.")];
  if (/no longer there/.test(reason ?? "")) {
    parts.push(gettext("An owner of the project can put it back, or name its new place on the Set-up "
      + "page."));
  }
  return [...parts, gettext("Press Space to go on with the next one.")].join(" ");
}
