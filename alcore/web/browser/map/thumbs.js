// Pictures of the images: fetched a few at a time, shown beside the pointer, in lists and, where few
// points are in view, in place of them.

import { element, picture } from "../shared/dom.js";
import { request } from "../shared/requests.js";

const AT_ONCE = 100;
const SOON = 40; // milliseconds to gather what is asked for
const KEPT = 3000;
const MOST = 140; // points in view that are shown as pictures
const [SMALL, LARGE] = [34, 78]; // pixels

export class Pictures {
  // arrived(): there are new ones.
  constructor(link, ids, arrived) {
    Object.assign(this, { link, ids, arrived });
    this.known = new Map(); // item -> {name, small}
    this.wanted = new Set();
  }

  // What is known of a point's picture; it is fetched where nothing is.
  of(i) {
    const item = this.ids()[i];
    const known = this.known.get(item);
    if (!known) {
      this.wanted.add(item);
      this.timer ??= setTimeout(() => this.#fetch(), SOON);
    }
    return known;
  }

  async #fetch() {
    const items = [...this.wanted].slice(0, AT_ONCE);
    try {
      const answer = await request(this.link, "POST", "/map/pictures", { items });
      if (this.known.size > KEPT) this.known.clear();
      for (const one of answer.pictures) this.known.set(one.item, one);
    } catch { /* whoever needs them asks again */ }
    for (const item of items) this.wanted.delete(item);
    this.timer = this.wanted.size ? setTimeout(() => this.#fetch(), SOON) : undefined;
    this.arrived();
  }
}

export class Thumbs {
  constructor(node, scene, pictures) {
    Object.assign(this, { node, scene, pictures });
    this.images = new Map(); // point -> img
  }

  // Show the points in view as pictures if they are few; return whether they are.
  draw(view) {
    const points = inView(this.scene, view, MOST + 1);
    const few = points.length > 0 && points.length <= MOST && view.scale > view.least * 6;
    const there = new Set(few ? points : []);
    for (const [i, image] of this.images) {
      if (there.has(i)) continue;
      image.remove();
      this.images.delete(i);
    }
    const side = SMALL + (LARGE - SMALL) * Math.max(0, 1 - points.length / MOST);
    for (const i of there) this.#place(i, view, side);
    return few;
  }

  #place(i, view, side) {
    const about = this.pictures.of(i);
    if (!about) return;
    let image = this.images.get(i);
    if (!image) {
      image = picture({ src: about.small });
      this.images.set(i, image);
      this.node.append(image);
    }
    const { colour } = this.scene;
    const [x, y] = view.pixel(...this.scene.at2d(i));
    image.style.width = image.style.height = `${side}px`;
    image.style.opacity = colour[4 * i + 3] < 60 ? "0.35" : "1";
    image.style.setProperty("--swatch", `rgb(${colour[4 * i]} ${colour[4 * i + 1]} ${colour[4 * i + 2]})`);
    image.style.transform = `translate(${x - side / 2}px, ${y - side / 2}px)`;
  }
}

// Up to `most` shown points that are in view.
export function inView(scene, view, most = Infinity) {
  const [left, high] = view.at(0, 0);
  const [right, low] = view.at(view.width, view.height);
  const points = [];
  scene.cells.within(left, low, right, high, (i) => {
    if (scene.shown[i]) points.push(i);
    return points.length >= most;
  });
  return points;
}

// A button with an image and what is said of it, as lists show it.
export function tileOf(i, scene, pictures) {
  const about = pictures.of(i);
  const words = scene.words(i);
  const button = element("button", { type: "button" },
    picture({ ...(about ? { src: about.small } : {}), loading: "lazy" }),
    ...words.map((text) => element("span", { textContent: text })));
  button.dataset.point = i;
  button.setAttribute("aria-pressed", String(Boolean(scene.picked[i])));
  button.setAttribute("aria-label", [about?.name ?? `image ${scene.columns.ids[i]}`, ...words].join(", "));
  const { colour } = scene;
  button.style.setProperty("--swatch", `rgb(${colour[4 * i]} ${colour[4 * i + 1]} ${colour[4 * i + 2]})`);
  return element("li", {}, button);
}
