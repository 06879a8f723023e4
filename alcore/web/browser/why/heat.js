// A heat map over a picture: orange speaks for the class, blue against it.

import { element } from "../shared/dom.js";

const FOR = [230, 159, 0];
const AGAINST = [0, 114, 178];
const LONGEST = 256; // pixels of the map's copy that is stretched over the picture

// Read s·s signed bytes. Pure.
export function unpack(text) {
  return Int8Array.from(atob(text), (c) => c.charCodeAt(0));
}

// The colours of a map, four bytes a place: the stronger, the less can be seen through. Pure.
export function coloured(values) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, i) => {
    const strength = Math.min(1, Math.abs(value) / 127);
    pixels.set([...(value >= 0 ? FOR : AGAINST), Math.round(215 * strength ** 0.8)], 4 * i);
  });
  return pixels;
}

// Return a canvas with a map {map, side}, in the shape of a picture of this width and height.
export function drawn({ map, side }, width, height, alt) {
  const small = element("canvas", { width: side, height: side });
  small.getContext("2d").putImageData(new ImageData(coloured(unpack(map)), side, side), 0, 0);
  const scale = LONGEST / Math.max(width, height, 1);
  const canvas = element("canvas", { className: "heat",
    width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", alt);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return canvas;
}
