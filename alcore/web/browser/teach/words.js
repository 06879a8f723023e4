// What the page says of pictures, of what was learned, and of a camera that does not come. Pure.

import { plural, wholePercent } from "../shared/text.js";

// Why there is no camera. error: what the browser threw, null where it offers none at all.
export function cameraText(error, secure) {
  if (!secure) {
    return "Browsers give the camera only to pages of this computer or over HTTPS. Upload works here, too.";
  }
  const reasons = {
    NotAllowedError: "The camera may not be used: allow it in the browser's address line, and turn it on again.",
    NotFoundError: "No camera was found.",
    NotReadableError: "The camera is in use by another program; close it there, and turn it on again.",
    OverconstrainedError: "No camera was found.",
  };
  const why = reasons[error?.name] ?? "This browser gives no camera.";
  return `${why} Pictures can be uploaded or dropped on a class all the same.`;
}

// Where pictures go. far: others than this computer can reach the app.
export function privateText(far) {
  const where = far
    ? "the computer that alcore runs on, and go nowhere else. While it stands in your class room, no picture of a "
      + "child leaves it."
    : "this computer: no picture of a child leaves the class room.";
  return `Your pictures stay on ${where} They are kept in this project until it is deleted. What the camera sees `
    + "while you try the model is looked at and kept nowhere.";
}

// What there is to do before the model can tell anything, "" once it can.
// classes: [{id, name}]; learned: pictures by class id.
export function missingText(classes, learned) {
  if (!classes.length) return "Add a class first, such as “thumb up”.";
  if (classes.length === 1) return `“${classes[0].name}” alone tells nothing apart: add a second class.`;
  const without = classes.filter((c) => !learned[c.id]);
  if (classes.length - without.length >= 2) return "";
  return without.length === classes.length ? "Take pictures of two classes; some ten of each do."
    : `Now take pictures of ${without.map((c) => `“${c.name}”`).slice(0, 3).join(" or ")}.`;
}

// How far learning is, and what the model says of pictures that it does not learn from.
export function learnedText({ learned, left, kept, right }) {
  const n = Object.values(learned).reduce((sum, one) => sum + one, 0);
  if (!n && !left) return "";
  const more = left ? `; ${plural(left, "picture")} to go` : "";
  const checked = kept ? ` Of ${plural(kept, "picture")} kept aside it is right on ${right}.` : "";
  return `Learned from ${plural(n, "picture")}${more}.${checked}`;
}

// Classes with their shares, in the order of the classes; a class without pictures has none.
export function barsOf(classes, probabilities) {
  return classes.map((c) => ({ ...c, share: probabilities[c.id] ?? null }));
}

export const shareText = (share) => (share === null ? "no pictures yet" : wholePercent(share));

export function rateText(perSecond) {
  if (!perSecond) return "";
  return `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)} looks a second.`;
}

// How many pictures of a class there are, with those that are on their way.
export function countText(there, coming) {
  const more = coming ? ` + ${coming} on their way` : "";
  return `${plural(there, "picture")}${more}`;
}

// Why the ten are these. image: the first of them, with what ranked it.
export function tenText(image) {
  const measure = "About one in five is drawn at random instead, to measure the model.";
  if (image.round == null && image.instant == null) {
    return "There is no ranking yet: these are as different from each other as possible.";
  }
  return `The model is least sure of these, so that your answer tells it most. ${measure}`;
}
