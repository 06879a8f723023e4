// How units are drawn: an image made for each, and parts of images that excite it.

import { element, picture } from "../shared/dom.js";
import { besideName, square, unitName, unitText } from "./words.js";

const CROPS = 4;

export const made = (png, alt) => picture({ className: "made", src: `data:image/png;base64,${png}`, alt });

// The part of an image that the strongest place sees.
function crop(image, sees) {
  const { left, top, side } = square(image.x, image.y, sees);
  const whole = picture({ src: image.small, loading: "lazy" });
  Object.assign(whole.style, { width: `${100 / side}%`, height: `${100 / side}%`,
    left: `${-100 * left / side}%`, top: `${-100 * top / side}%` });
  return element("span", { className: "crop" }, whole);
}

// An image with an outline around what the strongest place sees.
function outlined(image, sees, nameOf) {
  const { left, top, side } = square(image.x, image.y, sees);
  const frame = element("i");
  Object.assign(frame.style, { left: `${100 * left}%`, top: `${100 * top}%`,
    width: `${100 * side}%`, height: `${100 * side}%` });
  const show = element("button", { type: "button", title: `What every layer makes of ${image.name}` },
    element("span", { className: "whole" }, picture({ src: image.small, alt: image.name }), frame),
    element("span", { className: "soft", textContent: image.answer == null ? "\u00a0" : nameOf(image.answer) }));
  show.dataset.item = image.item;
  return element("li", {}, show);
}

export function waiting() {
  return element("li", { className: "waiting" }, element("span", { className: "made" }));
}

// unit: as the server tells it; r: likeness with what is set beside, or undefined.
export function tile(unit, layer, nameOf, png, r) {
  const name = unitName(unit, layer, nameOf);
  const said = unitText(unit, nameOf);
  const show = element("button", { type: "button" },
    png ? made(png, "") : element("span", { className: "made" }),
    element("span", { className: "crops" }, ...unit.images.slice(0, CROPS).map((one) => crop(one, layer.sees))),
    element("span", { className: "strong", textContent: name }),
    element("span", { className: "soft", textContent: r == null ? said || "\u00a0" : `r = ${r.toFixed(2)}` }));
  show.dataset.unit = unit.unit;
  show.dataset.layer = layer.key;
  show.setAttribute("aria-expanded", "false");
  show.setAttribute("aria-label", [name, said, r == null ? "" : `r = ${r.toFixed(2)}`].filter(Boolean).join(", "));
  return element("li", {}, show);
}

// One network's unit, large: the image made for it, and the images that excite it.
export function large(title, unit, layer, nameOf, png) {
  return element("div", { className: "large" },
    element("h4", { textContent: title }),
    png ? made(png, `Made to excite ${unitName(unit, layer, nameOf)}`) : element("span", { className: "made" }),
    element("ul", {}, ...unit.images.map((one) => outlined(one, layer.sees, nameOf))));
}

export function pairText(one, unit, beside) {
  const at = one.same[unit];
  const text = `Over the same images this unit and the one in its place of ${besideName(beside)} go together with r = ${at.toFixed(2)}`;
  return one.best[unit] === unit ? `${text}; none there is more alike.`
    : `${text}; the most alike there is unit ${one.best[unit]}, r = ${one.r[unit].toFixed(2)}.`;
}
