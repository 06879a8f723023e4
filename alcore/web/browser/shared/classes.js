// The buttons of classes: their key, name and colour, the model's guesses, the class of now.

import { printed, spoken } from "./keys.js";
import { element, flash, say } from "./dom.js";
import { gettext } from "./language.js";
import { wholePercent } from "./text.js";

const SHORT = 3; // letters; five classes of such names fit beside each other on a phone
const MANY = 20; // classes; above that they scroll

export const byPosition = (classes) => [...classes].sort((a, b) => a.position - b.position);

export class ClassButtons {
  constructor(node) {
    this.node = node;
    this.buttons = new Map(); // class id -> its button
  }

  // classes: by position; keys: class id -> its keys, the one to print first.
  set(classes, keys, colourOf) {
    this.buttons = new Map(classes.map((c) => [
      c.id, classButton(c, colourOf(c), keys[c.id] ?? [])]));
    this.node.classList.toggle("short", classes.every((c) => c.name.length <= SHORT));
    this.node.replaceChildren(...this.buttons.values());
  }

  get isMany() {
    return this.buttons.size > MANY;
  }

  flash(id) {
    flash(this.buttons.get(id));
  }

  // Bars and shares of what the model thinks, [{class, p}]; null takes them away. Only the
  // buttons that change are touched, as there may be hundreds.
  drawGuesses(guesses) {
    const shares = new Map((guesses ?? []).map((s) => [s.class, s.p]));
    for (const [id, button] of this.buttons) {
      const share = shares.get(id);
      if (button.share === share) continue;
      button.share = share;
      button.querySelector(".guess").style.transform = `scaleX(${share ?? 0})`;
      say(button.querySelector(".share"), share === undefined ? "" : wholePercent(share));
    }
  }

  // Mark the class that the image has now; undefined marks none.
  mark(current) {
    for (const [id, button] of this.buttons) {
      if ((id === current) !== button.hasAttribute("data-current")) {
        button.toggleAttribute("data-current", id === current);
      }
    }
  }
}

// keys: those of this class, the one to print first.
function classButton(choice, colour, keys) {
  const button = element("button", { type: "button", className: "class" });
  button.dataset.class = choice.id;
  button.style.setProperty("--swatch", colour);
  const name = element("span", { className: "name", title: choice.name });
  const letters = [...choice.name];
  if (keys.includes(letters[0].toLowerCase()) && letters.length > 1) {
    name.append(element("u", { textContent: letters[0] }), letters.slice(1).join(""));
  } else {
    name.textContent = choice.name;
  }
  button.append(
    element("kbd", { textContent: keys.length ? printed(keys[0]) : "·" }), name,
    element("span", { className: "share" }), element("i", { className: "guess" }));
  const names = keys.map(spoken);
  const all = names.join(` ${gettext("or")} `);
  button.setAttribute("aria-label",
    names.length ? gettext("{name}, key {keys}", { name: choice.name, keys: all }) : choice.name);
  if (names.length) button.setAttribute("aria-keyshortcuts", names.join(" "));
  return button;
}

// Print on each action's button the key that it has now.
export function drawActionKeys(root, actions) {
  for (const sign of root.querySelectorAll(".actions button kbd")) {
    const button = sign.closest("button");
    const [key] = actions[button.dataset.do] ?? [];
    say(sign, key ? printed(key) : "");
    sign.hidden = !key;
    if (key) button.setAttribute("aria-keyshortcuts", spoken(key));
    else button.removeAttribute("aria-keyshortcuts");
  }
}
