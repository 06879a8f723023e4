// What a key press means, on any keyboard. No page is touched. Which key is whose says the server:
// {classes: {"12": ["3", "s"]}, actions: {skip: ["Space"]}}. A key is "3", "q", "⇧3" and "⇧u" with
// Shift, or a name. Actions are {do: "label", class} or {do: "skip" | "undo" | …}.

import { gettext } from "./language.js";

const NAMES = { " ": "Space" };
const NAMED = new Set(["Space", "Backspace", "Delete", "Enter", "Escape", "ArrowLeft",
  "ArrowRight", "ArrowUp", "ArrowDown"]);
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Backspace: "⌫",
  Enter: "⏎", Delete: gettext("Del"), Escape: "Esc", Space: gettext("Space") };

const SIGN_PLACES = { Comma: ",", Period: ".", Slash: "/", Semicolon: ";", Quote: "'",
  BracketLeft: "[", BracketRight: "]", Backslash: "\\", Backquote: "`", Minus: "-", Equal: "=" };
const PRESSABLE = "button, a[href], summary, input[type=checkbox], [role=button], [role=option]";
const LATIN = /^\p{Script=Latin}$/u;

// key -> action
export function bindKeys(layout, byId) {
  const bound = new Map([["Escape", { do: "close" }]]);
  for (const [id, keys] of Object.entries(layout.classes)) {
    const chosen = byId.get(Number(id));
    if (chosen) for (const key of keys) bound.set(key, { do: "label", class: chosen });
  }
  for (const [action, keys] of Object.entries(layout.actions)) {
    for (const key of keys) bound.set(key, { do: action });
  }
  return bound;
}

export const printed = (key) => SIGNS[key] ?? (NAMED.has(key) ? key : key.toUpperCase());
export const spoken = (key) => key.replace("⇧", "Shift+").replace("Space", "space");

// A keyboard; what was typed on it tells whether its layout has Latin letters.
export class Keyboard {
  constructor() {
    this.latin = null; // not known yet
  }

  // Return the action of a keydown event, or null when the key is not ours.
  action(event, bound) {
    if (/^\p{L}$/u.test(event.key)) this.latin = LATIN.test(event.key);
    if (event.repeat || event.isComposing || event.altKey) return null;
    if (event.ctrlKey || event.metaKey) {
      const undo = this.letter(event) === "z" && !event.shiftKey
        && event.ctrlKey !== event.metaKey;
      return undo ? { do: "undo" } : null;
    }
    const names = event.shiftKey ? this.#shifted(event) : this.#plain(event);
    return names.map((name) => bound.get(name)).find(Boolean) ?? null;
  }

  // The Latin letter of a key: the typed one, else that of its place; "" without one. Signs lie
  // on letters' places in Latin layouts too ("," on a French M), where they mean themselves.
  letter(event) {
    if (LATIN.test(event.key)) return event.key.toLowerCase();
    const isSign = event.key.length === 1 && !/\p{L}/u.test(event.key);
    return isSign && this.latin ? "" : /^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase() ?? "";
  }

  // The names of a key without Shift, the one that goes first at the start.
  #plain(event) {
    const name = NAMES[event.key] ?? event.key;
    if (NAMED.has(name)) return [name];
    // The digit row types "&é…" on a French keyboard: digits go by their place.
    const row = rowOf(event);
    if (row) return [row];
    return [digitOf(name) ?? name.toLowerCase(), this.letter(event), signAt(event)];
  }

  // With Shift; a French digit row types digits then, which count when nothing lies behind Shift.
  #shifted(event) {
    if (NAMED.has(NAMES[event.key] ?? event.key)) return [];
    const row = rowOf(event);
    const digit = digitOf(event.key);
    if (row) return digit ? [`⇧${row}`, digit] : [`⇧${row}`];
    if (event.code.startsWith("Numpad")) return [];
    const typed = event.key.toLowerCase();
    const isLetter = /^\p{L}$/u.test(typed);
    return [isLetter ? `⇧${typed}` : digit ?? typed, `⇧${this.letter(event)}`];
  }
}

const rowOf = (event) => /^Digit([0-9])$/.exec(event.code)?.[1] ?? null;

const isDigit = (code) => /\p{Nd}/u.test(String.fromCodePoint(code));

// The digit that a character of any script means: "5" of "5", "５" and "۵"; else null.
function digitOf(character) {
  const plain = character.normalize("NFKC");
  if (/^[0-9]$/.test(plain)) return plain;
  if (!/^\p{Nd}$/u.test(plain)) return null;
  // A script's ten digits stand in a row, its zero at the start.
  let value = 0;
  while (isDigit(plain.codePointAt(0) - value - 1)) value += 1;
  return String(value % 10);
}

// The sign that an English keyboard has where this one has a letter of another script.
function signAt(event) {
  return /^\p{L}$/u.test(event.key) && !LATIN.test(event.key) ? SIGN_PLACES[event.code] ?? "" : "";
}

// Whether somebody is typing: our keys are off then. A slider takes arrows only.
export function isTyping(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  if (target.matches("input[type=range]")) return /^(Arrow|Home|End|Page)/.test(event.key);
  if (target.matches("input[type=checkbox]")) return false;
  return target.matches("input, textarea, select") || target.isContentEditable;
}

// Whether a button, link or tick box has the focus that Space and Enter belong to.
export function isPressable(event) {
  const target = event.composedPath()[0];
  return target instanceof Element && (event.key === " " || event.key === "Enter")
    && target.closest(PRESSABLE) !== null;
}
