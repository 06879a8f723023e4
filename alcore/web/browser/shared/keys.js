// What a key press means. Pure: no state, no page. Which key is whose says the server:
// {classes: {"12": ["3", "s"]}, actions: {skip: ["Space"]}}. A key is "3", "q", "⇧3" and "⇧u" with
// Shift, or a name. Actions are {do: "label", class} or {do: "skip" | "undo" | …}.

const NAMES = { " ": "Space" };
const NAMED = new Set(["Space", "Backspace", "Delete", "Enter", "Escape", "ArrowLeft",
  "ArrowRight", "ArrowUp", "ArrowDown"]);
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Backspace: "⌫",
  Enter: "⏎", Delete: "Del", Escape: "Esc" };

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

// Return the action of a keydown event, or null when the key is not ours.
export function actionOf(event, bound) {
  if (event.repeat || event.isComposing || event.altKey) return null;
  if (event.ctrlKey || event.metaKey) {
    const undo = event.key.toLowerCase() === "z" && !event.shiftKey
      && event.ctrlKey !== event.metaKey;
    return undo ? { do: "undo" } : null;
  }
  return bound.get(nameOfKey(event, bound)) ?? null;
}

// Digits go by their place on the keyboard, since the digit row types "&é…" on a French one;
// there Shift types the digit itself, which counts when nothing lies behind Shift.
function nameOfKey(event, bound) {
  const name = NAMES[event.key] ?? event.key;
  if (NAMED.has(name)) return event.shiftKey ? "" : name;
  const row = /^Digit([0-9])$/.exec(event.code);
  if (row && !event.shiftKey) return row[1];
  if (row && (bound.has(`⇧${row[1]}`) || !/^[0-9]$/.test(name))) return `⇧${row[1]}`;
  if (/^\p{L}$/u.test(name) && event.shiftKey) return `⇧${name.toLowerCase()}`;
  return event.code.startsWith("Numpad") && event.shiftKey ? "" : name.toLowerCase();
}

// Whether somebody is typing: our keys are off then. A slider takes arrows only.
export function isTyping(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  if (target.matches("input[type=range]")) return /^(Arrow|Home|End|Page)/.test(event.key);
  return target.matches("input, textarea, select") || target.isContentEditable;
}

// Whether a button or link has the focus that Space and Enter belong to.
export function isPressable(event) {
  const target = event.composedPath()[0];
  return target instanceof Element && (event.key === " " || event.key === "Enter")
    && target.closest("button, a[href], summary, [role=button], [role=option]") !== null;
}
